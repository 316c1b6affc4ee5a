"""Extend a report by what its audit log knows: requests, ratios, block reasons, ages."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from framework.edge.canonical import canonical
from framework.edge.errors import EdgeInputError
from framework.edge.report import PERCENTILE
from framework.edge.rows import AuditRow
from framework.edge.section import Blocked, Requests, blocked_shares, requests_of, share_at_limit
from framework.quoting.records import ACTION_NAMES, BLOCK_NAMES, CANCEL_QUOTE, REPLACE

REPLACED = (ACTION_NAMES[REPLACE], ACTION_NAMES[CANCEL_QUOTE])
"""What ends an order off its target."""
V1_COMPONENTS = ("gross_bps", "fees_eff_bps", "slippage_bps", "inventory_bps")


def extend_report(*, base: Mapping[str, Any], audit: Sequence[AuditRow], where: str) -> dict[str, Any]:
    """Return EDGE_REPORT.json made of a base report's plain data and its audit log.

    ``base`` is an edge report of the ledger (``totals``) or of audit_v1 (``total``). What a distribution per
    fill is needed for stays null in the latter. Raises EdgeInputError with ``where`` when it is neither.
    """
    if isinstance(base.get("totals"), Mapping):
        totals = dict(base["totals"])
        fills = _count(totals.get("fills"), "totals.fills", where)
        measured = audit_measures(audit, fills=fills)
        if totals.get("order_age_p95_ms") is None:
            totals["order_age_p95_ms"] = measured.order_age_p95_ms
        report = {**base, "totals": totals | measured.as_dict()}
    elif isinstance(base.get("total"), Mapping):
        totals = _v1_totals(base["total"], where=where)
        measured = audit_measures(audit, fills=totals["fills"])
        report = {
            "convention": "audit_v1",
            "runtime": base.get("runtime") or {},
            "symbols": base.get("symbols") or {},
            "totals": totals | measured.as_dict() | {"order_age_p95_ms": measured.order_age_p95_ms},
        }
    else:
        raise EdgeInputError(
            f"{where}: has neither totals nor total; allowed an edge report or an audit report"
        )
    plain: dict[str, Any] = canonical(report)
    return plain


@dataclass(frozen=True)
class AuditMeasures:
    """What an audit log knows: requests, blocked side-ticks by reason, off-target age."""

    requests: Requests
    block_reasons: Mapping[str, Blocked]
    at_position_limit: Blocked
    order_age_p95_ms: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return requests and blocks as the totals of a report hold them."""
        return {
            **self.requests.as_dict(),
            "block_reasons": {name: asdict(blocked) for name, blocked in self.block_reasons.items()},
            "at_position_limit": asdict(self.at_position_limit),
        }


def audit_measures(audit: Sequence[AuditRow], *, fills: int | None) -> AuditMeasures:
    """Count requests and blocks, and take the 95th percentile of off-target age over replaces and cancels."""
    counts = dict.fromkeys(BLOCK_NAMES.values(), 0)
    for row in audit:
        if row.blocked_reason is not None and not row.at_limit:
            counts[row.blocked_reason] += row.count
    free = [row for row in audit if row.blocked_reason is None]
    ages = [row.off_target_age_ms for row in free if row.action in REPLACED]
    known = [age for age in ages if age is not None]
    return AuditMeasures(
        requests=requests_of(
            **{
                name: sum(row.action == name.upper() for row in free)
                for name in ("place", "replace", "cancel")
            },
            fills=fills,
        ),
        block_reasons=blocked_shares(counts),
        at_position_limit=share_at_limit(
            sum(row.count for row in audit if row.at_limit), blocked=sum(counts.values())
        ),
        order_age_p95_ms=float(np.quantile(known, PERCENTILE)) if known else None,
    )


def _count(value: Any, name: str, where: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise EdgeInputError(f"{where}: {name} is {value!r}; allowed a count, or null")
    return int(value)


def _v1_totals(total: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    missing = [k for k in (*V1_COMPONENTS, "net_bps", "fills") if not isinstance(total.get(k), int | float)]
    if missing:
        raise EdgeInputError(
            f"{where}: total lacks {', '.join(missing)}; allowed a report of quoteops edge audit"
        )
    losses = sorted((total[k], k) for k in V1_COMPONENTS if total[k] < 0.0)
    return {
        **{k: total[k] for k in (*V1_COMPONENTS, "net_bps")},
        "net_bps_total": total["net_bps"],
        "fills": int(total["fills"]),
        "turnover_quote": total.get("turnover_usd"),
        "component_breakdown": {k: total[k] for k in V1_COMPONENTS},
        "neg_edge_drivers": [k for _, k in losses[:2]] if total["net_bps"] < 0.0 else [],
        "adverse_bps_p95": None,
        "slippage_bps_p95": None,
        "ws_lag_p95_ms": None,
        "maker_share_pct": None,
    }
