"""Relatives of Adam: Adamax, NAdam and RAdam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.variable import Array
from .optimizer import Elementwise, count_step, decay_into, kept_arrays, lerp_into, new_scalar, number


class Adamax(Elementwise):
    """Adamax (Kingma and Ba 2015): Adam with the largest decayed gradient in the place of the root mean square.

    ``u = max(b2 u, |g| + eps); x -= lr / (1 - b1**t) m / u``; arguments as for :class:`Adam`.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        t = count_step(state)
        b1, b2 = group["betas"]
        size = number(group["lr"]) / (1 - b1**t)
        return kept_arrays(state, parameter, "exp_avg", "exp_inf"), (size, b1, b2, group["eps"])

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        size, b1, b2, eps = numbers
        mean, largest = kept
        lerp_into(mean, grad, 1 - b1)
        largest *= b2
        np.maximum(largest, np.abs(grad) + eps, out=largest)
        parameter -= size * mean / largest


class NAdam(Elementwise):
    """NAdam (Dozat 2016): Adam with Nesterov's momentum, warmed up by ``mu_t = b1 (1 - 0.96**(t momentum_decay) / 2)``.

    Other arguments as for :class:`Adam`.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
        )

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        t = count_step(state)
        if "mu_product" not in state:
            state["mu_product"] = new_scalar(1.0)
        lr, (b1, b2), decay = number(group["lr"]), group["betas"], group["momentum_decay"]
        mu, mu_next = (b1 * (1 - 0.5 * 0.96 ** (when * decay)) for when in (t, t + 1))
        product = state["mu_product"].array
        product *= mu
        along_grad = lr * (1 - mu) / (1 - product.item())
        along_mean = lr * mu_next / (1 - product.item() * mu_next)
        numbers = along_grad, along_mean, b1, b2, 1 - b2**t, group["eps"]
        return kept_arrays(state, parameter, "exp_avg", "exp_avg_sq"), numbers

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        along_grad, along_mean, b1, b2, correction, eps = numbers
        mean, square = kept
        lerp_into(mean, grad, 1 - b1)
        decay_into(square, grad, b2)
        scale = np.sqrt(square / correction)
        scale += eps
        parameter -= along_grad * grad / scale
        parameter -= along_mean * mean / scale


class RAdam(Elementwise):
    """RAdam (Liu et al. 2020): Adam whose adaptive scale is rectified, and left out while its variance is too large.

    Arguments as for :class:`Adam`.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            decoupled_weight_decay=decoupled_weight_decay,
            differentiable=differentiable,
        )

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        t = count_step(state)
        b1, b2 = group["betas"]
        size = number(group["lr"]) / (1 - b1**t)
        longest = 2 / (1 - b2) - 1  # the length of the simple moving average that v approximates, and its limit
        length = longest - 2 * t * b2**t / (1 - b2**t)
        if length > 5:
            rectified = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            adaptive = math.sqrt(rectified) * math.sqrt(1 - b2**t)
        else:
            adaptive = None
        return kept_arrays(state, parameter, "exp_avg", "exp_avg_sq"), (size, b1, b2, adaptive, group["eps"])

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        size, b1, b2, adaptive, eps = numbers
        mean, square = kept
        lerp_into(mean, grad, 1 - b1)
        decay_into(square, grad, b2)
        if adaptive is None:
            parameter -= size * mean
            return
        scale = np.sqrt(square)
        scale += eps
        parameter -= size * adaptive * mean / scale
