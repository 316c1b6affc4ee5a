"""The oracle's own environment: hftbacktest pins an older numpy, so it never shares the project's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".venv-oracle"
LOCK = HERE / "requirements-oracle.txt"
MISSING = "the oracle environment is absent; create it with: python -m benchmarks.oracle_env"


def oracle_python() -> Path | None:
    """Return the oracle's interpreter, or None when its environment has not been created."""
    path = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return path if path.exists() else None


def create() -> Path:
    """Create the environment from the hashed lock when it is absent, and return its interpreter."""
    python = oracle_python()
    if python is None:
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        python = oracle_python()
        assert python is not None
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(LOCK)], check=True)
    return python


if __name__ == "__main__":
    print(create())
