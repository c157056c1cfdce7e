"""The limits of the numeric types: ``finfo`` and ``iinfo``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import dtype as Dtype


class finfo:
    """Limits of a floating (or, by its real part, complex) dtype; the default dtype when none is given.

    ``bits``, ``eps`` (spacing at 1), ``max``, ``min``, ``tiny`` = ``smallest_normal``, ``resolution``, ``dtype``.
    TypeError for an integer dtype.

    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: Dtype | None = None) -> None:
        dtype = dtypes.get_default_dtype() if type is None else type
        if not dtype.is_differentiable:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{dtype}'")
        real = dtype.to_real()
        info: Any
        if real is dtypes.bfloat16:
            import ml_dtypes

            info = ml_dtypes.finfo(real.numpy)
        else:
            info = np.finfo(real.numpy)
        self.bits = real.itemsize * 8
        self.eps = float(info.eps)
        self.max = float(info.max)
        self.min = float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = float(info.resolution)
        self.dtype = real.name

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny", "dtype")
        return f"finfo({', '.join(f'{name}={_short(getattr(self, name))}' for name in names)})"


class iinfo:
    """Limits of an integer dtype: ``bits``, ``max``, ``min``, ``dtype``. TypeError for any other.

    >>> torch.iinfo(torch.int8).max
    127
    """

    def __init__(self, type: Dtype) -> None:
        if type.kind not in "iu":
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        info = np.iinfo(type.numpy)
        self.bits = type.itemsize * 8
        self.max, self.min = int(info.max), int(info.min)
        self.dtype = type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"
