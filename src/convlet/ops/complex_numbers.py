"""Complex numbers: their parts and conjugates, and how they are made of real ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from ..dtypes import from_numpy
from .axes import array_of
from .conversion import RealPart, check_broadcast, dtype_of
from .pointwise import Pointwise, by_operand, write_into

__all__ = [
    "angle", "complex", "conj", "conj_physical", "conj_physical_", "imag", "polar", "real", "resolve_conj",
    "view_as_complex", "view_as_real",
]  # fmt: skip


class Conj(Pointwise):
    compute = np.conjugate
    operands = ("input",)
    gradients = by_operand(input=lambda grad: conj(grad))


class ConjPhysical(Conj):
    backward_name = "ConjPhysicalBackward0"
    compute = np.conjugate


def conj(input: Any) -> Any:
    """The complex conjugate; a real tensor is returned as it is. (PyTorch defers the computation; here it is done.)

    >>> torch.conj(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    array = input.array if isinstance(input, Variable) else input
    return Conj.apply(input) if array.dtype.kind == "c" else input


def conj_physical(input: Any) -> Any:
    """The complex conjugate as a new tensor.

    >>> torch.conj_physical(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return ConjPhysical.apply(input) if dtype_of(input).is_complex else input


def conj_physical_(input: Any) -> Any:
    """:func:`conj_physical` into ``input``."""
    return write_into(ConjPhysical, input) if input.dtype.is_complex else input


def resolve_conj(input: Any) -> Any:
    """The tensor itself: conjugates are never pending here.

    >>> torch.resolve_conj(torch.tensor([1.0]))
    tensor([1.])
    """
    return input


class ViewAsReal(Operation):
    """A complex tensor's memory as pairs of real numbers along a new last axis."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array) -> Array:
        return _pairs(input)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return ViewAsComplex.apply(grad)


class ViewAsComplex(Operation):
    """Pairs along the last axis as complex numbers: a view where these lie side by side in memory, else a copy."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array) -> Array:
        complex_type = np.result_type(input.dtype, np.complex64)
        if input.strides[-1] != input.itemsize or any(step % complex_type.itemsize for step in input.strides[:-1]):
            input = np.ascontiguousarray(input)
        return input.view(complex_type)[..., 0]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return ViewAsReal.apply(grad)


def _pairs(array: Array) -> Array:
    result = np.empty((0,), array.real.dtype)  # for its dtype
    return np.lib.stride_tricks.as_strided(
        array.real, (*array.shape, 2), (*array.strides, result.itemsize), writeable=array.flags.writeable
    )


class Part(Operation):
    """The real (0) or imaginary (1) part, a view of the complex memory."""

    backward_name = "SelectBackward0"
    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, part: int) -> Array:
        ctx.part = part
        return input.imag if part else input.real

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return FromPart.apply(grad, ctx.part)


class FromPart(Operation):
    """A complex array with one part given and the other 0."""

    @staticmethod
    def forward(ctx: Any, input: Array, part: int) -> Array:
        ctx.part = part
        result = np.zeros(input.shape, np.result_type(input.dtype, np.complex64))
        if part:
            result.imag = input
        else:
            result.real = input
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return RealPart.apply(grad) if ctx.part == 0 else RealPart.apply(grad * -1j)


def real(input: Any) -> Any:
    """The real part, sharing memory with ``input``; a real tensor is returned as it is.

    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    return Part.apply(input, 0) if array_of(input).dtype.kind == "c" else input


def imag(input: Any) -> Any:
    """The imaginary part, sharing memory with ``input``. RuntimeError for a real tensor.

    >>> torch.imag(torch.tensor([1 + 2j]))
    tensor([2.])
    """
    if array_of(input).dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return Part.apply(input, 1)


def view_as_real(input: Any) -> Any:
    """A complex tensor's memory as real numbers, with a last axis of (real, imaginary). RuntimeError for a real one.

    >>> torch.view_as_real(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if array_of(input).dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return ViewAsReal.apply(input)


def view_as_complex(input: Any) -> Any:
    """A real tensor's memory as complex numbers: the last axis holds (real, imaginary).

    RuntimeError for other dtypes than float32 and float64, a last axis that is not of size 2 or not dense in memory.

    >>> torch.view_as_complex(torch.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    array = array_of(input)
    if array.dtype not in (np.float32, np.float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{from_numpy(array.dtype).scalar_name}"
        )
    if not array.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if array.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if array.strides[-1] != array.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(step % (2 * array.itemsize) for n, step in zip(array.shape[:-1], array.strides) if n > 1):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return ViewAsComplex.apply(input)


class Complex(Pointwise):
    """input + i other"""

    gradients = by_operand(input=lambda grad: real(grad), other=lambda grad: imag(grad))

    @staticmethod
    def compute(input: Array, other: Array) -> Array:
        result = np.empty(np.broadcast_shapes(input.shape, other.shape), np.result_type(input.dtype, np.complex64))
        result.real, result.imag = input, other
        return result


class Polar(Pointwise):
    """input e**(i other)"""

    gradients = by_operand(
        input=lambda grad, result: real(grad * conj(_sign(result))),
        other=lambda grad, result: real(grad * conj(result * 1j)),
    )

    @staticmethod
    def compute(input: Array, other: Array) -> Array:
        return Complex.compute(input * np.cos(other), input * np.sin(other))


def _sign(operand: Any) -> Any:
    from .unary import sgn  # below this file: unary needs conj

    return sgn(operand)


def _two_reals(input: Any, other: Any) -> None:
    a, b = dtype_of(input), dtype_of(other)
    if not (a.is_floating_point and b.is_floating_point and "16" not in a.name + b.name):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {a.scalar_name} and {b.scalar_name}"
        )
    if a is not b:
        raise RuntimeError(
            f"Expected object of scalar type {a.scalar_name} but got scalar type {b.scalar_name} for second argument"
        )
    check_broadcast(array_of(input).shape, array_of(other).shape)


def complex(real: Any, imag: Any) -> Any:
    """The complex tensor of these real and imaginary parts. RuntimeError unless both are float32 or both float64.

    >>> torch.complex(torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([1.+2.j])
    """
    _two_reals(real, imag)
    return Complex.apply(real, imag)


def polar(abs: Any, angle: Any) -> Any:
    """The complex tensor of these magnitudes and angles in radians: ``abs * e ** (i angle)``.

    RuntimeError unless both are float32 or both float64.

    >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor([2.+0.j])
    """
    _two_reals(abs, angle)
    return Polar.apply(abs, angle)


class Angle(Pointwise):
    operands = ("input",)
    gradients = by_operand(input=lambda grad, input: _angle_gradient(grad, input))

    @staticmethod
    def compute(input: Array) -> Array:
        if input.dtype.kind == "c":
            return np.angle(input)
        wide = input.dtype if input.dtype.kind in "fV" else np.float32
        half_turn = np.asarray(np.pi).astype(wide)
        return np.where(input != input, input.astype(wide), np.where(input < 0, half_turn, half_turn * 0))


def _angle_gradient(grad: Any, input: Any) -> Any:
    array = input.array if isinstance(input, Variable) else np.asarray(input)
    if array.dtype.kind != "c":
        return np.zeros(array.shape, array.dtype)
    # d angle = Im(conj(z) dz) / |z|**2; with the conjugate convention the gradient is i z / |z|**2.
    size = real(input * conj(input))
    zero = array == 0
    return (grad / (size + zero.astype(array.real.dtype))) * (input * 1j)


def angle(input: Any) -> Any:
    """The angle of each complex number in radians; 0 or pi for real ones.

    >>> torch.angle(torch.tensor([1j, -1 + 0j]))
    tensor([1.5708, 3.1416])
    """
    array_of(input)
    return Angle.apply(input)
