"""What an agent knows, by its own eyes, of a journal that it is to take over."""

from __future__ import annotations

from framework.gitops.agent.claims import Witness
from framework.gitops.agent.observer import Observer
from framework.gitops.desired.history import Applied, History
from framework.gitops.desired.permits import Trust


def witness_of(observer: Observer, claimed: History) -> Witness | None:
    """Return what is known here of a journal that is to be taken over, None while nobody can say."""
    incoming = observer.incoming
    if incoming.head is None or incoming.at is None or incoming.gate_journal.fault:
        return None
    observer.fetched, head = incoming, incoming.head
    trust = observer.examination.trust()

    def lets_in(item: Applied) -> bool:
        if _is_first(observer, claimed, item, trust):
            return True
        now = observer.now() if item is claimed.applied else item.at
        rows = incoming.gate_journal.decisions.by_config.get(item.config_sha, ())
        return any(row.promotes and not observer.permits.fault(row, trust, now) for row in rows)

    return Witness(
        lets_in=lets_in,
        read=observer.contents.whole,
        again=lambda item: observer.contents.again(item.commit, at=item.at),
        commit=_trusted(observer, claimed, head, trust),
        head=_examined(observer, claimed, head),
    )


def _trusted(observer: Observer, claimed: History, head: str, trust: Trust | None) -> str | None:
    """Return whose policy counts from now on: what the journal names, where it would be trusted here."""
    named = claimed.trusted or claimed.accepted
    if named is None or trust is None or not _is_on(observer, named, head):
        return observer.examination.good
    return named if observer.examination.may_be_trusted(named) else observer.examination.good


def _examined(observer: Observer, claimed: History, head: str) -> str | None:
    """Return the newest commit that was examined; of two, the one that the branch contains."""
    named = claimed.accepted
    return (
        named
        if named is not None and _is_on(observer, named, head)
        else observer.examination.examined or named
    )


def _is_first(observer: Observer, claimed: History, item: Applied, trust: Trust | None) -> bool:
    """Say whether a content is what a sandbox began with: nobody has to let that in."""
    if trust is None or trust.signed or trust.tier != "sandbox" or item is not claimed.trail[0]:
        return False
    asked = observer.contents.again(item.commit, at=item.at) if item.generation == 1 else None
    return asked is not None and asked.config_sha == item.config_sha


def _is_on(observer: Observer, commit: str, head: str) -> bool:
    return commit == head or observer.examination.descends(commit, head)
