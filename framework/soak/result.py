"""What a soak found out: the one value that reports, page and words are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.edge.window import WindowData
from framework.gates.verdict import Verdict
from framework.settings.schema.run import RunSettings
from framework.soak.market import SoakMarket
from framework.soak.routes import Routes
from framework.soak.tuning.params import TuningParams
from framework.soak.tuning.step import TuningDecision


@dataclass
class SoakResult:
    """Everything a soak found out, filled iteration by iteration.

    ``packages`` holds what the engine ran in each iteration (of the candidate, under a canary rollout),
    read back from the engine.
    """

    settings: RunSettings
    market: SoakMarket
    root: Path
    runtime: dict[str, Any]
    routes: Routes | None = None
    """Versions by route under a canary rollout; None: everything trades one package."""
    windows: list[WindowData] = field(default_factory=list)
    packages: list[TuningParams] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[TuningDecision] = field(default_factory=list)
    whole: WindowData | None = None
    report: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    arms: list[dict[str, Any]] = field(default_factory=list)
    untuned: str | None = None
    """Why no package was tuned, when none was."""

    @property
    def verdict(self) -> Verdict:
        """Give the verdict of the whole run."""
        return Verdict(self.gate["verdict"])
