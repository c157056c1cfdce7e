"""Elements taken along one axis by position, and the adjoint: how gradients reach a maximum or a sorted value."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.function import Operation
from ..autograd.variable import Array


class TakeAlong(Operation):
    """result[..., i, ...] = input[..., positions[..., i, ...], ...] along ``axis``."""

    backward_name = "GatherBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, positions: Array, axis: int, distinct: bool) -> Array:
        ctx.positions, ctx.axis, ctx.distinct = positions, axis, distinct
        ctx.count = input.shape[axis] if input.ndim else 1
        return np.take_along_axis(input, positions, axis) if input.ndim else input.copy()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return AddAlong.apply(grad, ctx.positions, ctx.axis, ctx.distinct, ctx.count)


class AddAlong(Operation):
    """Zeros of size ``count`` along ``axis`` with ``values`` added at their positions; ``distinct`` ones never meet."""

    backward_name = "ScatterAddBackward0"

    @staticmethod
    def forward(ctx: Any, values: Array, positions: Array, axis: int, distinct: bool, count: int) -> Array:
        ctx.positions, ctx.axis, ctx.distinct = positions, axis, distinct
        if not values.ndim:
            return values.copy()
        result = np.zeros((*values.shape[:axis], count, *values.shape[axis + 1 :]), values.dtype)
        if distinct:
            np.put_along_axis(result, positions, values, axis)
        else:
            places = list(np.ogrid[tuple([slice(n) for n in values.shape])])
            places[axis] = positions
            np.add.at(result, tuple(places), values)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return TakeAlong.apply(grad, ctx.positions, ctx.axis, ctx.distinct)
