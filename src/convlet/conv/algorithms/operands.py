"""Copies of operands that a product cannot read, and of sums that are not stored as the result is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import launch, spread, target
from ...kernels import product as kernels
from ...runtime import memory
from ...runtime.storage import Storage
from ..problem import ConvProblem
from .copies import SHARED
from .frames import Frame
from .products import frame_of

Strides = tuple[int, int, int]  # image, channel, position; of weights: output channel, input channel, 0


@dataclass(frozen=True, slots=True)
class Copy:
    """An operand copied to scratch, widened, or only the pixels that a stride reads."""

    frame: Frame
    nbytes: int
    strides: Strides
    form: tuple  # of a weight: what the copy depends on besides its content

    def make(self, source: int, use: str, kept: Storage | None) -> tuple[int, Any]:
        """The address of a copy of the array at `source`, and what keeps it alive."""

        def fill(to: int) -> None:
            launch.launch(kernels.copy.address, self.frame.address, source, 0, 0, to, 0, self.frame.workers)

        found = kept.form((source, self.form), self.nbytes, fill) if kept is not None and self.form else None
        if found is None:
            found = memory.scratch(self.nbytes, use)
            fill(found[0])
        return found


def copied(array: np.ndarray, element: int, code: int, workers: int, form: bool = False, beside: bool = False) -> Copy:
    """A copy of an array [images, channels, height, width] that lies as the array does, more or less.

    Channels that lie `beside` one another stay so in images of one pixel, too.

    A row is written in whole vectors: there is room for one more behind what the tasks write.
    """
    (n, c, h, w), (a_n, a_c, a_h, a_w) = array.shape, array.strides
    lanes, size = target.current().lanes(element), array.itemsize
    if a_c == size and (w > 1 or h > 1 or form or beside):  # channels side by side; a weight is such an image too
        row = (c + lanes) * element
        place = {"c_image": h * w * row, "c_group": w * row, "c_row": row}
        from_ = {"groups": h, "rows": w, "columns": c, "a_group": a_h, "a_row": a_w, "a_term": a_c}
        strides = (h * w * row, element, row)
    else:
        plane = (h * w + lanes) * element
        place = {"c_image": c * plane, "c_group": plane, "c_row": w * element}
        from_ = {"groups": c, "rows": h, "columns": w, "a_group": a_c, "a_row": a_h, "a_term": a_w}
        strides = (c * plane, plane, element)
    fields = from_ | place | {"images": n, "a_image": a_n, "b_code": code}
    workers = min(workers, n * from_["groups"]) if array.size > SHARED else 1
    frame = frame_of(element, fields, ("gather",), workers)
    nbytes = n * place["c_image"] + lanes * element
    return Copy(frame, nbytes, strides, ("pointwise", array.shape, array.strides, code) if form else ())


def spread_out(p: ConvProblem, out: np.ndarray, element: int, code: int, workers: int) -> Copy:
    """The pixels of a gradient and, as its frame, how they are put into it with zeros between."""
    (n, c, h, w), (c_n, c_c, c_h, c_w) = out.shape, out.strides
    if c_c == out.itemsize != c_w:
        row = c * element
        fields = {"groups": h, "every": p.sh, "rows": w, "columns": c, "terms": p.ow, "chunk": c}
        fields |= {"c_group": c_h, "c_row": c_w, "c_column": c_c, "a_row": p.sw * c_w, "a_term": c_c}
        strides = (p.oh * p.ow * row, element, row)
        own = {"b_group": p.ow * row, "b_column": row}
    else:
        plane = p.oh * p.ow * element
        fields = {"groups": c, "every": 1, "rows": h, "columns": w, "terms": p.oh, "chunk": p.ow}
        fields |= {"c_group": c_c, "c_row": c_h, "c_column": c_w, "a_row": p.sh * c_h, "a_term": p.sw * c_w}
        strides = (c * plane, plane, element)
        own = {"b_group": plane, "b_column": p.ow * element}
        if p.sw == 2 and c_w == out.itemsize:
            own["spread_rows"] = spread.STEPS[element].address
    fields |= own | {"images": n, "c_image": c_n, "b_image": strides[0], "c_code": code}
    frame = frame_of(element, fields, ("scatter",), min(workers, n * fields["groups"]), zeros=fields["columns"])
    return Copy(frame, n * strides[0], strides, ())


def narrowed(out: np.ndarray, element: int, code: int, workers: int) -> Copy:
    """The sums of an array [rows, columns, 1, 1] and, as its frame, how they are stored as halves."""
    (n, c), (c_n, c_c) = out.shape[:2], out.strides[:2]
    row = c * element
    fields = {"images": 1, "groups": n, "every": 1, "terms": 1, "chunk": c, "b_group": row, "c_group": c_n}
    workers = min(workers, n) if out.size > SHARED else 1
    frame = frame_of(element, fields | {"a_term": c_c, "c_code": code}, ("scatter",), workers)
    return Copy(frame, n * row, (row, element, element), ())
