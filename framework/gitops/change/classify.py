"""What a change between two commits does: which files, which values of which environment, which way risk.

Read from the base alone: the policy, the tiers, who may sign. Read from the head as data: everything else. No
variable of this process counts, ``KPI_*`` least of all.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from framework.errors import QuoteopsError
from framework.gitops.change.admission import signatures, wrong_conf, wrong_files, wrong_gitops, wrong_patches
from framework.gitops.change.limits import TIERS, refused_changes
from framework.gitops.change.report import ChangeReport, EnvironmentChange, Needs
from framework.gitops.desired.environments import (
    PREFIXES,
    compose_environment,
    environment_names,
    load_environment,
    patch_of,
)
from framework.gitops.desired.policy import PathClass, class_of, load_policy
from framework.gitops.errors import GitopsError
from framework.gitops.repo.git import Git
from framework.settings.documents import leaves
from framework.settings.gitops_files import POLICY
from framework.settings.overrides import Change, Direction, Effect, changes_between, direction_of
from framework.settings.schema.gitops import EnvironmentFile, Policy
from framework.settings.schema.run import RunSettings, behaviour

__all__ = ["ChangeReport", "EnvironmentChange", "classify"]

JUDGING = ("tier", "tapes", "branch")
"""Keys of an environment's file that decide how it is judged, not what it trades."""


def classify(
    git: Git, base: str, head: str, environment: str | None = None, *, now: datetime | None = None
) -> ChangeReport:
    """Compare two commits; with ``environment``, that one alone.

    ``now`` decides freezes and expiry, by default the wall clock. Raises GitopsError when the question has no
    answer: the head does not contain the base, or the base holds no policy or does not compose.
    """
    now = now or datetime.now(UTC)
    base, head = git.rev(base), git.rev(head)
    if not git.is_ancestor(base, head):
        raise GitopsError(
            f"{head[:12]} does not contain {base[:12]}: it is behind; merge the base into it, for what would"
            " run is both together"
        )
    with tempfile.TemporaryDirectory(prefix="quoteops-check-") as folder:
        old, new = Path(folder) / "base", Path(folder) / "head"
        policy = _policy_of(git, base, old)
        changed = git.changed(base, head)
        paths = _by_class(changed, policy)
        report = ChangeReport(base=base, head=head, policy=policy, paths=paths)
        faults = wrong_files(git, head, changed, paths)
        if faults:
            return replace(report, refusals=tuple(faults))
        git.export(head, PREFIXES, new)
        faults = [*wrong_gitops(new), *wrong_patches(new, changed, now), *wrong_conf(new, changed)]
        return _judge(git, report, old, new, only=environment, now=now, faults=faults)


def _judge(
    git: Git,
    report: ChangeReport,
    old: Path,
    new: Path,
    *,
    only: str | None,
    now: datetime,
    faults: list[str],
) -> ChangeReport:
    before = _environments(old, report.base)
    after = environment_names(new)
    if only is not None and only not in {*before, *after}:
        raise GitopsError(f"environment {only} is unknown; allowed {', '.join(sorted({*before, *after}))}")
    changes, notes = [], []
    for name in dict.fromkeys([*before, *after]):
        if only not in (None, name):
            continue
        try:
            changes.append(
                _compare(name, before.get(name), new if name in after else None, old, report.policy, now)
            )
        except QuoteopsError as error:
            faults.append(str(error))
    report = replace(report, environments=tuple(changes))
    known = [] if not faults else ["the environments that cannot be composed are left out"]
    runs_before: dict[str, str] = {}
    if any(change.raised for change in changes):
        for name, file in before.items():
            sha = compose_environment(old, name, now=now).settings.config_sha
            runs_before[sha] = max(file.tier, runs_before.get(sha, file.tier), key=TIERS.index)
    for change in changes:
        more, more_notes = refused_changes(change, policy=report.policy, now=now, runs=runs_before)
        faults += more
        notes += more_notes
    faults += _mixed(report)
    signers, wrong = signatures(git, report)
    return replace(
        report,
        refusals=tuple(dict.fromkeys(_without(new, fault) for fault in [*faults, *wrong])),
        notes=tuple(dict.fromkeys([*notes, *known])),
        signers=signers,
    )


