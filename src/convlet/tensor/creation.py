"""New tensors: from data, filled with a number, from a range."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.inplace import check_writable, record_write
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from ..ops.axes import array_of
from ..ops.conversion import cast
from ..ops.scalars import is_number, scalar_as
from . import size as _size
from .fma import fma
from .size import META, device, memory_format, require_supported

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "empty_permuted", "empty_strided", "eye", "from_dlpack",
    "from_numpy", "frombuffer", "full", "full_like", "linspace", "logspace", "ones", "ones_like", "range",
    "scalar_tensor", "tensor", "tril_indices", "triu_indices", "vander", "zeros", "zeros_like",
]  # fmt: skip

_COPY_WARNING = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor)."
)


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


# From data --------------------------------------------------------------------------------------------------------


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Any:
    """A tensor with a copy of ``data``: numbers, nested lists of them, a NumPy array.

    Without ``dtype``: bool, int64, the default floating or complex dtype, by the highest kind in the data; of a NumPy
    array or number its own. ValueError for rows of different lengths, TypeError and RuntimeError for data that are no
    numbers or do not fit the dtype.

    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> torch.tensor([1, 2.5])
    tensor([1.0000, 2.5000])
    """
    target = require_supported(device)
    if isinstance(data, Variable):
        warnings.warn(_COPY_WARNING.format("torch.tensor"), UserWarning, stacklevel=2)
        wanted = dtype_from("tensor", dtype, data.dtype)
        array = array_of(cast(data.detach(), wanted))
        return new(array.copy() if array is data.array else array, META if data.meta else target, requires_grad)
    wanted = None if dtype is None else dtype_from("tensor", dtype)
    return new(array_from(data, wanted), target, requires_grad)


def array_from(data: Any, dtype: Dtype | None) -> Array:
    """A new array with the numbers in ``data``, in ``dtype`` or the one they ask for."""
    if isinstance(data, np.ndarray):
        found = dtypes.from_numpy(data.dtype.newbyteorder("="))
        return _converted(np.array(data, found.numpy, order="C"), dtype or found)
    if isinstance(data, np.generic):
        found = dtypes.from_numpy(data.dtype)
        return _converted(np.array(data), dtype or found)
    if is_number(data):
        return _numbers(data, {type(data)}, dtype)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if not _is_sequence(data):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    return _numbers(data, _leaf_types(data), dtype)


def _is_sequence(data: Any) -> bool:
    return hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, (dict, Variable))


def _leaf_types(data: Any) -> set[type]:
    """The types of the numbers in nested sequences."""
    kinds = set(map(type, data))
    leaves = {kind for kind in kinds if issubclass(kind, (int, float, complex, np.generic))}
    for each in data if len(leaves) < len(kinds) else ():
        kind = type(each)
        if kind in leaves:
            continue
        if isinstance(each, (str, bytes)):
            only = all(issubclass(other, str) for other in kinds)
            raise ValueError("too many dimensions 'str'") if only else TypeError(
                f"new(): invalid data type '{kind.__name__}'"
            )
        if isinstance(each, Variable):
            if each.array.size != 1:
                raise ValueError("only one element tensors can be converted to Python scalars")
            leaves = leaves | {kind}
        elif isinstance(each, np.ndarray):
            leaves = leaves | {each.dtype.type}
        elif _is_sequence(each):
            leaves = leaves | _leaf_types(each)
        else:
            raise RuntimeError(f"Could not infer dtype of {kind.__name__}")
    return leaves


_SLOW = (
    "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a "
    "single numpy.ndarray with numpy.array() before converting to a tensor."
)
_PYTHON_KINDS = (bool, int, float, complex)


def _numbers(data: Any, kinds: set[type], dtype: Dtype | None) -> Array:
    """The array of Python and NumPy numbers (and one-element tensors) in nested sequences."""
    found: Dtype | None = None
    plain = data
    for kind in kinds:
        if issubclass(kind, Variable):
            tensors = _tensor_dtypes(data)
            found = tensors if found is None else dtypes.promote_types(found, tensors)
            plain = _without_tensors(data)
            continue
        if kind in _PYTHON_KINDS or not issubclass(kind, np.generic):
            base = next(each for each in _PYTHON_KINDS if issubclass(kind, each))
            this = dtypes.of_scalar(base())
        else:
            this = dtypes.from_numpy(np.dtype(kind))
        found = this if found is None else dtypes.promote_types(found, this)
    if found is None:  # no numbers at all
        found = dtypes.get_default_dtype()
    if _is_sequence(data) and any(isinstance(each, np.ndarray) for each in data):
        warnings.warn(_SLOW, UserWarning, stacklevel=4)
    wanted = dtype or found
    if found.is_complex and not wanted.is_complex:
        raise TypeError("must be real number, not complex")
    try:
        array = np.array(plain)
    except ValueError:
        raise _ragged(data, found) from None
    if array.dtype == object or array.dtype == np.uint64 or (array.dtype.kind == "f" and found.kind in "biu"):
        _check_shape(data, found)
        if array.size and found.kind in "biu":
            raise ValueError("Overflow when unpacking long long")
        array = array.astype(found.numpy)
    return _converted(array, wanted)


def _tensor_dtypes(data: Any) -> Dtype:
    if isinstance(data, Variable):
        return data.dtype
    found: Dtype | None = None
    for each in data:
        if isinstance(each, Variable) or (_is_sequence(each) and not isinstance(each, np.ndarray)):
            if not isinstance(each, Variable) and not any(issubclass(kind, Variable) for kind in _leaf_types(each)):
                continue
            this = _tensor_dtypes(each)
            found = this if found is None else dtypes.promote_types(found, this)
    return dtypes.get_default_dtype() if found is None else found


def _without_tensors(data: Any) -> Any:
    if isinstance(data, Variable):
        return data.array.reshape(()).item() if data.dtype is not dtypes.bfloat16 else float(data.array.reshape(()))
    if isinstance(data, np.ndarray) or not _is_sequence(data):
        return data
    return [_without_tensors(each) for each in data]


def _ragged(data: Any, dtype: Dtype) -> Exception:
    try:
        _check_shape(data, dtype)
    except (ValueError, TypeError) as error:
        return error
    return ValueError("expected sequences of equal length")


def _check_shape(data: Any, dtype: Dtype) -> None:
    """ValueError for rows of different lengths, TypeError for numbers among rows: by the lengths of the first rows."""
    lengths = []
    first = data
    while _is_sequence(first) and not isinstance(first, (str, bytes)):
        lengths.append(len(first))
        if not len(first):
            break
        first = first[0]

    def check(part: Any, depth: int) -> None:
        if depth == len(lengths):
            if _is_sequence(part):
                kind = type(part).__name__
                raise TypeError(
                    f"must be real number, not {kind}"
                    if dtype.is_floating_point or dtype.is_complex
                    else f"'{kind}' object cannot be interpreted as an integer"
                )
            return
        if not _is_sequence(part):
            raise TypeError("not a sequence")
        if len(part) != lengths[depth]:
            raise ValueError(f"expected sequence of length {lengths[depth]} at dim {depth} (got {len(part)})")
        for each in part:
            check(each, depth + 1)

    check(data, 0)


def _converted(array: Array, dtype: Dtype) -> Array:
    """The array in ``dtype``. RuntimeError for numbers that an integer dtype cannot hold."""
    wanted = dtype.numpy
    if array.dtype == wanted:
        return array
    if dtype.kind in "ui" and array.size:
        kind = array.dtype.kind
        limits = np.iinfo(wanted)
        low = -limits.max if dtype.kind == "u" else limits.min
        values = array.astype(np.float64) if kind == "V" else array
        if kind in "fV" and not np.isfinite(values).all():
            fits = False
        else:
            fits = bool(values.min() >= low and values.max() <= limits.max)
        if not fits:
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
        return array.astype(np.int64).astype(wanted)
    with np.errstate(over="ignore"):
        return array.astype(wanted)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """``data`` as a tensor without a copy where that is possible: a tensor or NumPy array of the right dtype.

    A tensor keeps its history. Errors as for :func:`tensor`.

    >>> x = np.zeros(2)
    >>> torch.as_tensor(x)[0] = 1
    >>> x.tolist()
    [1.0, 0.0]
    """
    if isinstance(data, Variable):
        target = require_supported(device) if device is not None else None
        result = data if dtype is None else cast(data, dtype_from("as_tensor", dtype))
        return result if target is None else result.to(target)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        result = from_numpy(data)
        wanted = dtype_from("as_tensor", dtype, result.dtype)
        result = cast(result, wanted)
        return result if device is None else result.to(require_supported(device))
    return tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Any:
    """``obj`` as a tensor: shared memory for tensors, arrays, DLPack and buffers, unless ``copy`` is True.

    With ``copy`` False, ValueError where a copy would be needed.
    """
    shares = isinstance(obj, (Variable, np.ndarray)) or hasattr(obj, "__dlpack__")
    if not shares and copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    if not shares:
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    source = obj if isinstance(obj, (Variable, np.ndarray)) else from_dlpack(obj)
    result = as_tensor(source, dtype, device)
    same = np.may_share_memory(result.array, source.array if isinstance(source, Variable) else source)
    if copy is False and not same:
        raise ValueError("can't alias tensor with dtype or device of another: pass copy=None")
    if copy and same:
        result = new(result.array.copy())
    elif result is obj and requires_grad != result.requires_grad:
        result = result.detach()
    if requires_grad and not result.requires_grad:
        result.requires_grad_(True)
    return result


_READ_ONLY = (
    "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to "
    "this tensor will result in undefined behavior. You may want to copy the array to protect its data or make it "
    "writable before converting it to a tensor. (Convlet raises an error when it is written to.)"
)


def from_numpy(ndarray: Any) -> Any:
    """A tensor over the memory of a NumPy array.

    TypeError for what is no array or has a dtype without equal, ValueError for negative strides, another byte order
    or strides that are no multiple of the element; warns of a read-only array.

    >>> torch.from_numpy(np.arange(3))
    tensor([0, 1, 2])
    """
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"expected np.ndarray (got {name})")
    if not ndarray.flags.writeable:
        warnings.warn(_READ_ONLY, UserWarning, stacklevel=2)
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    dtypes.from_numpy(ndarray.dtype)
    if any(stride % ndarray.itemsize for stride in ndarray.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the "
            "memory."
        )
    if any(stride < 0 and size > 1 for stride, size in zip(ndarray.strides, ndarray.shape)):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array  with "
            "array.copy().) "
        )
    return make_result(ndarray.view(np.ndarray))


def from_dlpack(ext_tensor: Any) -> Any:
    """A tensor over the memory of any object that speaks DLPack (NumPy, PyTorch, JAX, CuPy on the CPU, ...)."""
    if isinstance(ext_tensor, Variable):
        return ext_tensor.detach()
    return make_result(np.from_dlpack(ext_tensor))


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Any:
    """A tensor over the memory of a buffer, from byte ``offset`` on, of ``count`` elements (all for -1).

    ValueError when the buffer has not that many bytes, or a length that is no multiple of the element.
    """
    wanted = dtype_from("frombuffer", dtype)
    memory = memoryview(buffer)
    length, size = memory.nbytes, wanted.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0 and (length - offset) % size:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size "
            f"({size})"
        )
    if count > 0 and offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({length} bytes)"
        )
    if memory.readonly:
        warnings.warn(_READ_ONLY.replace("NumPy array", "buffer"), UserWarning, stacklevel=2)
    return new(np.frombuffer(buffer, wanted.numpy, count, offset), requires_grad=requires_grad)


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


# Ranges -----------------------------------------------------------------------------------------------------------


def _number(name: str, argument: str, position: int, value: Any) -> Any:
    if isinstance(value, Variable):
        return value.item()  # type: ignore[attr-defined]
    if isinstance(value, np.generic):
        return value.item()
    if not is_number(value):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Number, not {type(value).__name__}"
        )
    return value


def arange(
    *bounds: Any, start: Any = None, end: Any = None, step: Any = None, out: Any = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """``start, start + step, ...`` up to but without ``end``: ceil((end - start) / step) elements.

    ``arange(end)``, ``arange(start, end)`` or ``arange(start, end, step)``; int64 when all are integers, else the
    default dtype. RuntimeError for a step of 0 or of the wrong sign and for bounds that are not finite.

    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if len(bounds) > 3:
        raise TypeError("arange() takes from 1 to 3 positional arguments")
    if len(bounds) == 1:
        if end is None and start is None:
            end = bounds[0]
        elif end is None:
            raise TypeError("arange() received an invalid combination of arguments: start was given twice")
        else:
            start = bounds[0]
    elif bounds:
        start, end = bounds[:2]
        step = bounds[2] if len(bounds) == 3 else step
    if end is None:
        raise TypeError('arange() missing 1 required positional arguments: "end"')
    tensors = [each.dtype for each in (start, end, step) if isinstance(each, Variable)]
    first = _number("arange", "start", 1, 0 if start is None else start)
    last = _number("arange", "end", 1, end)
    by = _number("arange", "step", 3, 1 if step is None else step)
    whole = all(isinstance(each, int) for each in (first, last, by)) and not any(
        each.is_floating_point for each in tensors
    )
    default = out.dtype if out is not None else dtypes.int64 if whole else None
    wanted = dtype_from("arange", dtype, default)
    if wanted.kind in "bc":
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{wanted.scalar_name}'")
    if wanted.kind in "ui":
        first, last, by = (int(each) if math.isfinite(each) else each for each in (first, last, by))
    if by == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"unsupported range: {_short(first)} -> {_short(last)}")
    if (last - first) * (1 if by > 0 else -1) < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    whole = all(isinstance(each, int) for each in (first, last, by))
    count = -((first - last) // by) if whole else math.ceil((float(last) - float(first)) / float(by))
    return make(
        "arange", (count,), wanted, lambda shape, kind: _progression(first, by, count, kind), device=device,
        requires_grad=requires_grad, out=out,
    )  # fmt: skip


def _short(value: Any) -> str:
    return f"{value:g}"


def _progression(start: Any, step: Any, count: int, kind: np.dtype[Any]) -> Array:
    """``start + i step`` as PyTorch rounds it: in double, but in blocks of one AVX2 register from a rounded start."""
    if kind.kind in "ui":
        with np.errstate(over="ignore"):
            return (np.arange(count, dtype=np.int64) * step + start).astype(kind)
    places = np.arange(count, dtype=np.float64)
    start, step = float(start), float(step)
    result = fma(places, step, start).astype(kind)
    lanes = 32 // kind.itemsize
    blocks = count - count % (2 * lanes)
    if blocks:
        lane = places[:blocks] % lanes
        first = fma(places[:blocks] - lane, step, start).astype(kind).astype(np.float64)
        result[:blocks] = (first + lane * step).astype(kind)
    return result


def range(start: Any, end: Any = None, step: Any = 1, **options: Any) -> Any:
    """``start, start + step, ...`` up to ``end`` included, in the default dtype. Deprecated: use :func:`arange`."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    if end is None:
        start, end = 0, start
    count = math.floor((end - start) / step) + 1
    dtype = options.pop("dtype", None)
    return make("range", (count,), dtype, lambda shape, kind: _progression(start, step, count, kind), **options)


def linspace(
    start: Any, end: Any, steps: int, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """``steps`` numbers from ``start`` to ``end``, both included, evenly spaced.

    RuntimeError for a negative number of steps.

    >>> torch.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    first, last = _end_points("linspace", start, end)
    default = dtypes.default_complex() if isinstance(first, complex) or isinstance(last, complex) else None
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return make(
        "linspace", (steps,), dtype, lambda shape, kind: _evenly(first, last, steps, kind), default=default,
        device=device, requires_grad=requires_grad, out=out,
    )  # fmt: skip


def _end_points(name: str, start: Any, end: Any) -> tuple[Any, Any]:
    ranks = [each.array.ndim if isinstance(each, Variable) else 0 for each in (start, end)]
    if any(ranks):
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got start with {ranks[0]} dimension(s) and "
            f"end with {ranks[1]} dimension(s)."
        )
    return _number(name, "start", 1, start), _number(name, "end", 2, end)


