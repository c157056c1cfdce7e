"""Distances and angles between vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from .axes import array_of
from .elementwise import add, div, mul, sub
from .gathering import index_select
from .reduction import norm, sum
from .selection import clamp_min
from .shape import unsqueeze

__all__ = ["cdist", "cosine_similarity", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """``x1 . x2 / (max(|x1|, eps) * max(|x2|, eps))`` along ``dim``; the shapes broadcast.

    >>> torch.nn.functional.cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    lengths = [clamp_min(norm(each, 2, dim, True), eps) for each in (x1, x2)]
    return sum(mul(div(x1, lengths[0]), div(x2, lengths[1])), dim)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of ``x1 - x2 + eps`` along the last axis.

    >>> torch.nn.functional.pairwise_distance(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    return norm(add(sub(x1, x2), eps), p, -1, keepdim)


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Any:
    """The p-norm of ``x1[..., i, :] - x2[..., j, :]`` for each pair of rows: (..., P, M), (..., R, M) -> (..., P, R).

    ``compute_mode`` is accepted and changes nothing: the differences themselves are squared and summed, which loses
    no digits. RuntimeError for fewer than two axes, for rows of different lengths, and for a negative p.

    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    a, b = array_of(x1), array_of(x2)
    for name, each in (("X1", a), ("X2", b)):
        if each.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {each.ndim}D")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}"
        )
    for name, each in (("X1", a), ("X2", b)):
        if each.dtype.kind in "biu":
            kind = dtypes.from_numpy(each.dtype).scalar_name
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {kind}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    return norm(sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, -1)


def pdist(input: Any, p: float = 2.0) -> Any:
    """The p-norm of the difference of rows i and j for each pair i < j. RuntimeError unless ``input`` is a matrix.

    >>> torch.nn.functional.pdist(torch.tensor([[0.0], [3.0], [7.0]]))
    tensor([3., 7., 4.])
    """
    array = array_of(input)
    if array.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {array.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    rows, columns = np.triu_indices(array.shape[0], 1)
    return norm(sub(index_select(input, 0, rows), index_select(input, 0, columns)), p, -1)
