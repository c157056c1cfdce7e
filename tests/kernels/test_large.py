"""The compiled kernels for large arrays beside NumPy, through the operations that use them."""

import math
import mmap

import numpy as np
import pytest

pytest.importorskip("numba")

import convlet as torch
from convlet.kernels import arithmetic, elementwise, large, launch  # noqa: F401  launch: "after the first convolution"
from convlet.runtime import threads

F = torch.nn.functional
NUMPY, COMPILED = 1 << 60, 0  # thresholds that leave everything to one side


@pytest.fixture
def threshold(monkeypatch):
    return lambda elements: monkeypatch.setattr(large, "LARGE", elements)


@pytest.fixture
def thread_count():
    before = threads.get_num_threads()
    yield threads.set_num_threads
    threads.set_num_threads(before)


def some(*shape, seed=0, last=False):
    array = np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 3
    return array.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if last else array


def odd(*shape, last=False):
    """With every kind of number that is not like the others."""
    array = some(*shape, last=last)
    array.flat[::7] = np.resize(np.float32([np.nan, np.inf, -np.inf, -0.0, 0.0, 6.0, 1e-40]), array.flat[::7].shape)
    return array


def results(*arrays, function):
    """What a function of tensors returns, and its gradients."""
    inputs = [torch.from_numpy(each.copy(order="K")).requires_grad_() for each in arrays]
    out = function(*inputs)
    out.backward(torch.from_numpy(np.asarray(some(*out.shape, seed=9))))
    return [out.detach().numpy(), *[each.grad.numpy() for each in inputs]]


POINTWISE = {
    "relu": (F.relu, 1),
    "relu_": (lambda x: F.relu(x * 1, inplace=True), 1),
    "relu6": (F.relu6, 1),
    "relu6_": (lambda x: F.relu6(x * 1, inplace=True), 1),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 2.0), 1),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.3) * 1, 1),
    "hardswish": (lambda x: F.hardswish(x) * 1, 1),
    "hardsigmoid": (lambda x: F.hardsigmoid(x) * 1, 1),
    "prelu": (lambda x: F.prelu(x, torch.full((1,), 0.3)) * 1, 1),
    "add": (torch.add, 2),
    "sub": (torch.sub, 2),
    "mul": (torch.mul, 2),
    "div": (torch.div, 2),
    "numbers": (lambda x: (x + 2.5) * 0.3 - x / 7, 1),
    "of channels": (lambda x, y: x * y[:1, :, :1, :1] + y[:1, :, :1, :1], 2),
    "of images": (lambda x, y: x / y[:, :1, :1, :1], 2),
    "of planes": (lambda x, y: x * y[..., :1, :1], 2),
    "of columns": (lambda x, y: x - y[0, 0, 0], 2),
    "in place": (lambda x, y: (x * 1).mul_(y[:, :, :1, :1]).sub_(y), 2),
    "other functions": (lambda x: torch.neg(x) + torch.abs(x) + torch.exp(x), 1),
    "iadd": (lambda x, y: (x * 1).add_(y), 2),
    "three uses": (lambda x, y: (x + y) + (x * 2 + x), 2),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 7), (2, 37, 31, 33)])
@pytest.mark.parametrize("name", POINTWISE)
def test_elementwise_has_numpys_bits(name, shape, last, threshold):
    function, count = POINTWISE[name]
    arrays = [odd(*shape, last=last), odd(*shape, last=last)[::-1].copy()][:count]
    found = []
    for elements in (NUMPY, COMPILED):
        threshold(elements)
        found.append(results(*arrays, function=function))
    for expected, result in zip(*found):
        nan = np.isnan(expected)
        assert (np.isnan(result) == nan).all()
        assert (result.view(np.int32)[~nan] == expected.view(np.int32)[~nan]).all()


