"""Padding in four modes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convlet as torch

from .gradients import check_gradients

pad = torch.nn.functional.pad
NUMPY_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("call", [
    "F.pad(x, (1, 2, -1, 0, 1, 1), value=3.0)", "F.pad(x, (1, 2), mode='reflect')",
    "F.pad(x, (1, 2, 2, 1), mode='reflect')",
    "F.pad(x, (1, 2, 2, 1), mode='replicate')", "F.pad(x, (3, 2, 2, 1), mode='circular')",
    "F.pad(x[None], (1, 1, 1, 0, 1, 1), mode='reflect')", "F.pad(x, (-1, 1, -1, 1), mode='replicate')",
])  # fmt: skip
def test_gradients(call: str) -> None:
    check_gradients(call)


@pytest.mark.parametrize("mode", NUMPY_MODES)
@given(st.data())
def test_values_are_numpys(mode: str, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=4, max_size=4)))
    # As much as the mode allows: reflect less than the size, circular at most the size.
    most = {"reflect": -1, "circular": 0}.get(mode, 4)
    amounts = [
        data.draw(st.tuples(*[st.integers(0, size + most if most < 1 else most)] * 2)) for size in reversed(shape[-2:])
    ]
    array = np.arange(float(np.prod(shape))).reshape(shape)
    expected = np.pad(array, [(0, 0), (0, 0), *reversed(amounts)], NUMPY_MODES[mode])
    found = pad(torch.tensor(array), [n for pair in amounts for n in pair], mode)
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_the_gradient_is_the_adjoint(mode: str) -> None:
    """<pad(x), y> = <x, gradient of pad at y>, exact with integers; the same for the gradient's own gradient."""
    random = np.random.default_rng(0)
    x = torch.tensor(random.integers(-9, 9, (2, 3, 5, 4)).astype(float), requires_grad=True)
    padded = pad(x, (2, 3, 1, 4), mode)
    y = torch.tensor(random.integers(-9, 9, tuple(padded.shape)).astype(float), requires_grad=True)
    (back,) = torch.autograd.grad(padded, x, y, create_graph=True)
    assert (padded * y).sum().item() == (x * back).sum().item()
    (again,) = torch.autograd.grad(back, y, x)
    np.testing.assert_array_equal(again.numpy(), padded.detach().numpy())


def test_layout_and_dtypes_are_kept() -> None:
    x = torch.ones(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    assert pad(x, (1, 1)).is_contiguous(memory_format=torch.channels_last)
    assert pad(x, (1, 1, 1, 1), "reflect").is_contiguous(memory_format=torch.channels_last)
    for dtype in (torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.complex64):
        assert pad(torch.ones(2, 2).to(dtype), (1, 1)).dtype is dtype
    same = torch.ones(2, 3)
    assert pad(same, (0, 0)) is not same
    assert not np.may_share_memory(pad(same, (0, 0)).numpy(), same.numpy())


ERRORS = [
    ((1,), "constant", None, RuntimeError, "Padding length must be divisible by 2"),
    ((1,) * 8, "constant", None, RuntimeError, "Padding length should be less than or equal to two times the input "
     "dimension but got padding length 8 and input of dimension 3"),
    ((-3, -2), "constant", None, RuntimeError, "The input size 4, plus negative padding -3 and -2 resulted in a "
     "negative output size, which is invalid. Check dimension 2 of your input."),
    ((1, 1, 1, 1, 1, 1), "reflect", None, NotImplementedError, "Padding size 6 is not supported for 3D input tensor.\n"
     "Supported combinations for non-constant padding:"),
    ((1, 1), "reflect", 1.0, RuntimeError, 'Padding mode "reflect" doesn\'t take in value argument'),
    ((1, 1), "foo", None, NotImplementedError, "Unrecognised padding mode foo"),
    ((4, 1), "reflect", None, RuntimeError, "Argument #4: Padding size should be less than the corresponding input "
     "dimension, but got: padding (4, 1) at dimension 2 of input [2, 3, 4]"),
    ((5, 1), "circular", None, RuntimeError, "Padding value causes wrapping around more than once."),
    ((1.5, 1), "constant", None, TypeError, "pad(): argument 'pad' (position 2) must be tuple of ints, but found "
     "element of type float at pos 0"),
    ((10**18, 1), "constant", None, RuntimeError, "Storage size calculation overflowed"),
]  # fmt: skip


@pytest.mark.parametrize(("amounts", "mode", "value", "kind", "text"), ERRORS)
def test_errors(amounts: tuple[int, ...], mode: str, value: float | None, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as error:
        pad(torch.ones(2, 3, 4), amounts, mode, value)
    assert text in str(error.value)
