"""Groups of few channels: planes of every stride and padding, blocks of channels and parts of an input gradient."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import grouped, load
from convlet.conv.algorithms.grouped import TERMS
from convlet.conv.algorithms.grouped_channels import Channels
from convlet.conv.plan import plan_for
from convlet.conv.problem import DIRECTIONS, ConvProblem
from tests.conv.strategies import LAYOUTS, check_exact, operand_shapes

SHAPES = (
    "n2 g3 ic12 ih12 iw13 oc12 kh3 kw3 ph1 pw1",
    "g2 ic16 ih70 iw9 oc16 kh3 kw3 ph1 pw1",
    "n2 g2 ic14 ih9 iw40 oc10 kh3 kw3 sh2 sw2 ph1 pw1",
    "g2 ic6 ih11 iw11 oc4 kh3 kw3 sh2 sw2",
    "g2 ic10 ih8 iw8 oc14 kh2 kw2 sh2 sw2 pt1 pl1",
    "n3 g2 ic4 ih7 iw75 oc6 kh5 kw7 ph2 pw3",
    "g4 ic8 ih13 iw17 oc16 kh3 kw3 sh3 sw2 ph3 pw2 dh2 dw3",
    "g2 ic4 ih10 iw9 oc4 kh3 kw3 sh2 sw2 ph2 pw2 dh2 dw2",
    "g2 ic6 ih9 iw10 oc6 kh1 kw1 sh2 sw2",
    "g2 ic4 ih6 iw7 oc4 kh2 kw2 pt-1 pb1 pl2 pr-2",
    "g2 ic4 ih6 iw8 oc6 kh3 kw2 sw2 pt-1 pb2 pl-2 pr3",
    "g3 ic6 ih5 iw4 oc6 kh1 kw1 ph3 pw2",
    "g2 ic4 ih1 iw1 oc4 kh3 kw3 sh2 sw2 ph1 pw1",
    "g2 ic4 ih3 iw300 oc4 kh3 kw3 ph1 pw1",
    "g2 ic4 ih3 iw150 oc4 kh3 kw3 sw2 ph1 pw1",
)
# Groups whose channels fill vectors: several are read and stored together, the last blocks of some are not whole.
WIDE_SHAPES = (
    "g2 ic32 ih7 iw7 oc32 kh3 kw3 ph1 pw1",
    "n2 g7 ic112 ih14 iw15 oc112 kh3 kw3 sh2 sw2 ph1 pw1",
    "n2 g3 ic96 ih9 iw31 oc96 kh3 kw3 sh2 sw2 ph1 pw1",
    "g3 ic72 ih9 iw17 oc84 kh3 kw3 sh1 sw2 ph1 pw1",
    "g2 ic48 ih30 iw31 oc40 kh3 kw3 ph1 pw1",
    "g2 ic32 ih9 iw10 oc64 kh2 kw3 dh2 sh2 sw2 pt-1 pb2 pl2 pr1",
    "g2 ic32 ih5 iw4 oc32 kh1 kw1 sh2 sw2 ph3 pw2",
)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_exact(shape: str, dtype: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    assert grouped.refuse(problem.per_image()) is None
    check_exact(grouped.plan(problem), problem)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize(
    "shape",
    [
        "n2 ic3 ih31 iw35 oc20 kh11 kw11 sh4 sw4 ph2 pw2",
        "ic1 ih14 iw16 oc9 kh5 kw4 sh2 sw3 ph2 pw1 reflect",
        "g2 ic10 ih17 iw19 oc6 kh3 kw3 sh4 sw4 dh2 dw3",
        "n2 g2 ic40 ih13 iw12 oc48 kh3 kw3 sh3 sw3 ph1 pw1",
    ],
)
def test_input_gradients_of_large_strides(shape: str, layout: str) -> None:
    problem = ConvProblem.parse(f"{shape} bwd_input")
    assert grouped.refuse(problem.per_image()) is None
    check_exact(grouped.plan(problem), problem, (layout, "contiguous", layout))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "reversed"])
@pytest.mark.parametrize("direction", ["fwd", "bwd_input"])
@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16"])
@pytest.mark.parametrize("shape", WIDE_SHAPES)
def test_lanes_that_are_channels(shape: str, dtype: str, direction: str, layout: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    for terms in TERMS.values():
        check_exact(Channels(problem, terms), problem, (layout, "contiguous", layout))
        check_exact(Channels(problem, terms), problem, ("channels_last", layout, "contiguous"))


@pytest.mark.parametrize("channels", range(2, 33))
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_number_of_channels(channels: int, direction: str) -> None:
    problem = ConvProblem.parse(f"g2 ic{2 * channels} ih5 iw6 oc{2 * (34 - channels)} kh2 kw3 ph1 pw1 {direction}")
    check_exact(grouped.plan(problem), problem)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_strides(layout: str, direction: str) -> None:
    problem = ConvProblem.parse(f"n2 g2 ic6 ih9 iw8 oc8 kh3 kw3 sh2 sw2 ph1 pw1 {direction}")
    run = grouped.plan(problem)
    out = layout if layout not in ("expanded", "flat") else "contiguous"
    check_exact(run, problem, (layout, "contiguous", out))
    check_exact(run, problem, ("contiguous", layout, "channels_last"))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[2], "n2 g7 ic28 ih70 iw33 oc42 kh3 kw3 ph1 pw1", SHAPES[7]])
def test_channels_side_by_side_are_transposed_on_the_way(shape: str, dtype: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    for layouts in (("channels_last",) * 3, ("channels_last", "contiguous", "contiguous")):
        run = grouped.plan(problem)
        check_exact(run, problem, layouts)


def test_long_sums_are_made_of_several() -> None:
    """An error that grew with the terms would be ten times as large."""
    problem = ConvProblem.parse("g2 ic64 ih9 iw9 oc8 kh7 kw7 ph3 pw3")
    rng = np.random.default_rng(3)
    a, b = (rng.uniform(1, 2, size).astype(np.float32) for size in operand_shapes(problem))
    got, want = (np.empty(problem.result_shape, dtype) for dtype in (np.float32, np.float64))
    load("grouped").plan(problem)(a, b, None, got)
    wide = ConvProblem.parse(problem.text.replace(" fwd", " f64 fwd"))
    load("numpy").plan(wide)(a.astype(np.float64), b.astype(np.float64), None, want)
    assert np.linalg.norm(got - want) < 5e-7 * np.linalg.norm(want)


def test_an_infinity_stays_in_its_channel_and_its_windows() -> None:
    problem = ConvProblem.parse("g2 ic4 ih9 iw9 oc4 kh3 kw3 ph1 pw1")
    x, w = (np.ones(size, np.float32) for size in operand_shapes(problem))
    x[0, 1, 4, 8] = np.inf
    out = np.empty(problem.output_shape, np.float32)
    grouped.plan(problem)(x, w, None, out)
    infinite = np.zeros(out.shape, bool)
    infinite[0, :2, 3:6, 7:] = True
    np.testing.assert_array_equal(np.isinf(out), infinite)
    assert not np.isnan(out).any()
    gradient = np.empty(problem.weight_shape, np.float32)
    grouped.plan(problem.with_direction("bwd_weight"))(x, np.ones_like(out), None, gradient)
    assert np.isfinite(gradient[:, 0]).all()
    assert np.isfinite(gradient[2:]).all()


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        ("g32 ic128 ih56 iw56 oc128 kh3 kw3 ph1 pw1", "grouped"),
        ("g32 ic512 ih28 iw28 oc512 kh3 kw3 sh2 sw2 ph1 pw1 bwd_input", "grouped"),
        ("g32 ic256 ih28 iw28 oc256 kh3 kw3 ph1 pw1 bwd_weight", "grouped"),
        ("g2 ic384 ih13 iw13 oc384 kh3 kw3 ph1 pw1 f64", "direct"),
        ("g3 ic240 ih28 iw28 oc60 kh1 kw1", "pointwise"),
    ],
)
def test_what_it_takes(text: str, algorithm: str) -> None:
    assert plan_for(ConvProblem.parse(text)).algorithm == algorithm
