"""Softmax and its logarithm along one axis. The largest element is subtracted first, so that nothing overflows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.variable import Array
from ..dtypes import dtype as Dtype
from ..kernels import large
from ..runtime import memory
from .axes import array_of, axis_of
from .conversion import cast, dtype_of, is_half
from .keywords import numpy_names
from .layout import lying_as
from .reduction import Sum
from .summation import sum_over
from .unary import exp

__all__ = ["log_softmax", "softmax"]


def _compiled(name: str, axis: int, *operands: Array) -> Array | None:
    """What a kernel (kernels/softmax.py) makes of large images; None where there is none for these arrays."""
    first = operands[-1]
    kernels = large.of_images("softmax", first)
    seen = None if kernels is None else large.along(first, (axis % first.ndim,))
    if seen is None:
        return None
    arrays = [lying_as(each, first) for each in operands]
    out = memory.empty_like(first)
    kernels.apply(name, seen, *arrays, out)
    return out


def softmax_of(x: Array, axis: int) -> Array:
    """exp(x_i) / sum_j exp(x_j) of an array; half precision is computed in float32."""
    if is_half(x.dtype):
        return softmax_of(x.astype(np.float32), axis).astype(x.dtype)
    if not x.size or not x.ndim:
        return np.ones_like(x)
    compiled = _compiled("softmax", axis, x)
    if compiled is not None:
        return compiled
    result = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    np.exp(result, out=result)
    result /= sum_over(result, (axis,), keepdims=True)
    return result


def log_softmax_of(x: Array, axis: int) -> Array:
    """x_i - log sum_j exp(x_j) of an array; half precision is computed in float32."""
    if is_half(x.dtype):
        return log_softmax_of(x.astype(np.float32), axis).astype(x.dtype)
    if not x.size or not x.ndim:
        return np.zeros_like(x)
    compiled = _compiled("log_softmax", axis, x)
    if compiled is not None:
        return compiled
    result = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    result -= np.log(sum_over(np.exp(result), (axis,), keepdims=True))
    return result


def _total(values: Any, axis: int) -> Any:
    return Sum.apply(values, (axis,) if values.ndim else (), True, None)


class Softmax(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axis: int) -> Array:
        ctx.axis = axis
        result = softmax_of(input, axis)
        ctx.save(result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (result,) = ctx.saved
        into = _compiled("softmax gradient", ctx.axis, grad, result) if type(grad) is np.ndarray else None
        if into is not None:
            return into
        product = grad * result
        return product - result * _total(product, ctx.axis)


class LogSoftmax(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, axis: int) -> Array:
        ctx.axis = axis
        result = log_softmax_of(input, axis)
        ctx.save(result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (result,) = ctx.saved
        into = _compiled("log_softmax gradient", ctx.axis, grad, result) if type(grad) is np.ndarray else None
        if into is not None:
            return into
        return grad - exp(result) * _total(grad, ctx.axis)


def _prepared(name: str, input: Any, dim: int, dtype: Dtype | None) -> tuple[Any, int]:
    array = array_of(input)
    axis = axis_of(dim, array.ndim)
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    found = dtype_of(input)
    if not found.is_floating_point:
        last = "_lastdim" if axis >= array.ndim - 1 else ""
        raise NotImplementedError(f"\"{name}{last}_kernel_impl\" not implemented for '{found.scalar_name}'")
    return input, axis


@numpy_names
def softmax(input: Any, dim: int, dtype: Dtype | None = None) -> Any:
    """``exp(input_i) / sum_j exp(input_j)`` along ``dim``; converted to ``dtype`` first if given.

    IndexError for an axis that does not exist, NotImplementedError for dtypes that are not floating.

    >>> torch.softmax(torch.tensor([0.0, 0.0, 1.0]), dim=0)
    tensor([0.2119, 0.2119, 0.5761])
    """
    return Softmax.apply(*_prepared("softmax", input, dim, dtype))


@numpy_names
def log_softmax(input: Any, dim: int, dtype: Dtype | None = None) -> Any:
    """``input_i - log(sum_j exp(input_j))`` along ``dim``; arguments as for :func:`softmax`.

    >>> torch.log_softmax(torch.tensor([0.0, 0.0, 1.0]), dim=0)
    tensor([-1.5514, -1.5514, -0.5514])
    """
    return LogSoftmax.apply(*_prepared("log_softmax", input, dim, dtype))
