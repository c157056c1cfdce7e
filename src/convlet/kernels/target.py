"""The processor kernels are compiled for: vector width and register tile, as a table.

CONVLET_TARGET=avx2 (a name of the table) compiles for less than the machine has; tests use it.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

from ..runtime import cache, processor


@dataclass(frozen=True, slots=True)
class Target:
    """What a kernel must know of a processor.

    The register tile is mr positions x nr vectors: mr*nr accumulators, nr vectors of the second operand and
    one broadcast have to fit the register file (32 registers: 14*2 + 2 + 1; 16 registers: 6*2 + 2 + 1).
    """

    name: str
    vector: int  # bytes of a vector register
    registers: int
    mr: int
    nr: int
    cpu: str | None  # LLVM's name to compile for; None: the machine it runs on
    needs: str = ""  # the LLVM feature a machine must report

    def lanes(self, element: int) -> int:
        """Elements of `element` bytes in a vector."""
        return self.vector // element

    @property
    def chained_mr(self) -> int:
        """Positions of a tile whose sums are made of short ones: twice 7*2 sums + 2 + 1 registers. With few registers
        the sums of sums are on the stack."""
        return 7 if self.registers >= 32 else self.mr

    def panel_mr(self, element: int) -> int:
        """Rows of a product of matrices, panel_nr vectors wide: 8*3 + 3 + 1 registers, or 4*3 + 3 + 1."""
        return min(8 if self.registers >= 32 else 4, self.lanes(element))

    @property
    def panel_nr(self) -> int:
        """Vectors of such a row."""
        return 3

    def narrow_widths(self, m: int) -> list[int]:
        """Vectors that a tile of m rows may be wide, where its lanes are positions: the widest keeps all registers
        busy, the others are for what is left over."""
        widest = min(8, (self.registers - 1) // (m + 1))
        return sorted({*range(2, widest + 1, 2), widest, 1})


# Best first; the last is every other machine: 128-bit vectors, 16 registers assumed (SSE2; NEON has more).
TARGETS = {
    target.name: target
    for target in (
        Target("avx512", vector=64, registers=32, mr=14, nr=2, cpu="skylake-avx512", needs="avx512f"),
        Target("avx2", vector=32, registers=16, mr=6, nr=2, cpu="haswell", needs="avx2"),
        Target("neon", vector=16, registers=32, mr=14, nr=2, cpu=None, needs="neon"),
        Target("generic", vector=16, registers=16, mr=6, nr=2, cpu=None),
    )
}


# What Numba, too, compiles for where the user says so.
_CHOSEN = os.environ.get("NUMBA_CPU_NAME", "")


@functools.cache
def current() -> Target:
    """The target of this process: CONVLET_TARGET, else the best of the table that the machine has."""
    forced = os.environ.get("CONVLET_TARGET")
    if forced:
        if forced not in TARGETS:
            raise ValueError(f"CONVLET_TARGET={forced!r} is none of {', '.join(TARGETS)}")
        return TARGETS[forced]
    if _CHOSEN:  # take what the names promise
        return TARGETS["avx2" if _CHOSEN == "haswell" else "generic"]
    return next(t for t in TARGETS.values() if not t.needs or t.needs in processor.features())


@functools.cache
def compiled_for() -> tuple[str, str]:
    """LLVM's name of the processor that code is compiled for, and its features."""
    target = current()
    if os.environ.get("CONVLET_TARGET") and target.cpu is not None:  # no more than the target has
        return target.cpu, ""
    if _CHOSEN:
        return _CHOSEN, os.environ.get("NUMBA_CPU_FEATURES", "")
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@functools.cache
def label() -> str:
    """A name for the code of this target."""
    chosen = "".join(f"-{cache.digest(text.encode())}" for text in compiled_for()) if _CHOSEN else ""
    return current().name + chosen
