"""A patch: the values a file in runtime_overrides/ lays over a run, why, by whose word, and until when."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json
from framework.files.bounded import as_given, read_small
from framework.files.hints import did_you_mean
from framework.files.moments import iso_utc
from framework.files.printable import one_line
from framework.settings.documents import Document, cut, parse_json, parse_yaml
from framework.settings.errors import ConfigError
from framework.settings.fields import check_value, runtime_fields, why_no_candidate, why_refused
from framework.settings.provenance import Layer, Source
from framework.settings.validate import shown_value

KEYS = ("reason", "owner", "expires", "tuned_on", "overrides")
"""What a person writes."""
RENDERED = ("environment", "commit", "config_sha", "generation")
"""What an agent adds when it renders a patch as JSON."""
VARIABLE = "MM_RUNTIME_OVERRIDES_JSON"
"""The variable that holds a flat patch; it wins over the file."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST = 200
_MOMENT = "allowed a moment like 2025-10-13T00:00:00Z"


@dataclass(frozen=True)
class Window:
    """A stretch of a tape that a tuner or a sweep has seen, so that no gate may judge by it."""

    tape: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Patch:
    """Values by name, reason, owner, end, what they were tuned on; of a rendered one its commit and more."""

    values: dict[str, Any]
    reason: str
    owner: str
    expires: datetime | None
    document: Document
    tuned_on: tuple[Window, ...] = ()
    environment: str = ""
    commit: str = ""
    config_sha: str = ""
    generation: int | None = None
    layer: Layer = Layer.OVERRIDES

    def source(self, name: str) -> Source:
        """Say where a value of the patch is written."""
        if self.layer is Layer.ENVIRONMENT:
            return Source(self.layer, self.document.where, f"{self.document.where} ({name})")
        path = ("overrides", name) if "overrides" in self.document.data else (name,)
        return Source(self.layer, self.document.at(path), name)


def read_patch(path: Path, *, root: Path) -> Patch:
    """Read and check a patch file: at most 1 MB, no link out of ``root``.

    Raises ``ConfigError`` or ``FileError``, never returns part of it.
    """
    return parse_patch(read_small(path, root=root), where=as_given(path, root), json=path.suffix == ".json")


def named_file(name: str, *, source: Source, root: Path) -> Path:
    """Return the file of the repository that a value names: from the root, as a word from the current folder.

    Whatever dots and links it goes through, it ends inside ``root``. Raises ``ConfigError``.
    """
    path = Path(name) if source.layer is Layer.COMMAND_LINE else root / name
    try:
        inside, there = path.resolve().is_relative_to(root.resolve()), path.is_file()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, a NUL
        inside, there = True, False
    if not there:
        raise ConfigError(f"{source.accused} is {cut(name)}; allowed a patch file that exists, or null")
    if not inside:
        raise ConfigError(f"{source.accused} is {cut(name)}; allowed a file of the repository, or null")
    return path


def read_candidate(path: Path, *, root: Path) -> Patch:
    """Read and check a patch that makes a candidate; raises as ``read_patch`` does."""
    patch = read_patch(path, root=root)
    faults = candidate_faults(patch)
    if faults:
        raise ConfigError(faults[0])
    return patch


def candidate_faults(patch: Patch) -> list[str]:
    """Say what keeps a patch from being a candidate, one line each."""
    faults = [
        f"{patch.source(name).accused} {why}" for name in patch.values if (why := why_no_candidate(name))
    ]
    if patch.expires is not None:
        at = patch.document.at(("expires",))
        faults.append(f"{at}: expires; allowed in the baseline's patch, for a candidate ends by a commit")
    return faults


def parse_patch(text: str, *, where: str, json: bool = False) -> Patch:
    """Check the text of a patch: the first fault, and how many others, as ``ConfigError``.

    A patch is a mapping of reason, owner, optional expires (UTC), optional tuned_on and overrides. A JSON
    one may also be the bare mapping of names to values that a soak writes, or what ``render_patch`` makes.
    Unknown names and values out of bounds are refused, never clamped.
    """
    patch, faults = examine(text, where=where, json=json)
    if patch is None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ConfigError(faults[0] + more)
    return patch


def patch_of_environment(environ: Mapping[str, str]) -> Patch | None:
    """Read the flat patch of MM_RUNTIME_OVERRIDES_JSON; None when it is unset or empty."""
    text = environ.get(VARIABLE) or ""
    if not text:
        return None
    document = parse_json(text, where=VARIABLE)
    faults: list[str] = []
    values = _values(document, document.data, (), faults, Layer.ENVIRONMENT)
    if faults or not values:
        raise ConfigError(faults[0] if faults else f"environment: {VARIABLE} names nothing; allowed a value")
    return Patch(values, "", "", None, document, layer=Layer.ENVIRONMENT)


def examine(text: str, *, where: str, json: bool = False) -> tuple[Patch | None, list[str]]:
    """Return the patch and no faults, or None and every fault, one line each."""
    try:
        document = parse_json(text, where=where) if json else parse_yaml(text, where=where)
    except ConfigError as error:
        return None, [str(error)]
    faults: list[str] = []
    patch = _patch(document, json=json, faults=faults)
    return (None, faults) if faults else (patch, [])


