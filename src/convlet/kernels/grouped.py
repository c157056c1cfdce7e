"""Convolution in groups of few channels: the lanes are positions of padded planes, and weights stay where they are.

    sums[o][position] = sum over (c, tap) of weight[o, c, tap] * plane[c][position + tap]

A task copies the rows of its group's channels that it reads, with the zeros around them, into planes in the cache
(see planes.py); the columns of each phase of the stride lie in a plane of their own. Positions run on through the few
columns by which a plane is wider than the output; the store leaves those out. An input gradient is the same with as
many parts as the stride has phases, all reading the same planes.

The weight gradient is a product of pairs of planes, the output's gradient being copied with the same distance of rows
and zeros between them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .emit import call, load_i64, next_ticket
from .launch import Kernel, frame_reader

# Sizes in elements, strides and `at`s in bytes, tables as addresses.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("plane", "rows_tile", "pairs", "interleave", "scatter"),
            *("element", "lanes"),
            # tasks: (image, group, band of rows, share of the blocks of output channels)
            *("n", "g", "bands", "shares", "blocks"),
            # what is read: channels of a group, strides, storage, rows of an image; step between rows of a plane
            *("channels", "x_n", "x_c", "x_h", "x_code", "ih", "sh"),
            # planes: zeros before the first row, rows of padding above the image, a row's first column of the image,
            # zeros before it, columns copied, every which of them; bytes of a plane and of a channel's planes
            *("lead", "top", "left", "low", "count", "sw", "pitch", "slack", "plane_at", "channel_at"),
            *("row_planes", "row_table"),
            # weights: bytes between groups and between output channels; tables for each part
            *("w_g", "w_o", "parts", "part_table", "widths"),
            # what is written: channels of a group, rows of planes; strides, storage, steps between rows and columns
            *("outputs", "rows", "columns", "y_n", "y_c", "y_h", "y_w", "y_code", "step_h", "step_w", "interleaved"),
            # scratch of a worker
            *("slot", "band_at", "sum_at", "row_sums", "part_sums"),
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
    planes, sums = slot + f.band_at, slot + f.sum_at
    while True:
        task = next_ticket(scratch)
        if task >= f.n * f.g * f.bands * f.shares:
            break
        share, place = task % f.shares, task // f.shares
        band, place = place % f.bands, place // f.bands
        group, image = place % f.g, place // f.g
        first_row = band * f.rows // f.bands
        rows = (band + 1) * f.rows // f.bands - first_row
        pack_planes(f, x + image * f.x_n + group * f.channels * f.x_c, first_row, rows, planes)
        vectors = -(-rows * f.pitch // f.lanes)
        for block in range(share * f.blocks // f.shares, (share + 1) * f.blocks // f.shares):
            o = block * f.outputs // f.blocks
            m = (block + 1) * f.outputs // f.blocks - o
            own = weight + group * f.w_g + o * f.w_o
            for part in range(f.parts):
                multiply(f, part, m, vectors, own, planes, sums + part * f.part_sums)
            for i in range(m):
                channel = group * f.outputs + o + i
                shift = bias + channel * f.element if bias else 0
                to = out + image * f.y_n + channel * f.y_c
                for part in range(0, f.parts, 1 + f.interleaved):
                    store(f, part, first_row, rows, sums + part * f.part_sums + i * f.row_sums, shift, to)


def _weight_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient out[o][c, tap] of the compute type; a task sums over all images, in order."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    planes, grads = slot + f.band_at, slot + f.sum_at
    while True:
        task = next_ticket(scratch)
        if task >= f.g * f.shares:
            break
        share, group = task % f.shares, task // f.shares
        o_0, o_1 = share * f.outputs // f.shares, (share + 1) * f.outputs // f.shares
        blocks = -(-(o_1 - o_0) // f.pairs_m)
        for unit in range(f.n * f.bands):
            image, band = unit // f.bands, unit % f.bands
            first_row = band * f.rows // f.bands
            rows = (band + 1) * f.rows // f.bands - first_row
            pack_planes(f, x + image * f.x_n + group * f.channels * f.x_c, first_row, rows, planes)
            src = grad + image * f.y_n + (group * f.outputs + o_0) * f.y_c + first_row * f.y_h
            for o in range(o_1 - o_0):
                to = grads + o * f.grad_at
                call(f.plane, (to, 0, rows, f.pitch, f.lanes, src, f.y_h, 0, f.columns, 1, 0, f.y_code))
                src += f.y_c
            vectors = -(-rows * f.pitch // f.lanes)
            for block in range(blocks):
                o = block * (o_1 - o_0) // blocks
                m = (block + 1) * (o_1 - o_0) // blocks - o
                to = out + (group * f.outputs + o_0 + o) * f.terms * f.element
                for j in range(0, f.terms, f.pairs_n):
                    n = min(f.pairs_n, f.terms - j)
                    call(
                        f.pairs,
                        (
                            m,
                            n,
                            vectors,
                            grads + o * f.grad_at,
                            f.grad_at,
                            planes,
                            f.offsets + 4 * j,
                            to + j * f.element,
                            f.terms * f.element,
                            unit == 0,
                        ),
                    )


forward = Kernel(_forward)
weight_gradient = Kernel(_weight_gradient)
