"""Optimizers: each reaches a minimum, writes in place, saves and resumes exactly (the numbers: tests/parity)."""

import copy
import pickle

import numpy as np
import pytest

import convlet as torch
from convlet import nn, optim
from convlet.optim import optimizer as base

ALL = {
    "SGD": {"lr": 0.1},
    "SGD momentum": {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    "Adam": {"lr": 0.1},
    "Adam amsgrad": {"lr": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1, "weight_decay": 1e-4},
    "RMSprop": {"lr": 0.02},
    "RMSprop centered": {"lr": 0.02, "centered": True, "momentum": 0.5},
    "Adagrad": {"lr": 0.7},
    "Adadelta": {"lr": 20.0},
    "Adamax": {"lr": 0.2},
    "NAdam": {"lr": 0.1},
    "RAdam": {"lr": 0.2},
}
TARGET = np.array([1.0, -2.0, 3.0], np.float32)


def build(name, parameters, **options):
    return getattr(optim, name.split()[0])(parameters, **{**ALL[name], **options})


def descend(optimizer, parameter, steps, sign=1.0):
    for _ in range(steps):
        optimizer.zero_grad()
        (((parameter - torch.tensor(TARGET)) ** 2).sum() * sign).backward()
        optimizer.step()
    return np.abs(parameter.detach().numpy() - TARGET).max()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("maximize", [False, True])
def test_each_finds_a_minimum(name, maximize):
    parameter = nn.Parameter(torch.zeros(3))
    optimizer = build(name, [parameter], maximize=maximize)
    assert descend(optimizer, parameter, 300, -1.0 if maximize else 1.0) < 0.05


@pytest.mark.parametrize("name", ALL)
def test_a_resumed_run_is_the_same_run(name):
    parameter = nn.Parameter(torch.zeros(3))
    optimizer = build(name, [parameter])
    descend(optimizer, parameter, 7)
    other = nn.Parameter(parameter.detach().clone())
    resumed = build(name, [other], lr=99.0)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    descend(optimizer, parameter, 7)
    descend(resumed, other, 7)
    assert parameter.tolist() == other.tolist()


def test_a_loaded_state_is_a_copy():
    parameter = nn.Parameter(torch.zeros(3))
    optimizer = optim.SGD([parameter], lr=0.1, momentum=0.9)
    descend(optimizer, parameter, 1)
    state = optimizer.state_dict()
    before = state["state"][0]["momentum_buffer"].tolist()
    other = nn.Parameter(torch.zeros(3))
    resumed = optim.SGD([other], lr=0.1, momentum=0.9)
    resumed.load_state_dict(state)
    descend(resumed, other, 3)
    assert state["state"][0]["momentum_buffer"].tolist() == before


def test_state_is_cast_to_the_parameter():
    parameter = nn.Parameter(torch.zeros(3))
    optimizer = optim.Adam([parameter])
    descend(optimizer, parameter, 1)
    other = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    resumed = optim.Adam([other])
    resumed.load_state_dict(optimizer.state_dict())
    assert resumed.state[other]["exp_avg"].dtype is torch.float64
    assert resumed.state[other]["step"].dtype is torch.float32


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies(duplicate):
    parameter = nn.Parameter(torch.zeros(3))
    optimizer = optim.Adam([parameter], lr=0.1)
    descend(optimizer, parameter, 3)
    other = duplicate(optimizer)
    twin = other.param_groups[0]["params"][0]
    descend(optimizer, parameter, 3)
    descend(other, twin, 3)
    assert parameter.tolist() == twin.tolist()
    other.register_step_pre_hook(lambda *_: None)


@pytest.mark.parametrize("name", ALL)
def test_large_parameters_go_in_blocks(name, monkeypatch):
    values = np.random.default_rng(0).standard_normal((2, 7, 11)).astype(np.float32)
    grads = np.random.default_rng(1).standard_normal((3, 2, 7, 11)).astype(np.float32)

    def run():
        parameter = nn.Parameter(torch.from_numpy(values.copy()))
        optimizer = build(name, [parameter])
        for grad in grads:
            parameter.grad = torch.from_numpy(grad.copy())
            optimizer.step()
        return parameter.tolist()

    whole = run()
    monkeypatch.setattr(base, "BLOCK", 10)
    assert run() == whole


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ALL)
def test_16_bit_types_compute_in_float32(name, dtype):
    def run(dtype):
        parameter = nn.Parameter(torch.tensor([1.0, -2.0], dtype=dtype))
        optimizer = build(name, [parameter])
        parameter.grad = torch.tensor([0.5, 0.25], dtype=dtype)
        optimizer.step()
        assert parameter.dtype is dtype
        return np.array(parameter.detach().float().tolist())

    exact = run(torch.float32)
    assert np.abs(run(dtype) - exact).max() <= 2.0**-7 * np.abs(exact).max()


def test_strided_parameters():
    base_values = torch.zeros(4, 3)
    parameter = nn.Parameter(base_values.T)
    parameter.grad = torch.ones(3, 4)
    optim.SGD([parameter], lr=1.0).step()
    assert (base_values == -1).all()
    conv = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
    optimizer = optim.Adam(conv.parameters())
    conv.weight.grad = torch.ones(3, 2, 3, 3)  # not channels-last
    optimizer.step()
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_steps_are_seen_by_caches_and_by_autograd():
    parameter = nn.Parameter(torch.ones(2))
    y = (parameter * parameter).sum()
    parameter.grad = torch.ones(2)
    writes = parameter._version.writes
    optim.SGD([parameter], lr=0.1).step()
    assert parameter._version.writes > writes
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_parameters_without_gradient_or_data_are_left_alone():
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, device="meta"))
    optimizer = optim.Adam([a, b])
    b.grad = torch.ones(2, device="meta")
    optimizer.step()
    assert a.tolist() == [1, 1]
    assert optimizer.state_dict()["state"] == {}


