"""Reading and writing parts of a tensor, each beside its gradient.

A key is taken apart as PyTorch does: integers, slices, None and Ellipsis give a view; the index tensors, masks and
lists that are left then pick elements of that view.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation, make_result
from ..autograd.inplace import apply_inplace, check_writable, record_write
from ..autograd.mode import is_grad_enabled
from ..autograd.variable import Array, Variable
from .axes import array_of, axis_of
from .broadcasting import sum_to
from .conversion import cast
from .scalars import is_number, scalar_as
from .shape import expanded_shape, reshape

__all__ = ["index_put", "narrow", "select", "select_scatter", "slice_scatter"]


# A part as a view -------------------------------------------------------------------------------------------------


class Part(Operation):
    """The part that a NumPy key of integers, slices and None names; ``name`` is PyTorch's for the last step."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, key: tuple[Any, ...], name: str) -> Array:
        ctx.shape, ctx.key = input.shape, key
        ctx.rename(name)
        return input[(*key, ...)]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Placed.apply(grad, ctx.shape, ctx.key)


class Placed(Operation):
    """Zeros with values at the place of a part: the adjoint of Part."""

    backward_name = "SliceBackward0"

    @staticmethod
    def forward(ctx: Any, values: Array, shape: tuple[int, ...], key: tuple[Any, ...]) -> Array:
        ctx.key = key
        result = np.zeros(shape, values.dtype)
        result[(*key, ...)] = values
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Part.apply(grad, ctx.key, "SliceBackward0")


class Replaced(Operation):
    """A copy with the part at a key replaced by other values."""

    @staticmethod
    def forward(ctx: Any, input: Array, values: Array, key: tuple[Any, ...], name: str) -> Array:
        ctx.key, ctx.shape = key, values.shape
        ctx.rename(name)
        result = input.copy()
        result[(*key, ...)] = values
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        nothing = np.zeros(ctx.shape, array_of(grad).dtype)
        return Replaced.apply(grad, nothing, ctx.key, ctx.name()), Part.apply(grad, ctx.key, "SliceBackward0")


