"""Sums, differences, products, quotients and copies of large float32 arrays, with NumPy's bits.

The second operand is an array that lies as the first does, one number, or one number for each row along some axes (a
weight for each channel of images).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..runtime import memory
from .along import Along, Stage
from .lanes import Formula, Lanes


class _Kernels(NamedTuple):
    """Those of an operation: its second operand is an array, one number, a number for each row."""

    of_arrays: Formula
    with_number: Formula
    with_numbers: Along


def _kernels(name: str, compute: Callable[[Lanes, Lanes], Lanes]) -> _Kernels:
    def of_arrays(numbers: Sequence[Lanes], a: Lanes, b: Lanes) -> list[Lanes]:
        return [compute(a, b)]

    def with_number(numbers: Sequence[Lanes], a: Lanes) -> list[Lanes]:
        return [compute(a, numbers[0])]

    def with_numbers(numbers: Sequence[Lanes], totals: Sequence[Lanes], a: Lanes) -> tuple[list[Lanes], list[Lanes]]:
        return [], [compute(a, totals[0])]

    return _Kernels(
        Formula(name, of_arrays, (0, 1), (2,)),
        Formula(f"{name}_number", with_number, (0,), (1,), 1),
        Along(f"{name}_numbers", [Stage(with_numbers, (0,), (1,))], given=(5,)),
    )


_OPERATIONS = {
    np.add: _kernels("add", lambda a, b: a + b),
    np.subtract: _kernels("subtract", lambda a, b: a - b),
    np.multiply: _kernels("multiply", lambda a, b: a * b),
    np.true_divide: _kernels("divide", lambda a, b: a / b),
}

_COPY = Formula("copy", lambda numbers, a: [a], (0,), (1,))


def knows(function: Any) -> bool:
    """Whether there are kernels of this NumPy function."""
    return function in _OPERATIONS


def of_arrays(function: Any, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = function(a, b) of arrays of one dense layout; out may be one of them."""
    places = [memory.address(each) for each in (a, b, out)]
    _OPERATIONS[function].of_arrays.run([(a.size, 0, places)])


def with_number(function: Any, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = function(a, b) where b is one number; out may be a."""
    _OPERATIONS[function].with_number.run([(a.size, memory.address(b), [memory.address(each) for each in (a, out)])])


def with_numbers(
    function: Any, a: np.ndarray, b: np.ndarray, out: np.ndarray, shape: tuple[int, int, int]
) -> None:
    """out = function(a, b) of dense a[outer, count, inner] and contiguous b[outer, inner]; out may be a."""
    _OPERATIONS[function].with_numbers.run(shape, {0: a, 1: out, 5: b})


def copy(a: np.ndarray, out: np.ndarray) -> None:
    """out = a of arrays of one dense layout."""
    _COPY.run([(a.size, 0, (memory.address(a), memory.address(out)))])


def copy_side_by_side(arrays: Sequence[np.ndarray], outer: int, out: np.ndarray) -> None:
    """Fills out[outer, all] with the arrays[outer, each] beside each other, all contiguous."""
    rows, to = [], memory.address(out)
    for i in range(outer):
        for each in arrays:
            count = each.size // outer
            rows.append((count, 0, (memory.address(each) + i * count * each.itemsize, to)))
            to += count * each.itemsize
    _COPY.run(rows)
