"""Products of matrices, and a little more linear algebra, each beside its gradient."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.inplace import apply_inplace
from ..autograd.variable import Array, Variable
from .axes import array_of, axis_of
from .broadcasting import sum_to
from .complex_numbers import conj
from .conversion import dtype_of
from .elementwise import add, mul
from .shape import (
    Diagonal,
    OnDiagonal,
    Permute,
    adjoint,
    common_shape,
    expanded_shape,
    permute,
    reshape,
    reshape_result,
    transpose,
    unsqueeze,
)

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "chain_matmul", "cross", "det", "dot", "einsum", "ger",
    "inverse", "kron", "matmul", "matrix_power", "mm", "mv", "outer", "tensordot", "trace", "vdot",
]  # fmt: skip


# The product ------------------------------------------------------------------------------------------------------


def multiply(a: Array, b: Array) -> Array:
    """``a @ b`` of arrays in their dtype; 16-bit types are computed in float32 and rounded once."""
    if a.itemsize == 2 and a.dtype.kind in "fV":
        return np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
    return np.matmul(_dense(a), _dense(b))


def _dense(array: Array) -> Array:
    """The array, or a copy where BLAS could not take its strides (NumPy's own loop is many times slower)."""
    if array.ndim < 2 or array.flags.c_contiguous or array.dtype.kind not in "fc":
        return array
    (rows, columns), size = array.strides[-2:], array.itemsize
    if (columns == size and rows >= array.shape[-1] * size) or (rows == size and columns >= array.shape[-2] * size):
        return array
    return np.ascontiguousarray(array)


class Product(Operation):
    """``a @ b`` of matrices, vectors (not both 0-d) or batches of one shape or broadcast."""

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array, name: str) -> Array:
        ctx.shapes = a.shape, b.shape
        ctx.rename(name)
        ctx.save(a if ctx.needs_input_grad[1] else None, b if ctx.needs_input_grad[0] else None)
        return np.asarray(multiply(a, b))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        a, b = ctx.saved
        shape_a, shape_b = ctx.shapes
        rows_a = (1, *shape_a) if len(shape_a) == 1 else shape_a  # as matrices
        rows_b = (*shape_b, 1) if len(shape_b) == 1 else shape_b
        if len(shape_b) == 1:
            grad = unsqueeze(grad, -1)
        if len(shape_a) == 1:
            grad = unsqueeze(grad, -2)
        to_a = to_b = None
        if b is not None:
            to_a = Product.apply(grad, adjoint(reshape(b, rows_b)), _NAMES[2])
            to_a = reshape(sum_to(to_a, rows_a), shape_a)
        if a is not None:
            to_b = Product.apply(adjoint(reshape(a, rows_a)), grad, _NAMES[2])
            to_b = reshape(sum_to(to_b, rows_b), shape_b)
        return to_a, to_b

    @classmethod
    def meta(cls, *args: Any) -> Any:
        a, b = args[0], args[1]
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        rows = a.shape[-2:-1]
        columns = b.shape[-1:] if b.ndim > 1 else ()
        return np.broadcast_to(np.zeros((), a.dtype), (*batch, *rows, *columns))


_NAMES = {1: "MvBackward0", 2: "MmBackward0", 3: "BmmBackward0"}


def _mismatch(a: tuple[int, ...], b: tuple[int, ...]) -> RuntimeError:
    return RuntimeError(
        f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})"
    )


def _require_product(kernel: str, a: Any, b: Any, same_dtype: str) -> None:
    """That both have one dtype, not bool; ``same_dtype`` is PyTorch's sentence with {} for the two names."""
    first, second = dtype_of(a), dtype_of(b)
    if first is not second:
        raise RuntimeError(
            same_dtype.format(first.scalar_name, second.scalar_name, c=[_c_name(each) for each in (first, second)])
        )
    if first is dtypes.bool_:
        raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")


def _c_name(dtype: dtypes.dtype) -> str:
    return {"int64": "long int", "int16": "short int"}.get(dtype.name, dtype.cpp_name)


_MM_DTYPES = "expected m1 and m2 to have the same dtype, but got: {c[0]} != {c[1]}"
_MV_DTYPES = "addmv input tensors must have the same dtype, but got {1}, {0}, and {1}"
_BMM_DTYPES = "expected scalar type {} but found {}"
_DOT_DTYPES = "dot : expected both vectors to have same dtype, but found {} and {}"


