"""Element by element over float32 arrays of one dense layout: activation functions and their gradients.

The gradient of an activation gets the input (or the result, where that says as much) and the gradient of the result.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..runtime import memory
from .lanes import Formula, Lanes
from .series import TAIL, TAIL_SCALE

_TWICE, _CUBE = 2 * math.sqrt(2 / math.pi), 0.044715  # 2 u = _TWICE (x + _CUBE x^3), in GELU's approximation by tanh


def _clamp(numbers: Sequence[Lanes], a: Lanes) -> list[Lanes]:
    """a between two bounds, NaN where a is NaN. A bound of NaN is none."""
    low, high = numbers
    above = (a < low).choose(low, a)
    return [(above > high).choose(high, above)]


def _keep(numbers: Sequence[Lanes], a: Lanes, b: Lanes) -> list[Lanes]:
    """b where a lies inside two bounds (or is NaN), else 0."""
    low, high = numbers
    return [((a <= low) | (a >= high)).choose(0, b)]


def _leaky_relu(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    return [(x > 0).choose(x, x * numbers[0])]


def _leaky_relu_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return [g * (x > 0).choose(1, numbers[0])]


def _hardswish(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    y = x + 3
    y = (y < 0).choose(0, y)
    return [x * (y > 6).choose(6, y) / 6]


def _hardswish_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    inside = ((x > -3) & (x < 3)).choose(g * (x / 3 + 0.5), 0)
    return [(x >= 3).choose(g, inside)]


def _hardsigmoid(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    y = x + 3
    y = (y < 0).choose(0, y)
    return [(y > 6).choose(6, y) / 6]


def _hardsigmoid_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return [((x > -3) & (x < 3)).choose(g / 6, 0)]


def _silu(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    return [x / ((-x).exp() + 1)]


def _silu_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    s = 1 / ((-x).exp() + 1)
    return [g * (s * (x * (1 - s) + 1))]


def _sigmoid(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    return [1 / ((-x).exp() + 1)]


def _sigmoid_gradient(numbers: Sequence[Lanes], y: Lanes, g: Lanes) -> list[Lanes]:
    return [g * ((1 - y) * y)]


def _softplus(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    """log(1 + exp(beta x)) / beta; x where beta x is above a threshold."""
    beta, threshold = numbers
    scaled = x * beta
    positive = (scaled > 0).choose(scaled, 0)
    return [(scaled > threshold).choose(x, (positive + (-scaled.abs()).exp().log1p()) / beta)]


def _softplus_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    beta, threshold = numbers
    scaled = x * beta
    return [(scaled > threshold).choose(g, g / ((-scaled).exp() + 1))]


def _logsigmoid(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    return [(x > 0).choose(0, x) - (-x.abs()).exp().log1p()]


def _logsigmoid_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return [g / (x.exp() + 1)]


def _mish(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    """x tanh(log(1 + e)), which is x n / (n + 2) with n = e (e + 2), where e = exp x; x itself far above 0."""
    e = (x > 20).choose(20, x).exp()
    n = e * (e + 2)
    return [x * (n / (n + 2))]


def _mish_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    e = (x > 20).choose(20, x).exp()
    n = e * (e + 2)
    return [g * (n / (n + 2) + x * (4 * e * (e + 1) / ((n + 2) * (n + 2))))]


def _elu(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    alpha, scale, input_scale = numbers
    return [(x > 0).choose(x * scale, (x * input_scale).expm1() * (alpha * scale))]


def _elu_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    alpha, scale, input_scale = numbers
    return [g * (x > 0).choose(scale, (x * input_scale).exp() * (alpha * scale * input_scale))]


def _normal_distribution(x: Lanes) -> tuple[Lanes, Lanes]:
    """Phi(x), exact also where it is tiny, and exp(-x^2 / 2)."""
    u = x.abs()
    u = (u > 15).choose(15, u)  # beyond, the tail is 0
    falling = (u * u * (-0.5 / math.log(2))).exp2()
    t = 1 / u.times_plus(TAIL_SCALE, 1)
    tail = falling * t * t.polynomial(TAIL)
    return (x > 0).choose(1 - tail, tail), falling


def _gelu(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    return [x * _normal_distribution(x)[0]]


def _gelu_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    below, falling = _normal_distribution(x)
    return [g * (below + x * (falling * (1 / math.sqrt(2 * math.pi))))]


def _gelu_tanh(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    """x (1 + tanh u) / 2, which is x / (1 + exp(-2u))."""
    return [x / ((x * (x * x * _CUBE + 1) * -_TWICE).exp() + 1)]


def _gelu_tanh_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    s = 1 / ((x * (x * x * _CUBE + 1) * -_TWICE).exp() + 1)
    return [g * (s + x * s * (1 - s) * (x * x * (3 * _CUBE) + 1) * _TWICE)]


def _activation(name: str, forward: Any, backward: Any, numbers: int = 0) -> dict[str, Formula]:
    return {
        name: Formula(name, forward, (0,), (1,), numbers),
        f"{name} gradient": Formula(f"{name}_gradient", backward, (0, 1), (2,), numbers),
    }


FORMULAS = {
    **_activation("clamp", _clamp, _keep, 2),
    **_activation("leaky_relu", _leaky_relu, _leaky_relu_gradient, 1),
    **_activation("hardswish", _hardswish, _hardswish_gradient),
    **_activation("hardsigmoid", _hardsigmoid, _hardsigmoid_gradient),
    **_activation("softplus", _softplus, _softplus_gradient, 2),
    **_activation("logsigmoid", _logsigmoid, _logsigmoid_gradient),
    **_activation("mish", _mish, _mish_gradient),
    **_activation("silu", _silu, _silu_gradient),
    **_activation("gelu", _gelu, _gelu_gradient),
    **_activation("gelu_tanh", _gelu_tanh, _gelu_tanh_gradient),
    **_activation("sigmoid", _sigmoid, _sigmoid_gradient),
    **_activation("elu", _elu, _elu_gradient, 3),
}


def apply(name: str, *arrays: np.ndarray, numbers: Sequence[float] = ()) -> None:
    """Fills the last array from the others, of which it may be one: see the formula of this name."""
    given = array("f", numbers)
    FORMULAS[name].run([(arrays[0].size, given.buffer_info()[0], [memory.address(each) for each in arrays])])