SMOOTH = {
    "silu": (F.silu, lambda x, s: x * s(x), lambda x, s: s(x) * (1 + x * (1 - s(x)))),
    "gelu": (F.gelu, lambda x, s: x * phi(x), lambda x, s: phi(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), lambda x, s: x * s(twice(x)), lambda x, s: tanh_slope(x, s)),
    "sigmoid": (torch.sigmoid, lambda x, s: s(x), lambda x, s: s(x) * s(-x)),
    "mish": (F.mish, lambda x, s: x * np.tanh(softplus(x)), lambda x, s: mish_slope(x, s)),
    "softplus": (lambda x: F.softplus(x, 2.0), lambda x, s: softplus(2 * x) / 2, lambda x, s: s(2 * x)),
    "logsigmoid": (F.logsigmoid, lambda x, s: -softplus(-x), lambda x, s: s(-x)),
    "elu": (
        lambda x: F.elu(x, 1.5),
        lambda x, s: np.where(x > 0, x, 1.5 * np.expm1(np.minimum(x, 0))),
        lambda x, s: np.where(x > 0, 1, 1.5 * np.exp(np.minimum(x, 0))),
    ),
}


def phi(x):
    return np.vectorize(math.erfc)(-x / np.sqrt(2)) / 2


def twice(x):
    """What 1 + tanh u is twice the sigmoid of: 2 u."""
    return 2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)


def tanh_slope(x, s):
    steep = 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x * x)
    return s(twice(x)) + x * s(twice(x)) * s(-twice(x)) * steep


def softplus(x):
    return np.logaddexp(x, 0)


def mish_slope(x, s):
    t = np.tanh(softplus(x))
    return t + x * s(x) * (1 - t * t)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_activations(name, last):
    """Beside float64, over the whole range where they are not 0 or the input itself."""
    function, value, slope = SMOOTH[name]
    x = np.concatenate([np.linspace(-14, 14, 20000), np.geomspace(1e-30, 200, 4000), -np.geomspace(1e-30, 80, 4000)])
    x = np.resize(x.astype(np.float32), (2, 7, 40, 50)).copy()
    x = channels_last(x) if last else x
    exact = x.astype(np.float64)
    with np.errstate(all="ignore"):
        expected, slopes = value(exact, sigmoid), slope(exact, sigmoid)
    one = torch.from_numpy(x.copy(order="K")).requires_grad_()
    out = function(one)
    (out * 1).sum().backward()
    error = 1e-5 if "gelu" in name else 4e-7  # what the exponential is taken of is rounded
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=error, atol=1e-30)
    np.testing.assert_allclose(one.grad.numpy(), slopes, rtol=error, atol=2e-6)
    with torch.no_grad():
        assert (function(torch.from_numpy(x[1:])).numpy() == out.detach().numpy()[1:]).all()


def test_smooth_activations_of_infinity():
    odd = torch.tensor([np.inf, -np.inf, np.nan, 0.0, -0.0, 3e38, -3e38, 1e-40]).repeat(1, 1024)
    for function in (F.silu, F.gelu, F.mish, F.softplus, F.logsigmoid):
        out, small = function(odd).numpy()[0, :8], function(odd[0, :8]).numpy()
        np.testing.assert_allclose(out, small, rtol=1e-6)


@pytest.mark.parametrize("last", [False, True])
def test_concatenation(last, threshold):
    threshold(COMPILED)
    x, y, z = (some(2, 3, 5, 7, seed=seed, last=last) for seed in range(3))
    for axis in range(4):
        found = torch.cat([torch.from_numpy(each) for each in (x, y[:, :, :0], z) if axis == 2 or each.size], axis)
        expected = np.concatenate([x, z], axis)
        np.testing.assert_array_equal(found, expected)
        assert found.numpy().strides == expected.strides


def test_adding_an_overlapping_view(threshold):
    for elements in (NUMPY, COMPILED):
        threshold(elements)
        x = torch.arange(200000.0)
        x[1:] += x[:-1]
        assert (x.numpy()[1:] == 2 * np.arange(1, 200000, dtype=np.float32) - 1).all()


