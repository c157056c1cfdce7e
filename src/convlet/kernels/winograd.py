"""Winograd convolution: transformed tiles and weights meet in the register tile.

The output is cut into tiles; each reads some rows and columns of the input, and so does the next, a step further. In
the transformed domain (kernels/winograd_matrices.py) a convolution is a product of matrices for each of the points
xi, which are as many as a tile has products along one axis times those along the other:

    forward            M[xi][tile][o] = sum over c     of V[xi][tile][c] * U[xi][c][o],  out = A^T M A
    weight gradient    P[xi][c][o]    = sum over tiles of V[xi][tile][c] * W[xi][tile][o],  out = G^T P G

with V = B^T d B of the input, U = G g G^T of the weights and W = A e A^T of the output's gradient; each axis has
matrices of its own. An input gradient is a forward product from the output's gradient.

Points that take the same of U (the products of a single tap) have a *form* in common: U and P have one plane for each.

A dilation of d cuts an axis into d *classes*: places that are equal modulo d, each a problem without dilation. So the
tiles of a class lie among those of the others, and read and write places d apart.

A *unit* is a row of tiles of an image, those of all classes of columns, or a part of one. Where there are enough of
them, a task is some units: it transforms them, multiplies them with all weights and stores the results, and all that it
writes and reads again stays in its own cache. Otherwise a pass works on as many units as V has room for and takes two
regions: the first transforms images, the second multiplies, and there a task has an output of its own: it makes the
weights it needs, or sums over all tiles. A weight gradient of few channels and many tiles has parts instead, each the
sums over some of the tiles; the second region adds them up. Every sum has one order, whoever computes it.
"""

from __future__ import annotations

from . import emit, tile
from .edges import FRAME, pack_weight, store_band, store_products
from .emit import NATIVE, call, load_i64
from .jit import njit
from .launch import Kernel, frame_reader, next_task

frame_at = frame_reader(FRAME)
apart_f32 = tile._tile(emit.FLOAT, tile._wide_shapes, apart=True)
chained_f32 = tile._tile(emit.FLOAT, tile._chained_shapes, apart=True, chained=True)


def _apart_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost):
    apart_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost)


def _chained_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost):
    chained_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost)


# The register tile whose positions lie a vector apart, as channels do side by side in V; and where sums are chained.
apart, chained = Kernel(_apart_f32), Kernel(_chained_f32)


@njit(error_model="numpy")
def pack_pixels(f, src, channels, y_padded, x_padded, rows, columns, dst, spare):
    """dst[row][column][lane] = padded pixels of up to `lanes` channels; src is the image's first of them.

    The rows are those of a class.
    """
    vector = f.lanes * f.element
    low = min(max(f.pl - x_padded, 0), columns)
    high = max(low, min(f.pl + f.iw - x_padded, columns))
    for r in range(rows):
        y = load_i64(f.row_map + 8 * (y_padded + r * f.dh))
        if y < 0:
            call(f.gather, (dst, 0, dst, 0, 1, f.element, columns * f.lanes, 0, 0, NATIVE))
        else:
            row = src + y * f.x_h
            pack_border(f, row, channels, x_padded, 0, low, dst)
            inside, first = dst + low * vector, row + (x_padded + low - f.pl) * f.x_w
            if f.x_w == f.element and f.x_code == NATIVE:
                call(f.transpose, (inside, vector, first, f.x_c, channels, high - low, f.lanes, 0, 0))
            elif f.x_c == f.x_size:
                call(
                    f.gather,
                    (inside, vector, first, f.x_w, high - low, f.x_c, f.lanes, 0, channels, f.x_code),
                )
            else:
                length = (columns + f.lanes) * f.element
                call(
                    f.gather,
                    (spare, length, first, f.x_c, channels, f.x_w, high - low, 0, high - low, f.x_code),
                )
                call(f.transpose, (inside, vector, spare, length, channels, high - low, f.lanes, 0, 0))
            pack_border(f, row, channels, x_padded, high, columns, dst)
        dst += columns * vector


