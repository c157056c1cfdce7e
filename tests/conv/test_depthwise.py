"""One input channel a group: every kind of axis, layout and block, exactly on integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import depthwise, load
from convlet.conv.algorithms.depthwise import tables
from convlet.conv.algorithms.depthwise.axes import blocks
from convlet.conv.problem import DIRECTIONS, ConvProblem, numpy_dtype
from tests.conv.strategies import check_exact, garbage, operand_shapes, relaid

SHAPES = [
    "n2 g3 ic3 ih7 iw7 oc3 kh3 kw3 ph1 pw1",
    "n2 g17 ic17 ih14 iw14 oc17 kh3 kw3 ph1 pw1",
    "g20 ic20 ih14 iw15 oc20 kh3 kw3 sh2 sw2 ph1 pw1",
    "g2 ic2 ih29 iw37 oc2 kh5 kw5 ph2 pw2",
    "n2 g5 ic5 ih13 iw33 oc5 kh5 kw5 sh2 sw2 ph2 pw2",
    "g3 ic3 ih16 iw56 oc3 kh7 kw7 ph3 pw3",
    "g3 ic3 ih9 iw8 oc3 kh7 kw7 sh2 sw2 ph3 pw3",
    "g2 ic2 ih12 iw12 oc2 kh11 kw11 ph5 pw5",
    "g4 ic4 ih10 iw11 oc4 kh3 kw3 dh2 dw3 ph2 pw3",
    "g4 ic4 ih10 iw11 oc4 kh3 kw4 sh2 sw2 dh3 dw2 ph2 pw3",
    "g4 ic4 ih10 iw11 oc4 kh3 kw3 sh3 sw1 dh2 ph2 pw1",
    "n2 g3 ic3 ih8 iw9 oc9 kh3 kw3 ph1 pw1",
    "n2 g3 ic3 ih8 iw9 oc6 kh3 kw3 sh2 sw2 ph1 pw1",
    "g3 ic3 ih6 iw7 oc3 kh2 kw2 pt-1 pb1 pl2 pr-2",
    "g3 ic3 ih6 iw20 oc3 kh3 kw5 sh2 sw2 pt-1 pb3 pl-2 pr4",
    "g3 ic3 ih1 iw1 oc3 kh3 kw3 sh2 sw2 ph1 pw1",
    "g3 ic3 ih3 iw4 oc3 kh1 kw1 sh2 sw2",
    "g3 ic3 ih40 iw18 oc3 kh1 kw9 pw4",
    "g3 ic3 ih18 iw40 oc3 kh9 kw1 ph4",
]


@pytest.mark.parametrize("dtype", ["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "reversed"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_exact(shape: str, direction: str, layout: str, dtype: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    algorithm = load("depthwise")
    reason = algorithm.refuse(problem.per_image())
    if reason is not None:
        pytest.skip(reason)
    check_exact(algorithm.plan(problem), problem, (layout, "contiguous", layout))
    if direction == "bwd_weight":
        check_exact(algorithm.plan(problem), problem, (layout, layout, "contiguous"))


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("shape", [*SHAPES[:5], "ic1 g1 ih60 iw300 oc1 kh3 kw3 ph1 pw1"])
def test_sixteen_bits_are_float32_rounded_once(shape: str, direction: str, layout: str, dtype: str) -> None:
    problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
    reason = load("depthwise").refuse(problem.per_image())
    if reason is not None:
        pytest.skip(reason)
    rng = np.random.default_rng(0)
    kind = numpy_dtype(dtype)
    a, b = (rng.standard_normal(shape, np.float32).astype(kind) for shape in operand_shapes(problem))
    a[0, 0, 0] = np.inf  # of which sums that are no number come
    a, b = relaid(a, layout), b if direction != "bwd_weight" else relaid(b, layout)
    wide, narrow = (garbage(problem.result_shape, np.dtype(each), layout) for each in (np.float32, kind))
    depthwise.plan(problem)(a, b, None, narrow)
    depthwise.plan(replace(problem, dtype="f32"))(*(each.astype(np.float32, order="K") for each in (a, b)), None, wide)
    with np.errstate(over="ignore"):
        expected = wide.astype(kind).astype(np.float32)
    assert np.array_equal(narrow.astype(np.float32), expected, equal_nan=True)


@pytest.mark.parametrize("sizes", [(1, 2, 4), (1, 2, 4, 7, 8)])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 14, 28, 55, 71, 72, 73, 100, 100_003])
def test_blocks_cover_every_row(count: int, sizes: tuple[int, ...]) -> None:
    found = blocks(count, sizes)
    assert {row for first, size in found for row in range(first, first + size)} == set(range(count))
    assert all(size in sizes for _, size in found)


@pytest.mark.parametrize("sizes", [(1, 2, 4), (1, 2, 4, 7, 8)])
def test_blocks_of_a_weight_gradient_cover_every_row_once(sizes: tuple[int, ...]) -> None:
    for count in range(1, 150):
        rows = [row for first, size in blocks(count, sizes, once=True) for row in range(first, first + size)]
        assert rows == list(range(count))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_weight_gradients_of_every_height_and_width(layout: str) -> None:
    for size in range(1, 34):
        problem = ConvProblem.parse(f"g3 ic3 ih{size} iw{size} oc3 kh3 kw3 ph1 pw1 bwd_weight")
        check_exact(depthwise.plan(problem), problem, (layout, layout, "contiguous"))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("shape", SHAPES[:6])
def test_lines_asked_for_ahead_change_nothing(shape: str, direction: str, layout: str, monkeypatch) -> None:
    monkeypatch.setattr(tables, "CACHED", dict.fromkeys(DIRECTIONS, 0))
    problem = ConvProblem.parse(f"{shape} {direction}")
    check_exact(depthwise.plan(problem), problem, (layout, "contiguous", layout))
