"""The door to numba: inner functions, entries with one fixed signature, and a cache that notices every edit.

numba's own disk cache looks only at the file of the cached function, so an edit to a callee elsewhere
silently runs the old code. Here the cache folder is named by a digest of every source the entry imports and
of the versions of Python, numba and numpy. It lies in the user's cache folder under a name that holds no
checkout path, so a moved tree still hits. Nothing is compiled at import: a driver calls ``Entry.load``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba import njit, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

from framework.compiled.lean import load_without_scipy, no_collection, one_module_for
from framework.compiled.pipeline import CoreCompiler
from framework.compiled.records import dtype_of, interpreted
from framework.files.cache import user_cache

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).resolve().parent.parent
_IMPORT = re.compile(r"^(?:from|import) (framework[\w.]*)(?: import ([^#\n]+))?", re.MULTILINE)


OPTIONS: dict[str, Any] = {
    "_nrt": False,
    "boundscheck": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": CoreCompiler,
}
"""No allocation, which also makes records fast; indices checked; no fast math; nothing compiled unused."""


def core(function: F) -> F:
    """Compile an inner function with its caller, once: constants and small integers are passed as 64-bit.

    Compiled, it can be called from other compiled functions only; a test calls it interpreted or through an
    entry.
    """
    return _inner(function, forceinline=False)


def hot(function: F) -> F:
    """Compile like ``core`` and into its caller, for what runs at every event: passing arrays costs more."""
    return _inner(function, forceinline=True)


def _inner(function: F, *, forceinline: bool) -> F:
    dispatcher = njit(**OPTIONS, no_cpython_wrapper=True, forceinline=forceinline)(function)
    if not interpreted():
        _share_specialisations(dispatcher)
    return dispatcher  # type: ignore[no-any-return]


def _share_specialisations(dispatcher: Any) -> None:
    # numba compiles a function anew for every constant it is called with (side=1, side=-1, action=3 …): half
    # of all compile time, and no faster code, since what matters is inlined.
    resolve = dispatcher.get_call_template

    def get_call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return resolve(tuple(map(_widened, args)), {name: _widened(kind) for name, kind in kws.items()})

    dispatcher.get_call_template = get_call_template


def _widened(kind: Any) -> Any:
    plain = types.unliteral(kind)
    return types.int64 if isinstance(plain, types.Integer) else plain


class Entry:
    """A compiled function with exactly one signature, cached on disk, loaded on first use.

    Calling it after ``load`` with other types is a TypeError instead of a silent recompilation.
    """

    def __init__(self, function: Callable[..., Any], signature: tuple[Any, ...], restype: Any) -> None:
        self.function = function
        self.signature = signature
        self.restype = restype
        self._loaded: Callable[..., Any] | None = None
        functools.update_wrapper(self, function)

    def load(self) -> Callable[..., Any]:
        """Give the callable, from the cache where it is warm, else compile it once."""
        if self._loaded is None:
            self._loaded = self.function if interpreted() else self._compile()
        return self._loaded

    def __call__(self, *args: Any) -> Any:
        return (self._loaded or self.load())(*args)

    def _compile(self) -> Callable[..., Any]:
        folder = cache_folder(Path(self.function.__code__.co_filename))
        load_without_scipy()
        dispatcher = njit(**OPTIONS)(self.function)
        dispatcher._cache = _cache_in(folder)(self.function)
        signature = self.restype(*(_numba_type(t) for t in self.signature))
        if any(folder.glob(f"*{self.function.__name__}*.nbi")):
            dispatcher.compile(signature)
        else:
            from filelock import FileLock

            lock = FileLock(folder / f"{self.function.__name__}.lock")
            with lock, one_module_for(self.function.__qualname__), no_collection():
                dispatcher.compile(signature)
        dispatcher.disable_compile()
        return dispatcher  # type: ignore[no-any-return]


def entry(*signature: Any, returns: Any = types.int64) -> Callable[[Callable[..., Any]], Entry]:
    """Declare a compiled entry; ``signature`` holds record classes, ``array("i8")`` types, numba scalars."""

    def wrap(function: Callable[..., Any]) -> Entry:
        return Entry(function, signature, returns)

    return wrap


def array(code: str, *, writable: bool = True) -> Any:
    """Name a contiguous one-dimensional array of a numpy type code such as ``i8``, ``f8``, ``u1``."""
    return types.Array(numba.from_dtype(np.dtype(code)), 1, "C", readonly=not writable)


def _numba_type(spec: Any) -> Any:
    if isinstance(spec, type):
        return types.Array(numba.from_dtype(dtype_of(spec)), 1, "C")
    return spec


@functools.cache
def source_digest(source: Path) -> str:
    """Digest a source file, every framework source it imports in turn, and the compiler's versions."""
    seen: dict[Path, bytes] = {}
    waiting = [source.resolve()]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        text = path.read_bytes()
        seen[path] = text
        for module, names in _IMPORT.findall(text.decode()):
            waiting += _files_of(module, names)
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(path.name.encode() + b"\0" + seen[path] + b"\0")
    version = f"{sys.version_info[:2]} {numba.__version__} {np.__version__}"
    digest.update(version.encode())
    return digest.hexdigest()[:16]


def _files_of(module: str, names: str) -> list[Path]:
    base = _PACKAGE.joinpath(*module.split(".")[1:])
    found = [base.with_suffix(".py")] if base != _PACKAGE else []
    found += [base / f"{name.strip().split(' ')[0]}.py" for name in names.strip("() ").split(",")]
    return [path.resolve() for path in found if path.is_file()]


def cache_folder(source: Path) -> Path:
    """Give the writable cache folder of a compiled source, created when absent.

    The one cache folder, or a private temporary one of this user where that cannot be written. Cached code
    is a pickle, so a folder that somebody else owns is refused.
    """
    candidates = [user_cache()]
    user = os.getuid() if hasattr(os, "getuid") else 0
    candidates.append(Path(tempfile.gettempdir()) / f"quoteops-{user}")
    for root in candidates:
        folder = root / "compiled" / source_digest(source)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
            if hasattr(os, "getuid") and folder.stat().st_uid != user:
                continue
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    raise OSError(f"no folder for compiled code can be written; tried {', '.join(map(str, candidates))}")


def _cache_in(folder: Path) -> type[FunctionCache]:
    class Locator(_CacheLocator):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self._py_file = name

        def get_cache_path(self) -> str:
            return str(folder)

        def get_source_stamp(self) -> str:
            return folder.name

        def get_disambiguator(self) -> str:
            return "entry"

        @classmethod
        def from_function(cls, py_func: Callable[..., Any], py_file: str) -> Locator:
            return cls(py_file)

    class Impl(CompileResultCacheImpl):  # type: ignore[misc]
        _locator_classes = (Locator,)

    class Cache(FunctionCache):  # type: ignore[misc]
        _impl_class = Impl

    return Cache
