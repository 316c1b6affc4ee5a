"""The one composed value a run is made of."""

import json
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, Self

from pydantic import BaseModel, ValidationError, model_validator

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


class DeskSettings(StrictModel):
    """Everything that decides what a desk trades; immutable, with a hash of its content."""

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

    @model_validator(mode="after")
    def _a_candidate_composes(self) -> Self:
        if self.rollout.candidate is not None:
            try:
                _ = self.candidate
            except ValidationError as error:
                why = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f"rollout.candidate: {why}") from error
        return self

    @cached_property
    def baseline(self) -> Self:
        """What trades where the candidate does not; itself when it names none."""
        if self.rollout.mode == "disabled" and self.rollout.candidate is None:
            return self
        alone = self.rollout.model_copy(update={"mode": "disabled", "candidate": None})
        return self.replaced({"rollout": alone})

    @cached_property
    def candidate(self) -> Self | None:
        """What the candidate trades: the baseline with the candidate's values, None without one."""
        values = self.rollout.candidate
        return None if values is None else self.baseline.with_values(values)

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """Return these settings with other values, by the names of patches; raises ValidationError."""
        return self.replaced(_groups_with(self, values))

    def replaced(self, groups: Mapping[str, BaseModel]) -> Self:
        """Return these settings with other groups, validated as a whole; raises ValidationError.

        Unlike a ``model_copy`` it carries nothing over that was computed of the old ones.
        """
        own = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**own, **groups})

    @cached_property
    def config_sha(self) -> str:
        """SHA-256 of the canonical JSON of what trades: no paths, seeds or names of secrets, not how it is
        tried; a candidate while it trades. An environment, its gate, its bot and every fill name a
        configuration by the same hash.
        """
        data = behaviour(self)
        if self.rollout.mode != "disabled":
            data["rollout"]["candidate"] = self.rollout.candidate
        return sha256_of(canonical_json(data))


class RunSettings(DeskSettings):
    """A desk that is tried: for how long, by what it is judged and how it is tuned meanwhile."""

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


def path_in_run(name: str) -> tuple[str, ...]:
    """Return the path of a name of a patch: the run-time parameters have bare names."""
    return ("params", name) if name in RuntimeParams.model_fields else tuple(name.split("."))


def _groups_with(settings: DeskSettings, values: Mapping[str, Any]) -> dict[str, BaseModel]:
    """Return the groups that values by the names of patches change; raises ValidationError."""
    data: dict[str, Any] = {}
    for name, value in values.items():
        group, *inner, last = path_in_run(name)
        here = data.setdefault(group, getattr(settings, group).model_dump(mode="json"))
        for step in inner:
            here = here[step]
        here[last] = value
    return {g: type(getattr(settings, g)).model_validate_json(json.dumps(v)) for g, v in data.items()}


def behaviour(model: BaseModel) -> dict[str, Any]:
    """Return the part of a model that ``config_sha`` covers, as plain data."""
    return {name: _plain(getattr(model, name)) for name in _covered(type(model))}


@cache
def _covered(model: type[BaseModel]) -> tuple[str, ...]:
    left_out = TRIED if issubclass(model, DeskSettings) else frozenset[str]()
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
