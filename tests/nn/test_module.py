"""Modules: registration, walking, conversion, state, hooks."""

import copy
import pickle
import threading
import timeit
import warnings

import pytest

import convlet as torch
from convlet import nn


class Block(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.register_buffer("scratch", torch.ones(width), persistent=False)

    def forward(self, x):
        return (x @ self.weight + self.bias) * self.scale


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block()
        self.second = Block()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))


def values(module):
    return {name: each.tolist() for name, each in module.state_dict().items()}


def test_members_are_found_by_name():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "first.weight", "first.bias", "second.weight", "second.bias", "conv.weight", "conv.bias",
    ]  # fmt: skip
    assert list(net.state_dict()) == [
        "first.weight", "first.bias", "first.scale", "second.weight", "second.bias", "second.scale",
        "conv.weight", "conv.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_buffers()] == [
        "first.scale", "first.scratch", "second.scale", "second.scratch",
    ]  # fmt: skip
    assert net.get_submodule("conv") is net.conv
    assert net.get_parameter("first.bias") is net.first.bias


def test_assignment_registers_and_checks():
    net = Net()
    with pytest.raises(TypeError) as error:
        net.first.weight = torch.ones(2, 2)
    assert str(error.value) == (
        "cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None expected)"
    )
    net.first.weight = nn.Parameter(torch.zeros(2, 2))
    assert values(net)["first.weight"] == [[0, 0], [0, 0]]
    net.first.weight = None
    assert "first.weight" not in net.state_dict()
    net.first.scale = torch.zeros(3)
    assert values(net)["first.scale"] == [0, 0, 0]
    net.extra = 5
    assert net.extra == 5
    assert "extra" not in net.state_dict()


def test_nothing_can_be_assigned_before_init():
    class Broken(nn.Module):
        def __init__(self, value):
            self.x = value

    for value, what in ((nn.ReLU(), "module"), (nn.Parameter(torch.ones(1)), "parameters")):
        with pytest.raises(AttributeError, match=rf"^cannot assign {what} before Module\.__init__\(\) call$"):
            Broken(value)
    with pytest.raises(AttributeError, match=r"^cannot assign buffer before Module\.__init__\(\) call$"):
        Broken(nn.Buffer(torch.ones(1)))


def test_a_failed_registration_changes_nothing():
    net = Net()
    before = list(net.state_dict())
    for call in (
        lambda: net.register_parameter("first", nn.Parameter(torch.ones(1))),
        lambda: net.register_buffer("a.b", torch.ones(1)),
        lambda: net.add_module("forward", nn.ReLU()),
        lambda: net.register_parameter("computed", torch.ones(1)),
    ):
        with pytest.raises((KeyError, TypeError)):
            call()
    assert list(net.state_dict()) == before


# State ------------------------------------------------------------------------------------------------------------


def test_loading_copies_into_the_parameters():
    source, target = Net(), Net()
    with torch.no_grad():
        source.first.weight.fill_(5)
    weight = target.first.weight
    assert str(target.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
    assert target.first.weight is weight
    assert weight.tolist() == [[5, 5], [5, 5]]


def test_errors_of_loading():
    with pytest.raises(RuntimeError) as error:
        Net().first.load_state_dict({"weight": torch.ones(3), "scale": torch.ones(2), "other": 1, "a.b": 2})
    assert str(error.value) == (
        "Error(s) in loading state_dict for Block:\n"
        '\tMissing key(s) in state_dict: "bias". \n'
        '\tUnexpected key(s) in state_dict: "other", "a.b". \n'
        "\tsize mismatch for weight: copying a param with shape torch.Size([3]) from checkpoint, the shape in current "
        "model is torch.Size([2, 2])."
    )


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("second.bias"),
        lambda state: state.update({"unknown": torch.ones(1)}),
        lambda state: state.update({"conv.weight": torch.ones(1)}),
        lambda state: state.update({"conv.bias": "text"}),
    ],
)
def test_a_failed_load_leaves_the_module_as_it_was(change, assign):
    net = Net()
    state = {name: torch.full_like(each, 9.0) for name, each in net.state_dict().items()}
    change(state)
    before, parameters = values(net), list(net.parameters())
    with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict for Net:"):
        net.load_state_dict(state, assign=assign)
    assert values(net) == before
    assert all(a is b for a, b in zip(net.parameters(), parameters))


