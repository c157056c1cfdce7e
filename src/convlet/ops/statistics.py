"""Covariances of variables observed together."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .axes import array_of
from .complex_numbers import conj
from .conversion import cast, dtype_of
from .elementwise import div, mul, sub
from .linalg import matmul
from .reduction import sum
from .shape import reshape, transpose
from .strided import diagonal
from .unary import sqrt

__all__ = ["corrcoef", "cov"]


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariances of variables: rows of ``input`` (variables, observations), or one variable: a vector.

    ``sum_k w_k (x_k - mean)(y_k - mean)^* / (sum w - correction)``; ``fweights``: how often each observation counts
    (integers); ``aweights``: how much (floating). A warning where nothing is left to divide by. RuntimeError for more
    than two axes and weights that do not fit.
    Source: the definition of numpy.cov.

    >>> torch.cov(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    array = array_of(input)
    if array.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {array.ndim} dimensions"
        )
    if array.dtype == np.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    rows = reshape(input, (1, -1)) if array.ndim < 2 else input
    count = array_of(rows).shape[1]
    weights = _weights(fweights, aweights, count)
    if array.dtype.kind in "iu":
        from ..dtypes import get_default_dtype

        rows = cast(rows, get_default_dtype())
    if weights is None:
        total: Any = float(count)
        mean = div(sum(rows, 1, True), count)
        centred = sub(rows, mean)
        weighted = centred
        norm = total - correction
    else:
        each = weights.astype(array_of(rows).real.dtype)
        total = each.sum()
        centred = sub(rows, div(sum(mul(rows, each), 1, True), float(total)))
        weighted = mul(centred, each)
        scale = (each * array_of(aweights)).sum() / total if aweights is not None else 1.0
        norm = float(total - correction * scale)
    if norm <= 0:
        warnings.warn("cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of "
                      "observations.", UserWarning, stacklevel=2)  # fmt: skip
    product = matmul(weighted, conj(transpose(centred, 0, 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        result = div(product, max(norm, 0.0))
    return reshape(result, ()) if array.ndim < 2 else result


def _weights(fweights: Any, aweights: Any, count: int) -> Any:
    result = None
    for name, given, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if given is None:
            continue
        array = array_of(given)
        if array.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with {array.ndim} dimensions"
            )
        if array.dtype.kind not in kinds:
            kind = "integral" if kinds == "iu" else "floating point"
            raise RuntimeError(
                f"cov(): expected {name} to have {kind} dtype but got {name} with "
                f"{dtype_of(given).scalar_name} dtype"
            )
        if array.size != count:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but got "
                f"{array.size} != {count}"
            )
        if (array < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")
        result = array if result is None else result * array
    return result


def corrcoef(input: Any) -> Any:
    """Pearson's correlations of variables: rows of ``input`` (variables, observations). RuntimeError as :func:`cov`.

    >>> torch.corrcoef(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if array_of(input).ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{array_of(input).ndim} dimensions"
        )
    covariances = cov(input)
    if not array_of(covariances).ndim:
        return div(covariances, covariances)
    deviations = sqrt(diagonal(covariances))
    return div(div(covariances, reshape(deviations, (-1, 1))), reshape(deviations, (1, -1)))
