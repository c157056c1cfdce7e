"""Reductions, scans, sorting and softmax: gradients by finite differences, accuracy, bits, results with names."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest

import convlet as torch
from convlet.autograd import gradcheck, gradgradcheck

random = np.random.default_rng(0)

CALLS = {
    "sum": lambda x: x.sum(),
    "sum_dim": lambda x: x.sum(1, keepdim=True) * x.sum((0, 2), keepdim=True),
    "mean": lambda x: x.mean() * x.mean(0),
    "var": lambda x: x.var() * x.var(1, unbiased=False),
    "std": lambda x: x.std() * x.std((0, 1), keepdim=True),
    "norm": lambda x: x.norm() * x.norm(2, 1),
    "norm_1": lambda x: x.norm(1, 1) * x.norm(),
    "norm_3": lambda x: x.norm(3, (0, 1)) * x.norm(),
    "norm_1.5": lambda x: x.norm(1.5),
    "norm_inf": lambda x: x.norm(math.inf, 1) * x.norm(-math.inf) * x.norm(),
    "prod": lambda x: x.prod() * x.prod(1),
    "logsumexp": lambda x: x.logsumexp(1) * x.logsumexp((0, 1, 2)),
    "cumsum": lambda x: x.cumsum(1) * x,
    "cumprod": lambda x: x.cumprod(1),
    "diff": lambda x: x.diff(dim=1, prepend=x[:, :1]) * x,
}
REAL_CALLS = {
    "nansum": lambda x: torch.where(x > 1, math.nan, x).nansum(1) * x.sum(),
    "nanmean": lambda x: torch.nanmean(torch.where(x > 1, math.nan, x)) * x,
    "var_mean": lambda x: torch.var_mean(x, 1),
    "std_mean": lambda x: torch.std_mean(x, (0, 2)),
    "dist": lambda x: torch.dist(x, x * x),
    "max": lambda x: x.max() * x.max(1, True).values * x.max(0, keepdim=True)[0],
    "min": lambda x: x.min() * x.min(-1).values.sum() * x,
    "amax": lambda x: x.amax() * x.amax((0, 1)) * x.amin(1, keepdim=True),
    "aminmax": lambda x: torch.aminmax(x, dim=1).min * torch.aminmax(x).max * x.sum(),
    "cummax": lambda x: x.cummax(1).values * x.cummin(0).values,
    "logcumsumexp": lambda x: x.logcumsumexp(1) * x,
    "softmax": lambda x: x.softmax(1) * x,
    "log_softmax": lambda x: x.log_softmax(-1) * x,
    "sort": lambda x: x.sort(1).values * x.sort(0, descending=True)[0],
    "topk": lambda x: x.topk(2, 1).values * x.topk(1, 1, largest=False).values,
    "median": lambda x: x.median() * x.median(1).values.sum() * x,
    "nanmedian": lambda x: x.nanmedian() * x.nanmedian(1)[0].sum() * x,
    "kthvalue": lambda x: x.kthvalue(2, 1).values * x.sum(),
    "mode": lambda x: x.mode(1).values * x.sum(),
    "quantile": lambda x: x.quantile(0.3) * x.quantile(torch.tensor([0.2, 0.7], dtype=torch.float64), 1).sum() * x,
    "nanquantile": lambda x: x.nanquantile(0.3, 1, interpolation="midpoint") * x.sum(),
}


def distinct(*shape):
    return torch.tensor((random.permutation(np.prod(shape)).reshape(shape) + 1) * 0.21 - 2.03, requires_grad=True)


@pytest.mark.parametrize("name", [*CALLS, *REAL_CALLS])
def test_gradients(name):
    function = CALLS.get(name) or REAL_CALLS[name]
    x = distinct(2, 3, 2)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


@pytest.mark.parametrize("name", CALLS)
def test_complex_gradients(name):
    values = random.uniform(0.3, 1.5, (2, 2, 2)) + 1j * random.uniform(0.3, 1.5, (2, 2, 2))
    x = torch.tensor(values, requires_grad=True)
    assert gradcheck(CALLS[name], x)
    if name != "norm_inf":  # the largest magnitude moves between elements too close to each other
        assert gradgradcheck(CALLS[name], x)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "var", "prod", "max", "softmax", "cumsum", "norm", "logsumexp", "median"]
)
def test_gradients_of_zero_dimensional_tensors(name):
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    calls = {
        "sum": lambda x: x.sum(0) * x, "mean": lambda x: x.mean() * x, "var": lambda x: x.var(correction=0) * x,
        "prod": lambda x: x.prod(0) * x, "max": lambda x: x.max(0).values * x, "softmax": lambda x: x.softmax(0) * x,
        "cumsum": lambda x: x.cumsum(0) * x, "norm": lambda x: x.norm() * x, "logsumexp": lambda x: x.logsumexp(0) * x,
        "median": lambda x: x.median() * x.median(0).values,
    }  # fmt: skip
    assert gradcheck(calls[name], x)
    assert gradgradcheck(calls[name], x)


@pytest.mark.parametrize("zeros", [[1], [0, 2], [0, 1, 2, 3]])
def test_products_with_zeros(zeros):
    values = random.uniform(0.5, 1.5, (2, 4))
    values[:, zeros] = 0
    x = torch.tensor(values, requires_grad=True)
    for function in (lambda x: x.prod(1), lambda x: x[0].prod(), lambda x: x.cumprod(1), lambda x: x.prod()):
        assert gradcheck(function, x)
        assert gradgradcheck(function, x)


def test_ties_share_the_gradient_of_a_maximum():
    x = torch.tensor([[1.0, 3.0, 3.0]], requires_grad=True)
    x.max().backward()
    assert x.grad.tolist() == [[0.0, 0.5, 0.5]]
    x.grad = None
    x.max(1).values.backward()
    assert x.grad.tolist() == [[0.0, 1.0, 0.0]]
    x.grad = None
    x.amax(1).backward()
    assert x.grad.tolist() == [[0.0, 0.5, 0.5]]


# Accuracy and bits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "dim"),
    [((200000,), 0), ((100000, 4), 0), ((8, 4, 40, 40), (0, 2, 3)), ((3000, 2, 3), (0, 2)), ((300, 300, 3), (0, 1))],
)
@pytest.mark.parametrize("layout", ["dense", "reversed axes", "strided"])
def test_sums_in_float32_are_accurate(shape, dim, layout):
    values = random.uniform(0, 1, (*shape[:-1], 2 * shape[-1])).astype(np.float32)
    values = values[..., ::2]
    if layout == "dense":
        values = np.ascontiguousarray(values)
    if layout == "reversed axes":
        values = np.asfortranarray(values)
    x = torch.from_numpy(values)
    exact = values.astype(np.float64).sum(dim)
    for seen in (x.sum(dim).numpy(), x.mean(dim).numpy() * (values.size / exact.size)):
        assert np.max(np.abs(seen - exact) / exact) < 1e-6
    assert np.allclose(x.var(dim).numpy(), values.astype(np.float64).var(dim, ddof=1), rtol=1e-6)


@pytest.mark.parametrize("dim", [(1,), (2,), (1, 2), (1, 2, 3), (2, 3)])
def test_an_image_has_the_same_sums_in_every_batch(dim):
    values = random.standard_normal((5, 3, 37, 11)).astype(np.float32)
    for layout in (values, values.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)):
        whole = torch.from_numpy(layout)
        for function in (
            lambda x: x.sum(dim), lambda x: x.mean(dim), lambda x: x.var(dim), lambda x: x.logsumexp(dim),
            lambda x: x.norm(2, dim), lambda x: x.softmax(dim[0]), lambda x: x.log_softmax(dim[-1]),
        ):  # fmt: skip
            together = function(whole).numpy()
            for index in range(5):
                alone = function(whole[index : index + 1]).numpy()
                assert np.array_equal(alone[0], together[index])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    x = torch.full((4096,), 0.1).to(dtype)
    expected = (x.float().sum()).to(dtype).item()
    assert x.sum().item() == expected
    assert x.mean().dtype is dtype
    assert x.cumsum(0)[-1].item() == pytest.approx(expected, rel=1e-2)


def test_integers_are_summed_in_int64():
    x = torch.full((1000,), 100, dtype=torch.int8)
    assert x.sum().item() == 100_000
    assert x.sum().dtype is torch.int64
    assert x.sum(dtype=torch.float32).dtype is torch.float32
    assert torch.ones(3, dtype=torch.bool).cumsum(0).tolist() == [1, 2, 3]


def test_softmax_does_not_overflow():
    x = torch.tensor([[1e4, 1e4, -1e4]])
    assert x.softmax(1).tolist() == [[0.5, 0.5, 0.0]]
    assert np.allclose(x.log_softmax(1).numpy()[0, :2], -math.log(2))
    assert torch.softmax(torch.ones(2, 0), 1).shape == (2, 0)
    assert torch.tensor([-math.inf, -math.inf]).logsumexp(0).item() == -math.inf


# Results with names -----------------------------------------------------------------------------------------------


def test_named_results():
    result = torch.tensor([[1.0, 2.0], [4.0, 3.0]]).max(1)
    values, indices = result
    assert values is result.values is result[0]
    assert indices is result.indices is result[1]
    assert repr(result) == "torch.return_types.max(\nvalues=tensor([2., 4.]),\nindices=tensor([1, 0]))"
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result)
    assert again.values.tolist() == [2.0, 4.0]
    assert copy.deepcopy(result).indices.tolist() == [1, 0]


def test_indices_have_no_gradient():
    x = torch.ones(3, requires_grad=True)
    for result in (x.max(0), x.sort(), x.topk(1), x.median(0), x.cummax(0), x.mode()):
        assert result[0].requires_grad
        assert not result[1].requires_grad
        assert result[1].dtype is torch.int64


def test_sorting_keeps_the_order_of_equal_elements():
    x = torch.tensor([2.0, 1.0, 2.0, math.nan, 1.0])
    assert x.sort().indices.tolist() == [1, 4, 0, 2, 3]
    assert x.sort(descending=True).indices.tolist() == [3, 0, 2, 1, 4]
    assert x.argsort().tolist() == [1, 4, 0, 2, 3]


def test_degrees_of_freedom_warn():
    with pytest.warns(UserWarning, match=r"var\(\): degrees of freedom is <= 0"):
        assert math.isnan(torch.ones(1).var().item())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.ones(1).var(correction=0).item() == 0


def test_numpy_names_of_arguments():
    x = torch.ones(2, 3)
    assert x.sum(axis=1, keepdims=True).shape == (2, 1)
    assert x.softmax(axis=0).shape == (2, 3)
    with pytest.raises(TypeError):
        x.sum(nothing=1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: torch.ones(2, 2).sum(2),
            IndexError,
            "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        ),
        (lambda: torch.ones(2, 2).sum((0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
        (
            lambda: torch.tensor([1]).mean(),
            RuntimeError,
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            "Long",
        ),
        (
            lambda: torch.ones(0).max(),
            RuntimeError,
            "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
            "'dim' argument.",
        ),
        (lambda: torch.ones(0, 3).max(0), IndexError, "max(): Expected reduction dim 0 to have non-zero size."),
        (lambda: torch.ones(3).topk(4), RuntimeError, "selected index k out of range"),
        (
            lambda: torch.tensor([1]).softmax(0),
            NotImplementedError,
            "\"softmax_lastdim_kernel_impl\" not implemented for 'Long'",
        ),
        (lambda: torch.tensor([1j]).argmax(), RuntimeError, "argmax(): does not support complex input"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert type(raised.value) is error
    assert str(raised.value) == message
