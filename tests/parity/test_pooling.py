"""Pooling beside PyTorch's. Ids name the lines of the compatibility list (section L)."""

from __future__ import annotations

import numpy as np
import pytest

from .side_by_side import compare, libraries, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity

SETTINGS = [
    "2", "3, 2, 1", "(2, 3), (1, 2), (1, 0)", "3, 1, 1", "2, ceil_mode=True", "3, 2, 1, ceil_mode=True",
    "(5, 2), (2, 1)", "1", "2, 3", "3, 3, 1, ceil_mode=True", "[2, 2], [1, 1]", "(3,), (2,), (1,)", "2, ()",
]  # fmt: skip
DILATED = ["2, 1, 0, 2", "3, 1, 1, 2", "(2, 3), 2, (1, 1), (3, 2)", "2, 2, 0, 2, ceil_mode=True"]


def call_of(function, settings):
    return lambda t, x: eval(f"F.{function}(x, {settings})", {"F": t.F, "x": x})


@pytest.mark.parametrize("shape", [(2, 3, 7, 9), (3, 8, 8), (1, 1, 5, 6)], ids=str)
@pytest.mark.parametrize("settings", SETTINGS + DILATED)
def test_max_pool2d_L139_L142_L149(settings, shape):
    if max(shape) < 9 and settings == "(2, 3), 2, (1, 1), (3, 2)":
        pytest.skip("does not fit")
    compare(torch, call_of("max_pool2d", settings), some(*shape), double=True)


@pytest.mark.parametrize("settings", SETTINGS + DILATED)
def test_indices_L148(settings):
    values = np.random.default_rng(0).integers(0, 3, (2, 3, 7, 9)).astype("float64")  # many equal ones
    compare(torch, call_of("max_pool2d", settings + ", return_indices=True"), values, double=True)


@pytest.mark.parametrize("settings", [*SETTINGS, "3, 2, 1, count_include_pad=False", "2, divisor_override=3",
                                      "3, 2, 1, True, False", "3, 2, 1, divisor_override=-2"])  # fmt: skip
@pytest.mark.parametrize("shape", [(2, 3, 7, 9), (3, 8, 8)], ids=str)
def test_avg_pool2d(settings, shape):
    compare(torch, call_of("avg_pool2d", settings), some(*shape), double=True)


@pytest.mark.parametrize("size", ["1", "2", "3", "(3, 5)", "(None, 2)", "(7, 9)", "(10, 12)", "(1, None)"])
@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
@pytest.mark.parametrize("shape", [(2, 3, 7, 9), (3, 8, 8)], ids=str)
def test_adaptive(name, size, shape):
    compare(torch, call_of(name, size), some(*shape), double=True)
    if "max" in name:
        compare(torch, call_of(name, f"{size}, return_indices=True"), some(*shape))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "call",
    ["max_pool2d(x, 3, 2, 1)", "avg_pool2d(x, 3, 2, 1)", "adaptive_avg_pool2d(x, 3)", "adaptive_max_pool2d(x, 3)",
     "adaptive_avg_pool2d(x, 1)", "lp_pool2d(x * x + 1, 2, 3)"],
)  # fmt: skip
def test_dtypes_L149(call, dtype):
    rtol = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    compare(torch, lambda t, x: eval(f"F.{call}", {"F": t.F, "x": x}), some(2, 3, 7, 9), dtype=dtype, rtol=rtol)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_other_dtypes_L149(name, dtype):
    values = np.random.default_rng(0).integers(0 if dtype == "uint8" else -9, 9, (2, 3, 7, 9)).astype(dtype)
    if (name, dtype) != ("avg_pool2d", "uint8"):
        compare(torch, call_of(name, "3"), values)


@pytest.mark.parametrize("fill", [-np.inf, np.inf, np.nan])
@pytest.mark.parametrize(
    "call",
    ["max_pool2d(x, 3, 1, 1, return_indices=True)", "max_pool2d(x, 2, return_indices=True)", "max_pool2d(x, 3, 1, 1)",
     "adaptive_max_pool2d(x, 2, return_indices=True)"],
)  # fmt: skip
def test_infinities_and_nan_L141(call, fill):
    run = lambda t, x: eval(f"F.{call}", {"F": t.F, "x": x})  # noqa: E731
    compare(torch, run, np.full((1, 1, 4, 4), fill))
    values = some(1, 2, 6, 6)
    values[0, 0, 2, 3] = values[0, 0, 3, 3] = values[0, 1, 5, 5] = fill
    compare(torch, run, values)


