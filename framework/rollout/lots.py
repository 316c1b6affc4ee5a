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


def closed_lots(*, trades: Sequence[Trade], lot: float) -> list[tuple[int, float]]:
    """Match fills first in, first out, from a flat book; give (index of opening fill, net) per closed lot.

    ``lot`` is the quantity of one lot in base units, net is in quote currency after the costs of both ends.
    Lots come in the order in which they closed; one that is still partly open is left out.
    """
    waiting: deque[_Lot] = deque()
    closed: list[tuple[int, float]] = []
    for index, trade in enumerate(trades):
        left, per_lot = trade.qty_lots, trade.cost / trade.qty_lots
        while left and waiting and waiting[0].side != trade.side:
            first = waiting[0]
            taken = min(left, first.left)
            move = first.side * (trade.price - first.price) * lot
            first.net += taken * (move - first.cost_per_lot - per_lot)
            first.left -= taken
            left -= taken
            if not first.left:
                closed.append((first.opened_by, waiting.popleft().net))
        if left:
            waiting.append(_Lot(index, trade.side, trade.price, left, per_lot))
    return closed