def select(input: Any, dim: int, index: int) -> Any:
    """The slice at ``index`` of an axis, without it: a view. IndexError when there is none.

    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    return Part.apply(input, _select_key(array_of(input).shape, dim, index), "SelectBackward0")


def _select_key(shape: tuple[int, ...], dim: int, index: Any) -> tuple[Any, ...]:
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis, index = axis_of(dim, len(shape)), operator.index(index)
    if not -shape[axis] <= index < shape[axis]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {axis}"
        )
    return (*(slice(None),) * axis, index)


def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """The ``length`` elements of an axis from ``start`` on: a view. RuntimeError when they are not all there.

    >>> torch.narrow(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    shape = array_of(input).shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    axis, start = axis_of(dim, len(shape)), operator.index(start)
    size = shape[axis]
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    if start < 0:
        start += size
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return Part.apply(input, (*(slice(None),) * axis, slice(start, start + length)), "SliceBackward0")


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy with the slice at ``index`` of an axis replaced by ``src``. RuntimeError when the shapes differ."""
    key = _select_key(array_of(input).shape, dim, index)
    return _replaced(input, src, key, "SelectScatterBackward0")


def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """A copy with ``start:end:step`` of an axis replaced by ``src``. RuntimeError when the shapes differ."""
    axis = axis_of(dim, array_of(input).ndim)
    return _replaced(input, src, (*(slice(None),) * axis, slice(start, end, step)), "SliceScatterBackward0")


def _replaced(input: Any, src: Any, key: tuple[Any, ...], name: str) -> Any:
    expected, shape = array_of(input)[(*key, ...)].shape, array_of(src).shape
    if shape != expected:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(shape)}, slice size = "
            f"{list(expected)}"
        )
    return Replaced.apply(input, cast(src, dtypes.from_numpy(array_of(input).dtype)), key, name)


# Elements picked by index arrays ----------------------------------------------------------------------------------


def _key(axes: tuple[int, ...], indices: Sequence[Array]) -> tuple[Any, ...]:
    """The NumPy key that applies index arrays to these axes and leaves the others."""
    key: list[Any] = [slice(None)] * (axes[-1] + 1)
    for axis, index in zip(axes, indices):
        key[axis] = index
    return tuple(key)


class Index(Operation):
    """The elements that index arrays pick along some axes, as NumPy orders the result."""

    @staticmethod
    def forward(ctx: Any, input: Array, axes: tuple[int, ...], once: bool, name: str, *indices: Array) -> Array:
        ctx.shape, ctx.axes, ctx.once = input.shape, axes, once
        ctx.rename(name)
        ctx.save(*indices)
        try:
            if len(axes) == 1:
                return np.take(input, indices[0], axes[0])
            return np.ascontiguousarray(input[_key(axes, indices)])
        except IndexError:
            raise _explained(input.shape, axes, indices) from None

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Collected.apply(grad, ctx.shape, ctx.axes, ctx.once, *ctx.saved)


class Collected(Operation):
    """Zeros to which values are added where index arrays point (``once``: no two to one place): Index's adjoint."""

    backward_name = "IndexPutBackward0"

    @staticmethod
    def forward(
        ctx: Any, values: Array, shape: tuple[int, ...], axes: tuple[int, ...], once: bool, *indices: Array
    ) -> Array:
        ctx.axes, ctx.once = axes, once
        ctx.save(*indices)
        result = np.zeros(shape, values.dtype)
        if once:
            result[_key(axes, indices)] = values
        else:
            add_at(result, axes, indices, values)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Index.apply(grad, ctx.axes, ctx.once, "IndexBackward0", *ctx.saved)


def add_at(target: Array, axes: tuple[int, ...], indices: Sequence[Array], values: Array) -> None:
    """``target[key] += values`` with every addition counted where an index repeats, in a fixed order."""
    if not values.size:
        return
    if target.itemsize == 2 and target.dtype.kind in "fV":  # 16-bit sums lose too much
        wide = target.astype(np.float32)
        add_at(wide, axes, indices, values.astype(np.float32))
        target[...] = wide
        return
    if target.dtype == np.bool_:  # a sum of bools is their "or"
        np.logical_or.at(target, _key(axes, indices), values)
        return
    indices = np.broadcast_arrays(*indices)
    sizes = [target.shape[axis] for axis in axes]
    together = axes[-1] - axes[0] == len(axes) - 1
    places = np.ravel_multi_index([np.where(i < 0, i + n, i) for i, n in zip(indices, sizes)], sizes).reshape(-1)
    front = np.moveaxis(target, axes, range(len(axes)))
    rest = front.shape[len(axes) :]
    picked = axes[0] if together else 0  # where NumPy puts the axes of the index
    ndim = indices[0].ndim
    rows = np.moveaxis(values, range(picked, picked + ndim), range(ndim)).reshape(len(places), -1)
    if rows.shape[1] == 1:
        sums = np.zeros(int(np.prod(sizes)), target.dtype)
        np.add.at(sums, places, rows[:, 0])
        front += sums.reshape(front.shape)
        return
    order = np.argsort(places, kind="stable")
    places = places[order]
    starts = np.flatnonzero(np.concatenate(([True], places[1:] != places[:-1])))
    where = np.unravel_index(places[starts], sizes)
    front[where] += np.add.reduceat(rows[order], starts, axis=0).reshape(-1, *rest)


class IndexPut(Operation):
    """A copy with the elements that index arrays pick replaced by values, or with values added to them."""

    @staticmethod
    def forward(
        ctx: Any, input: Array, values: Array, axes: tuple[int, ...], accumulate: bool, name: str, *indices: Array
    ) -> Array:
        result = input.copy()
        _put(ctx, result, values, axes, accumulate, name, indices)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        indices, (axes, accumulate, name) = ctx.saved, ctx.arguments
        rest = grad
        if not accumulate:
            rest = IndexPut.apply(grad, np.zeros((), array_of(grad).dtype), axes, False, name, *indices)
        picked = Index.apply(grad, axes, False, "IndexBackward0", *indices) if ctx.needs_input_grad[1] else None
        return rest, None if picked is None else sum_to(picked, ctx.shape)


class IndexPutInPlace(IndexPut):
    """IndexPut that writes into its argument: for ``apply_inplace``."""

    backward_name = "IndexPutBackward0"

    @staticmethod
    def forward(
        ctx: Any, input: Array, values: Array, axes: tuple[int, ...], accumulate: bool, name: str, *indices: Array
    ) -> Array:
        _put(ctx, input, values, axes, accumulate, name, indices)
        return input


def _put(
    ctx: Any, target: Array, values: Array, axes: tuple[int, ...], accumulate: bool, name: str, indices: Any
) -> None:
    ctx.arguments, ctx.shape = (axes, accumulate, name), values.shape
    ctx.rename(name)
    ctx.save(*indices)
    if accumulate:
        add_at(target, axes, indices, np.broadcast_to(values, picked_shape(target.shape, axes, indices)))
    else:
        target[_key(axes, indices)] = values


def picked_shape(shape: tuple[int, ...], axes: tuple[int, ...], indices: Sequence[Array]) -> tuple[int, ...]:
    """The shape of what index arrays pick from an array. IndexError for an index out of range."""
    common = np.broadcast_shapes(*[each.shape for each in indices])
    for number, (axis, index) in enumerate(zip(axes, indices)):
        check_range(index, number, shape[axis], 0 in common)
    rest = [n for axis, n in enumerate(shape) if axis not in axes]
    together = axes[-1] - axes[0] == len(axes) - 1
    front = axes[0] if together else 0
    return (*rest[:front], *common, *rest[front:])


def check_range(index: Array, number: int, size: int, unused: bool = False) -> None:
    if index.size and not unused:
        low, high = index.min(), index.max()
        if low < -size or high >= size:
            if size == 0:
                raise IndexError("index is out of bounds for dimension with size 0")
            flat = index.reshape(-1)
            bad = flat[(flat < -size) | (flat >= size)][0]
            raise IndexError(f"index {bad} is out of bounds for dimension {number} with size {size}")


def _explained(shape: tuple[int, ...], axes: tuple[int, ...], indices: Sequence[Array]) -> IndexError:
    """PyTorch's error for what NumPy refused."""
    try:
        picked_shape(shape, axes, indices)
    except IndexError as error:
        return error
    return IndexError("index is out of bounds for dimension with size 0")


# Keys -------------------------------------------------------------------------------------------------------------

_FULL = slice(None)
_TUPLE_HINT = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use "
    "x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], "
    "which will result either in an error or a different result"
)


