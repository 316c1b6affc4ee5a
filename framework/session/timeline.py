"""The versions of the engine's parameters in the order of time, written as time reaches them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framework.compiled.records import at, zeros
from framework.engine.params import fill_params
from framework.market.instrument import Instrument
from framework.market.records import ROUTE_NAMES
from framework.quoting.records import FOREVER, Params
from framework.settings.schema.run import RunSettings

SPARE = 32
ROUTES = {name: code for code, name in ROUTE_NAMES.items()}


@dataclass(frozen=True)
class Version:
    """What is in force from an instant (tape, ns) on: whole settings, on one route, in one iteration (from
    0).
    """

    start_ns: int
    route: str
    iteration: int
    settings: RunSettings

    @property
    def config_sha(self) -> str:
        """Return the hash of the settings."""
        return self.settings.config_sha


class Timeline:
    """Versions and, row by row the same, the engine's records of them; rows beyond are in force never."""

    def __init__(self, *, instrument: Instrument) -> None:
        self.instrument = instrument
        self.versions: list[Version] = []
        self.params: list[Params] = []
        self._grow()

    def put(self, versions: Sequence[Version]) -> None:
        """Append versions, in time order; any that were to start with the first of them or later are
        dropped.

        No version that has been in force may be among those.
        """
        while self.versions and self.versions[-1].start_ns >= versions[0].start_ns:
            self.versions.pop()
            at(self.params, len(self.versions)).from_ns = FOREVER
        for version in versions:
            if len(self.versions) == len(self.params):
                self._grow()
            fill_params(
                self.params,
                settings=version.settings,
                instrument=self.instrument,
                version=len(self.versions),
                from_ns=version.start_ns,
                route=ROUTES[version.route],
            )
            self.versions.append(version)

    def _grow(self) -> None:
        """Double the rows; the engine is given the new ones when it is next asked to go on."""
        n = len(self.params)
        wider = zeros(Params, 2 * n or SPARE)
        for k in range(n, len(wider)):
            at(wider, k).from_ns = FOREVER
        wider[:n] = self.params[:n]
        self.params = wider
