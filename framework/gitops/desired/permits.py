"""Which of the gate's decisions count: for this environment, signed where it has to be, against what ran.

A promotion says that a content may replace another. It lets it in where that other one is in force, or was
let in itself and has neither been refused nor run badly since: what was judged against values that never
ran says nothing of what runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from framework.files.moments import iso_utc
from framework.gitops.desired.decisions import Answer, Decision, Decisions
from framework.gitops.desired.history import History, moment
from framework.gitops.errors import SignatureError
from framework.gitops.repo.entry_signatures import verify_entry

if TYPE_CHECKING:
    from framework.settings.schema.gitops import Policy


@dataclass(frozen=True)
class Trust:
    """The policy in force, and the tier by whose rules it is read."""

    policy: Policy
    tier: str
    revoked: tuple[str, ...] = ()
    """Keys that the branch revokes besides: that counts at once, whoever pushed it."""

    def moved_by(self, policy: Policy, tier: str) -> bool:
        """Say whether another policy or tier changes who may promote: people say so by name, or nobody."""
        return (
            tier != self.tier
            or set(policy.signers) != set(self.policy.signers)
            or not set(policy.revoked_keys) >= set(self.policy.revoked_keys)
            or (self.signed and not policy.signs_promotions(tier))
        )

    @property
    def signed(self) -> bool:
        """Say whether a promotion counts only when one of the signers has signed it."""
        return self.policy.signs_promotions(self.tier)


def settled(policies: Sequence[Policy]) -> tuple[str, ...]:
    """Return who may sign by policies, the newest first: whom each of them names that names anybody.

    Who is the first to be named at all has nobody to wait for. Where all are replaced by others, those before
    them sign until the others may, or nobody could; a key that was revoked counts no more whatever is said.
    """
    older = [policy.signers for policy in policies[1:] if policy.signers]
    named = policies[0].signers
    kept = tuple(line for line in named if all(line in names for names in older))
    return kept if kept or not named else settled(policies[1:])


@dataclass
class Permits:
    """What an environment's gate lets in; a signature is verified once for each list of signers."""

    environment: str
    contains: Callable[[str], bool] = lambda _: True
    """Says whether the branch that is followed contains a commit."""

    _verified: dict[tuple[str, str], str] = field(default_factory=dict)

    def fault(self, decision: Decision, trust: Trust | None, now: datetime) -> str:
        """Say why a promotion is none here, whatever it was judged against."""
        if decision.data.get("environment") != self.environment:
            return f"the promotion of {decision.at} is another environment's"
        if not self.contains(decision.commit):
            return (
                f"it was promoted as {decision.commit[:12]}, which the branch does not contain: it came from"
                " another repository, or the branch was rewritten; allowed a promotion of what is there now"
            )
        if decision.until is not None and decision.until <= now:
            return f"it was promoted until {iso_utc(decision.until)}"
        if trust is None:
            return "no policy here says who may promote; start the agent in a checkout (--home)"
        return self._signature_fault(decision, trust) if trust.signed else ""

    def _signature_fault(self, decision: Decision, trust: Trust) -> str:
        allowed, revoked = trust.policy.signer_lists
        revoked += "".join(f"{key}\n" for key in trust.revoked if key not in trust.policy.revoked_keys)
        if not trust.policy.signers:
            return "a promotion must be signed, and the policy names no signers"
        key = (decision.entry.sha256, hashlib.sha256(f"{allowed}\0{revoked}".encode()).hexdigest())
        if key not in self._verified:
            try:
                verify_entry(decision.entry, allowed_signers=allowed, revoked=revoked)
                self._verified[key] = ""
            except SignatureError as error:
                self._verified[key] = f"the promotion of {decision.at} does not count: {error}"
        return self._verified[key]


@dataclass(frozen=True)
class Ruling:
    """What the gate's decisions amount to at a moment, where they are trusted so and this has happened."""

    permits: Permits
    decisions: Decisions
    trust: Trust | None
    history: History
    now: datetime

    def answer(self, *, config_sha: str, commit: str) -> Answer:
        """Return what stands on a content that a commit asks for."""
        decisions, history = self.decisions, self.history
        asked: set[str] = set()

        def counts(decision: Decision) -> str:
            return self.permits.fault(decision, self.trust, self.now) or against(
                decision.data.get("base_config_sha")
            )

        def against(base: object) -> str:
            applied = history.applied
            if not isinstance(base, str) or base in asked:
                return ""
            if applied is None or applied.config_sha == base:
                return ""
            asked.add(base)
            earlier = decisions.on(config_sha=base, commit="", counts=counts)
            if earlier.refused:
                return f"it was judged against {base[:12]}, which was refused"
            at = moment(earlier.promoted.at) if earlier.promoted is not None else None
            if any(row.config_sha == base and (at is None or at <= row.at) for row in history.quarantines):
                return f"it was judged against {base[:12]}, which ran badly"
            ran = any(item.config_sha == base for item in history.trail)
            return (
                "" if ran or at is not None else f"it was judged against {base[:12]}, which was never let in"
            )

        return decisions.on(config_sha=config_sha, commit=commit, counts=counts)

    def revoked(self) -> dict[str, str]:
        """Return the contents put in force that the gate refuses now, by config_sha, and why."""
        revoked: dict[str, str] = {}
        decisions = self.decisions
        for item in self.history.trail:
            rows = decisions.by_config.get(item.config_sha, ())
            asked = item.commit in decisions.by_commit or any(not row.promotes for row in rows)
            if asked and item.config_sha not in revoked:
                answer = self.answer(config_sha=item.config_sha, commit=item.commit)
                revoked[item.config_sha] = answer.refused
        return {sha: why for sha, why in revoked.items() if why}


@dataclass(frozen=True)
class Refusals(Container[str]):
    """Every content that the gate refuses, by config_sha: what ran, and what never came to run."""

    ruling: Ruling
    ran: Container[str]

    def __contains__(self, sha: object) -> bool:
        """Say whether going back may not put a content in force, for the gate refuses it."""
        if sha in self.ran or not isinstance(sha, str):
            return sha in self.ran
        return bool(self.ruling.answer(config_sha=sha, commit="").refused)