def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices: (n, k) @ (k, m) -> (n, m).

    RuntimeError when the sizes or dtypes do not fit.

    >>> torch.mm(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    a, b = array_of(input).shape, array_of(mat2).shape
    if len(a) != 2:
        raise RuntimeError("self must be a matrix")
    if len(b) != 2:
        raise RuntimeError("mat2 must be a matrix")
    if a[1] != b[0]:
        raise _mismatch(a, b)
    _require_product("addmm_impl_cpu_", input, mat2, _MM_DTYPES)
    return Product.apply(input, mat2, "MmBackward0")


def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices: (b, n, k) @ (b, k, m) -> (b, n, m). RuntimeError as for :func:`mm`."""
    _require_batches(input, mat2)
    _require_product("bmm", input, mat2, _BMM_DTYPES)
    return Product.apply(input, mat2, "BmmBackward0")


def _require_batches(batch1: Any, batch2: Any) -> None:
    a, b = array_of(batch1).shape, array_of(batch2).shape
    if len(a) != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if len(b) != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: [{b[0]}, "
            f"{b[1]}]."
        )


def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix and a vector: (n, k) @ (k,) -> (n,). RuntimeError as for :func:`mm`."""
    _require_vector_product(input, vec)
    return Product.apply(input, vec, "MvBackward0")


def _require_vector_product(mat: Any, vec: Any, result: int | None = None) -> None:
    a, b = array_of(mat).shape, array_of(vec).shape
    if len(a) != 2 or len(b) != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {len(a)}, {len(b)}")
    size = a[0] if result is None else result
    if a[1] != b[0] or size not in (1, a[0]):
        raise RuntimeError(f"size mismatch, got input ({size}), mat ({a[0]}x{a[1]}), vec ({b[0]})")
    _require_product("addmv_impl_cpu", mat, vec, _MV_DTYPES)


def dot(input: Any, tensor: Any) -> Any:
    """The inner product of two vectors, without conjugating.

    >>> torch.dot(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    _require_vectors(input, tensor)
    return Product.apply(input, tensor, "DotBackward0")


def _require_vectors(input: Any, tensor: Any) -> None:
    a, b = array_of(input).shape, array_of(tensor).shape
    if len(a) != 1 or len(b) != 1:
        raise RuntimeError(f"1D tensors expected, but got {len(a)}D and {len(b)}D tensors")
    _require_product("dot", input, tensor, _DOT_DTYPES)
    if a != b:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(a)} and src {list(b)} to have the same number of "
            f"elements, but got {a[0]} and {b[0]} elements respectively"
        )


class Vdot(Operation):
    """The inner product of two vectors, the first conjugated."""

    @staticmethod
    def forward(ctx: Any, input: Array, other: Array) -> Array:
        ctx.save(input if ctx.needs_input_grad[1] else None, other if ctx.needs_input_grad[0] else None)
        return np.asarray(multiply(input.conj(), other))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, other = ctx.saved
        return (
            None if other is None else mul(conj(grad), other),
            None if input is None else mul(grad, input),
        )


def vdot(input: Any, other: Any) -> Any:
    """The inner product of two vectors, the first conjugated."""
    _require_vectors(input, other)
    return Vdot.apply(input, other)


def outer(input: Any, vec2: Any) -> Any:
    """The products of all pairs of elements of two vectors: (n,), (m,) -> (n, m).

    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    for name, each in (("self", input), ("vec2", vec2)):
        if array_of(each).ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {array_of(each).ndim}-D")
    return mul(reshape(input, (-1, 1)), vec2)


ger = outer


def matmul(input: Any, other: Any) -> Any:
    """The matrix product ``input @ other``: of vectors, matrices, and batches of matrices, which broadcast.

    A vector on the left counts as a row, on the right as a column, and the axis it got is dropped again.
    RuntimeError when the sizes or dtypes do not fit.

    >>> torch.matmul(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    a, b = array_of(input).shape, array_of(other).shape
    if not a or not b:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D"
        )
    if len(a) <= 2 and len(b) <= 2:
        return _matrix_product(input, other, len(a), len(b))
    if len(b) <= 2:  # the rows of all matrices in one
        rows = reshape(input, (math.prod(a[:-1]), a[-1]))
        product = mv(rows, other) if len(b) == 1 else mm(rows, other)
        return reshape_result(product, (*a[:-1], *b[1:]))
    rows_a = (1, *a) if len(a) == 1 else a
    batch = common_shape(rows_a[:-2], b[:-2])
    if rows_a[-1] != b[-2]:
        count = math.prod(batch)
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {rows_a[-1]}] but got: "
            f"[{count}, {b[-2]}]."
        )
    _require_product("bmm", input, other, _BMM_DTYPES)
    return Product.apply(input, other, "UnsafeViewBackward0")


def _matrix_product(input: Any, other: Any, left: int, right: int) -> Any:
    if left == right == 2:
        return mm(input, other)
    if left == 2:
        return mv(input, other)
    if right == 1:
        return dot(input, other)
    a, b = array_of(input).shape, array_of(other).shape
    if a[0] != b[0]:
        raise _mismatch((1, *a), b)
    _require_product("addmm_impl_cpu_", input, other, _MM_DTYPES)
    return Product.apply(input, other, "SqueezeBackward4")


# Products with a sum ----------------------------------------------------------------------------------------------


class AddProduct(Operation):
    """``beta * input + alpha * (a @ b)``, the input broadcast; with beta 0 the input is not read."""

    @staticmethod
    def forward(ctx: Any, input: Array, a: Array, b: Array, beta: Any, alpha: Any, name: str) -> Array:
        ctx.shape, ctx.factors = input.shape, (beta, alpha)
        ctx.rename(name)
        ctx.save(a if ctx.needs_input_grad[2] else None, b if ctx.needs_input_grad[1] else None)
        dtype = input.dtype
        if dtype.itemsize == 2 and dtype.kind in "fV":
            input, a, b = (each.astype(np.float32) for each in (input, a, b))
        if dtype.kind in "bui":
            beta, alpha = int(beta), int(alpha)
        result = multiply(a, b)
        if alpha != 1:
            result = result * result.dtype.type(alpha)
        if beta != 0:
            result = result + (input if beta == 1 else input * result.dtype.type(beta))
        return result.astype(dtype, copy=False)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        a, b = ctx.saved
        beta, alpha = ctx.factors
        scaled = grad if alpha == 1 else mul(grad, _conjugate_number(alpha))
        vector = len(array_of(grad).shape) == 1
        to_input = sum_to(grad if beta == 1 else mul(grad, _conjugate_number(beta)), ctx.shape)
        to_a = to_b = None
        if b is not None:
            to_a = (
                Product.apply(unsqueeze(scaled, 1), adjoint(unsqueeze(b, 1)), "MmBackward0")
                if vector
                else Product.apply(scaled, adjoint(b), "MmBackward0")
            )
        if a is not None:
            to_b = Product.apply(adjoint(a), scaled, "MvBackward0" if vector else "MmBackward0")
        return to_input, to_a, to_b


def _conjugate_number(value: Any) -> Any:
    return value.conjugate() if isinstance(value, complex) else value


def _sum_dtypes(input: Any, mat1: Any, mat2: Any) -> None:
    mine, first, second = dtype_of(input), dtype_of(mat1), dtype_of(mat2)
    if mine is not second:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {mine.scalar_name} and {second.scalar_name}"
        )
    if first is not second:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {first.scalar_name} and {second.scalar_name}"
        )


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * (mat1 @ mat2)``; ``input`` broadcasts to the product, and is not read when beta is 0.

    RuntimeError when the sizes or dtypes do not fit.

    >>> torch.addmm(torch.ones(1), torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
    tensor([[12.]])
    """
    a, b = array_of(mat1).shape, array_of(mat2).shape
    for name, shape in (("mat1", a), ("mat2", b)):
        if len(shape) != 2:
            raise RuntimeError(f"{name} must be a matrix, got {len(shape)}-D tensor")
    if a[1] != b[0]:
        raise _mismatch(a, b)
    _sum_dtypes(input, mat1, mat2)
    expanded_shape(array_of(input), (a[0], b[1]))
    _require_product("addmm_impl_cpu_", mat1, mat2, _MM_DTYPES)
    return AddProduct.apply(input, mat1, mat2, beta, alpha, "AddmmBackward0")


def addmm_(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """:func:`addmm` into ``input``."""
    return apply_inplace(_Overwritten, input, addmm(input, mat1, mat2, beta=beta, alpha=alpha))


class _Overwritten(Operation):
    """The second operand: what an in-place form leaves of the first."""

    backward_name = "AddmmBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, result: Array) -> Array:
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, grad


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * (batch1 @ batch2)`` for batches of matrices. RuntimeError as for :func:`addmm`."""
    _require_batches(batch1, batch2)
    a, b = array_of(batch1).shape, array_of(batch2).shape
    expanded_shape(array_of(input), (a[0], a[1], b[2]))
    _require_product("baddbmm", batch1, batch2, _BMM_DTYPES)
    return AddProduct.apply(input, batch1, batch2, beta, alpha, "BaddbmmBackward0")


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * sum over b of (batch1[b] @ batch2[b])``."""
    _require_batches(batch1, batch2)
    n, rows, k = array_of(batch1).shape
    columns = array_of(batch2).shape[2]
    left, right = reshape(transpose(batch1, 0, 1), (rows, n * k)), reshape(batch2, (n * k, columns))
    _sum_dtypes(input, left, right)
    expanded_shape(array_of(input), (rows, columns))
    _require_product("addmm_impl_cpu_", left, right, _MM_DTYPES)
    return AddProduct.apply(input, left, right, beta, alpha, "AddbmmBackward0")


def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * (mat @ vec)``. RuntimeError as for :func:`addmm`."""
    shape = array_of(input).shape
    _require_vector_product(mat, vec, shape[0] if shape else 1)
    return AddProduct.apply(input, mat, vec, beta, alpha, "AddmvBackward0")


def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * outer(vec1, vec2)``."""
    product = outer(vec1, vec2)
    product = product if alpha == 1 else mul(product, alpha)
    return product if beta == 0 else add(input if beta == 1 else mul(input, beta), product)


# Linear layers ----------------------------------------------------------------------------------------------------


class Linear(Operation):
    """``input @ weight.T + bias`` for an input of any rank whose last axis holds the features."""

    @staticmethod
    def forward(ctx: Any, input: Array, weight: Array, bias: Array | None, name: str) -> Array:
        ctx.shapes = input.shape, None if bias is None else bias.shape
        ctx.rename(name)
        ctx.save(
            input if ctx.needs_input_grad[1] else None,
            weight if ctx.needs_input_grad[0] else None,
        )
        return _linear(input, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, weight = ctx.saved
        shape, bias_shape = ctx.shapes
        rows = reshape(grad, (math.prod(shape[:-1]), array_of(grad).shape[-1]))
        to_input = to_weight = to_bias = None
        if weight is not None:
            to_input = reshape(Product.apply(rows, conj(weight), "MmBackward0"), shape)
        if input is not None:
            features = reshape(input, (math.prod(shape[:-1]), shape[-1]))
            to_weight = Product.apply(transpose(rows, 0, 1), conj(features), "MmBackward0")
        if ctx.needs_input_grad[2]:
            to_bias = sum_to(rows, bias_shape)
        return to_input, to_weight, to_bias

    @classmethod
    def meta(cls, *args: Any) -> Any:
        input, weight = args[0], args[1]
        return np.broadcast_to(np.zeros((), input.dtype), (*input.shape[:-1], weight.shape[0]))


def _linear(input: Array, weight: Array, bias: Array | None) -> Array:
    dtype = input.dtype
    half = dtype.itemsize == 2 and dtype.kind in "fV"
    if half:
        input, weight = input.astype(np.float32), weight.astype(np.float32)
    rows = input.reshape(math.prod(input.shape[:-1]), input.shape[-1])
    result = np.matmul(_dense(rows), weight.T)
    if bias is not None:
        result += bias.astype(np.float32) if half else bias
    return result.astype(dtype, copy=False).reshape(*input.shape[:-1], weight.shape[0])


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """``input @ weight.T + bias``.

    ``input`` (*, in_features), ``weight`` (out_features, in_features) or (in_features,), ``bias`` (out_features,):
    the result is (*, out_features). RuntimeError when the sizes or dtypes do not fit.

    >>> torch.nn.functional.linear(torch.tensor([1.0, 2.0]), torch.tensor([[3.0, 4.0]]))
    tensor([11.])
    """
    x, w = array_of(input).shape, array_of(weight).shape
    if not x or not w:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {len(x)}D and {len(w)}D"
        )
    if len(w) == 1 and bias is None:
        return matmul(input, weight)
    if len(w) > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(w)}D")
    if bias is not None:
        _sum_dtypes(bias, input, weight)
    if len(w) == 1:
        raise RuntimeError("mat2 must be a matrix, got 1-D tensor")
    _require_product("addmm_impl_cpu_", input, weight, _MM_DTYPES)
    rows = math.prod(x[:-1])
    if x[-1] != w[1]:
        raise _mismatch((rows, x[-1]), (w[1], w[0]))
    if bias is None:
        return Linear.apply(input, weight, None, _LINEAR_NAMES.get(len(x), "UnsafeViewBackward0"))
    if array_of(bias).shape != (w[0],):
        expanded_shape(array_of(bias), (rows, w[0]))
        if array_of(bias).ndim > 1:
            return add(linear(input, weight), bias)
    return Linear.apply(input, weight, bias, "AddmmBackward0" if len(x) == 2 else "ViewBackward0")


_LINEAR_NAMES = {1: "SqueezeBackward4", 2: "MmBackward0"}


# Sums over named axes ---------------------------------------------------------------------------------------------


def einsum(equation: Any, *operands: Any) -> Any:
    """Sums of products over named axes: 'ij,jk->ik' is the matrix product (Einstein's summation convention).

    Each operand's axes are letters [a-zA-Z]; '...' stands for axes that broadcast; a letter twice in one operand takes
    a diagonal; without '->' the letters that occur once come out, in alphabetical order. Also
    ``einsum(operand, [0, 1], ..., [0])``. RuntimeError for an equation that does not fit the operands.

    >>> torch.einsum("ij,ij->i", torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([11.])
    """
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(equation, (Variable, np.ndarray)):
        equation, operands = _from_lists((equation, *operands))
    elif not isinstance(equation, str):
        raise TypeError(
            f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}"
        )
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    inputs, output = _parse_equation(equation, operands)
    return _contract(inputs, output, list(operands))


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """einsum's form with lists of numbers, as an equation."""

    def text(axes: Sequence[Any]) -> str:
        return "".join("..." if each is ... else _LETTERS[operator.index(each)] for each in axes)

    equation = ",".join(text(axes) for axes in arguments[1::2] if len(arguments) % 2 == 0 or axes is not None)
    operands = arguments[0 : len(arguments) - len(arguments) % 2 : 2]
    if len(arguments) % 2:
        equation += "->" + text(arguments[-1])
    return equation, operands


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _parse_term(term: str, which: str, start: int) -> list[str]:
    """The letters of one operand, '...' as one of them."""
    letters: list[str] = []
    position = 0
    while position < len(term):
        character = term[position]
        if character == " ":
            position += 1
        elif character == ".":
            if "..." in letters:
                raise RuntimeError(f"einsum(): found '.' for {which} for which an ellipsis was already found")
            if term[position : position + 3] != "...":
                raise RuntimeError(f"einsum(): found '.' for {which} that is not part of any ellipsis")
            letters.append("...")
            position += 3
        elif character in _LETTERS:
            letters.append(character)
            position += 1
        else:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {start + position} in the equation string, subscripts "
                "must be in [a-zA-Z]"
            )
    return letters


