"""Broadcasting and its adjoint. Below both the shapes and the sums, which each need them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from .summation import sum_over


class SumTo(Operation):
    """The sum over the axes along which ``shape`` was broadcast: the adjoint of broadcasting."""

    @staticmethod
    def forward(ctx: Any, input: Array, shape: tuple[int, ...]) -> Array:
        ctx.shape = input.shape
        lead = input.ndim - len(shape)
        axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and input.shape[lead + i] != 1))
        return sum_over(input, axes, keepdims=True).reshape(shape)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return BroadcastTo.apply(grad, ctx.shape)


class BroadcastTo(Operation):
    """A view repeated along axes of size 1 and new leading axes."""

    backward_name = "ExpandBackward0"
    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, shape: tuple[int, ...]) -> Array:
        ctx.shape = input.shape
        lead = len(shape) - input.ndim
        repeats = [0 if old == 1 != new else step for old, new, step in zip(input.shape, shape[lead:], input.strides)]
        strides = (*(0,) * lead, *repeats)
        if input.flags.c_contiguous and input.dtype.kind != "V":  # the same, several times faster
            return np.ndarray(shape, input.dtype, input, 0, strides)
        return as_strided(input, shape, strides)  # np.broadcast_to's is read-only

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return sum_to(grad, ctx.shape)


def sum_to(input: Any, shape: tuple[int, ...]) -> Any:
    """``input`` summed to ``shape``, which broadcasts to it; itself when the shapes are equal."""
    array = input.array if isinstance(input, Variable) else input
    return input if array.shape == shape else SumTo.apply(input, shape)
