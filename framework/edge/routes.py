"""What each route of a split earned, as an edge report holds it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A value in bps of turnover with its standard error."""

    bps: float | None
    se_bps: float | None


@dataclass(frozen=True)
class RouteMarkout(Estimate):
    """A route's markout net of fees, and how many of its fills know it."""

    fills: int


@dataclass(frozen=True)
class Route:
    """What one route did in its minutes; markouts by horizon."""

    fills: int
    turnover_quote: float
    markout_net: Mapping[str, RouteMarkout]
    minutes: float


@dataclass(frozen=True)
class Lots:
    """Closed lots of one route, and how many of them won."""

    lots: int
    wins: int
    winrate_pct: float | None


@dataclass(frozen=True)
class TakenBack:
    """When the rollout guard took the candidate back, in seconds after the start, and why."""

    after_s: float
    reason: str


@dataclass(frozen=True)
class GuardCall:
    """What the rollout guard says of the whole (yes, no, insufficient), on which lots, and what it did."""

    roll_back: str
    reason: str
    canary: Lots
    real: Lots
    taken_back: TakenBack | None = None


@dataclass(frozen=True)
class RouteSplit:
    """Both routes, canary less real by horizon, and the rollout guard's call."""

    canary: Route
    real: Route
    difference: Mapping[str, Estimate]
    guard: GuardCall

    @property
    def routes(self) -> dict[str, Route]:
        """Return the routes by name."""
        return {"canary": self.canary, "real": self.real}

    def as_dict(self) -> dict[str, Any]:
        """Return the plain data of the report's ``routes``."""
        return asdict(self)
