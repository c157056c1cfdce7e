"""The layers of a table, Convlet beside PyTorch: each side in a process of its own, taking turns."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.sides import Setting
from convlet.conv.problem import DIRECTIONS, ConvProblem

TABLES = Path(__file__).parent / "tables"

# Variables that restrict PyTorch to what a target of Convlet has.
RESTRICTED = {"avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}}

# Norm-relative difference of the sides that is no mistake.
BOUNDS = {"f32": 1e-5, "f64": 1e-12, "f16": 5e-3, "bf16": 4e-2}


@dataclass(frozen=True)
class Options:
    """What is measured, and how: a field for each option of the command."""

    tables: tuple[str, ...]
    passes: tuple[str, ...] = ("fwd",)
    setting: Setting = field(default_factory=Setting)
    batch: int | None = None
    dtype: str = "f32"
    target: str | None = None
    rounds: int = 4
    seconds: float = 0.05
    idle: float = 0.0
    cold: bool = False
    first: bool = False


class Side:
    """A worker process."""

    def __init__(self, name: str, options: Options):
        setting = options.setting
        command = [sys.executable, "-m", "benchmarks.worker", name, json.dumps(asdict(setting))]
        environment = os.environ | {"OMP_NUM_THREADS": str(setting.threads)}
        if options.target:
            environment |= {"CONVLET_TARGET": options.target} if name == "convlet" else RESTRICTED[options.target]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request: object) -> dict:
        """The worker's answer to a request: see worker.py."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"the process of one side ended at {request}")

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def table_names() -> list[str]:
    return sorted(each.stem for each in TABLES.glob("*.txt"))


def read_table(name: str) -> list[ConvProblem]:
    """The problems of benchmarks/tables/<name>.txt, a line each; '#' begins a comment."""
    path = TABLES / f"{name}.txt"
    if not path.exists():
        raise SystemExit(f"no table {name!r}; there are {', '.join(table_names())}")
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [ConvProblem.parse(line) for line in lines if line]


def problem_of(row: ConvProblem, direction: str, options: Options) -> ConvProblem:
    """What a pass of a layer computes.

    A row of direction bwd_input is a transposed layer: its forward is an input gradient, and the other way round.
    """
    if row.direction == "bwd_input":
        direction = {"fwd": "bwd_input", "bwd_input": "fwd"}.get(direction, direction)
    return replace(row, direction=direction, n=options.batch or row.n, dtype=options.dtype)


def compare(options: Options) -> list[dict]:
    """Measures every row and prints it; then the geometric means and the worst rows."""
    print(f"\n{_title(options)}", flush=True)
    header = f"{'problem':64} {'algorithm':>10} {'us':>8} {'spread':>6} {'peak':>5} "
    header += f"{'torch us':>9} {'layout':>13} {'spread':>6} {'ratio':>6}"
    layers = [row for table in options.tables for row in read_table(table)]
    rows = []
    for row in (_first if options.first else _again)(layers, options):
        if not rows:
            print(f"the tile alone reaches {row['peak']:.0f} GFLOP/s{_distance(row['handover'])}\n{header}")
        print(
            f"{row['problem']:64} {row['algorithm']:>10} {row['us']:8.0f} {row['spread']:6.0%} "
            f"{row['of_peak']:5.0%} {row['torch_us']:9.0f} {row['layout']:>13} {row['torch_spread']:6.0%} "
            f"{row['ratio']:6.2f}",
            flush=True,
        )
        rows.append(row)
    for line in summary(rows):
        print(line)
    return rows


def _title(options: Options) -> str:
    s = options.setting
    words = [f"{', '.join(options.tables)}: {s.threads} thread{'s' * (s.threads > 1)}", f"precision {s.precision}"]
    words += [f"weights {s.weights}"] * (s.weights != "default") + [s.layout] * (s.layout != "nchw")
    words += [options.dtype] * (options.dtype != "f32")
    words += [f"both restricted to {options.target}"] * bool(options.target)
    words += [f"after {options.idle * 1e3:.0f} ms of sleep"] * bool(options.idle)
    words += ["nothing in the caches"] * options.cold + ["first calls"] * options.first
    return ", ".join(words)


def _distance(handover: float | None) -> str:
    if handover is None:
        return ""
    return f"; a line goes from core to core in {handover:.0f} ns" + (": no common cache" if handover > 100 else "")


