"""Steps of whole networks beside PyTorch's: python -m benchmarks network --model resnet50 --batch 8 --mode train

Each side lives in a process of its own (`python -m benchmarks.network side model batch mode threads size`): Convlet,
and PyTorch in both memory layouts. They take turns, one step at a time; the first step's result is compared.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.networks import NETWORKS

# Seconds between two sides' steps: OpenMP's threads keep the processors for a while after a step.
PAUSE = 0.25
SIDES = ("convlet", "torch nchw", "torch channels_last")


def make_step(torch: Any, name: str, batch: int, mode: str, size: int, last: bool) -> Callable[[], list[float]]:
    """A function that runs one step and returns a few numbers of its result."""
    torch.manual_seed(0)
    model = NETWORKS[name](torch)
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((batch, 3, size, size), np.float32))
    labels = torch.from_numpy(rng.integers(0, 1000, batch))
    if last:
        x, model = (each.to(memory_format=torch.channels_last) for each in (x, model))
    if mode == "infer":
        model.eval()

        def infer() -> list[float]:
            with torch.no_grad():
                return model(x)[:, :20].numpy().ravel().tolist()

        return infer
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def train() -> list[float]:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return [loss.item()]

    return train


def spent(step: Callable[[], Any]) -> list[tuple[str, float]]:
    """Seconds of one step of Convlet by operation, forward and backward, the longest first."""
    from convlet.autograd import function, inplace
    from convlet.ops.fusion import Convolved

    seconds: dict[str, float] = defaultdict(float)
    run_quietly, run_node, run_with = function.run_quietly, function.OperationNode.run, Convolved.run_with

    def timed(name: str, call: Callable[..., Any], *args: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*args)
        finally:
            seconds[name] += time.perf_counter() - start

    def forward(function: Any, ctx: Any, arrays: Any) -> Any:
        owner = getattr(function, "__self__", None)  # a class method knows its class, a static one its name
        name = owner.__name__ if owner is not None else function.__qualname__.split(".")[0]
        return timed(name, run_quietly, function, ctx, arrays)

    function.run_quietly = inplace.run_quietly = forward
    function.OperationNode.run = lambda node, *args: timed(node.name(), run_node, node, *args)  # type: ignore[method-assign]
    Convolved.run_with = lambda *args: timed("Convolution and what follows", run_with, *args)  # type: ignore[method-assign]
    start = time.perf_counter()
    try:
        step()
    finally:
        function.run_quietly = inplace.run_quietly = run_quietly
        function.OperationNode.run = run_node  # type: ignore[method-assign]
        Convolved.run_with = run_with  # type: ignore[method-assign]
    total = time.perf_counter() - start
    rows = sorted(seconds.items(), key=lambda row: -row[1])
    return [*rows, ("everything else", total - sum(seconds.values()))]


def serve(side: str, name: str, batch: int, mode: str, threads: int, size: int) -> None:
    """One side: a line of standard input is a request, "step" or "spent"; a line of JSON answers."""
    library, _, layout = side.partition(" ")
    torch: Any = __import__(library)
    torch.set_num_threads(threads)
    step = make_step(torch, name, batch, mode, size, layout == "channels_last")
    for line in sys.stdin:
        if line.strip() == "spent":
            answer: Any = spent(step) if library == "convlet" else []
        else:
            start = time.perf_counter()
            result = step()
            answer = {"seconds": time.perf_counter() - start, "result": result}
            answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(answer), flush=True)


def compare(name: str, batch: int, mode: str, threads: int, rounds: int, size: int) -> None:
    """Prints each side's median and spread, the ratio to PyTorch's better layout, and what Convlet's step spends."""
    command = [sys.executable, "-m", "benchmarks.network"]
    arguments = [name, str(batch), mode, str(threads), str(size)]
    sides = {
        side: subprocess.Popen([*command, side, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for side in SIDES
    }

    def ask(side: str, request: str) -> Any:
        process = sides[side]
        assert process.stdin is not None
        assert process.stdout is not None
        time.sleep(PAUSE)
        process.stdin.write(request + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    first = {side: ask(side, "step")["result"] for side in SIDES}
    for side in SIDES[:-1]:
        np.testing.assert_allclose(first[side], first[SIDES[-1]], rtol=2e-3, atol=2e-3, err_msg=side)
    answers: dict[str, list[Any]] = {side: [] for side in SIDES}
    for turn in range(rounds + 1):
        for side in SIDES:
            answer = ask(side, "step")
            if turn:  # the second step still warms up
                answers[side].append(answer)
    print(f"{name} {mode}, batch {batch}, {size}x{size}, {threads} thread{'s' * (threads > 1)}")
    medians = {}
    for side, found in answers.items():
        times = sorted(answer["seconds"] * 1e3 for answer in found)
        medians[side] = statistics.median(times)
        peak = found[-1]["peak"] >> 10
        print(f"  {side:20} {medians[side]:8.1f} ms  ({times[0]:.1f} to {times[-1]:.1f})  peak {peak} MiB")
    best = min(medians[side] for side in SIDES[1:])
    print(f"  convlet takes {medians['convlet'] / best:.2f} of PyTorch's better layout")
    rows = ask("convlet", "spent")
    whole = sum(seconds for _, seconds in rows)
    for operation, seconds in rows[:14]:
        print(f"    {operation:40} {seconds * 1e3:8.1f} ms {seconds / whole:6.1%}")
    for process in sides.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    side, name, batch, mode, threads, size = sys.argv[1:]
    serve(side, name, int(batch), mode, int(threads), int(size))
