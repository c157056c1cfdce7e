"""Which tiles compute a problem by Winograd's algorithm, and how fast they are expected to be."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from itertools import product as pairs
from typing import NamedTuple

from ....kernels import target
from ....kernels.winograd_matrices import Axis, tiling
from ....runtime import storage
from ... import gradient
from ...precision import get_convolution_precision
from ...problem import ConvProblem
from .. import weight_gradient
from ..bands import reading, split

# Outputs of a tile along an axis (of a phase, in an input gradient), of which the cheapest is taken.
TILES = (2, 3, 4, 5)
# Products of one F(m, r): more would cost too much precision. Kernels of one row or column have the errors of one axis
# only: the second number.
PRODUCTS = {"high": (7, 10), "highest": (4, 5)}
# Products along an axis: beyond, transforms are as much work as multiplying, and no task has room for its tiles. 9x9
# taps of 64 channels on 28x28 take 796 us with 13 products, 942 with 18 (784 and 1790 in a process
# whose regions handed over slowly); there 11x11 taps of 32 channels on 40x40 take 757 with 17, 1991 with 20 (two
# threads, Zen 4, November 2026).
LARGEST = 17


class Cost(NamedTuple):
    """The times of a plan's parts, in multiplications of a vector of direct convolution."""

    product: float  # a multiplication
    image: float  # transforming images, a vector read or written
    result: float  # the same for results
    weight: float  # the same for weights
    call: float
    # Direct convolution: packing a vector of weights; storing or reading a vector of a position.
    direct_weight: float
    direct_result: float
    direct_call: float


# Fitted to 72 problems of 8..512 channels, 4x4..56x56 positions and twelve kernels from 2x2 to 9x9, strides 1 and 2,
# in all sizes of tiles; one thread, AVX-512, Zen 4, November 2026 (`python -m benchmarks.winograd`). Weights are kept
# in forward passes, where they may be, and change before the others. Nine of ten times were predicted within 18%.
COSTS = {
    "high": {
        "fwd": Cost(0.98, 9.2, 5.6, 1.4, 24_000, direct_weight=9, direct_result=12, direct_call=12_000),
        "bwd_input": Cost(1.13, 8.1, 5.7, 4.6, 57_000, direct_weight=33, direct_result=8, direct_call=5_000),
        "bwd_weight": Cost(1.11, 9.5, 5.5, 8, 12_000, direct_weight=21, direct_result=0, direct_call=60_000),
    },
    "highest": {
        "fwd": Cost(1.05, 8.9, 7.6, 0.9, 24_000, direct_weight=9, direct_result=11, direct_call=27_000),
        "bwd_input": Cost(1.1, 8.2, 8.4, 3.4, 25_000, direct_weight=18, direct_result=20, direct_call=25_000),
        "bwd_weight": Cost(1.2, 8, 5.5, 9, 25_000, direct_weight=17, direct_result=11, direct_call=45_000),
    },
}
# How many transformed weights a tap counts for, which is packed or stored besides.
TAP = 3
# Images that tiles of gradients are chosen for: transforming weights costs as much for a batch as for one.
BATCH = 4
# Images for which it has to be faster than direct convolution, in the mean: nobody knows how many there will be.
BATCHES = 1, 16


def candidates(problem: ConvProblem) -> list[tuple[Axis, Axis]]:
    """The ways in which the rows and columns of a problem can be computed."""
    p = problem
    most = PRODUCTS[get_convolution_precision()][1 in (p.kh, p.kw)]

    def axis(kernel: int, stride: int, padding: int, short: tuple[int, int, int] | None) -> list[Axis]:
        phase = padding % stride if p.direction == "bwd_input" else None
        if short is not None and short[0] + short[1] - 1 <= most:
            m, inputs, first = short
            return [Axis(kernel, stride, m, most, phase, inputs, first)]
        tiles = [m for m in TILES if m < most] if kernel > 1 else [1]
        found = [Axis(kernel, stride, m, most + 1 - m, phase) for m in tiles]
        return [each for each in found if tiling(each).products <= LARGEST]

    dh, dw = dilations(p)
    rows = axis(p.kh, p.sh, p.pt, _short(p, p.ih, p.oh, p.kh, p.sh, p.pt, dh, p.mode_h))
    columns = axis(p.kw, p.sw, p.pl, _short(p, p.iw, p.ow, p.kw, p.sw, p.pl, dw, p.mode_w))
    # Square tiles: oblong ones would save little and be more to compile.
    return [
        pair
        for pair in pairs(rows, columns)
        if pair[0].m == pair[1].m or 1 in (p.kh, p.kw) or pair[0].inputs or pair[1].inputs
    ]