def _evenly(start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> Array:
    """From both ends to the middle, each number one fused multiply-add in the element's type, as PyTorch has it."""
    if steps == 1:
        return np.array([start]).astype(kind)
    if kind.kind == "c":
        real = np.dtype(np.float32 if kind.itemsize == 8 else np.float64)
        result = np.empty(steps, kind)
        first, last = complex(start), complex(end)
        result.real, result.imag = (
            _evenly(a, b, steps, real) for a, b in ((first.real, last.real), (first.imag, last.imag))
        )
        return result
    places = np.arange(steps)
    below = places < steps // 2
    if kind.kind in "ui":
        first, last = int(start), int(end)
        step = np.float32((last - first) / (steps - 1))
        up = first + (step * places.astype(np.float32)).astype(np.float32)
        down = last - (step * (steps - 1 - places).astype(np.float32)).astype(np.float32)
        return np.where(below, up, down).astype(np.int64).astype(kind)
    compute = np.dtype(np.float64) if kind == np.float64 else np.dtype(np.float32)
    first, last = compute.type(np.array(start).astype(kind)), compute.type(np.array(end).astype(kind))
    step = compute.type(((last - first) / compute.type(max(steps - 1, 1))).astype(kind))
    up = fma(places.astype(compute), float(step), float(first))
    down = fma((steps - 1 - places).astype(compute), -float(step), float(last))
    return np.where(below, up, down).astype(kind)


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """``base`` to the power of ``steps`` numbers evenly spaced from ``start`` to ``end``.

    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    first, last = _end_points("logspace", start, end)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")

    def fill(shape: tuple[int, ...], kind: np.dtype[Any]) -> Array:
        compute = np.dtype(np.float64) if kind.kind in "uiV" or kind.itemsize in (2, 8) else kind
        powers = np.power(compute.type(base), _evenly(first, last, steps, compute))
        return (np.round(powers, 9) if kind.kind in "ui" else powers).astype(kind)

    return make("logspace", (steps,), dtype, fill, device=device, requires_grad=requires_grad, out=out)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Any:
    """The rows and columns (two rows of the result, int64) of the lower triangle of a (row, col) matrix."""
    return _triangle("tril_indices", np.tril_indices(row, offset, col), dtype, device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Any:
    """The rows and columns (two rows of the result, int64) of the upper triangle of a (row, col) matrix."""
    return _triangle("triu_indices", np.triu_indices(row, offset, col), dtype, device)


def _triangle(name: str, places: tuple[Array, Array], dtype: Any, device: Any) -> Any:
    wanted = dtype_from(name, dtype, dtypes.int64)
    return new(np.stack(places).astype(wanted.numpy), require_supported(device))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix of the powers of a vector: column j holds ``x ** (N - 1 - j)``, or ``x ** j`` when increasing."""
    return make_result(np.vander(array_of(x), N, increasing))
