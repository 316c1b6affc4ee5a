"""An environment as a commit describes it: composed and validated, or what the commit gets wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from framework.errors import QuoteopsError
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitError
from framework.gitops.repo.git import Git

if TYPE_CHECKING:
    from framework.settings.overrides import Expiry, Patch
    from framework.settings.schema.gitops import Policy
    from framework.settings.schema.run import RunSettings


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
        return self.policy.signer_lists


def read_revision(
    git: Git, *, commit: str, environment: str, scratch: Path | None = None
) -> EnvironmentRevision:
    """Compose and validate an environment as a commit describes it.

    What the commit gets wrong comes back as ``fault``, for that commit will never get it right. Raises
    GitError and OSError for what is wrong with git or this machine.
    """
    with Revision(git, commit, scratch=scratch) as revision:
        try:
            _ = revision.root
        except GitError as error:
            if not str(error).startswith(f"{commit[:12]}:"):  # git or the machine, not what was committed
                raise
            return EnvironmentRevision(commit, fault=str(error))
        try:
            return _composed(revision, environment)
        except QuoteopsError as error:
            return EnvironmentRevision(commit, fault=revision.plain(str(error)))


def _composed(revision: Revision, name: str) -> EnvironmentRevision:
    from framework.settings.environment import compose_beneath

    file = revision.environment(name)
    asked = EnvironmentRevision(revision.sha, branch=file.branch, tier=file.tier, policy=revision.policy)
    try:
        patch = revision.patch(name)
        ends = patch is not None and patch.expires is not None
        bare = compose_beneath(revision.root, file) if ends else None
        return replace(
            asked,
            settings=revision.settings(name),
            bare=bare.settings if bare is not None else None,
            patch=patch,
            overrides=file.overrides,
        )
    except QuoteopsError as error:  # the policy counts all the same: it says who may sign what comes next
        return replace(asked, fault=revision.plain(str(error)))