@njit(error_model="numpy")
def pack_border(f, row, channels, x_padded, low, high, dst):
    """The columns low..high of a row of pixels, outside the image: zeros, or what the padding mode names."""
    vector = f.lanes * f.element
    for i in range(low, high):
        x = load_i64(f.col_map + 8 * (x_padded + i))
        count = channels if x >= 0 else 0
        place = row + max(x, 0) * f.x_w
        call(f.gather, (dst + i * vector, 0, place, 0, 1, f.x_c, f.lanes, 0, count, f.x_code))


@njit(error_model="numpy")
def place_of(f, unit):
    """Image, class of rows, first row and column of tiles of a unit: those of an image are numbered downwards."""
    at = f.unit_0 + unit
    column = at // f.tiles_h
    part = column // f.classes_h
    return part // f.parts_w, column % f.classes_h, at % f.tiles_h, part % f.parts_w * f.class_tiles


@njit(error_model="numpy")
def transform_units(f, x, group, c, unit_0, unit_1, to, pixels, spare):
    """Transforms a vector of channels of some units; `to` is the place of the first tile."""
    vector = f.lanes * f.element
    columns = ((f.class_tiles - 1) * f.step_w + f.reads_w) * f.dw
    row, step = columns * vector, f.side * vector
    channels = min(f.lanes, f.icg - c * f.lanes)
    top = pixels
    for unit in range(unit_0, unit_1):
        image, first, ty, tx = place_of(f, unit)
        src = x + image * f.x_n + (group * f.icg + c * f.lanes) * f.x_c
        # The rows that the tiles above have read too are there already.
        kept = max(0, f.reads_h - f.step_h) if ty > 0 and unit > unit_0 else 0
        top = top + f.step_h * row if kept else pixels
        rest = top + kept * row
        y, x_first = first + (ty * f.step_h + kept) * f.dh, tx * f.step_w * f.dw
        pack_pixels(f, src, channels, y, x_first, f.reads_h - kept, columns, rest, spare)
        dst = to + (unit - unit_0) * f.unit_tiles * step
        for i in range(f.classes_w):
            call(
                f.transform_image,
                (
                    *(f.class_tiles, dst, f.points_w * f.v_plane, f.v_plane, step),
                    *(top + i * vector, row, f.dw * vector, f.step_w * f.dw * vector),
                ),
            )
            dst += f.class_tiles * step


