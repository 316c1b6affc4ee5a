"""From Python to machine code: imported where the cache holds no code of an entry, and nowhere else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numba import njit, types
from numba.core.base import llvmir
from numba.core.codegen import ll

import framework.compiled.lowering as lowering
from framework.compiled.faults import FAULTS
from framework.compiled.image import flat_image
from framework.compiled.lean import linked, load_without_scipy, no_collection, one_module
from framework.compiled.machine import IMAGE, OBJECT, Machine
from framework.compiled.marks import INNER
from framework.compiled.pipeline import CoreCompiler
from framework.compiled.signature import Buffer

OPTIONS: dict[str, Any] = {
    "_nrt": False,
    "boundscheck": True,
    "no_cfunc_wrapper": True,
    "no_cpython_wrapper": True,
    "pipeline_class": CoreCompiler,
}
"""No allocation, which also makes records fast; indices checked; no fast math; nothing compiled unused."""
SYMBOL = "entry"


def build(*, function: Callable[..., Any], signature: Sequence[Any], returns: np.dtype[Any]) -> Machine:
    """Compile an entry and all it calls as one module; raises what numba raises."""
    load_without_scipy()
    with one_module(_inner_type), no_collection():
        dispatcher = njit(**OPTIONS)(function)
        dispatcher.compile(numba.from_dtype(returns)(*map(numba_type, signature)))
        (made,) = dispatcher.overloads.values()
        module = linked(made.library, _wrapper(made))
        return _emitted(module, made.library._codegen)


def numba_type(spec: Any) -> Any:
    """Give numba's type of what an entry declares."""
    if isinstance(spec, Buffer):
        row = numba.from_dtype(spec.dtype)
        return row if spec.single else lowering.Rows(row)
    if isinstance(spec, tuple):
        return types.NamedTuple([numba_type(part) for part in spec], type(spec))
    return numba.from_dtype(spec)


def _wrapper(made: Any) -> llvmir.Module:
    """Make the function that Python calls: it takes the arguments out of a row of words (``call.py``)."""
    context, described = made.target_context, made.fndesc
    module = made.library._codegen._create_empty_module(SYMBOL)
    word, status = llvmir.IntType(64), llvmir.IntType(32)
    outer = llvmir.Function(module, llvmir.FunctionType(status, [word.as_pointer()]), SYMBOL)
    builder = llvmir.IRBuilder(outer.append_basic_block())
    kind = context.call_conv.get_function_type(described.restype, described.argtypes)
    inner = llvmir.Function(module, kind, described.llvm_func_name)
    result, excinfo, *words = kind.args
    places = [builder.gep(outer.args[0], [word(k)]) for k in range(1 + len(words))]
    values = [
        builder.load(builder.bitcast(place, value.as_pointer()))
        for place, value in zip(places[1:], words, strict=True)
    ]
    first = [builder.bitcast(places[0], result), builder.alloca(excinfo.pointee)]
    builder.ret(builder.call(inner, [*first, *values]))
    return module


def _emitted(module: Any, codegen: Any) -> Machine:
    """Give the module as an image, or as the object that numba itself would have loaded."""
    target = ll.Target.from_triple(ll.get_process_triple())
    free = target.create_target_machine(
        cpu=codegen._get_host_cpu_name(), features=codegen._tm_features, opt=3, reloc="pic", codemodel="small"
    )
    image = flat_image(free.emit_object(module), SYMBOL)
    if image is not None:
        return Machine(IMAGE, image.start, FAULTS[:], image.code)
    return Machine(OBJECT, SYMBOL, FAULTS[:], codegen._tm.emit_object(module))


def _inner_type(_context: Any, value: Any) -> Any:
    """Give the type of an inner function, which numba only sees as Python's."""
    try:
        return types.Dispatcher(_dispatcher(value)) if value in INNER else None
    except TypeError:  # what cannot be hashed is no function
        return None


@functools.cache
def _dispatcher(function: Callable[..., Any]) -> Any:
    made = njit(**OPTIONS, forceinline=INNER[function])(function)
    # numba compiles a function anew for every constant it is called with (side=1, side=-1, action=3 …): half
    # of all compile time, and no faster code, since what matters is inlined.
    resolve = made.get_call_template

    def get_call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return resolve(tuple(map(_widened, args)), {name: _widened(kind) for name, kind in kws.items()})

    made.get_call_template = get_call_template
    return made


def _widened(kind: Any) -> Any:
    plain = types.unliteral(kind)
    return types.int64 if isinstance(plain, types.Integer) else plain
