"""The world in which values were found: another market, venue or fee proves nothing for an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import QuoteopsError
from framework.gitops.errors import GitopsError
from framework.session.present import FEES

if TYPE_CHECKING:
    from framework.settings.schema.gitops import EvidenceTape
    from framework.settings.schema.run import RunSettings

WRITTEN = "allowed what a run of this version has written: run it again"


@dataclass(frozen=True)
class World:
    """Where values were found: markets by preset or symbol, venue and fees, and the digests of the tapes."""

    markets: tuple[str, ...]
    exchange: Mapping[str, Any]
    seed: int
    settings: RunSettings
    tapes: Mapping[str, str]

    @property
    def rows(self) -> list[tuple[str, Any]]:
        """Return what a pull request says of it."""
        fees = f"maker {self.exchange['maker_fee_bps']:g}, taker {self.exchange['taker_fee_bps']:g} bps"
        return [
            ("market", ", ".join(self.markets)),
            ("venue", self.exchange["venue"]),
            ("fees", fees),
            ("seed", self.seed),
        ]


def world_of(run: Mapping[str, Any], *, where: Path) -> World:
    """Read the world out of a run.json. Raises GitopsError for one that does not say it, or not one thing."""
    settings = _settings(run, where)
    tapes, runtime = _named_tapes(run.get("tapes")), run.get("runtime")
    if not tapes or not isinstance(runtime, dict):
        raise GitopsError(f"{where}: names no tapes; {WRITTEN}")
    market = settings.market
    if market.kind == "synthetic":
        markets: tuple[str, ...] = (f"preset {market.preset}",)
        told = f"synthetic {market.preset} {market.regime} "
        if not all(one.startswith(told) for one in str(runtime.get("tape")).split(", ")):
            raise GitopsError(
                f"{where}: its settings say {told.strip()}, its tape {runtime.get('tape')}; {WRITTEN}"
            )
    else:
        markets = tuple(sorted(tapes))
    fees = {name: getattr(settings.exchange, name) for name in FEES}
    return World(markets, fees, settings.soak.seed, settings, tapes)


def _named_tapes(tapes: Any) -> dict[str, str]:
    """Return the digests of tapes by symbol; none where one is not a word."""
    named = tapes if isinstance(tapes, dict) else {}
    return named if all(isinstance(one, str) for one in named.values()) else {}


def _settings(run: Mapping[str, Any], where: Path) -> RunSettings:
    """Return the settings a run was played with, which must be those that its config_sha names."""
    from framework.settings.provenance import Layer, Source
    from framework.settings.schema.run import RunSettings
    from framework.settings.validate import validated

    written = run.get("settings")
    if not isinstance(written, dict):
        raise GitopsError(f"{where}: does not say with which market, venue and fees it ran; {WRITTEN}")
    try:
        settings = validated(
            RunSettings,
            written,
            locate=lambda path: Source(Layer.PRIMARY, str(where), ".".join(("settings", *path))),
        )
    except QuoteopsError as error:
        raise GitopsError(f"{error}; {WRITTEN}") from error
    if settings.config_sha != run.get("config_sha"):
        raise GitopsError(
            f"{where}: its settings are config {settings.config_sha[:12]}, it names"
            f" {str(run.get('config_sha'))[:12]}; {WRITTEN}"
        )
    return settings


def check_world(
    world: World, *, environment: str, settings: RunSettings, tapes: Sequence[EvidenceTape]
) -> None:
    """Refuse values found on a market, venue or fee that is not the environment's. Raises GitopsError."""
    known = _markets(settings, tapes)
    for market in world.markets:
        if market not in known:
            raise GitopsError(
                f"{environment}: the values were found on {market}; allowed what it trades or is judged on,"
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
    if market["kind"] == "synthetic":
        own = [f"preset {market['preset']}"]
    else:
        own = [*(market.get("symbols") or ()), *([market["symbol"]] if market.get("symbol") else ())]
    judged = [f"preset {t.synthetic.preset}" if t.synthetic is not None else t.symbol for t in tapes]
    return list(dict.fromkeys([*own, *judged]))
