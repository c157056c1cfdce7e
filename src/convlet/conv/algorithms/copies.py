"""Copies of weights and their gradients, where a kernel cannot read or write them as they are.

Numbers of 16 bits that lie in one run are widened and narrowed by a kernel; NumPy copies all others, of which it
converts 16 bits one by one.
"""

from __future__ import annotations

import numpy as np

from ...kernels import copies as kernels
from ...kernels import launch, steps
from ...runtime import memory, threads
from ..gradient import Array
from ..problem import short_dtype
from .frames import CODES

# Elements from which on a second thread saves time: about what a region costs is what it saves with half of them.
SHARED = 32 << 10



def widened(array: Array, compute: np.dtype) -> Array:
    """The array in contiguous memory and of a compute type; itself if it is."""
    if array.itemsize != 2 or not array.flags.c_contiguous:
        return np.ascontiguousarray(array, compute)
    room = memory.empty((array.size + memory.LINE // 4,), np.float32)
    _convert(kernels.widen, "gather", array, array.dtype, room)
    return room[: array.size].reshape(array.shape)


def room_for(out: Array, compute: np.dtype) -> Array:
    """An array for the sums of `out`, whose elements lie in the same order if they lie in one run."""
    if _is_last(out):
        n, c, h, w = out.shape
        return memory.empty((n, h, w, c), compute).transpose(0, 3, 1, 2)
    return memory.empty(out.shape, compute)


def store(sums: Array, out: Array) -> None:
    """Copies the sums to where they belong; one beyond a half's range becomes infinite, as in PyTorch."""
    alike = (out.flags.c_contiguous and sums.flags.c_contiguous) or (_is_last(out) and _is_last(sums))
    if alike and out.itemsize == 2 and sums.dtype == np.float32:
        _convert(kernels.narrow, "scatter", sums, out.dtype, out)
        return
    with np.errstate(over="ignore"):
        out[...] = sums


def _is_last(array: Array) -> bool:
    """Whether the array is channels-last, and that is not contiguous, too."""
    return not array.flags.c_contiguous and array.transpose(0, 2, 3, 1).flags.c_contiguous


def _convert(kernel: launch.Kernel, step: str, source: Array, half: np.dtype, to: Array) -> None:
    workers = threads.get_num_threads() if source.size > SHARED else 1
    how, code = steps.STEPS[4][step].address, CODES[short_dtype(half)]
    launch.launch(kernel.address, how, memory.address(source), code, source.size, memory.address(to), 0, workers)
