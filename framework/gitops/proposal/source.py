"""Values with what is known of them, and how the files they come from are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import QuoteopsError
from framework.files.atomic import read_text
from framework.gitops.errors import GitopsError
from framework.gitops.proposal.world import World

if TYPE_CHECKING:
    from framework.settings.patch import Window

RUN = "run.json"


@dataclass(frozen=True)
class Source:
    """Values with what is known of them."""

    values: dict[str, Any]
    reason: str
    windows: tuple[Window, ...]
    """What has been seen in finding the values, so that no gate judges by it."""

    lines: tuple[str, ...]
    """Markdown for the pull request."""

    trials: int = 1
    world: World | None = None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises GitopsError."""
    try:
        data = json.loads(read_text(path))
    except ValueError as error:
        raise GitopsError(f"{path}: is not JSON; allowed what a run has written") from error
    except QuoteopsError as error:
        raise GitopsError(str(error)) from error
    if not isinstance(data, dict):
        raise GitopsError(f"{path}: is not an object; allowed what a run has written")
    return data


def read_whole(where: Path) -> dict[str, Any]:
    """Read the run.json of what was played to its end. Raises GitopsError."""
    run = read_object(where)
    if run.get("status") != "complete":
        raise GitopsError(f"{where}: status is {run.get('status')}; allowed a complete run")
    return run


def values_of_words(words: Sequence[str], *, where: str) -> dict[str, Any]:
    """Return the values of plain words by the names a patch gives them. Raises GitopsError for a choice."""
    from framework.settings.documents import read_scalar

    values: dict[str, Any] = {}
    for word in words:
        key, _, text = word.lstrip("+").partition("=")
        if key == "soak.overrides_file":
            continue
        if "." not in key:
            raise GitopsError(
                f"{where}: was found with {word}, a choice of a file that a patch cannot make; allowed the"
                " environment's own, with soak.environment=NAME"
            )
        values[key] = read_scalar(text)
    return named_values(values, Path(where))


def named_values(values: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """Return values by the names of patches. Raises GitopsError for one that a patch may not have."""
    from framework.settings.fields import runtime_fields, why_refused

    named = {key.removeprefix("params."): value for key, value in values.items()}
    for name in named:
        if name not in runtime_fields():
            raise GitopsError(f"{where}: {name} {why_refused(name)}")
    return named


def table_lines(rows: Sequence[tuple[str, Any]]) -> tuple[str, ...]:
    """Write rows of a name and a value as Markdown; those without a value are left out."""
    cells = [(name, str(value).replace("|", "\\|")) for name, value in rows if value is not None]
    return ("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in cells))


def moment(ns: int) -> datetime:
    """Return an instant of a tape, rounded up to a microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=-(-ns // 1_000))


def number(value: Any) -> str:
    """Write a number with three digits."""
    return f"{value:.3g}" if isinstance(value, (int, float)) else "unknown"
