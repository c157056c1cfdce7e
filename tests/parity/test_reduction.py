"""Reductions, scans, sorting and softmax beside PyTorch: values, dtypes, gradients, node names, errors."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import convlet  # noqa: E402

from .comparing import assert_same, outcome, to_convlet  # noqa: E402

pytestmark = pytest.mark.parity

DTYPES = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128")


def sample(dtype, *shape, seed=0):
    random = np.random.default_rng(seed)
    values = random.uniform(-3, 3, shape)
    if "complex" in dtype:
        values = values + 1j * random.uniform(-2, 2, shape)
    if "int" in dtype:
        values = np.abs(values * 3) if dtype == "uint8" else np.rint(values * 3)
    if dtype == "bool":
        values = values > 0
    return torch.tensor(values).to(getattr(torch, dtype))


CALLS = {
    "sum": lambda t, x: x.sum(),
    "sum_dim": lambda t, x: x.sum(1),
    "sum_dims": lambda t, x: x.sum((0, -1), keepdim=True),
    "sum_none": lambda t, x: t.sum(x, dim=()),
    "sum_dtype": lambda t, x: x.sum(dtype=t.float64),
    "sum_axis": lambda t, x: x.sum(axis=0, keepdims=True),
    "mean": lambda t, x: x.mean(),
    "mean_dim": lambda t, x: x.mean(0),
    "mean_dims": lambda t, x: x.mean((0, 2), True),
    "mean_dtype": lambda t, x: x.mean(dtype=t.float64),
    "nansum": lambda t, x: x.nansum(),
    "nansum_dim": lambda t, x: x.nansum(1),
    "nanmean": lambda t, x: t.nanmean(x, 1),
    "prod": lambda t, x: (x / 2 if x.is_floating_point() else x).prod(),
    "prod_dim": lambda t, x: x.prod(1),
    "prod_keepdim": lambda t, x: x.prod(-1, keepdim=True),
    "var": lambda t, x: x.var(),
    "var_dim": lambda t, x: x.var(1),
    "var_dims": lambda t, x: x.var((0, 2), keepdim=True),
    "var_biased": lambda t, x: x.var(unbiased=False),
    "var_bool": lambda t, x: x.var(False),
    "var_correction": lambda t, x: x.var(1, correction=2),
    "std": lambda t, x: x.std(),
    "std_dim": lambda t, x: x.std(1, True, True),
    "var_mean": lambda t, x: t.var_mean(x, 1),
    "std_mean": lambda t, x: t.std_mean(x, (0, 1), keepdim=True),
    "logsumexp": lambda t, x: x.logsumexp(1),
    "logsumexp_dims": lambda t, x: x.logsumexp((0, 1), keepdim=True),
    "norm": lambda t, x: x.norm(),
    "norm_1": lambda t, x: x.norm(1, 1),
    "norm_0": lambda t, x: x.norm(0, 1),
    "norm_3": lambda t, x: x.norm(3, (0, 1), keepdim=True),
    "norm_half": lambda t, x: x.norm(0.5, 1),
    "norm_1.5": lambda t, x: x.norm(1.5, 1),
    "norm_inf": lambda t, x: x.norm(float("inf"), 1),
    "norm_-inf": lambda t, x: x.norm(float("-inf"), 1),
    "norm_fro": lambda t, x: x.norm("fro", dim=(0, 1)),
    "norm_dtype": lambda t, x: t.norm(x, 2, dtype=t.float64),
    "any": lambda t, x: x.any(),
    "any_dim": lambda t, x: x.any(1),
    "all_dims": lambda t, x: x.all((0, 1), keepdim=True),
    "count_nonzero": lambda t, x: x.count_nonzero(),
    "count_nonzero_dim": lambda t, x: t.count_nonzero(x, dim=1),
    "max": lambda t, x: x.max(),
    "max_dim": lambda t, x: x.max(1),
    "max_keepdim": lambda t, x: t.max(x, -1, keepdim=True),
    "max_axis": lambda t, x: x.max(axis=1),
    "min": lambda t, x: x.min(),
    "min_dim": lambda t, x: x.min(0),
    "amax": lambda t, x: x.amax(),
    "amax_dims": lambda t, x: x.amax((0, 1)),
    "amin": lambda t, x: x.amin(2, True),
    "aminmax": lambda t, x: x.aminmax(),
    "aminmax_dim": lambda t, x: t.aminmax(x, dim=1, keepdim=True),
    "argmax": lambda t, x: x.argmax(),
    "argmax_dim": lambda t, x: x.argmax(1),
    "argmin_keepdim": lambda t, x: x.argmin(-1, keepdim=True),
    "argmax_all_keepdim": lambda t, x: x.argmax(keepdim=True),
    "cumsum": lambda t, x: x.cumsum(1),
    "cumsum_dtype": lambda t, x: x.cumsum(0, dtype=t.float64),
    "cumprod": lambda t, x: x.cumprod(1),
    "cummax": lambda t, x: x.cummax(1),
    "cummin": lambda t, x: x.cummin(-1),
    "logcumsumexp": lambda t, x: x.logcumsumexp(1),
    "diff": lambda t, x: x.diff(),
    "diff_2": lambda t, x: x.diff(n=2, dim=1),
    "diff_around": lambda t, x: x.diff(dim=0, prepend=x[:1], append=x),
    "softmax": lambda t, x: x.softmax(1),
    "softmax_last": lambda t, x: t.softmax(x, -1),
    "softmax_dtype": lambda t, x: x.softmax(0, dtype=t.float64),
    "log_softmax": lambda t, x: x.log_softmax(1),
    "log_softmax_last": lambda t, x: t.log_softmax(x, dim=-1),
    "quantile": lambda t, x: x.quantile(0.3),
    "quantile_dim": lambda t, x: x.quantile(0.3, dim=1, keepdim=True),
    "quantile_tensor": lambda t, x: x.quantile(t.tensor([0.1, 0.5, 1.0], dtype=x.dtype), 1),
    "quantile_lower": lambda t, x: x.quantile(0.3, 1, interpolation="lower"),
    "quantile_higher": lambda t, x: x.quantile(0.3, 1, interpolation="higher"),
    "quantile_midpoint": lambda t, x: x.quantile(0.3, 1, interpolation="midpoint"),
    "quantile_nearest": lambda t, x: x.quantile(0.3, 1, interpolation="nearest"),
    "nanquantile": lambda t, x: x.nanquantile(0.7, 1),
    "dist": lambda t, x: t.dist(x, x + x),
}
# What chooses among elements: of equal ones PyTorch may take another, so these get distinct elements.
CHOICES = {
    "sort": lambda t, x: x.sort(),
    "sort_descending": lambda t, x: t.sort(x, 1, descending=True),
    "sort_stable": lambda t, x: x.sort(dim=0, stable=True),
    "argsort": lambda t, x: x.argsort(1),
    "msort": lambda t, x: t.msort(x),
    "topk": lambda t, x: x.topk(2),
    "topk_smallest": lambda t, x: x.topk(2, 1, largest=False),
    "topk_0": lambda t, x: x.topk(0),
    "median": lambda t, x: x.median(),
    "median_dim": lambda t, x: x.median(1, keepdim=True),
    "nanmedian": lambda t, x: x.nanmedian(),
    "nanmedian_dim": lambda t, x: x.nanmedian(1),
    "kthvalue": lambda t, x: x.kthvalue(2, 1),
    "mode": lambda t, x: x.mode(1),
}
NOT_ALONE = {"nanmean", "dist", "quantile", "nanquantile", "diff"}  # a composition here: other node names


@pytest.mark.parametrize("name", CALLS)
def test_values_of_all_dtypes(name):
    for dtype in DTYPES:
        x = sample(dtype, 2, 5, 3)
        for operand in (x, x.permute(2, 1, 0), x[:, ::2], x[0, 0, 0]):
            expected = outcome(CALLS[name], torch, operand)
            if name == "logcumsumexp" and "complex" in dtype:
                continue  # not supported here
            if isinstance(expected, Exception) and ("Half" in str(expected) or "BFloat16" in str(expected)):
                continue
            if isinstance(expected, IndexError) and not operand.ndim:
                assert isinstance(outcome(CALLS[name], convlet, to_convlet(operand)), (IndexError, RuntimeError))
                continue
            seen = outcome(CALLS[name], convlet, to_convlet(operand))
            loose = "float16" in dtype and name.startswith(("prod", "cumprod", "norm", "logcumsumexp", "std", "var"))
            assert_same(seen, expected, tolerance=5e-2 if loose else None)


@pytest.mark.parametrize("name", CHOICES)
def test_choices_of_all_dtypes(name):
    for dtype in ("uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"):
        x = torch.tensor(np.random.default_rng(1).permutation(60).reshape(3, 5, 4)).to(getattr(torch, dtype))
        for operand in (x, x.permute(2, 1, 0), x[:, ::2]):
            expected = outcome(CHOICES[name], torch, operand)
            assert_same(outcome(CHOICES[name], convlet, to_convlet(operand)), expected)


@pytest.mark.parametrize("name", [*CALLS, *CHOICES])
def test_nodes_and_gradients(name):
    call = CALLS.get(name) or CHOICES[name]
    for dtype in ("float64", "float32", "complex128"):
        if name == "logcumsumexp" and "complex" in dtype:
            continue  # not supported here
        x = sample(dtype, 2, 5, 3).requires_grad_()
        mine = to_convlet(x)
        expected, seen = outcome(call, torch, x), outcome(call, convlet, mine)
        assert_same(seen, expected)
        if isinstance(expected, Exception):
            continue
        if not isinstance(expected, tuple):
            expected, seen = (expected,), (seen,)
        pairs = [(a, b) for a, b in zip(expected, seen) if a.requires_grad]
        if not pairs:
            continue
        if name.split("_")[0] not in NOT_ALONE:
            assert pairs[0][1].grad_fn.name() == pairs[0][0].grad_fn.name()
        weights = [sample(str(a.dtype)[6:], *a.shape, seed=2) for a, _ in pairs]
        torch.autograd.backward([a for a, _ in pairs], weights)
        convlet.autograd.backward([b for _, b in pairs], [to_convlet(w) for w in weights])
        assert_same(mine.grad, x.grad, gradient=True)


SPECIAL = {
    "nan": [3.0, float("nan"), -1.0, float("inf"), 2.0, -float("inf")],
    "ties": [1.0, 3.0, 3.0, 1.0, 2.0, 3.0],
    "inf": [float("inf"), float("inf"), 1.0, 0.0, 1.0, 2.0],
    "minus": [-float("inf")] * 6,
    "zeros": [0.0, 2.0, 0.0, 3.0, 0.0, 1.0],
}


@pytest.mark.parametrize("name", [*CALLS, "sort", "sort_descending", "median", "nanmedian", "nanmedian_dim"])
@pytest.mark.parametrize("kind", SPECIAL)
def test_special_values(name, kind):
    call = CALLS.get(name) or CHOICES[name]
    if name.startswith(("quantile", "nanquantile")) and kind in ("nan", "inf", "minus"):
        pytest.skip("interpolation between infinities")
    if name in ("var_mean", "std_mean") and kind in ("inf", "minus"):
        pytest.skip("the running mean that PyTorch computes here loses infinities to NaN")
    for shape in ((6,), (2, 3), (1, 6, 1)):
        x = torch.tensor(SPECIAL[kind], dtype=torch.float64).reshape(shape).requires_grad_()
        mine = to_convlet(x)
        expected, seen = outcome(call, torch, x), outcome(call, convlet, mine)
        if isinstance(expected, Exception):
            assert isinstance(seen, Exception)
            continue
        assert_same(seen, expected)
        if isinstance(expected, tuple):
            expected, seen = expected[0], seen[0]
        if kind in ("ties", "zeros") and expected.requires_grad and name not in ("logcumsumexp",):
            weights = sample("float64", *expected.shape, seed=2)
            expected.backward(weights)
            seen.backward(to_convlet(weights))
            if name.startswith(("sort", "topk")):
                continue
            assert_same(mine.grad, x.grad)


@pytest.mark.parametrize("name", [*CALLS, *CHOICES])
def test_empty_tensors(name):
    call = CALLS.get(name) or CHOICES[name]
    for shape in ((0, 5, 3), (2, 0, 3), (2, 5, 0), (0,)):
        x = torch.ones(shape)
        expected = outcome(call, torch, x)
        seen = outcome(call, convlet, to_convlet(x))
        if isinstance(expected, Exception):
            assert isinstance(seen, (type(expected), RuntimeError)), (shape, seen, expected)
        elif isinstance(seen, IndexError) and len(shape) == 1:
            continue  # PyTorch looks at the axis of an empty tensor in some functions only
        elif isinstance(seen, Exception):
            raise seen
        else:
            assert_same(seen, expected)


ERRORS = {
    "range": lambda t: t.ones(2, 2).sum(2),
    "range_0d": lambda t: t.tensor(1.0).sum(1),
    "twice": lambda t: t.ones(2, 2).sum((0, 0)),
    "mean_int": lambda t: t.tensor([1]).mean(),
    "mean_dtype": lambda t: t.ones(2).mean(dtype=t.int64),
    "nanmean_int": lambda t: t.tensor([1]).nanmean(),
    "var_int": lambda t: t.tensor([1]).var(),
    "norm_int": lambda t: t.tensor([1]).norm(),
    "norm_word": lambda t: t.ones(2).norm("x"),
    "norm_empty": lambda t: t.ones(0).norm(float("inf")),
    "max_empty": lambda t: t.ones(0).max(),
    "max_empty_dim": lambda t: t.ones(0, 3).max(0),
    "argmax_empty": lambda t: t.ones(0).argmax(),
    "argmax_empty_dim": lambda t: t.ones(0, 3).argmax(0),
    "argmax_bool": lambda t: t.tensor([True]).argmax(),
    "argmax_complex": lambda t: t.tensor([1j]).argmax(),
    "amax_empty": lambda t: t.ones(0).amax(),
    "amax_empty_dim": lambda t: t.ones(0, 3).amax(0),
    "aminmax_empty": lambda t: t.ones(0).aminmax(),
    "aminmax_empty_dim": lambda t: t.ones(0, 3).aminmax(dim=0),
    "max_complex": lambda t: t.tensor([1j]).max(0),
    "sort_complex": lambda t: t.tensor([1j]).sort(),
    "topk_bool": lambda t: t.tensor([True]).topk(1),
    "topk_range": lambda t: t.ones(3).topk(4),
    "topk_negative": lambda t: t.ones(3).topk(-1),
    "kthvalue": lambda t: t.ones(3).kthvalue(4),
    "kthvalue_empty": lambda t: t.ones(0, 2).kthvalue(1, 0),
    "median_complex": lambda t: t.tensor([1j]).median(),
    "softmax_range": lambda t: t.ones(3).softmax(1),
    "softmax_int": lambda t: t.tensor([1]).softmax(0),
    "softmax_int_inner": lambda t: t.tensor([[1]]).softmax(0),
    "log_softmax_int": lambda t: t.tensor([[1]]).log_softmax(0),
    "cumsum_range": lambda t: t.ones(3).cumsum(1),
    "diff_0d": lambda t: t.tensor(1.0).diff(),
    "diff_order": lambda t: t.ones(2).diff(n=-1),
    "bincount_2d": lambda t: t.tensor([[1]]).bincount(),
    "bincount_negative": lambda t: t.bincount(t.tensor([-1])),
    "bincount_float": lambda t: t.bincount(t.ones(1)),
    "histc_int": lambda t: t.tensor([1]).histc(),
    "histc_range": lambda t: t.ones(2).histc(2, 3, 1),
    "quantile_int": lambda t: t.tensor([1]).quantile(0.5),
    "quantile_range": lambda t: t.ones(2).quantile(1.5),
    "quantile_word": lambda t: t.ones(2).quantile(0.5, interpolation="x"),
    "quantile_dtype": lambda t: t.ones(2).quantile(t.tensor([0.5]).double()),
    "searchsorted_scalar": lambda t: t.searchsorted(t.ones(2, 2), 1.0),
    "searchsorted_side": lambda t: t.searchsorted(t.ones(2), t.ones(2), side="x"),
    "bucketize_2d": lambda t: t.bucketize(t.ones(2), t.ones(2, 2)),
    "nansum_complex": lambda t: t.tensor([1j]).nansum(),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    expected = outcome(ERRORS[name], torch)
    assert isinstance(expected, Exception)
    assert_same(outcome(ERRORS[name], convlet), expected)


OTHERS = {
    "unique": lambda t: t.unique(t.tensor([3, 1, 2, 3, 1])),
    "unique_2d": lambda t: t.unique(t.tensor([[3, 1], [1, 2]]), return_inverse=True, return_counts=True),
    "unique_nan": lambda t: t.unique(t.tensor([1.0, float("nan"), 1.0, float("nan")]), return_counts=True),
    "unique_dim": lambda t: t.unique(
        t.tensor([[1, 2], [3, 4], [1, 2]]), dim=0, return_inverse=True, return_counts=True
    ),
    "unique_bool": lambda t: t.tensor([True, False, True]).unique(),
    "consecutive": lambda t: t.unique_consecutive(t.tensor([1, 1, 2, 2, 1]), return_inverse=True, return_counts=True),
    "consecutive_dim": lambda t: t.unique_consecutive(t.tensor([[1, 1], [1, 1], [2, 1]]), dim=0),
    "bincount": lambda t: t.bincount(t.tensor([1, 1, 3])),
    "bincount_minlength": lambda t: t.bincount(t.tensor([1, 1, 3]), minlength=7),
    "bincount_weights": lambda t: t.bincount(t.tensor([1, 1, 3]), weights=t.tensor([0.5, 1.0, 2.0])),
    "bincount_double": lambda t: t.bincount(t.tensor([1, 1, 3]), weights=t.tensor([1, 2, 3])),
    "bincount_empty": lambda t: t.bincount(t.tensor([], dtype=t.int64), minlength=2),
    "histc": lambda t: t.histc(t.tensor([1.0, 2.0, 1.0, 4.0]), 4),
    "histc_range": lambda t: t.histc(t.tensor([1.0, 2.0, 1.0, 4.0]), bins=3, min=0, max=3),
    "histc_constant": lambda t: t.histc(t.ones(3), 2),
    "searchsorted": lambda t: t.searchsorted(t.tensor([1.0, 3.0, 5.0]), t.tensor([[0.0, 3.0], [4.0, 9.0]])),
    "searchsorted_right": lambda t: t.searchsorted(t.tensor([1.0, 3.0, 5.0]), t.tensor([3.0]), right=True),
    "searchsorted_side": lambda t: t.searchsorted(t.tensor([1.0, 3.0]), t.tensor([3.0]), side="right", out_int32=True),
    "searchsorted_rows": lambda t: t.searchsorted(t.tensor([[1.0, 3.0], [2.0, 4.0]]), t.tensor([[2.0], [2.0]])),
    "searchsorted_number": lambda t: t.searchsorted(t.tensor([1.0, 3.0]), 2.0),
    "searchsorted_sorter": lambda t: t.searchsorted(t.tensor([3.0, 1.0]), t.tensor([2.0]), sorter=t.tensor([1, 0])),
    "bucketize": lambda t: t.bucketize(t.tensor([0.0, 2.0, 9.0]), t.tensor([1.0, 2.0])),
    "bucketize_right": lambda t: t.bucketize(2.0, t.tensor([1.0, 2.0]), right=True),
    "isin": lambda t: t.isin(t.tensor([1, 2, 3]), t.tensor([2, 5])),
    "isin_invert": lambda t: t.isin(t.tensor([1, 2, 3]), 2, invert=True),
    "mode_ties": lambda t: t.tensor([[3, 1, 3, 1, 2], [5, 5, 4, 4, 4]]).mode(),
    "cummax_ties": lambda t: t.tensor([1.0, 3.0, 3.0, 2.0]).cummax(0),
    "allclose": lambda t: t.allclose(t.ones(2), t.ones(2) + 1e-9),
    "cumsum_": lambda t: t.ones(3).cumsum_(0),
    "max_binary": lambda t: t.max(t.tensor([1.0, 5.0]), t.tensor([2.0, 3.0])),
    "min_other": lambda t: t.min(t.tensor([1.0, 5.0]), other=t.tensor([2.0, 3.0])),
    "repr_max": lambda t: repr(t.tensor([[1.0, 2.0], [3.0, 4.0]]).max(0)),
    "repr_sort": lambda t: repr(t.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True).sort()),
    "fields": lambda t: (t.ones(2).max(0).n_fields, t.ones(2).max(0).values.item(), t.ones(2).max(0)[1].item()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others(name):
    expected, seen = OTHERS[name](torch), OTHERS[name](convlet)
    assert_same(seen, expected)


def test_sums_are_as_accurate_as_pytorchs():
    for shape, dim in (((100000, 8), 0), ((64, 16, 28, 28), (0, 2, 3)), ((1, 300000), 1), ((5000, 3, 7), (0, 2))):
        values = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
        exact = values.astype(np.float64).sum(dim)
        worst = [np.max(np.abs(t.from_numpy(values).sum(dim).numpy() - exact) / exact) for t in (convlet, torch)]
        assert worst[0] < max(worst[1] * 4, 4e-7)
