"""The sum over windows of float32 planes, divided, and its adjoint, which spreads shares over the windows.

The rows of a window are added up first, then their columns: the sums have the bits of the NumPy expressions.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..runtime import memory
from .elements import TASK, Fields, floats
from .launch import Kernel, next_task

_fields = Fields(
    "x", "out", "divisor", "planes", "count",  # float32 [plane, h, w], [plane, oh, ow] and [oh, ow]; planes of a task
    "h", "w", "oh", "ow", "kh", "kw", "sh", "sw", "ph", "pw", "slot", "spread",
)  # fmt: skip
frame_at = _fields.reader


@njit(error_model="numpy")
def _gather(to, x, step, n):
    for i in range(n):
        to[i] += x[i * step]


@njit(error_model="numpy")
def _spread(x, values, step, n):
    for i in range(n):
        x[i * step] += values[i]


@njit(error_model="numpy")
def _columns(f, row, values):
    """The windows of a row: each gets what it sees of the row's elements, or gives it to them."""
    for v in range(f.kw):
        left = min(max(0, -((v - f.pw) // f.sw)), f.ow)
        n = min(max(left, (f.w - 1 + f.pw - v) // f.sw + 1), f.ow) - left
        windows = floats(values + 4 * left, n)
        seen = floats(row + 4 * (left * f.sw - f.pw + v), n * f.sw)
        if f.spread:
            if f.sw == 1:  # steps the compiler knows
                _spread(seen, windows, 1, n)
            elif f.sw == 2:
                _spread(seen, windows, 2, n)
            else:
                _spread(seen, windows, f.sw, n)
        elif f.sw == 1:
            _gather(windows, seen, 1, n)
        elif f.sw == 2:
            _gather(windows, seen, 2, n)
        else:
            _gather(windows, seen, f.sw, n)


@njit(error_model="numpy")
def _zero(x, n):
    to = floats(x, n)
    for i in range(n):
        to[i] = np.float32(0)


def _average(frame, a, b, bias, out, scratch, worker):
    """A task is a few planes. The worker's scratch is a row of elements, and one of quotients that are spread."""
    f = frame_at(frame)
    area, windows = f.h * f.w, f.oh * f.ow
    row = scratch + 64 + worker * f.slot
    sums, shares = floats(row, f.w), floats(row + 4 * f.w, f.ow)
    tasks = -(-f.planes // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for plane in range(task * f.count, min((task + 1) * f.count, f.planes)):
            x, results = f.x + 4 * plane * area, f.out + 4 * plane * windows
            if f.spread:
                _zero(x, area)
            for oy in range(f.oh):
                divisor, values = floats(f.divisor + 4 * oy * f.ow, f.ow), floats(results + 4 * oy * f.ow, f.ow)
                top = max(0, oy * f.sh - f.ph)
                bottom = min(f.h, oy * f.sh - f.ph + f.kh)
                _zero(row, f.w)
                if f.spread:
                    for i in range(f.ow):
                        shares[i] = values[i] / divisor[i]
                    _columns(f, row, row + 4 * f.w)
                    for y in range(top, bottom):
                        _spread(floats(x + 4 * y * f.w, f.w), sums, 1, f.w)
                else:
                    for y in range(top, bottom):
                        _gather(sums, floats(x + 4 * y * f.w, f.w), 1, f.w)
                    _zero(results + 4 * oy * f.ow, f.ow)
                    _columns(f, row, results + 4 * oy * f.ow)
                    for i in range(f.ow):
                        values[i] /= divisor[i]


_kernel = Kernel(_average)


def average(
    x: np.ndarray,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    divisor: np.ndarray | int,
    out: np.ndarray,
    spread: bool = False,
) -> None:
    """Fills out[..., oh, ow] from x[..., h, w], both contiguous, or with ``spread`` x from out: the adjoint."""
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    (h, w), (oh, ow) = x.shape[-2:], out.shape[-2:]
    planes = x.size // (h * w)
    count = max(1, TASK // (h * w))
    slot = memory.lines(4 * (w + ow))
    divisors = np.ascontiguousarray(np.broadcast_to(np.asarray(divisor, np.float32), (oh, ow)))
    values = {"x": x, "out": out, "divisor": divisors, "planes": planes, "count": count, "slot": slot, "spread": spread}
    shape = {"h": h, "w": w, "oh": oh, "ow": ow, "kh": kh, "kw": kw, "sh": sh, "sw": sw, "ph": ph, "pw": pw}
    _fields.run(_kernel, -(-planes // count), {**values, **shape}, slot)
