"""New tensors filled with a number, and what all that make new tensors share."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.inplace import check_writable, record_write
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from ..ops.axes import array_of
from ..ops.scalars import is_number, scalar_as
from . import size as _size
from .size import META, device, memory_format, require_supported

__all__ = [
    "empty", "empty_like", "empty_permuted", "empty_strided", "eye", "full", "full_like", "ones", "ones_like",
    "scalar_tensor", "zeros", "zeros_like",
]  # fmt: skip

# What all of them share -------------------------------------------------------------------------------------------


def new(array: Array, device: device = _size.CPU, requires_grad: bool = False) -> Any:
    """A leaf over ``array``, on cpu or meta. RuntimeError when its dtype cannot require a gradient."""
    if requires_grad and not dtypes.from_numpy(array.dtype).is_differentiable:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    if device is META:
        array = np.broadcast_to(np.zeros((), array.dtype), array.shape)
    result = make_result(array, meta=device is META)
    if requires_grad:
        result._requires_grad = True
    return result


def make(
    name: str,
    shape: tuple[int, ...],
    dtype: Any,
    fill: Callable[[tuple[int, ...], np.dtype[Any]], Array],
    *,
    default: Dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format | None = None,
    out: Any = None,
) -> Any:
    """A tensor whose array ``fill(shape, numpy dtype)`` gives; PyTorch's errors for sizes that cannot be.

    ``dtype`` None means that of ``out``, else ``default``, else the default dtype.
    """
    dtype = dtype_from(name, dtype, out.dtype if out is not None else default)
    target = require_supported(device)
    check_sizes(name, shape, dtype)
    if requires_grad and not dtype.is_differentiable:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    if target is META:
        return new(np.broadcast_to(np.zeros((), dtype.numpy), shape), META, requires_grad)
    try:
        array = fill(shape, dtype.numpy)
    except (MemoryError, ValueError) as error:
        if isinstance(error, ValueError) and "array is too big" not in str(error) and "dimension" not in str(error):
            raise
        raise out_of_memory(shape, dtype) from None
    if memory_format is not None:
        array = in_format(array, memory_format)
    if out is not None:
        return write_out(out, array)
    return new(array, target, requires_grad)


def check_sizes(name: str, shape: tuple[int, ...], dtype: Dtype) -> None:
    """RuntimeError for a negative size, or more bytes than can be counted."""
    for size in shape:
        if size < 0:
            if name in ("zeros", "ones", "full"):
                raise RuntimeError(f"{name}: Dimension size must be non-negative.")
            raise RuntimeError(f"Trying to create tensor with negative dimension {size}: {list(shape)}")
    if 0 not in shape and math.prod(shape) * dtype.itemsize >= 2**63:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)}")


def out_of_memory(shape: tuple[int, ...], dtype: Dtype) -> RuntimeError:
    count = math.prod(shape) * dtype.itemsize
    return RuntimeError(
        f"[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        f"allocate {count} bytes. Error code 12 (Cannot allocate memory)"
    )


def write_out(out: Any, array: Array) -> Any:
    """Put a result into the tensor given as ``out``, which takes its shape."""
    check_writable(out, False)
    if out.array.shape == array.shape:
        out.array[...] = array.astype(out.array.dtype, copy=False)
    else:
        out.array = array.astype(out.array.dtype, copy=False)
    record_write(out)
    return out


def in_format(array: Array, format: memory_format) -> Array:
    """The array in this memory format. RuntimeError when channels_last is asked of another rank than 4."""
    if format is _size.channels_last:
        if array.ndim != 4:
            raise RuntimeError("required rank 4 tensor to use channels_last format")
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(array) if format is _size.contiguous_format and array.ndim else array


def sizes_from(name: str, size: Any, named: dict[str, Any] | None = None) -> tuple[int, ...]:
    """Sizes given one by one, as one sequence, or by the name ``size``. TypeError for anything but integers."""
    if named:
        if size or set(named) != {"size"}:
            unexpected = next(each for each in named if each != "size" or size)
            raise TypeError(f"{name}() got an unexpected keyword argument '{unexpected}'")
        size = (named["size"],)
    if not size:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    if isinstance(size[0], (tuple, list)) and len(size) == 1:
        size = size[0]
    sizes = []
    for position, each in enumerate(size):
        if isinstance(each, (bool, np.bool_)) or (isinstance(each, Variable) and each.array.ndim):
            number = None
        else:
            try:
                number = operator.index(each)
            except TypeError:
                number = None
        if number is None:
            kind = type(each).__name__
            if position:
                raise TypeError(
                    f"{name}(): argument 'size' failed to unpack the object at pos {position + 1} with error \"type "
                    f'must be tuple of ints,but got {kind}"'
                )
            raise TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, not {kind}")
        sizes.append(number)
    return tuple(sizes)


def dtype_from(name: str, dtype: Any, default: Dtype | None = None) -> Dtype:
    """The dtype given, or the default one. TypeError for anything that is none."""
    if dtype is None:
        return dtypes.get_default_dtype() if default is None else default
    if not isinstance(dtype, Dtype) and dtype not in (float, int, bool, complex):
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    return dtypes.as_dtype(dtype)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A 0-dimensional tensor of the default dtype."""
    return full((), s, dtype=dtype_from("scalar_tensor", dtype), device=device, requires_grad=requires_grad)


# Filled with a number ---------------------------------------------------------------------------------------------


