"""Turn verdicts into a gate: one sentence a person understands, and what to do next."""

import math
from collections.abc import Mapping
from typing import Any

from framework.gates.gate import Decision, Gate
from framework.gates.kpi import Profile, ProfileVerdict, RowVerdict, judge_totals
from framework.gates.metrics import METRICS
from framework.gates.profiles import Profiles
from framework.gates.totals import Totals
from framework.gates.verdict import Verdict

BANDS = (
    ("SUCCESS", "freeze the overrides and run a 24-hour soak for stability"),
    ("OK", "review the drivers, apply one or two targeted adjustments, run the 3-hour soak again"),
    ("WARN", "tune: check the dominant drivers and apply the adjustment package"),
    ("FAIL", "review block reasons and component breakdown; the fallback package may be needed"),
)
MATRIX = {
    "net_bps": (3.0, 2.8, 2.5, -math.inf),
    "net_to_gross": (0.36, 0.336, 0.30, -math.inf),
}
"""The decision matrix: least value of each band, by the net a profile judges. The second row is the first
over the 2.5 bps that are .30 of gross in the scaled profile."""

HOURS_A_YEAR = 8766.0

DRIVERS = {
    "adverse_bps": ("adverse_1s", "adverse", "fills lose it within one second"),
    "slippage_bps": ("slippage", "slippage", "the mid runs away while the order rests"),
    "fees_eff_bps": ("fees_eff", "fees", "they are paid on every fill"),
    "gross_bps": ("gross", "negative gross", "orders were priced through the mid"),
    "inventory_bps": ("inventory", "inventory", "the position lost after the first second"),
}


def build_gate(*, totals: Totals, profiles: Profiles, runtime: Mapping[str, Any], wall_clock: bool) -> Gate:
    """Judge a run by every profile; the deciding one gives verdict, reasons, sentence and exit code."""
    deciding, rows = profiles.deciding, profiles.by_name()
    judged = {n: judge_totals(totals=totals, profile=p, wall_clock=wall_clock) for n, p in rows.items()}
    decided = judged[deciding.name]
    return Gate(
        decides=deciding.name,
        profiles=judged,
        sentence=explain(decided=decided, totals=totals),
        decision=decision(totals=totals, profile=deciding, verdict=decided.verdict),
        runtime=runtime,
    )


def decision(*, totals: Totals, profile: Profile, verdict: Verdict) -> Decision:
    """Look the net up in the decision matrix, in the unit the profile judges it in.

    A quoted edge that is not positive has no share to keep: its band is FAIL.
    """
    metric = "net_to_gross" if "net_to_gross" in profile.hard else "net_bps"
    value = totals.value(metric)
    if totals.value("net_bps") is None:
        return Decision(metric, None, "UNKNOWN", "collect fills first: there is no net to decide on", False)
    at = -math.inf if value is None else value
    band, action = next(row for row, least in zip(BANDS, MATRIX[metric], strict=True) if at >= least)
    holds = verdict.accepted or (verdict is Verdict.FAIL and band in ("WARN", "FAIL"))
    return Decision(metric, value, band, action, holds)


def matrix_lines(given: Decision) -> list[str]:
    """Write the decision matrix one band a line, with a mark at the one of a decision."""
    metric = METRICS[given.metric]
    lines = []
    for (band, action), least in zip(BANDS, MATRIX[given.metric], strict=True):
        mark = ">" if band == given.band else " "
        reach = "below" if math.isinf(least) else f"from {_amount(least, metric.unit)}"
        lines.append(f"{mark} {band:<8}{reach:<20}{action}")
    return lines


def next_step(gate: Gate) -> str:
    """Say what to do now: the matrix's action where the verdict backs it, else what is missing or failed."""
    if gate.decision.holds:
        return gate.decision.action
    if gate.verdict is Verdict.FAIL:
        return f"mend what failed first: {', '.join(gate.decided.reasons)}"
    hours = gate.decided.hours_needed
    return "collect more evidence" + ("" if hours is None else f", about {hours_words(hours)} of tape in all")


def explain(*, decided: ProfileVerdict, totals: Totals) -> str:
    """Say in one sentence why the verdict is what it is."""
    if decided.few_fills:
        return _few_fills(decided)
    rows = [r for r in decided.rows if r.applies]
    if not rows:
        return f"profile {decided.profile.name} judges nothing that was measured"
    cause = next((r for r in rows if r.verdict is decided.verdict), rows[0])
    if decided.verdict is Verdict.FAIL:
        return (
            _loss(cause, totals)
            if METRICS[cause.metric].code == "net"
            else _beyond(cause, "limit", cause.hard)
        )
    if decided.verdict is Verdict.INCONCLUSIVE:
        return _undecided(cause, decided.hours_needed)
    if decided.verdict is Verdict.WARN:
        return f"every hard limit is met, but {_beyond(cause, 'target', cause.soft)}"
    return f"every limit is met: {_net_words(totals)} over {fills_words(decided.fills)}"


