"""What is read of images: where it lies, or in scratch, where those of 16 bits become float32 a piece at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ....kernels import target
from ...problem import ConvProblem
from ..frames import CODES, compute_dtype

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """An array [images, channels, rows, columns] as the steps read it; fields of the frame that say how it comes there.

    `plane` and `column` are bytes of scratch that these take; 0 where arrays are read as they lie.
    """

    shape: Sizes
    strides: Sizes
    fields: dict[str, int] = field(default_factory=dict)
    plane: int = 0
    column: int = 0


def in_pairs(p: ConvProblem) -> bool:
    """Whether planes are read where they lie, two columns of bfloat16 numbers a lane (see kernels/depthwise_steps.py).

    Columns that do not fill vectors of pairs are rather widened.
    """
    if p.dtype != "bf16":
        return False
    if p.sw == 1:
        columns = p.iw if p.direction == "bwd_input" else p.ow
        return p.direction != "bwd_weight" and columns > target.current().lanes(4) // 2
    return p.direction != "bwd_input"


def planes_of(p: ConvProblem, a: np.ndarray, planes: int) -> Read:
    """The planes of an array, so many a unit."""
    if p.itemsize > 2 or in_pairs(p):
        return Read(a.shape, a.strides)
    element = compute_dtype(p).itemsize
    height, width = a.shape[2:]
    row = width * element
    fields = {
        "x_code": CODES[p.dtype],
        "lines": height,
        "x_line": a.strides[2],
        "x_outer": a.strides[1],
        "outers": planes,
        "wide_line": row,
        "wide_outer": height * row,
    }
    return Read(a.shape, (0, height * row, row, element), fields, plane=planes * height * row)


def columns_of(p: ConvProblem, a: np.ndarray, channels: int, columns: int) -> Read:
    """Up to so many columns of an array whose channels lie side by side, and so many channels."""
    if p.itemsize > 2:
        return Read(a.shape, a.strides)
    element = compute_dtype(p).itemsize
    height, width = a.shape[2:]
    column = channels * element
    fields = {
        "x_code": CODES[p.dtype],
        "lines": width,
        "x_line": a.strides[3],
        "x_outer": a.strides[2],
        "outers": height,
        "wide_line": column,
        "wide_outer": columns * column,
    }
    strides = (0, element, columns * column, column)
    return Read(a.shape, strides, fields, column=height * column)
