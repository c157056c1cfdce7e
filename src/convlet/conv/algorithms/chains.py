"""How long sums may be: their rounding errors grow with the terms added in a row."""

from __future__ import annotations

import math

from ..precision import get_convolution_precision
from ..problem import ConvProblem
from .bands import split

# Terms of a float32 sum that are added one after the other for 'highest'. A chain of n random terms errs by about
# 1.75e-8 * sqrt(n), a sum of N such sums by 1.75e-8 * sqrt(n + N), and so on: 'highest' stays under 2e-7 while no more
# than LEVELS are added in a row over all levels (Zen 4, November 2026: tests/conv/test_precision.py). Beyond, the last
# level remembers what it loses (kernels/tile.py).
CHAIN = 48
LEVELS = 80


def chain(problem: ConvProblem) -> int:
    """Terms of a sum that may be added one after the other, at the precision now set; 0: any number."""
    p = problem
    if p.dtype == "f64" or get_convolution_precision() != "highest":
        return 0
    taps = p.kh * p.kw
    terms = {"fwd": p.ic // p.g * taps, "bwd_input": p.oc // p.g * taps, "bwd_weight": p.n * p.oh * p.ow}
    return CHAIN if terms[p.direction] > LEVELS else 0


def is_long(chain: int, terms: int, sums: int) -> bool:
    """Whether a sum of so many sums of so many terms has to remember what it loses."""
    return chain > 0 and chain + split(terms, chain) + sums > LEVELS


def even(terms: int, most: int) -> int:
    """Terms of each of the parts of a sum, which are alike: `most`, or more where more parts than that were left."""
    terms = max(1, terms)
    return split(terms, split(terms, max(most, math.isqrt(terms))))
