"""Winograd convolution: its error on all kinds of data and shapes, the same bits everywhere, and when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from convlet.conv import precision, select
from convlet.conv.algorithms import winograd
from convlet.conv.algorithms.winograd import choice, forward, weight_gradient, weights
from convlet.conv.problem import DIRECTIONS, MODES, ConvProblem, numpy_dtype
from convlet.kernels import target
from convlet.runtime import threads
from convlet.runtime.storage import Storage
from tests.conv.strategies import LAYOUTS, WRITABLE, garbage, operand_shapes, oracle, relaid

# What the precisions promise.
BOUNDS = {"high": 3e-6, "highest": 2e-7}
BOUND = BOUNDS["high"]

DIFFICULT = (
    "ic64 ih15 iw15 oc32 kh5 kw5",
    "ic64 ih15 iw15 oc32 kh3 kw3 sh2 sw2",
    "ic64 ih12 iw16 oc32 kh1 kw7",
)

SHAPES = (
    "ic1 ih3 iw3 oc1",
    "n2 ic3 ih7 iw9 oc5 ph1 pw1",
    "ic16 ih8 iw8 oc32 ph1 pw1",
    "n3 ic37 ih13 iw11 oc45 ph1 pw1",
    "n2 ic20 ih5 iw6 oc17 pt2 pb0 pl-1 pr3",
    "ic33 ih4 iw300 oc15 pw2",
    "g2 ic34 ih9 iw10 oc66 ph2 pw2",
    "g3 ic12 ih6 iw6 oc9 ph1 pw1",
    "ic130 ih9 iw9 oc70 ph1 pw1",
    "ic3 ih11 iw5 oc3 pt-2 pb-1 pl1 pr-2",
    "n2 ic5 ih1 iw1 oc4 ph2 pw2",
)


# Other kernels: strides, one axis, several runs, every number of points.
KERNELS = (
    "n2 ic20 ih13 iw10 oc18 kh3 kw3 sh2 sw2 ph1 pw1",
    "ic17 ih12 iw11 oc33 kh3 kw3 sh2 sw2 ph2 pw0",
    "n2 g2 ic6 ih9 iw12 oc34 kh4 kw4 sh2 sw2 ph1 pw1",
    "ic16 ih11 iw9 oc16 kh5 kw5 ph2 pw2",
    "ic9 ih12 iw15 oc16 kh5 kw5 sh2 sw2 pt1 pb2 pl3 pr-1",
    "n2 ic18 ih9 iw11 oc17 kh1 kw7 pw3",
    "n2 ic18 ih11 iw9 oc17 kh7 kw1 ph3",
    "ic18 ih5 iw9 oc33 kh1 kw3 pw1",
    "ic18 ih9 iw5 oc33 kh3 kw1 ph1 pw2",
    "ic5 ih9 iw9 oc6 kh2 kw2",
    "g2 ic10 ih9 iw9 oc6 kh2 kw6 sw2 pw2",
    "ic5 ih13 iw12 oc6 kh3 kw5 sh3 sw2 ph1",
    "ic5 ih13 iw12 oc6 kh7 kw8 ph3 pw4",
    "ic5 ih13 iw12 oc6 kh7 kw7 sh2 sw2 ph3 pw3",
    "ic5 ih11 iw10 oc6 kh9 kw11 ph4 pw5",
    "n2 ic18 ih13 iw11 oc17 kh3 kw3 dh2 dw2 ph2 pw2",
    "ic5 ih14 iw9 oc6 kh3 kw5 dh4 dw3 ph4 pw6",
    "ic5 ih9 iw7 oc6 kh3 kw3 dh12 dw6 ph12 pw6",
    "n2 g2 ic10 ih12 iw16 oc6 kh3 kw4 sw2 dh2 ph1 pw1",
    "ic5 ih1 iw200 oc6 kh1 kw2 dw5 pl10",
    # Classes with fewer inputs than taps.
    "n2 ic18 ih13 iw11 oc17 kh3 kw3 dh7 dw6 ph7 pw6",
    "ic5 ih9 iw12 oc6 kh3 kw5 dh9 dw4 ph9 pw8",
    "ic5 ih9 iw12 oc6 kh5 kw3 dh3 dw7 pt7 pb5 pl8 pr9",
)


def of(text: str) -> ConvProblem:
    return ConvProblem.parse(text if "kh" in text else f"{text} kh3 kw3")


def data(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    values = rng.standard_normal(shape)
    if kind == "large mean":
        values += 1000
    elif kind == "alternating":
        values = (np.indices(shape).sum(axis=0) % 2 * 2 - 1) * (1 + 0.01 * values)
    elif kind == "range of 1e4":
        values *= 10 ** rng.uniform(-2, 2, shape)
    elif kind == "one sign":
        values = np.abs(values)
    return values.astype(np.float32)


@pytest.fixture(params=BOUNDS)
def bound(request: pytest.FixtureRequest) -> Iterator[float]:
    """The bound of each precision, which is set."""
    with precision.convolution_precision(request.param):
        yield BOUNDS[request.param]


def operands(problem: ConvProblem, kind: str = "normal", seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [data(kind, shape, rng) for shape in operand_shapes(problem)]


def error(run, problem: ConvProblem, a: np.ndarray, b: np.ndarray, layout: str = "contiguous") -> float:
    """The norm-relative error; NaN where an element was not written."""
    bias = np.linspace(-1, 1, problem.oc, dtype=np.float32) if problem.direction == "fwd" else None
    out = garbage(problem.result_shape, a.dtype, layout)
    run(a, b, bias, out)
    want = oracle(problem, a.astype(np.float64), b.astype(np.float64), bias)
    return float(np.linalg.norm(out - want) / np.linalg.norm(want))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("text", SHAPES)
def test_within_the_bound(text, direction, bound):
    problem = of(text).with_direction(direction)
    assert error(winograd.plan(problem), problem, *operands(problem)) <= bound


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("text", KERNELS)
def test_other_kernels(text, direction, bound):
    problem = of(text).with_direction(direction)
    assert error(winograd.plan(problem), problem, *operands(problem)) <= bound


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("text", KERNELS[::3])
def test_every_tile(text, direction, bound):
    problem = of(text).with_direction(direction)
    a, b = operands(problem)
    for pair in choice.candidates(problem):
        assert error(winograd.plan(problem, pair), problem, a, b) <= bound


@pytest.mark.parametrize("kind", ["large mean", "alternating", "range of 1e4", "one sign"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("text", ["ic64 ih14 iw14 oc32", "ic256 ih6 iw6 oc16", "ic4 ih60 iw60 oc16", *DIFFICULT])
def test_within_the_bound_on_difficult_data(text, direction, kind, bound):
    problem = of(f"{text} ph1 pw1").with_direction(direction)
    if winograd.unable(problem) is None:
        assert error(winograd.plan(problem), problem, *operands(problem, kind)) <= bound


def test_error_of_long_sums():
    """Many channels, and many tiles in several passes: the error does not grow with them."""
    for text, bound in (
        ("ic1024 ih8 iw8 oc16 ph1 pw1", 1.5e-6),
        ("ic1024 ih14 iw14 oc16 ph1 pw1", 2.5e-6),
        ("ic1024 ih8 iw8 oc16 kh3 kw3 sh2 sw2 ph1 pw1", 1e-6),
        ("ic1024 ih8 iw8 oc16 kh5 kw5 ph2 pw2", 2.5e-6),
        ("ic1024 ih8 iw8 oc16 kh1 kw7 pw3", 2.5e-6),
        ("n40 ic16 ih32 iw32 oc16 ph1 pw1 bwd_weight", 1.5e-6),
    ):
        problem = of(text)
        assert error(winograd.plan(problem), problem, *operands(problem)) <= bound


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_padding_modes(direction, mode):
    for text in ("n2 ic6 ih9 iw7 oc5 pt1 pb2 pl3 pr0", "ic4 ih8 iw10 oc4 pt-1 pb1 pl2 pr-1"):
        problem = ConvProblem.parse(f"{text} kh3 kw3 {mode} {direction}")
        assert error(winograd.plan(problem), problem, *operands(problem)) <= BOUND


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_strides(layout, direction):
    problem = of("n2 ic19 ih9 iw10 oc18 ph1 pw1").with_direction(direction)
    a, b = operands(problem)
    run = winograd.plan(problem)
    out = layout if layout in WRITABLE else "contiguous"
    assert error(run, problem, relaid(a, layout), b, out) <= BOUND
    assert error(run, problem, a, relaid(b, layout), "channels_last") <= BOUND


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_half_precision_is_stored_and_float32_computed(dtype, direction):
    if dtype == "bf16":
        pytest.importorskip("ml_dtypes")
    problem = of(f"n2 ic20 ih9 iw10 oc18 ph1 pw1 {dtype}").with_direction(direction)
    a, b = (array.astype(numpy_dtype(dtype)) for array in operands(problem))
    for layout in ("contiguous", "channels_last"):
        rounding = {"f16": 2**-11, "bf16": 2**-8}[dtype]
        assert error(winograd.plan(problem), problem, relaid(a, layout), b, layout) <= rounding


@pytest.mark.parametrize("text", ["n4 ic20 ih30 iw30 oc18 ph1 pw1", "ic20 ih9 iw10 oc18 ph1 pw1"])
def test_relu_is_stored(text):
    problem = of(text)
    a, b = operands(problem)
    np.testing.assert_array_equal(result(replace(problem, tail=("relu",)), a, b), np.maximum(result(problem, a, b), 0))


@settings(max_examples=60)
@given(st.data())
def test_any_problem(draws):
    size = st.integers(1, 14)
    mode_h, mode_w = draws.draw(st.tuples(st.sampled_from(MODES), st.sampled_from(MODES)))
    ih, iw = draws.draw(st.tuples(size, size))
    dh, dw = draws.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pads = []
    for length, mode in ((ih, mode_h), (iw, mode_w)):
        most = {"zeros": 5, "reflect": length - 1, "replicate": 4, "circular": length}[mode]
        least = -1 if length > 1 and mode != "circular" else 0
        pads += [draws.draw(st.integers(least, most)) for _ in range(2)]
    if ih + pads[0] + pads[1] <= 2 * dh or iw + pads[2] + pads[3] <= 2 * dw:
        return
    if ih + min(pads[0], 0) + min(pads[1], 0) < 1 or iw + min(pads[2], 0) + min(pads[3], 0) < 1:
        return
    g = draws.draw(st.integers(1, 2))
    channels = st.integers(1, 40)
    problem = ConvProblem(
        draws.draw(st.integers(1, 3)),
        g,
        g * draws.draw(channels),
        ih,
        iw,
        g * draws.draw(channels),
        3,
        3,
        1,
        1,
        *pads,
        dh=dh,
        dw=dw,
        mode_h=mode_h,
        mode_w=mode_w,
        direction=draws.draw(st.sampled_from(DIRECTIONS)),
    )
    a, b = operands(problem, seed=draws.draw(st.integers(0, 5)))
    layouts = draws.draw(st.tuples(*[st.sampled_from(WRITABLE)] * 3))
    assert error(winograd.plan(problem), problem, relaid(a, layouts[0]), relaid(b, layouts[1]), layouts[2]) <= BOUND


def result(problem: ConvProblem, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The result; weights that were used twice give the same, transformed before."""
    out, again = garbage(problem.result_shape, a.dtype), garbage(problem.result_shape, a.dtype)
    run = winograd.plan(problem)
    run(a, b, None, out)
    if problem.direction != "bwd_weight":
        kept = Storage()
        for _ in range(2):
            run(a, b, None, again, kept)
        np.testing.assert_array_equal(again, out)
    return out


