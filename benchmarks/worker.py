"""One side in a process of its own: reads requests from standard input, a JSON object a line, and answers likewise.

    {"problem": text, "forward": bool, "seconds": s, "idle": s, "cold": bool}
                                   ->  {variant: {"first": s, "times": [...], "sample": [...]}}
    {"peak": bytes of an element}  ->  {"peak": GFLOP/s, "handover": nanoseconds, or null}
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from benchmarks.sides import QUIET, SIDES, Setting, arrays_of
from convlet.conv.problem import ConvProblem


def timed(once: Callable[[], object]) -> tuple[float, object]:
    """Seconds of a call, and its result."""
    start = time.perf_counter()
    result = once()
    return time.perf_counter() - start, result


_SWEPT = 32 << 20  # bytes a processor, more than caches hold


def sweep() -> None:
    """Fills the caches of all processors with what nobody needs."""

    def fill(processor: int) -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {processor})  # this thread's
        np.ones(_SWEPT, np.uint8).sum()

    processors = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    threads = [threading.Thread(target=fill, args=(each,)) for each in processors]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def measure(once: Callable[[], object], seconds: float, idle: float = 0.0, cold: bool = False) -> list[float]:
    """Times of single calls, for about so many seconds; each after `idle` seconds of sleep, or a sweep of the caches.

    Before, as many calls as fit the time, up to three, are not counted.
    """
    stop = time.perf_counter() + seconds
    for _ in range(3):
        once()
        if time.perf_counter() > stop:
            break
    times: list[float] = []
    stop = time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < stop and len(times) < 1000):
        if idle:
            time.sleep(idle)
        if cold:
            sweep()
        times.append(timed(once)[0])
    return times


def sample(array: np.ndarray) -> list[float]:
    """A hundred elements of a result, the same ones on every side."""
    picked = np.random.default_rng(1).integers(0, array.size, 100)
    return array.reshape(-1)[picked].tolist()


def answer(side, request: dict) -> dict:
    if "peak" in request:
        from benchmarks.regions import handover_ns
        from convlet.kernels.peak import tile_gflops

        threads = side.setting.threads
        stop = time.perf_counter() + 2
        while True:  # a machine that slept takes a while to run both its cores well
            found = {"peak": tile_gflops(threads, request["peak"]), "handover": handover_ns() if threads > 1 else None}
            if threads == 1 or found["handover"] < 100 or time.perf_counter() > stop:
                return found
    problem = ConvProblem.parse(request["problem"])
    found = {}
    time.sleep(QUIET)
    for variant, once in side.variants(problem, arrays_of(problem), request["forward"]):
        first, result = timed(once)
        seconds = request["seconds"]
        times = measure(once, seconds, request["idle"], request["cold"]) if seconds else []
        numbers = sample(side.numbers(result))
        found[side.name(problem, variant)] = {"first": first, "times": times, "sample": numbers}
    return found


def main() -> None:
    name, setting = sys.argv[1:]
    side = SIDES[name](Setting(**json.loads(setting)))
    for line in sys.stdin:
        print(json.dumps(answer(side, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
