"""The maximum over windows of float32 planes, and where its gradient goes.

A window's maximum is that of its columns' maxima. For a row of outputs the columns are taken first, a vector of
them at a time, and then the few columns of each window. Of equal elements the first counts, of several NaN the last.
Where channels lie side by side, a window takes its elements one after the other, all channels at a time.
"""

from __future__ import annotations

import numpy as np

from ..runtime import memory
from .elements import TASK, Fields, floats, integers
from .jit import njit
from .launch import Kernel, next_task

_fields = Fields(
    "x", "out", "places",  # float32 [plane, h, w, c] and [plane, oh, ow, c]; int64 or 0
    "planes", "c", "count",  # ..; planes, or rows of windows, or channels of a task
    "h", "w", "oh", "ow", "kh", "kw", "sh", "sw", "ph", "pw", "slot",
)  # fmt: skip
frame_at = _fields.reader


@njit(error_model="numpy")
def _columns(x, y, n, best, rows):
    """The next row of windows, number y: where it leads, its elements and its number."""
    for i in range(n):
        leads = (x[i] > best[i]) | (x[i] != x[i])
        best[i] = x[i] if leads else best[i]
        rows[i] = y if leads else rows[i]


@njit(error_model="numpy")
def _tap(best, rows, step, column, n, value, row, columns):
    """One column of n windows, those `step` apart from `column` on: where it leads, its element, row and number."""
    for i in range(n):
        other, y = best[i * step], rows[i * step]
        leads = (other > value[i]) | ((other == value[i]) & (y < row[i]))
        leads |= (other != other) & ((value[i] == value[i]) | (y >= row[i]))
        value[i] = other if leads else value[i]
        row[i] = y if leads else row[i]
        columns[i] = np.float32(column + i * step) if leads else columns[i]


