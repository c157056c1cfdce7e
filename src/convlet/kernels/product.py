"""Products of matrices that lie in memory as the tile wants them: nothing is copied, nothing is packed.

    panels:  c[row][column] = start[row] + sum over terms of a[row][term] * b[term][column]    lanes are columns
    dots:    c[column][row] = start[row] + sum over terms of a[row][term] * b[column][term]    lanes are terms

There is a product for each of f.images and f.groups, and it is summed over f.summed images more. A sum is cut into
chunks, added in memory, and neither their sizes nor their order depend on how the tasks are shared out.
"""

from __future__ import annotations

import numpy as np

from .emit import call, next_ticket
from .launch import Kernel, frame_reader

# Sizes, strides and addresses of a product: strides in bytes.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("panel", "dots", "transpose", "element", "lanes", "mr", "nr"),
            *("images", "summed", "groups", "rows", "columns", "terms"),
            # how a sum is cut; the tasks of a group, ranges of rows and of columns; columns that stay in the cache
            *("chunk", "row_shares", "spans", "span", "block"),
            *("a_image", "a_group", "a_row", "a_term"),
            *("b_image", "b_group", "b_column", "b_term"),
            *("c_image", "c_group", "c_row", "c_column"),
            "zero",
        )
    ]
)
frame_at = frame_reader(FRAME)


def _panels(frame, a, b, bias, c, scratch, worker):
    """A task is (image, group, span of columns, share of the rows); the last span has what is left over.

    A stretch of columns that fills no vector is computed as the last whole vector of its span.
    """
    f = frame_at(frame)
    vector = f.lanes * f.element
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
        start = bias + group * f.rows * f.element if bias else f.zero
        start_step = f.element if bias else 0
        parts = -(-(row_1 - row_0) // f.mr)
        column = span * f.span
        while column < last:
            vectors = min(f.nr, (last - column) // f.lanes)
            at = column * f.element
            if vectors == 0:
                vectors, at = 1, last * f.element - vector
            column += vectors * f.lanes
            for summed in range(f.summed):
                for term in range(0, f.terms, f.chunk):
                    k = min(f.terms - term, f.chunk)
                    right = own_b + summed * f.b_image + term * f.b_term + at
                    for part in range(parts):
                        row = row_0 + part * (row_1 - row_0) // parts
                        m = row_0 + (part + 1) * (row_1 - row_0) // parts - row
                        left = own_a + summed * f.a_image + row * f.a_row + term * f.a_term
                        to = own_c + row * f.c_row + at
                        before = 0 if summed or term else start + row * start_step
                        call(
                            f.panel,
                            (m, vectors, k, left, f.a_row, f.a_term, right, f.b_term, to, f.c_row, before, start_step),
                        )


def _dots(frame, a, b, bias, c, scratch, worker):
    """A task is (group, span of columns, share of the rows), over all images: there is one of f.images.

    A block of columns stays in the L2 cache while all rows pass by it, a few of them in L1 at a time.
    """
    f = frame_at(frame)
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


panels = Kernel(_panels)
turn = Kernel(_turn)
dots = Kernel(_dots)
