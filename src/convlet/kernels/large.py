"""Where large arrays leave NumPy for compiled kernels, which use all threads and pass over memory less often.

A kernel takes float32 arrays of one dense layout from a size on; everything else, and everything where Numba is not
installed, stays with NumPy. This module itself loads nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ..runtime import memory

# Elements above which a kernel beats NumPy by more than its call. On a 2-core Zen 5 NumPy adds 2e5 numbers in 26 us and
# a kernel on two threads in 26 us; batch norm of as many takes 409 and 150 us (November 2026).
LARGE = 1 << 17
# How many times fewer are enough where NumPy passes over the memory more often, or with more calls: batch norm is as
# fast at 512 elements, a maximum over windows at 2,000, ReLU with its gradient at 8,000 (2-core Zen 4, November 2026).
SOONER = {"norm": 256, "pool": 64, "average": 64, "elementwise": 16}

PIECES = 1 << 9  # of memory that are copied in one call; more, which are smaller, NumPy copies

IMAGE = 1 << 12  # elements of an image from which on kernels with bits of their own take it
IMAGES = {"softmax": 1 << 9, "layer_norm": 1 << 8, "totals": 1 << 13}  # another number of some: as for SOONER


@cache
def _load(name: str) -> Any:
    try:
        return import_module(f"convlet.kernels.{name}")
    except ImportError as error:
        if (error.name or "").startswith("convlet"):
            raise
        return None


def available(name: str) -> Any:
    """The module of kernels of that name, or None without Numba."""
    return _load(name)


def kernels(name: str, array: np.ndarray) -> Any:
    """The module of kernels of that name, for a large float32 array; else None."""
    if array.size <= LARGE // SOONER.get(name, 1) or array.dtype != np.float32:
        return None
    return _load(name)


def once_loaded(name: str, array: np.ndarray) -> Any:
    """The same, after the first convolution: loading Numba for a sum would cost more than the sum.

    For kernels whose results have the same bits as NumPy's.
    """
    return kernels(name, array) if "convlet.kernels.launch" in sys.modules else None


def of_images(name: str, array: np.ndarray) -> Any:
    """The same, for kernels with bits of their own: an image must get them in every batch, and before a convolution."""
    if array.ndim < 2 or array.size < len(array) * IMAGES.get(name, IMAGE) or array.dtype != np.float32:
        return None
    return _load(name)


def updates() -> Any:
    """The formulas of optimizers (kernels/update.py), after the first convolution: they have NumPy's bits."""
    return _load("update") if "convlet.kernels.launch" in sys.modules else None


def dense(array: np.ndarray) -> bool:
    """Whether an array is contiguous or channels-last."""
    flags = array.flags
    return flags.c_contiguous or (array.ndim == 4 and array.transpose(0, 2, 3, 1).flags.c_contiguous)


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays of the same shape and type lie in memory in the same dense order."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.flags.c_contiguous:
        return b.flags.c_contiguous
    return a.strides == b.strides and dense(a)


def along(array: np.ndarray, axes: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(outer, count, inner) of a dense array whose ``axes`` lie side by side in memory: the array as they divide it."""
    if not array.size or not axes or not dense(array):
        return None
    order = (*range(array.ndim),) if array.flags.c_contiguous else (0, 2, 3, 1)
    places = sorted([order.index(axis) for axis in axes])
    first, last = places[0], places[-1]
    if len(places) != last - first + 1:
        return None
    sizes = [array.shape[axis] for axis in order]
    return math.prod(sizes[:first]), math.prod(sizes[first : last + 1]), math.prod(sizes[last + 1 :])


def ufunc(function: Any, *operands: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """A NumPy function of arrays element by element, into `out` or a new array.

    Large results of the size of the first operand are memory that is used again; sums, differences, products and
    quotients are those of kernels, which have the same bits.
    """
    first = operands[0]
    if first.size <= LARGE:
        return function(*operands, out=out)
    fits = dense(first) and first.dtype.kind == "f" and (out is None or alike(first, out))
    for each in operands[1:]:
        same = each.shape == first.shape or np.broadcast_shapes(first.shape, each.shape) == first.shape
        if each.dtype != first.dtype or not same:
            fits = False
        elif out is not None and each is not out and np.may_share_memory(each, out):
            fits = False  # it must not change while it is read
    if not fits:
        return function(*operands, out=out)
    if out is None:
        kind = function.resolve_dtypes((*[each.dtype for each in operands], None))[-1]
        out = memory.empty_like(first, kind)
    compiled = once_loaded("arithmetic", first)
    if compiled is None or not compiled.knows(function) or not _by_kernel(compiled, function, first, operands[1], out):
        function(*operands, out=out)
    return out


def _by_kernel(compiled: Any, function: Any, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> bool:
    """Fills out = function(a, b) where a kernel takes how b stands beside a."""
    if alike(a, b):
        compiled.of_arrays(function, a, b, out)
        return True
    if b.size == 1:
        compiled.with_number(function, a, b, out)
        return True
    sizes = (1,) * (a.ndim - b.ndim) + b.shape
    axes = tuple([axis for axis, size in enumerate(sizes) if size == 1 < a.shape[axis]])
    seen = along(a, axes)
    if seen is None:
        axes = axes[1:]  # a number for each image, although it is the same for all
        seen = along(a, axes)
    if seen is None or seen[0] == 1 < seen[2]:  # a few long columns
        return False
    numbers = np.broadcast_to(b, [1 if axis in axes else size for axis, size in enumerate(a.shape)])
    if not a.flags.c_contiguous:
        numbers = numbers.transpose(0, 2, 3, 1)
    compiled.with_numbers(function, a, np.ascontiguousarray(numbers), out, seen)
    return True


def copied(array: np.ndarray) -> np.ndarray:
    """A copy whose axes lie in the same order in memory; several threads copy large dense arrays."""
    if array.size <= LARGE or not dense(array):
        return array.copy(order="K")
    out = memory.empty_like(array)
    compiled = once_loaded("arithmetic", array)
    if compiled is None:
        np.copyto(out, array)
    else:
        compiled.copy(array, out)
    return out


def concatenate(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """np.concatenate; several threads copy large contiguous arrays."""
    first = max(arrays, key=lambda array: array.size)
    outer = math.prod(first.shape[:axis])
    if first.size <= LARGE or outer * len(arrays) > PIECES:
        return np.concatenate(arrays, axis)
    compiled = once_loaded("arithmetic", first)
    if compiled is None or not all(each.dtype == first.dtype and each.flags.c_contiguous for each in arrays):
        return np.concatenate(arrays, axis)
    sizes = [each.shape[axis] for each in arrays]
    out = memory.empty((*first.shape[:axis], sum(sizes), *first.shape[axis + 1 :]), first.dtype)
    compiled.copy_side_by_side(arrays, outer, out)
    return out
