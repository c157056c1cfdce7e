"""Running sums, products and extremes along an axis, and differences of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.inplace import apply_inplace
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from . import return_types
from .along import AddAlong
from .axes import array_of, axis_of
from .complex_numbers import conj
from .conversion import cast, dtype_of, is_half
from .keywords import numpy_names
from .reduction import raw
from .unary import exp

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "diff", "logcumsumexp"]


class Cumsum(Operation):
    """Sums of the elements up to each along an axis, or from each on if ``backwards``."""

    @staticmethod
    def forward(ctx: Any, input: Array, axis: int, backwards: bool = False) -> Array:
        ctx.axis, ctx.backwards = axis, backwards
        if not input.ndim:
            return input.copy()
        wide = input.astype(np.float32) if is_half(input.dtype) else input
        if backwards:
            result = np.flip(np.add.accumulate(np.flip(wide, axis), axis, dtype=wide.dtype), axis)
        else:
            result = np.add.accumulate(wide, axis, dtype=wide.dtype)
        return result.astype(input.dtype, copy=False)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Cumsum.apply(grad, ctx.axis, not ctx.backwards)


class Cumprod(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axis: int) -> Array:
        ctx.axis = axis
        if not input.ndim:
            ctx.save(None, None)
            return input.copy()
        wide = input.astype(np.float32) if is_half(input.dtype) else input
        result = np.multiply.accumulate(wide, axis, dtype=wide.dtype).astype(input.dtype, copy=False)
        ctx.save(input, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, result = ctx.saved
        if input is None:
            return grad
        if raw(input).all():
            return Cumsum.apply(grad * conj(result), ctx.axis, True) / conj(input)
        return _cumprod_gradient(grad, input, ctx.axis)


def _cumprod_gradient(grad: Any, input: Any, axis: int) -> Any:
    """Step by step, so that zeros divide nothing: with a_i = g_i + a_(i+1) x_(i+1), it is a_i x_0 ... x_(i-1)."""
    from .indexing import select
    from .joining import stack

    count = raw(input).shape[axis]
    factors = [conj(select(input, axis, index)) for index in range(count)]
    before: list[Any] = [None]
    for each in factors[:-1]:
        before.append(each if before[-1] is None else before[-1] * each)
    results: list[Any] = [None] * count
    carried = None
    for index in reversed(range(count)):
        own = select(grad, axis, index)
        carried = own if carried is None else own + carried * factors[index + 1]
        results[index] = carried if before[index] is None else carried * before[index]
    return stack([each if isinstance(each, Variable) else np.asarray(each) for each in results], axis)


class Logcumsumexp(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axis: int) -> Array:
        ctx.axis = axis
        if not input.ndim:
            ctx.save(None, None)
            return input.copy()
        wide = input.astype(np.float32) if is_half(input.dtype) else input
        result = np.logaddexp.accumulate(wide, axis).astype(input.dtype, copy=False)
        ctx.save(input, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, result = ctx.saved
        if input is None:
            return grad
        # Both exponents are taken relative to the largest element, where exp(-result) is largest too.
        top = np.maximum.reduce(raw(input), axis=ctx.axis, keepdims=True) if raw(input).size else 0
        return exp(input - top) * Cumsum.apply(grad * exp(top - result), ctx.axis, True)


class CumulativeExtreme(Operation):
    """(values, positions) of the latest largest (or smallest) element up to each along an axis; NaN stays."""

    non_differentiable_outputs = (1,)
    ufunc: Any

    @classmethod
    def forward(cls, ctx: Any, input: Array, axis: int) -> tuple[Array, Array]:
        if not input.ndim:
            ctx.positions = None
            return input.copy(), np.zeros((), np.int64)
        values = cls.ufunc.accumulate(input, axis)
        shape = [1] * input.ndim
        shape[axis] = -1
        here = np.arange(input.shape[axis]).reshape(shape)
        positions = np.maximum.accumulate(np.where((input == values) | (input != input), here, 0), axis)
        ctx.positions, ctx.axis, ctx.count = positions, axis, input.shape[axis]
        return values, positions

    @staticmethod
    def backward(ctx: Any, grad: Any, _: Any) -> Any:
        if ctx.positions is None:
            return grad
        return AddAlong.apply(grad, ctx.positions, ctx.axis, False, ctx.count)


class Cummax(CumulativeExtreme):
    ufunc = np.maximum


class Cummin(CumulativeExtreme):
    ufunc = np.minimum


def _running(input: Any, dim: int, dtype: Dtype | None) -> tuple[Any, int]:
    array = array_of(input)
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    elif array.dtype.kind in "bui":
        input = cast(input, dtypes.int64)
    return input, axis_of(dim, array.ndim)


@numpy_names
def cumsum(input: Any, dim: int, *, dtype: Dtype | None = None) -> Any:
    """The sum of the elements up to each along ``dim``; integers and bools are summed in int64.

    >>> torch.cumsum(torch.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([1., 3., 6.])
    """
    return Cumsum.apply(*_running(input, dim, dtype))


def cumsum_(input: Any, dim: int) -> Any:
    """:func:`cumsum` into ``input``."""
    return apply_inplace(Cumsum, input, axis_of(dim, input.array.ndim))


@numpy_names
def cumprod(input: Any, dim: int, *, dtype: Dtype | None = None) -> Any:
    """The product of the elements up to each along ``dim``; integers and bools are multiplied in int64.

    >>> torch.cumprod(torch.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([1., 2., 6.])
    """
    return Cumprod.apply(*_running(input, dim, dtype))


def cumprod_(input: Any, dim: int) -> Any:
    """:func:`cumprod` into ``input``."""
    return apply_inplace(Cumprod, input, axis_of(dim, input.array.ndim))


@numpy_names
def logcumsumexp(input: Any, dim: int) -> Any:
    """``log(cumsum(exp(input)))`` along ``dim`` without overflow.

    >>> torch.logcumsumexp(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.0000, 0.6931])
    """
    dtype = dtype_of(input)
    if not dtype.is_floating_point:
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{dtype.scalar_name}'")
    return Logcumsumexp.apply(input, axis_of(dim, array_of(input).ndim))


@numpy_names
def cummax(input: Any, dim: int) -> Any:
    """(values, indices) of the largest element up to each along ``dim``, the latest of equal ones.

    >>> torch.cummax(torch.tensor([1.0, 3.0, 2.0]), dim=0).values
    tensor([1., 3., 3.])
    """
    return return_types.cummax(Cummax.apply(input, _real_axis("cummax", input, dim)))


@numpy_names
def cummin(input: Any, dim: int) -> Any:
    """(values, indices) of the smallest element up to each along ``dim``, the latest of equal ones.

    >>> torch.cummin(torch.tensor([3.0, 1.0, 2.0]), dim=0).values
    tensor([3., 1., 1.])
    """
    return return_types.cummin(Cummin.apply(input, _real_axis("cummin", input, dim)))


def _real_axis(name: str, input: Any, dim: int) -> int:
    array = array_of(input)
    if array.dtype.kind == "c" and array.ndim:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{dtype_of(input).scalar_name}'")
    return axis_of(dim, array.ndim)


@numpy_names
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The ``n``-th differences of neighbours along ``dim``, of ``input`` with ``prepend`` and ``append`` around it.

    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    from .indexing import narrow
    from .joining import cat

    array = array_of(input)
    if not array.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = axis_of(dim, array.ndim)
    around = [each for each in (prepend, input, append) if each is not None]
    result = cat(around, axis) if len(around) > 1 else input
    for _ in range(n):
        count = array_of(result).shape[axis]
        if not count:
            break
        after, before = narrow(result, axis, 1, count - 1), narrow(result, axis, 0, count - 1)
        result = after ^ before if array.dtype == np.bool_ else after - before
    return result
