"""Element by element over contiguous float32: sums, and keeping what lies between two bounds."""

from __future__ import annotations

import numpy as np

from .elements import TASK, Fields, floats
from .emit import next_ticket
from .launch import Kernel

_fields = Fields("a", "b", "out", "size", "low", "high")
frame_at = _fields.reader


def _add(frame, unused_a, unused_b, bias, out, scratch, worker):
    """out = a + b."""
    f = frame_at(frame)
    while True:
        first = next_ticket(scratch) * TASK
        if first >= f.size:
            break
        n = min(TASK, f.size - first)
        a, b, to = floats(f.a + 4 * first, n), floats(f.b + 4 * first, n), floats(f.out + 4 * first, n)
        for i in range(n):
            to[i] = a[i] + b[i]


def _clamp(frame, unused_a, unused_b, bias, out, scratch, worker):
    """out = a between low and high, NaN where a is NaN. A bound of NaN is none."""
    f = frame_at(frame)
    low = floats(f.low, 1)[0]
    high = floats(f.high, 1)[0]
    while True:
        first = next_ticket(scratch) * TASK
        if first >= f.size:
            break
        n = min(TASK, f.size - first)
        a, to = floats(f.a + 4 * first, n), floats(f.out + 4 * first, n)
        for i in range(n):
            value = a[i]
            value = low if value < low else value
            to[i] = high if value > high else value


def _keep(frame, unused_a, unused_b, bias, out, scratch, worker):
    """out = b where a lies inside low and high (or is NaN), else 0."""
    f = frame_at(frame)
    low = floats(f.low, 1)[0]
    high = floats(f.high, 1)[0]
    zero = np.float32(0)
    while True:
        first = next_ticket(scratch) * TASK
        if first >= f.size:
            break
        n = min(TASK, f.size - first)
        a, b, to = floats(f.a + 4 * first, n), floats(f.b + 4 * first, n), floats(f.out + 4 * first, n)
        for i in range(n):
            to[i] = zero if (a[i] <= low) | (a[i] >= high) else b[i]


_kernels = {"add": Kernel(_add), "clamp": Kernel(_clamp), "keep": Kernel(_keep)}


def _run(name: str, a: np.ndarray, b: np.ndarray | None, bounds: np.ndarray | None, out: np.ndarray) -> None:
    low, high = (None, None) if bounds is None else (bounds, bounds[1:])
    values = {"a": a, "b": b, "out": out, "size": a.size, "low": low, "high": high}
    _fields.run(_kernels[name], -(-a.size // TASK), values)


def add(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a + b, for float32 arrays of one dense layout; out may be one of them."""
    _run("add", a, b, None, out)


def clamp(a: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
    """out = min(max(a, low), high), NaN where a is, a bound of NaN being none; like :func:`add`."""
    _run("clamp", a, None, np.array([low, high], np.float32), out)


def keep(a: np.ndarray, b: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
    """out = b where not (a <= low or a >= high), else 0; like :func:`add`."""
    _run("keep", a, b, np.array([low, high], np.float32), out)
