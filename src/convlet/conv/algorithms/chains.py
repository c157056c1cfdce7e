"""How long the sums of the direct algorithm may be: their rounding errors grow with the terms added in a row."""

from __future__ import annotations

from ..precision import get_convolution_precision
from ..problem import ConvProblem

# Terms of a float32 sum that are added one after the other, by precision. A chain of n random terms errs by about
# 1.6e-8 * sqrt(n), one of N such sums by 1.6e-8 * sqrt(n + N): 'highest' stays under 2e-7 while no more than CHAIN are
# added in a row, over all levels (Zen 4, November 2026: tests/conv/test_precision.py). Each costs a tile 28 ns.
TERMS = {"highest": 64, "high": 1 << 30}
CHAIN = 100


def chain(problem: ConvProblem) -> int:
    """Terms of a sum that may be added one after the other, at the precision now set."""
    return TERMS["high" if problem.dtype == "f64" else get_convolution_precision()]


def grouped(terms: int, pieces: int, sums: int) -> int:
    """Of `sums` sums that consist of `pieces` chains of `terms` terms, how many are added up apart from the others."""
    chains = pieces * sums
    return sums if terms > CHAIN or terms + chains <= CHAIN else max(1, round(chains**0.5 / pieces))
