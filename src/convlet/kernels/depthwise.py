"""Convolution with one input channel a group, read and written where the arrays lie: nothing is padded or copied.

A *block* is a few rows of results that stay in registers while the kernel passes over them (depthwise_steps.py). It
loads what it reads once for each column of the kernel; so images of 16 bits are widened before, as far as a task reads
them, into scratch that stays in a cache, or read in pairs. Results are narrowed in registers.

    planes    lanes are columns; a task is the planes of some channels, or some blocks of these
    channels  lanes are channels that lie side by side; a task is a block (of columns), or some channels of it
"""

from __future__ import annotations

import numpy as np

from .depthwise_steps import SERIES
from .emit import NATIVE, call, load_i64
from .jit import njit
from .launch import Kernel, frame_reader, next_task

ENTRY = 8 * len(SERIES)
BLOCKS, REACH = 8 * SERIES.index("blocks"), 8 * SERIES.index("reach")

FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("sweep", "correlate", "totals", "gather", "transpose"),
            *("element", "size", "vector", "n", "units", "outs", "columns", "width", "taps"),
            # strides of images and of units (planes, channels), read and written
            *("x_n", "x_c", "y_n", "y_c"),
            # how images and weights are stored that are widened in scratch (see `widened`), and where they are there
            *("x_code", "lines", "x_line", "x_outer", "outers", "wide_line", "wide_outer", "wide_at"),
            *("w_code", "weights_at"),
            *("w_unit", "w_out"),  # weights (or sums) of a unit, and of each of its results
            *("zeros", "series", "series_count"),
            # tasks: units of each, how many such pieces, parts of each series; units that are walked together
            *("piece", "pieces", "parts", "together"),
            "tail",  # whether bias is the address of a tail (see tail.py), which the sweeps apply
            # scratch of a worker; channels: bytes between taps, and between the sums of parts
            *("slot", "sums_at", "tap_step", "part_step"),
        )
    ]
)

frame_at = frame_reader(FRAME)


@njit(error_model="numpy")
def share(f, series, part):
    """The blocks of a series that are one of f.parts: first and last."""
    blocks = load_i64(series + BLOCKS)
    return part * blocks // f.parts, (part + 1) * blocks // f.parts


@njit(error_model="numpy")
def reach(f, series, first, last):
    """The lines of the image that blocks first..last read: first, and behind the last."""
    if first == last:
        return f.lines, 0
    table = load_i64(series + REACH)
    return load_i64(table + 16 * first), load_i64(table + 16 * last - 8)


@njit(error_model="numpy")
def widened(f, to, source, outers, low, high, length):
    """Lines low..high of some outers (rows of planes, or columns of rows of channels) become float32."""
    if high <= low:
        return
    step, rows, run = f.size, high - low, length
    to, source = to + low * f.wide_line, source + low * f.x_line
    if f.x_line != length * step or f.wide_line != length * f.element:
        for i in range(outers):
            dst, src = to + i * f.wide_outer, source + i * f.x_outer
            call(f.gather, (dst, f.wide_line, src, f.x_line, rows, step, run, 0, run, f.x_code))
        return
    rows, run = outers, rows * length
    if f.x_outer == run * step and f.wide_outer == run * f.element:
        rows, run = 1, outers * run
    call(f.gather, (to, f.wide_outer, source, f.x_outer, rows, step, run, 0, run, f.x_code))


@njit(error_model="numpy")
def widened_weights(f, to, source, count):
    """So many weights that follow one another become float32."""
    call(f.gather, (to, 0, source, 0, 1, f.size, count, 0, count, f.w_code))


@njit(error_model="numpy")
def columns(f, to, source, series, channels):
    """What a block reads becomes float32; where the image would begin if all of it was there."""
    low, high = reach(f, series, 0, 1)
    to -= low * f.wide_line
    widened(f, to, source, f.outers, low, high, channels)
    return to


