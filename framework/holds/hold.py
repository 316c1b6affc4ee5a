"""A hold: the one thing that wins over git, a file with its reason that a commit or an operator ends.

The file is written first and is in force from that moment; the journal follows. What cannot be read holds,
and a file that is gone ends nothing: the journal knows of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from framework.files.atomic import write_json
from framework.files.errors import FileError, MissingError, UnfitError
from framework.files.moments import iso_utc
from framework.files.plain import move_aside, read_plain
from framework.files.printable import one_line
from framework.holds.errors import HoldError
from framework.journal.entry import Kind, Row
from framework.journal.journal import Journal
from framework.settings.documents import cut

Record = TypeVar("Record", "Held", "Quarantined")
KEYS = ("hold", "reason", "cause", "by", "at", "head", "head_config_sha", "held", "quarantined")


@dataclass(frozen=True)
class Held:
    """A content that a hold keeps."""

    commit: str
    config_sha: str
    overrides_sha: str
    generation: int = 0
    proven: bool = False
    of: str = ""
    """config_sha of the content that was gone back to, where what is kept makes another one of it."""

    kept: Mapping[str, Any] = field(default_factory=dict)
    """Values that were tightened since."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for the hold's file."""
        plain = {key: value for key, value in asdict(self).items() if key not in ("of", "kept")}
        return {**plain, "of": self.of, "kept": dict(self.kept)} if self.kept else plain


@dataclass(frozen=True)
class Quarantined:
    """A content that ran badly, and until when it is refused under any commit."""

    config_sha: str
    commit: str
    overrides_sha: str
    until: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for the hold's file."""
        return asdict(self)


@dataclass(frozen=True)
class Hold:
    """A stop that wins over git; ``plain`` is the content of its file."""

    name: str
    reason: str
    cause: str
    head: str | None
    head_config_sha: str | None
    config_sha: str | None
    overrides_sha: str | None
    quarantined: str | None
    """config_sha of the content that ran badly, when the hold came from going back."""

    plain: Mapping[str, Any]
    fault: str = ""
    """Why the file cannot be read: what cannot be read still holds."""

    gone: bool = False
    """Whether the file is missing while the journal knows of the hold: removing a file ends nothing."""

    by: str = ""
    at: str = ""
    held: Held | None = None
    bad: Quarantined | None = None


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """Why something is held, by whom and when, and what the branch's newest commit asked for then."""

    reason: str
    cause: str
    by: str
    at: datetime
    head: str | None
    head_config_sha: str | None


def new_hold(
    grounds: Grounds,
    *,
    seq: int,
    held: Held | None,
    quarantined: Quarantined | None = None,
) -> dict[str, Any]:
    """Return the content of a hold's file; ``seq`` is the journal's next entry, which names it."""
    if not grounds.reason.strip():
        raise HoldError("hold: reason is empty; allowed a sentence that says why")
    return {
        "hold": f"hold-{seq}",
        "reason": one_line(grounds.reason),
        "cause": grounds.cause,
        "by": grounds.by,
        "at": iso_utc(grounds.at),
        "head": grounds.head,
        "head_config_sha": grounds.head_config_sha,
        "held": None if held is None else held.as_dict(),
        "quarantined": None if quarantined is None else quarantined.as_dict(),
    }


def write_hold(path: Path, data: Mapping[str, Any], *, staging: Path) -> Hold:
    """Write a hold's file: from now on it is in force. Raises FileError."""
    write_json(path=path, value=dict(data), staging=staging, vital=True)
    return hold_of(data)