def zeros(
    *size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, **named: Any,
) -> Any:  # fmt: skip
    """Zeros of this shape, given as integers or one tuple; of the default dtype when ``dtype`` is None.

    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return make(
        "zeros", sizes_from("zeros", size, named), dtype, np.zeros,
        device=device, requires_grad=requires_grad, out=out,
    )  # fmt: skip


def ones(
    *size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, **named: Any,
) -> Any:  # fmt: skip
    """Ones of this shape; see :func:`zeros`.

    >>> torch.ones(2)
    tensor([1., 1.])
    """
    return make(
        "ones", sizes_from("ones", size, named), dtype, np.ones,
        device=device, requires_grad=requires_grad, out=out,
    )  # fmt: skip


def empty(
    *size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, memory_format: memory_format | None = None, **named: Any,
) -> Any:  # fmt: skip
    """A tensor of this shape whose elements are not set: they hold whatever was in the memory.

    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """
    return make(
        "empty", sizes_from("empty", size, named), dtype, np.empty,
        device=device, requires_grad=requires_grad, memory_format=memory_format, out=out,
    )  # fmt: skip


def full(
    size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """``fill_value`` everywhere; of the dtype that the number asks for when ``dtype`` is None.

    RuntimeError when the dtype cannot hold the number.

    >>> torch.full((2,), 7)
    tensor([7, 7])
    """
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    if isinstance(fill_value, Variable):
        dtype = dtype or fill_value.dtype
        fill_value = fill_value.item()  # type: ignore[attr-defined]
    if not is_number(fill_value):
        raise TypeError(
            f"full(): argument 'fill_value' (position 2) must be Number, not {type(fill_value).__name__}"
        )
    wanted = dtype_from("full", dtype, dtypes.of_scalar(fill_value))
    value = scalar_as(fill_value, wanted)
    return make(
        "full", sizes_from("full", (tuple(size),)), wanted, lambda shape, kind: np.full(shape, value, kind),
        device=device, requires_grad=requires_grad, out=out,
    )  # fmt: skip


def eye(
    n: int, m: int | None = None, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """The identity matrix: (n, m) with ones on the diagonal; m is n when None.

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    for name, size in (("n", n), ("m", 0 if m is None else m)):
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    return make(
        "eye", (n, n if m is None else m), dtype,
        lambda shape, kind: np.eye(*shape, dtype=kind), device=device, requires_grad=requires_grad, out=out,
    )  # fmt: skip


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Any:  # fmt: skip
    """A tensor of these sizes and strides (in elements) whose elements are not set."""
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")

    def fill(shape: tuple[int, ...], kind: np.dtype[Any]) -> Array:
        count = 0 if 0 in shape else 1 + sum((n - 1) * step for n, step in zip(shape, stride))
        steps = [step * kind.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(np.empty(count, kind), shape, steps)

    return make(
        "empty_strided", sizes_from("empty_strided", (tuple(size),)), dtype, fill,
        device=device, requires_grad=requires_grad,
    )  # fmt: skip


def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Any:
    """A tensor whose elements are not set and whose axes lie in memory in the order ``physical_layout``."""
    strides, step = [0] * len(size), 1
    for axis in reversed(physical_layout):
        strides[axis] = step
        step *= size[axis]
    return empty_strided(size, strides, **options)


# Like another -----------------------------------------------------------------------------------------------------


def array_like(input: Any, dtype: Dtype, format: Any) -> Array:
    """An uninitialised array of the input's shape, in its layout (``preserve_format``) or another."""
    array = array_of(input)
    if format is None or format is _size.preserve_format:
        return np.empty_like(array, dtype.numpy, order="K", subok=False)
    if format is _size.channels_last and array.ndim == 4:
        n, c, h, w = array.shape
        return np.empty((n, h, w, c), dtype.numpy).transpose(0, 3, 1, 2)
    return in_format(np.empty(array.shape, dtype.numpy), format)


def filled_like(
    name: str, input: Any, value: Any, dtype: Any, device: Any, requires_grad: bool, format: Any
) -> Any:
    """A tensor of the input's shape and, unless given, its dtype, device and layout; ``value`` None leaves it unset."""
    if not isinstance(input, Variable):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    wanted = dtype_from(name, dtype, input.dtype)
    target = require_supported(device) if device is not None else META if input.meta else _size.CPU
    if target is META:
        return new(np.broadcast_to(np.zeros((), wanted.numpy), input.array.shape), META, requires_grad)
    number = None if value is None else scalar_as(value, wanted)
    array = array_like(input, wanted, format)
    if number is not None:
        array[...] = number
    return new(array, target, requires_grad)


def zeros_like(
    input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: memory_format | None = None,
) -> Any:  # fmt: skip
    """Zeros of the shape, dtype, device and layout of ``input``, unless others are given.

    >>> torch.zeros_like(torch.ones(2, dtype=torch.int32))
    tensor([0, 0], dtype=torch.int32)
    """
    return filled_like("zeros_like", input, 0, dtype, device, requires_grad, memory_format)


def ones_like(
    input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: memory_format | None = None,
) -> Any:  # fmt: skip
    """Ones of the shape, dtype, device and layout of ``input``, unless others are given."""
    return filled_like("ones_like", input, 1, dtype, device, requires_grad, memory_format)


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: memory_format | None = None,
) -> Any:  # fmt: skip
    """``fill_value`` everywhere, in the shape, dtype, device and layout of ``input`` unless others are given."""
    if isinstance(fill_value, Variable):
        fill_value = fill_value.item()  # type: ignore[attr-defined]
    return filled_like("full_like", input, fill_value, dtype, device, requires_grad, memory_format)


def empty_like(
    input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: memory_format | None = None,
) -> Any:  # fmt: skip
    """A tensor of the shape, dtype, device and layout of ``input`` whose elements are not set."""
    return filled_like("empty_like", input, None, dtype, device, requires_grad, memory_format)
