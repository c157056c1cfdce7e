"""Convolution with few channels a group: the lanes are positions of padded planes, and weights stay where they are.

    sums[o][position] = sum over (c, tap) of weight[o, c, tap] * plane[c][position + tap]

A task copies the rows of its group's channels that it reads, with the zeros around them, into planes in the cache
(see planes.py); the columns of each phase of the stride lie in a plane of their own. Positions run on through the few
columns by which a plane is wider than the output; the store leaves those out. An input gradient is the same with as
many parts as the stride has phases, all reading the same planes.

Arrays whose channels lie side by side are transposed a few groups at a time, into rows and out of them, on the way.

The weight gradient is a product of pairs of planes, the output's gradient being copied with the same distance of rows
and zeros between them.
"""

from __future__ import annotations

import numpy as np

from .emit import call, load_i64, next_ticket
from .jit import njit
from .launch import Kernel, frame_reader

# Sizes in elements, strides and `at`s in bytes, tables as addresses.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("plane", "rows_tile", "pairs", "interleave", "scatter", "transpose"),
            *("element", "lanes"),
            # tasks: (image, a few groups, band of rows, share of the blocks of output channels)
            *("n", "g", "together", "bands", "shares", "blocks"),
            # what is read: channels of a group, strides, storage, rows of an image; step between rows of a plane
            *("channels", "x_n", "x_c", "x_h", "x_code", "ih", "sh"),
            # where it is transposed first: steps of the array (0: not at all), columns, rows that one output row reads
            *("x_row", "x_column", "iw", "window"),
            # planes: zeros before the first row, rows of padding above the image, a row's first column of the image,
            # zeros before it, columns copied, every which of them; bytes of a plane and of a channel's planes
            *("lead", "top", "left", "low", "count", "sw", "pitch", "slack", "plane_at", "channel_at"),
            *("row_planes", "row_table"),
            # weights: bytes between groups and between output channels; tables for each part
            *("w_g", "w_o", "parts", "part_table", "widths"),
            # what is written: channels of a group, rows of planes; strides, storage, steps between rows and columns
            *("outputs", "rows", "columns", "y_n", "y_c", "y_h", "y_w", "y_code", "step_h", "step_w", "interleaved"),
            *("y_row", "y_column", "y_height"),  # steps of the array where that is transposed, and its rows
            "finish",  # the step that applies a tail, or 0; then bias is the address of the tail (see tail.py)
            # scratch of a worker
            *("slot", "band_at", "sum_at", "row_sums", "part_sums", "x_at", "y_at"),
            # weight gradient: terms of an output channel and their offsets; the block of pairs; planes of the gradient
            *("terms", "offsets", "pairs_m", "pairs_n", "grad_at"),
        )
    ]
)
frame_at = frame_reader(FRAME)

# A part: terms of its sums, those of a step, the tables of a's and b's offsets, where it is among the output's rows and
# columns, and how many it has of each.
PART = 8


@njit(error_model="numpy")
def into_rows(f, src, row, column, first, last, columns, channels, dst, channel_at):
    """dst[channel][row - first][column] = rows first..last of an array whose channels lie side by side."""
    count, length = last - first, columns
    if row == columns * column:
        count, length = 1, count * columns
    for r in range(count):
        for i in range(0, length, f.lanes):
            n = min(f.lanes, length - i)
            to = dst + (r * length + i) * f.element
            call(f.transpose, (to, channel_at, src + (first + r) * row + i * column, column, n, channels, n, 0, 0))


@njit(error_model="numpy")
def out_of_rows(f, src, channel_at, first, last, channels, dst):
    """The way back, for the output's rows first..last."""
    count, length = last - first, f.columns
    if f.y_row == f.columns * f.y_column:
        count, length = 1, count * length
    for r in range(count):
        for c in range(0, channels, f.lanes):
            n = min(f.lanes, channels - c)
            row = src + c * channel_at + r * length * f.element
            to = dst + (first + r) * f.y_row + c * f.element
            call(f.transpose, (to, f.y_column, row, channel_at, n, length, n, 0, 0))


