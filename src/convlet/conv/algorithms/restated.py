"""Problems that are simpler than they are put: as the simpler one, by whatever algorithm takes that.

- Taps at the edges of a kernel that never meet the image, but its padding with zeros, are left out: of a kernel of 3x3
  on an image of one pixel the middle one is left. Not in weight gradients, where all are stored: 512 channels of one
  pixel would take 370 us, not 277 (two threads, Zen 4, November 2026).
- An image of one column is one of a row: algorithms cut rows into tiles and lanes, and would find one in each.

Only the arrays' strides and sizes change. Nothing is copied but the one tap that is left of a kernel on an image of one
pixel, where that copy may be kept: 512 by 512 of them lie on as many cache lines.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np

from ...runtime import memory
from ...runtime.storage import Storage
from ..gradient import Array, Run
from ..problem import ConvProblem
from ..select import select
from ..tail import Tail, planned

name = "restated"


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    return "it is as simple as can be" if simpler(problem) == problem else None


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores: the algorithm of the simpler problem may."""
    return True


def other(problem: ConvProblem) -> str | None:
    """The algorithm that computes the simpler problem."""
    return select(simpler(problem))[0].name


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out, kept, tail), which fills out."""
    p = cropped(problem)
    simple = simpler(problem)
    run = planned(select(simple)[0], simple)
    if is_column(p):
        run = _turned(run)
    if p == problem:
        return run
    one = p.kh * p.kw == p.oh * p.ow == 1
    return _of_taps(run, problem, one and p.direction == "fwd")  # whose bits are the same for any strides


def simpler(problem: ConvProblem) -> ConvProblem:
    """The problem that is computed."""
    p = cropped(problem)
    if not is_column(p):
        return p
    row = replace(p, iw=p.ih, kw=p.kh, sw=p.sh, dw=p.dh, pl=p.pt, pr=p.pb, mode_w=p.mode_h)
    # Of the padded columns that a stride leaves out no rows are left.
    return replace(row, ih=1, kh=1, sh=1, dh=1, pt=p.pl, pb=-p.pl, mode_h=p.mode_w)


def is_column(p: ConvProblem) -> bool:
    """Whether images and results are columns, and a kernel of several taps is, too."""
    return p.iw == p.ow == p.kw == 1 < p.kh


def cropped(problem: ConvProblem) -> ConvProblem:
    """The problem without the taps at the edges of its kernel that never meet the image."""
    p = problem
    rows, columns = taps(p)
    if (rows, columns) == (range(p.kh), range(p.kw)):
        return p
    return replace(
        p,
        kh=len(rows),
        dh=p.dh if len(rows) > 1 else 1,
        pt=p.pt - rows.start * p.dh,
        pb=p.pb - (p.kh - rows.stop) * p.dh,
        kw=len(columns),
        dw=p.dw if len(columns) > 1 else 1,
        pl=p.pl - columns.start * p.dw,
        pr=p.pr - (p.kw - columns.stop) * p.dw,
    )


def taps(p: ConvProblem) -> tuple[range, range]:
    """The rows and columns of taps from the first to the last that meet the image; of weight gradients all."""
    if p.direction == "bwd_weight":
        return range(p.kh), range(p.kw)
    return (
        _taps(p.ih, p.oh, p.kh, p.sh, p.dh, p.pt, p.mode_h),
        _taps(p.iw, p.ow, p.kw, p.sw, p.dw, p.pl, p.mode_w),
    )


def _taps(size: int, out: int, kernel: int, stride: int, dilation: int, before: int, mode: str) -> range:
    if mode != "zeros":
        return range(kernel)
    # The tap u reads u * dilation - before at the first result, and from there on at every stride.
    places = ((u, u * dilation - before) for u in range(kernel))
    meeting = [u for u, at in places if max(at, at % stride) < min(size, at + out * stride)]
    return range(meeting[0], meeting[-1] + 1) if meeting else range(kernel)


def _turned(run: Run) -> Run:
    """A run of rows for columns."""

    def run_turned(
        a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        if tail is not None and tail.other is not None:
            tail = tail._replace(other=tail.other.swapaxes(2, 3))
        run(a.swapaxes(2, 3), b.swapaxes(2, 3), bias, out.swapaxes(2, 3), kept, *_given(tail))

    return run_turned


def _of_taps(run: Run, problem: ConvProblem, keeps: bool) -> Run:
    """A run of the taps that meet the image, for the whole kernel; whether it `keeps` a copy of them."""
    rows, columns = (slice(each.start, each.stop) for each in taps(problem))

    def run_some(
        a: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        w = w[:, :, rows, columns]
        if keeps and kept is not None:
            w, kept = _kept(w, kept), None
        run(a, w, bias, out, kept, *_given(tail))

    return run_some


def _kept(w: Array, kept: Storage) -> Array:
    """A contiguous copy that was kept, or is kept now; the array itself if it is not worth that yet."""

    def copy(to: int) -> None:
        taken = np.ascontiguousarray(w)
        ctypes.memmove(to, memory.address(taken), taken.nbytes)

    found = kept.form((memory.address(w), "taps", w.shape, w.strides), w.nbytes, copy)
    if found is None:
        return w
    at, block = found
    return np.ndarray(w.shape, w.dtype, block, at - memory.address(block))


def _given(tail: Tail | None) -> tuple[Tail, ...]:
    return () if tail is None else (tail,)
