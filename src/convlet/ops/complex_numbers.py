"""Complex numbers: their parts, their conjugates, and how they are made of real ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.variable import Variable
from .pointwise import Pointwise

__all__ = ["conj"]


class Conj(Pointwise):
    compute = np.conjugate
    operands = ("input",)
    gradients = {"input": lambda grad: conj(grad)}


def conj(input: Any) -> Any:
    """The complex conjugate; a real tensor is returned as it is.

    >>> torch.conj(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    array = input.array if isinstance(input, Variable) else input
    return Conj.apply(input) if array.dtype.kind == "c" else input
