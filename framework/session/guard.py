"""The rollout guard at work: it counts what closed lots won by route, and says when a canary goes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from framework.rollout.guard import Call, Record, assess
from framework.rollout.lots import OpenLots, Trade
from framework.rollout.route import CANARY, REAL
from framework.session.timeline import Version
from framework.settings.schema.run import RunSettings

NONE = Record(lots=0, wins=0)


class RolloutWatch:
    """Win rates of real and of every candidate that traded, by what is known of their fills so far."""

    def __init__(self, *, lot: float) -> None:
        self._open = OpenLots(lot=lot)
        self._opened_by: list[str] = []
        self._records: dict[str, Record] = {}

    def record(self, settings: RunSettings, route: str) -> Record:
        """Return what a route's closed lots won; of the canary, those of the candidate that trades now."""
        return self._records.get(_owner(route, settings.candidate or settings), NONE)

    def judge(self, fills: Any, versions: Sequence[Version], settings: RunSettings, *, at_ns: int) -> str:
        """Count the fills that are known by an instant; say why the candidate goes back, or nothing.

        ``fills`` are all there are so far, in the order of their time.
        """
        for row in fills[len(self._opened_by) :]:
            if row["local_ts_ns"] > at_ns:
                break
            version = versions[row["params_version"]]
            self._count(row, _owner(version.route, version.settings))
        limits = settings.rollout_guard
        call, reason = assess(
            canary=self.record(settings, CANARY),
            real=self.record(settings, REAL),
            winrate_delta_pp=limits.winrate_delta_pp,
            min_sample=limits.min_sample,
        )
        return reason if call is Call.ROLL_BACK else ""

    def _count(self, row: Any, owner: str) -> None:
        """Close what a fill closes; a lot belongs to who opened it."""
        self._opened_by.append(owner)
        for opener, net in self._open.add(trade_of(row)):
            name = self._opened_by[opener]
            found = self._records.get(name, NONE)
            self._records[name] = replace(found, lots=found.lots + 1, wins=found.wins + (net > 0.0))


def trade_of(row: Any) -> Trade:
    """Return a fill as the lots want it."""
    cost = float(row["fee_quote"] + row["fee_base"] * row["m"])
    return Trade(int(row["side"]), int(row["qty_lots"]), float(row["price"]), cost)


def _owner(route: str, settings: RunSettings) -> str:
    return REAL if route == REAL else settings.config_sha
