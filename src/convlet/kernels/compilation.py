"""From a kernel's Python function to machine code: Numba makes LLVM's instructions of it, LLVM the processor's.

Numba would optimise and compile every function that a kernel calls on its own, and wrappers by which Python can call
it. Here they are *drafts*, the text of their instructions only. LLVM reads those of a kernel and of what it calls,
optimises them once, together, and compiles them; in another thread, because Numba, which is written in Python, takes
more than half of the time, and LLVM lets others run meanwhile.
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
from numba.core import codegen, config, typed_passes
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from ..runtime.machine_code import Code
from . import linking, target

I64 = ir.IntType(64)
# Whether object files are ones that become images.
IMAGES = sys.platform == "linux" and platform.machine() == "x86_64"


class Draft(codegen.JITCodeLibrary):
    """A function's instructions, and the functions it calls."""

    def __init__(self, generator: Any, name: str) -> None:
        codegen.CodeLibrary.__init__(self, generator, name)
        self.texts: list[str] = []
        self.calls: list[Any] = []

    def create_ir_module(self, name: str) -> ir.Module:
        module = ir.Module(name)
        module.triple = _triple()
        return module

    def add_ir_module(self, ir_module: ir.Module) -> None:
        self.texts.append(str(ir_module))

    def add_linking_library(self, library: Any) -> None:
        if library is not rtsys.library:  # that counts references
            self.calls.append(library)

    def finalize(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    def module(self) -> Any:
        """All of it, as LLVM has it. Only what LLVM is asked here takes long."""
        module, new, seen = llvm.parse_assembly(""), [self], set()
        while new:
            library = new.pop()
            if library in seen:
                continue
            seen.add(library)
            if isinstance(library, Draft):
                new += library.calls
                for text in library.texts:
                    module.link_in(llvm.parse_assembly(text))
            else:  # compiled by Numba before
                module.link_in(library._get_module_for_linking(), preserve=True)
        return module

    def _get_module_for_linking(self) -> Any:
        """For functions of others that call one which was first compiled for a kernel."""
        module = self.module()
        for each in module.functions:
            if not each.is_declaration:
                each.linkage = "linkonce_odr"
        return module


_sizes: dict[str, int] = {}  # bytes of LLVM's types


@contextmanager
def _drafting() -> Iterator[Any]:
    """Numba makes drafts of what it compiles, and asks LLVM nothing: it would wait for what is being built."""
    with global_compiler_lock:
        context = cpu_target.target_context
        context.refresh()  # what Numba itself needs is not drafted
        true_size = context.get_abi_sizeof

        def executable(library: Any, *_: Any) -> Any:
            """Stands for what Python would call, a built-in function; each function has one of its own."""
            return [].append

        def size_of(kind: Any) -> int:
            name = str(kind)
            if name not in _sizes:
                _sizes[name] = true_size(kind)
            return _sizes[name]

        generator, asked, disabled = context.codegen(), typed_passes.llvm, config.DISABLE_JIT
        generator._library_class, typed_passes.llvm = Draft, _NoStatistics
        config.DISABLE_JIT = 0  # which is meant for the functions of others
        context.get_executable, context.get_abi_sizeof = executable, size_of
        try:
            yield context
        finally:
            typed_passes.llvm, config.DISABLE_JIT = asked, disabled
            del generator._library_class, context.get_executable, context.get_abi_sizeof


class _NoStatistics:
    """In place of LLVM, which Numba asks what it did to counts of references."""

    class newpassmanagers:
        dump_refprune_stats = staticmethod(lambda: 0)

    passmanagers = newpassmanagers  # until Numba 0.61


def draft(function: Callable[..., Any], name: str) -> Callable[[], Code]:
    """What builds the code of a function of int64 arguments that returns an int64, a boolean or nothing, which is 0."""
    count = function.__code__.co_argcount
    with _drafting() as context:
        kernel = numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
        kernel.compile((types.int64,) * count)
        (result,) = kernel.overloads.values()
        entry = _entry(context, result.fndesc, name, count)

    def finish() -> Code:
        module = result.library.module()
        module.link_in(parsed(entry))
        return build(module, name)

    return finish


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


@cache
def _triple() -> str:
    return llvm.get_process_triple()


def parsed(module: ir.Module) -> Any:
    """A module as LLVM has it."""
    module.triple = _triple()
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
