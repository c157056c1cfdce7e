"""Functions of square matrices, and products other than the matrix product."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.variable import Array
from .axes import array_of, axis_of
from .broadcasting import sum_to
from .complex_numbers import conj
from .elementwise import add, mul
from .linalg import Product, matmul
from .shape import adjoint, common_shape, reshape, reshape_result, transpose, unsqueeze
from .strided import OnDiagonal

__all__ = ["chain_matmul", "cross", "det", "inverse", "kron", "matrix_power", "trace"]


class Trace(Operation):
    """The sum of the diagonal of a matrix."""

    @staticmethod
    def forward(ctx: Any, input: Array) -> Array:
        ctx.shape = input.shape
        return np.asarray(np.trace(input, dtype=np.int64 if input.dtype.kind in "ui" else input.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        ones = np.ones(min(ctx.shape), array_of(grad).dtype)
        return OnDiagonal.apply(mul(grad, ones), ctx.shape, 0, 0, 1)


def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix. RuntimeError for another rank.

    >>> torch.trace(torch.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    array = array_of(input)
    if array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {array.ndim}")
    if array.dtype == np.bool_:
        raise NotImplementedError("\"trace\" not implemented for 'Bool'")
    return Trace.apply(input)


def _require_square(name: str, input: Any) -> None:
    array = array_of(input)
    dtype = dtypes.from_numpy(array.dtype)
    if array.ndim < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor A must have at least 2 dimensions.")
    if array.shape[-1] != array.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {array.shape[-2]} by {array.shape[-1]} "
            "matrices"
        )
    if not dtype.is_differentiable:
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {dtype.scalar_name}"
        )


class LinAlgError(RuntimeError):
    """What linear algebra raises when a matrix has no answer (``torch.linalg.LinAlgError``)."""


class Inverse(Operation):
    """The inverse of each matrix of a batch."""

    backward_name = "LinalgInvExBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array) -> Array:
        try:
            result = np.linalg.inv(input)
        except np.linalg.LinAlgError:
            raise LinAlgError(
                f"linalg.inv: The diagonal element {_zero_pivot(input)} is zero, the inversion could not be completed "
                "because the input matrix is singular."
            ) from None
        ctx.save(result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (inverse,) = ctx.saved
        turned = adjoint(inverse)
        product = Product.apply(Product.apply(turned, grad, "BmmBackward0"), turned, "BmmBackward0")
        return mul(product, -1)


def _zero_pivot(matrices: Array) -> int:
    """The number (from 1) of the first zero on the diagonal that Gaussian elimination meets."""
    for matrix in matrices.reshape(-1, *matrices.shape[-2:]):
        rest = matrix.astype(np.complex128 if matrix.dtype.kind == "c" else np.float64)
        for column in range(len(rest)):
            best = column + int(np.argmax(np.abs(rest[column:, column])))
            if rest[best, column] == 0:
                return column + 1
            rest[[column, best]] = rest[[best, column]]
            below = rest[column + 1 :, column] / rest[column, column]
            rest[column + 1 :] -= below[:, None] * rest[column]
    return matrices.shape[-1]


def inverse(input: Any) -> Any:
    """The inverse of a square matrix, or of each in a batch. LinAlgError (a RuntimeError) for a singular one."""
    _require_square("inv", input)
    return Inverse.apply(input)


class Determinant(Operation):
    """The determinant of each matrix of a batch."""

    backward_name = "LinalgDetBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array) -> Array:
        ctx.save(input)
        return np.asarray(np.linalg.det(input))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (input,) = ctx.saved
        cofactors = adjoint(Cofactors.apply(input))
        return mul(unsqueeze(unsqueeze(grad, -1), -1), transpose(cofactors, -2, -1))


class Cofactors(Operation):
    """The matrix of cofactors, also of a singular matrix: by removing each row and column."""

    @staticmethod
    def forward(ctx: Any, input: Array) -> Array:
        n = input.shape[-1]
        ctx.save(input)
        result = np.empty_like(input)
        for row in range(n):
            for column in range(n):
                minor = np.delete(np.delete(input, row, -2), column, -1)
                result[..., row, column] = (-1) ** (row + column) * np.linalg.det(minor)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        raise RuntimeError("the second derivative of det is not supported")


def det(input: Any) -> Any:
    """The determinant of a square matrix, or of each in a batch."""
    _require_square("det", input)
    return Determinant.apply(input)


def matrix_power(input: Any, n: int) -> Any:
    """A square matrix (or each in a batch) multiplied ``n`` times with itself; a negative n inverts it first."""
    array = array_of(input)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise RuntimeError("linalg.matrix_power: A must be batches of square matrices")
    if n == 0:
        eye = np.broadcast_to(np.eye(array.shape[-1], dtype=array.dtype), array.shape)
        return add(mul(input, 0), eye)
    base = inverse(input) if n < 0 else input
    result, power = None, abs(n)
    while power:
        if power & 1:
            result = base if result is None else matmul(result, base)
        power >>= 1
        if power:
            base = matmul(base, base)
    return result


def multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of several matrices, one after the other."""
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    result = tensors[0]
    for each in tensors[1:]:
        result = matmul(result, each)
    return result


def chain_matmul(*matrices: Any) -> Any:
    """The product of several matrices (``linalg.multi_dot`` is its newer name)."""
    warnings.warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot "
        "instead, which accepts a list of two or more tensors rather than multiple parameters.",
        stacklevel=2,
    )
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The cross product of vectors of length 3 along ``dim`` (the first axis of size 3 without it)."""
    a, b = array_of(input).shape, array_of(other).shape
    shape = common_shape(a, b)
    if dim is None:
        if 3 not in shape:
            raise RuntimeError("no dimension of size 3 in input")
        warnings.warn(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or "
            "simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross "
            "in a future release.",
            stacklevel=2,
        )
        dim = shape.index(3)
    if len(a) != len(b):
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    axis = axis_of(dim, len(shape))
    if a[axis] != 3 or b[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a[axis]} and {b[axis]}"
        )
    return Cross.apply(input, other, axis)


class Cross(Operation):
    """The cross product along an axis of size 3."""

    backward_name = "LinalgCrossBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, other: Array, axis: int) -> Array:
        ctx.axis, ctx.shapes = axis, (input.shape, other.shape)
        ctx.save(input if ctx.needs_input_grad[1] else None, other if ctx.needs_input_grad[0] else None)
        return np.cross(input, other, axis=axis)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, other = ctx.saved
        to_input = to_other = None
        if other is not None:
            to_input = sum_to(Cross.apply(conj(other), grad, ctx.axis), ctx.shapes[0])
        if input is not None:
            to_other = sum_to(Cross.apply(grad, conj(input), ctx.axis), ctx.shapes[1])
        return to_input, to_other


def kron(input: Any, other: Any) -> Any:
    """The Kronecker product: every element of ``input`` times the whole of ``other``."""
    a, b = array_of(input).shape, array_of(other).shape
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    left = reshape(input, [n for size in a for n in (size, 1)])
    right = reshape(other, [n for size in b for n in (1, size)])
    return reshape_result(mul(left, right), [m * n for m, n in zip(a, b)])
