"""Arithmetic on two operands and more, element by element, each beside its gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from .complex_numbers import conj
from .conversion import (
    as_operand,
    cast,
    check_operands,
    dtype_of,
    is_half,
    result_type,
)
from .pointwise import Pointwise, binary, binary_, by_operand, common, in_float32, widened, write_into, zeros_as
from .selection import converted, where
from .unary import exp, exp2, log

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "atan2",
    "copysign",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmod",
    "heaviside",
    "hypot",
    "ldexp",
    "lerp",
    "logaddexp",
    "logaddexp2",
    "mul",
    "multiply",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
    "xlogy",
]

# Sums and differences ---------------------------------------------------------------------------------------------

_NO_BOOL = "Subtraction, the `-` operator, with {} is not supported. {}"
_ONE_BOOL = _NO_BOOL.format(
    "a bool tensor", "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
)
_TWO_BOOLS = _NO_BOOL.format("two bool tensors", "Use the `^` or `logical_xor()` operator instead.")


class Add(Pointwise):
    compute = np.add
    gradients = by_operand(input=lambda grad: grad, other=lambda grad: grad)


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
        return binary(Add, input, other)
    return _scaled(AddScaled, input, other, alpha)


def add_(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """:func:`add` into ``input``."""
    if type(alpha) is int and alpha == 1:
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


# Powers -----------------------------------------------------------------------------------------------------------


def _power(base: Array, exponent: Array) -> Array:
    if base.dtype.kind == "i" and exponent.size and exponent.min() < 0:
        # 1 and -1 have integer inverses; those of other numbers round to 0.
        positive = np.power(base, np.abs(exponent))
        return np.where((exponent >= 0) | (np.abs(base) == 1), positive, base.dtype.type(0))
    return np.power(base, exponent)


def _half_aware_power(base: Array, exponent: Array) -> Array:
    half = is_half(base.dtype) or is_half(exponent.dtype)
    return in_float32(_power)(base, exponent) if half else _power(base, exponent)


_SHORTCUTS = {
    2: lambda x: np.multiply(x, x),
    3: lambda x: x * x * x,
    0.5: np.sqrt,
    -0.5: lambda x: 1 / np.sqrt(x),
    -1: lambda x: 1 / x,
    -2: lambda x: 1 / (x * x),
}


def _power_by_number(base: Array, exponent: Any) -> Array:
    shortcut = _SHORTCUTS.get(exponent)
    if shortcut is not None and (base.dtype.kind in "fVc" or exponent in (2, 3)):
        return in_float32(shortcut)(base) if is_half(base.dtype) else shortcut(base)
    wide = np.float32 if is_half(base.dtype) else base.dtype
    return _half_aware_power(base, np.asarray(exponent).astype(wide))


class PowNumber(Pointwise):
    """input ** exponent for a number."""

    name = "pow"
    backward_name = "PowBackward0"
    kinds = "uifVc"
    refusal = "\"pow\" not implemented for '{type}'"
    operands = ("input",)
    settings = ("exponent",)
    compute = staticmethod(_power_by_number)
    gradients = by_operand(
        input=lambda grad, input, exponent: (
            zeros_as(grad) if exponent == 0 else grad * conj(mul(pow(input, exponent - 1), exponent))
        )
    )


class PowTensor(Pointwise):
    """input ** exponent for two tensors. Where a derivative is 0 * infinity, it is 0."""

    name = "pow"
    backward_name = "PowBackward1"
    kinds = "uifVc"
    refusal = "\"pow\" not implemented for '{type}'"
    operands = ("input", "exponent")
    compute = staticmethod(_half_aware_power)
    gradients = by_operand(
        input=lambda grad, input, exponent: where(
            _is_zero(exponent), 0, grad * conj(exponent * pow(input, exponent - 1))
        ),
        exponent=lambda grad, input, exponent, result: where(
            _is_zero(input, exponent), 0, grad * conj(result * log(input))
        ),
    )


class PowOfNumber(Pointwise):
    """base ** exponent for a number base."""

    name = "pow"
    backward_name = "PowBackward2"
    kinds = "uifVc"
    refusal = "\"pow\" not implemented for '{type}'"
    operands = ("exponent",)
    settings = ("base",)
    gradients = by_operand(exponent=lambda grad, exponent, result, base: _log_of_number(grad, exponent, result, base))

    @staticmethod
    def compute(exponent: Array, base: Any) -> Array:
        wide = np.float32 if is_half(exponent.dtype) else exponent.dtype
        return _half_aware_power(np.asarray(base).astype(wide), exponent)


def _log_of_number(grad: Any, exponent: Any, result: Any, base: Any) -> Any:
    if base == 0:
        return where(_is_zero(np.zeros(()), exponent), 0, grad * (result * -math.inf))
    logarithm = math.log(base) if isinstance(base, (int, float)) and base > 0 else complex(np.log(complex(base)))
    if isinstance(logarithm, complex) and not dtype_of(result).is_complex:
        return grad * (result * math.nan)
    return grad * conj(result * logarithm)


def _is_zero(input: Any, exponent: Any = None) -> Array:
    """Where a constant factor of a power's derivative is 0: input == 0, and exponent >= 0 if given."""
    arrays = [each.array if isinstance(each, Variable) else np.asarray(each) for each in (input, exponent)]
    zero = arrays[0] == 0
    return zero if exponent is None else zero & (arrays[1].real >= 0)


