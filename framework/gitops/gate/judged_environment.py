"""One environment of a merge as the gate judges it, and what is written down of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from framework.gates.paired_verdict import Outcome
from framework.gitops.gate.report import ChangedEnvironment, GateReport, JournalRow, Judged, report_sha
from framework.journal.entry import Kind

ACCEPTED = (Outcome.PASS, Outcome.WARN)
DECISIONS = (Kind.PROMOTED, Kind.REFUSED)
ERROR = "ERROR"
"""The verdict of what nobody could judge."""

NOT_JUDGED = Outcome.NOT_JUDGED.value
"""The verdict of what no tape judged: a first content, and what only reduces risk."""

NOBODY, BY_TIER, BY_NAME = "nobody", "first", "people"
"""Who lets a first content in: its tier, or the people who promote it by its name."""

COULD_NOT = 2
WORST_FIRST = (ERROR, "FAIL", "INCONCLUSIVE", "NO_EFFECT", "WARN", "PASS", NOT_JUDGED)


@dataclass(frozen=True, kw_only=True)
class JudgedEnvironment:
    """What the gate says of one environment of a merge, and what it runs before and after."""

    name: str
    base: str
    head: str
    base_config_sha: str | None
    head_config_sha: str | None
    report: GateReport | None
    """What the gate says; None when it could not judge."""

    fault: str = ""
    gone: bool = False
    """Whether the merge removes it: its agent keeps what is in force."""

    until: str | None = None
    """When the patch of the head ends and something is set back: the promotion ends with it."""

    trust: bool = False
    """Whether nothing but what judges it changes, and its agent takes that by a promotion alone."""

    keys: bool = False
    """Whether that changes who may promote: nobody lets it in but people, by the environment's name."""

    named: bool = False
    known: bool = False
    """Whether it is promoted as a first content and is none: an error of who asks, and no decision."""

    first: str = ""
    """Who lets a first content in, of which there is nothing to compare; empty for any other."""

    @property
    def change(self) -> ChangedEnvironment | None:
        """Return what the change does to it, None when the gate attributes nothing to it."""
        rows = () if self.report is None else self.report.changed
        return next((row for row in rows if row.environment == self.name), None)

    @property
    def on_tapes(self) -> Judged | None:
        """Return what the tapes say, None where no tape was asked."""
        rows = () if self.report is None else self.report.environments
        return next((row for row in rows if row.environment == self.name), None)

    @property
    def outcome(self) -> Outcome | None:
        """Return what the gate says, None when it could not judge."""
        if self.on_tapes is not None:
            return self.on_tapes.answer.outcome
        return None if self.report is None else self.report.outcome

    @property
    def accepted(self) -> bool:
        """Tell whether it may be promoted: by what tapes say, or because none has to be asked."""
        return self.outcome in ACCEPTED or (self.on_tapes is None and self.outcome is Outcome.NOT_JUDGED)

    @property
    def decision(self) -> Kind | None:
        """Return whether its content is promoted or refused; None where what is to trade stays as it runs.

        A refusal binds a content wherever it is, so what runs is not refused for what a commit does beside.
        """
        if self.known:
            return None
        same = self.head_config_sha is not None and self.base_config_sha == self.head_config_sha
        if self.first and self.accepted and self.head_config_sha is not None:
            return None if self.first == NOBODY else Kind.PROMOTED
        if same:
            trusted = self.change is None and self.trust and self.accepted and (self.named or not self.keys)
            return Kind.PROMOTED if trusted else None
        return Kind.PROMOTED if self.change is not None and self.accepted else Kind.REFUSED

    @property
    def verdict(self) -> str:
        """Return the verdict; what nobody could attribute is no pass."""
        if self.first and self.decision is Kind.PROMOTED:
            return NOT_JUDGED
        unclear = self.decision is Kind.REFUSED and self.accepted and not self.gone
        return ERROR if unclear or self.outcome is None else self.outcome.value

    @property
    def sentence(self) -> str:
        """Return why."""
        if self.gone:
            return f"{self.name} is removed; its agent keeps what is in force"
        if self.on_tapes is not None:
            return self.on_tapes.answer.sentence
        return self.fault if self.report is None else self.report.sentence

    def rows(self) -> list[JournalRow]:
        """Return what of it is written down."""
        journal = [] if self.on_tapes is None else self.on_tapes.journal
        return journal if self.decision is None else [*journal, (self.decision, self._decided())]

    def _decided(self) -> dict[str, Any]:
        """Return the data of the decision."""
        named = {
            "environment": self.name,
            "base": self.base,
            "commit": self.head,
            "config_sha": self.head_config_sha,
            "verdict": self.verdict,
        }
        if self.decision is Kind.REFUSED:
            return {**named, "sentence": self.sentence}
        return {
            **named,
            "base_config_sha": self.base_config_sha,
            "direction": self.change.direction
            if self.change is not None
            else "new"
            if self.first
            else "none",
            "by": self.first or ("check" if self.on_tapes is None else self.on_tapes.inputs.attempt),
            **({} if self.on_tapes is None else {"report": report_sha(self.on_tapes.found())}),
            **({"trust": True} if self.keys and self.named else {}),
            **({} if self.until is None else {"until": self.until}),
        }
