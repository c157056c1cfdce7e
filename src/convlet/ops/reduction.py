"""Sums, means, products, variances and norms over axes, each beside its gradient."""

from __future__ import annotations

import builtins
import math
import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from .axes import array_of, axes_of, axis_of
from .complex_numbers import conj
from .conversion import cast, dtype_of, is_half
from .elementwise import div
from .keywords import numpy_names
from .powers import pow
from .selection import where
from .summation import add_reduce, sum_over
from .unary import abs, exp, sgn

__all__ = [
    "all", "any", "count_nonzero", "dist", "logsumexp", "mean", "nanmean", "nansum", "norm", "prod", "std", "std_mean",
    "sum", "var", "var_mean",
]  # fmt: skip

Axes = tuple[int, ...]
multiply_reduce: Any = np.multiply.reduce


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
        ctx.axes, ctx.keepdim = axes, input.ndim == len(shape)
        if not input.ndim and input.dtype.kind != "V":  # the same, several times faster
            return np.ndarray(shape, input.dtype, input, 0, (0,) * len(shape))
        return np.broadcast_to(input.reshape(kept_shape(shape, axes)), shape)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Sum.apply(grad, ctx.axes, ctx.keepdim, None)


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
        count = _count(input.shape, axes)
        ctx.shape, ctx.axes, ctx.count = input.shape, axes, count
        if is_half(input.dtype):
            return (sum_over(input.astype(np.float32), axes, keepdim) / np.float32(count)).astype(input.dtype)
        return sum_over(input, axes, keepdim) / input.real.dtype.type(count)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return spread(div(grad, ctx.count), ctx.shape, ctx.axes)


def _count(shape: tuple[int, ...], axes: Axes) -> int:
    return math.prod([shape[axis] for axis in axes])


class MeanOverDims(Mean):
    backward_name = "MeanBackward1"


@numpy_names
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


@numpy_names
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


# NaN left out -----------------------------------------------------------------------------------------------------


