"""Convolution of images of few channels: results are stored as the sums leave their registers.

A task copies the rows that it reads into a band (edges.py). The rows that a group of outputs reads are evaluated at the
points of Winograd's algorithm, once for each run of taps (winograd_matrices.py), and multiplied with all the weights:

    sums[point][o][column] = sum over (channel, run, v) of rows[point][channel, run][column + v] * weight[...][point][o]

With one point the rows are those of the band, and each tap is a run.
"""

from __future__ import annotations

import numpy as np

from . import edges
from .edges import pack_band, pack_weight
from .emit import NATIVE, call, load_i64
from .jit import njit
from .launch import Kernel, frame_reader, next_task

FRAME = np.dtype(
    [
        # Its own first: Numba warns of a record that begins with all the fields of another.
        *(
            (name, np.int64)
            for name in (
                # steps: the tile; what makes points of rows, of weights (0 where there is one point)
                *("sums_tile", "rows_in", "weights_in"),
                # groups of so many rows (`points`: theirs); runs of taps, `tap_step` apart, and for each of them (where
                # its first row is in a column plane of the band, its first tap)
                *("groups", "group", "run_count", "runs", "tap_step"),
                "piece",  # terms that are added one after the other
                # channels of the band: one, if those of the image lie side by side there too; bytes between columns
                *("band_channels", "column_step"),
                # rows at their points: bytes of a row, and between points
                *("row_bytes", "point_at"),
                # tiles for a vector of channels, and vectors of the widest; whether the columns of all rows follow one
                # another in the band and in the output, or of one
                *("tile_parts", "tile_vectors", "unbroken"),
                "columns",  # of a tile whose lanes are channels
                # packed weights: bytes of a vector of output channels; taps of a channel in scratch, zeros behind them
                *("weight_block", "spare_taps", "tap_zeros"),
                # results that are not stored in place: where in scratch, bytes of a row and of a channel
                *("in_place", "result_at", "result_row", "result_channel"),
                # weight gradient: steps; bytes between groups of rows, and of the output's gradient; blocks of pairs
                *("lift", "pairs", "weights_out", "group_at", "grad_group", "grad_point", "grad_row"),
                *("pairs_m", "pairs_n"),
                # the same where lanes are channels (shallow_last.py): terms of a row of taps; tables of where columns
                # are, in a row of the band and of the gradient, which is cut into parts
                *("run_terms", "column_offsets", "grad_columns", "cuts"),
            )
        ),
        *edges.FRAME.descr,
    ]
)
frame_at = frame_reader(FRAME)


