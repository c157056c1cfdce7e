"""Weight gradients by Winograd's algorithm: how they are cut, and what their kernels read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....kernels import launch, target
from ....kernels import winograd as kernels
from ....kernels.winograd_matrices import Axis
from ....kernels.winograd_products import most_channels, points
from ....kernels.winograd_transforms import transform
from ....runtime import memory
from ....runtime.storage import Storage
from ...gradient import Array
from ...problem import ConvProblem
from .. import copies
from ..bands import split
from ..frames import Frame, Frames, gradient_fields, layout, storable, workers_for
from .forward import PASS_BYTES
from .product import SUMS_APART, Product, plain
from .units import Images, Units, image_fields, plane, records, unit_fields

# Tiles that a weight gradient has in a pass at least, or its sums go to memory often. Its passes, and with them the
# order of its sums, do not depend on the threads.
GRADIENT_TILES = 128
# Sums of a task in vectors, and tiles that are summed up before they are added to others.
GRADIENT_SUMS = 64 * 36
GRADIENT_CHUNK = 64
# Bytes of the sums of a strip of channels, up to which they are transformed as soon as they are made, if all tiles are
# one chunk: 512x512 channels on 7x7 positions take 1.09 ms then, not 1.38; 324 points were slower, 100 were not (two
# threads, Zen 4, November 2026).
STRIP_BYTES = 128 << 10
# In parts: bytes of transformed images that stay in the L2 cache beside the sums; tiles of a part, so that its sums are
# seldom added to others; bytes of all these sums; parts, for any number of threads.
PART_IMAGES = 400 << 10
PART_TILES = 96
PART_SUMS = 6 << 20
PARTS = 8, 16, 32


class WeightGradient:
    """The weight gradient of a problem."""

    def __init__(self, problem: ConvProblem, pair: tuple[Axis, Axis] | None = None):
        self.problem = problem
        self.product = product = Product.of(problem, pair)
        self.frames: dict[Any, tuple] = Frames()
        p, lanes = problem, target.current().lanes(4)
        self.vectors, self.all_blocks = split(product.icg, lanes), split(product.ocg, 2 * lanes)
        self.whole = (
            plain(product.rows.outputs, product.rows.outputs, product.dilations[0], p.oh),
            plain(product.columns.outputs, product.columns.outputs, product.dilations[1], p.ow),
        )
        # Bytes of a transformed tile, of all groups.
        self.tile_bytes = p.g * (self.vectors + 2 * self.all_blocks) * lanes * 4 * product.points
        # Tiles that are transformed together in parts; in how many the sum is made (0: in passes).
        self.together = max(1, min(PART_IMAGES * p.g // self.tile_bytes, GRADIENT_CHUNK))
        units = self.units = Units(product, 0, 0, unit_tiles=self.together)
        sums = p.g * self.vectors * self._plane(lanes) * self.all_blocks * product.forms
        most = min(units.count, units.tiles // PART_TILES, PART_SUMS // sums)
        # Few for the precision 'highest', whose errors their addition would make larger.
        ways = PARTS[:1] if product.chain else PARTS
        self.parts = max((parts for parts in ways if parts <= most), default=0)

    @staticmethod
    def _plane(block: int) -> int:
        return plane(block * 2 * target.current().lanes(4) * 4)

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = workers_for(self.problem)
        stored = storable(out, 4)
        result = out if stored else copies.room_for(out, np.dtype(np.float32))
        key = (x.strides, grad.strides, result.strides, workers)
        found = self.frames.get(key)
        if found is None:
            prepare = self._prepare_parts if self.parts else self._prepare
            found = self.frames[key] = prepare(x, grad, result, workers)
        compute = self._in_parts if self.parts else self._in_passes
        compute(found, memory.address(x), memory.address(grad), memory.address(result))
        if not stored:
            copies.store(result, out)

    def _in_passes(self, prepared: tuple, x: int, grad: int, out: int) -> None:
        images, gradients, frames, sum_bytes = prepared
        w_at = memory.lines(images.nbytes) + memory.LINE
        v, keep = memory.scratch(w_at + gradients.nbytes, "images")
        sums, keep_sums = memory.scratch(sum_bytes, "products") if sum_bytes else (0, None)
        kernel = kernels.weight_gradient.address
        for number, frame in enumerate(frames):
            images.transform(number, x, v)
            gradients.transform(number, grad, v + w_at)
            launch.launch(kernel, frame.address, v, v + w_at, sums, out, frame.slot, frame.workers)
        del keep, keep_sums

    def _in_parts(self, prepared: tuple, x: int, grad: int, out: int) -> None:
        frame, sum_bytes, tasks = prepared
        sums, keep = memory.scratch(sum_bytes, "products")
        parts, whole = kernels.gradient_parts.address, kernels.gradient_sums.address
        launch.launch(parts, frame.address, x, grad, 0, sums, frame.slot, frame.workers)
        launch.launch(whole, frame.address, 0, 0, sums, out, frame.slot, min(frame.workers, tasks))
        del keep

    def _fields(self, side: int, out: np.ndarray, tables: list[np.ndarray], strip: int = 0) -> tuple[dict, int]:
        """Fields for multiplying `side` vectors of input channels at a time and storing the result; bytes of sums."""
        product = self.product
        lanes = target.current().lanes(4)
        block, wide = side * lanes, 2 * lanes
        tiles = np.arange(GRADIENT_CHUNK)
        offsets, step2 = (tiles * block * 4).astype(np.int32), (tiles * wide * 4).astype(np.int32)
        tables += [offsets, step2]
        u_plane = self._plane(strip or block)
        return {
            "transform_result": transform("weight_gradient", *product.axes).address,
            "offsets": memory.address(offsets),
            "step2": memory.address(step2),
            **gradient_fields(out, block, tables),
            "block": block,
            "blocks": split(product.icg, block),
            "chunk": GRADIENT_CHUNK,
            "strip": strip,
            "apart": points.address if strip else 0,
            "u_plane": u_plane,
        }, product.forms * u_plane

    def _side(self, most: int) -> int:
        """Vectors of input channels that are multiplied at a time, `most` at most."""
        most = min(most, GRADIENT_SUMS // self.product.forms // target.current().lanes(4))
        return split(self.vectors, split(self.vectors, max(1, most)))

    def _strip(self, units: Units) -> int:
        """Channels whose sums are transformed as soon as they are made, or 0: all those of a task are."""
        product, channels = self.product, most_channels()
        few = units.passes == 1 and units.tiles <= GRADIENT_CHUNK and not product.chain
        apart = product.forms == product.points
        return channels if few and apart and product.forms * self._plane(channels) <= STRIP_BYTES else 0

    def _prepare(
        self, x: np.ndarray, grad: np.ndarray, out: np.ndarray, workers: int
    ) -> tuple[Images, Images, list[Frame], int]:
        p, product = self.problem, self.product
        lanes = target.current().lanes(4)
        units = Units(product, self.tile_bytes, PASS_BYTES, GRADIENT_TILES)
        strip = self._strip(units)
        side = 1 if strip else self._side(p.g * self.vectors * self.all_blocks // (2 * workers))
        images = Images(product, x, product.icg, units, side, workers, product.reach)
        gradients = Images(product, grad, product.ocg, units, 2, workers, self.whole, "output_gradient")
        tables = images.tables
        fields, sum_bytes = self._fields(side, out, tables, strip)
        tasks = p.g * fields["blocks"] * self.all_blocks
        room = tasks * sum_bytes if units.passes > 1 else 0
        lost = (room or sum_bytes) if product.chain else 0
        own = 0 if room and lost else sum_bytes + lost
        places, slot = layout({"sum_at": own, "band_at": p.kh * p.kw * side * 2 * lanes * lanes * 4})
        fields = unit_fields(product, units) | images.fields | fields | places
        fields |= {
            "slot": slot,
            "g_group": gradients.fields["v_group"],
            "g_plane": gradients.fields["v_plane"],
            "g_block": gradients.fields["v_block"],
            "lost": lost,
        }
        return images, gradients, records(fields, units, tables, min(workers, tasks)), room + lost if room else 0

    def _prepare_parts(
        self, x: np.ndarray, grad: np.ndarray, out: np.ndarray, workers: int
    ) -> tuple[Frame, int, int]:
        """The frame, bytes of all sums, and tasks of the second region."""
        p, product = self.problem, self.product
        lanes = target.current().lanes(4)
        units, side = self.units, self._side(self.vectors)
        together = max(1, self.together // units.unit_tiles)
        tiles, blocks = together * units.unit_tiles, split(units.count, together)
        tables: list[np.ndarray] = []
        images, of_images = image_fields(
            product, x, product.icg, units, blocks, side, product.reach, "input", tables, tiles
        )
        gradients, of_gradients = image_fields(
            product, grad, product.ocg, units, blocks, 2, self.whole, "output_gradient", tables, tiles
        )
        fields, sum_bytes = self._fields(side, out, tables)
        tasks = p.g * fields["blocks"] * self.all_blocks
        room = self.parts * tasks * sum_bytes
        lost = room if product.chain and split(units.count, self.parts * together) > SUMS_APART else 0
        results = {"band_at": p.kh * p.kw * side * 2 * lanes * lanes * 4, "row_at": 0}
        pixels = {piece: max(of_images[piece], of_gradients[piece], results[piece]) for piece in results}
        places, slot = layout({"image_at": images["v_group"], "other_at": gradients["v_group"], **pixels})
        common = unit_fields(product, units)
        of_x, of_grad = (records(common | each | {"slot": slot}, units, [], 1)[0] for each in (images, gradients))
        tables += [of_x.record, of_grad.record]
        fields = common | images | fields | places
        fields |= {
            "slot": slot,
            "g_plane": gradients["v_plane"],
            "g_block": gradients["v_block"],
            "parts": self.parts,
            "unit_blocks": together,
            "x_frame": of_x.address,
            "grad_frame": of_grad.address,
            "lost": lost,
        }
        (frame,) = records(fields, units, tables, min(workers, p.g * self.parts))
        return frame, room + lost, tasks
