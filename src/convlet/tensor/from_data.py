"""Tensors from data: copies of nested lists and arrays, and tensors over memory that something else owns."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from ..ops.axes import array_of
from ..ops.conversion import cast
from ..ops.scalars import is_number
from .creation import dtype_from, new
from .size import META, require_supported

__all__ = ["as_tensor", "asarray", "from_dlpack", "from_numpy", "frombuffer", "tensor"]

_COPY_WARNING = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor)."
)


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
    return new(array_from(data, None if dtype is None else dtype_from("tensor", dtype)), target, requires_grad)


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
        return result if target is None else result.to(target)  # type: ignore[union-attr]
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
    return _shared(make_result(ndarray.view(np.ndarray)))


def _shared(tensor: Any) -> Any:
    """The tensor, whose memory others can write to unseen."""
    tensor._version.storage.share()
    return tensor


def from_dlpack(ext_tensor: Any) -> Any:
    """A tensor over the memory of any object that speaks DLPack (NumPy, PyTorch, JAX, CuPy on the CPU, ...)."""
    if isinstance(ext_tensor, Variable):
        return ext_tensor.detach()
    return _shared(make_result(np.from_dlpack(ext_tensor)))


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
    return _shared(new(np.frombuffer(buffer, wanted.numpy, count, offset), requires_grad=requires_grad))
