"""What is the NumPy algorithm's own: bands and blocks of images, whatever their size."""

from __future__ import annotations

import numpy as np
import pytest

from convlet.conv.algorithms import numpy as algorithm
from convlet.conv.problem import DIRECTIONS, ConvProblem
from tests.conv.strategies import GRID, check_exact, integers


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("size", [1, 1000, 5000])
def test_small_bands(monkeypatch: pytest.MonkeyPatch, size: int, direction: str) -> None:
    monkeypatch.setattr(algorithm, "_WINDOW_BYTES", size)
    for text in GRID:
        problem = ConvProblem.parse(text).with_direction(direction)
        check_exact(algorithm.plan(problem), problem)
        check_exact(algorithm.plan(problem), problem, ("channels_last", "contiguous", "reversed"))


def test_windows_are_bounded() -> None:
    problem = ConvProblem.parse("n3 ic16 ih200 iw200 oc1 kh5 kw5 ph2 pw2")
    layout = algorithm._Layout(problem)
    x = integers(problem.input_shape, "f32", np.random.default_rng(0))
    sizes = [windows.size * windows.itemsize for _, _, windows in layout.windows(x)]
    assert max(sizes) <= algorithm._WINDOW_BYTES
    assert sum(sizes) == 3 * 16 * 25 * 200 * 200 * 4
