"""Conv2d without PyTorch: gradients by finite differences, the extensions, errors that leave nothing changed."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convlet as torch
import convlet.nn.functional as F
from convlet import nn
from convlet.conv import conv2d_problem, force_algorithm
from convlet.conv.reference import forward as oracle

MODES = ("zeros", "reflect", "replicate", "circular")


def some(*shape, dtype="float64", seed=0):
    random = np.random.default_rng([seed, *shape])
    values = random.standard_normal(shape)
    return (values + 1j * random.standard_normal(shape) if dtype.startswith("complex") else values).astype(dtype)


def tensors(*shapes, dtype="float64"):
    return [torch.tensor(some(*shape, dtype=dtype, seed=i), requires_grad=True) for i, shape in enumerate(shapes)]


SETTINGS = {
    "plain": {},
    "stride and padding": {"stride": (2, 1), "padding": (1, 2)},
    "dilation": {"dilation": (2, 1), "padding": 1},
    "asymmetric": {"padding": ((0, 2), (1, 0)), "stride": 2},
    "same_upper": {"padding": "same_upper", "stride": 2},
    "same": {"padding": "same"},
    "reflect": {"padding": 1, "padding_mode": "reflect"},
    "circular in width": {"padding": 1, "padding_mode": ("zeros", "circular"), "stride": 2},
    "replicate": {"padding": 2, "padding_mode": "replicate"},
}


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", SETTINGS)
def test_gradients(name, dtype):
    x, w, b = tensors((2, 2, 4, 5), (2, 1, 2, 3), (2,), dtype=dtype)
    call = lambda x, w, b: F.conv2d(x, w, b, groups=2, **SETTINGS[name])  # noqa: E731
    assert torch.autograd.gradcheck(call, (x, w, b))
    assert torch.autograd.gradgradcheck(call, (x, w, b))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("other", MODES)
def test_a_mode_for_each_axis_is_padding_one_axis_after_the_other(mode, other):
    x, w, _ = tensors((2, 3, 5, 6), (4, 3, 3, 3), (4,))
    layer = nn.Conv2d(3, 4, 3, padding=(2, 1), padding_mode=(mode, other), bias=False).double()
    layer.weight = nn.Parameter(w.detach())
    padded = np.pad(x.detach().numpy(), ((0, 0), (0, 0), (2, 2), (0, 0)), NUMPY_MODES[mode])
    padded = np.pad(padded, ((0, 0), (0, 0), (0, 0), (1, 1)), NUMPY_MODES[other])
    expected = F.conv2d(torch.tensor(padded), layer.weight)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)


NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("padding", [((1, 2), (0, 3)), (1, 2, 0, 3)])
def test_padding_on_four_sides(padding):
    x, w, _ = tensors((2, 3, 5, 6), (4, 3, 3, 3), (4,))
    padded = torch.tensor(np.pad(x.detach().numpy(), ((0, 0), (0, 0), (1, 2), (0, 3))))
    expected = F.conv2d(padded, w).detach().numpy()
    np.testing.assert_allclose(F.conv2d(x, w, padding=padding).detach().numpy(), expected, rtol=1e-12, atol=1e-12)
    layer = nn.Conv2d(3, 4, 3, padding=padding)
    assert layer.output_shape((2, 3, 5, 6)) == torch.Size([2, 4, 6, 7])
    assert tuple(layer._reversed_padding_repeated_twice) == (0, 3, 1, 2)
    assert tuple(layer(x.float()).shape) == (2, 4, 6, 7)


@given(
    size=st.integers(1, 17), kernel=st.integers(1, 5), stride=st.integers(1, 4), dilation=st.integers(1, 3),
    lower=st.booleans(),
)  # fmt: skip
@settings(max_examples=60)
def test_same_with_stride(size, kernel, stride, dilation, lower):
    x = torch.tensor(np.arange(size, dtype="float64").reshape(1, 1, 1, size) + 1)
    w = torch.tensor(np.arange(kernel, dtype="float64").reshape(1, 1, 1, kernel) + 1)
    padding = "same_lower" if lower else "same_upper"
    out = F.conv2d(x, w, stride=(1, stride), dilation=(1, dilation), padding=padding)
    count = -(-size // stride)
    total = max((count - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    sides = ((total + 1) // 2, total // 2) if lower else (total // 2, (total + 1) // 2)
    padded = np.pad(x.numpy()[0, 0, 0], sides)
    expected = [
        sum((tap + 1) * padded[i * stride + tap * dilation] for tap in range(kernel)) for i in range(count)
    ]
    assert out.numpy()[0, 0, 0].tolist() == expected


def test_output_shapes():
    assert F.conv2d_output_shape((1, 3, 224, 224), 64, 7, stride=2, padding=3) == (1, 64, 112, 112)
    layer = nn.Conv2d(3, 8, 3, padding="same_upper", stride=2)
    assert layer.output_shape((3, 33, 32)) == torch.Size([8, 17, 16])
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        nn.Conv2d(3, 8, 5).output_shape((1, 3, 4, 4))


@pytest.mark.parametrize("algorithm", ["numpy", None])
def test_training_a_filter(algorithm):
    torch.manual_seed(0)
    layer = nn.Conv2d(1, 1, 3, padding=1)
    target = torch.tensor(some(1, 1, 3, 3, dtype="float32"))
    x = torch.tensor(some(4, 1, 8, 8, dtype="float32"))
    wanted = F.conv2d(x, target, padding=1)
    with force_algorithm(algorithm):
        for _ in range(200):
            layer.zero_grad()
            loss = F.mse_loss(layer(x), wanted)
            loss.backward()
            with torch.no_grad():
                for parameter in layer.parameters():
                    parameter -= 0.2 * parameter.grad
    assert float(loss) < 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64"])
def test_against_the_oracle(dtype):
    shapes = (2, 4, 6, 7), (6, 2, 3, 2)
    x, w = (np.random.default_rng(i).integers(-3, 4, s).astype(dtype) for i, s in enumerate(shapes))
    problem = conv2d_problem(x.shape, w.shape, None, x.dtype, w.dtype, None, (2, 1), 1, 1, 2)
    result = F.conv2d(torch.tensor(x), torch.tensor(w), None, (2, 1), 1, 1, 2).numpy()
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, oracle(problem, x, w).astype(dtype))


def test_prints_as_pytorch():
    layer = nn.Conv2d(3, 8, (3, 5), stride=2, padding=1, groups=1, bias=False, padding_mode="circular")
    assert repr(layer) == (
        "Conv2d(3, 8, kernel_size=(3, 5), stride=(2, 2), padding=(1, 1), bias=False, padding_mode=circular)"
    )
    y = nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 1, 1))
    assert "grad_fn=<ConvolutionBackward0>" in repr(y)
    assert "grad_fn=<SqueezeBackward1>" in repr(nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 1)))


def test_initial_values():
    # The first weights that PyTorch 2.13 draws after manual_seed(0).
    torch.manual_seed(0)
    layer = nn.Conv2d(1, 1, 2)
    expected = [-0.003743410110473633, 0.26822179555892944, -0.4115225672721863, -0.3679695129394531]
    assert layer.weight.flatten().tolist() == expected
    assert layer.bias.tolist() == [-0.19257718324661255]
    grouped = nn.Conv2d(64, 64, 3, groups=64)
    assert 0.3 < float(grouped.weight.abs().max()) <= 1 / 3  # the bound counts the inputs of one group


@pytest.mark.parametrize("settings", [{}, {"padding": "same"}, {"padding_mode": ("circular", "zeros"), "padding": 1}])
def test_copies_and_pickles(settings):
    layer = nn.Conv2d(3, 4, 3, **settings)
    x = torch.tensor(some(1, 3, 6, 6, dtype="float32"))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(other) == repr(layer)
        assert torch.equal(other(x), layer(x))
        assert other.weight is not layer.weight


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"groups": 0}, "groups must be a positive integer"),
        ({"groups": 2}, "in_channels must be divisible by groups"),
        ({"padding": "SAME"}, "Invalid padding string 'SAME'"),
        ({"padding": "same", "stride": 2}, "padding='same' is not supported for strided convolutions"),
        ({"padding_mode": "wrap"}, "padding_mode must be one of"),
        ({"padding_mode": ("zeros", "wrap")}, "padding_mode must be one of"),
        ({"padding_mode": ("zeros",)}, "padding_mode must be one of"),
        ({"padding_mode": 3}, "padding_mode must be one of"),
    ],
)
def test_refused_constructions(arguments, text):
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=text):
        nn.Conv2d(3, 4, 3, **arguments)
    assert torch.equal(state, torch.get_rng_state())  # nothing was drawn


HINTS = {
    "channels last": (lambda: nn.Conv2d(4, 1, 3)(torch.zeros(2, 8, 96, 4)), "permute"),
    "dtype": (lambda: nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 5, 5, dtype=torch.float64)), r"\.to\("),
    "array": (lambda: F.conv2d(np.zeros((1, 1, 5, 5)), torch.zeros(1, 1, 3, 3)), "from_numpy"),
}


@pytest.mark.parametrize("name", HINTS)
def test_errors_name_the_fix(name):
    call, hint = HINTS[name]
    with pytest.raises((RuntimeError, TypeError), match=hint):
        call()


def test_an_error_in_forward_leaves_the_layer_as_it_was():
    layer = nn.Conv2d(3, 4, 3)
    before = layer.weight.numpy(force=True).copy()
    version = layer.weight._version.value
    for wrong in (torch.zeros(1, 2, 5, 5), torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 5, 5).long(), torch.zeros(3)):
        with pytest.raises(RuntimeError):
            layer(wrong)
    np.testing.assert_array_equal(layer.weight.numpy(force=True), before)
    assert layer.weight._version.value == version
    assert layer.weight.grad is None


def test_batches_give_the_bits_of_single_images():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(3, 5, 3, padding=1), torch.randn(4, 3, 9, 9)
    whole = layer(x).detach().numpy()
    for index in range(4):
        np.testing.assert_array_equal(layer(x[index : index + 1]).detach().numpy()[0], whole[index])
        np.testing.assert_array_equal(layer(x[index]).detach().numpy(), whole[index])


def test_meta_needs_no_memory():
    layer = nn.Conv2d(1024, 1024, 3, padding=1, device="meta")
    y = layer(torch.empty(4096, 1024, 512, 512, device="meta"))
    assert y.shape == (4096, 1024, 512, 512)
    assert y.is_meta
