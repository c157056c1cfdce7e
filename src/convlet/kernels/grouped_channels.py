"""Convolution of groups of 8 to 32 channels: lanes are a group's output channels, its input lies pixel by pixel.

    sums[position][o] = sum over (c, tap) of band[position + tap][c] * weight[c, tap][o]

A task copies the rows that some output rows read, a few groups at a time, into a band [row][column][channel] with
zeros around it: plain copies where channels lie side by side, transposed blocks where columns do. A group's weights,
packed before, lie in L1 meanwhile. Stride and dilation are in the tables of offsets. An input gradient is the same
with as many parts as the stride has phases, all reading the same band.
"""

from __future__ import annotations

import numpy as np

from .edges import store_band
from .emit import NATIVE, call, load_i64
from .jit import njit
from .launch import Kernel, frame_reader, next_task

# Sizes in elements, strides and `at`s in bytes, tables as addresses.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("channel_tile", "gather", "transpose", "scatter", "store_channels", "store_positions"),
            "pack_taps",  # the step for a run of taps, or 0
            *("element", "lanes"),
            # tasks: (some groups, image, band of rows); groups that are read and stored together
            *("n", "g", "bands", "chunks", "together"),
            # what is read: channels of a group, strides, sizes, storage
            *("channels", "x_n", "x_c", "x_h", "x_w", "ih", "iw", "x_code"),
            # the band: rows that an output row reads, columns, padding; bytes of a row; rows between rows of positions,
            # bytes between positions
            *("window", "width", "top", "left", "row_at", "sh", "step"),
            # weights: bytes between groups and lanes of the user's, and between the runs that a lane's consist of; how
            # many runs, terms of each; bytes of a packed group
            *("w_g", "w_lane", "w_run", "runs", "run", "w_group"),
            # blocks of a group's output channels, and parts of each block
            *("blocks", "block_table", "parts", "part_table"),
            # what is written
            *("outputs", "rows", "y_n", "y_c", "y_h", "y_w", "y_code", "y_size", "y_last"),
            *("y_height", "y_width", "step_h", "step_w"),  # rows and columns, and every which of them a part has
            "in_place",  # whether sums without a bias are made where results are
            # scratch of a worker
            *("slot", "band_at", "sum_at", "spare_at"),
        )
    ]
)
frame_at = frame_reader(FRAME)

# A block: its first channel, how many, vectors (0: half of one), where its weights begin in a group's, bytes of a row
# of them, positions of a tile.
BLOCK = 6
# A part of a block: terms of its sums, those of a step, the tables of offsets; where it is among the output's rows and
# columns, and how many it has of each.
PART = 8