def _without(folder: Path, line: str) -> str:
    """Name files as the repository does, not by the folder they were exported to."""
    return line.replace(f"{folder.resolve()}{os.sep}", "").replace(f"{folder}{os.sep}", "")


def _policy_of(git: Git, base: str, into: Path) -> Policy:
    if git.show(base, POLICY) is None:
        raise GitopsError(f"{base[:12]}: holds no {POLICY}, so nothing says what is allowed; merge one first")
    git.export(base, PREFIXES, into)
    return load_policy(into)


def _by_class(changed: list[str], policy: Policy) -> dict[str, tuple[str, ...]]:
    by_class: dict[str, list[str]] = {}
    for path in changed:
        by_class.setdefault(class_of(path, policy), []).append(path)
    return {str(kind): tuple(by_class[kind]) for kind in PathClass if kind in by_class}


def _environments(root: Path, base: str) -> dict[str, EnvironmentFile]:
    try:
        return {name: load_environment(root, name) for name in environment_names(root)}
    except QuoteopsError as error:
        raise GitopsError(f"base {base[:12]}: {error}") from error


def _compare(
    name: str, before: EnvironmentFile | None, new: Path | None, old: Path, policy: Policy, now: datetime
) -> EnvironmentChange:
    base = head = None
    after = None if new is None else load_environment(new, name)
    if before is not None:
        try:
            base = compose_environment(old, name, now=now).settings
        except QuoteopsError as error:
            raise GitopsError(f"the base does not compose: {error}") from error
    if new is not None:
        head = compose_environment(new, name, now=now).settings
    file = before or after
    assert file is not None
    tier = file.tier
    rules = policy.rules(tier)
    changes = _changes(base, head) + _models(before, after)
    trading = [change for change in changes if not is_judging(change.name)]
    direction = Direction.INCREASING if base is None else direction_of(trading)
    asked: dict[Direction, Needs] = {
        Direction.NEUTRAL: "none",
        Direction.REDUCING: rules.reducing,
        Direction.INCREASING: rules.increasing,
        Direction.GATED: rules.gated,
    }
    raised = after is not None and (before is None or TIERS.index(after.tier) > TIERS.index(before.tier))
    ends, later = _later(name, base, old if before is not None else None, new)
    judging = [key for key in JUDGING if before and after and getattr(before, key) != getattr(after, key)]
    # Without a baseline there is nothing to compare: what may be new is settled in limits.py.
    needs: Needs = "check" if base is None else asked[direction]
    return EnvironmentChange(
        name=name,
        tier=tier,
        base=base,
        head=head,
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


def _later(
    name: str, base: RunSettings | None, old: Path | None, new: Path | None
) -> tuple[str, tuple[Change, ...]]:
    """Return when the head's patch ends and how it then differs from the base; nothing if the base's ends so.

    What an end sets back is compared with nothing by then, so it is judged as if it were asked for now.
    """
    if base is None or old is None or new is None:
        return "", ()
    end, before = _ended(new, name), _ended(old, name)
    if end is None or (before is not None and before[1].config_sha == end[1].config_sha):
        return "", ()
    changes = tuple(c for c in _changes(base, end[1]) if not is_judging(c.name))
    return f"{end[0]:%Y-%m-%dT%H:%M:%SZ}", changes


def _ended(root: Path, name: str) -> tuple[datetime, RunSettings] | None:
    """Return the end of an environment's patch and what is then in force, None for a patch without an end."""
    patch = patch_of(root, name)
    if patch is None or patch.expires is None:
        return None
    return patch.expires, compose_environment(root, name, now=patch.expires).settings


def _changes(base: RunSettings | None, head: RunSettings | None) -> tuple[Change, ...]:
    """Return the changed values that decide what trades or by what it is judged."""
    if base is None or head is None:
        return ()
    before, after = (dict(leaves({**behaviour(s), "kpi": behaviour(s.kpi)})) for s in (base, head))
    differ = {p for p in {*before, *after} if before.get(p) != after.get(p)}
    names = {".".join(path) for path in differ}
    names |= {path[1] for path in differ if path[0] == "params"}
    return tuple(change for change in changes_between(base, head) if change.name in names)


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
