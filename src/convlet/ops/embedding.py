"""Classes as vectors: one-hot, and rows of a matrix that is learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation, make_result
from ..autograd.inplace import record_write
from ..autograd.variable import Array
from .axes import array_of
from .conversion import cast
from .elementwise import mul
from .indexing import Collected

__all__: list[str] = []


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """A last axis (int64) that is 1 at the class each element names and 0 elsewhere.

    ``num_classes`` -1: the largest class plus one. RuntimeError for a class out of range or a dtype but int64.

    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    array = array_of(tensor)
    if array.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not array.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return make_result(np.zeros((*array.shape, num_classes), np.int64))
    if array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(array.max()) + 1
    elif array.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return make_result((array[..., None] == np.arange(num_classes)).astype(np.int64))


class Embedding(Operation):
    """Rows of a matrix; the gradient leaves out a padding row and may weigh rows by how often they were taken."""

    @staticmethod
    def forward(ctx: Any, weight: Array, indices: Array, weights: Array | None) -> Array:
        ctx.shape = weight.shape
        ctx.save(indices, weights)
        return np.take(weight, indices, 0)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        indices, weights = ctx.saved
        if weights is not None:
            grad = mul(grad, weights)
        return Collected.apply(grad, ctx.shape, (0,), False, indices)


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Row ``input[i]`` of the matrix ``weight`` (rows, features) for each index: shape (*input.shape, features).

    Row ``padding_idx`` receives no gradient. ``max_norm`` first scales the rows used down to this norm, in place.
    IndexError for an index out of range, RuntimeError for an index that is not int64 or int32.

    >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    rows, positions = array_of(weight), array_of(input)
    if rows.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if positions.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{dtypes.from_numpy(positions.dtype).tensor_type} instead (while checking arguments for embedding)"
        )
    count = rows.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= count
    if positions.size and not (positions.min() >= 0 and positions.max() < count):
        raise IndexError("index out of range in self")
    if max_norm is not None:
        _renormalise(weight, positions, max_norm, norm_type)
    weights = None
    if padding_idx is not None or scale_grad_by_freq:
        used = np.ones(positions.shape, rows.dtype) if padding_idx is None else (positions != padding_idx)
        weights = used.astype(rows.dtype)[..., None]
        if scale_grad_by_freq:
            weights /= np.bincount(positions.reshape(-1), minlength=count)[positions][..., None]
    return Embedding.apply(weight, cast(input, dtypes.int64), weights)


def _renormalise(weight: Any, positions: Array, max_norm: float, norm_type: float) -> None:
    array = array_of(weight)
    used = np.unique(positions)
    norms = np.linalg.norm(array[used], norm_type, axis=1)
    large = norms > max_norm
    array[used[large]] *= (max_norm / (norms[large] + 1e-7)).astype(array.dtype)[:, None]
    record_write(weight)
