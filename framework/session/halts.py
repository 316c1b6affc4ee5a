"""When and why the desk stopped quoting: the halts of a window, in words that a verdict must not hide."""

from __future__ import annotations

from collections.abc import Sequence

from framework.edge.window import WindowData
from framework.gates.gate import Gate, Halt
from framework.quoting.records import HALT, LOSS, NO_MARKET, WITHHELD_NAMES
from framework.units import SECOND


def halts_of(*windows: WindowData) -> tuple[Halt, ...]:
    """Give the kinds of halt in the order of their first; windows are of several symbols at one time.

    A loss halt lasts to the end of the run; the others end when their cause does.
    """
    rows = [row for window in windows for row in window.audit[window.audit["action"] == HALT]]
    times: dict[str, list[int]] = {}
    for row in sorted(rows, key=lambda row: int(row["ts_ns"])):
        times.setdefault(WITHHELD_NAMES[int(row["reason"])], []).append(int(row["ts_ns"]))
    return tuple(
        Halt(name, len(at_ns), at_ns[0], (at_ns[0] - windows[0].start_ns) / SECOND)
        for name, at_ns in times.items()
    )


def loss_halted(gate: Gate) -> bool:
    """Tell whether a gate lists the loss halt, which nothing ends."""
    return any(halt.reason == WITHHELD_NAMES[LOSS] for halt in gate.halts or ())


def loss_halt_before(gates: Sequence[Gate]) -> int | None:
    """Give the first iteration (from 1) whose gate lists the loss halt; None without."""
    return next((k for k, gate in enumerate(gates, start=1) if loss_halted(gate)), None)


def halts_sentence(halts: Sequence[Halt]) -> str:
    """Say what a guard stopped: "quoting stopped at 01:12:03 by the loss halt, …"; empty when none did.

    A market without two sides is listed but not said: no guard decided that.
    """
    return "; ".join(_words(halt) for halt in halts if halt.reason != WITHHELD_NAMES[NO_MARKET])


def _words(halt: Halt) -> str:
    minutes, seconds = divmod(int(halt.after_s), 60)
    at = f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    if halt.reason == WITHHELD_NAMES[LOSS]:
        return f"quoting stopped at {at} by the loss halt, to the end of the run"
    times = "once" if halt.count == 1 else f"{halt.count} times, first"
    return f"quoting paused {times} at {at} by the {halt.reason} halt"
