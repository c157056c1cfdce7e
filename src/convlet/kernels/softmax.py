"""Softmax and its logarithm along an axis of float32 arrays, and their gradients: see ops/softmax.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .along import Along, Stage, larger


def _largest(numbers: Any, totals: Any, x: Any) -> Any:
    return [x], []


def _exponentials(numbers: Any, totals: Any, x: Any) -> Any:
    e = (x - totals[0]).exp()
    return [e], [e]


def _sum_of_exponentials(numbers: Any, totals: Any, x: Any) -> Any:
    return [(x - totals[0]).exp()], []


def _shares(numbers: Any, totals: Any, e: Any) -> Any:
    return [], [e / totals[1]]


def _logarithms(numbers: Any, totals: Any, x: Any) -> Any:
    return [], [x - totals[0] - totals[1].log()]


def _weighted(numbers: Any, totals: Any, g: Any, y: Any) -> Any:
    return [g * y], []


def _softmax_gradient(numbers: Any, totals: Any, g: Any, y: Any) -> Any:
    return [], [y * (g - totals[0])]


def _sum(numbers: Any, totals: Any, g: Any) -> Any:
    return [g], []


def _log_softmax_gradient(numbers: Any, totals: Any, g: Any, y: Any) -> Any:
    return [], [g - y.exp() * totals[0]]


_maximum = Stage(_largest, (0,), (), (-math.inf,), larger)
FORMULAS = {
    "softmax": Along(
        "softmax", [_maximum, Stage(_exponentials, (0,), (1,), (0.0,)), Stage(_shares, (1,), (1,))]
    ),
    "log_softmax": Along(
        "log_softmax", [_maximum, Stage(_sum_of_exponentials, (0,), (), (0.0,)), Stage(_logarithms, (0,), (1,))]
    ),
    "softmax gradient": Along(
        "softmax_gradient", [Stage(_weighted, (0, 1), (), (0.0,)), Stage(_softmax_gradient, (0, 1), (2,))]
    ),
    "log_softmax gradient": Along(
        "log_softmax_gradient", [Stage(_sum, (0,), (), (0.0,)), Stage(_log_softmax_gradient, (0, 1), (2,))]
    ),
}


def apply(name: str, shape: tuple[int, int, int], *arrays: np.ndarray) -> None:
    """Fills the last array, of which the others are operands, along the middle axis: see FORMULAS."""
    FORMULAS[name].run(shape, dict(enumerate(arrays)))
