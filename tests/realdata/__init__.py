"""Where the recorded markets are; they are not part of the project, so tests skip without them."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "QUOTEOPS_REALDATA"


def realdata(*parts: str) -> Path:
    """Return a file or folder below the folder of recorded markets, or skip the test and say what is missing.

    The folder is the one that the environment variable QUOTEOPS_REALDATA names, else ``shared/data`` beside
    the project. A variable that names no folder fails the test: real data was asked for and is not there.
    """
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        if named:
            pytest.fail(f"{VARIABLE}: {folder} is not a folder; allowed a folder of recorded markets")
        pytest.skip(f"no recorded markets: set {VARIABLE} to their folder")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{VARIABLE}: {path} does not exist")
    return path
