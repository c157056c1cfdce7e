"""Thread counts, several Python threads at once, and forks."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from convlet.conv.algorithms import load
from convlet.conv.problem import ConvProblem
from convlet.runtime import threads

PROBLEM = ConvProblem.parse("ic64 ih28 iw28 oc64 kh3 kw3 ph1 pw1 fwd")


def python(code, **environment):
    """Runs code in a process of its own and returns what it printed."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    variables = {key: value for key, value in os.environ.items() if not key.endswith("NUM_THREADS")}
    done = subprocess.run(
        command, env=variables | environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_numbers_are_checked_as_pytorch_does():
    before = threads.get_num_threads()
    for wrong in (0, -1):
        with pytest.raises(RuntimeError, match=r"^set_num_threads expects a positive integer"):
            threads.set_num_threads(wrong)
    with pytest.raises(RuntimeError, match=r"^set_num_threads expects an int, but got float"):
        threads.set_num_threads(2.5)
    assert threads.get_num_threads() == before


def test_the_number_is_kept():
    before = threads.get_num_threads()
    try:
        threads.set_num_threads(5)
        assert threads.get_num_threads() == 5
    finally:
        threads.set_num_threads(before)


COUNT = "from convlet.runtime import threads; import sys; print(threads.get_num_threads(), 'numba' in sys.modules)"


def test_environment_variables_are_respected_without_numba():
    assert python(COUNT, OMP_NUM_THREADS="3") == "3 False"
    assert python(COUNT, NUMBA_NUM_THREADS="4") == "4 False"
    assert python(COUNT, OMP_NUM_THREADS="3", NUMBA_NUM_THREADS="4") == "3 False"
    assert python(COUNT, OMP_NUM_THREADS="nonsense").split()[0] == str(threads.available_cpus())


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs an affinity mask")
def test_the_affinity_mask_counts():
    assert python("import os; os.sched_setaffinity(0, {0}); " + COUNT) == "1 False"


@pytest.mark.parametrize(("quota", "count"), [(0.5, 1), (1.0, 1), (1.5, 2), (float("inf"), 8)])
def test_the_quota_counts(monkeypatch, quota, count):
    monkeypatch.setattr(threads, "_quota", lambda: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert threads.available_cpus() == count


def convolution():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(PROBLEM.input_shape, np.float32)
    w = rng.standard_normal(PROBLEM.weight_shape, np.float32)
    run = load("direct").plan(PROBLEM)

    def compute():
        out = np.full(PROBLEM.output_shape, np.nan, np.float32)
        run(x, w, None, out)
        return out.tobytes()

    return compute


def test_several_python_threads_at_once():
    pytest.importorskip("numba")
    compute = convolution()
    want = compute()
    wrong = []

    def work():
        for _ in range(20):
            if compute() != want:
                wrong.append(threading.get_ident())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert not wrong


FORK = """
    import multiprocessing, os, sys, threading
    sys.path.insert(0, {folder!r})
    from convlet.runtime import threads
    threads.set_num_threads(2)
    from test_threads import convolution
    compute = convolution()
    want = compute()

    def child(_):
        return all(compute() == want for _ in range(5))

    def children():
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map_async(child, range(4)).get(60) == [True] * 4

    children()
    other = threading.Thread(target=children)
    other.start()
    other.join()
    assert compute() == want
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_of_a_fork_compute():
    pytest.importorskip("numba")
    python(FORK.format(folder=os.path.dirname(__file__)))
