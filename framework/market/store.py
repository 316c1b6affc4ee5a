"""The tape archive: parquet by symbol and date beside a sidecar, replayed from memory-mapped columns in a
cache.

    <root>/symbol=BTCUSDT/tape.json                       instrument, schema hash, digests, faults, span
    <root>/symbol=BTCUSDT/date=2024-07-24/events.parquet  event columns of one UTC day
    <root>/symbol=BTCUSDT/funding.parquet                 funding columns

A root may be a folder or an object store's URL. The cache is ``tapes/<digest>/`` of the one cache folder, one
``.npy`` a column; it is built once, renamed into place whole, and opened without pyarrow.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from framework.market import parquet
from framework.market.archive_roots import Root, open_root
from framework.market.columns import Columns, cache_folder, map_tape, write_columns
from framework.market.errors import TapeError
from framework.market.sidecar import ArchiveSidecar, Sidecar
from framework.market.tape import Tape, content_digest, is_exact, parse_utc

SIDECAR = "tape.json"
LONGEST = 120
"""Bytes of the longest name that a symbol's folder may have."""


def write_tape(*, tape: Tape, root: str | Path, arguments: Mapping[str, Any] | None = None) -> str:
    """Write a tape below a root, whole or not at all, in place of one of the same symbol; return its folder.

    ``arguments`` says how it was made; paths in it must be names. Raises TapeError when it cannot be written.
    """
    target = open_root(path=str(root))
    name = f"symbol={folder_name(symbol=tape.instrument.symbol)}"
    with target.replacing(name=name) as folder:
        files = parquet.write_parts(tape=tape, folder=folder)
        sidecar = ArchiveSidecar(Sidecar.of(tape), files)
        text = sidecar.text(tape, arguments=arguments or {})
        (folder / SIDECAR).write_text(text, encoding="utf-8")
    return target.join(name=name)


def folder_name(*, symbol: str) -> str:
    """Return a symbol as a folder may be named: what no file system or URL is sure to take is ``%``-encoded.

    Raises TapeError for a symbol that is none.
    """
    name = "".join(sign if sign.isalnum() or sign in "-_.~+" else quote(sign, safe="") for sign in symbol)
    if not name or len(name.encode()) > LONGEST:
        raise TapeError(f"symbol {symbol[:80]!r}; allowed a name of up to {LONGEST} bytes")
    return name


def held_digest(*, root: str | Path, symbol: str) -> str | None:
    """Return the digest of the tape that an archive holds of a symbol, empty when it cannot be told, None for
    none.
    """
    target, name = open_root(path=str(root)), f"symbol={folder_name(symbol=symbol)}"
    try:
        if name not in target.names():
            return None
    except TapeError:
        return None
    try:
        sidecar = json.loads(target.read(name=f"{name}/{SIDECAR}"))
        return str(sidecar["digest"])
    except (TapeError, ValueError, KeyError, TypeError):
        return ""


def open_tape(
    path: str | Path,
    symbol: str | None = None,
    start: int | str | None = None,
    end: int | str | None = None,
    *,
    exact: bool = False,
) -> Tape:
    """Open an archive's tape of one symbol, cut to start <= time < end (UTC, ISO text or ns).

    ``exact`` digests every value, for what is to be evidence; else kept columns are looked at page by page.

    Raises TapeError for no archive, an unknown symbol, another schema, a damaged file, an empty window.
    """
    root = open_root(path=str(path))
    chosen = _choose(root=root, symbol=symbol)
    text = root.read(name=f"{chosen}/{SIDECAR}")
    sidecar = ArchiveSidecar.read(text, where=f"{root.path}/{chosen}/{SIDECAR}")
    tape = _load(root=root, chosen=chosen, sidecar=sidecar, exact=exact)
    if start is None and end is None:
        return tape
    return tape.window(start_ns=parse_utc(value=start), end_ns=parse_utc(value=end))


def _folders(*, root: Root) -> list[str]:
    folders = [name for name in root.names() if name.startswith("symbol=")]
    if not folders:
        raise TapeError(
            f"{root.path}: no tape here; allowed a folder that `quoteops tape import` or `tape synth` wrote"
        )
    return folders


def _choose(*, root: Root, symbol: str | None) -> str:
    folders = {unquote(name.removeprefix("symbol=")): name for name in _folders(root=root)}
    if symbol is not None:
        if symbol not in folders:
            raise TapeError(f"{root.path}: symbol {symbol} is unknown; allowed {', '.join(folders)}")
        return folders[symbol]
    if len(folders) > 1:
        raise TapeError(f"{root.path}: the archive holds {', '.join(folders)}; choose one symbol")
    return next(iter(folders.values()))


def _load(*, root: Root, chosen: str, sidecar: ArchiveSidecar, exact: bool) -> Tape:
    digest = sidecar.tape.meta.digest
    cached = cache_folder() / digest
    archive = hashlib.sha256(root.join(name=chosen).encode()).hexdigest()[:16]
    stamp_file = f"verified-{archive}.json"
    stamps = {name: root.stamp(name=f"{chosen}/{name}") for name in sorted(sidecar.files)}
    if _is_verified(file=cached / stamp_file, stamps=stamps):
        with suppress(TapeError):  # what is kept is not as it was written: it is built again
            tape = map_tape(folder=cached, sidecar=sidecar.tape)
            if not exact or is_exact(tape):
                return tape
            shutil.rmtree(cached, ignore_errors=True)
    columns = parquet.read_parts(root=root, chosen=chosen, files=sidecar.files)
    if content_digest(instrument=sidecar.tape.instrument, columns=columns) != digest:
        raise TapeError(f"{root.path}/{chosen}: content does not match its digest; import the tape again")
    _build_cache(cached=cached, columns=columns, beside={stamp_file: json.dumps(stamps, sort_keys=True)})
    tape = map_tape(folder=cached, sidecar=sidecar.tape)
    if exact and not is_exact(tape):  # it was there, and another archive's stamp
        raise TapeError(f"{cached}: the cached tape is damaged; delete this folder")
    return tape


def _is_verified(*, file: Path, stamps: dict[str, str]) -> bool:
    """Tell whether this archive's files are still those whose digests were verified for this cache."""
    try:
        return bool(json.loads(file.read_text(encoding="utf-8")) == stamps)
    except (OSError, ValueError):
        return False


def _build_cache(*, cached: Path, columns: Columns, beside: Mapping[str, str]) -> None:
    try:
        write_columns(folder=cached, columns=columns, beside=beside)
    except OSError as error:
        raise TapeError(
            f"{cached.parent}: the tape cache cannot be written ({error.strerror or error}); "
            "free some space or set QUOTEOPS_CACHE"
        ) from error
