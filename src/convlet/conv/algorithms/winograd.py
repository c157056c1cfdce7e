"""Winograd convolution: kernels of several taps with a fraction of the multiplications, 3x3 with a quarter of them.

Its sums are not only reordered but made of other terms, so its error is larger than direct convolution's and bounded:
norm-relative 3e-6 in float32. With `convlet.set_convolution_precision("highest")` tiles are small, as F(2x2, 3x3),
and sums are added in short chains, the last of which remember what they lose: it stays under 2e-7.
float64 does without it. An infinity or NaN of the input spreads over the tiles that read it, and overflow begins some
three orders of magnitude below the largest float32.

This file plans; kernels/winograd.py says how it is computed and kernels/winograd_matrices.py by which matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product as pairs
from typing import Any, NamedTuple

import numpy as np

from ...kernels import launch, target
from ...kernels import winograd as kernels
from ...kernels.edges import FRAME
from ...kernels.tail import pack_tail
from ...kernels.taps import pack_taps
from ...kernels.winograd_matrices import Axis, Tiling, tiling
from ...kernels.winograd_transforms import transform
from ...runtime import memory, storage
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..padding import index_map
from ..precision import get_convolution_precision
from ..problem import DTYPES, ConvProblem
from ..tail import Tail
from . import direct, weight_gradient
from .bands import reading, split
from .direct import Weight
from .frames import CODES, Frame, Frames, finish, gradient_fields, layout, size_fields, storable, workers_for

name = "winograd"

# Outputs of a tile along an axis (of a phase, in an input gradient), of which the cheapest is taken.
TILES = (2, 3, 4, 5)
# Products of one F(m, r): more would cost too much precision. Kernels of one row or column have the errors of one axis
# only: the second number.
PRODUCTS = {"high": (7, 10), "highest": (4, 5)}
# 'highest': products of a sum that are added one after the other, and sums of segments or chunks that are without
# remembering what is lost (kernels/tile.py). The error of F(2x2, 3x3) is 1.67 times that of its products: 1.3e-7 after
# chains of 8 and 8 of those, and its transforms err by 1.1e-7 themselves.
CHAIN = 8
SUMS_APART = 2
# Products along an axis: beyond, transforms are as much work as multiplying.
LARGEST = 21

# Input channels of a group up to which the weight gradient is left to direct: 1 takes 251 us there, not 520 (128x128),
# 3 take 1299, not 1636 (224x224; 64 output channels, Zen 4, November 2026).
FEW = 4

# Tiles in a unit: only very wide images are cut.
UNIT_TILES = 64
# Bytes of transformed images in a pass, for two threads; more threads make larger passes. And as many at most where
# there are more transformed weights than that, which every pass makes or reads again.
PASS_BYTES = 4 << 20
LARGE_PASS_BYTES = 12 << 20
# Tasks that make the same weights, up to which nobody makes them beforehand: writing and reading them costs as much.
# And bytes of them above which that costs more than the products: four times as long as making them.
AGAIN = 2
LARGEST_WEIGHTS = 16 << 20
# Tiles that a weight gradient has in a pass at least, or its sums go to memory often. Its passes, and with them the
# order of its sums, do not depend on the threads.
GRADIENT_TILES = 128
# Units of a task that transforms images: each reads rows that the one above has read too.
UNITS = 4
# Products of a task at most: tiles times points, for their sums to stay in L2. And tiles at least, for the weights'
# transform to be worth it.
TASK_PRODUCTS = 128 * 36
LEAST_TASK_TILES = 28
# One region: bytes of a task's transformed images, with their sums in the L2 cache; tiles at least, to read the weights
# seldom; and how busy the workers are at least.
TASK_BYTES = 900 << 10
LEAST_TILES_TOGETHER = 14
LEAST_BUSY = 0.9
# Input channels whose transformed weights are in the L2 cache at a time, for up to so many forms; half for more.
SEGMENT = 64
SEGMENT_FORMS = 64
# Taps of a vector of weights that are packed at a time, in the L1 cache.
CHUNK_TAPS = 144
# Weight gradient: sums of a task in vectors, and tiles that are summed up before they are added to others.
GRADIENT_SUMS = 64 * 36
GRADIENT_CHUNK = 64
# In parts: bytes of transformed images that stay in the L2 cache beside the sums; tiles of a part, so that its sums are
# seldom added to others; bytes of all these sums; parts, for any number of threads.
PART_IMAGES = 400 << 10
PART_TILES = 96
PART_SUMS = 6 << 20
PARTS = 8, 16, 32


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
# So much faster it must be expected to be, because expectations err.
MARGIN = 1.1
# Operations an image below which it saves a few microseconds: not worth compiling for.
LEAST_FLOPS = 2_500_000

# Where the taps of a channel lie in a run, but not those of all channels (see Weight.run).
RUN_OF_TAPS = 2

STEPS = ("tile", "transpose", "gather", "scatter", "accumulate")
LINE = memory.LINE


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
    return min(candidates(problem), key=lambda pair: _cost(problem, pair))


def _typical(problem: ConvProblem) -> ConvProblem:
    """The batch for which tiles are chosen, whatever the batch is."""
    return replace(problem, n=1 if problem.direction == "fwd" else BATCH)


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    return unable(problem) or slower(problem)


def unable(problem: ConvProblem) -> str | None:
    """Why it cannot compute the problem, or may not."""
    p = problem
    if p.dtype not in ("f32", "f16", "bf16"):
        return f"computes in float32, and the dtype is {p.dtype}"
    if p.kh == p.kw == 1:
        return "the kernel has one tap"
    if p.direction == "bwd_weight" and (p.sh, p.sw) != (1, 1) and get_convolution_precision() == "highest":
        return "the precision is 'highest', and images that alternate as fast as a stride would lose digits"
    if any(stride > 1 and dilation > 1 for stride, dilation in zip((p.sh, p.sw), dilations(p))):
        return "the kernel is strided and dilated"
    if p.sh > p.kh or p.sw > p.kw:
        return "the stride leaves inputs out"
    if p.direction == "bwd_input" and (p.sh, p.sw) != (1, 1) and gradient.input_strips(p):
        return "the gradient is strided and the padding is not zeros"
    if not candidates(p):
        return f"a kernel of {p.kh}x{p.kw} needs large transforms"
    return direct.refuse(p)


def slower(problem: ConvProblem) -> str | None:
    """Why direct convolution is expected to be as fast, or None."""
    if problem.per_image().flops < LEAST_FLOPS:
        return f"below {LEAST_FLOPS / 1e6} million operations an image there is little to save"
    if problem.direction == "bwd_weight" and problem.ic // problem.g <= FEW:
        return f"not as fast as direct where {problem.ic // problem.g} input channels leave most lanes empty"
    expected = speedup(problem)
    return None if expected >= MARGIN else f"expected to be {expected:.2f} times as fast as direct, less than {MARGIN}"


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
    """The time of a typical batch, in multiplications of a vector."""
    costs = COSTS[get_convolution_precision()]
    cost = costs[problem.direction]
    products, images, results, weights, _ = work(_typical(problem), pair)
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


def speedup(problem: ConvProblem) -> float:
    """The time that direct convolution is expected to take, relative to this algorithm's."""
    cost = COSTS[get_convolution_precision()][problem.direction]
    products, weights, results, _ = work_directly(_typical(problem))
    plain = products + cost.direct_weight * weights + cost.direct_result * results + cost.direct_call
    return plain / _cost(problem, axes(problem))


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return True


