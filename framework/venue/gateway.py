"""The port to an exchange: what a session asks of one and what it gets, whoever stands behind it.

Every adapter passes the same numbered cases, `tests/conformance/`. Orders, reports and fills are records of
`framework.market.records`; prices and sizes that become orders are integer ticks and lots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from framework.errors import QuoteopsError
from framework.market.instrument import Instrument

ROWS = 4096
"""Market events that one poll brings at most."""


class GatewayError(QuoteopsError):
    """The exchange could not be asked, or its answer is not whole; nothing of it may be used."""


@dataclass(frozen=True)
class RequestRow:
    """A row of ``Request`` and the symbol it is for; its ``link_id`` is used once."""

    symbol: str
    row: Any


@dataclass(frozen=True)
class ReportRow:
    """A row of ``Report`` and the symbol it is of."""

    symbol: str
    row: Any


@dataclass(frozen=True, kw_only=True)
class AccountRow:
    """The books of one symbol at an instant, as the exchange has them; ``mid`` marks the position.

    Cash, fees, funding and turnover count from the start of the session.
    """

    ts_ns: int
    mid: float
    position: float
    cash: float
    fees: float
    funding: float
    turnover: float


@dataclass(frozen=True, kw_only=True)
class OpenOrder:
    """An order that rests at the exchange."""

    symbol: str
    order_id: int
    side: int
    price_ticks: int
    leaves_lots: int
    filled_lots: int
    reduce_only: bool


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One fill as the exchange keeps it; ``exec_id`` is unique, so that none is taken twice."""

    symbol: str
    exec_id: int
    order_id: int
    side: int
    price_ticks: int
    qty_lots: int
    is_maker: bool
    fee_quote: float
    fee_base: float
    exch_ts_ns: int


@dataclass(frozen=True, kw_only=True)
class VenueState:
    """All that the exchange holds of us at an instant, whole: positions in lots, orders, executions since."""

    at_ns: int
    since_ns: int
    cash: float
    positions: dict[str, float]
    orders: tuple[OpenOrder, ...]
    executions: tuple[Execution, ...]


class MarketRows:
    """A buffer of market events of one symbol in order of arrival; the first ``count`` are filled."""

    def __init__(self, *, rows: int = ROWS) -> None:
        self.count = 0
        self.exch_ts_ns: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.local_ts_ns: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.kind: NDArray[np.uint8] = np.zeros(rows, np.uint8)
        self.side: NDArray[np.int8] = np.zeros(rows, np.int8)
        self.price_ticks: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.qty_lots: NDArray[np.int64] = np.zeros(rows, np.int64)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Give the columns by their names in a feed."""
        return {name: column for name, column in vars(self).items() if name != "count"}


@dataclass
class GatewayBuffers:
    """Where a poll puts what has come; made once, filled anew by every poll.

    Nothing is asked for before ``quiet_until_ns``, so what comes earlier may be given together. ``accounts``
    holds the books that have changed.
    """

    market: dict[str, MarketRows]
    quiet_until_ns: int = 0
    reports: list[ReportRow] = field(default_factory=list)
    accounts: dict[str, AccountRow] = field(default_factory=dict)

    @classmethod
    def of(cls, symbols: Sequence[str], *, rows: int = ROWS) -> GatewayBuffers:
        """Make buffers for symbols."""
        return cls({symbol: MarketRows(rows=rows) for symbol in symbols})


@dataclass(frozen=True)
class Progress:
    """How far a poll has come: everything that arrived up to ``at_ns`` is in the buffers."""

    at_ns: int


@dataclass(frozen=True)
class GatewayHealth:
    """How an exchange is heard: market events so far, ns since the last, how far its clock is ahead (ns)."""

    sequence: int
    staleness_ns: int
    clock_offset_ns: int


class Gateway(Protocol):
    """An exchange as a session sees it."""

    @property
    def health(self) -> GatewayHealth:
        """How the exchange is heard."""
        ...

    def instrument(self, symbol: str) -> Instrument:
        """Give the rules of a symbol; raises GatewayError for one it does not have."""
        ...

    def state(self, *, since_ns: int) -> VenueState:
        """Give all that the exchange holds of us and the executions since an instant.

        Raises GatewayError; never gives a part.
        """
        ...

    def submit(self, requests: Sequence[RequestRow]) -> None:
        """Send requests in order; each is answered by exactly one report besides its fills."""
        ...

    def cancel_all(self, symbol: str | None) -> None:
        """Ask for every order of a symbol (None: of all) to be cancelled; each is reported."""
        ...

    def poll(self, into: GatewayBuffers, *, until_ns: int) -> Progress:
        """Bring what has arrived; wait until an instant at the longest.

        It returns at the first instant, not before ``into.quiet_until_ns``, at which anything arrived, with
        all that arrived by then: of one instant everything or nothing. Raises GatewayError.
        """
        ...
