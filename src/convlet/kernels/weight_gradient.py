"""The weight gradient on the register tile: pixels of the input meet the output's gradient.

    sums[tap, c][o] = sum over positions of x[position + tap][c] * grad[position][o]

Both operands are copied to scratch with their channels side by side. Positions whose tap falls into padding with zeros
are left out of its sum: tables say which are not, for each column of taps; rows of taps have a first and a last row.
"""

from __future__ import annotations

import numpy as np

from .edges import store_products
from .emit import NATIVE, call, load_i64
from .jit import njit
from .launch import Kernel, frame_reader, next_task

FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            # compiled steps and the vector they work in
            *("tile", "transpose", "gather", "scatter", "accumulate", "element", "lanes", "mr"),
            # sizes; a unit is a band of rows (and columns) of one image, or a few whole images
            *("n", "g", "icg", "ocg", "oh", "ow", "kh", "kw", "units_n", "images", "bands_h", "bands_w"),
            *("band_h", "band_w"),
            # tasks: (part of the units, group, block of input channels, share of the output channels)
            *("block", "blocks", "parts", "shares"),
            # input: strides, storage, which of its strides is small, and where rows and columns are read from
            *("x_n", "x_c", "x_h", "x_w", "x_code", "x_near", "ih", "iw", "sh", "sw", "pt", "pl"),
            *("row_map", "col_map"),
            # gradient of the output, and of the weight
            *("y_n", "y_c", "y_h", "y_w", "y_code", "y_near", "w_o", "w_c", "w_w", "order"),
            # pixels in scratch: bytes of one, pixels of a row, bytes of an image; whether rows have their padding,
            # by a mode; whether the rows of an image are one run
            *("pixel", "pitch", "image_at", "padded", "modes", "run", "reach_w"),
            # rows of the band: its planes (first padded row, first stored row), of row_spread * (rows - 1) + row_extra
            # rows each, row_step apart in the image
            *("row_planes", "row_table", "row_spread", "row_extra", "row_step"),
            # products: for each row of taps (offset, first and end of the rows that it reads inside); for each column,
            # or for all together, (offset, terms of a row of positions, tables): see column_tables
            *("tap_rows", "tap_columns", "products", "count"),
            # products that are added one after the other; bytes from a sum to what its rounding has lost (tile.py)
            *("chain", "lost"),
            # scratch of a worker
            *("slot", "pixels_at", "right_at", "sum_at", "spare_at", "sum_size"),
        )
    ]
)
frame_at = frame_reader(FRAME)

# Which elements lie side by side in an array: those of a row, those of the channels, or none.
ROWS, CHANNELS, NONE = 0, 1, 2
# Positions that are copied to the spare rows together.
PIECE = 256


@njit(error_model="numpy")
def interleave(f, near, code, dst, step, src, c_step, w_step, channels, room, count, spare):
    """dst[position][channel] of `count` positions in a row; beyond `channels`, zeros up to `room`.

    What is written may end a vector too far: positions are packed in the order in which they lie.
    """
    if near == CHANNELS:
        call(f.gather, (dst, step, src, w_step, count, c_step, room, 0, channels, code))
        return
    for c in range(0, room, f.lanes):
        rows, width = min(f.lanes, channels - c), min(f.lanes, room - c)
        first, to = src + c * c_step, dst + c * f.element
        if near == ROWS:
            call(f.transpose, (to, step, first, c_step, rows, count, width, 0, 0))
            continue
        length = (PIECE + f.lanes) * f.element
        for i in range(0, count, PIECE):
            some = min(PIECE, count - i)
            call(f.gather, (spare, length, first + i * w_step, c_step, rows, w_step, some, 0, some, code))
            call(f.transpose, (to + i * step, step, spare, length, rows, some, width, 0, 0))


