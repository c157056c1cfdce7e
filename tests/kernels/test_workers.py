"""The workers: every task once, whoever comes; nobody waits for a sleeper; forks, ends and several callers."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.kernels import bells, launch, workers
from convlet.kernels.emit import load_i64, next_ticket
from convlet.kernels.launch import next_task

TASKS = 1000


def _count(frame, a, b, bias, out, scratch, worker):
    """Raises out[task] by one, atomically, and out[TASKS + worker] for each task of this worker."""
    while True:
        task = next_task(scratch, worker, load_i64(frame))
        if task >= load_i64(frame):
            break
        next_ticket(out + 8 * task)
        next_ticket(out + 8 * (TASKS + worker))
        for _ in range(load_i64(frame + 8)):  # takes a while
            next_ticket(out + 8 * (TASKS + 16 + worker))


COUNT = launch.Kernel(_count)


def counts(tasks, size, effort=0):
    """How often each task was done, and by whom."""
    frame, out = np.array([tasks, effort], np.int64), np.zeros(TASKS + 32, np.int64)
    launch.launch(COUNT.address, frame.ctypes.data, 0, 0, 0, out.ctypes.data, 64, size)
    return out[:TASKS], out[TASKS : TASKS + 16]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("tasks", [0, 1, 5, 64, TASKS])
def test_every_task_is_done_once(tasks, size):
    for _ in range(50):
        done, by = counts(tasks, size)
        assert (done[:tasks] == 1).all()
        assert (done[tasks:] == 0).all()
        assert by.sum() == tasks
        assert (by[size:] == 0).all()


def test_the_others_take_part():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor")
    deadline = time.monotonic() + 60  # other processes may have the processors for long
    while counts(64, 2, effort=20_000)[1][1] == 0:
        assert time.monotonic() < deadline, "the second worker never came"


def test_fewer_workers_than_threads():
    counts(TASKS, 4)
    assert len(workers.crew().threads) >= 3
    for _ in range(100):
        assert (counts(TASKS, 2)[1][2:] == 0).all()


def wait_until_all_sleep():
    deadline = time.monotonic() + 20
    while len(workers.crew().asleep()) < len(workers.crew().threads):
        time.sleep(0.01)
        assert time.monotonic() < deadline, "threads without work should sleep"


@pytest.fixture(params=["the system's", "Python's"])
def semaphores(request, monkeypatch):
    """A crew of its own that sleeps by these semaphores."""
    if request.param == "Python's":
        monkeypatch.setattr(bells, "_library", lambda: None)
    elif bells._library() is None:
        pytest.skip("the system has none that we know")
    crew = workers.Crew()
    monkeypatch.setattr(workers, "_crew", crew)
    yield
    crew.dismiss()


def test_sleepers_wake_up(semaphores):
    for _ in range(3):
        assert (counts(TASKS, 3)[0] == 1).all()
        wait_until_all_sleep()
    assert (counts(TASKS, 3)[0] == 1).all()


def test_threads_that_sleep_at_once(semaphores, monkeypatch):
    monkeypatch.setattr(workers, "SPINS", 0)
    monkeypatch.setattr(workers, "PATIENCE", 0)
    for _ in range(300):
        done, by = counts(64, 3, effort=10)
        assert (done[:64] == 1).all()
        assert by.sum() == 64


def test_more_threads_than_processors(semaphores):
    for _ in range(20):
        assert (counts(TASKS, 12, effort=10)[0] == 1).all()
    wait_until_all_sleep()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
def test_signals_disturb_no_sleep(semaphores):
    caught = []
    before = signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
    try:
        counts(TASKS, 3)
        wait_until_all_sleep()
        for _ in range(20):
            for thread in workers.crew().threads:
                signal.pthread_kill(thread.ident, signal.SIGUSR1)
            assert (counts(TASKS, 3)[0] == 1).all()
        wait_until_all_sleep()
        assert caught
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_interrupt_while_a_thread_starts_leaves_no_two_of_one_number(monkeypatch):
    workers.crew().dismiss()
    start = threading.Thread.start

    def start_and_raise(thread):
        start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start_and_raise)
    with pytest.raises(KeyboardInterrupt):
        counts(64, 3)
    monkeypatch.undo()
    done, _ = counts(64, 3)
    assert (done[:64] == 1).all()
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("convlet worker")]
    assert len(names) == len(set(names))
    workers.crew().dismiss()


def test_after_dismissal_new_threads_come():
    counts(TASKS, 2)
    old = list(workers.crew().threads)
    workers.crew().dismiss()
    assert not any(thread.is_alive() for thread in old)
    assert (counts(TASKS, 2)[0] == 1).all()
    assert workers.crew().threads


def test_several_callers():
    wrong = []

    def caller():
        for _ in range(200):
            done, _ = counts(TASKS, 3)
            if not (done == 1).all():
                wrong.append(done)

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


def run(code):
    """What a process of its own prints."""
    folder = os.path.dirname(__file__)
    code = f"import sys; sys.path.insert(0, {folder!r})\nfrom test_workers import *\n" + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_process_ends_while_threads_spin_and_while_they_sleep():
    assert run("print(counts(10, 3)[0].sum())") == "10"
    assert run("print(counts(10, 3)[0].sum()); time.sleep(0.1)") == "10"


def test_a_region_at_the_end_of_the_interpreter():
    code = "import atexit; {}; atexit.register(lambda: print(counts(10, 2)[0].sum())); {}"
    assert run(code.format("counts(10, 2)", "pass")) == "10"
    assert run(code.format("pass", "counts(10, 2)")) == "10"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_parent_and_child_of_a_fork():
    code = """
        counts(TASKS, 3)
        child = os.fork()
        for _ in range(20):
            assert (counts(TASKS, 3)[0] == 1).all()
        assert len(workers.crew().threads) == 2
        if child:
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        else:
            os._exit(0)
    """
    assert run(code) == "0"
