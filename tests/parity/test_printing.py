"""The text of random tensors of every dtype, shape, size of numbers and option against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convlet.tensor import printing

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

FLOATS = ("float32", "float32", "float64", "float16", "bfloat16")
OTHERS = ("complex64", "complex128", "uint8", "int8", "int16", "int32", "int64", "bool")

# How random numbers become those whose printing differs: whole, large, small, of many sizes, with zeros and without
# finite ones, ...
SHAPE_VALUES = (
    lambda x, source: x,
    lambda x, source: np.round(x * 10.0 ** source.integers(0, 10)),
    lambda x, source: x * 10.0 ** source.integers(-12, 12),
    lambda x, source: x * 10.0 ** source.integers(-6, 6, x.shape),
    lambda x, source: np.where(source.random(x.shape) < 0.4, np.copysign(0.0, x), x),
    lambda x, source: np.where(source.random(x.shape) < 0.3, source.choice([np.nan, np.inf, -np.inf], x.shape), x),
    lambda x, source: np.where(source.random(x.shape) < 0.3, source.choice([np.nan, -np.inf]), np.round(3 * x)),
    lambda x, source: np.copysign(0.0, x),
    lambda x, source: np.abs(x) * source.choice([999.0, 1e4, 1e8]),
)


def random_values(source: np.random.Generator, shape: list[int]) -> np.ndarray:
    change = SHAPE_VALUES[source.integers(len(SHAPE_VALUES))]
    return np.asarray(change(np.asarray(source.standard_normal(shape)), source))


def random_tensor(source: np.random.Generator) -> Any:
    shape = [int(source.choice([0, 1, 1, 2, 3, 5, 7, 8, 13, 30])) for _ in range(source.integers(0, 6))]
    if source.random() < 0.15:
        shape = [int(source.choice([100, 1000, 1001])), *shape[:1]]
    while np.prod(shape) > 20_000:
        shape[int(np.argmax(shape))] = 2
    name = str(source.choice(FLOATS if source.random() < 0.6 else OTHERS))
    dtype = getattr(torch, name)
    if dtype.is_complex:
        values = np.empty(shape, np.complex128)
        values.real, values.imag = random_values(source, shape), random_values(source, shape)
        return torch.from_numpy(values).to(dtype)
    if dtype.is_floating_point:
        return torch.from_numpy(random_values(source, shape)).to(dtype)
    if name == "bool":
        return torch.from_numpy(np.asarray(source.random(shape) < 0.5))
    limits = torch.iinfo(dtype)
    low, high = ((0, 9), (-100, 100), (limits.min, limits.max))[source.integers(3)]
    numbers = source.integers(max(low, limits.min), min(high, limits.max), shape, dtype=np.int64)
    return torch.from_numpy(np.asarray(numbers)).to(dtype)


def to_numpy(tensor: Any) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return tensor.float().numpy().astype(pytest.importorskip("ml_dtypes").bfloat16)
    return tensor.numpy()


def random_options(source: np.random.Generator) -> dict[str, Any]:
    choices: dict[str, list[Any]] = {
        "precision": [0, 1, 2, 6, 10],
        "threshold": [0, 5, 50, 10**9, float("inf")],
        "edgeitems": [0, 1, 2, 5],
        "linewidth": [20, 40, 120],
        "profile": ["default", "short", "full"],
        "sci_mode": [True, False],
    }
    return {
        name: values[source.integers(len(values))]
        for name, values in choices.items()
        if source.random() < 0.3
    }


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(8))
def test_random_tensors(seed: int) -> None:
    source = np.random.default_rng(seed)
    for _ in range(120):
        tensor = random_tensor(source)
        how: dict[str, Any] = {}
        if (tensor.is_floating_point() or tensor.is_complex()) and source.random() < 0.4:
            tensor.requires_grad_()
            how["requires_grad"] = True
            if source.random() < 0.5:
                tensor = tensor * 1
                how["grad_fn_name"] = "MulBackward0"
        array = to_numpy(tensor)
        if source.random() < 0.05:
            tensor = tensor.detach().to("meta")
            how = {"device": "meta"}
        options = random_options(source) if source.random() < 0.3 else {}
        with torch._tensor_str.printoptions(**options), printing.printoptions(**options):
            assert printing.get_printoptions() == dict(torch._tensor_str.get_printoptions())
            assert printing.tensor_text(array, **how) == repr(tensor)
