"""What judges: the newest policy and what it replaced of late, and what a change does to any of that.

A loosening is never used at once. For ``settle_h`` after it came in, changes are judged by the stricter of
old and new. When that was is read off the first parents of the base; a commit is no older than what it lies
on, whatever date it bears. Every field of a policy has a row that says what is the stricter of two values, or
that they have no order; a test holds the table to the schema, so that no new field escapes it. Which way each
setting reduces risk is read as text, never run: a direction that is turned round lets through as reducing
whatever increases risk, and the code that would notice is the code that was changed.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from math import inf
from operator import and_, or_
from pathlib import Path
from typing import Any, TypeVar

from framework.errors import QuoteopsError
from framework.files.atomic import canonical_json
from framework.gitops.change.report import TIERS
from framework.gitops.desired.permits import settled
from framework.gitops.desired.revision import Revision
from framework.gitops.repo.git import Git
from framework.settings.gitops_files import (
    ENVIRONMENTS,
    POLICY,
    read_environment,
    read_policy,
    read_tapes,
)
from framework.settings.overrides import Change, Effect
from framework.settings.schema.gitops import EnvironmentFile, EvidenceTape, KeyRule, Policy, Tiers
from framework.settings.validate import shown_value

SCHEMA = "framework/settings/schema/"
NONE = "none"

Read = TypeVar("Read")


@dataclass(frozen=True)
class InForce:
    """The policies that judge, the newest first, and the strictest tier each environment was in of late."""

    policies: tuple[Policy, ...]
    tiers: dict[str, str] = field(default_factory=dict)
    tapes: dict[str, tuple[EvidenceTape, ...]] = field(default_factory=dict)
    """The tapes that each environment was judged on of late and is not any more."""

    turned: frozenset[str] = frozenset()
    """Fields whose direction of risk was another one of late: neither way of them reduces it yet."""

    @property
    def policy(self) -> Policy:
        """Return the stricter of all of them, field by field."""
        return strictest(self.policies)

    def tier(self, name: str, now: str) -> str:
        """Return the tier an environment is judged in: the strictest, what it says now among them."""
        return max(now, self.tiers.get(name, now), key=TIERS.index)

    def effect(self, change: Change) -> Change:
        """Return a change as it counts: what reduces risk since a direction was turned round increases it."""
        turned = change.name.rpartition(".")[2] in self.turned and change.effect is Effect.REDUCING
        return replace(change, effect=Effect.INCREASING) if turned else change


def in_force(base: Revision, now: datetime) -> InForce:
    """Read what judges a change of a base at a moment. Raises GitError, and what reads the base's policy."""
    git = base.git
    since = _came_in(git, base.sha, now)
    touched = _touched(git, base.sha)

    def before(path: str, read: Callable[[Path], Read], settle_h: Callable[[Read], float]) -> list[Read]:
        """Return what a file said before, as far as it still counts, the newest first."""
        reads, settles = list[Read](), 0.0
        newer, *commits = touched.get(path) or [""]
        for commit in commits:
            value = _read_at(git, commit, path, read)
            if value is None:  # it said nothing, so it took nothing's place
                continue
            settles = max(settles, settle_h(value))
            if since[newer] <= now - timedelta(hours=max(settles, base.policy.settle_h)):
                break
            reads.append(value)
            newer = commit
        return reads

    policies = (base.policy, *before(POLICY, read_policy, lambda policy: policy.settle_h))
    longest = max(policy.settle_h for policy in policies)
    tiers, tapes = dict[str, str](), dict[str, tuple[EvidenceTape, ...]]()
    for name in base.names:
        path = f"{ENVIRONMENTS}/{name}.yaml"
        earlier = before(path, partial(read_environment, name=name), lambda _: longest)
        tiers |= {name: max((file.tier for file in earlier), key=TIERS.index)} if earlier else {}
        if earlier:
            tapes[name] = _earlier_tapes(base, name, earlier)
    late = now - timedelta(hours=longest)
    schema = {commit for path in touched if path.startswith(SCHEMA) for commit in touched[path]}
    turned = _turned(git, base.sha, since, schema, late)
    return InForce(policies, tiers, tapes, turned)


def _earlier_tapes(base: Revision, name: str, files: Sequence[EnvironmentFile]) -> tuple[EvidenceTape, ...]:
    """Return the tapes that an environment named before and names no more, those that there still are."""
    try:
        file, table = base.environment(name), read_tapes(base.root)
    except QuoteopsError:  # what keeps it from being judged is said where it is judged
        return ()
    now = _named(file, table)
    old = {n: tape for earlier in files for n, tape in _named(earlier, table).items() if n not in now}
    return tuple(old[n] for n in sorted(old))


def _named(file: EnvironmentFile, table: Sequence[EvidenceTape]) -> dict[str, EvidenceTape]:
    return {tape.name: tape for tape in table if not file.tapes or tape.name in file.tapes}


