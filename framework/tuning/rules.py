"""The rule table as plain records: what is asked, what is moved, how far, and what holds it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from framework.gates.verdict import Verdict
from framework.tuning.params import Bounds, Field, TuningParams


class Relation(StrEnum):
    """How a metric must stand to its limit."""

    ABOVE = "above"
    BELOW = "below"
    AT_MOST = "at_most"


class Kind(StrEnum):
    """What sort of rule moved a parameter, in the order they are tried."""

    FALLBACK = "fallback"
    DRIVER = "driver"
    TRIGGER = "trigger"
    RELIEF = "relief"
    CALM_DOWN = "calm_down"
    RETURN = "return"


PACKAGES = frozenset({Kind.FALLBACK, Kind.CALM_DOWN})
"""Kinds applied whole: several keys at once, past oscillation, velocity, cooldown and the key budget."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One metric against its limit (see ``TuningRules.limits``)."""

    metric: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class FieldStep:
    """A move of one parameter: ``add`` up to ``limit``, or a rise to ``at_least``."""

    field: Field
    add: float | None
    limit: float | None
    at_least: float | None


@dataclass(frozen=True, slots=True)
class Rule:
    """Any symptom and all requirements together fire the steps."""

    name: str
    kind: Kind
    rank: int
    marker: str
    symptoms: tuple[Condition, ...]
    requires: tuple[Condition, ...]
    steps: tuple[FieldStep, ...]
    counts_as_fail: bool = False
    only_without_fails: bool = False


@dataclass(frozen=True, slots=True)
class Fallback:
    """The conservative package after a streak of evidently negative iterations."""

    rule: Rule
    after_negative: int
    min_gap: int


@dataclass(frozen=True, slots=True)
class MultiFail:
    """The calm-down package that replaces everything when too many triggers fail at once."""

    rule: Rule
    fails: int


@dataclass(frozen=True, slots=True)
class WayBack:
    """Return of a moved parameter: step sizes, clean iterations, how far past the limit is clean."""

    steps: Mapping[Field, float]
    clean_iterations: int
    margin: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """Fields held for some iterations each after a run of stable ones."""

    iterations: Mapping[Field, int]
    after_stable: int
    max_risk_block: float
    floor_bps: float
    gross_share: float


@dataclass(frozen=True, slots=True)
class Guards:
    """Limits on how often and how fast parameters move."""

    max_changes_per_field: int
    max_rise: Mapping[Field, float]
    velocity_window: int
    cooldown: Mapping[Field, int]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of iterations from ``first`` on, and how many keys a micro-step may move in it."""

    name: str
    first: int
    max_keys: int
    fail_counts_as_warn: bool


@dataclass(frozen=True, slots=True)
class TuningRules:
    """Everything a step is decided by; built by ``load.rules_from_mapping``."""

    profile: str
    unit: str
    min_fills: int
    max_drivers: int
    defaults: TuningParams
    limits: Mapping[str, float]
    floor_bps: float
    gross_share: float
    fallback: Fallback
    rules: tuple[Rule, ...]
    multi_fail: MultiFail
    way_back: WayBack
    freeze: Freeze
    guards: Guards
    phases: tuple[Phase, ...]
    bounds: Bounds

    def phase_at(self, iteration: int) -> Phase:
        """Return the phase an iteration (from 1) belongs to."""
        return max((p for p in self.phases if p.first <= iteration), key=lambda p: p.first)

    def every_rule(self) -> tuple[Rule, ...]:
        """Return all rules in the order they are tried, packages included."""
        return (self.fallback.rule, *self.rules, self.multi_fail.rule)


def lenient_verdict(*, rules: TuningRules, iteration: int, verdict: Verdict) -> Verdict:
    """Count a FAIL as WARN where the iteration's phase says so; every other verdict stays."""
    lenient = verdict is Verdict.FAIL and rules.phase_at(iteration).fail_counts_as_warn
    return Verdict.WARN if lenient else verdict
