"""The weight gradient on the register tile: positions of the input's bands meet the output's gradient.

    sums[tap, c][o] = sum over positions of x[position + tap][c] * grad[position][o]
"""

from __future__ import annotations

from .direct import frame_at, sum_terms
from .edges import pack_band, pack_columns, pack_gradient, store_products
from .emit import call, load_i64
from .launch import Kernel, next_task


def _weight_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient, or f.parts partial sums of it for _add_parts.

    sums[tap, c][o] = sum over positions of x[position + tap][c] * grad[position][o]

    A task is (part of the bands of all images, group, block of input channels, share of the output channels);
    it alone makes its sums, in the order of the positions.
    """
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    band, ready, right, spare = slot + f.band_at, slot + f.other_at, slot + f.weight_at, slot + f.row_at
    wide = 2 * f.lanes
    all_blocks = -(-f.ocg // wide)
    bands = f.bands_h * f.bands_w
    tasks = f.parts * f.g * f.blocks * f.shares
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        share, place = task % f.shares, task // f.shares
        block, place = place % f.blocks, place // f.blocks
        group, part = place % f.g, place // f.g
        c0 = block * f.block
        channels = min(f.block, f.icg - c0)
        block_0, block_1 = share * all_blocks // f.shares, (share + 1) * all_blocks // f.shares
        sums = slot + f.sum_at
        if f.parts > 1:
            sums = out + (((part * f.g + group) * f.blocks + block) * all_blocks + block_0) * f.sum_size
        apart = slot + f.apart_at
        first_unit, end_unit = part * f.n * bands // f.parts, (part + 1) * f.n * bands // f.parts
        for unit in range(first_unit, end_unit):
            # The sums of some bands are made apart and added as a whole: long sums have small errors so.
            number = unit - first_unit
            fresh = number % f.group_chunks == 0
            image, by, bx = unit // bands, (unit % bands) // f.bands_w, (unit % bands) % f.bands_w
            oy, ox = by * f.oh // f.bands_h, bx * f.ow // f.bands_w
            rows = (by + 1) * f.oh // f.bands_h - oy
            columns = (bx + 1) * f.ow // f.bands_w - ox
            src = x + image * f.x_n + (group * f.icg + c0) * f.x_c
            pack_band(f, src, channels, oy, rows, ox, band, spare)
            pack_columns(f, band, channels, ready)
            for o in range(block_0, block_1):
                width = min(wide, f.ocg - o * wide)
                vectors = 1 if width <= f.lanes else 2
                src = grad + image * f.y_n + (group * f.ocg + o * wide) * f.y_c + oy * f.y_h + ox * f.y_w
                pack_gradient(f, src, width, rows, columns, right, spare)
                into = (sums if number < f.group_chunks else apart) + (o - block_0) * f.sum_size
                steps = f.step2 if vectors == 2 else f.step1
                parts = -(-f.product_count // f.mr)
                for product in range(f.product_rows):
                    a = ready + load_i64(f.product_table + 8 * product)
                    for i in range(parts):
                        start = i * f.product_count // parts
                        m = (i + 1) * f.product_count // parts - start
                        row = product * f.product_count + start
                        c = into + row * vectors * f.lanes * f.element
                        sum_terms(
                            f, m, vectors, rows * columns, a + start * f.element, f.offsets, right, steps, c, fresh
                        )
            if number >= f.group_chunks and (unit + 1 == end_unit or (number + 1) % f.group_chunks == 0):
                call(f.accumulate, (sums, apart, (block_1 - block_0) * f.sum_size // f.element))
        if f.parts == 1:
            for o in range(block_0, block_1):
                width = min(wide, f.ocg - o * wide)
                to = out + (group * f.ocg + o * wide) * f.w_o + c0 * f.w_c
                store_products(f, sums + (o - block_0) * f.sum_size, channels, width, to)


def _add_parts(frame, parts, unused, bias, out, scratch, worker):
    """Adds up the parts of a weight gradient, first to last, and stores it."""
    f = frame_at(frame)
    wide = 2 * f.lanes
    all_blocks = -(-f.ocg // wide)
    tasks = f.g * f.blocks * all_blocks
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        o, place = task % all_blocks, task // all_blocks
        block, group = place % f.blocks, place // f.blocks
        channels = min(f.block, f.icg - block * f.block)
        width = min(wide, f.ocg - o * wide)
        count = f.product_rows * f.product_count * (f.lanes if width <= f.lanes else wide)
        sums = parts + task * f.sum_size
        for part in range(1, f.parts):
            call(f.accumulate, (sums, sums + part * tasks * f.sum_size, count))
        to = out + (group * f.ocg + o * wide) * f.w_o + block * f.block * f.w_c
        store_products(f, sums, channels, width, to)


weight_gradient = Kernel(_weight_gradient)
add_parts = Kernel(_add_parts)
