"""What a new process costs: importing, a first convolution, and compiling: python -m benchmarks start

Every number is of processes of its own. Times are from the moment a process is asked for to the moment that the result
is there, Python's own start included; memory is the largest resident set.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

# The first convolution of a process: channels in and out, kernel, and the module's other arguments.
FIRST = {
    "1x1": "64, 64, 1",
    "3 channels, 7x7, stride 2": "3, 64, 7, stride=2, padding=3",
    "3x3": "64, 64, 3, padding=1",
    "3x3, stride 2": "64, 64, 3, stride=2, padding=1",
    "depthwise": "64, 64, 3, padding=1, groups=64",
    "grouped": "64, 64, 3, padding=1, groups=8",
}
# The largest resident set is read from there because the one of getrusage may be that of the parent process.
REPORT = """
import json, time
with open("/proc/self/status") as status:
    (memory,) = [int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")]
print(json.dumps([time.time(), memory]))
"""
CONVOLUTION = """
import {library} as torch
torch.set_num_threads(2)
conv = torch.nn.Conv2d({arguments})
x = torch.randn(1, conv.in_channels, 56, 56)
with torch.no_grad():
    conv(x)
"""
COMPILING = """
import convlet as torch
from benchmarks.networks import NETWORKS
model = NETWORKS["{model}"](torch)
print(torch.warmup(model, (1, 3, 224, 224), backward=True))
"""


def spent(program: str, folder: str) -> tuple[float, float]:
    """Seconds until a new process has run a program, and its MiB; compiled kernels are in the folder."""
    environment = {**os.environ, "CONVLET_CACHE_DIR": folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.time()
    done = subprocess.run(
        [sys.executable, "-c", program + REPORT], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    end, memory = json.loads(done.stdout.splitlines()[-1])
    return end - start, memory


def compare(rounds: int, models: tuple[str, ...]) -> None:
    """Prints what every kind of start takes on both sides: the median of as many processes."""
    with tempfile.TemporaryDirectory() as folder:
        print("\n| a new process | Convlet s | MiB | PyTorch s | MiB |\n|---|---|---|---|---|")
        programs = {"import": "import {library}"}
        programs |= {f"a convolution, {kind}": CONVOLUTION for kind in FIRST}
        for (name, program), arguments in zip(programs.items(), ("", *FIRST.values())):
            sides = [program.format(library=library, arguments=arguments) for library in ("convlet", "torch")]
            for side in sides:
                spent(side, folder)  # compiles kernels, and Python's bytecode
            turns = [[spent(side, folder) for side in sides] for _ in range(rounds)]
            cells = [f"{statistics.median(column):.2f}" for side in zip(*turns) for column in zip(*side)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
        seconds = statistics.median(spent("import numpy", folder)[0] for _ in range(rounds))
        print(f"\nimport numpy: {seconds:.2f} s")
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            seconds, memory = spent(COMPILING.format(model=model), folder)
            print(f"compiling all that {model}'s training needs: {seconds:.1f} s, {memory:.0f} MiB", flush=True)
