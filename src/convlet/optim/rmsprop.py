"""RMSprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.variable import Array
from .optimizer import Elementwise, count_step, decay_into, kept_arrays, lerp_into, number


class RMSprop(Elementwise):
    """RMSprop (Hinton 2012): ``v = alpha v + (1 - alpha) g**2; x -= lr g / (sqrt(v) + eps)``.

    ``centered``: the mean gradient's square is taken from v; ``momentum``: the quotients are summed up as b =
    momentum b + quotient, and x -= lr b; ``weight_decay``: times x is added to g; ``maximize``: steps uphill.
    ValueError for negative settings.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            momentum=momentum,
            alpha=alpha,
            eps=eps,
            centered=centered,
            weight_decay=weight_decay,
            capturable=capturable,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
        )

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        count_step(state)
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        numbers = number(group["lr"]), group["alpha"], group["eps"], group["momentum"], group["centered"]
        return kept_arrays(state, parameter, *names), numbers

    @staticmethod
    def formula(numbers: Any, kept: int) -> tuple[str, tuple[float, ...]]:
        lr, alpha, eps, momentum, centered = numbers
        name = "rmsprop" + "_momentum" * (momentum > 0) + "_centered" * bool(centered)
        return name, (lr, alpha, 1 - alpha, eps, momentum)

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        lr, alpha, eps, momentum, centered = numbers
        square = kept[0]
        decay_into(square, grad, alpha)
        if centered:
            mean = kept[-1]
            lerp_into(mean, grad, 1 - alpha)
            scale = np.sqrt(square - mean * mean)
        else:
            scale = np.sqrt(square)
        scale += eps
        if momentum > 0:
            buffer = kept[1]
            buffer *= momentum
            buffer += grad / scale
            parameter -= lr * buffer
        else:
            parameter -= lr * grad / scale
