"""Machine code on disk and in memory: written once by the compiler, loaded ever after without it.

A file is a line of JSON and the code, sealed by a digest of both and of the file's place. The code is an
``image``, which runs wherever it is put and needs nothing besides, or, where none can be made (see
``image.py``), an ``object`` that LLVM has to link.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.compiled.cache import is_ours
from framework.compiled.call import Fault
from framework.files.atomic import canonical_json, write_atomic

IMAGE, OBJECT = "image", "object"
_loaded: list[Any] = []
"""Memory and engines that hold code in use: they stay as long as the process."""


@dataclass(frozen=True)
class Machine:
    """The code of one entry: where it begins (an offset of an image, a name in an object), what may fail."""

    kind: str
    start: int | str
    faults: list[Fault]
    code: bytes

    def address(self) -> int:
        """Put the code into memory and give the address of the entry."""
        if self.kind == IMAGE:
            return _mapped(self.code) + int(self.start)
        return _linked(self.code, str(self.start))


def read(path: Path) -> Machine | None:
    """Give what a file holds; None when it is missing, damaged, or somebody else's."""
    try:
        with path.open("rb") as file:
            if not is_ours(os.fstat(file.fileno())):
                return None
            header = json.loads(file.readline())
            code = file.read()
        made = Machine(header["kind"], header["start"], [tuple(fault) for fault in header["faults"]], code)
        return made if header["sha256"] == _seal(path, made) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, machine: Machine) -> None:
    """Write code for the next process. Raises ``FileError``."""
    header = {**_said(machine), "sha256": _seal(path, machine)}
    write_atomic(path=path, data=canonical_json(header).encode() + b"\n" + machine.code)
    with contextlib.suppress(OSError):  # what a umask lets everybody write would never be read
        path.chmod(0o644)


def _said(machine: Machine) -> dict[str, Any]:
    return {"kind": machine.kind, "start": machine.start, "faults": machine.faults}


def _seal(path: Path, machine: Machine) -> str:
    """Digest the code, what is said of it, and whose it is: what runs at a wrong place ends the process."""
    whose = [path.parent.name, path.name, _said(machine)]
    return hashlib.sha256(canonical_json(whose).encode() + b"\0" + machine.code).hexdigest()


def _mapped(code: bytes) -> int:
    """Copy an image into memory of its own, then make that executable and no longer writable."""
    memory = mmap.mmap(-1, len(code), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(code)
    place = ctypes.addressof((ctypes.c_char * len(code)).from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(len(code)), mmap.PROT_READ | mmap.PROT_EXEC):
        error = ctypes.get_errno()
        raise OSError(error, f"compiled code cannot be made executable: {os.strerror(error)}")
    _loaded.append(memory)
    return place


def _linked(code: bytes, name: str) -> int:
    """Let LLVM link an object into this process."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target.create_target_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _loaded.append(engine)
    return int(engine.get_function_address(name))
