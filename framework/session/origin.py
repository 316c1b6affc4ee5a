"""What a run was asked with: the command that runs it again, its commit, and where its fee came from."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from framework.market.instrument import Instrument
from framework.session.present import own_words
from framework.session.provenance import code_sha
from framework.settings.compose import Composed
from framework.settings.provenance import Layer
from framework.settings.resolve import VARIABLES, options_of

PATCH_VARIABLE = "MM_RUNTIME_OVERRIDES_JSON"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The command without the name of its folder, the commit, and the origin of the maker fee.

    ``fee_chosen`` is false for what the default exchange file happens to say. ``tiers`` are the
    exchange files that hold a fee tier of the tape's venue and kind.
    """

    command: str = ""
    commit: str = ""
    fee_from: str = ""
    fee_chosen: bool = True
    tiers: tuple[str, ...] = ()


def origin_of(composed: Composed, *, home: Path, instrument: Instrument) -> Origin:
    """Say where a run on this instrument came from; ``home`` is the repository it was started in."""
    where, chosen = _fee(composed)
    market = f"{instrument.venue}_{instrument.kind}_"
    return Origin(
        command=_command(composed),
        commit=code_sha(home) or "",
        fee_from=where,
        fee_chosen=chosen,
        tiers=tuple(
            name for name in options_of(composed.root / "conf", "exchange") if name.startswith(market)
        ),
    )


def _fee(composed: Composed) -> tuple[str, bool]:
    """Say where the maker fee was written, and whether anybody chose it."""
    source, file = (
        composed.sources["exchange.maker_fee_bps"],
        f"conf/exchange/{composed.choices['exchange']}.yaml",
    )
    if source.layer is not Layer.GROUP:
        return source.where, True
    if source.where.partition(":")[0] != file:
        return source.where, True
    chosen = bool(source.chosen_by) or composed.choices["exchange"] != "sim"
    return f"{file}{'' if chosen else ', the default'}", chosen


def _command(composed: Composed) -> str:
    """Give the command line, with the variables that changed the run, in one order."""
    plan = composed.ground.plan
    own = sorted(own_words(composed), key=lambda w: ("." in w.partition("=")[0], w))
    variables = {c.chosen_by: c.option for c in plan.choices.values() if c.chosen_by in VARIABLES}
    for key, source in composed.sources.items():
        if source.layer is Layer.ENVIRONMENT and source.where in VARIABLES:
            group, _, name = key.partition(".")
            variables[source.where] = str(composed.raw[group][name])
    if (patch := composed.ground.environment) is not None:
        variables[PATCH_VARIABLE] = json.dumps(dict(patch.values), separators=(",", ":"), sort_keys=True)
    before = [f"{name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    return " ".join([*before, "quoteops", plan.primary, *(shlex.quote(word) for word in own)])
