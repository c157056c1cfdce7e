"""Order: sorting, the k largest, medians and other quantiles, distinct values, counts, and search in sorted values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.function import Operation, make_result
from ..autograd.variable import Array, Variable
from . import return_types
from .along import AddAlong, TakeAlong
from .axes import array_of, axis_of
from .blending import lerp
from .conversion import dtype_of, is_half
from .keywords import numpy_names
from .reduction import spread
from .selection import where

__all__ = [
    "argsort", "bincount", "bucketize", "histc", "kthvalue", "median", "mode", "msort", "nanmedian", "nanquantile",
    "quantile", "searchsorted", "sort", "topk", "unique", "unique_consecutive",
]  # fmt: skip

# Elements chosen along one axis -----------------------------------------------------------------------------------


def order_of(x: Array, axis: int, descending: bool = False) -> Array:
    """The positions that sort an array along an axis; equal elements keep their order, NaN counts as largest."""
    keys = x.astype(np.float32) if is_half(x.dtype) else x
    if not descending:
        return np.argsort(keys, axis, kind="stable")
    order = np.argsort(np.flip(keys, axis), axis, kind="stable")
    return np.flip(keys.shape[axis] - 1 - order, axis)


class Chosen(Operation):
    """(values, positions): along an axis, the elements at the positions that ``choose`` finds, all different."""

    non_differentiable_outputs = (1,)

    @classmethod
    def choose(cls, x: Array, axis: int, *settings: Any) -> Array:
        raise NotImplementedError

    @classmethod
    def forward(cls, ctx: Any, input: Array, axis: int, *settings: Any) -> tuple[Array, Array]:
        whole = input if input.ndim else input.reshape(1)
        positions = np.ascontiguousarray(cls.choose(whole, axis, *settings)).astype(np.int64, copy=False)
        ctx.positions, ctx.axis, ctx.count = positions, axis, whole.shape[axis]
        values = np.take_along_axis(whole, positions, axis)
        ctx.inner = values.shape
        shape = cls.outer_shape(input.shape, values.shape, axis, *settings)
        ctx.outer = input.shape
        return values.reshape(shape), positions.reshape(shape)

    @classmethod
    def outer_shape(cls, input: tuple[int, ...], values: tuple[int, ...], axis: int, *settings: Any) -> tuple[int, ...]:
        return values if input else ()

    @staticmethod
    def backward(ctx: Any, grad: Any, _: Any) -> Any:
        from .shape import reshape

        result = AddAlong.apply(reshape(grad, ctx.inner), ctx.positions, ctx.axis, True, ctx.count)
        return result if ctx.outer else reshape(result, ())


class Sort(Chosen):
    @classmethod
    def choose(cls, x: Array, axis: int, *settings: Any) -> Array:
        return order_of(x, axis, settings[0])


class StableSort(Sort):
    backward_name = "SortBackward1"


class Topk(Chosen):
    @classmethod
    def choose(cls, x: Array, axis: int, *settings: Any) -> Array:
        k, largest = settings
        if k == 0:
            return np.zeros((*x.shape[:axis], 0, *x.shape[axis + 1 :]), np.int64)
        return order_of(x, axis, largest)[(*(slice(None),) * axis, slice(0, k))]


class _One(Chosen):
    """One element along the axis, which goes unless ``keepdim``, the last setting."""

    @classmethod
    def outer_shape(cls, input: tuple[int, ...], values: tuple[int, ...], axis: int, *settings: Any) -> tuple[int, ...]:
        if not input:
            return ()
        return values if settings[-1] else (*values[:axis], *values[axis + 1 :])


class Kthvalue(_One):
    @classmethod
    def choose(cls, x: Array, axis: int, *settings: Any) -> Array:
        return np.take(order_of(x, axis), [settings[0] - 1], axis)


class MedianAlong(_One):
    """The lower of the two in the middle; the first NaN if there is one."""

    backward_name = "MedianBackward1"

    @classmethod
    def choose(cls, x: Array, axis: int, *settings: Any) -> Array:
        middle = np.take(order_of(x, axis), [(x.shape[axis] - 1) // 2], axis)
        missing = x != x
        return np.where(missing.any(axis, keepdims=True), missing.argmax(axis, keepdims=True), middle)


class NanMedianAlong(_One):
    """The lower of the two in the middle of what is not NaN."""

    backward_name = "NanmedianBackward1"

    @classmethod
    def choose(cls, x: Array, axis: int, *settings: Any) -> Array:
        counted = np.add.reduce(x == x, axis=axis, keepdims=True, dtype=np.int64)
        return np.take_along_axis(order_of(x, axis), np.maximum(counted - 1, 0) // 2, axis)


class Mode(_One):
    """The most frequent value, the smallest of several, where it stands last."""

    @classmethod
    def choose(cls, x: Array, axis: int, *settings: Any) -> Array:
        order = order_of(x, axis)
        values = np.take_along_axis(x, order, axis)
        shape = [1] * x.ndim
        shape[axis] = -1
        here = np.arange(x.shape[axis]).reshape(shape)
        first = (slice(None),) * axis
        starts = np.ones(x.shape, np.bool_)
        starts[(*first, slice(1, None))] = values[(*first, slice(1, None))] != values[(*first, slice(0, -1))]
        run = here - np.maximum.accumulate(np.where(starts, here, 0), axis)  # how many equal ones came before
        return np.take_along_axis(order, run.argmax(axis, keepdims=True), axis)


def _orderable(name: str, input: Any, refuse_bool: bool = False) -> Array:
    array = array_of(input)
    if array.dtype.kind == "c":
        raise RuntimeError(f" {name} does not support complex dtypes on CPU")
    if refuse_bool and array.dtype == np.bool_:
        raise RuntimeError(f"{name} does not support bool dtypes on CPU")
    return array


@numpy_names
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool | None = None) -> Any:
    """(values, indices) sorted along ``dim``; NaN counts as largest. Equal elements always keep their order.

    RuntimeError for complex tensors.

    >>> torch.sort(torch.tensor([3.0, 1.0, 2.0])).indices
    tensor([1, 2, 0])
    """
    array = _orderable("Sort", input)
    operation = Sort if stable is None else StableSort
    return return_types.sort(operation.apply(input, axis_of(dim, array.ndim), descending))


@numpy_names
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The indices that sort along ``dim``.

    >>> torch.argsort(torch.tensor([3.0, 1.0, 2.0]), descending=True)
    tensor([0, 2, 1])
    """
    return sort(input, dim, descending)[1]


