"""Winograd beside direct convolution on a grid of problems: what the cost model expects, and what is measured.

    python -m benchmarks.winograd [threads]

Prints every problem where selection is wrong by more than a tenth, and a least-squares fit of the model's costs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import product

import numpy as np

from benchmarks.sides import arrays_of
from convlet.conv.algorithms import direct, winograd
from convlet.conv.problem import DIRECTIONS, ConvProblem
from convlet.runtime import threads

CHANNELS = (4, 8, 16, 32, 64, 128, 256)
SIZES = (4, 5, 7, 8, 10, 14, 20, 28, 56)
ROUNDS = 8


def problems(count: int) -> list[ConvProblem]:
    """So many of the grid that are neither large nor lopsided."""
    grid = [
        ConvProblem.parse(f"ic{ic} ih{size} iw{size} oc{oc} kh3 kw3 ph1 pw1")
        for ic, oc, size in product(CHANNELS, CHANNELS, SIZES)
        if ic * oc * size**2 <= 64 * 64 * 56**2 and max(ic, oc) <= 8 * min(ic, oc)
    ]
    order = np.random.default_rng(0).permutation(len(grid))[:count]
    return [grid[i] for i in order]


def times(problem: ConvProblem) -> tuple[float, float]:
    """Seconds that Winograd and direct convolution take, the best of alternating rounds."""
    arrays = arrays_of(problem)
    names = {"fwd": "xw", "bwd_input": "gw", "bwd_weight": "xg"}[problem.direction]
    a, b = (arrays[each] for each in names)
    out = np.empty(problem.result_shape, np.float32)
    runs = [module.plan(problem) for module in (winograd, direct)]

    def timed(run: Callable[..., None], repeat: int) -> float:
        start = time.perf_counter()
        for _ in range(repeat):
            run(a, b, None, out)
        return (time.perf_counter() - start) / repeat

    for run in runs:
        run(a, b, None, out)
    repeat = max(2, min(60, int(0.003 / timed(runs[1], 1))))
    found = [[timed(run, repeat) for run in runs] for _ in range(ROUNDS)]
    mine, other = (min(each) for each in zip(*found))
    return mine, other


def main() -> None:
    threads.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for direction in DIRECTIONS:
        rows, measured = [], []
        for problem in problems(110):
            problem = problem.with_direction(direction)
            mine, other = times(problem)
            ratio, taken = other / mine, winograd.slower(problem) is None
            if (taken and ratio < 0.9) or (not taken and ratio > winograd.MARGIN + 0.1):
                word = "taken" if taken else "refused"
                print(f"{problem}: {word}, expected {winograd.speedup(problem):.2f}, measured {ratio:.2f}")
            rows.append(winograd.work(problem))
            measured.append(mine)
        weights = 1 / np.array(measured)
        terms = np.array(rows, np.float64) * weights[:, None]
        fit = np.linalg.lstsq(terms, np.ones(len(rows)), rcond=None)[0]
        names = ("multiplications", "image", "result", "weight", "call")
        print(direction, ", ".join(f"{name} {seconds * 1e9:.3g} ns" for name, seconds in zip(names, fit)))


if __name__ == "__main__":
    main()
