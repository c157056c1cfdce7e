"""Memory that is used again, because fresh memory costs over a microsecond a page, more than a convolution does.

Scratch: aligned buffers of each Python thread, reused by every call that thread makes.
Results: `empty` makes large arrays from blocks that come back when the last array that shows them is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
import os
import sys
import threading
from collections import OrderedDict
from typing import Any

import numpy as np

LINE = 64  # bytes of a cache line; every scratch address is a multiple
KEEP = 32 << 20  # bytes: a larger buffer serves its call and then goes to the pool of results


class _Scratch(threading.local):
    """The buffers of a Python thread by their use, and where each starts."""

    def __init__(self) -> None:
        self.buffers: dict[str, tuple[int, np.ndarray]] = {}


_scratch = _Scratch()


def lines(nbytes: int) -> int:
    """`nbytes` rounded up to whole cache lines."""
    return -(-nbytes // LINE) * LINE


# Where an array object keeps the address of its data: behind the object's header, as NumPy's C interface promises.
# Read from there, through an array of words that starts at address 0, it costs 0.1 us; through NumPy's Python
# interface 0.7 us.
_WORD = ctypes.sizeof(ctypes.c_size_t)
_HEADER = object.__basicsize__ // _WORD
_words = (ctypes.c_size_t * (sys.maxsize // _WORD)).from_address(0)


def _ask(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _look(array: np.ndarray) -> int:
    return _words[id(array) // _WORD + _HEADER]


def _looking_works() -> bool:
    probes: list[np.ndarray] = [np.empty(3), np.empty((2, 5), np.uint8)[1:, ::-2]]
    return sys.implementation.name == "cpython" and all(_look(each) == _ask(each) for each in probes)


# address(array): where its first element lies. The caller keeps the array alive.
address = _look if _looking_works() else _ask


def scratch(nbytes: int, use: str = "workers") -> tuple[int, np.ndarray]:
    """The address of at least `nbytes` of this Python thread's scratch, and the array that keeps it alive.

    Its content is undefined, and the next call of the same thread for the same use gets the same bytes: fresh
    memory costs over a microsecond a page.
    """
    found = _scratch.buffers.get(use)
    if found is not None and found[1].nbytes >= nbytes + LINE:
        return found
    size = max(nbytes, 1 << 18) + LINE
    buffer = np.empty(size, np.uint8) if size <= KEEP else empty((size,), np.uint8)
    found = lines(address(buffer)), buffer
    if buffer.nbytes <= KEEP:
        _scratch.buffers[use] = found
    return found


_zeros = np.zeros(0, np.uint8)


def zeros(nbytes: int) -> np.ndarray:
    """At least `nbytes` zeros to read, the same memory for all who ask."""
    global _zeros
    if _zeros.nbytes < nbytes:
        _zeros = np.zeros(1 << nbytes.bit_length(), np.uint8)
        _zeros.flags.writeable = False
    return _zeros


# Results -------------------------------------------------------------------------------------------------------------

POOLED = 1 << 18  # bytes from which a result comes from the pool; below, the C library reuses memory well
SHARE = 4  # free blocks take at most this part of the machine's memory: a quarter
SPARE = 1.5  # a step of a network uses its memory in other sizes in its end than in its beginning
ROOM = 16 << 20  # bytes that may be free in any case: a step on one image uses little memory, in ever other sizes
PERIOD = 1024  # results after which the peak of memory in use is forgotten
HUGE = 4 << 20  # bytes from which large pages are asked for


def machine_bytes() -> int:
    """Memory of the machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return 8 << 30


def _new_block(size: int) -> mmap.mmap:
    """Fresh memory from the system, to which it returns when the object dies."""
    try:
        if not hasattr(mmap, "MAP_PRIVATE"):
            return mmap.mmap(-1, size)
        block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared with no child
    except (OSError, OverflowError, ValueError) as error:
        raise MemoryError(f"cannot allocate {size} bytes") from error
    if size >= HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a system without them
            block.madvise(mmap.MADV_HUGEPAGE)
    return block


def _step(nbytes: int) -> int:
    """Of which the sizes of blocks are multiples: an eighth of them at most, so that similar arrays share blocks."""
    return max(mmap.PAGESIZE, 1 << (nbytes.bit_length() - 4))