def msort(input: Any) -> Any:
    """The values sorted along the first axis.

    >>> torch.msort(torch.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    return sort(input, 0)[0]


@numpy_names
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the ``k`` largest (or smallest) elements along ``dim``, in order.

    RuntimeError when there are fewer, and for complex and bool tensors.

    >>> torch.topk(torch.tensor([3.0, 1.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    array = _orderable("topk", input, refuse_bool=True)
    axis = axis_of(dim, array.ndim)
    if not 0 <= k <= (array.shape[axis] if array.ndim else 1):
        raise RuntimeError("selected index k out of range")
    return return_types.topk(Topk.apply(input, axis, k, largest))


def _one(name: str, operation: type[Operation], input: Any, dim: int, *settings: Any) -> Any:
    array = array_of(input)
    axis = axis_of(dim, array.ndim)
    if array.ndim and not array.shape[axis]:
        raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")
    if array.dtype.kind in ("c" if name == "mode" else "cb"):
        kernel = "median_out" if "median" in name else f"{name}_cpu"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtype_of(input).scalar_name}'")
    if name == "kthvalue" and not 1 <= settings[0] <= (array.shape[axis] if array.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    return getattr(return_types, name)(operation.apply(input, axis, *settings))


@numpy_names
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the ``k``-th smallest element along ``dim``, counted from 1.

    >>> torch.kthvalue(torch.tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    """
    return _one("kthvalue", Kthvalue, input, dim, k, keepdim)


@numpy_names
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the most frequent value along ``dim``, the smallest of several.

    >>> torch.mode(torch.tensor([3, 1, 3, 1, 2])).values
    tensor(1)
    """
    return _one("mode", Mode, input, dim, keepdim)


class MedianAll(Operation):
    """The median of all elements; elements equal to it share the gradient."""

    backward_name = "MedianBackward0"
    along: type[_One] = MedianAlong

    @classmethod
    def forward(cls, ctx: Any, input: Array) -> Array:
        flat = input.reshape(-1)
        ctx.shape = input.shape
        if not flat.size:
            return np.full((), math.nan, input.dtype)
        result = flat[cls.along.choose(flat, 0, False)[0]]
        ctx.chosen = (input == result) | ((input != input) & (result != result))
        return np.asarray(result)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        whole = spread(grad / float(ctx.chosen.sum()), ctx.shape, tuple(range(len(ctx.shape))))
        return where(ctx.chosen, whole, 0)


class NanMedianAll(MedianAll):
    backward_name = "NanmedianBackward0"
    along = NanMedianAlong


@numpy_names
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median, of an even count the lower of the two in the middle; along ``dim`` (values, indices).

    NaN if any element is.

    >>> torch.median(torch.tensor([3.0, 1.0, 2.0, 4.0]))
    tensor(2.)
    """
    if dim is not None:
        return _one("median", MedianAlong, input, dim, keepdim)
    return _median_of_all(MedianAll, input)


