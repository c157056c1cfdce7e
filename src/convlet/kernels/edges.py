"""Where padding, stride, dilation, layout and dtype end: packing bands and weights, storing results.

A *band* is what some output rows (and columns) of an image read, copied to scratch so that the register tile finds
every tap at a constant distance and neighbouring positions side by side, whatever the stride. To that end the
padded columns that a tap reads, `sw` apart, are stored next to each other in a *plane*. Taps whose columns
differ by a multiple of sw may share one, a few elements longer; or each tap has its own ("joined" bands), and
then the positions of all rows follow one another without a gap. Rows have planes in the same way.

    band[channel][column plane][row plane][row][column], `pitch` elements a row
"""

from __future__ import annotations

import numpy as np

from .emit import NATIVE, call, load_i64
from .jit import njit

# The numbers that describe a plan to a kernel: sizes in elements, strides and `at`s in bytes, tables as addresses.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            # compiled steps and the vector they work in
            *("tile", "transpose", "gather", "scatter", "accumulate"),
            *("gather_planes", "deal", "store_channels", "store_positions"),
            *("element", "lanes", "mr"),
            # sizes: tasks are (image, group, band of rows, band of columns, share of the channel blocks)
            *("n", "g", "icg", "ocg", "oh", "ow", "band_h", "band_w", "bands_h", "bands_w", "shares"),
            # input: strides, storage, and where its rows and columns are read from
            *("x_n", "x_c", "x_h", "x_w", "x_code", "x_last", "ih", "iw", "sh", "sw", "pt", "pl"),
            *("row_map", "col_map", "modes"),
            # the band
            *("pitch", "channel_at", "joined", "col_planes", "col_table", "row_planes", "row_table"),
            # weight: strides of output and input channel, row and column of taps; how it is packed
            *("w_g", "w_o", "w_c", "w_h", "w_w", "w_size", "w_code", "kh", "kw", "taps", "run", "packed"),
            "by_tap",  # rows between packed taps; 0: those of a channel lie together
            # one step of the inner sum: channels, and the tables of offsets
            *("chunk", "segment", "offsets", "step1", "step2"),
            # products that are added one after the other; bytes from a sum to what its rounding has lost (tile.py)
            *("chain", "lost"),
            # for each tile, (taps, offsets, step1, step2) of those that read the image; 0: all do. Tiles of a row
            *("used", "tiles"),
            # output
            *("y_n", "y_c", "y_h", "y_w", "y_size", "y_code", "y_last"),
            "tail",  # whether bias is the address of a tail (see tail.py), which the stores apply
            # parts of the results, each a frame (see direct.py): how far they are from one another, where the first is
            *("parts", "grid_h", "grid_w", "out_h", "out_w", "part_row", "part_column"),
            # scratch of a worker
            *("slot", "band_at", "sum_at", "weight_at", "row_at", "other_at", "sum_size"),
            # weight gradient: input channels of a task, parts of the sum; rows of the sums in the order of the output
            *("block", "blocks", "order"),
            "strip",  # input channels of it whose sums are transformed as soon as they are made (see winograd.py)
            # Winograd: its steps; the points of a tile, and those of a row of it
            *("apart", "transform_image", "transform_weight", "transform_result", "points", "points_w", "x_size"),
            # the different forms of weights, those of a row of points; a table: the form of each, and whether it is new
            *("forms", "forms_w", "form_table"),
            # what a tile of images reads, and how far the next is; what a tile writes
            *("reads_h", "reads_w", "step_h", "step_w", "tile_h", "tile_w", "image_at"),
            # dilation, the classes of places that are equal modulo it, bytes between two of rows; a unit's tiles of one
            *("dh", "dw", "classes_h", "classes_w", "y_class", "class_tiles"),
            # units: the first and last of the pass, and how an image is cut into them
            *("unit_0", "unit_1", "tiles_h", "parts_w", "unit_tiles"),
            # V: channels of a group in vectors, those that lie side by side, bytes between groups, points, blocks
            *("vectors", "side", "v_group", "v_plane", "v_block"),
            # the same bytes for W, those between the points of U or P, and of M
            *("g_group", "g_plane", "g_block", "u_plane", "u_block", "m_plane"),
            # the tap that comes first, and steps between rows and columns of taps: they may be read backwards
            *("taps_at", "tap_row", "tap_column"),
            "pack_taps",  # the step for taps that lie in a run, their channels not; 0: there is none
            # tasks of the second region: blocks of units; whether this is the first or last pass
            *("unit_blocks", "first", "last"),
            *("x_frame", "grad_frame"),  # how the images of a weight gradient in parts are read
        )
    ]
)


