"""Functions of two operands other than arithmetic: angles, logarithms of sums, signs, steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.variable import Array, Variable
from .complex_numbers import conj
from .conversion import dtype_of
from .pointwise import Pointwise, binary, binary_, by_operand, zeros_as
from .unary import exp, exp2

__all__ = [
    "arctan2", "atan2", "copysign", "heaviside", "hypot", "logaddexp", "logaddexp2", "xlogy", "xlogy_",
]  # fmt: skip


class Atan2(Pointwise):
    numbers = False
    compute = np.arctan2
    kinds = "fV"
    to_float = True
    refusal = "\"atan2_cpu\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, input, other: grad * other / (input * input + other * other),
        other=lambda grad, input, other: -grad * input / (input * input + other * other),
    )


class Hypot(Pointwise):
    numbers = False
    compute = np.hypot
    kinds = "fV"
    refusal = "\"hypot_cpu\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, input, result: grad * (input / result),
        other=lambda grad, other, result: grad * (other / result),
    )


class Logaddexp(Pointwise):
    numbers = False
    kinds = "fVc"
    refusal = "\"logaddexp_cpu\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, input, result: grad * conj(exp(input - result)),
        other=lambda grad, other, result: grad * conj(exp(other - result)),
    )

    @staticmethod
    def compute(input: Array, other: Array) -> Array:
        if input.dtype.kind != "c":
            return np.logaddexp(input, other)
        swap = input.real < other.real
        larger, smaller = np.where(swap, other, input), np.where(swap, input, other)
        return larger + np.log1p(np.exp(smaller - larger))


class Logaddexp2(Pointwise):
    numbers = False
    compute = np.logaddexp2
    kinds = "fV"
    refusal = "\"logaddexp2_cpu\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, input, result: grad * exp2(input - result),
        other=lambda grad, other, result: grad * exp2(other - result),
    )


class Xlogy(Pointwise):
    """input log(other), and 0 where input is 0 unless other is NaN."""

    kinds = "fV"
    to_float = True
    refusal = "\"xlogy_cpu\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, input, other: grad * xlogy(_not_zero(input), other),
        other=lambda grad, input, other: grad * input / other,
    )

    @staticmethod
    def compute(input: Array, other: Array) -> Array:
        result = input * np.log(other)
        return np.where((input == 0) & ~np.isnan(other), result.dtype.type(0), result)


def _not_zero(input: Any) -> Array:
    array = input.array if isinstance(input, Variable) else input
    return (array != 0).astype(array.dtype)


class Copysign(Pointwise):
    compute = np.copysign
    kinds = "fV"
    to_float = True
    refusal = "\"copysign_cpu\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, input, result: grad * _ratio_of_signs(input, result),
        other=lambda grad: zeros_as(grad),
    )


class CopysignNumber(Copysign):
    name = "copysign"
    backward_name = "CopysignBackward1"


def _ratio_of_signs(input: Any, result: Any) -> Array:
    """result / input, which is 1, -1, or 0 at 0."""
    a, b = (each.array if isinstance(each, Variable) else np.asarray(each) for each in (input, result))
    return np.where(
        a == 0, a.dtype.type(0), np.where(np.signbit(a) == np.signbit(b), a.dtype.type(1), a.dtype.type(-1))
    )


class Heaviside(Pointwise):
    refusal_error = RuntimeError
    refusal = "heaviside is not yet implemented for complex tensors."
    kinds = "buifV"
    backward_name = "torch::autograd::NotImplemented"

    @staticmethod
    def compute(input: Array, values: Array) -> Array:
        return np.where(input == 0, values, (input > 0).astype(input.dtype))

    @classmethod
    def backward(cls, ctx: Any, grad: Any) -> Any:
        raise RuntimeError("derivative for aten::heaviside is not implemented")


def atan2(input: Any, other: Any) -> Any:
    """The angle of the point (other, input) in radians, in [-pi, pi].

    >>> torch.atan2(torch.tensor([1.0, -1.0]), torch.tensor([1.0, -1.0]))
    tensor([ 0.7854, -2.3562])
    """
    return binary(Atan2, input, other)


def hypot(input: Any, other: Any) -> Any:
    """``sqrt(input ** 2 + other ** 2)`` without overflow in between.

    >>> torch.hypot(torch.tensor([3.0]), torch.tensor([4.0]))
    tensor([5.])
    """
    return binary(Hypot, input, other)


def logaddexp(input: Any, other: Any) -> Any:
    """``log(exp(input) + exp(other))`` without overflow in between.

    >>> torch.logaddexp(torch.tensor([0.0]), torch.tensor([0.0]))
    tensor([0.6931])
    """
    return binary(Logaddexp, input, other)


def logaddexp2(input: Any, other: Any) -> Any:
    """``log2(2 ** input + 2 ** other)`` without overflow in between.

    >>> torch.logaddexp2(torch.tensor([1.0]), torch.tensor([1.0]))
    tensor([2.])
    """
    return binary(Logaddexp2, input, other)


def xlogy(input: Any, other: Any) -> Any:
    """``input * log(other)``, which is 0 where ``input`` is 0.

    >>> torch.xlogy(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    return binary(Xlogy, input, other)


def copysign(input: Any, other: Any) -> Any:
    """The magnitude of ``input`` with the sign of ``other``.

    >>> torch.copysign(torch.tensor([1.0, -2.0]), -1)
    tensor([-1., -2.])
    """
    return binary(Copysign if isinstance(other, (Variable, np.ndarray)) else CopysignNumber, input, other)


def heaviside(input: Any, values: Any) -> Any:
    """The step function: 0 where ``input`` is negative, 1 where positive, ``values`` where it is 0.

    RuntimeError for tensors of different dtypes.

    >>> torch.heaviside(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if dtype_of(input).is_complex or dtype_of(values).is_complex:
        raise RuntimeError(Heaviside.refusal)
    if dtype_of(input) is not dtype_of(values):
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return binary(Heaviside, input, values)


def _inplace(operation: type[Pointwise], function: Any) -> Any:
    """The in-place form of a function of two operands."""

    def method(input: Any, other: Any) -> Any:
        return binary_(operation, input, other)

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f":func:`{function.__name__}` into ``input``."
    return method


atan2_, hypot_, copysign_ = _inplace(Atan2, atan2), _inplace(Hypot, hypot), _inplace(Copysign, copysign)
xlogy_, heaviside_ = _inplace(Xlogy, xlogy), _inplace(Heaviside, heaviside)
arctan2 = atan2
