"""Patches (kernel and stride the same, no padding): no two outputs share an input, so it is a product of matrices.

The patches of an image are copied to scratch as the columns of a matrix, or the columns of an input gradient from
there, which is a permutation: nothing is copied twice. What is left is a kernel of one tap over ic * kh * kw channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...kernels import launch, rows, steps, target
from ...kernels import patches as kernels
from ...runtime import memory
from ...runtime.storage import Storage
from ..gradient import Array, Run
from ..problem import ConvProblem
from . import direct, pointwise
from .frames import Frames, compute_dtype, workers_for

name = "patches"

# Operations an image below which a second pass costs more than it saves, by the direction. With one output there is
# none: the image is the column. One thread and two, Zen 4 (EPYC), November 2026, 2x2 and 4x4 kernels of 3..64 channels.
LEAST_FLOPS = {"bwd_input": 300_000, "bwd_weight": 2_000_000}
# Bytes of the columns that are in scratch at a time, of one image at least.
COLUMNS_BYTES = 8 << 20

STEPS = ("gather_planes", "transpose", "scatter", "interleave")


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    if p.dtype not in ("f32", "f64"):
        return f"copies float32 and float64 as they are, and the dtype is {p.dtype}"
    if p.kh == p.kw == 1:
        return "the kernel has one tap"
    if (p.pt, p.pb, p.pl, p.pr) != (0, 0, 0, 0) or (p.dh, p.dw) != (1, 1):
        return "the kernel is dilated or the image is padded"
    if (p.sh != p.kh and p.oh > 1) or (p.sw != p.kw and p.ow > 1):
        return f"a kernel of {p.kh}x{p.kw} and a stride of {p.sh}x{p.sw} cut no patches"
    if p.oh * p.ow > 1:
        if p.direction == "fwd":
            return "the direct algorithm copies bands as fast"
        if p.direction == "bwd_input" and p.ic // p.g >= target.current().lanes(compute_dtype(p).itemsize):
            return "the direct algorithm stores whole rows of an input gradient with lanes enough"
        least = LEAST_FLOPS[p.direction]
        if p.per_image().flops < least:
            return f"below {least / 1e6} million operations an image copies cost more than they save"
    reason = pointwise.refuse(product(p))
    return f"as a product: {reason}" if reason is not None and (p.g > 1 or p.oh * p.ow == 1) else None


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    return _Patches(problem)


def product(p: ConvProblem) -> ConvProblem:
    """The kernel of one tap over the columns."""
    return replace(p, ic=p.ic * p.kh * p.kw, ih=p.oh, iw=p.ow, kh=1, kw=1, sh=1, sw=1)


@dataclass(frozen=True, slots=True)
class _Columns:
    """How the patches of some images of x become columns [n, ic*kh*kw, oh, ow], in one layout or the other."""

    record: np.ndarray
    pixels: bool
    workers: int
    shape: tuple[int, int, int, int]
    strides: tuple[int, int, int, int]
    dtype: np.dtype

    @classmethod
    def of(cls, p: ConvProblem, x: np.ndarray, pixels: bool) -> _Columns:
        element, terms = x.itemsize, p.ic * p.kh * p.kw
        if pixels:
            own = terms * element
            strides = (p.oh * p.ow * own, element, p.ow * own, own)
        else:
            own = p.oh * p.ow * element
            strides = (terms * own, own, p.ow * element, element)
        # A row is read in whole vectors of which shuffles keep some lanes, where its elements do not lie too far apart.
        near = p.kw == 2 if p.direction == "bwd_input" else p.kw in rows.STRIDES
        fields = steps.addresses(element, STEPS) | {
            "element": element,
            "lanes": target.current().lanes(element),
            "images": p.n,
            "channels": p.ic,
            "kh": p.kh,
            "kw": p.kw,
            "oh": p.oh,
            "ow": p.ow,
            **dict(zip(("x_image", "x_channel", "x_row", "x_column"), x.strides)),
            "own_image": strides[0],
            "own": own,
            "how": kernels.SHUFFLED if near or x.strides[3] != element else kernels.TRANSPOSED,
        }
        record = np.zeros(1, kernels.FRAME)
        for field, value in fields.items():
            record[field] = value
        tasks = p.n * (p.oh if pixels else p.ic)
        shape = (p.n, terms, p.oh, p.ow)
        return cls(record, pixels, min(workers_for(p), tasks), shape, strides, x.dtype)

    def room(self) -> np.ndarray:
        """Scratch for the columns."""
        at, buffer = memory.scratch(self.shape[0] * self.strides[0], "patches")
        return np.ndarray(self.shape, self.dtype, buffer, at - memory.address(buffer), self.strides)

    def cut(self, x: np.ndarray, columns: np.ndarray) -> None:
        self._run(kernels.cut_pixels if self.pixels else kernels.cut_planes, x, columns)

    def join(self, columns: np.ndarray, x: np.ndarray) -> None:
        self._run(kernels.join_pixels if self.pixels else kernels.join_planes, columns, x)

    def _run(self, kernel: launch.Kernel, source: np.ndarray, to: np.ndarray) -> None:
        address = memory.address
        launch.launch(kernel.address, address(self.record), address(source), 0, 0, address(to), 0, self.workers)


class _Patches:
    """A problem as a product; the columns are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = p = problem
        image = p.ic * p.oh * p.kh * p.ow * p.kw * compute_dtype(p).itemsize
        together = max(1, min(p.n, COLUMNS_BYTES // image))
        self.parts = [slice(i, min(p.n, i + together)) for i in range(0, p.n, together)]
        self.products = {count: _product_plan(replace(p, n=count)) for count in set(map(_length, self.parts))}
        self.columns: dict[Any, _Columns] = Frames()
        self.other: Run | None = None

    def __call__(self, a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        p = self.problem
        image, weight = (out if p.direction == "bwd_input" else a), (out if p.direction == "bwd_weight" else b)
        pixels = self._pixels(image)
        matrix = _view(weight.transpose(0, 2, 3, 1) if pixels else weight)
        if matrix is None:
            self.other = self.other or direct.plan(p)
            self.other(a, b, bias, out, kept)
        elif p.direction == "bwd_input":
            self._input_gradient(a, matrix, out, pixels, kept)
        elif p.direction == "bwd_weight":
            self._weight_gradient(a, b, matrix, pixels)
        else:
            for part in self.parts:
                self._product(part)(self._cut(a[part], pixels), matrix, bias, out[part], kept)

    def _product(self, part: slice) -> Run:
        return self.products[_length(part)]

    def _pixels(self, x: np.ndarray) -> bool:
        """Whether the channels of an image lie side by side, and with them a row of a patch."""
        p, size = self.problem, x.itemsize
        return p.g == 1 and p.ic > 1 and (x.strides[1], x.strides[3]) == (size, p.ic * size)

    def _whole(self, x: np.ndarray, pixels: bool) -> np.ndarray | None:
        """Images that are their own columns."""
        p = self.problem
        return _view(x) if (p.kh, p.kw) == (p.ih, p.iw) and not pixels else None

    def _columns(self, x: np.ndarray, pixels: bool) -> _Columns:
        key = (len(x), x.strides, workers_for(self.problem), pixels)
        found = self.columns.get(key)
        if found is None:
            found = self.columns[key] = _Columns.of(replace(self.problem, n=len(x)), x, pixels)
        return found

    def _cut(self, x: np.ndarray, pixels: bool) -> np.ndarray:
        room = self._whole(x, pixels)
        if room is None:
            columns = self._columns(x, pixels)
            room = columns.room()
            columns.cut(x, room)
        return room

    def _input_gradient(self, grad: Array, w: Array, out: Array, pixels: bool, kept: Storage | None) -> None:
        p = self.problem
        # What no patch reads.
        out[:, :, p.oh * p.kh :] = 0
        out[:, :, :, p.ow * p.kw :] = 0
        for part in self.parts:
            into = self._whole(out[part], pixels)
            if into is not None:
                self._product(part)(grad[part], w, None, into, kept)
                continue
            columns = self._columns(out[part], pixels)
            room = columns.room()
            self._product(part)(grad[part], w, None, room, kept)
            columns.join(room, out[part])

    def _weight_gradient(self, x: Array, grad: Array, out: Array, pixels: bool) -> None:
        for part in self.parts:
            sums = out if part.start == 0 else np.empty(out.shape, out.dtype)
            self._product(part)(self._cut(x[part], pixels), grad[part], None, sums)
            if part.start:
                with np.errstate(over="ignore", invalid="ignore"):
                    out += sums


def _product_plan(p: ConvProblem) -> Run:
    matrices = product(p)
    return (direct if pointwise.refuse(matrices.per_image()) else pointwise).plan(matrices)


def _view(array: np.ndarray) -> np.ndarray | None:
    """The array as [n, all others, 1, 1]; None if that is no view of it."""
    flat = array.reshape(len(array), -1, 1, 1)
    return flat if memory.address(flat) == memory.address(array) else None


def _length(part: slice) -> int:
    return part.stop - part.start
