"""Buffers inside compiled code: a pointer and a length instead of numba's seven-word array; and the clock.

A core function takes some twenty buffers. As arrays they are a hundred and forty words to push at every call
that is not inlined, and each index first asks whether it is negative. Here indexing is one unsigned
comparison, so a negative index is out of bounds too.
"""

from __future__ import annotations

import operator
from typing import Any

from numba.core import cgutils, types
from numba.core.base import llvmir
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, type_callable

from framework.compiled.clock import CLOCK_MONOTONIC, clock_ns


class Rows(types.Type):
    """A pointer to ``n`` items of one type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"rows({dtype})")

    @property
    def mangling_args(self) -> tuple[str, tuple[Any, ...]]:
        """Give the parts of a symbol's name: of a record its number instead of a thousand letters."""
        return "rows", (self.dtype,)


@register_default(Rows)
class _RowsModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("start", types.voidptr), ("n", types.intp)])


@infer_global(len)
class _Len(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.intp, args[0]) if isinstance(args[0], Rows) else None


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        buffer, index = args
        if isinstance(buffer, Rows) and isinstance(index, types.Integer):
            return signature(buffer.dtype, buffer, types.int64)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        buffer, index, _ = args
        if isinstance(buffer, Rows) and isinstance(index, types.Integer):
            return signature(types.none, buffer, types.int64, buffer.dtype)
        return None


def _place(context: Any, builder: Any, kind: Any, buffer: Any, index: Any) -> Any:
    """Give the address of one item, after the check of its index."""
    view = cgutils.create_struct_proxy(kind)(context, builder, value=buffer)
    with builder.if_then(builder.icmp_unsigned(">=", index, view.n), likely=False):
        context.call_conv.return_user_exc(builder, IndexError, ("index is out of bounds",))
    typed = builder.bitcast(view.start, context.get_data_type(kind.dtype).as_pointer())
    return builder.gep(typed, [index])


@lower_builtin(len, Rows)  # type: ignore[untyped-decorator]
def _lower_len(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).n


@lower_builtin(operator.getitem, Rows, types.Integer)  # type: ignore[untyped-decorator]
def _lower_getitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = _place(context, builder, sig.args[0], *args)
    return context.unpack_value(builder, sig.return_type, place)


@lower_builtin(operator.setitem, Rows, types.Integer, types.Any)  # type: ignore[untyped-decorator]
def _lower_setitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = _place(context, builder, sig.args[0], args[0], args[1])
    context.pack_value(builder, sig.args[2], args[2], place)
    return context.get_dummy_value()


@type_callable(clock_ns)  # type: ignore[untyped-decorator]
def _type_clock(_context: Any) -> Any:
    return lambda room: types.int64


@lower_builtin(clock_ns, Rows)  # type: ignore[untyped-decorator]
def _lower_clock(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    room = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).start
    word = llvmir.IntType(64)
    kind = llvmir.FunctionType(llvmir.IntType(32), [llvmir.IntType(32), cgutils.voidptr_t])
    read = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
    builder.call(read, [llvmir.IntType(32)(CLOCK_MONOTONIC), room])
    parts = builder.bitcast(room, word.as_pointer())
    seconds, rest = (builder.load(builder.gep(parts, [word(k)])) for k in range(2))
    return builder.add(builder.mul(seconds, word(1_000_000_000)), rest)
