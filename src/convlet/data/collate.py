"""Collation: from a list of samples to a batch of tensors."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.variable import Variable
from ..ops.joining import stack

_UNKNOWN = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_collate(batch: Sequence[Any]) -> Any:
    """One batch of a list of equal samples: a leading axis is added to what they hold.

    Tensors and arrays are stacked, numbers become a tensor (float64 or int64), strings stay a list, and
    dicts, tuples and lists are taken apart and put together again. Raises TypeError for samples of another
    type, RuntimeError for sequences or tensors of different sizes.

    >>> torch.utils.data.default_collate([(1, 0.5), (2, 0.25)])
    [tensor([1, 2]), tensor([0.5000, 0.2500], dtype=torch.float64)]
    """
    first = batch[0]
    if isinstance(first, Variable):
        return stack(list(batch))
    if isinstance(first, (np.ndarray, np.generic)):
        if first.dtype.kind in "SUO":
            raise TypeError(_UNKNOWN.format(first.dtype))
        for i, each in enumerate(batch):
            if np.shape(each) != first.shape:
                raise RuntimeError(
                    f"stack expects each tensor to be equal size, but got {list(first.shape)} at entry 0 and "
                    f"{list(np.shape(each))} at entry {i}"
                )
        return make_result(np.stack(batch))
    if isinstance(first, float):
        return make_result(np.array(batch, np.float64))
    if isinstance(first, int):
        numbers = np.array(batch)
        mixed = numbers.dtype.kind == "f"
        return make_result(numbers.astype(dtypes.get_default_dtype().numpy) if mixed else numbers)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _same_kind(first, {key: default_collate([each[key] for each in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(column) for column in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(each) != len(first) for each in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [default_collate(column) for column in zip(*batch)]
        return columns if isinstance(first, tuple) else _same_kind(first, columns)
    raise TypeError(_UNKNOWN.format(type(first)))


def default_convert(data: Any) -> Any:
    """The sample with its NumPy arrays as tensors: what a loader does that makes no batches."""
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind not in "SUO":
        return make_result(np.asarray(data))
    if isinstance(data, Mapping):
        return _same_kind(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(each) for each in data))
    if isinstance(data, tuple):
        return [default_convert(each) for each in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _same_kind(data, [default_convert(each) for each in data])
    return data


def _same_kind(like: Any, content: Any) -> Any:
    """``content`` in the type of ``like``, where that type can be made of it."""
    if type(like) is type(content):
        return content
    if isinstance(like, (MutableMapping, MutableSequence)):
        import copy

        new: Any = copy.copy(like)
        if isinstance(new, MutableMapping):
            new.update(content)
        else:
            new[:] = content
        return new
    try:
        return type(like)(content)
    except TypeError:
        return content
