"""Calls written as text, whose first and second gradients are compared with finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np

import convlet as torch
from convlet.autograd import gradcheck, gradgradcheck

SHAPES = {"x": (2, 3, 4), "m": (3, 4), "q": (3, 3), "v": (3,), "s": ()}


def check_gradients(source: str, dtype: str = "float64", *, twice: bool = True) -> None:
    """gradcheck and gradgradcheck of an expression in the operands that it names."""
    random = np.random.default_rng(1)
    operands: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        values = random.standard_normal(shape)
        if dtype == "complex128":
            values = values + 1j * random.standard_normal(shape)
        operands[name] = torch.tensor(np.asarray(values), requires_grad=True)
    code = compile(source, "<call>", "eval")
    used = [name for name in operands if name in code.co_names]
    fixed = {
        "torch": torch, "F": torch.nn.functional, "i": torch.tensor([2, 0, 2]), "ii": torch.tensor([[1, 0], [0, 1]]),
        "put": put,
    }  # fmt: skip

    def call(*values: Any) -> Any:
        return eval(code, {**fixed, **dict(zip(used, values))})

    inputs = [operands[name] for name in used]
    assert gradcheck(call, inputs)
    if twice:
        assert gradgradcheck(call, inputs)


def put(target: Any, key: Any, value: Any) -> Any:
    """``target`` with ``target[key] = value`` written into a copy."""
    result = target * 1
    result[key] = value
    return result
