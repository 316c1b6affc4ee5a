"""The rollout guard at work: it counts what closed lots won by route, and says when a canary goes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework.rollout.guard import Call, Record, Tally, assess
from framework.rollout.lots import OpenLots, Trade
from framework.rollout.route import CANARY, REAL
from framework.session.timeline import Version
from framework.settings.schema.run import RunSettings
from framework.units import MINUTE


class RolloutWatch:
    """Win rates of both routes while one candidate is out at one fraction, by what is known of fills so far.

    Minutes are comparable while each has the same chance of the canary. So another candidate, another
    fraction and a pause begin both records anew, and what real did alone is not counted.
    """

    def __init__(self, *, lot: float) -> None:
        self._open = OpenLots(lot=lot)
        self._opened_by: list[tuple[Tally | None, int]] = []
        self._tried: tuple[str, float] | None = None
        self._began_ns = self._asked_ns = 0
        self._tallies = {REAL: Tally(), CANARY: Tally()}

    def record(self, route: str) -> Record:
        """Return what the closed lots of a route won."""
        return self._tallies[route].record

    def judge(self, fills: Any, versions: Sequence[Version], settings: RunSettings, *, at_ns: int) -> str:
        """Count the fills that are known by an instant; say why the candidate goes back, or nothing.

        ``fills`` are all there are so far, in the order of their time. Asked at the end of each minute.
        """
        tried = ((settings.candidate or settings).config_sha, settings.rollout.canary_fraction)
        if tried != self._tried or at_ns > self._asked_ns + MINUTE:
            self._tried, self._began_ns = tried, at_ns + 1 - MINUTE
            self._tallies = {REAL: Tally(), CANARY: Tally()}
        self._asked_ns = at_ns
        for row in fills[len(self._opened_by) :]:
            if row["local_ts_ns"] > at_ns:
                break
            self._count(row, self._tally(row, versions[row["params_version"]], tried[0]))
        limits = settings.rollout_guard
        call, reason = assess(
            canary=self.record(CANARY),
            real=self.record(REAL),
            winrate_delta_pp=limits.winrate_delta_pp,
            min_sample=limits.min_sample,
        )
        return reason if call is Call.ROLL_BACK else ""

    def _tally(self, row: Any, version: Version, candidate_sha: str) -> Tally | None:
        """Return who counts the lots that a fill opens; None of what came before, or of another candidate."""
        late = version.route == CANARY and version.settings.config_sha != candidate_sha
        return None if late or row["local_ts_ns"] < self._began_ns else self._tallies[version.route]

    def _count(self, row: Any, tally: Tally | None) -> None:
        """Close what a fill closes; a lot belongs to who opened it."""
        self._opened_by.append((tally, minute_of(row)))
        for opener, net in self._open.add(trade_of(row)):
            opened_by, minute = self._opened_by[opener]
            if opened_by is not None:
                opened_by.add(minute=minute, won=net > 0.0)


def trade_of(row: Any) -> Trade:
    """Return a fill as the lots want it."""
    cost = float(row["fee_quote"] + row["fee_base"] * row["m"])
    return Trade(int(row["side"]), int(row["qty_lots"]), float(row["price"]), cost)


def minute_of(row: Any) -> int:
    """Return the UTC minute in which a fill was known, whole minutes since the epoch."""
    return int(row["local_ts_ns"]) // MINUTE
