"""Optimizers' steps as kernels beside the NumPy expressions: the same bits."""

import numpy as np
import pytest

pytest.importorskip("numba")

import convlet as torch
from convlet.kernels import large, launch  # noqa: F401  launch: "after the first convolution"
from convlet.kernels.lanes import TASK
from convlet.runtime import threads

SETTINGS = {
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "decay": (torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.01, "maximize": True}),
    "momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}),
    "dampening": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    "nesterov": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "adam": (torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.01}),
    "amsgrad": (torch.optim.Adam, {"lr": 0.1, "amsgrad": True, "maximize": True}),
    "adamw": (torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.1}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.1, "weight_decay": 0.1}),
    "rmsprop momentum": (torch.optim.RMSprop, {"lr": 0.1, "momentum": 0.9}),
    "rmsprop centered": (torch.optim.RMSprop, {"lr": 0.1, "centered": True}),
    "rmsprop both": (torch.optim.RMSprop, {"lr": 0.1, "centered": True, "momentum": 0.5}),
}


def parameters():
    """Of all sizes and layouts, in one memory twice and in float64, too."""
    rng = np.random.default_rng(0)
    shapes = [(1,), (), (7, 3), (65,), (TASK,), (3, TASK // 2 + 1), (0,), (129,)]
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    arrays.append(rng.standard_normal((4, 9, 5, 3)).astype(np.float32).transpose(0, 3, 1, 2))
    arrays.append(rng.standard_normal((6, 40)).astype(np.float32)[:, ::2])
    arrays.append(rng.standard_normal(100))
    shared = rng.standard_normal(300).astype(np.float32)
    arrays += [shared, shared]
    return [torch.nn.Parameter(torch.from_numpy(each)) for each in arrays]


def trained(name, steps=4):
    kind, settings = SETTINGS[name]
    some = parameters()
    optimizer = kind([{"params": some[:5]}, {"params": some[5:], "lr": 0.03}], **settings)
    for step in range(steps):
        for i, each in enumerate(some):
            each.grad = None if i == step else torch.cos(each.detach() * (step + i))
        optimizer.step()
    return [each.detach().numpy() for each in some]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_step_has_numpys_bits(name, monkeypatch):
    before = threads.get_num_threads()
    found = []
    try:
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            found.append(trained(name))
    finally:
        threads.set_num_threads(before)
    monkeypatch.setattr(large, "updates", lambda: None)
    expected = trained(name)
    for results in found:
        for a, b in zip(results, expected):
            np.testing.assert_array_equal(a, b)


def test_infinite_and_missing_numbers_stay(monkeypatch):
    results = []
    for _ in range(2):
        x = torch.nn.Parameter(torch.tensor([1.0, np.inf, np.nan, -0.0]))
        x.grad = torch.tensor([np.nan, 1.0, 0.0, np.inf])
        optimizer = torch.optim.Adam([x], amsgrad=True)
        with np.errstate(all="ignore"):
            optimizer.step()
            optimizer.step()
        results.append(x.detach().numpy())
        monkeypatch.setattr(large, "updates", lambda: None)
    np.testing.assert_array_equal(*results)


def test_clipped_gradients_have_numpys_bits(monkeypatch):
    found = []
    for _ in range(2):
        some = parameters()
        for i, each in enumerate(some):
            each.grad = torch.cos(each.detach() * (i + 1))
        some[3].grad = some[4].grad[: some[3].shape[0]]  # of the same memory: multiplied twice
        torch.nn.utils.clip_grad_norm_(some, 0.5)
        found.append([each.grad.numpy() for each in some])
        monkeypatch.setattr(large, "updates", lambda: None)
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)