def on_threads(problem: ConvProblem, *counts: int) -> list[np.ndarray]:
    a, b = operands(problem)
    before = threads.get_num_threads()
    results = []
    try:
        for count in counts:
            threads.set_num_threads(count)
            results.append(result(problem, a, b))
    finally:
        threads.set_num_threads(before)
    return results


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("text", ["n3 ic70 ih14 iw15 oc40 ph1 pw1", "g2 ic32 ih9 iw40 oc70 ph1 pw1"])
def test_same_bits_on_any_number_of_threads(text, direction, bound):
    problem = of(text).with_direction(direction)
    results = on_threads(problem, 1, 2, 5)
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


@pytest.mark.parametrize("direction", ["fwd", "bwd_input"])
def test_same_bits_in_any_batch_and_pass(direction, bound, monkeypatch):
    problem = of("n5 ic70 ih10 iw13 oc40 ph1 pw1").with_direction(direction)
    a, b = operands(problem)
    whole = result(problem, a, b)
    for i in range(5):
        np.testing.assert_array_equal(result(replace(problem, n=1), a[i : i + 1], b)[0], whole[i])
    # In one region, and in two, with several passes and blocks.
    monkeypatch.setattr(forward, "LEAST_TILES_TOGETHER", 1)
    monkeypatch.setattr(forward, "LEAST_BUSY", 0)
    assert winograd.plan(problem).cut(2)[1].together
    np.testing.assert_array_equal(result(problem, a, b), whole)
    monkeypatch.setattr(forward, "OWN_WEIGHTS", 0)
    np.testing.assert_array_equal(result(problem, a, b), whole)
    monkeypatch.setattr(forward, "TASK_BYTES", 0)
    monkeypatch.setattr(forward, "PASS_BYTES", 200_000)
    monkeypatch.setattr(forward, "LARGE_PASS_BYTES", 200_000)
    monkeypatch.setattr(forward, "TASK_PRODUCTS", 200)
    assert winograd.plan(problem).cut(2)[1] is None
    assert winograd.plan(problem).cut(2)[0].units.passes > 1
    np.testing.assert_array_equal(result(problem, a, b), whole)
    # Each task transforms its weights.
    monkeypatch.setattr(weights, "LARGEST_WEIGHTS", 0)
    np.testing.assert_array_equal(result(problem, a, b), whole)