class Pool:
    """Free blocks of memory by size, the longest unused dropped first.

    Blocks in use and free ones together never exceed by more than SPARE, or ROOM, the most that was lately in use at
    once: the process does not become much larger than its arrays make it. Where there is no room for another block, a
    free one serves that is much too large: a step on a few images uses little memory at once, in ever other sizes.
    Free ones take `limit` bytes at most. Blocks have their old contents.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.spare, self.room = limit, SPARE, ROOM
        # An array may die while this very thread is in here, because the collector runs anywhere: hence reentrant.
        self.lock = threading.RLock()
        self.free: dict[int, list[int]] = {}  # by size, the numbers of free blocks
        self.blocks: OrderedDict[int, mmap.mmap] = OrderedDict()  # free blocks by number, the oldest first
        # Bytes that are asked for, those of the blocks that serve them, and of those that are free.
        self.used = self.lent = self.free_bytes = self.number = 0
        self.peak = self.recent = self.count = 0  # of `used`: lately; in this period; results in this period
        self.most: float = self.room  # bytes that all blocks may take

    def take(self, nbytes: int) -> tuple[mmap.mmap, int]:
        """A block of at least `nbytes`, and how many it counts for until it is given back.

        MemoryError where the system has none, even without the free ones.
        """
        step = _step(nbytes)
        size = -(-nbytes // step) * step
        with self.lock:
            numbers = self.free.get(size) or self._others(size, step)
            if numbers:
                block = self.blocks.pop(numbers.pop())
                self.free_bytes -= len(block)
                self._count(block, size)
                return block, size
        try:
            block = _new_block(size)
        except MemoryError:
            self.drop()
            block = _new_block(size)
        with self.lock:
            self._count(block, size)
            self._trim()
        return block, size

    def _others(self, size: int, step: int) -> list[int] | None:
        """Free blocks that are at most a quarter larger, or of any size where a new one would be too many."""
        for near in range(size + step, size + size // 4 + 1, step):
            if self.free.get(near):
                return self.free[near]
        if self.lent + self.free_bytes + size <= self._allowed(max(self.peak, self.used + size)):
            return None
        best = min((each for each, numbers in self.free.items() if each > size and numbers), default=None)
        return None if best is None else self.free[best]

    def _allowed(self, peak: int) -> float:
        return max(peak * self.spare, peak + self.room)

    def _count(self, block: mmap.mmap, size: int) -> None:
        """The block is in use for `size` bytes."""
        self.lent += len(block)
        self.used = used = self.used + size
        self.count += 1
        if used > self.recent:
            self.recent = used
        if used > self.peak or self.count == PERIOD:
            self.peak = max(used, self.recent)
            self.most = self._allowed(self.peak)
            if self.count == PERIOD:
                self.recent, self.count = used, 0

    def give_back(self, block: mmap.mmap, size: int) -> None:
        """The block, which counted for `size`, is free."""
        whole = len(block)
        with self.lock:
            self.used = max(0, self.used - size)  # after a fork, the parent's
            self.lent = max(0, self.lent - whole)
            self.number = number = self.number + 1
            self.blocks[number] = block
            known = self.free.get(whole)
            if known is None:
                self.free[whole] = [number]
            else:
                known.append(number)
            self.free_bytes += whole
            if self.free_bytes > self.limit or self.lent + self.free_bytes > self.most:
                self._trim()

    def drop(self) -> None:
        """Return all free blocks to the system."""
        with self.lock:
            self.free, self.blocks, self.free_bytes = {}, OrderedDict(), 0

    def _trim(self) -> None:
        while self.blocks and (self.free_bytes > self.limit or self.lent + self.free_bytes > self.most):
            number, block = self.blocks.popitem(last=False)
            size = len(block)
            numbers = self.free[size]
            numbers.remove(number)
            if not numbers:
                del self.free[size]
            self.free_bytes -= size


pool = Pool(machine_bytes() // SHARE)


def _after_fork() -> None:
    """Another thread of the parent may have been in the pool; in the child nobody is, and it starts without blocks."""
    pool.__init__(pool.limit)  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Lease(np.ndarray):
    """A block in use: the base of the one array that `empty` made of it, and gone with that and all its views.

    NumPy makes the base of a view's view the last array before one of another type, so no view outlives the array.
    """

    def __del__(self, pool: Pool = pool, kind: type[mmap.mmap] = mmap.mmap) -> None:  # Python ends without names
        block: Any = self.base
        if isinstance(block, kind):
            pool.give_back(block, self.nbytes)


def owns(array: np.ndarray) -> bool:
    """Whether an array is the first to show its memory: no view of another."""
    base = array.base
    return base is None or type(base) is Lease


def empty(shape: tuple[int, ...], dtype: Any, axes: tuple[int, ...] | None = None) -> np.ndarray:
    """A new C-contiguous array with undefined contents, as np.empty; large ones start at a page.

    With `axes`, an array whose axes lie in this order in memory: (0, 2, 3, 1) is channels-last.
    """
    dtype = np.dtype(dtype)
    nbytes = math.prod(shape) * dtype.itemsize
    if axes is not None:
        strides, step = [0] * len(shape), dtype.itemsize
        for axis in reversed(axes):
            strides[axis], step = step, step * max(1, shape[axis])
    if nbytes < POOLED or dtype.hasobject:
        return np.ndarray(shape, dtype, strides=None if axes is None else strides)
    block, size = pool.take(nbytes)
    lease = np.ndarray.__new__(Lease, (size,), np.uint8, block)
    return np.ndarray(shape, dtype, lease, strides=None if axes is None else strides)


def empty_like(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """A new array of the same shape whose axes lie in the same order in memory, as np.empty_like."""
    if array.nbytes < POOLED:
        return np.empty_like(array, dtype)
    if array.flags.c_contiguous:
        return empty(array.shape, dtype or array.dtype)
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return empty(array.shape, dtype or array.dtype, tuple(order))
