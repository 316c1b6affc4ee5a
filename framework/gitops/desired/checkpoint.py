"""What a journal amounts to, small enough to be carried by the first entry of each segment.

What only ever grows is cut to the newest of it, by one rule everywhere, so that whoever reads all segments
comes to the very states they carry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from framework.files.atomic import canonical_json
from framework.files.moments import iso_utc
from framework.gitops.desired.history import Applied, History, Quarantine, fold
from framework.journal.entry import Entry, Kind
from framework.journal.errors import JournalError

TRAIL = 128
PROVEN = 32
"""Proven contents kept beyond the trail: something to go back to, however many came since."""

REFUSED = 128
QUARANTINES = 256
HOLDS = 128


def compact(history: History) -> History:
    """Return a history cut to the newest of all that only grows."""
    trail = _trail(history)
    shas = {applied.config_sha for applied in trail}
    newest: dict[tuple[str, str], Quarantine] = {}
    for item in history.quarantines:
        newest.pop((item.config_sha, item.commit), None)
        newest[item.config_sha, item.commit] = item
    names = sorted({*history.cleared, *(name for name, _ in history.done)}, key=_number)[-HOLDS:]
    return replace(
        history,
        trail=trail,
        refused=dict(list(history.refused.items())[-REFUSED:]),
        quarantines=tuple(newest.values())[-QUARANTINES:],
        proven=frozenset(history.proven & shas),
        cleared=frozenset(history.cleared & set(names)),
        done=frozenset(item for item in history.done if item[0] in set(names)),
    )


def checkpoint(history: History) -> dict[str, Any]:
    """Return what a segment's first entry carries of a history that was compacted."""
    return {"state": _plain(History, history), "shape": SHAPE}


def restored(entry: Entry) -> History | None:
    """Return the history that a segment's first entry carries; None when other code wrote it.

    Raises JournalError for one that makes no sense.
    """
    if entry.data.get("shape") != SHAPE:
        return None
    try:
        history: History = _value(History, entry.data["state"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JournalError(f"entry {entry.seq}: its state makes no sense ({error})") from error
    return history


def refold(entries: Iterable[Entry], *, into: History, where: str) -> History:
    """Fold entries, and hold each state that one carries against what the entries before it amount to.

    Raises JournalError where they differ.
    """
    history, batch = into, []
    for entry in entries:
        if entry.kind is not Kind.SEGMENT:
            batch.append(entry)
            continue
        history, batch = compact(fold(batch, into=history)), []
        if entry.data.get("shape") == SHAPE and entry.data.get("state") != _plain(History, history):
            raise JournalError(
                f"{where}: entry {entry.seq} carries a state that the entries before it do not amount to; the"
                " journal was changed"
            )
    return fold(batch, into=history)


def _trail(history: History) -> tuple[Applied, ...]:
    newest = history.trail[-TRAIL:]
    proven: dict[str, Applied] = {}
    for item in history.trail[:-TRAIL]:
        if item.config_sha in history.proven:
            proven.pop(item.config_sha, None)
            proven[item.config_sha] = item
    return (*list(proven.values())[-PROVEN:], *newest)


def _number(name: str) -> tuple[int, str]:
    number = name.rpartition("-")[2]
    return (int(number) if number.isdigit() else 0, name)


# -- values as JSON, by their types --------------------------------------------------------------------------


def _plain(kind: Any, value: Any) -> Any:
    """Return a value as JSON; a mapping as its pairs, for its order counts."""
    origin, args = get_origin(kind), get_args(kind)
    if value is None or kind is Any:
        return value
    if origin in (UnionType, Union):
        return _plain(_one_of(args), value)
    if origin is tuple:
        kinds = [args[0]] * len(value) if args[-1] is Ellipsis else args
        return [_plain(item, part) for item, part in zip(kinds, value, strict=True)]
    if origin is frozenset:
        return sorted((_plain(args[0], item) for item in value), key=canonical_json)
    if origin is not None and issubclass(origin, Mapping):
        return [[_plain(args[0], key), _plain(args[1], item)] for key, item in value.items()]
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return {field.name: _plain(hints[field.name], getattr(value, field.name)) for field in fields(kind)}
    if isinstance(value, datetime):
        return iso_utc(value, timespec="microseconds")
    return str(value) if isinstance(value, StrEnum) else value


def _one_of(kinds: tuple[Any, ...]) -> Any:
    """Return the type of an optional value."""
    (kind,) = (item for item in kinds if item is not NoneType)
    return kind


def _value(kind: Any, plain: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if plain is None or kind is Any:
        return plain
    if origin in (UnionType, Union):
        return _value(_one_of(args), plain)
    if origin is tuple:
        if args[-1] is Ellipsis:
            return tuple(_value(args[0], item) for item in plain)
        return tuple(_value(item, value) for item, value in zip(args, plain, strict=True))
    if origin is frozenset:
        return frozenset(_value(args[0], item) for item in plain)
    if origin is not None and issubclass(origin, Mapping):
        return {_value(args[0], key): _value(args[1], item) for key, item in plain}
    if is_dataclass(kind):
        hints, make = get_type_hints(kind), cast("type[Any]", kind)
        return make(**{field.name: _value(hints[field.name], plain[field.name]) for field in fields(kind)})
    if kind is datetime:
        return datetime.fromisoformat(plain)
    return kind(plain) if isinstance(kind, type) and issubclass(kind, StrEnum) else plain


def _shape(kind: Any) -> Any:
    """Describe a type to its last field, so that a state of other code is not mistaken for one of this."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return [[field.name, _shape(hints[field.name])] for field in fields(kind)]
    return [str(kind), *(_shape(item) for item in get_args(kind))]


SHAPE = hashlib.sha256(canonical_json(_shape(History)).encode()).hexdigest()[:16]
"""Names what a state is made of: another one is not read, and all segments are folded instead."""
