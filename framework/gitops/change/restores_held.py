"""Whether a change only brings git to what an environment went back to."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.errors import QuoteopsError
from framework.gitops.change.report import EnvironmentChange
from framework.gitops.desired.history import newest_hold
from framework.gitops.desired.revision import read_revision, rendered_of
from framework.gitops.repo.git import Git
from framework.journal.entry import Row

_LATEST = datetime.max.replace(tzinfo=UTC)


def restores_held(
    git: Git, rows: Sequence[Row], *, change: EnvironmentChange, base: str, now: datetime
) -> bool:
    """Tell whether an environment went back from the base's very content to the head's, and git follows.

    ``rows`` is its agent's journal. The newest hold tells, ended or not: the merge ends it, and is judged
    once more after that. Going back reduces risk and was done at once; judging it on tapes would only keep
    git from saying what runs. Whoever may write that journal can bring back what the branch has held, and
    nothing else.
    """
    hold = newest_hold(rows)
    if hold is None or hold.get("quarantined") is None or change.base is None or change.head is None:
        return False
    held: str = hold["held"]["config_sha"]
    bad: str = hold["quarantined"]["config_sha"]
    if (held, bad) != (change.head.config_sha, change.base.config_sha):
        return False
    commit = hold["held"].get("commit")
    return _was_asked_for(git, change.name, commit=commit, config_sha=held, base=base, now=now)


def _was_asked_for(
    git: Git, environment: str, *, commit: Any, config_sha: str, base: str, now: datetime
) -> bool:
    """Tell whether a commit that the base contains composes, or composed until its end, to these settings."""
    if not isinstance(commit, str):
        return False
    try:
        commit = git.rev(commit)
        if not git.is_ancestor(commit, base):
            return False
        with tempfile.TemporaryDirectory(prefix="quoteops-gate-") as folder:
            revision = read_revision(git, commit=commit, environment=environment, scratch=Path(folder))
            asked = {
                rendered_of(revision, environment=environment, now=at).config_sha for at in (now, _LATEST)
            }
    except QuoteopsError:
        return False  # then it is judged like any other change
    return config_sha in asked
