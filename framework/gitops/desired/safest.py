"""Going back without loosening: a content with each value at the safer of its own and every one since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from framework.gitops.desired.rendered import Rendered, rendered_with
from framework.gitops.errors import GitopsError

if TYPE_CHECKING:
    from framework.settings.traded import Fields


def safest(target: Rendered, since: Sequence[Rendered]) -> Rendered:
    """Return what to go back to: the target, but for the values that were tightened since.

    A target of which something will be set back, when its patch ends, is taken as it will be then, once
    anything is kept. Raises ConfigError where the values do not go together, GitopsError where one would
    still be looser than it has been since.
    """
    values = _kept(target.traded, since)
    if not values:
        return replace(target, cause="rollback", kept={})
    base = target.ended or target.traded
    values = _kept(base, since)
    content = rendered_with(target, {**_moved(target.traded, base), **values}, kept=values)
    _check(content, since)
    return content


def _kept(base: Fields, since: Sequence[Rendered]) -> dict[str, Any]:
    """Return the values that were safer at any time since, the safest of each."""
    from framework.settings.fields import Effect, effect_of
    from framework.settings.schema.run import path_in_run
    from framework.settings.traded import VALUES

    kept: dict[str, Any] = {}
    for item in since:
        for name, value in item.traded.items():
            if name == VALUES or name not in base:
                continue
            if effect_of(path_in_run(name), kept.get(name, base[name]), value) is Effect.REDUCING:
                kept[name] = value
    candidate = _candidate({**base, **kept}, since)
    return kept if candidate == base.get(VALUES) else {**kept, VALUES: candidate}


def _candidate(base: Fields, since: Sequence[Rendered]) -> Mapping[str, Any] | None:
    """Return the candidate's values, each as safe as any that traded as a candidate since."""
    from framework.settings.fields import Effect, effect_of
    from framework.settings.schema.run import path_in_run
    from framework.settings.traded import VALUES, trades_candidate

    values = base.get(VALUES)
    if values is None or not trades_candidate(base):
        return values
    candidate = dict(values)
    for item in since:
        theirs = item.traded.get(VALUES) or {}
        for name in {*candidate, *theirs} if trades_candidate(item.traded) else ():
            mine = candidate.get(name, base.get(name))
            if effect_of(path_in_run(name), mine, theirs.get(name, item.traded.get(name))) is Effect.REDUCING:
                candidate[name] = theirs.get(name, item.traded.get(name))
    return candidate


def _moved(old: Fields, new: Fields) -> dict[str, Any]:
    return {name: value for name, value in new.items() if old.get(name) != value}


def _check(content: Rendered, since: Sequence[Rendered]) -> None:
    from framework.settings.fields import Effect
    from framework.settings.traded import traded_changes

    for item in since:
        for change in traded_changes(item.traded, content.traded):
            if change.effect is Effect.INCREASING:
                raise GitopsError(
                    f"{content.commit[:12]}: {change.name} would be looser than at {item.commit[:12]};"
                    " allowed a hold, or a commit that asks for something else"
                )
