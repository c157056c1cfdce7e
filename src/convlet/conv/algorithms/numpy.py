"""The algorithm that takes everything: NumPy's matmul over bands of the image, for any dtype, mode and stride.

An image's output rows are cut into bands, several whole images may share one. The input rows of a band are
read through the padding maps (as a view where nothing is padded, otherwise as a small copy), the windows of
the kernel are laid out as a matrix [ic/g*kh*kw, positions], and one matmul a group multiplies it with the
weights. Bands depend on the image only and each image is a matmul of its own, so batching changes no bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..padding import Span, clip_spans, gather, spans
from ..problem import ConvProblem, numpy_dtype

name = "numpy"

# Bytes of windows laid out at a time. ResNet-50's layers and 8 x 8 digits differ little from 1 to 16 MiB
# and take up to twice as long with 0.25 MiB; from 4 MiB on NumPy asks for huge pages, which now and then
# costs 4 ms (AMD EPYC, two cores, 2026).
_WINDOW_BYTES = 2 << 20


def refuse(problem: ConvProblem) -> str | None:
    """It takes everything."""
    return None


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out) for the problem's direction."""
    if problem.direction == "bwd_input":
        return gradient.input_gradient(problem, plan)
    if problem.direction == "bwd_weight":
        return _WeightGradient(_Layout(problem))
    return _Forward(_Layout(problem))


@dataclass(frozen=True)
class _Band:
    """Output rows first to last, and the padded input rows they read."""

    first: int
    last: int
    rows: tuple[Span, ...]


class _Layout:
    """How the windows of a problem are cut into bands and blocks of images."""

    def __init__(self, problem: ConvProblem) -> None:
        p = self.problem = problem
        self.dtype = np.dtype(np.float32) if p.dtype in ("f16", "bf16") else numpy_dtype(p.dtype)
        self.icg, self.ocg = p.ic // p.g, p.oc // p.g
        self.columns = spans(p.iw, p.pl, p.pr, p.mode_w)
        row_bytes = self.dtype.itemsize * p.ic * p.kh * p.kw * p.ow
        height = max(1, min(p.oh, _WINDOW_BYTES // row_bytes))
        count = -(-p.oh // height)
        rows = spans(p.ih, p.pt, p.pb, p.mode_h)
        edges = [p.oh * i // count for i in range(count + 1)]
        self.bands = [
            _Band(first, last, clip_spans(rows, first * p.sh, (last - 1) * p.sh + p.extent_h))
            for first, last in pairwise(edges)
        ]
        self.images = max(1, _WINDOW_BYTES // (row_bytes * p.oh))

    def windows(self, x: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """(images, output rows, view [n, g, ic/g, kh, kw, oh, ow] of what they read), block after block."""
        p = self.problem
        for start in range(0, p.n, self.images):
            images = slice(start, min(start + self.images, p.n))
            for band in self.bands:
                staged = self._stage(x[images], band)
                n, c, y, x_ = staged.strides
                shape = (len(staged), p.g, self.icg, p.kh, p.kw, band.last - band.first, p.ow)
                strides = (n, c * self.icg, c, y * p.dh, x_ * p.dw, y * p.sh, x_ * p.sw)
                read = as_strided(staged, shape, strides, writeable=False)
                yield images, slice(band.first, band.last), read

    def matrix(self, windows: np.ndarray) -> np.ndarray:
        """Windows as matrices [n, g, ic/g*kh*kw, positions]."""
        n, g, icg, kh, kw, oh, ow = windows.shape
        if self.dtype.kind in "iub":
            # Without BLAS, matmul walks down the columns: make them contiguous.
            columns = windows.transpose(0, 1, 5, 6, 2, 3, 4).reshape(n, g, oh * ow, icg * kh * kw)
            return columns.transpose(0, 1, 3, 2)
        return windows.reshape(n, g, icg * kh * kw, oh * ow)

    def _stage(self, x: np.ndarray, band: _Band) -> np.ndarray:
        """The padded input rows of a band, in the dtype computed in: a view of x where it is one."""
        p = self.problem
        if len(band.rows) == len(self.columns) == 1:
            row, column = band.rows[0], self.columns[0]
            if row.source is not None and column.source is not None and not (row.repeats or column.repeats):
                return x[:, :, row.source, column.source].astype(self.dtype, copy=False)
        staged = np.empty((len(x), p.ic, band.rows[-1].padded.stop, p.padded_w), self.dtype)
        gather(x, band.rows, self.columns, staged)
        return staged


class _Forward:
    def __init__(self, layout: _Layout) -> None:
        self.layout = layout

    @np.errstate(all="ignore")  # infinities and overflow are values, as everywhere in PyTorch
    def __call__(self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        layout, p = self.layout, self.layout.problem
        # Contiguous, because BLAS takes no reversed matrix and an input gradient comes with reversed taps.
        w = np.ascontiguousarray(w, layout.dtype).reshape(p.g, layout.ocg, -1)
        if bias is not None:
            bias = bias.astype(layout.dtype, copy=False)[:, None, None]
        # Rows of a contiguous image are one stretch of memory, so a band of them reshapes without a copy.
        in_place = out.dtype == layout.dtype and out.flags.c_contiguous
        for images, rows, windows in layout.windows(x):
            block = out[images, :, rows]
            result = block if in_place else np.empty(block.shape, layout.dtype)
            np.matmul(w, layout.matrix(windows), out=result.reshape(len(block), p.g, layout.ocg, -1))
            if bias is not None:
                result += bias
            if not in_place:
                block[...] = result


class _WeightGradient:
    def __init__(self, layout: _Layout) -> None:
        self.layout = layout

    @np.errstate(all="ignore")
    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        layout, p = self.layout, self.layout.problem
        total = np.zeros((p.g, layout.ocg, layout.icg * p.kh * p.kw), layout.dtype)
        for images, rows, windows in layout.windows(x):
            block = grad[images, :, rows].astype(layout.dtype, copy=False)
            block = block.reshape(len(block), p.g, layout.ocg, *block.shape[2:])
            # Images side by side: one product sums over all positions of all of them.
            left = block.transpose(1, 2, 0, 3, 4).reshape(p.g, layout.ocg, -1)
            right = windows.transpose(1, 2, 3, 4, 0, 5, 6).reshape(p.g, -1, left.shape[2])
            total += np.matmul(left, right.transpose(0, 2, 1))
        out[...] = total.reshape(p.weight_shape)
