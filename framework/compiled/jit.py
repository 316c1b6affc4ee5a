"""Compiled code as the rooms see it: inner functions, entries with one fixed signature, a warm cache.

Nothing is compiled at import: a driver calls ``Entry.load``. Where the cache holds the entry's machine code
neither the compiler nor type inference is imported; see ``cache.py`` for what makes a cache stale.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from framework.compiled import machine
from framework.compiled.cache import cache_folder, processor, source_digest, warm_folders
from framework.compiled.call import Call
from framework.compiled.marks import core, hot
from framework.compiled.records import interpreted
from framework.compiled.signature import annotated, array, spec_of
from framework.files.errors import FileError

__all__ = ["Entry", "array", "cache_folder", "core", "entry", "hot", "source_digest"]


class Entry:
    """A compiled function with exactly one signature, cached on disk, loaded on first use."""

    def __init__(self, function: Callable[..., Any], signature: tuple[Any, ...], returns: Any) -> None:
        self.function = function
        self.signature = tuple(map(spec_of, signature or annotated(function)))
        self.returns: np.dtype[Any] = spec_of(returns)
        self._code: tuple[int, machine.Machine] | None = None
        functools.update_wrapper(self, function)

    def load(self) -> Callable[..., Any]:
        """Give a callable for one caller, from the cache where it is warm, else compile once.

        Whoever calls often keeps it: it remembers the buffers of the call before. Arguments that are not of
        the signature are a TypeError.
        """
        if interpreted():
            return self.function
        if self._code is None:
            loaded = self._machine()
            self._code = (loaded.address(), loaded)
        address, loaded = self._code
        return Call(
            name=self.function.__name__,
            signature=self.signature,
            returns=self.returns,
            address=address,
            faults=loaded.faults,
        )

    def __call__(self, *args: Any) -> Any:
        return self.load()(*args)

    def _machine(self) -> machine.Machine:
        source = Path(self.function.__code__.co_filename)
        name = f"{self.function.__qualname__}-{processor()}.code"
        for folder in warm_folders(source):
            if (kept := machine.read(folder / name)) is not None:
                return kept
        from filelock import FileLock

        path = cache_folder(source) / name
        with FileLock(path.with_suffix(".lock")):
            return machine.read(path) or self._compiled(path)

    def _compiled(self, path: Path) -> machine.Machine:
        from framework.compiled.build import build

        made = build(function=self.function, signature=self.signature, returns=self.returns)
        with contextlib.suppress(FileError):  # a full disk costs the next process time, not this one its run
            machine.write(path, made)
        return made


def entry(*signature: Any, returns: Any = int) -> Callable[[Callable[..., Any]], Entry]:
    """Declare a compiled entry; ``signature`` is what ``spec_of`` knows: ``int``, record classes, arrays …

    Without one it is what the annotations say.
    """

    def wrap(function: Callable[..., Any]) -> Entry:
        return Entry(function, signature, returns)

    return wrap