@numpy_names
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Any:
    """The sum of the elements that are not NaN; arguments as for :func:`sum`. RuntimeError for complex tensors.

    >>> torch.nansum(torch.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    array = array_of(input)
    if array.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if array.dtype.kind in "bui":
        return sum(input, dim, keepdim, dtype=dtype)
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    return NanSum.apply(input, reduced_axes(dim, array.ndim), keepdim)


class NanSum(Operation):
    backward_name = "NansumBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool) -> Array:
        ctx.shape, ctx.axes, ctx.counted = input.shape, axes, input == input
        return sum_over(np.where(input == input, input, input.dtype.type(0)), axes, keepdim)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return where(ctx.counted, spread(grad, ctx.shape, ctx.axes), 0)


@numpy_names
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Any:
    """The mean of the elements that are not NaN; arguments as for :func:`mean`.

    >>> torch.nanmean(torch.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5000)
    """
    array = array_of(input)
    if not dtype_of(input).is_differentiable:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {dtype_of(input).scalar_name}"
        )
    axes = reduced_axes(dim, array.ndim)
    counts = np.asarray(add_reduce(array == array, axis=axes, keepdims=keepdim, dtype=np.int64))
    return div(nansum(input, dim, keepdim, dtype=dtype), counts)


# Products ---------------------------------------------------------------------------------------------------------


class Prod(Operation):
    """The product over one axis or all."""

    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool) -> Array:
        ctx.shape, ctx.axes = input.shape, axes
        wide = input.astype(np.float32) if is_half(input.dtype) else input
        result = np.asarray(multiply_reduce(wide, axis=axes, keepdims=keepdim, dtype=wide.dtype))
        result = result.astype(input.dtype, copy=False)
        if ctx.needs_input_grad[0]:
            ctx.save(input, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, result = ctx.saved
        if raw(input).all():
            return spread(grad * conj(result), ctx.shape, ctx.axes) / conj(input)
        return _product_of_the_others(spread(grad, ctx.shape, ctx.axes), input, ctx.axes, ctx.shape)


class ProdOverDim(Prod):
    backward_name = "ProdBackward1"


def raw(operand: Any) -> Array:
    """The array of a variable, an array or a NumPy scalar."""
    return operand.array if isinstance(operand, Variable) else np.asarray(operand)


def _product_of_the_others(grad: Any, input: Any, axes: Axes, shape: tuple[int, ...]) -> Any:
    """grad times, for each element, the product of the others along the axes: right also where elements are 0."""
    from .indexing import select
    from .joining import stack
    from .shape import reshape

    if len(axes) != 1:
        input, whole, axis = reshape(input, (-1,)), shape, 0
        grad = reshape(grad, (-1,))
    else:
        (axis,), whole = axes, None
    slices = [conj(select(input, axis, index)) for index in range(raw(input).shape[axis])]
    before, after = [None], [None]  # products of the slices before and after each
    for each in slices[:-1]:
        before.append(each if before[-1] is None else before[-1] * each)
    for each in slices[:0:-1]:
        after.append(each if after[-1] is None else after[-1] * each)
    others = []
    for index, (left, right) in enumerate(zip(before, reversed(after))):
        factor = select(grad, axis, index)
        for side in (left, right):
            factor = factor if side is None else factor * side
        others.append(factor)
    result = stack([each if isinstance(each, Variable) else np.asarray(each) for each in others], axis)
    return result if whole is None else reshape(result, whole)


@numpy_names
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Any:
    """The product of all elements, or along one axis; integers and bools are multiplied in int64.

    >>> torch.prod(torch.tensor([2.0, 3.0]))
    tensor(6.)
    """
    array = array_of(input)
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    elif array.dtype.kind in "bui":
        input = cast(input, dtypes.int64)
    if dim is None:
        return Prod.apply(input, reduced_axes(None, array.ndim), keepdim)
    axis = axis_of(dim, array.ndim)
    return ProdOverDim.apply(input, (axis,) if array.ndim else (), keepdim)


# Variances --------------------------------------------------------------------------------------------------------


def variance_of(x: Array, axes: Axes, keepdims: bool, correction: float) -> tuple[Array, Array]:
    """(variance, mean) over the axes, computed in float64 in two passes."""
    wide = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    count = _count(x.shape, axes)
    mean = sum_over(wide, axes, True) / count if count else sum_over(wide, axes, True) * math.nan
    centred = wide - mean
    squares = centred.real**2 + centred.imag**2 if x.dtype.kind == "c" else centred * centred
    total = sum_over(squares, axes, keepdims)
    variance = total / builtins.max(count - correction, 0)
    mean = mean if keepdims else mean.reshape(total.shape)
    return variance.astype(x.real.dtype), mean.astype(x.dtype)


class Var(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool, correction: float) -> Array:
        ctx.shape, ctx.axes, ctx.correction = input.shape, axes, correction
        ctx.save(input)
        return variance_of(input, axes, keepdim, np.float64(correction))[0]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (input,) = ctx.saved
        return _variance_gradient(ctx, grad, input)


def _variance_gradient(ctx: Any, grad: Any, input: Any) -> Any:
    freedom = _count(ctx.shape, ctx.axes) - ctx.correction
    centred = input - Mean.apply(input, ctx.axes, True)
    factor = 2 / freedom if freedom else math.inf
    return spread(grad * factor, ctx.shape, ctx.axes) * centred


class Std(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool, correction: float) -> Array:
        ctx.shape, ctx.axes, ctx.correction = input.shape, axes, correction
        result = np.asarray(np.sqrt(variance_of(input, axes, keepdim, np.float64(correction))[0]))
        ctx.save(input, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, result = ctx.saved
        return _variance_gradient(ctx, where(raw(result) == 0, 0, grad / (result * 2)), input)


class VarMean(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool, correction: float) -> tuple[Array, Array]:
        ctx.shape, ctx.axes, ctx.correction = input.shape, axes, correction
        ctx.save(input)
        return variance_of(input, axes, keepdim, np.float64(correction))

    @staticmethod
    def backward(ctx: Any, grad: Any, grad_mean: Any) -> Any:
        (input,) = ctx.saved
        through_mean = spread(div(grad_mean, _count(ctx.shape, ctx.axes)), ctx.shape, ctx.axes)
        return _variance_gradient(ctx, grad, input) + through_mean


class StdMean(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool, correction: float) -> tuple[Array, Array]:
        ctx.shape, ctx.axes, ctx.correction = input.shape, axes, correction
        variance, mean = variance_of(input, axes, keepdim, np.float64(correction))
        result = np.asarray(np.sqrt(variance))
        ctx.save(input, result)
        return result, mean

    @staticmethod
    def backward(ctx: Any, grad: Any, grad_mean: Any) -> Any:
        input, result = ctx.saved
        through_mean = spread(div(grad_mean, _count(ctx.shape, ctx.axes)), ctx.shape, ctx.axes)
        grad = where(raw(result) == 0, 0, grad / (result * 2))
        return _variance_gradient(ctx, grad, input) + through_mean


def _spread_of_values(
    name: str, operation: type[Operation], input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any
) -> Any:
    array = array_of(input)
    if isinstance(dim, bool):  # the overload (input, unbiased)
        dim, unbiased = None, dim
    if not dtype_of(input).is_differentiable:
        subject = name if name.endswith("_mean") else "std and var"
        raise RuntimeError(f"{subject} only support floating point and complex dtypes")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    axes = reduced_axes(dim, array.ndim)
    if _count(array.shape, axes) - correction <= 0:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
            "(input numel divided by output numel).",
            UserWarning,
            stacklevel=4,
        )
    return operation.apply(input, axes, keepdim, correction)


@numpy_names
def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The variance ``sum |input - mean|**2 / (n - correction)`` of all elements or over ``dim``.

    ``correction`` is 1 if not given (Bessel's), 0 with ``unbiased=False``. A warning where n does not exceed it.
    RuntimeError for integers and bools.

    >>> torch.var(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return _spread_of_values("var", Var, input, dim, unbiased, keepdim, correction)


@numpy_names
def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The standard deviation, the square root of :func:`var`.

    >>> torch.std(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return _spread_of_values("std", Std, input, dim, unbiased, keepdim, correction)


@numpy_names
def var_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The variance and the mean; arguments as for :func:`var`.

    >>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _spread_of_values("var_mean", VarMean, input, dim, unbiased, keepdim, correction)


@numpy_names
def std_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The standard deviation and the mean; arguments as for :func:`var`.

    >>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _spread_of_values("std_mean", StdMean, input, dim, unbiased, keepdim, correction)


# Logarithm of a sum of exponentials -------------------------------------------------------------------------------


class LogSumExp(Operation):
    backward_name = "LogsumexpBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes, keepdim: bool) -> Array:
        ctx.shape, ctx.axes = input.shape, axes
        wide = input.astype(np.float32) if is_half(input.dtype) else input
        if input.size:
            top = np.maximum.reduce(wide.real, axis=axes, keepdims=True)
            top = np.where(np.isfinite(top), top, top.dtype.type(0))
        else:
            top = np.zeros(kept_shape(input.shape, axes), wide.real.dtype)
        total = np.log(sum_over(np.exp(wide - top), axes, True)) + top
        result = total if keepdim else total.reshape([n for axis, n in enumerate(input.shape) if axis not in axes])
        result = np.asarray(result).astype(input.dtype, copy=False)
        if ctx.needs_input_grad[0]:
            ctx.save(input, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, result = ctx.saved
        result = where(np.isinf(raw(result)), 0, result)  # exp(-inf - 0) is 0 as it should be, not NaN
        return spread(grad, ctx.shape, ctx.axes) * conj(exp(input - spread(result, ctx.shape, ctx.axes)))


@numpy_names
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """``log(sum(exp(input)))`` over ``dim`` (an axis or several) without overflow.

    >>> torch.logsumexp(torch.tensor([0.0, 0.0]), dim=0)
    tensor(0.6931)
    """
    array = array_of(input)
    if dtype_of(input).rank < 3:
        input = cast(input, dtypes.get_default_dtype())
    return LogSumExp.apply(input, reduced_axes(dim, array.ndim), keepdim)


# Norms ------------------------------------------------------------------------------------------------------------


class VectorNorm(Operation):
    """(sum |x|**p) ** (1/p), its limits for p = 0 and infinity included."""

    backward_name = "LinalgVectorNormBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, p: float, axes: Axes, keepdim: bool) -> Array:
        ctx.shape, ctx.axes, ctx.p = input.shape, axes, p
        result = _norm_of(input.astype(np.float32) if is_half(input.dtype) else input, p, axes, keepdim)
        if is_half(input.dtype):
            result = result.astype(input.dtype)
        if ctx.needs_input_grad[0]:
            ctx.save(input, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, result = ctx.saved
        p, shape, axes = ctx.p, ctx.shape, ctx.axes
        if p == 0:
            return None  # a count does not move
        if p == 1:
            return spread(grad, shape, axes) * sgn(input)
        if math.isinf(p):
            whole = spread(result, shape, axes)
            at = (abs(raw(input)) == raw(whole)) | (raw(whole) != raw(whole))
            count = np.add.reduce(at, axis=axes, keepdims=True)
            return where(at, spread(grad, shape, axes) * (sgn(input) / count.astype(raw(result).dtype)), 0)
        zero = raw(result) == 0
        if p == 2:
            return spread(where(zero, 0, grad / result), shape, axes) * input
        scale = spread(where(zero, 0, grad * pow(result, 1 - p)), shape, axes)
        if p < 2:
            return scale * where(raw(input) == 0, 0, sgn(input) * pow(abs(input), p - 1))
        return scale * (input * pow(abs(input), p - 2))


def _norm_of(x: Array, p: float, axes: Axes, keepdims: bool) -> Array:
    if p == 2:
        squares = x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x
        return np.asarray(np.sqrt(sum_over(squares, axes, keepdims)))
    size = np.abs(x)
    if math.isinf(p):
        reduce: Any = np.maximum.reduce if p > 0 else np.minimum.reduce
        return np.asarray(reduce(size, axis=axes, keepdims=keepdims))
    if p == 0:
        return sum_over((size != 0).astype(size.dtype), axes, keepdims)
    if p == 1:
        return sum_over(size, axes, keepdims)
    return np.asarray(sum_over(size**p, axes, keepdims) ** (1 / p))


@numpy_names
def vector_norm(
    input: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> Any:
    """``(sum |input|**ord) ** (1 / ord)`` of all elements or over ``dim``: ``linalg.vector_norm``.

    ``ord`` 0 counts what is not 0, infinity takes the largest magnitude and minus infinity the smallest.
    RuntimeError for integers and bools.

    >>> torch.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    array = array_of(input)
    found = dtype_of(input)
    if not found.is_differentiable:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {found.scalar_name}"
        )
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
        if not dtype.is_differentiable:
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be floating point or complex, but got {dtype.scalar_name}"
            )
        if found.is_complex != dtype.is_complex:
            kind = "complex" if found.is_complex else "real"
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be {kind} for {kind} inputs, but got {dtype.scalar_name}"
            )
        if dtypes.promote_types(found, dtype) is not dtype:
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({found.scalar_name}) should be convertible without "
                f"narrowing to the specified dtype ({dtype.scalar_name})"
            )
        input = cast(input, dtype)
    axes = reduced_axes(dim, array.ndim)
    ord = float(ord)
    if (math.isinf(ord) or ord < 0) and not _count(array.shape, axes):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord:g} norm on an empty tensor because the operation does not "
            "have an identity"
        )
    return VectorNorm.apply(input, ord, axes, keepdim)