def test_relu_of_what_is_needed_elsewhere(threshold):
    """Written over its input, which another gradient asks for: refused as by PyTorch."""
    threshold(COMPILED)
    x = torch.ones(50, requires_grad=True)
    y = x * 2
    z = (y * y).sum()
    F.relu(y, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


class Remember(torch.autograd.Function):
    """Keeps the gradient it gets and the one it gives."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        given = grad * 2
        Remember.kept = grad, given
        return given


GRADIENTS_HELD = {
    "by the caller": lambda x, g: F.relu(x).backward(g) or [g],
    "by a hook": lambda x, g: held_by(x, g, lambda y, keep: y.register_hook(keep.append)),
    "retained": lambda x, g: held_by(x, g, lambda y, keep: y.retain_grad(), lambda y: [y.grad]),
    "by a node's hook": lambda x, g: held_by(
        x, g, lambda y, keep: y.grad_fn.register_hook(lambda into, out: keep.extend([*into, *out]))
    ),
    "by a node's prehook": lambda x, g: held_by(
        x, g, lambda y, keep: y.grad_fn.register_prehook(lambda out: keep.extend(out))
    ),
    "by a function": lambda x, g: (F.relu(Remember.apply(F.relu(x) * 1)) * 2).backward(g) or [*Remember.kept],
    "asked for": lambda x, g: asked_for(x, g),
    "in two places": lambda x, g: in_two_places(x, g),
}


def held_by(x, g, hold, ask=None):
    kept = []
    y = F.relu(x * 2)
    hold(y, kept)
    (F.relu(y) * 3).backward(g)
    return ask(y) if ask else kept


def asked_for(x, g):
    y = F.relu(x * 2)
    z = F.relu(y)
    return torch.autograd.grad(z * 3, [x, y, z], g)


def in_two_places(x, g):
    y = F.relu(x * 2)
    z = F.relu(y) + F.hardtanh(y)
    (z * 2).backward(g)
    return [g]


@pytest.mark.parametrize("how", GRADIENTS_HELD)
def test_gradients_that_others_hold_are_not_written_over(how, threshold):
    found = []
    for elements in (NUMPY, COMPILED):
        threshold(elements)
        x = torch.from_numpy(some(3, 5, 7)).requires_grad_()
        g = torch.from_numpy(some(3, 5, 7, seed=1))
        held = GRADIENTS_HELD[how](x, g)
        found.append([each.detach().numpy() for each in [*held, *([] if x.grad is None else [x.grad])]])
    assert len(found[0]) == len(found[1])
    for expected, result in zip(*found):
        np.testing.assert_array_equal(result, expected)


NORMS = [(2, 3, 4, 5), (4, 17, 9, 11), (1, 5, 64, 70), (3, 2, 40), (2, 3, 3, 4, 5), (16, 40, 1, 1)]


def channels_last(array):
    return array.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", NORMS, ids=str)
def test_batch_norm_in_training(shape, affine, last, threshold):
    x = some(*shape) + np.arange(shape[1], dtype=np.float32).reshape(1, -1, *[1] * (len(shape) - 2)) * 100
    if last:
        x = channels_last(x) if x.ndim == 4 else pytest.skip("four axes only")
    arrays = [x, some(shape[1], seed=1), some(shape[1], seed=2)] if affine else [x]
    found = []
    for elements in (NUMPY, COMPILED):
        threshold(elements)
        mean, var = torch.zeros(shape[1]), torch.ones(shape[1])

        def function(x, *affine, mean=mean, var=var):
            return F.batch_norm(x, mean, var, *affine, training=True) * 1  # its gradient may be written over

        found.append([*results(*arrays, function=function), mean.numpy(), var.numpy()])
    double = [each.astype(np.float64) for each in arrays]
    threshold(NUMPY)
    found.append(results(*double, function=lambda x, *affine: F.batch_norm(x, None, None, *affine, training=True)))
    for expected, result, exact in zip(*found):
        scale = np.abs(exact).max() + 1
        assert np.abs(result - exact).max() <= max(2e-5 * scale, 2 * np.abs(expected - exact).max())
    for expected, result in zip(found[0][-2:], found[1][-2:]):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", NORMS, ids=str)
def test_batch_norm_in_evaluation_has_numpys_bits(shape, last, threshold):
    c = shape[1]
    x = odd(*shape)
    if last:
        x = channels_last(x) if x.ndim == 4 else pytest.skip("four axes only")
    weight, bias = torch.from_numpy(some(c)), torch.from_numpy(some(c, seed=1))
    mean, var = torch.from_numpy(some(c, seed=2)), torch.from_numpy(np.abs(some(c, seed=3)))
    for affine in [(weight, bias), (weight, None), (None, None)]:
        found = []
        for elements in (NUMPY, COMPILED):
            threshold(elements)
            found.append(F.batch_norm(torch.from_numpy(x), mean, var, *affine).numpy())
        np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", NORMS, ids=str)
def test_gradient_of_batch_norm_in_evaluation(shape, affine, last, threshold):
    c = shape[1]
    x = some(*shape)
    if last:
        x = channels_last(x) if x.ndim == 4 else pytest.skip("four axes only")
    arrays = [x, some(c, seed=1), some(c, seed=2)] if affine else [x]
    mean, var = some(c, seed=3), np.abs(some(c, seed=4))
    found = []
    for elements, dtype in ((COMPILED, np.float32), (NUMPY, np.float64)):
        threshold(elements)
        statistics = [torch.from_numpy(each.astype(dtype)) for each in (mean, var)]
        function = lambda x, *affine: F.batch_norm(x, *statistics, *affine) * 1  # noqa: B023, E731
        found.append(results(*[each.astype(dtype) for each in arrays], function=function))
    for result, exact in zip(*found):
        np.testing.assert_allclose(result, exact, rtol=1e-5, atol=1e-5 * np.abs(exact).max())


BEHIND_A_NORM = {
    "relu": lambda y: F.relu(y),
    "relu_": lambda y: F.relu(y, inplace=True),
    "relu6_": lambda y: F.relu6(y, inplace=True),
    "hardtanh": lambda y: F.hardtanh(y, -0.5, 0.25),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", BEHIND_A_NORM)
def test_a_clamps_gradient_goes_with_that_of_batch_norm(name, training, threshold, monkeypatch):
    """The same bits as one after the other, by a kernel that has no gradient of the clamp to read."""
    threshold(COMPILED)
    x, weight, bias = some(3, 5, 9, 11), some(5, seed=1), some(5, seed=2)
    x[0, 0, 0, :3] = 0.0, -0.0, 6.0
    mean, var = torch.from_numpy(some(5, seed=3)), torch.from_numpy(np.abs(some(5, seed=4)))
    steps, run = [], elementwise.apply
    monkeypatch.setattr(elementwise, "apply", lambda name, *args, **kw: steps.append(name) or run(name, *args, **kw))

    def function(between):
        def network(*inputs):
            y = F.batch_norm(inputs[0], mean.clone(), var.clone(), *inputs[1:], training=training)
            between(y)
            return BEHIND_A_NORM[name](y) * 1

        return network

    for affine in ([weight, bias], [weight], []):
        arrays = [x, *affine]
        together = results(*arrays, function=function(lambda y: None))
        assert "clamp gradient" not in steps
        apart = results(*arrays, function=function(lambda y: y.register_hook(lambda grad: None)))
        assert "clamp gradient" in steps
        steps.clear()
        for one, other in zip(together, apart):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(2, 6, 4, 5), (3, 6, 31, 33), (1, 12, 40)], ids=str)
def test_group_norm(shape, groups, monkeypatch):
    monkeypatch.setattr(large, "IMAGE", 1)
    c = shape[1]
    arrays = [some(*shape) + 50, some(c, seed=1), some(c, seed=2)]
    arrays[1][0] = 0
    for given in (arrays, arrays[:2], arrays[:1]):

        def function(x, *affine):
            return F.relu(F.group_norm(x, groups, *affine)) * 1

        double = results(*[each.astype(np.float64) for each in given], function=function)
        for result, exact in zip(results(*given, function=function), double):
            np.testing.assert_allclose(result, exact, atol=1e-4 * (np.abs(exact).max() + 1))
    together = F.group_norm(torch.from_numpy(arrays[0]), groups).numpy()
    assert F.group_norm(torch.from_numpy(arrays[0][:1]), groups).numpy().tobytes() == together[:1].tobytes()


def test_what_a_clamp_left_must_not_have_changed(threshold):
    threshold(COMPILED)
    x = torch.from_numpy(some(3, 5, 9, 11)).requires_grad_()
    y = F.relu(F.batch_norm(x, None, None, training=True))
    with torch.no_grad():
        y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_clamp_behind_batch_norm_in_other_walks(threshold):
    """The gradient of what is between is asked for, flows there twice, or the graph is walked again."""
    threshold(COMPILED)
    x, g = torch.from_numpy(some(3, 5, 9, 11)).requires_grad_(), torch.from_numpy(some(3, 5, 9, 11, seed=1))
    y = F.batch_norm(x, None, None, training=True)
    z = F.relu(y)
    at_y, at_x = torch.autograd.grad(z, [y, x], g, retain_graph=True)
    np.testing.assert_array_equal(at_y, torch.where(y > 0, g, 0))
    for _ in range(2):
        np.testing.assert_array_equal(torch.autograd.grad(z, x, g, retain_graph=True)[0], at_x)
    (twice,) = torch.autograd.grad([z, y], x, [g, g], retain_graph=True)
    np.testing.assert_array_equal(twice, torch.autograd.grad(y, x, at_y + g, retain_graph=True)[0])
    (recorded,) = torch.autograd.grad(z, x, g, create_graph=True)
    np.testing.assert_allclose(recorded.detach(), at_x, rtol=1e-4, atol=1e-5)
    assert recorded.requires_grad


def test_batch_norm_of_a_large_mean_and_of_a_constant(threshold):
    threshold(COMPILED)
    x = some(4, 3, 50, 50)
    x[:, 0] += 1e5
    x[:, 1] = 1e6
    x[:, 2] *= 1e-3
    out = F.batch_norm(torch.from_numpy(x), None, None, training=True).numpy()
    exact = x.astype(np.float64)
    exact = (exact - exact.mean((0, 2, 3), keepdims=True)) / np.sqrt(exact.var((0, 2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, exact, atol=2e-3)
    assert (out[:, 1] == 0).all()
    x[0, 2, 0, 0] = np.nan
    out = F.batch_norm(torch.from_numpy(x), None, None, training=True).numpy()
    assert np.isnan(out[:, 2]).all()
    assert not np.isnan(out[:, :2]).any()


def test_the_same_bits_on_any_number_of_threads(threshold, thread_count):
    threshold(COMPILED)
    x, weight, bias = some(3, 13, 40, 41), some(13, seed=1), some(13, seed=2)

    def norm(x, *affine):
        return F.batch_norm(x, None, None, *affine, training=True)

    found = []
    for count in (1, 2, 3, 7):
        thread_count(count)
        found.append(
            results(x, weight, bias, function=norm)
            + results(channels_last(np.tile(x, (4, 1, 1, 1))), weight, bias, function=norm)
            + results(x, x * 2, function=lambda x, y: F.relu6(x + y))
        )
    for each in found[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found[0], each))


WINDOWS = {
    "3x3 s2 p1": (3, 2, 1),
    "2x2": (2, 2, 0),
    "ceil": (3, 2, 1, 1, True),
    "apart": (2, 3, 0),
    "oblong": ((2, 5), (1, 2), (1, 2)),
    "dilated": (2, 2, 1, 2),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 6, 5), (2, 7, 19, 34), (3, 13, 40), (2, 70, 9, 8)], ids=str)
@pytest.mark.parametrize("windows", WINDOWS)
def test_max_pool(windows, shape, last, threshold):
    x = np.round(odd(*shape))  # with many equal elements
    if last:
        x = channels_last(x) if x.ndim == 4 else pytest.skip("four axes only")
    found = []
    for elements in (NUMPY, COMPILED):
        threshold(elements)
        places = F.max_pool2d(torch.from_numpy(x), *WINDOWS[windows], return_indices=True)[1]
        function = lambda x: F.max_pool2d(x, *WINDOWS[windows])  # noqa: E731
        without = function(torch.from_numpy(x))
        found.append([*results(x, function=function), places.numpy(), without.numpy()])
    for expected, result in zip(*found):
        np.testing.assert_array_equal(result, expected)


AVERAGES = {
    "3x3 s2 p1": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "3x3 s1 p1": lambda x: F.avg_pool2d(x, 3, 1, 1),
    "without padding": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "ceil": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    "oblong": lambda x: F.avg_pool2d(x, (2, 5), (1, 3), (1, 2), divisor_override=7),
    "regions": lambda x: F.adaptive_avg_pool2d(x, (x.shape[-2] // 2 or 1, 1)),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 6, 6), (2, 7, 20, 34), (3, 14, 40), (2, 70, 8, 9)], ids=str)
@pytest.mark.parametrize("windows", AVERAGES)
def test_avg_pool_has_numpys_bits(windows, shape, last, threshold):
    found = []
    x = odd(*shape)
    if last:
        x = channels_last(x) if x.ndim == 4 else pytest.skip("four axes only")
    for elements in (NUMPY, COMPILED):
        threshold(elements)
        found.append(results(x, function=lambda x: AVERAGES[windows](x) * 1))
    for expected, result in zip(*found):
        np.testing.assert_array_equal(result, expected)


def test_max_pool_on_any_number_of_threads(threshold, thread_count):
    threshold(COMPILED)
    found = []
    for count in (1, 2, 5):
        thread_count(count)
        found.append(results(some(2, 40, 60, 61), function=lambda x: F.max_pool2d(x, 3, 2, 1)))
    for each in found[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found[0], each))


def guarded(array):
    """A copy of an array that ends where an unreadable page begins, and what keeps it."""
    page = mmap.PAGESIZE
    size = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, size + page)
    import ctypes

    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    assert protect(start + size, page, 0) == 0
    copy = np.frombuffer(memory, array.dtype, array.size, size - array.nbytes).reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.skipif(not hasattr(mmap, "MAP_PRIVATE"), reason="POSIX only")
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 7), (3, 5, 17, 13)])
def test_nothing_is_read_or_written_outside(shape):
    from convlet.kernels import average, norm, pool

    c = shape[1]
    x, g, out = (guarded(each) for each in (some(*shape), some(*shape, seed=1), np.zeros(shape, np.float32)))
    weight, bias = guarded(some(c)), guarded(some(c, seed=1))
    mean, var = norm.training(x, weight, bias, 1e-5, out)
    mean, var = guarded(mean), guarded(var)
    norm.fixed(x, weight, bias, mean, var, 1e-5, out)
    running = guarded(some(c)), guarded(np.ones(c, np.float32)), 0.1
    norm.training(x, weight, bias, 1e-5, out, running=running, other=g, bounds=(0.0, 6.0))
    norm.gradient(g, x, weight, mean, var, 1e-5, out)
    norm.gradient(g, x, weight, mean, var, 1e-5, out, True)
    moments = [guarded(each) for each in norm.training(x, weight, bias, 1e-5, out, groups=1)]
    norm.gradient(g, x, weight, *moments, 1e-5, out, groups=1)
    for fixed in (True, False):
        norm.gradient(g, x, weight, mean, var, 1e-5, out, fixed, bias, (0.0, math.nan))
    lasts = []
    for each in (x, g, out):
        lasts.append(guarded(each.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2))
    norm.training(lasts[0], weight, bias, 1e-5, lasts[2])
    norm.gradient(lasts[1], lasts[0], weight, mean, var, 1e-5, lasts[2])
    arithmetic.of_arrays(np.add, x, g, out)
    arithmetic.with_number(np.multiply, x, np.ones((), np.float32), out)
    elementwise.apply("clamp", x, out, numbers=(-1.0, 1.0))
    elementwise.apply("clamp gradient", x, g, out, numbers=(-1.0, 1.0))
    np.testing.assert_array_equal(out, np.where((x > -1) & (x < 1), g, 0))
    h, w = shape[-2:]
    pooled = (*shape[:2], (h + 1) // 2, (w + 1) // 2)
    best, places = guarded(np.zeros(pooled, np.float32)), guarded(np.zeros(pooled, np.int64))
    pool.maximum(x, (3, 3), (2, 2), (1, 1), best, places)
    pool.scatter(best, places, out)
    average.average(x, (3, 3), (2, 2), (1, 1), 9, best)
    average.average(out, (3, 3), (2, 2), (1, 1), 9, best, spread=True)
    pool.scatter(best, places, out)
    np.testing.assert_allclose(out.sum((2, 3)), best.sum((2, 3)), rtol=1e-4)
    best, places = (
        guarded(np.zeros(pooled, dtype).transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for dtype in (np.float32, np.int64)
    )
    pool.maximum(lasts[0], (3, 3), (2, 2), (1, 1), best, places)
    pool.scatter(best, places, lasts[2])
    np.testing.assert_allclose(lasts[2].sum((2, 3)), best.sum((2, 3)), rtol=1e-4)
    average.average(lasts[0], (3, 3), (2, 2), (1, 1), 9, best)
    average.average(lasts[2], (3, 3), (2, 2), (1, 1), 9, best, spread=True)