def _as_tuple(key: Any) -> tuple[Any, ...]:
    """The items of a key; a list that holds anything but numbers counts as a tuple, as in old NumPy."""
    if isinstance(key, tuple):
        return key
    if isinstance(key, list) and len(key) < 32:
        if any(each is None or each is ... or isinstance(each, (Variable, list, tuple, slice)) for each in key):
            warnings.warn(_TUPLE_HINT, stacklevel=4)
            return tuple(key)
    elif isinstance(key, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(key).__name__}'")
    return (key,)


def _index_array(item: Any) -> Any:
    """An index tensor, list or array as a variable or array of int64 or bool. IndexError for other dtypes."""
    if isinstance(item, Variable):
        kind = item.dtype.name
        if kind in ("int64", "bool"):
            return item
        if kind == "uint8":
            _warn_of_bytes()
            return item.array.astype(bool)
        if kind == "int32" or (kind in ("int8", "int16") and item.array.ndim == 0):
            return item.array.astype(np.int64)
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if isinstance(item, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(item).__name__}'")
    if not isinstance(item, (np.ndarray, list, tuple, range)):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{type(item).__name__})"
        )
    if isinstance(item, (list, tuple)):
        item = [each.item() if isinstance(each, Variable) else each for each in item]
    array = np.asarray(item)
    if array.dtype.kind in "USO":
        if isinstance(item, np.ndarray):
            dtypes.from_numpy(array.dtype)
        raise TypeError(f"new(): invalid data type '{type(array.reshape(-1)[0]).__name__.removesuffix('_')}'")
    if array.dtype == np.uint8:
        _warn_of_bytes()
        return array.astype(bool)
    return array if array.dtype.kind == "b" else array.astype(np.int64)


def _warn_of_bytes() -> None:
    warnings.warn(
        "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.", stacklevel=5
    )


