"""One book out of three streams: snapshots, diffs and best-quote tickers, told apart by their update ids."""

from collections import deque
from heapq import heappop, heappush

from framework.market.events import BUY, CLEAR, DEPTH, SELL

Level = tuple[int, int, int]
"""side, price_ticks, qty_lots"""
Touch = tuple[int, int]
"""price_ticks, qty_lots"""
FAR = 1 << 62
"""A price no level reaches."""


class FoldedBook:
    """Keep both sides of a book and write down every change as (kind, side, price_ticks, qty_lots) in
    ``rows``.

    A change that changes nothing is not written. A ticker newer than a diff wins over it at the touch and on
    everything better; the levels it deleted do not come back from an older diff.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int]] = []
        self.trusted = False
        self.crossed = 0
        self.stale_tickers = 0
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._bid_heap: list[int] = []
        self._ask_heap: list[int] = []
        self._told: deque[tuple[int, int, int]] = deque()
        self._diff_id = -1

    @property
    def best_bid(self) -> int:
        """Return the best bid in ticks, 0 when there is none."""
        heap, held = self._bid_heap, self._bids
        while heap and -heap[0] not in held:
            heappop(heap)
        return -heap[0] if heap else 0

    @property
    def best_ask(self) -> int:
        """Return the best ask in ticks, 0 when there is none."""
        heap, held = self._ask_heap, self._asks
        while heap and heap[0] not in held:
            heappop(heap)
        return heap[0] if heap else 0

    @property
    def levels(self) -> set[Level]:
        """Return every level held."""
        bids = {(BUY, price, qty) for price, qty in self._bids.items()}
        return bids | {(SELL, price, qty) for price, qty in self._asks.items()}

    def break_off(self) -> None:
        """Forget everything; nothing is trusted until the next snapshot."""
        for held in (self._bids, self._asks, self._bid_heap, self._ask_heap, self._told):
            held.clear()
        self.trusted = False

    def snapshot(self, *, last_id: int, levels: list[Level]) -> None:
        """Make the book these levels: a CLEAR and its rows at first or after a break, else only what
        differs.
        """
        if not self.trusted:
            self.break_off()
            self.rows.append((CLEAR, 0, 0, 0))
            self.trusted = True
        kept = {(side, price) for side, price, qty in levels if qty}
        for side, price, _ in sorted(self.levels):
            if (side, price) not in kept:
                self._set(side, price, 0)
        for side, price, qty in levels:
            self._set(side, price, qty)
        self._told.clear()
        self._diff_id = last_id
        self._count_crossed()

    def diff(self, *, last_id: int, levels: list[Level]) -> None:
        """Apply absolute quantities as of ``last_id``, except where a newer ticker has told otherwise.

        Deletions come first, so that the book is not crossed between two rows of one message.
        """
        told = self._told
        while told and told[0][0] < last_id:
            told.popleft()
        self._diff_id = max(self._diff_id, last_id)
        bid = min((row[1] for row in told), default=FAR)
        ask = max((row[2] for row in told), default=0)
        for side, price, qty in sorted(levels, key=_is_set):
            if price < bid if side == BUY else price > ask:
                self._set(side, price, qty)
        self._count_crossed()

    def ticker(self, *, last_id: int, bid: Touch | None, ask: Touch | None) -> None:
        """Make this the touch as of ``last_id``: levels better than it go.

        A price or quantity of 0 empties its side; None says nothing of it, but levels there that the other
        side crosses go too. Deletions come first.
        """
        if last_id < self._diff_id:
            self.stale_tickers += 1
            return
        bid_price = FAR if bid is None else bid[0] if bid[1] else 0
        ask_price = 0 if ask is None else ask[0] if ask[1] else FAR
        if last_id >= 0:  # without ids the order of arrival is all there is
            self._told.append((last_id, bid_price, ask_price))
        bids_until = min(bid_price, FAR if ask is None or bid is not None else ask_price - 1)
        asks_from = max(ask_price, 0 if bid is None or ask is not None else bid_price + 1)
        while self.best_bid > bids_until:
            self._set(BUY, self.best_bid, 0)
        while 0 < self.best_ask < asks_from:
            self._set(SELL, self.best_ask, 0)
        if bid is not None and bid[1]:
            self._set(BUY, *bid)
        if ask is not None and ask[1]:
            self._set(SELL, *ask)
        self._count_crossed()

    def drop(self, *, side: int, upto: int) -> None:
        """Delete the levels of a side from the best one to ``upto``, inclusive."""
        held = self._bids if side == BUY else self._asks
        for price in sorted(held):
            if price >= upto if side == BUY else price <= upto:
                self._set(side, price, 0)

    def touch(self, *, bid: Touch | None, ask: Touch | None) -> None:
        """Make this the whole book, one level a side; a recording without depth knows no more."""
        wanted = [(side, *told) for side, told in ((BUY, bid), (SELL, ask)) if told]
        self.snapshot(last_id=-1, levels=[level for level in wanted if level[1] and level[2]])

    def _set(self, side: int, price: int, qty: int) -> None:
        held = self._bids if side == BUY else self._asks
        before = held.get(price, 0)
        if before == qty or price <= 0:
            return
        if qty == 0:
            del held[price]
        else:
            if not before:
                if side == BUY:
                    heappush(self._bid_heap, -price)
                else:
                    heappush(self._ask_heap, price)
            held[price] = qty
        self.rows.append((DEPTH, side, price, qty))

    def _count_crossed(self) -> None:
        bid, ask = self.best_bid, self.best_ask
        if bid and ask and bid >= ask:
            self.crossed += 1


def _is_set(level: Level) -> bool:
    return level[2] > 0
