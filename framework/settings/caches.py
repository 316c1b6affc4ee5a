"""Where things are kept that can be made again: the user's cache folder."""

import os
from pathlib import Path


def user_cache() -> Path:
    """Return this user's cache folder of quoteops; deleting it costs time, never results."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "quoteops"
