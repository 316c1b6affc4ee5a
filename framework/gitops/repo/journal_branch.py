"""The journal's head, published in git: what a journal on a disk can no longer deny.

The branch ``quoteops/journal`` of the remote holds, for each name, ``<name>.head.json`` and the journal,
``<name>.jsonl``. It only ever grows: a push is a fast-forward, and the journal that is pushed begins with the
one that was there. A chain has one writer: an agent publishes its journal under its environment's name; what
several machines write (the attempts of a gate) goes through ``append_published`` under a name of its own.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json
from framework.gitops.errors import BranchMissing, GitError, PushRejected
from framework.gitops.repo.git import MAX_BLOB, Git, without_login
from framework.journal.errors import JournalError
from framework.journal.journal import (
    EMPTY,
    Content,
    Entry,
    Head,
    Journal,
    Kind,
    check_head,
    parse_journal,
    utc_now,
)
from framework.settings.documents import parse_json
from framework.settings.errors import ConfigError

BRANCH = "quoteops/journal"
ATTEMPTS = 8
MAX_JOURNAL = 64 * MAX_BLOB


@dataclass(frozen=True)
class Published:
    """What the remote holds of an environment's journal, verified."""

    commit: str
    head: Head
    entries: tuple[Entry, ...]


def journal_name(environment: str) -> str:
    """Return the name under which attempts and verdicts of a gate are published: many machines write them."""
    return f"{environment}.gate"


def fetch_published(git: Git, remote: str, environment: str, *, known: str | None = None) -> Published | None:
    """Return what the remote holds of an environment's journal, or None when nothing was published yet.

    ``known`` is the branch's commit as it was last seen: one that no longer contains it was forced. Raises
    JournalError when the branch was forced, or its journal and head do not belong together; GitError when the
    remote cannot be read.
    """
    name, tip = _checked(environment), fetch_tip(git, remote, known=known)
    return None if tip is None else read_published(git, tip, name)


def read_published(git: Git, tip: str, name: str) -> Published | None:
    """Return what a commit of the branch holds of a journal, verified, or None. Raises JournalError."""
    content = _read(git, tip, _checked(name))
    return None if content is None else Published(tip, content.head, content.entries)


def publish_head(
    git: Git,
    remote: str,
    environment: str,
    journal: Journal,
    *,
    known: str | None = None,
    sign: Path | None = None,
) -> Published:
    """Push the journal and its head; return what the remote holds then. Nothing new pushes nothing.

    When another one is published at the same moment, it is tried again on top. Raises JournalError when the
    published journal is not the beginning of this one, and as ``fetch_published`` does.
    """
    name = _checked(environment)
    for _ in range(ATTEMPTS):
        data = journal.read()
        content = parse_journal(data, where=str(journal.path))
        data = data[: content.size]
        tip = fetch_tip(git, remote, known=known)
        there = None if tip is None else _read(git, tip, name)
        if there is not None:
            check_head(content.entries, there.head, where=str(journal.path))
            if tip is not None and there.head == content.head:
                return Published(tip, content.head, content.entries)
        if content.head == EMPTY:
            raise JournalError(f"{journal.path}: is empty; allowed at least one entry to publish")
        head = canonical_json({"seq": content.head.seq, "sha256": content.head.sha256}) + "\n"
        files = {f"{name}.head.json": head.encode(), f"{name}.jsonl": data}
        message = f"journal({name}): entry {content.head.seq}\n\n{content.head.sha256}\n"
        commit = git.commit_files(tip, files, message, sign=sign)
        try:
            git.push(remote, f"{commit}:refs/heads/{BRANCH}")
        except PushRejected as error:
            rejected = error
            continue
        return Published(commit, content.head, content.entries)
    raise GitError(
        f"{without_login(remote)}: {BRANCH} moved {ATTEMPTS} times meanwhile; try again"
    ) from rejected


def append_published(
    git: Git,
    remote: str,
    name: str,
    rows: Sequence[tuple[Kind, Mapping[str, Any]]],
    *,
    now: Callable[[], datetime] = utc_now,
    sign: Path | None = None,
) -> Published:
    """Append entries to a journal that lives on the branch alone, and return it.

    Any number of machines may do so at once. Raises as ``publish_head`` does; nothing was appended then.
    """
    for attempt in range(ATTEMPTS):
        there = fetch_published(git, remote, name)
        with tempfile.TemporaryDirectory(prefix="quoteops-journal-") as folder:
            journal = Journal(Path(folder) / "journal.jsonl", now=now)
            if there is not None:
                journal.path.write_bytes(b"".join(entry.line() for entry in there.entries))
            for kind, data in rows:
                journal.append(kind=kind, data=data)
            try:
                return publish_head(git, remote, name, journal, sign=sign)
            except JournalError:
                moved = fetch_published(git, remote, name)
                if moved is None or moved == there or attempt == ATTEMPTS - 1:
                    raise
    raise AssertionError("unreachable")


def fetch_tip(git: Git, remote: str, *, known: str | None = None) -> str | None:
    """Bring the branch here and return its commit, None before there is one; ``known`` as above.

    Raises JournalError when it was forced or is gone, GitError when the remote cannot be read.
    """
    try:
        tip = git.fetch(remote, BRANCH)
    except BranchMissing:
        if known is not None:
            raise JournalError(f"{BRANCH}: is gone from the remote and was at {known[:12]}") from None
        return None
    if known is not None and known != tip and not _contains(git, known, tip):
        raise JournalError(f"{BRANCH}: is at {tip[:12]}, which does not contain {known[:12]}: it was forced")
    return tip


def _contains(git: Git, known: str, tip: str) -> bool:
    try:
        return git.is_ancestor(known, tip)
    except GitError:  # the commit that was known is not even an object here any more
        return False


def _read(git: Git, tip: str, name: str) -> Content | None:
    """Return the published journal; a head without its journal, or the reverse, is a fault."""
    where = f"{BRANCH}:{name}"
    head = git.show(tip, f"{name}.head.json")
    data = git.show(tip, f"{name}.jsonl", limit=MAX_JOURNAL)
    if head is None and data is None:
        return None
    if head is None or data is None:
        raise JournalError(f"{where}: its journal or its head is missing; the branch was changed by hand")
    content = parse_journal(data, where=f"{where}.jsonl")
    try:
        published_head = parse_json(head.decode(errors="replace"), where=f"{where}.head.json").data
    except ConfigError as error:
        raise JournalError(str(error)) from error
    if published_head != {"seq": content.head.seq, "sha256": content.head.sha256} or content.tail:
        raise JournalError(f"{where}: the journal does not end with its head; the branch was changed by hand")
    return content


def _checked(environment: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", environment):
        raise GitError(f"environment {environment!r}: is not a name; allowed letters, digits, '.', '_', '-'")
    return environment
