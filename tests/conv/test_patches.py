"""Patches: every way to cut images and to join them again."""

from __future__ import annotations

import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import patches
from convlet.conv.plan import plan_for
from convlet.conv.problem import DIRECTIONS, ConvProblem
from tests.conv.strategies import LAYOUTS, WRITABLE, check_exact

SHAPES = (
    "ic64 ih32 iw32 oc64 kh2 kw2 sh2 sw2",
    "n2 ic24 ih33 iw47 oc40 kh2 kw3 sh2 sw3",
    "ic3 ih60 iw68 oc80 kh4 kw4 sh4 sw4",
    "n3 ic5 ih25 iw42 oc70 kh5 kw7 sh5 sw7",
    "ic2 ih40 iw190 oc60 kh8 kw19 sh8 sw19",
    "n2 g2 ic40 ih20 iw22 oc80 kh2 kw2 sh2 sw2",
    "n2 ic70 ih30 iw9 oc130 kh6 kw1 sh6",
    "n3 ic96 ih4 iw4 oc50 kh4 kw4",
    "n2 ic96 ih5 iw6 oc50 kh4 kw4 sh3 sw9",
)


def taken(text: str) -> list[ConvProblem]:
    """The directions of a problem that are not refused."""
    problems = (ConvProblem.parse(f"{text} {direction}") for direction in DIRECTIONS)
    return [each for each in problems if patches.refuse(each.per_image()) is None]


@pytest.mark.parametrize("problem", [each for shape in SHAPES for each in taken(shape)], ids=str)
def test_exact(problem: ConvProblem) -> None:
    check_exact(patches.plan(problem), problem)


@pytest.mark.parametrize(
    "problem", [each for shape in SHAPES[:2] + SHAPES[-2:] for each in taken(f"{shape} f64")], ids=str
)
def test_float64(problem: ConvProblem) -> None:
    check_exact(patches.plan(problem), problem)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("problem", [each for shape in SHAPES[:3] + SHAPES[-2:] for each in taken(shape)], ids=str)
def test_any_strides(problem: ConvProblem, layout: str) -> None:
    run = patches.plan(problem)
    out = layout if layout in WRITABLE else "contiguous"
    check_exact(run, problem, (layout, "contiguous", out))
    check_exact(run, problem, (layout, "channels_last", "channels_last"))


@pytest.mark.parametrize("problem", taken("n5 ic24 ih33 iw47 oc40 kh2 kw3 sh2 sw3"), ids=str)
def test_a_batch_in_parts(problem: ConvProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "COLUMNS_BYTES", 2 * 24 * 33 * 47 * 4)
    run = patches.plan(problem)
    assert len(run.parts) == 3
    check_exact(run, problem)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ic192 ih28 iw28 oc384 kh2 kw2 sh2 sw2 bwd_input", "direct"),
        ("ic3 ih224 iw224 oc96 kh4 kw4 sh4 sw4 bwd_input", "patches"),
        ("ic192 ih28 iw28 oc384 kh2 kw2 sh2 sw2 bwd_weight", "patches"),
        ("ic192 ih28 iw28 oc384 kh2 kw2 sh2 sw2 fwd", "direct"),
        ("ic512 ih4 iw4 oc100 kh4 kw4 fwd", "patches"),
        ("ic12 ih8 iw8 oc12 kh2 kw2 sh2 sw2 bwd_input", "direct"),
    ],
)
def test_selection(text: str, wanted: str) -> None:
    assert plan_for(ConvProblem.parse(text)).algorithm == wanted
