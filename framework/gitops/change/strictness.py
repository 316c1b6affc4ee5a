"""Which of two policies asks for more, field by field.

Every field of a policy has a row: what is the stricter of two values, or that they have no order. A test
holds the table to the schema, so that no new field escapes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from operator import and_, or_
from typing import Any

from framework.files.atomic import canonical_json
from framework.settings.schema.gitops import KeyRule, Policy, Tiers
from framework.settings.validate import shown_value

Pick = Callable[[Any, Any], Any]


def _gate(old: str, new: str) -> str:
    return "gate" if "gate" in (old, new) else new


def _better(old: str, new: str) -> str:
    return "better" if "better" in (old, new) else new


def _all(old: list[Any], new: list[Any]) -> list[Any]:
    return [*old, *(row for row in new if row not in old)]


def _both(old: list[Any], new: list[Any]) -> list[Any]:
    return [row for row in new if row in old]


STRICTER: tuple[tuple[str, Pick | None], ...] = (
    ("paths.docs", _both),
    ("paths.*", _all),
    ("tiers.*.reducing", _gate),
    ("tiers.*.increasing", _gate),
    ("tiers.*.gated", _gate),
    ("tiers.*.net", _better),
    ("tiers.*.regimes", _all),
    ("tiers.*.synthetic_alone", and_),
    ("tiers.*.warn_promotes", and_),
    ("tiers.*.signed", or_),
    ("tiers.*.promotion_signed", or_),
    ("tiers.*.approvals", max),
    ("gate.alpha", min),
    ("gate.min_effective_blocks", max),
    ("gate.top_block_share", min),
    ("gate.variance_floor", max),
    ("gate.turnover_floor", max),
    ("gate.*_margin.*", min),
    ("gate.risk_margins.*", min),
    ("gate.markets.*", None),
    ("budget.alpha", min),
    ("budget.share", min),
    ("freeze", _all),
    ("settle_h", max),
    ("owners", None),
    ("signers", _both),
    ("revoked_keys", _all),
    ("token_env", None),
    ("agent.poll_s", None),
    ("agent.stale_s", min),
    ("agent.probation_s", max),
    ("agent.cooldown_h", max),
)
KEPT = ("signers",)
"""The newest say alone: who may sign is handed over at once, or nobody could."""

UNLIMITED = float("inf")


def strictest(policies: Sequence[Policy]) -> Policy:
    """Return the newest policy, the first, with every field as strict as any of them has it.

    Its ``keys`` stay the newest's: what may change, and how far, is asked of each policy.
    """
    merged = _flat(policies[0])
    for older in policies[1:]:
        for name, value in _flat(older).items():
            pick = pick_of(name)
            if name in KEPT:
                merged[name] = merged[name] or value
            elif pick is not None:
                merged[name] = pick(value, merged[name])
    data: dict[str, Any] = {}
    for name, value in merged.items():
        here, *rest = name.split(".")
        place = data
        while rest:
            place = place.setdefault(here, {})
            here, *rest = rest
        place[here] = value
    keys = {name: rule.model_dump(mode="json") for name, rule in policies[0].keys.items()}
    return Policy.model_validate_json(canonical_json({**data, "keys": keys}))


def policy_changes(old: Policy, new: Policy) -> tuple[str, ...]:
    """Say what a new policy loosens, tightens and otherwise changes of the judge."""
    before, after = _flat(old), _flat(new)
    found = [_said(n, before[n], after[n]) for n in after if _rank(before[n]) != _rank(after[n])]
    names = dict.fromkeys([*old.keys, *new.keys])
    found += [text for name in names for text in _key(name, old.rule_of(name), new.rule_of(name))]
    return tuple(sorted(found, key=lambda text: not text.startswith("loosens")))


def pick_of(name: str) -> Pick | None:
    """Return what is the stricter of two values of a field; None: they have no order."""
    return next(pick for pattern, pick in STRICTER if fnmatchcase(name, pattern))


def _flat(policy: Policy) -> dict[str, Any]:
    data = policy.model_dump(mode="json", exclude={"keys"})
    for tier in Tiers.model_fields:
        data["tiers"][tier]["promotion_signed"] = policy.signs_promotions(tier)
    return dict(_leaves(data))


def _leaves(data: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in data.items():
        name = f"{prefix}{key}"
        rows += _leaves(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return rows


def _said(name: str, old: Any, new: Any) -> str:
    pick = pick_of(name)
    stricter = None if pick is None else _rank(pick(old, new))
    does = "changes" if stricter is None else "tightens" if stricter == _rank(new) else "loosens"
    return f"{does} the judge: {name} goes from {_shown(old)} to {_shown(new)}"


def _rank(value: Any) -> Any:
    """Return a value as it is compared: of a list, whatever its order."""
    return sorted(canonical_json(row) for row in value) if isinstance(value, list) else value


def _key(name: str, old: KeyRule | None, new: KeyRule | None) -> list[str]:
    """Say what becomes of how far a value may change, and where."""
    if old == new:
        return []
    looser = new is not None and (
        old is None
        or any(_limit(new, key) > _limit(old, key) for key in ("step", "ratio"))
        or not set(new.tiers) <= set(old.tiers)
    )
    does = "loosens" if looser else "tightens"
    return [f"{does} the judge: keys.{name} goes from {_rule(old)} to {_rule(new)}"]


def _limit(rule: KeyRule, key: str) -> float:
    limit: float | None = getattr(rule, key)
    return UNLIMITED if limit is None else limit


def _rule(rule: KeyRule | None) -> str:
    return "none" if rule is None else canonical_json(rule.model_dump(mode="json", exclude_none=True))


def _shown(value: Any) -> str:
    return canonical_json(value) if isinstance(value, list) else str(shown_value(value))
