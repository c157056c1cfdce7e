"""The walk over the table, forcing an algorithm, and the plans kept from it."""

from __future__ import annotations

import subprocess
import sys
import threading
import types

import numpy as np
import pytest

from convlet.conv import algorithms, force_algorithm, forward, input_gradient, plan_for, select, weight_gradient
from convlet.conv.algorithms import ALGORITHMS
from convlet.conv.problem import ConvProblem
from convlet.conv.select import forced_algorithm
from tests.conv.strategies import integers

PLAIN = ConvProblem.parse("n2 ic3 ih6 iw6 oc4 kh3 kw3 ph1 pw1")


class Picky:
    """An algorithm that takes single images of odd height only."""

    name = "picky"

    def __init__(self) -> None:
        self.asked: list[ConvProblem] = []

    def refuse(self, problem: ConvProblem) -> str | None:
        self.asked.append(problem)
        return None if problem.ih % 2 else "even height"

    def plan(self, problem: ConvProblem) -> None:
        raise AssertionError


@pytest.fixture
def picky(monkeypatch: pytest.MonkeyPatch) -> Picky:
    algorithm = Picky()
    from convlet.conv.algorithms import load

    table = {"picky": algorithm, "numpy": load("numpy")}
    module = sys.modules["convlet.conv.select"]
    monkeypatch.setattr(module, "ALGORITHMS", tuple(table))
    monkeypatch.setattr(module, "load", table.__getitem__)
    return algorithm


def test_the_first_that_does_not_refuse(picky: Picky) -> None:
    odd, even = ConvProblem.parse("ic1 ih5 iw4 oc1 kh1 kw1"), ConvProblem.parse("ic1 ih4 iw4 oc1 kh1 kw1")
    assert select(odd)[0] is picky
    assert select(odd)[1] == (("picky", None),)
    algorithm, walk = select(even)
    assert algorithm.name == "numpy"
    assert walk == (("picky", "even height"), ("numpy", None))


def test_only_one_image_matters(picky: Picky) -> None:
    select(ConvProblem.parse("n64 ic1 ih5 iw4 oc1 kh1 kw1"))
    assert [problem.n for problem in picky.asked] == [1]


def test_forced_by_name(picky: Picky) -> None:
    assert select(PLAIN, "numpy")[1] == (("numpy", None),)
    with pytest.raises(RuntimeError, match=r"algorithm 'picky' refuses the convolution n2 g1 ic3 .*: even height"):
        select(PLAIN, "picky")
    with pytest.raises(ValueError, match="there is no convolution algorithm 'fft'; there are picky, numpy"):
        select(PLAIN, "fft")


def test_the_last_takes_everything() -> None:
    assert ALGORITHMS[-1] == "numpy"
    for dtype in ("f32", "bf16", "c128", "i8", "u8", "bool"):
        for direction in ("fwd", "bwd_input", "bwd_weight"):
            problem = ConvProblem.parse(f"{PLAIN.text.removesuffix(' fwd')} {dtype} {direction}")
            assert algorithms.load("numpy").refuse(problem) is None


def test_force_algorithm_is_a_block_of_one_thread() -> None:
    seen = []
    with force_algorithm("numpy"):
        thread = threading.Thread(target=lambda: seen.append(forced_algorithm()))
        thread.start()
        thread.join()
        assert plan_for(PLAIN).algorithm == forced_algorithm() == "numpy"
        with force_algorithm(None):
            assert forced_algorithm() is None
        assert forced_algorithm() == "numpy"
    assert forced_algorithm() is None
    assert seen == [None]
    with pytest.raises(ValueError, match="there is no convolution algorithm 'nonsense'"), force_algorithm("nonsense"):
        pass


def test_without_numba_the_reason_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_numba(name: str) -> types.ModuleType:
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr(algorithms, "import_module", no_numba)
    algorithms.load.cache_clear()
    algorithms._say_once.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="Numba is not installed; convolutions run through NumPy, slower"):
            missing = algorithms.load("direct")
        assert algorithms.load("direct") is missing
        assert missing.refuse(PLAIN) == "Numba is not installed"
        with pytest.raises(RuntimeError, match="'direct' is not available: Numba is not installed"):
            missing.plan(PLAIN)
    finally:
        algorithms.load.cache_clear()
        algorithms._say_once.cache_clear()


