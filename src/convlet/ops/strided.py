"""Views through other strides: windows of an axis, diagonals, and any sizes and strides at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as strided_array

from ..autograd.function import Operation, make_result
from ..autograd.inplace import Embed, Region
from ..autograd.variable import Array, Variable
from .axes import array_of, axis_of, sizes_of
from .shape import in_place, reshape

__all__ = ["as_strided", "diag", "diag_embed", "diagflat", "diagonal"]


class Unfold(Operation):
    """Windows of an axis as a view: ``size`` long, ``step`` apart, in a new last axis."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, axis: int, size: int, step: int) -> Array:
        ctx.shape, ctx.arguments = input.shape, (axis, size, step)
        if not input.ndim:
            return input.reshape((1,) * size)
        shape, strides = list(input.shape), list(input.strides)
        stride = strides[axis]
        shape[axis] = (shape[axis] - size) // step + 1
        strides[axis] = stride * step
        return strided_array(input, (*shape, size), (*strides, stride))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Fold.apply(grad, ctx.shape, *ctx.arguments)


class Fold(Operation):
    """Windows added back in their places: the adjoint of Unfold."""

    backward_name = "UnfoldBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, windows: Array, shape: tuple[int, ...], axis: int, size: int, step: int) -> Array:
        ctx.arguments = axis, size, step
        result = np.zeros(shape, windows.dtype)
        if not shape:
            return windows.reshape(())
        count = windows.shape[axis]
        places = np.moveaxis(result, axis, -1)
        windows = np.moveaxis(windows, axis, -2)
        for offset in range(size):
            places[..., offset : offset + step * (count - 1) + 1 : step] += windows[..., offset]
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Unfold.apply(grad, *ctx.arguments)


def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """All windows of ``size`` elements along ``dimension``, ``step`` apart, as a view with a new last axis.

    RuntimeError when the axis is shorter than ``size``.

    >>> torch.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    shape = array_of(input).shape
    axis = axis_of(dimension, len(shape))
    length = shape[axis] if shape else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > length:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {length} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return Unfold.apply(input, axis, size, step)


class StridedView(Operation):
    """A view with other sizes and strides of the same memory."""

    backward_name = "AsStridedBackward0"
    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, region: Region, at_offset: Array) -> Array:
        ctx.region = region
        return at_offset

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Embed.apply(grad, ctx.region)


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A view of the memory of ``input`` with these sizes and strides (in elements), from ``storage_offset`` on.

    RuntimeError when it would leave the memory.

    >>> torch.as_strided(torch.arange(5), (2, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3]])
    """
    array = array_of(input)
    sizes, strides = sizes_of((size,)), sizes_of((stride,))
    if len(sizes) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(each < 0 for each in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(strides)}"
        )
    base = array if not isinstance(input, Variable) or input._base is None else input._base.array
    here = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    start = here if storage_offset is None else storage_offset * array.itemsize
    if isinstance(input, Variable) and input.meta:
        return make_result(np.broadcast_to(np.zeros((), array.dtype), sizes), meta=True)
    extent = _extent(base)
    needed = (sum((n - 1) * s for n, s in zip(sizes, strides)) + 1) * array.itemsize + start
    if 0 not in sizes and (needed > extent or start < 0):
        raise RuntimeError(
            f"setStorage: sizes {list(sizes)}, strides {list(strides)}, storage offset {start // array.itemsize}, and "
            f"itemsize {array.itemsize} requiring a storage size of {needed} are out of bounds for storage of size "
            f"{extent}"
        )
    steps = tuple([each * array.itemsize for each in strides])
    count = max(needed - start, array.itemsize) // array.itemsize
    flat = strided_array(base, (start // array.itemsize + (count if 0 not in sizes else 0),), (array.itemsize,))
    result = strided_array(flat[start // array.itemsize :], sizes, steps)
    region = Region(array.shape, array.strides, sizes, steps, start - here)
    return StridedView.apply(input, region, result)


def _extent(base: Array) -> int:
    """Bytes of memory from the first element of ``base`` to the end of the array that owns it."""
    owner: Any = base
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    offset = base.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return owner.nbytes - offset


class Diagonal(Operation):
    """The diagonal of two axes, as a last axis: a view."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, offset: int, first: int, second: int) -> Array:
        ctx.shape, ctx.arguments = input.shape, (offset, first, second)
        result = input.diagonal(offset, first, second)
        if input.flags.writeable:
            result.flags.writeable = True  # NumPy hands it out read-only
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return OnDiagonal.apply(grad, ctx.shape, *ctx.arguments)


class OnDiagonal(Operation):
    """Zeros with values on the diagonal of two axes: the adjoint of Diagonal."""

    backward_name = "DiagEmbedBackward0"

    @staticmethod
    def forward(ctx: Any, values: Array, shape: tuple[int, ...], offset: int, first: int, second: int) -> Array:
        ctx.arguments = offset, first, second
        result = np.zeros(shape, values.dtype)
        places = result.diagonal(offset, first, second)
        places.flags.writeable = True
        places[...] = values
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Diagonal.apply(grad, *ctx.arguments)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A view of the diagonal of axes ``dim1`` and ``dim2``, moved to the end; ``offset`` > 0 lies above it.

    >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    ndim = array_of(input).ndim
    first, second = axis_of(dim1, ndim), axis_of(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal.apply(input, offset, first, second)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices (in axes ``dim1`` and ``dim2`` of the result) with the last axis of the input on their diagonal."""
    shape = array_of(input).shape
    ndim = len(shape) + 1
    first, second = axis_of(dim1, ndim), axis_of(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = shape[-1] + abs(offset)
    result = list(shape[:-1])
    for axis in sorted((first, second)):
        result.insert(axis, side)
    return OnDiagonal.apply(input, tuple(result), offset, first, second)


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix (a copy), or the matrix with a vector on its diagonal.

    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    array = array_of(input)
    if array.ndim == 1:
        return diag_embed(input, diagonal)
    if array.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {array.ndim}D")
    return DiagonalCopy.apply(input, diagonal, 0, 1)


def diagflat(input: Any, offset: int = 0) -> Any:
    """The matrix with the elements of ``input``, flattened, on its diagonal.

    >>> torch.diagflat(torch.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(reshape(input, (-1,)), offset)


class DiagonalCopy(Operation):
    """The diagonal of two axes, as a last axis, in memory of its own."""

    backward_name = "DiagonalBackward0_copy"

    @staticmethod
    def forward(ctx: Any, input: Array, offset: int, first: int, second: int) -> Array:
        ctx.shape, ctx.arguments = input.shape, (offset, first, second)
        return input.diagonal(offset, first, second).copy()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return OnDiagonal.apply(grad, ctx.shape, *ctx.arguments)


as_strided_ = in_place(as_strided)
