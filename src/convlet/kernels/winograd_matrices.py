"""The matrices of Winograd's (Cook and Toom's) minimal filtering, derived from the points of interpolation.

F(m, r) computes m outputs of a filter of r taps, y[i] = sum over k of d[i + k] g[k], from a = m + r - 1 products:

    y = A^T [(G g) * (B^T d)]          in two dimensions:  Y = A^T [(G g G^T) * (B^T d B)] A

A filter is a product of polynomials read backwards. The product of polynomials is evaluated at a - 1 points p and at
infinity (A and G evaluate: row p is 1, p, p^2, ...) and interpolated by Lagrange's formula, whose numerators are
the rows of B^T and whose denominators, the product over q != p of (p - q), divide the rows of G.

Rounding errors grow quickly with the number of points, and with bad points: see Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks", CVPR 2016, and Barabasz, Anderson, Soodhalter and Gregg, "Error Analysis and Improving
the Accuracy of Winograd Convolution for Deep Neural Networks", ACM TOMS 46, 2020. Hence two things. The points are not
the usual 0, +-1, +-2 but those with the least error of a few dozen sets tried. And what one F would need too many
points for is a sum: the taps of an axis are split into *runs*, each an F(m, r).

    y = [A1^T A2^T] [(G g) * [B1^T d1; B2^T d2]]        the products stacked, the outputs added

Strides fall out of the same. Taps `stride` apart read inputs `stride` apart, so a run lies in one residue class of the
taps; a run of one tap is the identity. An input gradient (conv/gradient.py) is the other way round: each phase of its
outputs is a filter of stride 1 over a residue class of the taps, reversed, so its runs write outputs `stride` apart.

And where a large dilation leaves a class fewer inputs than taps, these change places.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np


def _points(text: str) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, text.split()))


# The points before infinity, by their number. A point stands beside its opposite: they share work.
POINTS = {
    len(points): points
    for points in (
        _points("0"),
        _points("1 -1"),
        _points("1 -1 0"),
        _points("1/2 -1/2 5/4 -5/4"),
        _points("0 3/4 -3/4 3/2 -3/2"),
        _points("1/4 -1/4 7/8 -7/8 7/4 -7/4"),
        _points("0 1/2 -1/2 1 -1 2 -2"),
        _points("1/4 -1/4 5/8 -5/8 1 -1 2 -2"),
        _points("0 3/8 -3/8 3/4 -3/4 5/4 -5/4 2 -2"),
    )
}


@dataclass(frozen=True, eq=False)
class Matrices:
    """One axis of the algorithm: a_t [outputs, products], g [products, taps], b_t [products, inputs].

    float64, rounded from exact fractions.
    """

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
    if m == 1 or taps == 1:  # nothing is saved: each input meets its tap
        if taps == 1:
            return Matrices(np.eye(m), np.ones((m, 1)), np.eye(m))
        return Matrices(np.ones((1, taps)), np.eye(taps), np.eye(taps))
    points = POINTS[m + taps - 2]
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


class Axis(NamedTuple):
    """How one axis of a convolution is computed: tiles of m outputs (a phase), the taps in runs of at most `run`."""

    kernel: int
    stride: int
    m: int
    run: int
    # Of an input gradient: its padding, modulo the stride. None: forward.
    padding: int | None = None
    # Where the only tile finds fewer inputs than taps, the others in the padding: how many, and which is the first.
    inputs: int = 0
    first: int = 0

    @property
    def text(self) -> str:
        """In figures, as compiled kernels are told of it."""
        return ",".join("n" if each is None else str(each) for each in self)

    @classmethod
    def parse(cls, text: str) -> Axis:
        *numbers, padding, inputs, first = text.split(",")
        kernel, stride, m, run = map(int, numbers)
        return cls(kernel, stride, m, run, None if padding == "n" else int(padding), int(inputs), int(first))


class _Run(NamedTuple):
    """Some taps, where they find the first of their inputs and where they write the first output of a tile."""

    taps: list[int]
    input: int
    output: int


@dataclass(frozen=True, eq=False)
class Tiling:
    """The matrices of an axis, and how tiles lie in the input: `step` apart, the first `before` in front of it."""

    matrices: Matrices
    step: int
    before: int

    @property
    def outputs(self) -> int:
        """Outputs of a tile."""
        return self.matrices.a_t.shape[0]

    @property
    def products(self) -> int:
        """Products of a tile."""
        return self.matrices.a_t.shape[1]

    @property
    def inputs(self) -> int:
        """Inputs that a tile reads."""
        return self.matrices.b_t.shape[1]

    @functools.cached_property
    def forms(self) -> list[int]:
        """For each product, which of the weights' `forms_g` it takes: the products of a run of one tap share one."""
        found = np.unique(self.matrices.g, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(np.argsort(found[1]))  # in the order in which they come first
        return [int(order[each]) for each in found[2].reshape(-1)]

    @functools.cached_property
    def forms_g(self) -> np.ndarray:
        """The different rows of G."""
        return self.matrices.g[[self.forms.index(i) for i in range(max(self.forms) + 1)]]


def _runs(taps: list[int], longest: int) -> list[list[int]]:
    """The taps in as many runs as needed, as even as possible, the longer ones first."""
    count = -(-len(taps) // longest)
    bounds = [-(-i * len(taps) // count) for i in range(count + 1)]
    return [taps[first:last] for first, last in pairwise(bounds)]


@functools.cache
def tiling(axis: Axis) -> Tiling:
    """The runs of an axis, stacked."""
    if axis.inputs:
        return _short(axis)
    k, s, m = axis.kernel, axis.stride, axis.m
    runs, before = [], 0
    if axis.padding is None:
        for phase in range(min(s, k)):
            runs += [_Run(taps, taps[0], 0) for taps in _runs(list(range(phase, k, s)), axis.run)]
        spread_in, spread_out, step = s, 1, s * m
    else:
        # gx[phase + s*j] = sum over t of gy[j + low + t] * w[taps[t]]
        for phase in range(s):
            first = (phase + axis.padding) % s
            taps = list(range(first, k, s))[::-1]
            low = (phase + axis.padding - first) // s - (len(taps) - 1)
            for each in _runs(taps, axis.run):
                runs.append(_Run(each, low, phase))
                low += len(each)
        before = -min(run.input for run in runs)
        runs = [run._replace(input=run.input + before) for run in runs]
        spread_in, spread_out, step = 1, s, m
    pieces = [matrices(m, len(run.taps)) for run in runs]
    products = sum(len(piece.b_t) for piece in pieces)
    inputs = max(run.input + spread_in * (m + len(run.taps) - 2) for run in runs) + 1
    a_t, g, b_t = np.zeros((spread_out * m, products)), np.zeros((products, k)), np.zeros((products, inputs))
    start = 0
    for run, piece in zip(runs, pieces):
        stop = start + len(piece.b_t)
        reach = run.input + spread_in * (m + len(run.taps) - 1)
        a_t[run.output :: spread_out, start:stop] = piece.a_t
        g[start:stop, run.taps] = piece.g
        b_t[start:stop, run.input : reach : spread_in] = piece.b_t
        start = stop
    return Tiling(Matrices(a_t, g, b_t), step, before)


def _short(axis: Axis) -> Tiling:
    """Few inputs are the filter, and the taps what it slides along: F(m, inputs), its outputs read backwards.

    y[m - 1 - j] = sum over i of x[i] w[i + j - (m - 1) + first], where the taps that do not exist are zero.
    """
    k, m = axis.kernel, axis.m
    piece = matrices(m, axis.inputs)
    g = np.zeros((len(piece.b_t), k))
    for place in range(piece.b_t.shape[1]):
        tap = place - (m - 1) + axis.first
        if 0 <= tap < k:
            g[:, tap if axis.padding is None else k - 1 - tap] = piece.b_t[:, place]
    return Tiling(Matrices(piece.a_t[::-1].copy(), g, piece.g), m, k - 1 - axis.first)
