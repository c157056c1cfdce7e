"""Steps of optimizers, element by element: the formulas of convlet.optim for float32, all tensors in one call.

Each has the bits of the NumPy expressions in `optim/`; `scale` is that of clipped gradients. The first numbers of a
step are the sign of the gradient, the decay added to it, and what decoupled decay leaves of the parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .lanes import Formula, Lanes

_SHARED = 3  # numbers of every step


def _step(name: str, kept: int, numbers: int, compute: Callable[..., list[Lanes]]) -> Formula:
    """The formula of an optimizer: ``compute(numbers, p, g, *kept)`` gives the new (p, *kept)."""

    def with_decay(every: Sequence[Lanes], p: Lanes, g: Lanes, *rest: Lanes) -> list[Lanes]:
        """g uphill where the sign is -1, with the decay of the parameter added; decoupled decay keeps a part of it."""
        sign, decay, keep = every[:_SHARED]
        g = sign * g
        return compute(every[_SHARED:], p * keep, decay.differs(0).choose(g + decay * p, g), *rest)

    reads = range(2 + kept)
    return Formula(name, with_decay, reads, [place for place in reads if place != 1], _SHARED + numbers)


def _scale(numbers: Sequence[Lanes], p: Lanes) -> list[Lanes]:
    return [p * numbers[0]]


def _descend(numbers: Sequence[Lanes], p: Lanes, g: Lanes) -> list[Lanes]:
    return [p - numbers[0] * g]


def _momentum(numbers: Sequence[Lanes], p: Lanes, g: Lanes, buffer: Lanes) -> list[Lanes]:
    lr, momentum, taken, nesterov = numbers
    buffer = momentum.differs(0).choose(buffer * momentum + taken * g, g)
    return [p - lr * nesterov.differs(0).choose(g + nesterov * buffer, buffer), buffer]


def _adam(numbers: Sequence[Lanes], p: Lanes, g: Lanes, mean: Lanes, square: Lanes, *largest: Lanes) -> list[Lanes]:
    size, new1, b2, new2, correction, eps = numbers
    mean = mean + (g - mean) * new1
    square = square * b2 + g * g * new2
    kept = [mean, square]
    if largest:
        square = _maximum(largest[0], square)
        kept.append(square)
    return [p - mean / (square.sqrt() / correction + eps) * size, *kept]


def _maximum(a: Lanes, b: Lanes) -> Lanes:
    """The larger one, NaN where one is."""
    return ((a > b) | a.differs(a)).choose(a, b)


def _rmsprop(with_momentum: bool, centered: bool) -> Callable[..., list[Lanes]]:
    def compute(numbers: Sequence[Lanes], p: Lanes, g: Lanes, square: Lanes, *kept: Lanes) -> list[Lanes]:
        lr, alpha, new, eps, momentum = numbers
        square = square * alpha + g * g * new
        result = [square]
        scale = square
        if centered:
            mean = kept[-1] + (g - kept[-1]) * new
            scale = square - mean * mean
        scale = scale.sqrt() + eps
        if with_momentum:
            buffer = kept[0] * momentum + g / scale
            result.append(buffer)
            p = p - lr * buffer
        else:
            p = p - lr * g / scale
        return [p, *result, mean] if centered else [p, *result]

    return compute


FORMULAS: dict[str, Any] = {
    "scale": Formula("scale", _scale, (0,), (0,), 1),
    "descend": _step("descend", 0, 1, _descend),
    "momentum": _step("momentum", 1, 4, _momentum),
    "adam": _step("adam", 2, 6, _adam),
    "amsgrad": _step("amsgrad", 3, 6, _adam),
    "rmsprop": _step("rmsprop", 1, 5, _rmsprop(False, False)),
    "rmsprop_momentum": _step("rmsprop_momentum", 2, 5, _rmsprop(True, False)),
    "rmsprop_centered": _step("rmsprop_centered", 2, 5, _rmsprop(False, True)),
    "rmsprop_momentum_centered": _step("rmsprop_momentum_centered", 3, 5, _rmsprop(True, True)),
}