@njit(error_model="numpy")
def _across(f, best, rows, to, row, columns):
    """The maxima of a row of windows, with their rows and columns, from those of the columns at `best` and `rows`."""
    values, ys, xs = floats(to, f.ow), floats(row, f.ow), floats(columns, f.ow)
    for ox in range(f.ow):
        values[ox], ys[ox], xs[ox] = np.float32(-np.inf), np.float32(np.inf), np.float32(0)
    for v in range(f.kw):
        low = min(max(0, -((v - f.pw) // f.sw)), f.ow)
        n = min(max(low, (f.w - 1 + f.pw - v) // f.sw + 1), f.ow) - low
        column = low * f.sw - f.pw + v
        b, r = floats(best + 4 * column, f.w), floats(rows + 4 * column, f.w)
        values, ys, xs = floats(to + 4 * low, n), floats(row + 4 * low, n), floats(columns + 4 * low, n)
        if f.sw == 2:  # a step the compiler knows
            _tap(b, r, 2, column, n, values, ys, xs)
        elif f.sw == 1:
            _tap(b, r, 1, column, n, values, ys, xs)
        else:
            _tap(b, r, f.sw, column, n, values, ys, xs)


def _maximum(frame, a, b, bias, out, scratch, worker):
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    best, rows = floats(slot, f.w), floats(slot + 4 * f.w, f.w)
    row, column = slot + 8 * f.w, slot + 8 * f.w + 4 * f.ow
    ys, xs = floats(row, f.ow), floats(column, f.ow)
    tasks = -(-f.planes // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for plane in range(task * f.count, min((task + 1) * f.count, f.planes)):
            for oy in range(f.oh):
                top = oy * f.sh - f.ph
                first = max(top, 0)
                x = floats(f.x + 4 * (plane * f.h + first) * f.w, f.w)
                for i in range(f.w):
                    best[i] = x[i]
                    rows[i] = np.float32(first)
                for y in range(first + 1, min(top + f.kh, f.h)):
                    x = floats(f.x + 4 * (plane * f.h + y) * f.w, f.w)
                    _columns(x, np.float32(y), f.w, best, rows)
                at = (plane * f.oh + oy) * f.ow
                _across(f, slot, slot + 4 * f.w, f.out + 4 * at, row, column)
                if f.places:
                    places = integers(f.places + 8 * at, f.ow)
                    for i in range(f.ow):
                        places[i] = np.int64(ys[i]) * f.w + np.int64(xs[i])


def _scatter(frame, a, b, bias, out, scratch, worker):
    """x = zeros, and each element of out added at its place: the planes' gradient."""
    f = frame_at(frame)
    area, windows = f.h * f.w, f.oh * f.ow
    tasks = -(-f.planes // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for plane in range(task * f.count, min((task + 1) * f.count, f.planes)):
            to, values = floats(f.x + 4 * plane * area, area), floats(f.out + 4 * plane * windows, windows)
            places = integers(f.places + 8 * plane * windows, windows)
            for i in range(area):
                to[i] = np.float32(0)
            for i in range(windows):
                if 0 <= places[i] < area:  # the caller may have written into them
                    to[places[i]] += values[i]


# Channels side by side: planes are images, and the lanes are channels.


@njit(error_model="numpy")
def _lead(x, n, at, value, place):
    """The next element of a window of n channels, number `at` of its plane: where it leads, it and its number."""
    for k in range(n):
        leads = (x[k] > value[k]) | (x[k] != x[k])
        value[k] = x[k] if leads else value[k]
        place[k] = at if leads else place[k]


@njit(error_model="numpy")
def _greater(x, n, value):
    for k in range(n):
        value[k] = x[k] if (x[k] > value[k]) | (x[k] != x[k]) else value[k]


def _maximum_last(frame, a, b, bias, out, scratch, worker):
    """A task is a few rows of windows."""
    f = frame_at(frame)
    rows = f.planes * f.oh
    tasks = -(-rows // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for row in range(task * f.count, min((task + 1) * f.count, rows)):
            plane, top = row // f.oh, row % f.oh * f.sh - f.ph
            for ox in range(f.ow):
                left = ox * f.sw - f.pw
                at = (row * f.ow + ox) * f.c
                value, place = floats(f.out + 4 * at, f.c), integers(f.places + 8 * at, f.c)
                first = max(top, 0) * f.w + max(left, 0)
                x = floats(f.x + 4 * (plane * f.h * f.w + first) * f.c, f.c)
                for k in range(f.c):
                    value[k] = x[k]
                if f.places:
                    for k in range(f.c):
                        place[k] = first
                for y in range(max(top, 0), min(top + f.kh, f.h)):
                    for column in range(max(left, 0), min(left + f.kw, f.w)):
                        number = y * f.w + column
                        x = floats(f.x + 4 * (plane * f.h * f.w + number) * f.c, f.c)
                        if f.places:
                            _lead(x, f.c, number, value, place)
                        else:
                            _greater(x, f.c, value)


@njit(error_model="numpy")
def _clear(x, step, n, first, end):
    """n zeros in each of a few elements; the element behind."""
    for i in range(first, end):
        for k in range(n):
            x[i * step + k] = np.float32(0)
    return end


def _scatter_last(frame, a, b, bias, out, scratch, worker):
    """As `_scatter`; a task is a few channels of an image."""
    f = frame_at(frame)
    area, windows = f.h * f.w, f.oh * f.ow
    shares = -(-f.c // f.count)
    tasks = f.planes * shares
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        plane, first = task // shares, task % shares * f.count
        n = min(f.count, f.c - first)
        x = floats(f.x + 4 * (plane * area * f.c + first), area * f.c - first)
        cleared = 0
        for i in range(windows):
            at = (plane * windows + i) * f.c + first
            values, places = floats(f.out + 4 * at, n), integers(f.places + 8 * at, n)
            for k in range(n):
                if 0 <= places[k] < area:
                    while cleared <= places[k]:  # a row when it is reached, while it is in the cache
                        cleared = _clear(x, f.c, n, cleared, cleared + f.w)
                    x[places[k] * f.c + k] += values[k]
        _clear(x, f.c, n, cleared, area)


_kernels = {
    "maximum": Kernel(_maximum),
    "scatter": Kernel(_scatter),
    "maximum last": Kernel(_maximum_last),
    "scatter last": Kernel(_scatter_last),
}
CHANNELS, IMAGES = 32, 4  # of a task that scatters: two lines of floats, but all channels of so many images
HIGHEST = 1 << 24  # rows or columns that float32 can number


def _run(name: str, x: np.ndarray, out: np.ndarray, places: np.ndarray | None, **windows: int) -> None:
    (h, w), (oh, ow) = x.shape[-2:], out.shape[-2:]
    c = 1 if x.flags.c_contiguous and out.flags.c_contiguous else x.shape[1]
    planes = x.size // (h * w * c)
    count = max(1, TASK // (h * w))
    tasks = -(-planes // count)
    if c > 1 and name == "maximum":
        count = max(1, TASK * planes * oh // x.size)
        tasks = -(-planes * oh // count)
    elif c > 1:
        count = CHANNELS if planes < IMAGES else c
        tasks = planes * -(-c // count)
    slot = memory.lines(8 * (w + ow))
    values = dict.fromkeys(_fields.names, 0) | windows
    values.update(planes=planes, c=c, count=count, h=h, w=w, oh=oh, ow=ow, slot=slot)
    arrays = {"x": x, "out": out, "places": places}
    _fields.run(_kernels[name if c == 1 else f"{name} last"], tasks, values | arrays, slot)


def maximum(
    x: np.ndarray,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    out: np.ndarray,
    places: np.ndarray | None,
) -> None:
    """Fills out[..., oh, ow] and places from x[..., h, w], all contiguous or all channels-last.

    Every window sees an element.
    """
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    _run("maximum", x, out, places, kh=kh, kw=kw, sh=sh, sw=sw, ph=ph, pw=pw)


def scatter(values: np.ndarray, places: np.ndarray, planes: np.ndarray) -> None:
    """Fills planes[..., h, w] with zeros and the values[..., oh, ow] added, in order, at their flat places.

    All are contiguous, or all channels-last.
    """
    _run("scatter", planes, values, places)
