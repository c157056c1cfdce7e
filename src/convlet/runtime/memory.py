"""Scratch memory: one aligned buffer a Python thread, reused by every call that thread makes."""

from __future__ import annotations

import threading

import numpy as np

LINE = 64  # bytes of a cache line; every scratch address is a multiple
KEEP = 32 << 20  # bytes: a larger buffer serves its call and is then returned to the system


class _Scratch(threading.local):
    buffer: np.ndarray | None = None
    address = 0


_scratch = _Scratch()


def lines(nbytes: int) -> int:
    """`nbytes` rounded up to whole cache lines."""
    return -(-nbytes // LINE) * LINE


def address(array: np.ndarray) -> int:
    """Where an array's first element lies. The caller keeps the array alive."""
    return array.__array_interface__["data"][0]


def scratch(nbytes: int) -> tuple[int, np.ndarray]:
    """The address of at least `nbytes` of this Python thread's scratch, and the array that keeps it alive.

    Its content is undefined, and the next call of the same thread gets the same bytes.
    """
    buffer = _scratch.buffer
    if buffer is not None and buffer.nbytes >= nbytes + LINE:
        return _scratch.address, buffer
    buffer = np.empty(max(nbytes, 1 << 20) + LINE, np.uint8)
    start = lines(address(buffer))
    if buffer.nbytes <= KEEP:
        _scratch.buffer, _scratch.address = buffer, start
    return start, buffer