@njit(error_model="numpy")
def clear(f, at, nbytes):
    """Zeros, in whole vectors."""
    call(f.gather, (at, 0, at, 0, 1, f.element, nbytes // f.element, 0, 0, NATIVE))


def _planes(frame, x, weight, bias, out, scratch, worker):
    """Results of planes: the forward convolution, or the input gradient."""
    f = frame_at(frame)
    places = scratch + 64 + worker * f.slot
    wide = places + f.wide_at
    tasks = f.n * f.pieces * f.parts
    tail = 0
    if f.tail:
        tail, bias = bias, load_i64(bias)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        part, piece, image = task % f.parts, task // f.parts % f.pieces, task // f.parts // f.pieces
        unit, last_unit = piece * f.units // f.pieces, (piece + 1) * f.units // f.pieces
        low, high = f.lines, 0
        if f.x_code:
            for i in range(f.series_count):
                series = f.series + i * ENTRY
                first, last = share(f, series, part)
                least, most = reach(f, series, first, last)
                low, high = min(low, least), max(high, most)
        while unit < last_unit:
            count = min(f.together, last_unit - unit)
            base, to = x + image * f.x_n + unit * f.x_c, out + image * f.y_n + unit * f.outs * f.y_c
            apart, own = f.x_c, weight + unit * f.w_unit
            if f.x_code:
                widened(f, wide, base, count * f.outers, low, high, f.width)
                base, apart = wide, f.outers * f.wide_outer
            if f.w_code:
                own = places + f.weights_at
                kernels = f.w_unit // f.element
                widened_weights(f, own, weight + unit * kernels * f.size, count * kernels)
            for i in range(f.series_count):
                series = f.series + i * ENTRY
                first, last = share(f, series, part)
                for o in range(f.outs):
                    addend = bias + (unit * f.outs + o) * f.element if bias else 0
                    call(
                        f.sweep,
                        (
                            *(series, first, last, count, base, apart, f.zeros, places, f.width, f.columns),
                            *(own + o * f.w_out, f.w_unit, addend, f.outs * f.element),
                            *(to + o * f.y_c, f.outs * f.y_c, tail),
                        ),
                    )
            unit += count


def _plane_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient of planes, all images in order: out[o][tap]."""
    f = frame_at(frame)
    places = scratch + 64 + worker * f.slot
    sums, wide = places + f.sums_at, places + f.wide_at
    while True:
        task = next_task(scratch, worker, f.pieces)
        if task >= f.pieces:
            break
        unit, last_unit = task * f.units // f.pieces, (task + 1) * f.units // f.pieces
        while unit < last_unit:
            count = min(f.together, last_unit - unit)
            clear(f, sums, count * f.outs * f.w_out)
            for image in range(f.n):
                base, src = x + image * f.x_n + unit * f.x_c, grad + image * f.y_n + unit * f.outs * f.y_c
                apart = f.x_c
                if f.x_code:
                    widened(f, wide, base, count, 0, f.lines, f.width)
                    base, apart = wide, f.wide_outer
                for i in range(f.series_count):
                    series = f.series + i * ENTRY
                    first, last = share(f, series, 0)
                    for o in range(f.outs):
                        call(
                            f.correlate,
                            (
                                *(series, first, last, count, base, apart, f.zeros, places, f.width, f.columns),
                                *(src + o * f.y_c, f.outs * f.y_c, sums + o * f.w_out, f.outs * f.w_out),
                            ),
                        )
            for o in range(count * f.outs):
                call(f.totals, (f.taps, sums + o * f.w_out, out + (unit * f.outs + o) * f.taps * f.size))
            unit += count


def _channels(frame, x, weight, bias, out, scratch, worker):
    """Results of channels that lie side by side: the forward convolution, or the input gradient."""
    f = frame_at(frame)
    places = scratch + 64 + worker * f.slot
    ready, wide = places + f.sums_at, places + f.wide_at
    packed = -1
    lanes = f.vector // f.element
    tasks = f.n * f.pieces * f.series_count
    tail = 0
    if f.tail:
        tail, bias = bias, load_i64(bias)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        i, image, piece = task % f.series_count, task // f.series_count % f.n, task // f.series_count // f.n
        first = piece * f.piece
        channels = min(f.piece, f.units - first)
        if piece != packed:  # weights with their channels side by side
            for c in range(0, channels, lanes):
                rows = min(lanes, channels - c)
                src = weight + (first + c) * f.taps * f.size
                if f.w_code:
                    widened_weights(f, places + f.weights_at, src, rows * f.taps)
                    src = places + f.weights_at
                call(
                    f.transpose,
                    (ready + c * f.element, f.tap_step, src, f.taps * f.element, rows, f.taps, lanes, 0, 0),
                )
            packed = piece
        base, to = x + image * f.x_n + first * f.size, out + image * f.y_n + first * f.size
        if f.x_code:
            base = columns(f, wide, base, f.series + i * ENTRY, channels)
        addend = bias + first * f.element if bias else 0
        call(
            f.sweep,
            (
                *(f.series + i * ENTRY, 0, 1, 1, base, 0, f.zeros, places, 0, channels),
                *(ready, 0, addend, 0, to, 0, tail),
            ),
        )


def _channel_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient of channels that lie side by side: out[part][tap][channel], images in order."""
    f = frame_at(frame)
    places = scratch + 64 + worker * f.slot
    wide = places + f.wide_at
    tasks = f.pieces * f.parts
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        part, piece = task % f.parts, task // f.parts
        channels = min(f.piece, f.units - piece * f.piece)
        sums, side = out + part * f.part_step + piece * f.piece * f.element, piece * f.piece * f.size
        for image in range(f.n):
            base, src = x + image * f.x_n + side, grad + image * f.y_n + side
            for i in range(part * f.series_count // f.parts, (part + 1) * f.series_count // f.parts):
                read = columns(f, wide, base, f.series + i * ENTRY, channels) if f.x_code else base
                call(
                    f.correlate,
                    (
                        *(f.series + i * ENTRY, 0, 1, 1, read, 0, f.zeros, places, 0, channels),
                        *(src, 0, sums, 0),
                    ),
                )


planes = Kernel(_planes)
plane_gradient = Kernel(_plane_gradient)
channels = Kernel(_channels)
channel_gradient = Kernel(_channel_gradient)
