"""Layers joined for inference compute what they computed apart."""

import copy

import numpy as np
import pytest

import convlet as torch
from convlet.ao.quantization import fuse_modules

nn = torch.nn


def assert_close(found, want):
    np.testing.assert_allclose(found.detach().numpy(), want.detach().numpy(), rtol=1e-5, atol=1e-6)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()
        self.block = nn.Sequential(nn.Conv2d(8, 16, 1), nn.ReLU(inplace=True), nn.Conv2d(16, 4, 3), nn.BatchNorm2d(4))
        self.bn2, self.relu2 = nn.BatchNorm2d(4), nn.ReLU()
        self.fc, self.relu3 = nn.Linear(4, 5), nn.ReLU()

    def forward(self, x):
        x = self.block(self.relu1(self.bn1(self.conv1(x))))
        x = self.relu2(self.bn2(x)).mean((2, 3))
        return self.relu3(self.fc(x))


NAMES = [["conv1", "bn1", "relu1"], ["block.0", "block.1"], ["block.2", "block.3"], ["bn2", "relu2"], ["fc", "relu3"]]


@pytest.fixture
def model():
    torch.manual_seed(0)
    net = Net()
    net(torch.randn(4, 3, 9, 9) * 3 + 1)  # running statistics
    return net.eval()


def test_a_joined_model_computes_the_same(model):
    x = torch.randn(2, 3, 9, 9)
    joined = fuse_modules(model, NAMES)
    assert isinstance(joined.conv1, nn.intrinsic.ConvReLU2d)
    assert isinstance(joined.block[2], nn.Conv2d)
    assert isinstance(joined.block[3], nn.Identity)
    assert isinstance(joined.bn2, nn.intrinsic.BNReLU2d)
    assert isinstance(model.conv1, nn.Conv2d), "the model given is as it was"
    assert_close(joined(x), model(x))
    assert fuse_modules(model, NAMES, inplace=True) is model
    assert isinstance(model.conv1, nn.intrinsic.ConvReLU2d)


def test_a_joined_convolution_has_gradients(model):
    conv, relu = nn.Conv2d(2, 5, 3, padding=1), nn.ReLU()
    joined = nn.intrinsic.ConvReLU2d(copy.deepcopy(conv), relu)
    x = torch.randn(2, 2, 6, 7)
    results = []
    for layer in (nn.Sequential(conv, relu), joined):
        own = x.clone().requires_grad_()
        out = layer(own)
        out.square().sum().backward()
        results.append((out, own.grad, *[each.grad for each in layer.parameters()]))
    for apart, together in zip(*results):
        assert_close(together, apart)


def test_infinity_nan_and_zero():
    layer = nn.intrinsic.ConvReLU2d(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())
    layer[0].weight.data.fill_(1.0)
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 2.0]).reshape(1, 1, 1, 6)
    with torch.no_grad():
        assert_close(layer(x), torch.relu(x))


def test_hooks_of_the_parts_are_called():
    layer = nn.intrinsic.ConvReLU2d(nn.Conv2d(1, 1, 1), nn.ReLU())
    seen = []
    layer[0].register_forward_hook(lambda module, args, out: seen.append(type(module).__name__))
    layer[1].register_forward_hook(lambda module, args, out: seen.append(type(module).__name__))
    layer(torch.zeros(1, 1, 2, 2))
    assert seen == ["Conv2d", "ReLU"]


def test_what_cannot_be_joined_changes_nothing(model):
    with pytest.raises(NotImplementedError, match="Cannot fuse modules"):
        fuse_modules(model, [["conv1", "bn1"], ["relu1", "fc"]], inplace=True)
    assert isinstance(model.bn1, nn.BatchNorm2d)
    with pytest.raises(AssertionError, match="only for eval"):
        fuse_modules(model.train(), ["conv1", "bn1"])
    with pytest.raises(AttributeError, match="nothing"):
        fuse_modules(model.eval(), ["nothing", "bn1"])
    with pytest.raises(AssertionError, match="Incorrect types"):
        nn.intrinsic.ConvReLU2d(nn.ReLU(), nn.ReLU())
