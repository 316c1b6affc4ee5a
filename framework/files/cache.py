"""Where things are kept that can be made again: the one cache folder."""

import os
from pathlib import Path

from framework.files.errors import FileError

VARIABLE = "QUOTEOPS_CACHE"


def user_cache() -> Path:
    """Return the cache folder, QUOTEOPS_CACHE or this user's own; deleting it costs time, never results.

    Raises ``FileError`` for a user without a home, as a container may run one.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "quoteops"
    except RuntimeError as error:
        raise FileError(
            f"cache folder: this user has no home; allowed {VARIABLE}=FOLDER in the environment"
        ) from error
