"""Spare numba the work that a core does not need, for the pinned numba only (>= 0.68, < 0.69).

An entry brings about a hundred inner functions. numba would optimise each, with everything it calls, and emit
machine code for it that nobody ever runs: what runs is the entry, into which all of them are linked. And
loading compiled code imports scipy.linalg, for a matrix product that is not used here.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock

BLAS = "scipy.linalg.cython_blas"


def load_without_scipy() -> None:
    """Import the part of numba that looks for a BLAS while none is found: it would import scipy.linalg."""
    if "numba.np.arraymath" in sys.modules or BLAS in sys.modules:
        return
    sys.modules[BLAS] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        del sys.modules[BLAS]


@contextmanager
def no_collection() -> Iterator[None]:
    """Let the garbage collector rest: a compilation makes millions of objects that all stay until its end."""
    resting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if resting:
            gc.enable()


@contextmanager
def code_only_for(name: str) -> Iterator[None]:
    """Optimise and emit the function ``name`` alone; other threads wait with their compilations."""
    optimise, emit = JITCodeLibrary._optimize_final_module, JITCodeLibrary._finalize_final_module
    set_env = JITCPUCodegen.set_env

    def optimise_entry(library: Any) -> None:
        if library.name == name:
            optimise(library)

    def emit_entry(library: Any) -> None:
        if library.name == name:
            emit(library)
        else:
            library._finalize_dynamic_globals()
            library._finalized = True

    def set_known_env(codegen: Any, env_name: str, env: Any) -> None:
        if codegen._engine.is_symbol_defined(env_name):
            set_env(codegen, env_name, env)

    with global_compiler_lock:
        JITCodeLibrary._optimize_final_module = optimise_entry
        JITCodeLibrary._finalize_final_module = emit_entry
        JITCPUCodegen.set_env = set_known_env
        try:
            yield
        finally:
            JITCodeLibrary._optimize_final_module = optimise
            JITCodeLibrary._finalize_final_module = emit
            JITCPUCodegen.set_env = set_env
