"""Random arrays against PyTorch's, call by call; the generators' whole states are compared too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from convlet.tensor import random

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

def error_of(call: Callable[..., Any], *args: Any, **options: Any) -> tuple[type, str] | None:
    try:
        call(*args, **options)
    except Exception as error:
        return type(error), str(error)
    return None


SIZES = (0, 1, 2, 15, 16, 17, 31, 100, 1000)
SEEDS = (0, 1, 7, 2**31 + 5, 2**40 + 1, -3, 2**64 - 1)
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


def numpy_dtype(name: str) -> np.dtype[Any]:
    return np.dtype(pytest.importorskip("ml_dtypes").bfloat16) if name == "bfloat16" else np.dtype(name)


def to_numpy(tensor: Any) -> np.ndarray:
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy().view(numpy_dtype("bfloat16"))
    return tensor.numpy()


class Pair:
    """One generator of each side; ``check`` runs a call on both and compares the results and the states."""

    def __init__(self, seed: int) -> None:
        self.ours = random.Generator().manual_seed(seed)
        self.theirs = torch.Generator().manual_seed(seed)

    def check(self, ours: Callable[..., np.ndarray], theirs: Callable[..., Any], ulps: int = 0) -> None:
        got, expected = ours(self.ours), np.ascontiguousarray(to_numpy(theirs(self.theirs)))
        assert got.dtype == expected.dtype
        assert got.shape == expected.shape
        if ulps:
            np.testing.assert_array_max_ulp(got, expected, ulps)
        else:
            np.testing.assert_array_equal(got.view(np.uint8), expected.view(np.uint8))
        np.testing.assert_array_equal(self.ours.get_state(), self.theirs.get_state().numpy())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [*FLOATS, "complex64", "complex128"])
def test_uniform(name: str, seed: int) -> None:
    pair, dtype = Pair(seed), getattr(torch, name)
    for size in SIZES:
        pair.check(
            lambda g, n=size: random.uniform((n,), numpy_dtype(name), generator=g),
            lambda g, n=size: torch.rand(n, dtype=dtype, generator=g),
        )
        for low, high in ((-0.19245, 0.19245), (3.0, 3.5), (1000.0, 1001.0), (-2.0, 0.0), (0.1, 0.1)):
            pair.check(
                lambda g, n=size, a=low, b=high: random.uniform((n,), numpy_dtype(name), a, b, g),
                lambda g, n=size, a=low, b=high: torch.empty(n, dtype=dtype).uniform_(a, b, generator=g),
            )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [*FLOATS, "complex64", "complex128"])
def test_normal(name: str, seed: int) -> None:
    pair, dtype = Pair(seed), getattr(torch, name)
    for size in SIZES:
        ulps = 8 if name in ("float64", "complex128") and size >= 8 else 0
        if name == "complex128":
            continue  # compared as pairs of float64 below
        pair.check(
            lambda g, n=size: random.normal((n,), numpy_dtype(name), generator=g),
            lambda g, n=size: torch.randn(n, dtype=dtype, generator=g),
            ulps,
        )
        for mean, std in ((0.0, 0.02), (0.5, 2.3), (-7.0, 0.0)):
            pair.check(
                lambda g, n=size, a=mean, b=std: random.normal((n,), numpy_dtype(name), a, b, g),
                lambda g, n=size, a=mean, b=std: torch.empty(n, dtype=dtype).normal_(a, b, generator=g),
                ulps * 64 if mean else ulps,  # the mean cancels digits
            )


def test_complex_normal_of_double_precision() -> None:
    pair = Pair(11)
    for size in SIZES:
        got = random.normal((size,), np.dtype(np.complex128), generator=pair.ours)
        expected = torch.randn(size, dtype=torch.complex128, generator=pair.theirs).numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_normal_of_a_tensor_that_is_not_contiguous() -> None:
    pair = Pair(5)
    pair.check(
        lambda g: random.normal((101,), generator=g, contiguous=False),
        lambda g: torch.empty(202)[::2].normal_(generator=g),
    )


def test_a_million_numbers() -> None:
    pair, n = Pair(2), 1_000_003
    pair.check(lambda g: random.uniform((n,), generator=g), lambda g: torch.rand(n, generator=g))
    pair.check(lambda g: random.normal((n,), generator=g), lambda g: torch.randn(n, generator=g))
    pair.check(
        lambda g: random.uniform((n,), np.dtype(np.float32), -0.0417, 0.0417, g),
        lambda g: torch.empty(n).uniform_(-0.0417, 0.0417, generator=g),
    )


RANGES = ((0, 2), (0, 10), (-5, 100), (0, 2**28 - 1), (0, 2**28), (-(2**31), 2**31), (-(2**62), 2**62))


@pytest.mark.filterwarnings("ignore:.*Due to precision limitations")
@pytest.mark.parametrize("seed", SEEDS[:4])
@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS, "bool"])
def test_randint(name: str, seed: int) -> None:
    pair, dtype = Pair(seed), getattr(torch, name)
    for low, high in (*RANGES, (0, None), (3, None), (1, None), (100, 2048), (0, 65504), (7, 8)):
        ours = partial(random.randint, low, high, (33,), numpy_dtype(name))
        theirs = partial(torch.empty(33, dtype=dtype).random_, low, high)
        got_error, expected_error = error_of(ours, pair.ours), error_of(theirs, generator=pair.theirs)
        assert got_error == expected_error
        if expected_error is None:
            pair.check(ours, lambda g, theirs=theirs: theirs(generator=g))


@pytest.mark.parametrize("name", ["int64", "float32", "float64", "bfloat16"])
def test_randint_over_all_64_bits(name: str) -> None:
    Pair(3).check(
        lambda g: random.randint(-(2**63), None, (50,), numpy_dtype(name), g),
        lambda g: torch.empty(50, dtype=getattr(torch, name)).random_(-(2**63), None, generator=g),
    )


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS, "bool"])
def test_random_integers(name: str) -> None:
    Pair(4).check(
        lambda g: random.random_integers((500,), numpy_dtype(name), g),
        lambda g: torch.empty(500, dtype=getattr(torch, name)).random_(generator=g),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_randperm(seed: int) -> None:
    pair = Pair(seed)
    for size in SIZES:
        pair.check(
            lambda g, n=size: random.randperm(n, generator=g),
            lambda g, n=size: torch.randperm(n, generator=g),
        )
    for name in ("uint8", "int16", "float16", "bfloat16", "float32"):
        pair.check(
            lambda g, d=name: random.randperm(200, numpy_dtype(d), g),
            lambda g, d=name: torch.randperm(200, dtype=getattr(torch, d), generator=g),
        )


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS, "bool"])
def test_bernoulli(name: str) -> None:
    pair, dtype = Pair(6), getattr(torch, name)
    for p in (0, 0.25, 0.5, 1.0):
        pair.check(
            lambda g, p=p: random.bernoulli(p, (7, 19), numpy_dtype(name), g),
            lambda g, p=p: torch.empty(7, 19, dtype=dtype).bernoulli_(p, generator=g),
        )
    for kind in FLOATS:
        p = torch.linspace(0, 1, 19, dtype=getattr(torch, kind))
        pair.check(
            lambda g, p=p: random.bernoulli(to_numpy(p), (7, 19), numpy_dtype(name), g),
            lambda g, p=p: torch.empty(7, 19, dtype=dtype).bernoulli_(p, generator=g),
        )


@pytest.mark.parametrize("name", FLOATS)
def test_exponential(name: str) -> None:
    pair = Pair(8)
    for size in SIZES:
        pair.check(
            lambda g, n=size: random.exponential((n,), numpy_dtype(name), 2.5, g),
            lambda g, n=size: torch.empty(n, dtype=getattr(torch, name)).exponential_(2.5, generator=g),
            ulps=2 if name == "float64" else 0,
        )


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial(name: str, replacement: bool) -> None:
    pair = Pair(9)
    for shape, samples in (((5,), 1), ((5,), 5), ((40,), 12), ((3, 40), 1), ((3, 40), 12), ((0, 4), 2)):
        if name in ("float16", "bfloat16") and not replacement and samples > 1:
            continue  # equal scores: any order is right
        weights = torch.rand(shape, generator=pair.theirs, dtype=torch.float32).to(getattr(torch, name))
        pair.ours.draw32(weights.numel())
        pair.check(
            lambda g, w=weights, n=samples: random.multinomial(to_numpy(w), n, replacement, g),
            lambda g, w=weights, n=samples: torch.multinomial(w, n, replacement, generator=g),
        )


def test_calls_in_any_order_stay_in_step() -> None:
    """Every kind of call changes the stream and the cached normal number just as PyTorch's does."""
    choice = np.random.default_rng(0)
    for seed in range(10):
        pair = Pair(seed)
        for _ in range(40):
            n = int(choice.choice([1, 2, 3, 15, 16, 17, 40]))
            kind = int(choice.integers(6))
            ours, theirs = (
                (lambda g, n=n: random.uniform((n,), generator=g), lambda g, n=n: torch.rand(n, generator=g)),
                (lambda g, n=n: random.normal((n,), generator=g), lambda g, n=n: torch.randn(n, generator=g)),
                (
                    lambda g, n=n: random.randint(0, n, (n,), generator=g),
                    lambda g, n=n: torch.randint(0, n, (n,), generator=g),
                ),
                (
                    lambda g, n=n: random.randperm(n, generator=g),
                    lambda g, n=n: torch.randperm(n, generator=g),
                ),
                (
                    lambda g, n=n: random.bernoulli(0.5, (n,), generator=g),
                    lambda g, n=n: torch.empty(n).bernoulli_(0.5, generator=g),
                ),
                (
                    lambda g, n=n: random.uniform((n,), np.dtype(np.float64), generator=g),
                    lambda g, n=n: torch.rand(n, dtype=torch.float64, generator=g),
                ),
            )[kind]
            pair.check(ours, theirs)


