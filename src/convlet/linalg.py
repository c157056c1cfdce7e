"""``convlet.linalg``: the linear algebra that PyTorch keeps in ``torch.linalg``."""

from __future__ import annotations

from typing import Any

from .ops.linalg import matmul
from .ops.matrices import LinAlgError, det, matrix_power, multi_dot
from .ops.matrices import cross as _cross
from .ops.matrices import inverse as inv
from .ops.reduction import norm as _norm
from .ops.reduction import vector_norm
from .ops.strided import diagonal as _diagonal

__all__ = [
    "LinAlgError", "cross", "det", "diagonal", "inv", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm",
    "vector_norm",
]  # fmt: skip


def cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of length 3 along ``dim``. RuntimeError for another length."""
    return _cross(input, other, dim)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """A view of the diagonals of matrices, in the last axis."""
    return _diagonal(A, offset, dim1, dim2)


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The vector norm of order ``ord`` (2 when None) of all elements or over ``dim``, or the Frobenius norm ('fro')."""
    return _norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def matrix_norm(
    A: Any, ord: Any = "fro", dim: tuple[int, int] = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The Frobenius norm of matrices. RuntimeError for another ``ord``."""
    if ord != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported. Convlet has 'fro' only.")
    return vector_norm(A, 2, dim, keepdim, dtype=dtype)
