"""The wire between a desk and an exchange: requests on their way there, reports on their way back.

Both are rings whose lengths are powers of two; each way keeps its order and has delays of its own. Pure and
compiled.
"""

from __future__ import annotations

from collections.abc import Sequence

from framework.compiled.bundles import bundle
from framework.compiled.jit import core, hot
from framework.compiled.records import i8, record
from framework.market.records import Report, Request


@record
class Rings:
    """How full the wire is: oldest row and rows under way each way, last arrival, rows since the start."""

    request_head: i8
    request_count: i8
    request_last_ns: i8
    requests: i8
    report_head: i8
    report_count: i8
    report_last_ns: i8
    reports: i8
    overflow: i8


@bundle
class Wire:
    """Both rings and the delays, in ns, of the k-th request and report; the delays repeat."""

    rings: Rings
    requests: list[Request]
    reports: list[Report]
    entry_ns: Sequence[i8]
    response_ns: Sequence[i8]


@core
def push_request(now: int, wire: Wire) -> Request:
    """Take the next place among the requests, which arrive in order, each after its delay."""
    rings = wire.rings
    size = len(wire.requests)
    if rings.request_count >= size:
        rings.overflow += 1
        rings.request_count -= 1
    request = wire.requests[(rings.request_head + rings.request_count) & (size - 1)]
    rings.request_count += 1
    arrive = max(rings.request_last_ns, now + wire.entry_ns[rings.requests & (len(wire.entry_ns) - 1)])
    rings.request_last_ns = arrive
    rings.requests += 1
    request.arrive_ns = arrive
    request.sent_ns = now
    request.link_id = rings.requests
    return request


@hot
def drop_request(wire: Wire) -> None:
    """Take the oldest request off the wire."""
    rings = wire.rings
    rings.request_head = (rings.request_head + 1) & (len(wire.requests) - 1)
    rings.request_count -= 1


@hot
def push_report(now: int, wire: Wire) -> Report:
    """Take the next place among the reports, which arrive in order, each after its delay."""
    rings = wire.rings
    size = len(wire.reports)
    if rings.report_count >= size:
        rings.overflow += 1
        rings.report_count -= 1
    report = wire.reports[(rings.report_head + rings.report_count) & (size - 1)]
    rings.report_count += 1
    arrive = now + wire.response_ns[rings.reports & (len(wire.response_ns) - 1)]
    rings.reports += 1
    if arrive < rings.report_last_ns:
        arrive = rings.report_last_ns
    rings.report_last_ns = arrive
    report.arrive_ns = arrive
    report.exch_ts_ns = now
    return report


@hot
def drop_report(wire: Wire) -> None:
    """Take the oldest report off the wire."""
    rings = wire.rings
    rings.report_head = (rings.report_head + 1) & (len(wire.reports) - 1)
    rings.report_count -= 1