@njit(error_model="numpy")
def clear(f, dst, columns):
    """Zeros for so many pixels."""
    if columns > 0:
        call(f.gather, (dst, 0, dst, 0, 1, f.element, columns * f.pixel // f.element, 0, 0, NATIVE))


@njit(error_model="numpy")
def pack_border(f, row, channels, first, low, high, dst, spare):
    """The stored columns low..high of a row, which a padding mode takes from elsewhere in it."""
    for i in range(low, high):
        x = load_i64(f.col_map + 8 * (first + i))
        if x >= 0:
            call(f.gather, (spare, 0, row + x * f.x_w, 0, 1, f.x_c, channels, 0, channels, f.x_code))
            call(f.scatter, (dst + i * f.pixel, 0, spare, 0, 1, f.element, channels, NATIVE, 0))


@njit(error_model="numpy")
def pack_pixels(f, src, channels, oy, rows, ox, columns, dst, spare):
    """Fills dst[row][column][channel] with what output rows oy.. and columns ox.. read of an image's channels."""
    first, wide = 0, f.iw
    if f.padded:
        first, wide = ox * f.sw - f.pl, (columns - 1) * f.sw + f.reach_w
    low = min(max(0, -first), wide)
    high = max(low, min(wide, f.iw - first))
    row_bytes = f.pitch * f.pixel
    count = (rows - 1) * f.row_spread + f.row_extra
    for plane in range(f.row_planes):
        top = oy * f.sh + load_i64(f.row_table + 16 * plane)
        place = dst + load_i64(f.row_table + 16 * plane + 8) * row_bytes
        if f.run:
            y, end = max(0, f.pt - top), min(count, f.pt + f.ih - top)
            if y < end:
                begin, pixels = src + (top + y - f.pt) * f.x_h, (end - y) * f.iw
                to = place + y * row_bytes
                interleave(f, f.x_near, f.x_code, to, f.pixel, begin, f.x_c, f.x_w, channels, channels, pixels, spare)
            continue
        for r in range(count):
            y = load_i64(f.row_map + 8 * (top + r * f.row_step))
            if y < 0:  # no product reads it
                continue
            row, to = src + y * f.x_h, place + r * row_bytes
            clear(f, to, low)
            begin, inside = row + (first + low) * f.x_w, to + low * f.pixel
            interleave(
                f, f.x_near, f.x_code, inside, f.pixel, begin, f.x_c, f.x_w, channels, channels, high - low, spare
            )
            clear(f, to + high * f.pixel, wide - high)
            if f.modes:
                pack_border(f, row, channels, first + f.pl, 0, low, to, spare)
                pack_border(f, row, channels, first + f.pl, high, wide, to, spare)


@njit(error_model="numpy")
def pack_gradient(f, grad, width, rows, columns, dst, spare):
    """dst[position][lane] = the output gradient of `width` channels at a band's positions."""
    room = f.lanes if width <= f.lanes else 2 * f.lanes
    step = room * f.element
    runs, count = rows, columns
    if f.y_h == columns * f.y_w:
        runs, count = 1, rows * columns  # the rows are one
    for r in range(runs):
        to, src = dst + r * count * step, grad + r * f.y_h
        interleave(f, f.y_near, f.y_code, to, step, src, f.y_c, f.y_w, width, room, count, spare)


@njit(error_model="numpy")
def multiply(f, oy, rows, columns, images, pixels, right, vectors, sums, fresh):
    """Adds the products of a unit's pixels and gradient, for all taps and channels, to their sums."""
    parts = -(-f.count // f.mr)
    vector = vectors * f.lanes * f.element
    tables = f.tap_columns + (f.images - images) * f.products * 40
    for u in range(f.kh):
        first = max(0, load_i64(f.tap_rows + 24 * u + 8) - oy)
        end = min(rows, load_i64(f.tap_rows + 24 * u + 16) - oy)
        row = pixels + load_i64(f.tap_rows + 24 * u)
        for v in range(f.products):
            table = tables + 40 * v
            terms = columns if f.bands_w > 1 else load_i64(table + 8)
            k = max(0, end - first) * terms
            if k == 0 and not fresh:
                continue
            a = row + load_i64(table)
            skipped = 4 * first * terms
            offsets = load_i64(table + 16) + skipped
            steps = load_i64(table + (24 if vectors == 1 else 32)) + skipped
            for i in range(parts):
                start = i * f.count // parts
                m = (i + 1) * f.count // parts - start
                c = sums + ((u * f.products + v) * f.count + start) * vector
                own = a + start * f.element
                call(f.tile, (m, vectors, k, own, offsets, right, steps, c, vector, fresh, f.chain, f.lost))


def _weight_gradient(frame, x, grad, unused, out, scratch, worker):
    """The weight gradient, or f.parts partial sums of it for _add_parts.

    A task makes its sums alone, in the order of the units.
    """
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    pixels, right, spare = slot + f.pixels_at, slot + f.right_at, slot + f.spare_at
    wide = 2 * f.lanes
    all_blocks = -(-f.ocg // wide)
    bands = f.bands_h * f.bands_w
    units = f.units_n * bands
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
        first_unit, end_unit = part * units // f.parts, (part + 1) * units // f.parts
        for unit in range(first_unit, end_unit):
            several, by, bx = unit // bands, (unit % bands) // f.bands_w, (unit % bands) % f.bands_w
            image = several * f.n // f.units_n
            images = (several + 1) * f.n // f.units_n - image
            # Bands differ by a row at most.
            oy, ox = by * f.oh // f.bands_h, bx * f.ow // f.bands_w
            rows = (by + 1) * f.oh // f.bands_h - oy
            columns = (bx + 1) * f.ow // f.bands_w - ox
            for i in range(images):
                src = x + (image + i) * f.x_n + (group * f.icg + c0) * f.x_c
                pack_pixels(f, src, channels, oy, rows, ox, columns, pixels + i * f.image_at, spare)
            for o in range(block_0, block_1):
                width = min(wide, f.ocg - o * wide)
                vectors = 1 if width <= f.lanes else 2
                for i in range(images):
                    src = grad + (image + i) * f.y_n + (group * f.ocg + o * wide) * f.y_c + oy * f.y_h + ox * f.y_w
                    to = right + i * rows * columns * vectors * f.lanes * f.element
                    pack_gradient(f, src, width, rows, columns, to, spare)
                into = sums + (o - block_0) * f.sum_size
                multiply(f, oy, rows, columns, images, pixels, right, vectors, into, unit == first_unit)
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
        count = f.kh * f.products * f.count * (f.lanes if width <= f.lanes else wide)
        sums = parts + task * f.sum_size
        for part in range(1, f.parts):
            call(f.accumulate, (sums, sums + part * tasks * f.sum_size, count))
        to = out + (group * f.ocg + o * wide) * f.w_o + block * f.block * f.w_c
        store_products(f, sums, channels, width, to)


weight_gradient = Kernel(_weight_gradient)
add_parts = Kernel(_add_parts)
