"""What a change between two commits does: which files, which values of which environment, which way risk.

Read from the base alone: the policy, the tiers, who may sign. Read from the head as data: everything else. No
variable of this process counts, ``KPI_*`` least of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from framework.errors import QuoteopsError
from framework.files.moments import iso_utc
from framework.gitops.change.admission import (
    TIERS,
    refused_changes,
    signatures,
    wrong_conf,
    wrong_files,
    wrong_gitops,
    wrong_patches,
)
from framework.gitops.change.report import ChangeReport, EnvironmentChange, Needs, PathClass
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.settings.gitops_files import POLICY, TAPES
from framework.settings.overrides import Change, Direction, Effect, direction_of
from framework.settings.schema.gitops import EnvironmentFile, Policy, TierRules
from framework.settings.schema.run import RunSettings
from framework.settings.traded import traded_changes, traded_fields

JUDGING = ("tier", "tapes", "branch")
"""Keys of an environment's file that decide how it is judged, not what it trades."""


ALWAYS_GATE = (POLICY, TAPES, "conf/kpi/*", ".github/workflows/*")
"""What judges, whatever a policy says."""

ALWAYS_PARAMETERS = ("runtime_overrides/*", "gitops/environments/*", "conf/*")
"""What decides how a bot trades, unless it is what judges or a model."""


def classify(
    base: Revision, head: Revision, environment: str | None = None, *, now: datetime | None = None
) -> ChangeReport:
    """Compare two commits; with ``environment``, that one alone.

    ``now`` decides freezes and expiry, by default the wall clock. Raises GitopsError when the question has no
    answer: the head does not contain the base, or the base holds no policy or does not compose.
    """
    now = now or datetime.now(UTC)
    if not head.git.is_ancestor(base.sha, head.sha):
        raise GitopsError(
            f"{head.sha[:12]} does not contain {base.sha[:12]}: it is behind; merge the base into it, for"
            " what would run is both together"
        )
    policy = _policy_of(base)
    changed = head.git.changed(base.sha, head.sha)
    report = ChangeReport(base=base.sha, head=head.sha, policy=policy, paths=_by_class(changed, policy))
    faults = wrong_files(head, report.paths)
    if faults:
        return replace(report, refusals=tuple(faults))
    names = _names(base, head, environment)
    faults = [*wrong_gitops(head.root), *wrong_patches(head.root, changed, now)]
    faults += wrong_conf(head.root, changed)
    changes, more = _compare_all(names, base, head, policy, now)
    report = replace(report, environments=tuple(changes), refusals=(*faults, *more))
    return _refuse(report, base, head, now)


def _names(base: Revision, head: Revision, only: str | None) -> list[str]:
    known = list(dict.fromkeys([*base.names, *head.names]))
    if only is not None and only not in known:
        raise GitopsError(f"environment {only} is unknown; allowed {', '.join(sorted(known))}")
    return known if only is None else [only]


def _compare_all(
    names: Sequence[str], base: Revision, head: Revision, policy: Policy, now: datetime
) -> tuple[list[EnvironmentChange], list[str]]:
    """Return what the change does to each environment, and why some of them cannot be composed."""
    before = _environments(base)
    changes, faults = [], list[str]()
    for name in names:
        try:
            changes.append(_compare(name, before.get(name), base, head, policy, now))
        except QuoteopsError as error:
            faults.append(str(error))
    return changes, faults


def _refuse(report: ChangeReport, base: Revision, head: Revision, now: datetime) -> ChangeReport:
    """Add what policy, freezes, mixtures and signatures refuse of a report that names the other faults."""
    faults, notes = list(report.refusals), list[str]()
    known = [] if not faults else ["the environments that cannot be composed are left out"]
    runs = _runs(base, now) if any(change.raised for change in report.environments) else {}
    for change in report.environments:
        more, more_notes = refused_changes(change, policy=report.policy, now=now, runs=runs)
        faults += more
        notes += more_notes
    faults += _mixed(report)
    signers, wrong = signatures(head.git, report)
    return replace(
        report,
        refusals=tuple(dict.fromkeys(head.plain(fault) for fault in [*faults, *wrong])),
        notes=tuple(dict.fromkeys([*notes, *known])),
        signers=signers,
    )


def _runs(base: Revision, now: datetime) -> dict[str, str]:
    """Return the config_sha of what runs today, each with the strictest tier it runs in."""
    runs: dict[str, str] = {}
    for name in base.names:
        tier, sha = str(base.environment(name).tier), base.settings(name, now=now).config_sha
        runs[sha] = max(tier, runs.get(sha, tier), key=TIERS.index)
    return runs


def _policy_of(base: Revision) -> Policy:
    if POLICY not in base.files:
        raise GitopsError(
            f"{base.sha[:12]}: holds no {POLICY}, so nothing says what is allowed; merge one first"
        )
    return base.policy


