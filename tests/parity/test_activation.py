"""Activation functions and their layers beside PyTorch's: values, both gradients, dtypes, nodes, errors, reprs."""

from __future__ import annotations

import numpy as np
import pytest

import convlet

from .side_by_side import compare, libraries, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity

# Not at the corners, where the derivative jumps.
POINTS = np.concatenate([some(4, 7).ravel() * 3, [0.3, -0.3, 5.9, 7.2, -2.9, -4.5, 25.0, -30.0]]).reshape(3, 12)

FUNCTIONS = {
    "relu": lambda t, x: t.F.relu(x),
    "torch.relu": lambda t, x: t.torch.relu(x),
    "relu6": lambda t, x: t.F.relu6(x),
    "leaky_relu": lambda t, x: t.F.leaky_relu(x, 0.1),
    "elu": lambda t, x: t.F.elu(x, 0.7),
    "selu": lambda t, x: t.F.selu(x),
    "celu": lambda t, x: t.F.celu(x, 1.3),
    "gelu": lambda t, x: t.F.gelu(x),
    "gelu tanh": lambda t, x: t.F.gelu(x, approximate="tanh"),
    "silu": lambda t, x: t.F.silu(x),
    "mish": lambda t, x: t.F.mish(x),
    "hardswish": lambda t, x: t.F.hardswish(x),
    "hardsigmoid": lambda t, x: t.F.hardsigmoid(x),
    "hardtanh": lambda t, x: t.F.hardtanh(x, -0.5, 2.0),
    "softplus": lambda t, x: t.F.softplus(x),
    "softplus beta": lambda t, x: t.F.softplus(x, 2.0, 3.0),
    "softsign": lambda t, x: t.F.softsign(x),
    "tanh": lambda t, x: t.F.tanh(x),
    "sigmoid": lambda t, x: t.F.sigmoid(x),
    "logsigmoid": lambda t, x: t.F.logsigmoid(x),
    "threshold": lambda t, x: t.F.threshold(x, 0.1, 20.0),
    "glu": lambda t, x: t.F.glu(x),
    "glu 0": lambda t, x: t.F.glu(t.torch.cat([x, x + 1]), 0),
    "tanhshrink": lambda t, x: t.F.tanhshrink(x),
    "softshrink": lambda t, x: t.F.softshrink(x, 0.2),
    "hardshrink": lambda t, x: t.F.hardshrink(x, 0.2),
    "rrelu": lambda t, x: t.F.rrelu(x),
    "softmax": lambda t, x: t.F.softmax(x, 1),
    "log_softmax": lambda t, x: t.F.log_softmax(x, 0),
    "softmin": lambda t, x: t.F.softmin(x, 1),
    "softmax dim": lambda t, x: t.F.softmax(x),
}
INPLACE = ("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardswish", "hardsigmoid", "hardtanh")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name):
    # PyTorch's double gradient of mish and of tanh-gelu loses digits for large inputs.
    points = np.clip(POINTS, -8, 8) if name in ("mish", "gelu", "gelu tanh", "softplus beta") else POINTS
    compare(torch, FUNCTIONS[name], points, double=name != "hardsigmoid", rtol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtypes(name, dtype):
    rtol = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    compare(torch, FUNCTIONS[name], POINTS, dtype=dtype, rtol=rtol)


@pytest.mark.parametrize("value", [0.0, -0.0, 3.0, -3.0, 1.0, -1.0, 6.0, 0.5, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [each for each in FUNCTIONS if not each.startswith(("glu", "soft", "log_"))])
def test_corners_and_special_values(name, value):
    def gradient_of_sum(t, x):
        return FUNCTIONS[name](t, x)

    if np.isfinite(value) or name in ("relu", "relu6", "leaky_relu", "hardtanh", "threshold", "tanh"):
        compare(torch, gradient_of_sum, np.array([[value, 1.25]]), rtol=1e-7)  # PyTorch's celu has float32 constants


@pytest.mark.parametrize("name", INPLACE)
def test_in_place(name):
    compare(torch, lambda t, x: getattr(t.F, name)(x * 1, inplace=True), POINTS)

    def same_memory(t, x):
        y = x * 1
        z = getattr(t.F, name)(y, inplace=True)
        assert z is y
        return y

    compare(torch, same_memory, POINTS)


def test_prelu():
    for shape, count in (((3, 4), 1), ((3, 4), 4), ((2, 3, 4, 4), 3), ((5,), 1)):
        compare(torch, lambda t, x, w: t.F.prelu(x, w), some(*shape), some(count), double=True)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize(
    "name", [each for each in FUNCTIONS if each not in ("softsign", "tanhshrink", "silu", "rrelu", "tanh", "sigmoid")]
)
def test_other_dtypes(name, dtype):
    compare(torch, FUNCTIONS[name], np.ones((2, 4), dtype), nodes=False, rtol=1e-6)


ERRORS = {
    "gelu": lambda t, x: t.F.gelu(x, approximate="x"),
    "glu": lambda t, x: t.F.glu(x),
    "glu dim": lambda t, x: t.F.glu(x, 5),
    "softshrink": lambda t, x: t.F.softshrink(x, -1),
    "leaky_relu": lambda t, x: t.F.leaky_relu(x, "a"),
    "prelu": lambda t, x: t.F.prelu(x, t.torch.ones(2)),
    "prelu rank": lambda t, x: t.F.prelu(x, t.torch.ones(1, 1, 1)),
    "prelu dtype": lambda t, x: t.F.prelu(x, t.torch.ones(1, dtype=t.torch.float64)),
    "celu": lambda t, x: t.F.celu(x, 0),
    "hardtanh": lambda t, x: t.F.hardtanh(x, 2, 1),
    "Hardtanh": lambda t, x: t.nn.Hardtanh(2, 1),
    "relu": lambda t, x: t.F.relu(3),
    "relu leaf": lambda t, x: t.F.relu(x, inplace=True),
    "rrelu": lambda t, x: t.F.rrelu(x, 2, 1),
    "dropout": lambda t, x: t.F.dropout(x, 2),
    "dropout2d": lambda t, x: t.F.dropout2d(x, -1),
    "Dropout": lambda t, x: t.nn.Dropout(1.5),
    "dropout int": lambda t, x: t.F.dropout(x.long()),
    "Softmax2d": lambda t, x: t.nn.Softmax2d()(x),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    compare(torch, ERRORS[name], some(3, 3, dtype="float32"))


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("name", ["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"])
def test_dropout_drops_what_pytorch_drops(name, p):
    rank = {"dropout1d": 3, "dropout2d": 4, "dropout3d": 5}.get(name, 3)

    def call(t, x):
        t.torch.manual_seed(3)
        return getattr(t.F, name)(x, p, training=True)

    compare(torch, call, some(2, 5, 3, 4, 2)[(...,) + (0,) * (5 - rank)], rtol=1e-7)
    compare(torch, call, some(2, 5, 3, 4, 2)[(...,) + (0,) * (5 - rank)], dtype="float32", rtol=1e-6)


def test_dropout_in_place_and_in_evaluation():
    def call(t, x):
        t.torch.manual_seed(3)
        y = x * 1
        return t.F.dropout(y, 0.5, inplace=True), y

    compare(torch, call, some(5, 5))
    compare(torch, lambda t, x: t.nn.Dropout().eval()(x) * 1, some(5, 5))


REPRS = [
    "ReLU()", "ReLU(True)", "ReLU6()", "LeakyReLU(.2, True)", "ELU()", "SELU()", "CELU(2.0)", "GELU()", "GELU('tanh')",
    "SiLU()", "SiLU(inplace=True)", "Mish()", "Hardswish()", "Hardswish(True)", "Hardsigmoid()", "Hardtanh()",
    "Softplus()", "Softsign()", "LogSigmoid()", "Sigmoid()", "Tanh()", "PReLU()", "PReLU(3)", "RReLU()",
    "Threshold(1, 2)", "GLU()", "Tanhshrink()", "Softshrink()", "Hardshrink(1)", "Softmax(1)", "Softmax()",
    "LogSoftmax(1)", "Softmin(1)", "Softmax2d()",
    "Dropout()", "Dropout1d()", "Dropout2d(.2, True)", "Dropout3d()", "AlphaDropout()",
    "Identity(3, a=4)", "Flatten()", "Unflatten(1, (2, 3))", "Linear(2, 3)", "Linear(2, 3, bias=False)",
    "PixelShuffle(2)", "PixelUnshuffle(2)", "Embedding(3, 4)", "Embedding(3, 4, padding_idx=0, max_norm=1)",
    "Unfold(2)", "Fold((3, 3), 2)",
    "Upsample(scale_factor=2)", "Upsample((3, 4), mode='bilinear')", "UpsamplingNearest2d(scale_factor=2)",
    "UpsamplingBilinear2d(size=3)", "ZeroPad2d(1)", "ConstantPad2d(1, 2.)", "ReflectionPad2d((1, 2, 3, 4))",
    "CircularPad2d(1)", "ReplicationPad2d(1)", "CosineSimilarity()", "PairwiseDistance()",
]  # fmt: skip


@pytest.mark.parametrize("source", REPRS)
def test_repr_and_constants(source):
    theirs, ours = (eval(f"nn.{source}", {"nn": each.nn}) for each in libraries(torch))
    assert repr(ours) == repr(theirs)
    assert getattr(ours, "__constants__", None) == getattr(theirs, "__constants__", None)
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("source", [each for each in REPRS[:34] if "PReLU(3" not in each])
def test_layers_compute_what_pytorch_computes(source):
    def call(t, x):
        layer = eval(f"nn.{source}", {"nn": t.nn}).eval().double()
        return layer(x * 1)

    rank4 = some(2, 4, 3, 3)
    compare(torch, call, rank4)


@pytest.mark.parametrize("source", ["Linear(5, 7)", "Linear(5, 7, bias=False)", "Embedding(6, 4)", "PReLU()"])
def test_the_same_seed_gives_the_same_parameters(source):
    states = []
    for each in libraries(torch):
        each.torch.manual_seed(11)
        states.append(eval(f"nn.{source}", {"nn": each.nn}).state_dict())
    for name, theirs in states[0].items():
        np.testing.assert_allclose(states[1][name].numpy(), theirs.numpy(), rtol=1e-6, atol=1e-7)


def test_linear_errors_and_gradients():
    compare(torch, lambda t, x, w, b: t.F.linear(x, w, b), some(3, 4), some(5, 4), some(5), double=True)
    compare(torch, lambda t, x, w, b: t.F.linear(x, w, b), some(2, 3, 4), some(5, 4), some(5), double=True)
    compare(torch, lambda t, x, w: t.F.linear(x, w), some(3, 4), some(5, 3))


RESAMPLING = [
    lambda t, x: t.F.interpolate(x, scale_factor=2),
    lambda t, x: t.F.interpolate(x, size=(3, 9)),
    lambda t, x: t.F.interpolate(x, scale_factor=(0.5, 1.7)),
    lambda t, x: t.F.interpolate(x, scale_factor=1.5, mode="nearest-exact"),
    lambda t, x: t.F.interpolate(x, scale_factor=2, mode="bilinear"),
    lambda t, x: t.F.interpolate(x, size=(3, 9), mode="bilinear", align_corners=True),
    lambda t, x: t.F.interpolate(x, scale_factor=0.6, mode="bilinear", align_corners=False),
    lambda t, x: t.F.interpolate(x, size=(3, 9), mode="bicubic"),
    lambda t, x: t.F.interpolate(x, scale_factor=(1.7, 0.6), mode="bicubic", align_corners=True),
    lambda t, x: t.F.interpolate(x, scale_factor=2.5, mode="bicubic", align_corners=False),
    lambda t, x: t.F.interpolate(x, size=(3, 9), mode="area"),
    lambda t, x: t.F.interpolate((x.detach() * 99).abs().byte(), size=(3, 9), mode="nearest"),
    lambda t, x: t.F.interpolate(x, size=3, scale_factor=2),
    lambda t, x: t.F.interpolate(x),
    lambda t, x: t.F.interpolate(x, scale_factor=2, align_corners=True),
    lambda t, x: t.F.pixel_shuffle(x, 2),
    lambda t, x: t.F.unfold(x, 2),
    lambda t, x: t.F.unfold(x, (2, 3), dilation=2, padding=1, stride=(1, 2)),
    lambda t, x: t.F.unfold(x[0], 3),
    lambda t, x: t.F.unfold(x, 9),
    lambda t, x: t.F.fold(t.F.unfold(x, 2), (5, 6), 2),
    lambda t, x: t.F.fold(t.F.unfold(x, 2), (5, 7), 2),
    lambda t, x: t.F.normalize(x),
    lambda t, x: t.F.normalize(x, 1, -1),
    lambda t, x: t.F.cosine_similarity(x, x.flip(0), dim=1),
    lambda t, x: t.F.pairwise_distance(x, x.flip(0)),
]


@pytest.mark.parametrize("number", range(len(RESAMPLING)))
def test_resampling_and_shuffling(number):
    call = RESAMPLING[number]
    composite = {"pixel_shuffle", "cosine_similarity", "normalize", "pairwise_distance"} & set(call.__code__.co_names)
    compare(torch, call, some(2, 4, 5, 6), double=True, nodes=not composite)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 9), (13, 7)])
def test_bytes_resampled_are_at_most_one_off(mode, size):
    image = (np.abs(some(2, 3, 6, 8)) * 90).clip(0, 255).astype("uint8")
    theirs, ours = (t.F.interpolate(t.torch.tensor(image), size, mode=mode).numpy() for t in libraries(torch))
    difference = np.abs(ours.astype(int) - theirs)  # PyTorch computes with 16-bit weights
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.1


def test_backends_have_pytorchs_switches():
    assert convlet.backends.cudnn.enabled is True
    with convlet.backends.cudnn.flags(enabled=False, benchmark=True):
        assert convlet.backends.cudnn.benchmark is True
        assert convlet.backends.cudnn.enabled is False
    for name in ("enabled", "benchmark", "deterministic", "allow_tf32", "fp32_precision"):
        assert getattr(convlet.backends.cudnn, name) == getattr(torch.backends.cudnn, name)
    with convlet.backends.mkldnn.flags(enabled=False):
        assert convlet.backends.mkldnn.enabled is False
    assert convlet.backends.mkldnn.enabled is True
