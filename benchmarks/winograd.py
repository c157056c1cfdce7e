"""Winograd beside direct convolution on a sample of problems: what the cost model expects, and what is measured.

    python -m benchmarks.winograd [threads] [fwd,bwd_input,bwd_weight] [kernels] [precision]

Prints every problem where selection is wrong by more than a tenth, and a least-squares fit of the model's costs: in
multiplications of a vector of direct convolution. Weights are kept in forward passes, and change before each of the
others. A kernel is written 3x3 or 3x3s2.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np

from benchmarks.sides import arrays_of
from convlet.conv import precision
from convlet.conv.algorithms import direct, winograd
from convlet.conv.algorithms.winograd import choice
from convlet.conv.problem import DIRECTIONS, ConvProblem
from convlet.runtime import threads
from convlet.runtime.storage import Storage

KERNELS = "3x3,3x3,3x3s2,5x5,1x7,7x1,1x3,4x4s2,5x5s2,2x2,7x7,9x9"
CHANNELS = (8, 16, 32, 64, 128, 256, 512)
SIZES = (4, 5, 7, 8, 10, 14, 20, 28, 56)
FLOPS = 3e6, 3e8
EACH = 6
ROUNDS = 4


def problems(kernels: list[str]) -> list[ConvProblem]:
    """Some for each kernel, neither large nor lopsided."""
    random = np.random.default_rng(0)
    found = []
    for kernel in kernels:
        size, _, stride = kernel.partition("s")
        kh, kw = map(int, size.split("x"))
        text = f"kh{kh} kw{kw} sh{stride or 1} sw{stride or 1} ph{kh // 2} pw{kw // 2}"
        grid = [
            ConvProblem.parse(f"ic{ic} ih{size} iw{size} oc{oc} {text}")
            for ic, oc, size in product(CHANNELS, CHANNELS, SIZES)
            if max(ic, oc) <= 4 * min(ic, oc) and size >= max(kh, kw)
        ]
        grid = [each for each in grid if FLOPS[0] < each.flops < FLOPS[1]]
        found += [grid[i] for i in random.permutation(len(grid))[:EACH]]
    return found


def times(problem: ConvProblem, runs: list[Callable[..., None]]) -> list[float]:
    """Seconds that each takes, the best of alternating rounds."""
    arrays = arrays_of(problem)
    names = {"fwd": "xw", "bwd_input": "gw", "bwd_weight": "xg"}[problem.direction]
    a, b = (arrays[each] for each in names)
    out = np.empty(problem.result_shape, np.float32)
    kept = Storage() if problem.direction == "fwd" else None

    def timed(run: Callable[..., None], repeat: int) -> float:
        start = time.perf_counter()
        for _ in range(repeat):
            run(a, b, None, out, kept)
        return (time.perf_counter() - start) / repeat

    for run in runs:
        timed(run, 2)
    repeat = max(1, min(60, int(0.002 / timed(runs[-1], 1))))
    return [min(times) for times in zip(*([timed(run, repeat) for run in runs] for _ in range(ROUNDS)))]


def fit(terms: list[tuple], measured: list[float]) -> tuple[np.ndarray, float]:
    """Seconds of each term, and within which part of them nine of ten times are predicted."""
    seconds = np.array(measured)
    rows = np.array(terms, np.float64) / seconds[:, None]
    found = np.linalg.lstsq(rows, np.ones(len(rows)), rcond=None)[0]
    return found, float(np.quantile(np.abs(1 - rows @ found), 0.9))


def main() -> None:
    arguments = dict(enumerate(sys.argv))
    threads.set_num_threads(int(arguments.get(1, 1)))
    kernels = arguments.get(3, KERNELS).split(",")
    precision.set_convolution_precision(arguments.get(4, "high"))
    for direction in arguments.get(2, ",".join(DIRECTIONS)).split(","):
        own: tuple[list, list] = ([], [])
        plain: tuple[list, list] = ([], [])
        for problem in problems(kernels):
            problem = problem.with_direction(direction)
            if direction != "fwd":
                problem = replace(problem, n=choice.BATCH)
            pairs = choice.candidates(problem)
            *mine, other = times(problem, [*(winograd.plan(problem, pair) for pair in pairs), direct.plan(problem)])
            for pair, seconds in zip(pairs, mine):
                if not choice.is_kept(problem, pair):
                    continue
                own[0].append(choice.work(problem, pair))
                own[1].append(seconds)
            plain[0].append(choice.work_directly(problem))
            plain[1].append(other)
            chosen = choice.axes(problem)
            taken = mine[pairs.index(chosen)]
            refused = winograd.slower(problem) is not None
            best = min(*mine, other)
            if (other if refused else taken) > 1.1 * best:
                tiles = pairs[int(np.argmin(mine))]
                print(
                    f"{problem}: {'refused' if refused else 'taken'} in tiles of {chosen[0].m}x{chosen[1].m}, "
                    f"expected {winograd.speedup(problem):.2f}, measured {other / taken:.2f}, "
                    f"{other / min(mine):.2f} in tiles of {tiles[0].m}x{tiles[1].m}"
                )
        others, other_error = fit(*plain)
        found, error = fit(*own)
        for name, costs, off in (("winograd", found, error), ("direct", others, other_error)):
            relative = " ".join(f"{each / others[0]:.3g}" for each in costs)
            print(f"{direction}, {name}: {relative}; nine of ten within {off:.0%}", flush=True)


if __name__ == "__main__":
    main()