def _transform_images(frame, x, unused, bias, v, scratch, worker):
    """V[group][xi][block][tile][vectors side by side]; a task is (group, vector of channels, block of units)."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    vector = f.lanes * f.element
    units = f.unit_1 - f.unit_0
    while True:
        task = next_task(scratch, worker, f.unit_blocks * f.g * f.vectors)
        if task >= f.unit_blocks * f.g * f.vectors:
            break
        # Blocks of units change fastest: who multiplies these channels in a weight gradient has made most of them.
        share, place = task % f.unit_blocks, task // f.unit_blocks
        c, group = place % f.vectors, place // f.vectors
        unit_0, unit_1 = share * units // f.unit_blocks, (share + 1) * units // f.unit_blocks
        to = v + group * f.v_group + c // f.side * f.v_block + c % f.side * vector
        to += unit_0 * f.unit_tiles * f.side * vector
        transform_units(f, x, group, c, unit_0, unit_1, to, slot + f.band_at, slot + f.row_at)


@njit(error_model="numpy")
def transform_weight(f, src, width, vectors, c0, c1, u, packed, spare):
    """u[xi][c][lane] = the transformed weights of `width` output channels from `src` on and input channels c0..c1."""
    vector = f.lanes * f.element
    step = vectors * vector
    taps = f.kh * f.kw * step
    row, column = f.tap_row * step, f.tap_column * step
    for c in range(c0, c1, f.chunk):
        count = min(f.chunk, c1 - c)
        if f.pack_taps and width == vectors * f.lanes:
            for i in range(vectors):
                first = src + i * f.lanes * f.w_o + c * f.w_c
                call(f.pack_taps, (count, packed + i * vector, taps, step, first, f.w_c, f.w_o))
        else:
            pack_weight(f, src, width, c, c + count, packed, spare)
        for i in range(vectors):
            to = u + (c - c0) * step + i * vector
            first = packed + f.taps_at * step + i * vector
            call(f.transform_weight, (count, to, f.forms_w * f.u_plane, f.u_plane, step, first, row, column, taps))


@njit(error_model="numpy")
def transform_place(f, weight, place, c0, c1, u, slot):
    """The weights of a block of output channels, the place'th of all groups, and of input channels c0..c1."""
    wide = 2 * f.lanes
    blocks = -(-f.ocg // wide)
    group, block = place // blocks, place % blocks
    width = min(wide, f.ocg - block * wide)
    vectors = 1 if width <= f.lanes else 2
    src = weight + group * f.w_g + block * wide * f.w_o
    to = u + place * f.u_block + c0 * vectors * f.lanes * f.element
    transform_weight(f, src, width, vectors, c0, c1, to, slot + f.other_at, slot + f.row_at)


def _transform_weights(frame, weight, unused, bias, u, scratch, worker):
    """U[group][block][xi][c][lane]: all the weights; a task is (group, block of oc, segment of ic)."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    places = f.g * -(-f.ocg // (2 * f.lanes))
    segments = -(-f.icg // f.segment)
    while True:
        task = next_task(scratch, worker, places * segments)
        if task >= places * segments:
            break
        c0 = task % segments * f.segment
        transform_place(f, weight, task // segments, c0, min(f.icg, c0 + f.segment), u, slot)


@njit(error_model="numpy")
def multiply(f, vectors, tiles, xi, c0, c1, v, u, products):
    """Adds the products of all tiles, at the point xi, over the input channels c0..c1."""
    vector = f.lanes * f.element
    step = vectors * vector
    parts = -(-tiles // f.mr)
    left = v + xi * f.v_plane + c0 // f.lanes * f.v_block
    right, sums = u + load_i64(f.form_table + 16 * xi) * f.u_plane, products + xi * f.m_plane
    steps = f.step2 if vectors == 2 else f.step1
    for part in range(parts):
        start = part * tiles // parts
        m = (part + 1) * tiles // parts - start
        a, c = left + start * vector, sums + start * step
        call(f.apart, (m, vectors, c1 - c0, a, f.offsets, right, steps, c, step, c0 == 0, f.chain, f.lost))


@njit(error_model="numpy")
def multiply_units(f, group, block, unit_0, unit_1, v, weight, ready, bias, tail, out, slot):
    """The results of some units and a block of output channels; `v` is the place of the first tile.

    `weight` is transformed if `ready`, or as the user has it.
    """
    u, products, rows, spare = slot + f.weight_at, slot + f.sum_at, slot + f.band_at, slot + f.row_at
    vector = f.lanes * f.element
    wide = 2 * f.lanes
    width = min(wide, f.ocg - block * wide)
    vectors = 1 if width <= f.lanes else 2
    step = vectors * vector
    tiles = (unit_1 - unit_0) * f.unit_tiles
    if ready:
        first = weight + (group * -(-f.ocg // wide) + block) * f.u_block
        for xi in range(f.points):
            for c0 in range(0, f.icg, f.segment):
                c1 = min(f.icg, c0 + f.segment)
                multiply(f, vectors, tiles, xi, c0, c1, v, first + c0 * step, products)
    else:
        src = weight + group * f.w_g + block * wide * f.w_o
        for c0 in range(0, f.icg, f.segment):
            c1 = min(f.icg, c0 + f.segment)
            transform_weight(f, src, width, vectors, c0, c1, u, slot + f.other_at, spare)
            for xi in range(f.points):
                multiply(f, vectors, tiles, xi, c0, c1, v, u, products)
    o = group * f.ocg + block * wide
    shift = bias + o * f.element if bias else 0
    for unit in range(unit_0, unit_1):
        image, first, ty, tx = place_of(f, unit)
        oy, ox = ty * f.tile_h, tx * f.tile_w * f.dw
        columns = min(f.class_tiles * f.tile_w * f.dw, f.ow - ox)
        count = min(f.tile_h, -(-(f.oh - first) // f.dh) - oy)
        # Right to left: what a tile has too much at the end of a row is overwritten by the next row's start. Where
        # several classes are among one another, there is room for it.
        pitch, last = columns, -(-columns // f.tile_w) - 1
        if f.dw > 1:
            pitch, last = f.class_tiles * f.tile_w * f.dw, f.class_tiles - 1
        for place in range(f.classes_w):
            tile = (unit - unit_0) * f.unit_tiles + place * f.class_tiles + last
            for i in range(vectors):
                dst = rows + (place + last * f.tile_w * f.dw) * step + i * vector
                call(
                    f.transform_result,
                    (
                        *(last + 1, dst, pitch * step, f.dw * step, -f.tile_w * f.dw * step),
                        *(products + tile * step + i * vector, f.points_w * f.m_plane, f.m_plane, -step),
                    ),
                )
        to = out + image * f.y_n + o * f.y_c + first * f.y_class + oy * f.y_h + ox * f.y_w
        if f.dw == 1:
            store_band(f, rows, vectors, width, shift, tail, to, count, columns, spare)
        else:
            for r in range(count):
                store_band(f, rows + r * pitch * step, vectors, width, shift, tail, to + r * f.y_h, 1, columns, spare)


def _forward(frame, v, weight, bias, out, scratch, worker):
    """The second region: a task is (block of units, group, block of output channels)."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    blocks = -(-f.ocg // (2 * f.lanes))
    units = f.unit_1 - f.unit_0
    tail = 0
    if f.tail:
        tail, bias = bias, load_i64(bias)
    while True:
        task = next_task(scratch, worker, f.unit_blocks * f.g * blocks)
        if task >= f.unit_blocks * f.g * blocks:
            break
        block, place = task % blocks, task // blocks
        group, share = place % f.g, place // f.g
        unit_0, unit_1 = share * units // f.unit_blocks, (share + 1) * units // f.unit_blocks
        left = v + group * f.v_group + unit_0 * f.unit_tiles * f.lanes * f.element
        multiply_units(f, group, block, unit_0, unit_1, left, weight, f.packed, bias, tail, out, slot)


def _together(frame, x, weight, bias, out, scratch, worker):
    """All in one region: a task is (block of units, group).

    If the weights are not transformed, each worker does that for itself: what another has written comes slowly.
    """
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    v = slot + f.image_at
    blocks = -(-f.ocg // (2 * f.lanes))
    ready = weight if f.packed else 0
    tail = 0
    if f.tail:
        tail, bias = bias, load_i64(bias)
    while True:
        task = next_task(scratch, worker, f.unit_blocks * f.g)
        if task >= f.unit_blocks * f.g:
            break
        if not ready:
            ready = slot + f.weight_at
            for place in range(f.g * blocks):
                transform_place(f, weight, place, 0, f.icg, ready, slot)
        group, share = task % f.g, task // f.g
        unit_0, unit_1 = share * f.unit_1 // f.unit_blocks, (share + 1) * f.unit_1 // f.unit_blocks
        for c in range(f.vectors):
            transform_units(f, x, group, c, unit_0, unit_1, v + c * f.v_block, slot + f.other_at, slot + f.row_at)
        for block in range(blocks):
            multiply_units(f, group, block, unit_0, unit_1, v, ready, True, bias, tail, out, slot)


@njit(error_model="numpy")
def add_products(f, channels, vectors, tiles, v, w, products, fresh):
    """products[form][c][o] = the sums over some tiles, of a block each of input and output channels; else added.

    They are made of chunks: in that way the rounding errors of many tiles stay small.
    """
    step = vectors * f.lanes * f.element
    wide = 2 * f.lanes * f.element
    parts = -(-channels // f.mr)
    for xi in range(f.points):
        sums = products + load_i64(f.form_table + 16 * xi) * f.u_plane
        new = load_i64(f.form_table + 16 * xi + 8)
        for t in range(0, tiles, f.chunk):
            for part in range(parts):
                start = part * channels // parts
                m = (part + 1) * channels // parts - start
                call(
                    f.tile,
                    (
                        m,
                        vectors,
                        min(f.chunk, tiles - t),
                        v + xi * f.v_plane + t * f.block * f.element + start * f.element,
                        f.offsets,
                        w + xi * f.g_plane + t * wide,
                        f.step2,
                        sums + start * step,
                        step,
                        fresh and new and t == 0,
                        f.chain,
                        f.lost,
                    ),
                )


@njit(error_model="numpy")
def transform_sums(f, channels, vectors, sums, taps):
    """taps[tap][channel][o] from the sums over all tiles, of some channels of a block."""
    step = vectors * f.lanes * f.element
    row = f.block * step
    for i in range(vectors):
        to, products = taps + i * f.lanes * f.element, sums + i * f.lanes * f.element
        call(
            f.transform_result,
            (channels, to, f.kw * row, row, step, products, f.forms_w * f.u_plane, f.u_plane, step),
        )


@njit(error_model="numpy")
def transform_strips(f, channels, vectors, tiles, v, w, sums, taps):
    """taps[tap][channel][o] of a block of channels, a few at a time: the sums of all their points in one step."""
    strips = -(-channels // f.strip)
    for strip in range(strips):
        start = strip * channels // strips
        m = (strip + 1) * channels // strips - start
        left = v + start * f.element
        call(
            f.apart, (m, vectors, f.points, tiles, left, f.v_plane, f.offsets, w, f.g_plane, f.step2, sums, f.u_plane)
        )
        transform_sums(f, m, vectors, sums, taps + start * vectors * f.lanes * f.element)


@njit(error_model="numpy")
def store_gradient(f, group, c, o, taps, out):
    """Stores the gradient of a block each of input and output channels."""
    wide = 2 * f.lanes
    channels, width = min(f.block, f.icg - c * f.block), min(wide, f.ocg - o * wide)
    store_products(f, taps, channels, width, out + (group * f.ocg + o * wide) * f.w_o + c * f.block * f.w_c)


def _weight_gradient(frame, v, w, sums, out, scratch, worker):
    """Multiplies the tiles of the input with those of the gradient; a task is (group, block of ic, block of oc).

    `sums` adds up those of the passes (0 if there is one only). Chained tiles add to it what they lose in the next.
    Where a sum is of few tiles, writing it and reading it for the transform costs as much as making it: there strips of
    a few channels have all their points made in one step (winograd_products.py), and are transformed at once.
    """
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    wide = 2 * f.lanes
    all_blocks = -(-f.ocg // wide)
    tiles = (f.unit_1 - f.unit_0) * f.unit_tiles
    taps = slot + f.band_at
    while True:
        task = next_task(scratch, worker, f.g * f.blocks * all_blocks)
        if task >= f.g * f.blocks * all_blocks:
            break
        o, place = task % all_blocks, task // all_blocks
        c, group = place % f.blocks, place // f.blocks
        channels = min(f.block, f.icg - c * f.block)
        vectors = 1 if f.ocg - o * wide <= f.lanes else 2
        total = sums + task * f.forms * f.u_plane if sums else slot + f.sum_at
        products = total if f.first or f.chain else slot + f.sum_at
        left = v + group * f.v_group + c * f.v_block
        right = w + group * f.g_group + o * f.g_block
        if f.strip:
            transform_strips(f, channels, vectors, tiles, left, right, products, taps)
            store_gradient(f, group, c, o, taps, out)
            continue
        fresh = f.first or not f.chain
        add_products(f, channels, vectors, tiles, left, right, products, fresh)
        if not f.first and not f.chain:
            call(f.accumulate, (total, products, f.forms * f.u_plane // f.element))
        if f.last:
            transform_sums(f, channels, vectors, total, taps)
            store_gradient(f, group, c, o, taps, out)


def _gradient_parts(frame, x, grad, unused, sums, scratch, worker):
    """sums[part][group][block of ic][block of oc][xi][c][o]: a task is (part of all units, group).

    It transforms both arrays, a few units at a time, which then are in its own cache.
    """
    f = frame_at(frame)
    of_x, of_grad = frame_at(f.x_frame), frame_at(f.grad_frame)
    slot = scratch + 64 + worker * f.slot
    v, w, pixels, spare = slot + f.image_at, slot + f.other_at, slot + f.band_at, slot + f.row_at
    wide = 2 * f.lanes
    all_blocks = -(-f.ocg // wide)
    while True:
        task = next_task(scratch, worker, f.parts * f.g)
        if task >= f.parts * f.g:
            break
        part, group = task // f.g, task % f.g
        unit_0, unit_1 = part * f.unit_1 // f.parts, (part + 1) * f.unit_1 // f.parts
        for unit in range(unit_0, unit_1, f.unit_blocks):
            last = min(unit_1, unit + f.unit_blocks)
            transform_channels(of_x, x, group, unit, last, v, pixels, spare)
            transform_channels(of_grad, grad, group, unit, last, w, pixels, spare)
            products = sums + task * f.blocks * all_blocks * f.forms * f.u_plane
            for c in range(f.blocks):
                channels = min(f.block, f.icg - c * f.block)
                for o in range(all_blocks):
                    vectors = 1 if f.ocg - o * wide <= f.lanes else 2
                    left, right = v + c * f.v_block, w + o * f.g_block
                    tiles = (last - unit) * f.unit_tiles
                    add_products(f, channels, vectors, tiles, left, right, products, unit == unit_0)
                    products += f.forms * f.u_plane


@njit(error_model="numpy")
def transform_channels(f, x, group, unit_0, unit_1, to, pixels, spare):
    """Transforms all channels of a group, of some units."""
    for c in range(f.vectors):
        place = to + c // f.side * f.v_block + c % f.side * f.lanes * f.element
        transform_units(f, x, group, c, unit_0, unit_1, place, pixels, spare)


def _gradient_sums(frame, unused, none, sums, out, scratch, worker):
    """Adds up the parts, in pairs, in pairs of those and so on; a task is (group, block of ic, block of oc)."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    taps = slot + f.band_at
    wide = 2 * f.lanes
    all_blocks = -(-f.ocg // wide)
    size = f.forms * f.u_plane
    tasks = f.g * f.blocks * all_blocks
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        total = sums + task * size
        step = 1
        while step < f.parts:
            for part in range(0, f.parts - step, 2 * step):
                to = total + part * tasks * size
                call(f.accumulate, (to, to + step * tasks * size, size // f.element))
            step *= 2
        o, place = task % all_blocks, task // all_blocks
        c, group = place % f.blocks, place // f.blocks
        vectors = 1 if f.ocg - o * wide <= f.lanes else 2
        transform_sums(f, min(f.block, f.icg - c * f.block), vectors, total, taps)
        store_gradient(f, group, c, o, taps, out)


transform_images = Kernel(_transform_images)
transform_weights = Kernel(_transform_weights)
forward = Kernel(_forward)
together = Kernel(_together)
weight_gradient = Kernel(_weight_gradient)
gradient_parts = Kernel(_gradient_parts)
gradient_sums = Kernel(_gradient_sums)
