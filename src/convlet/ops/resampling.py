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
from .pooling import Pair, adaptive_avg_pool2d, not_implemented

__all__: list[str] = []


_MODES = ("nearest", "nearest-exact", "bilinear", "bicubic", "area")


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


def _wide(x: Array) -> Array:
    """The array in the dtype to mix in: float32 for halves and for bytes."""
    return x.astype(np.float32) if is_half(x.dtype) or x.dtype == np.uint8 else x


def _after_one_axis(mixed: Array, bytes: bool) -> Array:
    """PyTorch rounds an image of bytes after each axis."""
    return np.clip(np.floor(mixed + 0.5), 0, 255) if bytes else mixed


def resample(x: Array, rows: Axis, columns: Axis) -> Array:
    """Mix columns, then rows."""
    wide = _wide(x)
    for axis, mixture in ((-1, columns), (-2, rows)):
        first = np.take(wide, mixture.first, axis)
        if mixture.weight.any():
            weight = mixture.weight.astype(wide.dtype).reshape((-1,) + (1,) * (-1 - axis))
            first += (np.take(wide, mixture.second, axis) - first) * weight
        wide = _after_one_axis(first, x.dtype == np.uint8)
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


class Mix2d(Operation):
    """``rows @ x @ columns.T`` for each image: mixtures of any number of rows and columns."""

    @staticmethod
    def forward(ctx: Any, x: Array, rows: Array, columns: Array, node: str) -> Array:
        ctx.settings = rows.T, columns.T, node
        ctx.rename(node)
        wide = _wide(x)
        rows, columns = rows.astype(wide.dtype), columns.astype(wide.dtype)
        for mix in (lambda image: np.matmul(image, columns.T), lambda image: np.matmul(rows, image)):
            wide = _after_one_axis(mix(wide), x.dtype == np.uint8)
        return wide.astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Mix2d.apply(grad, *ctx.settings)


_SHARPNESS = -0.75  # the parameter of Keys' cubic convolution


@lru_cache(maxsize=256)
def _cubic(size: int, out: int, scale: float | None, align_corners: bool) -> Array:
    """The weights (out, size) of cubic convolution along an axis; beyond its ends the axis repeats its last element.

    Source: Keys, Cubic convolution interpolation for digital image processing (1981).
    """
    position = np.arange(out)
    if align_corners:
        at = position * ((size - 1) / (out - 1)) if out > 1 else np.zeros(out)
    else:
        at = (position + 0.5) * (1 / scale if scale else size / out) - 0.5
    first = np.floor(at).astype(np.int64)
    result = np.zeros((out, size))
    a = _SHARPNESS
    for tap in range(-1, 3):
        x = np.abs(at - first - tap)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        np.add.at(result, (position, np.clip(first + tap, 0, size - 1)), np.where(x <= 1, near, far))
    return result


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
        mode: 'nearest', 'nearest-exact', 'bilinear', 'bicubic' or 'area' (means, as adaptive_avg_pool2d's).
        align_corners: for bilinear and bicubic, whether the corner elements (True) or the image's corners coincide.

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
    if len(shape) != 4 or mode not in _MODES or antialias:
        raise NotImplementedError(
            f"Input Error: Only 4D input Tensors and the modes {' | '.join(_MODES)} without antialias are "
            f"supported (got {len(shape)}D, {mode})"
        )
    if mode != "area" and not input.dtype.is_floating_point and input.array.dtype != np.uint8:
        kernel = f"upsample_{mode.removesuffix('-exact')}2d_channels_last"
        kernel = "compute_indices_weights_cubic" if mode == "bicubic" else kernel
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
    if mode == "area":
        return adaptive_avg_pool2d(input, out)
    if mode == "bicubic":
        matrices = (
            _cubic(n, o, None if s is None else float(s), bool(align_corners))
            for n, o, s in zip(shape[-2:], out, scales)
        )
        return Mix2d.apply(input, *matrices, "UpsampleBicubic2DBackward0")
    rows, columns = (
        _axis(n, o, None if s is None else float(s), mode, bool(align_corners))
        for n, o, s in zip(shape[-2:], out, scales)
    )
    return Upsample2d.apply(input, rows, columns, _NODES[mode])
