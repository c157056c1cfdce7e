"""warmup compiles what a model needs and leaves everything as it was."""

import numpy as np
import pytest

pytest.importorskip("numba")

import convlet as torch
from convlet.kernels import launch


def network():
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(8, 4, 1))


def test_a_model_is_left_as_it_was():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert torch.warmup(model, (2, 3, 9, 9), backward=True) >= 0
    assert (torch.get_rng_state() == state).all()
    assert all(np.array_equal(value.numpy(), before[name].numpy()) for name, value in model.state_dict().items())
    assert all(each.grad is None for each in model.parameters())
    assert model.training
    assert torch.is_grad_enabled()


def test_nothing_is_left_to_compile(monkeypatch):
    model = network()
    torch.warmup(model, torch.zeros(1, 3, 9, 9), backward=True)

    def compiled(*arguments):
        raise AssertionError("compiles again")

    monkeypatch.setattr(launch, "compiled", compiled)
    model(torch.randn(1, 3, 9, 9)).sum().backward()


def test_outputs_in_containers():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 1, 1)

        def forward(self, x, scale):
            return {"a": self.conv(x), "b": [x * scale, None]}

    assert torch.warmup(Two(), (1, 1, 2, 2), (1,), backward=True) >= 0


def test_a_problem():
    assert torch.warmup("ic2 ih5 iw5 oc3 kh3 kw3 bwd_weight") >= 0
    assert torch.warmup(torch.conv.ConvProblem.parse("ic2 ih5 iw5 oc3 kh3 kw3"), backward=True) >= 0


def test_refusals():
    with pytest.raises(TypeError, match="needs its inputs"):
        torch.warmup(network())
    with pytest.raises(TypeError, match="but got int"):
        torch.warmup(3)
    with pytest.raises(TypeError, match="belong to a module"):
        torch.warmup("ic2 ih5 iw5 oc3 kh3 kw3", (1, 2, 5, 5))
    with pytest.raises(ValueError, match="no word of a convolution problem"):
        torch.warmup("3 by 3")
