"""Convolution to few channels: products with all taps of a kernel where the image lies, then shifted and added.

    products[o, tap][pixel] = sum over c of weight[o, c, tap] * x[c][pixel]
    sums[o][pixel's place for that tap] += products[o, tap][pixel]

The first is a product of matrices whose columns are the pixels of a few rows of the image, each read once for all taps.
A task makes a band of output rows: of the rows of x near its borders it takes the taps that reach it. The sums of
each phase of a stride's columns lie in a row of their own. To every output products are added row by row of x, and in
the order of the taps, whatever the bands.
"""

from __future__ import annotations

import numpy as np

from ..runtime.memory import LINE
from .emit import call, load_i64
from .grouped import out_of_rows
from .jit import njit
from .launch import Kernel, frame_reader, next_task

# Sizes in elements, strides and `at`s in bytes, tables as addresses.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("panel", "bring", "transpose", "shifted", "interleave", "scatter"),
            *("element", "lanes", "mr", "nr"),
            *("n", "bands", "units"),  # tasks: (image, band); rows of outputs of all phases
            # what is read: how (see below), channels and those of a step, strides, storage, rows, columns; rows at a
            # time, at most and to fill a vector
            *("reading", "channels", "step", "x_n", "x_c", "x_h", "x_w", "x_code", "ih", "iw", "together", "fewest"),
            # weights where they are read: strides of a channel to be summed, of a row of taps, of one of the products;
            # those are one run, or one of each output, of so many for a row of taps. How an output's weights are copied
            # there before: rows (or none), their strides there and here, elements and their stride there
            *("w_c", "w_h", "w_row", "kh", "runs", "run_row", "zero"),
            *("pack_rows", "pack_to", "pack_from", "pack_count", "pack_step", "pack_o"),
            # where the products of a row of x go: row * step_h + low + u * apart. Columns: for each phase of the stride
            # its outputs, number of taps and their table; bytes of a row of products
            *("step_h", "low", "apart", "step_w", "phases", "pitch"),
            # what is written
            *("outputs", "columns", "y_n", "y_c", "y_h", "y_w", "y_code", "y_height", "interleaved"),
            *("y_row", "y_column"),  # steps of the array where its channels lie side by side, or 0
            "finish",  # the step that applies a tail, or 0; then bias is the address of the tail (see tail.py)
            # scratch of a worker; bytes of an output's sums, of a row of all phases and of a row
            *("slot", "weight_at", "room_at", "products_at", "sums_at", "y_at", "sums_o", "sums_h", "sums_w"),
        )
    ]
)
frame_at = frame_reader(FRAME)
PHASE = 24  # bytes of an entry of the table of phases

# Panels from that which is read to the one that is asked for.
AHEAD = 4
# How x is read: in place; copied, or transposed, a panel at a time.
IN_PLACE, BROUGHT, TURNED = range(3)


@njit(error_model="numpy")
def taps_of(f, row, first, last):
    """The taps that bring a row of x to output rows first..last."""
    begin, end = 0, 0
    for u in range(f.kh):
        y = row * f.step_h + f.low + u * f.apart
        if first <= y < last:
            if begin == end:
                begin = u
            end = u + 1
    return begin, end


@njit(error_model="numpy")
def rows_of(f, row, end, first, last):
    """How many rows from this one on are taken together, and the taps of any: the same ones, if that fills a vector."""
    begin, stop = taps_of(f, row, first, last)
    rows = 1
    while row + rows < end:
        u_0, u_1 = taps_of(f, row + rows, first, last)
        if rows >= f.fewest and (rows >= f.together or u_0 != begin or u_1 != stop):
            break
        if begin == stop:
            begin, stop = u_0, u_1
        elif u_0 < u_1:
            begin, stop = min(begin, u_0), max(stop, u_1)
        rows += 1
    return rows, begin, stop


