"""What profile switching would have done during the run: one row per 30-minute window.

A soak runs one profile from end to end. The table says where the rule of ``framework.edge.profile_switch``
would have changed it, so that a choice of profile can be judged on the same tape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from framework.edge.measures import equity_at
from framework.edge.profile_switch import WINDOW_MIN, SwitchState, step
from framework.edge.window import WindowData
from framework.units import MINUTE

WINDOW_NS = WINDOW_MIN * MINUTE


@dataclass(frozen=True)
class SwitchRow:
    """One 30-minute window: its net, both averages (bps), and the profile after it."""

    start_ns: int
    net_bps: float | None
    ema_1h_bps: float | None
    ema_24h_bps: float | None
    negative_windows: int
    profile: str
    seen: str

    def as_dict(self) -> dict[str, Any]:
        """Return the row as soak_metrics.json holds it."""
        return asdict(self)


def switch_rows(window: WindowData) -> list[SwitchRow]:
    """Give one row per whole 30-minute window."""
    count = (window.end_ns - window.start_ns) // WINDOW_NS
    edges = window.start_ns + np.arange(count + 1, dtype=np.int64) * WINDOW_NS
    net = np.diff(equity_at(window, times=edges))
    fills = window.fills
    part = np.searchsorted(edges, fills["exch_ts_ns"], side="right") - 1
    inside = (part >= 0) & (part < count)
    worth = np.bincount(part[inside], weights=(fills["price"] * fills["qty"])[inside], minlength=count)
    rows, state = [], SwitchState()
    for start, earned, turnover in zip(edges[:-1].tolist(), net.tolist(), worth.tolist(), strict=True):
        bps = earned / turnover * 1e4 if turnover > 0.0 else None
        state = step(state=state, net_bps=bps)
        rows.append(
            SwitchRow(
                start_ns=start,
                net_bps=bps,
                ema_1h_bps=state.fast.value,
                ema_24h_bps=state.slow.value,
                negative_windows=state.negative_windows,
                profile=state.profile.value,
                seen=state.reason,
            )
        )
    return rows


def switch_sentence(rows: Sequence[SwitchRow]) -> str:
    """Say when the rule would have switched; of a run below half an hour, that there was nothing to judge."""
    if not rows:
        return "profile switching: no whole 30-minute window to judge"
    first = now = SwitchState().profile.value
    said = []
    for k, row in enumerate(rows, start=1):
        if row.profile != now:
            now = row.profile
            said.append(f"{now} after {k * WINDOW_MIN / 60:g} h")
    found = f"gone to {', '.join(said)}" if said else f"kept {first} throughout"
    return f"profile switching, begun at {first}, would have {found}"
