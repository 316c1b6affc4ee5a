"""What a change between two commits does: which files, which values of which environment, which way risk.

Read from the base alone: the policy, the tiers, who may sign. Read from the head as data: everything else. No
variable of this process counts, ``KPI_*`` least of all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from framework.errors import QuoteopsError
from framework.files.moments import iso_utc
from framework.gitops.change.admission import (
    Restores,
    is_judging,
    refuse,
    wrong_conf,
    wrong_files,
    wrong_gitops,
    wrong_patches,
)
from framework.gitops.change.judges import InForce, in_force, judge_changes
from framework.gitops.change.report import (
    TIERS,
    ChangeReport,
    EnvironmentChange,
    Needs,
    PathClass,
    by_class,
)
from framework.gitops.change.standing import FindGround, FindStanding, Ground, newest_composed
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.settings.gitops_files import POLICY
from framework.settings.overrides import Change, Direction, Effect, direction_of
from framework.settings.schema.gitops import EnvironmentFile, TierRules
from framework.settings.schema.run import RunSettings
from framework.settings.traded import traded_changes, traded_fields

JUDGING = ("tier", "tapes", "branch")
"""Keys of an environment's file that decide how it is judged, not what it trades."""


def classify(
    base: Revision,
    head: Revision,
    environment: str | None = None,
    *,
    now: datetime | None = None,
    ground: FindGround | None = None,
    standing: FindStanding | None = None,
    restores: Restores = lambda _: False,
) -> ChangeReport:
    """Compare two commits; with ``environment``, that one alone.

    ``now`` decides freezes and expiry, by default the wall clock. ``ground`` gives what an environment is
    compared with that does not compose in the base, by default the newest content below that composes;
    ``standing`` what one runs that the head changes where that is not the base. Raises GitopsError when the
    question has no answer: the head does not contain the base, or the base holds no policy.
    """
    now = now or datetime.now(UTC)
    if not head.git.is_ancestor(base.sha, head.sha):
        raise GitopsError(
            f"{head.sha[:12]} does not contain {base.sha[:12]}: it is behind; merge the base into it, for"
            " what would run is both together"
        )
    rules = _in_force(base, now)
    head.git.check_added(base.sha, head.sha)
    changed = head.git.changed(base.sha, head.sha)
    paths = by_class(changed, rules.policy)
    report = ChangeReport(base=base.sha, head=head.sha, policy=rules.policy, paths=paths)
    faults = wrong_files(head, report.paths)
    if faults:
        return replace(report, refusals=tuple(faults))
    names = _names(base, head, environment)
    patches = changed if environment is None else [p for p in changed if p in _patches(head, environment)]
    result = _Found()
    faults = [*_wrong_gitops(base, head, environment, result), *wrong_patches(head.root, patches, now)]
    faults += wrong_conf(head.root, changed)
    pair = _Pair(base, head, rules, now)
    for name in names:
        found = None if standing is None or not _moved(name, pair) else standing(name)
        if found is None:
            _compare_one(name, pair, result, alone=environment is not None, ground=ground)
        else:
            _compare_with(found, name, pair, result, "the base is not what runs there")
    loosens = [text for change in result.changes for text in change.loosens]
    judge = judge_changes(base, head, paths.get(PathClass.JUDGE, ()), loosens)
    refusals, notes = (*faults, *result.faults), tuple(result.notes)
    report = replace(report, environments=tuple(result.changes), refusals=refusals, notes=notes, judge=judge)
    return refuse(report, base, head, rules.policies, now, restores)


@dataclass(frozen=True)
class _Pair:
    """Two commits, and what judges the one after the other at a moment."""

    base: Revision
    head: Revision
    rules: InForce
    now: datetime


