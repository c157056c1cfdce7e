"""Kernels of one tap are products of matrices, computed where the arrays lie: no bands, no packed weights.

With the positions of a plane side by side in memory (NCHW) and w[o][c] the weights of a group:

    forward          y[o][position] = sum over c of w[o][c] * x[c][position]
    input gradient   gx[c][position] = sum over o of w[o][c] * gy[o][position]
    weight gradient  gw[o][c] = sum over images and positions of gy[o][position] * x[c][position]

An image of one position (a linear layer) is a vector, and the images of a batch are the rows of a matrix:

    y[o][image] = w[o][:] . x[image][:],   gx[image][c] = gy[image][:] . w[:][c],   gw[o][c] = gy[:][o] . x[:][c]

Arrays that lie otherwise go to the direct algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from convlet.conv.algorithms import direct
from convlet.conv.algorithms.direct import split
from convlet.conv.gradient import Run
from convlet.conv.problem import ConvProblem
from convlet.kernels import launch, steps, target
from convlet.kernels import product as kernels
from convlet.runtime import memory

name = "pointwise"

# Terms of a sum whose columns stay in the L1 cache: 128 rows of 3 vectors are 24 KiB.
CHUNK = 128
# The same where the lanes are terms, and bytes of the columns of a chunk that stay in L2.
DOTS_CHUNK = 1024
DOTS_BYTES = 256 << 10
# Positions of a plane from which this beats the direct algorithm: fewer fill its last vectors badly.
PLANE = {"fwd": 96, "bwd_input": 96, "bwd_weight": 400}


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    if p.dtype not in ("f32", "f64"):
        return f"computes with float32 and float64 as they are stored, and the dtype is {p.dtype}"
    if (p.kh, p.kw, p.sh, p.sw) != (1, 1, 1, 1) or (p.pt, p.pb, p.pl, p.pr) != (0, 0, 0, 0):
        return "a kernel of one tap, without stride and padding, is a product of matrices"
    lanes = target.current().lanes(_element(p))
    positions, icg, ocg = p.oh * p.ow, p.ic // p.g, p.oc // p.g
    if positions == 1:
        if icg < lanes:
            return f"{icg} input channels a group do not fill a vector"
    elif positions < PLANE[p.direction]:
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


Strides = tuple[int, int, int]  # image, channel, position; of weights: output channel, input channel, 0


def _strides(array: np.ndarray) -> Strides | None:
    """Bytes between images, channels and positions; None if the positions do not follow one another evenly."""
    n, c, h, w = array.strides
    height, width = array.shape[2:]
    if width == 1:
        return n, c, h
    return (n, c, w) if height == 1 or h == width * w else None


def _matrices(p: ConvProblem, a: Strides, b: Strides, c: Strides) -> Matrices:
    """The product that a problem is, on arrays a, b and out of these strides."""
    icg, ocg = p.ic // p.g, p.oc // p.g
    sizes = {"fwd": (ocg, icg), "bwd_input": (icg, ocg), "bwd_weight": (ocg, icg)}
    rows, others = sizes[p.direction]
    (a_n, a_c, a_p), (b_n, b_c, b_p), (c_n, c_c, c_p) = a, b, c
    positions = p.oh * p.ow
    if p.direction == "bwd_weight":
        # a is x, b is gy, c is gw.
        if positions == 1:
            return Matrices(
                *(1, p.g, ocg, icg, p.n),
                *(0, ocg * b_c, b_c, b_n),
                *(0, icg * a_c, a_c, a_n),
                *(0, ocg * c_n, c_n, c_c),
            )
        return Matrices(
            *(p.n, p.g, icg, ocg, positions),
            *(a_n, icg * a_c, a_c, a_p),
            *(b_n, ocg * b_c, b_c, b_p),
            *(0, ocg * c_n, c_c, c_n),
        )
    # a is x or gy, b is w, c is y or gx; w_row and w_term by which of its channels the sum is over.
    w_row, w_term = (b_n, b_c) if p.direction == "fwd" else (b_c, b_n)
    if positions > 1:
        return Matrices(
            *(p.n, p.g, rows, positions, others),
            *(0, ocg * b_n, w_row, w_term),
            *(a_n, others * a_c, a_p, a_c),
            *(c_n, rows * c_c, c_c, c_p),
        )
    if p.direction == "fwd":
        return Matrices(
            *(1, p.g, ocg, p.n, icg),
            *(0, ocg * b_n, b_n, b_c),
            *(0, icg * a_c, a_n, a_c),
            *(0, ocg * c_c, c_c, c_n),
        )
    return Matrices(
        *(1, p.g, p.n, icg, ocg),
        *(0, ocg * a_c, a_n, a_c),
        *(0, ocg * b_n, b_c, b_n),
        *(0, icg * c_c, c_n, c_c),
    )


class _Product:
    """A problem as a product; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        p = self.problem = problem
        self.element = _element(p)
        # The lanes are terms where the terms of both operands lie side by side.
        vectors = p.oh * p.ow == 1
        self.dots = p.direction == ("fwd" if vectors else "bwd_weight")
        self.first_is_left = p.direction == ("bwd_input" if vectors else "bwd_weight")
        self.otherwise: Run | None = None
        self.frames: dict[tuple, tuple[direct.Frame, Callable] | None] = direct.Frames()

    def __call__(self, a: np.ndarray, b: np.ndarray, bias: np.ndarray | None, out: np.ndarray) -> None:
        workers = direct.workers_for(self.problem)
        key = (a.strides, b.strides, out.strides, workers)
        if key not in self.frames:
            self.frames[key] = self._frame(a, b, out, workers)
        frame = self.frames[key]
        if frame is None:
            if self.otherwise is None:
                self.otherwise = direct.plan(self.problem)
            self.otherwise(a, b, bias, out)
            return
        address = memory.address
        left, right = (a, b) if self.first_is_left else (b, a)
        if bias is not None:
            bias = np.ascontiguousarray(bias, out.dtype)
        kernel = kernels.dots if self.dots else kernels.panels
        start = 0 if bias is None else address(bias)
        launch.launch(
            kernel.address, frame.address, address(left), address(right), start, address(out), 0, frame.workers
        )

    def _frame(self, a: np.ndarray, b: np.ndarray, out: np.ndarray, workers: int) -> direct.Frame | None:
        strides = [_strides(each) for each in (a, b, out)]
        if any(each is None for each in strides):
            return None
        m = _matrices(self.problem, *strides)
        side_by_side = (m.a_term, m.b_term, m.c_row) if self.dots else (m.b_column, m.c_column)
        if any(step != self.element for step in side_by_side):
            return None
        machine = target.current()
        mr, nr = machine.panel_mr(self.element), machine.panel_nr
        lanes = machine.lanes(self.element)
        if self.dots:
            chunk = split(split(m.terms, split(m.terms, DOTS_CHUNK)), lanes) * lanes
            block = max(1, DOTS_BYTES // (chunk * self.element) // nr) * nr
            tasks = split(4 * workers, m.groups) if workers > 1 else 1
            row_shares = max(1, min(split(m.rows, mr), tasks))
            spans = max(1, min(split(m.columns, nr), split(tasks, row_shares)))
            span, total = 0, m.groups * spans * row_shares
        else:
            chunk, block = split(m.terms, split(m.terms, CHUNK)), 0
            products = m.images * m.groups
            wide = nr * lanes
            spans = max(1, min(m.columns // wide, split(4 * workers, products) if workers > 1 else 1))
            span = max(1, m.columns // wide // spans) * wide
            spans = max(1, m.columns // span)
            row_shares = 1
            if products * spans < 4 * workers and workers > 1:
                row_shares = min(split(m.rows, mr), split(4 * workers, products * spans))
            total = products * spans * row_shares
        zero = np.zeros(mr)
        record = np.zeros(1, kernels.FRAME)
        for field in fields(m):
            record[field.name] = getattr(m, field.name)
        values = {
            **steps.addresses(self.element, ("dots" if self.dots else "panel",)),
            "element": self.element,
            "lanes": lanes,
            "mr": mr,
            "nr": nr,
            "chunk": chunk,
            "block": block,
            "row_shares": row_shares,
            "spans": spans,
            "span": span,
            "zero": memory.address(zero),
        }
        for field, value in values.items():
            record[field] = value
        return direct.Frame(record, [zero], memory.address(record), slot=0, workers=min(workers, total))
