"""Products of matrices and vectors, each beside its gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.inplace import apply_inplace
from ..autograd.variable import Array
from ..conv import matrices
from .axes import array_of
from .broadcasting import sum_to
from .complex_numbers import conj
from .conversion import dtype_of
from .elementwise import add, mul
from .shape import (
    adjoint,
    common_shape,
    expanded_shape,
    reshape,
    reshape_result,
    transpose,
    unsqueeze,
)

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "dot", "ger", "inner", "matmul", "mm", "mv", "outer", "vdot",
]  # fmt: skip


# The product ------------------------------------------------------------------------------------------------------


def multiply(a: Array, b: Array) -> Array:
    """``a @ b`` of arrays in their dtype; 16-bit types are computed in float32 and rounded once."""
    if a.itemsize == 2 and a.dtype.kind in "fV":
        return multiply(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
    result = matrices.product(a, b)
    return matrices.by_numpy(_dense(a), _dense(b)) if result is None else result


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


def require_product(kernel: str, a: Any, b: Any, same_dtype: str) -> None:
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
BMM_DTYPES = "expected scalar type {} but found {}"
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
    require_product("addmm_impl_cpu_", input, mat2, _MM_DTYPES)
    return Product.apply(input, mat2, "MmBackward0")


def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices: (b, n, k) @ (b, k, m) -> (b, n, m). RuntimeError as for :func:`mm`."""
    _require_batches(input, mat2)
    require_product("bmm", input, mat2, BMM_DTYPES)
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
    require_product("addmv_impl_cpu", mat, vec, _MV_DTYPES)


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
    require_product("dot", input, tensor, _DOT_DTYPES)
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


def inner(input: Any, other: Any) -> Any:
    """The sums of products over the last axes: (..., n), (*, n) -> (..., *); a scalar multiplies.

    RuntimeError when the last axes differ.

    >>> torch.inner(torch.tensor([1, 2]), torch.tensor([[3, 4], [0, 1]]))
    tensor([11,  2])
    """
    a, b = array_of(input).shape, array_of(other).shape
    if not a or not b:
        return mul(input, other)
    if a[-1] != b[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(a)} and {list(b)}"
        )
    product = matmul(reshape(input, (-1, a[-1])), transpose(reshape(other, (-1, b[-1])), 0, 1))
    return reshape(product, (*a[:-1], *b[:-1]))


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
    require_product("bmm", input, other, BMM_DTYPES)
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
    require_product("addmm_impl_cpu_", input, other, _MM_DTYPES)
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
    require_product("addmm_impl_cpu_", mat1, mat2, _MM_DTYPES)
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
    require_product("baddbmm", batch1, batch2, BMM_DTYPES)
    return AddProduct.apply(input, batch1, batch2, beta, alpha, "BaddbmmBackward0")


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * sum over b of (batch1[b] @ batch2[b])``."""
    _require_batches(batch1, batch2)
    n, rows, k = array_of(batch1).shape
    columns = array_of(batch2).shape[2]
    left, right = reshape(transpose(batch1, 0, 1), (rows, n * k)), reshape(batch2, (n * k, columns))
    _sum_dtypes(input, left, right)
    expanded_shape(array_of(input), (rows, columns))
    require_product("addmm_impl_cpu_", left, right, _MM_DTYPES)
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
    if half and bias is not None:
        bias = bias.astype(np.float32)
    found = matrices.product(rows, weight.T, bias if bias is None or bias.shape == weight.shape[:1] else None)
    result = matrices.by_numpy(_dense(rows), weight.T) if found is None else found
    if bias is not None and (found is None or bias.shape != weight.shape[:1]):
        result += bias
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
    require_product("addmm_impl_cpu_", input, weight, _MM_DTYPES)
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