@dataclass
class _Found:
    """What was found of the environments so far."""

    changes: list[EnvironmentChange] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _wrong_gitops(base: Revision, head: Revision, environment: str | None, result: _Found) -> list[str]:
    """Return what is wrong in gitops/; what was wrong before, of one environment of several, is noted."""
    faults = [head.plain(fault) for fault in wrong_gitops(head.root, environment)]
    if not faults or environment is not None:
        return faults
    new = list[str]()
    for name in head.names:
        before = [base.plain(fault) for fault in wrong_gitops(base.root, name)]
        for fault in (head.plain(fault) for fault in wrong_gitops(head.root, name)):
            (result.notes if fault in before else new).append(fault)
    return new if new or result.notes else faults


def _names(base: Revision, head: Revision, only: str | None) -> list[str]:
    known = list(dict.fromkeys([*base.names, *head.names]))
    if only is not None and only not in known:
        raise GitopsError(f"environment {only} is unknown; allowed {', '.join(sorted(known))}")
    return known if only is None else [only]


def _compare_one(name: str, pair: _Pair, result: _Found, *, alone: bool, ground: FindGround | None) -> None:
    """Find what the change does to an environment, or why it cannot be composed.

    One that does not compose in the base is compared with its ground; as long as the head leaves it as broken
    as it was, it keeps no other environment from being changed.
    """
    base, now = pair.base, pair.now
    fault = base.fault(name, now=now)
    if not fault:
        _compared(name, pair, result)
        return
    if not alone and fault == pair.head.fault(name, now=now):
        result.notes.append(f"{name}: does not compose, as before, and keeps what is in force: {fault}")
        return
    try:
        stands = newest_composed(base, name, now) if ground is None else ground(name)
    except QuoteopsError as error:
        result.faults.append(str(error))
        return
    _compare_with(stands, name, pair, result, f"does not compose in the base ({fault})")


def _moved(name: str, pair: _Pair) -> bool:
    """Tell whether the head changes what an environment that composes in the base trades."""
    before = pair.base.config_sha(name, now=pair.now)
    return before is not None and pair.head.config_sha(name, now=pair.now) != before


def _compare_with(stands: Ground, name: str, pair: _Pair, result: _Found, why: str) -> None:
    """Find what the change does beside another commit than the base."""
    with Revision(pair.base.git, stands.commit) as earlier:
        _compared(name, replace(pair, base=earlier), result, stands)
    result.notes.append(f"{name}: {why}; it is compared with {stands.commit[:12]}, {stands.why}")


def _compared(name: str, pair: _Pair, result: _Found, stands: Ground | None = None) -> None:
    try:
        change = _compare(name, pair)
    except QuoteopsError as error:
        result.faults.append(pair.base.plain(str(error)))
        return
    result.changes.append(change if stands is None else replace(change, against=stands))


def _in_force(base: Revision, now: datetime) -> InForce:
    if POLICY not in base.files:
        raise GitopsError(
            f"{base.sha[:12]}: holds no {POLICY}, so nothing says what is allowed; merge one first"
        )
    return in_force(base, now)


def _patches(head: Revision, name: str) -> tuple[str | None, ...]:
    """Return the patches of an environment; none of one whose file says nothing, which is said elsewhere."""
    try:
        file = head.environment(name)
    except QuoteopsError:
        return ()
    return (file.overrides, file.candidate)


def _compare(name: str, pair: _Pair) -> EnvironmentChange:
    base, head, judges, now = pair.base, pair.head, pair.rules, pair.now
    before = base.environment(name) if name in base.names else None
    after = head.environment(name) if name in head.names else None
    old = None if before is None else base.settings(name, now=now)
    new = None if after is None else head.settings(name, now=now)
    file = before or after
    assert file is not None
    tier = judges.tier(name, file.tier)
    rules = judges.policy.rules(tier)
    changes = tuple(judges.effect(one) for one in _changes(old, new)) + _models(before, after)
    trading = [change for change in changes if not is_judging(change.name)]
    direction = Direction.INCREASING if old is None else direction_of(trading)
    # Without a baseline there is nothing to compare: what may be new is settled in admission.py.
    needs: Needs = "check" if old is None else _needs(direction, rules)
    raised = after is not None and (before is None or TIERS.index(after.tier) > TIERS.index(before.tier))
    entered = "" if after is None or not raised else judges.tier(name, after.tier)
    ends, later = ("", ()) if old is None or after is None else _later(name, old, base, head)
    judging = [key for key in JUDGING if before and after and getattr(before, key) != getattr(after, key)]
    return EnvironmentChange(
        name=name,
        tier=tier,
        base=old,
        head=new,
        changes=changes,
        direction=direction,
        needs=needs,
        approvals=rules.approvals if needs != "none" else 0,
        net=rules.net,
        judging=tuple(judging),
        loosens=_loosens(name, before, after),
        raised=entered,
        beside=_beside(before, after, new),
        tapes=judges.tapes.get(name, ()),
        ends=ends,
        later=later,
    )


