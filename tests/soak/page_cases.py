"""Runs for the page's tests: windows made by hand, judged and tuned by the real rules."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from framework.edge.window import WindowData, chain
from framework.market.instrument import Instrument
from framework.market.tape import Tape
from framework.session.judge import make_judge
from framework.session.provenance import TapeName
from framework.session.window import ReplayWindow
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from framework.soak.baselines import ArmRow
from framework.soak.result import SoakResult
from framework.tuning.state import start_state
from framework.tuning.step import step
from framework.tuning.totals import input_from_totals
from framework.tuning.turn import Turn
from tests.edge.builders import FLAT, S, fill, window
from tests.runtimes import a_runtime
from tests.tuning.tuning_cases import SCALED, START

ROOT = Path(__file__).parents[2]
LENGTH_S = 600.0


@cache
def settings() -> RunSettings:
    """Compose the default soak once."""
    return compose_run(primary="soak", root=ROOT, environ={}).settings


def random_fills(k: int, *, count: int = 60, scale: float = 1.0, qty: float = 1.0) -> list[dict[str, Any]]:
    """Draw fills of iteration k around a mid of 100 times ``scale``, alternating sides."""
    rng = np.random.Generator(np.random.PCG64([k, 7]))
    fills = []
    for j, at in enumerate(np.sort(rng.uniform(1.0, LENGTH_S - 40.0, count))):
        side = 1 if j % 2 else -1
        m0, m, later = (scale * (100.0 + x) for x in rng.normal(0.0, 0.02, 3))
        fills.append(
            fill(
                k * LENGTH_S + float(at), side, m0 - side * 0.02 * scale, qty, m0=m0, m=m, m_1s=later,
                queue_ahead_entry_lots=float(rng.integers(0, 900)), queue_ahead_fill_lots=0.0,
                fee_quote=0.001 * scale,
                off_target_age_ns=int(rng.integers(0, 200_000_000)),
                resting_age_ns=int(rng.integers(0, 9 * S)),
                order_ts_ns=round((k * LENGTH_S + float(at) - 0.5) * S), entry_latency_ns=20_000_000,
            )
        )  # fmt: skip
    return fills


def audits(k: int) -> list[dict[str, Any]]:
    """Give a few rows of each kind: placements, replaces, cancels, blocks and a halt."""
    kinds = [(1, 0, 1), (2, 0, 1), (2, 0, 1), (3, 0, 1), (4, 1, 400), (4, 2, 50), (6, 3, 1)]
    return [
        {
            "ts_ns": round((k * LENGTH_S + 5.0 + j) * S), "action": action, "reason": reason, "count": count,
            "side": 1, "off_target_age_ns": 90_000_000, "resting_age_ns": 2 * S,
        }
        for j, (action, reason, count) in enumerate(kinds)
    ]  # fmt: skip


def result(
    *,
    iterations: int = 3,
    fills: Callable[[int], list[dict[str, Any]]] = random_fills,
    symbol: str = "XYZUSDT",
    source: str = "by hand",
    scale: float = 1.0,
    unknown_mids: int = 0,
    tuned: bool = True,
) -> SoakResult:
    """Give a run as the soak leaves it; ``unknown_mids`` samples at its start have no mid."""
    windows: list[WindowData] = []
    for k in range(iterations):
        windows.append(_window(k, fills(k), windows, symbol=symbol, scale=scale, unknown_mids=unknown_mids))
    runtime = a_runtime(tape=TapeName(source, "d" * 64), iterations=iterations)
    judge = make_judge(settings=settings(), root=ROOT, runtime=runtime)
    edges = (*(w.start_ns for w in windows), windows[-1].end_ns)
    market = ReplayWindow(tape=_tape(symbol, source), boundaries=edges)
    made = SoakResult(settings=settings(), market=market, root=ROOT, runtime=runtime)
    made.windows, made.whole = windows, chain(windows)
    made.reports = [judge.report(w) for w in windows]
    made.gates = [judge.gate(report) for report in made.reports]
    made.report = judge.report(made.whole)
    made.gate = judge.gate(made.report)
    _tune(made) if tuned else made.packages.extend([START] * iterations)
    return made


def _window(
    k: int,
    fills: list[dict[str, Any]],
    before: list[WindowData],
    *,
    symbol: str,
    scale: float,
    unknown_mids: int,
) -> WindowData:
    start = k * LENGTH_S
    seconds = np.arange(start + 1.0, start + LENGTH_S, 1.0)
    mids = [(float(t), scale * (100.0 + 0.1 * float(np.sin(t / 50.0)))) for t in seconds]
    if k == 0:
        mids = [(t, float("nan") if j < unknown_mids else mid) for j, (t, mid) in enumerate(mids)]
    made = window(
        fills, audit=audits(k) if fills else (), mids=mids, start_s=start, end_s=start + LENGTH_S,
        symbol=symbol, opening=before[-1].closing if before else FLAT, closing_mid=100.0 * scale, trades=9000,
    )  # fmt: skip
    made.samples["bid_ticks"], made.samples["ask_ticks"] = 9990, 10010
    return made


def _tape(symbol: str, source: str) -> Tape:
    instrument = Instrument(
        symbol=symbol, venue="hand", kind="linear", tick_size="0.01", lot_size="0.001", min_qty="0.001",
        min_notional="5", base="XYZ", quote="USDT", funding_interval_min=480,
    )  # fmt: skip
    return Tape.from_columns(
        instrument=instrument,
        exch_ts_ns=[0],
        kind=[3],
        side=[0],
        price_ticks=[0],
        qty_lots=[0],
        source=source,
    )


def _tune(made: SoakResult) -> None:
    package, state, last = START, start_state(params=START), len(made.reports)
    for k, (report, gate) in enumerate(zip(made.reports, made.gates, strict=True), 1):
        made.packages.append(package)
        given = input_from_totals(
            totals=report.totals, unit=SCALED.unit, verdict=gate.verdict, wall_clock=False
        )
        decision = step(Turn(SCALED, state, package, iteration=k, last=k == last), given)
        made.decisions.append(decision)
        package, state = decision.new_params, decision.state
    made.arms = [ArmRow(name, made.totals, package) for name in ("tuned", "static", "corner", "placebo")]
    made.arms[2] = replace(made.arms[2], same_as="tuned")
