"""Copies with the elements repeated, reversed, shifted, or moved between axes."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from ..autograd.function import Operation
from ..autograd.inplace import apply_inplace
from ..autograd.variable import Array
from .axes import array_of, axes_of, axis_of, sizes_of
from .broadcasting import sum_to
from .shape import Permute, expand, reshape, transpose

__all__ = [
    "channel_shuffle", "flip", "fliplr", "flipud", "meshgrid", "pixel_shuffle", "pixel_unshuffle", "roll", "rot90",
    "tile", "tril", "triu",
]  # fmt: skip


class Repeat(Operation):
    """Copies of the whole side by side: ``repeats[i]`` along axis i of the input with its leading axes of size 1."""

    @staticmethod
    def forward(ctx: Any, input: Array, repeats: tuple[int, ...]) -> Array:
        ctx.shape, ctx.repeats = input.shape, repeats
        return np.tile(input, repeats)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        sizes = (1,) * (len(ctx.repeats) - len(ctx.shape)) + ctx.shape
        blocks = tuple([n for pair in zip(ctx.repeats, sizes) for n in pair])
        once = tuple([n for size in sizes for n in (1, size)])
        return reshape(sum_to(reshape(grad, blocks), once), ctx.shape)


def repeat(input: Any, *repeats: Any) -> Any:
    """Copied ``repeats[i]`` times along each axis; more repeats than axes make new leading axes.

    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    shape = array_of(input).shape
    counts = sizes_of(repeats)
    if len(counts) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    if any(count < 0 for count in counts):
        sizes = [count * n for count, n in zip(counts, (1,) * (len(counts) - len(shape)) + shape)]
        worst = next(size for count, size in zip(counts, sizes) if count < 0)
        raise RuntimeError(f"Trying to create tensor with negative dimension {worst}: {sizes}")
    return Repeat.apply(input, counts)


def tile(input: Any, dims: Any) -> Any:
    """:func:`repeat` where missing counts, at the front, are 1."""
    counts = sizes_of((dims,))
    return repeat(input, (1,) * (array_of(input).ndim - len(counts)) + counts)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Any, ...]:
    """Grids of coordinates from vectors: expanded views, one for each vector.

    ``indexing`` 'ij': axis i of every grid follows vector i; 'xy': the first two axes are exchanged.

    >>> rows, columns = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", stacklevel=2
        )
        indexing = "ij"
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for each in tensors:
        if array_of(each).ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: a tensor of shape "
                f"{list(array_of(each).shape)}"
            )
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    exchanged = indexing == "xy" and len(tensors) >= 2
    if exchanged:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = tuple([array_of(each).size for each in tensors])
    grids = []
    for axis, each in enumerate(tensors):
        sizes = [1] * len(shape)
        sizes[axis] = -1
        grids.append(expand(reshape(each, sizes), shape))
    if exchanged:
        grids = [transpose(each, 0, 1) for each in grids]
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


class Triangle(Operation):
    """The lower or upper triangle of the last two axes, zeros elsewhere."""

    @staticmethod
    def forward(ctx: Any, input: Array, diagonal: int, lower: bool) -> Array:
        ctx.arguments = diagonal, lower
        ctx.rename("TrilBackward0" if lower else "TriuBackward0")
        return np.tril(input, diagonal) if lower else np.triu(input, diagonal)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Triangle.apply(grad, *ctx.arguments)


def tril(input: Any, diagonal: int = 0) -> Any:
    """The lower triangle of a matrix (or of each in a batch), up to ``diagonal``; zeros above.

    >>> torch.tril(torch.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    if array_of(input).ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return Triangle.apply(input, diagonal, True)


def triu(input: Any, diagonal: int = 0) -> Any:
    """The upper triangle of a matrix (or of each in a batch), from ``diagonal`` on; zeros below."""
    if array_of(input).ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return Triangle.apply(input, diagonal, False)


def tril_(input: Any, diagonal: int = 0) -> Any:
    """:func:`tril` into ``input``."""
    if array_of(input).ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return apply_inplace(Triangle, input, diagonal, True)


def triu_(input: Any, diagonal: int = 0) -> Any:
    """:func:`triu` into ``input``."""
    if array_of(input).ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return apply_inplace(Triangle, input, diagonal, False)


class Flip(Operation):
    """The elements along some axes in reverse order."""

    @staticmethod
    def forward(ctx: Any, input: Array, axes: tuple[int, ...]) -> Array:
        ctx.axes = axes
        return np.flip(input, axes).copy(order="K")

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Flip.apply(grad, ctx.axes)


def flip(input: Any, dims: Any) -> Any:
    """A copy with the order of the elements along ``dims`` reversed.

    >>> torch.flip(torch.tensor([[1, 2], [3, 4]]), (0,))
    tensor([[3, 4],
            [1, 2]])
    """
    return Flip.apply(input, axes_of(dims, array_of(input).ndim))


def fliplr(input: Any) -> Any:
    """Reversed along the second axis. RuntimeError with fewer than two."""
    if array_of(input).ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Any) -> Any:
    """Reversed along the first axis. RuntimeError without one."""
    if array_of(input).ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


