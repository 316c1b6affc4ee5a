"""Every gateway there is, each on the market that a case writes; a new adapter is a row here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.compiled.records import at, dtype_of, zeros
from framework.engine.replay import Replay
from framework.engine.sim_gateway import SimGateway
from framework.market.events import BUY
from framework.market.records import POST_ONLY, Request
from framework.quoting.records import Params
from framework.venue.gateway import Gateway, GatewayBuffers, RequestRow
from tests.engine.tapes import INSTRUMENT, Row, latency, ns, tape_of, venue

SYMBOL = INSTRUMENT.symbol


def simulated(market: Sequence[Row], *, position: float = 0.0) -> Gateway:
    """The simulated exchange: delays of 1 ms each way, fees of 1 and 5 bps."""
    replay = Replay(tape=tape_of(market), params=zeros(Params, 1), venue=venue(), latency=latency())
    at(replay.ledger, 0).position = position
    return SimGateway(replay)


ADAPTERS: dict[str, Callable[..., Gateway]] = {"simulated": simulated}
"""A gateway on a market of rows (``tests/engine/tapes.py``), with a position from before."""


def lose_a_row(gateway: Gateway) -> None:
    """Let the simulated exchange lose a row, as a buffer that is too small would."""
    assert isinstance(gateway, SimGateway)
    at(gateway.exchange.state, 0).overflow = 1


BREAKS: dict[str, Callable[[Gateway], None]] = {"simulated": lose_a_row}
"""What keeps a gateway from seeing all that its exchange holds."""


class Trader:
    """Send requests through a gateway and keep what it says; times are ms of the market."""

    def __init__(self, gateway: Gateway, *, rows: int = 4096) -> None:
        self.gateway, self.links, self.at_ms = gateway, 0, 0.0
        self.into = GatewayBuffers.of([SYMBOL], rows=rows)
        self.reports: list[dict[str, Any]] = []
        self.market: list[tuple[int, ...]] = []
        self.instants: list[int] = []

    def send(self, action: int, order_id: int, *, link: int | None = None, **fields: Any) -> None:
        """Send a request; a link of one's own may have been used."""
        self.links += 1
        row = np.zeros(1, dtype_of(Request))
        given = {
            "side": BUY,
            "order_kind": POST_ONLY,
            "sent_ns": ns(self.at_ms),
            "quote_ts_ns": ns(self.at_ms),
        }
        for name, value in (given | fields).items():
            row[name] = value
        row["action"], row["order_id"] = action, order_id
        row["link_id"] = self.links if link is None else link
        self.gateway.submit([RequestRow(SYMBOL, row[0])])

    def run(self, ms: float) -> list[dict[str, Any]]:
        """Poll up to a time; give the reports that came meanwhile."""
        first, until_ns = len(self.reports), ns(ms)
        while not self.instants or self.instants[-1] < until_ns:
            self.instants.append(self.gateway.poll(self.into, until_ns=until_ns).at_ns)
            rows = self.into.market[SYMBOL]
            columns = (rows.local_ts_ns, rows.kind, rows.side, rows.price_ticks, rows.qty_lots)
            self.market += list(zip(*(column[: rows.count].tolist() for column in columns), strict=True))
            names = self.into.reports[0].row.dtype.names if self.into.reports else ()
            self.reports += [{n: r.row[n].item() for n in names} for r in self.into.reports]
        self.at_ms = ms
        return self.reports[first:]
