"""The compilation of functions that Python never calls.

numba optimizes each function together with all that it calls, down to machine code, before it compiles the next one
that calls it. Functions that only compiled functions call need none of this: they are optimized once, in the entry.
"""

from typing import Any, ClassVar

from llvmlite.binding import Linkage, create_pass_builder, create_pipeline_tuning_options
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, Flags
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class _NoEnvironments:
    """A code generator for which functions need no Python objects."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, _name: str, _environment: object) -> None:
        """Nothing to set."""


class _InnerLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that is not optimized and becomes no machine code before it is part of an entry."""

    @property
    def codegen(self) -> Any:
        return _NoEnvironments(self._codegen)

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, _name: str) -> int:
        self._ensure_finalized()
        return 0


class _EntryLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that Python calls, with all that it calls: private to it, so that LLVM inlines what has one caller."""

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        target = self._codegen._tm  # noqa: SLF001 - numba has no public name
        builder = create_pass_builder(target, create_pipeline_tuning_options(3))
        builder.getModulePassManager().run(self._final_module, builder)


class _SharedFlags(Flags):  # type: ignore[misc]
    """Options of a compilation, one object for all that are alike: numba looks them up at every call that it types."""

    __slots__ = ()
    _known: ClassVar[dict[str, "_SharedFlags"]] = {}
    __eq__, __hash__ = object.__eq__, object.__hash__

    def copy(self) -> "_SharedFlags":
        """The shared object of these options, which does not change any more."""
        return self._known.setdefault(self.summary(), self)


def _compiler(library: type[JITCodeLibrary]) -> type[CompilerBase]:
    """The compiler of functions whose code goes into such a library."""

    @register_pass(mutates_CFG=True, analysis_only=False)
    class Lowering(NativeLowering):  # type: ignore[misc]
        _name = f"lowering_to{library.__name__}"

        def run_pass(self, state: Any) -> bool:
            state.library = library(state.targetctx.codegen(), state.func_id.func_qualname)
            state.library.enable_object_caching()
            return bool(super().run_pass(state))

    class Compiler(CompilerBase):  # type: ignore[misc]
        def _compile_core(self) -> Any:
            self.state.flags = _SharedFlags(self.state.flags)
            return super()._compile_core()

        def define_pipelines(self) -> list[Any]:
            passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
            passes.passes = [(Lowering if one is NativeLowering else one, told) for one, told in passes.passes]
            passes.finalize()
            return [passes]

    return Compiler


InnerFunction, EntryFunction = _compiler(_InnerLibrary), _compiler(_EntryLibrary)
