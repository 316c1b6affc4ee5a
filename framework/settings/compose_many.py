"""Compose many runs that differ in a few words: Hydra composes each choice of files once.

It takes a tenth of a second for each; the cells of a sweep share one or a few, and values are laid over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from framework.settings.compose import Composed, desired_words, hydra_values, settle, word_value
from framework.settings.resolve import make_plan


def compose_cells(
    *, primary: str, cells: Sequence[Sequence[str]], root: Path, environ: Mapping[str, str]
) -> list[Composed]:
    """Compose and validate a run for every list of words, equal to ``compose_run`` of the same words.

    Raises ConfigError for the first cell that cannot be composed.
    """
    bases: dict[tuple[str, ...], tuple[dict[str, Any], Path]] = {}
    composed = []
    for words in cells:
        desired, file = desired_words(words, root)
        plan = make_plan(root=root, primary=primary, words=[*desired, *words], environ=environ)
        values = {word: word_value(word) for word in plan.words.values()}
        # A mapping is merged by Hydra, not laid over; such a word goes to Hydra with the choices of files.
        laid = {f"++{word}": value for word, value in values.items() if not isinstance(value, dict)}
        shared = tuple(word for word in plan.hydra_words if word not in laid)
        if shared not in bases:
            bases[shared] = hydra_values(replace(plan, hydra_words=shared))
        raw = deepcopy(bases[shared][0])
        for key, word in plan.words.items():
            if f"++{word}" in laid:
                _lay(raw, key.split("."), deepcopy(laid[f"++{word}"]))
        sources = {word.partition("=")[0]: file for word in desired}
        run_dir = bases[shared][1]
        composed.append(settle(plan=plan, raw=raw, run_dir=run_dir, environ=environ, desired=sources))
    return composed


def _lay(raw: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = raw.get(name)
        raw[name] = raw = inner if isinstance(inner, dict) else {}
    raw[path[-1]] = value
