"""Whether a change only brings git to what an environment went back to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from framework.errors import QuoteopsError
from framework.gitops.change.report import EnvironmentChange
from framework.gitops.desired.environment_revision import read_revision
from framework.gitops.desired.rendered import rendered_of
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import SignatureError
from framework.gitops.repo.entry_signatures import verify_entry
from framework.journal.entry import Entry, Kind, Row
from framework.settings.overrides import Direction, direction_of
from framework.settings.schema.gitops import Policy
from framework.settings.traded import plain_fields, traded_changes

_LATEST = datetime.max.replace(tzinfo=UTC)


def restores_held(
    base: Revision, change: EnvironmentChange, *, hold: Mapping[str, Any], now: datetime
) -> bool:
    """Tell whether an environment went back from the base's very content to the head's, and git follows.

    ``hold`` is the newest of its agent's journal, ended or not: the merge ends it, and is judged once more
    after that. Going back reduces risk and was done at once; judging it on tapes would only keep git from
    saying what runs. Whoever may write that journal can bring back what the branch has held and
    the gate has let in (``promoted``), and nothing else.
    """
    if hold.get("quarantined") is None or change.base is None or change.head is None:
        return False
    held, bad = hold["held"]["config_sha"], hold["quarantined"]["config_sha"]
    if (held, bad) != (change.head.config_sha, change.base.config_sha):
        return False
    commit = hold["held"].get("commit")
    if not isinstance(commit, str):
        return False
    asked = _asked_for(base, change.name, commit, config_sha=went_back_to(hold), now=now)
    if asked is None or went_back_to(hold) == held:
        return asked is not None
    return direction_of(traded_changes(asked, plain_fields(change.head))) is Direction.REDUCING


def went_back_to(hold: Mapping[str, Any]) -> str:
    """Return the config_sha of the content that was gone back to; what is held of it may be safer."""
    held = hold["held"]
    return str(held.get("of") or held["config_sha"])


def promoted(rows: Iterable[Row], config_sha: str, *, policy: Policy, tier: str) -> Mapping[str, Any] | None:
    """Return the decision of a gate's journal that lets a content in; None where the newest one does not.

    Where the tier asks for signed promotions, one that no signer of the policy has signed is none.
    """
    decided = [
        row
        for row in rows
        if row.kind in (Kind.PROMOTED, Kind.REFUSED) and row.data.get("config_sha") == config_sha
    ]
    if not decided or decided[-1].kind is not Kind.PROMOTED:
        return None
    newest = decided[-1]
    if isinstance(newest, Entry) and policy.signs_promotions(tier):
        allowed, revoked = policy.signer_lists
        try:
            verify_entry(newest, allowed_signers=allowed, revoked=revoked)
        except SignatureError:
            return None
    return newest.data


def _asked_for(
    base: Revision, environment: str, commit: str, *, config_sha: str, now: datetime
) -> Mapping[str, Any] | None:
    """Return what a commit that the base contains composes to, or did until its end; None for another."""
    try:
        commit = base.git.rev(commit)
        if not base.git.is_ancestor(commit, base.sha):
            return None
        revision = read_revision(base.git, commit=commit, environment=environment)
        asked = [rendered_of(revision, environment=environment, now=at) for at in (now, _LATEST)]
    except QuoteopsError:
        return None  # then it is judged like any other change
    return next((content.traded for content in asked if content.config_sha == config_sha), None)
