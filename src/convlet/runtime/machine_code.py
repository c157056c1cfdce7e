"""Compiled code: what is kept of it on disk, and how it comes to memory where the processor may run it.

Code is an *image*, position-independent bytes that need nothing but addresses of functions of the process at some
places (kernels/linking.py makes them), or, on systems whose object files we cannot read, an *object* file that LLVM
loads. An image needs no LLVM: a process whose kernels are on disk never loads it.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import mmap
import sys
from dataclasses import dataclass
from typing import Any

# Of this format; a file that begins with something else, or whose digest is another, counts as none.
MAGIC = b"convlet code 1\n"
DIGEST = 32


@dataclass(frozen=True, slots=True)
class Code:
    """A function and all that it needs."""

    content: bytes
    symbols: tuple[str, ...]  # of the process
    entry: int = 0  # image: where the function begins
    slots: tuple[int, ...] = ()  # image: where the addresses of the symbols belong
    name: str = ""  # object: of the function

    def pack(self) -> bytes:
        """As it is kept."""
        numbers = " ".join(map(str, (self.entry, *self.slots)))
        body = "\n".join([self.name, " ".join(self.symbols), numbers, ""]).encode() + self.content
        return MAGIC + hashlib.sha256(body).digest() + body


def unpack(packed: bytes) -> Code | None:
    """The code that was packed; None where the bytes are no such."""
    start = len(MAGIC) + DIGEST
    body = packed[start:]
    if not packed.startswith(MAGIC) or packed[len(MAGIC) : start] != hashlib.sha256(body).digest():
        return None
    name, symbols, numbers, content = body.split(b"\n", 3)
    entry, *slots = map(int, numbers.split())
    return Code(content, tuple(symbols.decode().split()), entry, tuple(slots), name.decode())


def symbol_address(name: str) -> int:
    """Where a function of the process is. LookupError: there is none of that name."""
    for library in _libraries():
        try:
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
        except AttributeError:
            continue
    raise LookupError(f"no function {name!r} in this process")


def _libraries() -> list[Any]:
    if sys.platform == "win32":
        return [ctypes.pythonapi, ctypes.CDLL("ucrtbase"), ctypes.CDLL("vcruntime140")]
    return [ctypes.pythonapi, ctypes.CDLL(None)]


_loaded: list[Any] = []  # what holds the code: for as long as the process lives


def load(code: Code) -> int:
    """The address of the function, in memory. LookupError: the process lacks what it needs."""
    addresses = [symbol_address(name) for name in code.symbols]
    return _load_object(code, addresses) if code.name else _load_image(code, addresses)


def _load_image(code: Code, addresses: list[int]) -> int:
    content = bytearray(code.content)
    for slot, address in zip(code.slots, addresses):
        content[slot : slot + 8] = address.to_bytes(8, "little")
    memory = mmap.mmap(-1, len(content), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return _put(memory, content) + code.entry


def _put(memory: mmap.mmap, content: bytes | bytearray) -> int:
    """The content is in the memory from now on, for the processor to run."""
    memory[: len(content)] = content
    start = _start(memory)
    if _protect()(start, len(content), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "this system lets no memory become code")
    _loaded.append(memory)
    return start


@functools.cache
def _protect() -> Any:
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    return protect


def _start(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


class Door:
    """The address of code that is yet to come, on x86-64."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.address = _start(self._memory)

    def leads_to(self, address: int) -> None:
        """The code has come: jmp *0(%rip), and the address."""
        _put(self._memory, b"\xff\x25\0\0\0\0" + address.to_bytes(8, "little"))


def _load_object(code: Code, addresses: list[int]) -> int:
    import llvmlite.binding as llvm

    for name, address in zip(code.symbols, addresses):
        llvm.add_symbol(name, address)
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code.content))
    engine.finalize_object()
    return engine.get_function_address(code.name)


@functools.cache
def _engine() -> Any:
    """LLVM's loader; one for all code, whose functions have names of their own."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
