"""Products of matrices, the left one read where it lies; panels of the right one are copied where that pays.

    panels:  c[row][column] = start[row] + sum over terms of a[row][term] * b[term][column]    lanes are columns
    dots:    c[column][row] = start[row] + sum over terms of a[row][term] * b[column][term]    lanes are terms

There is a product for each of f.images and f.groups, and it is summed over f.summed images more. A sum is cut into
chunks, added in memory, and neither their sizes nor their order depend on how the tasks are shared out.
"""

from __future__ import annotations

import numpy as np

from ..runtime.memory import LINE
from .emit import NATIVE, call, load_i64, next_ticket
from .launch import Kernel, frame_reader, next_task

# Sizes, strides and addresses of a product: strides in bytes.
FRAME = np.dtype(
    [
        (name, np.int64)
        for name in (
            *(
                "panel",
                "dots",
                "transpose",
                "store_channels",
                "gather",
                "scatter",
                "spread_rows",
                "bring",
                "deliver",
                "add",
                "element",
                "lanes",
                "mr",
                "nr",
            ),
            *("images", "summed", "groups", "rows", "columns", "terms"),
            # how a sum is cut: chunks of terms, of one image or of several joined; how many, and how many are summed
            # before they are added to the others; terms of the longest
            *("chunk", "chunks", "joined", "units", "fold", "longest"),
            # the tasks of a group: ranges of images, of rows, of columns; columns that stay in the cache. A part of the
            # rows is a tile; the row that each begins with, bytes to it in a, and how many parts from there on are of
            # one size and evenly apart are a table, with one entry more
            *("bundle", "row_shares", "parts", "places", "spans", "block", "by_rows"),
            *("a_image", "a_group", "a_row", "a_term"),
            *("b_image", "b_group", "b_column", "b_term"),
            *("c_image", "c_group", "c_row", "c_column"),
            # panels of b: one of the kinds below; whether a is copied, and c; storage types; bytes of a group's that
            # are ready; where in scratch copies of a (a row's bytes) and of c are
            *("panels", "copied", "sums", "b_code", "c_code", "ready_group", "left_at", "left_row", "sums_at"),
            *("partial_at", "slot"),
            *("by_column", "every", "zero"),  # whether start is one of each column; see spread.py; a row of zeros
            *("finish", "ask"),  # the steps of a tail (see tail.py), or 0; then bias is the address of the tail
        )
    ]
)
frame_at = frame_reader(FRAME)
PLACE = 24  # bytes of an entry of the table of parts

# How panels of b are read: in place; copied to scratch, or transposed, a chunk at a time; packed before.
IN_PLACE, BROUGHT, TURNED, READY = range(4)
# How c is written: in place; summed in scratch, then copied, or transposed.
DIRECT, DELIVERED, TRANSPOSED = range(3)
# Tiles whose sums are finished together, from the L1 cache.
TAIL_TILES = 4


