"""Convlet: PyTorch's convolution stack for NumPy, in pure Python. ``import convlet as torch``."""

import importlib as _importlib
from typing import Any as _Any

from . import autograd
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .dtypes import (
    bfloat16,
    complex64,
    complex128,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from .dtypes import bool_ as bool
from .tensor import Tensor
from .tensor.limits import finfo, iinfo
from .tensor.size import (
    Size,
    channels_last,
    contiguous_format,
    device,
    layout,
    memory_format,
    preserve_format,
    strided,
)

float = float32
double = float64
half = float16
cfloat = complex64
cdouble = complex128
short = int16
int = int32
long = int64
pi, e, inf, nan, newaxis = 3.141592653589793, 2.718281828459045, _importlib.import_module("math").inf, None, None
nan = inf - inf

__version__ = "0.1.0"

# TEMPORARY while the files appear: replaced by plain imports.
import pkgutil as _pkgutil  # noqa: E402

from . import ops as _ops  # noqa: E402

for _info in _pkgutil.iter_modules(_ops.__path__):
    try:
        _module = _importlib.import_module(f".ops.{_info.name}", __name__)
    except ImportError as _error:
        print("TEMPORARY:", _info.name, _error)
        continue
    globals().update({_n: getattr(_module, _n) for _n in getattr(_module, "__all__", ()) if hasattr(_module, _n)})
for _name in ("creation", "random_tensors", "legacy", "printing"):
    try:
        _module = _importlib.import_module(f".tensor.{_name}", __name__)
    except ImportError:
        continue
    globals().update({_n: getattr(_module, _n) for _n in getattr(_module, "__all__", ()) if hasattr(_module, _n)})

_LAZY = (
    "backends", "conv", "cuda", "datasets", "explain", "interop", "io", "models", "nn", "optim", "runtime", "utils",
)  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name in _LAZY:
        return _importlib.import_module(f".{name}", __name__)
    if name in ("save", "load"):
        return getattr(_importlib.import_module(".io", __name__), name)
    if name in ("get_num_threads", "set_num_threads"):
        return getattr(_importlib.import_module(".runtime.threads", __name__), name)
    raise AttributeError(f"module 'convlet' has no attribute {name!r}")
