"""What this machine can do at best: the register tile alone, on data in the L1 cache."""

from __future__ import annotations

import time

import numpy as np

from ..runtime import memory
from . import launch, steps, target
from .emit import call, load_i64
from .launch import next_task

# Tasks of a region for each of its workers, tiles of a task, steps of a tile.
_TASKS, _REPEAT, _K = 10, 40, 256


def _tiles(frame, a, b, offsets, out, scratch, worker):
    """Tasks of _REPEAT full tiles of _K steps; frame: address of (tile, mr, offsets of a, offsets of b, tasks)."""
    tasks = load_i64(frame + 32)
    while next_task(scratch, worker, tasks) < tasks:
        for _ in range(_REPEAT):
            shape = (load_i64(frame + 8), 2, _K, a, load_i64(frame + 16), b, load_i64(frame + 24))
            call(load_i64(frame), (*shape, scratch + 64 + worker * 4096, 128, 1, 0, 0))


def tile_gflops(threads: int, element: int = 4) -> float:
    """GFLOP/s of float32 (float64: element 8) tiles that read a little of both operands again and again."""
    machine = target.current()
    lanes = machine.lanes(element)
    dtype = f"f{element}"
    a, b = np.ones((8, 16), dtype), np.ones((8, 2 * lanes), dtype)
    offsets_a = (np.arange(_K) % 8 * a.strides[0]).astype(np.int32)
    offsets_b = (np.arange(_K) % 8 * b.strides[0]).astype(np.int32)
    address = memory.address
    tasks = _TASKS * threads
    frame = np.array(
        [steps.STEPS[element]["tile"].address, machine.mr, address(offsets_a), address(offsets_b), tasks], np.int64
    )
    kernel = launch.Kernel(_tiles)
    best = 0.0
    for _ in range(20):
        start = time.perf_counter()
        launch.launch(kernel.address, address(frame), address(a), address(b), 0, 0, 4096, threads)
        elapsed = time.perf_counter() - start
        best = max(best, 2 * machine.mr * 2 * lanes * _K * _REPEAT * tasks / elapsed / 1e9)
    return best
