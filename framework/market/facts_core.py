"""One compiled pass over a tape for its facts: touch changes, depth samples and a passive probe's fills.

The book is a dense array of lots by price offset: ``book[side * span + price - low]``, side 0 bid, 1 ask.
A message is a run of rows with the same exchange and receive time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framework.compiled.bundles import bundle
from framework.compiled.jit import core, entry
from framework.compiled.records import f8, i1, i8, record, u1
from framework.market.events import CLEAR, DEPTH, GAP, TRADE

Ints = NDArray[np.int64]


@record
class Touch:
    """Best prices and quantities after a message that changed them."""

    ts_ns: i8
    bid: i8
    ask: i8
    bid_lots: i8
    ask_lots: i8


@record
class ProbeFill:
    """A fill of the probe: a lot at the back of the queue of the touch."""

    ts_ns: i8
    side: i8
    price_ticks: i8


@record
class Scan:
    """What the pass counts and carries."""

    span: i8
    low: i8
    bid: i8
    ask: i8
    touches: i8
    fills: i8
    samples: i8
    next_sample_ns: i8
    depth_messages: i8
    depth_levels: i8
    crossed: i8
    sample_ns: i8
    probe_ns: i8
    next_probe_ns: i8
    bands: i8
    bid_price: i8
    ask_price: i8
    bid_ahead: i8
    ask_ahead: i8
    pad: f8


@core
def forget(s: list[Scan], book: list[int], i: int) -> None:
    """Empty one side."""
    for k in range(s[0].span):
        book[i * s[0].span + k] = 0
    if i == 0:
        s[0].bid = -1
    else:
        s[0].ask = -1


@core
def apply_level(s: list[Scan], book: list[int], i: int, offset: int, qty: int) -> None:
    """Set one level and keep the side's best."""
    at = i * s[0].span
    book[at + offset] = qty
    if i == 0:
        if qty > 0 and offset > s[0].bid:
            s[0].bid = offset
        elif qty == 0 and offset == s[0].bid:
            while offset >= 0 and book[at + offset] == 0:
                offset -= 1
            s[0].bid = offset
    elif qty > 0 and (offset < s[0].ask or s[0].ask < 0):
        s[0].ask = offset
    elif qty == 0 and offset == s[0].ask:
        while offset < s[0].span and book[at + offset] == 0:
            offset += 1
        s[0].ask = offset if offset < s[0].span else -1


@core
def sample_depth(s: list[Scan], book: list[int], band_ticks: Sequence[int], depths: list[int]) -> None:
    """Add up both sides' lots within each band of the touch, averaged over the sides."""
    bid, ask = s[0].bid, s[0].ask
    at = s[0].samples * s[0].bands
    total = 0
    done = -1
    for b in range(s[0].bands):
        reach = band_ticks[b]
        for d in range(done + 1, reach + 1):
            if bid - d >= 0:
                total += book[bid - d]
            if ask + d < s[0].span:
                total += book[s[0].span + ask + d]
        done = reach
        depths[at + b] = total // 2
    s[0].samples += 1


@core
def fill_probe(s: list[Scan], fills: list[ProbeFill], side: int, ts_ns: int) -> None:
    """Record a fill and wait for the next decision."""
    if s[0].fills < len(fills):
        fill = fills[s[0].fills]
        fill.ts_ns = ts_ns
        fill.side = side
        fill.price_ticks = s[0].low + (s[0].bid_price if side > 0 else s[0].ask_price)
        s[0].fills += 1
    if side > 0:
        s[0].bid_price = -1
    else:
        s[0].ask_price = -1


@core
def probe_trade(s: list[Scan], fills: list[ProbeFill], side: int, offset: int, qty: int, ts_ns: int) -> None:
    """Let a trade use up the queue ahead of the probe, or fill it."""
    if side < 0 and s[0].bid_price >= 0 and offset <= s[0].bid_price:
        s[0].bid_ahead -= qty
        if offset < s[0].bid_price or s[0].bid_ahead < 0:
            fill_probe(s, fills, 1, ts_ns)
    elif side > 0 and s[0].ask_price >= 0 and offset >= s[0].ask_price:
        s[0].ask_ahead -= qty
        if offset > s[0].ask_price or s[0].ask_ahead < 0:
            fill_probe(s, fills, -1, ts_ns)


@core
def probe_book(s: list[Scan], book: list[int], fills: list[ProbeFill], ts_ns: int) -> None:
    """Shorten the queue when the level shrank below it; fill when the other side reached our price."""
    if s[0].bid_price >= 0:
        s[0].bid_ahead = min(s[0].bid_ahead, book[s[0].bid_price])
        if s[0].ask >= 0 and s[0].ask <= s[0].bid_price:
            fill_probe(s, fills, 1, ts_ns)
    if s[0].ask_price >= 0:
        s[0].ask_ahead = min(s[0].ask_ahead, book[s[0].span + s[0].ask_price])
        if s[0].bid >= s[0].ask_price:
            fill_probe(s, fills, -1, ts_ns)


