"""Convlet beside itself: the ways of computing a layer, in one process, taking turns.

A ratio is how many times as fast a way is as what it is compared with:

- `channels_last`: arrays of that layout, beside NCHW;
- `f16`, `bf16`: arrays of that type, beside float32;
- `algorithms`: the chosen algorithm, beside the best of the others that take the problem.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

from benchmarks.layers import Options, problem_of, read_table
from benchmarks.regions import handover_ns
from benchmarks.sides import Convlet, Setting, arrays_of
from benchmarks.worker import measure, timed
from convlet.conv.algorithms import ALGORITHMS, load
from convlet.conv.problem import ConvProblem
from convlet.conv.select import select

# The ratio from which on a way does what it should.
WAYS = {"channels_last": 0.95, "f16": 0.87, "bf16": 0.87, "algorithms": 0.9}
# A way that takes so many times as long as the fastest one in the first turn is not measured again.
HOPELESS = 2


@dataclass(frozen=True)
class Way:
    """One way of computing: a problem, and how Convlet is to compute it."""

    name: str
    problem: ConvProblem
    setting: Setting


def compare(way: str, options: Options) -> None:
    """Measures every row and prints it; then, for each pass, the geometric mean and how many rows are too slow."""
    setting = options.setting
    words = [way, ", ".join(options.tables), f"{setting.threads} threads", f"precision {setting.precision}"]
    near = f"; a line goes from core to core in {handover_ns():.0f} ns" if setting.threads > 1 else ""
    print(f"\n{', '.join(words)}{near}")
    print(f"{'problem':66} {'beside':>11} {'us':>8} {'way':>13} {'us':>8} {'ratio':>6}", flush=True)
    for direction in options.passes:
        ratios: list[float] = []
        for layer in (row for table in options.tables for row in read_table(table)):
            problem = problem_of(layer, direction, options)
            times = _times(_ways(problem, way, setting), options)
            if len(times) > 1:
                this, that = times.pop(), min(times)
                ratios.append(that[0] / this[0])
                sides = f"{that[1]:>11} {that[0] * 1e6:8.0f} {this[1]:>13} {this[0] * 1e6:8.0f}"
                print(f"{problem.text:66} {sides} {ratios[-1]:6.2f}", flush=True)
        if ratios:
            print(_summary(direction, ratios, WAYS[way]))


def _ways(problem: ConvProblem, way: str, setting: Setting) -> list[Way]:
    """The way of the problem, last, and before it what it is compared with."""
    if way == "channels_last":
        return [Way("nchw", problem, setting), Way(way, problem, replace(setting, layout=way))]
    if way != "algorithms":
        return [Way(problem.dtype, problem, setting), Way(way, replace(problem, dtype=way), setting)]
    chosen = select(problem)[0].name
    takers = [name for name in ALGORITHMS if load(name).refuse(problem.per_image()) is None and name != chosen]
    return [Way(name, problem, replace(setting, algorithms=(name,))) for name in [*takers, chosen]]


def _times(ways: list[Way], options: Options) -> list[tuple[float, str]]:
    """Seconds of a call by each way, the median of its fastest turn, and the way's name; the subject's is the last."""
    found: dict[str, list[float]] = {way.name: [] for way in ways}
    for turn in range(options.rounds):
        for way in ways if turn % 2 == 0 else ways[::-1]:
            p = way.problem
            for _, once in Convlet(way.setting).variants(p, arrays_of(p), forward=p.direction == "fwd"):
                timed(once)
                found[way.name].append(statistics.median(measure(once, options.seconds, options.idle)))
        if turn == 0 and len(ways) > 2:
            least = min(map(min, found.values()))
            ways = [way for way in ways if way is ways[-1] or min(found[way.name]) < HOPELESS * least]
    return [(min(times), name) for name, times in found.items()]


def _summary(direction: str, ratios: list[float], least: float) -> str:
    mean, below = math.exp(statistics.fmean(map(math.log, ratios))), sum(ratio < least for ratio in ratios)
    return f"{direction}: geometric mean {mean:.2f}, {below} of {len(ratios)} below {least}, worst {min(ratios):.2f}"
