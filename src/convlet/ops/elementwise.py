"""Arithmetic on two operands, element by element: sums, differences, products, quotients, each beside its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import DISCARD
from ..autograd.mode import spans
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from ..kernels import large
from . import fusion
from .complex_numbers import conj
from .conversion import (
    as_operand,
    check_operands,
    dtype_of,
    is_half,
    result_type,
)
from .pointwise import Pointwise, binary, binary_, by_operand, common, widened, write_into, zeros_as

__all__ = [
    "add", "div", "divide", "floor_divide", "fmod", "mul", "multiply", "remainder", "rsub", "sub", "subtract",
    "true_divide",
]  # fmt: skip

# Sums and differences ---------------------------------------------------------------------------------------------

_NO_BOOL = "Subtraction, the `-` operator, with {} is not supported. {}"
_ONE_BOOL = _NO_BOOL.format(
    "a bool tensor", "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
)
_TWO_BOOLS = _NO_BOOL.format("two bool tensors", "Use the `^` or `logical_xor()` operator instead.")


class Add(Pointwise):
    compute = np.add
    gradients = by_operand(input=lambda grad: grad, other=lambda grad: grad)

    @classmethod
    def overwrite(cls, ctx: Any, input: Array, other: Array) -> bool:
        if input.dtype != other.dtype or input.shape != other.shape:
            return False
        large.ufunc(np.add, input, other, out=input)
        if ctx is not DISCARD:
            cls._keep(ctx, (input, other), input)
        return True


class AddScaled(Pointwise):
    """input + alpha other; half precision rounds once."""

    name = "add"
    backward_name = "AddBackward0"
    settings = ("alpha",)
    gradients = by_operand(input=lambda grad: grad, other=lambda grad, alpha: grad * alpha.conjugate())

    @staticmethod
    def compute(input: Array, other: Array, alpha: Any) -> Array:
        if is_half(input.dtype) or is_half(other.dtype):
            wide = input.astype(np.float32) + other.astype(np.float32) * np.float32(alpha)
            return wide.astype(np.result_type(input, other))
        return input + other * alpha


class Sub(Pointwise):
    compute = np.subtract
    kinds = "uifVc"
    gradients = by_operand(input=lambda grad: grad, other=lambda grad: -grad)
    refusal = _TWO_BOOLS
    refusal_error = RuntimeError


class SubScaled(AddScaled):
    name = "sub"
    backward_name = "SubBackward0"
    kinds = "uifVc"
    gradients = by_operand(input=lambda grad: grad, other=lambda grad, alpha: grad * -alpha.conjugate())

    @staticmethod
    def compute(input: Array, other: Array, alpha: Any) -> Array:
        return AddScaled.compute(input, other, -alpha)


class Rsub(Sub):
    """input - other under another name in the graph."""

    name = "rsub"
    backward_name = "RsubBackward0"


class RsubNumber(Rsub):
    name = "rsub"
    backward_name = "RsubBackward1"


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input + alpha * other``, broadcast and promoted.

    Operands are tensors or numbers. TypeError for anything else; RuntimeError for shapes that do not broadcast and
    for an ``alpha`` of a higher kind than the operands (a fraction beside integers).

    >>> torch.add(torch.tensor([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    if type(alpha) is int and alpha == 1:
        if spans:
            later = fusion.added(input, other)
            if later is not None:
                return later
        return binary(Add, input, other)
    return _scaled(AddScaled, input, other, alpha)


def add_(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """:func:`add` into ``input``."""
    if type(alpha) is int and alpha == 1:
        if spans:
            later = fusion.added(input, other, inplace=True)
            if later is not None:
                return later
        return binary_(Add, input, other)
    return _scaled_into(AddScaled, input, other, alpha)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input - alpha * other``, broadcast and promoted. RuntimeError for bool tensors.

    >>> torch.sub(torch.tensor([3, 4]), torch.tensor(1), alpha=2)
    tensor([1, 2])
    """
    _refuse_bool(input, other)
    if type(alpha) is int and alpha == 1:
        return binary(Sub, input, other)
    return _scaled(SubScaled, input, other, alpha)


