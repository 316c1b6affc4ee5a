"""Tables of the page: iterations, arms, routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.files.moments import utc_words
from framework.quoting.records import BLOCK_NAMES, RISK
from framework.soak.page.standing import tint
from framework.soak.page.words import fixed, interval, num, percent, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework.edge.routes import Estimate
    from framework.edge.section import Section
    from framework.soak.result import SoakResult

ARMS = {
    "tuned": "this run",
    "static": "the start package throughout",
    "corner": "where the rules lead when nothing leads back",
    "placebo": "the same steps at shuffled times with random signs",
}
ITERATION_HEAD = (
    "window, UTC", "verdict", "net bps", "gross", "slippage", "fees", "inventory", "30-s markout net",
    "fills", "turnover", "adverse p95 u", "slippage p95 u", "off-target p95 ms", "risk blocks",
    "requests / fill",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class IterationRow:
    """One iteration: its number, window, verdict and figures."""

    k: int
    verdict: str
    tint: str
    window: str
    net: str
    net_tint: str
    cells: list[str]


@dataclass(frozen=True)
class NamedRow:
    """Figures under a name, with what the name means."""

    name: str
    what: str
    cells: list[str]


def iterations(result: SoakResult) -> list[IterationRow]:
    """Give one row an iteration."""
    rows = []
    edges = result.market.boundaries
    for k, (report, gate) in enumerate(zip(result.reports, result.gates, strict=True), 1):
        t, start_ns, end_ns = report.totals, edges[k - 1], edges[k]
        form = "%H:%M:%S" if t.hours < 0.05 else "%H:%M"
        rows.append(
            IterationRow(
                k=k,
                verdict=gate.verdict.value,
                tint=tint(gate.verdict.value),
                window=f"{utc_words(start_ns, form=form)}–{utc_words(end_ns, form=form)}",
                net=fixed(t.net_bps, plus=True),
                net_tint="bad" if (t.net_bps or 0.0) < 0.0 else "good",
                cells=[
                    *(
                        fixed(t.parts[name].bps, plus=True)
                        for name in ("gross", "slippage", "fees_eff", "inventory")
                    ),
                    _markout(t),
                    whole(t.fills),
                    whole(t.turnover_quote),
                    fixed(t.percentiles["adverse_u_p95"]),
                    fixed(t.percentiles["slippage_u_p95"]),
                    num(t.percentiles["order_age_p95_ms"]),
                    percent(t.block_reasons[BLOCK_NAMES[RISK]].ratio),
                    num(t.requests.per_fill),
                ],
            )
        )
    return rows


def arms(result: SoakResult) -> list[NamedRow]:
    """Give one row an arm."""
    rows = []
    for arm in result.arms:
        t, bounds = arm.totals, arm.totals.intervals["net_bps"]
        same = f"same as {arm.same_as}" if arm.same_as else ARMS.get(arm.arm, "")
        rows.append(
            NamedRow(
                arm.arm,
                same,
                [
                    fixed(t.net_bps, plus=True),
                    interval(bounds.lower, bounds.upper, digits=2),
                    _markout(t),
                    num(t.net_quote, plus=True),
                    whole(t.fills),
                    whole(t.turnover_quote),
                    num(t.rms_inventory_quote),
                ],
            )
        )
    return rows


def _markout(totals: Section) -> str:
    given = totals.markout_30s
    error = "" if given.net_se_bps is None else f" ± {num(given.net_se_bps)}"
    return fixed(given.net_bps, plus=True) + error


ROUTES = {"canary": "the candidate", "real": "the baseline"}


def routes(result: SoakResult) -> list[NamedRow]:
    """Give one row a route under a canary rollout and one for their difference; none without a split."""
    split = result.reported.routes
    if split is None:
        return []
    rows = [
        NamedRow(name, ROUTES[name], [num(route.minutes), whole(route.fills), *_errors(route.markout_net)])
        for name, route in split.routes.items()
    ]
    return [*rows, NamedRow("difference", "canary less real", ["", "", *_errors(split.difference)])]


def guard_words(result: SoakResult) -> str:
    """Say what the rollout guard did or would do; empty without a split."""
    split = result.reported.routes
    if split is None:
        return ""
    if (back := split.guard.taken_back) is not None:
        return f"The rollout guard took the candidate back after {num(back.after_s / 60)} min. {back.reason}."
    return f"The rollout guard would roll back: {split.guard.roll_back}. {split.guard.reason}."


def _errors(given: Mapping[str, Estimate]) -> list[str]:
    return [f"{fixed(given[h].bps, plus=True)} ± {num(given[h].se_bps)}" for h in ("5s", "30s")]
