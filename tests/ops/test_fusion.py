"""What follows a convolution in evaluation is computed with it: the bits of the operations one after the other."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import convlet as torch
from convlet import conv, nn
from convlet.autograd.deferred import step_of
from convlet.autograd.mode import _mode, spans


class Block(nn.Module):
    """Two layers and a way around them, as in a residual network."""

    def __init__(self, channels: int = 8, inplace: bool = True, last: Any = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, 2 * channels, 3, padding=1, stride=2)
        self.bn2 = nn.BatchNorm2d(2 * channels)
        self.down = nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, stride=2), nn.BatchNorm2d(2 * channels))
        self.relu = nn.ReLU(inplace=inplace) if last is None else last
        for bn in (self.bn1, self.bn2, self.down[1]):
            nn.init.normal_(bn.running_mean)
            nn.init.uniform_(bn.running_var, 0.5, 2)
            nn.init.normal_(bn.weight)
            nn.init.normal_(bn.bias)
        self.eval()

    def forward(self, x: Any) -> Any:
        identity = self.down(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)

    def one_by_one(self, x: Any) -> Any:
        """The same, called from no network: every layer computes at once."""
        identity = self.down[1](self.down[0](x))
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out = out + identity
        return self.relu(out)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The problems of the convolutions that run."""
    found: list[str] = []
    forward = conv.forward

    def noted(problem: Any, *args: Any, **kwargs: Any) -> Any:
        found.append(problem.text.split("fwd")[1].strip())
        return forward(problem, *args, **kwargs)

    monkeypatch.setattr(conv, "forward", noted)
    return found


def images(n: int = 2, channels: int = 8, size: int = 12) -> Any:
    torch.manual_seed(1)
    return torch.randn(n, channels, size, size)


def same(a: Any, b: Any) -> bool:
    return a.array.tobytes() == b.array.tobytes() and a.shape == b.shape


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("last", [None, nn.ReLU6()])
def test_a_residual_block(texts: list[str], inplace: bool, last: Any) -> None:
    torch.manual_seed(0)
    block, x = Block(inplace=inplace, last=last), images()
    with torch.no_grad():
        expected = block.one_by_one(x)
        texts.clear()
        found = block(x)
    assert same(found, expected)
    clamp = "relu" if last is None else "relu6"
    assert texts == ["norm " + clamp, "norm", "norm add " + clamp]
    assert "array" in found.__dict__
    assert _mode.span is None
    assert not spans


def test_channels_last() -> None:
    torch.manual_seed(0)
    block, x = Block(channels=32), images(channels=32).to(memory_format=torch.channels_last)
    with torch.no_grad():
        found, expected = block(x), block.one_by_one(x)
    assert found.stride() == expected.stride()
    assert same(found, expected)


def test_large_images_have_the_same_bits() -> None:
    torch.manual_seed(0)
    block, x = Block(channels=32), images(channels=32, size=56)
    with torch.no_grad():
        assert same(block(x), block.one_by_one(x))


def test_infinities_and_nan_pass_as_they_would() -> None:
    block, x = Block(), images()
    x[0, 0, 0, 0], x[1, 2, 5, 5] = float("inf"), float("nan")
    with torch.no_grad():
        found, expected = block(x), block.one_by_one(x)
    np.testing.assert_array_equal(found.array, expected.array)


