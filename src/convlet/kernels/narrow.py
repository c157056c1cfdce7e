"""Convolution with few output channels a group, depthwise first of all: the lanes are positions.

forward: the same tile with its operands' places changed,

    sums[o][position] = sum over (c, tap) of weight[c, tap][o] * band[c, tap][position]

Positions run on through the few columns by which a band is wider than the output; the store leaves those out.
The weight gradient of one output and one input channel is a correlation of two images, tap by tap.
"""

from __future__ import annotations

from numba import njit

from convlet.kernels.edges import FRAME, pack_band
from convlet.kernels.emit import NATIVE, TAPS, call, load_i64, next_ticket
from convlet.kernels.launch import Kernel, frame_reader

frame_at = frame_reader(FRAME)


@njit
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


@njit
def width_of(f, vectors):
    """Vectors of the next tile, when so many are left: the most that a tile has, or enough for all."""
    place = f.order
    while load_i64(place) < vectors and load_i64(place + 8) > 0:
        place += 8
    return load_i64(place)


def _narrow_forward(frame, x, weight, bias, out, scratch, worker):
    """The forward convolution; a task is a band of a group of an image."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, sums, ready, spare = slot + f.band_at, slot + f.sum_at, slot + f.weight_at, slot + f.row_at
    vector = f.lanes * f.element
    bands = f.bands_h * f.bands_w
    taps = f.kh * f.kw
    packed = -1
    while True:
        task = next_ticket(scratch)
        if task >= f.n * f.g * bands:
            break
        by, bx = (task % bands) // f.bands_w, (task % bands) % f.bands_w
        group, image = (task // bands) % f.g, task // bands // f.g
        oy, ox = by * f.oh // f.bands_h, bx * f.ow // f.bands_w
        rows = (by + 1) * f.oh // f.bands_h - oy
        columns = (bx + 1) * f.ow // f.bands_w - ox
        if group != packed:
            pack_narrow(f, weight + group * f.w_g, ready)
            packed = group
        pack_band(f, x + image * f.x_n + group * f.icg * f.x_c, f.icg, oy, rows, ox, band, spare)
        vectors = -(-((rows - 1) * f.pitch + columns) // f.lanes)
        done = 0
        while done < vectors:
            width = width_of(f, vectors - done)
            b, c = band + done * vector, sums + done * vector
            for first in range(0, f.icg, f.chunk):
                k = (min(f.icg, first + f.chunk) - first) * taps
                a = ready + first * taps * f.ocg * f.element
                call(f.narrow, (f.ocg, width, k, a, f.step1, b, f.offsets, c, f.sum_step, first == 0))
                b += f.chunk * f.channel_at
            done += width
        for o in range(f.ocg):
            to = out + image * f.y_n + (group * f.ocg + o) * f.y_c + oy * f.y_h + ox * f.y_w
            src = sums + o * f.sum_step
            shift = bias + (group * f.ocg + o) * f.element if bias else 0
            row = f.pitch * f.element
            if f.pitch == columns and f.y_h == columns * f.y_w:
                call(f.scatter, (to, 0, src, 0, 1, f.y_w, rows * columns, f.y_code, shift))
            else:
                call(f.scatter, (to, f.y_h, src, row, rows, f.y_w, columns, f.y_code, shift))


def _narrow_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient; a task is a group, all images in order. out[o][c][tap] of the compute type."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, ready, spare = slot + f.band_at, slot + f.weight_at, slot + f.row_at
    bands = f.bands_h * f.bands_w
    taps = f.kh * f.kw
    row_bytes = f.pitch * f.element
    while True:
        group = next_ticket(scratch)
        if group >= f.g:
            break
        first = out + group * f.ocg * f.icg * taps * f.element
        for unit in range(f.n * bands):
            image, by, bx = unit // bands, (unit % bands) // f.bands_w, (unit % bands) % f.bands_w
            oy, ox = by * f.oh // f.bands_h, bx * f.ow // f.bands_w
            rows = (by + 1) * f.oh // f.bands_h - oy
            columns = (bx + 1) * f.ow // f.bands_w - ox
            pack_band(f, x + image * f.x_n + group * f.icg * f.x_c, f.icg, oy, rows, ox, band, spare)
            to = first
            for o in range(f.ocg):
                src = grad + image * f.y_n + (group * f.ocg + o) * f.y_c + oy * f.y_h + ox * f.y_w
                step = f.y_h
                if f.y_code != NATIVE or f.y_w != f.element:
                    step = columns * f.element
                    call(f.gather, (ready, step, src, f.y_h, rows, f.y_w, columns, 0, columns, f.y_code))
                    src = ready
                for c in range(f.icg):
                    plane = band + c * f.channel_at
                    for tap in range(0, taps, TAPS):
                        count = min(TAPS, taps - tap)
                        offsets = f.product_table + 8 * tap
                        call(
                            f.correlate,
                            (count, rows, columns, plane, offsets, row_bytes, src, step, to),
                        )
                        to += count * f.element


narrow_forward = Kernel(_narrow_forward)
narrow_gradient = Kernel(_narrow_gradient)
