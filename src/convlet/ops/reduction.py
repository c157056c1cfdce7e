"""Sums, means, products, variances and norms over axes, each beside its gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from .axes import array_of, axes_of, axis_of
from .broadcasting import BroadcastTo, SumTo, sum_to
from .conversion import cast, dtype_of, is_half
from .elementwise import div, mul
from .summation import sum_over

__all__ = ["mean", "sum"]

Axes = tuple[int, ...]


def reduced_axes(dim: Any, ndim: int) -> Axes:
    """The axes that a reduction runs over: all of them for None and for an empty list."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    axes = axes_of(dim, ndim)
    return axes if ndim else ()


def kept_shape(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """A shape with size 1 along the reduced axes."""
    return tuple([1 if axis in axes else n for axis, n in enumerate(shape)])


class Spread(Operation):
    """A reduction's gradient repeated over the axes that were reduced."""

    backward_name = "ExpandBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, shape: tuple[int, ...], axes: Axes) -> Array:
        ctx.axes, ctx.shape = axes, input.shape
        return np.broadcast_to(input.reshape(kept_shape(shape, axes)), shape)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Sum.apply(grad, ctx.axes, len(ctx.shape) == grad_ndim(grad), None)


def grad_ndim(operand: Any) -> int:
    return operand.array.ndim if isinstance(operand, Variable) else operand.ndim


def spread(grad: Any, shape: tuple[int, ...], axes: Axes) -> Any:
    """``grad`` of a reduction over ``axes``, with or without kept dimensions, in the shape of what was reduced."""
    return Spread.apply(grad, shape, axes)


class Sum(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool, dtype: Any) -> Array:
        ctx.shape, ctx.axes = input.shape, axes
        return sum_over(input, axes, keepdim, dtype)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return spread(grad, ctx.shape, ctx.axes)


class SumOverDims(Sum):
    backward_name = "SumBackward1"


class Mean(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool) -> Array:
        ctx.shape, ctx.axes = input.shape, axes
        ctx.count = math.prod([input.shape[axis] for axis in axes])
        wide = input.astype(np.float32) if is_half(input.dtype) else input
        return (sum_over(wide, axes, keepdim) / wide.dtype.type(math.prod([input.shape[axis] for axis in axes]))).astype(
            input.dtype, copy=False
        )

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return spread(div(grad, ctx.count), ctx.shape, ctx.axes)


class MeanOverDims(Mean):
    backward_name = "MeanBackward1"


def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Any:
    """The sum of all elements, or over ``dim`` (an axis or several), which stay with size 1 if ``keepdim``.

    ``dtype``: convert to it first; integers and bools are summed in int64 otherwise. IndexError for an axis that does
    not exist, RuntimeError for one named twice.

    >>> torch.sum(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    array = array_of(input)
    operation = Sum if dim is None and not keepdim else SumOverDims
    axes = reduced_axes(dim, array.ndim)
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    elif array.dtype.kind in "bui":
        return operation.apply(input, axes, keepdim, np.int64)
    return operation.apply(input, axes, keepdim, None)


def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Any:
    """The sum divided by the number of elements summed; arguments as for :func:`sum`. NaN over no elements.

    RuntimeError for integers and bools without a floating ``dtype``.

    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([1.5000, 3.5000])
    """
    array = array_of(input)
    asked = dtype_of(input) if dtype is None else dtypes.as_dtype(dtype)
    if not asked.is_differentiable:
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a "
            f"floating point or complex dtype. Got: {asked.scalar_name}"
        )
    operation = Mean if dim is None and not keepdim else MeanOverDims
    return operation.apply(cast(input, asked), reduced_axes(dim, array.ndim), keepdim)
