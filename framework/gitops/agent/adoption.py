"""Taking over the published journal: a disk that is older than it, or another's, decides nothing.

What is needed is brought here first, outside the turn; taking it over is then a few files on this disk:
contents, the live file, and last the journal, so that a crash in between begins anew.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.files.atomic import write_atomic
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.desired.checkpoint import compact, refold, restored
from framework.gitops.desired.history import History
from framework.gitops.desired.rendered import read_rendered
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import BRANCH, read_newest, read_published, sealed_pieces
from framework.journal.entry import EMPTY, Entry, Head
from framework.journal.errors import JournalError
from framework.journal.journal import Journal
from framework.journal.segments import Content, folder_of, name_of


@dataclass(frozen=True)
class Adoption:
    """What is taken over, and what it replaces."""

    tip: str
    content: Content
    """The published journal's open segment."""

    history: History
    contents: Mapping[str, bytes]
    """Files of the contents in its trail, by their names."""

    here: Head
    """The head of the journal on this disk."""

    aside: Path | None
    """Where what is on this disk is kept, when the published journal does not hold it."""

    why: str


def contents_of(history: History, state_dir: StateDir, *, there: frozenset[str]) -> dict[str, bytes | None]:
    """Return what the branch's folder of contents must gain and lose to hold those of a history's trail."""
    wanted = {f"{item.overrides_sha}.json" for item in compact(history).trail}
    files: dict[str, bytes | None] = dict.fromkeys(there - wanted)
    for name in wanted - there:
        try:
            files[name] = (state_dir.contents / name).read_bytes()
        except OSError:  # one that is lost here is lost there too
            continue
    return files


def published_contents(git: Git, tip: str, environment: str) -> dict[str, str]:
    """Return the names of the contents on the branch, and the objects that hold them."""
    folder = f"{environment}.contents"
    return {path.rpartition("/")[2]: blob.oid for path, blob in git.files(tip, folder).items()}


def gather(git: Git, tip: str | None, state_dir: StateDir) -> Adoption | None:
    """Bring what must be adopted, or None when the journal here holds all that was published.

    Raises JournalError and GitError when what was published makes no sense or cannot be read.
    """
    name = state_dir.environment
    newest = None if tip is None else read_newest(git, tip, name)
    if tip is None or newest is None:
        return None
    journal = Journal(state_dir.journal)
    here, why, since, older = EMPTY, "", 1, False
    try:
        local = journal.content()
        here, since = local.head, local.after.seq + 1
        journal.check_head(newest.head)
        return None
    except JournalError as error:
        why = str(error)
    try:
        older = here.seq < newest.head.seq and read_published(git, tip, name, after=here) is not None
    except JournalError:
        older = False
    data = journal.read()
    where = state_dir.folder / "aside" / hashlib.sha256(data).hexdigest()[:16]
    aside = where if not older and data else None
    history = _bring(git, tip, name, newest, state_dir, since=since if older else 1, aside=aside)
    wanted = {f"{item.overrides_sha}.json": item.content_sha for item in history.trail}
    contents = {
        file: data
        for file, oid in published_contents(git, tip, name).items()
        if file in wanted and _is_missing(file, wanted[file], state_dir)
        if _is_whole(data := git.run("cat-file", "blob", oid), wanted[file])
    }
    text = f"the journal here ends at entry {here.seq} and is older than what was published"
    return Adoption(tip, newest, history, contents, here, aside, text if older else why)


def _is_missing(file: str, content_sha: str, state_dir: StateDir) -> bool:
    return read_rendered(file[:-5], folder=state_dir.contents, content_sha=content_sha) is None


def _is_whole(data: bytes, content_sha: str) -> bool:
    """Say whether a published content is the one of its entry; what an older agent wrote names no digest."""
    return not content_sha or hashlib.sha256(data).hexdigest() == content_sha


def take_contents(adoption: Adoption, state_dir: StateDir) -> None:
    """Put the contents of the published trail where going back looks for them. Raises FileError."""
    for name, data in adoption.contents.items():
        write_atomic(path=state_dir.contents / name, data=data, staging=state_dir.staging)


def set_aside(adoption: Adoption, state_dir: StateDir) -> None:
    """Keep what is here and the published journal does not hold. Raises OSError."""
    if adoption.aside is not None:
        adoption.aside.mkdir(parents=True, exist_ok=True)
        for file in (state_dir.journal, state_dir.hold):
            if file.is_file():
                shutil.copy2(file, adoption.aside / file.name)


def take_journal(
    adoption: Adoption, state_dir: StateDir, view: JournalView, *, more: Sequence[Entry] = ()
) -> None:
    """Put the published journal, and entries that follow it, in place of the one here, in one write.

    The caller has the turn. Raises FileError.
    """
    entries = (*adoption.content.entries, *more)
    view.replace(b"".join(entry.line() for entry in entries), staging=state_dir.staging)


def _bring(
    git: Git, tip: str, name: str, newest: Content, state_dir: StateDir, *, since: int, aside: Path | None
) -> History:
    """Write the sealed segments that are not here; return what the whole journal amounts to.

    Nobody reads them before the open segment is replaced, which goes on from them.
    """
    folder, history, opening = folder_of(state_dir.journal), History(), newest.entries[0]
    carried = restored(opening) if newest.after != EMPTY else None
    first = since if carried is not None else 1
    for content in _sealed(git, tip, name, newest, since=first):
        if carried is None:
            history = refold(content.entries, into=history, where=f"{BRANCH}:{name}")
        path = folder / name_of(content.after.seq + 1)
        data = b"".join(entry.line() for entry in content.entries)
        if path.is_file() and path.read_bytes() == data:
            continue
        if path.is_file() and aside is not None:
            kept = aside / folder.name / path.relative_to(folder)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, kept)
        write_atomic(path=path, data=data, staging=folder)
    if carried is not None:
        return refold(newest.entries[1:], into=carried, where=f"{BRANCH}:{name}")
    return refold(newest.entries, into=history, where=f"{BRANCH}:{name}")


def _sealed(git: Git, tip: str, name: str, newest: Content, *, since: int) -> Iterator[Content]:
    if newest.after != EMPTY and since <= newest.after.seq:
        yield from sealed_pieces(git, tip, name, since=since, until=newest.after)
