"""When and why the desk stopped quoting: the halts of a window, in words that a verdict must not hide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework.edge.window import WindowData
from framework.quoting.records import HALT, LOSS, NO_MARKET, STALE, VOLATILITY

NAMES = {NO_MARKET: "no-market", STALE: "stale-book", VOLATILITY: "volatility", LOSS: "loss"}


def halts_of(window: WindowData) -> list[dict[str, Any]]:
    """Give one row a kind of halt, in the order of their first: reason, count, first time.

    The time is UTC ns, and seconds into the window. A loss halt lasts to the end of the run;
    the others end when their cause does.
    """
    rows = window.audit[window.audit["action"] == HALT]
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = NAMES[int(row["reason"])]
        ts = int(row["ts_ns"])
        first = {"reason": name, "count": 0, "first_ns": ts, "after_s": (ts - window.start_ns) / 1e9}
        found.setdefault(name, first)["count"] += 1
    return list(found.values())


def loss_halt_before(gates: Sequence[dict[str, Any]]) -> int | None:
    """Give the first iteration (from 1) whose gate lists the loss halt, which nothing ends; None without."""
    halted = (
        k for k, gate in enumerate(gates, start=1) if any(h["reason"] == NAMES[LOSS] for h in gate["halts"])
    )
    return next(halted, None)


def halts_sentence(halts: list[dict[str, Any]]) -> str:
    """Say what a guard stopped: "quoting stopped at 01:12:03 by the loss halt, …"; empty when none did.

    A market without two sides is listed but not said: no guard decided that.
    """
    return "; ".join(_words(row) for row in halts if row["reason"] != NAMES[NO_MARKET])


def _words(row: dict[str, Any]) -> str:
    minutes, seconds = divmod(int(row["after_s"]), 60)
    at = f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    if row["reason"] == NAMES[LOSS]:
        return f"quoting stopped at {at} by the loss halt, to the end of the run"
    times = "once" if row["count"] == 1 else f"{row['count']} times, first"
    return f"quoting paused {times} at {at} by the {row['reason']} halt"
