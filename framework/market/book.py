"""The order book as two dense price ladders; pure and compiled.

A book's record holds the bests, its ``levels`` the quantities in lots: two ladders, bid and ask. A quote that
crosses the other side hides the crossed levels, as exchanges that report deletions late make books look for
an instant; they come back only when the feed sets them again.
"""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.compiled.records import i8, record
from framework.market.events import BUY


@record
class Book:
    """Bests and bounds of one book; without a bid ``best_bid`` is below the ladder, without an ask above
    it.
    """

    base_tick: i8
    slots: i8
    best_bid: i8
    best_ask: i8
    low_bid: i8
    high_ask: i8
    touched_low: i8
    touched_high: i8
    trusted: i8
    crossed: i8
    out_of_range: i8
    updated_ns: i8


@core
def clear(book: Book, levels: list[int], side: int) -> None:
    """Empty a side of a book, or with side 0 the book, which may be trusted again."""
    if side == 0:
        clear_book(book, levels)
    else:
        clear_side(book, levels, side)


@core
def clear_book(book: Book, levels: list[int]) -> None:
    """Remove every level of both sides; the book is to be trusted again once levels follow."""
    bid = -book.base_tick
    for tick in range(book.touched_low, book.touched_high + 1):
        levels[bid + tick] = 0
        levels[bid + book.slots + tick] = 0
    empty_book(book)


@core
def clear_side(book: Book, levels: list[int], side: int) -> None:
    """Remove every level of one side; the other stays, and so does the doubt of a broken feed."""
    at = -book.base_tick
    if side != BUY:
        at += book.slots
    for tick in range(book.touched_low, book.touched_high + 1):
        levels[at + tick] = 0
    if side == BUY:
        book.best_bid = book.base_tick - 1
        book.low_bid = book.base_tick + book.slots
    else:
        book.best_ask = book.base_tick + book.slots
        book.high_ask = book.base_tick - 1


@core
def empty_book(book: Book) -> None:
    """Set the bests of a book whose ladders hold nothing."""
    book.best_bid = book.base_tick - 1
    book.best_ask = book.base_tick + book.slots
    book.low_bid = book.base_tick + book.slots
    book.high_ask = book.base_tick - 1
    book.touched_low = book.base_tick + book.slots
    book.touched_high = book.base_tick - 1
    book.trusted = 1


@core
def two_sided(book: Book) -> bool:
    """Tell whether the book has a bid and an ask and may be trusted."""
    return (
        book.trusted == 1 and book.best_bid >= book.base_tick and book.best_ask < book.base_tick + book.slots
    )


@hot
def level_lots(book: Book, levels: list[int], side: int, tick: int) -> int:
    """Give the displayed quantity at a price of one side, 0 outside the ladder."""
    slot = tick - book.base_tick
    if slot < 0 or slot >= book.slots:
        return 0
    if side == BUY:
        return levels[slot]
    return levels[book.slots + slot]


@hot
def set_level(book: Book, levels: list[int], side: int, tick: int, lots: int) -> int:
    """Set the quantity of one level, keep the bests true, give the quantity it had (-1: outside the
    ladder).
    """
    slot = tick - book.base_tick
    if slot < 0 or slot >= book.slots:
        book.out_of_range += 1
        return -1
    if tick < book.touched_low:
        book.touched_low = tick
    if tick > book.touched_high:
        book.touched_high = tick
    if side == BUY:
        return _set_bid(book, levels, tick, lots)
    return _set_ask(book, levels, tick, lots)


@hot
def _set_bid(book: Book, levels: list[int], tick: int, lots: int) -> int:
    at = -book.base_tick
    before = levels[at + tick]
    levels[at + tick] = lots
    if lots == 0:
        if tick == book.best_bid:
            best = tick - 1
            while best >= book.low_bid and levels[at + best] == 0:
                best -= 1
            if best < book.low_bid:
                best = book.base_tick - 1
                book.low_bid = book.base_tick + book.slots
            book.best_bid = best
        return before
    if tick < book.low_bid:
        book.low_bid = tick
    if tick > book.best_bid:
        book.best_bid = tick
        if tick >= book.best_ask:
            book.crossed += 1
            at += book.slots
            best = tick + 1
            while best <= book.high_ask and levels[at + best] == 0:
                best += 1
            book.best_ask = best if best <= book.high_ask else book.base_tick + book.slots
    return before


@hot
def _set_ask(book: Book, levels: list[int], tick: int, lots: int) -> int:
    at = book.slots - book.base_tick
    before = levels[at + tick]
    levels[at + tick] = lots
    if lots == 0:
        if tick == book.best_ask:
            best = tick + 1
            while best <= book.high_ask and levels[at + best] == 0:
                best += 1
            if best > book.high_ask:
                best = book.base_tick + book.slots
                book.high_ask = book.base_tick - 1
            book.best_ask = best
        return before
    if tick > book.high_ask:
        book.high_ask = tick
    if tick < book.best_ask:
        book.best_ask = tick
        if tick <= book.best_bid:
            book.crossed += 1
            at -= book.slots
            best = tick - 1
            while best >= book.low_bid and levels[at + best] == 0:
                best -= 1
            book.best_bid = best if best >= book.low_bid else book.base_tick - 1
    return before


@hot
def depth_to(book: Book, levels: list[int], side: int, tick: int, enough: int) -> int:
    """Sum the visible lots of one side from its best to ``tick`` inclusive, stopping once ``enough`` is
    reached.
    """
    total = 0
    if side == BUY:
        at = -book.base_tick
        price = book.best_bid
        last = tick if tick > book.low_bid else book.low_bid
        while price >= last and total < enough:
            total += levels[at + price]
            price -= 1
    else:
        at = book.slots - book.base_tick
        price = book.best_ask
        last = tick if tick < book.high_ask else book.high_ask
        while price <= last and total < enough:
            total += levels[at + price]
            price += 1
    return total


@hot
def depth_of_levels(book: Book, levels: list[int], side: int, count: int, reach: int, enough: int) -> int:
    """Sum the lots of the first ``count`` populated levels of one side, looking at most ``reach`` ticks
    deep and stopping once ``enough`` is reached.
    """
    total = 0
    passed = 0
    if side == BUY:
        at = -book.base_tick
        price = book.best_bid
        last = price - reach if price - reach > book.low_bid else book.low_bid
        while price >= last and passed < count and total < enough:
            if levels[at + price] > 0:
                passed += 1
                total += levels[at + price]
            price -= 1
    else:
        at = book.slots - book.base_tick
        price = book.best_ask
        last = price + reach if price + reach < book.high_ask else book.high_ask
        while price <= last and passed < count and total < enough:
            if levels[at + price] > 0:
                passed += 1
                total += levels[at + price]
            price += 1
    return total
