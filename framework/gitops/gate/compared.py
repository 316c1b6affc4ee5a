"""What a gate replays to judge a change: two configurations, and of a canary both sides by their routes.

A canary is its candidate in minutes that a hash draws, whatever the market does: its mean effect is its share
of the candidate's own, and what is proven of the candidate alone beside the baseline alone is proven of every
share of it. What switching between them costs is not in that comparison, and is looked at beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from framework.settings.overrides import Change
from framework.settings.schema.run import RunSettings


@dataclass(frozen=True)
class KeyAlone:
    """One value of a change by itself: over the base, or, where that composes not, taken out of the rest.

    ``settings`` is None where neither composes.
    """

    change: Change
    settings: RunSettings | None
    taken_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The two configurations that are compared; ``routes``: of a canary, what runs now and what would.

    ``keys`` are the values of a change of several, each by itself.
    """

    base: RunSettings
    candidate: RunSettings
    routes: tuple[RunSettings, ...] = ()
    keys: tuple[KeyAlone, ...] = ()


def compared(*, base: RunSettings, head: RunSettings) -> Compared:
    """Compare what is tried with the baseline it is tried beside, each alone; anything else as it runs.

    That takes one baseline on both sides; where it changes too, and from one candidate that trades every
    minute to another, both sides are compared as they run.
    """
    plain = Compared(base=base, candidate=head)
    shares = (base.rollout.share, head.rollout.share)
    if head.candidate is None or not shares[1] or shares == (1.0, 1.0):
        return plain
    beneath, candidate = _untried(base.baseline), _untried(head.candidate)
    if beneath.config_sha != _untried(head.baseline).config_sha:
        return plain
    mixed = any(0.0 < share < 1.0 for share in shares)
    return Compared(base=beneath, candidate=candidate, routes=(_as_run(base), _as_run(head)) if mixed else ())


def _as_run(settings: RunSettings) -> RunSettings:
    """Return the one composition that trades every minute, the settings themselves where two do."""
    if not settings.rollout.share:
        return _untried(settings.baseline)
    candidate = settings.candidate
    return settings if candidate is None or settings.rollout.share < 1.0 else _untried(candidate)


def _untried(settings: RunSettings) -> RunSettings:
    """Take out how far anything was or would be out, so that one question has one name at every share."""
    alone = {"mode": "disabled", "candidate": None, "canary_fraction": 0.0}
    return settings.replaced({"rollout": settings.rollout.model_copy(update=alone)})
