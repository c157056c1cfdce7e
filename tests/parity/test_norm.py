"""Normalisation and its layers beside PyTorch's: values, both gradients, statistics, dtypes, errors, reprs."""

from __future__ import annotations

import numpy as np
import pytest

from .side_by_side import compare, libraries, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity

SHAPES = [(4, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 3, 2)]


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm(shape, training, affine):
    def call(t, x, w, b):
        mean, var = t.torch.tensor(some(3, seed=4)), t.torch.tensor(np.exp(some(3, seed=5)))
        result = t.F.batch_norm(x, mean, var, w if affine else None, b if affine else None, training, 0.3, 1e-3)
        return result, mean, var

    compare(torch, call, some(*shape), some(3, seed=1), some(3, seed=2), double=True, rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_instance_norm(shape):
    if len(shape) > 2:
        compare(
            torch,
            lambda t, x, w, b: t.F.instance_norm(x, None, None, w, b),
            some(*shape), some(3, seed=1), some(3, seed=2), double=True, rtol=1e-8,
        )  # fmt: skip

        def running(t, x):
            mean, var = t.torch.tensor(some(3, seed=4)), t.torch.tensor(np.exp(some(3, seed=5)))
            return t.F.instance_norm(x, mean, var), mean, var

        compare(torch, running, some(*shape), rtol=1e-8)


@pytest.mark.parametrize("last", [1, 2])
def test_layer_norm(last):
    shape = (2, 3, 4, 5)
    weight = some(*shape[-last:], seed=1)
    call = lambda t, x, w, b: t.F.layer_norm(x, shape[-last:], w, b)  # noqa: E731
    compare(torch, call, some(*shape), weight, weight + 1, double=True, rtol=1e-8)
    compare(torch, lambda t, x: t.F.layer_norm(x, shape[-last:]), some(*shape), double=True, rtol=1e-8)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 3, 5)], ids=str)
def test_group_norm(shape, groups):
    if shape == (3, 4) and groups == 4:
        pytest.skip("one value per group and channel")
    call = lambda t, x, w, b: t.F.group_norm(x, groups, w, b)  # noqa: E731
    compare(torch, call, some(*shape), some(4, seed=1), some(4, seed=2), double=True, rtol=1e-8)
    compare(torch, lambda t, x: t.F.group_norm(x, groups), some(*shape), double=True, rtol=1e-8)


def test_rms_and_local_response_norm():
    call = lambda t, x, w: t.F.rms_norm(x, (5,), w)  # noqa: E731
    compare(torch, call, some(2, 3, 5), some(5, seed=1), double=True, rtol=1e-8)
    for size in (1, 2, 3):
        call = lambda t, x, size=size: t.F.local_response_norm(x, size)  # noqa: E731
        compare(torch, call, some(2, 5, 3, 4), double=True, nodes=False)


CALLS = {
    "batch_norm": lambda t, x, w, b: t.F.batch_norm(x, None, None, w, b, True),
    "batch_norm eval": lambda t, x, w, b: t.F.batch_norm(x, w.detach(), b.detach() ** 2 + 1, w, b),
    "layer_norm": lambda t, x, w, b: t.F.layer_norm(x, (5,), t.torch.cat([w, w[:2]]), None),
    "group_norm": lambda t, x, w, b: t.F.group_norm(x, 3, w, b),
    "instance_norm": lambda t, x, w, b: t.F.instance_norm(x, weight=w, bias=b),
}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", CALLS)
def test_dtypes(name, dtype):
    rtol = {"float32": 5e-6, "float16": 4e-3, "bfloat16": 4e-2}[dtype]
    compare(torch, CALLS[name], some(4, 3, 4, 5), some(3, seed=1), some(3, seed=2), dtype=dtype, rtol=rtol)


