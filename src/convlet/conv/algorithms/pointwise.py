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

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ...kernels import launch, panels, spread, steps, tail_stores, target
from ...kernels import product as kernels
from ...kernels import tail as finishing
from ...kernels.emit import NATIVE
from ...runtime import memory
from ...runtime.storage import Storage
from ..gradient import Array, Run
from ..precision import get_convolution_precision
from ..problem import ConvProblem
from ..tail import Tail, planned
from . import direct
from .bands import split
from .frames import CODES, Frame, Frames, compute_dtype, storage_size, workers_for
from .sharing import parts_of, share_out

name = "pointwise"

# Terms of a sum whose columns stay in the L1 cache: 128 rows of 3 vectors are 24 KiB. Normal numbers summed so err by
# 2.1e-7 of the norm, and by 1.7e-7 in chunks of 96; a weight gradient, of many chunks, by up to 1.9e-7 in chunks of 48.
CHUNK = 128
EXACT_CHUNK, EXACT_GRADIENT_CHUNK = 96, 48
# Chunks that are summed before they are added to the others: long sums of sums have small rounding errors.
FOLD = 16
# The same where the lanes are terms, and bytes of the columns of a chunk that stay in L2.
DOTS_CHUNK = 1024
DOTS_BYTES = 256 << 10
# Rows so many bytes apart, or a multiple of that, exclude one another from L1: they are copied there, a chunk of a tile
# at a time, if at least so many columns pass by. 1024 x 1024 x 1024 took 15.4 ms so, 11.9 with copies; 1000 x 1000 x
# 1000 took 10.3, 10.9 with copies (Zen 4, 2 threads, November 2026).
ALIAS, PASSING = 4096, 24
# Positions of a plane from which a weight gradient of few channels has its lanes along them, and from which the pixels
# that a stride reads are copied.
LONG = 400
# What transposing a vector of one operand costs beside a vector's multiplications.
TURN = 0.5
# What a vector of a panel costs a task beside a row of its results: copied there, or only read into L1.
BRING, READ = 4.0, 1.0
# Panels of a chunk that stay in L2.
PANELS_BYTES = 256 << 10
# Columns of a block, and bytes of its panels and of its sums.
BLOCK = 400
BLOCK_BYTES = 384 << 10
# Tiles of rows from which panels are brought before they are read: with 3 or 4 that costs a tenth of the time where x
# is in the cache, with 8 a twentieth, and where x comes from memory it is worth a fifth. AMD EPYC Zen 4, 2 threads,
# November 2026, layers of ResNet-50 and MobileNetV2, one image in the cache and eight from memory.
MANY = 6
# Columns of a block where images share panels of weights, and rows of such a bundle of images: a chunk of all of them,
# and the sums, stay in L2.
BUNDLE_BLOCK = 192
BUNDLE_ROWS = 200
# Tasks for each worker, where the lanes are terms.
TASKS = 4
# Bytes of the rows of a task, where they are read once for each panel: these stay in L2.
ROWS_BYTES = 256 << 10
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
    if p.oh * p.ow == 1 and (p.dtype in ("f16", "bf16") or (p.sh, p.sw) != (1, 1)):
        return "one position of halves or of a stride is no matrix in place"
    if p.dtype == "f16" and target.current().name == "generic":
        return "this processor does not convert float16"
    lanes = target.current().lanes(_element(p))
    positions, icg, ocg = p.oh * p.ow, p.ic // p.g, p.oc // p.g
    if positions == 1 or (p.direction == "bwd_weight" and positions < LONG):
        if icg < lanes:
            return f"{icg} input channels a group do not fill a vector"
    elif _fill(positions, lanes) < FULL:
        channels = ocg if p.direction == "fwd" else icg
        if _fill(channels, lanes) < FULL or p.dtype in ("f16", "bf16") or positions < SMALL:
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


def _fill(count: int, lanes: int) -> float:
    """How full the vectors of so many elements are; 0 if they fill none."""
    return count / (split(count, lanes) * lanes) if count >= lanes else 0.0


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
    lines: int = 1  # of rows of a, evenly apart in each
    a_line: int = 0

    def fields(self) -> dict[str, int]:
        """The fields of a frame of these names."""
        return {name: value for name, value in asdict(self).items() if name in (kernels.FRAME.names or ())}

    def fit(self, dots: bool, sizes: tuple[int, int, int], lanes: int, packed: bool = False) -> bool:
        """Whether what the lanes run along lies side by side, in elements of these sizes of a, b and c.

        Panels of b may be packed if that is worth it.
        """
        _, b, c = sizes
        if dots:
            return (self.a_term, self.b_term, self.c_row) == sizes
        return c == self.c_column and self.columns >= lanes and (b == self.b_column or (packed and self.ready(b)))

    def ready(self, size: int) -> bool:
        """Whether the panels of b have to be packed."""
        return self.b_column != size == self.b_term


