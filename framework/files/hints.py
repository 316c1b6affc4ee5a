"""Names in messages: what was meant, and where a path lies."""

from collections.abc import Iterable
from pathlib import Path


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" with the nearest known name, or nothing when none is near."""
    from difflib import get_close_matches

    candidates = list(known)
    near = get_close_matches(name, candidates, n=1, cutoff=0.5)
    if not near and "." not in name:  # a bare key of a dotted path: compare with the last parts
        near = [c for c in candidates if c.rsplit(".", 1)[-1] == name][:1]
    return f"; did you mean {near[0]}?" if near else ""


def shown(path: Path, root: Path) -> str:
    """Return a path as people write it: relative to the root where it lies inside, with forward slashes."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()
