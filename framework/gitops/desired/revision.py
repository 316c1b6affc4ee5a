"""From a commit to what the bot is to have: exported, composed and validated away from any worktree."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import QuoteopsError
from framework.gitops.desired.rendered import Rendered, iso
from framework.gitops.errors import GitError, GitopsError
from framework.gitops.repo.git import Git

if TYPE_CHECKING:
    from framework.settings.overrides import Expiry, Patch
    from framework.settings.schema.gitops import Policy
    from framework.settings.schema.run import RunSettings

DESIRED = ("conf", "runtime_overrides", "gitops")
"""What of a commit says what an environment is to be."""

TRAILER = re.compile(r"^Clears-Hold: *(\S+) *$", re.MULTILINE)


@dataclass(frozen=True)
class EnvironmentRevision:
    """What a commit asks for, or why it says nothing that may be asked for."""

    commit: str
    fault: str = ""
    branch: str = ""
    tier: str = ""
    policy: Policy | None = None
    settings: RunSettings | None = None
    bare: RunSettings | None = None
    """The settings without the patch, when the patch has an end."""

    patch: Patch | None = None
    overrides: str | None = None
    """Path of the environment's patch in the repository."""

    def left(self, now: datetime) -> Expiry | None:
        """Return what is left of a patch whose end has come; None before it."""
        from framework.settings.overrides import after_expiry, is_expired

        if self.bare is None or self.patch is None or not is_expired(self.patch, now):
            return None
        return after_expiry(self.bare, self.patch, now)

    def signers(self) -> tuple[str, str] | None:
        """Return allowed signers and revoked keys when commits after this one must be signed, or None."""
        if self.policy is None or not self.policy.rules(self.tier).signed:
            return None
        return "\n".join(self.policy.signers) + "\n", "\n".join(self.policy.revoked_keys) + "\n"


