"""One side in a process of its own: reads requests from standard input, a JSON object a line, and answers likewise.

    {"problem": text, "seconds": s}  ->  {variant: {"times": [...], "sample": [...]}}
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.sides import SIDES, arrays_of
from convlet.conv.problem import ConvProblem


def measure(once: Callable[[], object], seconds: float) -> list[float]:
    """Times of single calls, for about so many seconds; the first calls are not counted."""
    for _ in range(3):
        once()
    times: list[float] = []
    stop = time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < stop and len(times) < 1000):
        start = time.perf_counter()
        once()
        times.append(time.perf_counter() - start)
    return times


def sample(result: object) -> list[float]:
    """A hundred elements of a result, the same ones on every side."""
    array = np.asarray(result, np.float64)
    picked = np.random.default_rng(1).integers(0, array.size, 100)
    return array.reshape(-1)[picked].tolist()


def main() -> None:
    side_name, threads, weights, *algorithms = sys.argv[1:]
    side = SIDES[side_name](int(threads), weights, tuple(algorithms))
    for line in sys.stdin:
        request = json.loads(line)
        problem = ConvProblem.parse(request["problem"])
        answer = {}
        for variant, once in side.variants(problem, arrays_of(problem)):
            answer[variant] = {"sample": sample(once()), "times": measure(once, request["seconds"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
