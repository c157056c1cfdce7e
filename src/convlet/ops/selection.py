"""Choosing between values element by element: where, the larger or smaller of two, clamps, masks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from .axes import array_of
from .conversion import (
    OPERANDS,
    as_operand,
    can_cast,
    cast,
    check_broadcast,
    check_operands,
    dtype_of,
    is_half,
    result_type,
)
from .pointwise import Pointwise, binary, by_operand, fits, write_into

__all__ = [
    "clamp", "clamp_", "clamp_max", "clamp_max_", "clamp_min", "clamp_min_", "clip", "clip_", "fmax", "fmin",
    "masked_fill", "maximum", "minimum", "nan_to_num", "nan_to_num_", "where",
]  # fmt: skip

# Where ------------------------------------------------------------------------------------------------------------


class Where(Pointwise):
    operands = ("condition", "input", "other")
    compute = staticmethod(np.where)
    gradients = by_operand(
        input=lambda grad, condition: where(condition, grad, 0),
        other=lambda grad, condition: where(condition, 0, grad),
    )


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """``input`` where ``condition`` (a bool tensor) holds, ``other`` elsewhere; the three are broadcast.

    ``input`` and ``other`` may be numbers. With the condition alone: the indices where it holds, as ``nonzero`` gives
    them with ``as_tuple=True``. RuntimeError when the condition is not of bool, or the shapes do not meet.

    >>> torch.where(torch.tensor([True, False]), torch.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    mask = array_of(condition)
    if input is None and other is None:
        from .gathering import nonzero

        return nonzero(condition, as_tuple=True)
    a = input.array if isinstance(input, Variable) else input
    b = other.array if isinstance(other, Variable) else other
    if mask.dtype == np.bool_:
        if type(b) is np.ndarray and fits(a, b.dtype, Where):
            input = a = np.array(a, b.dtype)
        elif type(a) is np.ndarray and fits(b, a.dtype, Where):
            other = b = np.array(b, a.dtype)
        if type(a) is np.ndarray and type(b) is np.ndarray and a.dtype == b.dtype:
            if not mask.shape == a.shape == b.shape:
                check_broadcast(a.shape, b.shape)
                check_broadcast(mask.shape, np.broadcast_shapes(a.shape, b.shape))
            return Where.apply(condition, input, other)
    if mask.dtype != np.bool_:
        if mask.dtype != np.uint8:
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{dtypes.from_numpy(mask.dtype).scalar_name}"
            )
        warnings.warn(
            "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future "
            "version of PyTorch. Use a boolean condition instead.",
            UserWarning,
            stacklevel=2,
        )
        condition = cast(condition, dtypes.bool_)
    check_operands("where", condition=mask, input=input, other=other)
    dtype = result_type(input, other)
    first, second = _chosen(input, dtype), _chosen(other, dtype)
    shapes = [array_of(each).shape for each in (first, second)]
    check_broadcast(*shapes)
    check_broadcast(mask.shape, np.broadcast_shapes(*shapes))
    return Where.apply(condition, first, second)


def _chosen(operand: Any, dtype: Dtype) -> Any:
    """One of the two operands of where; an integer must fit."""
    if dtype.rank in (1, 2) and isinstance(operand, int):
        return converted(operand, dtype)
    return as_operand(operand, dtype)


def _method_where(input: Any, condition: Any, other: Any) -> Any:
    """:func:`where` as a method: ``input`` where ``condition`` holds, ``other`` elsewhere."""
    return where(condition, input, other)


# The larger and the smaller of two --------------------------------------------------------------------------------


class _Extreme(Pointwise):
    numbers = False
    kinds = "buifV"
    refusal_error = RuntimeError


class Maximum(_Extreme):
    """Equal operands share the gradient."""

    compute = np.maximum
    refusal = "maximum not implemented for complex tensors."
    gradients = by_operand(
        input=lambda grad, input, other: where(input < other, 0, _shared(grad, input, other)),
        other=lambda grad, input, other: where(input > other, 0, _shared(grad, input, other)),
    )


class Minimum(_Extreme):
    compute = np.minimum
    refusal = "minimum not implemented for complex tensors."
    gradients = by_operand(
        input=lambda grad, input, other: where(input > other, 0, _shared(grad, input, other)),
        other=lambda grad, input, other: where(input < other, 0, _shared(grad, input, other)),
    )


def _shared(grad: Any, input: Any, other: Any) -> Any:
    return where(input == other, grad / 2, grad)


