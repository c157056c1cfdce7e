"""What the direct algorithm cuts in its own way: units, parts, tiles that leave out padding; in all directions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convlet.conv.algorithms import direct, weight_gradient
from convlet.conv.algorithms.bands import tile_columns
from convlet.conv.problem import DIRECTIONS, ConvProblem
from tests.conv.strategies import check_exact

SHAPES = (
    "n7 ic20 ih9 iw8 oc5 kh3 kw3 ph1 pw1",  # several images in a unit, one less in the last
    "n2 ic33 ih40 iw31 oc3 kh5 kw3 ph2 pw1 dh2",  # few output channels: input and gradient change places
    "n2 g2 ic34 ih12 iw13 oc4 kh3 kw5 ph1 pw3 dw2",
    "ic18 ih50 iw21 oc20 kh3 kw3 ph18 pw18 dh18 dw18",  # rows of the taps apart, taps that no row reads
    "ic17 ih3 iw4 oc18 kh7 kw7 ph3 pw3",
    "n2 ic17 ih33 iw33 oc18 kh3 kw3 ph18 pw18 dh18 dw18",  # tiles that end where taps leave the image
    "ic3 ih12 iw1700 oc17 kh3 kw3 ph1 pw1",  # pieces of rows
    "ic2 ih1 iw4000 oc5 kh1 kw9 sw2 pw4 reflect",
    "n3 ic19 ih17 iw14 oc18 kh3 kw3 sh3 sw2 ph1 pw1",  # phases of unequal sizes
    "ic16 ih11 iw13 oc17 kh2 kw1 sh3 sw4",  # phases that no tap reaches
    "ic16 ih2 iw1 oc16 kh3 kw3 sh4 sw4 ph1 pw1",  # fewer phases than the stride
    "n2 ic5 ih19 iw18 oc17 kh4 kw3 sh2 sw3 ph3 pw2 dh3 dw2",
    "n2 ic20 ih9 iw7 oc33 kh3 kw3 sh2 sw2 ph1 pw1 circular",
    "n2 ic40 ih15 iw2 oc20 kh3 kw3 ph1 pw1",  # joined rows
)


@pytest.mark.parametrize("layouts", [("contiguous",) * 3, ("channels_last",) * 3], ids=lambda each: each[0])
@pytest.mark.parametrize("shape", SHAPES)
def test_exact(shape: str, layouts: tuple[str, str, str]) -> None:
    for direction in DIRECTIONS:
        problem = ConvProblem.parse(f"{shape} {direction}")
        last = layouts[0] == "channels_last"
        check_exact(
            direct.plan(problem),
            problem,
            (
                layouts[0],
                layouts[0] if direction == "bwd_weight" else "contiguous",
                "channels_last" if last and direction != "bwd_weight" else "contiguous",
            ),
        )


def test_tiles_end_where_taps_leave_the_image() -> None:
    dilated = ConvProblem.parse("ic512 ih33 iw33 oc256 kh3 kw3 ph12 pw12 dh12 dw12")
    assert tile_columns(dilated, 1, 7) == 6  # the second of five tiles would read all taps for one column
    assert tile_columns(dilated, 1, 14) == 14
    assert tile_columns(replace(dilated, mode_w="circular"), 1, 7) == 7
    assert tile_columns(ConvProblem.parse("ic64 ih28 iw28 oc64 kh3 kw3 ph1 pw1"), 1, 14) == 14


@pytest.mark.parametrize("positions", [8, 60])
def test_all_cuts_of_a_weight_gradient(positions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_gradient, "POSITIONS", positions)
    monkeypatch.setattr(weight_gradient, "CHANNELS", (16, 5))
    problem = ConvProblem.parse("n5 ic20 ih9 iw8 oc70 kh3 kw3 sh2 ph1 pw1 bwd_weight")
    cuts = set(weight_gradient.cuts(problem, 4))
    assert len(cuts) > 4
    for cut in cuts:
        run = weight_gradient.plan(problem)
        run.cut = cut
        check_exact(run, problem)


def test_padding_is_left_out() -> None:
    """A product with padding would make NaN of an infinity."""
    problem = ConvProblem.parse("ic16 ih4 iw6 oc16 kh3 kw3 ph1 pw1 bwd_weight")
    x, grad = np.ones(problem.input_shape, np.float32), np.full(problem.output_shape, np.inf, np.float32)
    out = np.full(problem.weight_shape, np.nan, np.float32)
    direct.plan(problem)(x, grad, None, out)
    assert np.isposinf(out).all()


def test_products_with_padding_are_not_counted() -> None:
    problem = ConvProblem.parse("ic32 ih4 iw4 oc32 kh3 kw3 ph1 pw1 bwd_weight")
    whole = replace(problem, ih=6, iw=6, pt=0, pb=0, pl=0, pr=0)
    assert weight_gradient.multiplied(problem) * 16 * 9 == weight_gradient.multiplied(whole) * 100
