"""Transformed weights: made by each task, all of them beforehand, or kept from call to call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ....kernels import launch, target
from ....kernels import winograd as kernels
from ....kernels.taps import pack_taps
from ....kernels.winograd_transforms import transform
from ....runtime import memory
from ....runtime.storage import Storage
from ...problem import DTYPES
from ..bands import split
from ..direct import Weight
from ..frames import CODES, finish, layout
from .product import Product, product_fields
from .units import plane

# Bytes of transformed weights up to which all are made beforehand: writing and reading more costs more than the
# products, and four times as long as making them.
LARGEST_WEIGHTS = 16 << 20
# Input channels whose transformed weights are in the L2 cache at a time, for up to so many forms; half for more.
SEGMENT = 64
SEGMENT_FORMS = 64
# Taps of a vector of weights that are packed at a time, in the L1 cache.
CHUNK_TAPS = 144
# Where the taps of a channel lie in a run, but not those of all channels (see Weight.run).
RUN_OF_TAPS = 2


class Weights:
    """How weights of certain strides are transformed: the fields of a frame, and the region for all of them."""

    def __init__(self, product: Product, w: np.ndarray):
        p = product.problem
        lanes = target.current().lanes(4)
        wide = 2 * lanes
        icg, blocks, forms, taps = product.icg, split(product.ocg, wide), product.forms, p.kh * p.kw
        segment = SEGMENT if forms <= SEGMENT_FORMS else SEGMENT // 2
        self.segment = min(segment, split(icg, lanes) * lanes)
        self.tasks = p.g * blocks * split(icg, self.segment)
        size = DTYPES[p.dtype][1]
        weight = Weight.of(p, w)
        if p.direction == "bwd_input":  # from the output's channels to the input's
            w_g, w_o, w_c, w_h, w_w = weight.strides
            weight = replace(weight, strides=(w_g, w_c, w_o, w_h, w_w))
        row, column = weight.taps[0]
        chunk = max(1, min(icg, CHUNK_TAPS // taps))
        run = weight.run(icg, size)
        u_plane = plane(icg * wide * 4)
        block = forms * u_plane
        self.fields = product_fields(product) | {
            "transform_weight": transform("weight", *product.axes).address,
            **dict(zip(("w_g", "w_o", "w_c", "w_h", "w_w"), weight.strides)),
            "w_size": size,
            "w_code": CODES[p.dtype],
            "run": run,
            "pack_taps": pack_taps(taps).address if run == RUN_OF_TAPS and p.dtype == "f32" else 0,
            "taps_at": p.kw * row + column,
            "tap_row": -p.kw if row else p.kw,
            "tap_column": -1 if column else 1,
            "chunk": chunk,
            "segment": self.segment,
            "u_plane": u_plane,
            "u_block": block,
        }
        self.scratch = {"other_at": chunk * taps * wide * 4, "row_at": lanes * (chunk * taps + lanes) * 4}
        places, slot = layout(self.scratch)
        self.frame = finish(
            self.fields | places | {"slot": slot},
            [],
            workers=1,
            packed_bytes=p.g * blocks * block,
            weight_offset=weight.offset,
            form=("winograd", product.axes, p.g, icg, product.ocg, weight.strides, weight.taps, p.dtype),
        )

    def transformed(self, weight: int, kept: Storage | None, workers: int, wanted: bool) -> tuple[int, Any] | None:
        """All transformed weights, if they are kept; if `wanted` and not too many, made for this time."""
        frame = self.frame

        def make(u: int) -> None:
            kernel = kernels.transform_weights.address
            launch.launch(kernel, frame.address, weight, 0, 0, u, frame.slot, min(workers, self.tasks))

        found = None if kept is None else kept.form((weight, frame.form), frame.packed_bytes, make)
        if found is None and wanted and frame.packed_bytes <= LARGEST_WEIGHTS:
            found = memory.scratch(frame.packed_bytes, "weights")
            make(found[0])
        return found
