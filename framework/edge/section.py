"""An edge report as a value: what one symbol, or all of them together, earned, cost and was kept from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from framework.edge.intervals import Interval
from framework.edge.routes import RouteSplit

SHARES = ("gross", "slippage", "fees_eff", "inventory", "net", "adverse_1s")
"""Components that stand in the totals by themselves too, in bps of turnover."""
DRIVERS = 2
"""So many of the components that lost most are named as what made net negative (spec soak_audit.md)."""


@dataclass(frozen=True)
class Amount:
    """Money in quote currency and in bps of turnover; a cost is negative, no turnover has no bps."""

    quote: float
    bps: float | None


@dataclass(frozen=True)
class Cost:
    """A component that lost money."""

    driver: str
    quote: float
    bps: float | None


@dataclass(frozen=True)
class Markout:
    """What fills are worth at a horizon's mid, before and after fees, in bps of turnover with its error."""

    bps: float | None
    se_bps: float | None
    net_bps: float | None
    net_se_bps: float | None
    net_n_eff: float
    fills: int
    past_end: int


@dataclass(frozen=True)
class Requests:
    """The requests sent; a ratio of none is unknown."""

    place: int
    replace: int
    cancel: int
    replace_ratio: float | None
    cancel_ratio: float | None
    per_fill: float | None

    @property
    def total(self) -> int:
        """Return how many there were."""
        return self.place + self.replace + self.cancel

    def as_dict(self) -> dict[str, Any]:
        """Return them as the totals of a report hold them."""
        counts = {"place": self.place, "replace": self.replace, "cancel": self.cancel, "total": self.total}
        return {
            "requests": counts,
            "replace_ratio": self.replace_ratio,
            "cancel_ratio": self.cancel_ratio,
            "requests_per_fill": self.per_fill,
        }


@dataclass(frozen=True)
class Blocked:
    """Side-ticks blocked for one reason, and their share of all blocked."""

    count: int
    ratio: float


def requests_of(*, place: int, replace: int, cancel: int, fills: int | None) -> Requests:
    """Return counted requests with their ratios, and how many each fill took."""
    total = place + replace + cancel
    return Requests(
        place,
        replace,
        cancel,
        replace_ratio=replace / total if total else None,
        cancel_ratio=cancel / total if total else None,
        per_fill=total / fills if fills else None,
    )


def blocked_shares(counts: Mapping[str, int]) -> dict[str, Blocked]:
    """Return the share of each reason among all blocked side-ticks; 0 of none."""
    total = sum(counts.values())
    return {name: Blocked(n, n / total if total else 0.0) for name, n in counts.items()}


def share_at_limit(count: int, *, blocked: int) -> Blocked:
    """Return the side-ticks at the position limit, and their share of all that were withheld."""
    withheld = count + blocked
    return Blocked(count, count / withheld if withheld else 0.0)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One symbol's part of a report, or the totals over several; what is not known is None.

    ``parts`` are the components by name, ``percentiles`` cost-oriented (higher is worse), ``cost_ranking``
    worst first; intervals are by the names of the metrics they bound.
    """

    hours: float
    start_ns: int
    end_ns: int
    fills: int
    mids_held: int
    turnover_quote: float
    parts: Mapping[str, Amount]
    net_to_gross: float | None
    carry_share_of_net: float | None
    cost_ranking: tuple[Cost, ...]
    rms_inventory_base: float | None
    rms_inventory_quote: float | None
    max_drawdown_quote: float
    closing_position_base: float | None
    markouts: Mapping[str, Markout]
    percentiles: Mapping[str, float | None]
    fills_past_1s_horizon: int
    unit_move: Mapping[str, float | None]
    requests: Requests
    maker_share_pct: float | None
    block_reasons: Mapping[str, Blocked]
    at_position_limit: Blocked
    intervals: Mapping[str, Interval]
    block_s: int
    block_count: int
    counters: Mapping[str, int]

    @property
    def net_bps(self) -> float | None:
        """Return the net in bps of turnover."""
        return self.parts["net"].bps

    @property
    def net_quote(self) -> float:
        """Return the net in quote currency."""
        return self.parts["net"].quote

    @property
    def neg_edge_drivers(self) -> tuple[str, ...]:
        """Return what lost most of a negative net, worst first; nothing did when it is not."""
        return tuple(cost.driver for cost in self.cost_ranking[:DRIVERS]) if self.net_quote < 0.0 else ()

    @property
    def markout_30s(self) -> Markout:
        """Return the markout at the longest horizon, which luck with the position does not move."""
        return self.markouts["30s"]

    @property
    def ws_lag_p95_ms(self) -> float | None:
        """Return the feed lag; None in replay."""
        return self.percentiles["ws_lag_p95_ms"]

    def value(self, name: str) -> float | None:
        """Return a judged metric by the name the report gives it; None for one it does not measure."""
        shares = {f"{part}_bps": self.parts[part].bps for part in SHARES}
        others = {
            "net_to_gross": self.net_to_gross,
            "cancel_ratio": self.requests.cancel_ratio,
            "requests_per_fill": self.requests.per_fill,
            "maker_share_pct": self.maker_share_pct,
        }
        return {**shares, **others, **self.percentiles}.get(name)

    def as_dict(self) -> dict[str, Any]:
        """Return the section as EDGE_REPORT.json holds it."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            **{f"{part}_bps": self.parts[part].bps for part in SHARES},
            "net_bps_total": self.net_bps,
            "net_quote": self.net_quote,
            "component_breakdown": _dicts(self.parts),
            "cost_ranking": [asdict(cost) for cost in self.cost_ranking],
            "neg_edge_drivers": list(self.neg_edge_drivers),
            "markouts": _dicts(self.markouts),
            "markout_net_30s_bps": self.markout_30s.net_bps,
            "markout_net_30s_se_bps": self.markout_30s.net_se_bps,
            **self.percentiles,
            "unit_move": dict(self.unit_move),
            **self.requests.as_dict(),
            "block_reasons": _dicts(self.block_reasons),
            "at_position_limit": asdict(self.at_position_limit),
            "intervals": {name: interval.as_dict() for name, interval in self.intervals.items()},
            "blocks": {"seconds": self.block_s, "count": self.block_count},
            "counters": dict(self.counters),
        }


_PLAIN = (
    "hours", "start_ns", "end_ns", "fills", "mids_held", "turnover_quote", "net_to_gross",
    "carry_share_of_net", "rms_inventory_base", "rms_inventory_quote", "max_drawdown_quote",
    "closing_position_base", "fills_past_1s_horizon", "maker_share_pct",
)  # fmt: skip


def slippage_marker(p95: float | None) -> str:
    """Return the line that says a report's slippage kept its sign: its p95 is a cost (spec soak_audit.md)."""
    shown = "unknown" if p95 is None else f"{p95:.2f}"
    return f"| edge_report | OK | SLIPPAGE_SIGN=preserved slippage_p95={shown} |"


def _dicts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asdict(value) for name, value in values.items()}


@dataclass(frozen=True)
class EdgeReport:
    """EDGE_REPORT.json: a section a symbol, their totals, and the routes of a rollout that splits minutes."""

    quote: str
    runtime: Mapping[str, Any]
    symbols: Mapping[str, Section]
    totals: Section
    routes: RouteSplit | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the plain data of the file."""
        split = {} if self.routes is None else {"routes": self.routes.as_dict()}
        return {
            "convention": "ledger",
            "quote": self.quote,
            "runtime": dict(self.runtime),
            "symbols": {name: section.as_dict() for name, section in self.symbols.items()},
            "totals": self.totals.as_dict(),
            **split,
        }