def _pack_weights(frame, weight, unused, bias, packed, scratch, worker):
    """packed[group][block][run, term][lane], a task for each group."""
    f = frame_at(frame)
    while True:
        group = next_task(scratch, worker, f.g)
        if group >= f.g:
            break
        src = weight + group * f.w_g
        for b in range(f.blocks):
            entry = f.block_table + 8 * BLOCK * b
            first, width, vectors = load_i64(entry), load_i64(entry + 8), load_i64(entry + 16)
            to = packed + group * f.w_group + load_i64(entry + 24)
            wide = load_i64(entry + 32)
            lanes = min(f.lanes, wide // f.element)
            for v in range(max(1, vectors)):
                row = src + (first + v * f.lanes) * f.w_lane
                rows = min(lanes, width - v * f.lanes)
                if f.pack_taps and rows == f.lanes:
                    dst = to + v * f.lanes * f.element
                    call(f.pack_taps, (f.runs, dst, f.run * wide, wide, row, f.w_run, f.w_lane))
                    continue
                for r in range(f.runs):
                    dst = to + r * f.run * wide + v * f.lanes * f.element
                    call(f.transpose, (dst, wide, row + r * f.w_run, f.w_lane, rows, f.run, lanes, 0, 0))


@njit(error_model="numpy")
def zeros(f, to, count):
    """Clears a few elements."""
    call(f.gather, (to, 0, to, 0, 1, f.element, count, 0, 0, NATIVE))


@njit(error_model="numpy")
def inside(first, count, size):
    """Which of `count` rows (or columns) from `first` on are the image's: the first, and the first that is not."""
    low = min(max(0, -first), count)
    return low, max(low, min(size - first, count))


@njit(error_model="numpy")
def clear_edges(f, top, rows, band):
    """Zeros around the image, the same for all groups."""
    low, high = inside(top, rows, f.ih)
    left, right = inside(-f.left, f.width, f.iw)
    channels = f.together * f.channels
    for r in range(rows):
        row = band + r * f.row_at
        if r < low or r >= high:
            zeros(f, row, f.width * channels)
            continue
        if left > 0:
            zeros(f, row, left * channels)
        if right < f.width:
            zeros(f, row + right * channels * f.element, (f.width - right) * channels)


@njit(error_model="numpy")
def fill(f, src, channels, top, rows, band):
    """The image's pixels of a few groups."""
    low, high = inside(top, rows, f.ih)
    left, right = inside(-f.left, f.width, f.iw)
    pixel, count = f.together * f.channels * f.element, right - left
    for r in range(low, high):
        row = src + (top + r) * f.x_h + (left - f.left) * f.x_w
        to = band + r * f.row_at + left * pixel
        if f.x_code == NATIVE and f.x_w == f.element and f.x_c != f.element:
            for c in range(0, channels, f.lanes):
                n = min(f.lanes, channels - c)
                call(f.transpose, (to + c * f.element, pixel, row + c * f.x_c, f.x_c, n, count, n, 0, 0))
        else:
            call(f.gather, (to, pixel, row, f.x_w, count, f.x_c, channels, 0, channels, f.x_code))


@njit(error_model="numpy")
def multiply(f, part, block, rows, weights, band, to, steps):
    """to[row][position][lane] = the sums of a part and a block for some rows of positions.

    The steps are bytes between positions and between rows.
    """
    terms, most, columns = load_i64(part), load_i64(part + 8), load_i64(part + 56)
    a_offsets, b_offsets = load_i64(part + 16), load_i64(part + 24)
    vectors, length = load_i64(block + 16), load_i64(block + 40)
    pieces = -(-columns // length)
    step, row = steps
    for piece in range(pieces):
        start = piece * columns // pieces
        m = (piece + 1) * columns // pieces - start
        a, c = band + start * f.step, to + start * step
        first = 0
        while True:
            k = min(most, terms - first)
            call(
                f.channel_tile,
                (
                    *(m, vectors, rows, f.sh * f.row_at, k, a, f.step, a_offsets + 4 * first),
                    *(weights, b_offsets + 4 * first, c, step, row, first == 0),
                ),
            )
            first += most
            if first >= terms:
                break


@njit(error_model="numpy")
def multiply_groups(f, part, group, groups, rows, weight, band, to, channel, steps):
    """The sums of a part for a few groups, whose channels are `channel` bytes apart."""
    for i in range(groups):
        own = weight + (group + i) * f.w_group
        left = band + i * f.channels * f.element
        for b in range(f.blocks):
            block = f.block_table + 8 * BLOCK * b
            entry, ready = part + 8 * PART * f.parts * b, own + load_i64(block + 24)
            place = to + (i * f.outputs + load_i64(block)) * channel
            multiply(f, entry, block, rows, ready, left, place, steps)


def _forward(frame, x, weight, bias, out, scratch, worker):
    """The forward convolution, or an input gradient, whose x is the output's gradient; `weight` is packed."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, sums, spare = slot + f.band_at, slot + f.sum_at, slot + f.spare_at
    vectors = -(-f.together * f.outputs // f.lanes)
    wide = vectors * f.lanes * f.element
    tasks = f.n * f.bands * f.chunks
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        piece, place = task % f.bands, task // f.bands
        image, chunk = place % f.n, place // f.n
        first_row = piece * f.rows // f.bands
        rows = (piece + 1) * f.rows // f.bands - first_row
        top, read = first_row * f.sh - f.top, (rows - 1) * f.sh + f.window
        clear_edges(f, top, read, band)
        group, last = chunk * f.g // f.chunks, (chunk + 1) * f.g // f.chunks
        while group < last:
            groups = min(f.together, last - group)
            src = x + image * f.x_n + group * f.channels * f.x_c
            fill(f, src, groups * f.channels, top, read, band)
            shift = bias + group * f.outputs * f.element if bias else 0
            to = out + image * f.y_n + group * f.outputs * f.y_c + first_row * f.step_h * f.y_h
            here = f.in_place and not bias
            place, channel, column, row = sums, f.element, wide, f.y_width * wide
            if here:
                place, channel, column, row = to, f.y_c, f.y_w, f.y_h
            for i in range(f.parts):
                part = f.part_table + 8 * PART * i
                some = min(rows, load_i64(part + 48) - first_row)
                if some > 0:
                    corner = place + load_i64(part + 32) * row + load_i64(part + 40) * column
                    steps = f.step_w * column, f.step_h * row
                    multiply_groups(f, part, group, groups, some, weight, band, corner, channel, steps)
            if not here:
                some = min(rows * f.step_h, f.y_height - first_row * f.step_h)
                store_band(f, sums, vectors, groups * f.outputs, shift, 0, to, some, f.y_width, spare)
            group += groups


pack_weights = Kernel(_pack_weights)
forward = Kernel(_forward)
