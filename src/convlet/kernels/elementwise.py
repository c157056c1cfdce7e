"""Element by element over float32 arrays of one dense layout: sums, and keeping what lies between two bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..runtime import memory
from .lanes import Formula, Lanes


def _add(numbers: Sequence[Lanes], a: Lanes, b: Lanes) -> list[Lanes]:
    return [a + b]


def _clamp(numbers: Sequence[Lanes], a: Lanes) -> list[Lanes]:
    """a between two bounds, NaN where a is NaN. A bound of NaN is none."""
    low, high = numbers
    above = (a < low).choose(low, a)
    return [(above > high).choose(high, above)]


def _keep(numbers: Sequence[Lanes], a: Lanes, b: Lanes) -> list[Lanes]:
    """b where a lies inside two bounds (or is NaN), else 0."""
    low, high = numbers
    return [((a <= low) | (a >= high)).choose(0, b)]


FORMULAS = {
    "add": Formula("add", _add, (0, 1), (2,)),
    "clamp": Formula("clamp", _clamp, (0,), (1,), 2),
    "keep": Formula("keep", _keep, (0, 1), (2,), 2),
}


def apply(name: str, *arrays: np.ndarray, numbers: Sequence[float] = ()) -> None:
    """Fills the last array from the others, of which it may be one: see the formula of this name."""
    given = np.array(numbers, np.float32)
    FORMULAS[name].run([(arrays[0].size, memory.address(given), [memory.address(each) for each in arrays])])
