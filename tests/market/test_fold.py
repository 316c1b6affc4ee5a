"""One book out of diffs and tickers, in any interleaving of the two streams."""

from hypothesis import given
from hypothesis import strategies as st

from framework.market.events import BUY, DEPTH, SELL
from framework.market.importers.fold import FoldedBook
from tests.market.recordings import Market
from tests.market.replay import ReferenceBook


@st.composite
def interleavings(draw: st.DrawFn) -> tuple[Market, list[tuple[str, int, int]]]:
    """Return a market and its diffs and tickers, each stream in order, the two mixed at random."""
    market = Market(seed=draw(st.integers(0, 10_000)), updates=60)
    cuts = sorted(draw(st.sets(st.integers(1, 59), max_size=12)) | {60})
    diffs = [("diff", before + 1, last) for before, last in zip([0, *cuts[:-1]], cuts, strict=True)]
    tickers = [("ticker", at, at) for at in sorted(draw(st.sets(st.integers(1, 60), max_size=25)))]
    order = draw(st.permutations(["diff"] * len(diffs) + ["ticker"] * len(tickers)))
    streams = {"diff": iter(diffs), "ticker": iter(tickers)}
    return market, [next(streams[name]) for name in order]


def start(market: Market) -> FoldedBook:
    """Return a folded book at update id 0."""
    book = FoldedBook()
    book.snapshot(last_id=0, levels=[(side, price, qty) for (side, price), qty in market.books[0].items()])
    return book


def held(book: FoldedBook) -> dict[tuple[int, int], int]:
    return {(side, price): qty for side, price, qty in book.levels}


@given(interleavings())
def test_the_touch_is_always_that_of_the_newest_message_and_the_book_is_true_at_the_newest_diff(
    drawn: tuple[Market, list[tuple[str, int, int]]],
) -> None:
    market, messages = drawn
    book, newest = start(market), 0
    for name, first, last in messages:
        if name == "diff":
            book.diff(last_id=last, levels=market.diff(first, last))
        else:
            bid, bid_qty, ask, ask_qty = market.touch(last)
            book.ticker(last_id=last, bid=(bid, bid_qty), ask=(ask, ask_qty))
        if last >= newest:
            newest = last
            if name == "diff":
                assert held(book) == market.books[last]
        bid, bid_qty, ask, ask_qty = market.touch(newest)
        assert (book.best_bid, book.best_ask) == (bid, ask)
        assert held(book).get((BUY, bid), 0) == bid_qty
        assert held(book).get((SELL, ask), 0) == ask_qty
    assert book.crossed == 0


@given(interleavings())
def test_the_rows_written_down_rebuild_the_book_and_none_of_them_changes_nothing(
    drawn: tuple[Market, list[tuple[str, int, int]]],
) -> None:
    market, messages = drawn
    book, reference = start(market), ReferenceBook()
    for name, first, last in messages:
        if name == "diff":
            book.diff(last_id=last, levels=market.diff(first, last))
        else:
            bid, bid_qty, ask, ask_qty = market.touch(last)
            book.ticker(last_id=last, bid=(bid, bid_qty), ask=(ask, ask_qty))
    for kind, side, price, qty in book.rows:
        before = dict(reference.levels)
        reference.apply(kind, side, price, qty)
        assert kind != DEPTH or reference.levels != before
    assert reference.levels == held(book)


def test_a_level_deleted_by_a_ticker_does_not_come_back_from_an_older_diff() -> None:
    book = FoldedBook()
    book.snapshot(last_id=1, levels=[(BUY, 10, 5), (BUY, 12, 5), (SELL, 15, 5)])
    book.ticker(last_id=8, bid=(10, 4), ask=(15, 5))
    book.ticker(last_id=9, bid=(13, 1), ask=(15, 5))
    book.diff(last_id=6, levels=[(BUY, 12, 9), (BUY, 10, 9), (BUY, 9, 2)])
    assert held(book) == {(BUY, 13): 1, (BUY, 10): 4, (BUY, 9): 2, (SELL, 15): 5}


def test_a_crossed_book_is_counted_and_left_as_it_is() -> None:
    book = FoldedBook()
    book.snapshot(last_id=1, levels=[(BUY, 10, 5), (SELL, 12, 5)])
    book.diff(last_id=2, levels=[(BUY, 12, 1)])
    assert book.crossed == 1
    assert (book.best_bid, book.best_ask) == (12, 12)


def test_a_ticker_with_an_empty_side_empties_that_side() -> None:
    book = FoldedBook()
    book.snapshot(last_id=1, levels=[(BUY, 10, 5), (SELL, 12, 5), (SELL, 13, 5)])
    book.ticker(last_id=2, bid=(10, 5), ask=(0, 0))
    assert held(book) == {(BUY, 10): 5}


def test_a_second_snapshot_of_a_trusted_book_writes_only_what_differs() -> None:
    book = FoldedBook()
    book.snapshot(last_id=1, levels=[(BUY, 10, 5), (BUY, 9, 1), (SELL, 12, 5)])
    written = len(book.rows)
    book.snapshot(last_id=9, levels=[(BUY, 10, 6), (SELL, 12, 5)])
    assert sorted(book.rows[written:]) == [(DEPTH, BUY, 9, 0), (DEPTH, BUY, 10, 6)]


def test_a_book_that_moves_is_never_crossed_between_two_rows_of_one_message() -> None:
    book, reference = FoldedBook(), ReferenceBook()
    book.snapshot(last_id=1, levels=[(BUY, 10, 5), (SELL, 11, 5), (SELL, 13, 5)])
    book.ticker(last_id=2, bid=(11, 4), ask=(12, 4))
    book.diff(last_id=3, levels=[(BUY, 12, 1), (SELL, 12, 0), (BUY, 11, 3)])
    book.ticker(last_id=4, bid=(9, 1), ask=(10, 1))
    for row in book.rows:
        reference.apply(*row)
        bids = [price for side, price in reference.levels if side == BUY]
        asks = [price for side, price in reference.levels if side == SELL]
        assert max(bids, default=0) < min(asks, default=99)


def test_tickers_without_ids_rule_only_until_the_next_diff() -> None:
    book = FoldedBook()
    book.snapshot(last_id=-1, levels=[(BUY, 10, 5), (SELL, 12, 5)])
    book.ticker(last_id=-1, bid=(9, 1), ask=(12, 5))
    book.diff(last_id=-1, levels=[(BUY, 11, 2)])
    assert held(book) == {(BUY, 11): 2, (BUY, 9): 1, (SELL, 12): 5}
