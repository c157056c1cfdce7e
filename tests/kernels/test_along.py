"""The compiled kernels along an axis (softmax, layer norm, sums) beside float64, through their operations."""

import numpy as np
import pytest

pytest.importorskip("numba")

import convlet as torch
from convlet.kernels import large, layer_norm, softmax, totals
from convlet.runtime import threads
from tests.kernels.test_large import channels_last, guarded, results, some

F = torch.nn.functional
SHAPES = [(2, 1000), (2, 37, 9, 11), (3, 130, 4, 5), (2, 8, 33, 31), (1, 5, 200), (2, 3, 2, 700)]


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    """Kernels take everything."""
    monkeypatch.setattr(large, "IMAGE", 1)
    monkeypatch.setattr(large, "IMAGES", {})


def exact(x, axis, function):
    """The softmax or its logarithm, and its gradient, in float64."""
    x = x.astype(np.float64)
    g = some(*x.shape, seed=9).astype(np.float64)
    shifted = x - x.max(axis, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))
    shares = np.exp(logarithms)
    if function is F.softmax:
        return shares, shares * (g - (g * shares).sum(axis, keepdims=True))
    return logarithms, g - shares * g.sum(axis, keepdims=True)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_softmax(function, shape, last):
    x = some(*shape)
    if last:
        x = channels_last(x) if x.ndim == 4 else pytest.skip("four axes only")
    for axis in range(1, len(shape)):
        for result, expected in zip(results(x, function=lambda x: function(x, axis)), exact(x, axis, function)):  # noqa: B023
            np.testing.assert_allclose(result, expected, rtol=4e-6, atol=1e-5)
    together = function(torch.from_numpy(x), 1).numpy()
    for i in range(len(x)):
        assert function(torch.from_numpy(x[i : i + 1]), 1).numpy().tobytes() == together[i : i + 1].tobytes()


@pytest.mark.parametrize("axis", [1, 2])
def test_softmax_of_infinity_and_nan(axis):
    x = some(1, 40, 40)
    x[0, 3, 5], x[0, 7, 9], x[0, 30, 20] = np.inf, np.nan, -np.inf
    x[0, :, 11] = x[0, 12, :] = -np.inf
    for function in (F.softmax, F.log_softmax):
        found = function(torch.from_numpy(x), axis).numpy()
        with np.errstate(all="ignore"):
            expected, _ = exact(x, axis, function)
        np.testing.assert_allclose(found, expected, rtol=4e-6, atol=1e-5)


@pytest.mark.parametrize("affine", [2, 1, 0])
@pytest.mark.parametrize("normalized", [(96,), (5, 96), (7, 5, 96)], ids=str)
def test_layer_norm(normalized, affine):
    shape = (300, 96) if len(normalized) == 1 else (3, 7, 5, 96)
    x = some(*shape) + 100
    arrays = [x, some(*normalized, seed=1), some(*normalized, seed=2)][: affine + 1]

    def function(x, *affine):
        return F.layer_norm(x, normalized, *affine)

    found = results(*arrays, function=function)
    for result, expected in zip(found, results(*[each.astype(np.float64) for each in arrays], function=function)):
        np.testing.assert_allclose(result, expected, rtol=2e-5, atol=1e-5 * np.abs(expected).max())
    with torch.no_grad():
        one = function(torch.from_numpy(x[1:2]), *map(torch.from_numpy, arrays[1:])).numpy()
    assert one.tobytes() == found[0][1:2].tobytes()


def test_layer_norm_of_a_large_mean_and_of_a_constant():
    x = some(2, 3, 1000)
    x[0, 0] += 1e5
    x[0, 1] = 1e6
    out = F.layer_norm(torch.from_numpy(x), (1000,)).numpy()
    double = x.astype(np.float64)
    expected = (double - double.mean(-1, keepdims=True)) / np.sqrt(double.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, expected, atol=2e-3)
    assert (out[0, 1] == 0).all()


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 40, 50), (3, 70, 5, 7), (2, 4, 300, 256), (1, 1, 1, 1)], ids=str)
def test_sums(shape, last):
    """Exact on integers, whatever the axes; close to the true sum elsewhere; an image the same in any batch."""
    whole = np.random.default_rng(0).integers(-8, 9, shape).astype(np.float32)
    parts = some(*shape) + 1
    if last:
        whole, parts = channels_last(whole), channels_last(parts)
    for axes in [(2, 3), (1,), (3,), (2,), (0, 2, 3), (1, 3), (1, 2, 3), (0,), (0, 1, 2, 3), (0, 1), (0, 2)]:
        for keep in (False, True):
            result = torch.from_numpy(whole).sum(axes, keep).numpy()
            np.testing.assert_array_equal(result, whole.sum(axes, np.float64, keepdims=keep))
        result = torch.from_numpy(parts).mean(axes).numpy()
        np.testing.assert_allclose(result, parts.mean(axes, np.float64), rtol=1e-6, atol=1e-6)
        if 0 not in axes:
            one = torch.from_numpy(parts[1:2]).mean(axes).numpy()
            assert one.tobytes() == result[1:2].tobytes()


def test_the_same_bits_on_any_number_of_threads():
    before, x = threads.get_num_threads(), some(3, 40, 30, 31)
    found = []
    try:
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            found.append(
                results(x, function=lambda x: F.softmax(x, 1))
                + results(channels_last(x), function=lambda x: F.log_softmax(x, 1))
                + results(x, some(30, 31, seed=1), function=lambda x, w: F.layer_norm(x, (30, 31), w))
                + [torch.from_numpy(x).sum(axes).numpy() for axes in [(2, 3), (1,), (0, 2, 3), (0, 1, 2, 3)]]
            )
    finally:
        threads.set_num_threads(before)
    for each in found[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found[0], each))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 1), (2, 130, 1), (2, 7, 33), (1, 3, 64), (2, 70, 130)])
def test_nothing_is_read_or_written_outside(shape):
    outer, count, inner = shape
    x, g = guarded(some(*shape)), guarded(some(*shape, seed=1))
    for name in softmax.FORMULAS:
        out = guarded(np.full(shape, np.nan, np.float32))
        softmax.apply(name, shape, *([x, g, out] if "gradient" in name else [x, out]))
        assert not np.isnan(out).any()
    sums = guarded(np.full((outer, inner), np.nan, np.float32))
    totals.sums(x, shape, sums)
    np.testing.assert_allclose(sums, x.sum(1), rtol=1e-4, atol=1e-4)
    rows, length = x.size // (count * inner), count * inner
    weight, out = guarded(some(length)), guarded(np.full(shape, np.nan, np.float32))
    mean, var = layer_norm.forward(x, weight, weight, length, 1e-5, out)
    assert not np.isnan(out).any()
    out[...] = np.nan
    assert layer_norm.gradient(g, x, weight, mean, var, length, 1e-5, out, True)[0].shape == (length,)
    assert not np.isnan(out).any()
    assert mean.shape == (rows,)
