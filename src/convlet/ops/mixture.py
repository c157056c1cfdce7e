"""Planes whose rows and columns are mixtures of neighbouring rows and columns of other planes.

Resampling an image is such a mixture along each axis, and the mean over regions of uneven sizes, too. Its adjoint is
one again: an element of the input goes to neighbouring outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..autograd.variable import Array
from ..kernels import large
from .conversion import is_half
from .layout import empty_like_layout, without_data


@dataclass(frozen=True, eq=False)
class Band:
    """Along an axis of ``size`` elements: output i is the sum of ``weights[i, k] * input[first[i] + k]``.

    k runs up to ``count[i]``, which may be 0. No output begins or ends before an earlier one.
    """

    size: int
    first: Array
    count: Array
    weights: Array

    @classmethod
    def of(cls, size: int, places: Array, weights: Array) -> Band:
        """The band of outputs that read the elements ``places[i]``, rising, with ``weights[i]``."""
        first = np.ascontiguousarray(places[:, 0], np.int64)
        count = places[:, -1] - first + 1
        table = np.zeros((len(places), count.max(initial=1)))
        np.add.at(table, (np.arange(len(places))[:, None], places - first[:, None]), weights)
        return cls(size, first, count, table)

    @cached_property
    def adjoint(self) -> Band:
        """From outputs to the elements that they read."""
        last = self.first + self.count
        elements = np.arange(self.size)
        first, end = np.searchsorted(last, elements, "right"), np.searchsorted(self.first, elements, "right")
        count = np.maximum(end - first, 0)
        table = np.zeros((self.size, count.max(initial=1)))
        for k in range(table.shape[1]):
            output = np.minimum(first + k, len(self.first) - 1)
            tap = np.clip(elements - self.first[output], 0, self.weights.shape[1] - 1)
            table[:, k] = np.where(k < count, self.weights[output, tap], 0)
        return Band(len(self.first), first, count, table)

    @cached_property
    def narrow(self) -> Array:
        """The weights as float32."""
        return np.ascontiguousarray(self.weights, np.float32)


def mix(x: Array, rows: Band, columns: Band) -> Array:
    """``rows @ x @ columns.T`` for each plane. Halves are mixed in float32; bytes are rounded along each axis."""
    bytes = x.dtype == np.uint8
    wide = x.astype(np.float32) if bytes or is_half(x.dtype) else x
    out_shape = (*x.shape[:-2], len(rows.first), len(columns.first))
    larger = max(wide, without_data(out_shape, wide.dtype), key=lambda array: array.size)
    kernels = large.of_images("mixture", larger) if wide.size and not bytes else None
    if kernels is not None:
        wide = wide if large.dense(wide) else np.ascontiguousarray(wide)
        out = empty_like_layout(wide, out_shape)
        kernels.mix(wide, rows, columns, out)
        wide = out
    else:
        for axis, band in ((-1, columns), (-2, rows)):
            wide = _mix_axis(wide, band, axis)
            if bytes:
                wide = np.clip(np.floor(wide + 0.5), 0, 255)
    return wide.astype(x.dtype, copy=False)


def _mix_axis(x: Array, band: Band, axis: int) -> Array:
    total = None
    for k in range(band.weights.shape[1]):
        term = np.take(x, np.minimum(band.first + k, band.size - 1), axis)
        beside = (-1,) + (1,) * (-1 - axis)
        if (band.weights[:, k] != 1).any():
            term *= band.weights[:, k].astype(x.dtype).reshape(beside)
        if band.count.min(initial=k + 1) <= k:  # 0 * infinity must not be added
            term = np.where(k < band.count.reshape(beside), term, x.dtype.type(0))
        total = term if total is None else total + term
    assert total is not None
    return total
