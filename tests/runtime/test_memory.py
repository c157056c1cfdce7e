"""Scratch memory: aligned, reused, each Python thread its own."""

import threading

import numpy as np
import pytest

from convlet.runtime import memory


@pytest.mark.parametrize("make", [lambda: np.empty(5), lambda: np.empty((4, 6), "i1")[1:, ::-2], lambda: np.array(3.0)])
def test_address(make):
    array = make()
    assert memory.address(array) == array.ctypes.data


def test_scratch_is_aligned_and_reused():
    first, _ = memory.scratch(1000)
    assert first % memory.LINE == 0
    assert memory.scratch(10)[0] == first
    large, keep = memory.scratch(memory.KEEP + 1)
    assert large % memory.LINE == 0
    assert keep.nbytes > memory.KEEP
    assert memory.scratch(1000)[0] == first, "a buffer too large to keep replaced the small one"


def test_uses_and_threads_do_not_share():
    found = [memory.scratch(100)[0], memory.scratch(100, "weights")[0]]
    kept = []
    other = threading.Thread(target=lambda: kept.append(memory.scratch(100)))
    other.start()
    other.join()
    assert len({*found, kept[0][0]}) == 3