def test_a_failing_hook_leaves_the_module_as_it_was():
    net = Net()
    before = values(net)

    def fail(module, keys):
        raise ValueError("oh")

    net.register_load_state_dict_post_hook(fail)
    state = {name: torch.full_like(each, 9.0) for name, each in net.state_dict().items()}
    with pytest.raises(ValueError, match="oh"):
        net.load_state_dict({**state, "more": 1}, strict=False)
    assert values(net) == before


def test_a_loaded_channels_last_weight_has_the_right_values():
    source = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
    target = nn.Conv2d(2, 3, 3)
    target.load_state_dict(source.state_dict())
    assert target.weight.tolist() == source.weight.tolist()
    target.to(memory_format=torch.contiguous_format)
    assert target.weight.is_contiguous()


def test_state_shares_memory_with_the_module():
    net = Net()
    state = net.state_dict()
    with torch.no_grad():
        net.first.bias.add_(1)
    assert state["first.bias"].tolist() == [1, 1]
    assert not state["first.bias"].requires_grad
    assert net.state_dict(keep_vars=True)["first.bias"] is net.first.bias


# Conversion -------------------------------------------------------------------------------------------------------


def test_to_keeps_parameters_and_converts_floating_ones_only():
    norm = nn.BatchNorm2d(2)
    weight = norm.weight
    weight.grad = torch.ones(2)
    assert norm.to(torch.float64) is norm
    assert norm.weight is weight
    assert weight.dtype is weight.grad.dtype is norm.running_mean.dtype is torch.float64
    assert norm.num_batches_tracked.dtype is torch.int64


def test_to_of_an_integer_dtype():
    with pytest.raises(TypeError) as error:
        nn.Conv2d(1, 1, 1).to(torch.int32)
    assert str(error.value) == (
        "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int32"
    )


def test_to_of_a_complex_dtype_warns():
    with pytest.warns(UserWarning, match="Complex modules are a new feature under active development"):
        conv = nn.Conv2d(1, 1, 1).to(torch.complex64)
    assert conv.weight.dtype is torch.complex64


def test_channels_last_is_for_four_dimensions():
    net = Net().to(memory_format=torch.channels_last)
    assert net.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert net.first.weight.is_contiguous()


def test_meta_and_back():
    net = Net().to("meta")
    assert all(each.is_meta for each in net.parameters())
    with pytest.raises(NotImplementedError, match=r"Please use torch\.nn\.Module\.to_empty\(\)"):
        net.to("cpu")
    net.to_empty(device="cpu")
    assert [each.is_meta for each in net.parameters()] == [False] * 6
    net.load_state_dict(Net().state_dict())
    assert net.first.bias.tolist() == [0, 0]


def test_there_is_no_cuda():
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        Net().cuda()


def test_train_and_eval():
    net = Net()
    assert net.eval() is net
    assert not any(each.training for each in net.modules())
    net.train()
    assert all(each.training for each in net.modules())
    with pytest.raises(ValueError, match="training mode is expected to be boolean"):
        net.train(1)


def test_zero_grad():
    net = Block()
    net(torch.ones(1, 2)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.bias.grad.tolist() == [0, 0]
    net.zero_grad()
    assert net.bias.grad is None


# Copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_are_whole_and_separate(duplicate):
    net = Net()
    net.tied = net.first
    net.eval()
    other = duplicate(net)
    assert repr(other) == repr(net)
    assert values(other) == values(net)
    assert other.tied is other.first
    assert not other.training
    assert type(other.first.weight) is nn.Parameter
    with torch.no_grad():
        net.first.weight.fill_(7)
    assert other.first.weight.tolist() == [[1, 1], [1, 1]]
    x = torch.ones(1, 2)
    other(x).sum().backward()
    assert other.first.bias.grad is not None
    assert net.first.bias.grad is None


def test_parameters_and_buffers():
    data = torch.ones(2)
    parameter = nn.Parameter(data)
    assert repr(parameter) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert isinstance(parameter, torch.Tensor)
    data.mul_(3)
    assert parameter.tolist() == [3, 3]
    assert type(parameter * 1) is type(parameter.data) is type(parameter.detach()) is torch.Tensor
    with pytest.raises(RuntimeError, match="Only Tensors of floating point and complex dtype can require gradients"):
        nn.Parameter(torch.ones(2, dtype=torch.int64))
    assert not nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False).requires_grad
    parameter.grad = torch.ones(2)
    assert copy.deepcopy(parameter).grad is None
    assert parameter.grad is not None
    buffer = nn.Buffer(torch.ones(2), persistent=False)
    assert isinstance(copy.deepcopy(buffer), nn.Buffer)
    assert not pickle.loads(pickle.dumps(buffer)).persistent


