"""Convolution with one input channel a group, read and written where the arrays lie: nothing is padded or copied.

A *block* is a few rows of results that stay in registers while the kernel passes over them (depthwise_steps.py). It
reads the image through a table of offsets of rows, in which padding is a row of zeros.

    planes    lanes are columns; a task is some blocks of the planes of some channels
    channels  lanes are channels that lie side by side; a task is a block, or some channels of it
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .emit import NATIVE, call, load_i64, next_ticket, store_i64
from .launch import Kernel, frame_reader

# What the table of blocks says of each (offsets and strides in bytes, tables as addresses).
BLOCK = (
    "rows",  # of results, held in registers
    "at",  # where the first of them is in its plane
    "step",  # bytes between them
    "offsets",  # table of the image's rows that are read; OUTSIDE is the padding's
    "count",  # of them
    "table",  # planes: the runs; channels: the table of columns
    "groups",  # planes: runs
    "more",  # runs of the second phase
)
ENTRY = 8 * len(BLOCK)
OUTSIDE = np.iinfo(np.int64).min

FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("sweep", "correlate", "totals", "gather", "transpose"),
            *("element", "vector", "n", "units", "outs", "columns", "width", "taps"),
            # strides: of images, of units (planes or channels), and of columns, read and written
            *("x_n", "x_c", "x_w", "y_n", "y_c", "y_w"),
            *("w_unit", "w_out"),  # weights (or sums) of a unit, and of each of its results
            *("zeros", "blocks", "block_count"),
            # tasks: units of each, parts of the blocks, and units that are cut so
            *("piece", "pieces", "parts"),
            # scratch of a worker; channels: bytes between taps, and between the sums of parts
            *("slot", "sums_at", "tap_step", "part_step"),
        )
    ]
)

frame_at = frame_reader(FRAME)


@njit(error_model="numpy")
def set_places(block, base, zeros, places):
    """The addresses of the rows that a block reads."""
    offsets = load_i64(block + 24)
    for i in range(load_i64(block + 32)):
        offset = load_i64(offsets + 8 * i)
        store_i64(places + 8 * i, zeros if offset == OUTSIDE else base + offset)


@njit(error_model="numpy")
def clear(f, at, nbytes):
    """Zeros, in whole vectors."""
    call(f.gather, (at, 0, at, 0, 1, f.element, nbytes // f.element, 0, 0, NATIVE))


def _planes(frame, x, weight, bias, out, scratch, worker):
    """Results of planes: the forward convolution, or the input gradient."""
    f = frame_at(frame)
    places = scratch + 64 + worker * f.slot
    while True:
        task = next_ticket(scratch)
        if task >= f.n * f.pieces * f.parts:
            break
        part, piece, image = task % f.parts, task // f.parts % f.pieces, task // f.parts // f.pieces
        first, last = part * f.block_count // f.parts, (part + 1) * f.block_count // f.parts
        for unit in range(piece * f.units // f.pieces, (piece + 1) * f.units // f.pieces):
            base, to = x + image * f.x_n + unit * f.x_c, out + image * f.y_n + unit * f.outs * f.y_c
            for b in range(first, last):
                block = f.blocks + b * ENTRY
                set_places(block, base, f.zeros, places)
                rows, at, step = load_i64(block), load_i64(block + 8), load_i64(block + 16)
                table, groups, more = load_i64(block + 40), load_i64(block + 48), load_i64(block + 56)
                for o in range(f.outs):
                    weights = weight + unit * f.w_unit + o * f.w_out
                    addend = bias + (unit * f.outs + o) * f.element if bias else 0
                    call(
                        f.sweep,
                        (
                            *(rows, f.columns, f.width, places, groups, more, table),
                            *(weights, addend, to + o * f.y_c + at, step),
                        ),
                    )


def _plane_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient of planes, all images in order: out[o][tap]."""
    f = frame_at(frame)
    places = scratch + 64 + worker * f.slot
    sums = places + f.sums_at
    while True:
        task = next_ticket(scratch)
        if task >= f.pieces:
            break
        for unit in range(task * f.units // f.pieces, (task + 1) * f.units // f.pieces):
            clear(f, sums, f.outs * f.w_out)
            for image in range(f.n):
                base, src = x + image * f.x_n + unit * f.x_c, grad + image * f.y_n + unit * f.outs * f.y_c
                for b in range(f.block_count):
                    block = f.blocks + b * ENTRY
                    set_places(block, base, f.zeros, places)
                    rows, at, step = load_i64(block), load_i64(block + 8), load_i64(block + 16)
                    table, groups = load_i64(block + 40), load_i64(block + 48)
                    for o in range(f.outs):
                        plane = src + o * f.y_c + at
                        call(
                            f.correlate,
                            (rows, f.columns, f.width, places, groups, table, plane, step, sums + o * f.w_out),
                        )
            for o in range(f.outs):
                call(f.totals, (f.taps, sums + o * f.w_out, out + (unit * f.outs + o) * f.taps * f.element))


# Where channels lie side by side, each column of results has an entry: its runs, their number, where it reads.


def _channels(frame, x, weight, bias, out, scratch, worker):
    """Results of channels that lie side by side: the forward convolution, or the input gradient."""
    f = frame_at(frame)
    places = scratch + 64 + worker * f.slot
    ready = places + f.sums_at
    packed = -1
    lanes = f.vector // f.element
    while True:
        task = next_ticket(scratch)
        if task >= f.n * f.pieces * f.block_count:
            break
        b, image, piece = task % f.block_count, task // f.block_count % f.n, task // f.block_count // f.n
        first = piece * f.piece
        channels = min(f.piece, f.units - first)
        if piece != packed:  # weights with their channels side by side
            for c in range(0, channels, lanes):
                rows = min(lanes, channels - c)
                src = weight + (first + c) * f.taps * f.element
                call(
                    f.transpose,
                    (ready + c * f.element, f.tap_step, src, f.taps * f.element, rows, f.taps, lanes, 0, 0),
                )
            packed = piece
        block = f.blocks + b * ENTRY
        set_places(block, x + image * f.x_n + first * f.element, f.zeros, places)
        rows, at, step, entry = load_i64(block), load_i64(block + 8), load_i64(block + 16), load_i64(block + 40)
        to = out + image * f.y_n + first * f.element + at
        addend = bias + first * f.element if bias else 0
        for _ in range(f.columns):
            table, groups, left = load_i64(entry), load_i64(entry + 8), load_i64(entry + 16)
            call(f.sweep, (rows, channels, left, places, groups, 0, table, ready, addend, to, step))
            to += f.y_w
            entry += 24


def _channel_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient of channels that lie side by side: out[part][tap][channel], images in order."""
    f = frame_at(frame)
    places = scratch + 64 + worker * f.slot
    while True:
        task = next_ticket(scratch)
        if task >= f.pieces * f.parts:
            break
        part, piece = task % f.parts, task // f.parts
        channels = min(f.piece, f.units - piece * f.piece)
        sums, side = out + part * f.part_step + piece * f.piece * f.element, piece * f.piece * f.element
        for image in range(f.n):
            for b in range(part * f.block_count // f.parts, (part + 1) * f.block_count // f.parts):
                block = f.blocks + b * ENTRY
                set_places(block, x + image * f.x_n + side, f.zeros, places)
                rows, at, step, entry = load_i64(block), load_i64(block + 8), load_i64(block + 16), load_i64(block + 40)
                src = grad + image * f.y_n + side + at
                for _ in range(f.columns):
                    table, groups, left = load_i64(entry), load_i64(entry + 8), load_i64(entry + 16)
                    call(f.correlate, (rows, channels, left, places, groups, table, src, step, sums))
                    src += f.y_w
                    entry += 24


planes = Kernel(_planes)
plane_gradient = Kernel(_plane_gradient)
channels = Kernel(_channels)
channel_gradient = Kernel(_channel_gradient)