def plan(problem: ConvProblem, pair: tuple[Axis, Axis] | None = None) -> Run:
    """run(a, b, bias, out), which fills out; the axes computed as `pair` says, if it does."""
    if problem.direction == "bwd_weight":
        return _WeightGradient(problem, pair)
    if problem.direction == "bwd_input" and gradient.input_strips(problem):
        # The strips that padding modes add are small.
        whole = problem.ih, problem.iw
        return gradient.input_gradient(
            problem, lambda p: _Forward(p) if (p.oh, p.ow) == whole else direct.plan(p)
        )
    return _Forward(problem, pair)


def _plane(nbytes: int) -> int:
    """The distance of planes of so many bytes: an odd number of lines, or all would meet in the same cache sets."""
    return memory.lines(nbytes) | LINE


# What is multiplied


class _Reach(NamedTuple):
    """What the tiles of an axis read of an array: so many places of a class each, `step` further each time."""

    reads: int
    step: int
    dilation: int
    size: int  # places that the array has
    before: int  # places in front of it
    places: np.ndarray  # where in the array the first places are found, padding included; -1: nowhere

    def length(self, tiles: int) -> int:
        """Places that so many tiles of every class read."""
        return ((tiles - 1) * self.step + self.reads) * self.dilation

    def table(self, count: int) -> np.ndarray:
        """The places of so many."""
        table = np.full(count, -1, np.int64)
        table[: len(self.places)] = self.places[:count]
        return table


def _plain(reads: int, step: int, dilation: int, size: int, before: int = 0) -> _Reach:
    """An array surrounded by zeros; a negative `before` leaves some of it out."""
    places = np.arange(-before, size)
    return _Reach(reads, step, dilation, size, before, np.where(places >= 0, places, -1))


