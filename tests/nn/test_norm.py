"""Normalisation without PyTorch: gradients by finite differences, statistics, accuracy, state."""

from __future__ import annotations

import numpy as np
import pytest

import convlet as torch
import convlet.nn.functional as F
from convlet import nn


def some(*shape, seed=0):
    return torch.tensor(np.random.default_rng([seed, *shape]).standard_normal(shape), requires_grad=True)


MEAN, VARIANCE = torch.tensor([0.1, -0.2, 0.3, 0.0]).double(), torch.tensor([1.0, 2.0, 0.5, 1.5]).double()
SCALE = some(4, 2, 3, seed=9).detach()
CALLS = {
    "batch_norm": lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
    "batch_norm plain": lambda x, w, b: F.batch_norm(x, None, None, training=True),
    "batch_norm weight": lambda x, w, b: F.batch_norm(x, None, None, w, training=True),
    "batch_norm eval": lambda x, w, b: F.batch_norm(x, MEAN, VARIANCE, w, b),
    "instance_norm": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    "layer_norm": lambda x, w, b: F.layer_norm(x, (4, 2, 3), SCALE, None) * w.sum() + b.sum(),
    "layer_norm weight": lambda x, w, b: F.layer_norm(x.permute(0, 2, 3, 1), (4,), w, b),
    "group_norm": lambda x, w, b: F.group_norm(x, 2, w, b),
    "rms_norm": lambda x, w, b: F.rms_norm(x.permute(0, 2, 3, 1), (4,), w) + b,
    "local_response_norm": lambda x, w, b: F.local_response_norm(x, 3, 0.5) * w[:, None, None] + b[:, None, None],
}


@pytest.mark.parametrize("name", CALLS)
def test_gradients(name):
    x, w, b = some(3, 4, 2, 3), some(4), some(4, seed=1)
    call = lambda *operands: CALLS[name](*operands) + 0 * (w.sum() + b.sum())  # noqa: E731
    assert torch.autograd.gradcheck(call, (x, w, b))
    assert torch.autograd.gradgradcheck(call, (x, w, b))


def test_normalised_values_have_mean_zero_and_variance_one():
    x = torch.tensor(np.random.default_rng(0).standard_normal((8, 3, 16, 16)).astype("float32") * 5 + 100)
    y = nn.BatchNorm2d(3)(x).detach().numpy().astype("float64")
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(y.var((0, 2, 3)), 1, rtol=1e-4)


@pytest.mark.parametrize("last", [False, True])
def test_running_statistics_are_exact(last):
    values = np.random.default_rng(0).standard_normal((4, 3, 64, 64)).astype("float32") + 1000
    x = torch.tensor(values)
    layer = nn.BatchNorm2d(3, momentum=1.0)
    layer(x.to(memory_format=torch.channels_last) if last else x)
    wide = values.astype("float64")
    np.testing.assert_allclose(layer.running_mean.numpy(), wide.mean((0, 2, 3)), rtol=1e-7)
    np.testing.assert_allclose(layer.running_var.numpy(), wide.var((0, 2, 3), ddof=1), rtol=1e-5)


def test_momentum_none_is_the_plain_average():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = [np.random.default_rng(i).standard_normal((5, 2)).astype("float32") for i in range(3)]
    for each in batches:
        layer(torch.tensor(each))
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean([b.mean(0) for b in batches], 0), rtol=1e-5)
    assert layer.num_batches_tracked.item() == 3


def test_evaluation_changes_nothing():
    layer = nn.BatchNorm2d(3).eval()
    before = {name: value.numpy(force=True).copy() for name, value in layer.state_dict().items()}
    layer(torch.randn(2, 3, 4, 4))
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value.numpy(force=True), before[name])


def test_an_error_changes_no_statistics():
    layer = nn.BatchNorm2d(3)
    for wrong in (torch.zeros(3, 4, 4), torch.zeros(2, 4, 4, 4), torch.zeros(1, 3, 1, 1)):
        with pytest.raises((ValueError, RuntimeError)):
            layer(wrong)
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert layer.running_var.tolist() == [1, 1, 1]


def test_an_old_state_without_the_count_loads():
    state = nn.BatchNorm2d(3).state_dict()
    del state["num_batches_tracked"]
    state._metadata[""]["version"] = 1
    assert str(nn.BatchNorm2d(3).load_state_dict(state)) == "<All keys matched successfully>"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_with_float32_parameters(dtype):
    x = torch.randn(4, 3, 8, 8)
    y = nn.BatchNorm2d(3)(x.to(dtype))
    assert y.dtype is dtype
    np.testing.assert_allclose(
        y.float().numpy(force=True), nn.BatchNorm2d(3)(x).numpy(force=True), atol=0.05, rtol=0.02
    )


@pytest.mark.parametrize("size", [3, 24])
@pytest.mark.parametrize("activation", ["ReLU()", "ReLU(True)", "ReLU6()", "ReLU6(True)"])
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_a_clamp_behind_batch_norm_in_a_chain(size, activation, layout):
    """The bits, the graph and the statistics of the layers one after the other."""
    torch.manual_seed(0)
    norm, clamp = nn.BatchNorm2d(8), eval(f"nn.{activation}")
    norm.weight.data.uniform_(0.5, 9)
    x = torch.randn(4, 8, size, size)
    if layout == "channels last":
        x = x.to(memory_format=torch.channels_last)
    found = []
    for run in (nn.Sequential(norm, clamp), lambda input: clamp(norm(input))):
        norm.reset_running_stats()
        norm.zero_grad()
        leaf = (x * 1).detach().requires_grad_()
        out = run(leaf)
        node = out.grad_fn
        assert node.next_functions[0][0].name() == "NativeBatchNormBackward0"
        (out * out).sum().backward()
        found.append([node.name(), out, leaf.grad, norm.weight.grad, norm.bias.grad, *norm.buffers()])
        found[-1][1:] = [each.detach().clone() for each in found[-1][1:]]
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1:], found[1][1:]))


def test_what_somebody_sees_of_a_chain_is_not_joined():
    norm, seen = nn.BatchNorm2d(8), []
    norm.register_forward_hook(lambda module, args, result: seen.append(float(result.min())))
    x = torch.randn(4, 8, 24, 24)
    nn.Sequential(norm, nn.ReLU())(x)
    assert seen[0] < 0

    class Twice(nn.BatchNorm2d):
        def forward(self, input):
            return super().forward(input) * 2

    chain = nn.Sequential(Twice(8), nn.ReLU())
    assert torch.equal(chain(x), nn.functional.relu(nn.functional.batch_norm(x, None, None, training=True) * 2))
    out = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU())(x.requires_grad_())
    out += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_batch_norm_with_an_activation():
    x, mean, var = torch.randn(4, 8, 24, 24), torch.zeros(8), torch.ones(8)
    batch_norm = nn.functional.batch_norm
    for training in (False, True):
        plain = batch_norm(x, mean.clone(), var.clone(), training=training)
        assert torch.equal(batch_norm(x, mean, var, training=training, activation="relu6"), nn.functional.relu6(plain))
    with pytest.raises(ValueError, match="'relu', 'relu6' or None, but got 'gelu'"):
        batch_norm(x, mean, var, activation="gelu")
