"""Kernels of one tap are products of matrices, computed where the arrays lie: no bands, no packed weights.

With the positions of a plane side by side in memory (NCHW) and w[o][c] the weights of a group:

    forward          y[o][position] = sum over c of w[o][c] * x[c][position]
    input gradient   gx[c][position] = sum over o of w[o][c] * gy[o][position]
    weight gradient  gw[o][c] = sum over images and positions of gy[o][position] * x[c][position]

An image of one position (a linear layer) is a vector, and the images of a batch are the rows of a matrix:

    y[image][o] = x[image][:] . w[o][:],   gx[image][c] = gy[image][:] . w[:][c],   gw[o][c] = gy[:][o] . x[:][c]

With the channels side by side (channels-last) the gradients are such products too. The weight gradient of small
planes is the same after a copy of x with its channels side by side. Arrays that lie otherwise go to the direct
algorithm.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np

from ...kernels import launch, steps, target
from ...kernels import product as kernels
from ...runtime import memory
from ...runtime.storage import Storage
from ..gradient import Array, Run
from ..problem import ConvProblem
from . import direct
from .direct import Frame, split

name = "pointwise"

# Terms of a sum whose columns stay in the L1 cache: 128 rows of 3 vectors are 24 KiB.
CHUNK = 128
# The same where the lanes are terms, and bytes of the columns of a chunk that stay in L2.
DOTS_CHUNK = 1024
DOTS_BYTES = 256 << 10
# Positions from which the terms of a weight gradient are taken as they lie: adding up the lanes at the end makes that
# 0.75 of the other way's speed at 14 x 14, and as fast at 28 x 28. Below, x is copied with its channels side by side,
# at most so many bytes at a time.
LONG = 400
COPY_BYTES = 4 << 20
# How full the vectors of a plane must be: 0.77 at 7 x 7 (0.9 of the direct algorithm's speed), 0.89 at 10 x 10 (as
# fast), 1 at 8 x 8 (1.1 to 1.2 times as fast). These four: AMD EPYC Zen 4, 1 thread, November 2026,
# python -m benchmarks layers --table pointwise --threads 1 --algorithm direct,pointwise
FULL = 0.88


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    if p.dtype not in ("f32", "f64"):
        return f"computes with float32 and float64 as they are stored, and the dtype is {p.dtype}"
    if (p.kh, p.kw, p.sh, p.sw) != (1, 1, 1, 1) or (p.pt, p.pb, p.pl, p.pr) != (0, 0, 0, 0):
        return "a kernel of one tap, without stride and padding, is a product of matrices"
    lanes = target.current().lanes(_element(p))
    positions, icg, ocg = p.oh * p.ow, p.ic // p.g, p.oc // p.g
    if positions == 1 or (p.direction == "bwd_weight" and positions < LONG):
        if icg < lanes:
            return f"{icg} input channels a group do not fill a vector"
    elif positions < lanes or positions < FULL * split(positions, lanes) * lanes:
        return f"{positions} positions fill the direct algorithm's tile better"
    if p.g > 1 and icg * ocg <= 64:
        return f"products of {icg} by {ocg} channels are small"
    return None


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    return _Product(problem)


def _element(p: ConvProblem) -> int:
    return 8 if p.dtype == "f64" else 4


@dataclass(frozen=True, slots=True)
class Matrices:
    """Sizes and strides (in bytes) of a product, named as in the frame of kernels/product.py."""

    images: int
    summed: int
    groups: int
    rows: int
    columns: int
    terms: int
    a_image: int
    a_group: int
    a_row: int
    a_term: int
    b_image: int
    b_group: int
    b_column: int
    b_term: int
    c_image: int
    c_group: int
    c_row: int
    c_column: int

    def fit(self, dots: bool, element: int, lanes: int) -> bool:
        """Whether what the lanes run along lies side by side, and fills a vector."""
        if dots:
            return self.a_term == self.b_term == self.c_row == element
        return self.b_column == self.c_column == element and self.columns >= lanes


Strides = tuple[int, int, int]  # image, channel, position; of weights: output channel, input channel, 0


def _strides(array: np.ndarray) -> Strides | None:
    """Bytes between images, channels and positions; None if the positions do not follow one another evenly."""
    n, c, h, w = array.strides
    height, width = array.shape[2:]
    if width == 1:
        return n, c, h
    return (n, c, w) if height == 1 or h == width * w else None


def _matrices(p: ConvProblem, a: Strides, b: Strides, c: Strides) -> list[tuple[bool, bool, Matrices]]:
    """The products that a problem is, on arrays a, b and out of these strides: (is of dots, a is left, which)."""
    icg, ocg, positions = p.ic // p.g, p.oc // p.g, p.oh * p.ow
    (a_n, a_c, a_p), (b_n, b_c, b_p), (c_n, c_c, c_p) = a, b, c
    if p.direction == "bwd_weight":  # a is x, b is gy, c is gw
        left, right = (a_n, icg * a_c, a_c, a_p), (b_n, ocg * b_c, b_c, b_p)
        places = (0, ocg * c_n, c_c, c_n)
        dots = Matrices(1, p.n, p.g, icg, ocg, positions, *left, *right, *places)
        turned = (0, ocg * c_n, c_n, c_c)
        if positions == 1:  # the terms are the images
            left, right = (0, ocg * b_c, b_c, b_n), (0, icg * a_c, a_c, a_n)
            return [(False, False, Matrices(1, 1, p.g, ocg, icg, p.n, *left, *right, *turned))]
        panels = Matrices(1, p.n, p.g, ocg, icg, positions, *right, *left, *turned)
        return [(False, False, panels)] + [(True, True, dots)] * (positions >= LONG)
    # a is x or gy, b is w, c is y or gx: rows by terms of the weights, whose sum is over the one or other channel.
    rows, terms, w_row, w_term = (ocg, icg, b_n, b_c) if p.direction == "fwd" else (icg, ocg, b_c, b_n)
    weights = (0, ocg * b_n, w_row, w_term)
    if positions == 1:
        vectors, places = (0, terms * a_c, a_n, a_c), (0, rows * c_c, c_n, c_c)
        if p.direction == "fwd":
            places = (0, rows * c_c, c_c, c_n)
            return [(True, False, Matrices(1, 1, p.g, rows, p.n, terms, *weights, *vectors, *places))]
        return [(False, True, Matrices(1, 1, p.g, p.n, rows, terms, *vectors, *weights, *places))]
    planes = Matrices(
        *(p.n, 1, p.g, rows, positions, terms),
        *weights,
        *(a_n, terms * a_c, a_p, a_c),
        *(c_n, rows * c_c, c_c, c_p),
    )
    found = [(False, False, planes)]
    if p.direction == "bwd_input":  # with channels side by side; a bias would be added by columns
        pixels, places = (a_n, terms * a_c, a_p, a_c), (c_n, rows * c_c, c_p, c_c)
        found.append((False, True, Matrices(p.n, 1, p.g, positions, rows, terms, *pixels, *weights, *places)))
    return found


class _Step(NamedTuple):
    """A launch: the kernel, its frame, and whether a is the left matrix."""

    kernel: launch.Kernel
    frame: Frame
    left: bool


class _Product:
    """A problem as a product; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.element = _element(problem)
        self.lanes = target.current().lanes(self.element)
        self.runs: dict[tuple, Run] = direct.Frames()

    def __call__(self, a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = direct.workers_for(self.problem)
        key = (a.strides, b.strides, out.strides, workers)
        run = self.runs.get(key)
        if run is None:
            run = self.runs[key] = self._prepare(a, b, out, workers)
        run(a, b, bias, out)

    def _prepare(self, a: np.ndarray, b: np.ndarray, out: np.ndarray, workers: int) -> Run:
        p = self.problem
        strides = [each for each in map(_strides, (a, b, out)) if each is not None]
        if len(strides) == 3:
            for dots, left, matrices in _matrices(p, strides[0], strides[1], strides[2]):
                if matrices.fit(dots, self.element, self.lanes):
                    return _InPlace(self._step(dots, left, matrices, workers))
            if p.direction == "bwd_weight" and 1 < p.oh * p.ow < LONG and strides[0][2] == self.element:
                run = self._turned(strides[0], strides[1], strides[2], workers)
                if run is not None:
                    return run
        return direct.plan(p)

    def _turned(self, a: Strides, b: Strides, c: Strides, workers: int) -> Run | None:
        """The weight gradient over copies of a few images of x at a time, the channels side by side."""
        p = self.problem
        positions = p.oh * p.ow
        size = p.ic * positions * self.element
        together = max(1, min(p.n, COPY_BYTES // size))
        more = (p.ic // p.g * self.element, self.element, self.element)
        parts = []
        for first in range(0, p.n, together):
            count = min(together, p.n - first)
            copied = (size, self.element, p.ic * self.element)
            _, _, matrices = _matrices(replace(p, n=count), copied, b, c if first == 0 else more)[0]
            if not matrices.fit(False, self.element, self.lanes):
                return None
            turn = {
                "images": count,
                "rows": p.ic,
                "columns": positions,
                "a_image": a[0],
                "a_row": a[1],
                "c_image": size,
                "c_column": p.ic * self.element,
            }
            copying = self._frame(turn, "transpose", min(workers, count * split(p.ic, self.lanes)))
            product = self._step(False, False, matrices, workers)
            parts.append((first, _Step(kernels.turn, copying, True), product))
        return _Turned(parts, together * size)

    def _step(self, dots: bool, left: bool, m: Matrices, workers: int) -> _Step:
        """The launch of a product."""
        machine = target.current()
        mr, nr = machine.panel_mr(self.element), machine.panel_nr
        wanted = 4 * workers if workers > 1 else 1  # tasks
        span = block = 0
        if dots:
            chunk = split(split(m.terms, split(m.terms, DOTS_CHUNK)), self.lanes) * self.lanes
            block = max(1, DOTS_BYTES // (chunk * self.element) // nr) * nr
            row_shares = min(split(m.rows, mr), split(wanted, m.groups))
            spans = min(split(m.columns, nr), split(wanted, m.groups * row_shares))
        else:
            chunk = split(m.terms, split(m.terms, CHUNK))
            wide = nr * self.lanes
            products = m.images * m.groups
            # Tasks end where tiles do; the last has what fills none.
            tiles = max(1, m.columns // wide)
            span = tiles // min(tiles, split(wanted, products)) * wide
            spans = max(1, m.columns // span)
            row_shares = min(split(m.rows, mr), split(wanted, products * spans))
        fields = asdict(m) | {
            "mr": mr,
            "nr": nr,
            "chunk": chunk,
            "block": block,
            "row_shares": row_shares,
            "spans": spans,
            "span": span,
        }
        tasks = m.images * m.groups * spans * row_shares
        frame = self._frame(fields, "dots" if dots else "panel", min(workers, tasks))
        return _Step(kernels.dots if dots else kernels.panels, frame, left)

    def _frame(self, fields: dict[str, int], step: str, workers: int) -> Frame:
        zero = np.zeros(self.lanes)
        record = np.zeros(1, kernels.FRAME)
        values = fields | steps.addresses(self.element, (step,)) | {"element": self.element, "lanes": self.lanes}
        for field, value in values.items():
            record[field] = value
        record["zero"] = memory.address(zero)
        return Frame(record, [zero], memory.address(record), slot=0, workers=workers)


class _InPlace:
    """A product of the arrays as they lie."""

    def __init__(self, step: _Step):
        self.step = step

    def __call__(self, a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        if bias is not None:
            bias = np.ascontiguousarray(bias, out.dtype)
        address, (kernel, frame, left) = memory.address, self.step
        first, second = (a, b) if left else (b, a)
        start = 0 if bias is None else address(bias)
        launch.launch(
            kernel.address, frame.address, address(first), address(second), start, address(out), 0, frame.workers
        )


class _Turned:
    """A product with copies of a few images at a time: (the first of them, the copying, the product) of each part."""

    def __init__(self, parts: list[tuple[int, _Step, _Step]], nbytes: int):
        self.parts = parts
        self.nbytes = nbytes

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        copy, _keep = memory.scratch(self.nbytes, "parts")
        address = memory.address
        for first, (turn, copying, _), (product, frame, _) in self.parts:
            a, b = address(x) + first * x.strides[0], address(grad) + first * grad.strides[0]
            sums = out if first == 0 else np.empty(out.shape, out.dtype)
            launch.launch(turn.address, copying.address, a, 0, 0, copy, 0, copying.workers)
            launch.launch(product.address, frame.address, b, copy, 0, address(sums), 0, frame.workers)
            if first > 0:
                with np.errstate(over="ignore", invalid="ignore"):
                    out += sums
