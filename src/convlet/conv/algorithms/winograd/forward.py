"""Forward convolutions and input gradients by Winograd's algorithm: how they are cut, and what their kernels read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ....kernels import launch, target
from ....kernels import winograd as kernels
from ....kernels.tail import pack_tail
from ....kernels.winograd_matrices import Axis
from ....kernels.winograd_transforms import transform
from ....runtime import memory
from ....runtime.processor import in_l2
from ....runtime.storage import Storage
from ...gradient import Array
from ...problem import DTYPES, ConvProblem
from ...tail import Tail
from ..bands import split
from ..frames import CODES, Frame, Frames, layout, workers_for
from .product import SUMS_APART, Product
from .units import UNIT_TILES, Images, Units, image_fields, plane, records, unit_fields
from .weights import Weights

# Bytes of transformed images in a pass, for two threads; more threads make larger passes. And as many at most where
# there are more transformed weights than that, which every pass makes or reads again.
PASS_BYTES = 4 << 20
LARGE_PASS_BYTES = 12 << 20
# Tasks that make the same weights, up to which nobody makes them beforehand: writing and reading them costs as much.
AGAIN = 2
# Bytes of transformed weights, of all workers, up to which each makes all of them for itself, in one region with the
# images: what another has written comes slowly, most where processors share no cache. An input gradient of 64 channels
# on 56x56 takes 346 us then, not 380 (728 in a process that handed over slowly); one of 37 on 29x31 74, not
# 102 (two threads, Zen 4, November 2026).
OWN_WEIGHTS = 3 << 20
# Products of a task at most: tiles times points, for their sums to stay in L2. And tiles at least, for the weights'
# transform to be worth it.
TASK_PRODUCTS = 128 * 36
LEAST_TASK_TILES = 28
# One region: bytes of a task's transformed images, with their sums in the L2 cache; tiles at least, to read the weights
# seldom; and how busy the workers are at least: with seven rows of tiles for two, 32 channels on 28x28 take 36 us, in
# two regions 61, 64 channels 101 and 125, 128 channels 344 both (Zen 4, November 2026).
TASK_BYTES = 900 << 10
LEAST_TILES_TOGETHER = 14
LEAST_BUSY = 0.85


class _Cut(NamedTuple):
    """Into how many blocks the units of a pass are cut, and whether a block is a task that does all."""

    units: Units
    unit_blocks: int
    together: bool

    @property
    def task_tiles(self) -> int:
        """Tiles of the largest block."""
        return split(self.units.largest, self.unit_blocks) * self.units.unit_tiles


def _busy(tasks: int, workers: int) -> float:
    """The part of the time that workers are busy with equal tasks."""
    return tasks / (workers * split(tasks, workers))


def _cut(product: Product, workers: int) -> _Cut:
    """How a forward product is cut, in two regions."""
    g, lanes = product.problem.g, target.current().lanes(4)
    tile_bytes = split(product.icg, lanes) * lanes * 4 * product.points
    blocks = g * split(product.ocg, 2 * lanes)
    weights = blocks * product.forms * product.icg * 2 * lanes * 4
    pass_bytes = max(PASS_BYTES, min(weights, LARGE_PASS_BYTES))
    units = Units(product, g * tile_bytes, pass_bytes * max(1, workers // 2))
    largest = max(1, TASK_PRODUCTS // product.points)
    few = split(2 * workers, blocks)
    even = next((count for count in range(few, few + 4) if _busy(count * blocks, workers) >= LEAST_BUSY), few)
    wanted = min(even, units.tiles // LEAST_TASK_TILES)
    return _Cut(units, min(max(split(units.tiles, largest), wanted), units.largest), False)


def _cut_together(product: Product, workers: int) -> _Cut | None:
    """How it is cut in one region, if that is expected to be as fast. The sums are the same."""
    g, lanes = product.problem.g, target.current().lanes(4)
    most = in_l2(TASK_BYTES) // (split(product.icg, lanes) * lanes * 4 * product.points)
    if most < LEAST_TILES_TOGETHER:
        return None
    units = Units(product, 0, 0, unit_tiles=min(most, UNIT_TILES))
    if units.unit_tiles > most:
        return None
    count = units.count * g
    tasks = workers * split(count, workers * (most // units.unit_tiles))
    found = _Cut(units, min(units.count, split(tasks, g)), True)
    enough = found.task_tiles >= LEAST_TILES_TOGETHER
    return found if enough and _busy(count, workers) >= LEAST_BUSY else None


class Forward:
    """A forward convolution or an input gradient; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem, pair: tuple[Axis, Axis] | None = None):
        self.problem = problem
        self.product = Product.of(problem, pair)
        self.frames: dict[Any, tuple[Images | None, list[Frame]]] = Frames()
        self.weights: dict[Any, Weights] = Frames()
        self.cuts: dict[int, tuple[_Cut, _Cut | None]] = {}

    def __call__(
        self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        workers = workers_for(self.problem)
        weights = self.weights.get(w.strides)
        if weights is None:
            weights = self.weights[w.strides] = Weights(self.product, w)
        cut, together = self.cut(workers)
        weight, keep_weight = memory.address(w) + weights.frame.weight_offset, w
        apiece = together is not None and weights.frame.packed_bytes * workers <= OWN_WEIGHTS
        wanted = cut.units.passes * cut.unit_blocks > AGAIN and not apiece
        found = weights.transformed(weight, kept, workers, wanted)
        if found is not None:
            weight, keep_weight = found
        if apiece or found is not None:
            cut = together or cut
        key = (x.strides, w.strides, out.strides, workers, found is None)
        prepared = self.frames.get(key)
        if prepared is None:
            prepared = self.frames[key] = self._prepare(x, weights, out, workers, found is not None, cut)
        images, frames = prepared
        if bias is not None:
            bias = np.ascontiguousarray(bias, np.float32)
        at = 0 if bias is None else memory.address(bias)
        if self.problem.tail:
            finishing = pack_tail(self.problem.tail, tail, at, out)
            at = memory.address(finishing)
        source, to = memory.address(x), memory.address(out)
        if images is None:
            frame = frames[0]
            kernel = kernels.together.address
            launch.launch(kernel, frame.address, source, weight, at, to, frame.slot, frame.workers)
        else:
            v, keep = memory.scratch(images.nbytes, "images")
            kernel = kernels.forward.address
            for number, frame in enumerate(frames):
                images.transform(number, source, v)
                launch.launch(kernel, frame.address, v, weight, at, to, frame.slot, frame.workers)
            del keep
        del keep_weight

    def cut(self, workers: int) -> tuple[_Cut, _Cut | None]:
        """How so many workers share it out, and how they do where the weights are transformed."""
        found = self.cuts.get(workers)
        if found is None:
            found = self.cuts[workers] = _cut(self.product, workers), _cut_together(self.product, workers)
        return found

    def _prepare(
        self, x: np.ndarray, weights: Weights, out: np.ndarray, workers: int, ready: bool, cut: _Cut
    ) -> tuple[Images | None, list[Frame]]:
        """The frames of a call; `ready` is whether the weights come transformed."""
        p, product = self.problem, self.product
        lanes = target.current().lanes(4)
        wide = 2 * lanes
        units, unit_blocks, together = cut
        images: Images | None = None
        tables: list[np.ndarray] = []
        if together:
            source_fields, image_scratch = image_fields(
                product, x, product.icg, units, unit_blocks, 1, product.reach, "input", tables, cut.task_tiles
            )
        else:
            images = Images(product, x, product.icg, units, 1, workers, product.reach)
            source_fields, tables, image_scratch = images.fields, images.tables, {"band_at": 0, "row_at": 0}

        segment, points = weights.segment, product.points
        tile_h, tile_w = product.rows.outputs, product.columns.outputs
        dh, dw = product.dilations
        columns = units.class_tiles * tile_w * dw
        if dw == 1:
            columns = min(product.width, columns)
        j = np.arange(segment)
        offsets = (j // lanes * source_fields["v_block"] + j % lanes * 4).astype(np.int32)
        step1, step2 = (j * lanes * 4).astype(np.int32), (j * wide * 4).astype(np.int32)
        tables += [offsets, step1, step2]
        # Room for transformed weights: none, all of them, or those of a block and a segment.
        u_plane, room = weights.fields["u_plane"], 0
        if together and not ready:
            room = weights.frame.packed_bytes
        elif not ready:
            u_plane = plane(segment * wide * 4)
            room = product.forms * u_plane
        m_plane = plane(cut.task_tiles * wide * 4)
        lost = points * m_plane if product.chain and split(product.icg, segment) > SUMS_APART else 0
        row = lanes * (tile_h * columns + lanes) * 4
        places, slot = layout(
            {
                "image_at": source_fields["v_group"] if together else 0,
                "weight_at": room,
                "sum_at": points * m_plane + lost,
                "band_at": (tile_h * columns + tile_w) * wide * 4,
                "other_at": max(image_scratch["band_at"], 0 if ready else weights.scratch["other_at"]),
                "row_at": max(row, weights.scratch["row_at"], image_scratch["row_at"]),
            }
        )
        size = DTYPES[p.dtype][1]
        fields = unit_fields(product, units) | source_fields | weights.fields | places
        fields |= {
            "slot": slot,
            "transform_result": transform("output", *product.axes).address,
            "packed": int(ready),
            "offsets": memory.address(offsets),
            "step1": memory.address(step1),
            "step2": memory.address(step2),
            "y_n": out.strides[0],
            "y_c": out.strides[1],
            "y_h": out.strides[2] * dh,
            "y_class": out.strides[2],
            "y_w": out.strides[3],
            "y_size": size,
            "y_code": CODES[p.dtype],
            "y_last": int(p.dtype == "f32" and out.strides[1] == size != out.strides[3]),
            "unit_blocks": unit_blocks,
            "u_plane": u_plane,
            "m_plane": m_plane,
            "lost": lost,
        }
        tasks = unit_blocks * p.g * (1 if together else split(product.ocg, wide))
        return images, records(fields, units, tables, min(workers, tasks))