def class_of(path: str, policy: Policy) -> PathClass:
    """Return the class of a path: the first whose pattern matches, and code when none does."""
    paths = policy.paths
    table = (
        (PathClass.GATE, (*ALWAYS_GATE, *paths.gate)),
        (PathClass.MODEL, paths.model),
        (PathClass.PARAMETERS, (*ALWAYS_PARAMETERS, *paths.parameters)),
        (PathClass.DOCS, paths.docs),
    )
    for kind, patterns in table:
        if any(fnmatchcase(path, pattern) for pattern in patterns):
            return kind
    return PathClass.CODE


def _by_class(changed: list[str], policy: Policy) -> dict[str, tuple[str, ...]]:
    by_class: dict[str, list[str]] = {}
    for path in changed:
        by_class.setdefault(class_of(path, policy), []).append(path)
    return {str(kind): tuple(by_class[kind]) for kind in PathClass if kind in by_class}


def _environments(base: Revision) -> dict[str, EnvironmentFile]:
    try:
        return {name: base.environment(name) for name in base.names}
    except QuoteopsError as error:
        raise GitopsError(f"base {base.sha[:12]}: {error}") from error


def _compare(
    name: str,
    before: EnvironmentFile | None,
    base: Revision,
    head: Revision,
    policy: Policy,
    now: datetime,
) -> EnvironmentChange:
    after = head.environment(name) if name in head.names else None
    old, new = _settings(name, before, base, now), None if after is None else head.settings(name, now=now)
    file = before or after
    assert file is not None
    rules = policy.rules(file.tier)
    changes = _changes(old, new) + _models(before, after)
    trading = [change for change in changes if not is_judging(change.name)]
    direction = Direction.INCREASING if old is None else direction_of(trading)
    # Without a baseline there is nothing to compare: what may be new is settled in admission.py.
    needs: Needs = "check" if old is None else _needs(direction, rules)
    raised = after is not None and (before is None or TIERS.index(after.tier) > TIERS.index(before.tier))
    ends, later = ("", ()) if old is None or after is None else _later(name, old, base, head)
    judging = [key for key in JUDGING if before and after and getattr(before, key) != getattr(after, key)]
    return EnvironmentChange(
        name=name,
        tier=file.tier,
        base=old,
        head=new,
        changes=changes,
        direction=direction,
        needs=needs,
        approvals=rules.approvals if needs != "none" else 0,
        net=rules.net,
        judging=tuple(judging),
        raised=after.tier if after is not None and raised else "",
        ends=ends,
        later=later,
    )


def _settings(name: str, before: EnvironmentFile | None, base: Revision, now: datetime) -> RunSettings | None:
    if before is None:
        return None
    try:
        return base.settings(name, now=now)
    except QuoteopsError as error:
        raise GitopsError(f"the base does not compose: {error}") from error


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


def _mixed(report: ChangeReport) -> list[str]:
    """Refuse what judges together with what is judged, and code together with what it is judged under."""
    trading = {
        change.name for env in report.environments for change in env.changes if not is_judging(change.name)
    }
    paths = report.paths
    judged = [*paths.get(PathClass.PARAMETERS, ()), *paths.get(PathClass.MODEL, ())]
    judges = list(paths.get(PathClass.GATE, ()))
    judges += [f"{env.name}'s {key}" for env in report.environments for key in env.judging]
    kpi = sorted({c.name for env in report.environments for c in env.changes if is_judging(c.name)})
    faults = []
    if judges and (trading or (paths.get(PathClass.GATE) and judged)):
        what = ", ".join(sorted(trading)[:4]) or judged[0]
        faults.append(
            f"{judges[0]} changes together with {what}: the gate and what it judges are never one change;"
            " make two of it"
        )
    elif kpi and (trading or not judges):
        faults.append(f"{kpi[0]} changes outside conf/kpi; allowed there, in a change of its own")
    for env in report.environments:
        assumed = [c.name for c in env.changes if _is_assumed(c.name)]
        others = [c.name for c in env.changes if not _is_assumed(c.name) and not is_judging(c.name)]
        if assumed and others:
            faults.append(
                f"{env.name}: {assumed[0]} changes together with {', '.join(others[:4])}: what a replay"
                " assumes of the market decides its verdict; make two changes of it"
            )
    code = paths.get(PathClass.CODE, ())
    if code and trading:
        faults.append(
            f"{code[0]} changes together with {', '.join(sorted(trading)[:4])}: evidence of today's code says"
            " nothing about other code; make two changes of it"
        )
    return faults


def _is_assumed(name: str) -> bool:
    """Tell whether a value is an assumption of replays: the market, its fees, delays and queues."""
    return name.startswith(("exchange.", "market.")) and name not in ("exchange.post_only", "exchange.mode")


def is_judging(name: str) -> bool:
    """Tell whether a value decides how a run is judged, not how it trades."""
    return name.partition(".")[0] == "kpi"