@njit(error_model="numpy")
def rows_of(f, x, image, group, groups, first_row, rows, room):
    """Where the rows of a few groups' input are: in the image, or in `room`, transposed."""
    if not f.x_column:
        return x + image * f.x_n + group * f.channels * f.x_c
    first = max(0, first_row * f.sh - f.top)
    last = max(first, min(f.ih, (first_row + rows - 1) * f.sh - f.top + f.window))
    src = x + image * f.x_n + group * f.channels * f.element
    into_rows(f, src, f.x_row, f.x_column, first, last, f.iw, groups * f.channels, room, f.x_c)
    return room - first * f.x_h


@njit(error_model="numpy")
def pack_planes(f, src, first_row, rows, dst):
    """Copies what output rows first_row.. of a group read."""
    for p in range(f.row_planes):
        start = first_row * f.sh + load_i64(f.row_table + 16 * p) - f.top
        count = rows + load_i64(f.row_table + 16 * p + 8)
        first_in = min(max(0, -(start // f.sh)), count)
        last_in = max(first_in, min(-((start - f.ih) // f.sh), count))
        row = src + (start + first_in * f.sh) * f.x_h + f.left
        to = dst + p * f.sw * f.plane_at
        lead = f.lead + first_in * f.pitch
        tail = (count - last_in) * f.pitch + f.slack
        inner, step = last_in - first_in, f.sh * f.x_h
        for _ in range(f.channels):
            call(
                f.plane,
                (to, lead, inner, f.pitch, tail, row, step, f.low, f.count, f.sw, f.plane_at, f.x_code),
            )
            row += f.x_c
            to += f.channel_at


@njit(error_model="numpy")
def multiply(f, part, m, vectors, weight, planes, sums):
    """The sums of m output channels over all positions of the planes."""
    entry = f.part_table + 8 * PART * part
    terms, step = load_i64(entry), load_i64(entry + 8)
    a_offsets, b_offsets = load_i64(entry + 16), load_i64(entry + 24)
    vector = f.lanes * f.element
    while vectors > 0:
        width = load_i64(f.widths + 8 * (16 * m + min(vectors, 15)))
        first = 0
        while True:
            k = min(step, terms - first)
            a, b = a_offsets + 4 * first, b_offsets + 4 * first
            call(f.rows_tile, (m, width, k, weight, f.w_o, a, planes, b, sums, f.row_sums, first == 0))
            first += step
            if first >= terms:
                break
        planes += width * vector
        sums += width * vector
        vectors -= width


@njit(error_model="numpy")
def store(f, part, first_row, rows, sums, bias, out):
    """Writes the sums of one output channel."""
    entry = f.part_table + 8 * PART * part
    row, column = load_i64(entry + 32), load_i64(entry + 40)
    count = min(rows, load_i64(entry + 48) - first_row)
    if count <= 0:
        return
    to = out + (row + first_row * f.step_h) * f.y_h + column * f.y_w
    pitch = f.pitch * f.element
    if f.interleaved:
        odd = sums + f.part_sums
        call(f.interleave, (to, f.step_h * f.y_h, sums, odd, pitch, count, f.columns))
    else:
        columns, step = load_i64(entry + 56), f.step_w * f.y_w
        call(f.scatter, (to, f.step_h * f.y_h, sums, pitch, count, step, columns, f.y_code, bias))


def _forward(frame, x, weight, bias, out, scratch, worker):
    """The forward convolution, or an input gradient, whose x is the output's gradient."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    planes, sums, room = slot + f.band_at, slot + f.sum_at, slot + f.y_at
    several = -(-f.g // f.together)
    tail = 0
    if f.finish:
        tail, bias = bias, load_i64(bias)
    while True:
        task = next_ticket(scratch)
        if task >= f.n * several * f.bands * f.shares:
            break
        share, place = task % f.shares, task // f.shares
        band, place = place % f.bands, place // f.bands
        group, image = place % several * f.together, place // several
        groups = min(f.together, f.g - group)
        first_row = band * f.rows // f.bands
        rows = (band + 1) * f.rows // f.bands - first_row
        src = rows_of(f, x, image, group, groups, first_row, rows, slot + f.x_at)
        to = out + image * f.y_n + group * f.outputs * f.y_c
        if f.y_column:
            to = room - first_row * f.step_h * f.y_h
        vectors = -(-rows * f.pitch // f.lanes)
        for channel in range(group * f.outputs, (group + groups) * f.outputs, f.outputs):
            pack_planes(f, src, first_row, rows, planes)
            src += f.channels * f.x_c
            own = weight + channel // f.outputs * f.w_g
            for block in range(share * f.blocks // f.shares, (share + 1) * f.blocks // f.shares):
                o = block * f.outputs // f.blocks
                m = (block + 1) * f.outputs // f.blocks - o
                for part in range(f.parts):
                    multiply(f, part, m, vectors, own + o * f.w_o, planes, sums + part * f.part_sums)
                for i in range(o, o + m):
                    shift = bias + (channel + i) * f.element if bias else 0
                    row = sums + (i - o) * f.row_sums
                    for part in range(0, f.parts, 1 + f.interleaved):
                        store(f, part, first_row, rows, row + part * f.part_sums, shift, to + i * f.y_c)
                    if tail and not f.y_column:  # rows of a plane are one
                        call(f.finish, (tail, shift, to + i * f.y_c + first_row * f.y_h, 0, 1, rows * f.columns))
            to += f.outputs * f.y_c
        if f.y_column:
            first, last = first_row * f.step_h, min(f.y_height, (first_row + rows) * f.step_h)
            to = out + image * f.y_n + group * f.outputs * f.element
            out_of_rows(f, room, f.y_c, first, last, groups * f.outputs, to)
            if tail:
                shift, pixels = bias + group * f.outputs * f.element, (last - first) * f.columns
                call(f.finish, (tail, shift, to + first * f.y_row, f.y_column, pixels, groups * f.outputs))


@njit(error_model="numpy")
def multiply_pairs(f, outputs, vectors, grads, planes, out, first):
    """Adds to out[o][term] the products of some output channels' gradients with all terms of a group."""
    blocks = -(-outputs // f.pairs_m)
    row = f.terms * f.element
    for block in range(blocks):
        o = block * outputs // blocks
        m = (block + 1) * outputs // blocks - o
        left, to = grads + o * f.grad_at, out + o * row
        for j in range(0, f.terms, f.pairs_n):
            n = min(f.pairs_n, f.terms - j)
            right = f.offsets + 4 * j
            call(f.pairs, (m, n, vectors, left, f.grad_at, planes, right, to + j * f.element, row, first))


def _weight_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient out[o][c, tap] of the compute type; a task sums over all images, in order."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    planes, grads, room = slot + f.band_at, slot + f.sum_at, slot + f.y_at
    several = -(-f.g // f.together)
    while True:
        task = next_ticket(scratch)
        if task >= several * f.shares:
            break
        share, group = task % f.shares, task // f.shares * f.together
        groups = min(f.together, f.g - group)
        o_0, o_1 = share * f.outputs // f.shares, (share + 1) * f.outputs // f.shares
        for unit in range(f.n * f.bands):
            image, band = unit // f.bands, unit % f.bands
            first_row = band * f.rows // f.bands
            rows = (band + 1) * f.rows // f.bands - first_row
            src = rows_of(f, x, image, group, groups, first_row, rows, slot + f.x_at)
            other = grad + image * f.y_n + group * f.outputs * f.y_c + first_row * f.y_h
            if f.y_column:
                at = grad + image * f.y_n + group * f.outputs * f.element
                last = first_row + rows
                channels = groups * f.outputs
                into_rows(f, at, f.y_row, f.y_column, first_row, last, f.columns, channels, room, f.y_c)
                other = room
            for channel in range(group * f.outputs, (group + groups) * f.outputs, f.outputs):
                pack_planes(f, src, first_row, rows, planes)
                src += f.channels * f.x_c
                for o in range(o_0, o_1):
                    row, to = other + o * f.y_c, grads + (o - o_0) * f.grad_at
                    call(f.plane, (to, 0, rows, f.pitch, f.lanes, row, f.y_h, 0, f.columns, 1, 0, f.y_code))
                other += f.outputs * f.y_c
                to = out + (channel + o_0) * f.terms * f.element
                multiply_pairs(f, o_1 - o_0, -(-rows * f.pitch // f.lanes), grads, planes, to, unit == 0)


forward = Kernel(_forward)
weight_gradient = Kernel(_weight_gradient)
