"""The desired state of an environment: what its file composes to, and its patch over it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from framework.settings.compose import Composed, compose_run
from framework.settings.errors import ConfigError
from framework.settings.fields import CANDIDATE, name_of, path_of
from framework.settings.gitops_files import environment_words, read_environment
from framework.settings.overrides import Patch, after_expiry, apply_patch, read_patch
from framework.settings.patch import Window, read_candidate
from framework.settings.schema.gitops import EnvironmentFile


def compose_beneath(root: Path, environment: EnvironmentFile) -> Composed:
    """Compose what lies beneath an environment's patch, its candidate among it, from the tree alone.

    Raises ``ConfigError`` or ``FileError``.
    """
    named = environment.candidate
    return compose_run(
        words=environment_words(environment),
        root=root,
        environ={},
        candidate=None if named is None else root / named,
    )


def patch_of(root: Path, name: str) -> Patch | None:
    """Read the patch of an environment, None when it has none. Raises ``ConfigError`` or ``FileError``."""
    overrides = read_environment(root, name).overrides
    return None if overrides is None else read_patch(root / overrides, root=root)


def tuned_on(root: Path, name: str) -> tuple[Window, ...]:
    """Return what somebody has seen in finding an environment's values, its candidate's among them."""
    patch, named = patch_of(root, name), read_environment(root, name).candidate
    candidate = None if named is None else read_candidate(root / named, root=root)
    return tuple(window for one in (patch, candidate) if one is not None for window in one.tuned_on)


def compose_environment(root: Path, name: str, *, now: datetime | None = None) -> Composed:
    """Compose what an environment runs, from the tree at ``root`` alone: no variable is read.

    With ``now``, a patch that has expired counts as an agent would apply it: what loosened has reverted.
    Raises ``ConfigError`` or ``FileError``.
    """
    environment = read_environment(root, name)
    beneath = compose_beneath(root, environment)
    patch = patch_of(root, name)
    if patch is None:
        return beneath
    _refuse_both(environment, patch)
    if now is not None:
        patch = after_expiry(beneath.settings, patch, now).patch
    laid = {".".join(path_of(key)): patch.source(key) for key in patch.values}
    settings = apply_patch(beneath.settings, patch)
    return replace(beneath, settings=settings, sources={**beneath.sources, **laid})


def _refuse_both(environment: EnvironmentFile, patch: Patch) -> None:
    """Refuse a value that a word and the patch both set: which of them wins would depend on who asks."""
    if name_of(CANDIDATE) in patch.values:
        where = patch.source(name_of(CANDIDATE)).accused
        raise ConfigError(f"{where}: allowed as a file of its own, candidate in the environment's")
    for word in environment.words:
        key = word.partition("=")[0]
        if key in patch.values:
            where = f"gitops/environments/{environment.name}.yaml"
            raise ConfigError(f"{where}: words sets {key}, as {patch.document.where} does; allowed one")
