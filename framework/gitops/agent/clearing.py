"""Which commits may end a hold by naming it: those that are about what is held, or signed by a signer.

A page of documentation is nobody's permission: it needs no gate and no owner.
"""

from __future__ import annotations

import re

from framework.gitops.desired.environment_revision import EnvironmentRevision
from framework.gitops.errors import GitError, SignatureError
from framework.gitops.repo.git import Git
from framework.gitops.repo.signatures import verify_commit

TRAILER = re.compile(r"^Clears-Hold: *(\S+) *$", re.MULTILINE)


def named_holds(
    git: Git, *, since: str, until: str, environment: str, anchor: EnvironmentRevision
) -> frozenset[str]:
    """Return the holds that commits after ``since`` name in a ``Clears-Hold:`` line and may end."""
    text = git.run("log", "--format=%H%n%B%x00", "--end-of-options", f"{since}..{until}")
    named = set[str]()
    for record in text.decode(errors="replace").split("\0"):
        commit, _, message = record.strip().partition("\n")
        holds = TRAILER.findall(message)
        if holds and (_is_about(git, commit, environment) or _is_signed(git, commit, anchor)):
            named.update(holds)
    return frozenset(named)


def _is_about(git: Git, commit: str, environment: str) -> bool:
    """Say whether a commit changes what decides how the environment trades."""
    try:
        changed = git.changed(f"{commit}^1", commit)
    except GitError:  # the first commit of all has nothing before it
        return False
    own = (f"gitops/environments/{environment}.yaml", f"runtime_overrides/{environment}.yaml")
    return any(
        path in own or (path.startswith("conf/") and not path.startswith("conf/kpi/")) for path in changed
    )


def _is_signed(git: Git, commit: str, anchor: EnvironmentRevision) -> bool:
    """Say whether somebody whom the policy in force names has signed a commit."""
    if anchor.policy is None or not anchor.policy.signers:
        return False
    try:
        verify_commit(git, commit, *anchor.policy.signer_lists)
    except SignatureError:
        return False
    return True
