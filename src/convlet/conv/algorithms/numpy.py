"""The algorithm that takes everything: NumPy's matmul over bands of the image, for any dtype, mode and stride.

An image's output rows are cut into bands, several whole images may share one. The input rows of a band are
read through the padding maps (as a view where nothing is padded, otherwise as a small copy), the windows of
the kernel are laid out as a matrix [ic/g*kh*kw, positions], and one matmul a group multiplies it with the
weights. Where a group has one input channel (depthwise) there is nothing to multiply matrices with: each
tap is one elementwise product. Bands depend on the image only and each image is a matmul of its own, so
batching changes no bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convlet.conv import gradient
from convlet.conv.gradient import Run
from convlet.conv.padding import Span, clip_spans, gather, spans
from convlet.conv.problem import ConvProblem, numpy_dtype

name = "numpy"

# Bytes of windows laid out at a time: small enough for the second-level cache to keep part of it, large
# enough for the matmul. 2 MiB was best of 0.25 to 16 MiB on ResNet-50's layers and on 8 x 8 digits (AMD
# EPYC 9R14, two cores).
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
        self.depthwise = self.icg == 1 and self.ocg <= 2
        self.columns = spans(p.iw, p.pl, p.pr, p.mode_w)
        # Depthwise, only a block of output is at work, not one copy of the input a tap.
        row_bytes = self.dtype.itemsize * p.ow * (p.oc if self.depthwise else p.ic * p.kh * p.kw)
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

    def __call__(self, x: np.ndarray, w: np.ndarray, bias: np.ndarray | None, out: np.ndarray) -> None:
        layout, p = self.layout, self.layout.problem
        w = w.astype(layout.dtype, copy=False)
        multiply = _multiply_taps if layout.depthwise else _multiply_matrices
        if not layout.depthwise:
            w = w.reshape(p.g, layout.ocg, layout.icg * p.kh * p.kw)
        if bias is not None:
            bias = bias.astype(layout.dtype, copy=False)[:, None, None]
        in_place = out.dtype == layout.dtype and out.flags.c_contiguous and len(layout.bands) == 1
        for images, rows, windows in layout.windows(x):
            block = out[images, :, rows]
            result = block if in_place else np.empty(block.shape, layout.dtype)
            multiply(windows, w, result)
            if bias is not None:
                result += bias
            if not in_place:
                block[...] = result


def _multiply_matrices(windows: np.ndarray, w: np.ndarray, result: np.ndarray) -> None:
    n, g, icg, kh, kw, oh, ow = windows.shape
    np.matmul(w, windows.reshape(n, g, icg * kh * kw, oh * ow), out=result.reshape(n, g, -1, oh * ow))


def _multiply_taps(windows: np.ndarray, w: np.ndarray, result: np.ndarray) -> None:
    n, g, _, kh, kw, oh, ow = windows.shape
    w = w.reshape(g, -1, kh, kw)
    total = result.reshape(n, g, -1, oh, ow)
    product = np.empty_like(total)
    for u, v in np.ndindex(kh, kw):
        np.multiply(windows[:, :, :, u, v], w[:, :, u, v, None, None], out=product if u or v else total)
        if u or v:
            total += product


class _WeightGradient:
    def __init__(self, layout: _Layout) -> None:
        self.layout = layout

    def __call__(self, x: np.ndarray, grad: np.ndarray, bias: np.ndarray | None, out: np.ndarray) -> None:
        layout, p = self.layout, self.layout.problem
        accumulate = _sum_taps if layout.depthwise else _sum_matrices
        total = np.zeros((p.g, layout.ocg, layout.icg * p.kh * p.kw), layout.dtype)
        for images, rows, windows in layout.windows(x):
            block = grad[images, :, rows].astype(layout.dtype, copy=False)
            accumulate(windows, block.reshape(len(block), p.g, layout.ocg, *block.shape[2:]), total)
        out[...] = total.reshape(p.weight_shape)


def _sum_matrices(windows: np.ndarray, grad: np.ndarray, total: np.ndarray) -> None:
    n, g, icg, kh, kw, oh, ow = windows.shape
    right = windows.transpose(1, 2, 3, 4, 0, 5, 6).reshape(g, icg * kh * kw, n * oh * ow)
    left = grad.transpose(1, 2, 0, 3, 4).reshape(g, -1, n * oh * ow)
    total += np.matmul(left, right.transpose(0, 2, 1))


def _sum_taps(windows: np.ndarray, grad: np.ndarray, total: np.ndarray) -> None:
    n, g, _, kh, kw, oh, ow = windows.shape
    product = np.empty(grad.shape, total.dtype)
    flat = product.reshape(n, g, -1, oh * ow)
    for u, v in np.ndindex(kh, kw):
        np.multiply(windows[:, :, :, u, v], grad, out=product)
        total[:, :, u * kw + v] += flat.sum(axis=3, dtype=total.dtype).sum(axis=0, dtype=total.dtype)
