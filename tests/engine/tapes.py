"""Tiny hand-written markets and a trader who sends requests by hand: times in ms, prices in ticks.

The instrument has tick 0.1 and lot 0.001, so the price 10000 is 1000.0 and 5 lots are 0.005.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from framework.compiled.records import at, dtype_of, zeros
from framework.engine.replay import Latency, Replay
from framework.market.events import BUY, CLEAR, DEPTH, GAP, SELL, TRADE
from framework.market.instrument import Instrument
from framework.market.records import NEW, POST_ONLY
from framework.market.tape import Tape
from framework.quoting.records import Params
from framework.quoting.stages import STAGES
from framework.quoting.tick import pack_plan
from framework.units import MS, SECOND
from framework.venue.matching.records import RISK_AVERSE, VenueRules

START = 1_700_000_000 * SECOND
TICK, LOT = 0.1, 0.001
INSTRUMENT = Instrument(
    symbol="TESTUSDT",
    venue="test",
    kind="linear",
    tick_size="0.1",
    lot_size="0.001",
    min_qty="0.001",
    min_notional="0",
    base="TEST",
    quote="USDT",
    funding_interval_min=480,
)

Row = tuple[float, int, int, int, int]
"""Time in ms, kind, side, price in ticks, lots."""


def bid(ms: float, tick: int, lots: int) -> Row:
    """The bid at ``tick`` now holds ``lots``."""
    return ms, DEPTH, BUY, tick, lots


def ask(ms: float, tick: int, lots: int) -> Row:
    """The ask at ``tick`` now holds ``lots``."""
    return ms, DEPTH, SELL, tick, lots


def sold(ms: float, tick: int, lots: int) -> Row:
    """Somebody sold into the bids at ``tick``."""
    return ms, TRADE, SELL, tick, lots


def bought(ms: float, tick: int, lots: int) -> Row:
    """Somebody bought from the asks at ``tick``."""
    return ms, TRADE, BUY, tick, lots


def clear(ms: float, side: int = 0) -> Row:
    """A side of the book, or with 0 all of it, is gone."""
    return ms, CLEAR, side, 0, 0


def gap(ms: float) -> Row:
    """The feed broke."""
    return ms, GAP, 0, 0, 0


def ns(ms: float) -> int:
    """Turn ms after START into UTC ns."""
    return START + round(ms * MS)


def tape_of(rows: Iterable[Row], *, funding: Sequence[tuple[float, float, float]] = ()) -> Tape:
    """Build a tape of rows in time order and funding rows of (ms, rate, mark)."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), (), ()]
    return Tape.from_columns(
        instrument=INSTRUMENT,
        exch_ts_ns=[ns(ms) for ms in columns[0]],
        kind=list(columns[1]),
        side=list(columns[2]),
        price_ticks=list(columns[3]),
        qty_lots=list(columns[4]),
        funding_ts_ns=[ns(ms) for ms, _, _ in funding],
        funding_rate=[rate for _, rate, _ in funding],
        funding_mark=[mark for _, _, mark in funding],
    )


def venue(**changes: Any) -> list[VenueRules]:
    """Give an exchange with partial fills, a shared risk-averse queue, fees of 1 and 5 bps, and changes to
    that.
    """
    rows = zeros(VenueRules, 1)
    values = {
        "tick": TICK,
        "lot": LOT,
        "maker_fee": 1e-4,
        "taker_fee": 5e-4,
        "queue_model": RISK_AVERSE,
        "queue_power": 3,
        "partial_fills": 1,
        "shared_queue": 1,
    } | changes
    for name, value in values.items():
        setattr(at(rows, 0), name, value)
    return rows


def latency(*, feed: float = 1.0, entry: float = 1.0, response: float = 1.0) -> Latency:
    """Give constant one-way delays in ms."""

    values = {"feed": feed, "entry": entry, "response": response}
    return Latency(**{f"{name}_ns": np.full(1, round(ms * MS)) for name, ms in values.items()})


