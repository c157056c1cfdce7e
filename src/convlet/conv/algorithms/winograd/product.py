"""What a problem multiplies by Winograd's algorithm: a forward product, and what its tiles read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ....kernels import winograd as kernels
from ....kernels.winograd_matrices import Axis, Tiling, tiling
from ....runtime import memory
from ...padding import index_map
from ...precision import get_convolution_precision
from ...problem import ConvProblem
from ..frames import size_fields
from .choice import axes, dilations

# 'highest': products of a sum that are added one after the other, and sums of segments or chunks that are without
# remembering what is lost (kernels/tile.py). The error of F(2x2, 3x3) is 1.67 times that of its products: 1.3e-7 after
# chains of 8 and 8 of those, and its transforms err by 1.1e-7 themselves.
CHAIN = 8
SUMS_APART = 2

STEPS = ("tile", "transpose", "gather", "scatter", "accumulate")


class Reach(NamedTuple):
    """What the tiles of an axis read of an array: so many places of a class each, `step` further each time."""

    reads: int
    step: int
    dilation: int
    size: int  # places that the array has
    before: int  # places in front of it
    places: np.ndarray  # where in the array the first places are found, padding included; -1: nowhere

    def length(self, tiles: int) -> int:
        """Places that so many tiles of every class read."""
        return ((tiles - 1) * self.step + self.reads) * self.dilation

    def table(self, count: int) -> np.ndarray:
        """The places of so many."""
        table = np.full(count, -1, np.int64)
        table[: len(self.places)] = self.places[:count]
        return table


def plain(reads: int, step: int, dilation: int, size: int, before: int = 0) -> Reach:
    """An array surrounded by zeros; a negative `before` leaves some of it out."""
    places = np.arange(-before, size)
    return Reach(reads, step, dilation, size, before, np.where(places >= 0, places, -1))


@dataclass(frozen=True)
class Product:
    """A problem as a forward product: from what is read to what is written, `icg` and `ocg` channels a group."""

    problem: ConvProblem
    axes: tuple[Axis, Axis]
    rows: Tiling
    columns: Tiling
    reach: tuple[Reach, Reach]
    icg: int
    ocg: int
    height: int
    width: int
    chain: int  # products of a sum that are added one after the other; 0: any number

    @property
    def dilations(self) -> tuple[int, int]:
        return dilations(self.problem)

    @property
    def classes(self) -> tuple[int, int]:
        """Classes of rows and columns that there are."""
        dh, dw = self.dilations
        return min(dh, self.height), min(dw, self.width)

    @property
    def points(self) -> int:
        """Products of a tile and two channels."""
        return self.rows.products * self.columns.products

    @property
    def forms(self) -> int:
        """Transformed weights of two channels."""
        return len(self.rows.forms_g) * len(self.columns.forms_g)

    @cached_property
    def form_table(self) -> np.ndarray:
        """For each point the form of its weights, and whether no point before has it."""
        forms = np.add.outer(np.array(self.rows.forms) * len(self.columns.forms_g), self.columns.forms).reshape(-1)
        return np.array([(form, form not in forms[:i]) for i, form in enumerate(forms)], np.int64)

    @classmethod
    def of(cls, p: ConvProblem, pair: tuple[Axis, Axis] | None = None) -> Product:
        """A weight gradient reads images as the forward product does."""
        pair = pair or axes(p.per_image())
        rows, columns = (tiling(axis) for axis in pair)
        icg, ocg = p.ic // p.g, p.oc // p.g
        precise = get_convolution_precision() == "highest"
        dh, dw = dilations(p)
        if p.direction == "bwd_input":
            # What is padded in front beyond a stride shifts the output's gradient by whole elements.
            reach = (
                plain(rows.inputs, rows.step, dh, p.oh, rows.before * dh - p.pt // p.sh),
                plain(columns.inputs, columns.step, dw, p.ow, columns.before * dw - p.pl // p.sw),
            )
            chain = CHAIN if precise and ocg > 2 * CHAIN else 0
            return cls(p, pair, rows, columns, reach, ocg, icg, p.ih, p.iw, chain)
        row_map = index_map(p.ih, p.pt, p.pb, p.mode_h)
        col_map = index_map(p.iw, p.pl, p.pr, p.mode_w)
        skip_h, skip_w = pair[0].first * dh, pair[1].first * dw
        reach = (
            Reach(rows.inputs, rows.step, dh, p.ih + min(p.pb, 0), p.pt - skip_h, row_map[skip_h:]),
            Reach(columns.inputs, columns.step, dw, p.iw + min(p.pr, 0), p.pl - skip_w, col_map[skip_w:]),
        )
        # A sum of 16 channels is as exact as one of 64 in chains.
        chain = CHAIN if precise and (icg > 2 * CHAIN or p.direction == "bwd_weight") else 0
        return cls(p, pair, rows, columns, reach, icg, ocg, p.oh, p.ow, chain)


def product_fields(product: Product) -> dict:
    return size_fields(product.problem, 4, STEPS, product.chain) | {
        "icg": product.icg,
        "ocg": product.ocg,
        "oh": product.height,
        "ow": product.width,
        "apart": (kernels.chained if product.chain else kernels.apart).address,
        "points": product.points,
        "points_w": product.columns.products,
        "forms": product.forms,
        "forms_w": len(product.columns.forms_g),
        "form_table": memory.address(product.form_table),
        "tile_h": product.rows.outputs,
        "tile_w": product.columns.outputs,
        **dict(zip(("dh", "dw", "classes_h", "classes_w"), product.dilations + product.classes)),
    }