# Channels that are packed together: few enough for their rows to be in the L1 cache when another plane reads them.
PLANES = 8


@njit(error_model="numpy")
def pack_band(f, src, channels, oy, rows, ox, dst, spare):
    """Fills a band for output rows oy.. and columns ox.. of `channels` channels of the image at `src`."""
    if f.x_last:
        pack_last(f, src, channels, oy, rows, ox, dst)
        return
    row_bytes = f.pitch * f.element
    step = f.x_w * f.sw
    for c0 in range(0, channels, PLANES):
        planes = min(PLANES, channels - c0)
        for q in range(f.col_planes):
            # Source column of the row's first element; then what lies inside the image.
            first = ox * f.sw + load_i64(f.col_table + 8 * q)
            base = first - f.pl
            low = min(max(0, -(base // f.sw)), f.pitch)
            high = max(low, min(-((base - f.iw) // f.sw), f.pitch))
            column = src + c0 * f.x_c + base * f.x_w
            for p in range(f.row_planes):
                start = load_i64(f.row_table + 24 * p)
                plane = q * (f.channel_at // f.col_planes) + load_i64(f.row_table + 24 * p + 8) * row_bytes
                place = dst + c0 * f.channel_at + plane
                top = oy * f.sh + start
                count = rows + load_i64(f.row_table + 24 * p + 16)
                # Rows inside the image are copied at once; above and below it the mode says what is read.
                first_in = min(max(0, -((top - f.pt) // f.sh)), count)
                last_in = max(first_in, min(-((top - f.pt - f.ih) // f.sh), count))
                for r in range(first_in):
                    pack_outside(f, column, planes, top + r * f.sh, step, low, high, place + r * row_bytes)
                inner = last_in - first_in
                to, row = place + first_in * row_bytes, column + (top + first_in * f.sh - f.pt) * f.x_h
                where = f.x_c, f.sh * f.x_h, planes, inner
                if f.deal:
                    if q == 0:  # all planes at once
                        what = f.sw, f.pitch, -base, f.iw - base, f.x_code
                        call(f.deal, (to, f.channel_at // f.col_planes, f.channel_at, row_bytes, row, *where, *what))
                else:
                    what = step, f.pitch, low, high, f.x_code
                    if f.sh * f.x_h == f.pitch * step and low == 0 and high == f.pitch:  # the rows are one
                        where = f.x_c, f.sh * f.x_h, planes, 1
                        what = step, inner * f.pitch, 0, inner * f.pitch, f.x_code
                    call(f.gather_planes, (to, f.channel_at, row_bytes, row, *where, *what))
                for r in range(last_in, count):
                    pack_outside(f, column, planes, top + r * f.sh, step, low, high, place + r * row_bytes)
                if f.modes:
                    for r in range(count):
                        y = load_i64(f.row_map + 8 * (top + r * f.sh))
                        if y >= 0:
                            for c in range(planes):
                                row = src + (c0 + c) * f.x_c + y * f.x_h
                                to = place + c * f.channel_at + r * row_bytes
                                pack_border(f, row, first, 0, low, to, spare)
                                pack_border(f, row, first, high, f.pitch, to, spare)


@njit(error_model="numpy")
def pack_last(f, src, channels, oy, rows, ox, dst):
    """The same for an image whose channels lie side by side: blocks of positions and channels are transposed."""
    row_bytes = f.pitch * f.element
    for q in range(f.col_planes):
        base = ox * f.sw + load_i64(f.col_table + 8 * q) - f.pl
        low = min(max(0, -(base // f.sw)), f.pitch)
        high = max(low, min(-((base - f.iw) // f.sw), f.pitch))
        for p in range(f.row_planes):
            top = oy * f.sh + load_i64(f.row_table + 24 * p) - f.pt
            place = dst + q * (f.channel_at // f.col_planes) + load_i64(f.row_table + 24 * p + 8) * row_bytes
            for r in range(rows + load_i64(f.row_table + 24 * p + 16)):
                y = top + r * f.sh
                first, last = low, high
                if y < 0 or y >= f.ih:
                    first, last = f.pitch, f.pitch
                row = src + y * f.x_h + base * f.x_w
                x = 0
                while x < f.pitch:
                    # Up to a vector of positions inside the image; or of zeros, which no row of the source gives.
                    if first <= x and x < last:
                        count = min(f.lanes, last - x)
                        there = count
                    else:
                        count = min(f.lanes, (first if x < first else f.pitch) - x)
                        there = 0
                    at = row + x * f.sw * f.x_w
                    call(
                        f.transpose,
                        (place + x * f.element, f.channel_at, at, f.sw * f.x_w, there, channels, count, 0, 0),
                    )
                    x += count
                place += row_bytes


@njit(error_model="numpy")
def pack_outside(f, column, planes, y_padded, step, low, high, place):
    """A row of each plane that lies above or below the image: zeros, or the row that the padding mode names."""
    y = load_i64(f.row_map + 8 * y_padded)
    src = column + y * f.x_h
    if y < 0:
        src, low, high = place, 0, 0
    call(f.gather_planes, (place, f.channel_at, 0, src, f.x_c, 0, planes, 1, step, f.pitch, low, high, f.x_code))


@njit(error_model="numpy")
def pack_border(f, row, first, low, high, place, spare):
    """The elements low..high of a band's row that a padding mode takes from elsewhere in the image."""
    for i in range(low, high):
        x = load_i64(f.col_map + 8 * (first + i * f.sw))
        if x >= 0:
            # A gather writes whole vectors: one element is moved on the spare row.
            call(f.gather, (spare, 0, row + x * f.x_w, 0, 1, f.x_w, 1, 0, 1, f.x_code))
            call(f.scatter, (place + i * f.element, 0, spare, 0, 1, f.element, 1, NATIVE, 0))


@njit(error_model="numpy")
def pack_run(f, to, step, src, rows, count, spare):
    """Transposes `count` weights that lie in a run, for each of `rows` output channels, widened before if halves."""
    if f.w_code == NATIVE:
        call(f.transpose, (to, step, src, f.w_o, rows, count, f.lanes, 0, 0))
    else:
        row = (count + f.lanes) * f.element
        call(f.gather, (spare, row, src, f.w_o, rows, f.w_size, count, 0, count, f.w_code))
        call(f.transpose, (to, step, spare, row, rows, count, f.lanes, 0, 0))


@njit(error_model="numpy")
def pack_weight(f, w, width, c0, c1, dst, spare):
    """dst[(c, tap)][lane] = the weight of `width` output channels from `w` on, zero in the lanes left over."""
    lanes = f.lanes
    vectors = 1 if width <= lanes else 2
    vector = lanes * f.element
    step = vectors * vector
    taps = f.kh * f.kw
    for v in range(vectors):
        rows = min(lanes, width - v * lanes)
        first = w + v * lanes * f.w_o
        to = dst + v * vector
        # Rows between packed channels, and between the taps of one.
        channel_rows, tap_rows = taps, 1
        if f.by_tap:
            channel_rows, tap_rows = 1, f.by_tap
        if f.run == 1 and not f.by_tap:  # channels and taps lie in one run
            pack_run(f, to, step, first + c0 * f.w_c, rows, (c1 - c0) * taps, spare)
            continue
        if f.run == 1 or f.run == 2:  # the taps of a channel do
            if f.pack_taps and rows == lanes:
                src = first + c0 * f.w_c
                call(f.pack_taps, (c1 - c0, to, channel_rows * step, tap_rows * step, src, f.w_c, f.w_o))
                continue
            for c in range(c0, c1):
                pack_run(f, to, tap_rows * step, first + c * f.w_c, rows, taps, spare)
                to += channel_rows * step
            continue
        for u in range(f.kh):
            for t in range(f.kw):
                src = first + c0 * f.w_c + u * f.w_h + t * f.w_w
                if f.run == 3:  # the channels of a tap do
                    pack_run(f, to, channel_rows * step, src, rows, c1 - c0, spare)
                else:
                    call(
                        f.gather,
                        (to, channel_rows * step, src, f.w_c, c1 - c0, f.w_o, lanes, 0, rows, f.w_code),
                    )
                to += tap_rows * step


@njit(error_model="numpy")
def store_products(f, sums, channels, width, out):
    """out[o][c][tap] = sums[tap][c of f.block][o] for one block each of input and output channels.

    In `order`, if the taps of a channel lie side by side; otherwise f.w_w bytes apart, and there the channels do.
    """
    lanes = f.lanes
    vectors = 1 if width <= lanes else 2
    vector = lanes * f.element
    total = channels * f.kh * f.kw
    for v in range(vectors):
        rows = min(lanes, width - v * lanes)
        if not f.order:
            for tap in range(f.kh * f.kw):
                src, dst = sums + (tap * f.block * vectors + v) * vector, out + v * lanes * f.w_o + tap * f.w_w
                for c in range(0, channels, lanes):
                    count = min(lanes, channels - c)
                    to, first = dst + c * f.element, src + c * vectors * vector
                    call(f.transpose, (to, f.w_o, first, vectors * vector, count, rows, count, 0, 0))
            continue
        for i in range(0, total, lanes):
            count = min(lanes, total - i)
            dst = out + v * lanes * f.w_o + i * f.element
            src, order = sums + v * vector, f.order + 8 * i
            if f.kh * f.kw == 1:  # already in order
                src, order = src + i * vectors * vector, 0
            call(f.transpose, (dst, f.w_o, src, vectors * vector, count, rows, count, 0, order))


@njit(error_model="numpy")
def store_band(f, sums, vectors, width, bias, tail, out, rows, columns, spare):
    """out[o][row][column] = sums[row, column][o] + bias[o] for `width` channels; out is the band's corner.

    `tail` is what the stores apply (see tail.py), or 0.
    """
    vector = f.lanes * f.element
    step = vectors * vector
    size = f.y_size
    runs, length = rows, columns
    if f.y_h == columns * f.y_w:
        runs, length = 1, rows * columns  # the rows are one
    for run in range(runs):
        src = sums + run * length * step
        to = out + run * f.y_h
        if f.y_last:
            call(f.store_positions, (to, f.y_w, src, step, length, width, f.y_code, bias, tail))
            continue
        for v in range(vectors):
            channels = min(f.lanes, width - v * f.lanes)
            row = to + v * f.lanes * f.y_c
            shift = bias + v * vector if bias else 0
            part = src + v * vector
            if f.y_w == size or f.y_w == 2 * size:
                call(f.store_channels, (row, f.y_c, part, step, length, channels, f.y_w, f.y_code, shift, tail))
            else:
                row_bytes = (length + f.lanes) * f.element
                call(
                    f.store_channels,
                    (spare, row_bytes, part, step, length, channels, f.element, NATIVE, shift, tail),
                )
                call(f.scatter, (row, f.y_c, spare, row_bytes, channels, f.y_w, length, f.y_code, 0))
