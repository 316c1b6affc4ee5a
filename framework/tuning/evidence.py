"""What the intervals say about a rule: firing with evidence, seen without it, or evidently gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from framework.tuning.measure import Metric, TuningInput, readings
from framework.tuning.params import TuningError
from framework.tuning.rules import Condition, Relation, Rule, TuningRules


class Standing(IntEnum):
    """How a condition stands, from evidently not to evidently so."""

    GONE = 0
    UNKNOWN = 1
    QUIET = 2
    SEEN = 3
    EVIDENT = 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """One metric against its limit, as a decision's row shows it."""

    metric: str
    relation: str
    limit: float
    value: float | None
    lo: float | None
    hi: float | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule with its standing and what it rests on."""

    rule: Rule
    standing: Standing
    evidence: tuple[Evidence, ...]
    gone: bool


def read(*, rules: TuningRules, measurement: TuningInput) -> dict[str, Metric]:
    """Return the metrics rules ask for; refuse a measurement in another unit than the rules'."""
    if measurement.unit != rules.unit:
        raise TuningError(
            f"tuning: measurement is in {measurement.unit}; profile {rules.profile} allows {rules.unit}"
        )
    return readings(
        measurement=measurement,
        floor_bps=rules.floor_bps,
        gross_share=rules.gross_share,
        drivers=rules.max_drivers,
    )


def standing_of(*, metric: Metric | None, relation: Relation, limit: float, margin: float) -> Standing:
    """Place a metric against its limit; GONE asks for ``margin`` x |limit| of distance from it."""
    if metric is None:
        return Standing.UNKNOWN
    if relation is Relation.ABOVE:
        return _place(
            value=-metric.value,
            hi=_minus(metric.lo),
            lo=_minus(metric.hi),
            limit=-limit,
            margin=margin,
        )
    if relation is Relation.BELOW:
        return _place(value=metric.value, hi=metric.hi, lo=metric.lo, limit=limit, margin=margin)
    if metric.value > limit:
        return Standing.QUIET
    return Standing.EVIDENT if metric.hi is not None and metric.hi <= limit else Standing.SEEN


def _minus(bound: float | None) -> float | None:
    return None if bound is None else -bound


def _place(*, value: float, hi: float | None, lo: float | None, limit: float, margin: float) -> Standing:
    """Place a value that is a symptom when below the limit."""
    if value < limit:
        return Standing.EVIDENT if hi is not None and hi < limit else Standing.SEEN
    gone = lo is not None and lo >= limit + margin * abs(limit)
    return Standing.GONE if gone else Standing.QUIET


def weigh(*, rules: TuningRules, rule: Rule, measured: Mapping[str, Metric]) -> Finding:
    """Judge one rule."""
    symptoms = [_judge(rules, measured, condition) for condition in rule.symptoms]
    requires = [_judge(rules, measured, condition) for condition in rule.requires]
    strongest = max((item.standing for item in symptoms), default=Standing.UNKNOWN)
    weakest = min([strongest, *(item.standing for item in requires)])
    gone = bool(symptoms) and all(item.standing is Standing.GONE for item in symptoms)
    return Finding(rule=rule, standing=weakest, evidence=tuple(symptoms + requires), gone=gone)


def _judge(rules: TuningRules, measured: Mapping[str, Metric], condition: Condition) -> Evidence:
    metric = measured.get(condition.metric)
    limit = rules.limits[condition.metric]
    standing = standing_of(
        metric=metric,
        relation=condition.relation,
        limit=limit,
        margin=rules.way_back.margin,
    )
    value, lo, hi = (None, None, None) if metric is None else (metric.value, metric.lo, metric.hi)
    return Evidence(condition.metric, condition.relation.value, limit, value, lo, hi, standing)


def weigh_all(*, rules: TuningRules, measured: Mapping[str, Metric]) -> dict[str, Finding]:
    """Judge every rule; the calm-down package stands on the triggers that count as fails."""
    findings = {rule.name: weigh(rules=rules, rule=rule, measured=measured) for rule in rules.every_rule()}
    fails = [findings[rule.name] for rule in rules.rules if rule.counts_as_fail]
    calm = rules.multi_fail.rule
    findings[calm.name] = Finding(
        rule=calm,
        standing=max((f.standing for f in fails), default=Standing.UNKNOWN),
        evidence=tuple(item for f in fails if f.standing is Standing.EVIDENT for item in f.evidence),
        gone=bool(fails) and all(f.gone for f in fails),
    )
    return findings