def _parse_equation(equation: str, operands: tuple[Any, ...]) -> tuple[list[list[Any]], list[Any]]:
    """The axis names of each operand and of the result; the axes of '...' are numbers, counted from the last."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) > len(operands):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    if len(terms) < len(operands):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    inputs: list[list[Any]] = []
    start = widest = 0
    for number, (term, operand) in enumerate(zip(terms, operands)):
        letters = _parse_term(term, f"operand {number}", start)
        start += len(term) + 1
        ndim = array_of(operand).ndim
        named = len(letters) - ("..." in letters)
        if ("..." in letters and named > ndim) or ("..." not in letters and named != ndim):
            given = (
                f"is greater than the number of dimensions ({ndim}) for operand {number} and an ellipsis was given"
                if "..." in letters
                else f"does not match the number of dimensions ({ndim}) for operand {number} and no ellipsis was given"
            )
            subject = "the number of subscripts in the equation"
            raise RuntimeError(f"einsum(): {subject} ({named}) {given}")
        hidden = ndim - named
        names: list[Any] = []
        for letter in letters:
            names += range(hidden - 1, -1, -1) if letter == "..." else [letter]
        widest = max(widest, hidden)
        inputs.append(names)
    everything = [name for names in inputs for name in names]
    dots = list(range(widest - 1, -1, -1))
    if not arrow:
        once = [each for each in _LETTERS if everything.count(each) == 1]
        return inputs, [*dots, *once]
    output: list[Any] = []
    for letter in _parse_term(right, "the output", start + 1):
        if letter == "...":
            output += dots
            continue
        if letter in output:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if letter not in everything:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
        output.append(letter)
    return inputs, output


def _contract(inputs: list[list[Any]], output: list[Any], operands: list[Any]) -> Any:
    """Diagonals first, then operand by operand one batched matrix product, summing what no later one needs."""
    sizes: dict[Any, int] = {}
    for number, (names, operand) in enumerate(zip(inputs, operands)):
        shape = array_of(operand).shape
        own: dict[Any, int] = {}
        for name, size in zip(names, shape):
            if own.setdefault(name, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {name} is repeated for operand {number} but the sizes don't match, {size} != "
                    f"{own[name]}"
                )
            known = sizes.get(name, 1)
            if known != size and 1 not in (known, size):
                raise RuntimeError(
                    f"einsum(): subscript {name if isinstance(name, str) else '...'} has size {size} for operand "
                    f"{number} which does not broadcast with previously seen size {known}"
                )
            sizes[name] = max(known, size) if 0 not in (known, size) else 0
        for name in dict.fromkeys(names):
            while names.count(name) > 1:
                first, second = [i for i, each in enumerate(names) if each == name][:2]
                operand = Diagonal.apply(operand, 0, first, second)
                names = [each for i, each in enumerate(names) if i not in (first, second)] + [name]
        inputs[number], operands[number] = names, operand
    names, result = inputs[0], operands[0]
    for number in range(1, len(operands)):
        later = {*output, *(name for each in inputs[number + 1 :] for name in each)}
        names, result = _pair(names, result, inputs[number], operands[number], later)
    names, result = _sum_out(names, result, set(output))
    order = [names.index(name) for name in output if name in names]
    result = result if order == list(range(len(order))) else permute(result, order)
    return reshape(result, [sizes[name] for name in output]) if len(order) != len(output) else result


def _sum_out(names: list[Any], operand: Any, kept: set[Any]) -> tuple[list[Any], Any]:
    """Without the axes that are not to be kept, summed over."""
    gone = [i for i, name in enumerate(names) if name not in kept]
    if not gone:
        return names, operand
    shape = array_of(operand).shape
    ones = tuple([1 if i in gone else n for i, n in enumerate(shape)])
    rest = tuple([n for i, n in enumerate(shape) if i not in gone])
    return [name for name in names if name in kept], reshape(sum_to(operand, ones), rest)


def _pair(
    names_a: list[Any], a: Any, names_b: list[Any], b: Any, later: set[Any]
) -> tuple[list[Any], Any]:
    """Two operands made one; axes that occur in neither the other nor ``later`` are summed."""
    names_a, a = _sum_out(names_a, a, later | set(names_b))
    names_b, b = _sum_out(names_b, b, later | set(names_a))
    shape_a, shape_b = dict(zip(names_a, array_of(a).shape)), dict(zip(names_b, array_of(b).shape))
    both = [name for name in names_a if name in shape_b]
    # An axis of size 1 against n broadcasts: it is summed with the other's and multiplies it.
    summed = [n for n in both if n not in later and shape_a[n] == shape_b[n]]
    for name in [n for n in both if n not in later and shape_a[n] != shape_b[n]]:
        if shape_a[name] == 1:
            names_b, b = _sum_out(names_b, b, {*shape_b} - {name})
            names_a, a = _dropped(names_a, a, name)
        else:
            names_a, a = _sum_out(names_a, a, {*shape_a} - {name})
            names_b, b = _dropped(names_b, b, name)
        del shape_a[name], shape_b[name]
    batch = [n for n in both if n in later]
    only_a = [n for n in names_a if n not in shape_b]
    only_b = [n for n in names_b if n not in shape_a]
    left = _arranged(names_a, a, [*batch, *only_a, *summed])
    right = _arranged(names_b, b, [*batch, *summed, *only_b])
    batch_a, batch_b = ([shape[n] for n in batch] for shape in (shape_a, shape_b))
    rows, columns = [shape_a[n] for n in only_a], [shape_b[n] for n in only_b]
    depth = math.prod(shape_a[n] for n in summed)
    left = reshape(left, (*batch_a, math.prod(rows), depth))
    right = reshape(right, (*batch_b, depth, math.prod(columns)))
    if not summed:
        _require_product("bmm", left, right, _BMM_DTYPES) if dtype_of(left) is not dtype_of(right) else None
        product = mul(left, right)
    else:
        _require_product("bmm", left, right, _BMM_DTYPES)
        product = Product.apply(left, right, "BmmBackward0")
    common = [max(m, n) if 0 not in (m, n) else 0 for m, n in zip(batch_a, batch_b)]
    return [*batch, *only_a, *only_b], reshape(product, (*common, *rows, *columns))


def _dropped(names: list[Any], operand: Any, name: Any) -> tuple[list[Any], Any]:
    """Without an axis of size 1."""
    position = names.index(name)
    shape = array_of(operand).shape
    return names[:position] + names[position + 1 :], reshape(operand, shape[:position] + shape[position + 1 :])


def _arranged(names: list[Any], operand: Any, order: list[Any]) -> Any:
    dims = tuple([names.index(name) for name in order])
    return operand if dims == tuple(range(len(dims))) else Permute.apply(operand, dims)


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """The sum of products over pairs of axes: the last ``dims`` of ``a`` with the first of ``b``, or two lists of axes.

    RuntimeError when their sizes differ.

    >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), 1).shape
    torch.Size([2, 4])
    """
    shape_a, shape_b = array_of(a).shape, array_of(b).shape
    if isinstance(dims, Variable):
        dims = dims.array.tolist()
    if isinstance(dims, (tuple, list)):
        first, second = ([each] if isinstance(each, int) else list(each) for each in dims)
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        first, second = list(range(-dims, 0)), list(range(dims))
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    if dtype_of(a) is not dtype_of(b):
        raise RuntimeError("both inputs should have same dtype")
    axes_a = [axis_of(each, len(shape_a)) for each in first]
    axes_b = [axis_of(each, len(shape_b)) for each in second]
    for given_a, given_b, axis_a, axis_b in zip(first, second, axes_a, axes_b):
        if shape_a[axis_a] != shape_b[axis_b]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {shape_a[axis_a]} in dim {given_a} and "
                f"second has size {shape_b[axis_b]} in dim {given_b}"
            )
    rest_a = [i for i in range(len(shape_a)) if i not in axes_a]
    rest_b = [i for i in range(len(shape_b)) if i not in axes_b]
    depth = math.prod(shape_a[i] for i in axes_a)
    out = [shape_a[i] for i in rest_a] + [shape_b[i] for i in rest_b]
    left = reshape(Permute.apply(a, (*rest_a, *axes_a)), (math.prod(shape_a[i] for i in rest_a), depth))
    right = reshape(Permute.apply(b, (*axes_b, *rest_b)), (depth, math.prod(shape_b[i] for i in rest_b)))
    return reshape(mm(left, right), out)


def kron(input: Any, other: Any) -> Any:
    """The Kronecker product: every element of ``input`` times the whole of ``other``."""
    a, b = array_of(input).shape, array_of(other).shape
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    left = reshape(input, [n for size in a for n in (size, 1)])
    right = reshape(other, [n for size in b for n in (1, size)])
    return reshape_result(mul(left, right), [m * n for m, n in zip(a, b)])


# Matrices ---------------------------------------------------------------------------------------------------------


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
