"""Conv1d and conv1d beside PyTorch's: values, gradients, initial values, repr and errors."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import convlet  # noqa: E402
from tests.parity.compatibility.check import Check, assert_same, gradients, integers, see  # noqa: E402

pytestmark = pytest.mark.parity


def same(what: Any, *, may_raise: bool = False) -> None:
    check = Check(122, "conv1d", what, may_raise=may_raise)
    theirs = see(torch, check)
    assert_same(see(convlet, check), theirs)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_values_and_gradients(mode: str, dtype: str) -> None:
    if dtype == "complex64" and mode != "zeros":
        pytest.skip("modes are the same for every dtype")

    def layers(t: Any) -> Any:
        found = []
        for k, s, p, d, g in product((1, 3), (1, 2), (0, 2, "same"), (1, 2), (1, 2)):
            if p == "same" and s > 1:
                continue
            layer = t.nn.Conv1d(4, 6, k, s, p, d, g, padding_mode=mode, dtype=getattr(t, dtype))
            layer.weight.data = integers(t, 6, 4 // g, k, dtype=dtype)
            layer.bias.data = integers(t, 6, dtype=dtype)
            x = integers(t, 2, 4, 11, dtype=dtype, grad=True)
            found.append([repr(layer), *gradients(layer(x), (x, layer.weight, layer.bias)), layer(x[0])])
        return found

    same(layers)


def test_attributes_and_initial_values() -> None:
    names = "kernel_size", "stride", "padding", "dilation", "output_padding", "_reversed_padding_repeated_twice"
    for arguments in ((4, 6, 3), (4, 6, (2,), 2, "valid"), (4, 6, 4, 1, "same", 3, 2, False)):
        same(
            lambda t, arguments=arguments: [
                [getattr(t.nn.Conv1d(*arguments), name) for name in names],
                [*t.nn.Conv1d(*arguments).parameters()],
            ]
        )


ERRORS = {
    "four axes": lambda t: t.conv1d(t.ones(1, 1, 4, 5), t.ones(3, 4, 3)),
    "one axis": lambda t: t.conv1d(t.ones(5), t.ones(3, 4, 3)),
    "weight of four axes": lambda t: t.conv1d(t.ones(1, 4, 5), t.ones(3, 4, 3, 3)),
    "weight of two axes": lambda t: t.conv1d(t.ones(1, 4, 5), t.ones(3, 4)),
    "channels": lambda t: t.conv1d(t.ones(1, 5, 5), t.ones(3, 4, 3)),
    "kernel": lambda t: t.conv1d(t.ones(1, 4, 4), t.ones(3, 4, 10)),
    "two strides": lambda t: t.conv1d(t.ones(1, 4, 5), t.ones(3, 4, 3), stride=(1, 1)),
    "two paddings": lambda t: t.conv1d(t.ones(1, 4, 5), t.ones(3, 4, 3), padding=(1, 1)),
    "negative padding": lambda t: t.conv1d(t.ones(1, 4, 5), t.ones(3, 4, 3), padding=-1),
    "no stride": lambda t: t.conv1d(t.ones(1, 4, 5), t.ones(3, 4, 3), stride=0),
    "no dilation": lambda t: t.conv1d(t.ones(1, 4, 5), t.ones(3, 4, 3), dilation=0),
    "bias": lambda t: t.conv1d(t.ones(1, 4, 5), t.ones(3, 4, 3), t.ones(4)),
    "groups": lambda t: t.conv1d(t.ones(1, 4, 4), t.ones(3, 4, 3), groups=2),
    "same with a stride": lambda t: t.nn.Conv1d(4, 6, 3, 2, "same"),
    "mode": lambda t: t.nn.Conv1d(4, 6, 3, padding_mode="x"),
    "too much reflected": lambda t: t.nn.Conv1d(4, 6, 3, padding=5, padding_mode="reflect")(t.ones(1, 4, 4)),
    "empty batch": lambda t: t.conv1d(t.ones(0, 4, 4), t.ones(3, 4, 3)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    same(ERRORS[name], may_raise=True)