def _turns(m: Matrices, lanes: int) -> bool:
    """Whether a product of planes is slower than its transpose, which leaves no lanes of planes empty."""
    return _fill(m.columns, lanes) * (1 + TURN * lanes / m.terms) < _fill(m.rows, lanes)


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
    pixels, places = (a_n, terms * a_c, a_p, a_c), (c_n, rows * c_c, c_p, c_c)
    beside = Matrices(p.n, 1, p.g, positions, rows, terms, *pixels, *weights, *places)
    return [(False, False, planes), (False, True, beside)]


@dataclass(frozen=True, slots=True)
class _Copy:
    """An operand copied to scratch, widened, or only the pixels that a stride reads."""

    frame: Frame
    nbytes: int
    strides: Strides
    form: tuple  # of a weight: what the copy depends on besides its content

    def make(self, source: int, use: str, kept: Storage | None) -> tuple[int, Any]:
        """The address of a copy of the array at `source`, and what keeps it alive."""

        def fill(to: int) -> None:
            launch.launch(kernels.copy.address, self.frame.address, source, 0, 0, to, 0, self.frame.workers)

        found = kept.form((source, self.form), self.nbytes, fill) if kept is not None and self.form else None
        if found is None:
            found = memory.scratch(self.nbytes, use)
            fill(found[0])
        return found


class _Step(NamedTuple):
    """A launch: the kernel, its frame, whether a is the left matrix, and bytes of panels that are packed before."""

    kernel: launch.Kernel
    frame: Frame
    left: bool
    ready: int = 0

    def run(self, a: int, b: int, bias: int, out: Array, kept: Storage | None = None) -> None:
        frame, to = self.frame, memory.address(out)
        first, second = (a, b) if self.left else (b, a)
        if self.ready:
            second, _keep = self._pack(second, kept)
        launch.launch(self.kernel.address, frame.address, first, second, bias, to, frame.slot, frame.workers)

    def _pack(self, weight: int, kept: Storage | None) -> tuple[int, Any]:
        frame = self.frame

        def pack(to: int) -> None:
            pack_workers = frame.pack_workers
            launch.launch(kernels.pack_panels.address, frame.address, weight, 0, 0, to, frame.slot, pack_workers)

        found = None if kept is None else kept.form((weight, frame.form), self.ready, pack)
        if found is None:
            found = memory.scratch(self.ready, "weights")
            pack(found[0])
        return found


