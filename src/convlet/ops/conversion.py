"""Changes of dtype, and the dtype in which several operands meet."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype

__all__ = ["can_cast", "result_type"]


class Cast(Operation):
    """The same values in another dtype."""

    backward_name = "ToCopyBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, dtype: Dtype) -> Array:
        ctx.source = dtypes.from_numpy(input.dtype)
        if input.dtype.kind == "c" and not dtype.is_complex:
            warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=2)
            input = input.real
        if dtype.kind in "ui" and input.dtype.kind in "fV":  # NaN and overflow give the hardware's value, unsaid
            with np.errstate(invalid="ignore"):
                return input.astype(np.int64).astype(dtype.numpy)
        return input.astype(dtype.numpy)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return cast(real_part(grad) if not ctx.source.is_complex else grad, ctx.source)


class RealPart(Operation):
    """The real part, as a new array."""

    @staticmethod
    def forward(ctx: Any, input: Array) -> Array:
        return np.ascontiguousarray(input.real)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return cast(grad, dtype_of(grad).to_complex())


def real_part(input: Any) -> Any:
    """The real part of a complex operand, a real one unchanged."""
    return RealPart.apply(input) if dtype_of(input).is_complex else input


def dtype_of(operand: Any) -> Dtype:
    """The dtype of a variable or array."""
    return operand.dtype if isinstance(operand, Variable) else dtypes.from_numpy(operand.dtype)


def cast(operand: Any, dtype: Dtype) -> Any:
    """A variable or array in ``dtype``: itself when it already is."""
    return operand if dtype_of(operand) is dtype else Cast.apply(operand, dtype)


def result_type(*operands: Any) -> Dtype:
    """The dtype of an arithmetic result, by PyTorch's rules.

    Tensors with dimensions count before 0-dimensional ones, and these before Python numbers: a later category
    changes the result only when its kind (bool < integer < floating < complex) is higher.

    >>> torch.result_type(torch.ones(2, dtype=torch.int32), 1.0)
    torch.float32
    """
    with_dims = without_dims = numbers = None
    for operand in operands:
        if isinstance(operand, Variable):
            operand = operand.array
        if isinstance(operand, np.ndarray):
            found = dtypes.from_numpy(operand.dtype)
            if operand.ndim:
                with_dims = found if with_dims is None else dtypes.promote_types(with_dims, found)
            else:
                without_dims = found if without_dims is None else dtypes.promote_types(without_dims, found)
        else:
            found = dtypes.of_scalar(operand)
            numbers = found if numbers is None else dtypes.promote_types(numbers, found)
    result = _combine(_combine(with_dims, without_dims), numbers)
    if result is None:
        raise ValueError("result_type needs at least one operand")
    if result is numbers and any(isinstance(each, np.generic) for each in operands):
        # No tensor: these are 0-dimensional gradients, which NumPy turned into numbers of their dtype.
        return result_type(*[np.asarray(each) if isinstance(each, np.generic) else each for each in operands])
    return result


def _combine(first: Dtype | None, later: Dtype | None) -> Dtype | None:
    """The dtype of operands of a category that counts first with those of a later one."""
    if first is None or later is None:
        return later if first is None else first
    if first.is_differentiable:
        return first.to_complex() if later.is_complex and not first.is_complex else first
    if first is dtypes.bool_ or later.is_differentiable:
        return dtypes.promote_types(first, later)
    return first


def promote(*operands: Any, dtype: Dtype | None = None) -> tuple[Any, ...]:
    """The operands in their common dtype (or in ``dtype``): variables and arrays cast, numbers as 0-d arrays."""
    if dtype is None:
        dtype = result_type(*operands)
    return tuple([as_operand(each, dtype) for each in operands])


def as_operand(operand: Any, dtype: Dtype) -> Any:
    """A variable, array or Python number in ``dtype``; a number becomes a 0-d array."""
    if isinstance(operand, (Variable, np.ndarray)):
        return cast(operand, dtype)
    if dtype.kind in "ui" and not isinstance(operand, np.generic):  # too large a number wraps around
        try:
            return np.asarray(operand, np.int64 if operand < 2**63 else np.uint64).astype(dtype.numpy)
        except OverflowError:
            raise OverflowError("int too big to convert") from None
    return np.asarray(operand, dtype.numpy)


OPERANDS = (Variable, np.ndarray, int, float, complex, np.generic)


def check_operands(operation: str, **operands: Any) -> None:
    """TypeError naming the argument that is neither a tensor nor a number."""
    for position, (name, each) in enumerate(operands.items(), 1):
        if not isinstance(each, OPERANDS):
            raise TypeError(
                f"{operation}(): argument '{name}' (position {position}) must be Tensor, not {type(each).__name__}"
            )


def check_broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """RuntimeError when two shapes do not broadcast."""
    ndim = max(len(a), len(b))
    for back, (m, n) in enumerate(zip(reversed(a), reversed(b)), 1):
        if m != n and m != 1 and n != 1:
            raise RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension "
                f"{ndim - back}"
            )


def is_half(dtype: np.dtype[Any]) -> bool:
    """Whether this NumPy type is float16 or bfloat16 (which NumPy knows as a type of kind 'V')."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def storable(result: Dtype, target: Variable) -> None:
    """RuntimeError unless an in-place result of dtype ``result`` may be stored in ``target``."""
    if not can_cast(result, target.dtype):
        raise RuntimeError(
            f"result type {result.scalar_name} can't be cast to the desired output type {target.dtype.scalar_name}"
        )


def can_cast(from_: Dtype, to: Dtype) -> bool:
    """Whether PyTorch lets an in-place result of dtype ``from_`` be stored as ``to`` (never to a lower kind).

    >>> torch.can_cast(torch.float32, torch.int64)
    False
    """
    kinds = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
    return kinds[from_.kind] <= kinds[to.kind]
