"""Settings of PyTorch that scripts make before they begin and that have little or nothing to change here."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .autograd.variable import Variable
from .dtypes import ALL, set_default_dtype
from .tensor.size import CPU, require_supported

_matmul_precision = "highest"
_interop_threads = 1


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: Any = None,
    disable: bool = False,
    **others: Any,
) -> Any:
    """The function or module as it is: kernels are compiled already. Also a decorator, with or without arguments.

    >>> torch.compile(lambda x: x + 1)(2)
    3
    """
    return model if model is not None else lambda function: function


def set_float32_matmul_precision(precision: str) -> None:
    """Remember 'highest', 'high' or 'medium'; products of float32 matrices keep all their digits with any.

    RuntimeError for another word. (For convolutions there is :func:`convlet.set_convolution_precision`.)

    >>> torch.set_float32_matmul_precision("highest")
    """
    global _matmul_precision
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current value is {_matmul_precision}"
        )
    _matmul_precision = precision


def get_float32_matmul_precision() -> str:
    """What :func:`set_float32_matmul_precision` was told.

    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return _matmul_precision


def set_num_interop_threads(threads: int) -> None:
    """Remember the number; operations run one after another whatever it is. RuntimeError unless it is positive."""
    global _interop_threads
    if threads < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _interop_threads = threads


def get_num_interop_threads() -> int:
    """What :func:`set_num_interop_threads` was told, else 1."""
    return _interop_threads


def set_flush_denormal(mode: bool) -> bool:
    """False: denormal numbers are computed with as they are, and at full speed where this matters."""
    return False


def set_default_device(device: Any) -> None:
    """Accepts 'cpu' (and None), where all tensors are made; another device raises as it would for a tensor.

    >>> torch.set_default_device("cpu")
    """
    if device is not None and require_supported(device) is not CPU:
        raise NotImplementedError("the default device can only be 'cpu': pass device='meta' to each call instead")


def get_default_device() -> Any:
    """The CPU.

    >>> torch.get_default_device()
    device(type='cpu')
    """
    return CPU


def set_default_tensor_type(t: Any) -> None:
    """The old way to set the default dtype: ``'torch.FloatTensor'`` or ``torch.FloatTensor``. Warns as PyTorch does.

    TypeError for what is no floating type.
    """
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    if isinstance(t, str):
        named = {each.tensor_type: each for each in ALL}
        if t not in named:
            raise ValueError(f"invalid type: '{t}'")
        set_default_dtype(named[t])
    else:
        set_default_dtype(t.dtype)


def typename(obj: Any) -> str:
    """The old name of a tensor's type, or the full name of another object's class.

    >>> torch.typename(torch.ones(1))
    'torch.FloatTensor'
    """
    if isinstance(obj, Variable):
        return obj.dtype.tensor_type
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
