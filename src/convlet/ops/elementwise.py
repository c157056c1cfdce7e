"""Arithmetic, comparisons and functions applied element by element, each beside its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.function import Operation
from ..autograd.inplace import apply_inplace
from ..autograd.variable import Array
from .conversion import promote
from .reduction import sum_to

__all__ = ["add", "mul"]


class Add(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, other: Array) -> Array:
        ctx.shapes = input.shape, other.shape
        return np.add(input, other)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return tuple(
            sum_to(grad, shape) if needed else None for shape, needed in zip(ctx.shapes, ctx.needs_input_grad)
        )


class Mul(Operation):
    @staticmethod
    def forward(ctx: Any, input: Array, other: Array) -> Array:
        ctx.shapes = input.shape, other.shape
        ctx.save(input if ctx.needs_input_grad[1] else None, other if ctx.needs_input_grad[0] else None)
        return np.multiply(input, other)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, other = ctx.saved
        return (
            None if other is None else sum_to(mul(grad, other), ctx.shapes[0]),
            None if input is None else sum_to(mul(grad, input), ctx.shapes[1]),
        )


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input + alpha * other``, broadcast and promoted.

    >>> torch.add(torch.tensor([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    return Add.apply(*promote(input, other if alpha == 1 else mul(other, alpha)))


def add_(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """:func:`add` into ``input``."""
    return apply_inplace(Add, *promote(input, other if alpha == 1 else mul(other, alpha)))


def mul(input: Any, other: Any) -> Any:
    """``input * other``, broadcast and promoted."""
    return Mul.apply(*promote(input, other))
