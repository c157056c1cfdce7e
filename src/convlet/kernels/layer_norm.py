"""Normalisation of the rows of float32 arrays, each by itself, and its gradients: see ops/norm.py.

    mean = sum of x / n,  out = (x - mean) / sqrt(var + eps) * weight + bias

The mean is a float32 number first; what the sum of x - mean still is corrects it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .along import Along, Stage

ROWS = 256  # whose part of the gradients of weight and bias is a task


def _sum(numbers: Any, totals: Any, x: Any) -> Any:
    return [x], []


def _deviations(numbers: Any, totals: Any, x: Any) -> Any:
    d = x - totals[0] / numbers[0]
    return [d, d * d], []


def _normalise(numbers: Any, totals: Any, x: Any, weight: Any, bias: Any) -> Any:
    n, eps = numbers
    off = totals[1] / n
    inverse = 1 / (totals[2] / n - off * off + eps).sqrt()
    return [], [(x - totals[0] / n - off) * inverse * weight + bias]


def _gradient_sums(numbers: Any, totals: Any, x: Any, g: Any, weight: Any) -> Any:
    mean, inverse = totals[:2]
    h = g * weight
    return [h, h * ((x - mean) * inverse)], []


def _input_gradient(numbers: Any, totals: Any, x: Any, g: Any, weight: Any) -> Any:
    mean, inverse, total, product = totals
    n = numbers[0]
    return [], [(g * weight - total / n - (x - mean) * inverse * (product / n)) * inverse]


def _parameter_gradients(numbers: Any, totals: Any, x: Any, g: Any, mean: Any, inverse: Any) -> Any:
    return [g, g * ((x - mean) * inverse)], []


FORWARD = Along(
    "layer_norm",
    [
        Stage(_sum, (0,), (), (0.0,)),
        Stage(_deviations, (0,), (), (0.0, 0.0)),
        Stage(_normalise, (0, 3, 4), (1,)),
    ],
    numbers=2,
    kept=[(0, 5), (1, 6), (2, 7)],
)
INPUT_GRADIENT = Along(
    "layer_norm_input_gradient",
    [Stage(_gradient_sums, (0, 1, 3), (), (0.0, 0.0)), Stage(_input_gradient, (0, 1, 3), (2,))],
    numbers=1,
    given=(5, 6),
)
PARAMETER_GRADIENTS = Along(
    "layer_norm_parameter_gradients",
    [Stage(_parameter_gradients, (0, 1, 3, 4), (), (0.0, 0.0))],
    kept=[(0, 5), (1, 6)],
)


def forward(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, count: int, eps: float, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fills out from x[rows, count]; (mean, variance) of each row in float64."""
    rows = x.size // count
    weight = np.ones(count, np.float32) if weight is None else weight
    bias = np.zeros(count, np.float32) if bias is None else bias
    sums = np.empty((3, rows), np.float32)
    FORWARD.run((rows, count, 1), {0: x, 1: out, 3: weight, 4: bias, 5: sums[0], 6: sums[1], 7: sums[2]}, (count, eps))
    mean = (sums[0] / np.float32(count)).astype(np.float64)  # as it was subtracted
    off, square = sums[1:].astype(np.float64) / count
    return mean + off, square - off * off


def gradient(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    variance: np.ndarray,
    count: int,
    eps: float,
    out: np.ndarray,
    parameters: bool,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Fills out, which may be grad, with the gradient by x; the sums of (g, g * xhat) over the rows if wanted."""
    rows = x.size // count
    weight = np.ones(count, np.float32) if weight is None else weight
    mean, inverse = mean.astype(np.float32), (1 / np.sqrt(variance + eps)).astype(np.float32)
    sums = _parameters(grad, x, mean, inverse, rows, count) if parameters else None
    INPUT_GRADIENT.run((rows, count, 1), {0: x, 1: grad, 2: out, 3: weight, 5: mean, 6: inverse}, (count,))
    return sums


def _parameters(
    grad: np.ndarray, x: np.ndarray, mean: np.ndarray, inverse: np.ndarray, rows: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of bias and weight: blocks of rows, added in their order."""
    if rows <= ROWS:
        sums = np.empty((2, count), np.float32)
        PARAMETER_GRADIENTS.run((1, rows, count), {0: x, 1: grad, 3: mean, 4: inverse, 5: sums[0], 6: sums[1]})
        return sums[0], sums[1]
    whole = rows // ROWS * ROWS
    x, grad = x.reshape(rows, count), grad.reshape(rows, count)
    total: Any = np.zeros((2, count))
    for some, blocks in ((slice(0, whole), whole // ROWS), (slice(whole, rows), 1)):
        length = (some.stop - some.start) // max(1, blocks)
        if length:
            sums = np.empty((2, blocks, count), np.float32)
            places = {0: x[some], 1: grad[some], 3: mean[some], 4: inverse[some], 5: sums[0], 6: sums[1]}
            PARAMETER_GRADIENTS.run((blocks, length, count), places, moves=True)
            total += np.add.reduce(sums, axis=1, dtype=np.float64)
    return total[0], total[1]