@njit(error_model="numpy")
def multiply(f, taps, vectors, terms, more, weight, right, soon, to):
    """The products of a panel of pixels with all outputs' taps of some rows of the kernel."""
    u_0, u_1 = taps
    panel, step = right
    soon_at, soon_step, soon_tile = soon
    runs, rows = f.runs, (u_1 - u_0) * f.run_row
    if u_1 - u_0 == f.kh:
        runs, rows = 1, runs * rows
    parts = max(-(-rows // f.mr), min(rows, -(-vectors // runs)))
    fewer = rows // parts
    larger = rows - parts * fewer
    for o in range(runs):
        a = weight + o * f.kh * f.w_h + u_0 * f.w_h
        c = to + o * rows * f.pitch
        for m, tiles in ((fewer + 1, larger), (fewer, parts - larger)):
            if tiles:
                left, sums = (a, f.w_row, f.w_c, m * f.w_row), (c, f.pitch, m * f.pitch)
                asks = soon_at, soon_step, soon_tile
                call(f.panel, (m, vectors, terms, tiles, *left, panel, step, 0, *sums, f.zero, 0, 0, more, *asks))
                a += tiles * m * f.w_row
                c += tiles * m * f.pitch
                soon_at += tiles * soon_tile


@njit(error_model="numpy")
def products_of(f, src, pixels, taps, weight, room, to):
    """products[o, tap][pixel] of so many pixels side by side: strips of even widths, the last may overlap another."""
    column = 0
    while column < pixels:
        left = -(-(pixels - column) // f.lanes)
        vectors = min(-(-left // -(-left // f.nr)), pixels // f.lanes)
        at = min(column, pixels - vectors * f.lanes)
        for term in range(0, f.channels, f.step):
            terms = min(f.step, f.channels - term)
            place = src + term * f.x_c + at * f.x_w
            panel, step = place, f.x_c
            if f.reading != IN_PLACE:
                panel, step = room, vectors * f.lanes * f.element
            if f.reading == BROUGHT:
                call(f.bring, (vectors, terms, room, step, place, f.x_c, f.x_code))
            elif f.reading == TURNED:
                for v in range(vectors):
                    there = place + v * f.lanes * f.x_w
                    shape = f.lanes, terms, f.lanes, 0, 0
                    call(f.transpose, (room + v * f.lanes * f.element, step, there, f.x_w, *shape))
            soon = place + AHEAD * f.nr * f.lanes * f.x_w, f.x_c, LINE
            if f.reading == TURNED:  # whose pixels follow one another
                soon = soon[0], LINE, terms * LINE
            own = weight + term * f.w_c
            multiply(f, taps, vectors, terms, term > 0, own, (panel, step), soon, to + at * f.element)
        column += vectors * f.lanes


@njit(error_model="numpy")
def clear(f, sums, rows):
    """No sums yet."""
    for o in range(f.outputs):
        place = sums + o * f.sums_o
        count = rows * f.sums_h // (f.lanes * f.element)
        call(f.bring, (1, count, place, f.lanes * f.element, f.zero, 0, 0))


@njit(error_model="numpy")
def store(f, sums, first, rows, shift, to):
    """Writes the sums of one output channel."""
    to += first * f.y_h
    if f.interleaved:
        call(f.interleave, (to, f.y_h, sums, sums + f.sums_w, f.sums_h, rows, f.columns))
        return
    for q in range(f.step_w):
        count = load_i64(f.phases + PHASE * q)
        place = to + q * f.y_w, f.y_h
        call(f.scatter, (*place, sums + q * f.sums_w, f.sums_h, rows, f.step_w * f.y_w, count, f.y_code, shift))


def _overlap(frame, x, weight, bias, out, scratch, worker):
    """The forward convolution, or an input gradient, whose x is the output's gradient."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    room, products, sums = slot + f.room_at, slot + f.products_at, slot + f.sums_at
    tail = 0
    if f.finish:
        tail, bias = bias, load_i64(bias)
    for o in range(f.outputs if f.pack_rows else 0):
        to, from_ = slot + f.weight_at + o * f.kh * f.w_h, weight + o * f.pack_o
        call(f.scatter, (to, f.pack_to, from_, f.pack_from, f.pack_rows, f.pack_step, f.pack_count, 0, 0))
    if f.pack_rows:
        weight = slot + f.weight_at
    least = min(f.low, f.low + (f.kh - 1) * f.apart)
    most = max(f.low, f.low + (f.kh - 1) * f.apart)
    tasks = f.n * f.bands
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        image, band = task // f.bands, task % f.bands
        first = band * f.units // f.bands * f.step_h
        last = min(f.y_height, (band + 1) * f.units // f.bands * f.step_h)
        clear(f, sums, last - first)
        row = max(0, -((most - first) // f.step_h))
        end = min(f.ih, (last - 1 - least) // f.step_h + 1)
        while row < end:
            rows, u_0, u_1 = rows_of(f, row, end, first, last)
            if u_0 < u_1:
                read = max(rows, f.fewest)
                begin = min(row, f.ih - read)
                there = x + image * f.x_n + begin * f.x_h
                products_of(f, there, read * f.iw, (u_0, u_1), weight, room, products)
                src_u = f.run_row * f.pitch
                src_o = (u_1 - u_0) * src_u if f.runs > 1 else f.pitch
                for r in range(row, row + rows):
                    own_0, own_1 = taps_of(f, r, first, last)
                    y = r * f.step_h + f.low + own_0 * f.apart - first
                    src = products + (r - begin) * f.iw * f.element + (own_0 - u_0) * src_u
                    for q in range(f.step_w):
                        entry = f.phases + PHASE * q
                        count, several, table = load_i64(entry), load_i64(entry + 8), load_i64(entry + 16)
                        if several:
                            dst = sums + y * f.sums_h + q * f.sums_w
                            to = dst, f.sums_o, f.apart * f.sums_h, f.outputs, own_1 - own_0, count
                            call(f.shifted, (*to, src, src_o, src_u, f.iw, several, table))
            row += rows
        to = out + image * f.y_n
        if f.y_column:
            to = slot + f.y_at - first * f.y_h
        for o in range(f.outputs):
            shift = bias + o * f.element if bias else 0
            store(f, sums + o * f.sums_o, first, last - first, shift, to + o * f.y_c)
            if tail and not f.y_column:  # rows of a plane are one
                pixels = (last - first) * f.columns
                call(f.finish, (tail, shift, to + o * f.y_c + first * f.y_h, 0, 1, pixels))
        if f.y_column:
            to = out + image * f.y_n
            out_of_rows(f, slot + f.y_at, f.y_c, first, last, f.outputs, to)
            if tail:
                pixels = (last - first) * f.columns
                call(f.finish, (tail, bias, to + first * f.y_row, f.y_column, pixels, f.outputs))


overlap = Kernel(_overlap)
