"""Adagrad and Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.function import make_result
from ..autograd.variable import Array
from .optimizer import Elementwise, count_step, decay_into, kept_arrays, new_scalar, number


class Adagrad(Elementwise):
    """Adagrad (Duchi et al. 2011): ``s += g**2; x -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)``.

    ``initial_accumulator_value``: s at the start; ``weight_decay``: times x is added to g; ``maximize``: steps uphill.
    ValueError for negative settings.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            lr_decay=lr_decay,
            eps=eps,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            fused=fused,
        )
        for group in self.param_groups:
            for parameter in group["params"]:
                self._start(group, self.state[parameter], parameter)

    @staticmethod
    def _start(group: dict[str, Any], state: dict[str, Any], parameter: Any) -> None:
        value = group["initial_accumulator_value"]
        start = complex(value, value) if parameter.dtype.is_complex else value
        state["step"] = new_scalar(0.0)
        state["sum"] = make_result(np.full_like(parameter.array, start))

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        if "sum" not in state:
            self._start(group, state, parameter)
        size = number(group["lr"]) / (1 + (count_step(state) - 1) * group["lr_decay"])
        return [state["sum"].array], (size, group["eps"])

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        size, eps = numbers
        total = kept[0]
        total += grad * grad
        scale = np.sqrt(total)
        scale += eps
        parameter -= size * grad / scale


class Adadelta(Elementwise):
    """Adadelta (Zeiler 2012): steps of the root mean square of recent steps over that of recent gradients.

    ``v = rho v + (1 - rho) g**2; d = g sqrt(u + eps) / sqrt(v + eps); u = rho u + (1 - rho) d**2; x -= lr d``;
    ``weight_decay``: times x is added to g; ``maximize``: steps uphill. ValueError for settings out of range.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            rho=rho,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            capturable=capturable,
            foreach=foreach,
            differentiable=differentiable,
        )

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        count_step(state)
        numbers = number(group["lr"]), group["rho"], group["eps"]
        return kept_arrays(state, parameter, "square_avg", "acc_delta"), numbers

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        lr, rho, eps = numbers
        square, steps = kept
        decay_into(square, grad, rho)
        step = np.sqrt(steps + eps)
        step /= np.sqrt(square + eps)
        step *= grad
        decay_into(steps, step, rho)
        step *= lr
        parameter -= step
