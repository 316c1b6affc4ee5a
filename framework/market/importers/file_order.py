"""Several files that continue each other: their order of time, files given twice, files that overlap."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.files.moments import iso_utc_ns
from framework.market.errors import TapeError
from framework.market.importers.idents import HASHED
from framework.market.importers.recording import LOST, PLACE_SHIFT, TICKER, Recording
from framework.market.importers.strays import FEW_STRAYS, STRAY_NS, strays

Ints = NDArray[np.int64]


class Span(NamedTuple):
    """Say when what a file holds of a channel begins and ends, UTC ns."""

    channel: str
    file: int
    begin_ns: int
    end_ns: int


def refuse_twins(*, paths: Sequence[Path]) -> None:
    """Raise TapeError when two files are the same, byte for byte."""
    sizes = [path.stat().st_size for path in paths]
    known: dict[bytes, Path] = {}
    for path, size in zip(paths, sizes, strict=True):
        if sizes.count(size) == 1:
            continue
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
        if digest in known:
            raise TapeError(f"{path.name}: the same bytes as {known[digest].name}; allowed each file once")
        known[digest] = path


def order_of_time(*, recording: Recording) -> list[int]:
    """Return the files in the order to read them in: as given, unless a channel would go back in time."""
    given = list(range(len(recording.files)))
    spans = list(_spans(recording))
    begins: dict[int, int] = {}
    for span in spans:
        begins[span.file] = min(span.begin_ns, begins.get(span.file, span.begin_ns))
    for channel in {span.channel for span in spans}:
        told = [span.begin_ns for span in spans if span.channel == channel]
        if any(later < earlier for earlier, later in pairwise(told)):
            return sorted(given, key=lambda file: begins.get(file, 0))
    return given


def refuse_overlap(*, recording: Recording) -> None:
    """Raise TapeError when two files tell of one channel at one time, and no ids tell their rows apart."""
    last: dict[str, Span] = {}
    for span in sorted(_spans(recording), key=lambda span: span.begin_ns):
        before = last.get(span.channel)
        if before is not None and span.begin_ns < before.end_ns - STRAY_NS:
            raise TapeError(
                f"{_told(recording, before)} overlaps {_told(recording, span)}; "
                "allowed files of one channel that follow each other"
            )
        if before is None or span.end_ns > before.end_ns:
            last[span.channel] = span


def _told(recording: Recording, span: Span) -> str:
    return (
        f"{recording.files[span.file]}: {span.channel} of "
        f"{iso_utc_ns(span.begin_ns)} to {iso_utc_ns(span.end_ns)}"
    )


def _spans(recording: Recording) -> Iterator[Span]:
    """Yield the spans of the channels whose messages have no ids that tell their order, files as given."""
    if len(recording.files) == 1:
        return
    told = recording.messages
    op = np.array(told.op, np.int64)
    if recording.contiguous in ("none", "counted"):
        for channel, rows in (("book", op != TICKER), ("best quotes", op == TICKER)):
            chosen = np.flatnonzero(rows & (op != LOST) & (np.array(told.last_id, np.int64) < 0))
            if recording.contiguous == "counted":
                chosen = np.flatnonzero(rows & (op != LOST))
            yield from _by_file(channel, chosen, told)
    ident = np.array(recording.trades.ident, np.int64)
    if len(ident) and (ident.min() < 0 or ident.max() >= HASHED):
        yield from _by_file("trades", np.flatnonzero(ident < 0), recording.trades)


def _by_file(channel: str, rows: Ints, told: object) -> Iterator[Span]:
    exch, recv, place = (
        np.array(getattr(told, name), np.int64)[rows] for name in ("exch_ns", "recv_ns", "place")
    )
    times = recv if len(recv) and (recv > 0).all() else np.where(exch > 0, exch, recv)
    file = place >> PLACE_SHIFT
    for one in np.unique(file).tolist():
        own = times[(file == one) & (times > 0)]
        odd = strays(times=own)
        own = own if int(odd.sum()) * FEW_STRAYS > len(own) else own[~odd]
        if len(own):
            yield Span(channel, one, int(own.min()), int(own.max()))
