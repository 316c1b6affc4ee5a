"""Fold one iteration into the tuner's memory before anything is decided."""

from collections.abc import Mapping
from dataclasses import replace

from framework.tuning.evidence import Finding, Standing
from framework.tuning.measure import TuningInput, margin_over
from framework.tuning.params import Field
from framework.tuning.rules import TuningRules
from framework.tuning.state import Trail, TunerState, rebase
from framework.tuning.turn import Turn
from framework.tuning.verify import Verification, tallied


def adopt(*, turn: Turn, verification: Verification) -> TunerState:
    """Take the package the engine ran as the truth.

    What changed without an order counts as a patch from outside: rebased and frozen. An order that was not in
    force is forgotten by velocity and cooldown, so that it may be given again.
    """
    missed = {miss.field for miss in verification.misses}

    def forget(field: Field, trail: Trail) -> Trail:
        return replace(trail, changed_at=trail.changed_at[:-1]) if field in missed else trail

    state = tallied(state=turn.state, verification=verification).map_trails(forget)
    if verification.outside:
        patch = {delta.field.value: delta.after for delta in verification.outside}
        state, _ = rebase(state=state, patch=patch, bounds=turn.rules.bounds)
    expected = replace(state, expected=turn.params, iteration=turn.iteration)
    return expected.with_signature(turn.params)


def observe(*, turn: Turn, measurement: TuningInput, findings: Mapping[str, Finding]) -> TunerState:
    """Extend or break the streaks: negative net, stability (and its freeze), symptoms gone."""
    rules, state = turn.rules, turn.state
    negative = findings[rules.fallback.rule.name].standing
    stable = state.stable_streak + 1 if is_stable(rules=rules, measurement=measurement) else 0
    freezes = stable >= rules.freeze.after_stable

    def fold(field: Field, trail: Trail) -> Trail:
        gone = bool(trail.causes) and all(findings[name].gone for name in trail.causes)
        held = rules.freeze.iterations.get(field, 0) if freezes else 0
        until = max(trail.frozen_until, turn.iteration + held - 1) if held else trail.frozen_until
        return replace(trail, clean=trail.clean + 1 if gone else 0, frozen_until=until)

    return replace(
        state.map_trails(fold),
        negative_streak=state.negative_streak + 1 if negative >= Standing.SEEN else 0,
        evident_streak=state.evident_streak + 1 if negative is Standing.EVIDENT else 0,
        stable_streak=0 if freezes else stable,
    )


def observe_nothing(*, state: TunerState) -> TunerState:
    """Break every streak: an iteration without evidence continues none."""
    return replace(
        state.map_trails(lambda _, trail: replace(trail, clean=0)),
        negative_streak=0,
        evident_streak=0,
        stable_streak=0,
    )


def is_stable(*, rules: TuningRules, measurement: TuningInput) -> bool:
    """Return whether risk blocks are few and net is at its stable floor; unmeasured is not stable.

    Point values decide: a freeze moves nothing, so it needs no more.
    """
    freeze, net, risk = rules.freeze, measurement.net_bps, measurement.block_risk
    if net is None or risk is None or risk.value > freeze.max_risk_block:
        return False
    over = margin_over(
        net=net,
        gross=measurement.gross_bps,
        floor_bps=freeze.floor_bps,
        gross_share=freeze.gross_share,
    )
    return over is not None and over.value >= 0.0
