"""The old tensor types: ``FloatTensor(2, 3)``, ``LongTensor([1, 2])``, ``isinstance(x, FloatTensor)``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.variable import Variable
from ..dtypes import dtype as Dtype
from .creation import new
from .from_data import array_from
from .size import Size, require_supported

__all__ = [f"{each.scalar_name}Tensor" for each in dtypes.ALL if not each.is_complex]


class TensorType(type):
    """The type of the old tensor types; they are callables, and classes only for ``isinstance``."""

    dtype: Dtype

    def __call__(cls, *args: Any, device: Any = None) -> Any:
        target = require_supported(device)
        kind = cls.dtype.numpy
        if not args:
            return new(np.empty((0,), kind), target)
        data = args[0]
        if len(args) > 1 or isinstance(data, (int, np.integer, Size)):
            sizes = data if isinstance(data, Size) else args
            return new(np.empty(tuple(sizes), kind), target)
        if isinstance(data, Variable):
            if data.dtype is not cls.dtype:
                raise TypeError(f"expected a tensor of type {cls.dtype.tensor_type} (got {data.dtype.tensor_type})")
            return data.detach()
        if not hasattr(data, "__len__") or isinstance(data, (str, bytes, dict)):
            raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
        return new(array_from(data, cls.dtype), target)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Variable) and instance.dtype is cls.dtype and not instance.meta

    def __repr__(cls) -> str:
        return f"<class '{cls.dtype.tensor_type}'>"


def _make(dtype: Dtype) -> TensorType:
    doc = f"A {dtype.name} tensor of a shape given in integers, or with the numbers of a sequence (the old form)."
    return TensorType(f"{dtype.scalar_name}Tensor", (), {"dtype": dtype, "__doc__": doc, "__module__": "convlet"})


globals().update({f"{each.scalar_name}Tensor": _make(each) for each in dtypes.ALL if not each.is_complex})