def _again(layers: list[ConvProblem], options: Options) -> Iterator[dict]:
    """The rows, each side in one process."""
    sides = {"convlet": Side("convlet", options)}
    try:
        machine = _machine(sides["convlet"], options)
        sides["torch"] = Side("torch", options)  # not before: its imports take a core
        for direction in options.passes:
            for index, layer in enumerate(layers):
                problem = problem_of(layer, direction, options)
                answers: dict[str, list[dict]] = {"convlet": [], "torch": []}
                for turn in range(options.rounds):
                    for name in list(sides) if turn % 2 == 0 else reversed(sides):
                        what = {"problem": problem.text, "forward": direction == "fwd"}
                        before = {"idle": options.idle, "cold": options.cold}
                        answers[name].append(sides[name].ask(**what, seconds=options.seconds, **before))
                times = {name: _collect(found, "times") for name, found in answers.items()}
                yield {"layer": index, "pass": direction, **_row(problem, answers, times, machine)}
        if options.setting.threads > 1:
            print(f"at the end{_distance(_machine(sides['convlet'], options)['handover'])}")
    finally:
        for side in sides.values():
            side.close()


def _first(layers: list[ConvProblem], options: Options) -> Iterator[dict]:
    """The rows by their first call in a process that has computed something else; a new process each round."""
    asked = [(i, d, problem_of(layer, d, options)) for d in options.passes for i, layer in enumerate(layers)]
    answers: list[dict[str, list[dict]]] = [{"convlet": [], "torch": []} for _ in asked]
    machine: dict = {}
    for _ in range(options.rounds):
        for name in ("convlet", "torch"):
            side = Side(name, options)
            try:
                if name == "convlet":
                    machine = _machine(side, options)
                for direction in options.passes:
                    other = f"ic24 ih40 iw40 oc24 kh2 kw2 {direction}"
                    side.ask(problem=other, forward=direction == "fwd", seconds=0.01, idle=0, cold=False)
                for (_, direction, problem), found in zip(asked, answers):
                    found[name].append(side.ask(problem=problem.text, forward=direction == "fwd", seconds=0))
            finally:
                side.close()
    for (index, direction, problem), found in zip(asked, answers):
        times = {name: _collect(each, "first") for name, each in found.items()}
        yield {"layer": index, "pass": direction, **_row(problem, found, times, machine)}


def _machine(side: Side, options: Options) -> dict:
    """The measured peak (what the register tile reaches on data in the L1 cache), and how far the cores are."""
    return side.ask(peak=8 if options.dtype == "f64" else 4)


def _collect(answers: list[dict], what: str) -> dict[str, list[float]]:
    """Times by variant, those of all turns together."""
    times: dict[str, list[float]] = {}
    for answer in answers:
        for variant, found in answer.items():
            times.setdefault(variant, []).extend(found[what] if what == "times" else [found[what]])
    return times


def _row(
    problem: ConvProblem, answers: dict[str, list[dict]], times: dict[str, dict[str, list[float]]], machine: dict
) -> dict:
    samples = {name: np.array([v["sample"] for v in found[0].values()]) for name, found in answers.items()}
    want = samples["torch"][0]
    for got in samples["convlet"]:
        error = np.linalg.norm(got - want) / max(np.linalg.norm(want), 1e-30)
        if not error < BOUNDS[problem.dtype]:
            raise SystemExit(f"the sides disagree on {problem}: relative difference {error:.1e}")
    best = {name: min(each.items(), key=lambda item: statistics.median(item[1])) for name, each in times.items()}
    (algorithm, mine), (layout, others) = best["convlet"], best["torch"]
    median, other = statistics.median(mine), statistics.median(others)
    return {
        "problem": problem.text,
        "algorithm": algorithm,
        "us": median * 1e6,
        "spread": _spread(mine),
        "torch_us": other * 1e6,
        "torch_spread": _spread(others),
        "layout": layout,
        "of_peak": problem.flops / median / 1e9 / machine["peak"],
        "ratio": other / median,
        **machine,
    }


def _spread(times: list[float]) -> float:
    """Half the range between the quartiles, relative to the median."""
    if len(times) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(times, n=4)
    return (high - low) / 2 / middle


def summary(rows: list[dict]) -> list[str]:
    """A line for each pass, and one for all three passes of each layer together: geometric mean, losses, worst row."""
    lines = []
    layers: dict[int, list[dict]] = {}
    for direction in DIRECTIONS:
        found = [row for row in rows if row["pass"] == direction]
        for row in found:
            layers.setdefault(row["layer"], []).append(row)
        if found:
            lines.append(_line(direction, [(row["ratio"], row["problem"]) for row in found]))
    whole = [each for each in layers.values() if len(each) == len(DIRECTIONS)]
    if whole:
        ratios = [(sum(row["torch_us"] for row in each) / sum(row["us"] for row in each), each) for each in whole]
        lines.append(_line("fwd + bwd", [(ratio, each[0]["problem"]) for ratio, each in ratios]))
    return lines


def _line(what: str, ratios: list[tuple[float, str]]) -> str:
    mean = math.exp(sum(math.log(ratio) for ratio, _ in ratios) / len(ratios))
    worst, where = min(ratios)
    below = sum(ratio < 1 for ratio, _ in ratios)
    return f"{what}: geometric mean {mean:.2f}, {below} of {len(ratios)} below 1, worst {worst:.2f} ({where})"
