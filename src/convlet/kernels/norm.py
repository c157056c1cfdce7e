"""Batch norm of float32 images, one channel after the other, so that the second pass over it reads the cache.

    training   mean, var of a channel over images and positions; out = (x - mean) * scale + bias
    gradient   sums of g and g * (x - mean); into = (g - c0) * c1 - (x - mean) * c2

A channel's sums are taken in float64 by one worker in the order of the images: the same bits for any number of
threads. They are sums of x minus the channel's first element, so that a large mean costs no digits of the variance.
Images lie n, c, position; or, where the channels lie side by side, in rows of channels: then the sums are taken for
blocks of rows, and added in their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .elements import TASK, Fields, doubles, floats
from .emit import next_ticket
from .launch import Kernel

_fields = Fields(
    "n", "c", "hw", "count",  # images, channels, positions; images of a task where images are tasks
    "x", "g", "out",  # float32 arrays of one layout
    "mean", "var", "eps",  # float64: of each channel
    "weight", "bias",  # float32 of each channel, or 0
    "sum_g", "sum_gx",  # float64 results of the gradient, of each channel
)  # fmt: skip
# Where channels lie side by side: rows of c channels, `count` rows a task; float32 factors of each channel, and
# float64 sums[task][2][c].
_row_fields = Fields("rows", "c", "count", "x", "g", "out", "mean", "sums", "c0", "c1", "c2")
row_frame_at = _row_fields.reader
frame_at = _fields.reader

# Only reductions may be reordered, into as many partial sums as the processor's vectors want.
_SUMS = {"reassoc", "contract"}


@njit(error_model="numpy", fastmath=_SUMS)
def _moments(x, n, shift):
    total, square = 0.0, 0.0
    for i in range(n):
        d = np.float64(x[i]) - shift
        total += d
        square += d * d
    return total, square


@njit(error_model="numpy", fastmath=_SUMS)
def _gradient_sums(x, g, n, mean):
    total, product = 0.0, 0.0
    for i in range(n):
        e = np.float64(g[i])
        total += e
        product += e * (np.float64(x[i]) - mean)
    return total, product


@njit(error_model="numpy")
def _normalise(x, to, n, mean, scale, bias, shifted):
    if shifted:
        for i in range(n):
            to[i] = (x[i] - mean) * scale + bias
    else:
        for i in range(n):
            to[i] = (x[i] - mean) * scale


@njit(error_model="numpy")
def _input_gradient(x, g, to, n, mean, c0, c1, c2):
    for i in range(n):
        to[i] = (g[i] - c0) * c1 - (x[i] - mean) * c2


@njit(error_model="numpy")
def _scale_of(f, c):
    """(weight / standard deviation) of a channel, rounded once."""
    scale = 1 / np.sqrt(doubles(f.var, f.c)[c] + doubles(f.eps, 1)[0])
    if f.weight:
        scale *= np.float64(floats(f.weight, f.c)[c])
    return np.float32(scale)


def _training(frame, a, b, bias, out, scratch, worker):
    """A task is a channel: its moments, then its output."""
    f = frame_at(frame)
    while True:
        c = next_ticket(scratch)
        if c >= f.c:
            break
        shift = np.float64(floats(f.x + 4 * c * f.hw, 1)[0])
        if not np.isfinite(shift):
            shift = 0.0
        total, square = 0.0, 0.0
        for image in range(f.n):
            t, s = _moments(floats(f.x + 4 * (image * f.c + c) * f.hw, f.hw), f.hw, shift)
            total += t
            square += s
        count = np.float64(f.n * f.hw)
        off = total / count
        var = square / count - off * off
        doubles(f.mean, f.c)[c] = shift + off
        doubles(f.var, f.c)[c] = 0.0 if var < 0 else var
        mean, scale = np.float32(shift + off), _scale_of(f, c)
        shift32 = floats(f.bias, f.c)[c] if f.bias else np.float32(0)
        for image in range(f.n):
            at = 4 * (image * f.c + c) * f.hw
            _normalise(floats(f.x + at, f.hw), floats(f.out + at, f.hw), f.hw, mean, scale, shift32, f.bias != 0)


def _fixed(frame, a, b, bias, out, scratch, worker):
    """With known statistics; a task is a few planes."""
    f = frame_at(frame)
    while True:
        first = next_ticket(scratch) * f.count
        if first >= f.n * f.c:
            break
        for plane in range(first, min(first + f.count, f.n * f.c)):
            c = plane % f.c
            mean, scale = np.float32(doubles(f.mean, f.c)[c]), _scale_of(f, c)
            shift = floats(f.bias, f.c)[c] if f.bias else np.float32(0)
            at = 4 * plane * f.hw
            _normalise(floats(f.x + at, f.hw), floats(f.out + at, f.hw), f.hw, mean, scale, shift, f.bias != 0)


def _gradient(frame, a, b, bias, out, scratch, worker):
    """A task is a channel: its sums, then the gradient by the input."""
    f = frame_at(frame)
    while True:
        c = next_ticket(scratch)
        if c >= f.c:
            break
        mean = doubles(f.mean, f.c)[c]
        total, product = 0.0, 0.0
        for image in range(f.n):
            at = 4 * (image * f.c + c) * f.hw
            t, p = _gradient_sums(floats(f.x + at, f.hw), floats(f.g + at, f.hw), f.hw, mean)
            total += t
            product += p
        square = 1 / (doubles(f.var, f.c)[c] + doubles(f.eps, 1)[0])
        doubles(f.sum_g, f.c)[c] = total
        doubles(f.sum_gx, f.c)[c] = product * np.sqrt(square)
        if not f.out:
            continue
        count = np.float64(f.n * f.hw)
        scale = np.sqrt(square)
        if f.weight:
            scale *= np.float64(floats(f.weight, f.c)[c])
        c0, c1 = np.float32(total / count), np.float32(scale)
        c2 = np.float32(scale * square * product / count)
        for image in range(f.n):
            at = 4 * (image * f.c + c) * f.hw
            x, g, to = floats(f.x + at, f.hw), floats(f.g + at, f.hw), floats(f.out + at, f.hw)
            _input_gradient(x, g, to, f.hw, np.float32(mean), c0, c1, c2)


# Rows of channels: the lanes are channels.


def _row_sums(frame, a, b, bias, out, scratch, worker):
    """sums[task] = (x - mean, (x - mean)^2), or with g (g, g * (x - mean)), over the rows of a task."""
    f = row_frame_at(frame)
    mean = doubles(f.mean, f.c)
    while True:
        task = next_ticket(scratch)
        first = task * f.count
        if first >= f.rows:
            break
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


def _row_normalise(frame, a, b, bias, out, scratch, worker):
    """out = (x - c0) * c1 + c2, without c2 if that is 0."""
    f = row_frame_at(frame)
    c0, c1 = floats(f.c0, f.c), floats(f.c1, f.c)
    while True:
        first = next_ticket(scratch) * f.count
        if first >= f.rows:
            break
        for row in range(first, min(first + f.count, f.rows)):
            x, to = floats(f.x + 4 * row * f.c, f.c), floats(f.out + 4 * row * f.c, f.c)
            if f.c2:
                c2 = floats(f.c2, f.c)
                for c in range(f.c):
                    to[c] = (x[c] - c0[c]) * c1[c] + c2[c]
            else:
                for c in range(f.c):
                    to[c] = (x[c] - c0[c]) * c1[c]


def _row_gradient(frame, a, b, bias, out, scratch, worker):
    """out = (g - c0) * c1 - (x - mean) * c2."""
    f = row_frame_at(frame)
    c0, c1, c2, mean = floats(f.c0, f.c), floats(f.c1, f.c), floats(f.c2, f.c), floats(f.mean, f.c)
    while True:
        first = next_ticket(scratch) * f.count
        if first >= f.rows:
            break
        for row in range(first, min(first + f.count, f.rows)):
            at = 4 * row * f.c
            x, g, to = floats(f.x + at, f.c), floats(f.g + at, f.c), floats(f.out + at, f.c)
            for c in range(f.c):
                to[c] = (g[c] - c0[c]) * c1[c] - (x[c] - mean[c]) * c2[c]


_kernels = {
    "training": Kernel(_training),
    "fixed": Kernel(_fixed),
    "gradient": Kernel(_gradient),
    "row sums": Kernel(_row_sums),
    "row normalise": Kernel(_row_normalise),
    "row gradient": Kernel(_row_gradient),
}


def _run(name: str, tasks: int, x: np.ndarray, count: int = 0, **values: Any) -> None:
    n, c = x.shape[:2]
    names: dict[str, Any] = dict.fromkeys(_fields.names)
    names.update(values, x=x, n=n, c=c, hw=x.size // (n * c), count=count)
    names["eps"] = np.array([values["eps"]], np.float64)
    _fields.run(_kernels[name], tasks, names)


def _run_rows(name: str, x: np.ndarray, **values: Any) -> None:
    channels = x.shape[1]
    rows = x.size // channels
    count = max(1, TASK // channels)
    fields: dict[str, Any] = dict.fromkeys(_row_fields.names)
    fields.update(values, x=x, rows=rows, c=channels, count=count)
    _row_fields.run(_kernels[name], -(-rows // count), fields)


def _sums_of_rows(x: np.ndarray, mean: np.ndarray, g: np.ndarray | None = None) -> np.ndarray:
    """[2][c]: see _row_sums; those of the tasks added in their order."""
    channels = x.shape[1]
    tasks = -(-(x.size // channels) // max(1, TASK // channels))
    sums = np.empty((tasks, 2, channels))
    _run_rows("row sums", x, g=g, mean=mean, sums=sums)
    return np.add.reduce(sums, axis=0)


def _scale(weight: np.ndarray | None, var: np.ndarray, eps: float) -> np.ndarray:
    """As _scale_of, before it is rounded."""
    scale = 1 / np.sqrt(var + eps)
    return scale if weight is None else scale * weight


def training(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, eps: float, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fills out from x[n, c, ...], contiguous or channels-last; (mean, biased variance) of each channel in float64."""
    channels = x.shape[1]
    if not x.flags.c_contiguous:
        shift = x[0, :, 0, 0].astype(np.float64)
        shift[~np.isfinite(shift)] = 0
        off, square = _sums_of_rows(x, shift) / (x.size // channels)
        mean, var = shift + off, np.maximum(square - off * off, 0)
        fixed(x, weight, bias, mean, var, eps, out)
        return mean, var
    mean, var = np.empty(channels), np.empty(channels)
    _run("training", channels, x, weight=weight, bias=bias, eps=eps, out=out, mean=mean, var=var)
    return mean, var


def fixed(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    out: np.ndarray,
) -> None:
    """Fills out from x[n, c, ...] (as for :func:`training`) and the float64 statistics of each channel."""
    if not x.flags.c_contiguous:
        scale = _scale(weight, var, eps).astype(np.float32)
        _run_rows("row normalise", x, out=out, c0=mean.astype(np.float32), c1=scale, c2=bias)
        return
    planes = x.shape[0] * x.shape[1]
    count = max(1, TASK * planes // x.size)
    tasks = -(-planes // count)
    _run("fixed", tasks, x, count, weight=weight, bias=bias, eps=eps, out=out, mean=mean, var=var)


def gradient(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    out: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fills out with the gradient by x of batch norm in training; float64 sums of (g, g * xhat) of each channel."""
    channels = x.shape[1]
    if not x.flags.c_contiguous:
        total, product = _sums_of_rows(x, mean, grad)
        if out is not None:
            count, scale = x.size // channels, _scale(weight, var, eps)
            factors = total / count, scale, scale / (var + eps) * product / count, mean
            c0, c1, c2, mean32 = (each.astype(np.float32) for each in factors)
            _run_rows("row gradient", x, g=grad, out=out, c0=c0, c1=c1, c2=c2, mean=mean32)
        return total, product / np.sqrt(var + eps)
    sum_g, sum_gx = np.empty(channels), np.empty(channels)
    values: dict[str, Any] = {"weight": weight, "eps": eps, "g": grad, "out": out, "mean": mean, "var": var}
    _run("gradient", channels, x, sum_g=sum_g, sum_gx=sum_gx, **values)
    return sum_g, sum_gx
