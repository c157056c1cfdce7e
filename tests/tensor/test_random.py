"""Random numbers: equal to what PyTorch drew (tests/golden/random.json), the generator, and the arithmetic under it."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlet import dtypes
from convlet.tensor import random
from convlet.tensor.fma import fma
from convlet.tensor.random import Generator

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "random.json").read_text(encoding="utf-8"))


def numbers(array: np.ndarray) -> list[Any]:
    if array.dtype.kind == "c":
        array = array.view(array.real.dtype)
    return array.reshape(-1).astype(np.float64 if array.dtype.kind not in "biu" else array.dtype).tolist()


def case_name(case: dict[str, Any]) -> str:
    return f"{case['function']}-{case['dtype']}-{case['seed']}-{'-'.join(map(str, case['arguments'].values()))}"


@pytest.mark.parametrize("case", GOLDEN["draws"], ids=case_name)
def test_golden(case: dict[str, Any]) -> None:
    if case["dtype"] == "bfloat16":
        pytest.importorskip("ml_dtypes")
    generator = Generator().manual_seed(case["seed"])
    arguments = {name: tuple(each) if name == "shape" else each for name, each in case["arguments"].items()}
    dtype = dtypes.from_name(case["dtype"]).numpy
    array = getattr(random, case["function"])(**arguments, dtype=dtype, generator=generator)
    assert array.dtype == dtype
    got, expected = numbers(array), case["head"] + case["tail"]
    got = got[:4] + got[-4:]
    if case["function"] in ("normal", "exponential") and case["dtype"] in ("float64", "complex128"):
        np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-17)
    else:
        assert got == expected
    assert generator.draw32(1)[0] % 2**27 == case["next"], "another part of the stream was used up"


@pytest.mark.parametrize("case", GOLDEN["states"], ids=lambda case: str(case["seed"]))
def test_golden_states(case: dict[str, Any]) -> None:
    generator = Generator().manual_seed(case["seed"])
    random.uniform((case["uniforms"],), generator=generator)
    random.normal((case["normals"],), generator=generator)
    state = generator.get_state()
    assert (state.dtype, state.shape) == (np.uint8, (5056,))
    assert hashlib.sha256(state.tobytes()).hexdigest() == case["sha256"]


# The generator ----------------------------------------------------------------------------------------------------


def test_a_saved_state_continues_the_same_stream() -> None:
    generator = Generator().manual_seed(3)
    random.normal((5,), generator=generator)  # leaves a normal number for the next call
    for other in (
        generator.clone_state(),
        copy.deepcopy(generator),
        pickle.loads(pickle.dumps(generator)),
    ):
        assert other.initial_seed() == 3
        np.testing.assert_array_equal(other.get_state(), generator.get_state())
    other = Generator()
    other.set_state(generator.get_state())
    np.testing.assert_array_equal(
        random.normal((3,), generator=other), random.normal((3,), generator=generator)
    )


def test_seeds() -> None:
    generator = Generator()
    assert generator.initial_seed() == 67280421310721
    assert generator.manual_seed(-1) is generator
    assert generator.initial_seed() == 2**64 - 1
    seeds = {generator.seed() for _ in range(3)}
    assert len(seeds) == 3
    assert generator.initial_seed() in seeds
    first = random.uniform((3,), generator=generator.manual_seed(5))
    np.testing.assert_array_equal(first, random.uniform((3,), generator=generator.manual_seed(5 + 2**32)))
    assert not np.array_equal(first, random.uniform((3,), generator=generator.manual_seed(6)))


def test_the_default_generator() -> None:
    state = random.get_rng_state()
    try:
        assert random.manual_seed(4) is random.default_generator
        first = random.uniform((3,))
        assert random.initial_seed() == 4
        np.testing.assert_array_equal(first, random.uniform((3,), generator=Generator().manual_seed(4)))
        assert random.seed() == random.initial_seed()
    finally:
        random.set_rng_state(state)
    np.testing.assert_array_equal(random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("bad", "error", "text"),
    [
        (np.zeros(5, np.uint8), RuntimeError, "Expected a CPUGeneratorImplState of size 5056 but found"),
        (np.zeros(5056), TypeError, "RNG state must be a torch.ByteTensor"),
        (np.zeros(5056, np.uint8), RuntimeError, "Invalid mt19937 state"),
        (b"x" * 5056, TypeError, "expected a torch.ByteTensor, but got bytes"),
    ],
)
def test_a_bad_state_changes_nothing(bad: Any, error: type[Exception], text: str) -> None:
    generator = Generator().manual_seed(1)
    before = generator.get_state()
    with pytest.raises(error, match=text):
        generator.set_state(bad)
    np.testing.assert_array_equal(generator.get_state(), before)


def test_a_bad_seed_changes_nothing() -> None:
    generator = Generator().manual_seed(1)
    for bad, error, text in (
        ("a", RuntimeError, "manual_seed expected a long, but got str"),
        (True, RuntimeError, "manual_seed expected a long, but got bool"),
        (2**64, ValueError, "Overflow when unpacking long long"),
    ):
        with pytest.raises(error, match=text):
            generator.manual_seed(bad)  # type: ignore[arg-type]
    assert generator.initial_seed() == 1


def test_a_generator_lives_on_the_cpu() -> None:
    assert Generator("cpu").device.type == "cpu"
    with pytest.raises(RuntimeError, match="META device type not an accelerator"):
        Generator("meta")


def test_threads_share_a_generator_without_losing_or_repeating_numbers() -> None:
    generator, parts = Generator().manual_seed(0), []

    def draw() -> None:
        for _ in range(200):
            parts.append(generator.draw32(50))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = Generator().manual_seed(0).draw32(4 * 200 * 50)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.sort(expected))


# Distributions ----------------------------------------------------------------------------------------------------


def test_long_permutations_use_the_inside_out_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "_INSIDE_OUT", 10)
    generator = Generator().manual_seed(0)
    order = random.randperm(1000, generator=generator)
    assert sorted(order.tolist()) == list(range(1000))
    assert order.tolist() != list(range(1000))
    expected = Generator().manual_seed(0)
    expected.draw64(1000)
    np.testing.assert_array_equal(generator.get_state(), expected.get_state())


def test_multinomial_follows_the_weights() -> None:
    generator = Generator().manual_seed(0)
    weights = np.array([[1.0, 0.0, 3.0], [0.0, 5.0, 0.0]], np.float32)
    drawn = random.multinomial(weights, 4000, replacement=True, generator=generator)
    assert drawn.shape == (2, 4000)
    assert set(drawn[1].tolist()) == {1}
    counts = np.bincount(drawn[0], minlength=3)
    assert counts[1] == 0
    assert abs(counts[2] / 4000 - 0.75) < 0.03
    without = random.multinomial(np.array([1.0, 2.0, 0.0, 1.0]), 4, generator=generator)
    assert sorted(without.tolist()) == [0, 1, 2, 3]
    assert without[-1] == 2, "what has no weight comes last"


def test_bernoulli_broadcasts_the_probabilities() -> None:
    p = np.array([0.0, 1.0, 0.5], np.float32)
    drawn = random.bernoulli(p, (500, 3), generator=Generator().manual_seed(0))
    assert drawn.shape == (500, 3)
    assert drawn[:, 0].sum() == 0
    assert drawn[:, 1].sum() == 500
    assert 200 < drawn[:, 2].sum() < 300


def test_integers_of_a_float_type_that_cannot_hold_the_range_warn() -> None:
    with pytest.warns(UserWarning, match=r"to - 1 is out of bounds \[-\(2\^24\), 2\^24\]"):
        random.randint(0, 2**25, (2,), np.dtype(np.float32), Generator())


ERRORS = {
    "rand of int64": (lambda: random.uniform((2,), np.dtype(np.int64)), NotImplementedError),
    "bounds in the wrong order": (lambda: random.uniform((2,), low=2, high=1), RuntimeError),
    "a bound that is NaN": (lambda: random.uniform((2,), low=float("nan")), RuntimeError),
    "a negative std": (lambda: random.normal((2,), std=-1.0), RuntimeError),
    "an empty range": (lambda: random.randint(3, 3, (2,)), RuntimeError),
    "a range beyond uint8": (lambda: random.randint(0, 300, (2,), np.dtype(np.uint8)), RuntimeError),
    "a negative length": (lambda: random.randperm(-1), RuntimeError),
    "a probability above 1": (lambda: random.bernoulli(1.5, (2,)), RuntimeError),
    "a rate of 0": (lambda: random.exponential((2,), rate=0.0), RuntimeError),
    "weights that sum to 0": (lambda: random.multinomial(np.zeros(3), 1), RuntimeError),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_draws_nothing(case: str) -> None:
    call, error = ERRORS[case]
    before = random.get_rng_state()
    with pytest.raises(error):
        call()
    np.testing.assert_array_equal(random.get_rng_state(), before)


# Arithmetic -------------------------------------------------------------------------------------------------------


def test_fused_multiply_add_rounds_once() -> None:
    """Against exact rational arithmetic, which Python rounds correctly to float64."""
    source = np.random.default_rng(0)
    a = source.random(300)
    for b, c in ((0.2, -0.1), (1.0, 1e6), (3e-5, 7.0), (-1e10, 1e10 / 3), (1.5e308, 1e307)):
        exact = [float(Fraction(x) * Fraction(b) + Fraction(c)) for x in a.tolist()]
        np.testing.assert_array_equal(fma(a, b, c), exact)
    assert np.any(fma(a, 0.2, -0.1) != a * 0.2 - 0.1), "no case needs the single rounding"
