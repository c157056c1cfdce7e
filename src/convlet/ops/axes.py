"""Arguments that name axes and sizes, brought to one form, with PyTorch's errors."""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np

from ..autograd.variable import Array, Variable


def array_of(operand: Any) -> Array:
    """The array of a variable, or the array itself. TypeError, naming the calling function, for anything else."""
    if isinstance(operand, Variable):
        return operand.array
    if isinstance(operand, np.ndarray):
        return operand
    if isinstance(operand, np.generic):  # a 0-dimensional gradient
        return np.asarray(operand)
    name = sys._getframe(1).f_code.co_name
    raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(operand).__name__}")


def axis_of(dim: Any, ndim: int) -> int:
    """An axis counted from the front; a 0-dimensional tensor counts as having one. IndexError when there is none."""
    if type(dim) is not int:
        dim = operator.index(dim)
    count = ndim or 1
    if not -count <= dim < count:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-count}, {count - 1}], but got {dim})"
        )
    return dim + count if dim < 0 else dim


def axes_of(dims: Any, ndim: int) -> tuple[int, ...]:
    """One axis or several, counted from the front, none named twice."""
    if not isinstance(dims, (tuple, list)):
        return (axis_of(dims, ndim),)
    axes = tuple([axis_of(each, ndim) for each in dims])
    if len(set(axes)) != len(axes):
        again = next(each for i, each in enumerate(axes) if each in axes[:i])
        raise RuntimeError(f"dim {again} appears multiple times in the list of dims")
    return axes


def sizes_of(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given as separate integers or as one sequence of them. TypeError for anything that is no integer."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    return tuple([each if type(each) is int else operator.index(each) for each in sizes])
