"""Scratch memory: aligned, reused, each Python thread its own."""

import gc
import mmap
import os
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


@pytest.fixture
def pool(monkeypatch):
    """A pool of its own: nobody else's arrays come and go."""
    fresh = memory.Pool(limit=64 << 20)
    monkeypatch.setattr(memory, "pool", fresh)
    monkeypatch.setattr(memory.Lease.__del__, "__defaults__", (fresh, mmap.mmap))
    return fresh


ROWS = memory.POOLED // 1000 + 1  # of 250 float32: just large enough


def test_a_block_comes_back_with_the_last_view(pool):
    array = memory.empty((ROWS, 250), np.float32)
    assert memory.address(array) % memory.LINE == 0
    assert memory.owns(array)
    where, size = memory.address(array), pool.used
    views = [array[1:], array[1:][::2].T.view(np.int32), np.asarray(memoryview(array)), array.reshape(-1)[5:6]]
    assert not any(memory.owns(each) for each in views)
    del array
    while views:
        assert (pool.used, pool.free_bytes) == (size, 0)
        views.pop()
    assert (pool.used, pool.free_bytes) == (0, size)
    again = memory.empty((250, ROWS), np.float32)
    assert memory.address(again) == where
    other = memory.empty((250, ROWS), np.float32)
    assert memory.address(other) != where


def test_small_arrays_and_layouts(pool):
    assert memory.empty((3, 4), "f8").base is None
    assert memory.empty((2, 0, 3), "f4", (1, 2, 0)).shape == (2, 0, 3)
    for shape in [(2, 3, 4, 5), (2, 64, 40, 50)]:
        array = memory.empty(shape, np.float32, (0, 2, 3, 1))
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous
        assert memory.empty_like(array).strides == array.strides
        assert memory.empty_like(array, np.uint8).dtype == np.uint8
    with pytest.raises(MemoryError):
        memory.empty((1 << 50,), np.float32)
    assert pool.used == 0 or gc.collect() >= 0


def test_no_more_memory_than_was_in_use_at_once(pool):
    rng = np.random.default_rng(0)
    sizes = rng.integers(memory.POOLED, 8 << 20, 2000)
    for size in sizes:
        memory.empty((int(size),), np.uint8)
        assert pool.used == 0
        assert pool.free_bytes <= memory.ROOM + (10 << 20)
    kept = [memory.empty((1 << 20,), np.uint8) for _ in range(100)]
    assert pool.free_bytes == 0 or pool.used + pool.free_bytes <= max(pool.peak * memory.SPARE, pool.peak + memory.ROOM)
    del kept
    assert pool.free_bytes <= pool.limit
    for size in sizes[:1500]:  # a period later the peak is forgotten
        memory.empty((int(size),), np.uint8)
    for size in sizes[:1500]:
        memory.empty((int(size),), np.uint8)
    assert pool.free_bytes <= memory.ROOM + (20 << 20)
    assert pool.free_bytes == sum(len(block) for block in pool.blocks.values())
    assert sorted(pool.blocks) == sorted(number for numbers in pool.free.values() for number in numbers)


def test_a_network_of_ever_other_sizes_soon_needs_no_new_memory(pool, monkeypatch):
    def step():
        held = memory.empty((16 << 20,), np.uint8)
        for part in range(2, 40):
            held = memory.empty(((32 << 20) // part,), np.uint8)  # beside the one before
        assert memory.pool.used == held.base.nbytes

    for _ in range(3):
        step()
    monkeypatch.setattr(memory, "_new_block", None)
    resident = pool.lent + pool.free_bytes
    for _ in range(3):
        step()
        assert pool.lent + pool.free_bytes == resident
    small = memory.empty((1 << 20,), np.uint8)
    assert pool.used < 2 << 20
    assert pool.lent == len(small.base.base)
    del small
    assert pool.lent == pool.used == 0


def test_threads_and_cycles_never_share_a_block(pool):
    errors = []

    def work(mark):
        for turn in range(300):
            array = memory.empty((ROWS, 250), np.float32)
            array[:] = mark + turn
            cycle = [array[3:]]
            cycle.append(cycle)
            if not (array == mark + turn).all():
                errors.append((mark, turn))

    workers = [threading.Thread(target=work, args=(1000 * i,)) for i in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    gc.collect()
    assert not errors
    assert pool.used == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_shares_nothing():
    array = memory.empty((ROWS, 250), np.float32)
    array[:] = 1
    memory.empty((ROWS, 250), np.float32)
    child = os.fork()
    if child == 0:
        array[:] = 2
        del array
        fresh = memory.empty((ROWS, 250), np.float32)
        fresh[:] = 3
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (array == 1).all()


def test_arrays_that_outlive_the_names_of_their_module(pool, monkeypatch):
    """At the end of Python a module's names are gone before its last objects."""
    array = memory.empty((ROWS, 250), np.float32)
    with monkeypatch.context() as patch:
        for name in [name for name in vars(memory) if not name.startswith("__")]:
            patch.setattr(memory, name, None)
        del array
    assert pool.used == 0
    assert pool.free_bytes
