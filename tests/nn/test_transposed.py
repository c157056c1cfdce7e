"""ConvTranspose2d without PyTorch: the adjoint of a convolution, gradients by finite differences, the same bits."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import convlet as torch
import convlet.nn.functional as F
from convlet.autograd import gradcheck, gradgradcheck

SETTINGS = {
    "plain": {},
    "stride and output padding": {"stride": 2, "padding": 1, "output_padding": 1},
    "as DCGAN": {"stride": (2, 1), "padding": 1},
    "dilation and more output": {"dilation": 3, "output_padding": (2, 1)},
    "groups": {"groups": 2, "stride": 2},
}


def some(*shape: int, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("name", SETTINGS)
def test_is_the_adjoint_of_a_convolution(name: str) -> None:
    options = dict(SETTINGS[name])
    more = options.pop("output_padding", 0)
    x, w = torch.tensor(some(2, 4, 5, 6)), torch.tensor(some(4, 3, 3, 3, seed=1))
    out = F.conv_transpose2d(x, w, output_padding=more, **options)
    other = torch.tensor(some(*out.shape, seed=2))
    back = F.conv2d(other, w, **options)[:, :, :5, :6]
    assert np.isclose((out * other).sum().item(), (back * x).sum().item())


@pytest.mark.parametrize("name", SETTINGS)
def test_gradients(name: str) -> None:
    groups = SETTINGS[name].get("groups", 1)
    shapes = (2, 4, 3, 2), (4, 2, 2, 3), (2 * groups,)
    inputs = [torch.tensor(some(*shape, seed=i), requires_grad=True) for i, shape in enumerate(shapes)]
    call = lambda x, w, b: F.conv_transpose2d(x, w, b, **SETTINGS[name])  # noqa: E731
    assert gradcheck(call, inputs)
    assert gradgradcheck(call, inputs)


def test_an_image_gives_the_same_bits_in_any_batch() -> None:
    layer = torch.nn.ConvTranspose2d(32, 24, 4, stride=2, padding=1)
    images = torch.tensor(some(3, 32, 9, 8, dtype="float32"))
    together = layer(images)
    for i in range(3):
        assert torch.equal(layer(images[i]), together[i])


def test_copies_and_pickles() -> None:
    layer = torch.nn.ConvTranspose2d(3, 4, (3, 2), stride=2, output_padding=1, dtype=torch.float64)
    x = torch.tensor(some(1, 3, 4, 5))
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(again(x), layer(x))
        assert repr(again) == repr(layer)
    assert not isinstance(layer, torch.nn.Conv2d)


def test_after_a_step_the_new_weights_count() -> None:
    layer = torch.nn.ConvTranspose2d(16, 16, 4, stride=2, padding=1)
    x = torch.tensor(some(1, 16, 8, 8, dtype="float32"))
    for _ in range(3):
        before = layer(x)
    with torch.no_grad():
        layer.weight.mul_(2)
        layer.bias.mul_(2)
    assert torch.allclose(layer(x), 2 * before, atol=1e-5)
