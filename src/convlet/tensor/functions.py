"""What a tensor does and says of itself, as functions of the face."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import Variable
from .size import preserve_format

__all__ = ["clone", "detach", "is_complex", "is_floating_point", "is_nonzero", "is_signed", "is_tensor", "numel"]


def clone(input: Any, *, memory_format: Any = preserve_format) -> Any:
    """A copy of ``input`` in its own memory; gradients flow through it."""
    return input.clone(memory_format=memory_format)


def detach(input: Any) -> Any:
    """The same memory without history: see ``Tensor.detach``."""
    return input.detach()


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a tensor."""
    return isinstance(obj, Variable)


def is_floating_point(input: Any) -> bool:
    """Whether the dtype of ``input`` is a floating one."""
    return input.dtype.is_floating_point


def is_complex(input: Any) -> bool:
    """Whether the dtype of ``input`` is a complex one."""
    return input.dtype.is_complex


def is_signed(input: Any) -> bool:
    """Whether the dtype of ``input`` has negative values."""
    return input.dtype.is_signed


def is_nonzero(input: Any) -> bool:
    """Whether the single element of ``input`` is not zero. RuntimeError for any other number of elements."""
    return bool(input)


def numel(input: Any) -> int:
    """The number of elements of ``input``."""
    return input.array.size