def read_hold(path: Path, journalled: Mapping[str, Any] | None) -> Hold | None:
    """Return the hold in force, from its file or, when that is gone, as it was ``journalled``."""
    try:
        text = read_plain(path).decode()
    except MissingError:
        return None if journalled is None else journalled_hold(journalled)
    except UnfitError as error:
        if journalled is not None:
            return journalled_hold(journalled)
        return _unreadable(f"{error}; it holds until it is released")
    except (FileError, ValueError) as error:
        return _unreadable(f"{path}: cannot be read ({error}); it holds until it can")
    try:
        return hold_of(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if journalled is not None:
            return journalled_hold(journalled)
        return _unreadable(f"{path}: is not a hold ({error}); it holds until it is or is released")


def journalled_hold(data: Mapping[str, Any]) -> Hold:
    """Return a hold as an entry describes it; one that says nothing holds until it is released."""
    try:
        return hold_of(data, gone=True)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _unreadable(f"the journal's hold makes no sense ({error}); it holds until it is released")


def end_hold(path: Path, journal: Journal, hold: Hold, *, cause: str, **more: Any) -> None:
    """End a hold: the journal first, for the file alone means nothing once the journal says it has ended."""
    journal.append(kind=Kind.CLEARED, data={"hold": hold.name, "cause": cause, **more})
    drop_hold(path)


def drop_hold(path: Path) -> None:
    """Remove a hold's file, or move aside what stands in its place. Raises FileError."""
    if move_aside(path, into=path.parent / "staging") is None:
        path.unlink(missing_ok=True)


def newest_hold(rows: Iterable[Row]) -> Mapping[str, Any] | None:
    """Return what the newest hold of a journal says, whether it has ended or not."""
    newest: Mapping[str, Any] | None = None
    for row in rows:
        if row.kind is Kind.HOLD:
            newest = row.data
        elif row.kind is Kind.SEGMENT:  # rows need not begin with the first: it carries what all before say
            carried = row.data.get("state", {}).get("last_hold")
            newest = newest if carried is None else dict(carried)
    return newest


def hold_of(data: Mapping[str, Any], *, gone: bool = False) -> Hold:
    """Return the hold that a file or an entry describes. Raises KeyError, TypeError, ValueError."""
    plain = {key: data[key] for key in KEYS}
    held, bad = plain["held"] or {}, plain["quarantined"]
    _check(plain, held, bad)
    return Hold(
        name=plain["hold"],
        reason=plain["reason"],
        cause=plain["cause"],
        head=plain["head"],
        head_config_sha=plain["head_config_sha"],
        config_sha=held.get("config_sha"),
        overrides_sha=held.get("overrides_sha"),
        quarantined=bad["config_sha"] if bad is not None else None,
        plain=plain,
        gone=gone,
        by=plain["by"],
        at=plain["at"],
        held=_record(Held, held) if held else None,
        bad=_record(Quarantined, bad) if bad is not None else None,
    )


def _record(kind: type[Record], plain: Mapping[str, Any]) -> Record:
    return kind(**{item.name: plain[item.name] for item in fields(kind) if item.name in plain})


def _check(plain: Mapping[str, Any], held: Mapping[str, Any], bad: Mapping[str, Any] | None) -> None:
    """Raise TypeError or KeyError unless everything is what the agent writes."""
    texts = [plain[key] for key in ("hold", "reason", "cause", "by", "at")]
    texts += [plain[key] for key in ("head", "head_config_sha") if plain[key] is not None]
    if held or bad is not None:
        texts += [held[key] for key in ("commit", "config_sha", "overrides_sha")]
    if bad is not None:
        texts += [bad[key] for key in ("config_sha", "commit", "overrides_sha", "until")]
    wrong = next((text for text in texts if not isinstance(text, str) or not text), None)
    if wrong is not None or None in texts:
        raise TypeError(f"{cut(str(wrong))} where a text belongs")
    if bad is not None and datetime.fromisoformat(bad["until"]).tzinfo is None:
        raise ValueError(f"until is {cut(bad['until'])}, which has no time zone")


def _unreadable(fault: str) -> Hold:
    return Hold("unreadable", fault, "unreadable", None, None, None, None, None, {}, fault=fault)