@core
def decide_probe(s: list[Scan], book: list[int]) -> None:
    """Follow the touch, joining at the back of its queue."""
    if s[0].bid_price != s[0].bid:
        s[0].bid_price = s[0].bid
        s[0].bid_ahead = book[s[0].bid]
    if s[0].ask_price != s[0].ask:
        s[0].ask_price = s[0].ask
        s[0].ask_ahead = book[s[0].span + s[0].ask]


@core
def note_touch(s: list[Scan], book: list[int], touches: list[Touch], ts_ns: int) -> None:
    """Record the touch if it is two-sided, uncrossed and new."""
    if s[0].bid < 0 or s[0].ask < 0:
        return
    if s[0].bid >= s[0].ask:
        s[0].crossed += 1
        return
    bid, ask = s[0].low + s[0].bid, s[0].low + s[0].ask
    bid_lots, ask_lots = book[s[0].bid], book[s[0].span + s[0].ask]
    if s[0].touches > 0:
        last = touches[s[0].touches - 1]
        if last.bid == bid and last.ask == ask and last.bid_lots == bid_lots and last.ask_lots == ask_lots:
            return
    row = touches[s[0].touches]
    row.ts_ns = ts_ns
    row.bid = bid
    row.ask = ask
    row.bid_lots = bid_lots
    row.ask_lots = ask_lots
    s[0].touches += 1


@core
def due(s: list[Scan], book: list[int], band_ticks: Sequence[int], depths: list[int], ts_ns: int) -> None:
    """Take the depth samples and probe decisions that fall before this time, on the book as it stands."""
    two_sided = 0 <= s[0].bid < s[0].ask
    while s[0].next_sample_ns < ts_ns:
        if two_sided and (s[0].samples + 1) * s[0].bands <= len(depths):
            sample_depth(s, book, band_ticks, depths)
        s[0].next_sample_ns += s[0].sample_ns
    if s[0].next_probe_ns < ts_ns:
        if two_sided:
            decide_probe(s, book)
        s[0].next_probe_ns += ((ts_ns - s[0].next_probe_ns) // s[0].probe_ns + 1) * s[0].probe_ns


@bundle
class Events:
    """The columns of a tape."""

    exch_ts_ns: Sequence[i8]
    recv_ts_ns: Sequence[i8]
    kind: Sequence[u1]
    side: Sequence[i1]
    price_ticks: Sequence[i8]
    qty_lots: Sequence[i8]


@bundle
class Found:
    """What the pass works on and fills: its own state, the book, depths by band, touches, fills."""

    scan: list[Scan]
    book: list[i8]
    band_ticks: Sequence[i8]
    depths: list[i8]
    touches: list[Touch]
    fills: list[ProbeFill]


@entry()
def scan(tape: Events, result: Found) -> int:
    """Replay a tape once and fill the output buffers; return the number of touches recorded."""
    exch_ts_ns, recv_ts_ns, kind, side = tape.exch_ts_ns, tape.recv_ts_ns, tape.kind, tape.side
    price_ticks, qty_lots = tape.price_ticks, tape.qty_lots
    s, book, touches, fills = result.scan, result.book, result.touches, result.fills
    n = len(kind)
    behind = 0
    for k in range(n):
        ts_ns = exch_ts_ns[k]
        if s[0].next_sample_ns < ts_ns or s[0].next_probe_ns < ts_ns:
            due(s, book, result.band_ticks, result.depths, ts_ns)
        offset = price_ticks[k] - s[0].low
        if kind[k] == TRADE:
            probe_trade(s, fills, int(side[k]), offset, qty_lots[k], ts_ns)
        elif kind[k] == DEPTH:
            i = 0 if side[k] > 0 else 1
            if offset != s[0].bid and offset != s[0].ask:
                behind += 1
            apply_level(s, book, i, offset, qty_lots[k])
        elif kind[k] == CLEAR or kind[k] == GAP:
            if side[k] >= 0:
                forget(s, book, 0)
            if side[k] <= 0:
                forget(s, book, 1)
        if k + 1 == n or exch_ts_ns[k + 1] != ts_ns or recv_ts_ns[k + 1] != recv_ts_ns[k]:
            probe_book(s, book, fills, ts_ns)
            note_touch(s, book, touches, ts_ns)
            if behind > 0:
                s[0].depth_messages += 1
                s[0].depth_levels += behind
            behind = 0
    return int(s[0].touches)
