"""The text of tensors: equal to what PyTorch printed (tests/golden/printing.json), and the printing options."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlet import dtypes
from convlet.tensor.printing import get_printoptions, printoptions, set_printoptions, tensor_text

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "printing.json").read_text(encoding="utf-8"))
DEFAULTS = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    assert get_printoptions() == DEFAULTS
    yield
    set_printoptions(profile="default")


def array_of(case: dict[str, Any]) -> np.ndarray:
    values, shape = case["values"], case["shape"]
    if case["dtype"] == "bfloat16":
        pytest.importorskip("ml_dtypes")
    dtype = dtypes.from_name(case["dtype"])
    if isinstance(values, dict):
        wide = values["first"] + values["step"] * np.arange(np.prod(shape), dtype=np.float64)
    elif dtype.is_complex:
        wide = np.array(values, np.float64).view(np.complex128)
    else:
        wide = np.array(values, np.int64 if dtype.kind in "iu" else np.float64)
    if dtype.kind == "u":
        wide = wide.astype(np.int64)  # a negative number wraps around
    return wide.reshape(shape).astype(dtype.numpy)


@pytest.mark.parametrize("case", GOLDEN["tensors"], ids=lambda case: f"{case['dtype']}-{case['shape']}")
def test_golden(case: dict[str, Any]) -> None:
    how = {name: case[name] for name in ("requires_grad", "grad_fn_name", "device") if name in case}
    with printoptions(**case.get("options", {})):
        assert tensor_text(array_of(case), **how) == case["text"]


def test_any_strides_print_the_same() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert tensor_text(array.transpose(2, 0, 1)) == tensor_text(array.transpose(2, 0, 1).copy())
    assert tensor_text(array[:, ::-1, ::2]) == tensor_text(array[:, ::-1, ::2].copy())


def test_the_default_dtype_is_not_named() -> None:
    ones = {name: np.ones(1, name) for name in ("float32", "float64", "complex64", "complex128")}
    try:
        dtypes.set_default_dtype(dtypes.float64)
        assert tensor_text(ones["float64"]) == "tensor([1.])"
        assert tensor_text(ones["float32"]) == "tensor([1.], dtype=torch.float32)"
        assert tensor_text(ones["complex128"]) == "tensor([1.+0.j])"
        assert tensor_text(ones["complex64"]) == "tensor([1.+0.j], dtype=torch.complex64)"
        assert tensor_text(ones["float32"][:0]) == "tensor([], dtype=torch.float32)"
    finally:
        dtypes.set_default_dtype(dtypes.float32)
    assert tensor_text(ones["float32"]) == "tensor([1.])"


def test_prefix_and_contents() -> None:
    assert tensor_text(np.ones(2, np.float32), prefix="MyTensor") == "MyTensor([1., 1.])"
    text = tensor_text(np.ones((2, 2)), prefix="Two", contents="[hidden]", requires_grad=True)
    assert text == "Two([hidden], dtype=torch.float64, requires_grad=True)"


def test_a_profile_sets_all_but_the_given_options() -> None:
    set_printoptions(profile="short", linewidth=40)
    assert get_printoptions() == DEFAULTS | {"precision": 2, "edgeitems": 2, "linewidth": 40}
    set_printoptions(sci_mode=True)
    assert get_printoptions()["sci_mode"] is True
    set_printoptions(precision=6)
    assert get_printoptions()["sci_mode"] is None, "an omitted sci_mode means: as the numbers need it"


def test_options_return_after_the_block_even_after_an_error() -> None:
    def fail_inside() -> None:
        with printoptions(precision=1, sci_mode=False):
            assert get_printoptions() == DEFAULTS | {"precision": 1, "sci_mode": False}
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert get_printoptions() == DEFAULTS
