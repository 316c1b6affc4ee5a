"""Spare numba the work that a core does not need, for the pinned numba only (>= 0.68, < 0.69).

An entry brings about a hundred inner functions. numba would optimise each, with everything it calls, and emit
machine code for it that nobody ever runs: what runs is the entry, into which all of them are linked. It would
also try all its templates anew at every ``+`` of two integers. And it imports scipy.linalg, for a matrix
product that is not used here.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from numba.core import base, cgutils, errors, typing
from numba.core.base import llvmir
from numba.core.callconv import CPUCallConv
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen, ll
from numba.core.compiler_lock import global_compiler_lock
from numba.core.types.containers import NamedTuple
from numba.core.types.functions import BaseFunction

from framework.compiled.faults import return_fault

BLAS = "scipy.linalg.cython_blas"
_KEPT = "_kept"  # the attribute of a library that holds its modules until an entry links them


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
def one_module(call_type: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Compile functions without emitting any of them, for ``linked``; other threads wait with theirs.

    ``call_type`` gives the type of a function that is called and that numba does not know, or None.
    """
    set_env = JITCPUCodegen.set_env
    global_type = typing.BaseContext._get_global_type

    def finalize(library: Any) -> None:
        vars(library)["_get_module_for_linking"] = functools.partial(_late_module, library)
        library._finalized = True

    def set_known_env(codegen: Any, env_name: str, env: Any) -> None:
        if codegen._engine.is_symbol_defined(env_name):
            set_env(codegen, env_name, env)

    def known_type(context: Any, value: Any) -> Any:
        return global_type(context, value) or call_type(context, value)

    with global_compiler_lock, ExitStack() as stack:
        for owner, attribute, value in (
            (JITCodeLibrary, "add_ir_module", _keep),
            (JITCodeLibrary, "finalize", finalize),
            (JITCPUCodegen, "set_env", set_known_env),
            (CPUCallConv, "return_user_exc", return_fault),
            (BaseFunction, "get_call_type", _remembered(BaseFunction.get_call_type)),
            (llvmir.Type, "get_abi_size", _remembered(llvmir.Type.get_abi_size)),
            (base.BaseContext, "refresh", _once_an_import(base.BaseContext.refresh)),
            (typing.BaseContext, "refresh", _once_an_import(typing.BaseContext.refresh)),
            (typing.BaseContext, "_get_global_type", known_type),
            (NamedTuple, "mangling_args", property(_short_name)),
            (errors, "_termcolor_inst", _Plain()),
        ):
            stack.enter_context(_patched(owner, attribute, value))
        yield


@contextmanager
def _patched(owner: Any, attribute: str, value: Any) -> Iterator[None]:
    own = vars(owner)
    inherited, before = attribute not in own, own.get(attribute)
    setattr(owner, attribute, value)
    try:
        yield
    finally:
        if inherited:
            delattr(owner, attribute)
        else:
            setattr(owner, attribute, before)


def _keep(library: Any, module: Any) -> None:
    vars(library).setdefault(_KEPT, []).append(module)


def linked(library: Any, wrapper: Any) -> Any:
    """Give one optimised module of a wrapper, of a library and of all it calls."""
    codegen = library._codegen
    codegen._check_llvm_bugs()
    whole = ll.parse_assembly(str(wrapper))
    _link(whole, library)
    for function in whole.functions:
        if not function.is_declaration and function.name != wrapper.name:
            function.linkage = ll.Linkage.internal
    passes, builder = codegen._module_pass_manager()
    passes.run(whole, builder)  # numba's cheaper passes before these are for reference counts
    whole.verify()
    return whole


def _link(whole: Any, library: Any) -> None:
    """Link what the library and all it calls kept, each once; its own functions stay visible."""
    linked, waiting = {library}, [library]
    while waiting:
        callee = waiting.pop()
        if _KEPT not in vars(callee):  # compiled in the usual way, by somebody else
            whole.link_in(callee._get_module_for_linking(), preserve=True)
            continue
        for module in vars(callee)[_KEPT]:
            whole.link_in(_parsed(module, visible=callee is library))
        called = [other for other in callee._linking_libraries if other not in linked]
        linked.update(called)
        waiting += called


def _late_module(library: Any) -> Any:
    """Give what numba compiled for itself meanwhile to an ordinary caller, at any later time."""
    del vars(library)["_get_module_for_linking"]
    _link(library._final_module, library)
    del vars(library)[_KEPT]
    return library._get_module_for_linking()


def _parsed(module: Any, *, visible: bool) -> Any:
    parsed = ll.parse_assembly(cgutils.normalize_ir_text(str(module)))
    parsed.name = module.name
    for function in () if visible else parsed.functions:
        if not function.is_declaration and function.linkage == ll.Linkage.external:
            function.linkage = ll.Linkage.linkonce_odr
    return parsed


def _short_name(bundle: Any) -> tuple[str, tuple[Any, ...]]:
    """Name a bundle in symbols by its class: with every field they are twenty thousand letters long."""
    return bundle.instance_class.__name__, ()


class _Plain:
    """No colour for messages: numba makes ten thousand errors that it catches, and colours each."""

    def __getattr__(self, role: str) -> Callable[[str], str]:
        return str


def _remembered(resolve: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[Any, Any] = {}

    def answer(*question: Any) -> Any:
        key = tuple(tuple(part.items()) if isinstance(part, dict) else part for part in question)
        if key not in known:
            known[key] = resolve(*question)
        return known[key]

    return answer


def _once_an_import(refresh: Callable[[Any], None]) -> Callable[[Any], None]:
    loaded = 0

    def refresh_when_grown(context: Any) -> None:
        nonlocal loaded
        if loaded != len(sys.modules):
            refresh(context)
            loaded = len(sys.modules)
        elif isinstance(context, base.BaseContext):
            for registry in list(context._registries):  # intrinsics (min, max, int) add to one when typed
                context.install_registry(registry)

    return refresh_when_grown
