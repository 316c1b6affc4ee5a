"""The closed table of formats a recording may have, and how a file shows which it is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.market.errors import TapeError
from framework.market.importers.assemble import InstrumentFlags, assemble
from framework.market.importers.binance import read_binance
from framework.market.importers.bybit import SPOT_COLUMNS, TRADE_COLUMNS, read_bybit
from framework.market.importers.collector import read_collector
from framework.market.importers.cryptofeed import read_cryptofeed
from framework.market.importers.file_order import order_of_time, refuse_overlap, refuse_twins
from framework.market.importers.files import ZIP_MAGIC, column_key, first_bytes, header_of
from framework.market.importers.formats import TOLD
from framework.market.importers.hftbacktest import read_hftbacktest
from framework.market.importers.recording import Recording
from framework.market.importers.tardis import COMMON, read_tardis
from framework.market.tape import Tape


@dataclass(frozen=True)
class Format:
    """Name a reader and how its files begin: a pattern of the first bytes, or columns of a header."""

    read: Callable[..., Recording]
    begins: re.Pattern[bytes] | None
    columns: tuple[tuple[str, ...], ...] = ()


FORMATS = {
    "collector": Format(read_collector, re.compile(rb"\d{10,19} \{")),
    "bybit": Format(
        read_bybit, re.compile(rb'\s*\{\s*"(topic|type|ts|cts)"'), columns=(TRADE_COLUMNS, SPOT_COLUMNS)
    ),
    "binance": Format(
        read_binance,
        re.compile(
            rb'"?(update_?id"?,|agg_?trade_?id"?,|id"?,"?price"?,"?qty)|\d+,\d+(\.\d+)?,\d+(\.\d+)?,\d',
            re.IGNORECASE,
        ),
    ),
    "cryptofeed": Format(read_cryptofeed, re.compile(rb"PAR1")),
    "tardis": Format(read_tardis, None, columns=(COMMON,)),
    "hftbacktest": Format(read_hftbacktest, re.compile(rb"\x93NUMPY")),
}
"""Readers by the names of ``formats.TOLD``, in the order in which files are asked."""


def import_tape(*, paths: Sequence[Path], format: str = "auto", flags: InstrumentFlags | None = None) -> Tape:
    """Read recordings that belong together into one tape; raises TapeError naming file and line of what is
    wrong.
    """
    if not paths:
        raise TapeError("tape import: no file given; allowed one or more recordings")
    for path in paths:
        if not path.is_file():
            what = "a folder; allowed the files in it" if path.is_dir() else "no such file"
            raise TapeError(f"{path}: {what}")
    flags = flags or InstrumentFlags()
    name = sniff(paths=paths) if format == "auto" else format
    if name not in FORMATS:
        raise TapeError(f"--format is {name}; allowed auto, {', '.join(FORMATS)}")
    refuse_twins(paths=paths)
    recording = FORMATS[name].read(paths=paths, symbol=flags.symbol)
    order = order_of_time(recording=recording)
    if order != list(range(len(paths))):
        recording = FORMATS[name].read(paths=[paths[file] for file in order], symbol=flags.symbol)
    refuse_overlap(recording=recording)
    return assemble(recording=recording, flags=flags)


def sniff(*, paths: Sequence[Path]) -> str:
    """Return the one format of all files by their first bytes; raises TapeError when they differ or show
    none.
    """
    sniffed = {path: _sniff_one(path=path) for path in paths}
    names = set(sniffed.values())
    if len(names) > 1:
        told = ", ".join(f"{path.name} {name}" for path, name in sniffed.items())
        raise TapeError(f"files of different formats cannot be one tape: {told}")
    return names.pop()


def _sniff_one(*, path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(512)
    if head[:4] == ZIP_MAGIC and b".npy" in head:
        return "hftbacktest"
    begin = first_bytes(path=path, count=1024)
    names, _ = header_of(line=begin.split(b"\n")[0].decode("utf-8", "replace"))
    header = {column_key(name) for name in names}
    for name, known in FORMATS.items():
        columns = any({column_key(column) for column in told} <= header for told in known.columns)
        if columns or (known.begins and known.begins.match(begin)):
            return name
    allowed = "; ".join(f"{told.vendor} {told.files}" for told in TOLD.values())
    raise TapeError(f"{path.name}: format not recognised; allowed {allowed}")
