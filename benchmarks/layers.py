"""The layers of a table, Convlet beside PyTorch: each side in a process of its own, taking turns."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from convlet.conv.problem import ConvProblem

TABLES = Path(__file__).parent / "tables"


class Side:
    """A worker process."""

    def __init__(self, name: str, threads: int, weights: str = "default", algorithms: tuple[str, ...] = ()):
        command = [sys.executable, "-m", "benchmarks.worker", name, str(threads), weights, *algorithms]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, problem: ConvProblem, seconds: float) -> dict:
        """{variant: {"times": ..., "sample": ...}}"""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"problem": problem.text, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"the process of one side ended at {problem}")

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def read_table(name: str) -> list[ConvProblem]:
    """The problems of benchmarks/tables/<name>.txt, a line each; '#' begins a comment."""
    path = TABLES / f"{name}.txt"
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in TABLES.glob("*.txt")))
        raise SystemExit(f"no table {name!r}; there are {known}")
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [ConvProblem.parse(line) for line in lines if line]


def peak_gflops(threads: int) -> float:
    """What the register tile reaches on data in the L1 cache, on so many threads: the measured peak."""
    from benchmarks.peak import tile_gflops

    return tile_gflops(threads)


def compare(
    tables: list[str],
    passes: list[str],
    threads: int,
    rounds: int,
    seconds: float,
    algorithms: tuple[str, ...] = (),
    batch: int | None = None,
    weights: str = "default",
) -> list[dict]:
    """Measures every row and prints it; then the geometric mean and the worst row."""
    peak = peak_gflops(threads)
    print(f"\n{threads} thread{'s' * (threads > 1)}; the tile alone reaches {peak:.0f} GFLOP/s")
    print(
        f"{'problem':64} {'algorithm':>10} {'us':>8} {'spread':>6} {'peak':>5} "
        f"{'torch us':>9} {'layout':>13} {'spread':>6} {'ratio':>6}"
    )
    ours, theirs = Side("convlet", threads, weights, algorithms), Side("torch", threads)
    rows = []
    try:
        for direction in passes:
            for problem in (each for table in tables for each in read_table(table)):
                problem = replace(problem, direction=direction, n=batch or problem.n)
                rows.append(_row(problem, ours, theirs, rounds, seconds, peak))
    finally:
        ours.close()
        theirs.close()
    ratios = [row["ratio"] for row in rows]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    worst = min(rows, key=lambda row: row["ratio"])
    print(f"geometric mean {mean:.2f}, worst {worst['ratio']:.2f} ({worst['problem']})")
    return rows


def _row(problem: ConvProblem, ours: Side, theirs: Side, rounds: int, seconds: float, peak: float) -> dict:
    best: dict[str, tuple[str, list[float]]] = {}
    samples: dict[str, list[float]] = {}
    times: dict[str, dict[str, list[float]]] = {"convlet": {}, "torch": {}}
    for turn in range(rounds):
        pair = [("convlet", ours), ("torch", theirs)]
        for name, side in pair if turn % 2 == 0 else pair[::-1]:
            for variant, answer in side.ask(problem, seconds).items():
                times[name].setdefault(variant, []).extend(answer["times"])
                samples[name] = answer["sample"]
    for name, variants in times.items():
        best[name] = min(variants.items(), key=lambda item: statistics.median(item[1]))
    got, want = np.array(samples["convlet"]), np.array(samples["torch"])
    error = np.linalg.norm(got - want) / max(np.linalg.norm(want), 1e-30)
    bound = {"f64": 1e-12, "f16": 5e-3, "bf16": 4e-2}.get(problem.dtype, 1e-5)
    if not error < bound:
        raise SystemExit(f"the sides disagree on {problem}: relative difference {error:.1e}")
    mine, other = (statistics.median(best[name][1]) for name in ("convlet", "torch"))
    row = {
        "problem": problem.text,
        "algorithm": best["convlet"][0],
        "us": mine * 1e6,
        "torch_us": other * 1e6,
        "layout": best["torch"][0],
        "peak": problem.flops / mine / 1e9 / peak,
        "ratio": other / mine,
    }
    print(
        f"{row['problem']:64} {row['algorithm']:>10} {row['us']:8.0f} {_spread(best['convlet'][1]):6.0%} "
        f"{row['peak']:5.0%} {row['torch_us']:9.0f} {row['layout']:>13} {_spread(best['torch'][1]):6.0%} "
        f"{row['ratio']:6.2f}",
        flush=True,
    )
    return row


def _spread(times: list[float]) -> float:
    """Half the range between the quartiles, relative to the median."""
    low, middle, high = statistics.quantiles(times, n=4)
    return (high - low) / 2 / middle