def _parse(shape: tuple[int, ...], key: Any) -> tuple[tuple[Any, ...], str, list[tuple[int, Any]]]:
    """A key as: a NumPy key for the view, PyTorch's name of its last step ('' for none), and (axis, index array)s."""
    items: list[Any] = []
    count = 0  # axes that the items name
    for item in _as_tuple(key):
        if item is None or item is ... or item is True or item is False:
            pass
        elif isinstance(item, (slice, int, np.integer)):
            count += 1
        elif isinstance(item, np.bool_):
            item = bool(item)
        else:
            item = _index_array(item)
            array = array_of(item)
            if array.dtype.kind == "b":
                count += array.ndim
                if array.ndim == 0:
                    item = bool(array)
            else:
                count += 1
                if array.ndim == 0:
                    item = int(array)
        items.append(item)
    ndim = len(shape)
    if count > ndim:
        if ndim == 0 and isinstance(items[0], int):
            if isinstance(key, (int, np.integer)):
                raise IndexError(
                    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                    "convert a 0-dim tensor to a number"
                )
        elif ndim == 0 and isinstance(items[0], slice):
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    view_key: list[Any] = []
    arrays: list[tuple[int, Any]] = []
    name = ""
    dim = axis = 0  # of the tensor, of the view
    for position, item in enumerate(items):
        if item is True or item is False:
            view_key.append(None)
            arrays.append((axis, np.zeros(int(item), np.int64)))
            name = "UnsqueezeBackward0"
            axis += 1
        elif item is None:
            view_key.append(None)
            name = "UnsqueezeBackward0"
            axis += 1
        elif item is ...:
            skipped = ndim - count if not any(each is ... for each in items[:position]) else 0
            view_key += [_FULL] * skipped
            dim += skipped
            axis += skipped
        elif isinstance(item, slice):
            if item.step is not None and operator.index(item.step) <= 0:
                raise ValueError(
                    "slice step cannot be zero" if operator.index(item.step) == 0 else "step must be greater than zero"
                )
            view_key.append(item)
            if item != _FULL:
                name = "SliceBackward0"
            dim += 1
            axis += 1
        elif isinstance(item, (Variable, np.ndarray)):
            named = array_of(item).ndim if array_of(item).dtype.kind == "b" else 1
            arrays.append((axis, item))
            view_key += [_FULL] * named
            dim += named
            axis += named
        else:
            size = shape[dim]
            if not -size <= item < size:
                if not -(2**63) <= item < 2**63:
                    raise ValueError("Overflow when unpacking long long")
                raise IndexError(f"index {item} is out of bounds for dimension {position} with size {size}")
            view_key.append(item)
            name = "SelectBackward0"
            dim += 1
    if not name and not arrays:
        name = "SliceBackward0" if isinstance(key, slice) else "AliasBackward0"
    return tuple(view_key), name, arrays


def _spread(
    shape: tuple[int, ...], arrays: list[tuple[int, Any]]
) -> tuple[tuple[int, ...], bool, tuple[Any, ...]]:
    """Index arrays for a view of this shape: (axes, whether no element is picked twice, integer index arrays).

    A mask becomes one index array for each of its axes. IndexError when a mask or the shapes do not fit.
    """
    axes: list[int] = []
    indices: list[Any] = []
    once = all(array_of(each).dtype.kind == "b" for _, each in arrays)
    for number, (axis, index) in enumerate(arrays):
        array = array_of(index)
        if array.dtype.kind != "b":
            axes.append(axis)
            indices.append(index)
            continue
        for offset, size in enumerate(array.shape):
            if size != shape[axis + offset]:
                raise IndexError(
                    f"The shape of the mask {list(array.shape)} at index {offset} does not match the shape of the "
                    f"indexed tensor {list(shape)} at index {axis + offset}"
                )
        axes += range(axis, axis + array.ndim)
        indices += array.nonzero()
        once = once and number == 0
    shapes = [array_of(each).shape for each in indices]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        texts = ", ".join(str(list(each)) for each in shapes)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {texts}"
        ) from None
    return tuple(axes), once, tuple(indices)


def get_item(input: Any, key: Any) -> Any:
    """``input[key]``: a view for integers, slices, None and Ellipsis; a copy for masks and index tensors.

    IndexError for an index out of range, too many indices or a mask of another shape; ValueError for a step that is
    not positive.
    """
    shape = array_of(input).shape
    if type(key) is int and shape and -shape[0] <= key < shape[0]:  # the common cases, short
        return Part.apply(input, (key,), "SelectBackward0")
    view_key, name, arrays = _parse(shape, key)
    if not arrays:
        return Part.apply(input, view_key, name)
    view = Part.apply(input, view_key, name) if name else input
    axes, once, indices = _spread(array_of(view).shape, arrays)
    return Index.apply(view, axes, once, "IndexBackward0", *indices)


