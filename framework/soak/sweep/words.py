"""The words of a sweep that are about the sweep itself: its folder, and how it is gone on with."""

from __future__ import annotations

from collections.abc import Sequence

from framework.settings.errors import ConfigError
from framework.soak.sweep.plan import SweepPlan

OWN_DIR = "hydra.sweep.dir="


def own_folder(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take the folder out of the words; raises ConfigError for that of a single run."""
    for word in words:
        if word.startswith("hydra.run.dir="):
            raise ConfigError(
                f"command line: {word} names the folder of one run; allowed {OWN_DIR}FOLDER with -m"
            )
    own = [word.removeprefix(OWN_DIR) for word in words if word.startswith(OWN_DIR)]
    return (own[-1] if own else None), [word for word in words if not word.startswith(OWN_DIR)]


def as_begun(words: Sequence[str], *, plan: SweepPlan | None) -> list[str]:
    """Give the words a sweep was begun with, and those of now that say how it is spread.

    Raises ConfigError for other words beside ``--resume``.
    """
    begun = [] if plan is None else list(plan.words)
    spread = [word for word in words if word.startswith(("hydra.", "hydra/"))]
    others = [word for word in words if word not in spread]
    if others and others != begun:
        raise ConfigError(
            f"command line: {' '.join(others)} with --resume; allowed the words it was begun with"
            f" ({' '.join(begun)}), or none"
        )
    return [*begun, *spread]
