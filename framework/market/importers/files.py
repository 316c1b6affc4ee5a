"""Open recordings, plain or packed, and say on one line when one is cut off or is not what it should be."""

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from framework.market.errors import TapeError

GZIP_MAGIC, ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError)
"""What reading one line may raise when the line is not what it should be; such a line is counted."""
BOM = "\ufeff"
UTF8_BOM = BOM.encode()
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@contextmanager
def open_packed(*, path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes through gzip or a zip of one member, by content rather than by name.

    Raises TapeError when it is absent, unreadable, cut off or damaged.
    """
    try:
        with path.open("rb") as head:
            magic = head.read(4)
        if magic == ZSTD_MAGIC:
            raise TapeError(f"{path.name}: packed with zstd; allowed plain, gzip or zip")
        if magic[:2] == GZIP_MAGIC:
            with gzip.open(path) as unpacked:
                yield unpacked  # type: ignore[misc]
        elif magic == ZIP_MAGIC:
            with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, path)) as member:
                yield member
        else:
            with path.open("rb") as plain:
                yield plain
    except BROKEN as error:
        raise TapeError(f"{path.name}: cut off or damaged ({error}); allowed a complete file") from error
    except OSError as error:
        raise TapeError(f"{path.name}: cannot be read ({error.strerror or error})") from error


def read_lines(*, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, line without its end); raises TapeError on a file cut off or damaged."""
    with open_packed(path=path) as stream:
        for number, line in enumerate(stream, start=1):
            yield number, (line.removeprefix(UTF8_BOM) if number == 1 else line).rstrip(b"\r\n")


def read_json(*, text: bytes) -> Any:
    """Parse a JSON text whose numbers with a fraction stay the texts they are."""
    return json.loads(text, parse_float=str, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def column_key(name: str) -> str:
    """Return what spellings of a column's name share: ``isSnapshot``, ``is_snapshot``, ``Is Snapshot``."""
    return "".join(sign for sign in name.lower() if sign.isalnum())


def header_of(*, line: str) -> tuple[list[str], str]:
    """Return the names of a header line and what separates them (comma, semicolon or tab)."""
    if "\0" in line:  # UTF-16, or no text at all
        return [], ","
    separator = max(",;\t", key=line.count)
    try:
        return next(csv.reader([line.lstrip(BOM).rstrip("\r\n")], delimiter=separator), []), separator
    except csv.Error:  # bytes that are no text
        return [], separator


def read_table(
    *, path: Path, needed: tuple[str, ...], corrupt: Callable[[int, str], None], more: tuple[str, ...] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row by column name) of a CSV with a header, however its names are spelled.

    ``corrupt`` is told line and reason of each row of another width; columns of ``more`` may be absent.
    Raises TapeError naming a missing column or a last row that is cut off.
    """
    with open_packed(path=path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
        names, separator = header_of(line=text.readline())
        at = {name: _find(name, names, path) for name in (*needed, *more)}
        for name in needed:
            if at[name] < 0:
                raise TapeError(
                    f"{path.name}:1: column {name} is missing; allowed a header with {', '.join(needed)}"
                )
        wanted = [(name, index) for name, index in at.items() if index >= 0]
        whole, reader = True, csv.reader(text, delimiter=separator)
        try:
            for row in reader:
                whole = len(row) == len(names)
                if whole:
                    yield reader.line_num + 1, {name: row[index].strip() for name, index in wanted}
                elif row:
                    corrupt(reader.line_num + 1, "columns")
                whole = whole or not row
        except csv.Error as error:
            raise TapeError(f"{path.name}:{reader.line_num + 1}: not CSV ({error})") from error
        if not whole:
            raise TapeError(
                f"{path.name}:{reader.line_num + 1}: the last line is cut off; allowed a complete file"
            )


def _find(name: str, names: list[str], path: Path) -> int:
    places = [index for index, told in enumerate(names) if column_key(told) == column_key(name)]
    if len(places) > 1:
        raise TapeError(f"{path.name}:1: column {name} is there {len(places)} times; allowed once")
    return places[0] if places else -1


def first_bytes(*, path: Path, count: int = 4096) -> bytes:
    """Return the first unpacked bytes of a file, to tell its format."""
    with open_packed(path=path) as stream:
        return stream.read(count).removeprefix(UTF8_BOM)


def _only_member(archive: zipfile.ZipFile, path: Path) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        raise TapeError(f"{path.name}: zip of {len(names)} files; allowed 1")
    return names[0]