# Hooks ------------------------------------------------------------------------------------------------------------


def test_hooks_see_and_replace():
    block, seen = Block(), []
    pre = block.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    post = block.register_forward_hook(lambda module, args, output: seen.append(args[0].tolist()) or output + 1)
    assert block(torch.ones(1, 2)).tolist() == [[5, 5]]
    assert seen == [[[2, 2]]]
    pre.remove()
    post.remove()
    assert block(torch.ones(1, 2)).tolist() == [[2, 2]]


def test_hooks_with_keywords():
    class Scaled(nn.Module):
        def forward(self, x, *, by=1):
            return x * by

    module = Scaled()
    module.register_forward_pre_hook(lambda module, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True)
    module.register_forward_hook(lambda module, args, kwargs, output: output * kwargs["by"], with_kwargs=True)
    assert module(torch.ones(1), by=2).tolist() == [9]


def test_backward_hooks_see_and_replace():
    block, seen = Block(), []
    block.register_full_backward_hook(lambda module, into, out: seen.append((into[0].tolist(), out[0].tolist())))
    block.register_full_backward_hook(lambda module, into, out: (into[0] * 10,))
    x = torch.ones(1, 2, requires_grad=True)
    block(x).sum().backward()
    assert seen == [([[2, 2]], [[1, 1]])]
    assert x.grad.tolist() == [[20, 20]]
    assert block.bias.grad.tolist() == [1, 1]


def test_backward_hooks_do_not_change_values_and_do_without_a_graph():
    block = Block()
    block.register_full_backward_hook(lambda *_: None)
    with torch.no_grad():
        assert block(torch.ones(1, 2)).grad_fn is None
    assert block(torch.ones(1, 2)).grad_fn.name() == "BackwardHookFunctionBackward"


def test_a_hook_on_an_output_written_in_place():
    block = Block()
    block.register_full_backward_hook(lambda *_: None)
    x = torch.ones(1, 2, requires_grad=True)
    y = block(x)
    y.mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [[6, 6]]


def test_hooks_of_every_module():
    from convlet.nn import module as m

    seen = []
    handles = [
        m.register_module_forward_pre_hook(lambda module, args: seen.append(("pre", type(module).__name__))),
        m.register_module_forward_hook(lambda module, args, output: seen.append(("post", type(module).__name__))),
        m.register_module_full_backward_hook(lambda module, i, o: seen.append(("backward", type(module).__name__))),
    ]
    try:
        Net()(torch.ones(1, 2, requires_grad=True)).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    assert seen == [
        ("pre", "Net"), ("pre", "Block"), ("post", "Block"), ("pre", "Block"), ("post", "Block"), ("post", "Net"),
        ("backward", "Block"), ("backward", "Block"), ("backward", "Net"),
    ]  # fmt: skip
    count = len(seen)
    Net()(torch.ones(1, 2))
    assert len(seen) == count


def test_hooks_called_after_an_error():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("oh")

    module, seen = Fails(), []
    module.register_forward_hook(lambda *_: seen.append("always"), always_call=True)
    module.register_forward_hook(lambda *_: seen.append("never"))
    module.register_forward_hook(lambda *_: 1 / 0, always_call=True)
    with (
        pytest.warns(UserWarning, match="raised an exception that was silenced"),
        pytest.raises(ValueError, match="oh"),
    ):
        module(1)
    assert seen == ["always"]


# Calling ----------------------------------------------------------------------------------------------------------


def test_a_module_without_forward():
    with pytest.raises(NotImplementedError, match=r'^Module \[Module\] is missing the required "forward" function$'):
        nn.Module()(1)


def test_a_call_costs_little_more_than_forward():
    class Identity(nn.Module):
        def forward(self, x):
            return x

    module, x = Identity(), 1.0
    call = min(timeit.repeat(lambda: module(x), number=2000, repeat=20))
    forward = min(timeit.repeat(lambda: module.forward(x), number=2000, repeat=20))
    assert (call - forward) / 2000 < 1e-6


def test_modules_work_in_several_threads():
    net, results = Net(), []
    x = torch.ones(3, 2)
    expected = net(x).tolist()
    threads = [threading.Thread(target=lambda: results.append(net(x).tolist())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_repr_is_nested():
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n    (0): ReLU()\n  )\n"
        ")"
    )


def test_positional_state_dict_is_deprecated():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Net().state_dict(prefix="x.")
    with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
        Net().state_dict({}, "x.")
