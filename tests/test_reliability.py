"""What long programs rely on: memory stays as it is, and neither threads, forks nor batches change a bit."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

pytest.importorskip("numba")

import convlet as torch
from convlet.conv import ConvProblem
from convlet.conv.algorithms import load
from convlet.runtime import threads
from tests.conv.strategies import operand_shapes, takers

MEBIBYTE = 1 << 20

MEMORY = """
    import os, sys, time
    import numpy as np
    import convlet as torch

    torch.set_num_threads(2)
    rng = np.random.default_rng(0)

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def step():
        g = int(rng.integers(1, 4))
        ic, oc = g * int(rng.integers(1, 40)), g * int(rng.integers(1, 40))
        if rng.random() < 0.2:
            g = ic = oc = ic * 3
        k, s, size = int(rng.choice([1, 2, 3, 5])), int(rng.integers(1, 3)), rng.integers(5, 40, 2)
        x = torch.randn(int(rng.integers(1, 4)), ic, *map(int, size))
        w = torch.randn(oc, ic // g, k, k, requires_grad=True)
        x.requires_grad_(bool(rng.random() < 0.5))
        if rng.random() < 0.3:
            x = x.to(memory_format=torch.channels_last)
        for _ in range(2):  # the second time weights are kept
            y = torch.conv2d(x, w, None, s, k // 2, 1, g)
        torch.relu(y).sum().backward()

    sizes = []
    for turn in range(2000):
        step()
        if turn % 500 == 499:
            sizes.append(resident())
    print(*sizes)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_stays_flat_over_two_thousand_shapes():
    # Each large array is memory of its own then: holes between them, which come and go, are not counted.
    variables = dict(os.environ) | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    code = textwrap.dedent(MEMORY)
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    sizes = [int(each) for each in done.stdout.split()]
    grown = [(size - sizes[1]) / MEBIBYTE for size in sizes[2:]]
    # After 1,000 shapes the caches of plans are full; what is left is the allocator's unrest.
    assert max(grown) < 24, f"{[size // MEBIBYTE for size in sizes]} MiB after 500, 1000, 1500, 2000 shapes"


LAYERS = (
    "n3 ic32 ih20 iw20 oc48 kh3 kw3 ph1 pw1",
    "n3 ic16 ih12 iw13 oc40 kh1 kw1",
    "n3 ic9 ih17 iw15 oc20 kh3 kw3 sh2 sw2 ph1 pw1",
    "n3 g24 ic24 ih30 iw30 oc24 kh3 kw3 ph1 pw1",
    "n3 g8 ic32 ih15 iw14 oc32 kh3 kw3 sh2 sw2 ph1 pw1",
    "n3 g16 ic16 ih9 iw9 oc16 kh5 kw5 sh2 sw2 ph2 pw2",
    "n3 ic12 ih10 iw40 oc16 kh1 kw7 pw3",
    "n3 ic64 ih1 iw1 oc64 kh1 kw1",
    "n3 ic8 ih14 iw14 oc8 kh5 kw5 ph2 pw2",
    "n3 ic32 ih28 iw28 oc32 kh3 kw3 ph1 pw1 reflect",
)


@pytest.fixture
def thread_count():
    before = threads.get_num_threads()
    yield threads.set_num_threads
    threads.set_num_threads(before)


@takers(LAYERS, directions=["fwd", "bwd_input"])
def test_bits_depend_on_neither_batch_nor_threads(algorithm: str, problem: ConvProblem, thread_count) -> None:
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(size).astype(np.float32) for size in operand_shapes(problem))
    found = []
    for count in (1, 2):
        thread_count(count)
        together = np.full(problem.result_shape, np.nan, np.float32)
        load(algorithm).plan(problem)(a, b, None, together)
        alone = np.full(problem.result_shape, np.nan, np.float32)
        run = load(algorithm).plan(problem.per_image())
        for image in range(problem.n):
            run(a[image : image + 1], b, None, alone[image : image + 1])
        found += [together.tobytes(), alone.tobytes()]
    assert len(set(found)) == 1


def training(seed: int):
    """A function that makes a training step of a few layers, and returns all its numbers as bytes."""
    torch.manual_seed(seed)
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3, 1, 1, groups=32)),
        *(nn.Conv2d(32, 48, 1), nn.ReLU(), nn.Conv2d(48, 64, 3, padding=1), nn.Conv2d(64, 16, 5, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)),
    )
    x, labels = torch.randn(4, 3, 60, 60), torch.arange(4)

    def step() -> bytes:
        model.zero_grad()
        for _ in range(2):  # the second forward keeps packed weights
            loss = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        numbers = [loss.detach(), *(each.grad for each in model.parameters())]
        return b"".join(each.numpy().tobytes() for each in numbers)

    return step


def test_python_threads_do_not_disturb_one_another():
    steps = [training(seed) for seed in range(3)]
    want = [step() for step in steps]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _ in range(5):
            if steps[index]() != want[index]:
                wrong.append(index)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert not wrong


FORK = """
    import os
    from convlet.runtime import threads
    threads.set_num_threads(2)
    from tests.test_reliability import training
    step = training(0)
    want = step()
    for _ in range(2):
        child = os.fork()
        if child == 0:
            os._exit(0 if step() == want and step() == want else 1)
        assert step() == want  # both at once
        assert os.waitpid(child, 0)[1] == 0
    print("equal")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_training_step_in_a_fork():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FORK)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
    assert done.stdout == "equal\n", done.stderr[-3000:]
