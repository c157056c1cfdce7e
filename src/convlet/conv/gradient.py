"""The gradients of a convolution are convolutions: the derivation stands here, once.

Along one axis (the other is the same, channels and batch only sum), with padding p in front,

    y[a] = sum over u of  x[a*s + u*d - p] * w[u].

**Input gradient.** x[i] is read by every pair (a, u) with a*s + u*d - p = i, so

    gx[i] = sum over u with (i + p - u*d) divisible by s of  gy[(i + p - u*d) / s] * w[u].

Which u those are depends only on the phase r = i mod s. Let q = gcd(s, d). If q divides r + p they are
u = u0 + t*(s/q) for t = 0 .. T-1, otherwise there are none and the phase is zero. Write i = r + s*j and
b = (r + p - u0*d) / s, an integer. As u grows by s/q the row of gy falls by d/q, so with the taps reversed

    gx[r + s*j] = sum over t of  gy[j + b - (T-1)*(d/q) + t*(d/q)] * w[u0 + (T-1-t)*(s/q)],

a convolution of gy with stride 1, dilation d/q and padding (T-1)*(d/q) - b in front (rows of gy that do not
exist count as zero; a negative padding skips rows). Phases are independent, nothing is ever stuffed with
zeros.

**Padding modes.** Padding is linear: x_padded = P x, so gx = P^T (gradient at the padded positions). Where
padded positions are the image itself P is the identity, and the gradient there is the one of padding with
zeros. What remains are strips along the border; the gradient at padded rows [first, last) is that of an
image of only these rows which the zeros-mode convolution surrounds with `first` and `padded_h - last` rows
of padding. It is small, computed by the same phases, and folded (added) to the rows and columns it was
copied from.

**Weight gradient.**

    gw[u] = sum over a of  x[u*d + a*s - p] * gy[a]

is a convolution of x with kernel gy, in which stride and dilation have changed places and, per group, batch
and channels have too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np

from ..runtime.storage import Storage
from .padding import Span, clip_spans, core, fold, spans
from .problem import ConvProblem

Array = np.ndarray
# run(a, b, bias, out, kept=None): fills out; `kept` is the storage of the weight, if forms of it may be kept
Run = Callable[..., None]


class Phase(NamedTuple):
    """One phase of an input gradient: gx[:, :, rows, columns] = problem's forward of (gy, weight(w)).

    `problem` is None where no tap reaches the phase: gx is zero there.
    """

    rows: slice
    columns: slice
    taps_h: slice
    taps_w: slice
    problem: ConvProblem | None

    def grouped_weight(self, w: np.ndarray, g: int) -> np.ndarray:
        """The phase's taps, reversed, as a view [g, ic/g, oc/g, kh, kw] of the weight."""
        oc, icg = w.shape[:2]
        taps = w[:, :, self.taps_h, self.taps_w]
        return taps.reshape(g, oc // g, icg, *taps.shape[2:]).transpose(0, 2, 1, 3, 4)

    def weight(self, w: np.ndarray, g: int) -> np.ndarray:
        """The weight [ic, oc/g, kh, kw] of `problem`: a view where strides allow (as for g = 1)."""
        grouped = self.grouped_weight(w, g)
        return grouped.reshape(grouped.shape[0] * grouped.shape[1], *grouped.shape[2:])


class Strip(NamedTuple):
    """A strip of padded positions: the input gradient of `problem`, to be folded along two maps."""

    problem: ConvProblem
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]


