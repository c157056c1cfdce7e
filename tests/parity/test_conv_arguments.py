"""conv2d's arguments and errors, and the values of every problem of the grid, against PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convlet.conv import conv2d_problem, forward, input_gradient, weight_gradient  # noqa: E402
from convlet.conv.problem import ConvProblem, numpy_dtype  # noqa: E402
from tests.conv.argument_cases import REFUSED, REFUSED_BY_MODE, WRONG_TYPES, Refused  # noqa: E402
from tests.conv.strategies import GRID, integers  # noqa: E402

pytestmark = pytest.mark.parity

F32 = np.dtype(np.float32)


@pytest.mark.parametrize("case", [*REFUSED, *WRONG_TYPES], ids=str)
def test_pytorch_says_the_same(case: Refused) -> None:
    x, w, bias = (
        None if shape is None else torch.zeros(shape, dtype=getattr(torch, dtype))
        for shape, dtype in zip((case.x, case.w, case.bias), case.dtypes)
    )
    with pytest.raises(case.error) as caught:
        torch.nn.functional.conv2d(x, w, bias, **case.arguments)
    assert type(caught.value) is case.error
    if case in WRONG_TYPES:
        assert str(caught.value).startswith(case.sentence)
    else:
        assert str(caught.value).split("\nException raised")[0] == case.sentence


@pytest.mark.parametrize(("shape", "padding", "mode", "sentence"), REFUSED_BY_MODE)
def test_pytorchs_modes_say_the_same(shape: tuple[int, ...], padding: Any, mode: str, sentence: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.nn.Conv2d(2, 3, 3, padding=padding, padding_mode=mode)(torch.zeros(shape))
    assert str(caught.value) == sentence


@pytest.mark.parametrize("padding", [0, 1, (2, 0), "same", "valid"])
@pytest.mark.parametrize("stride", [1, (2, 3)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
@pytest.mark.parametrize("x", [(1, 4, 9, 12), (4, 9, 12), (0, 4, 9, 12), (2, 0, 9, 12), (1, 4, 3, 3), (1, 4, 0, 3)])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 1), (5, 2)])
def test_the_same_shape_or_the_same_error(
    x: tuple[int, ...], kernel: tuple[int, int], stride: Any, padding: Any, dilation: Any
) -> None:
    w = (6, x[-3] // 2, *kernel)
    arguments = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 2}

    def of(function: Any) -> tuple[int, ...] | str:
        try:
            return function()
        except RuntimeError as error:
            return str(error)

    with warnings.catch_warnings(action="ignore"):  # of the copy PyTorch makes for an odd 'same'
        expected = of(lambda: tuple(torch.nn.functional.conv2d(torch.zeros(x), torch.zeros(w), **arguments).shape))
    found = of(lambda: conv2d_problem(x, w, None, F32, F32, None, **arguments).output_shape[-len(x) :])
    assert found[: len(expected)] == expected  # an error may end in a hint of ours


@pytest.mark.parametrize("dtype", ["f32", "f64", "c64", "i64", "bf16"])
@pytest.mark.parametrize("text", GRID)
def test_the_same_values_and_gradients(text: str, dtype: str) -> None:
    p = ConvProblem.parse(f"{text} {dtype}")
    rng = np.random.default_rng(3)
    x, w, grad = (integers(s, dtype, rng) for s in (p.input_shape, p.weight_shape, p.output_shape))
    wide = {"i64": torch.int64, "c64": torch.complex128}.get(dtype, torch.float64)
    numpys = {torch.int64: np.int64, torch.complex128: np.complex128, torch.float64: np.float64}[wide]
    tx, tw, tgrad = (torch.from_numpy(array.astype(numpys)) for array in (x, w, grad))
    if dtype != "i64":
        tx.requires_grad_()
        tw.requires_grad_()
    padded = tx
    for mode, pads in ((p.mode_w, (p.pl, p.pr, 0, 0)), (p.mode_h, (0, 0, p.pt, p.pb))):
        padded = torch.nn.functional.pad(padded, pads, "constant" if mode == "zeros" else mode)
    out = torch.nn.functional.conv2d(padded, tw, None, (p.sh, p.sw), 0, (p.dh, p.dw), p.g)
    low = numpy_dtype(dtype)
    np.testing.assert_array_equal(forward(p, x, w), out.detach().numpy().astype(low))
    if dtype == "i64":
        return
    # PyTorch's gradients of complex numbers are conjugated: conj(conj(g) * w) = g * conj(w).
    out.backward(tgrad.conj().resolve_conj())
    np.testing.assert_array_equal(input_gradient(p, grad, w), tx.grad.conj().resolve_conj().numpy().astype(low))
    np.testing.assert_array_equal(weight_gradient(p, x, grad), tw.grad.conj().resolve_conj().numpy().astype(low))
