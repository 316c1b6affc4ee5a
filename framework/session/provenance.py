"""Where a run comes from: code, settings, tapes, versions."""

from __future__ import annotations

import platform
import subprocess
from hashlib import sha256
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
        **_tapes(market),
        "seed": settings.soak.seed,
        "clock": settings.soak.clock,
        "rollout": settings.rollout.mode,
        "maker_fee_bps": settings.exchange.maker_fee_bps,
        "taker_fee_bps": settings.exchange.taker_fee_bps,
        "iterations": settings.soak.iterations,
    }


def _tapes(market: ReplayWindow) -> dict[str, Any]:
    """Name the tapes; several together have a digest of their digests."""
    named = {
        tape.instrument.symbol: {"tape": tape.meta.source, "tape_digest": tape.meta.digest}
        for tape in market.tapes
    }
    if len(named) == 1:
        return dict(*named.values())
    digests = " ".join(one["tape_digest"] for one in named.values())
    sources = ", ".join(one["tape"] for one in named.values())
    return {"tape": sources, "tape_digest": sha256(digests.encode()).hexdigest(), "tapes": named}


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
        "tapes": {tape.instrument.symbol: tape.meta.digest for tape in market.tapes},
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