@dataclass(frozen=True)
class _Product:
    """A problem as a forward product: from what is read to what is written, `icg` and `ocg` channels a group."""

    problem: ConvProblem
    axes: tuple[Axis, Axis]
    rows: Tiling
    columns: Tiling
    reach: tuple[_Reach, _Reach]
    icg: int
    ocg: int
    height: int
    width: int
    chain: int  # products of a sum that are added one after the other; 0: any number

    @property
    def dilations(self) -> tuple[int, int]:
        return dilations(self.problem)

    @property
    def classes(self) -> tuple[int, int]:
        """Classes of rows and columns that there are."""
        dh, dw = self.dilations
        return min(dh, self.height), min(dw, self.width)

    @property
    def points(self) -> int:
        """Products of a tile and two channels."""
        return self.rows.products * self.columns.products

    @property
    def forms(self) -> int:
        """Transformed weights of two channels."""
        return len(self.rows.forms_g) * len(self.columns.forms_g)

    @cached_property
    def form_table(self) -> np.ndarray:
        """For each point the form of its weights, and whether no point before has it."""
        forms = np.add.outer(np.array(self.rows.forms) * len(self.columns.forms_g), self.columns.forms).reshape(-1)
        return np.array([(form, form not in forms[:i]) for i, form in enumerate(forms)], np.int64)

    @classmethod
    def of(cls, p: ConvProblem, pair: tuple[Axis, Axis] | None = None) -> _Product:
        """A weight gradient reads images as the forward product does."""
        pair = pair or axes(p.per_image())
        rows, columns = (tiling(axis) for axis in pair)
        icg, ocg = p.ic // p.g, p.oc // p.g
        precise = get_convolution_precision() == "highest"
        dh, dw = dilations(p)
        if p.direction == "bwd_input":
            # What is padded in front beyond a stride shifts the output's gradient by whole elements.
            reach = (
                _plain(rows.inputs, rows.step, dh, p.oh, rows.before * dh - p.pt // p.sh),
                _plain(columns.inputs, columns.step, dw, p.ow, columns.before * dw - p.pl // p.sw),
            )
            chain = CHAIN if precise and ocg > 2 * CHAIN else 0
            return cls(p, pair, rows, columns, reach, ocg, icg, p.ih, p.iw, chain)
        row_map = index_map(p.ih, p.pt, p.pb, p.mode_h)
        col_map = index_map(p.iw, p.pl, p.pr, p.mode_w)
        skip_h, skip_w = pair[0].first * dh, pair[1].first * dw
        reach = (
            _Reach(rows.inputs, rows.step, dh, p.ih + min(p.pb, 0), p.pt - skip_h, row_map[skip_h:]),
            _Reach(columns.inputs, columns.step, dw, p.iw + min(p.pr, 0), p.pl - skip_w, col_map[skip_w:]),
        )
        # A sum of 16 channels is as exact as one of 64 in chains.
        chain = CHAIN if precise and (icg > 2 * CHAIN or p.direction == "bwd_weight") else 0
        return cls(p, pair, rows, columns, reach, icg, ocg, p.oh, p.ow, chain)


# Units and passes


class _Units:
    """How tiles of a problem are cut into units, and units into passes."""

    def __init__(
        self, product: _Product, tile_bytes: int, pass_bytes: int, least: int = 1, unit_tiles: int = UNIT_TILES
    ):
        (dh, dw), (classes_h, classes_w) = product.dilations, product.classes
        self.tiles_h = split(split(product.height, dh), product.rows.outputs)
        tiles_w = split(split(product.width, dw), product.columns.outputs)
        self.class_tiles = split(tiles_w, split(tiles_w, max(1, unit_tiles // classes_w)))
        self.unit_tiles = classes_w * self.class_tiles
        self.parts_w = split(tiles_w, self.class_tiles)
        self.count = product.problem.n * classes_h * self.tiles_h * self.parts_w
        self.passes = 1
        if pass_bytes:
            largest = max(1, pass_bytes // (tile_bytes * self.unit_tiles), split(least, self.unit_tiles))
            self.passes = split(self.count, largest)
        self.largest = split(self.count, self.passes)
        self.tiles = self.largest * self.unit_tiles


def _image_fields(
    product: _Product,
    array: np.ndarray,
    channels: int,
    units: _Units,
    unit_blocks: int,
    side: int,
    reach: tuple[_Reach, _Reach],
    purpose: str,
    tables: list[np.ndarray],
    tiles: int,
) -> tuple[dict, dict[str, int]]:
    """Fields for transforming the images of an array to `tiles` tiles, and sizes of the scratch for it."""
    p = product.problem
    lanes = target.current().lanes(4)
    down, across = reach
    row = across.length(units.class_tiles)
    row_map, col_map = down.table(down.length(units.tiles_h)), across.table(units.parts_w * row)
    tables += [row_map, col_map]
    vectors = split(channels, lanes)
    block = tiles * side * lanes * 4
    plane = _plane(split(vectors, side) * block)
    rows_a_task = split(units.largest, unit_blocks) * down.step + down.reads
    scratch = {"band_at": rows_a_task * row * lanes * 4, "row_at": lanes * (row + lanes) * 4}
    return {
        "transform_image": transform(purpose, *product.axes).address,
        "unit_blocks": unit_blocks,
        "x_n": array.strides[0],
        "x_c": array.strides[1],
        "x_h": array.strides[2],
        "x_w": array.strides[3],
        "x_code": CODES[p.dtype],
        "x_size": DTYPES[p.dtype][1],
        "icg": channels,
        "iw": across.size,
        "pl": across.before,
        "row_map": memory.address(row_map),
        "col_map": memory.address(col_map),
        "reads_h": down.reads,
        "reads_w": across.reads,
        "step_h": down.step,
        "step_w": across.step,
        "vectors": vectors,
        "side": side,
        "v_block": block,
        "v_plane": plane,
        "v_group": plane * product.points,
    }, scratch


def _product_fields(product: _Product) -> dict:
    return size_fields(product.problem, 4, STEPS, product.chain) | {
        "icg": product.icg,
        "ocg": product.ocg,
        "oh": product.height,
        "ow": product.width,
        "apart": (kernels.chained if product.chain else kernels.apart).address,
        "points": product.points,
        "points_w": product.columns.products,
        "forms": product.forms,
        "forms_w": len(product.columns.forms_g),
        "form_table": memory.address(product.form_table),
        "tile_h": product.rows.outputs,
        "tile_w": product.columns.outputs,
        **dict(zip(("dh", "dw", "classes_h", "classes_w"), product.dilations + product.classes)),
    }


def _unit_fields(product: _Product, units: _Units) -> dict:
    return _product_fields(product) | {
        "tiles_h": units.tiles_h,
        "parts_w": units.parts_w,
        "unit_tiles": units.unit_tiles,
        "class_tiles": units.class_tiles,
    }


def _records(fields: dict, units: _Units, tables: list[np.ndarray], workers: int) -> list[Frame]:
    """A frame for each pass."""
    number = np.arange(units.passes)
    bounds = np.arange(units.passes + 1) * units.count // units.passes
    own = {"unit_0": bounds[:-1], "unit_1": bounds[1:], "first": number == 0, "last": number == units.passes - 1}
    records = np.zeros(units.passes, FRAME)
    for field, value in (fields | own).items():
        records[field] = value
    start = memory.address(records)
    return [
        Frame(records, tables, start + i * FRAME.itemsize, fields["slot"], workers) for i in range(units.passes)
    ]


class _Images:
    """The first region of the passes: transformed images of an array."""

    def __init__(
        self,
        product: _Product,
        array: np.ndarray,
        channels: int,
        units: _Units,
        side: int,
        workers: int,
        reach: tuple[_Reach, _Reach],
        purpose: str = "input",
    ):
        self.tables: list[np.ndarray] = []
        vectors = product.problem.g * split(channels, target.current().lanes(4))
        unit_blocks = min(units.largest, max(split(units.largest, UNITS), split(4 * workers, vectors)))
        self.fields, scratch = _image_fields(
            product, array, channels, units, unit_blocks, side, reach, purpose, self.tables, units.tiles
        )
        places, slot = layout(scratch)
        self.fields |= places | {"slot": slot}
        self.nbytes = product.problem.g * self.fields["v_group"]
        tasks = unit_blocks * vectors
        fields = _unit_fields(product, units) | self.fields
        self.frames = _records(fields, units, self.tables, min(workers, tasks))

    def transform(self, number: int, array: int, to: int) -> None:
        """Makes the transformed images of a pass."""
        frame = self.frames[number]
        kernel = kernels.transform_images.address
        launch.launch(kernel, frame.address, array, 0, 0, to, frame.slot, frame.workers)


# Forward


class _Weights:
    """How weights of certain strides are transformed: the fields of a frame, and the region for all of them."""

    def __init__(self, product: _Product, w: np.ndarray):
        p = product.problem
        lanes = target.current().lanes(4)
        wide = 2 * lanes
        icg, blocks, forms, taps = product.icg, split(product.ocg, wide), product.forms, p.kh * p.kw
        segment = SEGMENT if forms <= SEGMENT_FORMS else SEGMENT // 2
        self.segment = min(segment, split(icg, lanes) * lanes)
        self.tasks = p.g * blocks * split(icg, self.segment)
        size = DTYPES[p.dtype][1]
        weight = Weight.of(p, w)
        if p.direction == "bwd_input":  # from the output's channels to the input's
            w_g, w_o, w_c, w_h, w_w = weight.strides
            weight = replace(weight, strides=(w_g, w_c, w_o, w_h, w_w))
        row, column = weight.taps[0]
        chunk = max(1, min(icg, CHUNK_TAPS // taps))
        run = weight.run(icg, size)
        plane = _plane(icg * wide * 4)
        block = forms * plane
        self.fields = _product_fields(product) | {
            "transform_weight": transform("weight", *product.axes).address,
            **dict(zip(("w_g", "w_o", "w_c", "w_h", "w_w"), weight.strides)),
            "w_size": size,
            "w_code": CODES[p.dtype],
            "run": run,
            "pack_taps": pack_taps(taps).address if run == RUN_OF_TAPS and p.dtype == "f32" else 0,
            "taps_at": p.kw * row + column,
            "tap_row": -p.kw if row else p.kw,
            "tap_column": -1 if column else 1,
            "chunk": chunk,
            "segment": self.segment,
            "u_plane": plane,
            "u_block": block,
        }
        self.scratch = {"other_at": chunk * taps * wide * 4, "row_at": lanes * (chunk * taps + lanes) * 4}
        places, slot = layout(self.scratch)
        self.frame = finish(
            self.fields | places | {"slot": slot},
            [],
            workers=1,
            packed_bytes=p.g * blocks * block,
            weight_offset=weight.offset,
            form=("winograd", product.axes, p.g, icg, product.ocg, weight.strides, weight.taps, p.dtype),
        )

    def transformed(self, weight: int, kept: Storage | None, workers: int, wanted: bool) -> tuple[int, Any] | None:
        """All transformed weights, if they are kept; if `wanted` and not too many, made for this time."""
        frame = self.frame

        def make(u: int) -> None:
            kernel = kernels.transform_weights.address
            launch.launch(kernel, frame.address, weight, 0, 0, u, frame.slot, min(workers, self.tasks))

        found = None if kept is None else kept.form((weight, frame.form), frame.packed_bytes, make)
        if found is None and wanted and frame.packed_bytes <= LARGEST_WEIGHTS:
            found = memory.scratch(frame.packed_bytes, "weights")
            make(found[0])
        return found


class _Cut(NamedTuple):
    """Into how many blocks the units of a pass are cut, and whether a block is a task that does all."""

    units: _Units
    unit_blocks: int
    together: bool

    @property
    def task_tiles(self) -> int:
        """Tiles of the largest block."""
        return split(self.units.largest, self.unit_blocks) * self.units.unit_tiles


def _busy(tasks: int, workers: int) -> float:
    """The part of the time that workers are busy with equal tasks."""
    return tasks / (workers * split(tasks, workers))


def _cut(product: _Product, workers: int) -> _Cut:
    """How a forward product is cut, in two regions."""
    g, lanes = product.problem.g, target.current().lanes(4)
    tile_bytes = split(product.icg, lanes) * lanes * 4 * product.points
    blocks = g * split(product.ocg, 2 * lanes)
    weights = blocks * product.forms * product.icg * 2 * lanes * 4
    pass_bytes = max(PASS_BYTES, min(weights, LARGE_PASS_BYTES))
    units = _Units(product, g * tile_bytes, pass_bytes * max(1, workers // 2))
    largest = max(1, TASK_PRODUCTS // product.points)
    few = split(2 * workers, blocks)
    even = next((count for count in range(few, few + 4) if _busy(count * blocks, workers) >= LEAST_BUSY), few)
    wanted = min(even, units.tiles // LEAST_TASK_TILES)
    return _Cut(units, min(max(split(units.tiles, largest), wanted), units.largest), False)


def _cut_together(product: _Product, workers: int) -> _Cut | None:
    """How it is cut in one region, if that is expected to be as fast. The sums are the same."""
    g, lanes = product.problem.g, target.current().lanes(4)
    most = TASK_BYTES // (split(product.icg, lanes) * lanes * 4 * product.points)
    if most < LEAST_TILES_TOGETHER:
        return None
    units = _Units(product, 0, 0, unit_tiles=min(most, UNIT_TILES))
    if units.unit_tiles > most:
        return None
    count = units.count * g
    tasks = workers * split(count, workers * (most // units.unit_tiles))
    found = _Cut(units, min(units.count, split(tasks, g)), True)
    enough = found.task_tiles >= LEAST_TILES_TOGETHER
    return found if enough and _busy(count, workers) >= LEAST_BUSY else None


class _Forward:
    """A forward convolution or an input gradient; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem, pair: tuple[Axis, Axis] | None = None):
        self.problem = problem
        self.product = _Product.of(problem, pair)
        self.frames: dict[Any, tuple[_Images | None, list[Frame]]] = Frames()
        self.weights: dict[Any, _Weights] = Frames()
        self.cuts: dict[int, tuple[_Cut, _Cut | None]] = {}

    def __call__(
        self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        workers = workers_for(self.problem)
        weights = self.weights.get(w.strides)
        if weights is None:
            weights = self.weights[w.strides] = _Weights(self.product, w)
        cut, together = self.cut(workers)
        weight, keep_weight = memory.address(w) + weights.frame.weight_offset, w
        found = weights.transformed(weight, kept, workers, wanted=cut.units.passes * cut.unit_blocks > AGAIN)
        if found is not None:
            weight, keep_weight = found
            cut = together or cut
        key = (x.strides, w.strides, out.strides, workers, found is None)
        prepared = self.frames.get(key)
        if prepared is None:
            prepared = self.frames[key] = self._prepare(x, weights, out, workers, found is not None, cut)
        images, frames = prepared
        if bias is not None:
            bias = np.ascontiguousarray(bias, np.float32)
        at = 0 if bias is None else memory.address(bias)
        if self.problem.tail:
            finishing = pack_tail(self.problem.tail, tail, at, out)
            at = memory.address(finishing)
        source, to = memory.address(x), memory.address(out)
        if images is None:
            frame = frames[0]
            kernel = kernels.together.address
            launch.launch(kernel, frame.address, source, weight, at, to, frame.slot, frame.workers)
        else:
            v, keep = memory.scratch(images.nbytes, "images")
            kernel = kernels.forward.address
            for number, frame in enumerate(frames):
                images.transform(number, source, v)
                launch.launch(kernel, frame.address, v, weight, at, to, frame.slot, frame.workers)
            del keep
        del keep_weight

    def cut(self, workers: int) -> tuple[_Cut, _Cut | None]:
        """How so many workers share it out, and how they do where the weights are transformed."""
        found = self.cuts.get(workers)
        if found is None:
            found = self.cuts[workers] = _cut(self.product, workers), _cut_together(self.product, workers)
        return found

    def _prepare(
        self, x: np.ndarray, weights: _Weights, out: np.ndarray, workers: int, ready: bool, cut: _Cut
    ) -> tuple[_Images | None, list[Frame]]:
        """The frames of a call; `ready` is whether the weights come transformed."""
        p, product = self.problem, self.product
        lanes = target.current().lanes(4)
        wide = 2 * lanes
        units, unit_blocks, together = cut
        images: _Images | None = None
        tables: list[np.ndarray] = []
        if together:
            image_fields, image_scratch = _image_fields(
                product, x, product.icg, units, unit_blocks, 1, product.reach, "input", tables, cut.task_tiles
            )
        else:
            images = _Images(product, x, product.icg, units, 1, workers, product.reach)
            image_fields, tables, image_scratch = images.fields, images.tables, {"band_at": 0, "row_at": 0}

        segment, points = weights.segment, product.points
        tile_h, tile_w = product.rows.outputs, product.columns.outputs
        dh, dw = product.dilations
        columns = units.class_tiles * tile_w * dw
        if dw == 1:
            columns = min(product.width, columns)
        j = np.arange(segment)
        offsets = (j // lanes * image_fields["v_block"] + j % lanes * 4).astype(np.int32)
        step1, step2 = (j * lanes * 4).astype(np.int32), (j * wide * 4).astype(np.int32)
        tables += [offsets, step1, step2]
        u_plane, m_plane = _plane(segment * wide * 4), _plane(cut.task_tiles * wide * 4)
        lost = points * m_plane if product.chain and split(product.icg, segment) > SUMS_APART else 0
        row = lanes * (tile_h * columns + lanes) * 4
        places, slot = layout(
            {
                "image_at": image_fields["v_group"] if together else 0,
                "weight_at": 0 if ready else product.forms * u_plane,
                "sum_at": points * m_plane + lost,
                "band_at": (tile_h * columns + tile_w) * wide * 4,
                "other_at": image_scratch["band_at"] if ready else weights.scratch["other_at"],
                "row_at": max(row, weights.scratch["row_at"], image_scratch["row_at"]),
            }
        )
        size = DTYPES[p.dtype][1]
        fields = _unit_fields(product, units) | image_fields | weights.fields | places
        fields |= {
            "slot": slot,
            "transform_result": transform("output", *product.axes).address,
            "packed": int(ready),
            "offsets": memory.address(offsets),
            "step1": memory.address(step1),
            "step2": memory.address(step2),
            "y_n": out.strides[0],
            "y_c": out.strides[1],
            "y_h": out.strides[2] * dh,
            "y_class": out.strides[2],
            "y_w": out.strides[3],
            "y_size": size,
            "y_code": CODES[p.dtype],
            "y_last": int(p.dtype == "f32" and out.strides[1] == size != out.strides[3]),
            "unit_blocks": unit_blocks,
            "u_plane": weights.fields["u_plane"] if ready else u_plane,
            "m_plane": m_plane,
            "lost": lost,
        }
        tasks = unit_blocks * p.g * (1 if together else split(product.ocg, wide))
        return images, _records(fields, units, tables, min(workers, tasks))


# Weight gradient


class _WeightGradient:
    """The weight gradient of a problem."""

    def __init__(self, problem: ConvProblem, pair: tuple[Axis, Axis] | None = None):
        self.problem = problem
        self.product = product = _Product.of(problem, pair)
        self.frames: dict[Any, tuple] = Frames()
        p, lanes = problem, target.current().lanes(4)
        self.vectors, self.all_blocks = split(product.icg, lanes), split(product.ocg, 2 * lanes)
        self.whole = (
            _plain(product.rows.outputs, product.rows.outputs, product.dilations[0], p.oh),
            _plain(product.columns.outputs, product.columns.outputs, product.dilations[1], p.ow),
        )
        # Bytes of a transformed tile, of all groups.
        self.tile_bytes = p.g * (self.vectors + 2 * self.all_blocks) * lanes * 4 * product.points
        # Tiles that are transformed together in parts; in how many the sum is made (0: in passes).
        self.together = max(1, min(PART_IMAGES * p.g // self.tile_bytes, GRADIENT_CHUNK))
        units = self.units = _Units(product, 0, 0, unit_tiles=self.together)
        sums = p.g * self.vectors * self._plane(lanes) * self.all_blocks * product.forms
        most = min(units.count, units.tiles // PART_TILES, PART_SUMS // sums)
        # Few for the precision 'highest', whose errors their addition would make larger.
        ways = PARTS[:1] if product.chain else PARTS
        self.parts = max((parts for parts in ways if parts <= most), default=0)

    @staticmethod
    def _plane(block: int) -> int:
        return _plane(block * 2 * target.current().lanes(4) * 4)

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = workers_for(self.problem)
        plain = storable(out, 4)
        result = out if plain else np.empty(out.shape, np.float32)
        key = (x.strides, grad.strides, result.strides, workers)
        found = self.frames.get(key)
        if found is None:
            prepare = self._prepare_parts if self.parts else self._prepare
            found = self.frames[key] = prepare(x, grad, result, workers)
        compute = self._in_parts if self.parts else self._in_passes
        compute(found, memory.address(x), memory.address(grad), memory.address(result))
        if not plain:
            out[...] = result

    def _in_passes(self, prepared: tuple, x: int, grad: int, out: int) -> None:
        images, gradients, frames, sum_bytes = prepared
        w_at = memory.lines(images.nbytes) + LINE
        v, keep = memory.scratch(w_at + gradients.nbytes, "images")
        sums, keep_sums = memory.scratch(sum_bytes, "products") if sum_bytes else (0, None)
        kernel = kernels.weight_gradient.address
        for number, frame in enumerate(frames):
            images.transform(number, x, v)
            gradients.transform(number, grad, v + w_at)
            launch.launch(kernel, frame.address, v, v + w_at, sums, out, frame.slot, frame.workers)
        del keep, keep_sums

    def _in_parts(self, prepared: tuple, x: int, grad: int, out: int) -> None:
        frame, sum_bytes, tasks = prepared
        sums, keep = memory.scratch(sum_bytes, "products")
        parts, whole = kernels.gradient_parts.address, kernels.gradient_sums.address
        launch.launch(parts, frame.address, x, grad, 0, sums, frame.slot, frame.workers)
        launch.launch(whole, frame.address, 0, 0, sums, out, frame.slot, min(frame.workers, tasks))
        del keep

    def _fields(self, side: int, out: np.ndarray, tables: list[np.ndarray]) -> tuple[dict, int]:
        """Fields for multiplying `side` vectors of input channels at a time and storing the result; bytes of sums."""
        product = self.product
        lanes = target.current().lanes(4)
        block, wide = side * lanes, 2 * lanes
        tiles = np.arange(GRADIENT_CHUNK)
        offsets, step2 = (tiles * block * 4).astype(np.int32), (tiles * wide * 4).astype(np.int32)
        tables += [offsets, step2]
        u_plane = self._plane(block)
        return {
            "transform_result": transform("weight_gradient", *product.axes).address,
            "offsets": memory.address(offsets),
            "step2": memory.address(step2),
            **gradient_fields(out, block, tables),
            "block": block,
            "blocks": split(product.icg, block),
            "chunk": GRADIENT_CHUNK,
            "u_plane": u_plane,
        }, product.forms * u_plane

    def _side(self, most: int) -> int:
        """Vectors of input channels that are multiplied at a time, `most` at most."""
        most = min(most, GRADIENT_SUMS // self.product.forms // target.current().lanes(4))
        return split(self.vectors, split(self.vectors, max(1, most)))

    def _prepare(
        self, x: np.ndarray, grad: np.ndarray, out: np.ndarray, workers: int
    ) -> tuple[_Images, _Images, list[Frame], int]:
        p, product = self.problem, self.product
        lanes = target.current().lanes(4)
        side = self._side(p.g * self.vectors * self.all_blocks // (2 * workers))
        units = _Units(product, self.tile_bytes, PASS_BYTES, GRADIENT_TILES)
        images = _Images(product, x, product.icg, units, side, workers, product.reach)
        gradients = _Images(product, grad, product.ocg, units, 2, workers, self.whole, "output_gradient")
        tables = images.tables
        fields, sum_bytes = self._fields(side, out, tables)
        tasks = p.g * fields["blocks"] * self.all_blocks
        room = tasks * sum_bytes if units.passes > 1 else 0
        lost = (room or sum_bytes) if product.chain else 0
        own = 0 if room and lost else sum_bytes + lost
        places, slot = layout({"sum_at": own, "band_at": p.kh * p.kw * side * 2 * lanes * lanes * 4})
        fields = _unit_fields(product, units) | images.fields | fields | places
        fields |= {
            "slot": slot,
            "g_group": gradients.fields["v_group"],
            "g_plane": gradients.fields["v_plane"],
            "g_block": gradients.fields["v_block"],
            "lost": lost,
        }
        return images, gradients, _records(fields, units, tables, min(workers, tasks)), room + lost if room else 0

    def _prepare_parts(
        self, x: np.ndarray, grad: np.ndarray, out: np.ndarray, workers: int
    ) -> tuple[Frame, int, int]:
        """The frame, bytes of all sums, and tasks of the second region."""
        p, product = self.problem, self.product
        lanes = target.current().lanes(4)
        units, side = self.units, self._side(self.vectors)
        together = max(1, self.together // units.unit_tiles)
        tiles, blocks = together * units.unit_tiles, split(units.count, together)
        tables: list[np.ndarray] = []
        images, of_images = _image_fields(
            product, x, product.icg, units, blocks, side, product.reach, "input", tables, tiles
        )
        gradients, of_gradients = _image_fields(
            product, grad, product.ocg, units, blocks, 2, self.whole, "output_gradient", tables, tiles
        )
        fields, sum_bytes = self._fields(side, out, tables)
        tasks = p.g * fields["blocks"] * self.all_blocks
        room = self.parts * tasks * sum_bytes
        lost = room if product.chain and split(units.count, self.parts * together) > SUMS_APART else 0
        results = {"band_at": p.kh * p.kw * side * 2 * lanes * lanes * 4, "row_at": 0}
        pixels = {piece: max(of_images[piece], of_gradients[piece], results[piece]) for piece in results}
        places, slot = layout({"image_at": images["v_group"], "other_at": gradients["v_group"], **pixels})
        common = _unit_fields(product, units)
        of_x, of_grad = (_records(common | each | {"slot": slot}, units, [], 1)[0] for each in (images, gradients))
        tables += [of_x.record, of_grad.record]
        fields = common | images | fields | places
        fields |= {
            "slot": slot,
            "g_plane": gradients["v_plane"],
            "g_block": gradients["v_block"],
            "parts": self.parts,
            "unit_blocks": together,
            "x_frame": of_x.address,
            "grad_frame": of_grad.address,
            "lost": lost,
        }
        (frame,) = _records(fields, units, tables, min(workers, p.g * self.parts))
        return frame, room + lost, tasks
