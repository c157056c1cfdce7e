"""Few output channels: every stride, padding and layout, rows shorter than a vector, bands and runs of weights."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet import get_num_threads, set_num_threads
from convlet.conv.algorithms import overlap
from convlet.conv.plan import plan_for
from convlet.conv.problem import ConvProblem
from tests.conv.strategies import check_exact, operand_shapes

FORWARD = (
    "n2 ic64 ih12 iw13 oc3 kh3 kw3 ph1 pw1",
    "ic40 ih40 iw9 oc1 kh3 kw3 ph1 pw1",
    "n3 ic20 ih9 iw40 oc1 kh3 kw5 ph2 pw1 dh2 dw3",
    "ic200 ih12 iw50 oc5 kh2 kw4 pt-1 pb2 pl3 pr-2",
    "ic200 ih53 iw3 oc2 kh4 kw1 ph2",
    "ic90 ih20 iw20 oc3 kh3 kw3 ph1 pw2 reflect",
)
BACKWARD = (
    "n2 ic3 ih24 iw25 oc64 kh3 kw3 sh2 sw2 ph1 pw1",
    "ic3 ih30 iw26 oc70 kh4 kw4 sh2 sw2 ph1 pw1",
    "n2 ic6 ih20 iw20 oc16 kh5 kw5",
    "ic1 ih50 iw40 oc33 kh3 kw3",
    "ic2 ih70 iw63 oc80 kh5 kw4 sh4 sw3 ph2 pw1",
    "ic3 ih40 iw40 oc80 kh3 kw3 sh3 sw2 ph2 pw2 dh2 dw2",
    "ic3 ih40 iw40 oc64 kh3 kw3 ph1 pw1 circular",
)
PROBLEMS = [*(f"{each} fwd" for each in FORWARD), *(f"{each} bwd_input" for each in BACKWARD)]


@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "reversed"])
@pytest.mark.parametrize("text", PROBLEMS)
def test_exact(text: str, layout: str, dtype: str) -> None:
    shape, direction = text.rsplit(" ", 1)
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    assert overlap.refuse(problem.per_image()) is None
    run = overlap.plan(problem)
    check_exact(run, problem, (layout, "contiguous", layout))
    check_exact(run, problem, ("contiguous", layout, "channels_last"))


@pytest.mark.parametrize("text", PROBLEMS)
def test_bands_change_no_bits(text: str) -> None:
    problem = ConvProblem.parse(text)
    rng = np.random.default_rng(5)
    a, b = (rng.standard_normal(size, np.float32) for size in operand_shapes(problem))
    run, found = overlap.plan(problem), []
    before = get_num_threads()
    try:
        for threads in (1, 2):
            set_num_threads(threads)
            found.append(np.empty(problem.result_shape, np.float32))
            run(a, b, None, found[-1])
    finally:
        set_num_threads(before)
    np.testing.assert_array_equal(*found)
    one = np.empty(problem.per_image().result_shape, np.float32)
    overlap.plan(problem.per_image())(a[-1:], b, None, one)
    np.testing.assert_array_equal(found[0][-1:], one)


def test_an_infinity_stays_in_its_windows() -> None:
    problem = ConvProblem.parse("ic64 ih12 iw12 oc2 kh3 kw3 ph1 pw1")
    x, w = (np.ones(size, np.float32) for size in operand_shapes(problem))
    x[0, 1, 4, 11] = np.inf
    out = np.empty(problem.output_shape, np.float32)
    overlap.plan(problem)(x, w, None, out)
    infinite = np.zeros(out.shape, bool)
    infinite[0, :, 3:6, 10:] = True
    np.testing.assert_array_equal(np.isinf(out), infinite)


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        ("ic1 ih572 iw572 oc64 kh3 kw3 bwd_input", "overlap"),
        ("ic64 ih224 iw224 oc3 kh3 kw3 ph1 pw1", "overlap"),
        ("ic256 ih28 iw28 oc8 kh3 kw3 ph1 pw1", "winograd"),
        ("ic16 ih56 iw56 oc3 kh3 kw3 ph1 pw1", "grouped"),
        ("ic64 ih112 iw112 oc3 kh9 kw9 ph4 pw4", "grouped"),
    ],
)
def test_what_it_takes(text: str, algorithm: str) -> None:
    assert plan_for(ConvProblem.parse(text)).algorithm == algorithm
