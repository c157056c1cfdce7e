"""A tensor in another dtype, memory format or place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation, make_result
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from ..kernels import large
from ..ops.conversion import cast
from . import size as _size
from .size import CPU, META, device, memory_format, require_supported


class Clone(Operation):
    """A copy in its own memory, in the same or in another memory format."""

    @staticmethod
    def forward(ctx: Any, input: Array, format: memory_format) -> Array:
        return _copy_as(input, format)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad


def _copy_as(array: Array, format: memory_format) -> Array:
    if format is _size.channels_last:
        if array.ndim != 4:
            raise RuntimeError("required rank 4 tensor to use channels_last format")
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).copy().transpose(0, 3, 1, 2)
    if format is _size.preserve_format or (format is _size.contiguous_format and array.flags.c_contiguous):
        return large.copied(array)
    if format is _size.contiguous_format:
        return array.copy(order="C")
    raise RuntimeError(f"memory format {format} is not supported: use contiguous_format or channels_last")


class Conversion(Variable):
    """Conversions of dtype, memory format and device."""

    def is_contiguous(self, memory_format: memory_format = _size.contiguous_format) -> Any:
        """Whether the elements lie densely in the order of this memory format."""
        if self.meta:
            return memory_format is _size.contiguous_format
        if memory_format is _size.channels_last:
            return self.array.ndim == 4 and self.array.transpose(0, 2, 3, 1).flags.c_contiguous
        return self.array.flags.c_contiguous

    def clone(self, *, memory_format: memory_format = _size.preserve_format) -> Any:
        """A copy in its own memory; gradients flow through it."""
        return Clone.apply(self, memory_format)

    def contiguous(self, memory_format: memory_format = _size.contiguous_format) -> Any:
        """The tensor itself when its memory has this format, else a copy that has."""
        return self if self.is_contiguous(memory_format) else Clone.apply(self, memory_format)

    def to(self, *args: Any, **options: Any) -> Any:
        """The tensor on a device, in a dtype or memory format: ``to(dtype)``, ``to(device, dtype)``, ``to(other)``.

        Returns the tensor itself when nothing changes and ``copy`` is False.
        """
        target, dtype, format, copy = parse_to(args, options)
        result: Any = self
        if target is META and not self.meta:
            result = make_result(np.broadcast_to(np.zeros((), self.array.dtype), self.array.shape), meta=True)
        elif target is CPU and self.meta:
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        if dtype is not None:
            result = cast(result, dtype)
        if format is not None and format is not _size.preserve_format and not result.is_contiguous(format):
            result = Clone.apply(result, format)
        if copy and result is self:
            result = self.clone()
        return result

    def type(self, dtype: Any = None) -> Any:
        """The old name of the tensor's type ('torch.FloatTensor'), or the tensor in a dtype or type of such a name."""
        if dtype is None:
            return self.dtype.tensor_type
        if isinstance(dtype, str):
            named = {each.tensor_type: each for each in dtypes.ALL}
            if dtype not in named:
                raise ValueError(f"invalid type: '{dtype}'")
            return cast(self, named[dtype])
        return cast(self, dtypes.as_dtype(getattr(dtype, "dtype", dtype)))

    def type_as(self, other: Any) -> Any:
        """The tensor in the dtype of another."""
        return cast(self, other.dtype)

    def float(self) -> Any:
        return cast(self, dtypes.float32)

    def double(self) -> Any:
        return cast(self, dtypes.float64)

    def half(self) -> Any:
        return cast(self, dtypes.float16)

    def bfloat16(self) -> Any:
        return cast(self, dtypes.bfloat16)

    def int(self) -> Any:
        return cast(self, dtypes.int32)

    def long(self) -> Any:
        return cast(self, dtypes.int64)

    def short(self) -> Any:
        return cast(self, dtypes.int16)

    def char(self) -> Any:
        return cast(self, dtypes.int8)

    def byte(self) -> Any:
        return cast(self, dtypes.uint8)

    def bool(self) -> Any:
        return cast(self, dtypes.bool_)

    def cfloat(self) -> Any:
        return cast(self, dtypes.complex64)

    def cdouble(self) -> Any:
        return cast(self, dtypes.complex128)

    def cpu(self, memory_format: memory_format = _size.preserve_format) -> Any:
        return self.to(CPU)

    def cuda(self, device: Any = None, non_blocking: Any = False) -> Any:
        """Raises: there is no CUDA device."""
        return self.to("cuda")


def parse_to(args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Dtype | None, memory_format | None, bool]:
    """(device or None, dtype or None, memory format or None, copy) of ``to``'s arguments. TypeError for others."""
    target = options.pop("device", None)
    dtype = options.pop("dtype", None)
    format = options.pop("memory_format", None)
    copy = options.pop("copy", False)
    options.pop("non_blocking", None)
    other = options.pop("other", None)
    if options:
        raise TypeError(f"to() received an invalid combination of arguments - unexpected {sorted(options)}")
    for each in args:
        if isinstance(each, Variable):
            other = each
        elif isinstance(each, Dtype) or each in (float, int, bool, complex):
            dtype = each
        elif isinstance(each, (str, device)):
            target = each
        elif isinstance(each, memory_format):
            format = each
        elif each is not None and not isinstance(each, bool):
            raise TypeError(
                f"to() received an invalid combination of arguments - got {type(each).__name__}, expected a device, a "
                "dtype, a memory format or a tensor"
            )
    if other is not None:
        target, dtype = other.device, other.dtype
    return (
        None if target is None else require_supported(target),
        None if dtype is None else dtypes.as_dtype(dtype),
        format,
        copy,
    )
