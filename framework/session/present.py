"""The present configuration: what runs without the words of this run, in this run's world.

A word is of the world (the market, the exchange and its fees, costs, judging, how long a run lasts) or it is
tried (profile, parameters, strategy, sizing, guards, signal, rollout). The present keeps the first and leaves
out the second: it is what the environment named by ``soak.environment`` composes to, or what conf/ and the
overrides file of conf/soak compose to, never tuned.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.errors import QuoteopsError
from framework.settings.compose import Composed, compose_run, desired_words
from framework.settings.schema.run import RunSettings

WORLD = ("market", "exchange", "cost_model", "kpi", "soak", "tuning")
"""Groups whose words both sides of a comparison share; of ``soak`` all but the overrides file."""
TRIED_VARIABLES = ("MM_RUNTIME_OVERRIDES_JSON", "MM_PROFILE")
TIERS = ("sandbox", "paper", "production")
UNTUNED = "soak.auto_tune=false"


@dataclass(frozen=True)
class Present:
    """What runs today, as far as this checkout says it, and its name for people."""

    settings: RunSettings
    named: str


def is_world(word: str) -> bool:
    """Tell whether a word is of the world a run is played in, and not of what is tried in it."""
    key = word.lstrip("+~").partition("=")[0]
    return key.partition(".")[0] in WORLD and key != "soak.overrides_file"


def present_words(words: Sequence[str]) -> list[str]:
    """Return the words of the present beside a run of these words."""
    kept = [word for word in words if is_world(word) and not word.startswith("soak.auto_tune=")]
    return [*kept, UNTUNED]


def tried_words(words: Sequence[str]) -> list[str]:
    """Return the words that are tried."""
    return [word for word in words if not is_world(word) and not word.startswith(("hydra.", "hydra/"))]


def present_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables without those that change what is traded."""
    given = os.environ if environ is None else environ
    return {name: value for name, value in given.items() if name not in TRIED_VARIABLES}


def given_words(composed: Composed) -> tuple[str, ...]:
    """Return the words a run was composed with, choices of files first."""
    plan = composed.ground.plan
    chosen = [f"{name}={c.option}" for name, c in plan.choices.items() if c.chosen_by.startswith(f"{name}=")]
    return (*chosen, *plan.words.values())


def own_words(composed: Composed) -> tuple[str, ...]:
    """Return the words a run was composed with but for those that the environment they name says."""
    given = given_words(composed)
    named = [word for word in given if word.startswith("soak.environment=")]
    theirs, _ = desired_words(named, composed.root)
    return tuple(word for word in given if word not in theirs)


def present_of(composed: Composed) -> Present:
    """Compose the present beside a run. Raises ConfigError or FileError."""
    there = compose_run(
        primary=composed.ground.plan.primary,
        words=present_words(given_words(composed)),
        root=composed.root,
        environ=present_environ(),
    )
    return Present(there.settings, name_of_present(there))


FEES = ("venue", "maker_fee_bps", "taker_fee_bps", "fee_in_base")
"""What of an exchange makes it another world."""


@dataclass(frozen=True)
class Home:
    """An environment of a run's market, venue and fees; ``present``: it runs just what ran beside."""

    name: str
    present: bool


def home_of(words: Sequence[str], root: Path) -> Home | None:
    """Return the environment for which a run of these words says something, the least at stake first."""
    from framework.settings.gitops_files import environment_names, read_environment

    try:
        told = _composed(present_words(words), root)
        names = environment_names(root)
        tiers = {name: TIERS.index(read_environment(root, name).tier) for name in names}
        pairs = [
            (name, there)
            for name in sorted(names, key=lambda name: tiers[name])
            if _same_world(there := _composed([f"soak.environment={name}", UNTUNED], root), told)
        ]
    except QuoteopsError:
        return None
    homes = [Home(name, there.config_sha == told.config_sha) for name, there in pairs]
    return next((home for home in homes if home.present), next(iter(homes), None))


def _composed(words: Sequence[str], root: Path) -> RunSettings:
    return compose_run(primary="soak", words=words, root=root, environ=present_environ()).settings


def _same_world(one: RunSettings, other: RunSettings) -> bool:
    market, theirs = (
        each.market.model_dump(include={"kind", "preset", "symbol", "symbols"}) for each in (one, other)
    )
    return market == theirs and all(
        getattr(one.exchange, name) == getattr(other.exchange, name) for name in FEES
    )


def name_of_present(composed: Composed) -> str:
    """Say what the present is."""
    soak = composed.settings.soak
    if soak.environment is not None:
        return f"environment {soak.environment} as this checkout has it"
    over = f" and {soak.overrides_file}" if soak.overrides_file else ""
    return f"conf/, profile {composed.choices['profile']}{over}, without the words that are tried"


def same_trading(one: RunSettings, other: RunSettings) -> bool:
    """Tell whether two runs trade alike as long as nothing is tuned."""
    there = other.replaced({"soak": other.soak.model_copy(update={"auto_tune": one.soak.auto_tune})})
    return one.config_sha == there.config_sha