class Fmax(_Extreme):
    """A number wins over NaN; of equal operands the first receives the gradient."""

    compute = np.fmax
    refusal = "fmax not implemented for complex tensors."
    gradients = by_operand(
        input=lambda grad, input, other: where((input >= other) | (other != other), grad, 0),
        other=lambda grad, input, other: where((input >= other) | (other != other), 0, grad),
    )


class Fmin(_Extreme):
    compute = np.fmin
    refusal = "fmin not implemented for complex tensors."
    gradients = by_operand(
        input=lambda grad, input, other: where((input <= other) | (other != other), grad, 0),
        other=lambda grad, input, other: where((input <= other) | (other != other), 0, grad),
    )


def maximum(input: Any, other: Any) -> Any:
    """The larger of two tensors' elements; NaN if either is.

    >>> torch.maximum(torch.tensor([1.0, 5.0]), torch.tensor([3.0, 2.0]))
    tensor([3., 5.])
    """
    return binary(Maximum, input, other)


def minimum(input: Any, other: Any) -> Any:
    """The smaller of two tensors' elements; NaN if either is.

    >>> torch.minimum(torch.tensor([1.0, 5.0]), torch.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    return binary(Minimum, input, other)


def fmax(input: Any, other: Any) -> Any:
    """The larger of two tensors' elements; the other one where one is NaN.

    >>> torch.fmax(torch.tensor([1.0, float("nan")]), torch.tensor([3.0, 2.0]))
    tensor([3., 2.])
    """
    return binary(Fmax, input, other)


def fmin(input: Any, other: Any) -> Any:
    """The smaller of two tensors' elements; the other one where one is NaN.

    >>> torch.fmin(torch.tensor([1.0, float("nan")]), torch.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    return binary(Fmin, input, other)


# Clamps -----------------------------------------------------------------------------------------------------------


class Clamp(Pointwise):
    """Bounds are numbers or None. The gradient passes where the bounds are met or not reached."""

    backward_name = "ClampBackward1"
    operands = ("input",)
    settings = ("low", "high")
    kinds = "uifV"
    refusal = "clamp is not supported for complex types"
    gradients = by_operand(input=lambda grad, input, low, high: where(_within(input, low, high), grad, 0))

    @staticmethod
    def compute(input: Array, low: Any, high: Any) -> Array:
        result = input
        if low is not None:
            result = np.maximum(result, np.asarray(low).astype(input.dtype))
        if high is not None:
            result = np.minimum(result, np.asarray(high).astype(input.dtype))
        return result


class ClampMin(Clamp):
    name = "clamp_min"
    backward_name = "ClampMinBackward0"


class ClampMax(Clamp):
    name = "clamp_max"
    backward_name = "ClampMaxBackward0"


class ClampTensor(Pointwise):
    """Both bounds are tensors. A bound receives the gradient where it is the result."""

    name = "clamp"
    backward_name = "ClampBackward0"
    operands = ("input", "low", "high")
    kinds = "uifV"
    refusal = "\"clamp_cpu\" not implemented for '{type}'"
    gradients = by_operand(
        input=lambda grad, input, low, high: where(_within(input, low, high), grad, 0),
        low=lambda grad, input, low, high: where((input < low) & (low < high), grad, 0),
        high=lambda grad, input, low, high: where((input > high) | (low > high), grad, 0),
    )

    @staticmethod
    def compute(input: Array, low: Array, high: Array) -> Array:
        return np.minimum(np.maximum(input, low), high)


class ClampMinTensor(Pointwise):
    name = "clamp_min"
    backward_name = "ClampMinBackward1"
    operands = ("input", "low")
    kinds = "buifV"
    refusal = "\"maximum_cpu\" not implemented for '{type}'"
    compute = np.maximum
    gradients = by_operand(
        input=lambda grad, input, low: where(input >= low, grad, 0),
        low=lambda grad, input, low: where(input < low, grad, 0),
    )


class ClampMaxTensor(Pointwise):
    name = "clamp_max"
    backward_name = "ClampMaxBackward1"
    operands = ("input", "high")
    kinds = "buifV"
    refusal = "\"minimum_cpu\" not implemented for '{type}'"
    compute = np.minimum
    gradients = by_operand(
        input=lambda grad, input, high: where(input <= high, grad, 0),
        high=lambda grad, input, high: where(input > high, grad, 0),
    )


def _within(input: Any, low: Any, high: Any) -> Any:
    if low is None:
        return input <= high
    return input >= low if high is None else (input >= low) & (input <= high)


class ClampByMin(ClampMinTensor):
    """clamp with one tensor bound, which has a node name of its own."""

    name = "clamp"
    backward_name = "ClampBackward0"


class ClampByMax(ClampMaxTensor):
    name = "clamp"
    backward_name = "ClampBackward0"


def _is_tensor(operand: Any) -> bool:
    return isinstance(operand, (Variable, np.ndarray))


# By function and by which bounds there are: the operation for numbers, and that for tensors.
_CLAMPS: dict[tuple[str, bool, bool], tuple[type[Pointwise], type[Pointwise]]] = {
    ("clamp", True, True): (Clamp, ClampTensor),
    ("clamp", True, False): (Clamp, ClampByMin),
    ("clamp", False, True): (Clamp, ClampByMax),
    ("clamp_min", True, False): (ClampMin, ClampMinTensor),
    ("clamp_max", False, True): (ClampMax, ClampMaxTensor),
}
_SCALAR_KERNELS = {(True, True): "clamp_scalar", (True, False): "clamp_min_scalar", (False, True): "clamp_max_scalar"}


def _clamp(name: str, input: Any, low: Any, high: Any, inplace: bool = False) -> Any:
    """Any clamp: promote, choose the operation for these bounds, apply it."""
    array = array_of(input)
    bounds = [each for each in (low, high) if each is not None]
    if not bounds:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    for each in bounds:
        if not isinstance(each, OPERANDS):
            given = ", ".join(type(every).__name__ for every in (input, *bounds))
            raise TypeError(f"{name}() received an invalid combination of arguments - got ({given})")
    which = (low is not None, high is not None)
    by_number, by_tensor = _CLAMPS[name, *which]
    tensors = any(map(_is_tensor, bounds))
    dtype = result_type(input, *bounds)
    if array.dtype.kind == "c" and (name == "clamp" or not tensors):
        raise NotImplementedError(Clamp.refusal)
    if inplace and not can_cast(dtype, input.dtype):
        target = input.dtype.scalar_name if tensors else spelled(input.dtype)
        raise RuntimeError(f"result type {dtype.scalar_name} can't be cast to the desired output type {target}")
    if dtype.is_complex and not tensors:
        raise NotImplementedError(Clamp.refusal)
    if dtype is dtypes.bool_ and not tensors:
        raise NotImplementedError(f"\"{_SCALAR_KERNELS[which]}_cpu\" not implemented for 'Bool'")
    by_tensor.accept(dtype)
    arguments: Any = (low, high)
    if tensors:
        arguments = [as_operand(each, dtype) for each in bounds]
        for each in arguments:
            check_broadcast(array.shape, array_of(each).shape)
    operation = by_tensor if tensors else by_number
    if inplace:
        return write_into(operation, input, *arguments)
    return operation.apply(cast(input, dtype), *arguments)


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """``input`` limited to [min, max]: numbers, tensors or None. ``max`` wins where ``min`` is larger.

    RuntimeError when both are None.

    >>> torch.clamp(torch.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    return _clamp("clamp", input, min, max)


def clamp_(input: Any, min: Any = None, max: Any = None) -> Any:
    """:func:`clamp` into ``input``."""
    return _clamp("clamp", input, min, max, inplace=True)


def clamp_min(input: Any, min: Any) -> Any:
    """``input``, but at least ``min`` (a number or a tensor).

    >>> torch.clamp_min(torch.tensor([-2.0, 0.5]), 0)
    tensor([0.0000, 0.5000])
    """
    return _clamp("clamp_min", input, min, None)


def clamp_min_(input: Any, min: Any) -> Any:
    """:func:`clamp_min` into ``input``."""
    return _clamp("clamp_min", input, min, None, inplace=True)


def clamp_max(input: Any, max: Any) -> Any:
    """``input``, but at most ``max`` (a number or a tensor).

    >>> torch.clamp_max(torch.tensor([2.0, 0.5]), 1)
    tensor([1.0000, 0.5000])
    """
    return _clamp("clamp_max", input, None, max)


def clamp_max_(input: Any, max: Any) -> Any:
    """:func:`clamp_max` into ``input``."""
    return _clamp("clamp_max", input, None, max, inplace=True)


clip, clip_ = clamp, clamp_

# Masks ------------------------------------------------------------------------------------------------------------


class MaskedFill(Pointwise):
    operands = ("input", "mask", "value")
    gradients = by_operand(
        input=lambda grad, mask: where(mask, 0, grad),
        value=lambda grad, mask: where(mask, grad, 0),
    )

    @staticmethod
    def compute(input: Array, mask: Array, value: Array) -> Array:
        return np.where(mask, value, input)


class MaskedFillTensor(MaskedFill):
    name = "masked_fill"
    backward_name = "MaskedFillBackward1"


def _fill(input: Any, mask: Any, value: Any) -> tuple[type[Pointwise], Any, Any]:
    dtype = dtype_of(input)
    flags = array_of(mask)
    if flags.dtype != np.bool_:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {spelled(dtype_of(mask))}"
        )
    if _is_tensor(value):
        if array_of(value).ndim:
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{array_of(value).ndim} dimension(s)."
            )
        check_broadcast(flags.shape, array_of(input).shape)
        return MaskedFillTensor, mask, cast(value, dtype)
    check_operands("masked_fill", input=input, mask=mask, value=value)
    check_broadcast(flags.shape, array_of(input).shape)
    return MaskedFill, mask, converted(value, dtypes.from_numpy(array_of(input).dtype))


def spelled(dtype: Dtype) -> str:
    """The C++ name of a dtype as PyTorch spells it in messages of this family."""
    return {"int16": "short int", "int64": "long int"}.get(dtype.name, dtype.cpp_name)


def converted(value: Any, dtype: Dtype) -> Array:
    """A Python number as a 0-d array of ``dtype``. RuntimeError when it does not fit."""
    name = {"uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int64": "int64_t"}.get(
        dtype.name, dtype.cpp_name
    )
    overflow = RuntimeError(f"value cannot be converted to type {name} without overflow")
    if isinstance(value, complex) and not dtype.is_complex:
        if value.imag:
            raise overflow
        value = value.real
    if dtype.kind in "ui":
        limits = np.iinfo(dtype.numpy)
        low = limits.min if dtype.kind == "i" else -limits.max  # negative numbers wrap in uint8
        if not low <= value <= limits.max:
            raise overflow
        return np.asarray(int(value)).astype(dtype.numpy)
    with np.errstate(over="ignore"):
        result = np.asarray(value).astype(dtype.numpy)
    if np.isinf(result) and not np.isinf(value):
        raise overflow
    return result


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """``input`` with ``value`` (a number or 0-dimensional tensor) where ``mask`` (a bool tensor) holds.

    RuntimeError for a mask of another dtype, a value with dimensions and shapes that do not broadcast.

    >>> torch.masked_fill(torch.tensor([1.0, 2.0]), torch.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    operation, mask, value = _fill(input, mask, value)
    return operation.apply(input, mask, value)


def masked_fill_(input: Any, mask: Any, value: Any) -> Any:
    """:func:`masked_fill` into ``input``."""
    operation, mask, value = _fill(input, mask, value)
    return write_into(operation, input, mask, value)


class NanToNum(Pointwise):
    operands = ("input",)
    settings = ("nan", "posinf", "neginf")
    backward_name = "NanToNumBackward0"
    gradients = by_operand(input=lambda grad, input: where((input == input) & (abs(input) != np.inf), grad, 0))

    @staticmethod
    def compute(input: Array, nan: float, posinf: float | None, neginf: float | None) -> Array:
        if input.dtype.kind in "bui":
            return input.copy(order="K")
        if input.dtype.kind == "c":
            result = np.empty_like(input)
            result.real = NanToNum.compute(input.real, nan, posinf, neginf)
            result.imag = NanToNum.compute(input.imag, nan, posinf, neginf)
            return result
        if is_half(input.dtype):
            limits: Any = 65504.0 if input.dtype.kind == "f" else float.fromhex("0x1.fep127")
        else:
            limits = np.finfo(input.dtype).max
        result = np.where(input != input, np.asarray(nan).astype(input.dtype), input)
        high, low = (limits if posinf is None else posinf), (-limits if neginf is None else neginf)
        result = np.where(input == np.inf, np.asarray(high).astype(input.dtype), result)
        return np.where(input == -np.inf, np.asarray(low).astype(input.dtype), result)


def nan_to_num(input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """NaN replaced by ``nan``, infinities by ``posinf`` and ``neginf``: the dtype's largest numbers if not given.

    >>> torch.nan_to_num(torch.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """
    array_of(input)
    return NanToNum.apply(input, 0.0 if nan is None else nan, posinf, neginf)


def nan_to_num_(input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """:func:`nan_to_num` into ``input``."""
    return write_into(NanToNum, input, 0.0 if nan is None else nan, posinf, neginf)
