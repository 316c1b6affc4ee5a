"""The tuner's table: which symptom moves which parameter, how far, and what holds it back."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from framework import limits
from framework.settings.schema.base import StrictModel, knob

Tuned = Literal[
    "min_interval_ms",
    "replace_rate_per_min",
    "base_spread_bps_delta",
    "tail_age_ms",
    "impact_cap_ratio",
    "max_delta_ratio",
]
Measured = Literal[
    "net_bps",
    "net_margin_bps",
    "adverse_p95",
    "slippage_p95",
    "cancel_ratio",
    "order_age_p95_ms",
    "ws_lag_p95_ms",
    "block_min_interval",
    "block_concurrency",
    "driver_slippage",
    "driver_adverse",
]
Iterations = Annotated[int, Field(ge=0, le=100)]
Size = Annotated[float, Field(gt=0.0, le=1_000.0)]
Relation = Literal["above", "below", "at_most"]
Profile = Literal["audit_3h", "readiness", "weekly", "scaled"]


class Step(StrictModel):
    """Add up to a limit, or raise to at least a value."""

    add: float | None = knob(
        unit="of the field", help="change per firing, at most this far", default=None, ge=-1_000.0, le=1_000.0
    )
    limit: float | None = knob(
        unit="of the field", help="where adding stops; null: at the runtime limit", default=None
    )
    at_least: float | None = knob(
        unit="of the field", help="raise to this if lower", default=None, ge=0.0, le=1_000.0
    )

    @model_validator(mode="after")
    def _moves_one_way(self) -> Self:
        if (self.add is None) == (self.at_least is None):
            raise ValueError("step has neither or both of add and at_least; allowed exactly one")
        if self.add == 0.0 or (self.at_least is not None and self.limit is not None):
            raise ValueError(
                "step moves nothing or limits at_least; allowed add (not 0) with limit, or at_least"
            )
        return self


class RuleRow(StrictModel):
    """A rule fires when any symptom and all requirements hold with evidence."""

    rank: int = knob(unit="", help="order within its section, lowest first", ge=0, le=1_000)
    counts_as_fail: bool = knob(unit="", help="counts towards the multi-fail guard", default=False)
    only_without_fails: bool = knob(unit="", help="silent while a fail fires", default=False)
    symptoms: dict[Measured, Relation] = Field(min_length=1)
    requires: dict[Measured, Relation] = Field(default_factory=dict)
    steps: dict[Tuned, Step] = Field(min_length=1)


class FallbackRow(StrictModel):
    """The conservative package, after evidently negative iterations in a row."""

    after_negative: int = knob(unit="iterations", help="negative ones in a row", ge=1, le=100)
    min_gap: int = knob(unit="iterations", help="more than this since the last fallback", ge=0, le=100)
    symptoms: dict[Measured, Relation] = Field(min_length=1)
    steps: dict[Tuned, Step] = Field(min_length=1)


class MultiFailRow(StrictModel):
    """The calm-down package that replaces all other moves."""

    fails: int = knob(unit="triggers", help="failing at once", ge=1, le=20)
    steps: dict[Tuned, Step] = Field(min_length=1)


class Package(StrictModel):
    """Values for keys a package leaves out; limits as in RuntimeParams."""

    min_interval_ms: int = knob(
        unit="ms", help="default", ge=limits.MIN_INTERVAL_MS.low, le=limits.MIN_INTERVAL_MS.high
    )
    replace_rate_per_min: int = knob(
        unit="1/min", help="default", ge=limits.REPLACE_RATE_PER_MIN.low, le=limits.REPLACE_RATE_PER_MIN.high
    )
    base_spread_bps_delta: float = knob(
        unit="bps", help="default", ge=limits.BASE_SPREAD_BPS_DELTA.low, le=limits.BASE_SPREAD_BPS_DELTA.high
    )
    tail_age_ms: int = knob(unit="ms", help="default", ge=limits.TAIL_AGE_MS.low, le=limits.TAIL_AGE_MS.high)
    impact_cap_ratio: float = knob(
        unit="share", help="default", ge=limits.IMPACT_CAP_RATIO.low, le=limits.IMPACT_CAP_RATIO.high
    )
    max_delta_ratio: float = knob(
        unit="share", help="default", ge=limits.MAX_DELTA_RATIO.low, le=limits.MAX_DELTA_RATIO.high
    )


class Limits(StrictModel):
    """Limits of symptoms in units that no KPI profile changes."""

    net_bps: float = knob(unit="bps", help="net below this is negative", ge=-100.0, le=100.0)
    net_margin_bps: float = knob(
        unit="bps", help="net over its floor, below this is low", ge=-100.0, le=100.0
    )
    driver_slippage: float = knob(unit="bps", help="slippage below this drives", ge=-100.0, le=100.0)
    driver_adverse: float = knob(unit="bps", help="adverse below this drives", ge=-100.0, le=100.0)
    cancel_ratio: float = knob(unit="share", help="more is churn", ge=0.0, le=1.0)
    order_age_p95_ms: float = knob(unit="ms", help="more is stale", ge=0.0, le=60_000.0)
    ws_lag_p95_ms: float = knob(unit="ms", help="more is late", ge=0.0, le=60_000.0)
    block_min_interval: float = knob(unit="share", help="share of blocked ticks", ge=0.0, le=1.0)
    block_concurrency: float = knob(unit="share", help="share of blocked ticks", ge=0.0, le=1.0)


class ProfileLimits(StrictModel):
    """Limits in the units of one KPI profile."""

    unit: Literal["bps", "u"] = knob(unit="", help="unit of the two percentiles")
    adverse_p95: float = knob(unit="bps or u", help="more is adverse", ge=0.0, le=1_000.0)
    slippage_p95: float = knob(unit="bps or u", help="more is costly", ge=0.0, le=1_000.0)
    floor_bps: float = knob(unit="bps", help="fixed part of the floor of net", ge=-100.0, le=100.0)
    gross_share: float = knob(unit="share", help="part of gross in the floor of net", ge=0.0, le=1.0)
    stable_floor_bps: float = knob(unit="bps", help="the same floor for the freeze", ge=-100.0, le=100.0)
    stable_gross_share: float = knob(unit="share", help="the same share for the freeze", ge=0.0, le=1.0)


class WayBackRow(StrictModel):
    """A moved parameter returns to its start once its symptoms are evidently gone."""

    clean_iterations: int = knob(
        unit="iterations", help="clean ones in a row; doubles per relapse", ge=1, le=100
    )
    margin: float = knob(unit="share", help="how far past the limit counts as gone", ge=0.0, le=1.0)
    steps: dict[Tuned, Size] = Field(min_length=6)


class FreezeRow(StrictModel):
    """Fields held after stable iterations."""

    after_stable: int = knob(unit="iterations", help="stable ones in a row", ge=1, le=100)
    iterations: dict[Tuned, Iterations]
    max_risk_block: float = knob(unit="share", help="most risk blocks of a stable one", ge=0.0, le=1.0)


class GuardsRow(StrictModel):
    """How often and how fast parameters may move."""

    max_changes_per_field: int = knob(unit="changes", help="per field and iteration", ge=1, le=10)
    max_rise: dict[Tuned, Size]
    velocity_window: int = knob(unit="iterations", help="changed in all of them: wait", ge=1, le=100)
    cooldown: dict[Tuned, Iterations]


class PhaseRow(StrictModel):
    """A stretch of iterations."""

    first: int = knob(unit="iteration", help="first iteration of the phase", ge=1, le=10_000)
    max_keys: int = knob(unit="keys", help="most keys of a micro-step; 0 holds the package", ge=0, le=6)
    fail_counts_as_warn: bool = knob(unit="", help="leniency")


class TuningTable(StrictModel):
    """Every rule, limit and guard."""

    min_fills: int = knob(unit="fills", help="fewer are no evidence", ge=1, le=1_000_000)
    max_drivers: int = knob(unit="components", help="worst ones that count as drivers", ge=1, le=5)
    defaults: Package
    limits: Limits
    profiles: dict[Profile, ProfileLimits] = Field(min_length=4)
    fallback: FallbackRow
    drivers: dict[str, RuleRow]
    triggers: dict[str, RuleRow]
    relief: dict[str, RuleRow]
    multi_fail: MultiFailRow
    way_back: WayBackRow
    freeze: FreezeRow
    guards: GuardsRow
    phases: dict[str, PhaseRow] = Field(min_length=1)

    @model_validator(mode="after")
    def _phases_start_at_one(self) -> Self:
        firsts = [phase.first for phase in self.phases.values()]
        if min(firsts) != 1 or len(set(firsts)) != len(firsts):
            raise ValueError(f"phases start at {sorted(firsts)}; allowed different iterations, one of them 1")
        return self


class Tuning(StrictModel):
    """Tune between iterations by this table, or not at all."""

    enabled: bool = knob(unit="", help="tune between iterations")
    table: TuningTable | None

    @model_validator(mode="after")
    def _enabled_needs_a_table(self) -> Self:
        if self.enabled and self.table is None:
            raise ValueError("enabled without a table; use tuning=driver_aware or enabled: false")
        return self