def sub_(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """:func:`sub` into ``input``."""
    _refuse_bool(input, other)
    if type(alpha) is int and alpha == 1:
        return binary_(Sub, input, other)
    return _scaled_into(SubScaled, input, other, alpha)


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``other - alpha * input``.

    >>> torch.rsub(torch.tensor([1.0, 2.0]), 5)
    tensor([4., 3.])
    """
    _refuse_bool(input, other)
    if type(alpha) is int and alpha == 1:
        return binary(Rsub if isinstance(other, (Variable, np.ndarray)) else RsubNumber, other, input)
    return _scaled(SubScaled, other, input, alpha)


def _refuse_bool(*operands: Any) -> None:
    bools = [
        isinstance(each, bool) or (isinstance(each, (Variable, np.ndarray)) and dtype_of(each) is dtypes.bool_)
        for each in operands
    ]
    if bools[0] or bools[1]:
        raise RuntimeError(_TWO_BOOLS if all(bools) else _ONE_BOOL)


def _check_alpha(dtype: Dtype, alpha: Any) -> None:
    if isinstance(alpha, bool) and dtype is not dtypes.bool_:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, (float, complex)) and dtype.rank < 3:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and not dtype.is_complex:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")


def _scaled(operation: type[Pointwise], input: Any, other: Any, alpha: Any) -> Any:
    input, other = common(operation, input, other)
    dtype = dtype_of(input)
    _check_alpha(dtype, alpha)
    return operation.apply(input, other, as_operand(alpha, dtype)[()])


def _scaled_into(operation: type[Pointwise], input: Any, other: Any, alpha: Any) -> Any:
    check_operands(operation.name, input=input, other=other)
    dtype = operation.accept(result_type(input, other), input)
    _check_alpha(dtype, alpha)
    return write_into(operation, input, as_operand(other, dtype), as_operand(alpha, dtype)[()])


# Products and quotients -------------------------------------------------------------------------------------------


@widened
class Mul(Pointwise):
    compute = np.multiply
    gradients = by_operand(
        input=lambda grad, other: mul(grad, conj(other)),
        other=lambda grad, input: mul(grad, conj(input)),
    )


@widened
class Div(Pointwise):
    compute = np.true_divide
    kinds = "fVc"
    to_float = True
    gradients = by_operand(
        input=lambda grad, other: div(grad, conj(other)),
        other=lambda grad, input, other: -grad * conj(input / other / other),
    )


class _RoundedDiv(Pointwise):
    kinds = "uifV"
    gradients = by_operand(input=lambda grad: zeros_as(grad), other=lambda grad: zeros_as(grad))


@widened
class DivTrunc(_RoundedDiv):
    name = "div"
    backward_name = "DivBackward2"
    refusal = "\"div_trunc_cpu\" not implemented for '{type}'"

    @staticmethod
    def compute(input: Array, other: Array) -> Array:
        if input.dtype.kind in "ui":
            _refuse_zero(other)
            quotient = np.floor_divide(input, other)  # towards minus infinity; one more where that is not towards 0
            inexact = (quotient < 0) & (quotient * other != input)
            return quotient + inexact.astype(quotient.dtype)
        return np.trunc(np.true_divide(input, other))


@widened
class DivFloor(_RoundedDiv):
    name = "div"
    backward_name = "DivBackward2"
    refusal = "\"div_floor_cpu\" not implemented for '{type}'"

    @staticmethod
    def compute(input: Array, other: Array) -> Array:
        if input.dtype.kind in "ui":
            _refuse_zero(other)
        return np.floor_divide(input, other)


@widened
class FloorDivide(DivFloor):
    """As DivFloor; PyTorch has no gradient for it."""

    name = "floor_divide"
    backward_name = "torch::autograd::NotImplemented"

    @classmethod
    def backward(cls, ctx: Any, grad: Any) -> Any:
        raise RuntimeError("derivative for aten::floor_divide is not implemented")


def _refuse_zero(divisor: Array) -> None:
    if not divisor.all():
        raise RuntimeError("ZeroDivisionError")


class Remainder(Pointwise):
    kinds = "uifV"
    refusal = "\"remainder_cpu\" not implemented for '{type}'"
    backward_name = "RemainderBackward1"
    gradients = by_operand(
        input=lambda grad: grad,
        other=lambda grad, input, other: -grad * div(input, other, rounding_mode="floor"),
    )

    @staticmethod
    def compute(input: Array, other: Array) -> Array:
        if other.dtype.kind in "ui":
            _refuse_zero(other)
        return np.remainder(input, other)


class RemainderNumber(Remainder):
    name = "remainder"
    backward_name = "RemainderBackward0"


class Fmod(Pointwise):
    kinds = "uifV"
    refusal = "\"fmod_cpu\" not implemented for '{type}'"
    backward_name = "FmodBackward1"
    gradients = by_operand(
        input=lambda grad: grad,
        other=lambda grad, input, other: -grad * div(input, other, rounding_mode="trunc"),
    )

    @staticmethod
    def compute(input: Array, other: Array) -> Array:
        if other.dtype.kind in "ui":
            _refuse_zero(other)
        return np.fmod(input, other)


class FmodNumber(Fmod):
    name = "fmod"
    backward_name = "FmodBackward0"


def mul(input: Any, other: Any) -> Any:
    """``input * other``, broadcast and promoted.

    >>> torch.mul(torch.tensor([1, 2]), 0.5)
    tensor([0.5000, 1.0000])
    """
    return binary(Mul, input, other)


def mul_(input: Any, other: Any) -> Any:
    """:func:`mul` into ``input``."""
    return binary_(Mul, input, other)


_ROUNDED = {"trunc": DivTrunc, "floor": DivFloor}


def _quotient(rounding_mode: str | None) -> type[Pointwise]:
    if rounding_mode is None:
        return Div
    if rounding_mode not in _ROUNDED:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _ROUNDED[rounding_mode]


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """``input / other``, broadcast and promoted; integers give the default floating dtype.

    ``rounding_mode`` 'trunc' rounds the quotient towards zero and 'floor' down, and keep integers integers.
    RuntimeError for another mode and for an integer divided by zero.

    >>> torch.div(torch.tensor([7, -7]), 2), torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -4]))
    """
    return binary(_quotient(rounding_mode), input, other)


def div_(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """:func:`div` into ``input``."""
    return binary_(_quotient(rounding_mode), input, other)


def floor_divide(input: Any, other: Any) -> Any:
    """``input / other`` rounded down: ``input // other``. It has no gradient; ``div(..., rounding_mode='floor')`` has.

    >>> torch.floor_divide(torch.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    return binary(FloorDivide, input, other)


def floor_divide_(input: Any, other: Any) -> Any:
    """:func:`floor_divide` into ``input``."""
    return binary_(FloorDivide, input, other)


def remainder(input: Any, other: Any) -> Any:
    """``input - other * floor(input / other)``, which has the sign of ``other``: Python's ``%``.

    RuntimeError for an integer divided by zero.

    >>> torch.remainder(torch.tensor([5, -5]), 3)
    tensor([2, 1])
    """
    return binary(Remainder if isinstance(other, (Variable, np.ndarray)) else RemainderNumber, input, other)


def remainder_(input: Any, other: Any) -> Any:
    """:func:`remainder` into ``input``."""
    return binary_(Remainder if isinstance(other, (Variable, np.ndarray)) else RemainderNumber, input, other)


def fmod(input: Any, other: Any) -> Any:
    """``input - other * trunc(input / other)``, which has the sign of ``input``: C's ``fmod``.

    RuntimeError for an integer divided by zero.

    >>> torch.fmod(torch.tensor([5, -5]), 3)
    tensor([ 2, -2])
    """
    return binary(Fmod if isinstance(other, (Variable, np.ndarray)) else FmodNumber, input, other)


def fmod_(input: Any, other: Any) -> Any:
    """:func:`fmod` into ``input``."""
    return binary_(Fmod if isinstance(other, (Variable, np.ndarray)) else FmodNumber, input, other)


multiply, divide, true_divide, subtract = mul, div, div, sub
