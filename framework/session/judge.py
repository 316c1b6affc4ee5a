"""Reports and verdicts of a soak: the edge report of a window and the gate that judges it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from framework.edge.report import build_edge_report
from framework.edge.section import EdgeReport
from framework.edge.window import WindowData
from framework.gates.explain import build_gate
from framework.gates.gate import Gate
from framework.gates.kpi import profile_from
from framework.gates.profiles import Profiles, deciding_profile
from framework.gates.totals import totals_of
from framework.session.halts import halts_of, halts_sentence
from framework.session.provenance import Runtime
from framework.settings.kpi_profiles import load_kpi_profiles
from framework.settings.schema.kpi import KpiSettings
from framework.settings.schema.run import RunSettings

SIDE_BY_SIDE = ("audit_3h", "scaled")


@dataclass(frozen=True)
class Judge:
    """The KPI profiles of a run, and what every report says of it."""

    profiles: Profiles
    runtime: Runtime
    wall_clock: bool

    def report(self, *windows: WindowData) -> EdgeReport:
        """Build the edge report of a window a symbol; raises LedgerError when books disagree with it."""
        return build_edge_report(windows=windows, runtime=self.runtime.as_dict())

    def gate(self, report: EdgeReport, *windows: WindowData) -> Gate:
        """Judge a report's totals by every profile; a halt in its windows, if given, joins the sentence."""
        gate = build_gate(
            totals=totals_of(report.totals),
            profiles=self.profiles,
            runtime=self.runtime.as_dict(),
            wall_clock=self.wall_clock,
        )
        halts = halts_of(*windows)
        parts = (gate.sentence, halts_sentence(halts))
        return replace(gate, halts=halts, sentence="; ".join(part for part in parts if part))


def choose_profiles(*, kpi: KpiSettings, root: Path, environ: Mapping[str, str] | None = None) -> Profiles:
    """Give the deciding profile and those shown beside it, from conf/kpi and the ``KPI_*`` variables.

    ``environ`` is where those are looked for, by default this process's; pass ``{}`` where a verdict must not
    depend on who asks.
    """
    environ = os.environ if environ is None else environ
    shipped = {n: profile_from(p.model_dump()) for n, p in load_kpi_profiles(root=root).items()}
    deciding = deciding_profile(
        selected=profile_from(kpi.model_dump()), decides=kpi.decides, shipped=shipped, environ=environ
    )
    return Profiles(deciding, tuple(shipped[name] for name in SIDE_BY_SIDE if name in shipped))


def make_judge(*, settings: RunSettings, root: Path, runtime: Runtime) -> Judge:
    """Make the judge of a run."""
    profiles = choose_profiles(kpi=settings.kpi, root=root)
    return Judge(profiles=profiles, runtime=runtime, wall_clock=settings.soak.clock == "wall")
