"""Where a run comes from: code, settings, tapes, versions."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from framework.compiled.jit import source_digest
from framework.session.window import ReplayWindow
from framework.settings.compose import Composed
from framework.settings.schema.run import RunSettings


def runtime_of(settings: RunSettings, market: ReplayWindow) -> dict[str, Any]:
    """Say what a report is about; nothing here changes from one run of the same inputs to the next."""
    return {
        "version": version("quoteops"),
        "config_sha": settings.config_sha,
        "tape": market.tape.meta.source,
        "tape_digest": market.tape.meta.digest,
        "seed": settings.soak.seed,
        "clock": settings.soak.clock,
        "rollout": settings.rollout.mode,
        "maker_fee_bps": settings.exchange.maker_fee_bps,
        "taker_fee_bps": settings.exchange.taker_fee_bps,
        "iterations": settings.soak.iterations,
    }


def provenance_of(*, composed: Composed, market: ReplayWindow, home: Path) -> dict[str, Any]:
    """Say everything a run rests on, for run.json; ``home`` is the repository it was started in."""
    import framework.engine.loop as loop

    return {
        "runtime": runtime_of(composed.settings, market),
        "choices": composed.choices,
        "settings": composed.settings.model_dump(mode="json"),
        "sources": {key: str(source) for key, source in composed.sources.items()},
        "code_sha": code_sha(home),
        "compiled_digest": source_digest(Path(loop.__file__)),
        "tapes": {market.tape.instrument.symbol: market.tape.meta.digest},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }


def code_sha(root: Path) -> str | None:
    """Give the commit checked out, with ``-dirty`` when tracked files differ; None outside git."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None
