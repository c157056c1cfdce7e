"""Images at another size: each output row and column is a fixed mixture of input rows and columns.

Nearest and bilinear resampling are linear and separable: along an axis, output i reads one or two input elements with
weights that depend on i alone. So the gradient adds each value to the elements it was read from.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..autograd.function import Operation
from ..autograd.variable import Array
from .conversion import is_half
from .pooling import Pair, not_implemented

__all__: list[str] = []


class Axis(NamedTuple):
    """Along one axis: the element at or before each output, the next one, and the weight of the next one."""

    first: Array
    second: Array
    weight: Array


_NODES = {
    "nearest": "UpsampleNearest2DBackward0",
    "nearest-exact": "UpsampleNearestExact2DBackward0",
    "bilinear": "UpsampleBilinear2DBackward0",
}


@lru_cache(maxsize=256)
def _axis(size: int, out: int, scale: float | None, mode: str, align_corners: bool) -> Axis:
    step = 1 / scale if scale else size / out
    position = np.arange(out)
    if mode == "bilinear":
        if align_corners:
            at = position * ((size - 1) / (out - 1)) if out > 1 else np.zeros(out)
        else:
            at = np.maximum((position + 0.5) * step - 0.5, 0)
        first = np.minimum(np.floor(at).astype(np.int64), size - 1)
        weight = at - first
    else:
        at = (position + 0.5) * step if mode == "nearest-exact" else position * np.float32(step)
        first = np.minimum(np.floor(at).astype(np.int64), size - 1)
        weight = np.zeros(out)
    return Axis(first, np.minimum(first + 1, size - 1), np.clip(weight, 0, 1))


def resample(x: Array, rows: Axis, columns: Axis) -> Array:
    """Mix columns, then rows."""
    wide = x.astype(np.float32) if is_half(x.dtype) else x
    for axis, mixture in ((-1, columns), (-2, rows)):
        first = np.take(wide, mixture.first, axis)
        if mixture.weight.any():
            weight = mixture.weight.astype(wide.dtype).reshape((-1,) + (1,) * (-1 - axis))
            first += (np.take(wide, mixture.second, axis) - first) * weight
        wide = first
    return wide.astype(x.dtype, copy=False)


def collect(grad: Array, rows: Axis, columns: Axis, size: Pair) -> Array:
    """The adjoint: every value added to the elements that it was mixed from."""
    wide = grad.astype(np.float32) if is_half(grad.dtype) else grad
    for axis, mixture, length in ((-2, rows, size[0]), (-1, columns, size[1])):
        moved = np.moveaxis(wide, axis, 0)
        result = np.zeros((length, *moved.shape[1:]), wide.dtype)
        weight = mixture.weight.astype(wide.dtype).reshape((-1,) + (1,) * (moved.ndim - 1))
        np.add.at(result, mixture.first, moved * (1 - weight))
        if weight.any():
            np.add.at(result, mixture.second, moved * weight)
        wide = np.moveaxis(result, 0, axis)
    return np.ascontiguousarray(wide).astype(grad.dtype, copy=False)


class Upsample2d(Operation):
    """Resampling by mixtures of rows and columns."""

    @staticmethod
    def forward(ctx: Any, x: Array, rows: Axis, columns: Axis, node: str) -> Array:
        ctx.settings = rows, columns, x.shape[-2:], node
        ctx.rename(node)
        return resample(x, rows, columns)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Upsample2dGradient.apply(grad, *ctx.settings)


class Upsample2dGradient(Operation):
    """The adjoint of Upsample2d."""

    @staticmethod
    def forward(ctx: Any, grad: Array, rows: Axis, columns: Axis, size: Pair, node: str) -> Array:
        ctx.settings = rows, columns, node
        return collect(grad, rows, columns, size)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Upsample2d.apply(grad, *ctx.settings)


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """An image ``(N, C, H, W)`` at another size.

    Arguments:
        size: the new (height, width), an int for both; or
        scale_factor: a number or a pair; the new size is ``floor(size * factor)``.
        mode: 'nearest', 'nearest-exact' or 'bilinear'.
        align_corners: for bilinear, whether the corner elements (True) or the corners of the image (False) coincide.

    Raises:
        ValueError: both or neither of size and scale_factor. NotImplementedError: other ranks and modes.

    >>> torch.nn.functional.interpolate(torch.tensor([[[[1.0, 2.0]]]]), scale_factor=2)
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """
    if mode in ("nearest", "nearest-exact", "area") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    shape = input.array.shape
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if len(shape) != 4 or mode not in ("nearest", "nearest-exact", "bilinear") or antialias:
        raise NotImplementedError(
            "Input Error: Only 4D input Tensors and the modes nearest | nearest-exact | bilinear without antialias are "
            f"supported (got {len(shape)}D, {mode})"
        )
    if not input.dtype.is_floating_point and input.array.dtype != np.uint8:
        kernel = "upsample_bilinear2d_channels_last" if mode == "bilinear" else "upsample_nearest2d_channels_last"
        raise not_implemented(kernel, input)
    scales: tuple[Any, Any]
    if size is not None:
        scales = (None, None)
        out = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    else:
        scales = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
        out = tuple(math.floor(n * s) for n, s in zip(shape[-2:], scales))
        if recompute_scale_factor:
            scales = (None, None)
    if min(out) < 1 or min(shape[-2:]) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input (H: {shape[-2]}, W: {shape[-1]}) output "
            f"(H: {out[0]}, W: {out[1]})"
        )
    rows, columns = (
        _axis(n, o, None if s is None else float(s), mode, bool(align_corners))
        for n, o, s in zip(shape[-2:], out, scales)
    )
    return Upsample2d.apply(input, rows, columns, _NODES[mode])
