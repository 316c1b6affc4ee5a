"""The contents that were put in force: from the store, and whole where git can complete them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from framework.gitops.desired.environment_revision import EnvironmentRevision
from framework.gitops.desired.history import Applied
from framework.gitops.desired.rendered import Rendered, read_rendered, rendered_of, run_out_of


@dataclass(frozen=True)
class Contents:
    """An environment's store of contents, and what its commits say."""

    folder: Path
    environment: str
    of: Callable[[str], EnvironmentRevision]

    def stored(self, item: Applied | None) -> Rendered | None:
        """Return a content that was put in force; None when the store has lost it."""
        if item is None:
            return None
        return read_rendered(item.overrides_sha, folder=self.folder, content_sha=item.content_sha)

    def whole(self, item: Applied | None) -> Rendered | None:
        """Return a content with all that it trades; None when both store and git have lost it."""
        if item is None:
            return None
        stored = self.stored(item)
        if stored is not None and stored.traded and stored.settings:
            return stored
        again = self.again(item.commit, at=item.at)
        if again is None or again.config_sha != item.config_sha:
            return stored
        if stored is None:
            return again
        return replace(stored, traded=again.traded, ended=again.ended, settings=again.settings)

    def run_out(self, item: Applied | None, *, now: datetime) -> Rendered | None:
        """Return what is left of a content whose patch has run out: by git, or by the store without it."""
        if item is None or item.kept:  # what going back has made of a commit does not run out
            return None
        revision = self.of(item.commit)
        if revision.fault:
            stored = self.stored(item)
            return None if stored is None else run_out_of(stored, now=now)
        left = revision.left(now)
        if left is None or not left.reverted:
            return None
        return rendered_of(revision, environment=self.environment, now=now)

    def again(self, commit: str, *, at: datetime) -> Rendered | None:
        """Return what a commit asked for at a moment, by git alone; None where it does not compose."""
        revision = self.of(commit)
        return None if revision.fault else rendered_of(revision, environment=self.environment, now=at)