def _beside(
    before: EnvironmentFile | None, after: EnvironmentFile | None, new: RunSettings | None
) -> tuple[str, ...]:
    """Return the words of an environment that change and that no config_sha covers, by their keys."""
    if before is None or after is None or new is None:
        return ()
    covered = traded_fields(new)
    groups = {name.partition(".")[0] for name in covered}
    keys = sorted({word.partition("=")[0] for word in {*before.words} ^ {*after.words}})
    return tuple(key for key in keys if key not in covered and key not in groups)


def _loosens(name: str, before: EnvironmentFile | None, after: EnvironmentFile | None) -> tuple[str, ...]:
    """Say what an environment's file loosens or tightens of how it is judged."""
    if before is None or after is None:
        return ()
    names = []
    if before.tier != after.tier:
        does = "loosens" if TIERS.index(after.tier) < TIERS.index(before.tier) else "tightens"
        names.append(f"{does} the judge: {name}'s tier goes from {before.tier} to {after.tier}")
    for key in ("branch", "tapes"):
        old, new = getattr(before, key), getattr(after, key)
        if old != new:  # which of two is the stricter nobody can say
            shown = [", ".join(value) if isinstance(value, tuple) else value for value in (old, new)]
            names.append(
                f"loosens the judge: {name}'s {key} goes from {shown[0] or 'all'} to {shown[1] or 'all'}"
            )
    return tuple(names)


def _needs(direction: Direction, rules: TierRules) -> Needs:
    asked: dict[Direction, Needs] = {
        Direction.NEUTRAL: "none",
        Direction.REDUCING: rules.reducing,
        Direction.INCREASING: rules.increasing,
        Direction.GATED: rules.gated,
    }
    return asked[direction]


def _later(name: str, runs: RunSettings, base: Revision, head: Revision) -> tuple[str, tuple[Change, ...]]:
    """Return when the head's patch ends and how it then differs from the base; nothing if the base's ends so.

    What an end sets back is compared with nothing by then, so it is judged as if it were asked for now.
    """
    end, before = _ended(head, name), _ended(base, name)
    if end is None or (before is not None and before[1].config_sha == end[1].config_sha):
        return "", ()
    changes = tuple(c for c in _changes(runs, end[1]) if not is_judging(c.name))
    return iso_utc(end[0], timespec="seconds"), changes


def _ended(revision: Revision, name: str) -> tuple[datetime, RunSettings] | None:
    """Return the end of an environment's patch and what is then in force, None for a patch without an end."""
    patch = revision.patch(name)
    if patch is None or patch.expires is None:
        return None
    return patch.expires, revision.settings(name, now=patch.expires)


def _changes(base: RunSettings | None, head: RunSettings | None) -> tuple[Change, ...]:
    """Return the changed values that decide what trades or by what it is judged."""
    if base is None or head is None:
        return ()
    return traded_changes(traded_fields(base), traded_fields(head))


def _models(before: EnvironmentFile | None, after: EnvironmentFile | None) -> tuple[Change, ...]:
    if before is None or after is None:
        return ()
    slots = sorted({*before.models, *after.models})
    return tuple(
        Change(
            f"models.{slot}", before.models.get(slot), after.models.get(slot), "next_quote", Effect.NONE, ""
        )
        for slot in slots
        if before.models.get(slot) != after.models.get(slot)
    )
