"""Each value of a change by itself: what it does on the tapes, and what rides along unseen.

A change of several values is judged as a whole, and what the whole proves is proven of no part that the
tapes never touch: a limit that is never reached, raised beside a value that gains. So every value is replayed
alone, and one that increases risk without one other fill or request is refused by its name. Nothing here is a
statistic: two arms are the same to the byte or they are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from framework.gates.paired_metrics import Effect as Measured
from framework.gates.paired_verdict import Finding, Outcome, SymbolEffects
from framework.gitops.gate.arms import ArmBlocks
from framework.gitops.gate.compared import Compared, KeyAlone
from framework.gitops.gate.judge import TapeArms, net_effect
from framework.settings.overrides import Change, Effect
from framework.settings.schema.gitops import GateRules
from framework.settings.schema.run import RunSettings
from framework.settings.traded import CANDIDATE, traded_changes, traded_fields
from framework.settings.validate import shown_value

JUDGED_APART = ("kpi.", "rollout.")
"""Thresholds are the judge's; how far a candidate is out is judged by its values."""


def with_keys(compared: Compared) -> Compared:
    """Add the values of a change, each by itself; a change of one value is that value."""
    base, head = compared.base, compared.candidate
    changes = [
        change
        for change in traded_changes(traded_fields(base), traded_fields(head))
        if not change.name.startswith(JUDGED_APART)
    ]
    if len(changes) < 2:
        return compared
    return replace(compared, keys=tuple(_alone(base, head, change) for change in changes))


def _alone(base: RunSettings, head: RunSettings, change: Change) -> KeyAlone:
    for settings, value, taken_out in ((base, change.new, False), (head, change.old, True)):
        try:
            return KeyAlone(change, _with(settings, head, change.name, value), taken_out)
        except (ValueError, KeyError, TypeError):  # together the values compose; this one does not by itself
            continue
    return KeyAlone(change, None)


def _with(settings: RunSettings, head: RunSettings, name: str, value: Any) -> RunSettings:
    """Return settings with one other value; a candidate's as far out as the head lets it."""
    if not name.startswith(CANDIDATE):
        return settings.with_values({name: value})
    tried = {**(settings.rollout.candidate or {}), name.removeprefix(CANDIDATE): value}
    return settings.replaced({"rollout": head.rollout.model_copy(update={"candidate": tried})})


@dataclass(frozen=True, kw_only=True)
class KeyVerdict:
    """What one value does by itself: net by symbol, and whether it changes anything (None: unknown)."""

    change: Change
    seen: bool | None
    net: Mapping[str, Measured]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        change = self.change
        return {
            "name": change.name,
            "old": change.old,
            "new": change.new,
            "effect": str(change.effect),
            "seen": self.seen,
            "net": {
                symbol: {"unit": net.unit, "effect": net.effect, "low": net.low, "high": net.high}
                for symbol, net in self.net.items()
            },
        }


def key_verdicts(
    keys: Sequence[KeyAlone],
    groups: Mapping[str, Sequence[TapeArms]],
    *,
    like: Mapping[str, SymbolEffects],
    rules: GateRules,
    alpha: float,
) -> tuple[KeyVerdict, ...]:
    """Say what every value of a change does by itself, over all tapes of a symbol."""
    found = []
    for k, key in enumerate(keys):
        apart = {
            symbol: [_pair(tape, tape.alone[k], taken_out=key.taken_out) for tape in tapes]
            for symbol, tapes in groups.items()
            if key.settings is not None
        }
        net = {
            symbol: net_effect(tapes=tapes, like=like[symbol], rules=rules, alpha=alpha)
            for symbol, tapes in apart.items()
        }
        seen = None if not apart else any(not tape.identical for tapes in apart.values() for tape in tapes)
        found.append(KeyVerdict(change=key.change, seen=seen, net=net))
    return tuple(found)


def _pair(tape: TapeArms, alone: ArmBlocks | None, *, taken_out: bool) -> TapeArms:
    """Return a tape's two arms that one value sets apart."""
    assert alone is not None
    return replace(tape, base=alone, routes=()) if taken_out else replace(tape, candidate=alone, routes=())


def rider_findings(keys: Sequence[KeyVerdict]) -> tuple[list[Finding], list[str]]:
    """Refuse the values that increase risk and do nothing by themselves; note the others that do nothing."""
    findings, quiet = list[Finding](), list[str]()
    for key in keys:
        change = key.change
        if key.seen:
            continue
        if change.effect is not Effect.INCREASING:
            quiet.append(change.name)
            continue
        what = f"{change.name} ({shown_value(change.old)} to {shown_value(change.new)}) increases risk and"
        why = (
            "can be told apart from the rest of the change neither alone nor left out"
            if key.seen is None
            else "changes no fill and no request on any tape when it changes alone"
        )
        ask = "no tape here judges it; allowed as a change of its own, on a tape that exercises it"
        findings.append(Finding(Outcome.FAIL, "GATE:rider", f"{what} {why}: {ask}"))
    notes = [f"changes nothing on these tapes by itself: {', '.join(quiet)}"] if quiet else []
    return findings, notes
