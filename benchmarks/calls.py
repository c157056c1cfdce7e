"""What single calls cost, of the tables in operations.py: python -m benchmarks calls

Each side lives in a process of its own (`python -m benchmarks.calls convlet|torch TABLE`), and they take turns: a line
of standard input names a row, a line of JSON answers with microseconds a call.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.operations import TABLES
from benchmarks.sides import QUIET

SIDES = ("convlet", "torch")


def per_call(call: Callable[[], Any], seconds: float = 0.02) -> float:
    """Microseconds of a call, from as many as take about so long."""
    time.sleep(QUIET)
    start = time.perf_counter()
    call()
    together = 10 if time.perf_counter() - start < seconds / 10 else 1
    count, start = 0, time.perf_counter()
    while True:
        for _ in range(together):
            call()
        count += together
        spent = time.perf_counter() - start
        if spent > seconds:
            return spent / count * 1e6


def serve(library: str, table: str) -> None:
    """One side."""
    torch = __import__(library)
    torch.set_num_threads(2)
    calls = TABLES[table](torch)
    print(json.dumps(list(calls)), flush=True)
    for line in sys.stdin:
        call = calls[line.strip()]
        print(json.dumps(per_call(call)), flush=True)


def compare(table: str, rounds: int) -> None:
    """Prints each row's median and best on both sides, and the ratio of the medians."""
    command = [sys.executable, "-m", "benchmarks.calls"]
    sides = {
        side: subprocess.Popen([*command, side, table], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for side in SIDES
    }

    def answer(side: str) -> Any:
        stream = sides[side].stdout
        assert stream is not None
        return json.loads(stream.readline())

    def ask(side: str, row: str) -> float:
        stream = sides[side].stdin
        assert stream is not None
        stream.write(row + "\n")
        stream.flush()
        return answer(side)

    rows, _ = map(answer, SIDES)
    print(f"\n| {table}, 2 threads | Convlet us, median (best) | PyTorch us | times PyTorch's |")
    print("|---|---|---|---|")
    for row in rows:
        found: dict[str, list[float]] = {side: [] for side in SIDES}
        for turn in range(rounds + 1):
            for side in SIDES:
                spent = ask(side, row)
                if turn:  # the first warms up
                    found[side].append(spent)
        ours, theirs = (statistics.median(found[side]) for side in SIDES)
        best = [min(found[side]) for side in SIDES]
        times = f"{ours:.4g} ({best[0]:.4g}) | {theirs:.4g} ({best[1]:.4g})"
        print(f"| {row} | {times} | {ours / theirs:.2f} |", flush=True)
    for process in sides.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    serve(*sys.argv[1:])
