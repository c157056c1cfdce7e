"""Weight gradients of images of few channels that lie channels-last, as the output's gradient does.

Lanes are output channels, and the numbers of a tile the terms of a row of taps, which lie side by side in a row of the
band: the channels of neighbouring pixels.

    sums[point][(row of taps, its columns, channel)][o] = sum over columns of
        rows[point][row of taps][column + term] * gradient[point][column][o]
"""

from __future__ import annotations

from .edges import pack_band
from .emit import call, load_i64
from .jit import njit
from .launch import Kernel, next_task
from .shallow import frame_at, pack_points


@njit(error_model="numpy")
def add_products(f, source, grads, step, columns, sums, fresh):
    """Adds to the sums the products of some columns of a group; those of the gradient lie `step` bytes apart."""
    vector = f.lanes * f.element
    sums_row = -(-f.ocg // f.lanes) * vector
    blocks = -(-f.run_terms // f.mr)
    for p in range(f.points):
        for run in range(f.run_count):
            row = source + p * f.point_at + (run * f.row_bytes if f.points > 1 else load_i64(f.runs + 16 * run))
            for block in range(blocks):
                t = block * f.run_terms // blocks
                m = (block + 1) * f.run_terms // blocks - t
                to = sums + ((p * f.run_count + run) * f.run_terms + t) * sums_row
                for o in range(0, sums_row, 2 * vector):
                    nr = min(2, (sums_row - o) // vector)
                    what = row + t * f.element, f.column_offsets, grads + p * f.grad_point + o, step
                    call(f.tile, (m, nr, columns, *what, to + o, sums_row, fresh, 0, 0))


def _weight_gradient(frame, x, grad, unused, parts, scratch, worker):
    """parts[part][o][point][term]: sums over the bands of a part of all images; a task is a part."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, ready, spare = slot + f.band_at, slot + f.other_at, slot + f.row_at
    lifted, sums = slot + f.result_at, slot + f.sum_at
    terms = f.points * f.chunk
    units = f.n * f.bands_h
    sums_row = -(-f.ocg // f.lanes) * f.lanes * f.element
    while True:
        part = next_task(scratch, worker, f.parts)
        if part >= f.parts:
            break
        first_unit = part * units // f.parts
        for unit in range(first_unit, (part + 1) * units // f.parts):
            image, by = unit // f.bands_h, unit % f.bands_h
            first, last = by * f.groups // f.bands_h, (by + 1) * f.groups // f.bands_h
            count = last - first
            pack_band(f, x + image * f.x_n, f.band_channels, first * f.group, count * f.group, 0, band, spare)
            for i in range(count):
                source = band + i * f.group * f.pitch * f.element
                if f.points > 1:
                    pack_points(f, source, ready)
                    source = ready
                row = (first + i) * f.group
                rows = min(f.group, f.oh - row)
                own = grad + image * f.y_n + row * f.y_h
                for cut in range(f.cuts):
                    start, end = cut * f.ow // f.cuts, (cut + 1) * f.ow // f.cuts
                    grads, step = own + start * f.y_w, f.grad_columns
                    if not f.in_place:
                        call(f.lift, (lifted, f.grad_point, grads, f.y_h, rows, (end - start) * f.ocg, f.y_code))
                        grads = lifted
                    fresh = unit == first_unit and i == 0 and cut == 0
                    add_products(f, source + start * f.column_step, grads, step, end - start, sums, fresh)
        to = parts + part * f.ocg * terms * f.element
        for o in range(0, f.ocg, f.lanes):
            channels = min(f.lanes, f.ocg - o)
            for j in range(0, terms, f.lanes):
                n = min(f.lanes, terms - j)
                dst, src = to + (o * terms + j) * f.element, sums + o * f.element
                call(f.transpose, (dst, terms * f.element, src, sums_row, n, channels, n, 0, f.order + 8 * j))


weight_gradient = Kernel(_weight_gradient)
