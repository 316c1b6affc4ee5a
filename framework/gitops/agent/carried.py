"""What a disk knows that was never published, when the published journal takes the place of its own.

A hold stays a hold and keeps what it kept, each value as safe as what was published since; a quarantine and a
refusal go into the journal with the entry that says why it was taken over, in one write. What was published
is a claim: a content that nothing here lets in is disowned, and what was in force here stays so.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from framework.errors import QuoteopsError
from framework.files.moments import iso_utc
from framework.gitops.agent.adoption import Adoption, set_aside, take_contents, take_journal
from framework.gitops.agent.claims import Witness, disowned, said
from framework.gitops.agent.hold import put_live, settle
from framework.gitops.agent.state_dir import JournalView, StateDir, read_live_sha
from framework.gitops.desired.history import Applied, History, fold
from framework.gitops.desired.rendered import Rendered, read_rendered, reduces, store_rendered, successor
from framework.gitops.desired.safest import safest
from framework.holds.hold import KEYS, Grounds, Held, Hold, journalled_hold, new_hold, read_hold, write_hold
from framework.journal.entry import Entry, Head, Kind, make_entry
from framework.journal.errors import JournalError

Noted = tuple[Kind, Mapping[str, Any]]


def take_over(
    adoption: Adoption,
    state_dir: StateDir,
    view: JournalView,
    witness: Witness,
    *,
    now: datetime,
    revoked: Container[str],
) -> tuple[Applied, ...]:
    """Take the published journal over, and what only this disk knew; return what of it is disowned.

    A hold is rewritten before the journal: wherever this is cut off, something holds. What the gate refuses,
    by its config_sha in ``revoked``, comes to no disk but one where it takes risk away from what the live
    file has, and what nothing here lets in to none. The caller has the turn. Raises FileError, JournalError.
    """
    here = history_here(view)
    hold = held_here(state_dir, here, adoption)
    set_aside(adoption, state_dir)
    take_contents(adoption, state_dir)
    lost = disowned(adoption.history, here, witness)
    notes: list[Noted] = [(Kind.ADOPTED, {**_origin(adoption), **said(lost, witness)})]
    notes += unpublished(here, adoption)
    if here.applied is not None and adoption.history.applied in lost:
        notes += _kept(here.applied, state_dir, adoption.history, witness)
    more = chained(notes, after=adoption.content.head, now=now, stamp=view.journal.stamp)
    there = fold(more, into=adoption.history)
    if hold is None and _holds_lost(there, lost):
        hold, here = _emptied(there), History()
    if hold is not None:
        data = carried_hold(
            hold, state_dir, here, replace(adoption, history=there), seq=more[-1].seq + 1, now=now
        )
        hold = write_hold(state_dir.hold, data, staging=state_dir.staging)
    applied, rendered = there.applied, None
    if applied is not None:
        rendered = read_rendered(applied.overrides_sha, folder=state_dir.contents)
        if rendered is not None and applied.config_sha in revoked and not tightens_live(state_dir, rendered):
            rendered = None
    if rendered is not None and (hold is None or hold.overrides_sha == rendered.overrides_sha):
        put_live(state_dir, rendered.live_bytes())
    take_journal(adoption, state_dir, view, more=more)
    if hold is not None:
        settle(state_dir, view, hold)
    return lost


def _origin(adoption: Adoption) -> dict[str, Any]:
    """Return why a journal is taken over, and what it replaces."""
    return {
        "why": adoption.why,
        "published": {"seq": adoption.content.head.seq, "sha256": adoption.content.head.sha256},
        "here": {"seq": adoption.here.seq, "sha256": adoption.here.sha256},
        "aside": None if adoption.aside is None else str(adoption.aside),
    }


def _kept(item: Applied, state_dir: StateDir, there: History, witness: Witness) -> Iterator[Noted]:
    """Give the entry that keeps in force what is so here, where what was published as such is disowned."""
    content = witness.read(item)
    if content is None or there.applied is None:
        return
    before = replace(item, generation=max(item.generation, there.applied.generation))
    content = successor(replace(content, cause="rollback"), applied=before, before=content)
    store_rendered(content, folder=state_dir.contents)
    yield (
        Kind.ROLLBACK,
        content.entry(bot_health=item.bot_health, reason="what was published was let in by nobody"),
    )


def _holds_lost(there: History, lost: tuple[Applied, ...]) -> bool:
    """Say whether a published hold keeps what is disowned, or what no entry says was in force."""
    if there.hold is None:
        return False
    hold, known = journalled_hold(there.hold), {item.overrides_sha for item in there.trail}
    return bool(hold.fault) or (
        bool(lost) and hold.overrides_sha is not None and hold.overrides_sha not in known
    )


def _emptied(there: History) -> Hold:
    """Return a published hold as one that says nothing of what it keeps."""
    assert there.hold is not None
    hold = journalled_hold(there.hold)
    plain = {**hold.plain, "quarantined": None}
    return replace(hold, overrides_sha=None, quarantined=None, bad=None, held=None, plain=plain)


def tightens_live(state_dir: StateDir, rendered: Rendered) -> bool:
    """Say whether a content takes risk away from what the live file has, and nothing else."""
    live = read_rendered(read_live_sha(state_dir.live) or "", folder=state_dir.contents)
    return live is not None and reduces(live, rendered)


def history_here(view: JournalView) -> History:
    """Return what the journal on this disk amounts to; nothing, when it is broken."""
    try:
        return view.history()
    except JournalError:
        return History()


def held_here(state_dir: StateDir, here: History, adoption: Adoption) -> Hold | None:
    """Return a hold of this disk that the published journal does not know of."""
    hold = read_hold(state_dir.hold, here.hold)
    if hold is None:
        return None
    if adoption.aside is None:  # what was published goes on from what is here
        return None if (hold.name, Kind.HOLD) in here.done else hold
    last = adoption.history.last_hold
    published = last is not None and {key: last.get(key) for key in KEYS} == dict(hold.plain)
    return None if published else hold


def unpublished(here: History, adoption: Adoption) -> Iterator[Noted]:
    """Give the quarantines and refusals of this disk that the published journal does not know of."""
    if adoption.aside is None:
        return
    there = adoption.history
    known = {(row.config_sha, row.commit, row.until) for row in there.quarantines}
    for row in here.quarantines:
        if (row.config_sha, row.commit, row.until) not in known:
            data = {"config_sha": row.config_sha, "commit": row.commit, "until": iso_utc(row.until)}
            yield Kind.QUARANTINED, {**data, "reason": row.reason}
    taken = {item.commit for item in there.trail}
    for commit, why in here.refused.items():
        if commit not in there.refused and commit not in taken:
            yield Kind.REFUSED, {"commit": commit, "reason": why}


def chained(notes: list[Noted], *, after: Head, now: datetime, stamp: Mapping[str, Any]) -> list[Entry]:
    """Return entries that follow a head, as one who appended them would have written them."""
    entries: list[Entry] = []
    for kind, data in notes:
        at = iso_utc(now, timespec="microseconds")
        entries.append(make_entry(after=after, at=at, kind=kind, data={**data, **stamp}))
        after = entries[-1].head
    return entries


def carried_hold(
    hold: Hold, state_dir: StateDir, here: History, adoption: Adoption, *, seq: int, now: datetime
) -> dict[str, Any]:
    """Return the hold's file for the journal that is taken over, its content stored; ``seq`` names it.

    It keeps what it kept, but for values that are safer in what was published. Raises FileError.
    """
    applied = adoption.history.applied
    grounds = Grounds(
        reason=f"it was held here when the published journal was taken over: {hold.reason}",
        cause=hold.cause,
        by=hold.by or "agent",
        at=now,
        head=applied.commit if applied is not None else hold.head,
        head_config_sha=applied.config_sha if applied is not None else hold.head_config_sha,
    )
    held = None if applied is None else _held(hold, state_dir, here, adoption.history, applied)
    bad = hold.bad if held is not None else None
    data = new_hold(grounds, seq=seq, held=held, quarantined=bad)
    return {**data, "hold": f"{data['hold']}-{adoption.here.sha256[:8]}"}  # a name of neither journal


def _held(hold: Hold, state_dir: StateDir, here: History, there: History, applied: Applied) -> Held:
    """Return what is held from now on: what was published, or what was held here and is no looser."""
    mine, theirs = _read(hold.overrides_sha, here, state_dir), _read(applied.overrides_sha, None, state_dir)
    content = _no_looser(mine, theirs)
    if content is None or (theirs is not None and content.config_sha == theirs.config_sha):
        item: Applied | Rendered = applied
        of: str = ""
        kept: Mapping[str, Any] = {}
    else:
        item = successor(replace(content, cause="rollback"), applied=applied, before=theirs)
        store_rendered(item, folder=state_dir.contents)
        of, kept = mine.config_sha if mine is not None else "", item.kept
    proven = item.config_sha in there.proven
    return Held(item.commit, item.config_sha, item.overrides_sha, item.generation, proven, of=of, kept=kept)


def _read(sha: str | None, here: History | None, state_dir: StateDir) -> Rendered | None:
    if sha is None and here is not None and here.applied is not None:  # a hold that cannot be read
        sha = here.applied.overrides_sha
    return None if sha is None else read_rendered(sha, folder=state_dir.contents)


def _no_looser(mine: Rendered | None, theirs: Rendered | None) -> Rendered | None:
    """Return what was held here, no looser than what was published; None when nobody can say."""
    if mine is None or theirs is None or not (mine.traded and theirs.traded and mine.settings):
        return None
    try:
        return safest(mine, [theirs])
    except QuoteopsError:
        return None
