"""Products of matrices that lie in memory as the tile wants them: nothing is copied, nothing is packed.

    panels:  c[row][column] = start[row] + sum over terms of a[row][term] * b[term][column]    lanes are columns
    dots:    c[column][row] = start[row] + sum over terms of a[row][term] * b[column][term]    lanes are terms

There is a product for each of f.images and f.groups, and it is summed over f.summed images more. A sum is cut into
chunks, added in memory, and neither their sizes nor their order depend on how the tasks are shared out.
"""

from __future__ import annotations

import numpy as np

from .emit import NATIVE, call, load_i64, next_ticket
from .launch import Kernel, frame_reader

# Sizes, strides and addresses of a product: strides in bytes.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("panel", "dots", "transpose", "gather", "scatter", "bring", "deliver", "element", "lanes", "mr", "nr"),
            *("images", "summed", "groups", "rows", "columns", "terms"),
            # how a sum is cut; the tasks of a group, ranges of rows and of columns; columns that stay in the cache
            *("chunk", "row_shares", "spans", "span", "block"),
            *("a_image", "a_group", "a_row", "a_term"),
            *("b_image", "b_group", "b_column", "b_term"),
            *("c_image", "c_group", "c_row", "c_column"),
            # panels of b: one of the kinds below, or in place; storage types; bytes of a group's that are ready
            *("panels", "b_code", "c_code", "ready_group", "slot"),
            *("by_column", "every", "zero"),  # whether start is one of each column; see _spread; a row of zeros
            *("finish", "ask"),  # the steps of a tail (see tail.py), or 0; then bias is the address of the tail
        )
    ]
)
frame_at = frame_reader(FRAME)

# How panels of b are read, other than in place: brought to scratch, or packed before.
BROUGHT, READY = 1, 2


