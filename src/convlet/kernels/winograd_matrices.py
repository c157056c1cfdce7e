"""The matrices of Winograd's (Cook and Toom's) minimal filtering, derived from the points of interpolation.

F(m, r) computes m outputs of a filter of r taps, y[i] = sum over k of d[i + k] g[k], from a = m + r - 1 products:

    y = A^T [(G g) * (B^T d)]          in two dimensions:  Y = A^T [(G g G^T) * (B^T d B)] A

A filter is a product of polynomials read backwards. The product of polynomials is evaluated at a - 1 points p and at
infinity (A and G evaluate: row p is 1, p, p^2, ...) and interpolated by Lagrange's formula, whose numerators are
the rows of B^T and whose denominators, the product over q != p of (p - q), divide the rows of G.

The points decide how rounding errors grow. {0, +-3/4, +-3/2, infinity} has half the error of the usual
{0, +-1, +-2, infinity} for as many operations, and the constants of A and B are exact in float32. See Lavin and
Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, and Barabasz, Anderson, Soodhalter and Gregg,
"Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", ACM TOMS 46, 2020.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

# The points before infinity; F(m, r) takes the first m + r - 2.
POINTS = (Fraction(0), Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2))


@dataclass(frozen=True, eq=False)
class Matrices:
    """F(m, r) for one dimension: a_t [m, a], g [a, r], b_t [a, a]; float64, rounded from exact fractions."""

    a_t: np.ndarray
    g: np.ndarray
    b_t: np.ndarray


def _polynomial(roots: list[Fraction], length: int) -> list[Fraction]:
    """Coefficients of the product of (x - root), lowest power first, filled with zeros."""
    product = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *product]
        product = [high - root * low for high, low in zip(shifted, [*product, Fraction(0)])]
    return product + [Fraction(0)] * (length - len(product))


@functools.cache
def matrices(m: int, taps: int) -> Matrices:
    """The matrices of F(m, taps)."""
    points = POINTS[: m + taps - 2]
    size = len(points) + 1
    a_t = [[point**power for point in points] + [Fraction(power == m - 1)] for power in range(m)]
    g, b_t = [], []
    for point in points:
        others = [other for other in points if other != point]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        g.append([point**power / scale for power in range(taps)])
        b_t.append(_polynomial(others, size))
    g.append([Fraction(power == taps - 1) for power in range(taps)])
    b_t.append(_polynomial(list(points), size))
    return Matrices(*(np.array(rows, np.float64) for rows in (a_t, g, b_t)))
