"""Direct convolution: bands of the input and blocks of the weights meet in the register tile.

forward, for a task (image, group, band, share of the channel blocks):

    sums[position][o] = sum over (c, tap) of band[c, tap][position] * weight[c, tap][o]

a few input channels at a time, so that their weights stay in the L1 cache; adding chunks of the sum to memory also
keeps the rounding error of long sums small.
"""

from __future__ import annotations

from .edges import FRAME, pack_band, pack_weight, store_band
from .emit import call, load_i64
from .jit import njit
from .launch import Kernel, frame_reader, next_task

frame_at = frame_reader(FRAME)
FRAME_BYTES = FRAME.itemsize
# Positions whose sums are stored together where one chunk makes them: 16 KiB of them.
STORED = 128


@njit(error_model="numpy")
def multiply(f, oy, rows, bx, columns, band, channels, weight, vectors, sums, width, first):
    """Adds the products of a band's channels and a block of weights to the sums of a part, in its rows oy...

    The sums have `width` positions a row; those of the part are f.grid_h and f.grid_w from one another.
    """
    runs, length = rows, columns
    if f.joined:
        runs, length = 1, rows * columns
    parts = -(-length // f.mr)
    wide = vectors * f.lanes * f.element
    step, row_step = f.grid_w * wide, f.grid_h * width * wide
    taps, offsets, steps = f.taps, f.offsets, f.step2 if vectors == 2 else f.step1
    for run in range(runs):
        entry = f.used + 32 * ((oy + run) * f.bands_w + bx) * f.tiles
        for part in range(parts):
            if f.used and part < f.tiles:
                taps, offsets = load_i64(entry), load_i64(entry + 8)
                steps = load_i64(entry + (24 if vectors == 2 else 16))
                entry += 32
            start = part * length // parts
            m = (part + 1) * length // parts - start
            a = band + (run * f.pitch + start) * f.element
            c = sums + run * row_step + start * step
            call(f.tile, (m, vectors, channels * taps, a, offsets, weight, steps, c, step, first, f.chain, f.lost))


def _pack_weights(frame, weight, unused, bias, packed, scratch, worker):
    """packed[group][block][(c, tap)][lane]: all the weights, a task for each block of output channels."""
    f = frame_at(frame)
    wide = 2 * f.lanes
    blocks = -(-f.ocg // wide)
    spare = scratch + 64 + worker * f.slot + f.row_at
    tasks = f.g * blocks
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        group, block = task // blocks, task % blocks
        src = weight + group * f.w_g + block * wide * f.w_o
        width = min(wide, f.ocg - block * wide)
        channel = (1 if f.by_tap else f.kh * f.kw) * (f.lanes if width <= f.lanes else wide) * f.element
        dst = packed + task * max(f.icg, f.by_tap) * f.kh * f.kw * wide * f.element
        for c in range(0, f.icg, f.chunk):
            pack_weight(f, src, width, c, min(f.icg, c + f.chunk), dst + c * channel, spare)


@njit(error_model="numpy")
def multiply_task(f, frame, task, x, weight, bias, tail, out, slot):
    """One task of a forward convolution: a share of the channel blocks of a band, all parts of its results."""
    band, sums, spare_weight, spare = slot + f.band_at, slot + f.sum_at, slot + f.weight_at, slot + f.row_at
    wide = 2 * f.lanes
    blocks = -(-f.ocg // wide)
    taps = f.kh * f.kw
    bands = f.bands_h * f.bands_w
    segments = -(-f.icg // f.segment)
    share, place = task % f.shares, task // f.shares
    by, bx = (place % bands) // f.bands_w, (place % bands) % f.bands_w
    group, image = (place // bands) % f.g, place // bands // f.g
    # Bands differ by a row at most.
    oy, ox = by * f.oh // f.bands_h, bx * f.ow // f.bands_w
    rows = (by + 1) * f.oh // f.bands_h - oy
    columns = (bx + 1) * f.ow // f.bands_w - ox
    block_0, block_1 = share * blocks // f.shares, (share + 1) * blocks // f.shares
    stored_columns = min(columns * f.grid_w, f.out_w - ox * f.grid_w)
    # A sum of one chunk is stored while it is in the cache, a few rows at a time.
    piece = max(1, STORED // (columns * f.parts)) if f.chunk == f.icg else rows
    for segment in range(segments):
        s0 = segment * f.segment
        s1 = min(f.icg, s0 + f.segment)
        src = x + image * f.x_n + (group * f.icg + s0) * f.x_c
        pack_band(f, src, s1 - s0, oy, rows, ox, band, spare)
        for block in range(block_0, block_1):
            width = min(wide, f.ocg - block * wide)
            vectors = 1 if width <= f.lanes else 2
            vector = vectors * f.lanes * f.element
            own = sums + (block - block_0 if segments > 1 else 0) * f.sum_size
            o = group * f.ocg + block * wide
            to = out + image * f.y_n + o * f.y_c + oy * f.grid_h * f.y_h + ox * f.grid_w * f.y_w
            shift = bias + o * f.element if bias else 0
            for row in range(0, rows, piece):
                some = min(piece, rows - row)
                for i in range(f.parts):
                    g = frame_at(frame + i * FRAME_BYTES)
                    # The last row and column of the grid may have no results of this part.
                    part_rows = min(some, -((g.part_row - f.out_h) // f.grid_h) - oy - row)
                    part_columns = min(columns, -((g.part_column - f.out_w) // f.grid_w) - ox)
                    if part_rows <= 0 or part_columns <= 0:
                        continue
                    part_sums = own + (g.part_row * stored_columns + g.part_column) * vector
                    for c0 in range(s0, s1, f.chunk):
                        c1 = min(s1, c0 + f.chunk)
                        if f.packed:
                            start = (group * blocks + block) * max(f.icg, f.by_tap) * taps * wide
                            channel = (1 if f.by_tap else taps) * vectors * f.lanes
                            ready = weight + (start + c0 * channel) * f.element
                        else:
                            ready = spare_weight
                            if row == 0:
                                src = weight + group * f.w_g + block * wide * f.w_o
                                pack_weight(f, src, width, c0, c1, ready, spare)
                        at = band + (c0 - s0) * f.channel_at + row * f.pitch * f.element
                        multiply(
                            *(g, oy + row, part_rows, bx, part_columns, at, c1 - c0, ready, vectors),
                            *(part_sums, stored_columns, c0 == 0),
                        )
                if s1 == f.icg:
                    stored_rows = min(some * f.grid_h, f.out_h - (oy + row) * f.grid_h)
                    place = to + row * f.grid_h * f.y_h
                    store_band(f, own, vectors, width, shift, tail, place, stored_rows, stored_columns, spare)


def _forward(frame, x, weight, bias, out, scratch, worker):
    """A forward convolution, or the phases of an input gradient, which are parts of a band's results.

    `weight` is packed, or as the user has it if f.packed is 0. The frames of the parts lie side by side.
    """
    f = frame_at(frame)
    slot = scratch + 64 + worker * f.slot
    tail = 0
    if f.tail:
        tail, bias = bias, load_i64(bias)
    tasks = f.n * f.g * f.bands_h * f.bands_w * f.shares
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        multiply_task(f, frame, task, x, weight, bias, tail, out, slot)


pack_weights = Kernel(_pack_weights)
forward = Kernel(_forward)
