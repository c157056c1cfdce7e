"""Images at another size: each output row and column is a fixed mixture of input rows and columns."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..autograd.function import Operation
from ..autograd.variable import Array
from .mixture import Band, mix
from .pooling import adaptive_avg_pool2d, not_implemented

__all__: list[str] = []

_NODES = {
    "nearest": "UpsampleNearest2DBackward0",
    "nearest-exact": "UpsampleNearestExact2DBackward0",
    "bilinear": "UpsampleBilinear2DBackward0",
    "bicubic": "UpsampleBicubic2DBackward0",
}
_MODES = (*_NODES, "area")
_SHARPNESS = -0.75  # the parameter of Keys' cubic convolution


@lru_cache(maxsize=256)
def _band(size: int, out: int, scale: float | None, mode: str, align_corners: bool) -> Band:
    """What the outputs along an axis read; beyond its ends the axis repeats its last element."""
    step = 1 / scale if scale else size / out
    position = np.arange(out)
    if mode == "nearest":
        at = position * np.float32(step)
    elif mode == "nearest-exact":
        at = (position + 0.5) * step
    elif align_corners:
        at = position * ((size - 1) / (out - 1)) if out > 1 else np.zeros(out)
    else:
        at = (position + 0.5) * step - 0.5
        at = np.maximum(at, 0) if mode == "bilinear" else at
    first = np.floor(at).astype(np.int64)
    if mode == "bicubic":
        taps = np.arange(-1, 3)
        weights = _cubic(np.abs((at - first)[:, None] - taps))
    elif mode == "bilinear":
        taps, last = np.arange(2), np.clip(at - np.minimum(first, size - 1), 0, 1)
        weights = np.stack([1 - last, last], 1)
    else:
        taps, weights = np.zeros(1, np.int64), np.ones((out, 1))
    return Band.of(size, np.clip(first[:, None] + taps, 0, size - 1), weights)


def _cubic(x: Array) -> Array:
    """The weights of cubic convolution at a distance.

    Source: Keys, Cubic convolution interpolation for digital image processing (1981).
    """
    a = _SHARPNESS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, far)


class Mix2d(Operation):
    """Mixtures of the rows and of the columns of each image."""

    @staticmethod
    def forward(ctx: Any, x: Array, rows: Band, columns: Band, node: str) -> Array:
        ctx.settings = rows.adjoint, columns.adjoint, node
        ctx.rename(node)
        return mix(x, rows, columns)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Mix2d.apply(grad, *ctx.settings)


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
    rows, columns = (
        _band(n, o, None if s is None else float(s), mode, bool(align_corners))
        for n, o, s in zip(shape[-2:], out, scales)
    )
    return Mix2d.apply(input, rows, columns, _NODES[mode])
