"""What this machine can do at best: the register tile on the L1 cache, what a parallel region costs, and how far its
cores are from each other."""

from __future__ import annotations

import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from convlet.kernels import launch, steps, target
from convlet.kernels.emit import call, load_i64, store_i64
from convlet.runtime import memory

_REPEAT, _K = 400, 256


def _tiles(frame, a, b, offsets, out, scratch, worker):
    """_REPEAT full tiles of _K steps; frame: address of (tile, mr, offsets of a, offsets of b)."""
    for _ in range(_REPEAT):
        shape = (load_i64(frame + 8), 2, _K, a, load_i64(frame + 16), b, load_i64(frame + 24))
        call(load_i64(frame), (*shape, scratch + 64 + worker * 4096, 128, 1))


def _nothing(frame, a, b, offsets, out, scratch, worker):
    pass


def tile_gflops(threads: int, element: int = 4) -> float:
    """GFLOP/s of float32 (float64: element 8) tiles that read a little of both operands again and again."""
    machine = target.current()
    lanes = machine.lanes(element)
    dtype = f"f{element}"
    a, b = np.ones((8, 16), dtype), np.ones((8, 2 * lanes), dtype)
    offsets_a = (np.arange(_K) % 8 * a.strides[0]).astype(np.int32)
    offsets_b = (np.arange(_K) % 8 * b.strides[0]).astype(np.int32)
    address = memory.address
    frame = np.array(
        [steps.STEPS[element]["tile"].address, machine.mr, address(offsets_a), address(offsets_b)], np.int64
    )
    kernel = launch.Kernel(_tiles)
    best = 0.0
    for _ in range(20):
        start = time.perf_counter()
        launch.launch(kernel.address, address(frame), address(a), address(b), 0, 0, 4096, threads)
        elapsed = time.perf_counter() - start
        best = max(best, 2 * machine.mr * 2 * lanes * _K * _REPEAT * threads / elapsed / 1e9)
    return best


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
    from convlet.runtime import threads

    kernel = launch.Kernel(_nothing)

    def once(workers: int) -> float:
        start = time.perf_counter()
        launch.launch(kernel.address, 0, 0, 0, 0, 0, 64, workers)
        return (time.perf_counter() - start) * 1e6

    once(2)
    print(f"threading layer {threads.layer()}; a line goes from core to core in {handover_ns():.0f} ns")
    for workers in (1, 2):
        warm = sorted(once(workers) for _ in range(2000))
        print(f"{workers} workers: warm {warm[1000]:.1f} us (9 of 10 within {warm[1800]:.1f})", end="; ")
        idle = []
        for _ in range(30):
            time.sleep(0.02)
            idle.append(once(workers))
        print(f"after 20 ms of sleep {sorted(idle)[15]:.0f} us (worst {max(idle):.0f})")