@numpy_names
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of what is not NaN; along ``dim`` (values, indices).

    >>> torch.nanmedian(torch.tensor([3.0, float("nan"), 2.0, 4.0]))
    tensor(3.)
    """
    if dim is not None:
        return _one("nanmedian", NanMedianAlong, input, dim, keepdim)
    return _median_of_all(NanMedianAll, input)


def _median_of_all(operation: type[Operation], input: Any) -> Any:
    if array_of(input).dtype.kind in "cb":
        raise NotImplementedError(f"\"median_cpu\" not implemented for '{dtype_of(input).scalar_name}'")
    return operation.apply(input)


# Quantiles --------------------------------------------------------------------------------------------------------

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@numpy_names
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The ``q``-quantiles, 0 <= q <= 1 a number or a 1-d tensor, of all elements or along ``dim``.

    Between two elements ``interpolation`` is 'linear', 'lower', 'higher', 'midpoint' or 'nearest'. A tensor ``q``
    adds a first axis. NaN where there is one. RuntimeError for other dtypes than float32 and float64.

    >>> torch.quantile(torch.tensor([1.0, 2.0, 4.0]), 0.75)
    tensor(3.)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@numpy_names
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The ``q``-quantiles of what is not NaN; arguments as for :func:`quantile`.

    >>> torch.nanquantile(torch.tensor([1.0, float("nan"), 4.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(name: str, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool) -> Any:
    from .shape import reshape

    array = array_of(input)
    if array.dtype not in (np.float32, np.float64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    is_tensor = isinstance(q, (Variable, np.ndarray))
    if is_tensor and array_of(q).dtype != array.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    wanted = np.asarray(array_of(q) if is_tensor else q, array.dtype)
    if wanted.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if not is_tensor and not 0 <= q <= 1:
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not array.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    shape = array.shape
    if dim is not None:
        dim = axis_of(dim, len(shape))
    if dim is None or not shape:
        input, axis, kept = reshape(input, (-1,)), 0, (1,) * len(shape)
    else:
        axis = dim
        kept = (*shape[:axis], 1, *shape[axis + 1 :])
    ordered, _ = sort(input, axis)
    values = array_of(ordered)
    missing = np.add.reduce(values != values, axis=axis, keepdims=True)
    count = values.shape[axis] - (missing if skip_nan else 0)
    results = []
    for each in wanted.reshape(-1):
        place = np.asarray(np.maximum(count - 1, 0) * each, values.dtype)
        place = np.broadcast_to(place, missing.shape)
        if not skip_nan:
            place = np.where(missing > 0, values.dtype.type(values.shape[axis] - 1), place)  # NaN stands last
        if interpolation == "nearest":
            place = np.rint(place)
        below, above = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
        low, high = (TakeAlong.apply(ordered, each, axis, True) for each in (below, above))
        if interpolation == "linear":
            low = lerp(low, high, (place - below).astype(values.dtype))
        elif interpolation == "midpoint":
            low = lerp(low, high, 0.5)
        elif interpolation == "higher":
            low = high
        shape_out = kept if keepdim else _without(kept, axis, dim is None or not shape)
        results.append(reshape(low, shape_out))
    if not wanted.ndim:
        return results[0]
    from .joining import stack

    return stack(results, 0)


def _without(kept: tuple[int, ...], axis: int, whole: bool) -> tuple[int, ...]:
    return () if whole else (*kept[:axis], *kept[axis + 1 :])


# Distinct values and counts ---------------------------------------------------------------------------------------


def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The distinct elements (or slices along ``dim``) in ascending order.

    With ``return_inverse`` also where each element is among them, with ``return_counts`` how often each occurs: then
    a tuple. Each NaN is distinct.

    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    array = array_of(input)
    if dim is not None:
        dim = axis_of(dim, array.ndim)
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    inverse = inverse.reshape(array.shape if dim is None else -1)
    return _several(values, inverse, counts, return_inverse, return_counts)


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along ``dim``) without those that equal the one before; results as for :func:`unique`.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    array = array_of(input)
    if dim is None:
        rows, axis = array.reshape(-1, 1), None
    else:
        axis = axis_of(dim, array.ndim)
        moved = np.moveaxis(array, axis, 0)
        rows = moved.reshape(moved.shape[0], -1)
    starts = np.ones(len(rows), np.bool_)
    starts[1:] = (rows[1:] != rows[:-1]).any(1)
    first = np.flatnonzero(starts)
    values = array.reshape(-1)[first] if axis is None else np.take(array, first, axis)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(first, len(rows)))
    return _several(
        values, inverse.reshape(array.shape) if axis is None else inverse, counts, return_inverse, return_counts
    )


def _several(values: Array, inverse: Array, counts: Array, return_inverse: bool, return_counts: bool) -> Any:
    extra = [make_result(inverse.astype(np.int64))] if return_inverse else []
    if return_counts:
        extra.append(make_result(counts.astype(np.int64)))
    result = make_result(np.ascontiguousarray(values))
    return (result, *extra) if extra else result


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each integer 0, 1, ... occurs, or the sum of its ``weights``; at least ``minlength`` of them.

    RuntimeError for negative integers and other than 1-d tensors, NotImplementedError for other dtypes.

    >>> torch.bincount(torch.tensor([1, 1, 3]))
    tensor([0, 2, 0, 1])
    """
    array = array_of(input)
    if array.dtype.kind not in "ui":
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{dtype_of(input).scalar_name}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return make_result(np.bincount(array, minlength=minlength).astype(np.int64))
    amounts = array_of(weights)
    if amounts.shape != array.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    counts = np.bincount(array, amounts, minlength)
    return make_result(counts.astype(np.float32 if amounts.dtype == np.float32 else np.float64))


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many elements fall into each of ``bins`` equal parts of [min, max] (of the elements' range if both are 0).

    RuntimeError when ``max`` is smaller than ``min`` or the range is not finite.

    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    array = array_of(input)
    if array.dtype.kind != "f":
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{dtype_of(input).scalar_name}'")
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    if low == high:
        low, high = low - 1, high + 1
    inside = array[(array >= low) & (array <= high)].astype(np.float64)
    places = np.minimum(((inside - low) / (high - low) * bins).astype(np.int64), bins - 1)
    return make_result(np.bincount(places, minlength=bins).astype(array.dtype))


# Search -----------------------------------------------------------------------------------------------------------


def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Any:
    """Where each element of ``input`` would be inserted into the sorted last axis of ``sorted_sequence``.

    Before equal elements, or after them with ``right=True`` (or ``side='right'``). Leading axes of the two agree,
    unless the sequence has one axis. ``sorter`` gives the order that sorts an unsorted sequence.

    >>> torch.searchsorted(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([3.0, 4.0]))
    tensor([1, 2])
    """
    sequence = array_of(sorted_sequence)
    values = array_of(input) if isinstance(input, (Variable, np.ndarray)) else np.asarray(input)
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    if not values.ndim and sequence.ndim != 1:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim({sequence.ndim}) and input value's dim({values.ndim}) numel({values.size})"
        )
    if sequence.ndim != 1 and sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input "
            f"value tensor {list(values.shape)}"
        )
    if sorter is not None:
        sequence = np.take_along_axis(sequence, array_of(sorter), -1)
    find: Any = np.searchsorted
    where_ = "right" if right or side == "right" else "left"
    if sequence.ndim == 1:
        found = np.asarray(find(sequence, values, where_))
    else:
        found = np.empty(values.shape, np.int64)
        for index in np.ndindex(*sequence.shape[:-1]):
            found[index] = find(sequence[index], values[index], where_)
    return make_result(found.astype(np.int32 if out_int32 else np.int64))


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """The interval of the sorted 1-d ``boundaries`` that each element falls into: :func:`searchsorted`.

    >>> torch.bucketize(torch.tensor([0.0, 2.0, 9.0]), torch.tensor([1.0, 3.0]))
    tensor([0, 1, 2])
    """
    if array_of(boundaries).ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({array_of(boundaries).ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
