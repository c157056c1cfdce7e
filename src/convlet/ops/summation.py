"""Sums of arrays over axes: accurate, and the same for a row whatever stands beside it.

NumPy adds in pairs only along contiguous memory; over an outer axis it adds term after term, and the rounding error
grows with the count. Here a long outer axis is first summed in blocks. The blocks depend on the length of that axis
alone, so that an image's sum has the same bits in every batch.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..autograd.variable import Array
from ..kernels import large
from .conversion import is_half

BLOCK = 128  # terms added one after the other, as many as NumPy's own pairwise sum
SHORT = 16  # partial sums left along an axis
PART = 1 << 15  # elements that one thread adds up

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
    compiled = _compiled(array, axes)
    if compiled is not None:
        if keepdims:
            compiled = compiled.reshape([1 if axis in axes else n for axis, n in enumerate(array.shape)])
        return compiled if half is None else compiled.astype(half)
    for axis in _long_outer(array, axes):
        array = _sum_blocks(array, axis)
    result = np.asarray(add_reduce(array, axis=axes, keepdims=keepdims))
    return result if half is None else result.astype(half)


def _compiled(array: Array, axes: tuple[int, ...]) -> Array | None:
    """The sums by a kernel (kernels/totals.py), where images are large; None where there is none for these axes."""
    kernels = large.of_images("totals", array)
    seen = None if kernels is None else large.along(array, axes)
    shape = [n for axis, n in enumerate(array.shape) if axis not in axes]
    if seen is None:  # planes first
        inner = (array.ndim - 2, array.ndim - 1)
        if kernels is None or len(axes) <= 2 or not set(inner) < set(axes) or large.along(array, inner) is None:
            return None
        return np.asarray(add_reduce(sum_over(array, inner, True), axis=axes)).reshape(shape)
    if not array.flags.c_contiguous and [axis for axis in (2, 3, 1) if axis not in axes] not in ([2, 3], [1], []):
        return None  # what is left of channels-last images lies in another order
    outer, count, inner_size = seen
    parts = _parts(count, inner_size)
    result = np.empty((outer * parts, inner_size), np.float32)
    kernels.sums(array, (outer * parts, count // parts, inner_size), result)
    if parts > 1:
        result = np.add.reduce(result.reshape(outer, parts, inner_size), axis=1, dtype=np.float64).astype(np.float32)
    return result.reshape(shape)


@lru_cache(maxsize=256)
def _parts(count: int, inner: int) -> int:
    """Into how many equal parts a long sum is cut, so that several threads take part."""
    if count * inner <= 2 * PART:
        return 1
    least = max(1, count * inner // PART)
    return next((parts for parts in range(least, min(count, 4 * least) + 1) if count % parts == 0), 1)


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
