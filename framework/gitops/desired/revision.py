"""A commit's desired state: its files, exported once and away from any worktree, and what they compose to."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from framework.errors import QuoteopsError
from framework.files.atomic import FULL
from framework.gitops.errors import GitError, GitopsError
from framework.gitops.repo.git import Blob, Git

if TYPE_CHECKING:
    from framework.settings.overrides import Patch
    from framework.settings.patch import Window
    from framework.settings.schema.gitops import EnvironmentFile, Policy
    from framework.settings.schema.run import RunSettings

PREFIXES = ("conf", "runtime_overrides", "gitops")
"""What of a commit says what an environment is to be."""

DEPTH = 64
"""Commits below one that are looked at for one that can be read, or that composes."""

SCRATCH = "commit-"

_FIELDS = {"1": 8, "u": 10}
"""Fields before the path in a row of git's status."""


class Revision:
    """One commit of a repository; what is asked of it is read on first use and kept until it is closed.

    ``scratch`` is where its files are written; the system's folder for such things when None.
    """

    def __init__(self, git: Git, sha: str, *, scratch: Path | None = None) -> None:
        self.git, self.sha, self.scratch = git, sha, scratch
        self._folder: Path | None = None
        self._environments: dict[str, EnvironmentFile] = {}
        self._composed: dict[tuple[str, datetime | None], RunSettings] = {}

    @classmethod
    def open(cls, git: Git, ref: str) -> Self:
        """Return the commit that a name stands for. Raises GitError."""
        return cls(git, git.rev(ref))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the exported files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @cached_property
    def files(self) -> dict[str, Blob]:
        """Return the files below ``PREFIXES``, by path."""
        return self.git.files(self.sha, *PREFIXES)

    @cached_property
    def root(self) -> Path:
        """Export the files and return the folder. Raises GitError for one that may not be exported.

        Where the disk of ``scratch`` is full, another takes them: what is in force must be known then too.
        """
        system, memory = Path(tempfile.gettempdir()), Path("/dev/shm")
        places = [self.scratch or system, *(p for p in (system, memory) if p != self.scratch and p.is_dir())]
        for number, place in enumerate(places, 1):
            try:
                place.mkdir(parents=True, exist_ok=True)
                self._folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=place)).resolve()
                self.git.export(self.sha, self.files, self._folder)
                return self._folder
            except GitError:  # it is asked for anew each time
                self.close()
                raise
            except OSError as error:
                self.close()
                if error.errno not in FULL or number == len(places):
                    raise
        raise AssertionError("unreachable")

    @cached_property
    def policy(self) -> Policy:
        """Return the policy. Raises ``ConfigError`` or ``FileError``."""
        from framework.settings.gitops_files import read_policy

        return read_policy(self.root)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the environments, by name."""
        from framework.settings.gitops_files import environment_names

        return environment_names(self.root)

    def environment(self, name: str) -> EnvironmentFile:
        """Return the file of an environment. Raises ``ConfigError`` or ``FileError``."""
        from framework.settings.gitops_files import read_environment

        if name not in self._environments:
            self._environments[name] = read_environment(self.root, name)
        return self._environments[name]

    def patch(self, name: str) -> Patch | None:
        """Return the patch of an environment, None when it has none."""
        from framework.settings.environment import patch_of

        return patch_of(self.root, name)

    def tuned_on(self, name: str) -> tuple[Window, ...]:
        """Return what somebody has seen in finding an environment's values, its candidate's among them."""
        from framework.settings.environment import tuned_on

        return tuned_on(self.root, name)

    def settings(self, name: str, *, now: datetime | None = None) -> RunSettings:
        """Return what an environment runs; with ``now``, what has expired by then is set back."""
        from framework.settings.environment import compose_environment

        if (name, now) not in self._composed:
            try:
                self._composed[name, now] = compose_environment(self.root, name, now=now).settings
            except QuoteopsError:
                raise
            except Exception as error:  # a library's own: one environment's files end nothing but itself
                raise GitopsError(f"{name}: cannot be composed ({type(error).__name__}: {error})") from error
        return self._composed[name, now]

    def config_sha(self, name: str, *, now: datetime) -> str | None:
        """Return the digest of what an environment runs, None when nobody can say."""
        try:
            return self.settings(name, now=now).config_sha
        except QuoteopsError:
            return None

    def fault(self, name: str, *, now: datetime) -> str:
        """Say why an environment that the commit holds does not compose, or nothing."""
        if name not in self.names:
            return ""
        try:
            self.settings(name, now=now)
            return ""
        except QuoteopsError as error:
            return self.plain(str(error))

    @contextmanager
    def readable(self) -> Iterator[Revision]:
        """Give this, or, where its files or policy cannot be read, the newest commit below where they can."""
        newest = self._newest_readable() if self._unread() else None
        if newest is None:  # without one, what asks for the policy says so
            yield self
            return
        with Revision(self.git, newest) as revision:
            yield revision

    def unread_note(self, read: Revision) -> str:
        """Say why another commit was read in the place of this one; or nothing."""
        text = "" if read.sha == self.sha else self._unread()
        return (
            f"note: {text}; compared with {read.sha[:12]}, the newest below it that can be read\n"
            if text
            else ""
        )

    def _unread(self) -> str:
        """Say why the files or the policy cannot be read, or nothing."""
        try:
            _ = self.policy
            return ""
        except QuoteopsError as error:
            return self.plain(str(error))

    def _newest_readable(self) -> str | None:
        words = ("rev-list", "--first-parent", "--skip=1", f"--max-count={DEPTH}", self.sha, "--", *PREFIXES)
        for commit in self.git.run(*words).decode().split():
            with Revision(self.git, commit) as revision:
                if not revision._unread():
                    return commit
        return None

    def uncommitted_note(self) -> str:
        """Say which edits of the worktree this commit lacks, where it is the one checked out; or nothing."""
        if self.git.run("rev-parse", "--is-inside-work-tree").strip() != b"true":
            return ""
        words = ("status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--")
        rows = self.git.run(*words, *PREFIXES).decode(errors="replace").split("\0")
        if f"# branch.oid {self.sha}" not in rows:
            return ""
        names = [row.split(" ", _FIELDS.get(row[0], 1))[-1] for row in rows if row and row[0] != "#"]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"note: not committed, so not judged: {', '.join(names[:3])}{more}\n" if names else ""

    def plain(self, text: str) -> str:
        """Return a text that names files as the repository does, not by the folder they were exported to."""
        return text if self._folder is None else text.replace(f"{self._folder}{os.sep}", "")


def sweep_scratch(scratch: Path) -> None:
    """Remove what an agent that was killed left there."""
    for rest in scratch.glob(f"{SCRATCH}*") if scratch.is_dir() else ():
        shutil.rmtree(rest, ignore_errors=True)
