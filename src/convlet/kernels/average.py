"""The sum over windows of float32 planes, divided, and its adjoint, which spreads shares over the windows.

Tap after tap passes over a plane, which stays in the cache: the sums have the bits of the NumPy expressions.
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
def _taps(f, x, out):
    """Every element that a window of the plane at `x` sees is added to the window's at `out`; or the other way."""
    for u in range(f.kh):
        top = min(max(0, -((u - f.ph) // f.sh)), f.oh)
        bottom = min(max(top, (f.h - 1 + f.ph - u) // f.sh + 1), f.oh)
        for v in range(f.kw):
            left = min(max(0, -((v - f.pw) // f.sw)), f.ow)
            n = min(max(left, (f.w - 1 + f.pw - v) // f.sw + 1), f.ow) - left
            for oy in range(top, bottom):
                windows = floats(out + 4 * (oy * f.ow + left), n)
                seen = floats(x + 4 * ((oy * f.sh - f.ph + u) * f.w + left * f.sw - f.pw + v), n * f.sw)
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


def _average(frame, a, b, bias, out, scratch, worker):
    """A task is a few planes: sums and then quotients, or quotients (in the worker's scratch) and then their sums."""
    f = frame_at(frame)
    area, windows = f.h * f.w, f.oh * f.ow
    divisor = floats(f.divisor, windows)
    shares = floats(scratch + 64 + worker * f.slot, windows)
    tasks = -(-f.planes // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for plane in range(task * f.count, min((task + 1) * f.count, f.planes)):
            x, values = f.x + 4 * plane * area, floats(f.out + 4 * plane * windows, windows)
            if f.spread:
                to = floats(x, area)
                for i in range(area):
                    to[i] = np.float32(0)
                for i in range(windows):
                    shares[i] = values[i] / divisor[i]
                _taps(f, x, scratch + 64 + worker * f.slot)
            else:
                for i in range(windows):
                    values[i] = np.float32(0)
                _taps(f, x, f.out + 4 * plane * windows)
                for i in range(windows):
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
    slot = memory.lines(4 * oh * ow)
    divisors = np.ascontiguousarray(np.broadcast_to(np.asarray(divisor, np.float32), (oh, ow)))
    values = {"x": x, "out": out, "divisor": divisors, "planes": planes, "count": count, "slot": slot, "spread": spread}
    shape = {"h": h, "w": w, "oh": oh, "ow": ow, "kh": kh, "kw": kw, "sh": sh, "sw": sw, "ph": ph, "pw": pw}
    _fields.run(_kernel, -(-planes // count), {**values, **shape}, slot)
