"""Kernels of one tap as products of matrices: every blocking, layouts read in place and those left to others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import load, pointwise
from convlet.conv.plan import forward, plan_for
from convlet.conv.problem import DIRECTIONS, ConvProblem, numpy_dtype, short_dtype
from convlet.kernels import target
from convlet.runtime import threads
from convlet.runtime.storage import Storage
from tests.conv.strategies import LAYOUTS, check_exact, operand_shapes

SHAPES = (
    "n2 ic17 ih10 iw43 oc19 kh1 kw1",
    "ic1 ih61 iw7 oc1 kh1 kw1",
    "n2 g2 ic26 ih20 iw21 oc14 kh1 kw1",
    "ic300 ih39 iw11 oc9 kh1 kw1",
    "n3 ic5 ih1 iw430 oc33 kh1 kw1",
    "ic3 ih1040 iw1 oc11 kh1 kw1",
    "ic20 ih61 iw67 oc3 kh1 kw1",
    "n5 ic37 ih10 iw13 oc21 kh1 kw1",
    "n3 g2 ic70 ih9 iw11 oc38 kh1 kw1",
    "n7 ic70 ih1 iw1 oc45 kh1 kw1",
    "n2 g2 ic270 ih1 iw1 oc98 kh1 kw1",
    "ic300 ih1 iw1 oc3 kh1 kw1",
    "n5 ic47 ih7 iw7 oc63 kh1 kw1",
    "n3 g2 ic300 ih14 iw14 oc160 kh1 kw1",
    "n2 ic2100 ih7 iw5 oc31 kh1 kw1",
    "n5 g3 ic99 ih1 iw1 oc21 kh1 kw1",
    "n25 ic1024 ih1 iw1 oc21 kh1 kw1",
    "n3 ic43 ih101 iw107 oc2 kh1 kw1",
    "n2 g2 ic70 ih43 iw41 oc10 kh1 kw1",
)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_exact(shape: str, dtype: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    assert pointwise.refuse(problem.per_image()) is None
    check_exact(pointwise.plan(problem), problem)


STRIDED = (
    "n2 ic18 ih20 iw22 oc33 kh1 kw1 sh2 sw2",
    "n2 ic18 ih21 iw33 oc17 kh1 kw1 sh2 sw2",
    "n2 g2 ic36 ih25 iw20 oc34 kh1 kw1 sh3 sw1",
    "n3 g2 ic68 ih27 iw28 oc128 kh1 kw1 sh2 sw2",
    "n3 ic130 ih17 iw40 oc70 kh1 kw1 sw4",
)
MANY = (
    "g2 ic64 ih18 iw18 oc64 kh1 kw1",
    "n2 ic150 ih10 iw13 oc70 kh1 kw1",
    "n2 g2 ic60 ih20 iw21 oc130 kh1 kw1",
    "n3 ic17 ih10 iw10 oc100 kh1 kw1",
)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16", "f16"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("shape", [*STRIDED, *MANY])
def test_exact_in_both_layouts(shape: str, layout: str, dtype: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    reason = pointwise.refuse(problem.per_image())
    if dtype == "f16" and reason is not None:
        pytest.skip(reason)
    assert reason is None
    weight = "contiguous" if direction != "bwd_weight" else layout
    out = layout if direction != "bwd_weight" else "contiguous"
    check_exact(pointwise.plan(problem), problem, (layout, weight, out))


def test_both_layouts_are_read_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(problem: ConvProblem) -> None:
        raise AssertionError(f"{problem} went to the direct algorithm")

    monkeypatch.setattr(pointwise.direct, "plan", never)
    for layout in ("contiguous", "channels_last"):
        for dtype in ("f32", "bf16"):
            for direction in DIRECTIONS:
                problem = ConvProblem.parse(f"ic32 ih21 iw21 oc48 kh1 kw1 {dtype} {direction}")
                sides = (layout, "contiguous", layout) if direction != "bwd_weight" else (layout, layout, "contiguous")
                check_exact(pointwise.plan(problem), problem, sides)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "shape",
    [
        "n2 ic18 ih10 iw12 oc9 kh1 kw1",
        "n2 ic18 ih20 iw22 oc9 kh1 kw1",
        "n2 ic18 ih20 iw22 oc39 kh1 kw1 sh2 sw2",
        "n2 ic38 ih12 iw10 oc39 kh1 kw1 bf16",
        "n3 ic33 ih1 iw1 oc20 kh1 kw1",
    ],
)
def test_exact_with_any_strides(shape: str, layout: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{shape} {direction}")
    run = pointwise.plan(problem)
    out = layout if layout not in ("expanded", "flat") else "contiguous"
    check_exact(run, problem, (layout, "contiguous", out))
    check_exact(run, problem, ("contiguous", layout, "contiguous"))
    check_exact(run, problem, ("contiguous", "contiguous", out))



def test_what_it_takes() -> None:
    one_channel = "depthwise" if target.current().vector >= 32 else "grouped"  # without masked loads
    for text, algorithm in (
        ("ic64 ih56 iw56 oc64 kh1 kw1", "pointwise"),
        ("ic512 ih1 iw1 oc1000 kh1 kw1", "pointwise"),
        ("ic64 ih56 iw56 oc64 kh1 kw1 sh2 sw2", "pointwise"),
        ("ic64 ih56 iw56 oc64 kh1 kw1 bf16", "pointwise"),
        ("g64 ic64 ih56 iw56 oc64 kh1 kw1", one_channel),
    ):
        for direction in DIRECTIONS:
            assert plan_for(ConvProblem.parse(f"{text} {direction}")).algorithm == algorithm


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if "ih1 iw1 " in shape])
def test_halves_of_one_pixel(shape: str, direction: str, dtype: str) -> None:
    for images in (1, 2, 40):
        problem = replace(ConvProblem.parse(f"{shape} {dtype} {direction}"), n=images)
        reason = pointwise.refuse(problem.per_image())
        if reason is not None:
            pytest.skip(reason)
        check_exact(pointwise.plan(problem), problem)


def test_one_tap_on_one_pixel_has_the_same_bits_kept_or_not() -> None:
    for dtype in (np.float32, numpy_dtype("bf16")):
        problem = ConvProblem.parse(f"ic300 ih1 iw1 oc70 kh3 kw3 ph1 pw1 {short_dtype(np.dtype(dtype))} fwd")
        rng = np.random.default_rng(7)
        x, w = (rng.standard_normal(shape).astype(dtype) for shape in operand_shapes(problem))
        kept = Storage()
        found = [forward(problem, x, w, kept=kept).tobytes() for _ in range(3)]
        assert {*found, forward(problem, x, w).tobytes()} == {found[0]}
        assert len(kept.forms or ()) == 1
        kept.writes += 1
        w[:] = 1
        assert np.array_equal(forward(problem, x, w, kept=kept), forward(problem, x, w))


@pytest.mark.parametrize(
    "text",
    [
        *("n4 ic150 ih9 iw11 oc37 kh1 kw1", "n5 ic300 ih7 iw7 oc304 kh1 kw1", "n4 ic640 ih1 iw1 oc50 kh1 kw1"),
        *("n5 ic2640 ih1 iw1 oc50 kh1 kw1 bf16", "n3 ic150 ih9 iw11 oc37 kh1 kw1 bf16"),
    ],
)
@pytest.mark.parametrize("direction", ["fwd", "bwd_input"])
def test_an_image_gives_the_same_bits_in_any_batch(text: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{text} {direction}")
    dtype = numpy_dtype(problem.dtype)
    rng = np.random.default_rng(7)
    a, b = (rng.standard_normal(size).astype(dtype) for size in operand_shapes(problem))
    together = np.full(problem.result_shape, np.nan, dtype)
    load("pointwise").plan(problem)(a, b, None, together)
    run = load("pointwise").plan(problem.per_image())
    for image in range(problem.n):
        alone = np.full(problem.per_image().result_shape, np.nan, dtype)
        run(a[image : image + 1], b, None, alone)
        assert alone.tobytes() == together[image : image + 1].tobytes()


@pytest.mark.parametrize("channels", ["ic64 oc2", "ic64 oc9", "ic70 oc16", "ic40 oc21", "ic16 oc96"])
def test_a_weight_gradient_has_the_same_bits_on_any_number_of_threads(channels: str) -> None:
    """Which order sums have depends on the channels: lanes of terms or of columns."""
    problem = ConvProblem.parse(f"n2 {channels} ih41 iw43 kh1 kw1 bwd_weight")
    rng = np.random.default_rng(7)
    a, b = (rng.standard_normal(size).astype(np.float32) for size in operand_shapes(problem))
    before, found = threads.get_num_threads(), set()
    try:
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            out = np.full(problem.result_shape, np.nan, np.float32)
            load("pointwise").plan(problem)(a, b, None, out)
            found.add(out.tobytes())
    finally:
        threads.set_num_threads(before)
    assert len(found) == 1
