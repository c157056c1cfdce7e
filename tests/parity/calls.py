"""One call, written as text, run by PyTorch and by Convlet, and everything about its outcome compared."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np

import convlet

DIFFERENTIABLE = ("float", "bfloat", "complex")


def values_of(dtype: str) -> dict[str, np.ndarray]:
    """The operands by name: x (2, 3, 4), m (3, 4), q (3, 3), v (3,), s () of this dtype, and indices of int64."""
    random = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        if dtype == "bool":
            return np.asarray(random.integers(0, 2, shape).astype(bool))
        if dtype.startswith(("int", "uint")):
            return np.asarray(random.integers(0 if dtype[0] == "u" else -9, 10, shape).astype(dtype))
        real = random.standard_normal(shape)
        if dtype.startswith("complex"):
            real = real + 1j * random.standard_normal(shape)
        return np.asarray(real).astype("float32" if dtype == "bfloat16" else dtype)

    return {
        "x": some(2, 3, 4), "m": some(3, 4), "q": some(3, 3), "v": some(3), "s": some(),
        "i": np.array([2, 0, 2]), "ii": np.array([[1, 0], [0, 1]]),
    }  # fmt: skip


def outcome(library: Any, source: str, dtype: str = "float64", grad: bool = True) -> dict[str, Any]:
    """What the call gives: results, their description, gradients, node names, warnings, or the error."""
    operands: dict[str, Any] = {}
    for name, value in values_of(dtype).items():
        operands[name] = library.tensor(value.copy())
        if name in "xmqvs":
            operands[name] = operands[name].to(getattr(library, dtype)).requires_grad_(grad)
    scope = {"torch": library, "np": np, **operands}
    if "F." in source:
        scope["F"] = importlib.import_module(f"{library.__name__}.nn.functional")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = run(source, scope)
        except Exception as error:
            return {"error": (type(error).__name__.lstrip("_"), str(error))}
        said = [str(each.message).split(" (Triggered")[0] for each in caught]
        found = described(library, result)
        found["warnings"] = said
        total = total_of(library, result)
        if total is not None:
            total.backward()
            found["gradients"] = {
                name: None if operands[name].grad is None else as_array(operands[name].grad) for name in "xmqvs"
            }
    return found


def run(source: str, scope: dict[str, Any]) -> Any:
    """The value of an expression, or of the last of several statements."""
    *statements, last = source.split("; ")
    exec("\n".join(statements), scope)
    return eval(last, scope)


def flatten(result: Any) -> list[Any]:
    if isinstance(result, (tuple, list)) and not all(isinstance(each, int) for each in result):
        return [part for each in result for part in flatten(each)]
    return [tuple(result) if isinstance(result, (tuple, list)) else result]


def described(library: Any, result: Any) -> dict[str, Any]:
    parts = flatten(result)
    tensors = [each for each in parts if isinstance(each, library.Tensor)]
    return {
        "described": [
            (str(each.dtype), tuple(each.shape), str(each.device)) if isinstance(each, library.Tensor) else str(each)
            for each in parts
        ],
        "values": [as_array(each) for each in tensors if each.device.type == "cpu"],
        "strides": [each.stride() for each in tensors],
        "nodes": [each.grad_fn.name() if each.grad_fn is not None else None for each in tensors],
        "views": [each._is_view() for each in tensors],
    }


def as_array(tensor: Any) -> np.ndarray:
    tensor = tensor.detach()
    return np.asarray((tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy())


def total_of(library: Any, result: Any) -> Any:
    """A weighted sum of everything that requires a gradient."""
    total = None
    for each in flatten(result):
        if isinstance(each, library.Tensor) and each.requires_grad and each.device.type == "cpu":
            weights = library.tensor(np.cos(np.arange(each.numel())).reshape(tuple(each.shape))).to(each.dtype)
            part = (each * weights).sum()
            part = part.real if part.is_complex() else part
            total = part if total is None else total + part
    return total


def compare(
    torch: Any, source: str, dtype: str = "float64", *, grad: bool = True, rtol: float = 1e-10, layout: bool = True
) -> None:
    """Assert that both libraries give the same outcome; the texts of our errors may go on after theirs.

    Without ``layout``, strides, views, the names of nodes and warnings may differ.
    """
    torch.set_warn_always(True)
    theirs, ours = outcome(torch, source, dtype, grad), outcome(convlet, source, dtype, grad)
    if "error" in theirs:
        assert "error" in ours, f"PyTorch raises {theirs['error']}, Convlet gives {ours}"
        assert ours["error"][0] == theirs["error"][0], (ours["error"], theirs["error"])
        wanted = theirs["error"][1].split("  (Could this")[0].strip()
        if "invalid combination of arguments" in wanted:
            wanted = wanted.split(" - got")[0]
        assert ours["error"][1].startswith(wanted), f"\nours:   {ours['error'][1]}\ntheirs: {wanted}"
        return
    assert "error" not in ours, ours
    assert ours["described"] == theirs["described"], (ours["described"], theirs["described"])
    for mine, other in zip(ours["values"], theirs["values"], strict=True):
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol, equal_nan=True)
    if layout:
        assert ours["warnings"] == theirs["warnings"], (ours["warnings"], theirs["warnings"])
        assert ours["strides"] == theirs["strides"], (ours["strides"], theirs["strides"])
        assert ours["views"] == theirs["views"], f"views: {ours['views']}, in PyTorch {theirs['views']}"
        wanted = [name and name.removeprefix("torch::autograd::") for name in theirs["nodes"]]
        assert ours["nodes"] == wanted, (ours["nodes"], wanted)
    assert ("gradients" in ours) == ("gradients" in theirs)
    for name, other in theirs.get("gradients", {}).items():
        mine = ours["gradients"][name]
        assert (mine is None) == (other is None), f"gradient of {name}"
        if other is not None:
            np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol, err_msg=f"gradient of {name}")