def _turned(
    git: Git, sha: str, since: dict[str, datetime], touching: set[str], late: datetime
) -> frozenset[str]:
    """Return the fields that reduced risk another way when the time that counts began, or soon after."""
    young = [commit for commit in since if commit in touching and since[commit] > late]
    if not young:
        return frozenset()
    began = [commit for commit in since if since[commit] <= late][-1:]
    new = _all_directions(git, sha)
    old = [_all_directions(git, commit) for commit in (*began, young[0])]
    return frozenset(
        name.rpartition(".")[2] for one in old for name in one if name in new and one[name] != new[name]
    )


def _all_directions(git: Git, sha: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="quoteops-judge-") as folder:
        git.export(sha, git.files(sha, SCHEMA), Path(folder))
        files = sorted(Path(folder).rglob("*.py"))
        return {name: way for file in files for name, way in directions(file.read_bytes()).items()}


def _came_in(git: Git, sha: str, now: datetime) -> dict[str, datetime]:
    """Return when each commit of the first parents came in; one of the future with the next that is not."""
    rows = git.run("rev-list", "--first-parent", "--reverse", "--timestamp", "--end-of-options", sha)
    came, future, latest = dict[str, datetime](), list[str](), datetime.min.replace(tzinfo=UTC)
    for row in rows.decode().splitlines():
        stamp, commit = row.split()
        future.append(commit)
        if int(stamp) <= now.timestamp():
            latest = max(latest, datetime.fromtimestamp(int(stamp), UTC))
            came |= dict.fromkeys(future, latest)
            future = []
    return came | dict.fromkeys(future, now)


def _touched(git: Git, sha: str) -> dict[str, list[str]]:
    """Return the commits that changed each file that decides how something is judged, the newest first."""
    words = ("log", "--first-parent", "--diff-merges=first-parent", "--no-renames", "--format=%x00%H")
    log = git.run(*words, "--name-only", "-z", "--end-of-options", sha, "--", POLICY, ENVIRONMENTS, SCHEMA)
    touched: dict[str, list[str]] = {}
    commit = ""
    for word in (part.strip("\n") for part in log.decode(errors="replace").split("\0")):
        if len(word) in (40, 64) and "/" not in word:
            commit = word
        elif word.endswith((".yaml", ".py")):
            touched.setdefault(word, []).append(commit)
    return touched


def _read_at(git: Git, commit: str, path: str, read: Callable[[Path], Read]) -> Read | None:
    """Read a file of a commit; None where it is not there, or no file of today's kind."""
    data = git.show(commit, path)
    if data is None:
        return None
    with tempfile.TemporaryDirectory(prefix="quoteops-judge-") as folder:
        file = Path(folder) / path
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        try:
            return read(Path(folder))
        except QuoteopsError:
            return None


# -- what a change does to the judge -------------------------------------------------------------------------


def judge_changes(
    base: Revision, head: Revision, judges: Sequence[str], loosens: Iterable[str]
) -> tuple[str, ...]:
    """Say what a change does to the judge: to its policy, its code, and to how environments are judged.

    ``judges`` are the changed files of that class, ``loosens`` what environments' own files loosen of it.
    """
    changes = list[str]()
    if POLICY in judges:
        try:
            changes += policy_changes(base.policy, head.policy)
        except QuoteopsError:
            changes.append(f"loosens the judge: {POLICY} cannot be read any more")
    changes += _direction_changes(head.git, base.sha, head.sha, judges)
    changes += loosens
    others = [path for path in judges if path != POLICY]
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        changes.append(f"changes the judge: {', '.join(others[:3])}{more}")
    return tuple(changes)


def _direction_changes(git: Git, base: str, head: str, changed: Sequence[str]) -> Iterator[str]:
    """Say of every setting of the changed files whose direction of risk is another one."""
    for path in changed:
        if not path.startswith(SCHEMA) or not path.endswith(".py"):
            continue
        before, after = (directions(git.show(commit, path)) for commit in (base, head))
        for name in before:
            old, new = before[name], after.get(name, NONE)
            if old != new:
                does = "tightens" if new == NONE else "loosens"
                yield f"{does} the judge: risk of {name} is reduced by {old}, and then by {new} ({path})"


