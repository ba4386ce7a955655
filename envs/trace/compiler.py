"""Numba's compiler without the work that our kernels do not need: two thirds of its CPU time.

Of all functions that are compiled, one in eight is called from Python; the others are helpers that
end up inside of kernels. By default Numba makes each of them a library of its own: with a wrapper
for Python and one for C, optimised to the end and translated to machine code that nobody calls.
Here a helper stops at LLVM's plain code, and is optimised once, within its kernel. Numba also
works out anew, at each of thousands of places, what `float32 + float32` gives; here it remembers.

Kernels made so give the same bytes in the same time.

Numba's pipelines may be replaced (`pipeline_class`), its libraries and typing context are private:
where they differ from what is used here, `jit` compiles in Numba's own way.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import _dynfunc  # type: ignore[attr-defined]  # no stub tells of it
from numba.core import codegen, typed_passes, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder, _LowerResult
from numba.core.compiler_machinery import PassManager, register_pass

_njit: Any = numba.njit
_FLAGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def kernel_dispatcher(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - Numba's own
    """A function that Python calls."""
    return _njit(pipeline_class=_KernelCompiler, **_FLAGS)(function)


def helper_dispatcher(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - Numba's own
    """A function that kernels call; without machine code of its own, it must not be called."""
    return _njit(pipeline_class=_HelperCompiler, no_cpython_wrapper=True, **_FLAGS)(function)


class _KernelCompiler(CompilerBase):
    """Numba's pipeline, with a typing context that remembers."""

    def define_pipelines(self) -> list[PassManager]:
        self.state.typingctx = _remembering(self.state.typingctx)
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


class _HelperCompiler(_KernelCompiler):
    """Stops at a library that is only good for being linked into others."""

    def define_pipelines(self) -> list[PassManager]:
        (manager,) = super().define_pipelines()
        own = PassManager("helper")
        for step, description in manager.passes:
            last = step is typed_passes.NativeLowering
            own.add_pass(_HelperLowering if last else step, description)
        own.finalize()
        return [own]


@register_pass(mutates_CFG=True, analysis_only=False)
class _HelperLowering(typed_passes.NativeLowering):
    """Lowers to LLVM's code and leaves out what makes it executable."""

    _name = "fleetloop_helper_lowering"

    def run_pass(self, state: Any) -> bool:  # noqa: ANN401 - Numba's own
        state.library = _Ingredient(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        described = lowered.fndesc
        # Numba knows a compiled function by an object of this type; address 0: it can't be called.
        token = _dynfunc.make_function(
            described.lookup_module(), described.qualname, "", 0, lowered.env, (state.library,)
        )
        state.targetctx.insert_user_function(token, described, [state.library])
        state["cr"] = _LowerResult(described, lowered.call_helper, cfunc=token, env=lowered.env)
        return True


class _Ingredient(codegen.JITCodeLibrary):
    """Code to be linked: neither optimised as a whole nor made executable."""

    def _optimize_final_module(self) -> None:
        """Is done in the kernel that it is linked into."""

    def _finalize_final_module(self) -> None:
        self._finalized = True


def _remembering(context: Any) -> Any:  # noqa: ANN401 - Numba's own
    """A typing context with the state of the given one, which remembers the types of operators."""
    known: Any = vars(context).get("_fleetloop_remembering")
    if known is None:
        kind = type("Remembering", (_Remembering, type(context)), {})
        known = object.__new__(kind)
        vars(context).update(_fleetloop_remembering=known, _fleetloop_plain=context)
        vars(context).update(_fleetloop_known={})
        known.__dict__ = vars(context)
    return known


class _Remembering:
    """Mixed into the class of Numba's typing context."""

    _fleetloop_plain: Any
    _fleetloop_known: dict[tuple[int, Any], tuple[Any, Any]]

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:  # noqa: ANN401 - Numba's own
        plain: Any = super()
        # Operators come as plain functions (`operator.add`), `min` and the like as `Function`.
        built_in = type(func) is types.Function or not isinstance(func, types.Type | str)
        if not built_in or kws or not all(_is_settled(arg) for arg in args):
            return plain.resolve_function_type(func, args, kws)
        # By identity, since lowering looks up in the very object what was found for it here.
        key = (id(func), tuple(args))
        if key not in self._fleetloop_known:
            found = plain.resolve_function_type(func, args, kws)
            if found is None:
                return None
            self._fleetloop_known[key] = (func, found)
        return self._fleetloop_known[key][1]

    # Numba keeps what it has compiled by typing context: this one is the same as the plain one.
    def __eq__(self, other: object) -> bool:
        return other is self or other is self._fleetloop_plain

    def __hash__(self) -> int:
        return hash(self._fleetloop_plain)


def _is_settled(arg: Any) -> bool:  # noqa: ANN401 - Numba's own
    return isinstance(arg, types.Type) and arg.is_precise()
