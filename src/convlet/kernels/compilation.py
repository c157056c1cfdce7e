"""From a kernel's Python function to machine code: Numba makes LLVM's instructions of it, LLVM the processor's.

Numba would optimise and compile every function that a kernel calls on its own, and wrappers by which Python can call
it. Here they are *drafts*, instructions only, which are linked to the kernel; then the whole is optimised, once.
"""

from __future__ import annotations

import itertools
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types
from numba.core import codegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from ..runtime.machine_code import Code
from . import linking, target

I64 = ir.IntType(64)
# Whether object files are ones that become images.
IMAGES = sys.platform == "linux" and platform.machine() == "x86_64"


class Draft(codegen.JITCodeLibrary):
    """A function's instructions, and those of the functions it calls, not yet optimised."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def add_linking_library(self, library: Any) -> None:
        if library is not rtsys.library:  # that counts references
            super().add_linking_library(library)

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0


@contextmanager
def _drafting() -> Iterator[Any]:
    """Numba makes drafts of what it compiles."""
    with global_compiler_lock:
        context = cpu_target.target_context
        context.refresh()  # what Numba itself needs is not drafted
        generator = context.codegen()

        def executable(library: Any, *_: Any) -> Any:
            """Stands for what Python would call, a built-in function; each function has one of its own."""
            library.get_pointer_to_function("")
            return [].append

        generator._library_class, context.get_executable = Draft, executable
        try:
            yield context
        finally:
            del generator._library_class, context.get_executable


def compile(function: Callable[..., Any], name: str) -> Code:
    """The code of a function of int64 arguments that returns an int64, a boolean or nothing, which is 0."""
    count = function.__code__.co_argcount
    with _drafting() as context:
        options = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        kernel = numba.njit(**options)(function)
        kernel.compile((types.int64,) * count)
        (result,) = kernel.overloads.values()
        module = result.library._final_module.clone()
        module.link_in(parsed(_entry(context, result.fndesc, name, count)))
    return build(module, name)


def build(module: Any, name: str) -> Code:
    """The code of a function of a module of LLVM's."""
    module.link_in(parsed(_no_references()))
    for each in itertools.chain(module.functions, module.global_variables):
        if each.name != name and not each.is_declaration:
            each.linkage = "internal"
    machine = _machine(IMAGES)
    module.data_layout = str(machine.target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization, tuning.slp_vectorization = True, False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    if IMAGES:
        try:
            return linking.link(machine.emit_object(module), name)
        except linking.Unknown:
            machine = _machine(False)
    missing = [each.name for each in module.functions if each.is_declaration and not each.name.startswith("llvm.")]
    return Code(machine.emit_object(module), tuple(missing), name=name)


@cache
def _machine(images: bool) -> Any:
    """LLVM's idea of the processor, and of code that may lie anywhere or that LLVM loads."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = target.compiled_for()
    how: dict[str, Any]
    if images:
        how = {"reloc": "pic", "codemodel": "small"}
    else:
        how = {"reloc": "default", "codemodel": "jitdefault", "jit": True}
    kind = llvm.Target.from_triple(llvm.get_process_triple())
    return kind.create_target_machine(cpu=cpu, features=features, opt=3, **how)


def parsed(module: ir.Module) -> Any:
    """A module as LLVM has it."""
    module.triple = llvm.get_process_triple()
    return llvm.parse_assembly(str(module))


def _entry(context: Any, described: Any, name: str, count: int) -> ir.Module:
    """A function as C has it around one as Numba has it."""
    module = ir.Module("entry")
    inner = context.declare_function(module, described)
    outer = ir.Function(module, ir.FunctionType(I64, [I64] * count), name)
    builder = ir.IRBuilder(outer.append_basic_block())
    how = builder, inner, described.restype, described.argtypes, outer.args
    _, result = context.call_conv.call_function(*how)
    if described.restype == types.none:
        builder.ret(ir.Constant(I64, 0))
    else:
        builder.ret(builder.zext(result, I64) if result.type.width < 64 else result)
    return module


def _no_references() -> ir.Module:
    """Numba counts references to arrays, of which kernels have only those that own no memory."""
    module = ir.Module("references")
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    for name in ("NRT_incref", "NRT_decref"):
        function = ir.Function(module, kind, name)
        function.linkage = "linkonce_odr"
        ir.IRBuilder(function.append_basic_block()).ret_void()
    return module
