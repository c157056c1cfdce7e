"""One function of (library, tensors) run by PyTorch and by Convlet on the same arrays, and the outcomes compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import convlet
import convlet.nn.functional

Call = Callable[..., Any]


def libraries(torch: Any) -> tuple[SimpleNamespace, SimpleNamespace]:
    """(PyTorch, Convlet), each with ``torch``, ``F`` and ``nn``."""
    return tuple(
        SimpleNamespace(torch=each, F=each.nn.functional, nn=each.nn) for each in (torch, convlet)
    )  # type: ignore[return-value]


def some(*shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    """Normal numbers of this shape."""
    random = np.random.default_rng([seed, *shape])
    values = random.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * random.standard_normal(shape)
    return values.astype(dtype)


def integers(*shape: int, high: int = 4, low: int = -3, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    """Small integers, so that sums are exact in every order."""
    return np.random.default_rng([seed, *shape]).integers(low, high, shape).astype(dtype)


def as_array(tensor: Any) -> np.ndarray:
    """A tensor's values; bfloat16 as float32."""
    tensor = tensor.detach()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    return np.asarray(tensor.numpy(force=True))


def flat(result: Any) -> list[Any]:
    return [part for each in result for part in flat(each)] if isinstance(result, (tuple, list)) else [result]


def outcome(library: SimpleNamespace, call: Call, arrays: tuple[Any, ...], dtype: str | None, double: bool) -> Any:
    torch = library.torch
    tensors = []
    for array in arrays:
        tensor = torch.tensor(array.copy())
        if dtype is not None and array.dtype.kind in "fc":
            tensor = tensor.to(getattr(torch, dtype))
        if tensor.is_floating_point() or tensor.is_complex():
            tensor.requires_grad_(True)
        tensors.append(tensor)
    found: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(library, *tensors)
        except Exception as error:
            return {"error": (type(error), str(error))}
    found["warnings"] = [str(each.message).split(" (Triggered")[0] for each in caught]
    results = [each for each in flat(result) if isinstance(each, torch.Tensor)]
    found["values"] = [as_array(each) for each in results]
    found["dtypes"] = [str(each.dtype) for each in results]
    found["nodes"] = [None if each.grad_fn is None else each.grad_fn.name() for each in results]
    leaves = [each for each in tensors if each.requires_grad]
    graded = [each for each in results if each.requires_grad]
    if not graded or not leaves:
        return found
    weights = [np.cos(np.arange(each.numel())).reshape(tuple(each.shape)) for each in graded]
    cotangents = [torch.tensor(weight).to(each.dtype) for weight, each in zip(weights, graded)]
    gradients = torch.autograd.grad(graded, leaves, cotangents, create_graph=double, allow_unused=True)
    found["gradients"] = [None if each is None else as_array(each) for each in gradients]
    again = [each for each in gradients if each is not None and each.requires_grad] if double else []
    if again:
        cotangents = [
            torch.tensor(np.sin(1 + np.arange(each.numel())).reshape(tuple(each.shape))).to(each.dtype)
            for each in again
        ]
        second = torch.autograd.grad(again, leaves, cotangents, allow_unused=True)
        found["second"] = [None if each is None else as_array(each) for each in second]
    return found


def compare(
    torch: Any,
    call: Call,
    *arrays: Any,
    dtype: str | None = None,
    rtol: float = 1e-9,
    double: bool = False,
    nodes: bool = True,
) -> None:
    """Assert that both libraries give the same values, dtypes, nodes, warnings, gradients, or the same error.

    Our error and warning texts may go on after PyTorch's.
    """
    theirs, ours = (outcome(each, call, arrays, dtype, double) for each in libraries(torch))
    if "error" in theirs:
        assert "error" in ours, f"PyTorch raises {theirs['error']}, Convlet gives {ours}"
        assert ours["error"][0].__name__ == theirs["error"][0].__name__, (ours["error"], theirs["error"])
        wanted = theirs["error"][1]
        if "invalid combination of arguments" in wanted:
            wanted = wanted.split(" - got")[0]
        assert ours["error"][1].startswith(wanted), f"\nours:   {ours['error'][1]}\ntheirs: {wanted}"
        return
    if "error" in ours:
        raise ours["error"][0](ours["error"][1])
    assert ours["dtypes"] == theirs["dtypes"], f"ours {ours['dtypes']}, theirs {theirs['dtypes']}"
    for mine, other in zip(ours["values"], theirs["values"], strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol, equal_nan=True)
    assert ours["warnings"] == theirs["warnings"], f"ours {ours['warnings']}, theirs {theirs['warnings']}"
    if nodes:
        assert ours["nodes"] == theirs["nodes"], f"ours {ours['nodes']}, theirs {theirs['nodes']}"
    assert ("gradients" in ours) == ("gradients" in theirs)
    for kind in ("gradients", "second"):  # a second gradient that is zero everywhere may be missing
        count = max(len(ours.get(kind, ())), len(theirs.get(kind, ())))
        none = (None,) * count
        for index, (mine, other) in enumerate(zip(ours.get(kind, none), theirs.get(kind, none), strict=True)):
            zero = np.zeros(np.shape(arrays[index]))
            np.testing.assert_allclose(
                zero if mine is None else mine,
                zero if other is None else other,
                rtol=10 * rtol,
                atol=10 * rtol,
                err_msg=f"{kind} of operand {index}",
            )
