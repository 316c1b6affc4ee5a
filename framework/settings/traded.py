"""What a change does to what trades: to the baseline, to a candidate that is out, and to how far it is out.

Going back to the baseline reduces risk whatever the values are: it is what was last promoted. A candidate's
own changes are named ``candidate.NAME``.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from framework.files.atomic import canonical_json
from framework.settings.fields import Effect, name_of, values_in
from framework.settings.overrides import Change, change_of
from framework.settings.schema.rollout import share_of
from framework.settings.schema.run import RunSettings, behaviour, path_in_run

CANDIDATE = "candidate."
MODE, FRACTION, VALUES = "rollout.mode", "rollout.canary_fraction", "rollout.candidate"

Fields = Mapping[str, Any]
"""Values by the names that patches and people give them."""


@dataclass(frozen=True)
class Traded:
    """What trades: the baseline, the candidate, and the share of units that trades it."""

    share: float
    baseline: Fields
    candidate: Fields


def traded_fields(settings: RunSettings) -> dict[str, Any]:
    """Return every value that decides what trades or by what it is judged."""
    plain = {**behaviour(settings), "kpi": behaviour(settings.kpi)}
    values = {name_of(path): value for path, value in values_in(plain)}
    return {**values, VALUES: settings.rollout.candidate}


def plain_fields(settings: RunSettings) -> dict[str, Any]:
    """Return every value that decides what trades as it is after a round through JSON."""
    values = {name: value for name, value in traded_fields(settings).items() if not name.startswith("kpi.")}
    plain: dict[str, Any] = json.loads(canonical_json(values))
    return plain


def trades_candidate(fields: Fields) -> bool:
    """Say whether any unit trades the candidate."""
    return _traded(fields).share > 0.0


def traded_changes(before: Fields, after: Fields) -> tuple[Change, ...]:
    """Return what changes in what trades, and what each of it does to risk."""
    old, new = _traded(before), _traded(after)
    baseline = tuple(_baseline(old, new))
    known = [(change.name, change.old, change.new) for change in baseline]
    tried = [c for c in _candidate(old, new) if (c.name.removeprefix(CANDIDATE), c.old, c.new) not in known]
    return (*baseline, *_rollout(before, after, old.share, new.share), *tried)


def _traded(fields: Fields) -> Traded:
    baseline = {name: value for name, value in fields.items() if name not in (MODE, FRACTION, VALUES)}
    share = share_of(fields.get(MODE, "disabled"), fields.get(FRACTION, 0.0))
    return Traded(share, baseline, {**baseline, **(fields.get(VALUES) or {})})


def _rollout(before: Fields, after: Fields, old: float, new: float) -> Iterator[Change]:
    """Yield how much further the candidate is out."""
    for name in (MODE, FRACTION):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        change = change_of(path_in_run(name), was, now)
        moved = Effect.INCREASING if new > old else Effect.REDUCING
        yield change if old == new else replace(change, effect=moved)


def _baseline(old: Traded, new: Traded) -> Iterator[Change]:
    """Yield what changes of the baseline, also where nobody trades it: to go back to it reduces risk.

    A candidate that all trade becomes the baseline without a change.
    """
    if old.share < 1.0 or new.baseline != old.candidate:
        yield from _differing(old.baseline, new.baseline)


def _candidate(old: Traded, new: Traded) -> Iterator[Change]:
    """Yield what changes where the candidate trades: against itself, or the baseline when it is new there."""
    if new.share == 0.0:
        return
    if old.share > 0.0 and new.candidate == new.baseline == old.baseline != old.candidate:
        tried = {n: value for n, value in old.candidate.items() if value != old.baseline[n]}
        yield Change(VALUES, tried, {}, "hot", Effect.REDUCING, "")
        return
    was = old.candidate if old.share > 0.0 else new.baseline
    for change in _differing(was, new.candidate):
        yield replace(change, name=f"{CANDIDATE}{change.name}")


def _differing(old: Fields, new: Fields) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield change_of(path_in_run(name), old.get(name), new.get(name))
