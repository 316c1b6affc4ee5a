"""A session whose gateway repeats, delays and mixes up what it brings; and one that begins after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from framework.compiled.records import at
from framework.engine.replay import Replay
from framework.engine.sim_gateway import SimGateway
from framework.quoting.records import FOREVER
from framework.session.errors import SoakError
from framework.session.intents import IntentJournal, MemoryJournal
from framework.session.session import Session
from framework.units import SECOND
from framework.venue.gateway import (
    GatewayBuffers,
    GatewayHealth,
    Progress,
    ReportRow,
    RequestRow,
    VenueState,
)
from tests.engine.digest import EVENTS, replayed


class Nobody:
    """Nobody looks."""

    due_ns = FOREVER

    def arrived(self) -> None: ...

    def look(self, at_ns: int) -> None: ...


class Stuttering:
    """Every report comes late, in the wrong order among those of a poll, and once more after that."""

    def __init__(self, inner: SimGateway) -> None:
        self.inner = inner
        self._late: list[list[ReportRow]] = [[], []]

    @property
    def health(self) -> GatewayHealth:
        return self.inner.health

    def instrument(self, symbol: str) -> Any:
        return self.inner.instrument(symbol)

    def state(self, *, since_ns: int) -> VenueState:
        return self.inner.state(since_ns=since_ns)

    def submit(self, requests: Sequence[RequestRow]) -> None:
        self.inner.submit(requests)

    def cancel_all(self, symbol: str | None) -> None:
        self.inner.cancel_all(symbol)

    def poll(self, into: GatewayBuffers, *, until_ns: int) -> Progress:
        progress = self.inner.poll(into, until_ns=until_ns)
        fresh = into.reports[::-1]
        into.reports[:] = self._late[0] + fresh
        self._late = [self._late[1], fresh]
        return progress


def session_of(
    replay: Replay, gateway: Any, journal: IntentJournal, *, start_ns: int | None = None
) -> Session:
    symbol = replay.tape.instrument.symbol
    return Session(
        gateway=gateway,
        symbol=symbol,
        desk=replay.desk_half,
        buffers=GatewayBuffers.of([symbol], rows=EVENTS),
        observer=Nobody(),
        journal=journal,
        start_ns=replay.start_ns if start_ns is None else start_ns,
    )


def lots_of(replay: Replay) -> dict[str, float]:
    return {replay.tape.instrument.symbol: replay.tape.instrument.lot}


def test_reports_that_are_repeated_and_mixed_up_are_booked_once() -> None:
    replay = replayed(play=False)
    journal = MemoryJournal(lots=lots_of(replay))
    session = session_of(replay, Stuttering(SimGateway(replay)), journal)
    session.start()
    session.advance(int(replay.tape.end_ns) + 40 * SECOND)
    ledger, desk = at(replay.ledger, 0), at(replay.desk, 0)
    assert ledger.fills > 20
    assert at(replay.exposure, 0).position == pytest.approx(ledger.position)
    assert desk.cash == pytest.approx(ledger.cash)
    assert desk.inflight == 0
    (position,) = journal.known().positions.values()
    assert position == pytest.approx(ledger.position)
    assert len(journal.known().executions) == ledger.fills


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_session_takes_over_where_another_broke_off(share: float) -> None:
    """The exchange lives on while the process does not; what was under way is heard by nobody."""
    replay, again = replayed(play=False), replayed(play=False)
    gateway, journal = SimGateway(replay), MemoryJournal(lots=lots_of(replay))
    broken = replay.start_ns + int(share * (replay.tape.end_ns - replay.start_ns))
    first = session_of(replay, gateway, journal)
    first.start()
    first.advance(broken)
    gateway.poll(GatewayBuffers.of(list(lots_of(replay)), rows=EVENTS), until_ns=broken + SECOND)  # unheard
    second = session_of(again, gateway, journal, start_ns=gateway.at_ns + 1)
    second.start()
    assert gateway.state(since_ns=0).positions == pytest.approx(journal.known().positions)
    second.advance(int(replay.tape.end_ns) + 40 * SECOND)
    ledger = at(replay.ledger, 0)
    assert at(again.exposure, 0).position == pytest.approx(ledger.position)
    assert at(again.desk, 0).inflight == 0
    assert len(journal.known().executions) == ledger.fills


def test_a_session_does_not_begin_beside_what_it_does_not_know() -> None:
    replay = replayed(play=False)
    gateway = SimGateway(replay)
    first = session_of(replay, gateway, MemoryJournal(lots=lots_of(replay)))
    first.start()
    first.advance(int(replay.tape.end_ns))
    stranger = session_of(replay, gateway, MemoryJournal(lots=lots_of(replay)))
    with pytest.raises(SoakError, match="which is not this session's"):
        stranger.start()
