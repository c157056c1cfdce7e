"""Kernels of one tap as products of matrices: every blocking, layouts read in place and those left to others."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import load, pointwise
from convlet.conv.plan import plan_for
from convlet.conv.problem import DIRECTIONS, ConvProblem
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
    "ic300 ih1 iw1 oc3 kh1 kw1",
    "n5 g3 ic99 ih1 iw1 oc21 kh1 kw1",
)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_exact(shape: str, dtype: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    assert pointwise.refuse(problem.per_image()) is None
    check_exact(pointwise.plan(problem), problem)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "shape",
    ["n2 ic18 ih10 iw12 oc9 kh1 kw1", "n2 ic18 ih20 iw22 oc9 kh1 kw1", "n3 ic33 ih1 iw1 oc20 kh1 kw1"],
)
def test_exact_with_any_strides(shape: str, layout: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{shape} {direction}")
    run = pointwise.plan(problem)
    out = layout if layout != "expanded" else "contiguous"
    check_exact(run, problem, (layout, "contiguous", out))
    check_exact(run, problem, ("contiguous", layout, "contiguous"))
    check_exact(run, problem, ("contiguous", "contiguous", out))


def test_weight_gradients_copy_a_few_images_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointwise, "COPY_BYTES", 50_000)
    problem = ConvProblem.parse("n7 ic33 ih11 iw15 oc20 kh1 kw1 bwd_weight")
    check_exact(pointwise.plan(problem), problem)


def test_what_it_takes() -> None:
    for text, algorithm in (
        ("ic64 ih56 iw56 oc64 kh1 kw1", "pointwise"),
        ("ic512 ih1 iw1 oc1000 kh1 kw1", "pointwise"),
        ("ic64 ih56 iw56 oc64 kh1 kw1 sh2 sw2", "direct"),
        ("ic64 ih56 iw56 oc64 kh1 kw1 bf16", "direct"),
        ("g64 ic64 ih56 iw56 oc64 kh1 kw1", "depthwise"),
    ):
        for direction in DIRECTIONS:
            assert plan_for(ConvProblem.parse(f"{text} {direction}")).algorithm == algorithm


@pytest.mark.parametrize("text", ["n4 ic150 ih9 iw11 oc37 kh1 kw1", "n4 ic640 ih1 iw1 oc50 kh1 kw1"])
@pytest.mark.parametrize("direction", ["fwd", "bwd_input"])
def test_an_image_gives_the_same_bits_in_any_batch(text: str, direction: str) -> None:
    problem = ConvProblem.parse(f"{text} {direction}")
    rng = np.random.default_rng(7)
    a, b = (rng.standard_normal(size).astype(np.float32) for size in operand_shapes(problem))
    together = np.full(problem.result_shape, np.nan, np.float32)
    load("pointwise").plan(problem)(a, b, None, together)
    run = load("pointwise").plan(problem.per_image())
    for image in range(problem.n):
        alone = np.full(problem.per_image().result_shape, np.nan, np.float32)
        run(a[image : image + 1], b, None, alone)
        assert alone.tobytes() == together[image : image + 1].tobytes()
