"""Rows of tiles of images, the passes over them, and their transformed images."""

from __future__ import annotations

import numpy as np

from ....kernels import launch, target
from ....kernels import winograd as kernels
from ....kernels.edges import FRAME
from ....kernels.winograd_transforms import transform
from ....runtime import memory
from ...problem import DTYPES
from ..bands import split
from ..frames import CODES, Frame, layout
from .product import Product, Reach, product_fields

# Tiles in a unit: only very wide images are cut.
UNIT_TILES = 64
# Units of a task that transforms images: each reads rows that the one above has read too.
UNITS = 4


def plane(nbytes: int) -> int:
    """The distance of planes of so many bytes: an odd number of lines, or all would meet in the same cache sets."""
    return memory.lines(nbytes) | memory.LINE


class Units:
    """How tiles of a problem are cut into units, and units into passes."""

    def __init__(
        self, product: Product, tile_bytes: int, pass_bytes: int, least: int = 1, unit_tiles: int = UNIT_TILES
    ):
        (dh, dw), (classes_h, classes_w) = product.dilations, product.classes
        self.tiles_h = split(split(product.height, dh), product.rows.outputs)
        tiles_w = split(split(product.width, dw), product.columns.outputs)
        self.class_tiles = split(tiles_w, split(tiles_w, max(1, unit_tiles // classes_w)))
        self.unit_tiles = classes_w * self.class_tiles
        self.parts_w = split(tiles_w, self.class_tiles)
        self.count = product.problem.n * classes_h * self.tiles_h * self.parts_w
        self.passes = 1
        if pass_bytes:
            largest = max(1, pass_bytes // (tile_bytes * self.unit_tiles), split(least, self.unit_tiles))
            self.passes = split(self.count, largest)
        self.largest = split(self.count, self.passes)
        self.tiles = self.largest * self.unit_tiles


def image_fields(
    product: Product,
    array: np.ndarray,
    channels: int,
    units: Units,
    unit_blocks: int,
    side: int,
    reach: tuple[Reach, Reach],
    purpose: str,
    tables: list[np.ndarray],
    tiles: int,
) -> tuple[dict, dict[str, int]]:
    """Fields for transforming the images of an array to `tiles` tiles, and sizes of the scratch for it."""
    p = product.problem
    lanes = target.current().lanes(4)
    down, across = reach
    row = across.length(units.class_tiles)
    row_map, col_map = down.table(down.length(units.tiles_h)), across.table(units.parts_w * row)
    tables += [row_map, col_map]
    vectors = split(channels, lanes)
    block = tiles * side * lanes * 4
    v_plane = plane(split(vectors, side) * block)
    rows_a_task = split(units.largest, unit_blocks) * down.step + down.reads
    scratch = {"band_at": rows_a_task * row * lanes * 4, "row_at": lanes * (row + lanes) * 4}
    return {
        "transform_image": transform(purpose, *product.axes).address,
        "unit_blocks": unit_blocks,
        "x_n": array.strides[0],
        "x_c": array.strides[1],
        "x_h": array.strides[2],
        "x_w": array.strides[3],
        "x_code": CODES[p.dtype],
        "x_size": DTYPES[p.dtype][1],
        "icg": channels,
        "iw": across.size,
        "pl": across.before,
        "row_map": memory.address(row_map),
        "col_map": memory.address(col_map),
        "reads_h": down.reads,
        "reads_w": across.reads,
        "step_h": down.step,
        "step_w": across.step,
        "vectors": vectors,
        "side": side,
        "v_block": block,
        "v_plane": v_plane,
        "v_group": v_plane * product.points,
    }, scratch


def unit_fields(product: Product, units: Units) -> dict:
    return product_fields(product) | {
        "tiles_h": units.tiles_h,
        "parts_w": units.parts_w,
        "unit_tiles": units.unit_tiles,
        "class_tiles": units.class_tiles,
    }


def records(fields: dict, units: Units, tables: list[np.ndarray], workers: int) -> list[Frame]:
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


class Images:
    """The first region of the passes: transformed images of an array."""

    def __init__(
        self,
        product: Product,
        array: np.ndarray,
        channels: int,
        units: Units,
        side: int,
        workers: int,
        reach: tuple[Reach, Reach],
        purpose: str = "input",
    ):
        self.tables: list[np.ndarray] = []
        vectors = product.problem.g * split(channels, target.current().lanes(4))
        unit_blocks = min(units.largest, max(split(units.largest, UNITS), split(4 * workers, vectors)))
        self.fields, scratch = image_fields(
            product, array, channels, units, unit_blocks, side, reach, purpose, self.tables, units.tiles
        )
        places, slot = layout(scratch)
        self.fields |= places | {"slot": slot}
        self.nbytes = product.problem.g * self.fields["v_group"]
        tasks = unit_blocks * vectors
        fields = unit_fields(product, units) | self.fields
        self.frames = records(fields, units, self.tables, min(workers, tasks))

    def transform(self, number: int, array: int, to: int) -> None:
        """Makes the transformed images of a pass."""
        frame = self.frames[number]
        kernel = kernels.transform_images.address
        launch.launch(kernel, frame.address, array, 0, 0, to, frame.slot, frame.workers)
