"""What may change the values of a bot that follows an environment: commits on its branch, nothing else."""

from __future__ import annotations

from framework.session.errors import SoakError
from framework.settings.compose import Composed
from framework.settings.fields import name_of
from framework.settings.gitops_files import environment_words, read_environment
from framework.settings.patch import VARIABLE
from framework.settings.provenance import Layer
from framework.settings.schema.run import RunSettings
from framework.settings.traded import VALUES, plain_fields

BESIDE = (Layer.ENVIRONMENT, Layer.COMMAND_LINE)
SOURCES = ("soak.auto_tune", "soak.overrides_file", "soak.patches_file", "soak.profile_switch")
"""What brings values in besides, or in place of the environment's own patch."""


def check_beside_git(composed: Composed, *, environment: str) -> None:
    """Raise SoakError when a variable, a word or the tuner would set what an environment's bot trades."""
    beside = _beside(composed, environment)
    if beside:
        more = f" (and {len(beside) - 1} more)" if len(beside) > 1 else ""
        raise SoakError(
            f"{beside[0]}{more}; a bot that follows {environment} trades what git says: allowed a commit on"
            " its branch, or a soak without soak.environment"
        )


def follows(settings: RunSettings) -> bool:
    """Say whether a run is a bot whose values an environment's agent keeps."""
    return settings.soak.clock == "wall" and settings.soak.environment is not None


def _beside(composed: Composed, environment: str) -> list[str]:
    own = composed.ground.environment
    texts = [f"environment: {VARIABLE} sets {', '.join(own.values)}"] if own is not None else []
    traded = plain_fields(composed.settings)
    for key, source in composed.sources.items():
        name = name_of(tuple(key.split(".")))
        is_set = source.layer in BESIDE and source.where != VARIABLE
        if is_set and (name in traded or name.startswith(VALUES) or _brings(composed, key)):
            texts.append(f"{source.accused} is set")
    soak = composed.settings.soak
    if soak.patches_file is not None and not texts:
        texts.append(f"soak.patches_file is {soak.patches_file}")
    if soak.profile_switch == "act" and not texts:
        texts.append("soak.profile_switch is act")
    words = environment_words(read_environment(composed.root, environment))
    groups = {name.partition(".")[0] for name in traded} | {"profile"}
    for group, choice in composed.ground.plan.choices.items():
        if choice.chosen_by and group in groups and choice.chosen_by not in words:
            texts.append(f"{choice.chosen_by} chooses a file")
    return texts


def _brings(composed: Composed, key: str) -> bool:
    """Say whether a key brings values in: a tuner that is off brings none."""
    off = key == "soak.auto_tune" and not composed.settings.soak.auto_tune
    return key in SOURCES and not off
