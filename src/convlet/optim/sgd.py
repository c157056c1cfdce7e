"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..autograd.function import make_result
from ..autograd.variable import Array
from .optimizer import Elementwise, number


class SGD(Elementwise):
    """Stochastic gradient descent, with momentum if wanted: ``b = momentum b + (1 - dampening) g; x -= lr b``.

    ``lr``: the step; ``weight_decay``: times x is added to g; ``nesterov``: steps along g + momentum b (Sutskever
    et al. 2013); ``maximize``: steps uphill. b starts as the first g. ValueError for negative settings, and for
    nesterov without momentum or with dampening.

    >>> x = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> optimizer = torch.optim.SGD([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    Parameter containing:
    tensor([0.8000, 1.6000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
            foreach=foreach,
            differentiable=differentiable,
            fused=fused,
        )

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        lr, momentum = number(group["lr"]), number(group["momentum"])
        if not momentum:
            return [], (lr, 0.0, 0.0, False)
        first = state.get("momentum_buffer") is None
        if first:
            state["momentum_buffer"] = make_result(parameter.array.copy(order="K"))
        taken = 1.0 if first else 1.0 - group["dampening"]
        return [state["momentum_buffer"].array], (lr, 0.0 if first else momentum, taken, group["nesterov"] and momentum)

    @staticmethod
    def formula(numbers: Any, kept: int) -> tuple[str, tuple[float, ...]]:
        return ("momentum", numbers) if kept else ("descend", numbers[:1])

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        lr, momentum, taken, nesterov = numbers
        for buffer in kept:
            if momentum:
                buffer *= momentum
                buffer += grad if taken == 1.0 else taken * grad
            else:
                buffer[...] = grad
            grad = grad + nesterov * buffer if nesterov else buffer
        parameter -= lr * grad
