"""Convlet: PyTorch's convolution stack for NumPy, in pure Python. ``import convlet as torch``.

This file is the face: it gives the names of PyTorch's ``torch`` module and computes nothing. ``nn``, ``optim`` and the
other submodules below are imported when first used.
"""

from importlib import import_module as _import_module
from math import e, inf, nan, pi
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
from .conv.precision import convolution_precision, get_convolution_precision, set_convolution_precision
from .determinism import (
    are_deterministic_algorithms_enabled,
    is_deterministic_algorithms_warn_only_enabled,
    use_deterministic_algorithms,
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
from .ops.activation import *
from .ops.blending import *
from .ops.comparison import *
from .ops.complex_numbers import *
from .ops.conversion import *
from .ops.convolution import *
from .ops.distances import *
from .ops.einsum import *
from .ops.elementwise import *
from .ops.extremes import *
from .ops.gathering import *
from .ops.indexing import *
from .ops.joining import *
from .ops.linalg import *
from .ops.losses import *
from .ops.matrices import *
from .ops.norm import *
from .ops.padding import *
from .ops.pooling import *
from .ops.powers import *
from .ops.rearranging import *
from .ops.reduction import *
from .ops.scan import *
from .ops.selection import *
from .ops.shape import *
from .ops.softmax import *
from .ops.sorting import *
from .ops.statistics import *
from .ops.strided import *
from .ops.subscripts import *
from .ops.two_operands import *
from .ops.unary import *
from .tensor import Tensor
from .tensor.creation import *
from .tensor.from_data import *
from .tensor.functions import *
from .tensor.legacy import *
from .tensor.limits import finfo, iinfo
from .tensor.out import NAMES as _TAKE_OUT
from .tensor.out import takes_out as _takes_out
from .tensor.printing import get_printoptions, printoptions, set_printoptions
from .tensor.random_tensors import *
from .tensor.ranges import *
from .tensor.shaping import *
from .tensor.size import (
    Size,
    channels_last,
    channels_last_3d,
    contiguous_format,
    device,
    layout,
    memory_format,
    preserve_format,
    strided,
)

# As functions of torch, but not as methods, these can write into a tensor that is there already.
globals().update({_name: _takes_out(globals()[_name]) for _name in _TAKE_OUT})

# Last, since they are also the names of Python's own types.
float = float32
double = float64
half = float16
cfloat = complex64
cdouble = complex128
short = int16
int = int32
long = int64
from .dtypes import bool_ as bool  # noqa: E402

newaxis = None
__version__ = "0.1.0"

_SUBMODULES = frozenset(
    [
        "amp",
        "ao",
        "backends",
        "conv",
        "cuda",
        "datasets",
        "interop",
        "io",
        "linalg",
        "models",
        "nn",
        "optim",
        "runtime",
        "utils",
        "version",
    ]
)
_ELSEWHERE = {
    "save": "io",
    "load": "io",
    "return_types": "ops",
    "get_num_threads": "runtime.threads",
    "set_num_threads": "runtime.threads",
    "convolution_precision": "conv.precision",
    "get_convolution_precision": "conv.precision",
    "set_convolution_precision": "conv.precision",
    "autocast": "amp",
    "GradScaler": "amp",
    "dropout": "nn.functional",
    "explain": "explanation",
    "compile": "settings",
    "get_default_device": "settings",
    "get_float32_matmul_precision": "settings",
    "get_num_interop_threads": "settings",
    "set_default_device": "settings",
    "set_default_tensor_type": "settings",
    "set_float32_matmul_precision": "settings",
    "set_flush_denormal": "settings",
    "set_num_interop_threads": "settings",
    "typename": "settings",
    "warmup": "warming",
}


def __getattr__(name: str) -> _Any:
    if name in _SUBMODULES:
        return _import_module(f".{name}", __name__)
    if name in _ELSEWHERE:
        found = getattr(_import_module(f".{_ELSEWHERE[name]}", __name__), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'convlet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_ELSEWHERE})