def test_weight_gradient_in_several_passes(bound, monkeypatch):
    monkeypatch.setattr(weight_gradient, "PASS_BYTES", 1)
    monkeypatch.setattr(weight_gradient, "GRADIENT_TILES", 10)
    monkeypatch.setattr(weight_gradient, "GRADIENT_CHUNK", 4)
    problem = of("n3 g2 ic150 ih13 iw9 oc70 ph1 pw1 bwd_weight")
    assert error(winograd.plan(problem), problem, *operands(problem)) <= bound
    results = on_threads(problem, 1, 2, 5)
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


@pytest.mark.parametrize(
    "text", ["n5 g2 ic74 ih13 iw9 oc50 ph1 pw1", "n2 ic17 ih20 iw31 oc9 kh3 kw5 dh2 ph2 pw3 reflect"]
)
def test_weight_gradient_in_parts(text, monkeypatch):
    monkeypatch.setattr(weight_gradient, "PART_TILES", 2)
    problem = of(f"{text} bwd_weight")
    for images in (1, 200_000):
        monkeypatch.setattr(weight_gradient, "PART_IMAGES", images)
        assert winograd.plan(problem).parts
        assert error(winograd.plan(problem), problem, *operands(problem)) <= BOUND
        results = on_threads(problem, 1, 2, 5)
        np.testing.assert_array_equal(results[1], results[0])
        np.testing.assert_array_equal(results[2], results[0])


