"""Steps of whole networks beside PyTorch's: python -m benchmarks network --model resnet50 --batch 8 --mode train

Each side lives in a process of its own (`python -m benchmarks.network side model batch mode threads size`): Convlet,
and PyTorch in both memory layouts. They take turns. A turn is a pause, a step that does not count, and then steps back
to back for half a second, one at least, as people run them: their median, with the quartiles, is a side's time. The
step after the pause has a column of its own, "after idle". The results of these are compared; in training, where
rounding drives the sides apart, that of the first.
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

# Seconds of sleep before a turn: OpenMP's threads keep the processors for a while after a step.
PAUSE = 0.25
# Seconds of a turn's steps back to back.
TURN = 0.5
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
    apply = function.Operation.apply
    inside: list[str] = []  # an operation may apply others

    def timed(name: str, call: Callable[..., Any], *args: Any) -> Any:
        if inside:
            return call(*args)
        inside.append(name)
        start = time.perf_counter()
        try:
            return call(*args)
        finally:
            seconds[name] += time.perf_counter() - start
            inside.clear()

    def forward(function: Any, ctx: Any, arrays: Any) -> Any:
        owner = getattr(function, "__self__", None)  # a class method knows its class, a static one its name
        name = owner.__name__ if owner is not None else function.__qualname__.split(".")[0]
        return timed(name, run_quietly, function, ctx, arrays)

    inplace.run_quietly = forward
    function.Operation.apply = classmethod(  # type: ignore[method-assign, assignment]
        lambda operation, *args: timed(operation.__name__, apply.__func__, operation, *args)
    )
    function.OperationNode.run = lambda node, *args: timed(node.name(), run_node, node, *args)  # type: ignore[method-assign]
    Convolved.run_with = lambda *args: timed("Convolution and what follows", run_with, *args)  # type: ignore[method-assign]
    start = time.perf_counter()
    try:
        step()
    finally:
        inplace.run_quietly = run_quietly
        function.Operation.apply = apply  # type: ignore[method-assign]
        function.OperationNode.run = run_node  # type: ignore[method-assign]
        Convolved.run_with = run_with  # type: ignore[method-assign]
    total = time.perf_counter() - start
    rows = sorted(seconds.items(), key=lambda row: -row[1])
    return [*rows, ("everything else", total - sum(seconds.values()))]


def take_turn(step: Callable[[], list[float]], seconds: float) -> dict[str, Any]:
    """Seconds of a first step, its result, and the seconds of those that follow it back to back."""
    start = time.perf_counter()
    result = step()
    first = time.perf_counter() - start
    times: list[float] = []
    stop = time.perf_counter() + seconds
    while not times or time.perf_counter() < stop:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {"first": first, "result": result, "times": times}


def serve(side: str, name: str, batch: int, mode: str, threads: int, size: int) -> None:
    """One side: a line of standard input is a request, "turn" or "spent"; a line of JSON answers."""
    library, _, layout = side.partition(" ")
    torch: Any = __import__(library)
    torch.set_num_threads(threads)
    step = make_step(torch, name, batch, mode, size, layout == "channels_last")
    for line in sys.stdin:
        if line.strip() == "spent":
            answer: Any = spent(step) if library == "convlet" else []
        else:
            answer = take_turn(step, TURN)
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

    turns: dict[str, list[Any]] = {side: [] for side in SIDES}
    for turn in range(rounds + 1):
        found = {side: ask(side, "turn") for side in SIDES}
        if turn == 0 or mode == "infer":
            for side in SIDES[:-1]:
                want = found[SIDES[-1]]["result"]
                np.testing.assert_allclose(found[side]["result"], want, rtol=2e-3, atol=2e-3, err_msg=side)
        if turn:  # the first warms up
            for side in SIDES:
                turns[side].append(found[side])
    print(f"{name} {mode}, batch {batch}, {size}x{size}, {threads} thread{'s' * (threads > 1)}")
    print(f"  {'':20} {'back to back':>24} {'after idle':>24} {'peak memory':>12}")
    warm, idle = {}, {}
    for side, each in turns.items():
        warm[side], shown = summary([seconds for turn in each for seconds in turn["times"]])
        idle[side], shown_idle = summary([turn["first"] for turn in each])
        print(f"  {side:20} {shown:>24} {shown_idle:>24} {each[-1]['peak'] >> 10:>8} MiB", flush=True)
    ratios = (medians["convlet"] / min(medians[side] for side in SIDES[1:]) for medians in (warm, idle))
    print("  convlet takes {:.2f} of PyTorch's better layout back to back, {:.2f} after idle".format(*ratios))
    rows = ask("convlet", "spent")
    whole = sum(seconds for _, seconds in rows)
    for operation, seconds in rows[:14]:
        print(f"    {operation:40} {seconds * 1e3:8.1f} ms {seconds / whole:6.1%}")
    for process in sides.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def summary(times: list[float]) -> tuple[float, str]:
    """The median of times in seconds, and a text of it and the quartiles in milliseconds."""
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    return middle, f"{middle * 1e3:.1f} ms ({low * 1e3:.1f} to {high * 1e3:.1f})"


if __name__ == "__main__":
    side, name, batch, mode, threads, size = sys.argv[1:]
    serve(side, name, int(batch), mode, int(threads), int(size))
