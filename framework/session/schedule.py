"""Patches that come at given instants of the tape, so that a replay tests a change in mid-run as live makes
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json
from framework.files.bounded import read_small
from framework.files.hints import did_you_mean
from framework.files.moments import EPOCH
from framework.session.errors import SoakError
from framework.session.reload import LiveSettings, Offer, Schedule
from framework.session.window import ReplayWindow
from framework.settings.compose import Composed
from framework.settings.documents import Document, cut, parse_json, parse_yaml
from framework.settings.fields import name_of
from framework.settings.overrides import Patch, parse_patch
from framework.settings.patch import named_file
from framework.settings.provenance import Layer
from framework.units import HOUR, MINUTE, MS, SECOND

KEYS = ("after", "at", "file", "overrides", "reason", "owner", "commit")
UNITS = {"h": HOUR, "m": MINUTE, "s": SECOND, "ms": MS, "us": 1_000, "ns": 1}
SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)(h|ms|us|ns|m|s))")
MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
LONGEST = 16_000_000
"""Bytes of a schedule; one that repeats a month with a patch every minute takes ten million."""


def read_schedule(path: Path, *, start_ns: int, end_ns: int) -> tuple[tuple[int, Offer], ...]:
    """Read the patches of a run that covers start <= time < end (tape, ns), with the instant of each.

    Raises SoakError, ConfigError or FileError naming the line of what is wrong.
    """
    parse = parse_json if path.suffix == ".json" else parse_yaml
    document = parse(read_small(path, root=path.parent, limit=LONGEST), where=path.name)
    listed = document.data.get("patches")
    if set(document.data) != {"patches"} or not isinstance(listed, list) or not listed:
        raise SoakError(
            f"{path.name}: holds no list patches; allowed patches: [{{after: 1h30m, file: PATH}}]"
        )
    entries: list[tuple[int, Offer]] = []
    for n, item in enumerate(listed):
        where = document.at(("patches", str(n)))
        if not isinstance(item, dict):
            raise SoakError(
                f"{where}: is {item!r}; allowed a mapping with after or at, and file or overrides"
            )
        for key in item:
            if key not in KEYS:
                hint = did_you_mean(key, KEYS)
                raise SoakError(f"{where}: {key} is unknown; allowed {', '.join(KEYS)}{hint}")
        at_ns = _instant(item, where, start_ns)
        if not start_ns <= at_ns < end_ns:
            after_s = (at_ns - start_ns) / SECOND
            last_s = (end_ns - start_ns) / SECOND
            raise SoakError(
                f"{where}: comes {after_s:g} s after the start; allowed 0 s to less than {last_s:g} s"
            )
        if entries and at_ns < entries[-1][0]:
            raise SoakError(f"{where}: comes before the one above it; allowed in the order of time")
        entries.append((at_ns, _offer(document, n, item, where, path.parent)))
    return tuple(entries)


def make_live_settings(
    *, composed: Composed, market: ReplayWindow, log: Callable[[str], None]
) -> LiveSettings:
    """Make what brings patches into a run: those of soak.patches_file; a watcher may join it."""
    settings = composed.settings
    entries: tuple[tuple[int, Offer], ...] = ()
    if settings.soak.patches_file is not None:
        source = composed.sources["soak.patches_file"]
        path = named_file(settings.soak.patches_file, source=source, root=composed.root)
        entries = read_schedule(path, start_ns=market.start_ns, end_ns=market.end_ns)
        for _, offer in entries:
            composed.patched(offer.patch)  # refused before anything is played
    named = frozenset(
        name_of(tuple(key.split(".")))
        for key, source in composed.sources.items()
        if source.layer is Layer.OVERRIDES
    )
    live = LiveSettings(settings, composed.patched, Schedule(entries), named=named)
    live.listeners.append(lambda reload, _: log(reload.marker()))
    return live


def written_schedule(offers: list[tuple[int, Offer]], *, start_ns: int) -> dict[str, Any]:
    """Give a schedule that repeats patches that came in a run, each at the same instant."""
    return {
        "patches": [
            {
                "after": f"{at_ns - start_ns}ns",
                "overrides": offer.patch.values,
                "reason": offer.patch.reason or "not said",
                "owner": offer.patch.owner or "not said",
                **({"commit": offer.patch.commit} if offer.patch.commit else {}),
            }
            for at_ns, offer in offers
            if not offer.partial  # the run's own comes again by itself
        ]
    }


def span_ns(text: str) -> int | None:
    """Read a span like 1h30m, 90s or 12.5ms as ns; None when it is not one."""
    pieces = SPAN.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        return None
    return int(sum(Fraction(number) * UNITS[unit] for number, unit in pieces))


def _instant(item: dict[str, Any], where: str, start_ns: int) -> int:
    given = [key for key in ("after", "at") if key in item]
    if len(given) != 1:
        raise SoakError(f"{where}: has {' and '.join(given) or 'neither after nor at'}; allowed one of them")
    text = item[given[0]]
    if given[0] == "after":
        span = span_ns(text) if isinstance(text, str) else None
        if span is None:
            raise SoakError(f"{where}: after is {text}; allowed a span of tape time like 1h30m, 90s, 250ms")
        return start_ns + span
    match = MOMENT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise SoakError(f"{where}: at is {text}; allowed a moment of the tape like 2025-10-13T00:00:00Z")
    try:
        moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    except ValueError as error:
        raise SoakError(f"{where}: at is {text}; {error}") from error
    return int((moment - EPOCH).total_seconds()) * SECOND + int((match[2] or "").ljust(9, "0"))


def _offer(document: Document, n: int, item: dict[str, Any], where: str, beside: Path) -> Offer:
    given = [key for key in ("file", "overrides") if key in item]
    if len(given) != 1:
        raise SoakError(
            f"{where}: has {' and '.join(given) or 'neither file nor overrides'}; allowed one of them"
        )
    if given[0] == "file":
        if not isinstance(item["file"], str) or set(item) - {"after", "at", "file"}:
            raise SoakError(f"{where}: a file says its own reason and owner; allowed after or at beside it")
        path = beside / item["file"]
        if not path.resolve().is_relative_to(beside.resolve()):
            raise SoakError(f"{where}: file is {cut(item['file'])}; allowed a file beside the schedule")
        text, json, name = read_small(path, root=beside), path.suffix == ".json", path.name
    else:
        inline = {key: value for key, value in item.items() if key not in ("after", "at")}
        text, json, name = canonical_json(inline), True, where
    patch: Patch = parse_patch(text, where=name, json=json)
    return Offer(patch, sha256(text.encode()).hexdigest())