class WeightGradient(NamedTuple):
    """A weight gradient as the forward of `problem` on views; its first kh x kw results are wanted."""

    problem: ConvProblem
    g: int
    kh: int
    kw: int

    def input(self, x: np.ndarray) -> np.ndarray:
        """x as [ic/g, g*n, ih, iw]."""
        n, ic = x.shape[:2]
        split = x.reshape(n, self.g, ic // self.g, *x.shape[2:]).transpose(2, 1, 0, 3, 4)
        return split.reshape(ic // self.g, self.g * n, *x.shape[2:])

    def weight(self, grad: np.ndarray) -> np.ndarray:
        """gy as [oc, n, oh, ow]."""
        return grad.transpose(1, 0, 2, 3)

    def output(self, result: np.ndarray) -> np.ndarray:
        """The result [ic/g, oc, ...] as the weight's gradient [oc, ic/g, kh, kw]."""
        return result.transpose(1, 0, 2, 3)[:, :, : self.kh, : self.kw]


class _AxisPhase(NamedTuple):
    rows: slice
    taps: slice
    reached: int  # how many taps reach the phase
    before: int
    after: int
    dilation: int


def _axis_phases(size: int, out: int, k: int, s: int, d: int, p: int) -> list[_AxisPhase]:
    """The phases of one axis; the names are the derivation's."""
    found = []
    q = gcd(s, d)
    for r in range(min(s, size)):
        u0 = next((u for u in range(min(k, s // q)) if (r + p - u * d) % s == 0), None)
        if u0 is None:
            found.append(_AxisPhase(slice(r, None, s), slice(0, 0), 0, 0, 0, 1))
            continue
        count = (k - u0 + s // q - 1) // (s // q)
        b = (r + p - u0 * d) // s
        reach = (count - 1) * (d // q)
        length = (size - r + s - 1) // s
        taps = slice(u0 + (count - 1) * (s // q), None, -(s // q))
        found.append(_AxisPhase(slice(r, None, s), taps, count, reach - b, length - out + b, d // q))
    return found


@lru_cache(maxsize=1024)
def input_phases(problem: ConvProblem) -> tuple[Phase, ...]:
    """The input gradient under zero padding (the mode is ignored) as stride-1 forwards, one a phase."""
    p = problem
    return tuple(
        Phase(
            row.rows,
            column.rows,
            row.taps,
            column.taps,
            ConvProblem(
                p.n,
                p.g,
                ic=p.oc,
                ih=p.oh,
                iw=p.ow,
                oc=p.ic,
                kh=row.reached,
                kw=column.reached,
                pt=row.before,
                pb=row.after,
                pl=column.before,
                pr=column.after,
                dh=row.dilation,
                dw=column.dilation,
                dtype=p.dtype,
            )
            if row.reached and column.reached
            else None,
        )
        for row in _axis_phases(p.ih, p.oh, p.kh, p.sh, p.dh, p.pt)
        for column in _axis_phases(p.iw, p.ow, p.kw, p.sw, p.dw, p.pl)
    )


@lru_cache(maxsize=1024)
def input_strips(problem: ConvProblem) -> tuple[Strip, ...]:
    """What padding modes other than zeros add to the input gradient: the border's strips, in a fixed order.

    Top and bottom strips span all padded columns, left and right ones only the rows between them. An axis
    padded with zeros has none.
    """
    p = problem
    top, bottom = core(p.ih, p.pt, p.pb)
    left, right = core(p.iw, p.pl, p.pr)
    rows = spans(p.ih, p.pt, p.pb, p.mode_h)
    columns = spans(p.iw, p.pl, p.pr, p.mode_w)
    all_columns = (0, p.padded_w) if p.mode_w != "zeros" else (left, right)
    boxes = []
    if p.mode_h != "zeros":
        boxes += [((0, top), all_columns), ((bottom, p.padded_h), all_columns)]
    if p.mode_w != "zeros":
        boxes += [((top, bottom), (0, left)), ((top, bottom), (right, p.padded_w))]
    strips = []
    for (first, last), (start, stop) in boxes:
        if first >= last or start >= stop:
            continue
        strip = replace(
            p,
            ih=last - first,
            iw=stop - start,
            pt=first,
            pb=p.padded_h - last,
            pl=start,
            pr=p.padded_w - stop,
            mode_h="zeros",
            mode_w="zeros",
            direction="bwd_input",
        )
        strips.append(Strip(strip, clip_spans(rows, first, last), clip_spans(columns, start, stop)))
    return tuple(strips)


def input_gradient(problem: ConvProblem, forward: Callable[[ConvProblem], Run]) -> Run:
    """Run an input gradient through an algorithm's forward.

    `forward(problem)` plans a stride-1 forward problem; returns run(grad, w, None, out=grad_x).
    """
    if problem.dtype in ("f16", "bf16") and input_strips(problem):
        # A fold adds to what is stored: sums of halves would lose what their float32 terms had.
        return _in_float32(input_gradient(replace(problem, dtype="f32"), forward))
    phases = [(each, forward(each.problem) if each.problem else None) for each in input_phases(problem)]
    strips = [(each, input_gradient(each.problem, forward)) for each in input_strips(problem)]

    def run(grad: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        for phase, step in phases:
            into = out[:, :, phase.rows, phase.columns]
            if step is None:
                into[...] = 0
            else:
                # The weight of groups is a copy: nothing to keep forms of.
                step(grad, phase.weight(w, problem.g), None, into, kept if problem.g == 1 else None)
        for strip, step in strips:
            part = np.empty(strip.problem.input_shape, out.dtype)
            step(grad, w, None, part, kept)
            fold(part, strip.rows, strip.columns, out)

    return run


def _in_float32(run: Run) -> Run:
    def convert_and_run(grad: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        wide = np.empty(out.shape, np.float32)
        run(grad.astype(np.float32), w.astype(np.float32), None, wide)
        with np.errstate(over="ignore"):
            out[...] = wide

    return convert_and_run


def weight_gradient(problem: ConvProblem) -> WeightGradient:
    """The weight gradient as a forward problem over views."""
    p = problem
    as_forward = ConvProblem(
        n=p.ic // p.g,
        g=p.g,
        ic=p.g * p.n,
        ih=p.ih,
        iw=p.iw,
        oc=p.oc,
        kh=p.oh,
        kw=p.ow,
        sh=p.dh,
        sw=p.dw,
        pt=p.pt,
        pb=p.pb,
        pl=p.pl,
        pr=p.pr,
        dh=p.sh,
        dw=p.sw,
        mode_h=p.mode_h,
        mode_w=p.mode_w,
        dtype=p.dtype,
    )
    return WeightGradient(as_forward, p.g, p.kh, p.kw)
