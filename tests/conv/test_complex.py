"""Complex convolutions as three real ones."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import complex as algorithm
from convlet.conv.plan import plan_for
from convlet.conv.precision import convolution_precision
from convlet.conv.problem import DIRECTIONS, ConvProblem
from tests.conv.strategies import LAYOUTS, check_exact

SHAPES = (
    "n2 ic12 ih9 iw10 oc8 kh3 kw3 sh2 sw2 ph1 pw1",
    "n2 ic17 ih10 iw13 oc19 kh1 kw1",
    "n2 g3 ic12 ih12 iw13 oc12 kh3 kw3 ph1 pw1",
    "g16 ic16 ih20 iw11 oc16 kh3 kw3 ph1 pw1",
    "ic8 ih12 iw12 oc8 kh3 kw3 ph2 pw1 circular",
)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["c64", "c128"])
@pytest.mark.parametrize("shape", SHAPES)
def test_exact(shape: str, dtype: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    assert plan_for(problem).algorithm == "complex"
    with convolution_precision("highest"):  # the three real convolutions only reorder sums
        check_exact(algorithm.plan(problem), problem)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_strides(layout: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{SHAPES[0]} c64 {direction}")
    run = algorithm.plan(problem)
    out = layout if layout not in ("expanded", "flat") else "contiguous"
    check_exact(run, problem, (layout, "contiguous", out))
    check_exact(run, problem, ("contiguous", layout, "channels_last"))


def test_what_it_leaves_to_numpy() -> None:
    assert plan_for(ConvProblem.parse("ic1 ih4 iw4 oc1 kh3 kw3 c64")).algorithm == "numpy"
    assert "the dtype is i32" in (algorithm.refuse(ConvProblem.parse("ic8 ih12 iw12 oc8 kh3 kw3 i32")) or "")


def test_bias() -> None:
    problem = ConvProblem.parse("ic8 ih12 iw12 oc8 kh3 kw3 c64")
    x, w = np.zeros(problem.input_shape, np.complex64), np.zeros(problem.weight_shape, np.complex64)
    bias = (np.arange(8) - 3 + 2j).astype(np.complex64)
    out = np.empty(problem.output_shape, np.complex64)
    algorithm.plan(problem)(x, w, bias, out)
    np.testing.assert_array_equal(out, np.broadcast_to(bias[:, None, None], out.shape))
