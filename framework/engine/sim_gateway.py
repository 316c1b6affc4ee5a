"""The simulated exchange as a gateway: a tape is its market, its delays are the wire's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.compiled.records import at, dtype_of
from framework.engine.replay import Replay
from framework.market.instrument import Instrument
from framework.market.records import (
    AMEND,
    AMEND_REJECTED,
    CANCEL,
    CANCEL_REJECTED,
    DUPLICATE,
    NEW,
    REJECTED,
    Report,
    Request,
)
from framework.quoting.records import FOREVER
from framework.venue.gateway import (
    AccountRow,
    Execution,
    GatewayBuffers,
    GatewayError,
    GatewayHealth,
    MarketRows,
    OpenOrder,
    Progress,
    ReportRow,
    RequestRow,
    VenueState,
)

REFUSED = {NEW: REJECTED, AMEND: AMEND_REJECTED, CANCEL: CANCEL_REJECTED}


class SimGateway:
    """One symbol's simulated exchange: that of a replay which is played through here and not by itself.

    The exchange runs only as far as nobody can reach it, so a session trades what a replay trades.
    """

    def __init__(self, replay: Replay) -> None:
        self.exchange, self.wire, self.at_ns = replay.exchange_half, replay.wire, replay.start_ns - 1
        self._feed, self._tape = replay.feed, replay.tape
        self._local, self._delay_ns = replay.local_ts_ns, replay.delay_ns
        self._heard = self._last_link = 0
        self._refused: list[Any] = []
        self._ledger, self._told = at(replay.ledger, 0), (0, 0.0)
        self._symbol = replay.tape.instrument.symbol

    @property
    def health(self) -> GatewayHealth:
        """How the market is heard: a tape has no clock of its own to be wrong."""
        last = self._arrival_ns(self._heard - 1) if self._heard else self.at_ns
        return GatewayHealth(self._heard, max(0, self.at_ns - last), 0)

    def instrument(self, symbol: str) -> Instrument:
        """Give the tape's instrument; raises GatewayError for another symbol."""
        if symbol != self._symbol:
            raise GatewayError(f"simulated exchange: no symbol {symbol}; allowed {self._symbol}")
        return self._tape.instrument

    def state(self, *, since_ns: int) -> VenueState:
        """Give position, resting orders and the fills at or after an instant; raises GatewayError."""
        ledger, count = self._ledger, int(at(self.exchange.state, 0).live)
        if at(self.exchange.state, 0).overflow:
            raise GatewayError(f"{self._symbol}: the exchange has lost rows; allowed a whole state")
        fills = self.exchange.fill_rows()
        return VenueState(
            at_ns=self.at_ns,
            since_ns=since_ns,
            cash=float(ledger.cash),
            positions={self._symbol: float(ledger.position)},
            orders=tuple(self._order(at(self.exchange.orders, k)) for k in range(count)),
            executions=tuple(self._execution(fill) for fill in fills[fills["exch_ts_ns"] >= since_ns]),
        )

    def submit(self, requests: Sequence[RequestRow]) -> None:
        """Put requests on their way, each with the delay of its turn."""
        rings, delays = at(self.wire.rings, 0), self.wire.bound.entry_ns
        names = dtype_of(Request).names or ()
        for request in requests:
            self.instrument(request.symbol)
            link = int(request.row["link_id"])
            if 0 < link <= self._last_link:  # a desk counts its requests
                self._refused.append(self._duplicate(request.row))
                continue
            self._last_link = max(link, self._last_link)
            fields = {name: request.row[name].item() for name in names}
            fields["arrive_ns"] = fields["sent_ns"] + int(delays[rings.requests % len(delays)])
            self.wire.submit(**fields)

    def cancel_all(self, symbol: str | None) -> None:
        """Ask to cancel what rests and what is on its way."""
        if symbol is not None:
            self.instrument(symbol)
        count = int(at(self.exchange.state, 0).live)
        resting = [at(self.exchange.orders, k) for k in range(count)]
        orders = [(int(order.order_id), int(order.side)) for order in resting]
        under_way = self.wire.pending_requests()
        orders += under_way[["order_id", "side"]][under_way["action"] == NEW].tolist()
        rows = np.zeros(len(orders), dtype_of(Request))
        rows["action"], rows["sent_ns"] = CANCEL, self.at_ns
        rows["order_id"], rows["side"] = zip(*orders, strict=True) if orders else ((), ())
        self.submit([RequestRow(self._symbol, row) for row in rows])

    def poll(self, into: GatewayBuffers, *, until_ns: int) -> Progress:
        """Let the market and the exchange go on to the first arrival; nothing is waited for."""
        quiet = max(into.quiet_until_ns, self.at_ns)
        rows, refused, self._refused = into.market[self._symbol], self._refused, []
        if refused:
            until_ns = min(until_ns, quiet)
        stop = self._fitting(rows, min(until_ns, max(quiet, self._arrival_ns(self._heard))))
        self.at_ns = self.exchange.advance(stop, feed=self._feed, wire=self.wire, quiet_until_ns=quiet)
        self._copy(rows)
        reports = self.wire.take_reports(until_ns=self.at_ns)
        into.reports[:] = [ReportRow(self._symbol, row) for row in (*refused, *reports)]
        into.accounts.clear()
        now = (int(self._ledger.fills), float(self._ledger.funding))
        if now != self._told:
            self._told, into.accounts[self._symbol] = now, self._account()
        return Progress(self.at_ns)

    def _arrival_ns(self, event: int) -> int:
        """Give when an event of the tape reaches the desk; beyond the last, never."""
        return int(self._local[event]) + self._delay_ns if event < len(self._local) else FOREVER

    def _fitting(self, rows: MarketRows, stop: int) -> int:
        """Cut a stretch of time whose events are more than the buffer holds, between two instants."""
        held = len(rows.kind)
        beyond = self._arrival_ns(self._heard + held)
        if beyond > stop:
            return stop
        if self._arrival_ns(self._heard) == beyond:
            raise GatewayError(f"{self._symbol} at {beyond} ns: an instant of more than {held} market events")
        return beyond - 1

    def _copy(self, rows: MarketRows) -> None:
        first = self._heard
        last = int(np.searchsorted(self._local, self.at_ns - self._delay_ns, side="right"))
        count = rows.count = last - first
        np.add(self._local[first:last], self._delay_ns, out=rows.local_ts_ns[:count])
        for name in ("exch_ts_ns", "kind", "side", "price_ticks", "qty_lots"):
            getattr(rows, name)[:count] = getattr(self._tape, name)[first:last]
        self._heard = last

    def _account(self) -> AccountRow:
        ledger = self._ledger
        return AccountRow(
            ts_ns=self.at_ns,
            mid=float(at(self.exchange.state, 0).mid),
            position=float(ledger.position),
            cash=float(ledger.cash),
            fees=float(ledger.fees),
            funding=float(ledger.funding),
            turnover=float(ledger.turnover),
        )

    def _duplicate(self, request: Any) -> Any:
        """Refuse a request whose link was used before; the exchange never sees it."""
        row = np.zeros(1, dtype_of(Report))
        for name in ("sent_ns", "order_id", "side", "price_ticks", "qty_lots", "link_id", "route"):
            row[name] = request[name]
        row["arrive_ns"] = row["exch_ts_ns"] = self.at_ns
        row["report_kind"], row["reason"] = REFUSED[int(request["action"])], DUPLICATE
        return row[0]

    def _order(self, order: Any) -> OpenOrder:
        return OpenOrder(
            symbol=self._symbol,
            order_id=int(order.order_id),
            side=int(order.side),
            price_ticks=int(order.price_ticks),
            leaves_lots=int(order.leaves_lots),
            filled_lots=int(order.filled_lots),
            reduce_only=bool(order.reduce_only),
        )

    def _execution(self, fill: Any) -> Execution:
        return Execution(
            symbol=self._symbol,
            exec_id=int(fill["exec_id"]),
            order_id=int(fill["order_id"]),
            side=int(fill["side"]),
            price_ticks=int(fill["price_ticks"]),
            qty_lots=int(fill["qty_lots"]),
            is_maker=bool(fill["is_maker"]),
            fee_quote=float(fill["fee_quote"]),
            fee_base=float(fill["fee_base"]),
            exch_ts_ns=int(fill["exch_ts_ns"]),
        )
