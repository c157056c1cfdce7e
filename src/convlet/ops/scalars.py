"""Python numbers on their way into a tensor of a given dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import dtype as Dtype

_C_NAMES = {
    "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t",
    "float32": "float", "float64": "double", "complex64": "c10::complex<float>",
}  # fmt: skip


def is_number(value: Any) -> bool:
    """Whether this is a Python or NumPy number."""
    return isinstance(value, (int, float, complex, np.number, np.bool_))


def scalar_as(value: Any, dtype: Dtype) -> Any:
    """A number as a 0-dimensional array of ``dtype``, truncated like C.

    ValueError for an integer beyond int64, RuntimeError for a value that the dtype cannot hold (a negative one wraps
    around in uint8, an infinity stays one in floating types).
    """
    number = value.item() if isinstance(value, (np.number, np.bool_)) else value
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise ValueError("Overflow when unpacking long long")
    if not _fits(number, dtype):
        raise RuntimeError(
            f"value cannot be converted to type {_C_NAMES.get(dtype.name, dtype.cpp_name)} without overflow"
        )
    if isinstance(number, complex) and not dtype.is_complex:
        number = number.real
    if dtype.kind in "ui":
        return np.array(int(number), np.int64).astype(dtype.numpy)
    with np.errstate(over="ignore"):
        return np.array(number).astype(dtype.numpy)


def _fits(number: complex, dtype: Dtype) -> bool:
    if dtype.kind == "b":
        return True
    if isinstance(number, complex):
        if dtype.is_complex:
            return all(_fits(part, dtype.to_real()) for part in (number.real, number.imag))
        if number.imag:
            return False
        number = number.real
    if dtype.kind in "ui":
        if not math.isfinite(number):
            return False
        limits = np.iinfo(dtype.numpy)
        return -limits.max <= number <= limits.max if dtype.kind == "u" else limits.min <= number <= limits.max
    if dtype.name in ("float32", "complex64") and math.isfinite(number):
        return abs(number) <= 3.4028234663852886e38
    return True
