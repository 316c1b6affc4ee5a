"""What the policy refuses of an environment's change: keys, steps, freezes, environments without a past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from framework.files.hints import did_you_mean
from framework.gitops.change.report import EnvironmentChange
from framework.settings.fields import effect_of, path_of, value_at
from framework.settings.overrides import Change, Direction, Effect, direction_of
from framework.settings.schema.gitops import KeyRule, Policy
from framework.settings.schema.run import RunSettings
from framework.settings.traded import CANDIDATE
from framework.settings.validate import shown_value

WHERE = "gitops/policy.yaml"
TIERS = ("sandbox", "paper", "production")
"""By how much is at stake."""

EXEMPT = ("kpi", "models")
"""Groups that other rules judge: thresholds with the gate, models by their digest."""


def refused_changes(
    change: EnvironmentChange, *, policy: Policy, now: datetime, runs: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Return what is refused and what is worth a note; ``runs`` are the config_sha of what runs today,
    each with the strictest tier it runs in.
    """
    faults: list[str] = []
    notes: list[str] = []
    if change.head is None:
        return faults, [f"{change.name}: is removed; an agent that serves it keeps its last state and alerts"]
    enters = change.raised not in ("", "sandbox")
    if enters and TIERS.index(runs.get(change.head.config_sha, "sandbox")) < TIERS.index(change.raised):
        faults.append(
            f"{change.name}: is new in tier {change.raised} and no evidence can compare it; allowed the"
            " settings of an environment of that tier, changed afterwards"
        )
    if change.base is None:
        notes.append(f"{change.name}: is new")
    if direction_of(change.later) not in (Direction.NEUTRAL, Direction.REDUCING):
        moved = ", ".join(f"{one.name} goes to {shown_value(one.new)}" for one in change.later[:4])
        faults.append(
            f"{change.name}: when its patch ends, {change.ends}, {moved}, which no evidence has seen; allowed"
            " an end that leads back to what runs today"
        )
    for one in change.changes:
        if one.name.startswith(CANDIDATE):
            one = _from_baseline(one, change.head)
        if one.name.partition(".")[0] in EXEMPT:
            continue
        faults += _refused(one, change, policy)
        if one.reload in ("flat_only", "restart"):
            when = "once flat" if one.reload == "flat_only" else "after a restart"
            notes.append(f"{change.name}: {one.name} is in force {when} only")
    frozen = policy.frozen(tier=change.tier, now=now)
    if frozen is not None and change.direction not in (Direction.NEUTRAL, Direction.REDUCING):
        faults.append(
            f"{change.name}: frozen ({frozen.reason}); allowed changes that reduce risk, or a later moment"
        )
    return faults, notes


def _from_baseline(one: Change, head: RunSettings) -> Change:
    """Measure a candidate's value from its baseline: what is tried lies one step away from what runs."""
    name = one.name.removeprefix(CANDIDATE)
    beneath = value_at(head, name)
    return replace(one, old=beneath, effect=effect_of(path_of(name), beneath, one.new))


def _refused(one: Change, change: EnvironmentChange, policy: Policy) -> list[str]:
    rule = policy.rule_of(one.name.removeprefix(CANDIDATE))
    if rule is None:
        known = ", ".join(policy.keys)
        return [
            f"{change.name}: {one.name} may not change; allowed {known} ({WHERE})"
            + did_you_mean(one.name, policy.keys)
        ]
    if change.tier not in rule.tiers:
        tiers = ", ".join(rule.tiers)
        return [
            f"{change.name}: {one.name} may not change in tier {change.tier}; allowed in {tiers} ({WHERE})"
        ]
    return _too_far(one, change.name, rule)


def _too_far(one: Change, environment: str, rule: KeyRule) -> list[str]:
    """Refuse a numeric change beyond its step, unless it reduces risk."""
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (one.old, one.new))
    if not numbers or one.effect is Effect.REDUCING:
        return []
    limits = [
        *([] if rule.step is None else [(rule.step, f"{rule.step:g}")]),
        *([] if rule.ratio is None else [(rule.ratio * abs(one.old), f"{rule.ratio:.0%} of {one.old:g}")]),
    ]
    moved = abs(one.new - one.old)
    for limit, text in limits:
        if moved > limit * (1 + 1e-9):
            return [
                f"{environment}: {one.name} goes from {shown_value(one.old)} to {shown_value(one.new)}"
                f"{f' {one.unit}' if one.unit else ''}; allowed a step of {text} ({WHERE})"
            ]
    return []
