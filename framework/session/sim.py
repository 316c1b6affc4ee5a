"""A session on the simulated exchange: the two halves of a replay, driven apart through the gateway."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framework.compiled.records import at
from framework.engine.observe import observe
from framework.engine.replay import Replay
from framework.engine.sim_gateway import SimGateway
from framework.session.intents import IntentJournal, MemoryJournal
from framework.session.session import Session
from framework.venue.gateway import ROWS, GatewayBuffers


class ReplayObserver:
    """Keep what a replay keeps beside its halves: ages of fills, samples of the account."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._observe: Callable[..., int] = observe.load()

    @property
    def due_ns(self) -> int:
        """The next sample's instant."""
        return int(at(self._replay.cursor, 0).next_sample_ns)

    def arrived(self) -> None:
        """Give new fills their ages."""
        self._run(0, sampled=0)

    def look(self, at_ns: int) -> None:
        """Write a sample."""
        if at(self._replay.cursor, 0).samples >= len(self._replay.samples):
            self._replay.more_samples()
        self._run(at_ns, sampled=1)

    def _run(self, at_ns: int, *, sampled: int) -> None:
        replay = self._replay
        self._observe(at_ns, sampled, replay.run, replay.exchange_half.bound, replay.desk_half.bound)


MakeJournal = Callable[[dict[str, float]], IntentJournal]
"""Gets the size of a lot by symbol."""


def in_memory(lots: dict[str, float]) -> IntentJournal:
    """Make a journal that ends with the process."""
    return MemoryJournal(lots=lots)


def sim_session(replay: Replay, *, journal: MakeJournal = in_memory) -> Session:
    """Make a session that trades what a replay, not yet begun, would trade; its rows stay the replay's."""
    symbol = replay.tape.instrument.symbol
    replay.exchange_half.load()  # compiling is no lag of the feed
    replay.desk_half.load()
    session = Session(
        gateway=SimGateway(replay),
        symbol=symbol,
        desk=replay.desk_half,
        buffers=GatewayBuffers.of([symbol], rows=max(ROWS, _most_at_once(replay))),
        observer=ReplayObserver(replay),
        journal=journal({symbol: replay.tape.instrument.lot}),
        start_ns=replay.start_ns,
    )
    session.start()
    return session


def _most_at_once(replay: Replay) -> int:
    """Count the market events of the fullest instant: a book may begin with very many levels."""
    starts = np.flatnonzero(np.diff(replay.local_ts_ns, prepend=-1))
    return int(np.diff(starts, append=len(replay.local_ts_ns)).max(initial=0))
