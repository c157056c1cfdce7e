"""What a call costs where there is little to compute: python -m benchmarks calls

Each side lives in a process of its own (`python -m benchmarks.calls convlet|torch`) and they take turns: a line of
standard input names a row, a line of JSON answers with microseconds a call.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIDES = ("convlet", "torch")


def rows(torch: Any) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    nn = torch.nn
    conv, linear, relu = nn.Conv2d(1, 1, 1), nn.Linear(10, 10), torch.relu
    x, gradient, v = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3), torch.ones(4, 10)
    w = torch.ones(1, 1, 1, 1)
    image = torch.ones(1, 1, 3, 3, requires_grad=True)
    few, many = torch.ones(10), torch.ones(1000)
    leaf = torch.ones(10, requires_grad=True)

    def without_gradient(call: Callable[[], Any]) -> Callable[[], Any]:
        def quiet() -> Any:
            with torch.no_grad():
                return call()

        return quiet

    return {
        "F.conv2d(x, w)": lambda: nn.functional.conv2d(x, w),
        "conv(x), no_grad inside": without_gradient(lambda: conv(x)),
        "conv(x), recorded": lambda: conv(x),
        "conv(x).backward(g)": lambda: conv(x).backward(gradient),
        "the same, x too": lambda: conv(image).backward(gradient),
        "linear(v), no_grad inside": without_gradient(lambda: linear(v)),
        "a + b, 10": lambda: few + few,
        "a + b, 1000": lambda: many + many,
        "a * 2.0, 10": lambda: few * 2.0,
        "relu, 10": lambda: relu(few),
        "relu, 1000": lambda: relu(many),
        "exp, 1000": lambda: torch.exp(many),
        "sum, 10": lambda: few.sum(),
        "mean, 10": lambda: few.mean(),
        "reshape": lambda: many.reshape(10, 100),
        "a[3]": lambda: many[3],
        "a + b, recorded": lambda: leaf + few,
        "(a * b).sum().backward()": lambda: (leaf * few).sum().backward(),
        "digits step, batch 32": digits_step(torch, 32),
        "digits step, batch 64": digits_step(torch, 64),
    }


def digits_step(torch: Any, batch: int) -> Callable[[], Any]:
    """A training step of the network that `convlet train` makes for images of 8 x 8 (convlet/models/small.py)."""
    nn = torch.nn
    torch.manual_seed(0)

    def block(channels: int, width: int) -> list[Any]:
        return [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]

    features = [*block(1, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64)]
    model = nn.Sequential(*features, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 16, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    x = torch.randn(batch, 1, 8, 8)
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 10, batch))

    def step() -> float:
        loss = nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def per_call(call: Callable[[], Any], seconds: float = 0.02) -> float:
    """Microseconds of a call, from as many as take about so long."""
    count, start = 0, time.perf_counter()
    while True:
        for _ in range(10):
            call()
        count += 10
        spent = time.perf_counter() - start
        if spent > seconds:
            return spent / count * 1e6


def serve(library: str) -> None:
    """One side."""
    torch = __import__(library)
    torch.set_num_threads(2)
    calls = rows(torch)
    for line in sys.stdin:
        call = calls[line.strip()]
        print(json.dumps(per_call(call)), flush=True)


def compare(rounds: int) -> None:
    """Prints each row's best and median on both sides, and the ratio of the medians."""
    command = [sys.executable, "-m", "benchmarks.calls"]
    sides = {
        side: subprocess.Popen([*command, side], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for side in SIDES
    }

    def ask(side: str, row: str) -> float:
        process = sides[side]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(row + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    import convlet

    print("| call | Convlet us, median (best) | PyTorch us | times PyTorch's |")
    print("|---|---|---|---|")
    for row in rows(convlet):
        found: dict[str, list[float]] = {side: [] for side in SIDES}
        for turn in range(rounds + 1):
            for side in SIDES:
                answer = ask(side, row)
                if turn:  # the first warms up
                    found[side].append(answer)
        ours, theirs = (statistics.median(found[side]) for side in SIDES)
        best = [min(found[side]) for side in SIDES]
        times = f"{ours:.2f} ({best[0]:.2f}) | {theirs:.2f} ({best[1]:.2f})"
        print(f"| {row} | {times} | {ours / theirs:.2f} |", flush=True)
    for process in sides.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    serve(sys.argv[1])
