"""Winograd convolution F(4x4, 3x3): 3x3 kernels of stride 1 with up to 4 times fewer multiplications.

Its sums are not only reordered but made of other terms, so its error is larger than direct convolution's and bounded:
norm-relative 3e-6 in float32. `convlet.set_convolution_precision("highest")` does without it, and so does
float64. An infinity or NaN of the input spreads over the output's tile of 4x4, and overflow begins some
three orders of magnitude below the largest float32.

This file plans; kernels/winograd.py says how it is computed and kernels/winograd_matrices.py by which matrices.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...kernels import launch, target
from ...kernels import winograd as kernels
from ...kernels.edges import FRAME
from ...kernels.winograd_transforms import INPUT, OUTPUT_GRADIENT, transform
from ...runtime import memory
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..padding import index_map
from ..precision import get_convolution_precision
from ..problem import DTYPES, ConvProblem
from . import direct
from .direct import CODES, Frame, Frames, Weight, finish, layout, size_fields, split, workers_for

name = "winograd"

# Tiles in a unit: only very wide images are cut.
UNIT_TILES = 64
# Bytes of transformed images in a pass, for two threads; more threads make larger passes.
PASS_BYTES = 4 << 20
# Tiles that a weight gradient has in a pass at least, or its sums go to memory often. Its passes, and with them the
# order of its sums, do not depend on the threads.
GRADIENT_TILES = 128
# Units of a task that transforms images: each reads two rows that the one above has read too.
UNITS = 4
# Tiles of a task at most, for their products to stay in L2, and at least, to be worth transforming the weights.
TASK_TILES = 128
LEAST_TASK_TILES = 28
# Input channels whose transformed weights are in the L2 cache at a time.
SEGMENT = 64
# Input channels whose weights are packed at a time, in the L1 cache.
CHUNK = 16
# Weight gradient: input channels of a task, and tiles that are summed up before they are added to others.
GRADIENT_CHANNELS = 64
GRADIENT_CHUNK = 64


class Cost(NamedTuple):
    """What is done besides multiplying, in multiplications of a vector that would take as long."""

    image: int  # transforming a tile of a vector of input channels
    result: int  # the same for output channels
    weight: int  # transforming a vector of weights, all their taps
    direct_weight: int  # direct: packing such a vector
    direct_result: int  # direct: storing or reading a vector of a position


# Fitted to 110 problems of 4..256 channels and 4x4..56x56 positions, one thread, AVX-512, Zen 4 (EPYC, 3.3 GHz),
# November 2026 (`python -m benchmarks.winograd`). Nine of ten times are predicted within 15%.
COSTS = {
    "fwd": Cost(image=700, result=290, weight=230, direct_weight=130, direct_result=9),
    "bwd_input": Cost(image=700, result=310, weight=350, direct_weight=280, direct_result=9),
    "bwd_weight": Cost(image=650, result=220, weight=430, direct_weight=200, direct_result=20),
}
# What a call costs either of them, in the same unit.
CALL = 16_000
# So much faster it must be expected to be, because expectations err.
MARGIN = 1.25
# Operations an image below which it saves a few microseconds: not worth compiling for.
LEAST_FLOPS = 2_500_000

STEPS = ("tile", "transpose", "gather", "scatter", "accumulate")
LINE = memory.LINE

# Side of an output tile and of the input that it reads; points of the transformed domain.
M, A = 4, 6
POINTS = A * A


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    return unable(problem) or slower(problem)


def unable(problem: ConvProblem) -> str | None:
    """Why it cannot compute the problem, or may not."""
    p = problem
    if p.dtype not in ("f32", "f16", "bf16"):
        return f"computes in float32, and the dtype is {p.dtype}"
    if get_convolution_precision() == "highest":
        return "the precision is 'highest'"
    if (p.kh, p.kw) != (3, 3):
        return f"the kernel is {p.kh}x{p.kw}, not 3x3"
    if (p.sh, p.sw) != (1, 1):
        return "the stride is not 1"
    if (p.dh, p.dw) != (1, 1):
        return "the kernel is dilated"
    return direct.refuse(p)


def slower(problem: ConvProblem) -> str | None:
    """Why direct convolution is expected to be as fast, or None."""
    if problem.per_image().flops < LEAST_FLOPS:
        return f"below {LEAST_FLOPS / 1e6} million operations an image there is little to save"
    expected = speedup(problem)
    return None if expected >= MARGIN else f"expected to be {expected:.2f} times as fast as direct, less than {MARGIN}"


def work(problem: ConvProblem) -> tuple[int, int, int, int, int]:
    """How often each thing is done: vectors multiplied, images', results' and weights' vectors transformed, calls."""
    p, lanes = problem, target.current().lanes(4)
    ic, oc, tiles = p.ic // p.g, p.oc // p.g, p.n * split(p.oh, M) * split(p.ow, M)
    if p.direction == "bwd_input":  # a forward from the output's channels to the input's
        ic, oc, tiles = oc, ic, p.n * split(p.ih, M) * split(p.iw, M)
    inputs, outputs, weights = p.g * split(ic, lanes), p.g * split(oc, lanes), p.g * ic * split(oc, lanes)
    return POINTS * tiles * weights, tiles * inputs, tiles * outputs, weights, 1


