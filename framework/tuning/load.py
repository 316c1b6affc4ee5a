"""Build the rule records from plain configuration values."""

from collections.abc import Mapping
from typing import Any

from framework.tuning.measure import MEASURED
from framework.tuning.params import (
    RUNTIME_LIMITS,
    Bounds,
    Field,
    TuningError,
    check_value,
    complete_package,
    field_named,
)
from framework.tuning.rules import (
    Condition,
    Fallback,
    FieldStep,
    Freeze,
    Guards,
    Kind,
    MultiFail,
    Phase,
    Relation,
    Rule,
    TuningRules,
    WayBack,
)

SECTIONS = (("drivers", Kind.DRIVER), ("triggers", Kind.TRIGGER), ("relief", Kind.RELIEF))
"""Sections of the table in the order their rules are tried."""

MARKERS = {Kind.DRIVER: "DRIVER:{name}", Kind.TRIGGER: "TRIGGER:{name}"}
FALLBACK, CALM_DOWN = "fallback_conservative", "multi_fail"


def rules_from_mapping(
    table: Mapping[str, Any], *, profile: str, warm_up: bool, bounds: Bounds = RUNTIME_LIMITS
) -> TuningRules:
    """Build the rules from the plain values of ``tuning.table``.

    ``profile`` is the deciding KPI profile, whose units the limits are in; without ``warm_up`` the last phase
    holds from the first iteration. Raises TuningError for an unknown name or a limit outside ``bounds``.
    """
    if profile not in table["profiles"]:
        allowed = ", ".join(sorted(table["profiles"]))
        raise TuningError(f"tuning: no limits for KPI profile {profile}; allowed {allowed}")
    units = table["profiles"][profile]
    percentiles = {name: units[name] for name in ("adverse_p95", "slippage_p95")}
    limits = {**table["limits"], **percentiles}
    phases = [Phase(name=name, **row) for name, row in table["phases"].items()]
    last = max(phases, key=lambda phase: phase.first)
    return TuningRules(
        profile=profile,
        unit=units["unit"],
        min_fills=table["min_fills"],
        max_drivers=table["max_drivers"],
        defaults=complete_package(package=table["defaults"], defaults={}, bounds=bounds),
        limits=limits,
        floor_bps=units["floor_bps"],
        gross_share=units["gross_share"],
        fallback=_fallback(table["fallback"], limits, bounds),
        rules=_rules(table, limits, bounds),
        multi_fail=_multi_fail(table["multi_fail"], bounds),
        way_back=_way_back(table["way_back"]),
        freeze=_freeze(table["freeze"], units),
        guards=_guards(table["guards"]),
        phases=tuple(phases) if warm_up else (Phase(last.name, 1, last.max_keys, last.fail_counts_as_warn),),
        bounds=bounds,
    )


def _rules(table: Mapping[str, Any], limits: Mapping[str, float], bounds: Bounds) -> tuple[Rule, ...]:
    rules = [
        Rule(
            name=name,
            kind=kind,
            rank=row["rank"],
            marker=MARKERS.get(kind, name.upper()).format(name=name),
            symptoms=_conditions(name, row["symptoms"], limits),
            requires=_conditions(name, row["requires"], limits),
            steps=_steps(name, row["steps"], bounds),
            counts_as_fail=row["counts_as_fail"],
            only_without_fails=row["only_without_fails"],
        )
        for section, kind in SECTIONS
        for name, row in table[section].items()
    ]
    names = [rule.name for rule in rules] + [FALLBACK, CALM_DOWN]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TuningError(f"tuning: rule {twice[0]} exists twice; allowed one of each name")
    order = [kind for _, kind in SECTIONS]
    return tuple(sorted(rules, key=lambda rule: (order.index(rule.kind), rule.rank, rule.name)))


def _fallback(row: Mapping[str, Any], limits: Mapping[str, float], bounds: Bounds) -> Fallback:
    rule = Rule(
        name=FALLBACK,
        kind=Kind.FALLBACK,
        rank=0,
        marker="FALLBACK_CONSERVATIVE",
        symptoms=_conditions(FALLBACK, row["symptoms"], limits),
        requires=(),
        steps=_steps(FALLBACK, row["steps"], bounds),
    )
    return Fallback(rule=rule, after_negative=row["after_negative"], min_gap=row["min_gap"])


def _multi_fail(row: Mapping[str, Any], bounds: Bounds) -> MultiFail:
    steps = _steps(CALM_DOWN, row["steps"], bounds)
    rule = Rule(CALM_DOWN, Kind.CALM_DOWN, 0, "MULTI_FAIL", symptoms=(), requires=(), steps=steps)
    return MultiFail(rule=rule, fails=row["fails"])


def _conditions(rule: str, row: Mapping[str, str], limits: Mapping[str, float]) -> tuple[Condition, ...]:
    for metric in row:
        if metric not in MEASURED or metric not in limits:
            raise TuningError(f"tuning: {rule} asks for {metric}; allowed {', '.join(sorted(limits))}")
    return tuple(Condition(metric, Relation(relation)) for metric, relation in row.items())


def _steps(rule: str, rows: Mapping[str, Mapping[str, Any]], bounds: Bounds) -> tuple[FieldStep, ...]:
    steps = []
    for name, row in rows.items():
        field = field_named(name)
        for key in ("limit", "at_least"):
            if row[key] is not None:
                check_value(where=f"tuning: {rule} {key}", field=field, value=row[key], bounds=bounds)
        steps.append(FieldStep(field, row["add"], row["limit"], row["at_least"]))
    return tuple(steps)


def _way_back(row: Mapping[str, Any]) -> WayBack:
    steps = {field_named(name): size for name, size in row["steps"].items()}
    missing = [field.value for field in Field if steps.get(field, 0.0) <= 0.0]
    if missing:
        raise TuningError(f"tuning: way_back has no step for {missing[0]}; allowed more than 0 for each")
    return WayBack(steps=steps, clean_iterations=row["clean_iterations"], margin=row["margin"])


def _freeze(row: Mapping[str, Any], units: Mapping[str, Any]) -> Freeze:
    return Freeze(
        iterations={field_named(name): held for name, held in row["iterations"].items()},
        after_stable=row["after_stable"],
        max_risk_block=row["max_risk_block"],
        floor_bps=units["stable_floor_bps"],
        gross_share=units["stable_gross_share"],
    )


def _guards(row: Mapping[str, Any]) -> Guards:
    return Guards(
        max_changes_per_field=row["max_changes_per_field"],
        max_rise={field_named(name): rise for name, rise in row["max_rise"].items()},
        velocity_window=row["velocity_window"],
        cooldown={field_named(name): wait for name, wait in row["cooldown"].items()},
    )
