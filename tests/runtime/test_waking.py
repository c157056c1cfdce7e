"""A worker that slept is woken on another processor than its caller's; where the caller may run stays as it was."""

import os
import time

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.kernels import launch, workers
from convlet.kernels.emit import store_i64
from convlet.runtime import memory


def _mark(frame, a, b, bias, out, scratch, worker):
    store_i64(a + 8 * worker, worker + 1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs affinities")
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: [0])(0)) < 2, reason="needs two processors")
def test_a_sleeper_is_woken_elsewhere():
    kernel, found = launch.Kernel(_mark), np.zeros(8, np.int64)
    mine = os.sched_getaffinity(0)
    crew = workers.crew()
    for _ in range(2):
        launch.launch(kernel.address, 0, memory.address(found), 0, 0, 0, 0, 2)
        stop = time.perf_counter() + 20
        while 1 not in crew.asleep and time.perf_counter() < stop:
            time.sleep(0.01)
    assert found[0] == 1
    assert crew.allowed == mine
    allowed = os.sched_getaffinity(crew.threads[0].native_id)
    assert allowed < mine
    assert len(allowed) == len(mine) - 1
    assert os.sched_getaffinity(0) == mine
