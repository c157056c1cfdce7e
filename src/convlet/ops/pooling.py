"""Pooling: the maximum or the mean over windows of an image, each beside its gradient.

A window is a small grid of taps; shifting the whole image by one tap gives, as a strided view, what that tap sees in
every window. So each computation is a few passes over such views, one for each tap, whatever stride and dilation;
taps that fall into the padding are left out by the bounds of the views, and no padded copy is made.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from ..dtypes import from_numpy, int64
from ..kernels import large
from ..runtime import memory
from .conversion import is_half
from .elementwise import mul
from .layout import empty_like_layout, lying_as, without_data
from .mixture import Band, mix
from .powers import pow
from .reduction import mean

__all__ = ["max_pool2d"]

Pair = tuple[int, int]


class Windows(NamedTuple):
    """Which elements of an image (size) each output position (out) sees; all pairs are (height, width)."""

    size: Pair
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    @property
    def out(self) -> Pair:
        """How many windows fit. In ceil mode one may hang over the end, unless it would begin in the padding."""
        return _count(self, 0), _count(self, 1)

    @property
    def overlap(self) -> bool:
        """Whether an element may be seen by several windows."""
        return any(d * (k - 1) >= s for k, s, d in zip(self.kernel, self.stride, self.dilation))

    def taps(self) -> Iterator[tuple[int, tuple[Any, slice, slice], tuple[Any, slice, slice]]]:
        """(number, index of the outputs, index of the elements it sees) of each tap, in the order of the rows."""
        for u, out_rows, rows in _axis_taps(self, 0):
            for v, out_columns, columns in _axis_taps(self, 1):
                yield u * self.kernel[1] + v, (..., out_rows, out_columns), (..., rows, columns)


def _count(windows: Windows, axis: int) -> int:
    size, k, s = windows.size[axis], windows.kernel[axis], windows.stride[axis]
    p, d = windows.padding[axis], windows.dilation[axis]
    out = (size + 2 * p - d * (k - 1) - 1 + (s - 1 if windows.ceil_mode else 0)) // s + 1
    if windows.ceil_mode and (out - 1) * s >= size + p:
        out -= 1
    return out


@lru_cache(maxsize=512)
def _axis_taps(windows: Windows, axis: int) -> tuple[tuple[int, slice, slice], ...]:
    """Each tap along one axis that sees the image: its number, the outputs that use it, the elements they see."""
    size, s, p, d = windows.size[axis], windows.stride[axis], windows.padding[axis], windows.dilation[axis]
    found = []
    for tap in range(windows.kernel[axis]):
        first = max(0, -((tap * d - p) // s))
        last = min(windows.out[axis] - 1, (size - 1 + p - tap * d) // s)
        if first <= last:
            start = first * s - p + tap * d
            found.append((tap, slice(first, last + 1), slice(start, last * s - p + tap * d + 1, s)))
    return tuple(found)


# Maximum ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _places(windows: Windows) -> tuple[Array, Array, Array]:
    """(flat index of each window's corner, what each tap adds to it, the first tap that is inside the image)."""
    corners, offsets, firsts = [], [], []
    for out, k, s, p, d in zip(windows.out, windows.kernel, windows.stride, windows.padding, windows.dilation):
        corner = np.arange(out, dtype=np.int64) * s - p
        corners.append(corner)
        offsets.append(np.arange(k, dtype=np.int64) * d)
        firsts.append(np.maximum(-(corner // d), 0))
    width, kw = windows.size[1], windows.kernel[1]
    corner = corners[0][:, None] * width + corners[1]
    offset = (offsets[0][:, None] * width + offsets[1]).reshape(-1)
    first = firsts[0][:, None] * kw + firsts[1]
    return corner, offset, first.astype(np.uint8 if len(offset) <= 256 else np.int32)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return np.iinfo(dtype).min if dtype.kind in "iu" else dtype.type(-np.inf)


def max_over_windows(x: Array, windows: Windows, want_places: bool) -> tuple[Array, Array | None]:
    """The maximum of each window and, if wanted, its flat index in the image: of equal ones the first; NaN wins."""
    best = empty_like_layout(x, x.shape[:-2] + windows.out)
    kernels = large.once_loaded("pool", x)
    fits = windows.dilation == (1, 1) and large.dense(x)
    if fits and kernels is not None and max(windows.size) < kernels.HIGHEST:
        places = memory.empty_like(best, int64.numpy) if want_places else None
        kernels.maximum(x, windows.kernel, windows.stride, windows.padding, best, places)
        return best, places
    best[...] = _lowest(x.dtype)
    if not want_places:
        for _, out, seen in windows.taps():
            np.maximum(best[out], x[seen], out=best[out])
        return best, None
    corner, offset, first = _places(windows)
    # The winning tap of each window. Taps come in rising order, so the last to take the lead is the greatest number.
    tap = empty_like_layout(x, best.shape, first.dtype)
    tap[...] = first
    for number, out, seen in windows.taps():
        value = x[seen]
        leads = np.greater(value, best[out])
        np.maximum(tap[out], np.multiply(leads, number, dtype=tap.dtype), out=tap[out])
        np.maximum(best[out], value, out=best[out])
    if x.dtype.kind in "fV" and np.isnan(best).any():
        for number, out, seen in windows.taps():
            tap[out][np.isnan(x[seen])] = number
    places = offset[tap]
    places += corner
    if max(windows.dilation) > 1 and max(windows.padding) > 0:  # a dilated window can miss the image
        np.clip(places, 0, windows.size[0] * windows.size[1] - 1, out=places)
    return best, places


def max_over_regions(x: Array, rows: list[Pair], columns: list[Pair]) -> tuple[Array, Array]:
    """The maximum and its flat index in every rectangle of the grid of row and column ranges."""
    lead, width = x.shape[:-2], x.shape[-1]
    best = empty_like_layout(x, (*lead, len(rows), len(columns)))
    places = empty_like_layout(x, best.shape, int64.numpy)
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            region = x[..., top:bottom, left:right].reshape(*lead, (bottom - top) * (right - left))
            at = region.argmax(-1)
            value = np.take_along_axis(region, at[..., None], -1)[..., 0]
            if x.dtype.kind in "fV":  # of several NaN the last, as PyTorch
                nan = np.isnan(value)
                if nan.any():
                    at[nan] = region.shape[-1] - 1 - np.isnan(region[nan])[..., ::-1].argmax(-1)
            best[..., i, j] = value
            places[..., i, j] = (top + at // (right - left)) * width + left + at % (right - left)
    return best, places


def scatter_planes(values: Array, places: Array, size: Pair, once: bool) -> Array:
    """Planes of zeros with ``values`` added at their flat ``places``, of which each occurs ``once`` or more often."""
    lead = values.shape[:-2]
    planes, area = math.prod(lead), size[0] * size[1]
    flat = np.zeros(planes * area, np.float32 if is_half(values.dtype) else values.dtype)
    index = (places.reshape(planes, math.prod(values.shape[-2:])) + np.arange(planes)[:, None] * area).reshape(-1)
    if once:
        flat[index] = values.reshape(-1)
    else:
        np.add.at(flat, index, values.reshape(-1).astype(flat.dtype, copy=False))
    return flat.reshape(*lead, *size).astype(values.dtype, copy=False)


def gather_planes(planes: Array, places: Array) -> Array:
    """The adjoint: the elements of each plane at its places."""
    lead = planes.shape[:-2]
    flat = planes.reshape(*lead, math.prod(planes.shape[-2:]))
    chosen = np.take_along_axis(flat, places.reshape(*lead, math.prod(places.shape[-2:])), -1)
    return chosen.reshape(places.shape)


class ScatterPlanes(Operation):
    """Each value added to a plane of zeros at its place: the gradient of a maximum over windows."""

    backward_name = "MaxPool2DWithIndicesBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, values: Array, places: Array, size: Pair, once: bool) -> Array:
        ctx.settings = size, once
        ctx.save(places)
        kernels = large.once_loaded("pool", values)
        if kernels is not None and large.dense(places):
            planes = empty_like_layout(places, values.shape[:-2] + size, values.dtype)
            kernels.scatter(lying_as(values, places), places, planes)
            return planes
        return scatter_planes(values, places, size, once)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (places,) = ctx.saved
        return GatherPlanes.apply(grad, places, *ctx.settings)


class GatherPlanes(Operation):
    """The elements of each plane at given places: the adjoint of ScatterPlanes."""

    @staticmethod
    def forward(ctx: Any, planes: Array, places: Array, size: Pair, once: bool) -> Array:
        ctx.settings = size, once
        ctx.save(places)
        return gather_planes(planes, places)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (places,) = ctx.saved
        return ScatterPlanes.apply(grad, places, *ctx.settings)


class _Maximum(Operation):
    """What the maximum over windows and over regions share: (values, places), and where the gradient goes."""

    non_differentiable_outputs = (1,)

    @staticmethod
    def backward(ctx: Any, grad: Any, _: Any = None) -> Any:
        (places,) = ctx.saved
        return ScatterPlanes.apply(grad, places, *ctx.settings)


class MaxPool2d(_Maximum):
    """The maximum of each window; a second output holds its places, when they are wanted."""

    backward_name = "MaxPool2DWithIndicesBackward0"

    @staticmethod
    def forward(ctx: Any, x: Array, windows: Windows, want_places: bool) -> Any:
        ctx.settings = windows.size, not windows.overlap
        best, places = max_over_windows(x, windows, want_places or bool(ctx.needs_input_grad[0]))
        ctx.save(places)
        return (best, places) if want_places else best

    @classmethod
    def meta(cls, x: Array, windows: Windows, want_places: bool) -> Any:
        shape = x.shape[:-2] + windows.out
        best = without_data(shape, x.dtype)
        return (best, without_data(shape, int64.numpy)) if want_places else best


class AdaptiveMaxPool2d(_Maximum):
    """The maximum of each region, and its place."""

    backward_name = "AdaptiveMaxPool2DBackward0"

    @staticmethod
    def forward(ctx: Any, x: Array, out: Pair) -> tuple[Array, Array]:
        ctx.settings = x.shape[-2:], False
        best, places = max_over_regions(x, *_regions(x.shape[-2:], out))
        ctx.save(places)
        return best, places


class MaxUnpool2d(Operation):
    """Each value put at its place in a plane of zeros; the last one stays where several meet."""

    backward_name = "MaxUnpool2DBackward0"

    @staticmethod
    def forward(ctx: Any, values: Array, places: Array, size: Pair) -> Array:
        ctx.settings = size, True
        ctx.save(places)
        return scatter_planes(values, places, size, True)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (places,) = ctx.saved
        return GatherPlanes.apply(grad, places, *ctx.settings)


# Mean ---------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _divisor(windows: Windows, count_include_pad: bool, override: int | None) -> Any:
    """What the sum of each window is divided by: a number, or an array [oh, ow]."""
    if override is not None:
        return override
    counts = []
    for axis in (0, 1):
        size, p = windows.size[axis], windows.padding[axis]
        begin = np.arange(windows.out[axis]) * windows.stride[axis] - p
        end = np.minimum(begin + windows.kernel[axis], size + p)  # a window may hang over in ceil mode
        if not count_include_pad:
            begin, end = np.maximum(begin, 0), np.minimum(end, size)
        counts.append(end - begin)
    count = counts[0][:, None] * counts[1]
    return int(count.flat[0]) if count.size and (count == count.flat[0]).all() else count


def _divide(total: Array, divisor: Any) -> Array:
    if total.dtype.kind == "i":  # towards zero, as in C
        return np.where(total < 0, -(-total // divisor), total // divisor)
    if isinstance(divisor, np.ndarray):
        divisor = divisor.astype(total.dtype)
    total /= divisor
    return total


def _averages(x: Array, windows: Windows) -> Any:
    """The kernels, which have NumPy's bits, where they take these windows."""
    return large.once_loaded("average", x) if windows.dilation == (1, 1) and large.dense(x) else None


def _even_regions(size: Pair, out: Pair) -> Windows | None:
    """The regions as windows, where all are of one size and none overlap."""
    if min(out) < 1 or size[0] % out[0] or size[1] % out[1]:
        return None
    kernel = size[0] // out[0], size[1] // out[1]
    return Windows(size, kernel, kernel)


def mean_of_windows(x: Array, windows: Windows, divisor: Any) -> Array:
    """The sum of each window, its rows first, divided."""
    kernels = _averages(x, windows)
    if kernels is not None:
        means = empty_like_layout(x, x.shape[:-2] + windows.out)
        kernels.average(x, windows.kernel, windows.stride, windows.padding, divisor, means)
        return means
    wide = np.dtype(np.float32) if is_half(x.dtype) else x.dtype
    down = empty_like_layout(x, (*x.shape[:-2], windows.out[0], x.shape[-1]), wide)
    total = empty_like_layout(x, x.shape[:-2] + windows.out, wide)
    down[...] = total[...] = 0
    for _, out, seen in _axis_taps(windows, 0):
        down[..., out, :] += x[..., seen, :]
    for _, out, seen in _axis_taps(windows, 1):
        total[..., out] += down[..., seen]
    return _divide(total, divisor).astype(x.dtype, copy=False)


def spread_to_windows(grad: Array, windows: Windows, divisor: Any) -> Array:
    """The adjoint: each value, divided, added to all elements its window sees."""
    kernels = _averages(grad, windows)
    if kernels is not None:
        spread = empty_like_layout(grad, grad.shape[:-2] + windows.size)
        kernels.average(spread, windows.kernel, windows.stride, windows.padding, divisor, grad, spread=True)
        return spread
    wide = np.dtype(np.float32) if is_half(grad.dtype) else grad.dtype
    share = _divide(grad.astype(wide), divisor)
    across = empty_like_layout(grad, (*grad.shape[:-1], windows.size[1]), wide)
    result = empty_like_layout(grad, grad.shape[:-2] + windows.size, wide)
    across[...] = result[...] = 0
    for _, out, seen in _axis_taps(windows, 1):
        across[..., seen] += share[..., out]
    for _, out, seen in reversed(_axis_taps(windows, 0)):
        result[..., seen, :] += across[..., out, :]
    return result.astype(grad.dtype, copy=False)


class AvgPool2d(Operation):
    """The mean of each window."""

    backward_name = "AvgPool2DBackward0"

    @staticmethod
    def forward(ctx: Any, x: Array, windows: Windows, divisor: Any) -> Array:
        ctx.settings = windows, divisor
        return mean_of_windows(x, windows, divisor)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return AvgPool2dGradient.apply(grad, *ctx.settings)

    @classmethod
    def meta(cls, x: Array, windows: Windows, divisor: Any) -> Any:
        return without_data(x.shape[:-2] + windows.out, x.dtype)


class AvgPool2dGradient(Operation):
    """The adjoint of AvgPool2d."""

    backward_name = "AvgPool2DBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, grad: Array, windows: Windows, divisor: Any) -> Array:
        ctx.settings = windows, divisor
        return spread_to_windows(grad, windows, divisor)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return AvgPool2d.apply(grad, *ctx.settings)


@lru_cache(maxsize=512)
def _regions(size: Pair, out: Pair) -> tuple[list[Pair], list[Pair]]:
    """The ranges of rows and of columns that make an image of ``size`` one of size ``out``; neighbours may overlap."""
    rows, columns = (
        [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)] for n, count in zip(size, out)
    )
    return rows, columns


@lru_cache(maxsize=512)
def _region_areas(size: Pair, out: Pair) -> Array:
    rows, columns = ([end - begin for begin, end in ranges] for ranges in _regions(size, out))
    return np.multiply.outer(rows, columns)


@lru_cache(maxsize=512)
def _region_bands(size: Pair, out: Pair) -> tuple[Band, ...]:
    """The sums over the regions."""
    bands = []
    for n, ranges in zip(size, _regions(size, out)):
        first, end = np.array(ranges, np.int64).T
        count = end - first
        bands.append(Band(n, first.copy(), count, np.ones((len(ranges), count.max()))))
    return tuple(bands)


def mean_of_regions(x: Array, out: Pair) -> Array:
    """The mean of every region: sums down the rows, then across."""
    windows = _even_regions((x.shape[-2], x.shape[-1]), out)
    if windows is not None:
        return mean_of_windows(x, windows, math.prod(windows.kernel))
    areas = _region_areas(x.shape[-2:], out)
    if x.size and large.of_images("mixture", x):
        return _divide(mix(x, *_region_bands(x.shape[-2:], out)), areas)
    wide = np.dtype(np.float32) if is_half(x.dtype) else x.dtype
    rows, columns = _regions(x.shape[-2:], out)
    down = empty_like_layout(x, (*x.shape[:-2], len(rows), x.shape[-1]), wide)
    for i, (top, bottom) in enumerate(rows):
        np.add.reduce(x[..., top:bottom, :], axis=-2, dtype=wide, out=down[..., i, :])
    total = empty_like_layout(x, (*x.shape[:-2], *out), wide)
    for j, (left, right) in enumerate(columns):
        np.add.reduce(down[..., left:right], axis=-1, out=total[..., j])
    return _divide(total, areas).astype(x.dtype, copy=False)


def spread_to_regions(grad: Array, size: Pair) -> Array:
    """The adjoint: each value, divided, added to all elements of its region."""
    wide = np.dtype(np.float32) if is_half(grad.dtype) else grad.dtype
    out = (grad.shape[-2], grad.shape[-1])
    windows = _even_regions(size, out)
    if windows is not None:
        return spread_to_windows(grad, windows, math.prod(windows.kernel))
    rows, columns = _regions(size, out)
    share = _divide(grad.astype(wide), _region_areas(size, out))
    if share.size and large.of_images("mixture", without_data((*share.shape[:-2], *size), wide)):
        spread = mix(share, *[band.adjoint for band in _region_bands(size, out)])
        return spread.astype(grad.dtype, copy=False)
    across = empty_like_layout(grad, (*grad.shape[:-1], size[1]), wide)
    across[...] = 0
    for j, (left, right) in enumerate(columns):
        across[..., left:right] += share[..., j : j + 1]
    result = empty_like_layout(grad, (*grad.shape[:-2], *size), wide)
    result[...] = 0
    for i, (top, bottom) in enumerate(rows):
        result[..., top:bottom, :] += across[..., i : i + 1, :]
    return result.astype(grad.dtype, copy=False)


class AdaptiveAvgPool2d(Operation):
    """The mean of each region of a grid laid over the image."""

    backward_name = "AdaptiveAvgPool2DBackward0"

    @staticmethod
    def forward(ctx: Any, x: Array, out: Pair) -> Array:
        ctx.size = x.shape[-2:]
        return mean_of_regions(x, out)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return AdaptiveAvgPool2dGradient.apply(grad, ctx.size)


class AdaptiveAvgPool2dGradient(Operation):
    """The adjoint of AdaptiveAvgPool2d."""

    backward_name = "AdaptiveAvgPool2DBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, grad: Array, size: Pair) -> Array:
        ctx.out = grad.shape[-2:]
        return spread_to_regions(grad, size)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return AdaptiveAvgPool2d.apply(grad, ctx.out)


# Public functions ---------------------------------------------------------------------------------------------------


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of every window of an image.

    ``out[n, c, y, x] = max over u, v of input[n, c, y*sh + u*dh - ph, x*sw + v*dw - pw]``

    Arguments:
        input: ``(N, C, H, W)`` or ``(C, H, W)``, real numbers.
        kernel_size, stride, padding, dilation: an int or a pair (height, width). ``stride=None`` means kernel_size.
            The padding never wins; it is at most half of the kernel.
        ceil_mode: let the last window hang over the end.
        return_indices: return also the flat index ``h * W + w`` of each maximum, int64 (the first of equal ones).

    Returns:
        ``(N, C, H_out, W_out)`` with ``H_out = floor((H + 2*ph - dh*(kh - 1) - 1) / sh) + 1`` (ceil in ceil mode), or
        that and the indices. A NaN in a window is its maximum.

    Raises:
        RuntimeError: a shape, kernel, stride, padding or dilation that PyTorch refuses as well.

    >>> torch.nn.functional.max_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    windows = _windows("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    if input.array.dtype.kind in "bc":
        raise not_implemented("max_pool2d", input)
    return MaxPool2d.apply(input, windows, return_indices)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of every window of an image.

    ``out[n, c, y, x] = 1/(kh*kw) * sum over u, v of input[n, c, y*sh + u - ph, x*sw + v - pw]``

    Arguments:
        input: ``(N, C, H, W)`` or ``(C, H, W)``, floating or int64.
        kernel_size, stride, padding: an int or a pair (height, width). ``stride=None`` means kernel_size.
        ceil_mode: let the last window hang over the end.
        count_include_pad: whether the zeros of the padding count in the number divided by.
        divisor_override: divide by this number instead.

    Returns:
        ``(N, C, H_out, W_out)``, sizes as for :func:`max_pool2d`.

    Raises:
        RuntimeError: a shape, kernel, stride or padding that PyTorch refuses as well, or a divisor of 0.

    >>> torch.nn.functional.avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    windows = _windows("avg_pool2d", input, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    dtype = input.dtype
    if not dtype.is_floating_point and dtype is not int64:
        raise not_implemented("avg_pool2d", input)
    return AvgPool2d.apply(input, windows, _divisor(windows, bool(count_include_pad), divisor_override))


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """The mean of each region of a grid of ``output_size`` regions laid over the image.

    Row i of the output is the mean of the input's rows ``floor(i*H/H_out)`` to ``ceil((i+1)*H/H_out)``.

    Arguments:
        input: ``(N, C, H, W)`` or ``(C, H, W)``, floating.
        output_size: an int, or a pair (H_out, W_out), where None keeps the input's size.

    Raises:
        RuntimeError: a rank other than 3 or 4, an image without elements, a negative size.

    >>> torch.nn.functional.adaptive_avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), 1)
    tensor([[[7.5000]]])
    """
    out = _output_size("adaptive_avg_pool2d", input, output_size)
    if len(out) != 2:
        raise RuntimeError("adaptive_avg_pool2d: output_size must be 2")
    if min(out) < 0:
        raise RuntimeError(
            "adaptive_avg_pool2d: elements of output_size must be greater than or equal to 0 but received "
            f"{{{out[0]}, {out[1]}}}"
        )
    shape = input.array.shape
    if len(shape) not in (3, 4):
        raise RuntimeError(f"adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got {list(shape)}")
    _require_elements("adaptive_avg_pool2d", shape, (-2, -1))
    if not input.dtype.is_floating_point:
        raise not_implemented("adaptive_avg_pool2d", input)
    if out == (1, 1):
        return mean(input, (-1, -2), True)
    return AdaptiveAvgPool2d.apply(input, out)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum of each region of a grid of ``output_size`` regions laid over the image.

    Regions as for :func:`adaptive_avg_pool2d`; ``return_indices`` gives also the flat index of each maximum.

    >>> torch.nn.functional.adaptive_max_pool2d(torch.arange(16.0).reshape(1, 4, 4), (1, 2))
    tensor([[[13., 15.]]])
    """
    out = _output_size("adaptive_max_pool2d", input, output_size)
    shape = input.array.shape
    if len(shape) not in (3, 4):
        raise RuntimeError(f"adaptive_max_pool2d(): Expected 3D or 4D tensor, but got: {list(shape)}")
    _require_elements("adaptive_max_pool2d", shape, (-3, -2, -1))
    if len(out) != 2:
        raise RuntimeError("adaptive_max_pool2d(): internal error: output_size.size() must be 2")
    if min(out) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(out)}: {[*shape[:-2], *out]}"
        )
    if not input.dtype.is_floating_point:
        raise not_implemented("adaptive_max_pool2d", input)
    values, places = AdaptiveMaxPool2d.apply(input, out)
    return (values, places) if return_indices else values


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Put each value back at the place ``max_pool2d(..., return_indices=True)`` gave, zeros elsewhere.

    ``output_size`` tells apart the input sizes that pool to the same size; by default
    ``H = (H_in - 1)*sh - 2*ph + kh``.

    >>> x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> F = torch.nn.functional
    >>> F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)
    tensor([[[0., 0.],
             [0., 4.]]])
    """
    kernel = _pair("max_unpool2d", "kernel_size", kernel_size)
    stride = kernel if stride is None else _pair("max_unpool2d", "stride", stride)
    padding = _pair("max_unpool2d", "padding", padding)
    x = input.array
    if x.ndim not in (3, 4):
        raise RuntimeError(
            "Input to max_unpooling2d should be a 3d or 4d Tensor, but got a tensor with "
            f"{x.ndim} dimensions."
        )
    if indices.dtype is not int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype.scalar_name}")
    if indices.array.shape != x.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(x.shape)}) but got indices "
            f"tensor with shape: {list(indices.array.shape)}"
        )
    default = tuple((n - 1) * s - 2 * p + k for n, k, s, p in zip(x.shape[-2:], kernel, stride, padding))
    size = default if output_size is None else tuple(output_size)[-2:]
    for wanted, usual, s in zip(size, default, stride):
        if not usual - s < wanted < usual + s:
            raise ValueError(
                f'invalid output_size "{tuple(size)}" (dim 0 must be between {usual - s} and {usual + s})'
            )
    if indices.array.size and not 0 <= indices.array.min() <= indices.array.max() < size[0] * size[1]:
        raise IndexError(
            f"Found an invalid max index: {indices.array.max()} (output volumes are of size {size[0]}x{size[1]}"
        )
    return MaxUnpool2d.apply(input, indices.array, size)


def lp_pool2d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The p-norm of every window: ``(sum over the window of input^p)^(1/p)``, with p = norm_type.

    >>> torch.nn.functional.lp_pool2d(torch.tensor([[[3.0, 4.0]]]), 2, (1, 2))
    tensor([[[5.]]])
    """
    kh, kw = _pair("lp_pool2d", "kernel_size", kernel_size)
    mean_power = avg_pool2d(pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return pow(mul(mean_power, kh * kw), 1.0 / norm_type)


# Checks -------------------------------------------------------------------------------------------------------------


def not_implemented(kernel: str, input: Any) -> NotImplementedError:
    """PyTorch's error for a dtype that an operation does not take."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{from_numpy(input.array.dtype).scalar_name}'")


def _pair(function: str, name: str, value: Any, omitted: str = "") -> Pair:
    """An int, or a sequence of one or two, as a pair."""
    try:
        if isinstance(value, (tuple, list)):
            numbers = [operator.index(each) for each in value]
        else:
            numbers = [operator.index(value)]
    except TypeError:
        position = {"kernel_size": 2, "stride": 3, "padding": 4, "dilation": 5}[name]
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be tuple of ints, "
            f"not {type(value).__name__}"
        ) from None
    if not 1 <= len(numbers) <= 2:
        verb = "either be" if name in ("kernel_size", "padding") else "be either"
        raise RuntimeError(f"{function}: {name} must {omitted or verb} a single int, or a tuple of two ints")
    return numbers[0], numbers[-1]


def _require_tensor(function: str, input: Any) -> None:
    if not isinstance(input, Variable):
        raise TypeError(f"{function}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")


def _windows(
    function: str, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Windows:
    """The windows these arguments mean on this input, after PyTorch's checks in PyTorch's order."""
    _require_tensor(function, input)
    shape = input.array.shape
    kernel = _pair(function, "kernel_size", kernel_size)
    if stride is None or (isinstance(stride, (tuple, list)) and not stride):
        steps = kernel
    else:
        steps = _pair(function, "stride", stride, "either be omitted,")
    padding = _pair(function, "padding", padding)
    dilation = _pair(function, "dilation", dilation)
    if len(shape) not in (3, 4):
        if function == "max_pool2d":
            raise RuntimeError("non-empty 3D or 4D (batch mode) tensor expected for input")
        raise RuntimeError(_EMPTY + str(list(shape)))
    return _checked_windows(shape, kernel, steps, padding, dilation, bool(ceil_mode))


_EMPTY = "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:"


@lru_cache(maxsize=1024)
def _checked_windows(
    shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> Windows:
    for k, s, p, d in zip(kernel, stride, padding, dilation):
        if s == 0:
            raise RuntimeError("stride should not be zero")
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2 and min(k, s, d) > 0:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )
    for values, text in (
        (kernel, "kernel size should be greater than zero, but got kH: {} kW: {}"),
        (stride, "stride should be greater than zero, but got dH: {} dW: {}"),
        (dilation, "dilation should be greater than zero, but got dilationH: {} dilationW: {}"),
    ):
        if min(values) <= 0:
            raise RuntimeError(text.format(*values))
    if 0 in shape[-3:]:
        raise RuntimeError(_EMPTY + str(list(shape)))
    if padding[0] > kernel[0] // 2 or padding[1] > kernel[1] // 2:
        raise RuntimeError(
            "pad should be smaller than or equal to half of kernel size, but got "
            f"padW = {padding[1]}, padH = {padding[0]}, kW = {kernel[1]}, kH = {kernel[0]}"
        )
    windows = Windows((shape[-2], shape[-1]), kernel, stride, padding, dilation, ceil_mode)
    if min(windows.out) < 1:
        c, h, w = shape[-3:]
        oh, ow = windows.out
        raise RuntimeError(
            f"Given input size: ({c}x{h}x{w}). Calculated output size: ({c}x{oh}x{ow}). Output size is too small"
        )
    return windows


def _output_size(function: str, input: Any, output_size: Any) -> tuple[int, ...]:
    _require_tensor(function, input)
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    shape = input.array.shape
    known = dict(zip((0, 1), shape[-2:]))
    try:
        return tuple([known[i] if each is None else operator.index(each) for i, each in enumerate(sizes)])
    except TypeError:
        wrong = next(i for i, each in enumerate(sizes) if each is not None and not hasattr(each, "__index__"))
        raise TypeError(
            f"{function}(): argument 'output_size' (position 2) must be tuple of ints, but found element of type "
            f"{type(sizes[wrong]).__name__} at pos {wrong}"
        ) from None


def _require_elements(function: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    for axis in axes:
        if shape[axis] == 0:
            raise RuntimeError(
                f"{function}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(shape)} with dimension {len(shape) + axis} being empty"
            )
