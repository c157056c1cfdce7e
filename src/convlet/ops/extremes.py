"""Largest and smallest elements and where they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from . import return_types, selection
from .along import AddAlong
from .axes import array_of, axes_of, axis_of
from .conversion import dtype_of
from .keywords import numpy_names
from .reduction import Axes, raw, reduced_axes, spread
from .selection import where

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]

# Over one axis, with positions ------------------------------------------------------------------------------------


class MaxAlong(Operation):
    """(values, positions) of the first largest element, or of the first NaN, along an axis."""

    backward_name = "MaxBackward0"
    non_differentiable_outputs = (1,)
    find: Any = staticmethod(np.argmax)

    @classmethod
    def forward(cls, ctx: Any, input: Array, axis: int, keepdim: bool) -> tuple[Array, Array]:
        if not input.ndim:
            ctx.positions = None
            return input.copy(), np.zeros((), np.int64)
        positions = np.expand_dims(np.asarray(cls.find(input, axis)), axis).astype(np.int64, copy=False)
        ctx.positions, ctx.axis, ctx.count = positions, axis, input.shape[axis]
        values = np.take_along_axis(input, positions, axis)
        return (values, positions) if keepdim else (values.squeeze(axis), positions.squeeze(axis))

    @staticmethod
    def backward(ctx: Any, grad: Any, _: Any) -> Any:
        if ctx.positions is None:
            return grad
        from .shape import reshape

        return AddAlong.apply(reshape(grad, ctx.positions.shape), ctx.positions, ctx.axis, True, ctx.count)


class MinAlong(MaxAlong):
    backward_name = "MinBackward0"
    find = staticmethod(np.argmin)


# Over all elements, or several axes -------------------------------------------------------------------------------


class MaxAll(Operation):
    """The largest element over axes. The gradient is shared by all that equal it."""

    backward_name = "MaxBackward1"
    reduce: Any = staticmethod(np.maximum.reduce)

    @classmethod
    def forward(cls, ctx: Any, input: Array, axes: Axes, keepdim: bool) -> Array:
        ctx.shape, ctx.axes = input.shape, axes
        result = np.asarray(cls.reduce(input, axis=axes, keepdims=keepdim))
        ctx.save(input, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, result = ctx.saved
        return _share(grad, input, result, ctx.shape, ctx.axes)


def _share(grad: Any, input: Any, result: Any, shape: tuple[int, ...], axes: Axes) -> Any:
    """``grad`` divided evenly among the elements of ``input`` that equal ``result``."""
    values, extreme = raw(input), raw(spread(result, shape, axes))
    chosen = (values == extreme) | ((values != values) & (extreme != extreme))
    count = np.add.reduce(chosen, axis=axes, keepdims=True).astype(values.dtype)
    return where(chosen, spread(grad, shape, axes) / count, 0)


class MinAll(MaxAll):
    backward_name = "MinBackward1"
    reduce: Any = staticmethod(np.minimum.reduce)


class Amax(MaxAll):
    reduce = staticmethod(np.maximum.reduce)


class Amin(MaxAll):
    reduce = staticmethod(np.minimum.reduce)


class Aminmax(Operation):
    """(smallest, largest) over axes."""

    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool) -> tuple[Array, Array]:
        ctx.shape, ctx.axes = input.shape, axes
        low = np.asarray(MinAll.reduce(input, axis=axes, keepdims=keepdim))
        high = np.asarray(MaxAll.reduce(input, axis=axes, keepdims=keepdim))
        ctx.save(input, low, high)
        return low, high

    @staticmethod
    def backward(ctx: Any, grad_low: Any, grad_high: Any) -> Any:
        input, low, high = ctx.saved
        to_low = _share(grad_low, input, low, ctx.shape, ctx.axes)
        return to_low + _share(grad_high, input, high, ctx.shape, ctx.axes)


def _check_size(name: str, array: Array, axes: Axes, whole: bool, error: type[Exception] = RuntimeError) -> None:
    """Extremes of nothing do not exist."""
    if array.size:
        return
    if whole:
        hint = "" if error is IndexError else " Specify the reduction dim with the 'dim' argument."
        raise error(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.{hint}")
    for axis in axes:
        if not array.shape[axis]:
            raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


def _extreme(name: str, all_: Any, along: Any, two: Any, kind: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    array = array_of(input)
    if isinstance(dim, (Variable, np.ndarray)):
        return two(input, dim)
    if dim is None:
        if array.dtype.kind == "c":
            raise NotImplementedError(f"\"{name}_all\" not implemented for '{dtype_of(input).scalar_name}'")
        _check_size(name, array, (), True)
        return all_.apply(input, tuple(range(array.ndim)), False)
    if isinstance(dim, (tuple, list)):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({type(dim).__name__}). For several axes "
            f"there is a{name}."
        )
    if array.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")
    axis = axis_of(dim, array.ndim)
    _check_size(name, array, (axis,), False)
    return kind(along.apply(input, axis, keepdim))


@numpy_names
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; along ``dim`` (values, indices) of the first largest; with a tensor, :func:`maximum`.

    NaN counts as largest. RuntimeError for no elements, IndexError for an axis of size 0.

    >>> torch.max(torch.tensor([[1.0, 3.0], [4.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    dim = dim if other is None else other
    return _extreme("max", MaxAll, MaxAlong, selection.maximum, return_types.max, input, dim, keepdim)


@numpy_names
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; along ``dim`` (values, indices) of the first smallest; with a tensor, :func:`minimum`.

    NaN counts as smallest. RuntimeError for no elements, IndexError for an axis of size 0.

    >>> torch.min(torch.tensor([[1.0, 3.0], [4.0, 2.0]]))
    tensor(1.)
    """
    dim = dim if other is None else other
    return _extreme("min", MinAll, MinAlong, selection.minimum, return_types.min, input, dim, keepdim)