def test_states_are_exchanged_with_pytorch() -> None:
    pair = Pair(10)
    torch.randn(7, generator=pair.theirs)
    pair.ours.set_state(pair.theirs.get_state().numpy())
    pair.check(lambda g: random.normal((3,), generator=g), lambda g: torch.randn(3, generator=g))
    random.uniform((700,), generator=pair.ours)
    pair.theirs.set_state(torch.from_numpy(pair.ours.get_state()))
    pair.check(lambda g: random.uniform((3,), generator=g), lambda g: torch.rand(3, generator=g))
    assert pair.ours.initial_seed() == pair.theirs.initial_seed() == 10


def empty(*shape: int, dtype: Any = None) -> Any:
    return torch.empty(*shape, dtype=dtype)


F16, I64, U8, B, C64 = (np.dtype(each) for each in ("float16", "int64", "uint8", "bool", "complex64"))
F32 = np.dtype(np.float32)

ERRORS = {
    "seed_text": (lambda: random.Generator().manual_seed("a"), lambda: torch.Generator().manual_seed("a")),
    "seed_bool": (lambda: random.Generator().manual_seed(True), lambda: torch.Generator().manual_seed(True)),
    "seed_big": (lambda: random.manual_seed(2**64), lambda: torch.manual_seed(2**64)),
    "seed_small": (lambda: random.manual_seed(-(2**63) - 1), lambda: torch.manual_seed(-(2**63) - 1)),
    "state_size": (
        lambda: random.Generator().set_state(np.zeros(5, np.uint8)),
        lambda: torch.Generator().set_state(torch.zeros(5, dtype=torch.uint8)),
    ),
    "state_type": (
        lambda: random.Generator().set_state(np.zeros(5056)),
        lambda: torch.Generator().set_state(torch.zeros(5056)),
    ),
    "state_int": (lambda: random.Generator().set_state(3), lambda: torch.Generator().set_state(3)),
    "state_zero": (
        lambda: random.Generator().set_state(np.zeros(5056, np.uint8)),
        lambda: torch.Generator().set_state(torch.zeros(5056, dtype=torch.uint8)),
    ),
    "rand_int": (lambda: random.uniform((2,), I64), lambda: torch.rand(2, dtype=torch.int64)),
    "uniform_order": (lambda: random.uniform((2,), F32, 2, 1), lambda: empty(2).uniform_(2, 1)),
    "uniform_to": (lambda: random.uniform((2,), F32, 0, 1e40), lambda: empty(2).uniform_(0, 1e40)),
    "uniform_nan": (
        lambda: random.uniform((2,), F32, float("nan")),
        lambda: empty(2).uniform_(float("nan"), 1),
    ),
    "uniform_span": (
        lambda: random.uniform((2,), F16, -60000, 60000),
        lambda: empty(2, dtype=torch.half).uniform_(-60000, 60000),
    ),
    "normal_std": (lambda: random.normal((2,), F32, 0, -1.5), lambda: empty(2).normal_(0, -1.5)),
    "randn_int": (lambda: random.normal((2,), I64), lambda: torch.randn(2, dtype=torch.int64)),
    "randint_empty": (lambda: random.randint(5, 5, (2,)), lambda: torch.randint(5, 5, (2,))),
    "randint_high": (
        lambda: random.randint(0, 300, (2,), U8),
        lambda: torch.randint(0, 300, (2,), dtype=torch.uint8),
    ),
    "randint_low": (
        lambda: random.randint(-1, 3, (2,), U8),
        lambda: torch.randint(-1, 3, (2,), dtype=torch.uint8),
    ),
    "randint_bool": (
        lambda: random.randint(0, 3, (2,), B),
        lambda: torch.randint(0, 3, (2,), dtype=torch.bool),
    ),
    "randint_complex": (
        lambda: random.randint(0, 3, (2,), C64),
        lambda: torch.randint(0, 3, (2,), dtype=torch.complex64),
    ),
    "randint_big": (lambda: random.randint(0, 2**63, (2,)), lambda: torch.randint(0, 2**63, (2,))),
    "randperm_negative": (lambda: random.randperm(-1), lambda: torch.randperm(-1)),
    "randperm_byte": (lambda: random.randperm(300, U8), lambda: torch.randperm(300, dtype=torch.uint8)),
    "randperm_half": (lambda: random.randperm(3000, F16), lambda: torch.randperm(3000, dtype=torch.half)),
    "randperm_bool": (lambda: random.randperm(3, B), lambda: torch.randperm(3, dtype=torch.bool)),
    "bernoulli_p": (lambda: random.bernoulli(1.5, (2,)), lambda: empty(2).bernoulli_(1.5)),
    "bernoulli_tensor": (
        lambda: random.bernoulli(np.array([2.0]), (1,)),
        lambda: torch.bernoulli(torch.tensor([2.0])),
    ),
    "bernoulli_integers": (
        lambda: random.bernoulli(np.array([1]), (1,)),
        lambda: empty(1).bernoulli_(torch.tensor([1])),
    ),
    "bernoulli_complex": (
        lambda: random.bernoulli(0.5, (1,), C64),
        lambda: empty(1, dtype=torch.complex64).bernoulli_(0.5),
    ),
    "exponential_rate": (lambda: random.exponential((2,), F32, 0), lambda: empty(2).exponential_(0)),
    "exponential_int": (
        lambda: random.exponential((2,), I64),
        lambda: empty(2, dtype=torch.int64).exponential_(),
    ),
    "multinomial_samples": (
        lambda: random.multinomial(np.ones(3), 4),
        lambda: torch.multinomial(torch.ones(3), 4),
    ),
    "multinomial_none": (
        lambda: random.multinomial(np.ones(3), 0),
        lambda: torch.multinomial(torch.ones(3), 0),
    ),
    "multinomial_dims": (
        lambda: random.multinomial(np.ones((3, 3, 3)), 1),
        lambda: torch.multinomial(torch.ones(3, 3, 3), 1),
    ),
    "multinomial_integers": (
        lambda: random.multinomial(np.ones(3, np.int64), 1),
        lambda: torch.multinomial(torch.ones(3, dtype=torch.int64), 1),
    ),
    "multinomial_negative": (
        lambda: random.multinomial(np.array([-1.0, 2.0]), 1, True),
        lambda: torch.multinomial(torch.tensor([-1.0, 2.0]), 1, True),
    ),
    "multinomial_nan": (
        lambda: random.multinomial(np.array([float("nan"), 2.0]), 1),
        lambda: torch.multinomial(torch.tensor([float("nan"), 2.0]), 1),
    ),
    "multinomial_zero": (
        lambda: random.multinomial(np.zeros((2, 2)), 1, True),
        lambda: torch.multinomial(torch.zeros(2, 2), 1, True),
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    """PyTorch's exception type and first sentence; nothing is drawn."""
    before = random.get_rng_state()
    got, expected = map(error_of, ERRORS[case])
    assert got is not None
    assert expected is not None
    assert got[0] is expected[0]
    assert got[1].startswith(expected[1].split(".  (Could this")[0])
    np.testing.assert_array_equal(random.get_rng_state(), before)
