"""What is refused whatever the evidence: of a head's files and signatures, and of values by the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from framework.errors import QuoteopsError
from framework.files.hints import did_you_mean
from framework.files.moments import iso_utc
from framework.gitops.change.report import STATE, TIERS, ChangeReport, EnvironmentChange, PathClass
from framework.gitops.desired.revision import Revision
from framework.gitops.repo.git import Git, check_blob
from framework.gitops.repo.paths import check_apart, check_path
from framework.gitops.repo.signatures import verify_commit
from framework.settings.fields import effect_of, path_of, value_at
from framework.settings.gitops_files import POLICY, check_gitops
from framework.settings.overrides import Change, Direction, Effect, direction_of, is_expired
from framework.settings.patch import read_patch
from framework.settings.resolve import check_file
from framework.settings.schema.gitops import KeyRule, Policy
from framework.settings.schema.run import RunSettings
from framework.settings.traded import CANDIDATE
from framework.settings.validate import shown_value

WHERE = "gitops/policy.yaml"
EXEMPT = ("kpi", "models")
"""Groups that other rules judge: thresholds with the gate, models by their digest."""


def wrong_files(head: Revision, paths: dict[str, tuple[str, ...]]) -> list[str]:
    """Name links, submodules, large files and names that lead elsewhere, where they could decide anything."""
    faults = []
    ours, git = head.files, head.git
    judged = {path for kind in (PathClass.JUDGE, PathClass.PARAMETERS) for path in paths.get(kind, ())}
    others = {p: b for p, b in git.files(head.sha).items() if p in judged} if judged - set(ours) else {}
    for path, blob in {**ours, **others}.items():
        try:
            check_path(path, where="head")
            check_blob(blob, where=path)
        except QuoteopsError as error:
            faults.append(str(error))
    try:
        check_apart({**ours, **others}, where="head")
    except QuoteopsError as error:
        faults.append(str(error))
    changed = (path for kind in paths.values() for path in kind)
    state = [path for path in changed if path.startswith(STATE)]
    faults += [
        f"{path}: is in a commit; allowed nothing of {STATE}, which is each machine's own"
        for path in state[:1]
    ]
    models = set(paths.get(PathClass.MODEL, ()))
    links = git.files(head.sha, *models) if models else {}
    faults += [f"{p}: is not a plain file" for p, b in links.items() if not b.mode.startswith("100")]
    return faults


def wrong_gitops(root: Path, environment: str | None = None) -> list[str]:
    try:
        if check_gitops(root, environment) == 0:
            return [f"{POLICY}: is gone; allowed a policy, changed by its owners"]
    except QuoteopsError as error:
        return [str(error)]
    return []


def wrong_patches(root: Path, changed: list[str], now: datetime) -> list[str]:
    faults = []
    for path in changed:
        file = root / path
        if not path.startswith("runtime_overrides/") or not file.is_file() or file.name.startswith("."):
            continue
        try:
            patch = read_patch(file, root=root)
        except QuoteopsError as error:
            faults.append(str(error))
            continue
        if patch.expires is not None and is_expired(patch, now):
            text = iso_utc(patch.expires, timespec="seconds")
            faults.append(
                f"{patch.document.at(('expires',))}: expires {text} is past; allowed a later moment"
            )
    return faults


def wrong_conf(root: Path, changed: list[str]) -> list[str]:
    faults = []
    for path in changed:
        if path.startswith("conf/") and path.endswith(".yaml") and (root / path).is_file():
            try:
                check_file(root / path, root=root)
            except QuoteopsError as error:
                faults.append(str(error))
    return faults


Restores = Callable[[EnvironmentChange], bool]
"""Says whether a change only brings git to what its environment went back to."""


def refuse(
    report: ChangeReport,
    base: Revision,
    head: Revision,
    policies: Sequence[Policy],
    now: datetime,
    restores: Restores,
) -> ChangeReport:
    """Add what policy, freezes, mixtures and signatures refuse of a report that names the other faults.

    What ``restores`` says to be what an environment went back to is no step too far.
    """
    faults, notes = list(report.refusals), list(report.notes)
    known = [] if not faults else ["the environments that cannot be composed are left out"]
    runs = _runs(base, now) if any(change.raised for change in report.environments) else {}
    for change in report.environments:
        back = restores(change)
        more, more_notes = _refused_changes(change, policies=policies, now=now, runs=runs, restored=back)
        faults += more
        notes += more_notes
    faults += _mixed(report)
    signers, wrong = _signatures(head.git, report)
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
        if base.fault(name, now=now):  # what nobody can compose runs nowhere
            continue
        tier, sha = str(base.environment(name).tier), base.settings(name, now=now).config_sha
        runs[sha] = max(tier, runs.get(sha, tier), key=TIERS.index)
    return runs


def _signatures(git: Git, report: ChangeReport) -> tuple[tuple[str, ...], list[str]]:
    """Verify every commit between base and head where a tier that changes asks for signatures."""
    policy = report.policy
    tiers = {env.tier for env in report.environments if env.direction != Direction.NEUTRAL or env.judging}
    if PathClass.JUDGE in report.paths:
        tiers = set(TIERS)
    if not any(policy.rules(tier).signed for tier in tiers):
        return (), []
    signers: dict[str, None] = {}
    faults = []
    allowed, revoked = policy.signer_lists
    for sha in git.run("rev-list", f"{report.base}..{report.head}").decode().split():
        try:
            signers[verify_commit(git, sha, allowed, revoked).principal] = None
        except QuoteopsError as error:
            faults.append(str(error))
    return tuple(signers), faults


def _refused_changes(
    change: EnvironmentChange,
    *,
    policies: Sequence[Policy],
    now: datetime,
    runs: Mapping[str, str],
    restored: bool,
) -> tuple[list[str], list[str]]:
    """Return what is refused and what is worth a note; ``runs`` are the config_sha of what runs today,
    each with the strictest tier it runs in. What any of the policies refuses is refused.
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
        for policy in policies:
            faults += _refused(one, change, policy, restored=restored)
        if one.reload in ("flat_only", "restart"):
            when = "once flat" if one.reload == "flat_only" else "after a restart"
            notes.append(f"{change.name}: {one.name} is in force {when} only")
    for key in change.beside:
        name = key if "." in key else f"{key}.*"
        faults += [fault for policy in policies for fault in _not_here(name, change, policy)]
        notes.append(f"{change.name}: {key} is in no config_sha: a bot that is started anew has it")
    windows = [policy.frozen(tier=change.tier, now=now) for policy in policies]
    frozen = next((window for window in windows if window is not None), None)
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


