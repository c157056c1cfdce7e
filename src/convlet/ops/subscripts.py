"""Subscripts: ``x[key]`` and ``x[key] = value``.

A key is taken apart as PyTorch does: integers, slices, None and Ellipsis give a view; the index tensors, masks and
lists that are left then pick elements of that view.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.inplace import apply_inplace, check_writable, record_write
from ..autograd.mode import is_grad_enabled
from ..autograd.variable import Variable
from .axes import array_of
from .conversion import cast
from .indexing import Index, IndexPut, IndexPutInPlace, Part, numpy_key, picked_shape
from .scalars import is_number, scalar_as
from .shape import expanded_shape, reshape

__all__ = ["index_put"]

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
        item = [each.array.item() if isinstance(each, Variable) else each for each in item]
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
    if all(shape == shapes[0] for shape in shapes):
        return tuple(axes), once, tuple(indices)
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
        raise TypeError(f"can't assign a {full_name(type(value))} to a {dtype.tensor_type}")
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
            part.array[numpy_key(axes, [array_of(each) for each in indices])] = array_of(value)
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


def full_name(kind: type) -> str:
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