class Held(nn.Module):
    """Runs a function of (itself, x)."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.conv, self.bn, self.relu = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        self.again = nn.Conv2d(4, 4, 3, padding=1)
        self.function = function
        nn.init.normal_(self.bn.running_mean)
        nn.init.normal_(self.bn.weight)
        self.eval()

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def keeps_all(m: Any, x: Any) -> Any:
    a = m.conv(x)
    b = m.bn(a)
    c = torch.relu(b)
    return [a, b, c, a + c]


def writes_into_the_result(m: Any, x: Any) -> Any:
    a = m.conv(x)
    b = m.bn(a)
    a += a.clone()
    return [a, b]


def adds_in_place_while_another_waits(m: Any, x: Any) -> Any:
    a, other = m.conv(x), torch.ones(1, 4, 6, 6)
    b = m.bn(a)
    a += other
    c = torch.relu(b)
    torch.relu_(a)
    return [a, b, c]


def writes_into_the_weight(m: Any, x: Any) -> Any:
    old = m.conv.weight.clone()
    a = m.conv(x)
    m.conv.weight.zero_()
    b = m.relu(m.bn(a))
    m.conv.weight.copy_(old)
    return [b]


def writes_into_the_input(m: Any, x: Any) -> Any:
    x = x.clone()
    a = m.conv(x)
    x[:] = 0
    return [m.relu(a)]


def writes_into_the_statistics(m: Any, x: Any) -> Any:
    old = m.bn.running_mean.clone()
    a = m.bn(m.conv(x))
    m.bn.running_mean.add_(100)
    b = m.bn(m.conv(x))
    m.bn.running_mean.copy_(old)
    return [a, b, m.bn(m.conv(x))]


def writes_into_the_other_operand(m: Any, x: Any) -> Any:
    other = torch.ones(1, 4, 6, 6)
    a = m.conv(x) + other
    other.mul_(5)
    return [torch.relu(a), other + m.conv(x)]


def looks_at_it(m: Any, x: Any) -> Any:
    a = m.conv(x)
    b = m.relu(m.bn(a)) if a.mean() > -100 else a
    return [b, a[:, :2], b.numpy().copy(), a.shape, b.detach()]


def twice_the_same(m: Any, x: Any) -> Any:
    a = m.bn(m.conv(x))
    a = m.bn(a)  # no second norm behind one: the first is computed
    a = torch.relu(torch.relu(a))
    return [a, a + a, torch.nn.functional.hardtanh(m.conv(x), 0.0, 5.0)]


def broadcasts(m: Any, x: Any) -> Any:
    return [m.conv(x) + 1, m.conv(x) + torch.ones(4, 1, 1), torch.ones(6) + m.conv(x), m.conv(x) + m.conv(x)]


def numpy_writes_into_the_input(m: Any, x: Any) -> Any:
    x = x.clone()
    a = m.conv(x)
    x.numpy()[...] = 0
    return [m.relu(a)]


def numpy_writes_into_the_weight(m: Any, x: Any) -> Any:
    old = m.conv.weight.clone()
    a = m.conv(x)
    np.from_dlpack(m.conv.weight.detach())[...] = 0
    b = m.relu(m.bn(a))
    m.conv.weight.copy_(old)
    return [b]


def numpy_writes_into_the_other_operand(m: Any, x: Any) -> Any:
    other = torch.ones(1, 4, 6, 6)
    a = m.conv(x) + other
    np.asarray(other)[...] = 5
    return [torch.relu(a)]


def numpy_writes_into_the_statistics(m: Any, x: Any) -> Any:
    old = m.bn.running_mean.clone()
    a = m.bn(m.conv(x)).clone()
    m.bn.running_mean.numpy()[...] = 100
    b = m.bn(m.conv(x)).clone()
    m.bn.running_mean = old
    return [a, b]


def waits_for_what_waits(m: Any, x: Any) -> Any:
    a = m.bn(m.conv(x))
    b = m.again(a)
    c = m.again(torch.relu(b)) + a
    return [m.again(c), b + c, a + b]


def follows_what_another_has_taken(m: Any, x: Any) -> Any:
    a = m.conv(x)
    b = m.again(a)
    c = torch.relu(a)
    a += b
    return [a, b, c, m.again(a) + b]


def writes_into_what_another_has_taken(m: Any, x: Any) -> Any:
    a = m.conv(x)
    b = m.again(a)
    a *= 2
    c = m.again(torch.relu(a))
    torch.relu_(a)
    return [a, b, c]


def takes_other_layouts(m: Any, x: Any) -> Any:
    a = m.conv(x.contiguous(memory_format=torch.channels_last))
    b = m.conv(x)
    return [m.again(a), a + b, b + a, m.again(a) + m.again(b), m.again(m.again(a) + a)]


def takes_one_image(m: Any, x: Any) -> Any:
    return [m.again(m.conv(x[0])), m.again(m.conv(x))[0] + m.conv(x[0])]


FUNCTIONS = [
    waits_for_what_waits,
    follows_what_another_has_taken,
    writes_into_what_another_has_taken,
    takes_other_layouts,
    takes_one_image,
    keeps_all,
    numpy_writes_into_the_input,
    numpy_writes_into_the_weight,
    numpy_writes_into_the_other_operand,
    numpy_writes_into_the_statistics,
    writes_into_the_result,
    adds_in_place_while_another_waits,
    writes_into_the_weight,
    writes_into_the_input,
    writes_into_the_statistics,
    writes_into_the_other_operand,
    looks_at_it,
    twice_the_same,
    broadcasts,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
def test_what_is_held_and_written_has_the_values_of_the_order_written(function: Any) -> None:
    torch.manual_seed(0)
    model, x = Held(function), images(1, 3, 8)
    with torch.no_grad():
        found = model(x)
        expected = function(model, x)  # called from no network
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, torch.Tensor):
            assert same(one, other)
        else:
            np.testing.assert_array_equal(one, other)


def test_what_is_kept_outside_is_computed_when_the_call_ends() -> None:
    kept: list[Any] = []
    model, x = Held(lambda m, x: m.bn(m.conv(x))), images(1, 3, 8)
    model.conv.register_forward_hook(lambda module, args, out: kept.append(out))
    with torch.no_grad():
        model(x)
        assert "array" in kept[0].__dict__
        assert same(kept[0], model.conv(x))


def weight_and_bias_change_places(m: Any, x: Any) -> Any:
    each = m.bn.weight.detach()
    statistics = m.bn.running_mean, m.bn.running_var
    batch_norm = torch.nn.functional.batch_norm
    return [batch_norm(m.conv(x), *statistics, weight=each), batch_norm(m.conv(x), *statistics, bias=each)]


def no_variance(m: Any, x: Any) -> Any:
    zeros = torch.zeros(4)
    return [torch.relu(torch.nn.functional.batch_norm(m.conv(x), zeros, zeros, eps=0.0))]


@pytest.mark.parametrize("function", [weight_and_bias_change_places, no_variance])
def test_constants_of_batch_norm(function: Any) -> None:
    torch.manual_seed(0)
    model, x = Held(function), images(1, 3, 8)
    with torch.no_grad():
        for one, other in zip(model(x), function(model, x), strict=True):
            np.testing.assert_array_equal(one.array, other.array)


def test_a_convolution_waits_for_another(texts: list[str]) -> None:
    def function(m: Any, x: Any) -> Any:
        a = m.conv(x)
        b = m.again(m.relu(m.bn(a)))
        del a
        assert texts == []
        assert step_of(b) is not None
        return b

    model, x = Held(function), images(1, 3, 8)
    with torch.no_grad():
        model(x)
    assert texts == ["norm relu", ""]


def test_networks_are_deeper_than_the_stack() -> None:
    layers = [nn.Conv2d(2, 2, 1) for _ in range(sys.getrecursionlimit())]
    for each in layers:
        nn.init.dirac_(each.weight)
        nn.init.zeros_(each.bias)
    x = images(1, 2, 4)
    with torch.no_grad():
        assert same(nn.Sequential(*layers)(x), x)
        with pytest.raises(RuntimeError, match="expected input"):  # what waited is forgotten
            nn.Sequential(*layers, nn.Conv2d(3, 2, 1))(x)


def test_a_layer_alone_computes_at_once() -> None:
    layer, x = nn.Conv2d(3, 4, 3), images(1, 3, 8)
    with torch.no_grad():
        assert step_of(layer(x)) is None


@pytest.mark.parametrize("how", ["recorded", "shared with NumPy", "float64", "training"])
def test_what_does_not_wait(texts: list[str], how: str) -> None:
    model, x = Held(lambda m, x: m.relu(m.bn(m.conv(x)))), images(1, 3, 8)
    if how == "shared with NumPy":
        x = torch.from_numpy(x.array.copy())
    elif how == "float64":
        model, x = model.double(), x.double()
    elif how == "training":
        model.train()
    with torch.set_grad_enabled(how == "recorded"):
        model(x)
    assert texts == [""]


def test_a_span_inside_recorded_code(texts: list[str]) -> None:
    inner = Held(lambda m, x: m.relu(m.conv(x)))

    def outer(m: Any, x: Any) -> Any:
        with torch.no_grad():
            target = inner(x)
        return (m.conv(x) * target).sum()

    model, x = Held(outer), images(1, 3, 8)
    model(x).backward()
    assert texts == ["relu", ""]
    assert model.conv.weight.grad is not None


def test_recording_inside_a_span(texts: list[str]) -> None:
    def function(m: Any, x: Any) -> Any:
        a = m.conv(x)
        with torch.enable_grad():
            return torch.relu(m.bn(a) + m.conv(x))

    model, x = Held(function), images(1, 3, 8)
    with torch.no_grad():
        out = model(x)
    assert out.requires_grad
    assert texts == ["", ""]


def test_errors_are_those_of_the_operations_and_leave_nothing_open() -> None:
    def function(m: Any, x: Any) -> Any:
        m.left = m.conv(x)
        return nn.BatchNorm2d(5).eval()(m.left)

    model, x = Held(function), images(1, 3, 8)
    with torch.no_grad():
        with pytest.raises(RuntimeError, match="running_mean should contain 4 elements not 5"):
            model(x)
        assert _mode.span is None
        assert not spans
        assert same(model.left, model.conv(x))
        with pytest.raises(ValueError, match="expected 2D or 3D input"):
            Held(lambda m, x: nn.BatchNorm1d(4).eval()(m.conv(x)))(x)


def test_inference_mode_marks_what_is_computed_later() -> None:
    model, x = Held(lambda m, x: m.relu(m.conv(x))), images(1, 3, 8)
    with torch.inference_mode():
        assert model(x).is_inference()


def test_another_thread_may_look() -> None:
    found: list[Any] = []

    def function(m: Any, x: Any) -> Any:
        a = m.relu(m.conv(x))
        threads = [threading.Thread(target=lambda: found.append(a.array.copy())) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return a

    model, x = Held(function), images(1, 3, 8)
    with torch.no_grad():
        out = model(x)
    assert len(found) == 4
    assert all(each.tobytes() == out.array.tobytes() for each in found)


def highest(m: Any, x: Any) -> Any:
    with torch.convolution_precision("highest"):
        a = m.conv(x)
    return torch.relu(a)


def highest_for_a_while(m: Any, x: Any) -> Any:
    torch.set_convolution_precision("highest")
    a = m.conv(x)
    torch.set_convolution_precision("high")
    return torch.relu(a)


def forced(m: Any, x: Any) -> Any:
    with conv.force_algorithm("numpy"):
        a = m.conv(x)
    return torch.relu(a)


def looked_at_by_another_thread(m: Any, x: Any) -> Any:
    with torch.convolution_precision("highest"):  # which is this thread's
        a = m.conv(x)
        thread = threading.Thread(target=lambda: a.array)
        thread.start()
        thread.join()
    return a


@pytest.mark.parametrize("function", [highest, highest_for_a_while, forced, looked_at_by_another_thread])
def test_the_settings_are_those_of_the_call(function: Any) -> None:
    torch.manual_seed(0)
    model, x = Held(function), images(1, 64, 28)
    model.conv = nn.Conv2d(64, 64, 3, padding=1)
    with torch.no_grad():
        assert same(model(x), function(model, x))


def test_nothing_keeps_the_input_alive() -> None:
    model = Held(lambda m, x: m.relu(m.bn(m.conv(x))))
    with torch.no_grad():
        x = images(1, 3, 8) + 0
        gone = weakref.ref(x.array)
        out = model(x)
        del x
    assert gone() is None
    assert out.shape == (1, 4, 6, 6)
