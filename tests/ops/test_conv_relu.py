"""A ReLU that is applied while a convolution stores its results: the bits of the ReLU behind it."""

import numpy as np
import pytest

import convlet as torch
from convlet.conv import ConvProblem, force_algorithm
from convlet.conv.algorithms import ALGORITHMS, load

F = torch.nn.functional

PROBLEMS = (
    "n2 ic5 ih9 iw11 oc7 kh3 kw3 ph1 pw1",
    "ic16 ih14 iw14 oc40 kh3 kw3 ph1 pw1",
    "ic16 ih20 iw20 oc24 kh1 kw1",
    "n3 ic6 ih1 iw1 oc9 kh1 kw1",
    "ic3 ih17 iw16 oc20 kh7 kw7 sh2 sw2 ph3 pw3",
    "g8 ic8 ih12 iw13 oc8 kh3 kw3 ph1 pw1",
    "g4 ic16 ih9 iw9 oc16 kh3 kw3 ph1 pw1",
)

SHORT = {torch.float32: "f32", torch.float64: "f64", torch.float16: "f16", torch.bfloat16: "bf16"}


def arrays(problem, dtype):
    rng = np.random.default_rng(0)
    shapes = (problem.input_shape, problem.weight_shape, (problem.oc,))
    return [torch.from_numpy(rng.standard_normal(shape, np.float32)).to(dtype) for shape in shapes]


@pytest.mark.parametrize("last", [False, True], ids=["nchw", "channels-last"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("text", PROBLEMS)
def test_the_same_bits_on_every_algorithm(text, dtype, last):
    problem = ConvProblem.parse(text)
    x, w, b = arrays(problem, dtype)
    x = x.to(memory_format=torch.channels_last) if last else x
    options = {"stride": (problem.sh, problem.sw), "padding": (problem.pt, problem.pl), "groups": problem.g}
    ran = 0
    for name in ALGORITHMS:
        if load(name).refuse(ConvProblem.parse(f"{text} {SHORT[dtype]}")):
            continue
        with force_algorithm(name):
            plain = F.conv2d(x, w, b, **options)
            found = F.conv2d(x, w, b, **options, activation="relu")
        want = torch.relu(plain)
        assert (want == 0).any()
        assert (want > 0).any()
        assert torch.equal(found, want), name
        assert found.stride() == want.stride()
        ran += 1
    assert ran >= 1


@pytest.mark.parametrize("algorithm", ["direct", "winograd", "numpy"])
def test_nan_and_infinity_pass(algorithm):
    x = torch.zeros(1, 16, 8, 8)
    w = torch.full((20, 16, 3, 3), -1.0)
    x[0, 0, 0, 0], x[0, 0, 7, 7] = float("nan"), float("-inf")
    with force_algorithm(algorithm):
        if load(algorithm).refuse(ConvProblem.parse("ic16 ih8 iw8 oc20 kh3 kw3 ph1 pw1 fwd")):
            pytest.skip("too small for it")
        out = F.conv2d(x, w, padding=1, activation="relu")
    assert out[0, :, 0, 0].isnan().all()
    if algorithm != "winograd":  # where an infinity becomes NaN
        assert (out[0, :, 7, 7] == float("inf")).all()
    assert not (out[0, :, 3:5, 3:5] < 0).any()


def test_gradients_are_those_of_relu_behind_a_convolution():
    x, w, b = arrays(ConvProblem.parse(PROBLEMS[0]), torch.float64)
    for each in (x, w, b):
        each.requires_grad_()
    torch.autograd.gradcheck(lambda *args: F.conv2d(*args, padding=1, activation="relu"), (x, w, b))
    torch.autograd.gradgradcheck(lambda *args: F.conv2d(*args, padding=1, activation="relu"), (x, w, b))


def test_what_is_refused():
    x, w = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 1, 1)
    with pytest.raises(ValueError, match=r"^activation must be 'relu' or None, but got 'tanh'"):
        F.conv2d(x, w, activation="tanh")
    with pytest.raises(RuntimeError, match="takes floating point tensors"):
        F.conv2d(x.to(torch.int32), w.to(torch.int32), activation="relu")


def test_a_problem_in_words():
    problem = ConvProblem.parse("ic3 ih8 iw8 oc4 kh3 kw3 fwd relu")
    assert problem.tail == ("relu",)
    assert problem.text.endswith("fwd relu")
    assert ConvProblem.parse(problem.text) == problem
    assert not problem.with_direction("bwd_input").tail
