"""What a parallel region costs on this machine, and how far its cores are from each other."""

from __future__ import annotations

import time

import numpy as np
from llvmlite import ir

from convlet.kernels import launch
from convlet.kernels.emit import store_i64
from convlet.kernels.jit import intrinsic, types
from convlet.runtime import memory


def _nothing(frame, a, b, offsets, out, scratch, worker):
    pass


_TURNS = 2000


@intrinsic
def _watch(typing, address):
    """The int64 at an address, read anew each time."""

    def codegen(context, builder, sig, args):
        place = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "monotonic", 8)

    return types.int64(types.int64), codegen


def _pass_on(frame, a, b, offsets, out, scratch, worker):
    """Two workers take turns to raise a number; gives up where they are one thread."""
    for turn in range(_TURNS):
        waited = 0
        while _watch(a) != 2 * turn + worker:
            waited += 1
            if waited > 1_000_000:
                return
        store_i64(a, 2 * turn + worker + 1)


def handover_ns() -> float:
    """Nanoseconds until one core sees what another wrote: about 50 where they share a cache, 100 and more where not.

    A virtual machine may be moved from the one to the other while it runs.
    """
    kernel = launch.Kernel(_pass_on)
    best = float("inf")
    for _ in range(10):
        line = np.zeros(16, np.int64)
        start = time.perf_counter()
        launch.launch(kernel.address, 0, memory.address(line), 0, 0, 0, 0, 2)
        if line[0] == 2 * _TURNS:
            best = min(best, (time.perf_counter() - start) / (2 * _TURNS) * 1e9)
    return best


def regions() -> None:
    """Prints what an empty parallel region costs, warm and after 20 ms of sleep."""
    kernel = launch.Kernel(_nothing)

    def once(workers: int) -> float:
        start = time.perf_counter()
        launch.launch(kernel.address, 0, 0, 0, 0, 0, 64, workers)
        return (time.perf_counter() - start) * 1e6

    once(2)
    print(f"a line goes from core to core in {handover_ns():.0f} ns")
    for workers in (1, 2):
        warm = sorted(once(workers) for _ in range(2000))
        print(f"{workers} workers: warm {warm[1000]:.1f} us (9 of 10 within {warm[1800]:.1f})", end="; ")
        idle = []
        for _ in range(30):
            time.sleep(0.02)
            idle.append(once(workers))
        print(f"after 20 ms of sleep {sorted(idle)[15]:.0f} us (worst {max(idle):.0f})")