def pow(input: Any, exponent: Any) -> Any:
    """``input ** exponent``, broadcast and promoted; one of the two may be a number.

    RuntimeError for an integer raised to a negative integer power.

    >>> torch.pow(torch.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    tensors = [isinstance(each, (Variable, np.ndarray)) for each in (input, exponent)]
    if all(tensors):
        return binary(PowTensor, input, exponent)
    check_operands("pow", input=input, exponent=exponent)
    if tensors[0]:
        dtype = PowNumber.accept(result_type(input, exponent))
        _check_exponent(exponent, dtype)
        return PowNumber.apply(cast(input, dtype), _plain(exponent))
    if isinstance(exponent, Variable):
        dtype = PowOfNumber.accept(result_type(input, exponent))
        if input == 1:
            return make_result(np.ones(exponent.array.shape, dtype.numpy))
        return PowOfNumber.apply(cast(exponent, dtype), _plain(input))
    return np.asarray(input) ** np.asarray(exponent)


def pow_(input: Any, exponent: Any) -> Any:
    """:func:`pow` into ``input``."""
    if isinstance(exponent, (Variable, np.ndarray)):
        return binary_(PowTensor, input, exponent)
    check_operands("pow", input=input, exponent=exponent)
    dtype = PowNumber.accept(result_type(input, exponent), input)
    _check_exponent(exponent, dtype)
    return write_into(PowNumber, input, _plain(exponent))


def _check_exponent(exponent: Any, dtype: Dtype) -> None:
    if isinstance(exponent, (int, np.integer)) and dtype.rank < 3:
        if exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        converted(exponent, dtype)


def _plain(number: Any) -> Any:
    return number.item() if isinstance(number, np.generic) else number


def float_power(input: Any, exponent: Any) -> Any:
    """``input ** exponent`` computed in float64 (complex128 for complex operands).

    >>> torch.float_power(torch.tensor([2]), -1)
    tensor([0.5000], dtype=torch.float64)
    """
    check_operands("float_power", input=input, exponent=exponent)
    dtype = dtypes.complex128 if result_type(input, exponent).is_complex else dtypes.float64
    return pow(*[cast(each, dtype) if isinstance(each, Variable) else each for each in (input, exponent)])


# Other functions of two operands ----------------------------------------------------------------------------------


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
    return np.where(a == 0, a.dtype.type(0), np.where(np.signbit(a) == np.signbit(b), a.dtype.type(1), a.dtype.type(-1)))


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


def ldexp(input: Any, other: Any) -> Any:
    """``input * 2 ** other``.

    >>> torch.ldexp(torch.tensor([1.0]), torch.tensor([3]))
    tensor([8.])
    """
    return mul(input, pow(2.0, other))


# Three operands ---------------------------------------------------------------------------------------------------


class LerpNumber(Pointwise):
    """input + weight (end - input), rounded so that weight 0 gives input and 1 gives end."""

    name = "lerp"
    backward_name = "LerpBackward0"
    operands = ("input", "end")
    settings = ("weight",)
    kinds = "fVc"
    refusal = "\"lerp_kernel_scalar\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, weight: grad * (1 - weight).conjugate(),
        end=lambda grad, weight: grad * weight.conjugate(),
    )

    @staticmethod
    def compute(input: Array, end: Array, weight: Any) -> Array:
        return in_float32(_lerp)(input, end, weight) if is_half(input.dtype) else _lerp(input, end, weight)


class LerpTensor(Pointwise):
    name = "lerp"
    backward_name = "LerpBackward1"
    operands = ("input", "end", "weight")
    kinds = "fVc"
    refusal = "\"lerp_kernel_tensor\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, weight: grad * conj(1 - weight),
        end=lambda grad, weight: grad * conj(weight),
        weight=lambda grad, input, end: grad * conj(end - input),
    )
    compute = LerpNumber.compute


def _lerp(input: Array, end: Array, weight: Any) -> Array:
    low = np.abs(weight) < 0.5
    return np.where(low, input + weight * (end - input), end - (end - input) * (1 - weight))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """``input + weight * (end - input)``; ``weight`` is a number or a tensor.

    RuntimeError for tensors of different dtypes.

    >>> torch.lerp(torch.tensor([0.0, 10.0]), torch.tensor([1.0, 20.0]), 0.5)
    tensor([ 0.5000, 15.0000])
    """
    return _lerped(LerpTensor.apply, LerpNumber.apply, input, end, weight)


def lerp_(input: Any, end: Any, weight: Any) -> Any:
    """:func:`lerp` into ``input``."""
    return _lerped(
        lambda *args: write_into(LerpTensor, *args), lambda *args: write_into(LerpNumber, *args), input, end, weight
    )


def _lerped(by_tensor: Any, by_number: Any, input: Any, end: Any, weight: Any) -> Any:
    for name, each in (("end", end), ("weight", weight)):
        if isinstance(each, (Variable, np.ndarray)) and dtype_of(each) is not dtype_of(input):
            raise RuntimeError(
                f"expected dtype {dtype_of(input).cpp_name} for `{name}` but got dtype {dtype_of(each).cpp_name}"
            )
    LerpNumber.accept(dtype_of(input))
    if isinstance(weight, (Variable, np.ndarray)):
        return by_tensor(*common(LerpTensor, input, end, weight))
    common(LerpNumber, input, end)
    return by_number(input, end, weight)


class Addcmul(Pointwise):
    """input + value tensor1 tensor2"""

    operands = ("input", "tensor1", "tensor2")
    settings = ("value",)
    kinds = "uifVc"
    refusal = "\"addcmul_cpu_out\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad: grad,
        tensor1=lambda grad, tensor2, value: grad * conj(tensor2 * value),
        tensor2=lambda grad, tensor1, value: grad * conj(tensor1 * value),
    )

    @staticmethod
    def compute(input: Array, tensor1: Array, tensor2: Array, value: Any) -> Array:
        return _half_aware(lambda a, b, c: a + value * b * c, input, tensor1, tensor2)


class Addcdiv(Pointwise):
    """input + value tensor1 / tensor2"""

    operands = ("input", "tensor1", "tensor2")
    settings = ("value",)
    kinds = "fVc"
    refusal = (
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true "
        "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as "
        "(input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as "
        "(input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter "
        "implementation: (input + value * tensor1 / tensor2), for all dtypes."
    )
    refusal_error = RuntimeError
    gradients = by_operand(
        input=lambda grad: grad,
        tensor1=lambda grad, tensor2, value: grad * conj(value / tensor2),
        tensor2=lambda grad, tensor1, tensor2, value: -grad * conj(value * tensor1 / (tensor2 * tensor2)),
    )

    @staticmethod
    def compute(input: Array, tensor1: Array, tensor2: Array, value: Any) -> Array:
        return _half_aware(lambda a, b, c: a + value * b / c, input, tensor1, tensor2)


def _half_aware(function: Any, *arrays: Array) -> Array:
    return in_float32(function)(*arrays) if is_half(arrays[0].dtype) else function(*arrays)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``input + value * tensor1 * tensor2``.

    >>> torch.addcmul(torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0]), value=10)
    tensor([61.])
    """
    return Addcmul.apply(*common(Addcmul, input, tensor1, tensor2), value)


