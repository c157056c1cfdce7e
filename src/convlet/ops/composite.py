"""Differentiating a composition of operations by recording it again: second derivatives of fused gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.engine import grad
from ..autograd.function import make_result
from ..autograd.mode import enable_grad
from ..autograd.variable import Variable
from .broadcasting import BroadcastTo


def gradients_of(expression: Callable[..., tuple[Any, ...]], operands: tuple[Any, ...], cotangents: Any) -> list[Any]:
    """For each operand, the gradient of ``sum(outputs * cotangents)`` where ``outputs = expression(*operands)``.

    Operands are variables (the result is recorded, too) or arrays; None stays None, as for an output whose cotangent
    is None.
    """
    recorded = any(isinstance(each, Variable) for each in (*operands, *cotangents))
    wanted: list[Any] = []
    with enable_grad():
        for each in operands:
            if isinstance(each, Variable):  # a name of its own, so that the walk ends at it
                wanted.append(BroadcastTo.apply(each, each.array.shape) if each.requires_grad else each)
            elif each is None:
                wanted.append(None)
            else:
                leaf = make_result(each)
                leaf._requires_grad = not recorded
                wanted.append(leaf)
        outputs = expression(*wanted)
        pairs = [
            (output, given if isinstance(given, Variable) else make_result(given))
            for output, given in zip(outputs, cotangents)
            if output is not None and given is not None and output.requires_grad
        ]
        inputs = [each for each in wanted if each is not None and each.requires_grad]
        found = iter(
            grad([a for a, _ in pairs], inputs, [b for _, b in pairs], create_graph=recorded, allow_unused=True)
        )
    result = [next(found) if each is not None and each.requires_grad else None for each in wanted]
    return [each.array if each is not None and not recorded else each for each in result]
