"""The command as a person runs it: in a process of its own, in a private copy of the configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from framework.soak.result import SoakResult

REPOSITORY = Path(__file__).resolve().parents[1]
QUICK = ("soak.hours=0.1", "soak.iterations=2", "soak.auto_tune=false", "market.preset=thin_spot")
"""The least that leaves every artifact: six minutes of a market with few events."""


def private_copy(folder: Path) -> Path:
    """Copy what a run is made of, so that nothing below the real artifacts/ is touched; give the folder."""
    for name in ("conf", "runtime_overrides", "gitops"):
        shutil.copytree(REPOSITORY / name, folder / name)
    return folder


def environment(**changes: str) -> dict[str, str]:
    """Give this process's environment without what would change a run, and with ``changes``."""
    unwanted = ("KPI_", "SOAK_", "EXCHANGE_", "MM_PROFILE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **changes}


def line_of(*words: str, driver: str | None = None) -> list[str]:
    """Give the command line; ``driver`` is Python run before the command, to break something on purpose."""
    if driver is None:
        return [sys.executable, "-m", "framework.cli.main", *words]
    return [
        sys.executable,
        "-c",
        f"{driver}\nimport sys\nfrom framework.cli.main import main\nsys.exit(main())",
        *words,
    ]


def quoteops(
    *words: str, root: Path, driver: str | None = None, env: dict[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command in ``root`` and give what it said; a minute is a hang."""
    return subprocess.run(
        line_of(*words, driver=driver),
        cwd=root,
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **more,
    )


def only_run(root: Path) -> Path:
    """Give the folder of the one run below a repository's artifacts."""
    (found,) = (root / "artifacts" / "runs" / "soak").iterdir()
    return found


def latest(root: Path, name: str) -> Path:
    """Give where artifacts/NAME leads: a link's target, or what the file LATEST names."""
    place = root / "artifacts" / name
    pointer = place / "LATEST"
    return Path(pointer.read_text().strip()) if pointer.is_file() else place.resolve()


def soaked(root: Path, *words: str, **more: Any) -> tuple[SoakResult, Path, list[str]]:
    """Run a soak in this process; give its result, its folder and the lines it said."""
    from framework.settings.compose import compose_run
    from framework.soak.run import run_soak

    said: list[str] = []
    composed = compose_run(words=words, root=root, environ={})
    result, folder = run_soak(composed=composed, log=said.append, **more)
    return result, folder, said