def render_patch(patch: Patch) -> str:
    """Return the patch as one line of canonical JSON, which ``parse_patch(json=True)`` reads back."""
    data: dict[str, Any] = {"overrides": patch.values, "reason": patch.reason, "owner": patch.owner}
    if patch.expires is not None:
        data["expires"] = _written(patch.expires)
    if patch.tuned_on:
        data["tuned_on"] = [
            {"tape": window.tape, "start": _written(window.start), "end": _written(window.end)}
            for window in patch.tuned_on
        ]
    meta = {key: getattr(patch, key) for key in RENDERED}
    data |= {key: value for key, value in meta.items() if value not in ("", None)}
    return canonical_json(data) + "\n"


def _patch(document: Document, *, json: bool, faults: list[str]) -> Patch | None:
    data = document.data
    keys = (*KEYS, *RENDERED) if json else KEYS
    if json and data and not set(data) & set(keys):
        return Patch(_values(document, data, (), faults, Layer.OVERRIDES), "", "", None, document)
    for key in list(data)[:_MOST]:
        if key not in keys:
            hint = did_you_mean(key, keys)
            faults.append(f"{document.at((key,))}: {cut(key)} is unknown; allowed {', '.join(keys)}{hint}")
    rendered = json and isinstance(data.get("commit"), str)
    overrides = data.get("overrides")
    if not isinstance(overrides, dict) or not (overrides or rendered):
        at = document.at(("overrides",))
        faults.append(f"{at}: overrides is missing or empty; allowed names with values")
        overrides = {}
    return Patch(
        values=_values(document, overrides, ("overrides",), faults, Layer.OVERRIDES),
        reason=_text(document, "reason", faults, needed=not rendered),
        owner=_text(document, "owner", faults, needed=not rendered),
        expires=_moment(document, ("expires",), data.get("expires"), faults),
        document=document,
        tuned_on=tuple(_windows(document, faults)),
        generation=_count(document, "generation", faults),
        environment=_text(document, "environment", faults, needed=False),
        commit=_text(document, "commit", faults, needed=False),
        config_sha=_text(document, "config_sha", faults, needed=False),
    )


def _values(
    document: Document, overrides: dict[str, Any], prefix: tuple[str, ...], faults: list[str], layer: Layer
) -> dict[str, Any]:
    """Check every name and value; collect what is wrong."""
    values: dict[str, Any] = {}
    if len(overrides) > _MOST:
        faults.append(f"{document.at(prefix)}: names {len(overrides)} values; allowed up to {_MOST}")
        return values
    for name, value in overrides.items():
        source = Source(layer, document.at((*prefix, name)), cut(name))
        if layer is Layer.ENVIRONMENT:
            source = Source(layer, VARIABLE, f"{VARIABLE} ({cut(name)})")
        if name not in runtime_fields():
            faults.append(f"{source.accused} {why_refused(name)}")
            continue
        try:
            values[name] = check_value(name, value, source=source)
        except ConfigError as error:
            faults.append(str(error))
    return values


def _text(document: Document, key: str, faults: list[str], *, needed: bool = True) -> str:
    value = document.data.get(key)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        faults.append(f"{document.at((key,))}: {key} is missing or empty; allowed a sentence that says it")
        return ""
    if "${" in value:
        faults.append(f"{document.at((key,))}: {key} holds ${{; allowed plain text")
    return one_line(value)


def _count(document: Document, key: str, faults: list[str]) -> int | None:
    value = document.data.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    faults.append(f"{document.at((key,))}: {key} is {shown_value(value)}; allowed 0 or more")
    return None


def _windows(document: Document, faults: list[str]) -> Iterator[Window]:
    written = document.data.get("tuned_on")
    if written is None:
        return
    if not isinstance(written, list) or not written:
        allowed = "allowed a list of {tape: digest, start: moment, end: moment}"
        faults.append(f"{document.at(('tuned_on',))}: tuned_on is {shown_value(written)}; {allowed}")
        return
    for index, item in enumerate(written):
        path = ("tuned_on", str(index))
        if not isinstance(item, dict) or set(item) != {"tape", "start", "end"}:
            faults.append(f"{document.at(path)}: tuned_on has an item without or beside tape, start and end")
            continue
        tape = item["tape"]
        if not isinstance(tape, str) or not _DIGEST.fullmatch(tape):
            allowed = "allowed the tape's digest, 64 hexadecimal digits"
            faults.append(f"{document.at((*path, 'tape'))}: tape is {shown_value(tape)}; {allowed}")
            continue
        start, end = (_moment(document, (*path, key), item[key], faults) for key in ("start", "end"))
        if start is None or end is None:
            if item["start"] is None or item["end"] is None:
                faults.append(f"{document.at(path)}: tuned_on lacks a start or an end; {_MOMENT}")
        elif start >= end:
            faults.append(f"{document.at(path)}: start {item['start']} is not before end {item['end']}")
        else:
            yield Window(tape, start, end)


def _moment(document: Document, path: tuple[str, ...], value: Any, faults: list[str]) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        faults.append(f"{document.at(path)}: {path[-1]} is {shown_value(value)}; {_MOMENT}")
        return None


def _written(moment: datetime) -> str:
    return iso_utc(moment, timespec="auto")
