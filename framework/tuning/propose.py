"""Which moves the rules ask for: fallback first, then drivers, triggers, relief, and the way back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from framework.tuning.evidence import Evidence, Finding, Standing
from framework.tuning.measure import DRIVER_METRICS
from framework.tuning.params import Field, quantise
from framework.tuning.rows import Reason, Row, return_marker
from framework.tuning.rules import FieldStep, Kind, TuningRules
from framework.tuning.turn import Turn


@dataclass(frozen=True, slots=True)
class Move:
    """One step a rule asks for, with what it rests on."""

    kind: Kind
    rule: str
    marker: str
    step: FieldStep
    evidence: tuple[Evidence, ...]

    def row(
        self,
        *,
        iteration: int,
        before: float,
        after: float | None,
        reason: Reason,
        detail: str = "",
    ) -> Row:
        """Write down what became of the move."""
        return Row(
            iteration=iteration,
            kind=self.kind,
            rule=self.rule,
            marker=self.marker,
            field=self.step.field,
            before=before,
            proposed=wanted(step=self.step, current=before),
            after=before if after is None else after,
            reason=reason,
            detail=detail,
            evidence=self.evidence,
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """Moves to try, in order, and rows about moves already refused."""

    moves: tuple[Move, ...]
    refused: tuple[Row, ...]


def wanted(*, step: FieldStep, current: float) -> float:
    """Return where a step would lead with no limit in its way."""
    if step.add is not None:
        return quantise(step.field, current + step.add)
    return current if step.at_least is None else max(current, step.at_least)


def moves_of(finding: Finding) -> tuple[Move, ...]:
    """Return the steps of a judged rule as moves."""
    rule = finding.rule
    return tuple(Move(rule.kind, rule.name, rule.marker, step, finding.evidence) for step in rule.steps)


def in_turn(fired: Sequence[Finding]) -> list[Move]:
    """Return the moves of rules that fire, rule by rule; those of losing components take turns.

    The component that loses most moves its first key first, for a step moves few keys and each component is
    to have its share of them.
    """
    losing = sorted(
        (finding for finding in fired if _loss(finding) is not None),
        key=lambda finding: _loss(finding) or 0.0,
    )
    shared = [move for turn in zip_longest(*map(moves_of, losing)) for move in turn if move is not None]
    moves: list[Move] = []
    for finding in fired:
        if _loss(finding) is None:
            moves += moves_of(finding)
        else:
            moves, shared = moves + shared, []
    return moves


def _loss(finding: Finding) -> float | None:
    """Return what the component behind a rule made, in bps (a loss is negative); None without one."""
    asked = (item.value for item in finding.evidence if item.metric in DRIVER_METRICS.values())
    return next(asked, None)


def propose(*, turn: Turn, findings: Mapping[str, Finding]) -> Proposal:
    """Ask every rule in order; the fallback returns early, too many fails leave only the calm-down."""
    rules, state, iteration = turn.rules, turn.state, turn.iteration
    refused: list[Row] = []

    def refuse(moves: Iterable[Move], reason: Reason, detail: str) -> None:
        for move in moves:
            before = turn.params.value(move.step.field)
            refused.append(
                move.row(iteration=iteration, before=before, after=None, reason=reason, detail=detail)
            )

    if state.negative_streak >= rules.fallback.after_negative:
        fallback = findings[rules.fallback.rule.name]
        hold = _fallback_hold(turn)
        if hold is None:
            return Proposal(moves_of(fallback), ())
        rule = fallback.rule
        refused.append(
            Row(
                iteration=iteration,
                kind=rule.kind,
                rule=rule.name,
                marker=rule.marker,
                reason=hold[0],
                detail=hold[1],
                evidence=fallback.evidence,
            )
        )
    fails = failing(rules=rules, findings=findings)
    tried = [findings[r.name] for r in rules.rules if not (r.only_without_fails and fails)]
    moves = in_turn([finding for finding in tried if finding.standing is Standing.EVIDENT])
    unproven = [move for finding in tried if finding.standing is Standing.SEEN for move in moves_of(finding)]
    refuse(unproven, Reason.NO_EVIDENCE, "its interval does not exclude the limit")
    if len(fails) >= rules.multi_fail.fails:
        refuse(moves, Reason.MULTI_FAIL, f"{len(fails)} triggers fail at once: calm down only")
        return Proposal(moves_of(findings[rules.multi_fail.rule.name]), tuple(refused))
    back = ways_back(turn=turn, findings=findings, moves=moves)
    if fails:
        refuse(back, Reason.FAILS_PRESENT, f"{fails[0]} fails: no way back now")
        return Proposal(tuple(moves), tuple(refused))
    return Proposal((*moves, *back), tuple(refused))


def failing(*, rules: TuningRules, findings: Mapping[str, Finding]) -> list[str]:
    """Return the names of the triggers that count as fails and fire with evidence."""
    return [r.name for r in rules.rules if r.counts_as_fail and findings[r.name].standing is Standing.EVIDENT]


def _fallback_hold(turn: Turn) -> tuple[Reason, str] | None:
    """Return why a fallback that net calls for does not fire; None when it does."""
    rules, state = turn.rules, turn.state
    if state.evident_streak < rules.fallback.after_negative:
        streaks = f"net was negative {state.negative_streak} times, evidently {state.evident_streak}"
        return Reason.NO_EVIDENCE, streaks
    if state.last_fallback is not None and turn.iteration - state.last_fallback <= rules.fallback.min_gap:
        return Reason.FALLBACK_GAP, f"last fallback in iteration {state.last_fallback}"
    return None


def ways_back(*, turn: Turn, findings: Mapping[str, Finding], moves: Iterable[Move]) -> tuple[Move, ...]:
    """Return one step towards its start for each moved parameter whose symptoms are evidently gone.

    A relapse after an earlier return doubles the clean iterations asked for.
    """
    busy = {move.step.field for move in moves}
    back: list[Move] = []
    for field in Field:
        trail, value = turn.state.trails[field], turn.params.value(field)
        clean = turn.rules.way_back.clean_iterations * 2**trail.relapses
        if not trail.causes or value == trail.start or field in busy or trail.clean < clean:
            continue
        size = min(turn.rules.way_back.steps[field], abs(trail.start - value))
        step = FieldStep(
            field,
            add=size if trail.start > value else -size,
            limit=trail.start,
            at_least=None,
        )
        evidence = tuple(item for name in trail.causes for item in findings[name].evidence)
        back.append(
            Move(
                Kind.RETURN,
                "+".join(trail.causes),
                return_marker(field),
                step,
                evidence,
            )
        )
    return tuple(back)