class _Product:
    """A problem as a product; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.element = _element(problem)
        self.compute = compute_dtype(problem)
        self.code = CODES[problem.dtype]
        self.lanes = target.current().lanes(self.element)
        self.chunk = CHUNK
        if get_convolution_precision() == "highest":
            self.chunk = EXACT_GRADIENT_CHUNK if problem.direction == "bwd_weight" else EXACT_CHUNK
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
        pixels: list[_Copy | None] = [None, None]
        last = None
        sides = [_strides(a), _strides(b), _strides(out)]
        codes = [self.code, self.code, self.code]
        if self.strided and p.direction == "fwd":
            step = self._strided_rows(a, b, out, workers)
            if step is not None:
                return _InPlace(self, [None, None], step)
            pixels[0] = read = self._copied(a[:, :, :: p.sh, :: p.sw], workers)
            sides[0], codes[0] = read.strides, NATIVE
        elif self.strided:
            last = self._spread(out, workers)
            sides[2], codes[2] = last.strides, NATIVE
        for left in (False, True):
            # The left matrix is read number by number: it must be of the compute type.
            copies, now, index = list(pixels), list(sides), 0 if left else 1
            if codes[index] != NATIVE:
                copies[index] = wide = self._copied((a, b)[index], workers, form=index == 1)
                now[index] = wide.strides
            if now[0] is None or now[1] is None or now[2] is None:
                continue
            right = (codes[1 - index], codes[2])
            b_size, c_size = (storage_size(code, self.element) for code in right)
            for dots, is_left, m in _matrices(self.dense, now[0], now[1], now[2]):
                if is_left != left:
                    continue
                if dots and m.fit(True, (self.element, b_size, c_size), self.lanes):
                    return _InPlace(self, copies, self._dots(left, m, workers), last)
                if not dots and self._suits(m, left, right):
                    return _InPlace(self, copies, self._images(m, left, workers, right), last)
        return planned(direct, p)

    def _strided_rows(self, a: np.ndarray, b: np.ndarray, out: np.ndarray, workers: int) -> _Step | None:
        """A forward whose rows are the pixels that the stride reads, where they lie."""
        p, element = self.dense, self.element
        weights, to = _strides(b), _strides(out)
        if self.code != NATIVE or weights is None or to is None or p.ow < SMALL or p.oh * p.ow > LONG:
            return None
        pixels = (a.strides[0], a.strides[1], a.strides[3] * self.problem.sw)
        _, (_, left, m) = _matrices(p, pixels, weights, to)
        m = replace(m, lines=p.oh, a_line=a.strides[2] * self.problem.sh)
        transposed = m.c_column != element
        if not self._suits(m, left, (NATIVE, NATIVE)) or (transposed and _fill(m.columns, self.lanes) < FULL):
            return None
        return self._images(m, left, workers, (NATIVE, NATIVE))

    def _weight_gradient(self, a: np.ndarray, b: np.ndarray, out: np.ndarray, workers: int) -> Run | None:
        """The run, if a, b and out lie as it needs them. Halves are summed in float32, and stored at the end."""
        p = self.problem
        x, grad, to = _strides(a), _strides(b), _strides(out)
        copies: list[_Copy | None] = [None, None]
        stored = None
        if self.strided or self.code != NATIVE:
            copies[0] = read = self._copied(a[:, :, :: p.sh, :: p.sw], workers)
            x = read.strides
        if self.code != NATIVE:
            copies[1] = wide = self._copied(b, workers)
            stored = self._narrowed(out)
            grad, to = wide.strides, stored.strides
        if x is None or grad is None or to is None:
            return None
        sizes = (self.element, self.element, self.element)
        outer = self._outer(x, grad, to, workers)
        if outer is not None:
            return _InPlace(self, copies, outer, stored)
        for dots, left, m in _matrices(self.dense, x, grad, to):
            if m.fit(dots, sizes, self.lanes):
                step = self._dots(left, m, workers) if dots else self._images(m, left, workers, (NATIVE, NATIVE))
                return _InPlace(self, copies, step, stored)
        return None

    def _copied(self, array: np.ndarray, workers: int, form: bool = False) -> _Copy:
        """A copy of an array [images, channels, height, width] that lies as the array does, more or less.

        A row is written in whole vectors: there is room for one more behind what the tasks write.
        """
        (n, c, h, w), (a_n, a_c, a_h, a_w) = array.shape, array.strides
        element, size = self.element, array.itemsize
        if a_c == size and (w > 1 or h > 1 or form):  # channels side by side; a weight is such an image too
            row = (c + self.lanes) * element
            place = {"c_image": h * w * row, "c_group": w * row, "c_row": row}
            from_ = {"groups": h, "rows": w, "columns": c, "a_group": a_h, "a_row": a_w, "a_term": a_c}
            strides = (h * w * row, element, row)
        else:
            plane = (h * w + self.lanes) * element
            place = {"c_image": c * plane, "c_group": plane, "c_row": w * element}
            from_ = {"groups": c, "rows": h, "columns": w, "a_group": a_c, "a_row": a_h, "a_term": a_w}
            strides = (c * plane, plane, element)
        fields = from_ | place | {"images": n, "a_image": a_n, "b_code": self.code}
        frame = self._frame(fields, ("gather",), min(workers, n * from_["groups"]))
        nbytes = n * place["c_image"] + self.lanes * element
        return _Copy(frame, nbytes, strides, ("pointwise", array.shape, array.strides, self.code) if form else ())

    def _spread(self, out: np.ndarray, workers: int) -> _Copy:
        """The pixels of a gradient and, as its frame, how they are put into it with zeros between."""
        p = self.problem
        (n, c, h, w), (c_n, c_c, c_h, c_w) = out.shape, out.strides
        element = self.element
        if c_c == out.itemsize != c_w:
            row = c * element
            fields = {"groups": h, "every": p.sh, "rows": w, "columns": c, "terms": p.ow, "chunk": c}
            fields |= {"c_group": c_h, "c_row": c_w, "c_column": c_c, "a_row": p.sw * c_w, "a_term": c_c}
            strides = (p.oh * p.ow * row, element, row)
            own = {"b_group": p.ow * row, "b_column": row}
        else:
            plane = p.oh * p.ow * element
            fields = {"groups": c, "every": 1, "rows": h, "columns": w, "terms": p.oh, "chunk": p.ow}
            fields |= {"c_group": c_c, "c_row": c_h, "c_column": c_w, "a_row": p.sh * c_h, "a_term": p.sw * c_w}
            strides = (c * plane, plane, element)
            own = {"b_group": plane, "b_column": p.ow * element}
            if p.sw == 2 and c_w == out.itemsize:
                own["spread_rows"] = spread.STEPS[element].address
        fields |= own | {"images": n, "c_image": c_n, "b_image": strides[0], "c_code": self.code}
        frame = self._frame(fields, ("scatter",), min(workers, n * fields["groups"]), zeros=fields["columns"])
        return _Copy(frame, n * strides[0], strides, ())

    def _narrowed(self, out: np.ndarray) -> _Copy:
        """The sums of a weight gradient and, as its frame, how they are stored as halves."""
        (n, c), (c_n, c_c) = out.shape[:2], out.strides[:2]
        row = c * self.element
        fields = {"images": 1, "groups": n, "every": 1, "terms": 1, "chunk": c, "b_group": row, "c_group": c_n}
        frame = self._frame(fields | {"a_term": c_c, "c_code": self.code}, ("scatter",), 1)
        return _Copy(frame, n * row, (row, self.element, self.element), ())

    def _suits(self, m: Matrices, left: bool, codes: tuple[int, int]) -> bool:
        """Whether this is the way to a product for each image whose right matrix and result have these codes."""
        b, c = (storage_size(code, self.element) for code in codes)
        if m.columns < self.lanes or not (m.b_column == b or (left and m.ready(b))):
            return False
        if left:
            return m.c_column == c or (m.c_row == c and codes[1] == NATIVE)
        # Planes that leave lanes empty are rather rows of a product whose columns are channels.
        return m.c_column == c and (codes != (NATIVE, NATIVE) or not _turns(m, self.lanes))

    def _outer(self, x: Strides, grad: Strides, to: Strides, workers: int) -> _Step | None:
        """A weight gradient over panels of the one operand, brought or transposed a chunk at a time."""
        p = self.dense
        icg, ocg, positions = p.ic // p.g, p.oc // p.g, p.oh * p.ow
        left = (x[0], icg * x[1], x[1], x[2])
        right = (grad[0], ocg * grad[1], grad[1], grad[2])
        upright = Matrices(1, p.n, p.g, ocg, icg, positions, *right, *left, 0, ocg * to[0], to[0], to[1])
        turned = Matrices(1, p.n, p.g, icg, ocg, positions, *left, *right, 0, ocg * to[0], to[1], to[0])
        if positions == 1:
            upright, turned = (
                replace(m, summed=1, terms=p.n, a_image=0, a_term=m.a_image, b_image=0, b_term=m.b_image)
                for m in (upright, turned)
            )
        found = [(m, is_left) for m, is_left in ((upright, False), (turned, True)) if self._packs(m)]
        if not found:
            return None
        m, is_left = min(found, key=lambda each: self._outer_cost(each[0], workers))
        return self._sums(m, is_left, workers)

    def _packs(self, m: Matrices) -> bool:
        element = self.element
        return m.columns >= self.lanes and element in (m.b_term, m.b_column) and element in (m.c_row, m.c_column)

    def _outer_cost(self, m: Matrices, workers: int) -> float:
        shares = split(workers, m.groups)
        columns = split(m.columns, self.lanes) * self.lanes
        packing = TURN if m.b_term == self.element else TURN / 4
        turning = 0 if m.c_column == self.element else TURN * m.columns / (m.summed * m.terms)
        return m.rows * (columns / self.lanes + turning) + shares * columns * packing

    def _sums(self, m: Matrices, is_left: bool, workers: int) -> _Step:
        """The launch of one product of many terms, all columns at a time."""
        lanes, element = self.lanes, self.element
        cut = self._cut(m, panels=True)
        width = target.current().panel_nr * lanes
        most = max(1, PANELS_BYTES // (cut["longest"] * width * element)) * width
        whole = m.columns // lanes * lanes
        block = min(whole, split(split(whole, split(whole, most)), width) * width)
        schedule = cut | {
            "row_shares": split(workers, m.groups),
            "spans": 1,
            "block": block,
            "panels": kernels.TURNED if m.b_term == element else kernels.BROUGHT,
            "sums": kernels.DIRECT if m.c_column == element else kernels.TRANSPOSED,
        }
        return self._panels(m, is_left, schedule, workers)

    def _images(self, m: Matrices, left: bool, workers: int, codes: tuple[int, int]) -> _Step:
        """The launch of a product for each image, a panel of columns at a time."""
        element = self.element
        machine = target.current()
        mr, wide = machine.panel_mr(element), machine.panel_nr * self.lanes
        parts = split(m.rows, mr)
        transposed = m.c_column != storage_size(codes[1], element)
        bundle = 1
        if transposed:  # panels are of weights, so that images may share them
            bundle = split(m.images, split(m.images, max(1, BUNDLE_ROWS // m.rows)))
        how, sums = kernels.IN_PLACE, kernels.DIRECT
        if m.ready(storage_size(codes[0], element)):
            how = kernels.READY
        elif codes[0] != NATIVE or transposed or parts >= MANY:
            how = kernels.BROUGHT
        if transposed:
            sums = kernels.TRANSPOSED
        elif codes[1] != NATIVE:
            sums = kernels.DELIVERED
        products = split(m.images, bundle) * m.groups
        panel = BRING if how == kernels.BROUGHT else READ
        vectors = m.columns // self.lanes
        spans, shares = share_out(m.rows, m.lines, mr, vectors, machine.panel_nr, products, workers, panel)
        if how == kernels.READY and not transposed:  # the rows are read once for each panel
            shares = max(shares, m.rows * m.terms * element // ROWS_BYTES)
        cut = self._cut(m, panels=False)
        block = wide
        if transposed:
            block = BUNDLE_BLOCK
        elif how == kernels.BROUGHT and parts >= MANY:
            block = self._block(m, cut, m.columns // spans)
        schedule = cut | {
            "by_rows": int(block > wide and not transposed),
            "bundle": bundle,
            "row_shares": shares,
            "spans": spans,
            "block": block,
            "panels": how,
            "sums": sums,
        }
        return self._panels(m, left, schedule, workers, codes)

    def _block(self, m: Matrices, cut: dict[str, int], columns: int) -> int:
        """Of so many, columns to compute at a time: rows of the result, and what is brought, are long in memory."""
        lanes = self.lanes
        wide = target.current().panel_nr * lanes
        column = cut["longest"] if cut["units"] == 1 else max(cut["longest"], m.rows)
        most = max(wide, min(BLOCK, BLOCK_BYTES // (column * self.element)))
        whole = columns // lanes * lanes
        return split(split(whole, split(whole, most)), wide) * wide

    def _cut(self, m: Matrices, panels: bool) -> dict[str, int]:
        """How a sum is cut into chunks: `panels` if they may be of several images, or should be whole vectors."""
        joined = min(self.chunk // m.terms, m.summed) if panels else 1
        if joined > 1:
            chunk, chunks, units = m.terms, 1, split(m.summed, joined)
        else:
            joined, chunk = 1, split(m.terms, split(m.terms, self.chunk))
            if panels:
                chunk = min(m.terms, split(chunk, self.lanes) * self.lanes)
            chunks = split(m.terms, chunk)
            units = m.summed * chunks
        longest = joined * chunk
        return {"chunk": chunk, "chunks": chunks, "joined": joined, "units": units, "longest": longest}

    def _panels(
        self,
        m: Matrices,
        left: bool,
        schedule: dict[str, int],
        workers: int,
        codes: tuple[int, int] = (NATIVE, NATIVE),
    ) -> _Step:
        """The launch of a product whose right matrix and result are stored in these codes."""
        machine = target.current()
        element, lanes = self.element, self.lanes
        mr, nr = machine.panel_mr(element), machine.panel_nr
        f = {"bundle": 1, "fold": FOLD} | schedule
        parts = parts_of(m.rows, m.lines, mr, f["row_shares"])
        length, of_line = m.rows // m.lines, parts // m.lines
        few, larger = divmod(length, of_line)
        places = np.zeros((parts + 1, 3), np.int64)
        for part in range(parts, -1, -1):
            line, place = divmod(part, of_line)
            row = place * few + min(place, larger)
            alike = places[part + 1, 2] + 1 if place not in (larger - 1, of_line - 1) and part < parts else 1
            places[part] = line * length + row, line * m.a_line + row * m.a_row, alike
        row_shares = min(parts, f["row_shares"])
        ready = 0
        if f["panels"] == kernels.READY:
            ready = m.groups * split(m.columns, lanes) * lanes * m.terms * element
        # Scratch: panels of a chunk, or what is packed from; a chunk of the left rows; sums, and sums of a fold.
        rows = max((s + 1) * parts // row_shares - s * parts // row_shares for s in range(row_shares)) * mr
        left_row = (f["longest"] + lanes) * element
        copied = f["joined"] > 1
        room = memory.lines(f["bundle"] * rows * f["block"] * element)
        left_at = memory.lines(max(f["block"], nr * lanes) * f["longest"] * element)
        if ready and codes[0] != NATIVE:
            left_at = memory.lines(lanes * (m.terms + lanes) * element)
        sums_at = left_at + copied * memory.lines(rows * left_row)
        partial_at = sums_at + (room if f["sums"] != kernels.DIRECT else 0)
        fields = (
            m.fields()
            | f
            | {
                "mr": mr,
                "nr": nr,
                "parts": parts,
                "places": memory.address(places),
                "row_shares": row_shares,
                "copied": int(copied),
                "left_at": left_at,
                "left_row": left_row,
                "sums_at": sums_at,
                "partial_at": partial_at,
                "b_code": codes[0],
                "c_code": codes[1],
                "ready_group": ready // m.groups,
                "by_column": int(left),
                "slot": partial_at + (room if f["units"] > f["fold"] else 0),
            }
        )
        if self.problem.tail:
            fields["finish"] = (finishing.finish_lanes if left else finishing.finish_rows).address
            fields["ask"] = finishing.ask.address
        tasks = split(m.images, f["bundle"]) * m.groups * f["spans"] * row_shares
        frame = self._frame(fields, ("panel", "transpose", "gather", "store_channels"), min(workers, tasks))
        frame.tables.append(places)
        frame.pack_workers = min(workers, m.groups * split(m.columns, nr * lanes))
        frame.form = ("panels", m.groups, m.columns, m.terms, m.b_group, m.b_column, codes[0], element)
        return _Step(kernels.panels, frame, left, ready)

    def _dots(self, left: bool, m: Matrices, workers: int) -> _Step:
        """The launch of a product whose lanes are terms."""
        machine = target.current()
        mr, nr, lanes = machine.panel_mr(self.element), machine.panel_nr, self.lanes
        wanted = TASKS * workers if workers > 1 else 1
        chunk = split(split(m.terms, split(m.terms, DOTS_CHUNK)), lanes) * lanes
        # The rows of a task stay in L2 while blocks of columns pass by.
        row_shares = max(split(wanted, m.groups), m.rows * chunk * self.element // ROWS_BYTES)
        row_shares = min(split(m.rows, mr), row_shares)
        spans = min(split(m.columns, nr), split(wanted, m.groups * row_shares))
        fields = m.fields() | {
            "mr": mr,
            "nr": nr,
            "chunk": chunk,
            "block": max(1, DOTS_BYTES // (chunk * self.element) // nr) * nr,
            "row_shares": row_shares,
            "spans": spans,
        }
        if m.a_row % ALIAS == 0 and m.columns >= PASSING:
            left_row = (chunk + lanes) * self.element
            fields |= {"copied": 1, "left_row": left_row, "slot": memory.lines(mr * left_row)}
        if self.problem.tail:
            fields["finish"] = finishing.finish_lanes.address
        frame = self._frame(fields, ("dots", "gather"), min(workers, m.groups * spans * row_shares))
        return _Step(kernels.dots, frame, left)

    def _frame(self, fields: dict[str, int], names: tuple[str, ...], workers: int, zeros: int = 0) -> Frame:
        zero = np.zeros(max(self.lanes, zeros))
        record = np.zeros(1, kernels.FRAME)
        values = fields | steps.addresses(self.element, names) | {"element": self.element, "lanes": self.lanes}
        if "panel" in names:
            values |= panels.addresses(self.element)
        if "store_channels" in names and self.problem.tail:
            values["store_channels"] = tail_stores.STEPS[self.element]["store_channels"].address
        for field, value in values.items():
            record[field] = value
        record["zero"] = memory.address(zero)
        return Frame(record, [zero], memory.address(record), slot=fields.get("slot", 0), workers=workers)


class _InPlace:
    """A product of the arrays as they lie, or of copies; of the whole result, or what is stored with `last`."""

    def __init__(self, product: _Product, copies: list[_Copy | None], step: _Step, last: _Copy | None = None):
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