def test_groups_have_their_own_settings():
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": b}], lr=0.1)
    c = nn.Parameter(torch.zeros(1))
    optimizer.add_param_group({"params": c, "lr": torch.tensor(0.5)})
    for each in (a, b, c):
        each.grad = torch.ones(1)
    optimizer.step()
    assert [a.item(), b.item(), c.item()] == pytest.approx([-1, -0.1, -0.5])
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0]
    optimizer.zero_grad()
    assert a.grad is None


def test_a_closure_is_called_with_gradients_on():
    parameter = nn.Parameter(torch.ones(1))
    optimizer = optim.SGD([parameter], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (parameter * 3).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == 3
    assert parameter.item() == pytest.approx(0.7)


def test_hooks():
    parameter, seen = nn.Parameter(torch.ones(1)), []
    optimizer = optim.SGD([parameter], lr=0.1)
    handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("post"))
    every = base.register_optimizer_step_post_hook(lambda *_: seen.append("every"))
    optimizer.step()
    handle.remove()
    every.remove()
    optimizer.step()
    assert seen == ["pre", "post", "every", "post"]
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    assert optimizer.state_dict()["more"] == 1
    optimizer.register_load_state_dict_pre_hook(lambda o, state: seen.append("load"))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen[-2:] == ["load", "loaded"]
    optimizer.register_step_pre_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        optimizer.step()


def test_an_optimizer_of_ones_own():
    class Sign(optim.Optimizer):
        def __init__(self, params, lr=base.required):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.add_(torch.sign(parameter.grad), alpha=-group["lr"])

    parameter = nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match="didn't specify a value of required optimization parameter lr"):
        Sign([parameter])
    optimizer = Sign([{"params": [parameter], "lr": 0.25}])
    parameter.grad = torch.tensor([3.0, -4.0])
    optimizer.step()
    assert parameter.tolist() == [0.75, 1.25]


def test_errors_leave_the_optimizer_as_it_was():
    parameter = nn.Parameter(torch.ones(1))
    optimizer = optim.SGD([parameter], lr=0.1, momentum=0.9)
    descend_once = nn.Parameter(torch.ones(1))
    for group in (
        {"params": [descend_once, 3]},
        {"params": [descend_once * 1]},
        {"params": [parameter]},
        {"params": [("name", descend_once)]},
        {"params": {descend_once}},
    ):
        with pytest.raises((TypeError, ValueError)):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match="loaded state dict has a different number of parameter groups"):
        optimizer.load_state_dict({"state": {}, "param_groups": []})
    assert optimizer.state_dict() == before


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda p: optim.SGD(p, lr=-0.1), "Invalid learning rate: -0.1"),
        (lambda p: optim.SGD(p, momentum=-1), "Invalid momentum value: -1"),
        (lambda p: optim.SGD(p, nesterov=True), "Nesterov momentum requires a momentum and zero dampening"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), "Invalid beta parameter at index 1: 1.0"),
        (lambda p: optim.Adam(p, eps=-1.0), "Invalid epsilon value: -1.0"),
        (lambda p: optim.AdamW(p, weight_decay=-1.0), "Invalid weight_decay value: -1.0"),
        (lambda p: optim.SGD([]), "optimizer got an empty parameter list"),
        (lambda p: optim.SGD(p, lr=float("nan")), "Invalid learning rate: nan"),
        (lambda p: optim.SGD(p, lr=torch.ones(2)), "Tensor lr must be 1-element"),
    ],
)
def test_settings_out_of_range(build, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        build([nn.Parameter(torch.ones(1))])
    assert str(error.value) == message


def test_differentiable_steps_are_refused():
    with pytest.raises(RuntimeError, match="differentiable=True is not supported"):
        optim.Adam([nn.Parameter(torch.ones(1))], differentiable=True)


def test_repr():
    assert repr(optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: 0.1\n    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n)"
    )


def test_clipping_gradients():
    a, b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1, dtype=torch.float64))
    a.grad, b.grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0], dtype=torch.float64)
    norm = nn.utils.clip_grad_norm_([a, b], 1.0)
    assert norm.item() == pytest.approx(5)
    assert a.grad.tolist() == pytest.approx([0.6, 0])
    assert b.grad.tolist() == pytest.approx([0.8])
    nn.utils.clip_grad_value_([a, b], 0.7)
    assert b.grad.tolist() == pytest.approx([0.7])
    a.grad = torch.tensor([float("inf"), 1.0])
    with pytest.raises(RuntimeError, match="is non-finite, so it cannot be clipped"):
        nn.utils.clip_grad_norm_([a], 1.0, error_if_nonfinite=True)
    assert a.grad.tolist() == [float("inf"), 1.0]
    vector = nn.utils.parameters_to_vector([a, a])
    nn.utils.vector_to_parameters(torch.arange(4.0), [a, c := nn.Parameter(torch.zeros(2))])
    assert vector.tolist() == [0, 0, 0, 0]
    assert [a.tolist(), c.tolist()] == [[0, 1], [2, 3]]
