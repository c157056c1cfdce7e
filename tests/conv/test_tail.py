"""The tail of a convolution: on every algorithm the bits of the operations one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import convlet as torch
from convlet import conv
from convlet.conv import ConvProblem, Tail, force_algorithm
from convlet.conv.algorithms import ALGORITHMS, load
from convlet.conv.tail import extra
from convlet.kernels import large

TAILS = (
    ("norm",),
    ("relu",),
    ("relu6",),
    ("add", "relu"),
    ("norm", "relu"),
    ("norm", "relu6"),
    ("norm", "add"),
    ("norm", "add", "relu"),
)
PROBLEMS = (
    "ic5 ih9 iw11 oc7 kh3 kw3 ph1 pw1",
    "ic16 ih14 iw14 oc40 kh3 kw3 ph1 pw1",
    "ic64 ih15 iw14 oc33 kh3 kw3 ph1 pw1",
    "ic64 ih7 iw7 oc70 kh3 kw3 ph1 pw1",
    "ic16 ih29 iw23 oc20 kh5 kw5 sh2 sw2 ph2 pw2",
    "ic16 ih20 iw20 oc25 kh1 kw1",
    "ic200 ih16 iw16 oc64 kh1 kw1",
    "ic32 ih33 iw33 oc48 kh1 kw1 sh2 sw2",
    "ic70 ih7 iw7 oc33 kh1 kw1",
    "ic60 ih1 iw1 oc90 kh1 kw1",
    "ic3 ih37 iw36 oc20 kh7 kw7 sh2 sw2 ph3 pw3",
    "g24 ic24 ih14 iw14 oc24 kh3 kw3 ph1 pw1",
    "g40 ic40 ih56 iw57 oc40 kh3 kw3 ph1 pw1",
    "g8 ic8 ih13 iw14 oc16 kh3 kw3 sh2 sw2 ph1 pw1",
    "g4 ic16 ih9 iw9 oc16 kh3 kw3 ph1 pw1",
    "g8 ic64 ih28 iw28 oc64 kh3 kw3 ph1 pw1",
    "g2 ic64 ih18 iw18 oc64 kh1 kw1",
    "ic4 ih40 iw40 oc3 kh3 kw3 ph1 pw1",
)


def arrays(problem: ConvProblem, last: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, Tail]:
    """x, w, bias and a tail, with zeros of both signs, infinities and NaN where they meet the tail's."""
    rng = np.random.default_rng(3)
    n, oc = problem.n, problem.oc

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    x, w, bias = array(*problem.input_shape), array(*problem.weight_shape), array(oc)
    mean, scale, shift = array(oc), array(oc), array(oc)
    mean[0], scale[0], shift[0] = 0, 1, -0.0  # left as it is
    shift[1], scale[1] = -0.0, 0.0
    mean[2] = np.inf
    other = array(*problem.output_shape)
    other.reshape(n, -1)[:, 1::7] = -0.0
    other.reshape(n, -1)[:, 2::11] = np.nan
    other.reshape(n, -1)[:, 3::13] = -np.inf
    other.reshape(n, -1)[:, 4::17] *= 100
    # Zeros of both signs, and what is not finite in the last row (what it reaches differs between algorithms).
    w[1], bias[1] = 0, -0.0
    w[3 % oc] *= 1e30
    x[:, :, -1, -1] = np.inf
    if last:
        x, other = (np.ascontiguousarray(each.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for each in (x, other))
    return x, w, bias, Tail(mean, scale, shift, other)


def separately(y: np.ndarray, words: tuple[str, ...], tail: Tail) -> np.ndarray:
    mean, scale, shift = (each[:, None, None] for each in tail[:3])
    with np.errstate(all="ignore"):
        for word in words:
            if word == "norm":
                y = (y - mean) * scale + shift
            elif word == "add":
                y = y + tail.other
            else:
                y = np.maximum(np.float32(0), y)
                y = np.minimum(np.float32(6), y) if word == "relu6" else y
    return y


def bits(array: np.ndarray) -> np.ndarray:
    """Those of each element; NaN is NaN."""
    array = np.ascontiguousarray(array)
    return np.where(np.isnan(array), np.float32(np.nan), array).view(np.uint32)


def cases() -> list:
    found = []
    for name in ALGORITHMS:
        for text in PROBLEMS:
            if load(name).refuse(ConvProblem.parse(text)) is None:
                found.append(pytest.param(name, ConvProblem.parse(text), id=f"{name}: {text}"))
    return found


@pytest.mark.parametrize("layout", ["nchw", "channels-last", "mixed"])
@pytest.mark.parametrize(("algorithm", "problem"), cases())
def test_the_bits_of_the_operations_one_after_the_other(algorithm: str, problem: ConvProblem, layout: str) -> None:
    last = layout != "nchw"
    threads = torch.get_num_threads()
    try:
        with force_algorithm(algorithm), np.errstate(all="ignore"):
            for n in (1, 3):
                batch = replace(problem, n=n)
                x, w, bias, tail = arrays(batch, last)
                bias = bias if n == 3 else None
                x = x if layout != "mixed" else np.ascontiguousarray(x)
                plain = conv.forward(batch, x, w, bias, channels_last=last)
                for words in TAILS:
                    want = separately(plain, words, tail)
                    for count in (1, 2):
                        torch.set_num_threads(count)
                        found = conv.forward(
                            replace(batch, tail=words), x, w, bias, channels_last=last, tail=given(words, tail)
                        )
                        np.testing.assert_array_equal(bits(found), bits(want), f"{words}, {count} threads, batch {n}")
                        assert found.strides == plain.strides
    finally:
        torch.set_num_threads(threads)


def given(words: tuple[str, ...], tail: Tail) -> Tail | None:
    """What these words read of a tail."""
    norm = tail[:3] if "norm" in words else (None, None, None)
    found = Tail(*norm, tail.other if "add" in words else None)
    return found if words[0] in ("norm", "add") else None


@pytest.mark.parametrize("last", [False, True], ids=["nchw", "channels-last"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("text", [PROBLEMS[0], "n2 ic8 ih30 iw31 oc40 kh1 kw1", "ic8 ih40 iw40 oc9 kh3 kw3"])
def test_the_bits_of_layers(text: str, affine: bool, last: bool) -> None:
    """Batch norm's constants are those that its layer computes with."""
    norm = pytest.importorskip("convlet.kernels.norm")
    problem = ConvProblem.parse(text)
    torch.manual_seed(0)
    layer = torch.nn.BatchNorm2d(problem.oc, affine=affine)
    with torch.no_grad():
        for each in [*layer.parameters(), layer.running_mean]:
            each.normal_()
        layer.running_var.uniform_(0.1, 3)
    layer.eval()
    x, w, bias, tail = arrays(problem, last)
    x[:, :, -1, -1] = 0
    weight, shift = (None if each is None else each.detach().numpy() for each in (layer.weight, layer.bias))
    mean, var = (each.numpy().astype(np.float64) for each in (layer.running_mean, layer.running_var))
    tail = Tail(*norm.constants(weight, shift, mean, var, layer.eps), tail.other)
    plain = torch.from_numpy(conv.forward(problem, x, w, bias, channels_last=last))
    want = torch.relu(layer(plain) + torch.from_numpy(tail.other))
    found = conv.forward(replace(problem, tail=("norm", "add", "relu")), x, w, bias, channels_last=last, tail=tail)
    np.testing.assert_array_equal(bits(found), bits(want.detach().numpy()))


def test_in_words() -> None:
    text = "ic3 ih8 iw8 oc4 kh3 kw3 fwd norm add relu6"
    problem = ConvProblem.parse(text)
    assert problem.tail == ("norm", "add", "relu6")
    assert ConvProblem.parse(problem.text) == problem
    assert problem.text.endswith("fwd norm add relu6")
    assert problem != ConvProblem.parse(text[:-6])
    assert not problem.with_direction("bwd_input").tail
    assert ConvProblem.parse("ic3 ih8 iw8 oc4 kh3 kw3 f16 relu").tail == ("relu",)


@pytest.mark.parametrize("words", ["relu norm", "relu relu6", "norm norm", "f16 norm", "f64 add relu", "i32 relu"])
def test_what_is_no_tail(words: str) -> None:
    with pytest.raises(ValueError, match=r"a tail is some of|behind a convolution takes"):
        ConvProblem.parse(f"ic3 ih8 iw8 oc4 kh3 kw3 {words}")


def test_extra_arrays_to_compile_with() -> None:
    problem = ConvProblem.parse("ic3 ih8 iw8 oc4 kh3 kw3 norm add")
    out = np.empty(problem.output_shape, np.float32)
    assert extra(replace(problem, tail=()), out) == ()
    _, tail = extra(problem, out)
    assert tail.mean.shape == (4,)
    assert tail.other.shape == out.shape
    assert torch.warmup(problem) >= 0


def test_a_large_output_of_an_algorithm_without_tails() -> None:
    """Passes by compiled kernels have the bits of NumPy's."""
    problem = ConvProblem.parse("n2 ic3 ih80 iw80 oc20 kh3 kw3 ph1 pw1 norm add relu")
    x, w, bias, tail = arrays(problem, False)
    with force_algorithm("numpy"), np.errstate(all="ignore"):
        plain = conv.forward(replace(problem, tail=()), x, w, bias)
        assert large.kernels("norm", plain)
        found = conv.forward(problem, x, w, bias, tail=tail)
    np.testing.assert_array_equal(bits(found), bits(separately(plain, problem.tail, tail)))
