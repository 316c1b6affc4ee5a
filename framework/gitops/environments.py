"""The desired state of an environment: its file, and the settings it composes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from framework.settings.compose import Composed, compose_run
from framework.settings.gitops_files import environment_names, read_environment
from framework.settings.overrides import Patch, after_expiry, apply_patch, is_expired, read_patch
from framework.settings.schema.gitops import EnvironmentFile

PREFIXES = ("conf", "runtime_overrides", "gitops")
"""What of a tree decides an environment: export these and compose."""

__all__ = [
    "PREFIXES",
    "compose_environment",
    "environment_names",
    "load_environment",
    "patch_of",
    "words_of",
]


def load_environment(root: Path, name: str) -> EnvironmentFile:
    """Read the file of an environment. Raises ``ConfigError`` or ``FileError``."""
    return read_environment(root, name)


def words_of(environment: EnvironmentFile, *, root: Path, overrides: bool = True) -> list[str]:
    """Return the words of ``quoteops soak`` that run an environment from the tree at ``root``."""
    words = [f"profile={environment.profile}", f"rollout={environment.rollout}", *environment.words]
    if overrides and environment.overrides is not None:
        words.append(f"soak.overrides_file='{(root / environment.overrides).resolve().as_posix()}'")
    return words


def patch_of(root: Path, name: str) -> Patch | None:
    """Read the patch of an environment, None when it has none. Raises ``ConfigError`` or ``FileError``."""
    overrides = load_environment(root, name).overrides
    return None if overrides is None else read_patch(root / overrides, root=root)


def compose_environment(root: Path, name: str, *, now: datetime | None = None) -> Composed:
    """Compose what an environment runs, from the tree at ``root`` alone: no variable is read.

    With ``now``, a patch that has expired counts as an agent would apply it: what loosened has reverted.
    Raises ``ConfigError`` or ``FileError``.
    """
    environment = load_environment(root, name)
    patch = patch_of(root, name)
    if now is None or patch is None or not is_expired(patch, now):
        return compose_run(words=words_of(environment, root=root), root=root, environ={})
    beneath = compose_run(words=words_of(environment, root=root, overrides=False), root=root, environ={})
    left = after_expiry(beneath.settings, patch, now).patch
    return replace(beneath, settings=apply_patch(beneath.settings, left))
