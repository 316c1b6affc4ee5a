"""A replay that contradicts itself ends with an error, never early and quietly."""

import pytest

from framework.engine.replay import EngineError
from tests.engine.tapes import ask, bid, clear, latency, ns, opening, quoter, quoting


def test_a_desk_that_asks_without_end_at_one_instant_is_an_error() -> None:
    # The desk sees the book of ten seconds ago; the bid it wants would take from today's and is refused.
    crossed = [*opening(), clear(5_000), bid(5_000, 9_979, 1_000), ask(5_000, 9_981, 1_000)]
    replay = quoter(
        crossed,
        quoting(inflight_max=1 << 40),
        delays=latency(feed=10_000, entry=0, response=0),
    )
    with pytest.raises(EngineError, match="ticks without end and time does not pass"):
        replay.advance(ns(11_000))


def test_a_wait_after_a_reject_lets_time_pass() -> None:
    crossed = [*opening(), clear(5_000), bid(5_000, 9_979, 1_000), ask(5_000, 9_981, 1_000)]
    replay = quoter(
        crossed,
        quoting(backoff_ns=100_000_000),
        delays=latency(feed=10_000, entry=0, response=0),
    )
    replay.advance(ns(11_000))
    assert len(replay.audit_rows()) > 2
