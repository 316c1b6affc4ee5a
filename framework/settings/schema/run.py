"""The one composed value a run is made of."""

from functools import cache, cached_property
from typing import Any, Self

from pydantic import BaseModel, model_validator

from framework.files.atomic import canonical_json, sha256_of
from framework.settings.schema.base import StrictModel, meta_of
from framework.settings.schema.cost_model import CostModel
from framework.settings.schema.exchange import Exchange
from framework.settings.schema.guards import Guards
from framework.settings.schema.kpi import KpiSettings
from framework.settings.schema.market import Market
from framework.settings.schema.md_cache import MdCache
from framework.settings.schema.profile import ProfileTraits, RuntimeParams
from framework.settings.schema.rollout import Rollout, RolloutGuard
from framework.settings.schema.signal import Signal
from framework.settings.schema.sizing import Sizing
from framework.settings.schema.soak import Soak
from framework.settings.schema.strategy import Strategy
from framework.settings.schema.tuning import Tuning

TRIED = frozenset({"market", "kpi", "soak", "tuning"})
"""Groups that say on what and for how long a configuration is tried and by what it is judged."""


class RunSettings(StrictModel):
    """Everything that decides how a run behaves; immutable, with a hash of its content."""

    params: RuntimeParams
    profile: ProfileTraits
    exchange: Exchange
    market: Market
    strategy: Strategy
    md_cache: MdCache
    sizing: Sizing
    guards: Guards
    rollout: Rollout
    rollout_guard: RolloutGuard
    cost_model: CostModel
    signal: Signal
    kpi: KpiSettings
    soak: Soak
    tuning: Tuning

    @model_validator(mode="after")
    def _a_whole_tape_needs_a_tape(self) -> Self:
        if self.soak.hours == "tape" and self.market.kind != "tape":
            raise ValueError(
                f"soak.hours is tape but market is {self.market.kind}; use market=tape or give hours"
            )
        return self

    @cached_property
    def config_sha(self) -> str:
        """SHA-256 of the canonical JSON of what trades: no paths, seeds or names of secrets, not how it is
        tried. An environment, its gate, its bot and every fill name a configuration by the same hash.
        """
        return sha256_of(canonical_json(behaviour(self)))


def behaviour(model: BaseModel) -> dict[str, Any]:
    """Return the part of a model that ``config_sha`` covers, as plain data."""
    return {name: _plain(getattr(model, name)) for name in _covered(type(model))}


@cache
def _covered(model: type[BaseModel]) -> tuple[str, ...]:
    left_out = TRIED if model is RunSettings else frozenset[str]()
    fields = model.model_fields.items()
    return tuple(n for n, field in fields if n not in left_out and meta_of(field).get("identity", True))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return behaviour(value)
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value + 0.0 if isinstance(value, float) else value  # -0.0 and 0.0 behave alike
