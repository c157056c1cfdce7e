"""Sums over an axis of float32 arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .along import Along, Stage


def _sum(numbers: Any, totals: Any, x: Any) -> Any:
    return [x], []


FORMULA = Along("total", [Stage(_sum, (0,), (), (0.0,))], kept=[(0, 5)])


def sums(x: np.ndarray, shape: tuple[int, int, int], out: np.ndarray) -> None:
    """Fills out[outer, inner] with the sums over the middle axis of x[outer, count, inner], both contiguous."""
    FORMULA.run(shape, {0: x, 5: out})
