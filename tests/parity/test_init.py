"""Initialisation draws the numbers PyTorch draws, in its order, and leaves the stream where PyTorch leaves it."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import convlet  # noqa: E402

pytestmark = pytest.mark.parity

EXACT = {
    "uniform": lambda i, w: i.uniform_(w, -0.3, 0.7),
    "xavier_uniform": lambda i, w: i.xavier_uniform_(w, 1.4),
    "kaiming_uniform": lambda i, w: i.kaiming_uniform_(w, a=5**0.5),
    "kaiming_uniform fan_out": lambda i, w: i.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu"),
    "constant": lambda i, w: i.constant_(w, 0.3),
    "ones": lambda i, w: i.ones_(w),
    "zeros": lambda i, w: i.zeros_(w),
}
CLOSE = {  # normal numbers agree to a few ulps
    "normal": lambda i, w: i.normal_(w, 0.5, 2.0),
    "xavier_normal": lambda i, w: i.xavier_normal_(w),
    "kaiming_normal": lambda i, w: i.kaiming_normal_(w, mode="fan_out"),
    "trunc_normal": lambda i, w: i.trunc_normal_(w, 0.1, 0.8, -1.0, 1.5),
    "trunc_normal in the tail": lambda i, w: i.trunc_normal_(w, 0.0, 1.0, 1.0, 3.0),
    "orthogonal": lambda i, w: i.orthogonal_(w, 1.5),
}
SHAPES = [(4, 3), (3, 17), (8, 4, 3, 3), (2, 3, 5), (1, 1, 1, 1)]


def run(case, module, shape, dtype, layout):
    module.manual_seed(3)
    w = module.nn.Parameter(module.zeros(shape, dtype=getattr(module, dtype)))
    if layout == "channels_last":
        w = module.nn.Parameter(w.detach().to(memory_format=module.channels_last))
    assert case(module.nn.init, w) is w
    return w.detach().numpy(), module.rand(3).numpy()


def compare(case, shape, dtype="float32", layout="contiguous", exact=True):
    (ours, our_next), (reference, reference_next) = (run(case, m, shape, dtype, layout) for m in (convlet, torch))
    if exact:
        np.testing.assert_array_equal(ours, reference)
    else:
        rtol = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(ours, reference, rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(our_next, reference_next)  # the same part of the stream was used up


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_same_bits(name, dtype, shape):
    compare(EXACT[name], shape, dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CLOSE)
def test_same_numbers(name, dtype, shape):
    compare(CLOSE[name], shape, dtype, exact=False)


@pytest.mark.parametrize("name", ["uniform", "kaiming_uniform", "constant"])
def test_same_bits_in_channels_last(name):
    compare(EXACT[name], (4, 3, 5, 2), layout="channels_last")


@pytest.mark.parametrize("name", ["normal", "trunc_normal", "trunc_normal in the tail"])
def test_same_numbers_in_channels_last(name):
    compare(CLOSE[name], (4, 3, 5, 2), layout="channels_last", exact=False)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 2)], ids=str)
def test_eye_and_sparse(shape):
    compare(lambda i, w: i.eye_(w), shape)
    compare(lambda i, w: i.sparse_(w, 0.4, 0.5), shape, exact=False)


@pytest.mark.parametrize("shape", [(4, 4, 3), (6, 3, 3, 4), (3, 6, 2, 2), (4, 2, 3, 3, 3)], ids=str)
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_dirac(shape, groups):
    if shape[0] % groups == 0:
        compare(lambda i, w: i.dirac_(w, groups), shape)


@pytest.mark.parametrize("name", ["uniform_", "normal_", "kaiming_uniform_", "trunc_normal_", "orthogonal_"])
def test_generators(name):
    results = []
    for module in (convlet, torch):
        generator = module.Generator().manual_seed(11)
        w = module.zeros(4, 5)
        getattr(module.nn.init, name)(w, generator=generator)
        results.append(w.numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [("linear",), ("conv2d",), ("sigmoid",), ("tanh",), ("relu",), ("leaky_relu",), ("leaky_relu", 0.3), ("selu",)],
)
def test_gains(arguments):
    assert convlet.nn.init.calculate_gain(*arguments) == torch.nn.init.calculate_gain(*arguments)


BAD = {
    "gain": lambda m: m.nn.init.calculate_gain("foo"),
    "slope": lambda m: m.nn.init.calculate_gain("leaky_relu", "x"),
    "slope bool": lambda m: m.nn.init.calculate_gain("leaky_relu", True),
    "fan": lambda m: m.nn.init.xavier_uniform_(m.zeros(3)),
    "fan kaiming": lambda m: m.nn.init.kaiming_normal_(m.zeros(3)),
    "mode": lambda m: m.nn.init.kaiming_uniform_(m.zeros(3, 3), mode="Fan"),
    "eye": lambda m: m.nn.init.eye_(m.zeros(3)),
    "dirac": lambda m: m.nn.init.dirac_(m.zeros(3, 3)),
    "dirac groups": lambda m: m.nn.init.dirac_(m.zeros(3, 3, 3), 2),
    "orthogonal": lambda m: m.nn.init.orthogonal_(m.zeros(3)),
    "sparse": lambda m: m.nn.init.sparse_(m.zeros(3), 0.1),
    "std": lambda m: m.nn.init.normal_(m.zeros(3), std=-1.0),
    "bounds": lambda m: m.nn.init.uniform_(m.zeros(3), 1.0, 0.0),
}


@pytest.mark.parametrize("name", BAD)
def test_errors(name):
    with pytest.raises(Exception) as reference:  # noqa: PT011
        BAD[name](torch)
    with pytest.raises(reference.type) as ours:
        BAD[name](convlet)
    assert str(ours.value).startswith(str(reference.value))


WARN = {
    "empty": lambda m: m.nn.init.kaiming_uniform_(m.zeros(0, 3)),
    "empty normal": lambda m: m.nn.init.kaiming_normal_(m.zeros(3, 0)),
    "far": lambda m: m.nn.init.trunc_normal_(m.zeros(3), mean=5.0),
    **{
        name: lambda m, name=name: getattr(m.nn.init, name)(m.zeros(4, 4, 3), *([0.5] if name == "constant" else []))
        for name in ("uniform", "normal", "constant", "dirac", "xavier_uniform", "xavier_normal", "kaiming_uniform",
                     "kaiming_normal", "orthogonal")
    },
    "eye": lambda m: m.nn.init.eye(m.zeros(2, 2)),
    "sparse": lambda m: m.nn.init.sparse(m.zeros(2, 2), 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", WARN)
def test_warnings(name):
    said = []
    for module in (convlet, torch):
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            WARN[name](module)
        said.append([(each.category, str(each.message)) for each in record])
        assert len(record) == 1
        assert record[0].filename == __file__ or module is torch
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "name", ["uniform_", "normal_", "ones_", "zeros_", "eye_", "kaiming_uniform_", "orthogonal_", "trunc_normal_"]
)
def test_nothing_happens_on_meta(name):
    convlet.manual_seed(0)
    before = convlet.get_rng_state()
    w = convlet.empty(3, 3, device="meta")
    assert getattr(convlet.nn.init, name)(w) is w
    assert (convlet.get_rng_state() == before).all()
