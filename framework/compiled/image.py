"""An object file as one run of bytes that works at any address: a linker for the simplest case there is.

That case is a 64-bit ELF object for x86-64 of constants and code that refers to itself relatively and to
nothing outside. Then every reference is known before the bytes have an address. For anything else (a call of
the C library, another machine or system) there is no image, and LLVM links the object at every start.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

ELF64_LITTLE, X86_64 = b"\x7fELF\x02\x01", 62
PROGBITS, RELA = 1, 4
WRITES, TAKES_SPACE = 1, 2
SIZES = {2: "<i", 4: "<i", 24: "<q"}
"""What a reference of PC32, PLT32 or PC64 is written as: the way from its own place."""


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int


@dataclass(frozen=True)
class Image:
    """The bytes, and where among them the entry begins."""

    start: int
    code: bytes


def flat_image(data: bytes, symbol: str) -> Image | None:
    """Lay the sections of an object one after the other and write every reference; None where one is open."""
    if data[:6] != ELF64_LITTLE or struct.unpack_from("<H", data, 18)[0] != X86_64:
        return None
    (table,), (size, count) = struct.unpack_from("<Q", data, 40), struct.unpack_from("<2H", data, 58)
    sections = [_Section(*struct.unpack_from("<2I4Q2I2Q", data, table + size * k)) for k in range(count)]
    code = bytearray()
    places: dict[int, int] = {}
    for index, section in enumerate(sections):
        if section.kind != PROGBITS or not section.flags & TAKES_SPACE or not section.size:
            continue
        if section.flags & WRITES:
            return None
        code += bytes(-len(code) % section.align)
        places[index] = len(code)
        code += data[section.offset : section.offset + section.size]
    for section in sections:
        if section.kind == RELA and section.info in places:
            symbols = list(_symbols(data, sections[section.link]))
            for offset, info, addend in struct.iter_unpack("<2Qq", _content(data, section)):
                _, home, value = symbols[info >> 32]
                if home not in places or info & 0xFFFFFFFF not in SIZES:
                    return None
                at = places[section.info] + offset
                struct.pack_into(SIZES[info & 0xFFFFFFFF], code, at, places[home] + value + addend - at)
    return Image(_start(data, sections, places, symbol), bytes(code))


def _content(data: bytes, section: Any) -> bytes:
    return data[section.offset : section.offset + section.size]


def _symbols(data: bytes, section: Any) -> Iterator[tuple[int, int, int]]:
    """Yield the name, the section and the value of every symbol."""
    for name, _, _, home, value, _ in struct.iter_unpack("<I2BHQQ", _content(data, section)):
        yield name, home, value


def _start(data: bytes, sections: list[_Section], places: dict[int, int], symbol: str) -> int:
    (table,) = (section for section in sections if section.kind == 2)
    names = _content(data, sections[table.link])
    wanted = symbol.encode() + b"\0"
    (start,) = (
        places[home] + value for name, home, value in _symbols(data, table) if names[name:].startswith(wanted)
    )
    return start
