"""Sums of arrays over axes: accurate, and the same for a row whatever stands beside it.

NumPy adds in pairs only along contiguous memory; over an outer axis it adds term after term, and the rounding error
grows with the count. Here a long outer axis is first summed in blocks. The blocks depend on the length of that axis
alone, so that an image's sum has the same bits in every batch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.variable import Array
from .conversion import is_half

BLOCK = 128  # terms added one after the other, as many as NumPy's own pairwise sum
SHORT = 16  # partial sums left along an axis

add_reduce: Any = np.add.reduce  # Any: the stubs know no keepdims that varies


def sum_over(array: Array, axes: tuple[int, ...], keepdims: bool = False, dtype: Any = None) -> Array:
    """The sum over ``axes``, in ``dtype`` if given; float16 and bfloat16 are added up in float32."""
    if dtype is not None and array.dtype != dtype:
        array = array.astype(dtype)
    if array.dtype.kind not in "fVc":
        return np.asarray(add_reduce(array, axis=axes, keepdims=keepdims, dtype=array.dtype))
    half = array.dtype if is_half(array.dtype) else None
    if half is not None:
        array = array.astype(np.float32)
    for axis in _long_outer(array, axes):
        array = _sum_blocks(array, axis)
    result = np.asarray(add_reduce(array, axis=axes, keepdims=keepdims))
    return result if half is None else result.astype(half)


def _long_outer(array: Array, axes: tuple[int, ...]) -> list[int]:
    """The long ones of the summed axes outside the innermost run in memory, which is where NumPy adds in pairs."""
    if array.size <= BLOCK:
        return []
    in_memory = sorted([(abs(s), axis, n) for axis, (n, s) in enumerate(zip(array.shape, array.strides)) if n > 1])
    outer, end, inside = [], 0, True
    for stride, axis, count in in_memory:
        inside = inside and axis in axes and stride == (end or stride)
        end = stride * count
        if axis in axes and not inside:
            outer.append(axis)
    if math.prod([array.shape[axis] for axis in outer]) <= BLOCK:
        return []
    return [axis for axis in outer if array.shape[axis] > SHORT]


def _sum_blocks(array: Array, axis: int) -> Array:
    """Partial sums along ``axis``, at most SHORT of them, each of at most BLOCK terms or of partial sums of such."""
    while array.shape[axis] > SHORT:
        count = array.shape[axis]
        block = min(BLOCK, max(SHORT, int(count**0.5)))
        whole = count // block * block
        lead, trail = (slice(None),) * axis, array.shape[axis + 1 :]
        blocks = array[(*lead, slice(0, whole))].reshape(*array.shape[:axis], whole // block, block, *trail)
        sums = np.add.reduce(blocks, axis=axis + 1)
        if whole < count:
            rest = np.add.reduce(array[(*lead, slice(whole, None))], axis=axis, keepdims=True)
            sums = np.concatenate([sums, rest], axis=axis)
        array = sums
    return array
