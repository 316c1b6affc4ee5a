"""One symbol traded through a gateway: poll → desk → journal → submit → sinks, one step at a time."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from framework.compiled.bundles import bind
from framework.compiled.records import at, interpreted
from framework.engine.halves import DeskHalf, WireBuffers
from framework.engine.records import Feed
from framework.errors import QuoteopsError
from framework.session.errors import SoakError
from framework.session.intents import IntentJournal
from framework.session.reconcile import Reconciled, Refused, reconcile
from framework.session.sinks import Sink
from framework.venue.gateway import Gateway, GatewayBuffers, MarketRows, RequestRow


class Observer(Protocol):
    """Look at a session beside the desk: at what has arrived, and on a grid of time before the desk ticks."""

    @property
    def due_ns(self) -> int:
        """The next instant at which it looks at the desk."""
        ...

    def arrived(self) -> None:
        """Look at what the exchange has done, before the desk knows."""
        ...

    def look(self, at_ns: int) -> None:
        """Look at the desk, which has seen everything up to this instant and not ticked yet."""
        ...


class Session:
    """A desk and the gateway it trades through; ``at_ns`` is how far both have come."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        symbol: str,
        desk: DeskHalf,
        buffers: GatewayBuffers,
        observer: Observer,
        journal: IntentJournal,
        start_ns: int,
    ) -> None:
        self.gateway, self.symbol, self.desk, self.at_ns = gateway, symbol, desk, start_ns - 1
        self._observer, self._journal = observer, journal
        self.sinks: list[Sink] = []
        self._into = buffers
        self._wire = WireBuffers.straight()
        self._feed = _feed(buffers.market[symbol])

    def reconcile(self) -> Reconciled | Refused:
        """Decide what the orders, fills and positions found at the exchange are; raises GatewayError."""
        known = self._journal.known()
        state = self.gateway.state(since_ns=known.since_ns)
        symbols = {*state.positions, *known.positions}
        lots = {symbol: self.gateway.instrument(symbol).lot for symbol in symbols}
        return reconcile(known=known, state=state, lots=lots)

    def start(self) -> None:
        """Take over what is found, no order left open; raises SoakError when something is unexplained."""
        decision = self.reconcile()
        if isinstance(decision, Refused):
            raise SoakError(f"session: {'; '.join(decision.unexplained)}; allowed what this session has done")
        self._journal.reconciled(decision)
        known = self._journal.known()
        at(self.desk.exposure, 0).position = decision.positions.get(self.symbol, 0.0)
        at(self.desk.desk, 0).next_order_id = known.last_order.get(self.symbol, 0)
        at(self._wire.rings, 0).requests = known.last_link.get(self.symbol, 0)
        if decision.open or decision.gone:  # one that is gone may be on its way still
            self.gateway.cancel_all(self.symbol)

    def advance(self, until_ns: int, *, end_runs: bool = False) -> None:
        """Go on up to and including an instant; ``end_runs`` also writes the block runs still open then."""
        # Parameters or a wake-up may have come since the last step: when the desk is due is asked anew.
        self.desk.advance(self.at_ns, feed=self._feed, events=0, wire=self._wire)
        while self.at_ns < until_ns:
            self.step(until_ns)
        if end_runs:
            self.desk.pause(until_ns, feed=self._feed, events=0, wire=self._wire, end_runs=True)

    def step(self, until_ns: int) -> None:
        """Go on to the first instant at which the desk may act, at most up to ``until_ns``."""
        into, desk, wire = self._into, self.desk, self._wire
        into.quiet_until_ns = desk.quiet_until_ns
        due_ns = max(min(until_ns, desk.due_ns, self._observer.due_ns), self.at_ns)
        self.at_ns = now = self.gateway.poll(into, until_ns=due_ns).at_ns
        self._observer.arrived()
        for report in self._journal.hear(into.reports) if into.reports else ():
            wire.put_report(report.row)
        if (account := into.accounts.get(self.symbol)) is not None:
            at(desk.exposure, 0).funding = account.funding
        events = into.market[self.symbol].count
        if interpreted():  # compiled, the feed is the buffers; interpreted, it is a copy
            self._feed = _feed(into.market[self.symbol])
        if now == due_ns and self._observer.due_ns <= now:
            desk.pause(now, feed=self._feed, events=events, wire=wire)
            self._observer.look(now)
            events = 0
        desk.advance(now, feed=self._feed, events=events, wire=wire)
        rows = wire.take_requests()
        if len(rows):
            self._submit([RequestRow(self.symbol, row) for row in rows])
        for sink in self.sinks:
            sink.drain()

    def _submit(self, requests: list[RequestRow]) -> None:
        """Send requests that are kept; when they cannot be, take every order off and say why."""
        try:
            self._journal.intend(requests)
        except QuoteopsError:
            self.gateway.cancel_all(self.symbol)
            raise
        self.gateway.submit(requests)


def _feed(rows: MarketRows) -> Feed:
    return bind(Feed, **rows.columns(), delay_ns=np.zeros(1, np.int64))