def test_everything_works_without_numba() -> None:
    code = """
import sys, warnings
sys.modules["numba"] = None
import numpy as np
from convlet.conv import conv2d_problem, forward, input_gradient, plan_for, weight_gradient
x, w = np.ones((2, 3, 5, 5), np.float32), np.ones((4, 3, 3, 3), np.float32)
problem = conv2d_problem(x.shape, w.shape, None, x.dtype, w.dtype, None, padding=1)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    y = forward(problem, x, w)
    input_gradient(problem, y, w)
    weight_gradient(problem, x, y)
assert y[0, 0, 2, 2] == 27
assert [str(each.message) for each in said] == ["Numba is not installed; convolutions run through NumPy, slower"]
walk = plan_for(problem).walk
assert walk[0] == (walk[0][0], "Numba is not installed") and walk[-1] == ("numpy", None), walk
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_of_ours_is_no_missing_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> types.ModuleType:
        raise ImportError("cannot import name 'x' from 'convlet.kernels'", name="convlet.kernels")

    monkeypatch.setattr(algorithms, "import_module", broken)
    algorithms.load.cache_clear()
    try:
        with pytest.raises(ImportError, match="cannot import name 'x'"):
            algorithms.load("direct")
    finally:
        algorithms.load.cache_clear()


def test_importing_convolution_loads_no_numba() -> None:
    code = "import sys, convlet.conv; sys.exit(' '.join({'numba', 'ml_dtypes'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_plans_are_kept() -> None:
    with force_algorithm("numpy"):
        same = ConvProblem.parse(PLAIN.text)
        assert plan_for(PLAIN) is plan_for(same)
        assert plan_for(PLAIN, "bwd_input") is plan_for(same.with_direction("bwd_input"))
        assert plan_for(PLAIN, "bwd_weight").walk == (("numpy", None),)


@pytest.mark.parametrize("channels_last", [False, True])
def test_outputs_made_and_given(channels_last: bool) -> None:
    rng = np.random.default_rng(0)
    x, w, grad = (integers(s, "f32", rng) for s in (PLAIN.input_shape, PLAIN.weight_shape, PLAIN.output_shape))
    calls = [(forward, x, w), (input_gradient, grad, w), (weight_gradient, x, grad)]
    with force_algorithm("numpy"):
        for function, a, b in calls:
            made = function(PLAIN, a, b, channels_last=channels_last)
            assert made.dtype == np.float32
            assert made.transpose(0, 2, 3, 1).flags.c_contiguous == channels_last
            assert made.flags.c_contiguous != channels_last
            given = np.full(made.shape, np.nan, np.float32)
            assert function(PLAIN, a, b, out=given) is given
            np.testing.assert_array_equal(given, made)


def test_bias_is_added_once() -> None:
    x, w = np.zeros(PLAIN.input_shape, np.float32), np.zeros(PLAIN.weight_shape, np.float32)
    bias = np.arange(4, dtype=np.float32)
    out = forward(PLAIN, x, w, bias)
    np.testing.assert_array_equal(out, np.broadcast_to(bias[:, None, None], out.shape))


@pytest.mark.parametrize(
    "text", ["n0 ic3 ih6 iw6 oc4 kh3 kw3", "n2 g2 ic0 ih6 iw6 oc4 kh3 kw3", "n0 ic3 ih0 iw6 oc4 kh3 kw3 ph2"]
)
def test_empty_problems(text: str) -> None:
    problem = ConvProblem.parse(text)
    x, w = np.ones(problem.input_shape, np.float32), np.ones(problem.weight_shape, np.float32)
    out = forward(problem, x, w, np.ones(4, np.float32))
    # PyTorch: no channels in, no channels out.
    assert out.shape == (problem.n, 4 if problem.ic else 0, problem.oh, problem.ow)
    assert plan_for(problem).algorithm == "empty"
    for gradient, like in ((input_gradient(problem, out, w), x), (weight_gradient(problem, x, out), w)):
        np.testing.assert_array_equal(gradient, np.zeros_like(like))


def test_an_output_beyond_memory() -> None:
    problem = ConvProblem.parse(f"ic1 ih1 iw1 oc1 kh1 kw1 pt{2**23} pb0 pl0 pr{2**23} f64")
    one = np.ones((1, 1, 1, 1))
    with pytest.raises(
        RuntimeError, match=r"DefaultCPUAllocator: can't allocate memory: you tried to allocate 5629\d+ bytes"
    ):
        forward(problem, one, one)
