"""What to go back to: an earlier content, with whatever was tightened since kept, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from framework.files.moments import iso_utc
from framework.gitops.desired.history import Applied, History
from framework.gitops.desired.rendered import Rendered
from framework.gitops.desired.safest import safest
from framework.gitops.errors import GitopsError

Read = Callable[[Applied], Rendered | None]
"""Gives a content that was put in force, None when it is lost."""


@dataclass(frozen=True)
class WayBack:
    """An earlier content and what is put in force of it."""

    target: Applied
    content: Rendered

    @property
    def kept(self) -> Mapping[str, Any]:
        """Return the values that are not the target's: they were tightened since."""
        return self.content.kept


def rollback_targets(history: History, *, now: datetime, revoked: Container[str] = ()) -> tuple[Applied, ...]:
    """Give the earlier contents that differ from the one in force, still hold and are not quarantined.

    Those ``revoked``, by config_sha, are left out. The newest comes first, but one whose health was good for
    the probation time before any of unknown health.
    """
    bad = history.applied
    fit = [
        item
        for item in reversed(history.trail)
        if bad is not None
        and item.config_sha != bad.config_sha
        and not why_not_back(history, item, now=now, revoked=revoked)
    ]
    return tuple(sorted(fit, key=lambda item: item.config_sha not in history.proven))


def why_not_back(history: History, item: Applied, *, now: datetime, revoked: Container[str]) -> str:
    """Say why a content is nothing to go back to, or nothing."""
    bad = history.quarantined(config_sha=item.config_sha, commit=item.commit, now=now)
    if bad is not None:
        return f"is in quarantine until {iso_utc(bad.until)}: {bad.reason}"
    if item.config_sha in revoked:
        return "was refused by the gate"
    lapsed = item.lapses_at is not None and now >= item.lapses_at
    return "has run out" if lapsed else ""


def way_back(
    history: History,
    *,
    now: datetime,
    revoked: Container[str],
    read: Read,
    to: str | None = None,
    loosen: bool = False,
) -> WayBack:
    """Return the best way back from what is in force; ``to`` a commit that somebody names, else the best one.

    With ``loosen`` that commit's content is taken as it was. Raises QuoteopsError when there is nothing to go
    back to, or nothing that does not add risk alone.
    """
    bad = history.applied
    if bad is None:
        raise GitopsError("nothing is in force; allowed after a first commit is applied")
    targets = rollback_targets(history, now=now, revoked=revoked)
    if to is not None:
        targets = (_named(history, to, now=now, revoked=revoked, loosen=loosen),)
    for target in targets:
        way = _way(history, target, read, loosen=loosen)
        if way.content.config_sha == bad.config_sha:
            raise GitopsError(
                f"going back to {target.commit[:12]} would only add risk: {shown(way.kept)} was tightened"
                f" since; allowed a hold, or --to {target.commit[:12]} --loosen"
            )
        if not _why_not(history, way, now=now, revoked=revoked):
            return way
    raise GitopsError(
        f"there is nothing to go back to: nothing earlier differs from {bad.commit[:12]} and is neither in"
        " quarantine nor refused; allowed a hold (quoteops gitops hold) and a new commit"
    )


def shown(kept: Mapping[str, Any]) -> str:
    """Write values that were kept."""
    return ", ".join(f"{name} {value}" for name, value in sorted(kept.items()))


def _way(history: History, target: Applied, read: Read, *, loosen: bool) -> WayBack:
    at = max(at for at, item in enumerate(history.trail) if item == target)
    content = _read(read, target)
    if loosen:
        return WayBack(target, content)
    later = history.trail[at + 1 :]
    if [item.generation for item in later] != list(range(target.generation + 1, later[-1].generation + 1)):
        raise GitopsError(
            f"{target.commit[:12]}: what was in force since is not all known any more, so nobody can say what"
            " was tightened; allowed --to SHA --loosen"
        )
    content = safest(content, [_read(read, item) for item in later])
    same = next((item for item in reversed(later) if item.config_sha == content.config_sha), None)
    if content.kept and same is not None and not same.kept and same != history.applied:
        return WayBack(same, _read(read, same))  # it was in force itself: git has a commit that asks for it
    return WayBack(target, content)


def _why_not(history: History, way: WayBack, *, now: datetime, revoked: Container[str]) -> str:
    sha, commit = way.content.config_sha, way.target.commit
    if sha in revoked or history.quarantined(config_sha=sha, commit=commit, now=now) is not None:
        return "what is left of it was refused"
    return why_not_back(history, way.target, now=now, revoked=revoked)


def _read(read: Read, item: Applied) -> Rendered:
    content = read(item)
    if content is None:
        raise GitopsError(
            f"{item.overrides_sha}.json: is missing from contents/ or changed, so nobody can say what"
            f" {item.commit[:12]} asked for; bring it back, or put a new commit in force"
        )
    return content


def _named(history: History, to: str, *, now: datetime, revoked: Container[str], loosen: bool) -> Applied:
    """Return the newest content of a commit; as the commit asked for it, when nothing is kept."""
    bad, named = history.applied, len(to) >= 4
    fit = [item for item in reversed(history.trail) if named and item.commit.startswith(to)]
    other = [
        item
        for item in fit
        if bad is not None and item.config_sha != bad.config_sha and not (loosen and item.kept)
    ]
    if other:
        why = why_not_back(history, other[0], now=now, revoked=revoked)
        if not why:
            return other[0]
    else:
        why = "is what is in force" if fit else "was never put in force here"
    ever = list(dict.fromkeys(item.commit[:12] for item in reversed(history.trail)))[:8]
    raise GitopsError(f"--to {to}: {why}; allowed one of {', '.join(ever)}")
