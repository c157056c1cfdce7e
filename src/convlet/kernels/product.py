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
from .jit import njit
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
            # are ready; where in scratch copies of a (a row's bytes) and of c are, and what is turned is widened
            *("panels", "copied", "sums", "a_code", "b_code", "c_code", "c_size", "ready_group"),
            *("left_at", "left_row", "sums_at", "partial_at", "wide_at", "slot"),
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


@njit(error_model="numpy")
def _bring_panels(frame, to, wide, source, width, joined, each):
    """A chunk of each panel of a block of columns, copied to scratch: `joined` images' terms one after the other.

    What is turned is widened before, to `wide`.
    """
    f = frame_at(frame)
    vector = f.lanes * f.element
    for panel in range(0, width, f.nr * f.lanes):
        vectors = min(f.nr, (width - panel) // f.lanes)
        dst, src, step = to + panel * f.longest * f.element, source + panel * f.b_column, vectors * vector
        for _ in range(joined):
            if f.panels == BROUGHT:
                call(f.bring, (vectors, each, dst, step, src, f.b_term, f.b_code))
            else:
                for v in range(vectors):
                    shape, place, apart = (f.lanes, each, f.lanes, 0, 0), src + v * f.lanes * f.b_column, f.b_column
                    if f.b_code != NATIVE:
                        row = f.left_row
                        call(f.gather, (wide, row, place, apart, f.lanes, f.b_term, each, 0, each, f.b_code))
                        place, apart = wide, row
                    call(f.transpose, (dst + v * vector, step, place, apart, *shape))
            dst, src = dst + each * step, src + f.b_image


@njit(error_model="numpy")
def _multiply(frame, images, parts, width, terms, left, right, soon, to, begin, tail):
    """The products of one chunk of a block, a few tiles at a time: for each panel all parts, or the other way round.

    left   a of the first image, bytes between its rows and terms
    right  panels, bytes between them, terms of them to leave out
    soon   what is read next (0: nothing to be asked for), bytes between its panels and terms; of panels that are
           ready, what follows the last
    to     sums of the first image, bytes between rows and images
    begin  what sums begin with, bytes between those of two rows; whether the sums that are there are added
    tail   what finishes these sums (0: nothing) and its numbers; where lines of `other` are asked for, or 0
    """
    f = frame_at(frame)
    vector, wide = f.lanes * f.element, f.nr * f.lanes
    (a, a_row, a_term), (b, b_apart, skip), (soon_at, soon_apart, soon_step) = left, right, soon
    (c, c_row, c_image), (first, first_step, more), (finish, numbers, other) = to, begin, tail
    part_0, part_1 = parts
    row_0 = load_i64(f.places + PLACE * part_0)
    rows = load_i64(f.places + PLACE * part_1) - row_0
    whole, panels = width // wide, -(-width // wide)
    turns, inner = panels, part_1 - part_0
    if f.by_rows:
        turns, inner = inner, turns
    for turn in range(turns):
        here_soon = soon_at
        if f.panels == READY and turn < panels - 1:
            here_soon = b + (turn + 1) * b_apart + skip * soon_step
        for image in range(images):
            if other:
                place = other + image * f.c_image + turn * wide * f.c_column
                call(f.ask, (finish, place, f.c_column, min(wide, width - turn * wide), rows))
            i = 0
            while i < inner:
                panel, part = turn, i
                if f.by_rows:
                    panel, part = i, turn
                vectors = f.nr if panel < whole else (width - panel * wide) // f.lanes
                step = f.b_term if f.panels == IN_PLACE else vectors * vector
                place = f.places + PLACE * (part_0 + part)
                row, m = load_i64(place) - row_0, load_i64(place + PLACE) - load_i64(place)
                here = a + image * f.a_image
                here += row * a_row if f.copied else load_i64(place + 8)
                panel_at = b + panel * b_apart + skip * step
                sums = c + image * c_image + row * c_row + panel * wide * f.element
                # The first tiles of a panel ask for a line of each term of what is read after it.
                ask, ask_step, ask_tile, asks = panel_at, 0, 0, -(-vectors * vector // LINE)
                if here_soon and part < asks:
                    ask, ask_step = here_soon + panel * soon_apart + part * LINE, soon_step
                # As many tiles at a time as lie evenly apart.
                if f.by_rows:
                    tiles, a_tile, b_tile, c_tile, first_tile = max(1, whole - i), 0, b_apart, wide * f.element, 0
                    if ask_step:
                        ask_tile = soon_apart
                else:
                    tiles, a_tile, b_tile, c_tile, first_tile = load_i64(place + 16), m * a_row, 0, m * c_row, m
                    tiles = min(tiles, inner - i)
                    if ask_step:
                        tiles, ask_tile = min(tiles, asks - part), LINE
                finishes = finish and not other
                down, across = m, vectors * f.lanes
                if finishes:
                    tiles = min(tiles, TAIL_TILES)
                    if f.by_rows:
                        across += (tiles - 1) * wide
                    else:
                        down *= tiles
                    call(f.ask, (finish, sums, c_row, down, across))
                shape = m, vectors, terms, tiles
                places_a, places_b, places_c = (
                    (here, a_row, a_term, a_tile),
                    (panel_at, step, b_tile),
                    (sums, c_row, c_tile),
                )
                begins = first + row * first_step, first_step, first_tile * first_step, more
                call(f.panel, (*shape, *places_a, *places_b, *places_c, *begins, ask, ask_step, ask_tile))
                if finishes:
                    shift = panel * wide if f.by_column else row
                    call(f.finish, (finish, numbers + shift * f.element, sums, c_row, down, across))
                i += tiles


@njit(error_model="numpy")
def _store(frame, images, rows, width, sums, to, numbers, tail):
    """Sums of a block that stand in scratch: narrowed, or transposed, the tail applied on the way."""
    f = frame_at(frame)
    pitch = width * f.element
    for image in range(images):
        src, dst = sums + image * rows * pitch, to + image * f.c_image
        if f.sums == DELIVERED:
            for panel in range(0, width, f.nr * f.lanes):
                vectors = min(f.nr, (width - panel) // f.lanes)
                moves = dst + panel * f.c_column, f.c_row, src + panel * f.element, pitch
                call(f.deliver, (vectors, rows, *moves, f.c_code))
        else:
            for v in range(0, width, f.lanes):
                moves = dst + v * f.c_column, f.c_column, src + v * f.element, pitch, rows, f.lanes
                shift = numbers + v * f.element if numbers else 0
                call(f.store_channels, (*moves, f.c_size, f.c_code, shift, tail))


@njit(error_model="numpy")
def _block(frame, a, b, c, ready, room, bias, tail, group, images, parts, at, width):
    """The results of a block of columns from `at` on: chunks of the sum are added one after the other.

    a, b and c are those of the task's first image and of the group, `ready` the panels of the block packed before.
    """
    f = frame_at(frame)
    wide = f.nr * f.lanes
    part_0, part_1 = parts
    row_0 = load_i64(f.places + PLACE * part_0)
    rows = load_i64(f.places + PLACE * part_1) - row_0
    c += row_0 * f.c_row + at * f.c_column
    into, pitch, c_image = c, f.c_row, f.c_image
    if f.sums != DIRECT:
        into, pitch, c_image = room + f.sums_at, width * f.element, rows * width * f.element
    numbers = 0  # the biases of these columns, or of these rows
    if bias:
        numbers = bias + (group * f.columns + at if f.by_column else group * f.rows + row_0) * f.element
    partial, partial_row = room + f.partial_at, width * f.element
    for unit in range(f.units):
        to = into, pitch, c_image
        if unit >= f.fold:
            to = partial, partial_row, rows * partial_row
        last = unit == f.units - 1
        # The terms of this unit, and the rows of a.
        first, term, joined, each = unit // f.chunks, unit % f.chunks * f.chunk, 1, f.chunk
        if f.joined > 1:
            first, term, each = unit * f.joined, 0, f.terms
            joined = min(f.joined, f.summed - first)
        each = min(each, f.terms - term)
        left = a + first * f.a_image + term * f.a_term, f.a_row, f.a_term
        if f.copied:
            for i in range(joined):
                dst, src = room + f.left_at + i * each * f.element, left[0] + i * f.a_image + row_0 * f.a_row
                call(f.gather, (dst, f.left_row, src, f.a_row, rows, f.a_term, each, 0, each, f.a_code))
            left = room + f.left_at, f.left_row, f.element
        # The panels, and what is read after them.
        source = b + first * f.b_image + term * f.b_term + at * f.b_column
        after = b + (at + width) * f.b_column if last else source + each * f.b_term
        if f.panels == IN_PLACE:
            right, after = (source, wide * f.b_column, 0), source + wide * f.b_column
        elif f.panels == READY:
            right = ready, wide * f.terms * f.element, term
            after = ready + (width * f.terms if last else (term + each) * wide) * f.element
        else:
            right = room, wide * f.longest * f.element, 0
            _bring_panels(frame, room, room + f.wide_at, source, width, joined, each)
            if f.panels == TURNED or f.joined > 1:
                after = 0
        soon = after, wide * f.b_column, f.b_term
        if f.panels == READY:
            soon = after, 0, wide * f.element
        # What the sums begin with. Where lanes are columns, a number for each of them is there before.
        begin = f.zero, 0, int(unit % f.fold > 0)
        if bias and unit == 0 and not f.by_column:
            begin = numbers, f.element, 0
        elif bias and unit == 0 and f.sums != TRANSPOSED:
            begin = f.zero, 0, 1
            for image in range(images):
                for panel in range(0, width, wide):
                    vectors, dst = min(f.nr, (width - panel) // f.lanes), to[0] + image * to[2] + panel * f.element
                    call(f.bring, (vectors, rows, dst, to[1], numbers + panel * f.element, 0, NATIVE))
        ends = 0, 0, 0
        if tail and last and f.sums == TRANSPOSED:
            ends = tail, 0, c
        elif tail and last and unit < f.fold:
            ends = tail, numbers, 0
        _multiply(frame, images, parts, width, joined * each, left, right, soon, to, begin, ends)
        if unit >= f.fold and (unit % f.fold == f.fold - 1 or last):
            for panel in range(0, width, wide):
                vectors = min(f.nr, (width - panel) // f.lanes)
                for image in range(images):
                    dst = into + image * c_image + panel * f.element
                    src = partial + image * rows * partial_row + panel * f.element
                    call(f.add, (vectors, rows, dst, pitch, src, partial_row, NATIVE))
                    if tail and last and f.sums != TRANSPOSED:
                        shift = panel * f.element if f.by_column else 0
                        call(f.finish, (tail, numbers + shift, dst, pitch, rows, vectors * f.lanes))
    if f.sums != DIRECT:
        _store(frame, images, rows, width, into, c, numbers, tail)


def _panels(frame, a, b, bias, c, scratch, worker):
    """A task is (bundle of images, group, span of columns, share of the rows); spans are of whole panels.

    A block of columns is summed up over all chunks of terms before the next: so many panels of b, a chunk long, stay
    in the cache. Columns that fill no vector are a block of their own, the last whole vector of the span.
    """
    f = frame_at(frame)
    wide = f.nr * f.lanes
    panels = max(1, -(-(f.columns // f.lanes) // f.nr))
    room = scratch + 64 + worker * f.slot
    tail = 0
    if f.finish:
        tail, bias = bias, load_i64(bias)
    tasks = -(-f.images // f.bundle) * f.groups * f.spans * f.row_shares
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        share, place = task % f.row_shares, task // f.row_shares
        span, place = place % f.spans, place // f.spans
        group, image = place % f.groups, place // f.groups * f.bundle
        images = min(f.bundle, f.images - image)
        parts = share * f.parts // f.row_shares, (share + 1) * f.parts // f.row_shares
        own_a = a + image * f.a_image + group * f.a_group
        own_b = b + image * f.b_image + group * f.b_group
        own_c = c + image * f.c_image + group * f.c_group
        column = span * panels // f.spans * wide
        last = f.columns if span == f.spans - 1 else (span + 1) * panels // f.spans * wide
        while column < last:
            width, at = min(f.block, (last - column) // f.lanes * f.lanes), column
            if width == 0:
                width, at = f.lanes, last - f.lanes
            ready = b + group * f.ready_group + column * f.terms * f.element
            _block(frame, own_a, own_b, own_c, ready, room, bias, tail, group, images, parts, at, width)
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
                own_a = a + image * f.a_image + group * f.a_group + term * f.a_term
                own_b = b + image * f.b_image + group * f.b_group + term * f.element
                for block in range(column_0, column_1, f.block):
                    for part in range(parts):
                        row = row_0 + part * (row_1 - row_0) // parts
                        m = row_0 + (part + 1) * (row_1 - row_0) // parts - row
                        left, left_row = own_a + row * f.a_row, f.a_row
                        if f.copied:
                            to, left_row = scratch + 64 + worker * f.slot, f.left_row
                            call(f.gather, (to, left_row, left, f.a_row, m, f.a_term, k, 0, k, f.a_code))
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