ERRORS = {
    **{f"L143 pad {f}": f"F.{f}(x, 2, 2, -1)" for f in ("max_pool2d", "avg_pool2d")},
    **{f"L144 pad {f}": f"F.{f}(x, 2, 2, 4)" for f in ("max_pool2d", "avg_pool2d")},
    **{f"L144 pad2 {f}": f"F.{f}(x, (2, 6), 1, (1, 4))" for f in ("max_pool2d", "avg_pool2d")},
    "L144 dilated": "F.max_pool2d(x, 3, 1, 2, 2)",
    **{f"L145 stride {f}": f"F.{f}(x, 2, 0)" for f in ("max_pool2d", "avg_pool2d")},
    **{f"L145 negative stride {f}": f"F.{f}(x, 2, -1)" for f in ("max_pool2d", "avg_pool2d")},
    **{f"L145 kernel {f}": f"F.{f}(x, -1)" for f in ("max_pool2d", "avg_pool2d")},
    **{f"L145 kernel 0 {f}": f"F.{f}(x, 0)" for f in ("max_pool2d", "avg_pool2d")},
    "L145 dilation": "F.max_pool2d(x, 2, 2, 0, 0)",
    "L145 negative dilation": "F.max_pool2d(x, 2, 1, 0, -1)",
    **{f"L146 {f}": f"F.{f}(torch.zeros(1, 1, 4), (2, 2))" for f in ("max_pool2d", "avg_pool2d")},
    "L146 big": "F.max_pool2d(x, 3, 1, 0, 4)",
    "L147 rank 2": "F.max_pool2d(x[0, 0], 2)",
    "L147 rank 5": "F.avg_pool2d(x[None], 2)",
    **{f"L147 channels {f}": f"F.{f}(x[:, :0], 2)" for f in ("max_pool2d", "avg_pool2d")},
    **{f"L147 height {f}": f"F.{f}(x[:, :, :0], 2)" for f in ("max_pool2d", "avg_pool2d")},
    "L147 no batch": "F.max_pool2d(x[0, :0], 2)",
    **{f"kernel tuple {f}": f"F.{f}(x, (1, 2, 3))" for f in ("max_pool2d", "avg_pool2d")},
    **{f"kernel empty {f}": f"F.{f}(x, ())" for f in ("max_pool2d", "avg_pool2d")},
    **{f"kernel str {f}": f"F.{f}(x, 'a')" for f in ("max_pool2d", "avg_pool2d")},
    **{f"kernel float {f}": f"F.{f}(x, 2.5)" for f in ("max_pool2d", "avg_pool2d")},
    **{f"stride tuple {f}": f"F.{f}(x, 2, (1, 2, 3))" for f in ("max_pool2d", "avg_pool2d")},
    **{f"padding tuple {f}": f"F.{f}(x, 2, 2, (0, 0, 0))" for f in ("max_pool2d", "avg_pool2d")},
    "dilation tuple": "F.max_pool2d(x, 2, 2, 0, (1, 1, 1))",
    **{f"None {f}": f"F.{f}(None, 2)" for f in ("max_pool2d", "avg_pool2d")},
    "divisor": "F.avg_pool2d(x, 2, divisor_override=0)",
    **{f"output 3 {f}": f"F.{f}(x, (1, 2, 3))" for f in ("adaptive_avg_pool2d", "adaptive_max_pool2d")},
    **{f"output -1 {f}": f"F.{f}(x, -1)" for f in ("adaptive_avg_pool2d", "adaptive_max_pool2d")},
    **{f"rank 2 {f}": f"F.{f}(x[0, 0], 2)" for f in ("adaptive_avg_pool2d", "adaptive_max_pool2d")},
    **{f"height 0 {f}": f"F.{f}(x[:, :, :0], 2)" for f in ("adaptive_avg_pool2d", "adaptive_max_pool2d")},
    **{f"channels 0 {f}": f"F.{f}(x[:, :0], 2)" for f in ("adaptive_avg_pool2d", "adaptive_max_pool2d")},
    **{f"str {f}": f"F.{f}(x, 'a')" for f in ("adaptive_avg_pool2d", "adaptive_max_pool2d")},
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    compare(
        torch, lambda t, x: eval(ERRORS[name], {"F": t.F, "x": x.detach(), "torch": t.torch}), some(2, 3, 6, 6)
    )


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_empty_batch_L147(name):
    compare(torch, call_of(name, "2"), some(0, 3, 6, 6))


def test_max_unpool2d():
    def call(t, x):
        values, places = t.F.max_pool2d(x, 2, return_indices=True)
        return t.F.max_unpool2d(values, places, 2)

    compare(torch, call, some(2, 3, 6, 8), double=True)
    compare(torch, call, some(3, 6, 8), double=True)


@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_no_regions(name):
    compare(torch, lambda t, x: getattr(t.F, name)(x.detach(), 0), some(2, 3, 6, 6))


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_channels_last_stays_L149(name):
    for each in libraries(torch):
        x = each.torch.tensor(some(2, 3, 6, 6)).to(memory_format=each.torch.channels_last)
        y = getattr(each.F, name)(x, 2)
        assert y.is_contiguous(memory_format=each.torch.channels_last), (each.torch.__name__, name)


REPRS = [
    "MaxPool2d(2)", "MaxPool2d((2, 3), stride=(1, 2), padding=1)", "MaxPool2d(3, 2, 1, 2, True, True)", "AvgPool2d(3)",
    "AvgPool2d(3, 2, 1)", "AdaptiveAvgPool2d(1)", "AdaptiveAvgPool2d((None, 7))", "AdaptiveMaxPool2d((5, 7))",
    "LPPool2d(2, 3)", "MaxUnpool2d(2)", "MaxUnpool2d((2, 2), (2, 1))",
]  # fmt: skip


@pytest.mark.parametrize("source", REPRS)
def test_repr_L140(source):
    theirs, ours = (eval(f"nn.{source}", {"nn": each.nn}) for each in libraries(torch))
    assert repr(ours) == repr(theirs)
    assert getattr(ours, "__constants__", None) == getattr(theirs, "__constants__", None)


@pytest.mark.parametrize("source", REPRS[:-2])
def test_layers(source):
    compare(torch, lambda t, x: eval(f"nn.{source}", {"nn": t.nn})(x * x), some(2, 3, 9, 9))


@pytest.mark.parametrize("overlap", [False, True])
def test_in_a_large_image(overlap):
    settings = "3, 2, 1" if overlap else "2"
    compare(torch, call_of("max_pool2d", settings), some(2, 4, 33, 47), dtype="float32", rtol=1e-6)
