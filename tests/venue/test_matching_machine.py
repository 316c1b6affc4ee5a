"""A machine that places, amends, cancels, prints and moves the book in any order, with a plain account
beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from framework.compiled.bundles import rebind
from framework.compiled.records import at, interpreted
from framework.market.events import BUY, DEPTH, SELL, TRADE
from framework.market.records import AMEND, CANCEL, IOC, LIMIT, MARKET, NEW, POST_ONLY
from framework.units import MS
from tests.engine.tapes import LOT, START, Trader, ask, bid, venue

ROOM = 120
COLUMNS = ("exch_ts_ns", "local_ts_ns", "kind", "side", "price_ticks", "qty_lots")
PRICES = st.integers(9_994, 10_006)
SIDES = st.sampled_from([BUY, SELL])
LOTS = st.integers(1, 12)


class MatchingMachine(RuleBasedStateMachine):
    """The tape's last rows lie in the far future; a rule that moves the market pulls the next one to the
    present.
    """

    @initialize(
        model=st.sampled_from([0, 1]), partial=st.sampled_from([1, 1, 0]), shared=st.sampled_from([1, 1, 0])
    )
    def start(self, model: int, partial: int, shared: int) -> None:
        rows = [bid(0, 9_999, 9), bid(0, 9_990, 9), ask(0, 10_001, 9), ask(0, 10_010, 9)]
        rows += [bid(1e9 + k, 9_990 if k % 2 else 10_010, 1) for k in range(ROOM)]
        self.native = bool(partial and shared)
        rules = venue(queue_model=model, partial_fills=partial, shared_queue=shared)
        self.trader = Trader(rows, rules=rules)
        replay = self.trader.replay
        if not interpreted():
            written = {name: np.array(getattr(replay.feed, name)) for name in COLUMNS}
            replay.feed = rebind(replay.feed, **written)
        self.columns: list[Any] = [getattr(replay.feed, name) for name in COLUMNS]
        self.next_row = 4
        self.ms = 1.0
        self.asked: dict[int, dict[str, Any]] = {}
        self.requests = self.answered = 0
        self.trader.play(self.ms)

    def event(self, kind: int, side: int, tick: int, lots: int) -> int:
        """Let one event happen now and give how many lots of ours it filled."""
        self.ms += 1.0
        row, self.next_row = self.next_row, self.next_row + 1
        exch, local, kinds, sides, prices, sizes = self.columns
        exch[row] = START + round(self.ms * MS)
        local[row] = exch[row] + MS
        kinds[row], sides[row], prices[row], sizes[row] = kind, side, tick, lots
        before = len(self.trader.replay.fill_rows())
        return int(self.trader.play(self.ms)["qty_lots"][before:].sum())

    def request(self, action: int, order_id: int, **fields: Any) -> None:
        self.requests += 1
        self.trader.send(self.ms, action, order_id, m0=1000.0, **fields)
        self.ms += 1.0
        self.trader.play(self.ms)
        self.ms += 1.5  # its reports have arrived when the next rule runs
        self.trader.play(self.ms)

    @rule(
        side=SIDES,
        tick=PRICES,
        lots=LOTS,
        kind=st.sampled_from([POST_ONLY, LIMIT, IOC, MARKET]),
        reduce=st.integers(0, 1),
    )
    def place(self, side: int, tick: int, lots: int, kind: int, reduce: int) -> None:
        order_id = len(self.asked) + 1
        self.asked[order_id] = {"side": side, "kind": kind, "total": lots, "reduce": reduce}
        self.request(NEW, order_id, side=side, tick=tick, lots=lots, kind=kind, reduce_only=reduce)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), tick=PRICES, lots=LOTS)
    def amend(self, data: st.DataObject, tick: int, lots: int) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.asked)))
        asked = self.asked[order_id]
        asked["total"] = max(asked["total"], lots)
        self.request(AMEND, order_id, side=asked["side"], tick=tick, lots=lots)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.asked)))
        self.request(CANCEL, order_id, side=self.asked[order_id]["side"])
        assert order_id not in [live[0] for live in self.trader.live()]

    @precondition(lambda self: self.next_row < ROOM)
    @rule(aggressor=SIDES, tick=PRICES, lots=LOTS)
    def print(self, aggressor: int, tick: int, lots: int) -> None:
        filled = self.event(TRADE, aggressor, tick, lots)
        if self.native:
            assert filled <= lots

    @precondition(lambda self: self.next_row < ROOM)
    @rule(side=SIDES, tick=PRICES, lots=st.integers(0, 12))
    def move(self, side: int, tick: int, lots: int) -> None:
        self.event(DEPTH, side, tick, lots)

    @invariant()
    def orders_add_up(self) -> None:
        if not hasattr(self, "trader"):
            return
        replay = self.trader.replay
        fills = replay.fill_rows()
        for order_id, asked in self.asked.items():
            own = fills[fills["order_id"] == order_id]
            assert own["qty_lots"].sum() <= asked["total"]
            assert (own["side"] == asked["side"]).all()
            if asked["kind"] == POST_ONLY:
                assert (own["is_maker"] == 1).all()
        live = self.trader.live()
        assert len({order for order, *_ in live}) == len(live)
        assert all(lots > 0 for _, _, lots, _ in live)
        if self.native:
            assert all(ahead >= 0.0 for *_, ahead in live)
        position = (fills["side"] * fills["qty_lots"]).sum()
        assert at(replay.ledger, 0).position / LOT == pytest.approx(position, abs=1e-6)
        reducing = [at(replay.orders, k) for k in range(len(live)) if at(replay.orders, k).reduce_only]
        assert all(order.leaves_lots <= max(0, -order.side * position) for order in reducing)

    @invariant()
    def the_market_range_of_our_orders_is_known(self) -> None:
        if not hasattr(self, "trader"):
            return
        ex, live = at(self.trader.replay.exchange, 0), self.trader.live()
        sides = [at(self.trader.replay.orders, k).side for k in range(len(live))]
        bids = [tick for side, (_, tick, *_) in zip(sides, live, strict=True) if side == BUY]
        asks = [tick for side, (_, tick, *_) in zip(sides, live, strict=True) if side == SELL]
        assert not bids or (ex.bid_low, ex.bid_high) == (min(bids), max(bids))
        assert not asks or (ex.ask_low, ex.ask_high) == (min(asks), max(asks))


TestMatchingMachine = MatchingMachine.TestCase
TestMatchingMachine.settings = settings(max_examples=15 if interpreted() else 60, stateful_step_count=40)