class Roll(Operation):
    """The elements shifted around along some axes."""

    @staticmethod
    def forward(ctx: Any, input: Array, shifts: tuple[int, ...], axes: tuple[int, ...] | None) -> Array:
        ctx.shifts, ctx.axes = shifts, axes
        return np.roll(input, shifts[0] if axes is None else shifts, axes)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Roll.apply(grad, tuple([-shift for shift in ctx.shifts]), ctx.axes)


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """The elements shifted by ``shifts`` along ``dims``, around the end; along all of them flattened without ``dims``.

    >>> torch.roll(torch.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    ndim = array_of(input).ndim
    amounts = sizes_of((shifts,))
    axes = () if dims is None else sizes_of((dims,))
    if not amounts:
        raise RuntimeError("`shifts` required")
    if len(amounts) != len(axes) and not (len(amounts) == 1 and not axes):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(amounts)}, dims:{len(axes)}")
    return Roll.apply(input, amounts, tuple([axis_of(each, ndim) for each in axes]) if axes else None)


class Rot90(Operation):
    """Rotated by quarter turns in the plane of two axes."""

    @staticmethod
    def forward(ctx: Any, input: Array, k: int, axes: tuple[int, int]) -> Array:
        ctx.k, ctx.axes = k, axes
        return np.rot90(input, k, axes).copy()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Rot90.apply(grad, -ctx.k, ctx.axes)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """Rotated ``k`` quarter turns in the plane of two axes, from the first towards the second.

    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    ndim = array_of(input).ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == ndim:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    first, second = axis_of(dims[0], ndim), axis_of(dims[1], ndim)
    return Rot90.apply(input, k, (first, second))


def channel_shuffle(input: Any, groups: int) -> Any:
    """The channels of ``(N, C, *)`` as those of ``groups`` equal parts in turn. RuntimeError unless they divide evenly.

    Source: https://arxiv.org/abs/1707.01083

    >>> torch.nn.functional.channel_shuffle(torch.arange(4).view(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    n, c, *rest = array_of(input).shape
    if groups < 1 or c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    return reshape(transpose(reshape(input, (n, groups, c // groups, *rest)), 1, 2), (n, c, *rest))


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """(..., c r^2, h, w) rearranged to (..., c, h r, w r) (Shi et al. 2016, arXiv:1609.05158).

    >>> torch.pixel_shuffle(torch.zeros(1, 4, 2, 2), 2).shape
    torch.Size([1, 1, 4, 4])
    """
    shape, r = array_of(input).shape, operator.index(upscale_factor)
    if len(shape) < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    split = reshape(input, (*lead, c // (r * r), r, r, h, w))
    order = Permute.apply(split, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return reshape(order, (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """The reverse of :func:`pixel_shuffle`: (..., c, h r, w r) rearranged to (..., c r^2, h, w)."""
    shape, r = array_of(input).shape, operator.index(downscale_factor)
    if len(shape) < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = shape
    for name, position, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({position})="
                f"{size} is not divisible by {r}"
            )
    n = len(lead)
    split = reshape(input, (*lead, c, h // r, r, w // r, r))
    order = Permute.apply(split, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))
    return reshape(order, (*lead, c * r * r, h // r, w // r))
