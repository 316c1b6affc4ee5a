"""Whether a bot of an environment may start with what it was composed to.

The live file states what has changed since its first content; everything else a bot takes from the checkout
it is started in. A checkout that is ahead of what is in force must not bring in what nobody has promoted.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from framework.files.atomic import read_text
from framework.files.errors import FileError
from framework.session.errors import SoakError
from framework.session.tracked import check_untracked
from framework.settings.compose import live_overrides
from framework.settings.gitops_files import read_environment
from framework.settings.overrides import Direction, direction_of
from framework.settings.schema.run import RunSettings
from framework.settings.traded import plain_fields, traded_changes
from framework.settings.validate import shown_value

FREE = "sandbox"
"""The tier whose bots may start before their agent: its first content is what the checkout says."""

SAFE = (Direction.NEUTRAL, Direction.REDUCING)


def check_permitted(settings: RunSettings, *, home: Path, environment: str) -> None:
    """Raise SoakError when a bot would start with more risk than what is in force in its environment."""
    check_untracked(home, environment)
    live = live_overrides(home, environment)
    free = read_environment(home, environment).tier == FREE
    if not live.is_file():
        if free:
            return
        raise SoakError(
            f"{environment}: nothing is in force, {live} is not there; allowed once its agent has put a"
            f" promoted content there (quoteops gitops reconcile --environment {environment})"
        )
    text = read_text(live)
    in_force = _traded(live.parent.parent / "contents" / f"{sha256(text.encode()).hexdigest()}.json")
    if in_force is None:
        if free or json.loads(text).get("config_sha") == settings.config_sha:
            return
        raise SoakError(
            f"{environment}: what is in force is not in contents/ and this checkout composes to another"
            " config; allowed the checkout of the commit in force"
        )
    changes = traded_changes(in_force, plain_fields(settings))
    if direction_of(changes) in SAFE:
        return
    named = ", ".join(f"{c.name} is {shown_value(c.new)}, in force {shown_value(c.old)}" for c in changes[:3])
    commit = str(json.loads(text).get("commit", ""))[:12]
    raise SoakError(
        f"{environment}: this bot would not trade what is in force: {named}; allowed words and a checkout"
        f" that come to it (git checkout {commit}), or only less risk"
    )


def _traded(path: Path) -> dict[str, Any] | None:
    """Return everything that a content in force trades; None when that is not on record here."""
    try:
        values: dict[str, Any] | None = json.loads(read_text(path)).get("traded") or None
    except (FileError, ValueError, AttributeError):
        return None
    return values