def directions(data: bytes | None) -> dict[str, str]:
    """Return the direction of every field that a module's classes declare; of what is no Python, none."""
    try:
        tree = ast.parse(data or b"")
    except (SyntaxError, ValueError):
        return {}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {
        f"{one.name}.{field.target.id}": _reduces(field.value)
        for one in classes
        for field in one.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def _reduces(value: ast.expr | None) -> str:
    words = value.keywords if isinstance(value, ast.Call) else []
    return next((ast.unparse(word.value).strip("'") for word in words if word.arg == "reduces"), NONE)


# -- which of two policies asks for more, field by field -----------------------------------------------------

Pick = Callable[[Any, Any], Any]


def _gate(old: str, new: str) -> str:
    return "gate" if "gate" in (old, new) else new


def _better(old: str, new: str) -> str:
    return "better" if "better" in (old, new) else new


def _all(old: list[Any], new: list[Any]) -> list[Any]:
    return [*old, *(row for row in new if row not in old)]


def _both(old: list[Any], new: list[Any]) -> list[Any]:
    return [row for row in new if row in old]


STRICTER: tuple[tuple[str, Pick | None], ...] = (
    ("paths.docs", _both),
    ("paths.*", _all),
    ("tiers.*.reducing", _gate),
    ("tiers.*.increasing", _gate),
    ("tiers.*.gated", _gate),
    ("tiers.*.net", _better),
    ("tiers.*.regimes", _all),
    ("tiers.*.synthetic_alone", and_),
    ("tiers.*.warn_promotes", and_),
    ("tiers.*signed", or_),
    ("tiers.*.approvals", max),
    ("gate.alpha", min),
    ("gate.min_effective_blocks", max),
    ("gate.top_block_share", min),
    ("gate.*_floor", max),
    ("gate.*_margin*.*", min),
    ("gate.markets.*", None),
    ("budget.*", min),
    ("freeze", _all),
    ("settle_h", max),
    ("owners", None),
    ("signers", _both),
    ("revoked_keys", _all),
    ("token_env", None),
    ("agent.poll_s", None),
    ("agent.stale_s", min),
    ("agent.*", max),
)


def strictest(policies: Sequence[Policy]) -> Policy:
    """Return the newest policy, the first, with every field as strict as any of them has it.

    Its ``keys`` stay the newest's: what may change, and how far, is asked of each policy.
    """
    merged = _flat(policies[0])
    for older in policies[1:]:
        for name, value in _flat(older).items():
            pick = pick_of(name)
            if name != "signers" and pick is not None:
                merged[name] = pick(value, merged[name])
    merged["signers"] = list(settled(policies) or next((p.signers for p in policies if p.signers), ()))
    data: dict[str, Any] = {}
    for name, value in merged.items():
        here, *rest = name.split(".")
        place = data
        while rest:
            place = place.setdefault(here, {})
            here, *rest = rest
        place[here] = value
    keys = {name: rule.model_dump(mode="json") for name, rule in policies[0].keys.items()}
    return Policy.model_validate_json(canonical_json({**data, "keys": keys}))


def policy_changes(old: Policy, new: Policy) -> tuple[str, ...]:
    """Say what a new policy loosens, tightens and otherwise changes of the judge."""
    before, after = _flat(old), _flat(new)
    changes = [_said(n, before[n], after[n]) for n in after if _rank(before[n]) != _rank(after[n])]
    names = dict.fromkeys([*old.keys, *new.keys])
    changes += [text for name in names for text in _key(name, old.rule_of(name), new.rule_of(name))]
    return tuple(sorted(changes, key=lambda text: not text.startswith("loosens")))


def pick_of(name: str) -> Pick | None:
    """Return what is the stricter of two values of a field; None: they have no order."""
    return next(pick for pattern, pick in STRICTER if fnmatchcase(name, pattern))


def _flat(policy: Policy) -> dict[str, Any]:
    data = policy.model_dump(mode="json", exclude={"keys"})
    for tier in Tiers.model_fields:
        data["tiers"][tier]["promotion_signed"] = policy.signs_promotions(tier)
    return dict(_leaves(data))


def _leaves(data: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in data.items():
        name = f"{prefix}{key}"
        rows += _leaves(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return rows


def _said(name: str, old: Any, new: Any) -> str:
    pick = pick_of(name)
    stricter = None if pick is None else _rank(pick(old, new))
    does = "changes" if stricter is None else "tightens" if stricter == _rank(new) else "loosens"
    return f"{does} the judge: {name} goes from {_shown(old)} to {_shown(new)}"


def _rank(value: Any) -> Any:
    """Return a value as it is compared: of a list, whatever its order."""
    return sorted(canonical_json(row) for row in value) if isinstance(value, list) else value


def _key(name: str, old: KeyRule | None, new: KeyRule | None) -> list[str]:
    """Say what becomes of how far a value may change, and where."""
    if old == new:
        return []
    looser = new is not None and (
        old is None
        or any(_limit(new, key) > _limit(old, key) for key in ("step", "ratio"))
        or not set(new.tiers) <= set(old.tiers)
    )
    does = "loosens" if looser else "tightens"
    return [f"{does} the judge: keys.{name} goes from {_rule(old)} to {_rule(new)}"]


def _limit(rule: KeyRule, key: str) -> float:
    limit: float | None = getattr(rule, key)
    return inf if limit is None else limit


def _rule(rule: KeyRule | None) -> str:
    return "none" if rule is None else canonical_json(rule.model_dump(mode="json", exclude_none=True))


def _shown(value: Any) -> str:
    return canonical_json(value) if isinstance(value, list) else str(shown_value(value))
