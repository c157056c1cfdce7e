"""Functions of three operands: interpolation, and sums with a product or a quotient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.variable import Array, Variable
from .complex_numbers import conj
from .conversion import as_operand, dtype_of, is_half, result_type
from .pointwise import Pointwise, by_operand, common, in_float32, write_into

__all__ = ["addcdiv", "addcmul", "lerp"]


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
