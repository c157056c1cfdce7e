"""Batch norm of float32 images whose channels lie side by side, in rows of channels: see norm.py.

The sums are taken for blocks of rows, and added in their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .elements import TASK, Fields, doubles, floats
from .factors import scale_of
from .launch import Kernel, next_task

# Rows of c channels, `count` rows a task; float32 factors of each channel, and float64 sums[task][2][c].
_fields = Fields("rows", "c", "count", "x", "g", "out", "mean", "sums", "c0", "c1", "c2")
frame_at = _fields.reader


def _sums(frame, a, b, bias, out, scratch, worker):
    """sums[task] = (x - mean, (x - mean)^2), or with g (g, g * (x - mean)), over the rows of a task."""
    f = frame_at(frame)
    tasks = -(-f.rows // f.count)
    mean = doubles(f.mean, f.c)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        first = task * f.count
        one, two = doubles(f.sums + 16 * task * f.c, f.c), doubles(f.sums + 16 * task * f.c + 8 * f.c, f.c)
        for c in range(f.c):
            one[c], two[c] = 0.0, 0.0
        for row in range(first, min(first + f.count, f.rows)):
            x = floats(f.x + 4 * row * f.c, f.c)
            if f.g:
                g = floats(f.g + 4 * row * f.c, f.c)
                for c in range(f.c):
                    one[c] += np.float64(g[c])
                    two[c] += np.float64(g[c]) * (np.float64(x[c]) - mean[c])
            else:
                for c in range(f.c):
                    d = np.float64(x[c]) - mean[c]
                    one[c] += d
                    two[c] += d * d


def _normalise(frame, a, b, bias, out, scratch, worker):
    """out = (x - c0) * c1 + c2, without c2 if that is 0."""
    f = frame_at(frame)
    tasks = -(-f.rows // f.count)
    c0, c1 = floats(f.c0, f.c), floats(f.c1, f.c)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        first = task * f.count
        for row in range(first, min(first + f.count, f.rows)):
            x, to = floats(f.x + 4 * row * f.c, f.c), floats(f.out + 4 * row * f.c, f.c)
            if f.c2:
                c2 = floats(f.c2, f.c)
                for c in range(f.c):
                    to[c] = (x[c] - c0[c]) * c1[c] + c2[c]
            else:
                for c in range(f.c):
                    to[c] = (x[c] - c0[c]) * c1[c]


def _gradient(frame, a, b, bias, out, scratch, worker):
    """out = (g - c0) * c1 - (x - mean) * c2."""
    f = frame_at(frame)
    tasks = -(-f.rows // f.count)
    c0, c1, c2, mean = floats(f.c0, f.c), floats(f.c1, f.c), floats(f.c2, f.c), floats(f.mean, f.c)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        first = task * f.count
        for row in range(first, min(first + f.count, f.rows)):
            at = 4 * row * f.c
            x, g, to = floats(f.x + at, f.c), floats(f.g + at, f.c), floats(f.out + at, f.c)
            for c in range(f.c):
                to[c] = (g[c] - c0[c]) * c1[c] - (x[c] - mean[c]) * c2[c]


_kernels = {"sums": Kernel(_sums), "normalise": Kernel(_normalise), "gradient": Kernel(_gradient)}


def _run(name: str, x: np.ndarray, **values: Any) -> None:
    channels = x.shape[1]
    rows = x.size // channels
    count = max(1, TASK // channels)
    values.update(x=x, rows=rows, c=channels, count=count)
    _fields.run(_kernels[name], -(-rows // count), values)


def _all_sums(x: np.ndarray, mean: np.ndarray, g: np.ndarray | None = None) -> np.ndarray:
    """[2][c]: see _sums; those of the tasks added in their order."""
    channels = x.shape[1]
    tasks = -(-(x.size // channels) // max(1, TASK // channels))
    sums = np.empty((tasks, 2, channels))
    _run("sums", x, g=g, mean=mean, sums=sums)
    return np.add.reduce(sums, axis=0)


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, biased variance) of each channel in float64."""
    shift = x[0, :, 0, 0].astype(np.float64)
    shift[~np.isfinite(shift)] = 0
    off, square = _all_sums(x, shift) / (x.size // x.shape[1])
    return shift + off, np.maximum(square - off * off, 0)


def apply(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, shift: np.ndarray, out: np.ndarray) -> None:
    """Fills out, which may be x, from the constants of each channel."""
    _run("normalise", x, out=out, c0=mean, c1=scale, c2=shift)


def gradient(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    out: np.ndarray,
    fixed: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Fills out with the gradient by x; float64 sums of (g, g * xhat) of each channel."""
    channels = x.shape[1]
    total, product = _all_sums(x, mean, grad)
    count, scale = x.size // channels, scale_of(weight, var, eps)
    if fixed:
        _run("normalise", grad, out=out, c0=np.zeros(channels, np.float32), c1=scale.astype(np.float32))
    else:
        factors = total / count, scale, scale / (var + eps) * product / count, mean
        c0, c1, c2, mean32 = (each.astype(np.float32) for each in factors)
        _run("gradient", x, g=grad, out=out, c0=c0, c1=c1, c2=c2, mean=mean32)
    return total, product / np.sqrt(var + eps)
