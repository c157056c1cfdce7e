"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.variable import Array
from .optimizer import Elementwise, count_step, decay_into, kept_arrays, lerp_into, number


class Adam(Elementwise):
    """Adam (Kingma and Ba 2015): steps of the size lr, scaled by the gradient's mean over its root mean square.

    ``m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g**2; x -= lr (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps)``

    ``betas``: (b1, b2); ``weight_decay``: times x is added to g, or with ``decoupled_weight_decay`` lr times it is
    taken from x; ``amsgrad``: divides by the largest v so far (Reddi et al. 2018); ``maximize``: steps uphill.
    ValueError for settings out of range.

    >>> x = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.Adam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    Parameter containing:
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        )

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        t = count_step(state)
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")
        b1, b2 = map(number, group["betas"])
        size = number(group["lr"]) / (1 - b1**t)
        return kept_arrays(state, parameter, *names), (size, b1, b2, math.sqrt(1 - b2**t), group["eps"])

    @staticmethod
    def formula(numbers: Any, kept: int) -> tuple[str, tuple[float, ...]]:
        size, b1, b2, correction, eps = numbers
        return "amsgrad" if kept == 3 else "adam", (size, 1 - b1, b2, 1 - b2, correction, eps)

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        size, b1, b2, correction, eps = numbers
        mean, square = kept[:2]
        lerp_into(mean, grad, 1 - b1)
        decay_into(square, grad, b2)
        if len(kept) == 3:
            square = np.maximum(kept[2], square, out=kept[2])
        scale = np.sqrt(square)
        scale /= correction
        scale += eps
        np.divide(mean, scale, out=scale)
        scale *= size
        parameter -= scale


class AdamW(Adam):
    """:class:`Adam` with decoupled weight decay (Loshchilov and Hutter 2019): ``x *= 1 - lr * weight_decay`` first.

    >>> torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))]).param_groups[0]["weight_decay"]
    0.01
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