ERRORS = {
    "G running_mean size": "F.batch_norm(x, z(3), o(4))",
    "running_var size": "F.batch_norm(x, z(4), o(3))",
    "weight size": "F.batch_norm(x, z(4), o(4), o(3))",
    "bias size": "F.batch_norm(x, z(4), o(4), o(4), o(3))",
    "no mean": "F.batch_norm(x, None, None)",
    "no variance": "F.batch_norm(x, z(4), None)",
    "one of two": "F.batch_norm(x, None, o(4), training=True)",
    "one value": "F.batch_norm(torch.zeros(1, 4, 1, 1), None, None, training=True)",
    "one value 2d": "F.batch_norm(torch.zeros(1, 4), None, None, training=True)",
    "rank 1": "F.batch_norm(torch.zeros(4), z(4), o(4))",
    "weight dtype": "F.batch_norm(x, z(4), o(4), o(4).double())",
    "input dtype": "F.batch_norm(x.double(), z(4), o(4))",
    "mean requires grad": "F.batch_norm(x, z(4).requires_grad_(), o(4), training=True)",
    "eps": "F.batch_norm(x, None, None, training=True, eps=-1)",
    "None": "F.batch_norm(None, None, None)",
    "long": "F.batch_norm(x.long(), None, None, training=True)",
    "BatchNorm2d rank": "nn.BatchNorm2d(4)(x[0])",
    "BatchNorm1d rank": "nn.BatchNorm1d(4)(x)",
    "BatchNorm1d rank 1": "nn.BatchNorm1d(4)(x[0, 0, 0])",
    "BatchNorm3d rank": "nn.BatchNorm3d(4)(x)",
    "BatchNorm2d channels": "nn.BatchNorm2d(3)(x)",
    "BatchNorm2d one value": "nn.BatchNorm2d(4)(torch.zeros(1, 4, 1, 1))",
    "InstanceNorm2d rank": "nn.InstanceNorm2d(4)(x[0, 0])",
    "InstanceNorm2d channels": "nn.InstanceNorm2d(3)(x)",
    "InstanceNorm2d affine": "nn.InstanceNorm2d(3, affine=True)(x)",
    "InstanceNorm2d unbatched": "nn.InstanceNorm2d(4)(x[0])",
    "instance one value": "F.instance_norm(torch.zeros(2, 4, 1, 1))",
    "instance statistics": "F.instance_norm(x, None, None, use_input_stats=False)",
    "layer shape": "F.layer_norm(x, (4,))",
    "layer empty": "F.layer_norm(x, ())",
    "layer weight": "F.layer_norm(x, (3,), o(4))",
    "layer bias": "F.layer_norm(x, (3,), o(3), o(4))",
    "layer int": "F.layer_norm(x, 3)",
    "layer dtype": "F.layer_norm(x, (3,), o(3).double())",
    "group channels": "F.group_norm(x, 3)",
    "group weight": "F.group_norm(x, 2, o(3))",
    "group 0": "F.group_norm(x, 0)",
    "group rank": "F.group_norm(x[0, 0, 0], 1)",
    "group one value": "F.group_norm(torch.zeros(1, 4), 4)",
    "GroupNorm": "nn.GroupNorm(3, 4)",
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    def call(t, x):
        scope = {"F": t.F, "nn": t.nn, "torch": t.torch, "x": x.detach(), "z": t.torch.zeros, "o": t.torch.ones}
        return eval(ERRORS[name], scope)

    compare(torch, call, some(2, 4, 3, 3, dtype="float32"), rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.1, None, 0.5])
def test_running_statistics_over_several_batches(momentum):
    def call(t, x):
        layer = t.nn.BatchNorm2d(3, momentum=momentum).double()
        first = layer(x)
        second = layer(x * 2 + 1)
        layer.eval()
        return first, second, layer(x), layer.running_mean, layer.running_var, layer.num_batches_tracked

    compare(torch, call, some(4, 3, 5, 5))


@pytest.mark.parametrize("settings", ["affine=False", "track_running_stats=False", "bias=False", ""])
def test_layer_options(settings):
    def call(t, x):
        layer = eval(f"nn.BatchNorm2d(3, {settings})", {"nn": t.nn}).double()
        trained = layer(x)
        return trained, layer.eval()(x), *layer.state_dict().values()

    compare(torch, call, some(4, 3, 5, 5))


def test_empty_batch():
    compare(torch, lambda t, x: t.F.batch_norm(x, None, None, training=True), some(0, 3, 4, 4), nodes=False)


@pytest.mark.parametrize("call", ["batch_norm(x, None, None, training=True)", "group_norm(x, 3)"])
def test_channels_last_gives_the_same_numbers_and_layout(call):
    def run(t, x):
        y = eval(f"F.{call}", {"F": t.F, "x": x.to(memory_format=t.torch.channels_last)})
        return y

    compare(torch, run, some(4, 6, 5, 5))
    for each in libraries(torch):
        y = run(each, each.torch.tensor(some(4, 6, 5, 5)))
        if call.startswith("batch"):
            assert y.is_contiguous(memory_format=each.torch.channels_last)


def test_a_large_mean_keeps_its_digits():
    values = (1000 + some(8, 4, 32, 32)).astype("float32")
    layer_input = libraries(torch)[1].torch.tensor(values)
    ours = libraries(torch)[1].F.batch_norm(layer_input, None, None, training=True).numpy()
    exact = values.astype("float64")
    exact = exact - exact.mean((0, 2, 3), keepdims=True)
    exact /= np.sqrt((exact**2).mean((0, 2, 3), keepdims=True) + 1e-5)
    assert np.abs(ours - exact).max() < 2e-4  # float32 holds the mean itself to 6e-5


REPRS = [
    "BatchNorm2d(3)", "BatchNorm1d(3, affine=False)", "BatchNorm2d(3, momentum=None, track_running_stats=False)",
    "BatchNorm2d(3, bias=False)", "BatchNorm3d(3)", "LayerNorm(3)", "LayerNorm((3, 4), elementwise_affine=False)",
    "LayerNorm(3, bias=False)", "GroupNorm(2, 4)", "GroupNorm(2, 4, affine=False)", "InstanceNorm1d(3)",
    "InstanceNorm2d(3)", "InstanceNorm2d(3, affine=True, track_running_stats=True)", "InstanceNorm3d(3)",
    "LocalResponseNorm(2)", "RMSNorm(3)", "RMSNorm(3, eps=1e-3, elementwise_affine=False)",
]  # fmt: skip


@pytest.mark.parametrize("source", REPRS)
def test_repr_and_state(source):
    theirs, ours = (eval(f"nn.{source}", {"nn": each.nn}) for each in libraries(torch))
    assert repr(ours) == repr(theirs)
    assert ours.__constants__ == theirs.__constants__
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, each in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name].numpy(), each.numpy())


def test_a_state_without_the_count_of_batches_loads():
    for each in libraries(torch):
        layer = each.nn.BatchNorm2d(3)
        state = {name: value for name, value in layer.state_dict().items() if name != "num_batches_tracked"}
        assert str(each.nn.BatchNorm2d(3).load_state_dict(state)) == "<All keys matched successfully>"
