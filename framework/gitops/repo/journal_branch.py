"""The journal's head, published in git: what a journal on a disk can no longer deny.

The branch ``quoteops/journal`` of the remote holds, for each name, ``<name>.head.json``, the journal's open
segment, ``<name>.jsonl``, and below ``<name>.segments/`` what was sealed. It only ever grows: a push is
a fast-forward, and the journal that is pushed begins with the one that was there. A chain has one writer: an
agent publishes its journal under its environment's name; what several machines write (the attempts of a gate)
goes through ``append_published`` under a name of its own.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json
from framework.gitops.errors import BranchMissing, GitError, PushRejected
from framework.gitops.repo.entry_signatures import signed_by
from framework.gitops.repo.git import MAX_BLOB, Git
from framework.gitops.repo.process import without_login
from framework.journal.errors import JournalError
from framework.journal.journal import EMPTY, Content, Entry, Head, Journal, Kind, check_head, utc_now
from framework.journal.segments import (
    PER_FOLDER,
    name_of,
    number_of,
    parse_journal,
    parse_open,
    read_segment,
    sealed_files,
)
from framework.settings.documents import parse_json
from framework.settings.errors import ConfigError

BRANCH = "quoteops/journal"
FETCHED = f"refs/quoteops/fetched/{BRANCH}"
"""Where the branch lies as it was last fetched."""
ATTEMPTS = 8
MAX_JOURNAL = 64 * MAX_BLOB


PIECES = 64
"""Sealed segments that one push brings; a journal that is far behind takes several."""

Beside = Callable[[str | None], Mapping[str, bytes | None]]
"""Gives what a commit changes besides, for the commit that it stands on; it may refuse by raising."""


@dataclass(frozen=True)
class Published:
    """What the remote holds of a journal, verified: all of its entries, or those that were asked for."""

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


def read_published(git: Git, tip: str, name: str, *, after: Head = EMPTY) -> Published | None:
    """Return what a commit of the branch holds of a journal, verified, or None. Raises JournalError.

    With ``after``, a head that was published before, it gives the entries that follow and reads no segment
    that ends before it.
    """
    newest = read_newest(git, tip, _checked(name))
    if newest is None:
        check_head((), after, where=f"{BRANCH}:{name}.jsonl")
        return None
    entries = newest.entries
    if after.seq <= newest.after.seq:
        older = sealed_pieces(git, tip, name, since=max(after.seq, 1), until=newest.after)
        entries = (*(entry for content in older for entry in content.entries), *entries)
    check_head(entries, after, where=f"{BRANCH}:{name}.jsonl")
    return Published(tip, newest.head, tuple(entry for entry in entries if entry.seq > after.seq))


def read_newest(git: Git, tip: str, name: str) -> Content | None:
    """Return the open segment of a published journal, verified, or None. Raises JournalError.

    A head without its journal, or the reverse, is a fault.
    """
    where = f"{BRANCH}:{name}"
    head = git.show(tip, f"{name}.head.json")
    data = git.show(tip, f"{name}.jsonl", limit=MAX_JOURNAL)
    if head is None and data is None:
        return None
    if head is None or data is None:
        raise JournalError(f"{where}: its journal or its head is missing; the branch was changed by hand")
    content = parse_open(data, where=f"{where}.jsonl")
    try:
        published_head = parse_json(head.decode(errors="replace"), where=f"{where}.head.json").data
    except ConfigError as error:
        raise JournalError(str(error)) from error
    if published_head != {"seq": content.head.seq, "sha256": content.head.sha256} or content.tail:
        raise JournalError(f"{where}: the journal does not end with its head; the branch was changed by hand")
    return content


def sealed_pieces(git: Git, tip: str, name: str, *, since: int, until: Head) -> Iterator[Content]:
    """Give the published segments from the one that holds entry ``since`` up to the head ``until``, verified.

    Raises JournalError when they do not end there: one was removed, changed or reordered.
    """
    head: Head | None = None if since > 1 else EMPTY
    for path in _sealed_paths(git, tip, name, since=since, before=until.seq + 1):
        where = f"{BRANCH}:{path}"
        content = parse_journal(git.show(tip, path, limit=MAX_JOURNAL) or b"", where=where, after=head)
        if content.tail:
            raise JournalError(f"{where}: ends in the middle of a line; the branch was changed by hand")
        head = content.head
        yield content
    if head != until:
        raise JournalError(
            f"{BRANCH}:{name}.segments: does not lead to entry {until.seq}; a segment was removed or changed"
        )


def publish_head(
    git: Git,
    remote: str,
    environment: str,
    journal: Journal,
    *,
    known: str | None = None,
    sign: Path | None = None,
    beside: Beside = lambda _tip: {},
) -> Published:
    """Push the journal and its head; return what the remote holds then. Nothing new pushes nothing.

    When another one is published at the same moment, it is tried again on top. What was sealed since goes
    with it, in several pushes when that is much. Raises JournalError when the published journal is not the
    beginning of this one, and as ``fetch_published`` does.
    """
    name, contents = _checked(environment), [Content((), 0, b"")]

    def grown(tip: str | None) -> tuple[Mapping[str, bytes | None], str]:
        contents[:] = [content := journal.content()]
        there = None if tip is None else read_newest(git, tip, name)
        if there is not None:
            journal.check_head(there.head)
        title = f"journal({name}): entry {content.head.seq}\n"
        if there is not None and there.head == content.head:
            return beside(tip), title
        if content.head == EMPTY and there is None and (more := beside(tip)):
            return more, title
        if content.head == EMPTY:
            raise JournalError(f"{journal.path}: is empty; allowed at least one entry to publish")
        sealed = _unpublished(
            git, tip, name, journal, content, since=1 if there is None else there.after.seq + 1
        )
        if len(sealed) > PIECES:
            contents.clear()
            return dict(list(sealed.items())[:PIECES]), title
        return {**sealed, **_open(name, content), **beside(tip)}, f"{title}\n{content.head.sha256}\n"

    while True:
        commit = push_on(git, remote, grown, known=known, sign=sign)
        if contents:
            assert commit is not None
            return Published(commit, contents[0].head, contents[0].entries)


def append_published(
    git: Git,
    remote: str,
    name: str,
    rows: Sequence[tuple[Kind, Mapping[str, Any]]],
    *,
    now: Callable[[], datetime] = utc_now,
    sign: Path | None = None,
) -> Published:
    """Append entries to a journal that lives on the branch alone; return it, with its open segment's entries.

    Any number of machines may do so at once; ``sign`` signs what decides, and the branch's commit. Raises as
    ``publish_head`` does; nothing was appended then.
    """
    for attempt in range(ATTEMPTS):
        tip = fetch_tip(git, remote)
        there = None if tip is None else read_newest(git, tip, _checked(name))
        with tempfile.TemporaryDirectory(prefix="quoteops-journal-") as folder:
            journal = Journal(
                Path(folder) / "journal.jsonl",
                now=now,
                state=lambda _head: {},
                sign=None if sign is None else signed_by(sign, now=now),
            )
            if there is not None:
                journal.path.write_bytes(b"".join(entry.line() for entry in there.entries))
            for kind, data in rows:
                journal.append(kind=kind, data=data)
            try:
                return publish_head(git, remote, name, journal, sign=sign)
            except JournalError:
                again = fetch_tip(git, remote)
                moved = None if again is None else read_newest(git, again, name)
                if moved is None or moved == there or attempt == ATTEMPTS - 1:
                    raise
    raise AssertionError("unreachable")


def push_on(
    git: Git,
    remote: str,
    make: Callable[[str | None], tuple[Mapping[str, bytes | None], str]],
    *,
    known: str | None = None,
    sign: Path | None = None,
) -> str | None:
    """Push one commit on top of the branch; return what the branch is at then, None while there is none.

    ``make`` gives the files and the message for the commit that is there, and is asked anew when somebody
    else was faster; no files push nothing. So what it has read is still so when the push succeeds.
    """
    for _ in range(ATTEMPTS):
        tip = fetch_tip(git, remote, known=known)
        files, message = make(tip)
        if not files:
            return tip
        commit = git.commit_files(tip, files, message, sign=sign)
        try:
            git.push(remote, f"{commit}:refs/heads/{BRANCH}")
        except PushRejected as error:
            rejected = error
            continue
        return commit
    raise GitError(
        f"{without_login(remote)}: {BRANCH} moved {ATTEMPTS} times meanwhile; try again"
    ) from rejected


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


def _open(name: str, content: Content) -> dict[str, bytes]:
    head = canonical_json({"seq": content.head.seq, "sha256": content.head.sha256}) + "\n"
    data = b"".join(entry.line() for entry in content.entries)
    return {f"{name}.head.json": head.encode(), f"{name}.jsonl": data}


def _unpublished(
    git: Git, tip: str | None, name: str, journal: Journal, content: Content, *, since: int
) -> dict[str, bytes]:
    """Return what was sealed since the published open segment began and is not on the branch yet."""
    sealed = {
        f"{name}.segments/{name_of(number_of(path))}": path
        for path in sealed_files(journal.path, since=since, before=content.after.seq + 1)
    }
    if len(sealed) > PIECES and tip is not None:  # several pushes: nobody reads them before the last one
        for path in _sealed_paths(git, tip, name, since=since, before=None):
            sealed.pop(path, None)
    return {name: read_segment(path) for name, path in list(sealed.items())[: PIECES + 1]}


def _sealed_paths(git: Git, tip: str, name: str, *, since: int, before: int | None) -> list[str]:
    """Return the published segments from the one that holds entry ``since``, oldest first."""
    paths: list[str] = []
    for folder in _names(git, tip, f"{name}.segments"):
        if folder.isdigit() and int(folder) >= since // PER_FOLDER - 1:
            paths += [
                f"{name}.segments/{folder}/{file}" for file in _names(git, tip, f"{name}.segments/{folder}")
            ]
    numbered = [(number_of(Path(path)), path) for path in sorted(paths)]
    numbered = [(first, path) for first, path in numbered if first > 0 and (before is None or first < before)]
    begin = max((n for n, (first, _) in enumerate(numbered) if first <= since), default=0)
    return [path for _, path in numbered[begin:]]


def _names(git: Git, tip: str, folder: str) -> list[str]:
    code, out, _ = git.attempt(["ls-tree", "-z", "--name-only", "--end-of-options", f"{tip}:{folder}"])
    return [] if code != 0 else [name.decode(errors="replace") for name in out.split(b"\0")[:-1]]


def _checked(environment: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", environment):
        raise GitError(f"environment {environment!r}: is not a name; allowed letters, digits, '.', '_', '-'")
    return environment