def _pack_weights(frame, weight, unused, bias, packed, scratch, worker):
    """packed[vector of output channels][(channel, run, column of taps)][point][lane], a task for each vector."""
    f = frame_at(frame)
    spare = scratch + 64 + worker * f.slot
    vector = f.lanes * f.element
    tasks = -(-f.ocg // f.lanes)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        width = min(f.lanes, f.ocg - task * f.lanes)
        src = weight + task * f.lanes * f.w_o
        to = packed + task * f.weight_block
        if not f.weights_in:
            pack_weight(f, src, width, 0, f.icg, to, spare)
            continue
        taps = spare + f.spare_taps
        # A run that is shorter than the others ends with taps of zero.
        call(f.gather, (taps + f.kh * f.kw * vector, 0, taps, 0, 1, f.element, f.tap_zeros, 0, 0, NATIVE))
        point, step = f.kw * f.points * vector, f.points * vector
        for c in range(f.icg):
            pack_weight(f, src, width, c, c + 1, taps, spare)
            for run in range(f.run_count):
                first = taps + load_i64(f.runs + 16 * run + 8) * f.kw * vector
                call(f.weights_in, (f.kw, to, vector, 0, step, first, f.tap_step * f.kw * vector, 0, vector))
                to += point


@njit(error_model="numpy")
def pack_points(f, source, dst):
    """A group's rows at their points: dst[point][channel, run, column plane]; `source` is its first row in the band."""
    vector = f.lanes * f.element
    pitch = f.pitch * f.element
    for c in range(f.band_channels):
        for run in range(f.run_count):
            for q in range(f.col_planes):
                src = source + c * f.channel_at + q * (f.channel_at // f.col_planes) + load_i64(f.runs + 16 * run)
                call(f.rows_in, (f.row_bytes // vector, dst, f.point_at, 0, vector, src, pitch, 0, vector))
                dst += f.row_bytes


@njit(error_model="numpy")
def multiply(f, source, weight, bias, tail, rows, columns, out, y_h, y_c):
    """All output channels of a group of rows."""
    vector = f.lanes * f.element
    vectors = -(-columns // f.lanes)
    for first in range(0, f.ocg, f.lanes):
        for part in range(f.tile_parts):
            start = part * f.lanes // f.tile_parts
            most = (part + 1) * f.lanes // f.tile_parts - start
            o = first + start
            if o >= f.ocg:
                break
            if f.points == 1 and f.ocg - o <= most // 2:
                most = most // 2
            channels = min(most, f.ocg - o)
            own = weight + first // f.lanes * f.weight_block + start * f.element
            shift = bias + o * f.element if bias else 0
            done = 0
            while done < vectors:
                left = vectors - done
                wide = min(f.tile_vectors, left)
                count = left // wide
                # Four vectors are two tiles of two, not three and one: so few sums would wait for one another.
                if wide > 2 and left % wide == 1:
                    wide, count = (wide, count - 1) if count > 1 else (2, 2)
                src, to = source + done * vector, out + o * y_c + done * vector
                what = 16 * most + wide, count, f.chunk, f.piece, own, f.offsets, src, f.point_at
                call(f.sums_tile, (*what, to, y_h, y_c, channels, rows, columns - done * f.lanes, shift, tail))
                done += count * wide


@njit(error_model="numpy")
def multiply_last(f, source, weight, bias, tail, rows, out):
    """The same for results whose channels lie side by side."""
    tiles = -(-f.ow // f.columns)
    for o in range(0, f.ocg, f.lanes):
        channels = min(f.lanes, f.ocg - o)
        halves = 1 if channels <= f.lanes // 2 else 2
        own, shift = weight + o // f.lanes * f.weight_block, bias + o * f.element if bias else 0
        src, to = source, out + o * f.y_size
        # Some tiles have a column more than the others.
        for more in (1, 0):
            many, count = f.ow // tiles + more, f.ow % tiles if more else tiles - f.ow % tiles
            what = 4 * many + halves, count, f.chunk, f.piece, own, f.offsets, src, f.column_step, f.point_at
            call(f.sums_tile, (*what, to, f.y_h, f.y_w, channels, rows, shift, tail))
            src += count * many * f.column_step
            to += count * many * f.y_w


def _forward(frame, x, weight, bias, out, scratch, worker):
    """The forward convolution; a task is (image, band of groups of rows)."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, ready, spare, results = slot + f.band_at, slot + f.other_at, slot + f.row_at, slot + f.result_at
    tail = 0
    if f.tail:
        tail, bias = bias, load_i64(bias)
    tasks = f.n * f.bands_h
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        image, by = task // f.bands_h, task % f.bands_h
        first, last = by * f.groups // f.bands_h, (by + 1) * f.groups // f.bands_h
        count = last - first
        pack_band(f, x + image * f.x_n, f.band_channels, first * f.group, count * f.group, 0, band, spare)
        own = out + image * f.y_n + first * f.group * f.y_h
        if f.unbroken:
            multiply(f, band, weight, bias, tail, 1, count * f.ow, own, f.y_h, f.y_c)
            continue
        for i in range(count):
            source = band + i * f.group * f.pitch * f.element
            rows = min(f.group, f.oh - (first + i) * f.group)
            if f.points > 1:
                pack_points(f, source, ready)
                source = ready
            to = own + i * f.group * f.y_h
            if f.y_last:
                multiply_last(f, source, weight, bias, tail, rows, to)
            elif f.in_place:
                multiply(f, source, weight, bias, tail, rows, f.ow, to, f.y_h, f.y_c)
            else:
                multiply(f, source, weight, bias, 0, rows, f.ow, results, f.result_row, f.result_channel)
                for r in range(rows):
                    row = results + r * f.result_row
                    call(f.scatter, (to + r * f.y_h, f.y_c, row, f.result_channel, f.ocg, f.y_w, f.ow, f.y_code, 0))


@njit(error_model="numpy")
def pack_gradient(f, grad, first, count, channels, dst):
    """The output's gradient of some groups of rows: dst[group][point][channel], or without points dst[row][channel]."""
    for i in range(count):
        row = (first + i) * f.group
        for c in range(channels):
            src, to = grad + c * f.y_c + row * f.y_h, dst + i * f.grad_group + c * f.grad_row
            if f.points > 1:
                call(f.lift, (to, f.grad_point, src, f.y_h, min(f.group, f.oh - row), f.ow, f.y_code))
            else:
                call(f.gather, (to, 0, src, 0, 1, f.y_w, f.ow, 0, f.ow, f.y_code))


@njit(error_model="numpy")
def multiply_pairs(f, count, columns, channels, grads, grad_row, grad_group, source, sums, fresh):
    """Adds to sums[channel][point][term] the products of some groups of rows of one and the other."""
    blocks = -(-f.chunk // f.pairs_n)
    row = f.points * f.chunk * f.element
    c = 0
    while c < channels:
        m = f.pairs_m
        while m > channels - c:
            m = m // 2
        for p in range(f.points):
            left, right = grads + c * grad_row + p * f.grad_point, source + p * f.point_at
            for block in range(blocks):
                j = block * f.chunk // blocks
                n = (block + 1) * f.chunk // blocks - j
                to = sums + c * row + (p * f.chunk + j) * f.element
                what = m, n, count, columns, left, grad_row, grad_group
                call(f.pairs, (*what, right, f.offsets + 4 * j, f.group_at, to, row, fresh))
        c += m


def _weight_gradient(frame, x, grad, unused, parts, scratch, worker):
    """parts[part][o][point][term]: sums over the bands of a part of all images; a task is a part."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, ready, grads, spare = slot + f.band_at, slot + f.other_at, slot + f.sum_at, slot + f.row_at
    row = f.points * f.chunk * f.element
    units = f.n * f.bands_h
    while True:
        part = next_task(scratch, worker, f.parts)
        if part >= f.parts:
            break
        sums = parts + part * f.ocg * row
        first_unit = part * units // f.parts
        for unit in range(first_unit, (part + 1) * units // f.parts):
            fresh = unit == first_unit
            image, by = unit // f.bands_h, unit % f.bands_h
            first, last = by * f.groups // f.bands_h, (by + 1) * f.groups // f.bands_h
            count = last - first
            pack_band(f, x + image * f.x_n, f.band_channels, first * f.group, count * f.group, 0, band, spare)
            source = band
            if f.points > 1:
                for i in range(count):
                    pack_points(f, band + i * f.group * f.pitch * f.element, ready + i * f.group_at)
                source = ready
            own = grad + image * f.y_n
            if f.in_place:
                own += first * f.y_h
                rows, columns = (1, count * f.ow) if f.unbroken else (count, f.ow)
                multiply_pairs(f, rows, columns, f.ocg, own, f.y_c, f.y_h, source, sums, fresh)
                continue
            for o in range(0, f.ocg, f.pairs_m):
                channels = min(f.pairs_m, f.ocg - o)
                pack_gradient(f, own + o * f.y_c, first, count, channels, grads)
                to = sums + o * row
                multiply_pairs(f, count, f.ow, channels, grads, f.grad_row, f.grad_group, source, to, fresh)


def _finish(frame, parts, unused, bias, out, scratch, worker):
    """Adds up the parts of a weight gradient, first to last, and makes taps of points; a task is an output channel."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    vector = f.lanes * f.element
    vectors = -(-f.chunk // f.lanes)
    row = f.points * f.chunk * f.element
    while True:
        o = next_task(scratch, worker, f.ocg)
        if o >= f.ocg:
            break
        sums, taps = slot + f.band_at, slot + f.other_at
        call(f.gather, (sums, 0, parts + o * row, 0, 1, f.element, f.points * f.chunk, 0, f.points * f.chunk, NATIVE))
        for part in range(1, f.parts):
            call(f.accumulate, (sums, parts + (part * f.ocg + o) * row, -(-f.points * f.chunk // f.lanes) * f.lanes))
        count = 1
        if f.points > 1:
            call(f.weights_out, (vectors, taps, vectors * vector, 0, vector, sums, f.chunk * f.element, 0, vector))
            sums, count = taps, f.points - f.group + 1
        for c in range(f.icg):
            for run in range(f.run_count):
                first = load_i64(f.runs + 16 * run + 8)
                for tap in range(count):
                    u = first + tap * f.tap_step
                    if u < f.kh:
                        src = sums + tap * vectors * vector + (c * f.run_count + run) * f.kw * f.element
                        to = out + o * f.w_o + c * f.w_c + u * f.w_h
                        call(f.scatter, (to, 0, src, 0, 1, f.w_w, f.kw, NATIVE, 0))


weight_gradient = Kernel(_weight_gradient)
finish = Kernel(_finish)
pack_weights = Kernel(_pack_weights)
forward = Kernel(_forward)
