"""The arrays of a convolution's tail (ConvProblem.tail), and the tail as passes behind a convolution.

    norm    out = (out - mean) * scale + shift    of each channel, rounded at each step
    add     out = out + other
    relu    out = max(out, 0), relu6 also min(.., 6); NaN stays NaN, and -0 is no less than 0

in this order. An algorithm that `finishes` a problem applies its tail while it stores, to the same bits.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..kernels import large
from ..runtime.storage import Storage
from .gradient import Array, Run
from .problem import ConvProblem

HIGHEST = {"relu": math.nan, "relu6": 6.0}  # a bound of NaN is none


class Tail(NamedTuple):
    """What the words of a tail need; None where the word is not there.

    ``mean``, ``scale`` and ``shift``: float32 [oc], contiguous (kernels/norm.py: constants). ``other``: of the output's
    shape, dtype and layout; it shares no memory with it.
    """

    mean: Array | None = None
    scale: Array | None = None
    shift: Array | None = None
    other: Array | None = None


def extra(problem: ConvProblem, out: Array) -> tuple[None, Tail] | tuple[()]:
    """What a run for `out` needs behind its arrays, to compile or to measure: nothing, or some tail."""
    if not problem.tail:
        return ()
    constants = np.ones(problem.oc, np.float32) if "norm" in problem.tail else None
    return None, Tail(constants, constants, constants, np.ones_like(out) if "add" in problem.tail else None)


def planned(algorithm: Any, problem: ConvProblem) -> Run:
    """An algorithm's plan of a problem, and its tail behind it if the algorithm does not apply that itself."""
    finishes = getattr(algorithm, "finishes", None)
    if not problem.tail or (finishes is not None and finishes(problem)):
        return algorithm.plan(problem)
    return followed(algorithm.plan(replace(problem, tail=())), problem.tail)


def followed(run: Run, words: tuple[str, ...]) -> Run:
    """A run, and the tail as passes over what it leaves: for algorithms that do not apply it while they store."""

    def run_and_follow(
        a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        run(a, b, bias, out, kept)
        with np.errstate(all="ignore"):
            follow(out, words, tail or Tail())

    return run_and_follow


def follow(out: Array, words: tuple[str, ...], tail: Tail) -> None:
    """The words of a tail, one pass each, over an array in place."""
    dense = large.dense(out)
    if "norm" in words:
        constants: Any = tail[:3]
        norm = large.once_loaded("norm", out) if dense else None
        if norm is not None:
            norm.apply(out, *constants, out)
        else:
            for compute, each in zip((np.subtract, np.multiply, np.add), constants):
                compute(out, each[:, None, None], out=out)
    if "add" in words:
        assert tail.other is not None
        large.ufunc(np.add, out, tail.other, out=out)
    if words[-1] in HIGHEST:
        high = HIGHEST[words[-1]]
        elementwise = large.once_loaded("elementwise", out) if dense else None
        if elementwise is not None:
            elementwise.apply("clamp", out, out, numbers=(0.0, high))
        else:
            np.maximum(out.dtype.type(0), out, out=out)  # in this order -0 stays -0
            if not math.isnan(high):
                np.minimum(out.dtype.type(high), out, out=out)