def _over_axes(name: str, operation: type[Operation], kernel: str, input: Any, dim: Any, keepdim: bool) -> Any:
    array = array_of(input)
    if array.dtype.kind == "c":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtype_of(input).scalar_name}'")
    whole = dim is None or (isinstance(dim, (tuple, list)) and not dim)
    axes = reduced_axes(dim, array.ndim)
    _check_size(name, array, axes, whole)
    return operation.apply(input, axes, keepdim)


@numpy_names
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The largest element, of all or over ``dim`` (an axis or several); equal ones share the gradient.

    >>> torch.amax(torch.tensor([[1.0, 3.0], [4.0, 2.0]]), dim=0)
    tensor([4., 3.])
    """
    return _over_axes("amax", Amax, "max_values_cpu", input, dim, keepdim)


@numpy_names
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The smallest element, of all or over ``dim`` (an axis or several); equal ones share the gradient.

    >>> torch.amin(torch.tensor([[1.0, 3.0], [4.0, 2.0]]), dim=0)
    tensor([1., 2.])
    """
    return _over_axes("amin", Amin, "min_values_cpu", input, dim, keepdim)


@numpy_names
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """(min, max): the smallest and the largest element, of all or along ``dim``.

    >>> torch.aminmax(torch.tensor([3.0, 1.0, 2.0]))
    torch.return_types.aminmax(
    min=tensor(1.),
    max=tensor(3.))
    """
    array = array_of(input)
    if array.dtype.kind == "c":
        raise NotImplementedError(f"\"aminmax_cpu\" not implemented for '{dtype_of(input).scalar_name}'")
    axes = reduced_axes(dim, array.ndim)
    if dim is None and not array.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    if not array.size and not array.shape[axes[0]]:
        raise IndexError(f"aminmax: Expected reduction dim {axes[0]} to have non-zero size.")
    return return_types.aminmax(Aminmax.apply(input, axes, keepdim))


# Positions only ---------------------------------------------------------------------------------------------------


class ArgExtreme(Operation):
    differentiable = False

    @staticmethod
    def forward(ctx: Any, input: Array, find: Any, axis: int | None, keepdim: bool) -> Array:
        if not input.ndim:
            return np.zeros((), np.int64)
        result = np.asarray(find(input, axis=axis))
        if keepdim:
            result = result.reshape([1] * input.ndim) if axis is None else np.expand_dims(result, axis)
        return result.astype(np.int64, copy=False)


def _position(name: str, find: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    array = array_of(input)
    if array.dtype.kind in "cb":
        kind = "complex" if array.dtype.kind == "c" else "bool"
        raise RuntimeError(f"{name}(): does not support {kind} input")
    if dim is None:
        _check_size(name, array, (), True, IndexError)
        return ArgExtreme.apply(input, find, None, keepdim)
    if isinstance(dim, (tuple, list)):
        raise TypeError(f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
    (axis,) = axes_of(dim, array.ndim)
    _check_size(name, array, (axis,), False)
    return ArgExtreme.apply(input, find, axis, keepdim)


@numpy_names
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The position of the first largest element, in the flattened tensor or along ``dim``. NaN counts as largest.

    >>> torch.argmax(torch.tensor([1.0, 5.0, 5.0]))
    tensor(1)
    """
    return _position("argmax", np.argmax, input, dim, keepdim)


@numpy_names
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The position of the first smallest element, in the flattened tensor or along ``dim``. NaN counts as smallest.

    >>> torch.argmin(torch.tensor([5.0, 1.0, 1.0]))
    tensor(1)
    """
    return _position("argmin", np.argmin, input, dim, keepdim)
