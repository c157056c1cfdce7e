"""Parts of a tensor as views, and elements that index arrays pick, each beside its gradient."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.variable import Array
from .axes import array_of, axis_of
from .broadcasting import sum_to
from .conversion import cast

__all__ = ["narrow", "select", "select_scatter", "slice_scatter"]


# A part as a view -------------------------------------------------------------------------------------------------


class Part(Operation):
    """The part that a NumPy key of integers, slices and None names; ``name`` is PyTorch's for the last step."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, key: tuple[Any, ...], name: str) -> Array:
        ctx.shape, ctx.key = input.shape, key
        ctx.rename(name)
        return input[(*key, ...)]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Placed.apply(grad, ctx.shape, ctx.key)


class Placed(Operation):
    """Zeros with values at the place of a part: the adjoint of Part."""

    backward_name = "SliceBackward0"

    @staticmethod
    def forward(ctx: Any, values: Array, shape: tuple[int, ...], key: tuple[Any, ...]) -> Array:
        ctx.key = key
        result = np.zeros(shape, values.dtype)
        result[(*key, ...)] = values
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Part.apply(grad, ctx.key, "SliceBackward0")


class Replaced(Operation):
    """A copy with the part at a key replaced by other values."""

    @staticmethod
    def forward(ctx: Any, input: Array, values: Array, key: tuple[Any, ...], name: str) -> Array:
        ctx.key, ctx.shape = key, values.shape
        ctx.rename(name)
        result = input.copy()
        result[(*key, ...)] = values
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        nothing = np.zeros(ctx.shape, array_of(grad).dtype)
        return Replaced.apply(grad, nothing, ctx.key, ctx.name()), Part.apply(grad, ctx.key, "SliceBackward0")