@numpy_names
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Any:
    """The norm of all elements or over ``dim``: ``p`` a number as for ``linalg.vector_norm``, or 'fro' for 2.

    RuntimeError for integers, bools and other words.

    >>> torch.norm(torch.tensor([3.0, -4.0]), p=1)
    tensor(7.)
    """
    if p is None or p == "fro":
        p = 2
    if isinstance(p, str):
        if p != "nuc":
            raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
        raise NotImplementedError("norm: p='nuc' (the sum of singular values) is not supported; use p='fro'")
    return vector_norm(input, p, dim, keepdim, dtype=dtype)


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The ``p``-norm of ``input - other``.

    >>> torch.dist(torch.tensor([1.0, 1.0]), torch.tensor([4.0, 5.0]))
    tensor(5.)
    """
    difference = input - other
    dtype = dtype_of(difference)
    if not dtype.is_differentiable:
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {dtype.scalar_name} instead."
        )
    return vector_norm(difference, p)


# Truth ------------------------------------------------------------------------------------------------------------


class _Truth(Operation):
    differentiable = False

    @staticmethod
    def forward(ctx: Any, input: Array, reduce: Any, axes: Axes, keepdim: bool) -> Array:
        flags = input if input.dtype == np.bool_ else input != 0
        result = np.asarray(reduce(flags, axis=axes, keepdims=keepdim))
        return result.astype(np.uint8) if input.dtype == np.uint8 else result


@numpy_names
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether any element is not zero, of all or over ``dim``. Bool, but uint8 for uint8 tensors.

    >>> torch.any(torch.tensor([[False, True], [False, False]]), dim=1)
    tensor([ True, False])
    """
    return _Truth.apply(input, np.logical_or.reduce, reduced_axes(dim, array_of(input).ndim), keepdim)


@numpy_names
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether no element is zero, of all or over ``dim``. Bool, but uint8 for uint8 tensors.

    >>> torch.all(torch.tensor([[True, True], [False, True]]), dim=1)
    tensor([ True, False])
    """
    return _Truth.apply(input, np.logical_and.reduce, reduced_axes(dim, array_of(input).ndim), keepdim)


class _CountNonzero(Operation):
    differentiable = False

    @staticmethod
    def forward(ctx: Any, input: Array, axes: Axes) -> Array:
        return np.asarray(np.add.reduce(input != 0, axis=axes, dtype=np.int64))


@numpy_names
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many elements are not zero, of all or over ``dim``.

    >>> torch.count_nonzero(torch.tensor([0, 3, 0, 5]))
    tensor(2)
    """
    return _CountNonzero.apply(input, reduced_axes(dim, array_of(input).ndim))