def test_what_it_cannot_compute():
    reasons = {
        "ic64 ih56 iw56 oc64 kh3 kw3 ph1 pw1 f64": "float32",
        "ic64 ih56 iw56 oc64 kh3 kw3 ph1 pw1 i32": "float32",
        "ic64 ih56 iw56 oc64 kh1 kw1": "one tap",
        "ic64 ih56 iw56 oc64 kh31 kw31": "large transforms",
        "ic64 ih56 iw56 oc64 kh1 kw3 sh2": "leaves inputs out",
        "ic64 ih56 iw56 oc64 kh3 kw3 sh2 sw2 dh2 dw2": "dilated",
    }
    for text, reason in reasons.items():
        for direction in DIRECTIONS:
            assert reason in winograd.refuse(ConvProblem.parse(f"{text} {direction}"))


def test_where_it_is_faster():
    faster = ("ic64 ih56 iw56 oc64", "ic128 ih28 iw28 oc128", "ic256 ih14 iw14 oc256", "ic64 ih224 iw224 oc64")
    faster += ("ic64 ih28 iw28 oc96 kh5 kw5", "ic192 ih17 iw17 oc192 kh1 kw7", "ic128 ih57 iw57 oc128 kh3 kw3 sh2 sw2")
    if target.current().name == "avx512":  # on few positions it depends on how fast transforms are
        faster += ("n64 ic64 ih4 iw4 oc64", "n64 ic32 ih8 iw8 oc64")
    slower = ("g64 ic64 ih56 iw56 oc64", "g32 ic128 ih56 iw56 oc128")
    small = ("ic1 ih8 iw8 oc32", "ic16 ih8 iw8 oc32", "ic32 ih4 iw4 oc64", "ic8 ih14 iw14 oc16", "ic16 ih7 iw7 oc32")
    for direction in DIRECTIONS:
        for text in faster:
            assert winograd.refuse(of(f"{text} ph1 pw1").with_direction(direction)) is None
        for text in slower:
            assert "as fast as direct" in winograd.refuse(of(f"{text} ph1 pw1").with_direction(direction))
        for text in small:
            assert "little to save" in winograd.refuse(of(f"n64 {text} ph1 pw1").with_direction(direction))


