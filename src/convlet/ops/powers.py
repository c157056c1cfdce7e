"""Powers, element by element: tensors raised to numbers and to tensors, numbers raised to tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from ..kernels import large
from .complex_numbers import conj
from .conversion import cast, check_operands, dtype_of, is_half, result_type
from .elementwise import mul, mul_
from .pointwise import Pointwise, binary, binary_, by_operand, in_float32, write_into, zeros_as
from .selection import converted, where
from .unary import log

__all__ = ["float_power", "ldexp", "ldexp_", "pow"]


def _power(base: Array, exponent: Array) -> Array:
    if base.dtype.kind == "i" and exponent.size and exponent.min() < 0:
        # 1 and -1 have integer inverses; those of other numbers round to 0.
        positive = np.power(base, np.abs(exponent))
        return np.where((exponent >= 0) | (np.abs(base) == 1), positive, base.dtype.type(0))
    return np.power(base, exponent)


def _half_aware_power(base: Array, exponent: Array) -> Array:
    half = is_half(base.dtype) or is_half(exponent.dtype)
    return in_float32(_power)(base, exponent) if half else _power(base, exponent)


_SHORTCUTS: dict[Any, Any] = {
    1: np.positive,
    2: lambda x: large.ufunc(np.multiply, x, x),
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
            zeros_as(grad) if exponent == 0 else mul(grad, conj(mul(pow(input, exponent - 1), exponent)))
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


def float_power_(input: Any, exponent: Any) -> Any:
    """:func:`float_power` into ``input``, which must be of the dtype of the result. RuntimeError otherwise."""
    check_operands("float_power_", input=input, exponent=exponent)
    dtype = dtypes.complex128 if result_type(input, exponent).is_complex else dtypes.float64
    if input.dtype is not dtype:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {input.dtype.scalar_name} but the operation's result requires "
            f"dtype {dtype.scalar_name}"
        )
    return pow_(input, exponent)


def ldexp(input: Any, other: Any) -> Any:
    """``input * 2 ** other``.

    >>> torch.ldexp(torch.tensor([1.0]), torch.tensor([3]))
    tensor([8.])
    """
    return mul(input, pow(2.0, other))


def ldexp_(input: Any, other: Any) -> Any:
    """:func:`ldexp` into ``input``."""
    return mul_(input, pow(2.0, other))
