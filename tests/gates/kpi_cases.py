"""Totals of a good run, and the shipped profiles, as the KPI tests use them."""

from typing import Any

from framework.gates.kpi import Profile, profile_from
from framework.settings.kpi_profiles import load_kpi_profiles
from tests.realdata import ROOT

SHIPPED: dict[str, Profile] = {
    name: profile_from(p.model_dump()) for name, p in load_kpi_profiles(root=ROOT).items()
}

GOOD: dict[str, float] = {
    "net_bps": 3.4,
    "net_to_gross": 0.42,
    "adverse_bps_p95": 3.0,
    "adverse_u_p95": 3.0,
    "slippage_bps_p95": 2.0,
    "slippage_u_p95": 1.0,
    "cancel_ratio": 0.40,
    "maker_share_pct": 95.0,
    "order_age_p95_ms": 300.0,
    "ws_lag_p95_ms": 100.0,
}


def totals(*, half: float = 0.0, fills: int = 100, **changed: Any) -> dict[str, Any]:
    """Return totals whose every interval is the value -+ ``half`` (a share of it)."""
    values = {**GOOD, **changed}
    intervals = {
        name: {"lower": v * (1 - half), "upper": v * (1 + half), "n_eff": 200.0}
        for name, v in values.items()
        if isinstance(v, float)
    }
    return {**values, "gross_bps": 8.0, "hours": 3.0, "fills": fills, "intervals": intervals}