def test_precision_highest_takes_small_tiles():
    problem = of("ic64 ih56 iw56 oc64 ph1 pw1")
    tiles = {"high": (4, 4), "highest": (2, 2)}

    def check(expected: str) -> None:
        assert precision.get_convolution_precision() == expected
        assert select(problem)[0].name == "winograd"
        assert tuple(axis.m for axis in choice.axes(problem)) == tiles[expected]

    check("high")
    with precision.convolution_precision("highest"):
        check("highest")
        with precision.convolution_precision("high"):
            check("high")
        strided = of("ic64 ih56 iw56 oc64 sh2 sw2 bwd_weight")
        assert "highest" in winograd.refuse(strided)
    precision.set_convolution_precision("highest")
    try:
        check("highest")
    finally:
        precision.set_convolution_precision("high")
    for wrong in ("medium", None, 1):
        with pytest.raises(ValueError, match="must be 'highest' or 'high'"):
            precision.set_convolution_precision(wrong)
        with pytest.raises(ValueError, match="must be 'highest' or 'high'"), precision.convolution_precision(wrong):
            pass
    check("high")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_plans_follow_the_precision(direction):
    from convlet.conv.plan import plan_for

    problem = of("ic64 ih56 iw56 oc64 ph1 pw1").with_direction(direction)
    high = plan_for(problem)
    with precision.convolution_precision("highest"):
        highest = plan_for(problem)
    for _ in range(2):
        assert plan_for(problem) is high is not highest
        with precision.convolution_precision("highest"):
            assert plan_for(problem) is highest
