"""What a published journal says was in force is a claim: whoever may push its branch can write one.

Of a journal that is taken over a content counts when this disk had it in force itself, when the gate let its
very config_sha in, or when it only takes risk away from one of those. Everything else is disowned: it is
nothing to put in force and nothing to go back to. What forbids something counts whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from framework.errors import QuoteopsError
from framework.gitops.desired.history import Applied, History
from framework.gitops.desired.rendered import Rendered, is_true, reduces


@dataclass(frozen=True)
class Witness:
    """What an agent knows of a content without the journal that claims it."""

    lets_in: Callable[[Applied], bool]
    """Says whether the gate let its config_sha in, by a decision that counts here."""

    read: Callable[[Applied], Rendered | None]
    again: Callable[[Applied], Rendered | None]
    """Composes what its commit asks for, None where git cannot say."""

    commit: str | None
    """The commit whose policy is in force here once the claim is taken over."""

    head: str | None
    """The newest commit of the branch that was examined here, as far as the claim may move it."""


def disowned(claimed: History, here: History, witness: Witness) -> tuple[Applied, ...]:
    """Return the contents of a published trail that nothing here lets in, oldest first.

    When what it says is in force is among them and this disk has nothing in force, all of them are: an older
    content may be looser than what truly was.
    """
    known = {(item.overrides_sha, item.content_sha) for item in here.trail}
    mine = None if here.applied is None else witness.read(here.applied)
    safe = [] if mine is None else [mine]
    lost = list[Applied]()
    for item in claimed.trail:
        content = witness.read(item)
        if _lets_in(item, content, witness):
            safe += [] if content is None else [content]
        elif not _is_known(item, known, here, last=item is claimed.trail[-1]) and not (
            content is not None and _is_whole(content, item, witness) and _follows(content, safe)
        ):
            lost.append(item)
    if here.applied is None and claimed.applied in lost:
        return claimed.trail
    return tuple(lost)


def _is_known(item: Applied, known: set[tuple[str, str]], here: History, *, last: bool) -> bool:
    """Say whether this disk had a content in force; of what is said to be so now, whether it still has."""
    if last and here.applied is not None:
        known = {(here.applied.overrides_sha, here.applied.content_sha)}
    return (item.overrides_sha, item.content_sha) in known


def _lets_in(item: Applied, content: Rendered | None, witness: Witness) -> bool:
    return witness.lets_in(item) and (content is None or _is_whole(content, item, witness))


def _is_whole(content: Rendered, item: Applied, witness: Witness) -> bool:
    """Say whether a content is what its config_sha says, to the end of its patch."""
    if content.config_sha != item.config_sha or not is_true(content):
        return False
    if not content.ended:
        return True
    try:
        asked = witness.again(item)
    except QuoteopsError:
        return False
    return asked is not None and asked.config_sha == item.config_sha and asked.ended == content.ended


def _follows(content: Rendered, safe: list[Rendered]) -> bool:
    """Say whether a content takes risk away from one that counts, or is what the end of its patch leaves."""
    return any(
        base.traded == content.traded
        or reduces(base, content)
        or (base.ended and base.ended == content.traded)
        for base in safe
    )


def said(lost: tuple[Applied, ...], witness: Witness) -> Mapping[str, Any]:
    """Return what the entry of an adoption says of what is disowned, and of whose policy counts."""
    return {
        "disowned": sorted({item.overrides_sha for item in lost}),
        "trusted": witness.commit,
        "accepted": witness.head,
    }
