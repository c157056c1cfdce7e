"""How the four axes of an image batch lie in memory, and new arrays that lie the same way."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.variable import Array
from ..runtime import memory


def is_channels_last(array: Array) -> bool:
    """Whether the channels lie next to each other; not where that is the contiguous layout as well."""
    return array.ndim == 4 and not array.flags.c_contiguous and array.transpose(0, 2, 3, 1).flags.c_contiguous


def empty_like_layout(array: Array, shape: tuple[int, ...], dtype: np.dtype[Any] | None = None) -> Array:
    """An uninitialised array of another shape in the layout of ``array``: channels-last or contiguous."""
    dtype = array.dtype if dtype is None else dtype
    return memory.empty(shape, dtype, (0, 2, 3, 1) if is_channels_last(array) else None)


def lying_as(array: Array, like: Array) -> Array:
    """The array, or a copy of it, in the layout of another that is contiguous or channels-last."""
    if like.flags.c_contiguous:
        return np.ascontiguousarray(array)
    if array.transpose(0, 2, 3, 1).flags.c_contiguous:
        return array
    copy = memory.empty(array.shape, array.dtype, (0, 2, 3, 1))
    np.copyto(copy, array)
    return copy


def without_data(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array of this shape that takes no memory: what an operation on meta tensors returns."""
    return np.broadcast_to(np.zeros((), dtype), shape)