def speedup(problem: ConvProblem) -> float:
    """The time that direct convolution is expected to take for an image, relative to this algorithm's."""
    p = problem.per_image()
    cost = COSTS[p.direction]
    products, images, results, weights, _ = work(p)
    own = products + cost.image * images + cost.result * results + cost.weight * weights
    positions, tiles = (p.ih * p.iw if p.direction == "bwd_input" else p.oh * p.ow), products // (POINTS * weights)
    plain = weights * (9 * positions + cost.direct_weight) + positions * cost.direct_result * results // tiles
    return (plain + CALL) / (own + CALL)


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    if problem.direction == "bwd_input":
        # The strips that padding modes add are small.
        whole = problem.ih, problem.iw
        return gradient.input_gradient(problem, lambda p: _Forward(p) if (p.oh, p.ow) == whole else direct.plan(p))
    if problem.direction == "bwd_weight":
        return _WeightGradient(problem)
    return _Forward(problem)


def _plane(nbytes: int) -> int:
    """The distance of planes of so many bytes: an odd number of lines, or all would meet in the same cache sets."""
    return memory.lines(nbytes) | LINE


# Units and passes


class _Units:
    """How tiles of a problem are cut into units, and units into passes."""

    def __init__(self, p: ConvProblem, tile_bytes: int, pass_bytes: int, least: int = 1):
        self.tiles_h = split(p.oh, M)
        tiles_w = split(p.ow, M)
        self.unit_tiles = split(tiles_w, split(tiles_w, UNIT_TILES))
        self.parts_w = split(tiles_w, self.unit_tiles)
        self.count = p.n * self.tiles_h * self.parts_w
        largest = max(1, pass_bytes // (tile_bytes * self.unit_tiles), split(least, self.unit_tiles))
        self.passes = split(self.count, largest)
        self.largest = split(self.count, self.passes)
        self.tiles = self.largest * self.unit_tiles


def _image_fields(
    p: ConvProblem,
    array: np.ndarray,
    channels: int,
    units: _Units,
    unit_blocks: int,
    side: int,
    tables: list[np.ndarray],
    grad: bool,
) -> dict:
    """Fields for transforming the images of an array: the input, padded, or the output's gradient, as it is."""
    lanes = target.current().lanes(4)
    size = M if grad else A
    rows, columns = units.tiles_h * M + 2, units.parts_w * units.unit_tiles * M + 2
    row_map, col_map = np.full(rows, -1, np.int64), np.full(columns, -1, np.int64)
    if grad:
        row_map[: p.oh], col_map[: p.ow] = np.arange(p.oh), np.arange(p.ow)
    else:
        row_map[: p.padded_h] = index_map(p.ih, p.pt, p.pb, p.mode_h)[:rows]
        col_map[: p.padded_w] = index_map(p.iw, p.pl, p.pr, p.mode_w)[:columns]
    tables += [row_map, col_map]
    vectors = split(channels, lanes)
    block = units.tiles * side * lanes * 4
    plane = _plane(split(vectors, side) * block)
    rows_a_task = split(units.largest, unit_blocks) * M + size - M
    row = units.unit_tiles * M + size - M
    places, slot = layout({"band_at": rows_a_task * row * lanes * 4, "row_at": lanes * (row + lanes) * 4})
    return places | {
        "slot": slot,
        "unit_blocks": unit_blocks,
        "x_n": array.strides[0],
        "x_c": array.strides[1],
        "x_h": array.strides[2],
        "x_w": array.strides[3],
        "x_code": CODES[p.dtype],
        "x_size": DTYPES[p.dtype][1],
        "icg": channels,
        "iw": p.ow if grad else p.iw + min(p.pr, 0),
        "pl": 0 if grad else p.pl,
        "row_map": memory.address(row_map),
        "col_map": memory.address(col_map),
        "which": OUTPUT_GRADIENT if grad else INPUT,
        "size": size,
        "vectors": vectors,
        "side": side,
        "v_block": block,
        "v_plane": plane,
        "v_group": plane * POINTS,
    }


def _unit_fields(p: ConvProblem, units: _Units) -> dict:
    return size_fields(p, 4, STEPS) | {
        "transform": transform.address,
        "apart": kernels.apart.address,
        "m": M,
        "tiles_h": units.tiles_h,
        "parts_w": units.parts_w,
        "unit_tiles": units.unit_tiles,
    }


def _records(fields: dict, units: _Units, tables: list[np.ndarray], workers: int) -> list[Frame]:
    """A frame for each pass."""
    number = np.arange(units.passes)
    bounds = np.arange(units.passes + 1) * units.count // units.passes
    own = {"unit_0": bounds[:-1], "unit_1": bounds[1:], "first": number == 0, "last": number == units.passes - 1}
    records = np.zeros(units.passes, FRAME)
    for field, value in (fields | own).items():
        records[field] = value
    start = memory.address(records)
    return [
        Frame(records, tables, start + i * FRAME.itemsize, fields["slot"], workers) for i in range(units.passes)
    ]


class _Images:
    """The first region of the passes: transformed images of an array."""

    def __init__(
        self,
        p: ConvProblem,
        array: np.ndarray,
        channels: int,
        units: _Units,
        side: int,
        workers: int,
        grad: bool = False,
    ):
        self.tables: list[np.ndarray] = []
        vectors = p.g * split(channels, target.current().lanes(4))
        unit_blocks = min(units.largest, max(split(units.largest, UNITS), split(4 * workers, vectors)))
        self.fields = _image_fields(p, array, channels, units, unit_blocks, side, self.tables, grad)
        self.nbytes = p.g * self.fields["v_group"]
        tasks = unit_blocks * vectors
        fields = _unit_fields(p, units) | self.fields
        self.frames = _records(fields, units, self.tables, min(workers, tasks))

    def transform(self, number: int, array: int, to: int) -> None:
        """Makes the transformed images of a pass."""
        frame = self.frames[number]
        kernel = kernels.transform_images.address
        launch.launch(kernel, frame.address, array, 0, 0, to, frame.slot, frame.workers)


# Forward


class _Weights:
    """How weights of certain strides are transformed: the fields of a frame, and the region for all of them."""

    def __init__(self, p: ConvProblem, w: np.ndarray):
        lanes = target.current().lanes(4)
        wide = 2 * lanes
        icg, blocks = p.ic // p.g, split(p.oc // p.g, wide)
        self.segment = min(SEGMENT, split(icg, lanes) * lanes)
        self.tasks = p.g * blocks * split(icg, self.segment)
        size = DTYPES[p.dtype][1]
        weight = Weight.of(p, w)
        row, column = weight.taps[0]
        plane = _plane(icg * wide * 4)
        block = POINTS * plane
        self.fields = size_fields(p, 4, STEPS) | {
            "transform": transform.address,
            "m": M,
            **dict(zip(("w_g", "w_o", "w_c", "w_h", "w_w"), weight.strides)),
            "w_size": size,
            "w_code": CODES[p.dtype],
            "run": weight.run(icg, size),
            "taps_at": 3 * row + column,
            "tap_row": -3 if row else 3,
            "tap_column": -1 if column else 1,
            "chunk": CHUNK,
            "segment": self.segment,
            "u_plane": plane,
            "u_block": block,
        }
        places, slot = layout({"other_at": CHUNK * 9 * wide * 4, "row_at": lanes * (CHUNK * 9 + lanes) * 4})
        form = ("winograd", M, p.g, icg, p.oc // p.g, weight.strides, weight.taps, p.dtype)
        self.frame = finish(
            self.fields | places | {"slot": slot},
            [],
            workers=1,
            packed_bytes=p.g * blocks * block,
            weight_offset=weight.offset,
            form=form,
        )

    def kept(self, weight: int, kept: Storage, workers: int) -> tuple[int, Any] | None:
        """The transformed weights, kept in their storage, if they are worth it."""
        frame = self.frame

        def make(u: int) -> None:
            kernel = kernels.transform_weights.address
            launch.launch(kernel, frame.address, weight, 0, 0, u, frame.slot, min(workers, self.tasks))

        return kept.form((weight, frame.form), frame.packed_bytes, make)


class _Forward:
    """The forward convolution of a problem; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.frames: dict[Any, tuple[_Images, list[Frame]]] = Frames()
        self.weights: dict[Any, _Weights] = Frames()

    def __call__(self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = workers_for(self.problem)
        weights = self.weights.get(w.strides)
        if weights is None:
            weights = self.weights[w.strides] = _Weights(self.problem, w)
        weight, keep_weight = memory.address(w) + weights.frame.weight_offset, w
        found = None if kept is None else weights.kept(weight, kept, workers)
        if found is not None:
            weight, keep_weight = found
        key = (x.strides, w.strides, out.strides, workers, found is None)
        prepared = self.frames.get(key)
        if prepared is None:
            prepared = self.frames[key] = self._prepare(x, weights, out, workers, found is not None)
        images, frames = prepared
        if bias is not None:
            bias = np.ascontiguousarray(bias, np.float32)
        at = 0 if bias is None else memory.address(bias)
        source, to = memory.address(x), memory.address(out)
        v, keep = memory.scratch(images.nbytes, "images")
        kernel = kernels.forward.address
        for number, frame in enumerate(frames):
            images.transform(number, source, v)
            launch.launch(kernel, frame.address, v, weight, at, to, frame.slot, frame.workers)
        del keep, keep_weight

    def _prepare(
        self, x: np.ndarray, weights: _Weights, out: np.ndarray, workers: int, ready: bool
    ) -> tuple[_Images, list[Frame]]:
        """The frames of a call; `ready` is whether the weights come transformed."""
        p = self.problem
        lanes = target.current().lanes(4)
        wide = 2 * lanes
        icg, ocg = p.ic // p.g, p.oc // p.g
        pass_bytes = PASS_BYTES * max(1, workers // 2)
        units = _Units(p, p.g * split(icg, lanes) * lanes * 4 * POINTS, pass_bytes)
        images = _Images(p, x, icg, units, 1, workers)
        tables = images.tables

        segment = weights.segment
        blocks = p.g * split(ocg, wide)
        wanted = min(split(2 * workers, blocks), units.tiles // LEAST_TASK_TILES)
        unit_blocks = min(max(split(units.tiles, TASK_TILES), wanted), units.largest)
        task_tiles = split(units.largest, unit_blocks) * units.unit_tiles
        columns = min(p.ow, units.unit_tiles * M)
        j = np.arange(segment)
        offsets = (j // lanes * images.fields["v_block"] + j % lanes * 4).astype(np.int32)
        step1, step2 = (j * lanes * 4).astype(np.int32), (j * wide * 4).astype(np.int32)
        tables += [offsets, step1, step2]
        u_plane, m_plane = _plane(segment * wide * 4), _plane(task_tiles * wide * 4)
        places, slot = layout(
            {
                "weight_at": 0 if ready else POINTS * u_plane,
                "sum_at": POINTS * m_plane,
                "band_at": (M * columns + M) * wide * 4,
                "other_at": CHUNK * 9 * wide * 4,
                "row_at": lanes * (max(CHUNK * 9, M * columns) + lanes) * 4,
            }
        )
        size = DTYPES[p.dtype][1]
        fields = _unit_fields(p, units) | images.fields | weights.fields | places
        fields |= {
            "slot": slot,
            "packed": int(ready),
            "offsets": memory.address(offsets),
            "step1": memory.address(step1),
            "step2": memory.address(step2),
            "y_n": out.strides[0],
            "y_c": out.strides[1],
            "y_h": out.strides[2],
            "y_w": out.strides[3],
            "y_size": size,
            "y_code": CODES[p.dtype],
            "y_last": int(p.dtype == "f32" and out.strides[1] == size != out.strides[3]),
            "unit_blocks": unit_blocks,
            "u_plane": weights.fields["u_plane"] if ready else u_plane,
            "m_plane": m_plane,
        }
        return images, _records(fields, units, tables, min(workers, unit_blocks * blocks))


# Weight gradient


class _WeightGradient:
    """The weight gradient of a problem."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.frames: dict[Any, tuple[_Images, _Images, list[Frame], int]] = Frames()

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = workers_for(self.problem)
        plain = out.dtype == np.float32 and out.flags.c_contiguous
        result = out if plain else np.empty(out.shape, np.float32)
        key = (x.strides, grad.strides, workers)
        found = self.frames.get(key)
        if found is None:
            found = self.frames[key] = self._prepare(x, grad, result, workers)
        images, gradients, frames, sum_bytes = found
        source, source_grad, to = memory.address(x), memory.address(grad), memory.address(result)
        w_at = memory.lines(images.nbytes) + LINE
        v, keep = memory.scratch(w_at + gradients.nbytes, "images")
        sums, keep_sums = memory.scratch(sum_bytes, "products") if sum_bytes else (0, None)
        kernel = kernels.weight_gradient.address
        for number, frame in enumerate(frames):
            images.transform(number, source, v)
            gradients.transform(number, source_grad, v + w_at)
            launch.launch(kernel, frame.address, v, v + w_at, sums, to, frame.slot, frame.workers)
        del keep, keep_sums
        if not plain:
            out[...] = result

    def _prepare(
        self, x: np.ndarray, grad: np.ndarray, out: np.ndarray, workers: int
    ) -> tuple[_Images, _Images, list[Frame], int]:
        p = self.problem
        lanes = target.current().lanes(4)
        wide = 2 * lanes
        icg, ocg = p.ic // p.g, p.oc // p.g
        vectors, all_blocks = split(icg, lanes), split(ocg, wide)
        side = max(1, min(GRADIENT_CHANNELS // lanes, p.g * vectors * all_blocks // (2 * workers)))
        side = split(vectors, split(vectors, side))
        block = side * lanes
        blocks = split(icg, block)
        units = _Units(p, p.g * (vectors * lanes + all_blocks * wide) * 4 * POINTS, PASS_BYTES, GRADIENT_TILES)
        images = _Images(p, x, icg, units, side, workers)
        gradients = _Images(p, grad, ocg, units, 2, workers, grad=True)
        tables = images.tables

        tiles = np.arange(GRADIENT_CHUNK)
        offsets, step2 = (tiles * block * 4).astype(np.int32), (tiles * wide * 4).astype(np.int32)
        order = (np.arange(9)[None, :] * block + np.arange(block)[:, None]).reshape(-1).astype(np.int64)
        tables += [offsets, step2, order]
        u_plane = _plane(block * wide * 4)
        tasks = p.g * blocks * all_blocks
        places, slot = layout(
            {"sum_at": POINTS * u_plane, "band_at": 9 * block * wide * 4}
        )
        fields = _unit_fields(p, units) | images.fields | places
        fields |= {
            "slot": slot,
            "g_group": gradients.fields["v_group"],
            "g_plane": gradients.fields["v_plane"],
            "g_block": gradients.fields["v_block"],
            "offsets": memory.address(offsets),
            "step2": memory.address(step2),
            "order": memory.address(order),
            "block": block,
            "blocks": blocks,
            "chunk": GRADIENT_CHUNK,
            "u_plane": u_plane,
            "w_o": out.strides[0],
            "w_c": out.strides[1],
        }
        sum_bytes = tasks * POINTS * u_plane if units.passes > 1 else 0
        return images, gradients, _records(fields, units, tables, min(workers, tasks)), sum_bytes
