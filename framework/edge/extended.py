"""Extend a report by what its audit log knows: requests, ratios, block reasons, ages."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.edge.errors import EdgeInputError
from framework.edge.measures import blocks_section
from framework.edge.report import PERCENTILE, canonical
from framework.edge.rows import AuditRow
from framework.quoting.records import BLOCK_NAMES

V1_COMPONENTS = ("gross_bps", "fees_eff_bps", "slippage_bps", "inventory_bps")


def extend_report(*, base: Mapping[str, Any], audit: Sequence[AuditRow], where: str) -> dict[str, Any]:
    """Return EDGE_REPORT.json made of a base report and its audit log.

    ``base`` is an edge report of the ledger (``totals``) or of audit_v1 (``total``). What a distribution per
    fill is needed for stays null in the latter. Raises EdgeInputError with ``where`` when it is neither.
    """
    measured = audit_measures(audit)
    if isinstance(base.get("totals"), Mapping):
        totals = dict(base["totals"])
        fills = totals.get("fills")
        totals |= {k: v for k, v in measured.items() if k != "order_age_p95_ms" or totals.get(k) is None}
        report = {**base, "totals": totals}
    elif isinstance(base.get("total"), Mapping):
        totals = _v1_totals(base["total"], where=where) | measured
        fills = totals["fills"]
        report = {
            "convention": "audit_v1",
            "runtime": base.get("runtime") or {},
            "symbols": base.get("symbols") or {},
            "totals": totals,
        }
    else:
        raise EdgeInputError(
            f"{where}: has neither totals nor total; allowed an edge report or an audit report"
        )
    totals["requests_per_fill"] = measured["requests"]["total"] / fills if fills else None
    plain: dict[str, Any] = canonical(report)
    return plain


def audit_measures(audit: Sequence[AuditRow]) -> dict[str, Any]:
    """Count requests and blocks, and take the 95th percentile of off-target age over replaces and cancels."""
    sent = {
        name.lower(): sum(1 for r in audit if r.action == name and r.blocked_reason is None)
        for name in ("PLACE", "REPLACE", "CANCEL")
    }
    total = sum(sent.values())
    counts = dict.fromkeys(BLOCK_NAMES.values(), 0)
    for row in audit:
        if row.blocked_reason is not None and not row.at_limit:
            counts[row.blocked_reason] += row.count
    known = [
        r.off_target_age_ms
        for r in audit
        if r.action in ("REPLACE", "CANCEL") and r.blocked_reason is None and r.off_target_age_ms is not None
    ]
    return {
        "requests": {**sent, "total": total},
        "replace_ratio": sent["replace"] / total if total else None,
        "cancel_ratio": sent["cancel"] / total if total else None,
        **blocks_section(counts, at_limit=sum(row.count for row in audit if row.at_limit)),
        "order_age_p95_ms": float(np.quantile(known, PERCENTILE)) if known else None,
    }


def _v1_totals(total: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    missing = [k for k in (*V1_COMPONENTS, "net_bps", "fills") if not isinstance(total.get(k), int | float)]
    if missing:
        raise EdgeInputError(
            f"{where}: total lacks {', '.join(missing)}; allowed a report of quoteops edge audit"
        )
    losses = sorted((total[k], k) for k in V1_COMPONENTS if total[k] < 0.0)
    return {
        **{k: total[k] for k in (*V1_COMPONENTS, "net_bps")},
        "fills": int(total["fills"]),
        "turnover_quote": total.get("turnover_usd"),
        "component_breakdown": {k: total[k] for k in V1_COMPONENTS},
        "neg_edge_drivers": [k for _, k in losses[:2]] if total["net_bps"] < 0.0 else [],
        "adverse_bps_p95": None,
        "slippage_bps_p95": None,
        "ws_lag_p95_ms": None,
        "maker_share_pct": None,
    }
