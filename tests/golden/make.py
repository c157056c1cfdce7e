"""Write what PyTorch gives, so that the ordinary tests can compare without it: ``python tests/golden/make.py``.

Made with PyTorch 2.13.0 on a CPU. ``random.json``: the first and last numbers of random arrays and the number that
the stream gives next. ``printing.json``: the text of tensors.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).parent
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")

# What draws a tensor, by the name of the function of convlet.tensor.random that must give the same.
DRAW: dict[str, Callable[..., torch.Tensor]] = {
    "uniform": lambda g, d, shape, low, high: torch.empty(shape, dtype=d).uniform_(low, high, generator=g),
    "normal": lambda g, d, shape, mean, std: torch.empty(shape, dtype=d).normal_(mean, std, generator=g),
    "randint": lambda g, d, low, high, shape: torch.empty(shape, dtype=d).random_(low, high, generator=g),
    "random_integers": lambda g, d, shape: torch.empty(shape, dtype=d).random_(generator=g),
    "randperm": lambda g, d, n: torch.randperm(n, dtype=d, generator=g),
    "bernoulli": lambda g, d, p, shape: torch.empty(shape, dtype=d).bernoulli_(p, generator=g),
    "exponential": lambda g, d, shape, rate: torch.empty(shape, dtype=d).exponential_(rate, generator=g),
}


def numbers(tensor: torch.Tensor) -> list[Any]:
    """The elements as JSON numbers, a complex one as two; every float is exact."""
    tensor = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return (tensor.double() if tensor.is_floating_point() else tensor).reshape(-1).tolist()


def draw(function: str, seed: int, dtype: str, **arguments: Any) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    values = numbers(DRAW[function](generator, getattr(torch, dtype), **arguments))
    following = torch.randint(0, 2**27, (), generator=generator).item()
    case = {"function": function, "seed": seed, "dtype": dtype, "arguments": arguments}
    return case | {"head": values[:4], "tail": values[-4:], "next": following}


def random_cases() -> list[dict[str, Any]]:
    cases = []
    for dtype in (*FLOATS, "complex64", "complex128"):
        for size, seed in ((1, 0), (2, 1), (15, 7), (16, -1), (17, 2**40 + 1), (100, 2**64 - 1), (1000, 3)):
            cases.append(draw("uniform", seed, dtype, shape=[size], low=0.0, high=1.0))
            cases.append(draw("uniform", seed, dtype, shape=[size], low=-0.19245, high=0.19245))
            cases.append(draw("normal", seed, dtype, shape=[size], mean=0.0, std=1.0))
            cases.append(draw("normal", seed, dtype, shape=[size], mean=0.5, std=0.02))
    cases.append(draw("uniform", 0, "float32", shape=[64, 3, 7, 7], low=-0.0825, high=0.0825))
    for dtype in (*INTEGERS, *FLOATS, "bool"):
        cases.append(draw("random_integers", 5, dtype, shape=[20]))
        cases.append(draw("randint", 6, dtype, low=0, high=2, shape=[20]))
        if dtype != "bool":
            cases.append(draw("randint", 6, dtype, low=3, high=100, shape=[20]))
    for low, high in ((-5, 5), (0, 2**28 - 1), (0, 2**28), (-(2**62), 2**62)):
        cases.append(draw("randint", 6, "int64", low=low, high=high, shape=[20]))
    for n in (0, 1, 2, 10, 100, 1000):
        cases.append(draw("randperm", 8, "int64", n=n))
    for dtype in FLOATS:
        cases.append(draw("bernoulli", 9, dtype, p=0.3, shape=[50]))
        cases.append(draw("exponential", 10, dtype, shape=[50], rate=2.5))
    return cases


def random_states() -> list[dict[str, Any]]:
    states = []
    for seed, uniforms, normals in ((0, 0, 0), (7, 5, 3), (-2, 623, 1), (2**63, 2000, 20)):
        generator = torch.Generator().manual_seed(seed)
        torch.rand(uniforms, generator=generator)
        torch.randn(normals, generator=generator)
        digest = hashlib.sha256(generator.get_state().numpy().tobytes()).hexdigest()
        states.append({"seed": seed, "uniforms": uniforms, "normals": normals, "sha256": digest})
    return states


def text(dtype: str, values: Any, shape: list[int] | None = None, **how: Any) -> dict[str, Any]:
    """A printed tensor. ``values``: nested lists, or {"first": a, "step": b} for a + b * (0, 1, 2, ...)."""
    if isinstance(values, dict):
        assert shape is not None
        array = values["first"] + values["step"] * np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
        tensor = torch.from_numpy(array).to(getattr(torch, dtype))
    elif dtype.startswith("complex"):
        tensor = torch.view_as_complex(torch.tensor(values, dtype=torch.float64)).to(getattr(torch, dtype))
    else:
        tensor = torch.tensor(values, dtype=getattr(torch, dtype))
        tensor = tensor if shape is None else tensor.reshape(shape)
    tensor = tensor.to(how.get("device", "cpu")).requires_grad_(how.get("requires_grad", False))
    if how.get("grad_fn_name"):
        tensor = tensor * 1
    with torch._tensor_str.printoptions(**how.get("options", {})):
        printed = repr(tensor)
    case = {"dtype": dtype, "values": values, "shape": list(tensor.shape)}
    return case | how | {"text": printed}


def printing_cases() -> list[dict[str, Any]]:
    inf, nan = math.inf, math.nan
    ramp = {"first": -3.0, "step": 0.37}
    cases = [
        *(text(dtype, []) for dtype in (*FLOATS, *INTEGERS, "bool")),
        *(text(dtype, [[1, 0, 2], [3, 4, 5]]) for dtype in (*FLOATS, *INTEGERS, "bool")),
        *(text(dtype, ramp, [3, 4]) for dtype in (*FLOATS, *INTEGERS, "bool")),
        *(text(dtype, [[1.5, -2.0], [0.0, 1e-3]]) for dtype in ("complex64", "complex128")),
        text("complex64", [[1.0, 2.0], [3.0, -4.0], [nan, inf]]),
        text("complex64", [[1e9, -0.0], [1e-9, 0.0]]),
        *(text("float32", value) for value in (0.0, -0.0, 1.0, 1.5, 1e-5, 123456789.0, inf, -inf, nan)),
        text("int64", -7),
        text("bool", True),
        text("float32", [], [0, 3]),
        text("int64", [], [2, 0, 4]),
        text("float32", [1.0, nan, -inf]),
        text("float32", [1.5, nan, -inf]),
        text("float32", [nan, inf]),
        text("float32", [0.0, -0.0]),
        text("float32", [1000.0, 1.0]),
        text("float32", [1001.0, 1.0]),
        text("float32", [1000.0, 0.5]),
        text("float32", [1001.0, 0.5]),
        text("float32", [1e8, 2e8]),
        text("float32", [1e9, 2e9]),
        text("float32", [1e-4, 2e-4]),
        text("float32", [9e-5, 2e-4]),
        text("float16", [6e-8, 65504.0]),
        text("float64", [5e-324, 1.7e308]),
        text("int64", [2**63 - 1, -(2**63)]),
        text("float32", ramp, [40]),
        text("int64", {"first": 0, "step": 1}, [60]),
        text("float32", ramp, [2, 3, 4]),
        text("float32", ramp, [2, 1, 2, 2]),
        text("float32", ramp, [1000]),
        text("float32", ramp, [1001]),
        text("float64", ramp, [40, 40]),
        text("int32", ramp, [3, 20, 30]),
        text("float32", ramp, [2, 2, 9, 50]),
        text("float32", ramp, [2, 3], requires_grad=True),
        text("float32", ramp, [8], requires_grad=True),
        text("float64", ramp, [7], requires_grad=True),
        text("float64", ramp, [6], requires_grad=True, grad_fn_name="MulBackward0"),
        text("float32", ramp, [2, 9], requires_grad=True, grad_fn_name="MulBackward0"),
        text("float32", ramp, [2, 3], device="meta"),
        text("float64", ramp, [2, 3], device="meta", requires_grad=True),
        text("int64", ramp, [3], device="meta"),
        text("float32", [], [0, 2], requires_grad=True),
    ]
    for options in (
        {"precision": 2},
        {"precision": 8},
        {"sci_mode": True},
        {"sci_mode": False},
        {"linewidth": 30},
        {"threshold": 5},
        {"threshold": 5, "edgeitems": 1},
        {"threshold": 5, "edgeitems": 0},
        {"edgeitems": 0},
        {"profile": "short"},
        {"profile": "full", "precision": 1},
    ):
        for shape in ([12], [4, 7]):
            cases.append(text("float32", ramp, shape, options=options))
        cases.append(text("float32", [1.0, 2e9, nan], options=options))
    return cases


def main() -> None:
    for name, content in (
        ("random", {"draws": random_cases(), "states": random_states()}),
        ("printing", {"tensors": printing_cases()}),
    ):
        lines = ",\n".join(
            f'"{key}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]" for key, cases in content.items()
        )
        header = f'"made with": "PyTorch {torch.__version__}"'
        (HERE / f"{name}.json").write_text(f"{{\n{header},\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
