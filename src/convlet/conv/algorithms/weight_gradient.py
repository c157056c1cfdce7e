"""Weight gradients on the register tile: how kernels/weight_gradient.py cuts the sums over positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ...kernels import launch, target
from ...kernels import weight_gradient as kernels
from ...runtime import memory
from ...runtime.storage import Storage
from ..gradient import Array, Run
from ..padding import index_map
from ..problem import DTYPES, ConvProblem
from . import copies
from .bands import BAND_BYTES, split
from .chains import chain, is_long
from .frames import (
    CODES,
    Frame,
    Frames,
    compute_dtype,
    finish,
    gradient_fields,
    layout,
    size_fields,
    storable,
    workers_for,
)

STEPS = ("tile", "transpose", "gather", "scatter", "accumulate")

# Positions of a unit: enough for loading and storing sums to be nothing, few enough for their gradient to stay in L2.
POSITIONS = 784
# Input channels of a task to choose from, and bytes of its sums.
CHANNELS = (256, 128, 64, 32)
SUM_BYTES = 384 << 10
# Workers among which tasks should divide evenly; sums do not depend on how many there are.
WORKERS = (2, 4, 8)
# Times that of multiplying a vector: copying an element to scratch, and adding a partial sum to another (Zen 4, 2026).
COPY = 0.5
ADD = 1.0
# Times as many lanes that are in use for which the result is worth a copy.
LANES_LOST = 1.5


@dataclass(frozen=True, slots=True)
class Cut:
    """How a weight gradient is cut into tasks and units: see kernels/weight_gradient.py."""

    block: int
    shares: int
    parts: int
    images: int  # of a unit
    band_h: int
    band_w: int

    def units(self, p: ConvProblem) -> int:
        return split(p.n, self.images) * split(p.oh, self.band_h) * split(p.ow, self.band_w)


def reach(kernel: int, dilation: int) -> int:
    """Elements from the first to the last that a kernel reads, both included."""
    return (kernel - 1) * dilation + 1


def is_padded(p: ConvProblem, cut: Cut) -> bool:
    """Whether rows in scratch have their padding; otherwise products leave it out."""
    return cut.band_w < p.ow or are_together(p) or p.mode_w != "zeros"


def are_together(p: ConvProblem) -> bool:
    """Whether the taps of a row are multiplied together: of few channels they fill the register tile too."""
    return p.ic // p.g < target.current().mr and p.dw == 1


def shares_rows(p: ConvProblem, band_h: int) -> bool:
    """Whether all rows from the first that a band reads to the last lie in scratch; or those of each tap apart."""
    return (band_h - 1) * p.sh + reach(p.kh, p.dh) <= p.kh * band_h


def stored_rows(p: ConvProblem, band_h: int) -> int:
    """Rows of the largest band in scratch."""
    return (band_h - 1) * p.sh + reach(p.kh, p.dh) if shares_rows(p, band_h) else p.kh * band_h


def pixel_of(p: ConvProblem, block: int, element: int) -> int:
    """Bytes from a pixel in scratch to the next: an odd number of cache lines, so that all sets of a cache are used."""
    nbytes = block * element
    whole = nbytes % (2 * memory.LINE) == 0 and not are_together(p)
    return nbytes + memory.LINE if whole else nbytes


def pitch_of(p: ConvProblem, cut: Cut) -> int:
    """Pixels of a row in scratch."""
    return (cut.band_w - 1) * p.sw + reach(p.kw, p.dw) if is_padded(p, cut) else p.iw


def reading(size: int, before: int, out: int, stride: int, offset: int, mode: str) -> tuple[int, int]:
    """The first position of `out` whose tap at an offset reads inside of padding with zeros, and the first after."""
    if mode != "zeros":
        return 0, out
    first = min(out, max(0, split(before - offset, stride)))
    return first, max(first, min(out, split(size + before - offset, stride)))


def even(count: int, largest: int) -> int:
    """The largest of as few even pieces of `count` as pieces of at most `largest`."""
    return split(count, split(count, largest))


def cuts(p: ConvProblem, element: int) -> Iterator[Cut]:
    """The ways to cut a weight gradient that are worth comparing."""
    lanes = target.current().lanes(element)
    icg, ocg, taps = p.ic // p.g, p.oc // p.g, p.kh * p.kw
    channel_blocks = split(ocg, 2 * lanes)
    small = 2 * p.oh * p.ow <= POSITIONS
    for block in sorted({even(icg, min(icg, each)) for each in CHANNELS}):
        sum_size = taps * block * 2 * lanes * element
        if sum_size > SUM_BYTES and block > CHANNELS[-1]:
            continue
        images, band_h, band_w = 1, p.oh, p.ow
        if small:
            images = even(p.n, POSITIONS // (p.oh * p.ow))
        elif p.ow > 2 * POSITIONS:
            band_h, band_w = 1, even(p.ow, POSITIONS)
        else:
            band_h = even(p.oh, max(1, POSITIONS // p.ow))
        pixel = pixel_of(p, block, element)

        def size(cut: Cut, pixel: int = pixel) -> int:
            return cut.images * stored_rows(p, cut.band_h) * pitch_of(p, cut) * pixel

        cut = Cut(block, 1, 1, images, band_h, band_w)
        while size(cut) > BAND_BYTES and cut.images > 1:
            cut = Cut(block, 1, 1, even(p.n, split(cut.images, 2)), band_h, band_w)
        while size(cut) > BAND_BYTES and cut.band_h > 1:
            cut = Cut(block, 1, 1, 1, even(p.oh, split(cut.band_h, 2)), band_w)
        while size(cut) > BAND_BYTES and cut.band_w > 8 * lanes:
            cut = Cut(block, 1, 1, 1, 1, even(p.ow, split(cut.band_w, 2)))
        if size(cut) > BAND_BYTES and block > CHANNELS[-1]:
            continue
        fewest = split(channel_blocks, max(1, SUM_BYTES // sum_size))
        for shares in sorted({min(channel_blocks, fewest * times) for times in (1, 2, 4)}):
            tasks = p.g * split(icg, block) * shares
            for parts in sorted({1, *(split(each, tasks) for each in WORKERS)}):
                yield finer(p, Cut(block, shares, parts, cut.images, cut.band_h, cut.band_w))


def finer(p: ConvProblem, cut: Cut) -> Cut:
    """With units that divide evenly among the parts, where there are few."""
    units = cut.units(p)
    if units % cut.parts == 0 or units >= 4 * cut.parts:
        return cut
    images, band_h, band_w = cut.images, cut.band_h, cut.band_w
    if band_w < p.ow:
        band_w = split(p.ow, split(split(p.ow, band_w), cut.parts) * cut.parts)
    elif p.n == 1 or (images == 1 and band_h < p.oh):
        bands = split(p.oh, band_h)
        band_h = split(p.oh, min(p.oh, split(bands, cut.parts) * cut.parts))
    else:
        images = split(p.n, min(p.n, split(units, cut.parts) * cut.parts))
    finer = Cut(cut.block, cut.shares, 1, images, band_h, band_w)
    return Cut(cut.block, cut.shares, min(cut.parts, finer.units(p)), images, band_h, band_w)


def cost(p: ConvProblem, cut: Cut, element: int) -> float:
    """Vectors multiplied in the time that a cut takes, if there are as many workers as it is made for."""
    lanes = target.current().lanes(element)
    icg, ocg, taps = p.ic // p.g, p.oc // p.g, p.kh * p.kw
    channel_blocks = split(ocg, 2 * lanes)
    blocks = split(icg, cut.block)
    bands = split(p.oh, cut.band_h)
    starts = [i * p.oh // bands for i in range(bands + 1)]
    rows = 0
    for first, end in pairwise(starts):
        if shares_rows(p, cut.band_h):
            top, bottom = first * p.sh - p.pt, (end - 1) * p.sh + reach(p.kh, p.dh) - p.pt
            rows += max(0, min(p.ih, bottom) - max(0, top))
        else:
            for u in range(p.kh):
                low, high = reading(p.ih, p.pt, p.oh, p.sh, u * p.dh, p.mode_h)
                rows += max(0, min(end, high) - max(first, low))
    pixels = p.n * rows * pitch_of(p, cut) * split(p.ow, cut.band_w)
    copied = cut.shares * p.ic * pixels + blocks * p.oc * p.n * p.oh * p.ow
    tasks = p.g * blocks * cut.shares
    units = cut.units(p)
    uneven = split(units, cut.parts) * cut.parts / units * (split(channel_blocks, cut.shares) * cut.shares)
    uneven /= channel_blocks
    waiting = sum(split(tasks * cut.parts, each) * each / (tasks * cut.parts) for each in WORKERS) / len(WORKERS)
    added = cut.parts * taps * p.ic * channel_blocks * 2 * lanes if cut.parts > 1 else 0
    return (multiplied(p) + COPY * copied) * max(waiting, 1) * uneven + ADD * added


def plan(problem: ConvProblem) -> Run:
    """run(x, grad, None, out), which fills out."""
    turned = turn(problem)
    return _Turned(turned) if turned else _WeightGradient(problem)


def turn(p: ConvProblem) -> ConvProblem | None:
    """The problem with input and gradient in each other's place, if fewer lanes are empty in its sums.

    With stride 1, gw[o, c, u] = sum over i of x[c, i] * gy[o, i + p - u*d] is the gradient of a kernel whose taps
    are counted from the end, and whose input is gy with (kh - 1)*d - p rows of padding.
    """
    lanes = target.current().lanes(compute_dtype(p).itemsize)
    icg, ocg = p.ic // p.g, p.oc // p.g
    if (p.sh, p.sw, p.mode_h, p.mode_w) != (1, 1, "zeros", "zeros"):
        return None
    if split(icg, lanes) * ocg * LANES_LOST > split(ocg, lanes) * icg:
        return None
    h, w = reach(p.kh, p.dh) - 1, reach(p.kw, p.dw) - 1
    return replace(p, ic=p.oc, ih=p.oh, iw=p.ow, oc=p.ic, pt=h - p.pt, pb=h - p.pb, pl=w - p.pl, pr=w - p.pr)


def multiplied(p: ConvProblem) -> int:
    """Vectors that are multiplied: products with padding are left out where rows have none in scratch."""
    p = turn(p) or p
    lanes = target.current().lanes(compute_dtype(p).itemsize)

    def inside(size: int, before: int, out: int, kernel: int, stride: int, dilation: int, mode: str) -> int:
        ends = [reading(size, before, out, stride, tap * dilation, mode) for tap in range(kernel)]
        return sum(end - first for first, end in ends)

    rows = inside(p.ih, p.pt, p.oh, p.kh, p.sh, p.dh, p.mode_h)
    columns = p.kw * p.ow if are_together(p) else inside(p.iw, p.pl, p.ow, p.kw, p.sw, p.dw, p.mode_w)
    return p.n * p.ic * split(p.oc // p.g, lanes) * rows * columns


class _Turned:
    """The weight gradient of a problem by that of another: see turn."""

    def __init__(self, turned: ConvProblem):
        self.turned = turned
        self.compute = compute_dtype(turned)
        self.run = _WeightGradient(turned)

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        p = self.turned
        found = np.empty(p.weight_shape, self.compute)
        self.run(grad, x, None, found)
        groups = found.reshape(p.g, p.oc // p.g, *found.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
        copies.store(groups.reshape(out.shape), out)


class _WeightGradient:
    """The weight gradient of a problem; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.chain = chain(problem)
        element = self.compute.itemsize
        self.cut = min(cuts(problem, element), key=lambda each: cost(problem, each, element))
        self.frames: dict[Any, Frame] = Frames()

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = workers_for(self.problem)
        plain = storable(out, self.compute.itemsize)
        result = out if plain else copies.room_for(out, self.compute)
        key = (x.strides, grad.strides, result.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            frame = self.frames[key] = _frame(self.problem, self.cut, x, grad, result, workers, self.chain)
        address = memory.address
        a, b, to = address(x), address(grad), address(result)
        if frame.packed_bytes:
            sums, _keep = memory.scratch(frame.packed_bytes, "parts")
            launch.launch(kernels.weight_gradient.address, frame.address, a, b, 0, sums, frame.slot, frame.workers)
            launch.launch(kernels.add_parts.address, frame.address, sums, 0, 0, to, 0, frame.pack_workers)
        else:
            launch.launch(kernels.weight_gradient.address, frame.address, a, b, 0, to, frame.slot, frame.workers)
        if not plain:
            copies.store(result, out)


def near(p: ConvProblem, array: np.ndarray) -> int:
    """Which elements of an array [n, channels, h, w] are read side by side."""
    _, c_step, _, w_step = array.strides
    size = DTYPES[p.dtype][1]
    channels_are = c_step == size and (w_step != size or array.shape[2] * array.shape[3] == 1)
    if channels_are:
        return kernels.CHANNELS
    return kernels.ROWS if w_step == size and size == compute_dtype(p).itemsize else kernels.NONE


def column_tables(
    p: ConvProblem, cut: Cut, element: int, row_step: int, tables: list[np.ndarray]
) -> tuple[np.ndarray, int]:
    """For each number of images of a unit, the largest first, and each column of taps: a row of five numbers.

    They are the bytes to the first pixel that it reads, how many products a row of positions has, and the addresses of
    three tables: of those positions' pixels, and of their vectors of the gradient, one or two at a position.
    """
    padded, joined = is_padded(p, cut), are_together(p)
    pixel, pitch = pixel_of(p, cut.block, element), pitch_of(p, cut)
    image_at = stored_rows(p, cut.band_h) * pitch * pixel
    vector = target.current().vector
    units_n = split(p.n, cut.images)
    counts = range(cut.images, p.n // units_n - 1, -1)
    found = []
    for images in counts:
        for v in range(1 if joined else p.kw):
            low, high = 0, cut.band_w
            if not padded:
                low, high = reading(p.iw, p.pl, p.ow, p.sw, v * p.dw, p.mode_w)
            r, i, c = np.ogrid[: cut.band_h, :images, low:high]
            at = r * row_step * pitch * pixel + i * image_at + (c - low) * p.sw * pixel
            position = (i * cut.band_h + r) * cut.band_w + c
            narrow = [each.astype(np.int32).reshape(-1) for each in (at, position * vector, position * 2 * vector)]
            tables += narrow
            first = low * p.sw + v * p.dw - (0 if padded else p.pl)
            found.append([first * pixel, images * (high - low), *(memory.address(each) for each in narrow)])
    return np.array(found, np.int64), len(counts)


def _frame(
    p: ConvProblem, cut: Cut, x: np.ndarray, grad: np.ndarray, out: np.ndarray, workers: int, chain: int
) -> Frame:
    machine = target.current()
    element = compute_dtype(p).itemsize
    lanes = machine.lanes(element)
    wide = 2 * lanes
    icg, ocg, taps = p.ic // p.g, p.oc // p.g, p.kh * p.kw
    blocks, channel_blocks = split(icg, cut.block), split(ocg, wide)
    padded, joined, shared = is_padded(p, cut), are_together(p), shares_rows(p, cut.band_h)
    pixel, pitch = pixel_of(p, cut.block, element), pitch_of(p, cut)
    image_at = stored_rows(p, cut.band_h) * pitch * pixel
    positions = cut.images * cut.band_h * cut.band_w
    sum_size = taps * cut.block * wide * element
    units = cut.units(p)
    sums = cut.parts * p.g * blocks * channel_blocks if cut.parts > 1 else split(channel_blocks, cut.shares)
    lost = memory.lines(sums * sum_size) if is_long(chain, positions, split(units, cut.parts)) else 0

    tables: list[np.ndarray] = []
    columns, _ = column_tables(p, cut, element, p.sh if shared else 1, tables)
    planes = [(0, 0)] if shared else [(u * p.dh, u * cut.band_h) for u in range(p.kh)]
    tap_rows = np.array(
        [
            (
                (u * p.dh if shared else u * cut.band_h) * pitch * pixel,
                *reading(p.ih, p.pt, p.oh, p.sh, u * p.dh, p.mode_h),
            )
            for u in range(p.kh)
        ],
        np.int64,
    )
    row_table = np.array(planes, np.int64)
    row_map = index_map(p.ih, p.pt, p.pb, p.mode_h).astype(np.int64)
    col_map = np.ascontiguousarray(index_map(p.iw, p.pl, p.pr, p.mode_w), np.int64)
    tables += [columns, tap_rows, row_table, row_map, col_map]
    x_near, y_near = near(p, x), near(p, grad)
    places, slot = layout(
        {
            "pixels_at": cut.images * image_at + 2 * machine.vector,
            "right_at": positions * wide * element + 2 * machine.vector,
            "sum_at": sums * sum_size + lost if cut.parts == 1 else 0,
            "spare_at": max(lanes * (kernels.PIECE + lanes), icg + lanes) * element,
        }
    )
    fields = size_fields(p, element, STEPS, chain, bands=False) | places
    fields |= dict(zip(("x_n", "x_c", "x_h", "x_w"), x.strides)) | dict(zip(("y_n", "y_c", "y_h", "y_w"), grad.strides))
    fields |= {
        "units_n": split(p.n, cut.images),
        "images": cut.images,
        "bands_h": split(p.oh, cut.band_h),
        "bands_w": split(p.ow, cut.band_w),
        "band_h": cut.band_h,
        "band_w": cut.band_w,
        "block": cut.block,
        "blocks": blocks,
        "parts": cut.parts,
        "shares": cut.shares,
        "x_code": CODES[p.dtype],
        "x_near": x_near,
        "ih": p.ih,
        "iw": p.iw,
        "sh": p.sh,
        "sw": p.sw,
        "pt": p.pt,
        "pl": p.pl,
        "row_map": memory.address(row_map),
        "col_map": memory.address(col_map),
        "y_code": CODES[p.dtype],
        "y_near": y_near,
        **gradient_fields(out, cut.block, tables),
        "pixel": pixel,
        "pitch": pitch,
        "image_at": image_at,
        "padded": int(padded),
        "modes": int(p.mode_w != "zeros"),
        "run": int(not padded and shared and p.mode_h == "zeros" and x.strides[2] == p.iw * x.strides[3]),
        "reach_w": reach(p.kw, p.dw),
        "row_planes": len(planes),
        "row_table": memory.address(row_table),
        "row_spread": p.sh if shared else 1,
        "row_extra": reach(p.kh, p.dh) if shared else 1,
        "row_step": 1 if shared else p.sh,
        "tap_rows": memory.address(tap_rows),
        "tap_columns": memory.address(columns),
        "products": 1 if joined else p.kw,
        "count": p.kw * cut.block if joined else cut.block,
        "lost": lost,
        "slot": slot,
        "sum_size": sum_size,
    }
    return finish(
        fields,
        tables,
        kernels.FRAME,
        workers=min(workers, cut.parts * p.g * blocks * cut.shares),
        pack_workers=min(workers, p.g * blocks * channel_blocks) if taps * icg * p.oc > 100_000 else 1,
        packed_bytes=sums * sum_size + lost if cut.parts > 1 else 0,
    )
