"""The repository as the house tests read it."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@cache
def _listing() -> tuple[str, ...] | None:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return tuple(name for name in done.stdout.split("\0") if name) if done.returncode == 0 else None


def tracked() -> list[Path]:
    """Return the tracked files that exist, or skip where the tree is not a git checkout."""
    names = _listing()
    if names is None:
        pytest.skip("not a git checkout, so there is no list of tracked files")
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def tracked_texts() -> list[tuple[str, str]]:
    """Return the path below the root and the text of each tracked file that is UTF-8."""
    texts = []
    for path in tracked():
        try:
            texts.append((path.relative_to(ROOT).as_posix(), path.read_text("utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


def rooms() -> list[str]:
    """Return the rooms of ``framework`` that hold code, not only the docstring of their ``__init__``."""
    folders = (path for path in (ROOT / "framework").iterdir() if path.is_dir())
    return sorted(
        folder.name for folder in folders if any(p.name != "__init__.py" for p in folder.rglob("*.py"))
    )