def _short(
    p: ConvProblem, size: int, out: int, kernel: int, stride: int, padding: int, dilation: int, mode: str
) -> tuple[int, int, int] | None:
    """Of an axis whose classes are a tile that finds fewer inputs than taps: outputs, inputs, and the first."""
    if dilation == 1 or stride > 1 or mode != "zeros":
        return None
    if p.direction == "bwd_input":
        size, out, padding = out, size, (kernel - 1) * dilation - padding
    classes = min(dilation, out)
    first, last = -((classes - 1 - padding) // dilation), (padding + size - 1) // dilation
    inputs = last - first + 1
    return (split(out, dilation), inputs, first) if 0 < inputs < kernel and first >= 0 else None


def axes(problem: ConvProblem) -> tuple[Axis, Axis]:
    """The cheapest of them, for a typical batch."""
    return _axes(problem, get_convolution_precision())


@lru_cache(maxsize=1024)
def _axes(problem: ConvProblem, precision: str) -> tuple[Axis, Axis]:
    typical = replace(problem, n=1 if problem.direction == "fwd" else BATCH)
    return min(candidates(problem), key=lambda pair: _cost(typical, pair))


def dilations(problem: ConvProblem) -> tuple[int, int]:
    """How far apart the taps of a column and of a row are."""
    p = problem
    return p.dh if p.kh > 1 else 1, p.dw if p.kw > 1 else 1


def _tiles(size: int, outputs: int, dilation: int) -> int:
    """Tiles along an axis: all classes have as many."""
    return min(dilation, size) * split(split(size, dilation), outputs)


def work(problem: ConvProblem, pair: tuple[Axis, Axis]) -> tuple[int, int, int, int, int]:
    """How often each thing is done: vectors multiplied; read or written of images, results, weights; calls."""
    p, lanes = problem, target.current().lanes(4)
    rows, columns = (tiling(axis) for axis in pair)
    ic, oc, height, width = p.ic // p.g, p.oc // p.g, p.oh, p.ow
    if p.direction == "bwd_input":
        ic, oc, height, width = oc, ic, p.ih, p.iw
    points, forms = rows.products * columns.products, len(rows.forms_g) * len(columns.forms_g)
    dh, dw = dilations(p)
    tiles = p.n * _tiles(height, rows.outputs, dh) * _tiles(width, columns.outputs, dw)
    inputs, outputs, weights = p.g * split(ic, lanes), p.g * split(oc, lanes), p.g * ic * split(oc, lanes)
    return (
        points * tiles * weights,
        (points + rows.inputs * columns.inputs) * tiles * inputs,
        (points + rows.outputs * columns.outputs) * tiles * outputs,
        (forms + TAP * p.kh * p.kw) * weights,
        1,
    )


def _cost(problem: ConvProblem, pair: tuple[Axis, Axis]) -> float:
    """The time in multiplications of a vector."""
    costs = COSTS[get_convolution_precision()]
    cost = costs[problem.direction]
    products, images, results, weights, _ = work(problem, pair)
    multiplying = cost.product * products
    transforming = cost.weight if is_kept(problem, pair) else costs["bwd_input"].weight
    return multiplying + cost.image * images + cost.result * results + transforming * weights + cost.call


def is_kept(problem: ConvProblem, pair: tuple[Axis, Axis]) -> bool:
    """Whether transformed weights are few enough to be kept, if they do not change."""
    p, wide = problem, 2 * target.current().lanes(4)
    forms = len(tiling(pair[0]).forms_g) * len(tiling(pair[1]).forms_g)
    return problem.direction != "fwd" or forms * p.ic * split(p.oc // p.g, wide) * wide * 4 < storage.LARGEST


def work_directly(problem: ConvProblem) -> tuple[int, int, int, int]:
    """The same for direct convolution: vectors multiplied, of weights, of results, calls."""
    p, lanes = problem, target.current().lanes(4)
    ic, oc, stored = p.ic // p.g, p.oc // p.g, p.n * p.oh * p.ow
    if p.direction == "bwd_input":
        ic, oc, stored = oc, ic, p.n * p.ih * p.iw
    weights, taps = p.g * ic * split(oc, lanes), p.kh * p.kw
    if p.direction == "bwd_weight":
        products = weight_gradient.multiplied(p)
    else:
        products = round(weights * taps * p.n * p.oh * p.ow * _read(p))
    return products, weights * taps, stored * p.g * split(oc, lanes), 1


def _read(problem: ConvProblem) -> float:
    """The part of the taps that direct convolution reads: not those that find but padding in a tile."""
    p = problem.with_direction("fwd")
    if problem.direction == "bwd_input":
        p = next(each.problem for each in gradient.input_phases(problem) if each.problem is not None)
    if (p.mode_h, p.mode_w) != ("zeros", "zeros"):
        return 1
    tiles = split(p.ow, target.current().mr)
    rows = reading(p.ih, p.pt, list(range(p.oh + 1)), p.sh, p.kh, p.dh)
    columns = reading(p.iw, p.pl, [i * p.ow // tiles for i in range(tiles + 1)], p.sw, p.kw, p.dw)
    return sum(map(len, rows)) * sum(map(len, columns)) / (p.oh * p.kh * tiles * p.kw)


def _direct_cost(problem: ConvProblem) -> float:
    """The same of direct convolution."""
    cost = COSTS[get_convolution_precision()][problem.direction]
    products, weights, results, _ = work_directly(problem)
    return products + cost.direct_weight * weights + cost.direct_result * results + cost.direct_call


def speedup(problem: ConvProblem) -> float:
    """The time that direct convolution is expected to take, relative to this algorithm's."""
    pair = axes(problem)
    batches = [replace(problem, n=n) for n in BATCHES]
    return math.prod(_direct_cost(each) / _cost(each, pair) for each in batches) ** (1 / len(batches))