def _few_fills(decided: ProfileVerdict) -> str:
    need = decided.profile.min_fills
    if decided.fills is None:
        return f"the report does not say how many fills it rests on; a verdict needs {need}"
    more = (
        ""
        if decided.hours_needed is None
        else f"; about {hours_words(decided.hours_needed)} of such tape would give them"
    )
    if not decided.fills:
        return f"nothing was filled; a verdict needs {need} fills"
    verb = "is" if decided.fills == 1 else "are"
    return f"{fills_words(decided.fills)} {verb} fewer than the {need} a verdict needs{more}"


def _loss(row: RowVerdict, totals: Totals) -> str:
    """Name the costs that ate the edge: the fewest that together exceed it, else the largest."""
    gross = totals.gross_bps
    costs = [(DRIVERS[loss.driver], -loss.bps) for loss in totals.losses if loss.driver in DRIVERS]
    if not costs or gross is None:
        return f"{_value_words(row)}, the limit is {_threshold(row, row.hard)}"
    limit = _threshold(row, row.hard)
    if row.metric == "net_to_gross" and row.hard is not None and gross > 0.0:
        limit = f"{row.hard * gross:.3g} bps, {row.hard:g} of it"
    (_, name, why), worst = costs[0]
    left = f"{_net_words(totals)}, the limit is {limit}"
    if gross <= 0.0:
        return f"the quotes earned no edge, gross is {gross:.3g} bps; {left}"
    if worst > gross:
        return f"{name} {worst:.3g} bps exceeds edge {gross:.3g} bps: {why} ({left})"
    if sum(cost for _, cost in costs) > gross:
        count = next(n for n in range(2, len(costs) + 1) if sum(c for _, c in costs[:n]) > gross)
        together = " + ".join(f"{label} {cost:.3g}" for (_, label, _), cost in costs[:count])
        return f"{together} bps exceed edge {gross:.3g} bps: above all, {why} ({left})"
    return f"{left}; the largest cost is {name}, {worst:.3g} bps: {why}"


def _beyond(row: RowVerdict, kind: str, limit: float | None) -> str:
    if row.verdict is Verdict.WARN and row.note.endswith("unproven"):
        return f"{_value_words(row)} is not proven to meet the {kind} {_threshold(row, limit)}{_range(row)}"
    side = "below" if METRICS[row.metric].higher_is_better else "above"
    return f"{_value_words(row)} is {side} the {kind} {_threshold(row, limit)}{_range(row)}"


def _undecided(row: RowVerdict, hours: float | None) -> str:
    metric = METRICS[row.metric]
    if not row.measured.known:
        return (
            f"{metric.label} ({row.metric}) was not measured; the limit is {_threshold(row, _strictest(row))}"
        )
    more = "" if hours is None else f"; about {hours_words(hours)} of such tape would tell"
    limit = _threshold(row, row.hard)
    return f"{_value_words(row)}{_range(row)} is not proven on either side of the limit {limit}{more}"


def _strictest(row: RowVerdict) -> float | None:
    return row.hard if row.hard is not None else row.soft


def _value_words(row: RowVerdict) -> str:
    metric = METRICS[row.metric]
    value = "unknown" if row.measured.value is None else _amount(row.measured.value, metric.unit)
    return f"{metric.label} {value}"


def _threshold(row: RowVerdict, limit: float | None) -> str:
    return "unset" if limit is None else _amount(limit, METRICS[row.metric].unit)


def _amount(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".rstrip()


def _range(row: RowVerdict) -> str:
    m = row.measured
    if m.lower is None and m.upper is None:
        return ""
    low = "-inf" if m.lower is None else f"{m.lower:.3g}"
    high = "inf" if m.upper is None else f"{m.upper:.3g}"
    return f" (90 %: {low} to {high})"


def _net_words(totals: Totals) -> str:
    net, gross = totals.value("net_bps"), totals.gross_bps
    if net is None:
        return "net is unknown"
    return f"net is {net:.3g} bps" if gross is None else f"net is {net:.3g} bps of {gross:.3g} bps quoted"


def fills_words(fills: int | None) -> str:
    """Write a number of fills."""
    return "1 fill" if fills == 1 else f"{fills} fills"


def hours_words(hours: float) -> str:
    """Write hours of tape; below a tenth of one in minutes, beyond a year only that."""
    if hours < 0.1:
        return f"{max(1, math.ceil(hours * 60.0))} min"
    if hours > HOURS_A_YEAR:
        return "more than a year"
    return f"{hours:.1f} h" if hours < 10.0 else f"{hours:,.0f} h"
