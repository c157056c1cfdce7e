"""Convolution with few output channels a group, depthwise first of all: the lanes are positions.

forward: the same tile with its operands' places changed,

    sums[o][position] = sum over (c, tap) of weight[c, tap][o] * band[c, tap][position]

Where a group has one output channel, whole columns of the kernel pass over the rows (the step `columns`). Else
positions run on through the few columns by which a band is wider than the output; the store leaves those out.
The weight gradient of one output and one input channel is a correlation of two images, tap by tap.
"""

from __future__ import annotations

from numba import njit

from .edges import FRAME, pack_band
from .emit import NATIVE, call, load_i64, next_ticket
from .launch import Kernel, frame_reader
from .narrow_steps import TAPS

frame_at = frame_reader(FRAME)


@njit(error_model="numpy")
def pack_narrow(f, w, dst):
    """dst[(c, tap)][o] = the weights of a group, read from `w` on."""
    for c in range(f.icg):
        for u in range(f.kh):
            src = w + c * f.w_c + u * f.w_h
            if f.ocg == 1:
                call(f.gather, (dst, 0, src, 0, 1, f.w_w, f.kw, 0, f.kw, f.w_code))
                dst += f.kw * f.element
            else:
                for _ in range(f.kw):
                    call(f.gather, (dst, 0, src, 0, 1, f.w_o, f.ocg, 0, f.ocg, f.w_code))
                    src += f.w_w
                    dst += f.ocg * f.element


@njit(error_model="numpy")
def width_of(f, vectors):
    """Vectors of the next tile, when so many are left: the most that a tile has, or enough for all."""
    place = f.order
    while load_i64(place) < vectors and load_i64(place + 8) > 0:
        place += 8
    return load_i64(place)


@njit(error_model="numpy")
def one_channel(f, rows, columns, band, weights, bias, out, sums):
    """A band of a group that has one output channel."""
    row = f.pitch * f.element
    if f.y_code == NATIVE and f.y_w == f.element:
        call(f.columns, (rows, columns, band, row, f.groups, f.group_table, weights, bias, out, f.y_h))
    else:
        step = columns * f.element
        call(f.columns, (rows, columns, band, row, f.groups, f.group_table, weights, bias, sums, step))
        call(f.scatter, (out, f.y_h, sums, step, rows, f.y_w, columns, f.y_code, 0))