def _panels(frame, a, b, bias, c, scratch, worker):
    """A task is (image, group, span of columns, share of the rows); the last span has what is left over.

    A stretch of columns that fills no vector is computed as the last whole vector of its span. Panels of b are read
    as they lie, or ready (see _pack_panels), or brought to scratch; a panel of c is made there if it is stored
    in 16 bits.
    """
    f = frame_at(frame)
    vector = f.lanes * f.element
    room = scratch + 64 + worker * f.slot
    sums = room + f.chunk * f.nr * vector
    tail = 0
    if f.finish:
        tail, bias = bias, load_i64(bias)
    while True:
        task = next_ticket(scratch)
        if task >= f.images * f.groups * f.spans * f.row_shares:
            break
        share, place = task % f.row_shares, task // f.row_shares
        span, place = place % f.spans, place // f.spans
        group, image = place % f.groups, place // f.groups
        row_0, row_1 = share * f.rows // f.row_shares, (share + 1) * f.rows // f.row_shares
        last = f.columns if span == f.spans - 1 else (span + 1) * f.span
        own_a = a + image * f.a_image + group * f.a_group
        own_b = b + image * f.b_image + group * f.b_group
        own_c = c + image * f.c_image + group * f.c_group
        start, start_step = f.zero, 0
        if bias and not f.by_column:
            start, start_step = bias + group * f.rows * f.element, f.element
        parts = -(-(row_1 - row_0) // f.mr)
        column = span * f.span
        while column < last:
            vectors, at = min(f.nr, (last - column) // f.lanes), column
            if vectors == 0:
                vectors, at = 1, last - f.lanes
            wide = vectors * vector
            into, apart = own_c + at * f.c_column, f.c_row
            if f.c_code != NATIVE:
                into, apart = sums - row_0 * wide, wide
            for summed in range(f.summed):
                for term in range(0, f.terms, f.chunk):
                    k = min(f.terms - term, f.chunk)
                    right, step = own_b + summed * f.b_image + term * f.b_term + at * f.b_column, f.b_term
                    if f.panels == READY:
                        right, step = b + group * f.ready_group + column * f.terms * f.element + term * wide, wide
                    elif f.panels == BROUGHT:
                        call(f.bring, (vectors, k, room, wide, right, step, f.b_code))
                        right, step = room, wide
                    for part in range(parts):
                        row = row_0 + part * (row_1 - row_0) // parts
                        m = row_0 + (part + 1) * (row_1 - row_0) // parts - row
                        left = own_a + summed * f.a_image + row * f.a_row + term * f.a_term
                        to = into + row * apart
                        before = 0 if summed or term else start + row * start_step
                        if before and bias and f.by_column:
                            shift = bias + (group * f.columns + at) * f.element
                            call(f.bring, (vectors, m, to, apart, shift, 0, NATIVE))
                            before = 0
                        last_term = term + k == f.terms
                        if tail and last_term:
                            call(f.ask, (tail, to, apart, m, vectors * f.lanes))
                        call(
                            f.panel,
                            (m, vectors, k, left, f.a_row, f.a_term, right, step, to, apart, before, start_step),
                        )
                        if tail and last_term:
                            shift = bias + (group * f.columns + at if f.by_column else group * f.rows + row) * f.element
                            call(f.finish, (tail, shift, to, apart, m, vectors * f.lanes))
            if f.c_code != NATIVE:
                to = own_c + row_0 * f.c_row + at * f.c_column
                call(f.deliver, (vectors, row_1 - row_0, to, f.c_row, sums, wide, f.c_code))
            column += vectors * f.lanes


def _pack_panels(frame, b, unused, bias, ready, scratch, worker):
    """Panels of b, whose terms lie side by side, for _panels; a task is one of a group's."""
    f = frame_at(frame)
    vector = f.lanes * f.element
    room = scratch + 64 + worker * f.slot
    wide = f.nr * f.lanes
    tiles = -(-f.columns // wide)
    while True:
        task = next_ticket(scratch)
        if task >= f.groups * tiles:
            break
        group, first = task // tiles, task % tiles * wide
        own_b = b + group * f.b_group
        own = ready + group * f.ready_group
        column = first
        while column < min(f.columns, first + wide):
            vectors, at = min(f.nr, (f.columns - column) // f.lanes), column
            if vectors == 0:
                vectors, at = 1, f.columns - f.lanes
            to, step = own + column * f.terms * f.element, vectors * vector
            for v in range(vectors):
                src, src_step = own_b + (at + v * f.lanes) * f.b_column, f.b_column
                if f.b_code != NATIVE:
                    row = (f.terms + f.lanes) * f.element
                    call(f.gather, (room, row, src, src_step, f.lanes, f.b_term, f.terms, 0, f.terms, f.b_code))
                    src, src_step = room, row
                call(f.transpose, (to + v * vector, step, src, src_step, f.lanes, f.terms, f.lanes, 0, 0))
            column += vectors * f.lanes


def _dots(frame, a, b, bias, c, scratch, worker):
    """A task is (group, span of columns, share of the rows), over all images: there is one of f.images.

    A block of columns stays in the L2 cache while all rows pass by it, a few of them in L1 at a time.
    """
    f = frame_at(frame)
    tail = 0
    if f.finish:
        tail, bias = bias, load_i64(bias)
    while True:
        task = next_ticket(scratch)
        if task >= f.groups * f.spans * f.row_shares:
            break
        share, place = task % f.row_shares, task // f.row_shares
        span, group = place % f.spans, place // f.spans
        row_0, row_1 = share * f.rows // f.row_shares, (share + 1) * f.rows // f.row_shares
        column_0, column_1 = span * f.columns // f.spans, (span + 1) * f.columns // f.spans
        parts = -(-(row_1 - row_0) // f.mr)
        for image in range(f.summed):
            for term in range(0, f.terms, f.chunk):
                k = min(f.terms - term, f.chunk)
                own_a = a + image * f.a_image + group * f.a_group + term * f.element
                own_b = b + image * f.b_image + group * f.b_group + term * f.element
                for block in range(column_0, column_1, f.block):
                    for part in range(parts):
                        row = row_0 + part * (row_1 - row_0) // parts
                        m = row_0 + (part + 1) * (row_1 - row_0) // parts - row
                        left = own_a + row * f.a_row
                        before = f.zero
                        if image or term:
                            before = 0
                        elif bias:
                            before = bias + (group * f.rows + row) * f.element
                        block_1 = min(column_1, block + f.block)
                        for column in range(block, block_1, f.nr):
                            right = own_b + column * f.b_column
                            to = c + group * f.c_group + row * f.element + column * f.c_column
                            n = min(f.nr, block_1 - column)
                            call(f.dots, (m, n, k, left, f.a_row, right, f.b_column, to, f.c_column, before))
                            if tail and term + k == f.terms:
                                shift = bias + (group * f.rows + row) * f.element
                                call(f.finish, (tail, shift, to, f.c_column, n, m))


def _turn(frame, x, unused, bias, copy, scratch, worker):
    """copy[image][position][channel] = x[image][channel][position], a task for each vector of channels of an image."""
    f = frame_at(frame)
    blocks = -(-f.rows // f.lanes)
    while True:
        task = next_ticket(scratch)
        if task >= f.images * blocks:
            break
        image, first = task // blocks, task % blocks * f.lanes
        rows = min(f.lanes, f.rows - first)
        src = x + image * f.a_image + first * f.a_row
        dst = copy + image * f.c_image + first * f.element
        call(f.transpose, (dst, f.c_column, src, f.a_row, rows, f.columns, rows, 0, 0))


def _copy(frame, x, unused, bias, copy, scratch, worker):
    """copy[image][group][row][column] = x[image][group][row][column], a task for each group of an image."""
    f = frame_at(frame)
    while True:
        task = next_ticket(scratch)
        if task >= f.images * f.groups:
            break
        image, group = task // f.groups, task % f.groups
        src = x + image * f.a_image + group * f.a_group
        dst = copy + image * f.c_image + group * f.c_group
        call(f.gather, (dst, f.c_row, src, f.a_row, f.rows, f.a_term, f.columns, 0, f.columns, f.b_code))


def _spread(frame, pixels, unused, bias, out, scratch, worker):
    """out = 0, but for f.terms rows of f.chunk pixels of every f.every-th group; a task for each group of an image."""
    f = frame_at(frame)
    while True:
        task = next_ticket(scratch)
        if task >= f.images * f.groups:
            break
        image, group = task // f.groups, task % f.groups
        dst = out + image * f.c_image + group * f.c_group
        call(f.scatter, (dst, f.c_row, f.zero, 0, f.rows, f.c_column, f.columns, f.c_code, 0))
        if group % f.every == 0:
            src = pixels + image * f.b_image + group // f.every * f.b_group
            call(f.scatter, (dst, f.a_row, src, f.b_column, f.terms, f.a_term, f.chunk, f.c_code, 0))


panels = Kernel(_panels)
copy = Kernel(_copy)
spread = Kernel(_spread)
pack_panels = Kernel(_pack_panels)
turn = Kernel(_turn)
dots = Kernel(_dots)
