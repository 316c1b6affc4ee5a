"""What crossed the wire in a replay, and each half fed with it alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.compiled.bundles import bind
from framework.compiled.records import at, interpreted, to_array
from framework.engine.halves import RING, DeskHalf, ExchangeHalf, WireBuffers
from framework.engine.records import Feed
from framework.engine.replay import Replay, ladder
from framework.market.records import Report, Request

Rows = np.ndarray[Any, Any]


@dataclass
class Crossing:
    """Requests and reports in order, and (ns, funding paid since the start) at every change of it."""

    requests: Rows
    reports: Rows
    funding: list[tuple[int, float]]


def recorded(replay: Replay, *, until_ns: int, slice_ns: int) -> Crossing:
    """Play in slices short enough that no ring laps itself, and note what crossed the wire."""
    requests, reports, funding = [], [], []
    stops = set(range(replay.start_ns, until_ns, slice_ns)) | {until_ns}
    stops |= {int(ts) for ts in replay.tape.funding_ts_ns if ts < until_ns}
    sent = told = 0
    for stop in sorted(stops):
        replay.advance(stop)
        rings = at(replay.rings, 0)
        requests.append(_rows(Request, replay.requests, sent, rings.requests))
        reports.append(_rows(Report, replay.reports, told, rings.reports))
        sent, told = rings.requests, rings.reports
        if stop in replay.tape.funding_ts_ns:
            funding.append((stop, float(at(replay.ledger, 0).funding)))
    return Crossing(np.concatenate(requests), np.concatenate(reports), funding)


def _rows(cls: type[Any], ring: Any, first: int, last: int) -> Rows:
    assert last - first < RING
    places = np.arange(first, last) % RING
    return ring[places] if isinstance(ring, np.ndarray) else to_array(cls, [ring[k] for k in places])


class FedDesk:
    """A desk half that gets one instant at a time: its events through a small buffer, its reports by wire."""

    def __init__(self, replay: Replay) -> None:
        tape, wire = replay.tape, replay.wire.bound
        self.market: tuple[Any, ...] = (tape.exch_ts_ns, replay.local_ts_ns + replay.delay_ns)
        self.market += (tape.kind, tape.side, tape.price_ticks, tape.qty_lots)
        self.starts = np.flatnonzero(np.diff(self.market[1], prepend=-1))
        most = int(np.diff(self.starts, append=len(tape)).max(initial=1))
        rungs = ladder(tape.price_ticks, tape.kind)
        self.desk = DeskHalf(params=replay.params, ladder=rungs, start_ns=replay.start_ns)
        entry, response = (np.array(c) for c in (wire.entry_ns, wire.response_ns))
        self.wire = WireBuffers(entry_ns=entry, response_ns=response)
        buffers: Any = [np.zeros(most, column.dtype) for column in self.market]
        names = ("exch_ts_ns", "local_ts_ns", "kind", "side", "price_ticks", "qty_lots")
        self.feed = bind(Feed, **dict(zip(names, buffers, strict=True)), delay_ns=np.zeros(1, np.int64))
        self.requests: list[Rows] = []

    def advance(self, ns: int, events: int = 0) -> None:
        """Bring the desk to an instant and collect what it asks for."""
        self.desk.advance(ns, feed=self.feed, events=events, wire=self.wire)
        if at(self.wire.rings, 0).request_count:
            self.requests.append(self.wire.take_requests())

    def instant(self, ns: int, first: int, last: int, reports: list[Any]) -> None:
        """Show the desk the market's rows ``first`` to ``last`` and the reports of one instant."""
        for buffer, column in zip(self.feed[:-1], self.market, strict=True):  # type: ignore[index]
            buffer[: last - first] = column[first:last] if not interpreted() else column[first:last].tolist()
        for row in reports:
            self.wire.put_report(row)
        self.advance(ns, last - first)


def fed(replay: Replay, crossing: Crossing, *, until_ns: int) -> FedDesk:
    """Feed a new desk with a replay's market, reports and funding, one instant at a time."""
    made = FedDesk(replay)
    reports: dict[int, list[Any]] = {}
    for row in crossing.reports:
        reports.setdefault(int(row["arrive_ns"]), []).append(row)
    paid = dict(crossing.funding)
    ends = np.append(made.starts[1:], len(replay.tape))
    spans = {
        int(made.market[1][first]): (int(first), int(last))
        for first, last in zip(made.starts, ends, strict=True)
    }
    for ns in sorted(spans.keys() | reports.keys() | paid.keys()):
        if ns > until_ns:
            break
        if ns in paid:
            made.advance(ns - 1)
            at(made.desk.exposure, 0).funding = paid[ns]
        made.instant(ns, *spans.get(ns, (0, 0)), reports.get(ns, []))
    made.advance(until_ns)
    assert made.desk.due_ns > until_ns
    return made


def alone(replay: Replay, crossing: Crossing, *, until_ns: int, slice_ns: int) -> tuple[Rows, Rows]:
    """Give the fills and reports of an exchange that gets a replay's requests at their arrival times."""
    tape, wire = replay.tape, replay.wire.bound
    funding = (tape.funding_ts_ns, tape.funding_rate, tape.funding_mark)
    costs = np.array(replay.exchange_half.bound.costs)
    half = ExchangeHalf(
        rules=replay.venue, ladder=ladder(tape.price_ticks, tape.kind), costs=costs, funding=funding
    )
    line = WireBuffers(entry_ns=np.array(wire.entry_ns), response_ns=np.array(wire.response_ns))
    reports, k = [], 0
    for stop in [*range(replay.start_ns, until_ns, slice_ns), until_ns]:
        while k < len(crossing.requests) and crossing.requests[k]["arrive_ns"] <= stop:
            row = crossing.requests[k]
            line.submit(**{name: row[name].item() for name in row.dtype.names or ()})
            k += 1
        half.advance(stop, feed=replay.feed, wire=line)
        reports.append(line.take_reports())
    return half.fill_rows(), np.concatenate(reports)
