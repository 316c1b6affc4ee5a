"""The ladder book against a dictionary, through the replay that owns it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from framework.compiled.records import at, interpreted
from framework.engine.halves import DeskHalf, ExchangeHalf
from framework.market.events import BUY, CLEAR, DEPTH, GAP, SELL
from tests.engine.tapes import Row, Trader, ask, bid, clear, gap
from tests.properties.markets import market


class PlainBook:
    """A book as two dictionaries: a crossing quote hides the levels it crosses until the feed sets them
    again.
    """

    def __init__(self) -> None:
        self.held: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}
        self.best: dict[int, int | None] = {BUY: None, SELL: None}
        self.trusted = True
        self.crossed = 0

    def apply(self, row: Row) -> None:
        _, kind, side, tick, lots = row
        if kind == GAP:
            self.trusted = False
        elif kind == CLEAR:
            for cleared in (BUY, SELL) if side == 0 else (side,):
                self.held[cleared].clear()
                self.best[cleared] = None
            self.trusted = self.trusted or side == 0
        elif kind == DEPTH:
            self.set(side, tick, lots)

    def set(self, side: int, tick: int, lots: int) -> None:
        self.held[side].pop(tick, None)
        if lots:
            self.held[side][tick] = lots
        best = self.best[side]
        if lots and (best is None or side * (tick - best) > 0):
            self.best[side] = tick
            other = self.best[-side]
            if other is not None and side * (tick - other) >= 0:
                self.crossed += 1
                self.best[-side] = self.beyond(-side, tick)
        elif not lots and tick == best:
            self.best[side] = self.beyond(side, tick)

    def beyond(self, side: int, tick: int) -> int | None:
        """The best level of a side strictly worse than ``tick``."""
        worse = [level for level in self.held[side] if side * (level - tick) < 0]
        return max(worse, key=lambda level: side * level, default=None)


Half = ExchangeHalf | DeskHalf


def levels_of(half: Half, side: int) -> dict[int, int]:
    book = at(half.book, 0)
    start = (side == SELL) * book.slots
    held = half.bound.levels[start : start + book.slots]
    return {book.base_tick + k: int(lots) for k, lots in enumerate(held) if lots}


def bests_of(half: Half) -> dict[int, int | None]:
    book = at(half.book, 0)
    low, high = book.base_tick, book.base_tick + book.slots - 1
    return {
        BUY: int(book.best_bid) if book.best_bid >= low else None,
        SELL: int(book.best_ask) if book.best_ask <= high else None,
    }


def check(rows: list[Row]) -> None:
    replay = Trader(rows).replay
    plain = PlainBook()
    for row in rows:
        plain.apply(row)
    replay.advance(int(replay.tape.end_ns) + 10_000_000)
    halves: tuple[Half, Half] = (replay.exchange_half, replay.desk_half)
    for half in halves:
        book = at(half.book, 0)
        assert levels_of(half, BUY) == plain.held[BUY]
        assert levels_of(half, SELL) == plain.held[SELL]
        assert bests_of(half) == plain.best
        assert bool(book.trusted) == plain.trusted
        assert book.crossed == plain.crossed
        assert book.out_of_range == 0


@settings(max_examples=20 if interpreted() else 100)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_the_book_equals_two_dictionaries_on_random_markets(seed: int, events: int) -> None:
    check(market(seed=seed, events=events))


ROWS = st.one_of(
    st.tuples(st.just(DEPTH), st.sampled_from([BUY, SELL]), st.integers(9_990, 10_010), st.integers(0, 3)),
    st.tuples(st.just(CLEAR), st.sampled_from([0, BUY, SELL]), st.just(0), st.just(0)),
    st.tuples(st.just(GAP), st.just(0), st.just(0), st.just(0)),
)


@settings(max_examples=50 if interpreted() else 300)
@given(st.lists(ROWS, min_size=1, max_size=40))
def test_the_book_equals_two_dictionaries_on_any_rows(rows: list[tuple[int, int, int, int]]) -> None:
    check([(float(k), *row) for k, row in enumerate(rows)])


def test_a_quote_that_crosses_hides_what_it_crosses_until_the_feed_speaks_of_it() -> None:
    rows = [bid(0, 99, 5), ask(0, 100, 5), ask(0, 102, 5), bid(1, 101, 1)]
    replay = Trader([*rows, ask(2, 100, 4)]).replay
    replay.advance(int(replay.tape.exch_ts_ns[-2]))
    assert bests_of(replay.exchange_half) == {BUY: 101, SELL: 102}
    assert levels_of(replay.exchange_half, SELL) == {100: 5, 102: 5}
    replay.advance(int(replay.tape.exch_ts_ns[-1]))
    assert bests_of(replay.exchange_half) == {BUY: 99, SELL: 100}


def test_a_broken_feed_stays_doubtful_until_the_whole_book_is_sent_again() -> None:
    rows = [bid(0, 99, 5), ask(0, 100, 5), gap(1), clear(2, BUY), bid(2, 99, 5), clear(3), bid(3, 98, 5)]
    replay = Trader(rows).replay
    trusted = []
    for ts in replay.tape.exch_ts_ns.tolist():
        replay.advance(ts)
        trusted.append(int(at(replay.exchange_book, 0).trusted))
    assert trusted == [1, 1, 0, 0, 0, 1, 1]
