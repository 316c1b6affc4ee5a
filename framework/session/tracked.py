"""State is no part of a repository: what git tracks among it came with a commit, and nobody here wrote it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from framework.session.errors import SoakError

TIMEOUT_S = 20.0


def check_untracked(home: Path, environment: str) -> None:
    """Raise SoakError when git tracks an environment's state in a home, or what leads to it."""
    folder = f"artifacts/gitops/{environment}"
    leads = ("artifacts", "artifacts/gitops", folder)
    found = [path for path in _tracked(home) if path in leads or path.startswith(f"{folder}/")]
    if found:
        raise SoakError(
            f"{home / found[0]}: git tracks it, so a commit made it and no agent; allowed a checkout without"
            f" state: git rm -r --cached artifacts, and move {home / folder} away"
        )


def _tracked(home: Path) -> list[str]:
    """Return what git tracks below ``artifacts`` of a home; nothing where git tracks nothing at all."""
    if not any((folder / ".git").exists() for folder in (home, *home.parents)):
        return []
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    words = ["git", "-c", f"safe.directory={home}", "ls-files", "-z", "--", "artifacts"]
    try:
        done = subprocess.run(words, cwd=home, env=kept, capture_output=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SoakError(f"{home}: git cannot say what it tracks: {error}") from error
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise SoakError(f"{home}: git cannot say what it tracks: {reason}")
    return [path.decode(errors="replace") for path in done.stdout.split(b"\0") if path]