def _refused(one: Change, change: EnvironmentChange, policy: Policy, *, restored: bool) -> list[str]:
    rule = policy.rule_of(one.name.removeprefix(CANDIDATE))
    if rule is None or change.tier not in rule.tiers:
        return _not_here(one.name, change, policy)
    return [] if restored else _too_far(one, change.name, rule)


def _not_here(name: str, change: EnvironmentChange, policy: Policy) -> list[str]:
    """Refuse a value that may not change at all, or not in the environment's tier."""
    rule = policy.rule_of(name.removeprefix(CANDIDATE))
    if rule is None:
        known, hint = ", ".join(policy.keys), did_you_mean(name, policy.keys)
        return [f"{change.name}: {name} may not change; allowed {known} ({WHERE}){hint}"]
    if change.tier in rule.tiers:
        return []
    tiers = ", ".join(rule.tiers)
    return [f"{change.name}: {name} may not change in tier {change.tier}; allowed in {tiers} ({WHERE})"]


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


def _mixed(report: ChangeReport) -> list[str]:
    """Refuse what judges together with what is judged, and code together with what it is judged under."""
    trading = {
        change.name for env in report.environments for change in env.changes if not is_judging(change.name)
    }
    paths = report.paths
    judged = [*paths.get(PathClass.PARAMETERS, ()), *paths.get(PathClass.MODEL, ())]
    judges = list(paths.get(PathClass.JUDGE, ()))
    judges += [f"{env.name}'s {key}" for env in report.environments for key in env.judging]
    kpi = sorted({c.name for env in report.environments for c in env.changes if is_judging(c.name)})
    faults = []
    if judges and (trading or (paths.get(PathClass.JUDGE) and judged)):
        what = ", ".join(sorted(trading)[:4]) or judged[0]
        faults.append(
            f"{judges[0]} changes together with {what}: the judge and what it judges are never one change;"
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
