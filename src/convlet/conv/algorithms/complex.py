"""Complex convolutions as three real ones, in all three directions: they are products B(a, b), linear in both.

    re = B(ar, br),  im = B(ai, bi),  sum = B(ar + ai, br + bi);   B(a, b) = (re - im) + i (sum - re - im)

(Gauss; PyTorch computes them so too.) Which algorithm makes the real ones is selected as ever.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...kernels import complex as kernels
from ...runtime import memory
from ...runtime.storage import Storage
from ..gradient import Array, Run
from ..problem import ConvProblem, numpy_dtype
from ..select import select

name = "complex"

REAL = {"c64": "f32", "c128": "f64"}

# Operations of an image below which NumPy's one product costs less than three calls (Zen 4, November 2026).
LEAST_FLOPS = 20_000


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    if problem.dtype not in REAL:
        return f"computes in complex numbers, and the dtype is {problem.dtype}"
    if problem.flops < LEAST_FLOPS:
        return f"below {LEAST_FLOPS:,} operations an image one product of matrices takes less time"
    algorithm, walk = select(_real(problem).per_image())
    if algorithm.name == "numpy":
        return f"NumPy would compute its real parts: {walk[0][1]}"
    return None


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    real = _real(problem)
    dtype = numpy_dtype(real.dtype)
    multiply = select(real)[0].plan(real)

    def run(a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        parts_a, parts_b = _parts(a, dtype), _parts(b, dtype)
        offsets = [None, None, None] if bias is None else [bias.real, None, bias.real + bias.imag]
        products = []
        for left, right, offset in zip(parts_a, parts_b, offsets):
            product = memory.empty(out.shape, dtype)
            multiply(left, right, offset, product)
            products.append(product)
        into = out if out.flags.c_contiguous and out.flags.aligned else memory.empty(out.shape, out.dtype)
        kernels.join_products(into, products)
        if into is not out:
            out[...] = into

    return run


def _real(problem: ConvProblem) -> ConvProblem:
    return replace(problem, dtype=REAL[problem.dtype])


def _parts(array: Array, dtype: np.dtype) -> list[np.ndarray]:
    """The real part, the imaginary part and their sum, each side by side in memory."""
    parts = [memory.empty(array.shape, dtype) for _ in range(3)]
    kernels.split_parts(np.require(array, requirements=["C", "A"]), parts)
    return parts
