"""Activations, dropout and small layers without PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest

import convlet as torch
import convlet.nn.functional as F
from convlet import nn

# One value for each reference formula, in plain Python.
FORMULAS = {
    "relu": lambda x: max(x, 0),
    "relu6": lambda x: min(max(x, 0), 6),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "celu": lambda x: x if x > 0 else math.expm1(x),
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "hardsigmoid": lambda x: min(max(x + 3, 0), 6) / 6,
    "hardtanh": lambda x: min(max(x, -1), 1),
    "softplus": lambda x: x if x > 20 else math.log1p(math.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "logsigmoid": lambda x: -math.log1p(math.exp(-x)),
    "tanhshrink": lambda x: x - math.tanh(x),
    "softshrink": lambda x: x - 0.5 if x > 0.5 else x + 0.5 if x < -0.5 else 0.0,
    "hardshrink": lambda x: x if abs(x) > 0.5 else 0.0,
    "rrelu": lambda x: x if x > 0 else x * (1 / 8 + 1 / 3) / 2,
}
POINTS = [-30.0, -7.1, -2.9, -1.3, -0.4, 0.0, 0.3, 0.9, 2.2, 5.7, 8.0, 25.0]


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    for dtype, rtol in ((torch.float64, 1e-12), (torch.float32, 1e-5), (torch.float16, 2e-3)):
        ours = getattr(F, name)(torch.tensor(np.array(POINTS)).to(dtype))
        assert ours.dtype is dtype
        np.testing.assert_allclose(ours.double().numpy(), [FORMULAS[name](x) for x in POINTS], rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", [*FORMULAS, "glu", "softmax", "log_softmax", "softmin"])
def test_gradients(name):
    points = np.array([x for x in POINTS if abs(x) < 8 and x != 0.0]).reshape(2, 4)
    x = torch.tensor(points, requires_grad=True)
    options = {"dim": 1} if "soft" in name and name.startswith(("softm", "log_s")) else {}
    call = lambda x: getattr(F, name)(x, **options)  # noqa: E731
    assert torch.autograd.gradcheck(call, x)
    assert torch.autograd.gradgradcheck(call, x)


def test_prelu_gradients():
    x = torch.tensor(np.array(POINTS[1:4] + POINTS[6:9]).reshape(2, 3), requires_grad=True)
    for count in (1, 3):
        w = torch.tensor([0.1, 0.2, 0.3][:count]).double().requires_grad_()
        assert torch.autograd.gradcheck(F.prelu, (x, w))
        assert torch.autograd.gradgradcheck(F.prelu, (x, w))


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "silu", "mish", "hardswish", "hardtanh", "relu6"])
def test_in_place(name):
    values = torch.tensor([-1.0, 0.5, 2.0])
    out = getattr(F, name)(values, inplace=True)
    assert out is values
    x = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    getattr(F, name)(x * 1, inplace=True).sum().backward()
    again = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    getattr(F, name)(again).sum().backward()
    assert torch.equal(x.grad, again.grad)


def test_a_changed_result_is_noticed():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = F.relu(x)
    y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_relu_and_special_values():
    x = torch.tensor([float("nan"), float("inf"), float("-inf"), -0.0], requires_grad=True)
    y = F.relu(x)
    np.testing.assert_array_equal(y.numpy(force=True), [np.nan, np.inf, 0, 0])
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 0, 0]


def test_dropout():
    torch.manual_seed(0)
    x = torch.ones(10000)
    y = F.dropout(x, 0.3)
    assert set(y.unique().tolist()) == {0.0, float(np.float32(1) / np.float32(0.7))}
    assert abs(float((y == 0).float().mean()) - 0.3) < 0.02
    channels = F.dropout2d(torch.ones(50, 40, 2, 2))
    assert ((channels == channels[:, :, :1, :1]).all()).item()
    layer = nn.Dropout(0.5)
    assert torch.equal(layer.eval()(x), x)
    assert not torch.equal(layer.train()(x), x)
    assert nn.Dropout(1.0)(x).sum().item() == 0


def test_dropout_gradient_is_its_mask():
    torch.manual_seed(0)
    x = torch.ones(100, requires_grad=True)
    y = F.dropout(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_small_layers():
    x = torch.arange(48.0).reshape(2, 2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 24)
    assert nn.Unflatten(1, (1, 2))(x).shape == (2, 1, 2, 3, 4)
    assert nn.Identity()(x) is x
    assert nn.Linear(4, 5)(x).shape == (2, 2, 3, 5)
    assert nn.ZeroPad2d((1, 2, 3, 4))(x).shape == (2, 2, 10, 7)
    assert nn.ReflectionPad2d(1)(x)[0, 0, 0, 0].item() == 5.0
    assert nn.ReplicationPad2d(1)(x)[0, 0, 0, 0].item() == 0.0
    assert nn.CircularPad2d(1)(x)[0, 0, 0, 0].item() == 11.0
    assert nn.Upsample(scale_factor=2)(x).shape == (2, 2, 6, 8)
    assert torch.equal(nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(torch.ones(1, 8, 2, 2))), torch.ones(1, 8, 2, 2))


def test_a_small_network_learns_exclusive_or():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    x, target = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([0, 1, 1, 0])
    for _ in range(300):
        net.zero_grad()
        loss = nn.CrossEntropyLoss()(net(x), target)
        loss.backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= 0.5 * parameter.grad
    assert net(x).argmax(1).tolist() == target.tolist()
    assert loss.item() < 0.05
