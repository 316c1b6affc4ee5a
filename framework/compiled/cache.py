"""Where compiled code is kept: a folder named by everything it was made from, a file by what it runs on.

The folder's name is a digest of every source an entry imports, of the compiler's own sources here, and of the
versions of Python, numba, llvmlite and numpy, so an edit of any callee is noticed. It lies in the user's
cache folder under a name that holds no checkout path, so a moved tree still hits. Machine code is for one
processor: a cache on a shared home serves each kind of machine its own file.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import re
import stat
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from framework.files.cache import user_cache

_PACKAGE = Path(__file__).resolve().parent.parent
_IMPORT = re.compile(r"^(?:from|import) (framework[\w.]*)(?: import ([^#\n]+))?", re.MULTILINE)
STARTED_NS = time.time_ns() - time.process_time_ns()
"""About when this process began to import: a source that changed later may not be what it runs."""
_COMPILER = ("numba", "llvmlite")
_ORDERS = ("CPU_NAME", "CPU_FEATURES", "OPT", "BOUNDSCHECK", "DEBUGINFO", "LOOP_VECTORIZE", "SLP_VECTORIZE")
_PROCESSOR = re.compile(r"^(?:vendor_id|cpu family|model|model name|flags|Features|CPU \w+)\s*:.*$", re.M)


@functools.cache
def source_digest(source: Path) -> str:
    """Digest a source file, every framework source it imports in turn, and the compiler's versions.

    A file that changed after this process began may not be what it imported (somebody pulls or edits): the
    digest is then this process's alone, so that it neither uses nor leaves what belongs to other code.
    """
    contents: dict[Path, bytes] = {}
    waiting = [source.resolve(), *Path(__file__).resolve().parent.glob("*.py")]
    while waiting:
        path = waiting.pop()
        if path in contents:
            continue
        text = path.read_bytes()
        contents[path] = text
        for module, names in _IMPORT.findall(text.decode()):
            waiting += _files_of(module, names)
    digest = hashlib.sha256()
    for path in sorted(contents):
        digest.update(path.name.encode() + b"\0" + contents[path] + b"\0")
    digest.update(f"{sys.version_info[:2]} {np.__version__}".encode())
    for name in _COMPILER:
        digest.update(_version_file(name))
    if any(map(_changed_since_start, contents)):
        digest.update(f"{os.getpid()} {STARTED_NS}".encode())
    return digest.hexdigest()[:16]


def _changed_since_start(path: Path) -> bool:
    """Tell whether a file was written after this process began; a time to come says nothing."""
    status = path.stat()
    return STARTED_NS < max(status.st_ctime_ns, status.st_mtime_ns) <= time.time_ns()


def _files_of(module: str, names: str) -> list[Path]:
    base = _PACKAGE.joinpath(*module.split(".")[1:])
    files = [base.with_suffix(".py")] if base != _PACKAGE else []
    files += [base / f"{name.strip().split(' ')[0]}.py" for name in names.strip("() ").split(",")]
    return [path.resolve() for path in files if path.is_file()]


def _version_file(package: str) -> bytes:
    """Read the file in which a package says its version, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return b""
    return Path(spec.origin).with_name("_version.py").read_bytes()


@functools.cache
def processor() -> str:
    """Digest what this machine's code depends on: the processor's kind and features, and numba's orders."""
    known = [platform.machine(), sys.platform]
    known += [os.environ.get(f"NUMBA_{name}", "") for name in _ORDERS]
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            known += _PROCESSOR.findall(file.read(8192).partition("\n\n")[0])
    except OSError:
        from llvmlite import binding

        known += [binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:12]


def cache_folder(source: Path) -> Path:
    """Give the writable cache folder of a compiled source, created when absent.

    The one cache folder, or a private temporary one of this user where that cannot be written. What lies in
    it is run, so a folder that somebody else owns is refused.
    """
    candidates = _candidates(source)
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
            if not is_ours(folder.stat()):
                continue
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    raise OSError(f"no folder for compiled code can be written; tried {', '.join(map(str, candidates))}")


def warm_folders(source: Path) -> list[Path]:
    """Give the folders in which code of a source may lie already; to read it nothing need be written."""
    return [folder for folder in _candidates(source) if folder.is_dir() and is_ours(folder.stat())]


def _candidates(source: Path) -> list[Path]:
    roots = (user_cache(), Path(tempfile.gettempdir()) / f"quoteops-{_user()}")
    return [root / "compiled" / source_digest(source) for root in roots]


def is_ours(status: os.stat_result) -> bool:
    """Tell whether a file or folder is this user's and nobody else may write to it."""
    return os.name != "posix" or (status.st_uid == _user() and not status.st_mode & stat.S_IWOTH)


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
