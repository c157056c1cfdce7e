"""The sum over windows of float32 planes, divided, and its adjoint, which spreads shares over the windows.

Where channels lie side by side, a plane is an image, and each of its elements that many numbers.

The rows of a window are added up first, then their columns: the sums have the bits of the NumPy expressions.
"""

from __future__ import annotations

import numpy as np

from ..runtime import memory
from .elements import TASK, Fields, floats
from .jit import njit
from .launch import Kernel, next_task

_fields = Fields(
    "x", "out", "divisor",  # float32 [plane, h, w, c], [plane, oh, ow, c] and [oh, ow]
    "planes", "c", "count",  # ..; rows of windows, or planes that are spread to, of a task
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
        windows = floats(values + 4 * f.c * left, f.c * n)
        seen = floats(row + 4 * f.c * (left * f.sw - f.pw + v), f.c * n * f.sw)
        if f.c > 1:
            for i in range(n):
                one, other = windows[i * f.c :], seen[i * f.sw * f.c :]
                if f.spread:
                    _spread(other, one, 1, f.c)
                else:
                    _gather(one, other, 1, f.c)
        elif f.spread:
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


@njit(error_model="numpy")
def _divide(f, oy, values, to):
    """The numbers of a row of windows, each divided by what belongs to its window."""
    divisor = floats(f.divisor + 4 * oy * f.ow, f.ow)
    for i in range(f.ow):
        for k in range(f.c):
            to[i * f.c + k] = values[i * f.c + k] / divisor[i]


@njit(error_model="numpy")
def _seen(f, oy):
    """The first row that a row of windows sees, and the one behind the last."""
    top = oy * f.sh - f.ph
    return max(0, top), min(f.h, top + f.kh)


def _average(frame, a, b, bias, out, scratch, worker):
    """A task is a few rows of windows. The worker's scratch is the sum of the rows that one sees."""
    f = frame_at(frame)
    long, wide = f.w * f.c, f.ow * f.c
    row = scratch + 64 + worker * f.slot
    sums = floats(row, long)
    rows = f.planes * f.oh
    tasks = -(-rows // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for i in range(task * f.count, min((task + 1) * f.count, rows)):
            plane, oy = i // f.oh, i % f.oh
            top, bottom = _seen(f, oy)
            _zero(row, long)
            for y in range(top, bottom):
                _gather(sums, floats(f.x + 4 * (plane * f.h + y) * long, long), 1, long)
            results = f.out + 4 * i * wide
            _zero(results, wide)
            _columns(f, row, results)
            _divide(f, oy, floats(results, wide), floats(results, wide))


def _spread_planes(frame, a, b, bias, out, scratch, worker):
    """A task is a few planes. The worker's scratch is a row of elements, and one of quotients that are spread."""
    f = frame_at(frame)
    long, wide = f.w * f.c, f.ow * f.c
    row = scratch + 64 + worker * f.slot
    sums, shares = floats(row, long), floats(row + 4 * long, wide)
    tasks = -(-f.planes // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for plane in range(task * f.count, min((task + 1) * f.count, f.planes)):
            x = f.x + 4 * plane * f.h * long
            _zero(x, f.h * long)
            for oy in range(f.oh):
                top, bottom = _seen(f, oy)
                _divide(f, oy, floats(f.out + 4 * (plane * f.oh + oy) * wide, wide), shares)
                _zero(row, long)
                _columns(f, row, row + 4 * long)
                for y in range(top, bottom):
                    _spread(floats(x + 4 * y * long, long), sums, 1, long)


_kernel, _spread_kernel = Kernel(_average), Kernel(_spread_planes)


def average(
    x: np.ndarray,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    divisor: np.ndarray | int,
    out: np.ndarray,
    spread: bool = False,
) -> None:
    """Fills out[..., oh, ow] from x[..., h, w], or with ``spread`` x from out: the adjoint.

    Both are contiguous, or both channels-last.
    """
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    (h, w), (oh, ow) = x.shape[-2:], out.shape[-2:]
    c = 1 if x.flags.c_contiguous and out.flags.c_contiguous else x.shape[1]
    planes = x.size // (h * w * c)
    rows = planes if spread else planes * oh
    count = max(1, TASK * rows // x.size)
    slot = memory.lines(4 * (w + ow) * c)
    divisors = np.ascontiguousarray(np.broadcast_to(np.asarray(divisor, np.float32), (oh, ow)))
    values = {"x": x, "out": out, "divisor": divisors, "planes": planes, "c": c, "count": count, "spread": spread}
    shape = {"h": h, "w": w, "oh": oh, "ow": ow, "kh": kh, "kw": kw, "sh": sh, "sw": sw, "ph": ph, "pw": pw}
    _fields.run(_spread_kernel if spread else _kernel, -(-rows // count), {**values, **shape, "slot": slot}, slot)