def set_item(input: Any, key: Any, value: Any) -> None:
    """``input[key] = value``: a number, or a tensor that broadcasts to the part; written in place.

    Raises the errors of ``input[key]``; TypeError for a value that is no number or tensor, RuntimeError when its
    shape does not fit, when the dtypes differ under index tensors, and those of in-place operations.
    """
    dtype = input.dtype
    if isinstance(value, Variable):
        pass
    elif is_number(value):
        value = scalar_as(value, dtype)
    else:
        raise TypeError(f"can't assign a {_full_name(type(value))} to a {dtype.tensor_type}")
    view_key, name, arrays = _parse(input.array.shape, key)
    recorded = is_grad_enabled() and (input.requires_grad or (isinstance(value, Variable) and value.requires_grad))
    part = input
    if name and name != "AliasBackward0":
        part = Part.apply(input, view_key, name) if recorded else _unrecorded_part(input, view_key)
    if not arrays:
        _assign(input, part, value, recorded)
        return
    axes, _, indices = _spread(part.array.shape, arrays)
    array = array_of(value)
    if array.dtype != dtype.numpy:
        if not (array.ndim == 0 and len(arrays) == 1 and array_of(arrays[0][1]).dtype.kind == "b"):
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{dtype.scalar_name} for the destination and {value.dtype.scalar_name} for the source."
            )
        value = cast(value, dtype)
    wanted = picked_shape(part.array.shape, axes, [array_of(each) for each in indices])
    value = _without_leading_ones(value, len(wanted))
    if not _broadcasts(array_of(value).shape, wanted):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(array_of(value).shape)} cannot be broadcast to indexing "
            f"result of shape {list(wanted)}"
        )
    if recorded:
        apply_inplace(IndexPutInPlace, part, value, axes, False, "IndexPutBackward0", *indices)
    else:
        check_writable(part, False)
        if not input.meta:
            part.array[_key(axes, [array_of(each) for each in indices])] = array_of(value)
        record_write(input)


def _unrecorded_part(input: Any, key: tuple[Any, ...]) -> Any:
    part = make_result(input.array[(*key, ...)], meta=input.meta)
    part.inference = input.inference
    return part


def _assign(input: Any, part: Any, value: Any, recorded: bool) -> None:
    array = array_of(value)
    if array.ndim:
        value = _without_leading_ones(value, part.array.ndim)
        array = array_of(value)
        expanded_shape(array, part.array.shape)  # raises when it does not fit
    if recorded:
        part.copy_(value if isinstance(value, Variable) else make_result(value))
        return
    check_writable(part, False)
    if not input.meta:
        if array.dtype != part.array.dtype:
            array = array_of(cast(value, input.dtype))
        part.array[...] = array
    record_write(input)


def _without_leading_ones(value: Any, ndim: int) -> Any:
    shape = array_of(value).shape
    extra = 0
    while len(shape) - extra > ndim and shape[extra] == 1:
        extra += 1
    return reshape(value, shape[extra:]) if extra else value


def _broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) <= len(wanted) and all(a in (1, b) for a, b in zip(reversed(shape), reversed(wanted)))


def _full_name(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """A copy with ``input[indices] = values``, or ``+=`` (repeated indices all counted) with ``accumulate``."""
    return IndexPut.apply(input, *_index_put_arguments(input, indices, values, accumulate))


def index_put_(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """:func:`index_put` into ``input``."""
    return apply_inplace(IndexPutInPlace, input, *_index_put_arguments(input, indices, values, accumulate))


def _index_put_arguments(input: Any, indices: Any, values: Any, accumulate: bool) -> tuple[Any, ...]:
    array = array_of(input)
    arrays = _parse(array.shape, tuple([_FULL if each is None else each for each in indices]))[2]
    axes, _, spread = _spread(array.shape, arrays)
    if array_of(values).dtype != array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{dtypes.from_numpy(array.dtype).scalar_name} for the destination and {values.dtype.scalar_name} for the "
            "source."
        )
    wanted = picked_shape(array.shape, axes, [array_of(each) for each in spread])
    if not _broadcasts(array_of(values).shape, wanted):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(array_of(values).shape)} cannot be broadcast to indexing "
            f"result of shape {list(wanted)}"
        )
    return (values, axes, accumulate, "IndexPutBackward0", *spread)