def _panels(frame, a, b, bias, c, scratch, worker):
    """A task is (bundle of images, group, span of columns, share of the rows); spans are of whole panels.

    A block of columns is summed up over all chunks of terms before the next: so many panels of b, a chunk long, stay
    in the cache. Columns that fill no vector are a block of their own, the last whole vector of the span.
    """
    f = frame_at(frame)
    vector = f.lanes * f.element
    wide = f.nr * f.lanes
    room = scratch + 64 + worker * f.slot
    tail = 0
    if f.finish:
        tail, bias = bias, load_i64(bias)
    bundles = -(-f.images // f.bundle)
    tasks = bundles * f.groups * f.spans * f.row_shares
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        share, place = task % f.row_shares, task // f.row_shares
        span, place = place % f.spans, place // f.spans
        group, image_0 = place % f.groups, place // f.groups * f.bundle
        images = min(f.bundle, f.images - image_0)
        part_0, part_1 = share * f.parts // f.row_shares, (share + 1) * f.parts // f.row_shares
        row_0 = load_i64(f.places + PLACE * part_0)
        rows = load_i64(f.places + PLACE * part_1) - row_0
        panels = max(1, -(-(f.columns // f.lanes) // f.nr))
        last = f.columns if span == f.spans - 1 else (span + 1) * panels // f.spans * wide
        own_a = a + image_0 * f.a_image + group * f.a_group
        own_b = b + image_0 * f.b_image + group * f.b_group
        own_c = c + image_0 * f.c_image + group * f.c_group + row_0 * f.c_row
        start, start_step = f.zero, 0
        if bias and not f.by_column:
            start, start_step = bias + (group * f.rows + row_0) * f.element, f.element
        column = span * panels // f.spans * wide
        while column < last:
            width, at = min(f.block, (last - column) // f.lanes * f.lanes), column
            if width == 0:
                width, at = f.lanes, last - f.lanes
            into, apart, c_image = own_c + at * f.c_column, f.c_row, f.c_image
            if f.sums != DIRECT:
                into, apart, c_image = room + f.sums_at, width * f.element, rows * width * f.element
            partial, partial_row = room + f.partial_at, width * f.element
            for unit in range(f.units):
                fresh = unit % f.fold == 0
                base, pitch, pitch_image = into, apart, c_image
                if unit >= f.fold:
                    base, pitch, pitch_image = partial, partial_row, rows * partial_row
                first, term, joined, each = unit // f.chunks, unit % f.chunks * f.chunk, 1, f.chunk
                if f.joined > 1:
                    first, term, each = unit * f.joined, 0, f.terms
                    joined = min(f.joined, f.summed - first)
                each = min(each, f.terms - term)
                left, left_row = own_a + first * f.a_image + term * f.a_term, f.a_row
                if f.copied:
                    copy, left_row = room + f.left_at, f.left_row
                    for i in range(joined):
                        to, src = copy + i * each * f.element, left + i * f.a_image + row_0 * f.a_row
                        call(f.gather, (to, left_row, src, f.a_row, rows, f.a_term, each, 0, each, NATIVE))
                    left = copy
                source = own_b + first * f.b_image + term * f.b_term + at * f.b_column
                # Where what is read next lies, and how far apart its panels and its terms are.
                soon, soon_apart, soon_step = 0, wide * f.b_column, f.b_term
                if f.panels == BROUGHT or f.panels == TURNED:
                    for panel in range(0, width, wide):
                        vectors = min(f.nr, (width - panel) // f.lanes)
                        to, src, step = (
                            room + panel * f.longest * f.element,
                            source + panel * f.b_column,
                            vectors * vector,
                        )
                        for _ in range(joined):
                            if f.panels == BROUGHT:
                                call(f.bring, (vectors, each, to, step, src, f.b_term, f.b_code))
                            else:
                                for v in range(vectors):
                                    shape = (f.lanes, each, f.lanes, 0, 0)
                                    place = src + v * f.lanes * f.b_column
                                    call(f.transpose, (to + v * vector, step, place, f.b_column, *shape))
                            to, src = to + each * step, src + f.b_image
                    if f.panels == BROUGHT and f.joined == 1:  # what is brought next
                        soon = source + each * f.b_term
                        if unit == f.units - 1:
                            soon = own_b + (at + width) * f.b_column
                panels_at, panels_apart, skip = room, wide * f.longest * f.element, 0
                if f.panels == IN_PLACE:
                    panels_at, panels_apart, soon = source, wide * f.b_column, source + wide * f.b_column
                elif f.panels == READY:
                    panels_at = b + group * f.ready_group + column * f.terms * f.element
                    panels_apart, skip = wide * f.terms * f.element, term
                    soon_apart, soon_step = 0, wide * f.element
                first, first_step, more = f.zero, 0, int(not fresh)
                if bias and unit == 0 and not f.by_column:
                    first, first_step = start, start_step
                elif bias and unit == 0 and f.sums != TRANSPOSED:  # a number for each column is there before the sums
                    more = 1
                    for image in range(images):
                        for panel in range(0, width, wide):
                            vectors = min(f.nr, (width - panel) // f.lanes)
                            to = base + image * pitch_image + panel * f.element
                            shift = bias + (group * f.columns + at + panel) * f.element
                            call(f.bring, (vectors, rows, to, pitch, shift, 0, NATIVE))
                tail_now = tail and unit == f.units - 1
                finish_now = tail_now and base == into and f.sums != TRANSPOSED
                a_step = f.element if f.copied else f.a_term
                whole, panels, parts = width // wide, -(-width // wide), part_1 - part_0
                turns, inner = panels, parts
                if f.by_rows:
                    turns, inner = parts, panels
                for turn in range(turns):
                    if f.panels == READY:
                        soon = panels_at + (turn + 1) * panels_apart + skip * soon_step
                        if turn == panels - 1:
                            soon = panels_at + (skip + each) * soon_step
                            if unit == f.units - 1:
                                soon = panels_at + width * f.terms * f.element
                    for image in range(images):
                        if tail_now and f.sums == TRANSPOSED:
                            to = own_c + image * f.c_image + (at + turn * wide) * f.c_column
                            call(f.ask, (tail, to, f.c_column, min(wide, width - turn * wide), rows))
                        i = 0
                        while i < inner:
                            panel, part = turn, i
                            if f.by_rows:
                                panel, part = i, turn
                            vectors = f.nr if panel < whole else (width - panel * wide) // f.lanes
                            step = f.b_term if f.panels == IN_PLACE else vectors * vector
                            right = panels_at + panel * panels_apart + skip * step
                            place = f.places + PLACE * (part_0 + part)
                            row, m = load_i64(place) - row_0, load_i64(place + PLACE) - load_i64(place)
                            here = left + image * f.a_image
                            here += row * left_row if f.copied else load_i64(place + 8)
                            to = base + image * pitch_image + row * pitch + panel * wide * f.element
                            # The first tiles of a panel ask for a line of each term of what is read after it.
                            ask, ask_step, ask_tile, asks = right, 0, 0, -(-vectors * vector // LINE)
                            if soon and part < asks:
                                ask, ask_step = soon + panel * soon_apart + part * LINE, soon_step
                            # As many tiles at a time as lie evenly apart.
                            if f.by_rows:
                                tiles, a_tile, b_tile, c_tile = max(1, whole - i), 0, panels_apart, wide * f.element
                                if ask_step:
                                    ask_tile = soon_apart
                            else:
                                tiles, a_tile, b_tile, c_tile = load_i64(place + 16), m * left_row, 0, m * pitch
                                tiles = min(tiles, inner - i)
                                if ask_step:
                                    tiles, ask_tile = min(tiles, asks - part), LINE
                            if finish_now:
                                tiles = min(tiles, TAIL_TILES)
                                down, across = m, vectors * f.lanes
                                if f.by_rows:
                                    across += (tiles - 1) * wide
                                else:
                                    down *= tiles
                                call(f.ask, (tail, to, apart, down, across))
                            begin, begin_tile = first + row * first_step, 0
                            if not f.by_rows:
                                begin_tile = m * first_step
                            places_a, places_b = (here, left_row, a_step, a_tile), (right, step, b_tile)
                            places_c, begins = (to, pitch, c_tile), (begin, first_step, begin_tile, more)
                            shape = m, vectors, joined * each, tiles
                            call(f.panel, (*shape, *places_a, *places_b, *places_c, *begins, ask, ask_step, ask_tile))
                            if finish_now:
                                shift = group * f.rows + row_0 + row
                                if f.by_column:
                                    shift = group * f.columns + at + panel * wide
                                call(f.finish, (tail, bias + shift * f.element, to, apart, down, across))
                            i += tiles
                if unit >= f.fold and (unit % f.fold == f.fold - 1 or unit == f.units - 1):
                    for panel in range(0, width, wide):
                        vectors = min(f.nr, (width - panel) // f.lanes)
                        for image in range(images):
                            to, src = into + image * c_image, partial + image * rows * partial_row
                            to, src = to + panel * f.element, src + panel * f.element
                            call(f.add, (vectors, rows, to, apart, src, partial_row, NATIVE))
                            if tail and unit == f.units - 1 and f.sums != TRANSPOSED:
                                shift = group * f.columns + at + panel if f.by_column else group * f.rows + row_0
                                call(f.finish, (tail, bias + shift * f.element, to, apart, rows, vectors * f.lanes))
            if f.sums == DELIVERED:
                for panel in range(0, width, wide):
                    vectors = min(f.nr, (width - panel) // f.lanes)
                    for image in range(images):
                        to = own_c + image * f.c_image + (at + panel) * f.c_column
                        src = into + image * c_image + panel * f.element
                        call(f.deliver, (vectors, rows, to, f.c_row, src, apart, f.c_code))
            elif f.sums == TRANSPOSED:
                for image in range(images):
                    for place in range(at, at + width, f.lanes):
                        to, src = own_c + image * f.c_image + place * f.c_column, into + image * c_image
                        src += (place - at) * f.element
                        shift = bias + (group * f.columns + place) * f.element if bias else 0
                        moves = to, f.c_column, src, apart, rows, f.lanes
                        call(f.store_channels, (*moves, f.element, NATIVE, shift, tail))
            column += width


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
                        left, left_row = own_a + row * f.a_row, f.a_row
                        if f.copied:
                            to, left_row = scratch + 64 + worker * f.slot, f.left_row
                            call(f.gather, (to, left_row, left, f.a_row, m, f.element, k, 0, k, NATIVE))
                            left = to
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
                            call(f.dots, (m, n, k, left, left_row, right, f.b_column, to, f.c_column, before))
                            if tail and term + k == f.terms:
                                shift = bias + (group * f.rows + row) * f.element
                                call(f.finish, (tail, shift, to, f.c_column, n, m))


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


panels = Kernel(_panels)
copy = Kernel(_copy)
pack_panels = Kernel(_pack_panels)
dots = Kernel(_dots)