@njit(error_model="numpy")
def few_channels(f, rows, columns, band, weights, bias, out, sums):
    """A band of a group that has a few output channels, positions running through the rows."""
    vector, row = f.lanes * f.element, f.pitch * f.element
    taps = f.kh * f.kw
    vectors = -(-((rows - 1) * f.pitch + columns) // f.lanes)
    done = 0
    while done < vectors:
        width = width_of(f, vectors - done)
        b, c = band + done * vector, sums + done * vector
        for first in range(0, f.icg, f.chunk):
            k = (min(f.icg, first + f.chunk) - first) * taps
            a = weights + first * taps * f.ocg * f.element
            call(f.narrow, (f.ocg, width, k, a, f.step1, b, f.offsets, c, f.sum_step, first == 0))
            b += f.chunk * f.channel_at
        done += width
    for o in range(f.ocg):
        to, src = out + o * f.y_c, sums + o * f.sum_step
        shift = bias + o * f.element if bias else 0
        if f.pitch == columns and f.y_h == columns * f.y_w:
            call(f.scatter, (to, 0, src, 0, 1, f.y_w, rows * columns, f.y_code, shift))
        else:
            call(f.scatter, (to, f.y_h, src, row, rows, f.y_w, columns, f.y_code, shift))


@njit(error_model="numpy")
def correlations(f, rows, columns, band, grad, out, spare):
    """Adds what a band of a group contributes to its weights' gradient out[o][c][tap]."""
    taps = f.kh * f.kw
    for o in range(f.ocg):
        src, step = grad + o * f.y_c, f.y_h
        if f.y_code != NATIVE or f.y_w != f.element:
            step = columns * f.element
            call(f.gather, (spare, step, src, f.y_h, rows, f.y_w, columns, 0, columns, f.y_code))
            src = spare
        for c in range(f.icg):
            plane = band + c * f.channel_at
            for tap in range(0, taps, TAPS):
                count = min(TAPS, taps - tap)
                table = f.product_table + 8 * tap
                call(f.correlate, (count, rows, columns, plane, table, f.pitch * f.element, src, step, out))
                out += count * f.element


# Groups are taken f.block at a time: their bands are all packed before the first is read, because a processor
# stalls where it loads what it has only just stored in other pieces.


def _narrow_forward(frame, x, weight, bias, out, scratch, worker):
    """The forward convolution; a task is a band of a few groups of an image."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, sums, ready, spare = slot + f.band_at, slot + f.sum_at, slot + f.weight_at, slot + f.row_at
    bands = f.bands_h * f.bands_w
    group_weights = f.icg * f.kh * f.kw * f.ocg * f.element
    in_place = f.ocg == 1 and f.run == 2  # what packing would make is there already
    packed = -1
    while True:
        task = next_ticket(scratch)
        if task >= f.n * f.blocks * bands:
            break
        by, bx = (task % bands) // f.bands_w, (task % bands) % f.bands_w
        block, image = (task // bands) % f.blocks, task // bands // f.blocks
        oy, ox = by * f.oh // f.bands_h, bx * f.ow // f.bands_w
        rows = (by + 1) * f.oh // f.bands_h - oy
        columns = (bx + 1) * f.ow // f.bands_w - ox
        first = block * f.block
        count = min(f.block, f.g - first)
        if in_place:
            ready = weight + first * group_weights
        elif block != packed:
            for i in range(count):
                pack_narrow(f, weight + (first + i) * f.w_g, ready + i * group_weights)
            packed = block
        pack_band(f, x + image * f.x_n + first * f.icg * f.x_c, count * f.icg, oy, rows, ox, band, spare)
        to = out + image * f.y_n + first * f.ocg * f.y_c + oy * f.y_h + ox * f.y_w
        for i in range(count):
            plane, weights = band + i * f.icg * f.channel_at, ready + i * group_weights
            shift = bias + (first + i) * f.ocg * f.element if bias else 0
            if f.groups:
                one_channel(f, rows, columns, plane, weights, shift, to, sums)
            else:
                few_channels(f, rows, columns, plane, weights, shift, to, sums)
            to += f.ocg * f.y_c


def _narrow_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient; a task is a few groups, all images in order. out[o][c][tap] of the compute type."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, ready, spare = slot + f.band_at, slot + f.weight_at, slot + f.row_at
    bands = f.bands_h * f.bands_w
    group_weights = f.icg * f.kh * f.kw * f.ocg * f.element
    while True:
        block = next_ticket(scratch)
        if block >= f.blocks:
            break
        first = block * f.block
        count = min(f.block, f.g - first)
        for unit in range(f.n * bands):
            image, by, bx = unit // bands, (unit % bands) // f.bands_w, (unit % bands) % f.bands_w
            oy, ox = by * f.oh // f.bands_h, bx * f.ow // f.bands_w
            rows = (by + 1) * f.oh // f.bands_h - oy
            columns = (bx + 1) * f.ow // f.bands_w - ox
            pack_band(f, x + image * f.x_n + first * f.icg * f.x_c, count * f.icg, oy, rows, ox, band, spare)
            src = grad + image * f.y_n + first * f.ocg * f.y_c + oy * f.y_h + ox * f.y_w
            for i in range(count):
                plane, to = band + i * f.icg * f.channel_at, out + (first + i) * group_weights
                correlations(f, rows, columns, plane, src, to, ready)
                src += f.ocg * f.y_c


narrow_forward = Kernel(_narrow_forward)
narrow_gradient = Kernel(_narrow_gradient)
