"""Numbers of 16 bits become float32, and float32 numbers become such, a chunk a task."""

from __future__ import annotations

from .emit import call
from .launch import Kernel, next_task

# Elements of a task; a multiple of all vectors, beyond whose ends a gather writes.
CHUNK = 1 << 13


def _widen(gather, src, code, count, dst, scratch, worker):
    """dst[i] = src[i] for i < count, and up to a vector more; `gather` is the address of that step."""
    tasks = -(-count // CHUNK)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        first = task * CHUNK
        some = min(CHUNK, count - first)
        call(gather, (dst + 4 * first, 0, src + 2 * first, 0, 1, 2, some, 0, some, code))


def _narrow(scatter, src, code, count, dst, scratch, worker):
    """The same from float32; `scatter` is the address of that step."""
    tasks = -(-count // CHUNK)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        first = task * CHUNK
        some = min(CHUNK, count - first)
        call(scatter, (dst + 2 * first, 0, src + 4 * first, 0, 1, 2, some, code, 0))


widen = Kernel(_widen)
narrow = Kernel(_narrow)