def addcmul_(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """:func:`addcmul` into ``input``."""
    return _into(Addcmul, input, tensor1, tensor2, value)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``input + value * tensor1 / tensor2``. RuntimeError for integers.

    >>> torch.addcdiv(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([2.0]))
    tensor([2.5000])
    """
    return Addcdiv.apply(*common(Addcdiv, input, tensor1, tensor2), value)


def addcdiv_(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """:func:`addcdiv` into ``input``."""
    return _into(Addcdiv, input, tensor1, tensor2, value)


def _into(operation: type[Pointwise], input: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
    dtype = operation.accept(result_type(input, tensor1, tensor2), input)
    return write_into(operation, input, as_operand(tensor1, dtype), as_operand(tensor2, dtype), value)


def _inplace(operation: type[Pointwise], function: Any) -> Any:
    """The in-place form of a function of two operands."""

    def method(input: Any, other: Any) -> Any:
        return binary_(operation, input, other)

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f":func:`{function.__name__}` into ``input``."
    return method


atan2_, hypot_, copysign_ = _inplace(Atan2, atan2), _inplace(Hypot, hypot), _inplace(Copysign, copysign)
xlogy_, heaviside_ = _inplace(Xlogy, xlogy), _inplace(Heaviside, heaviside)
multiply, divide, true_divide, subtract = mul, div, div, sub
arctan2 = atan2
