"""Mixtures of neighbouring rows and columns of float32 planes, those of each axis given by a table (ops/mixture.py).

    out[y, x] = sum over k, l of row_weight[y, k] * column_weight[x, l] * plane[row_first[y] + k, column_first[x] + l]

Where channels lie side by side, a plane is an image, and each of its elements that many numbers. The axis along which
less is left to do for the other one comes first: columns of the rows that are read where there are to be more rows,
which are kept while later rows ask for them, else the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..runtime import memory
from .elements import TASK, Fields, floats, integers
from .jit import njit
from .lanes import Formula
from .launch import Kernel, next_task

_fields = Fields(
    "x", "out",  # float32 [plane, ih, iw, c] and [plane, oh, ow, c]
    "planes", "c", "ih", "iw", "oh", "ow", "count", "slot",  # rows of a task; bytes of a worker
    "kept",  # rows of mixed columns that are kept at a time, or 0: rows are mixed first
    "row_first", "row_count", "row_weight", "row_taps",
    "column_first", "column_count", "column_end", "column_weight", "column_taps",  # see _mix_columns
)  # fmt: skip
frame_at = _fields.reader


scale = Formula("scale", lambda numbers, x: [x * numbers[0]], (0,), (1,), 1).step
add_scaled = Formula("add_scaled", lambda numbers, x, to: [to + x * numbers[0]], (0, 1), (1,), 1).step
scale_two = Formula("scale_two", lambda numbers, x, y: [x * numbers[0] + y * numbers[1]], (0, 1), (2,), 2).step


@njit(error_model="numpy")
def _zero(to, n):
    result = floats(to, n)
    for i in range(n):
        result[i] = np.float32(0)


@njit(error_model="numpy")
def _mix_rows(f, y, rows, many, n, to):
    """Row y of the output, n numbers, from rows of as many numbers; row i of them lies at place i modulo `many`."""
    first, count = integers(f.row_first, f.oh)[y], integers(f.row_count, f.oh)[y]
    weight = f.row_weight + 4 * y * f.row_taps
    if count == 0:
        _zero(to, n)
        return
    at = first % many if first >= many else first
    after = at + 1 if at + 1 < many else 0
    if count == 2:
        scale_two(n, weight, rows + 4 * at * n, rows + 4 * after * n, to, 0, 0)
        return
    scale(n, weight, rows + 4 * at * n, to, 0, 0, 0)
    for k in range(1, count):
        at = at + 1 if at + 1 < many else 0
        add_scaled(n, weight + 4 * k, rows + 4 * at * n, to, 0, 0, 0)


@njit(error_model="numpy")
def _mix_columns(f, row, to):
    """The columns of a row of the input: a stretch of those that read as many elements at a time."""
    first, count, end = integers(f.column_first, f.ow), integers(f.column_count, f.ow), integers(f.column_end, f.ow)
    weights, taps = floats(f.column_weight, f.ow * f.column_taps), f.column_taps
    source, result = floats(row, f.iw), floats(to, f.ow)
    i = 0
    while i < f.ow:
        many, stop = count[i], end[i]
        if f.c > 1:
            for j in range(i, stop):
                _mix_elements(f, many, row + 4 * first[j] * f.c, f.column_weight + 4 * j * taps, to + 4 * j * f.c)
        elif many == 1:
            for j in range(i, stop):
                result[j] = source[first[j]] * weights[j * taps]
        elif many == 2:
            for j in range(i, stop):
                result[j] = source[first[j]] * weights[j * taps] + source[first[j] + 1] * weights[j * taps + 1]
        else:
            for j in range(i, stop):
                total = source[first[j]] * weights[j * taps] if many else np.float32(0)
                for k in range(1, many):
                    total += source[first[j] + k] * weights[j * taps + k]
                result[j] = total
        i = stop


@njit(error_model="numpy")
def _mix_elements(f, many, x, weight, to):
    """An element of c numbers, from as many beside each other."""
    if many == 0:
        _zero(to, f.c)
        return
    scale(f.c, weight, x, to, 0, 0, 0)
    for k in range(1, many):
        add_scaled(f.c, weight + 4 * k, x + 4 * k * f.c, to, 0, 0, 0)


def _mix(frame, tasks, b, bias, out, scratch, worker):
    """A task is a few rows of a plane of the output."""
    f = frame_at(frame)
    rows = scratch + 64 + worker * f.slot
    long, wide = f.iw * f.c, f.ow * f.c
    chunks = -(-f.oh // f.count)
    first, count = integers(f.row_first, f.oh), integers(f.row_count, f.oh)
    tasks = f.planes * chunks
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        plane, top = task // chunks, task % chunks * f.count
        x, to = f.x + 4 * plane * f.ih * long, f.out + 4 * plane * f.oh * wide
        known = 0
        for y in range(top, min(top + f.count, f.oh)):
            if f.kept:
                known = max(known, first[y])
                while known < first[y] + count[y]:
                    _mix_columns(f, x + 4 * known * long, rows + 4 * (known % f.kept) * wide)
                    known += 1
                _mix_rows(f, y, rows, f.kept, wide, to + 4 * y * wide)
            else:
                _mix_rows(f, y, x, f.ih, long, rows)
                _mix_columns(f, rows, to + 4 * y * wide)


_kernel = Kernel(_mix)


def mix(x: np.ndarray, rows: Any, columns: Any, out: np.ndarray) -> None:
    """Fills out[..., oh, ow] from x[..., ih, iw], both contiguous or both channels-last; rows and columns are Bands."""
    (ih, iw), (oh, ow) = x.shape[-2:], out.shape[-2:]
    c = 1 if x.flags.c_contiguous and out.flags.c_contiguous else x.shape[1]
    planes = x.size // (ih * iw * c)
    count = min(oh, max(8, TASK // (ow * c)))
    kept = rows.narrow.shape[1] if oh > ih else 0
    slot = memory.lines(4 * c * (kept * ow or iw))
    values: dict[str, Any] = {"x": x, "out": out, "planes": planes, "c": c, "count": count, "slot": slot, "kept": kept}
    values.update(ih=ih, iw=iw, oh=oh, ow=ow)
    for name, band in (("row", rows), ("column", columns)):
        values[f"{name}_first"], values[f"{name}_count"] = band.first, band.count
        values[f"{name}_weight"], values[f"{name}_taps"] = band.narrow, band.narrow.shape[1]
    changes = np.flatnonzero(np.diff(columns.count)) + 1  # where a stretch of columns ends
    values["column_end"] = np.append(changes, ow)[np.searchsorted(changes, np.arange(ow), "right")]
    _fields.run(_kernel, planes * -(-oh // count), values, slot)
