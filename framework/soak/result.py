"""What a soak found out: the one value that reports, page and words are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from framework.edge.section import EdgeReport, Section
from framework.edge.window import WindowData
from framework.gates.comparison import Comparison
from framework.gates.gate import Gate
from framework.gates.verdict import Verdict
from framework.session.origin import Origin
from framework.session.play import Iteration
from framework.session.provenance import Runtime
from framework.session.reload import Offer, Reload
from framework.session.timeline import Version
from framework.session.window import ReplayWindow
from framework.settings.schema.run import RunSettings
from framework.soak.baselines import ArmRow
from framework.tuning.params import TuningParams
from framework.tuning.step import TuningDecision
from framework.units import HOUR


@dataclass
class SoakResult:
    """Everything a soak found out, filled iteration by iteration.

    ``packages`` holds what the engine ran in each iteration (of the candidate, under a canary rollout),
    read back from the engine.
    """

    settings: RunSettings
    market: ReplayWindow
    root: Path
    runtime: Runtime
    origin: Origin = field(default_factory=Origin)
    """The command and the commit, and where the fee came from."""
    versions: list[Version] = field(default_factory=list)
    """What was in force when; a fill and an audit row name one by its place in the list."""
    reloads: list[Reload] = field(default_factory=list)
    """What became of every patch that came in mid-run."""
    offers: list[tuple[int, Offer]] = field(default_factory=list)
    """Those patches, by the instant of the tape (ns) from which they counted."""
    windows: list[WindowData] = field(default_factory=list)
    packages: list[TuningParams] = field(default_factory=list)
    reports: list[EdgeReport] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    decisions: list[TuningDecision] = field(default_factory=list)
    whole: WindowData | None = None
    report: EdgeReport | None = None
    gate: Gate | None = None
    arms: list[ArmRow] = field(default_factory=list)
    untuned: str | None = None
    """Why no package was tuned, when none was."""
    words: tuple[str, ...] = ()
    """The words that were given, to run it again with another one."""
    present: str = ""
    """What runs today: the name of the configuration beside which this one is compared."""
    is_present: bool = False
    """Whether this run is that very configuration."""
    comparison: Comparison | None = None
    symbols: list[SoakResult] = field(default_factory=list)
    """Of several symbols on one account, what each by itself came to; ``whole`` and windows are theirs."""

    def take(self, played: Iteration) -> None:
        """Add the next iteration."""
        self.windows += played.windows if not self.symbols else ()
        self.packages.append(played.package)
        assert played.report is not None
        assert played.gate is not None
        self.reports.append(played.report)
        self.gates.append(played.gate)
        if played.decision is not None:
            self.decisions.append(played.decision)

    @property
    def symbol(self) -> str:
        """Give the name of the symbol, or of the symbols."""
        return " + ".join(self.market.symbols)

    @property
    def each(self) -> list[SoakResult]:
        """Give the result of every symbol: of the only one, this."""
        return self.symbols or [self]

    @property
    def wholes(self) -> list[WindowData]:
        """Give everything played, as one window a symbol."""
        return [one.whole for one in self.each if one.whole is not None]

    @property
    def totals(self) -> Section:
        """Give the totals of the whole run."""
        return self.reported.totals

    @property
    def reported(self) -> EdgeReport:
        """Give the report of the whole run, which there is once it has been played."""
        assert self.report is not None
        return self.report

    @property
    def break_even_maker_fee_bps(self) -> float | None:
        """Give the maker fee at which these very fills would net nothing; None without maker fills."""
        share = self.totals.maker_share_pct
        if self.totals.net_bps is None or not share:
            return None
        return self.runtime.maker_fee_bps + self.totals.net_bps * 100.0 / share

    @property
    def hours(self) -> float:
        """Give the length of the market in hours."""
        return (self.market.end_ns - self.market.start_ns) / HOUR

    @property
    def judged(self) -> Gate:
        """Give the gate of the whole run, which there is once it has been played."""
        assert self.gate is not None
        return self.gate

    @property
    def verdict(self) -> Verdict:
        """Give the verdict of the whole run."""
        return self.judged.verdict
