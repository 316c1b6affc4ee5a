"""What the commits that an agent asks about say: each is exported once, and the newest few are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from framework.gitops.desired.environment_revision import EnvironmentRevision, read_revision
from framework.gitops.errors import GitError, MirrorDamaged
from framework.gitops.repo.git import Git

MOST_HELD = 8


@dataclass
class Revisions:
    """An environment at the commits of a mirror."""

    git: Git
    environment: str
    scratch: Path
    _held: dict[str, EnvironmentRevision] = field(default_factory=dict)

    def holds(self, commit: str) -> bool:
        """Say whether what a commit says is known, and not that it is not here."""
        return commit in self._held

    def of(self, commit: str, *, keep: str | None) -> EnvironmentRevision:
        """Return what a commit says; of one that is not in the mirror, that. ``keep`` is never forgotten."""
        revision = self._held.get(commit)
        if revision is not None:
            return revision
        try:
            self.git.rev(commit)
        except GitError as error:
            return EnvironmentRevision(commit, fault=str(error))
        try:
            revision = read_revision(
                self.git, commit=commit, environment=self.environment, scratch=self.scratch
            )
        except MirrorDamaged as error:  # the next look brings it here again
            return EnvironmentRevision(commit, fault=str(error))
        oldest = [held for held in self._held if held != keep]
        while len(self._held) >= MOST_HELD and oldest:
            del self._held[oldest.pop(0)]
        self._held[commit] = revision
        return revision
