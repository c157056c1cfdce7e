"""Patches: the tiles of an image that no two outputs share, as the columns of a matrix, and back.

columns[(c, u, v)][oy, ox] = x[c][oy*kh + u][ox*kw + v]      planes: positions lie side by side
    columns[oy, ox][(u, v, c)] = x[oy*kh + u][ox*kw + v][c]      pixels: channels do, in x too
"""

from __future__ import annotations

import numpy as np

from .emit import NATIVE, call
from .jit import njit
from .launch import Kernel, frame_reader, next_task

# Sizes in elements, strides in bytes.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("gather_planes", "transpose", "scatter", "interleave", "element", "lanes"),
            *("images", "channels", "kh", "kw", "oh", "ow"),
            *("x_image", "x_channel", "x_row", "x_column"),
            # the columns of an image, and of a plane or pixel of it; how a row is taken apart
            *("own_image", "own", "how"),
        )
    ]
)
frame_at = frame_reader(FRAME)

# How the columns of a row become kw rows: by vectors and shuffles or one by one; as a transpose.
SHUFFLED, TRANSPOSED = 0, 1


@njit(error_model="numpy")
def cut_row(f, row, into):
    """into[v][ox] = row[ox*kw + v], and the same for the rows of the next patches."""
    plane = f.ow * f.element
    if f.how == SHUFFLED:
        for v in range(f.kw):
            src, dst = row + v * f.x_column, into + v * f.own
            step = f.kw * f.x_column
            call(f.gather_planes, (dst, 0, plane, src, 0, f.kh * f.x_row, 1, f.oh, step, f.ow, 0, f.ow, NATIVE))
        return
    for oy in range(f.oh):
        src, dst = row + oy * f.kh * f.x_row, into + oy * plane
        for ox in range(0, f.ow, f.lanes):
            count = min(f.lanes, f.ow - ox)
            at = src + ox * f.kw * f.element
            call(f.transpose, (dst + ox * f.element, f.own, at, f.kw * f.element, count, f.kw, count, 0, 0))


@njit(error_model="numpy")
def join_row(f, row, columns):
    """The way back."""
    plane = f.ow * f.element
    if f.how == SHUFFLED and f.kw == 2 and f.x_column == f.element:
        call(f.interleave, (row, f.kh * f.x_row, columns, columns + f.own, plane, f.oh, 2 * f.ow))
        return
    if f.how == SHUFFLED:
        for v in range(f.kw):
            src, dst = columns + v * f.own, row + v * f.x_column
            call(f.scatter, (dst, f.kh * f.x_row, src, plane, f.oh, f.kw * f.x_column, f.ow, NATIVE, 0))
        return
    for oy in range(f.oh):
        src, dst = columns + oy * plane, row + oy * f.kh * f.x_row
        for v in range(0, f.kw, f.lanes):
            count = min(f.lanes, f.kw - v)
            at = dst + v * f.element
            call(f.transpose, (at, f.kw * f.element, src + v * f.own, f.own, count, f.ow, count, 0, 0))


def _cut_planes(frame, x, unused, bias, columns, scratch, worker):
    """Images to columns, a task for each channel of an image."""
    f = frame_at(frame)
    tasks = f.images * f.channels
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        image, channel = task // f.channels, task % f.channels
        src = x + image * f.x_image + channel * f.x_channel
        dst = columns + image * f.own_image + channel * f.kh * f.kw * f.own
        for u in range(f.kh):
            cut_row(f, src + u * f.x_row, dst + u * f.kw * f.own)


def _join_planes(frame, columns, unused, bias, x, scratch, worker):
    """Columns to images."""
    f = frame_at(frame)
    tasks = f.images * f.channels
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        image, channel = task // f.channels, task % f.channels
        src = columns + image * f.own_image + channel * f.kh * f.kw * f.own
        dst = x + image * f.x_image + channel * f.x_channel
        for u in range(f.kh):
            join_row(f, dst + u * f.x_row, src + u * f.kw * f.own)


def _cut_pixels(frame, x, unused, bias, columns, scratch, worker):
    """Images to columns, channels side by side: a task for each row of patches."""
    f = frame_at(frame)
    tasks = f.images * f.oh
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        image, oy = task // f.oh, task % f.oh
        run = f.kw * f.channels
        for u in range(f.kh):
            src = x + image * f.x_image + (oy * f.kh + u) * f.x_row
            dst = columns + image * f.own_image + oy * f.ow * f.own + u * run * f.element
            call(f.scatter, (dst, f.own, src, f.kw * f.x_column, f.ow, f.element, run, NATIVE, 0))


def _join_pixels(frame, columns, unused, bias, x, scratch, worker):
    """Columns to images, channels side by side."""
    f = frame_at(frame)
    tasks = f.images * f.oh
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        image, oy = task // f.oh, task % f.oh
        run = f.kw * f.channels
        for u in range(f.kh):
            src = columns + image * f.own_image + oy * f.ow * f.own + u * run * f.element
            dst = x + image * f.x_image + (oy * f.kh + u) * f.x_row
            call(f.scatter, (dst, f.kw * f.x_column, src, f.own, f.ow, f.element, run, NATIVE, 0))


cut_planes, join_planes = Kernel(_cut_planes), Kernel(_join_planes)
cut_pixels, join_pixels = Kernel(_cut_pixels), Kernel(_join_pixels)
