"""Several symbols on one account: their replays take turns on a grid of tape time."""

from __future__ import annotations

from collections.abc import Sequence

from framework.compiled.records import at, zeros
from framework.engine.replay import Replay
from framework.quoting.inputs import Account
from framework.units import MS

GRID_NS = 100 * MS
"""How far one symbol plays before the next one's turn; what one loses the others know by then."""


class Portfolio:
    """Drive replays of one clock, none of which has begun, on one account.

    Between two instants of the grid each symbol runs as if it were alone. At each instant every one learns
    what the others have lost and bind, so that the account's limits hold for the sum, at most one step late.
    """

    def __init__(self, *, replays: Sequence[Replay], grid_ns: int = GRID_NS) -> None:
        self.replays = list(replays)
        self.grid_ns = grid_ns
        self.account = zeros(Account, 1)
        for replay in self.replays:
            replay.desk_half.share(self.account)
        # One row of each is looked at every step; to make it anew costs more than to read it.
        self._row = at(self.account, 0)
        self._desks = [at(replay.desk, 0) for replay in self.replays]
        self._held = [(0.0, 0.0)] * len(self.replays)
        self._halted = int(self._row.loss_halted)
        self._at = min(replay.start_ns for replay in self.replays) - 1

    def advance(self, until_ns: int, *, end_runs: bool = False) -> None:
        """Play every symbol up to and including an instant (ns), as ``Replay.advance`` does one."""
        while self._at < until_ns:
            stop = min(until_ns, (self._at // self.grid_ns + 1) * self.grid_ns)
            for replay in self.replays:
                replay.advance(stop, end_runs=end_runs and stop == until_ns)
                if self._row.loss_halted != self._halted:
                    self._halted = int(self._row.loss_halted)
                    self._wake(stop)
            self._at = stop
            self._share()

    def _wake(self, at_ns: int) -> None:
        """Let every desk see at once that the account has halted, however quiet its market is."""
        for replay in self.replays:
            replay.wake(at_ns + 1)

    def _share(self) -> None:
        """Tell every symbol what the others have lost and bind, where that has changed."""
        held = [(float(desk.loss), float(desk.margin)) for desk in self._desks]
        if held == self._held:
            return
        self._held = held
        for k, replay in enumerate(self.replays):
            others = held[:k] + held[k + 1 :]
            loss, margin = sum(row[0] for row in others), sum(row[1] for row in others)
            exposure = at(replay.exposure, 0)
            if (exposure.elsewhere_loss, exposure.elsewhere_margin) != (loss, margin):
                exposure.elsewhere_loss, exposure.elsewhere_margin = loss, margin
                replay.desk_half.reconsider()
