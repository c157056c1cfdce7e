"""A worker that slept is woken on another processor than its caller's; where threads may run stays as it was."""

import ctypes
import os
import time

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.kernels import launch, workers
from convlet.kernels.bells import ask, see_i64
from convlet.kernels.emit import load_i64, next_ticket, store_i64
from convlet.runtime import memory


def _look_around(frame, a, b, bias, out, scratch, worker):
    """Each worker says on which processor it is, and waits for the other for a while."""
    store_i64(a + 8 * worker, ask(load_i64(frame)))
    next_ticket(b)
    for _ in range(100_000_000):
        if see_i64(b) == 2:
            break


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs affinities")
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: [0])(0)) < 2, reason="needs two processors")
def test_a_sleeper_is_woken_elsewhere():
    kernel, mine, crew = launch.Kernel(_look_around), os.sched_getaffinity(0), workers.crew()
    where = np.array([ctypes.cast(ctypes.CDLL(None).sched_getcpu, ctypes.c_void_p).value], np.int64)
    apart = 0
    for _ in range(6):
        found, arrived = np.full(8, -1, np.int64), np.zeros(1, np.int64)
        addresses = [memory.address(each) for each in (where, found, arrived)]
        launch.launch(kernel.address, *addresses, 0, 0, 0, 2)
        apart += arrived[0] == 2 and found[0] != found[1]
        stop = time.perf_counter() + 20
        while 1 not in crew.asleep() and time.perf_counter() < stop:
            time.sleep(0.01)
    assert apart >= 4, "now and then Linux moves one in the meantime"
    assert os.sched_getaffinity(crew.threads[0].native_id) == os.sched_getaffinity(0) == mine
