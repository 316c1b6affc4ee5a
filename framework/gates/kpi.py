"""Judge the totals of an edge report against a profile of KPI thresholds.

A hard limit missed is FAIL and not decided is INCONCLUSIVE; a soft limit missed or not proven is WARN. A
metric that is absent is INCONCLUSIVE: no evidence is never a pass.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from framework.edge.intervals import values_for_upper_bound
from framework.gates.intervals import Measurement, Standing, hours_to_tell, stand_on_interval, stand_on_value
from framework.gates.metrics import METRICS
from framework.gates.totals import Totals
from framework.gates.verdict import Verdict, combine


@dataclass(frozen=True)
class Profile:
    """The thresholds of one profile: beyond ``hard`` is FAIL, beyond ``soft`` WARN; ``ideal`` is shown."""

    name: str
    judge: Literal["point", "interval"]
    min_fills: int
    hard: Mapping[str, float]
    soft: Mapping[str, float] = field(default_factory=dict)
    ideal: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RowVerdict:
    """The verdict on one metric of a profile."""

    metric: str
    measured: Measurement
    hard: float | None
    soft: float | None
    ideal: float | None
    verdict: Verdict
    note: str
    hours_needed: float | None = None
    applies: bool = True

    @property
    def word(self) -> str:
        """Return the verdict, or N/A for what this run does not put to the test."""
        return self.verdict.value if self.applies else "N/A"

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain data for a report."""
        metric = METRICS[self.metric]
        return {
            **asdict(self.measured),
            "metric": self.metric,
            "unit": metric.unit,
            "better": "higher" if metric.higher_is_better else "lower",
            "hard": self.hard,
            "soft": self.soft,
            "ideal": self.ideal,
            "verdict": self.word,
            "note": self.note,
            "hours_needed": self.hours_needed,
        }


@dataclass(frozen=True)
class ProfileVerdict:
    """The verdict of one profile with every row, and the hours of tape that would decide what is open."""

    profile: Profile
    verdict: Verdict
    reasons: tuple[str, ...]
    rows: tuple[RowVerdict, ...]
    few_fills: bool
    fills: int | None
    hours_needed: float | None

    @property
    def by_verdict(self) -> dict[Verdict, list[str]]:
        """Return the reasons of the verdict first, then those that alone would give another one, by which."""
        kinds: dict[Verdict, list[str]] = {self.verdict: []}
        for reason in self.reasons:
            rows = [row for row in self.rows if row.applies and f"EDGE:{METRICS[row.metric].code}" == reason]
            kind = combine(row.verdict for row in rows) if rows else self.verdict
            kinds.setdefault(kind, []).append(reason)
        return {kind: named for kind, named in kinds.items() if named}

    @property
    def reasons_words(self) -> str:
        """Return them for a marker: ``REASONS=EDGE:net WARN=EDGE:adverse``."""
        other = [
            f"{k.value}={','.join(named)}" for k, named in self.by_verdict.items() if k is not self.verdict
        ]
        return " ".join([f"REASONS={','.join(self.by_verdict.get(self.verdict, ())) or 'none'}", *other])

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain data for a report."""
        return {
            "verdict": self.verdict.value,
            "judge": self.profile.judge,
            "min_fills": self.profile.min_fills,
            "fills": self.fills,
            "reasons": list(self.reasons),
            "hours_needed": self.hours_needed,
            "rows": [row.as_dict() for row in self.rows],
        }


def profile_from(values: Mapping[str, Any]) -> Profile:
    """Make a profile from plain settings (name, judge, min_fills, hard, soft, ideal) without null limits."""
    limits = {
        kind: {k: float(v) for k, v in values[kind].items() if v is not None}
        for kind in ("hard", "soft", "ideal")
    }
    return Profile(name=values["name"], judge=values["judge"], min_fills=values["min_fills"], **limits)


def judge_totals(*, totals: Totals, profile: Profile, wall_clock: bool) -> ProfileVerdict:
    """Judge what a run measured against one profile."""
    named = [m for m in METRICS if m in profile.hard or m in profile.soft]
    hours, count = totals.hours, totals.fills
    rows = tuple(_judge_row(name, totals, profile, wall_clock=wall_clock) for name in named)
    few = profile.min_fills > 0 and (count is None or count < profile.min_fills)
    live = [r for r in rows if r.applies]
    verdict = Verdict.INCONCLUSIVE if few else combine(r.verdict for r in live)
    reasons = list(
        dict.fromkeys(f"EDGE:{METRICS[r.metric].code}" for r in live if r.verdict is not Verdict.PASS)
    )
    if few:
        reasons.insert(0, "EDGE:fills")
        needed = hours * profile.min_fills / count if count and hours else None
    else:
        undecided = [r for r in live if verdict is Verdict.INCONCLUSIVE and r.verdict is verdict]
        estimates = [r.hours_needed for r in undecided if r.hours_needed is not None]
        needed = max(estimates, default=None)
    return ProfileVerdict(profile, verdict, tuple(reasons), rows, few, count, needed)


def _judge_row(name: str, totals: Totals, profile: Profile, *, wall_clock: bool) -> RowVerdict:
    metric, measured = METRICS[name], totals.measured(name)
    hard, soft, ideal = profile.hard.get(name), profile.soft.get(name), profile.ideal.get(name)
    row = RowVerdict(name, measured, hard, soft, ideal, Verdict.PASS, "met")
    if metric.wall_clock_only and not wall_clock:
        return replace(row, applies=False, verdict=Verdict.INCONCLUSIVE, note="not measured in replay")
    if name in totals.idle:
        return replace(row, applies=False, verdict=Verdict.INCONCLUSIVE, note=totals.idle[name])
    stand = stand_on_value if profile.judge == "point" else stand_on_interval
    outcomes = [
        (verdict_of[standing], standing, limit, kind)
        for kind, limit, verdict_of in (("limit", hard, _HARD), ("target", soft, _SOFT))
        if limit is not None
        for standing in (stand(measured=measured, limit=limit, higher_is_better=metric.higher_is_better),)
    ]
    verdict = combine(v for v, *_ in outcomes)
    standing, limit, kind = next((s, x, k) for v, s, x, k in outcomes if v is verdict)
    needed = None
    if standing is Standing.UNPROVEN:
        needed = hours_to_tell(
            measured=measured,
            limit=limit,
            hours=totals.hours,
            higher_is_better=metric.higher_is_better,
            values_needed=values_for_upper_bound(q=0.95, level=0.90) if metric.percentile else None,
        )
    note = "met" if standing is Standing.MET else f"{kind} {limit:g} {standing.value}"
    return replace(row, verdict=verdict, note=note, hours_needed=needed)


_HARD = {
    Standing.MET: Verdict.PASS,
    Standing.MISSED: Verdict.FAIL,
    Standing.UNPROVEN: Verdict.INCONCLUSIVE,
    Standing.UNKNOWN: Verdict.INCONCLUSIVE,
}
_SOFT = {
    Standing.MET: Verdict.PASS,
    Standing.MISSED: Verdict.WARN,
    Standing.UNPROVEN: Verdict.WARN,
    Standing.UNKNOWN: Verdict.INCONCLUSIVE,
}
