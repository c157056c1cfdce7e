"""The product of two matrices, as the convolution of images of one pixel that it is.

With w[o][c] the weights of a kernel of one tap, the forward of n such images is x @ w.T and the input gradient gy @ w.
NumPy's BLAS computes the same, but slower where the matrices are not square, by a pool of threads of its own, and a row
of its result may depend on how many rows there are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..kernels import large
from ..runtime import memory
from .algorithms import load
from .gradient import Run
from .precision import get_convolution_precision
from .problem import ConvProblem

# Elements of the right matrix from which this is faster than NumPy: at 84 x 84 it takes 5 us for one row (NumPy 2), 8
# for 16 (NumPy 7) and 18 us for 64 (NumPy 20); at 120 x 256 6, 14 and 39 us (NumPy 3, 44, 166). AMD EPYC Zen 4, 2
# threads, November 2026. It depends on the right matrix only, so that a row has the same bits in any number of rows.
ENOUGH = 7_000
# Columns of it from which a result is large although the sums are short, as the gradient of a classifier's weight.
WIDE = 512
# Multiplications up to which a BLAS uses no threads. Those of OpenBLAS stay on their processors for another 20 ms,
# while ours wait for one: a training step of MobileNetV2 with one such product took 224 ms instead of 172.
ALONE = 1 << 18
_DTYPES = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}


def product(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray | None:
    """a[n, k] @ b[k, m] + bias[m], or None where NumPy is to compute it.

    Rows of b, or rows of a and columns of b, have to lie side by side in memory.
    """
    if b.ndim != 2 or a.ndim != 2 or not a.size or a.dtype != b.dtype:
        return None
    (n, k), m = a.shape, b.shape[1]
    if b.size < ENOUGH and m < WIDE and (k > 1 or n * m <= large.LARGE):
        return None
    element = a.itemsize
    beside, under = b.strides
    if under == element:
        direction, weight = "bwd_input", b
    elif beside == element == a.strides[1]:
        direction, weight = "fwd", b.T
    else:
        return None
    run = _plan(n, k, m, a.dtype, direction, get_convolution_precision())
    if run is None:
        return None
    out = memory.empty((n, m), a.dtype) if n * m * element >= memory.POOLED else np.empty((n, m), a.dtype)
    run(a[:, :, None, None], weight[:, :, None, None], bias, out[:, :, None, None])
    return out


def by_numpy(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b, as many rows of a matrix at a time as NumPy's BLAS multiplies without its threads."""
    n, rows = len(a), ALONE // max(1, b.size)
    if n <= rows or rows <= 1 or a.ndim != 2 or b.ndim != 2 or a.dtype.kind != "f":
        return np.matmul(a, b)
    m = b.shape[1]
    out = np.empty((n, m), a.dtype)
    for first in range(0, n, rows):
        np.matmul(a[first : first + rows], b, out=out[first : first + rows])
    return out


@lru_cache(maxsize=256)
def _plan(n: int, k: int, m: int, dtype: np.dtype, direction: str, precision: str) -> Run | None:
    if dtype not in _DTYPES or large.available("product") is None:
        return None
    ic, oc = (k, m) if direction == "fwd" else (m, k)
    problem = ConvProblem(n, 1, ic, 1, 1, oc, 1, 1, dtype=_DTYPES[dtype], direction=direction)
    algorithm = load("pointwise")
    return algorithm.plan(problem) if algorithm.refuse(problem.per_image()) is None else None
