"""Where things are kept that can be made again: the one cache folder."""

import os
from pathlib import Path

VARIABLE = "QUOTEOPS_CACHE"


def user_cache() -> Path:
    """Return the cache folder, QUOTEOPS_CACHE or this user's own; deleting it costs time, never results."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "quoteops"
