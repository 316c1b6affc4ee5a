"""What a session does with what it finds at the exchange when it starts: a decision over two records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.venue.gateway import Execution, OpenOrder, VenueState

EPSILON_LOTS = 0.5
"""Less than half a lot is dust that fees in the base coin leave."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the journal knows: orders that live, orders that are over, fills taken, the position they make.

    ``last_order`` and ``last_link`` are the highest numbers used, by symbol: none is used twice.
    """

    orders: frozenset[tuple[str, int]] = frozenset()
    ended: frozenset[tuple[str, int]] = frozenset()
    executions: frozenset[tuple[str, int]] = frozenset()
    positions: Mapping[str, float] = field(default_factory=dict)
    since_ns: int = 0
    last_order: Mapping[str, int] = field(default_factory=dict)
    last_link: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """Everything is explained: fills that were missed, orders still open, orders over without a word."""

    missed: tuple[Execution, ...]
    open: tuple[OpenOrder, ...]
    gone: tuple[tuple[str, int], ...]
    positions: Mapping[str, float]


@dataclass(frozen=True)
class Refused:
    """Something is not explained, so no risk may be added; each line says what and where."""

    unexplained: tuple[str, ...]


def reconcile(*, known: Known, state: VenueState, lots: Mapping[str, float]) -> Reconciled | Refused:
    """Decide whether orders, fills and positions at the exchange are this session's own.

    ``lots`` is the size of a lot by symbol. Nothing is invented to make a difference go away.
    """
    missed = tuple(e for e in state.executions if (e.symbol, e.exec_id) not in known.executions)
    wrong = [
        f"{order.symbol}: order {order.order_id} rests at the exchange and "
        + (
            "was told to be over"
            if (order.symbol, order.order_id) in known.ended
            else "is not this session's"
        )
        for order in state.orders
        if (order.symbol, order.order_id) not in known.orders
    ]
    wrong += [
        f"{fill.symbol}: fill {fill.exec_id} is of order {fill.order_id}, which is not this session's"
        for fill in missed
        if (fill.symbol, fill.order_id) not in known.orders | known.ended
    ]
    for symbol in sorted({*state.positions, *known.positions}):
        expected = known.positions.get(symbol, 0.0) + sum(
            fill.side * fill.qty_lots * lots[symbol] - fill.fee_base
            for fill in missed
            if fill.symbol == symbol
        )
        held = state.positions.get(symbol, 0.0)
        if abs(held - expected) >= EPSILON_LOTS * lots[symbol]:
            wrong.append(f"{symbol}: position is {held:g}, the session's fills make {expected:g}")
    if wrong:
        return Refused(tuple(wrong))
    resting = {(order.symbol, order.order_id) for order in state.orders}
    return Reconciled(
        missed=missed,
        open=state.orders,
        gone=tuple(sorted(known.orders - resting)),
        positions=dict(state.positions),
    )
