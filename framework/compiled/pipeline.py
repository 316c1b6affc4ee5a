"""The passes that a core function needs, for the pinned numba only (>= 0.68, < 0.69).

numba's own pipeline runs twenty-seven passes and works out control flow and the life of every variable again
after most of them. What all but these are about is refused in a core: closures, comprehensions, generators,
``with``, ``raise``, ``assert``, array expressions and whatever counts references.
"""

from __future__ import annotations

from typing import Any

from numba.core.cgutils import normalize_ir_text
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.ir_utils import build_definitions
from numba.core.ssa import reconstruct_ssa
from numba.core.transforms import canonicalize_cfg
from numba.core.typed_passes import NativeLowering, NoPythonBackend, NopythonTypeInference, PreLowerStripPhis
from numba.core.untyped_passes import FixupArgs, TranslateByteCode

from framework.compiled.faults import lowering


class CoreCompiler(CompilerBase):  # type: ignore[misc]
    """Bytecode to numba's IR, each variable assigned once, types, LLVM."""

    def define_pipelines(self) -> list[Any]:
        """Give the one pipeline there is."""
        return [_CorePasses("core")]


class _CorePasses(PassManager):  # type: ignore[misc]
    def run(self, state: Any) -> None:
        TranslateByteCode().run_pass(state)
        FixupArgs().run_pass(state)
        state.func_ir.blocks = canonicalize_cfg(state.func_ir.blocks)
        state.func_ir = _with_definitions(reconstruct_ssa(state.func_ir))
        NopythonTypeInference().run_pass(state)
        state.func_ir = _with_definitions(PreLowerStripPhis()._strip_phi_nodes(state.func_ir))
        with lowering(module=normalize_ir_text(state.func_id.unique_name), function=state.func_id.func_name):
            NativeLowering().run_pass(state)
        NoPythonBackend().run_pass(state)


def _with_definitions(function: Any) -> Any:
    function._definitions = build_definitions(function.blocks)
    return function
