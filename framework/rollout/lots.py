"""Lots: what each opening fill earned once later fills had closed all of it, first in, first out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trade:
    """One fill: side +1 or -1, whole lots, price, cost (quote currency, fees of every kind, positive)."""

    side: int
    qty_lots: int
    price: float
    cost: float


@dataclass
class _Lot:
    opened_by: int
    side: int
    price: float
    left: int
    cost_per_lot: float
    net: float = 0.0


class OpenLots:
    """Lots that are open, from a flat book on; first in, first out. ``lot`` is one of them in base units."""

    def __init__(self, *, lot: float) -> None:
        self._waiting: deque[_Lot] = deque()
        self._lot, self._count = lot, 0

    def add(self, trade: Trade) -> list[tuple[int, float]]:
        """Match the next fill; give (number of the opening fill, net) of each lot that it closes.

        Fills are numbered from 0; net is in quote currency after the costs of both ends. One that is still
        partly open is left out.
        """
        closed: list[tuple[int, float]] = []
        left, per_lot = trade.qty_lots, trade.cost / trade.qty_lots
        while left and self._waiting and self._waiting[0].side != trade.side:
            first = self._waiting[0]
            taken = min(left, first.left)
            move = first.side * (trade.price - first.price) * self._lot
            first.net += taken * (move - first.cost_per_lot - per_lot)
            first.left -= taken
            left -= taken
            if not first.left:
                closed.append((first.opened_by, self._waiting.popleft().net))
        if left:
            self._waiting.append(_Lot(self._count, trade.side, trade.price, left, per_lot))
        self._count += 1
        return closed


def closed_lots(*, trades: Sequence[Trade], lot: float) -> list[tuple[int, float]]:
    """Match fills from a flat book; give (index of opening fill, net) per lot, in the order they closed."""
    book = OpenLots(lot=lot)
    return [closed for trade in trades for closed in book.add(trade)]