class Trader:
    """A replay in which nobody quotes; requests are sent by hand and arrive an entry latency of 1 ms
    later.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        *,
        funding: Sequence[tuple[float, float, float]] = (),
        rules: list[VenueRules] | None = None,
        position: float = 0.0,
        **options: Any,
    ) -> None:
        params = zeros(Params, 1)
        at(params, 0).tick, at(params, 0).lot, at(params, 0).tick_interval_ns = TICK, LOT, 1 << 60
        self.replay = Replay(
            tape=tape_of(rows, funding=funding),
            params=params,
            venue=rules or venue(),
            latency=latency(),
            **options,
        )
        at(self.replay.ledger, 0).position = position

    def send(
        self,
        ms: float,
        action: int,
        order_id: int,
        *,
        side: int = BUY,
        tick: int = 0,
        lots: int = 0,
        kind: int = POST_ONLY,
        m0: float = 0.0,
        reduce_only: int = 0,
        version: int = 0,
    ) -> None:
        """Send a request at ``ms``; the replay is played up to there first."""
        replay = self.replay
        replay.advance(ns(ms))
        replay.wire.submit(
            arrive_ns=ns(ms + 1),
            sent_ns=ns(ms),
            action=action,
            order_id=order_id,
            side=side,
            order_kind=kind,
            price_ticks=tick,
            qty_lots=lots,
            reduce_only=reduce_only,
            m0=m0,
            quote_ts_ns=ns(ms),
            params_version=version,
        )

    def place(self, ms: float, order_id: int, **request: Any) -> None:
        """Send a new order."""
        self.send(ms, NEW, order_id, **request)

    def play(self, ms: float) -> Any:
        """Play to ``ms`` and give the fills so far."""
        self.replay.advance(ns(ms))
        return self.replay.fill_rows()

    def live(self) -> list[tuple[int, int, int, float]]:
        """Give (order, price, open lots, lots ahead) of the resting orders, oldest first."""
        count = at(self.replay.exchange, 0).live
        rows = [at(self.replay.orders, k) for k in range(count)]
        return [(r.order_id, r.price_ticks, r.leaves_lots, r.ahead_lots) for r in rows]

    def answers(self) -> list[tuple[int, int, int]]:
        """Give (kind, reason, order) of the reports still on their way, oldest first; play no further than
        that.
        """
        rings = at(self.replay.rings, 0)
        rows = [
            at(self.replay.reports, (rings.report_head + k) % len(self.replay.reports))
            for k in range(rings.report_count)
        ]
        return [(r.report_kind, r.reason, r.order_id) for r in rows]


def quoting(**changes: Any) -> list[Params]:
    """Give parameters that quote 5 lots at a fixed 5 bps to both sides of the mid, unlimited, and changes
    to that.
    """
    rows = zeros(Params, 1)
    values: dict[str, Any] = {
        "plan": pack_plan(list(STAGES.values())),
        "replace_per_ns": 1.0,
        "replace_capacity": 1e9,
        "tail_age_ns": 650 * MS,
        "impact_cap_ratio": 1.0,
        "max_delta_ratio": 1e9,
        "inflight_max": 1_000,
        "spread_multiplier": 1.0,
        "base_half_spread_bps": 5.0,
        "min_half_spread_bps": 0.1,
        "inventory_tilt_cap": 1.0,
        "adverse_tau_ns": 1e9,
        "vol_tau_s": 60.0,
        "momentum_tau_s": 5.0,
        "leverage": 10.0,
        "notional_cap": 1e9,
        "quote_notional": 5.0000001,
        "equity_start": 1e6,
        "max_position_quotes": 2.0,
        "maintenance_margin": 0.004,
        "assumed_sl": 0.003,
        "sl_buffer_multiplier": 1.5,
        "loss_halt": 1e9,
        "vol_halt_bps": 1e9,
        "stale_halt_ns": 10 * SECOND,
        "order_kind": POST_ONLY,
        "tick": TICK,
        "lot": LOT,
        "min_lots": 1,
        "liquidity_levels": 3,
        "liquidity_alpha": 1.5,
    } | changes
    for name, value in values.items():
        setattr(at(rows, 0), name, value)
    return rows


def versions(*changes: tuple[float, dict[str, Any]]) -> list[Params]:
    """Give versions of ``quoting`` in force from a time in ms on, each with its changes."""
    rows = zeros(Params, len(changes))
    for k, (ms, values) in enumerate(changes):
        made = at(quoting(**values), 0)
        for name in dtype_of(Params).names or ():
            setattr(at(rows, k), name, getattr(made, name))
        at(rows, k).version, at(rows, k).from_ns = k, ns(ms)
    return rows


def quoter(
    rows: Iterable[Row],
    params: list[Params] | None = None,
    *,
    rules: list[VenueRules] | None = None,
    funding: Sequence[tuple[float, float, float]] = (),
    delays: Latency | None = None,
    **options: Any,
) -> Replay:
    """Give a replay whose desk quotes."""
    return Replay(
        tape=tape_of(rows, funding=funding),
        params=quoting() if params is None else params,
        venue=venue() if rules is None else rules,
        latency=delays or latency(),
        **options,
    )


def opening(lots: int = 1_000) -> list[Row]:
    """A book around 1000.0: bids 9999 and 9990, asks 10001 and 10010, each of ``lots``."""
    return [bid(0, 9999, lots), bid(0, 9990, lots), ask(0, 10001, lots), ask(0, 10010, lots)]
