"""Kernels of one tap are products of matrices, computed where the arrays lie: no bands, no packed weights.

With the positions of a plane side by side in memory (NCHW) and w[o][c] the weights of a group:

    forward          y[o][position] = sum over c of w[o][c] * x[c][position]
    input gradient   gx[c][position] = sum over o of w[o][c] * gy[o][position]
    weight gradient  gw[o][c] = sum over images and positions of gy[o][position] * x[c][position]

An image of one position (a linear layer) is a vector, and the images of a batch are the rows of a matrix:

    y[image][o] = x[image][:] . w[o][:],   gx[image][c] = gy[image][:] . w[:][c],   gw[o][c] = gy[:][o] . x[:][c]

With the channels side by side (channels-last) they are such products too:

    forward          y[position][o] = sum over c of x[position][c] * w[o][c], over panels of w packed beforehand
    input gradient   gx[position][c] = sum over o of gy[position][o] * w[o][c]

Planes whose positions do not fill vectors are computed that way too, and the results transposed. Of a weight gradient
the one operand is transposed to panels, a chunk of the sum at a time. With a stride the pixels that it reads are copied
first, unless they are rows of a small plane; an input gradient is computed for them and spread, with zeros between.
Halves are widened where they are packed or brought, or in such a copy. Arrays that lie otherwise go to the direct
algorithm.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np

from ...kernels import launch, spread, target
from ...kernels import tail as finishing
from ...kernels.emit import NATIVE
from ...runtime import memory
from ...runtime.storage import Storage
from ..gradient import Array, Run
from ..precision import get_convolution_precision
from ..problem import ConvProblem
from ..tail import Tail, planned
from . import direct
from .frames import CODES, Frames, compute_dtype, storage_size, workers_for
from .operands import Copy, Strides, copied, narrowed, spread_out
from .products import TURN, Codes, Matrices, Products, Step, fill

name = "pointwise"

# Terms of a sum whose columns stay in the L1 cache: 128 rows of 3 vectors are 24 KiB. Normal numbers summed so err by
# 2.1e-7 of the norm, and by 1.7e-7 in chunks of 96; a weight gradient, of many chunks, by up to 1.9e-7 in chunks of 48.
CHUNK = 128
EXACT_CHUNK, EXACT_GRADIENT_CHUNK = 96, 48
# The same where the lanes are terms, at least; and for 'highest' in each lane. More of these chunks than a lane of one
# has terms err by more than 2e-7, too: sums so long are made otherwise. With 48 and 64 terms in a lane weight gradients
# of 13,440 and 14,880 positions erred by 2.0e-7 to 2.5e-7 on vectors of 4 and 8 lanes (November 2026: tests of
# tests/conv/test_precision.py with CONVLET_TARGET=generic and avx2).
DOTS_CHUNK, EXACT_DOTS = 1024, 32
# Positions of a plane from which a weight gradient of few channels has its lanes along them, and from which the pixels
# that a stride reads are copied.
LONG = 400
# How full the vectors of a plane must be: 0.77 at 7 x 7 (0.9 of the direct algorithm's speed), 0.89 at 10 x 10 (as
# fast), 1 at 8 x 8 (1.1 to 1.2 times as fast): AMD EPYC Zen 4, 1 thread, November 2026,
# python -m benchmarks layers --table pointwise --threads 1 --algorithm direct,pointwise
FULL = 0.88
# Positions that are enough rows for a tile.
SMALL = 4


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    if p.dtype not in CODES:
        return f"computes in float32 and float64, and the dtype is {p.dtype}"
    if (p.kh, p.kw) != (1, 1) or (p.pt, p.pb, p.pl, p.pr) != (0, 0, 0, 0):
        return "a kernel of one tap, without padding, is a product of matrices"
    if p.oh * p.ow == 1 and (p.sh, p.sw) != (1, 1):
        return "one position of a stride is no matrix in place"
    if p.dtype == "f16" and target.current().name == "generic":
        return "this processor does not convert float16"
    lanes = target.current().lanes(_element(p))
    positions, icg, ocg = p.oh * p.ow, p.ic // p.g, p.oc // p.g
    if positions == 1 or (p.direction == "bwd_weight" and positions < LONG):
        if icg < lanes:
            return f"{icg} input channels a group do not fill a vector"
    elif fill(positions, lanes) < FULL:
        channels = ocg if p.direction == "fwd" else icg
        if fill(channels, lanes) < FULL or p.dtype in ("f16", "bf16") or positions < SMALL:
            return f"{positions} positions fill the direct algorithm's tile better"
    if p.g > 1 and icg * ocg <= 64:
        return f"products of {icg} by {ocg} channels are small"
    return None


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return problem.dtype == "f32"


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    return _Product(problem)


def _element(p: ConvProblem) -> int:
    return 8 if p.dtype == "f64" else 4


def _turns(m: Matrices, lanes: int) -> bool:
    """Whether a product of planes is slower than its transpose, which leaves no lanes of planes empty."""
    return fill(m.columns, lanes) * (1 + TURN * lanes / m.terms) < fill(m.rows, lanes)


def _strides(array: np.ndarray) -> Strides | None:
    """Bytes between images, channels and positions; None if the positions do not follow one another evenly."""
    n, c, h, w = array.strides
    height, width = array.shape[2:]
    if width == 1:
        return n, c, h
    return (n, c, w) if height == 1 or h == width * w else None


def _matrices(p: ConvProblem, a: Strides, b: Strides, c: Strides) -> list[tuple[bool, bool, Matrices]]:
    """The products that a forward or input gradient is, on arrays a, b and out of these strides: (is of dots, a is
    left, which)."""
    icg, ocg, positions = p.ic // p.g, p.oc // p.g, p.oh * p.ow
    (a_n, a_c, a_p), (b_n, b_c, _), (c_n, c_c, c_p) = a, b, c
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
    pixels, places = (a_n, terms * a_c, a_p, a_c), (c_n, rows * c_c, c_p, c_c)
    beside = Matrices(p.n, 1, p.g, positions, rows, terms, *pixels, *weights, *places)
    return [(False, False, planes), (False, True, beside)]


class _Product:
    """A problem as a product; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.element = _element(problem)
        self.compute = compute_dtype(problem)
        self.code = CODES[problem.dtype]
        self.lanes = target.current().lanes(self.element)
        chunks, self.longest_dots = (CHUNK, DOTS_CHUNK), inf
        if get_convolution_precision() == "highest":
            self.longest_dots = EXACT_DOTS * EXACT_DOTS * self.lanes
            chunk = EXACT_GRADIENT_CHUNK if problem.direction == "bwd_weight" else EXACT_CHUNK
            chunks = chunk, EXACT_DOTS * self.lanes
        self.products = Products(self.element, *chunks, tail=bool(problem.tail))
        # What is multiplied: only the pixels that the stride reads.
        self.dense = replace(problem, ih=problem.oh, iw=problem.ow, sh=1, sw=1)
        self.strided = self.dense != problem
        self.runs: dict[tuple, Run] = Frames()

    def __call__(
        self, a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        workers = workers_for(self.problem)
        key = (a.strides, b.strides, out.strides, workers)
        run = self.runs.get(key)
        if run is None:
            run = self.runs[key] = self._prepare(a, b, out, workers)
        if self.problem.tail:
            run(a, b, bias, out, kept, tail)
        else:
            run(a, b, bias, out, kept)

    def _prepare(self, a: np.ndarray, b: np.ndarray, out: np.ndarray, workers: int) -> Run:
        p = self.problem
        if p.direction == "bwd_weight":
            return self._weight_gradient(a, b, out, workers) or direct.plan(p)
        pixels: list[Copy | None] = [None, None]
        last = None
        sides = [_strides(a), _strides(b), _strides(out)]
        codes = [self.code, self.code, self.code]
        if self.strided and p.direction == "fwd":
            step = self._strided_rows(a, b, out, workers)
            if step is not None:
                return _InPlace(self, [None, None], step)
            pixels[0] = read = copied(a[:, :, :: p.sh, :: p.sw], self.element, self.code, workers)
            sides[0], codes[0] = read.strides, NATIVE
        elif self.strided:
            last = spread_out(p, out, self.element, self.code, workers)
            sides[2], codes[2] = last.strides, NATIVE
        if p.oh * p.ow == 1 and p.direction == "fwd" and self.code != NATIVE:
            run = self._dots_of_halves(a, b, out, workers)
            if run is not None:
                return run
        for left in (False, True):
            # The left matrix is read number by number: it must be of the compute type.
            copies, now, index = list(pixels), list(sides), 0 if left else 1
            if codes[index] != NATIVE:
                one = p.oh * p.ow == 1
                copies[index] = wide = copied((a, b)[index], self.element, self.code, workers, index == 1, one)
                now[index] = wide.strides
            if now[0] is None or now[1] is None or now[2] is None:
                continue
            stores = Codes(NATIVE, codes[1 - index], codes[2])
            sizes = self.element, stores.size_b(self.element), stores.size_c(self.element)
            for dots, is_left, m in _matrices(self.dense, now[0], now[1], now[2]):
                if is_left != left:
                    continue
                if dots and m.fit(True, sizes, self.lanes):
                    return _InPlace(self, copies, self.products.dots(m, left, workers), last)
                if not dots and self._suits(m, left, stores):
                    return _InPlace(self, copies, self.products.images(m, left, workers, stores), last)
        return planned(direct, p)

    def _dots_of_halves(self, a: np.ndarray, b: np.ndarray, out: np.ndarray, workers: int) -> Run | None:
        """A forward of images of one position, if they lie so: the weights are widened as they are read."""
        images = copied(a, self.element, self.code, workers, beside=True)
        stored, weights = narrowed(out, self.element, self.code, workers), _strides(b)
        if weights is None:
            return None
        ((_, left, m),) = _matrices(self.dense, images.strides, weights, stored.strides)
        if not m.fit(True, (b.itemsize, self.element, self.element), self.lanes):
            return None
        return _InPlace(self, [images, None], self.products.dots(m, left, workers, self.code), stored)

    def _strided_rows(self, a: np.ndarray, b: np.ndarray, out: np.ndarray, workers: int) -> Step | None:
        """A forward whose rows are the pixels that the stride reads, where they lie."""
        p, element = self.dense, self.element
        weights, to = _strides(b), _strides(out)
        if self.code != NATIVE or weights is None or to is None or p.ow < SMALL or p.oh * p.ow > LONG:
            return None
        pixels = (a.strides[0], a.strides[1], a.strides[3] * self.problem.sw)
        _, (_, left, m) = _matrices(p, pixels, weights, to)
        m = replace(m, lines=p.oh, a_line=a.strides[2] * self.problem.sh)
        transposed = m.c_column != element
        if not self._suits(m, left, Codes()) or (transposed and fill(m.columns, self.lanes) < FULL):
            return None
        return self.products.images(m, left, workers, Codes())

    def _weight_gradient(self, a: np.ndarray, b: np.ndarray, out: np.ndarray, workers: int) -> Run | None:
        """The run, if a, b and out lie as it needs them. Halves whose positions lie side by side are widened in panels,
        others in copies.
        """
        p = self.problem
        arrays = a[:, :, :: p.sh, :: p.sw], b
        sides, codes = [_strides(a), _strides(b)], [self.code, self.code]
        copies: list[Copy | None] = [None, None]
        one = p.oh * p.ow == 1

        def copy(i: int) -> None:
            copies[i] = made = copied(arrays[i], self.element, self.code, workers, beside=one)
            sides[i], codes[i] = made.strides, NATIVE

        for i, side in enumerate(sides):
            apart = side is None or side[1 if one else 2] != a.itemsize
            if (i == 0 and self.strided) or (self.code != NATIVE and apart):
                copy(i)
        to, stored, result = _strides(out), None, self.code

        def choice() -> tuple[bool, bool, Matrices] | None:
            if sides[0] is None or sides[1] is None or to is None:
                return None
            return self._outer(sides[0], sides[1], to, (codes[0], codes[1], result))

        found = choice()
        if found is not None and self.code != NATIVE:
            dots, left, _ = found
            # Lanes are terms of numbers as they are summed; those of one position are read number by number.
            for i in (0, 1) if dots else (0 if left else 1,) if one else ():
                copy(i)
            if dots:
                stored, result = narrowed(out, self.element, self.code, workers), NATIVE
                to = stored.strides
            found = choice()
        if found is None:
            return None
        dots, left, m = found
        if dots:
            return _InPlace(self, copies, self.products.dots(m, left, workers), stored)
        first, second = codes if left else codes[::-1]
        stores = Codes(first, second, self.code)
        return _InPlace(self, copies, self.products.sums(m, left, workers, stores))

    def _suits(self, m: Matrices, left: bool, codes: Codes) -> bool:
        """Whether this is the way to a product for each image of matrices that have these codes."""
        b, c = codes.size_b(self.element), codes.size_c(self.element)
        if m.columns < self.lanes or not (m.b_column == b or (left and m.ready(b))):
            return False
        if left:
            return c in (m.c_column, m.c_row)
        # Planes that leave lanes empty are rather rows of a product whose columns are channels.
        return m.c_column == c and (codes != Codes() or not _turns(m, self.lanes))

    def _outer(
        self, x: Strides, grad: Strides, to: Strides, codes: tuple[int, int, int]
    ) -> tuple[bool, bool, Matrices] | None:
        """A weight gradient by dots, or by panels of one operand, brought or transposed a chunk at a time.

        (Is of dots, x is left, which), as the arrays lie, stored in these codes.
        """
        p, products = self.dense, self.products
        icg, ocg, positions = p.ic // p.g, p.oc // p.g, p.oh * p.ow
        left = (x[0], icg * x[1], x[1], x[2])
        right = (grad[0], ocg * grad[1], grad[1], grad[2])
        upright = Matrices(1, p.n, p.g, ocg, icg, positions, *right, *left, 0, ocg * to[0], to[0], to[1])
        turned = Matrices(1, p.n, p.g, icg, ocg, positions, *left, *right, 0, ocg * to[0], to[1], to[0])
        if positions == 1:  # the terms are the images
            upright, turned = (
                replace(m, summed=1, terms=p.n, a_image=0, a_term=m.a_image, b_image=0, b_term=m.b_image)
                for m in (upright, turned)
            )
        x_size, grad_size, size = (storage_size(code, self.element) for code in codes)
        both = (False, upright, (grad_size, x_size, size)), (True, turned, (x_size, grad_size, size))
        panels = [(False, is_left, m) for is_left, m, sizes in both if self._packs(m, sizes)]
        as_dots = positions >= LONG and p.n * positions <= self.longest_dots
        dots = [(True, is_left, m) for is_left, m, sizes in both if as_dots and m.fit(True, sizes, self.lanes)]
        # They add in different orders, so the choice must not depend on the workers.
        if dots and all(products.dots_cost(dots[0][-1]) < products.sums_cost(each[-1], 1) for each in panels):
            return dots[0]
        return min(panels, key=lambda each: products.sums_cost(each[-1], workers_for(self.problem)), default=None)

    def _packs(self, m: Matrices, sizes: tuple[int, int, int]) -> bool:
        _, b, c = sizes
        return m.columns >= self.lanes and b in (m.b_term, m.b_column) and c in (m.c_row, m.c_column)


class _InPlace:
    """A product of the arrays as they lie, or of copies; of the whole result, or what is stored with `last`."""

    def __init__(self, product: _Product, copies: list[Copy | None], step: Step, last: Copy | None = None):
        self.compute = product.compute
        self.words = product.problem.tail
        self.copies = [(i, each) for i, each in enumerate(copies) if each is not None]
        self.step = step
        self.last = last

    def __call__(
        self, a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.compute)
        address, last = memory.address, self.last
        start = 0 if bias is None else address(bias)
        if self.words:
            numbers = finishing.pack_tail(self.words, tail, start, out)
            start = address(numbers)
        left, right, keep = address(a), address(b), []
        for index, copy in self.copies:
            if index == 0:
                left, alive = copy.make(left, "left", None)
            else:
                right, alive = copy.make(right, "right", kept)
            keep.append(alive)
        if last is None:
            self.step.run(left, right, start, out, kept)
            return
        at, buffer = memory.scratch(last.nbytes, "sums")
        sums = np.ndarray(last.nbytes // self.compute.itemsize, self.compute, buffer, at - address(buffer))
        self.step.run(left, right, start, sums, kept)
        launch.launch(spread.spread.address, last.frame.address, at, 0, 0, address(out), 0, last.frame.workers)
