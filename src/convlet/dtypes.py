"""Element types: PyTorch's names over NumPy's types. Imports nothing but NumPy."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np


class dtype:
    """An element type such as ``convlet.float32``; compare with ``is`` or ``==``.

    ``numpy`` is the NumPy type, ``itemsize`` its bytes; ``is_floating_point``, ``is_complex`` and ``is_signed``
    say what it holds. ``bfloat16`` needs the ml_dtypes package (``pip install 'convlet[bfloat16]'``): without it the
    first use raises ImportError.

    >>> torch.float32, torch.float32.itemsize, torch.int64.is_floating_point
    (torch.float32, 4, False)
    """

    def __init__(self, name: str, itemsize: int, kind: str, scalar_name: str, cpp_name: str) -> None:
        self.name = name
        self.itemsize = itemsize
        self.kind = kind  # 'b' bool, 'u' unsigned, 'i' signed, 'f' floating, 'c' complex; in promotion order
        self.scalar_name = scalar_name  # as in "expected scalar type Float"
        self.cpp_name = cpp_name  # as in "Input type (float)"
        self.rank = "buifc".index(kind)
        self.is_floating_point = kind == "f"
        self.is_complex = kind == "c"
        self.is_signed = kind in "ifc"
        self.is_differentiable = kind in "fc"

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy type; the first use of bfloat16 imports ml_dtypes."""
        if self.name != "bfloat16":
            return np.dtype(self.name)
        try:
            import ml_dtypes
        except ImportError as error:
            raise ImportError(
                "bfloat16 needs the ml_dtypes package; install it with: pip install 'convlet[bfloat16]'"
            ) from error
        return np.dtype(ml_dtypes.bfloat16)

    @property
    def tensor_type(self) -> str:
        """PyTorch's old name of a CPU tensor of this type, as it stands in error messages."""
        return f"torch.{self.scalar_name}Tensor"

    def to_real(self) -> dtype:
        """The type of the real part (itself when it is not complex)."""
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> dtype:
        """The complex type of this precision."""
        return complex128 if self in (float64, complex128) else complex64

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return (from_name, (self.name,))


float32 = dtype("float32", 4, "f", "Float", "float")
float64 = dtype("float64", 8, "f", "Double", "double")
float16 = dtype("float16", 2, "f", "Half", "c10::Half")
bfloat16 = dtype("bfloat16", 2, "f", "BFloat16", "c10::BFloat16")
complex64 = dtype("complex64", 8, "c", "ComplexFloat", "c10::complex<float>")
complex128 = dtype("complex128", 16, "c", "ComplexDouble", "c10::complex<double>")
uint8 = dtype("uint8", 1, "u", "Byte", "unsigned char")
int8 = dtype("int8", 1, "i", "Char", "signed char")
int16 = dtype("int16", 2, "i", "Short", "short int")
int32 = dtype("int32", 4, "i", "Int", "int")
int64 = dtype("int64", 8, "i", "Long", "long int")
bool_ = dtype("bool", 1, "b", "Bool", "bool")

ALL = (float32, float64, float16, bfloat16, complex64, complex128, uint8, int8, int16, int32, int64, bool_)
BY_NAME = {each.name: each for each in ALL}
ALIASES = {
    "float": float32, "double": float64, "half": float16, "cfloat": complex64, "cdouble": complex128,
    "short": int16, "int": int32, "long": int64, "bool": bool_,
}  # fmt: skip

_by_numpy: dict[np.dtype[Any], dtype] = {each.numpy: each for each in ALL if each is not bfloat16}
_default = float32


def from_name(name: str) -> dtype:
    """The type of this name: 'float32'."""
    return BY_NAME[name]


def from_numpy(numpy_dtype: np.dtype[Any]) -> dtype:
    """The type that holds what ``numpy_dtype`` holds. TypeError when there is none."""
    found = _by_numpy.get(numpy_dtype)
    if found is None:
        found = BY_NAME.get(numpy_dtype.name)
        if found is None:
            raise TypeError(
                f"can't convert np.ndarray of type numpy.{numpy_dtype.type.__name__}. The only supported types are: "
                "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool."
            )
        _by_numpy[numpy_dtype] = found
    return found


def as_dtype(value: Any) -> dtype:
    """The dtype meant by a dtype or by one of Python's ``float``, ``int``, ``bool``, ``complex``."""
    if isinstance(value, dtype):
        return value
    python = {float: float64, int: int64, bool: bool_, complex: complex128}
    if value in python:
        return python[value]
    raise TypeError(f"dtype must be a convlet dtype such as convlet.float32, but got {value!r}")


def get_default_dtype() -> dtype:
    """The dtype of new floating-point tensors (float32 at the start)."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make ``d`` (a floating dtype) the type of new floating-point tensors. TypeError for any other dtype."""
    global _default
    d = as_dtype(d)
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default = d


def default_complex() -> dtype:
    """The complex type of the default dtype's precision."""
    return _default.to_complex()


# Promotion --------------------------------------------------------------------------------------------------------

_FLOATS = (float16, bfloat16, float32, float64)
_SIGNED = (int8, int16, int32, int64)


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest type that both convert to, by PyTorch's table.

    A floating type always wins over an integer one and keeps its own width; float16 with bfloat16 gives float32;
    uint8 with a signed type gives the signed type that holds both.

    >>> torch.promote_types(torch.int64, torch.float16)
    torch.float16
    """
    if a is b:
        return a
    if a.rank > b.rank:
        a, b = b, a  # now b is of the higher kind
    if b.kind == "c":
        wide = b is complex128 or a is float64 or a is complex128
        return complex128 if wide else complex64
    if b.kind == "f":
        if a.kind != "f":
            return b
        if {a, b} == {float16, bfloat16}:
            return float32
        return max(a, b, key=_FLOATS.index)
    if a.kind == "b":
        return b
    if a.kind == "u":  # uint8 with a signed type
        return int16 if b is int8 else b
    return max(a, b, key=_SIGNED.index)


def of_scalar(value: Any) -> dtype:
    """The type a Python scalar stands for: bool, int64, the default float or complex type."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        return default_complex()
    raise TypeError(f"expected a number, but got {type(value).__name__}")