def select(input: Any, dim: int, index: int) -> Any:
    """The slice at ``index`` of an axis, without it: a view. IndexError when there is none.

    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    return Part.apply(input, _selectnumpy_key(array_of(input).shape, dim, index), "SelectBackward0")


def _selectnumpy_key(shape: tuple[int, ...], dim: int, index: Any) -> tuple[Any, ...]:
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis, index = axis_of(dim, len(shape)), operator.index(index)
    if not -shape[axis] <= index < shape[axis]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {axis}"
        )
    return (*(slice(None),) * axis, index)


def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """The ``length`` elements of an axis from ``start`` on: a view. RuntimeError when they are not all there.

    >>> torch.narrow(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    shape = array_of(input).shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    axis, start = axis_of(dim, len(shape)), operator.index(start)
    size = shape[axis]
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    if start < 0:
        start += size
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return Part.apply(input, (*(slice(None),) * axis, slice(start, start + length)), "SliceBackward0")


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy with the slice at ``index`` of an axis replaced by ``src``. RuntimeError when the shapes differ."""
    key = _selectnumpy_key(array_of(input).shape, dim, index)
    return _replaced(input, src, key, "SelectScatterBackward0")


def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """A copy with ``start:end:step`` of an axis replaced by ``src``. RuntimeError when the shapes differ."""
    axis = axis_of(dim, array_of(input).ndim)
    return _replaced(input, src, (*(slice(None),) * axis, slice(start, end, step)), "SliceScatterBackward0")


def _replaced(input: Any, src: Any, key: tuple[Any, ...], name: str) -> Any:
    expected, shape = array_of(input)[(*key, ...)].shape, array_of(src).shape
    if shape != expected:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(shape)}, slice size = "
            f"{list(expected)}"
        )
    return Replaced.apply(input, cast(src, dtypes.from_numpy(array_of(input).dtype)), key, name)


# Elements picked by index arrays ----------------------------------------------------------------------------------


def numpy_key(axes: tuple[int, ...], indices: Sequence[Array]) -> tuple[Any, ...]:
    """The NumPy key that applies index arrays to these axes and leaves the others."""
    key: list[Any] = [slice(None)] * (axes[-1] + 1)
    for axis, index in zip(axes, indices):
        key[axis] = index
    return tuple(key)


class Index(Operation):
    """The elements that index arrays pick along some axes, as NumPy orders the result."""

    @staticmethod
    def forward(ctx: Any, input: Array, axes: tuple[int, ...], once: bool, name: str, *indices: Array) -> Array:
        ctx.shape, ctx.axes, ctx.once = input.shape, axes, once
        ctx.rename(name)
        ctx.save(*indices)
        try:
            if len(axes) == 1:
                return np.take(input, indices[0], axes[0])
            return np.ascontiguousarray(input[numpy_key(axes, indices)])
        except IndexError:
            raise _explained(input.shape, axes, indices) from None

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Collected.apply(grad, ctx.shape, ctx.axes, ctx.once, *ctx.saved)


class Collected(Operation):
    """Zeros to which values are added where index arrays point (``once``: no two to one place): Index's adjoint."""

    backward_name = "IndexPutBackward0"

    @staticmethod
    def forward(
        ctx: Any, values: Array, shape: tuple[int, ...], axes: tuple[int, ...], once: bool, *indices: Array
    ) -> Array:
        ctx.axes, ctx.once = axes, once
        ctx.save(*indices)
        result = np.zeros(shape, values.dtype)
        if once:
            result[numpy_key(axes, indices)] = values
        else:
            add_at(result, axes, indices, values)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Index.apply(grad, ctx.axes, ctx.once, "IndexBackward0", *ctx.saved)


def add_at(target: Array, axes: tuple[int, ...], indices: Sequence[Array], values: Array) -> None:
    """``target[key] += values`` with every addition counted where an index repeats, in a fixed order."""
    if not values.size:
        return
    if target.itemsize == 2 and target.dtype.kind in "fV":  # 16-bit sums lose too much
        wide = target.astype(np.float32)
        add_at(wide, axes, indices, values.astype(np.float32))
        target[...] = wide
        return
    if target.dtype == np.bool_:  # a sum of bools is their "or"
        np.logical_or.at(target, numpy_key(axes, indices), values)
        return
    indices = np.broadcast_arrays(*indices)
    sizes = [target.shape[axis] for axis in axes]
    together = axes[-1] - axes[0] == len(axes) - 1
    places = np.ravel_multi_index([np.where(i < 0, i + n, i) for i, n in zip(indices, sizes)], sizes).reshape(-1)
    front = np.moveaxis(target, axes, range(len(axes)))
    rest = front.shape[len(axes) :]
    picked = axes[0] if together else 0  # where NumPy puts the axes of the index
    ndim = indices[0].ndim
    rows = np.moveaxis(values, range(picked, picked + ndim), range(ndim)).reshape(len(places), -1)
    if rows.shape[1] == 1:
        sums = np.zeros(int(np.prod(sizes)), target.dtype)
        np.add.at(sums, places, rows[:, 0])
        front += sums.reshape(front.shape)
        return
    order = np.argsort(places, kind="stable")
    places = places[order]
    starts = np.flatnonzero(np.concatenate(([True], places[1:] != places[:-1])))
    where = np.unravel_index(places[starts], sizes)
    front[where] += np.add.reduceat(rows[order], starts, axis=0).reshape(-1, *rest)


class IndexPut(Operation):
    """A copy with the elements that index arrays pick replaced by values, or with values added to them."""

    @staticmethod
    def forward(
        ctx: Any, input: Array, values: Array, axes: tuple[int, ...], accumulate: bool, name: str, *indices: Array
    ) -> Array:
        result = input.copy()
        _put(ctx, result, values, axes, accumulate, name, indices)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        indices, (axes, accumulate, name) = ctx.saved, ctx.arguments
        rest = grad
        if not accumulate:
            rest = IndexPut.apply(grad, np.zeros((), array_of(grad).dtype), axes, False, name, *indices)
        picked = Index.apply(grad, axes, False, "IndexBackward0", *indices) if ctx.needs_input_grad[1] else None
        return rest, None if picked is None else sum_to(picked, ctx.shape)


class IndexPutInPlace(IndexPut):
    """IndexPut that writes into its argument: for ``apply_inplace``."""

    backward_name = "IndexPutBackward0"

    @staticmethod
    def forward(
        ctx: Any, input: Array, values: Array, axes: tuple[int, ...], accumulate: bool, name: str, *indices: Array
    ) -> Array:
        _put(ctx, input, values, axes, accumulate, name, indices)
        return input


def _put(
    ctx: Any, target: Array, values: Array, axes: tuple[int, ...], accumulate: bool, name: str, indices: Any
) -> None:
    ctx.arguments, ctx.shape = (axes, accumulate, name), values.shape
    ctx.rename(name)
    ctx.save(*indices)
    if accumulate:
        add_at(target, axes, indices, np.broadcast_to(values, picked_shape(target.shape, axes, indices)))
    else:
        target[numpy_key(axes, indices)] = values


def picked_shape(shape: tuple[int, ...], axes: tuple[int, ...], indices: Sequence[Array]) -> tuple[int, ...]:
    """The shape of what index arrays pick from an array. IndexError for an index out of range."""
    common = indices[0].shape if len(indices) == 1 else np.broadcast_shapes(*[each.shape for each in indices])
    for number, (axis, index) in enumerate(zip(axes, indices)):
        check_range(index, number, shape[axis], 0 in common)
    rest = [n for axis, n in enumerate(shape) if axis not in axes]
    together = axes[-1] - axes[0] == len(axes) - 1
    front = axes[0] if together else 0
    return (*rest[:front], *common, *rest[front:])


def check_range(index: Array, number: int, size: int, unused: bool = False) -> None:
    if index.size and not unused:
        low, high = index.min(), index.max()
        if low < -size or high >= size:
            if size == 0:
                raise IndexError("index is out of bounds for dimension with size 0")
            flat = index.reshape(-1)
            bad = flat[(flat < -size) | (flat >= size)][0]
            raise IndexError(f"index {bad} is out of bounds for dimension {number} with size {size}")


def _explained(shape: tuple[int, ...], axes: tuple[int, ...], indices: Sequence[Array]) -> IndexError:
    """PyTorch's error for what NumPy refused."""
    try:
        picked_shape(shape, axes, indices)
    except IndexError as error:
        return error
    return IndexError("index is out of bounds for dimension with size 0")