def read_revision(git: Git, *, commit: str, environment: str, scratch: Path) -> EnvironmentRevision:
    """Compose and validate an environment as a commit describes it.

    What the commit gets wrong comes back as ``fault``, for that commit will never get it right. Raises
    GitError and OSError for what is wrong with git or this machine.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="commit-", dir=scratch) as folder:
        root = Path(folder).resolve()
        try:
            git.export(commit, DESIRED, root)
        except GitError as error:
            if not str(error).startswith(f"{commit[:12]}:"):  # git or the machine, not what was committed
                raise
            return EnvironmentRevision(commit, fault=str(error))
        try:
            return _composed(root, commit, environment)
        except QuoteopsError as error:
            return EnvironmentRevision(commit, fault=str(error).replace(f"{root}/", ""))


def sweep_scratch(scratch: Path) -> None:
    """Remove what an agent that was killed left there."""
    for rest in scratch.glob("commit-*") if scratch.is_dir() else ():
        shutil.rmtree(rest, ignore_errors=True)


def rendered_of(revision: EnvironmentRevision, *, environment: str, now: datetime) -> Rendered:
    """Return what a commit asks for at a moment; it has no number and no carried fields yet.

    After a patch's end, what loosens or has no direction is set back, field by field, and stated as such.
    """
    from framework.settings.overrides import apply_patch, render_patch

    settings, patch = revision.settings, revision.patch
    if settings is None:
        raise GitopsError(f"{revision.commit[:12]}: {revision.fault}")
    cause, words, values = "commit", {}, {}
    if patch is not None:
        values = patch.values
        words = {k: v for k, v in json.loads(render_patch(patch)).items() if k != "overrides"}
        left = revision.left(now)
        if left is not None and left.reverted and revision.bare is not None:
            cause = "expiry"
            settings = apply_patch(revision.bare, left.patch)
    fields = _fields(settings)
    ends = patch.expires if patch is not None else None
    last = revision.left(ends) if ends is not None else None
    return Rendered(
        environment=environment,
        commit=revision.commit,
        config_sha=settings.config_sha,
        generation=0,
        cause=cause,
        patch=words,
        values={name: fields.get(name, value) for name, value in values.items()},
        fields=fields,
        expires=iso(ends) if ends is not None else None,
        lapses=cause == "commit" and last is not None and bool(last.reverted),
    )


def late_tightenings(revision: EnvironmentRevision, now: datetime) -> str:
    """Say which tightenings of a patch that has run out stay in force, or nothing."""
    left = revision.left(now)
    if left is None or not left.kept or revision.patch is None or revision.patch.expires is None:
        return ""
    ended = iso(revision.patch.expires)
    return f"{revision.overrides}: ended {ended}; {', '.join(left.kept)} tightens and stays"


def with_restart(
    rendered: Rendered, *, before: EnvironmentRevision | None, revision: EnvironmentRevision
) -> Rendered:
    """Name the fields that differ from the commit in force and that only a restart changes."""
    from framework.settings.overrides import changes_between

    if before is None or before.settings is None or revision.settings is None:
        return rendered
    changes = changes_between(before.settings, revision.settings)
    names = [c.name for c in changes if c.reload == "restart" and _is_behaviour(c.name)]
    return replace(rendered, restart=tuple(names))


def reduces(before: Mapping[str, Any], successor: Mapping[str, Any]) -> bool:
    """Say whether going from one set of run-time fields to another takes risk away and adds none."""
    from framework.settings.fields import Effect, effect_of, path_of

    changed = [n for n in {**before, **successor} if before.get(n) != successor.get(n)]
    return bool(changed) and all(
        effect_of(path_of(n), before.get(n), successor.get(n)) is Effect.REDUCING for n in changed
    )


def trailers(git: Git, *, since: str, until: str) -> frozenset[str]:
    """Return the holds that the commits after ``since`` name in a ``Clears-Hold:`` line."""
    text = git.run("log", "--format=%B", "--end-of-options", f"{since}..{until}").decode(errors="replace")
    return frozenset(TRAILER.findall(text))


def touched(git: Git, environment: str, since: str, until: str) -> bool:
    """Say whether a commit after ``since`` changes a file that an environment is composed from."""
    paths = ("conf", "runtime_overrides", f"gitops/environments/{environment}.yaml")
    return bool(
        git.run("log", "--format=%H", "-1", "--end-of-options", f"{since}..{until}", "--", *paths).strip()
    )


def _composed(root: Path, commit: str, environment: str) -> EnvironmentRevision:
    from framework.gitops.desired.environments import compose_environment, load_environment, patch_of
    from framework.gitops.desired.policy import load_policy
    from framework.settings.environment import compose_beneath

    file = load_environment(root, environment)
    revision = EnvironmentRevision(commit, branch=file.branch, tier=file.tier, policy=load_policy(root))
    try:
        patch = patch_of(root, environment)
        ends = patch is not None and patch.expires is not None
        bare = compose_beneath(root, file) if ends else None
        return replace(
            revision,
            settings=compose_environment(root, environment).settings,
            bare=bare.settings if bare is not None else None,
            patch=patch,
            overrides=file.overrides,
        )
    except QuoteopsError as error:  # the policy counts all the same: it says who may sign what comes next
        return replace(revision, fault=str(error).replace(f"{root}/", ""))


def _is_behaviour(name: str) -> bool:
    """Say whether config_sha covers a field; paths and seeds are nobody's reason to restart."""
    from framework.settings.describe import field_at
    from framework.settings.schema.base import meta_of
    from framework.settings.schema.run import TRIED, RunSettings

    path = tuple(name.split("."))
    field = field_at(RunSettings, path)
    return path[0] not in TRIED and (field is None or bool(meta_of(field).get("identity", True)))


def _fields(settings: RunSettings) -> dict[str, Any]:
    """Return every run-time field that these settings have, by the name a patch gives it."""
    from framework.settings.fields import runtime_fields

    data = settings.model_dump(mode="json")
    values: dict[str, Any] = {}
    for name, path in runtime_fields().items():
        here: Any = data
        for step in path:
            here = here.get(step, _NOTHING) if isinstance(here, dict) else _NOTHING
        if here is not _NOTHING:
            values[name] = here
    return values


_NOTHING = object()
