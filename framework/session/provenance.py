"""Where a run comes from: code, settings, tapes, versions."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from framework.compiled.jit import source_digest
from framework.session.window import ReplayWindow
from framework.settings.compose import Composed
from framework.settings.schema.run import RunSettings


@dataclass(frozen=True)
class TapeName:
    """A tape by what it was made or recorded from, and the digest of its events."""

    tape: str
    tape_digest: str


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What a report is about; nothing here changes from one run of the same inputs to the next."""

    version: str
    config_sha: str
    tape: TapeName
    """Of several together, all sources and the digest of their digests."""

    tapes: Mapping[str, TapeName]
    """Each by its symbol."""

    seed: int
    clock: str
    rollout: str
    maker_fee_bps: float
    taker_fee_bps: float
    iterations: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as every report holds it; one tape alone is not listed again."""
        several = {"tapes": {symbol: asdict(tape) for symbol, tape in self.tapes.items()}}
        return {
            "version": self.version,
            "config_sha": self.config_sha,
            **asdict(self.tape),
            **(several if len(self.tapes) > 1 else {}),
            "seed": self.seed,
            "clock": self.clock,
            "rollout": self.rollout,
            "maker_fee_bps": self.maker_fee_bps,
            "taker_fee_bps": self.taker_fee_bps,
            "iterations": self.iterations,
        }


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Everything a run rests on."""

    runtime: Runtime
    choices: Mapping[str, str]
    settings: RunSettings
    sources: Mapping[str, str]
    code_sha: str | None
    compiled_digest: str
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as run.json holds it."""
        return {
            "runtime": self.runtime.as_dict(),
            "choices": dict(self.choices),
            "settings": self.settings.model_dump(mode="json"),
            "sources": dict(self.sources),
            "code_sha": self.code_sha,
            "compiled_digest": self.compiled_digest,
            "tapes": {symbol: tape.tape_digest for symbol, tape in self.runtime.tapes.items()},
            "versions": dict(self.versions),
        }


def runtime_of(settings: RunSettings, market: ReplayWindow) -> Runtime:
    """Say what the reports of a run are about."""
    tapes = {tape.instrument.symbol: TapeName(tape.meta.source, tape.meta.digest) for tape in market.tapes}
    return Runtime(
        version=version("quoteops"),
        config_sha=settings.config_sha,
        tape=_together(list(tapes.values())),
        tapes=tapes,
        seed=settings.soak.seed,
        clock=settings.soak.clock,
        rollout=settings.rollout.mode,
        maker_fee_bps=settings.exchange.maker_fee_bps,
        taker_fee_bps=settings.exchange.taker_fee_bps,
        iterations=settings.soak.iterations,
    )


def _together(tapes: Sequence[TapeName]) -> TapeName:
    """Name tapes as one; several have a digest of their digests."""
    if len(tapes) == 1:
        return tapes[0]
    digests = " ".join(one.tape_digest for one in tapes)
    return TapeName(", ".join(one.tape for one in tapes), sha256(digests.encode()).hexdigest())


def provenance_of(*, composed: Composed, market: ReplayWindow, home: Path) -> Provenance:
    """Say everything a run rests on, for run.json; ``home`` is the repository it was started in."""
    import framework.engine.loop as loop

    return Provenance(
        runtime=runtime_of(composed.settings, market),
        choices=composed.choices,
        settings=composed.settings,
        sources={key: str(source) for key, source in composed.sources.items()},
        code_sha=code_sha(home),
        compiled_digest=source_digest(Path(loop.__file__)),
        versions={"python": platform.python_version(), "numpy": np.__version__},
    )


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
