"""The world in which values were found: another market, venue or fee proves nothing for an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.gitops.errors import GitopsError

if TYPE_CHECKING:
    from framework.settings.schema.gitops import EvidenceTape
    from framework.settings.schema.run import RunSettings

FEES = ("venue", "maker_fee_bps", "taker_fee_bps", "fee_in_base")


@dataclass(frozen=True)
class World:
    """Where values were found: the market by its preset or symbol, venue and fees, profile and seed."""

    market: str
    exchange: Mapping[str, Any]
    seed: int | None

    @property
    def rows(self) -> list[tuple[str, Any]]:
        """Return what a pull request says of it."""
        fees = f"maker {self.exchange.get('maker_fee_bps')}, taker {self.exchange.get('taker_fee_bps')} bps"
        return [("market", self.market), ("venue", self.exchange.get("venue")), ("fees", fees)]


def world_of(settings: Any, *, tape: str) -> World | None:
    """Read the world out of a run's settings; None where a run of before holds none."""
    try:
        market, exchange = settings["market"], settings["exchange"]
        named = f"preset {market['preset']}" if market["kind"] == "synthetic" else tape.split(" ")[0]
        fees = {name: exchange[name] for name in FEES}
        return World(named, fees, settings["soak"]["seed"])
    except (KeyError, TypeError, IndexError):
        return None


def check_world(
    world: World, *, environment: str, settings: RunSettings, tapes: Sequence[EvidenceTape]
) -> None:
    """Refuse values found on a market, venue or fee that is not the environment's. Raises GitopsError."""
    known = _markets(settings, tapes)
    if world.market not in known:
        raise GitopsError(
            f"{environment}: the values were found on {world.market}; allowed what it trades or is judged on,"
            f" {', '.join(known)}"
        )
    for name, value in world.exchange.items():
        own = getattr(settings.exchange, name)
        if own != value:
            raise GitopsError(
                f"{environment}: the values were found with exchange.{name} {value}; allowed its own, {own}:"
                f" run it again with soak.environment={environment}"
            )


def _markets(settings: RunSettings, tapes: Sequence[EvidenceTape]) -> list[str]:
    market = settings.market.model_dump(mode="json")
    own = f"preset {market['preset']}" if market["kind"] == "synthetic" else str(market.get("symbol"))
    judged = [f"preset {t.synthetic.preset}" if t.synthetic is not None else t.symbol for t in tapes]
    return list(dict.fromkeys([own, *judged]))
