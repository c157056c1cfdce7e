"""Checkpointed functions give PyTorch's gradients, and loss scaling takes PyTorch's steps."""

from __future__ import annotations

import numpy as np
import pytest

import convlet
import convlet.utils

from .side_by_side import compare, libraries, some

torch = pytest.importorskip("torch")
pytest.importorskip("torch.utils.checkpoint")

pytestmark = pytest.mark.parity

X = some(3, 4)


def checkpoint(t):
    return t.torch.utils.checkpoint.checkpoint


CALLS = {
    "function": lambda t, x: checkpoint(t)(lambda a: (a * a).sin(), x, use_reentrant=False),
    "two inputs, two outputs": lambda t, x: checkpoint(t)(lambda a, b: (a * b, a + b), x, x * 2, use_reentrant=False),
    "an input without gradient": lambda t, x: checkpoint(t)(lambda a, b: a * b, x, x.detach(), use_reentrant=False),
    "in a chain": lambda t, x: checkpoint(t)(lambda a: a.exp().tanh(), x * 3, use_reentrant=False) * 2,
}


@pytest.mark.parametrize("name", CALLS)
def test_functions(name):
    compare(torch, CALLS[name], X, nodes=False, double=True)


def test_parameters_dropout_and_running_statistics():
    results = []
    for t in libraries(torch):
        t.torch.manual_seed(0)
        net = t.nn.Sequential(
            t.nn.Conv2d(2, 4, 3), t.nn.BatchNorm2d(4), t.nn.ReLU(), t.nn.Dropout(0.3), t.nn.Flatten(),
            t.nn.Linear(16, 3),
        ).double()  # fmt: skip
        x = t.torch.tensor(some(5, 2, 4, 4))
        y = checkpoint(t)(net, x, use_reentrant=False)
        y.square().sum().backward()
        again = t.torch.utils.checkpoint.checkpoint_sequential(net, 3, x, use_reentrant=False)
        gradients = t.torch.autograd.grad(again.sum(), [net[0].weight, net[5].bias])
        results.append([
            y.detach().numpy(), *(p.grad.numpy() for p in net.parameters()), net[1].running_mean.numpy(),
            *(each.numpy() for each in gradients), t.torch.rand(3).numpy(),
        ])  # fmt: skip
    for mine, other in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9)


def test_nothing_is_kept_between_the_passes():
    x = convlet.ones(4, requires_grad=True)
    y = convlet.utils.checkpoint.checkpoint(lambda a: a.exp().exp().exp(), x)
    assert y.grad_fn.next_functions[4][0].variable is x
    with convlet.no_grad():
        assert convlet.utils.checkpoint.checkpoint(lambda a: a * 2, x).grad_fn is None


def test_scaling_a_loss():
    results = []
    for t in libraries(torch):
        weight = t.nn.Parameter(t.torch.tensor([1.0, 2.0]))
        optimizer = t.torch.optim.SGD([weight], lr=0.1)
        scaler = t.torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
        seen = []
        for factor in (1.0, 2.0, float("inf"), 3.0, float("nan"), 1.0):
            optimizer.zero_grad()
            scaler.scale((weight * weight * factor).sum()).backward()
            scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
            seen.append((weight.detach().tolist(), scaler.get_scale(), scaler.state_dict()["_growth_tracker"]))
        results.append(seen)
    assert results[0] == results[1]


ERRORS = {
    "twice": lambda t, s, o: (s.unscale_(o), s.unscale_(o)),
    "after step": lambda t, s, o: (s.step(o), s.unscale_(o)),
    "two steps": lambda t, s, o: (s.step(o), s.step(o)),
    "nothing seen": lambda t, s, o: s.update(),
    "autocast": lambda t, s, o: t.torch.amp.autocast("toaster"),
    "empty": lambda t, s, o: s.load_state_dict({}),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    messages = []
    for t in libraries(torch):
        weight = t.nn.Parameter(t.torch.ones(1))
        optimizer = t.torch.optim.SGD([weight], lr=0.1)
        scaler = t.torch.amp.GradScaler("cpu")
        scaler.scale(weight.sum()).backward()
        with pytest.raises((RuntimeError, AssertionError)) as error:
            ERRORS[name](t, scaler, optimizer)
        messages.append((error.type, str(error.value)))
    assert messages[0] == messages[1]


def test_without_a_gpu_cuda_stands_aside():
    for t in libraries(torch):
        with pytest.warns(UserWarning, match=r"CUDA is not available.  Disabling"):
            scaler = t.torch.amp.GradScaler()
        assert not scaler.is_enabled()
        assert scaler.get_scale() == 1.0
        assert scaler.state_dict() == {}
        with pytest.warns(UserWarning, match="CUDA is not available or torch_xla is imported. Disabling autocast"):
            t.torch.amp.autocast("cuda")
