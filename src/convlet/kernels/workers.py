"""The workers of parallel regions: threads that wait for a region, spinning for a while and then asleep.

A region is open while its caller, who is worker 0, draws tasks. A worker that comes in time joins and draws tasks too;
one that comes late finds the region closed. So nobody waits for a thread that has not woken up, which can take 0.1 to
5 ms, and a caller that meets another region open runs its own alone. An empty region of two workers takes 1.3 us (Zen
4, EPYC, November 2026, `python -m benchmarks regions`; 3.6 us on TBB, 22 us on GNU OpenMP, neither of them needed).

    caller: wake who sleeps; fill in the region, OPEN = 1, NUMBER += 1; run as worker 0; OPEN = 0, wait until INSIDE = 0
    worker: see NUMBER change; INSIDE += 1; if OPEN: run; INSIDE -= 1

INSIDE is raised before OPEN is read, and OPEN lowered before INSIDE is read: so either the worker finds the region
closed or the caller waits for it. Threads that must go to sleep or wake up do so in Python, with a semaphore.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from ..runtime import memory
from .emit import I64, _at, call, load_i64, store_i64
from .jit import cgutils, intrinsic, njit, types
from .launch import Kernel, begin

# Where the words of a crew are, each on a cache line of its own but for the region's.
NUMBER, OPEN, INSIDE, STOP, REGION = (64 * i for i in range(5))
BYTES = 64 * 6
# Pauses before a worker sleeps, about 0.5 ms on a Zen 4 (40 to 140 cycles each on processors of x86): enough to
# last from one layer of a network to the next, as OpenMP's default is.
SPINS = 0 if os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive" else 30_000
# Pauses for a worker inside before the processor is offered to others: it may be without one.
PATIENCE = 2_000


@intrinsic
def add_i64(typing, address, value):
    """Adds to the int64 at an address and returns what it was, in one order for all threads."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", _at(builder, args[0], I64), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def exchange_i64(typing, address, value):
    """Puts a value to an address and returns what it was, in one order for all threads."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("xchg", _at(builder, args[0], I64), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def see_i64(typing, address):
    """The int64 at an address as other threads left it last."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(_at(builder, args[0], I64), "seq_cst", 8)

    return types.int64(types.int64), codegen


@intrinsic
def pause(typing):
    """A moment's rest for a thread that waits for a word of memory to change."""

    def codegen(context, builder, sig, args):
        if "x86" in builder.module.triple or "amd64" in builder.module.triple:
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), codegen


def _serve(crew, worker, seen, spins):
    """Takes part in regions as they open, from the one after `seen`; returns the last seen when none came for long."""
    waited = 0
    while True:
        number = see_i64(crew + NUMBER)
        if number == seen:
            if waited >= spins or see_i64(crew + STOP):
                return seen
            waited += 1
            pause()
            continue
        seen, waited = number, 0
        add_i64(crew + INSIDE, 1)
        if see_i64(crew + OPEN):
            region = crew + REGION
            if worker < load_i64(region + 56):
                a, b, bias = load_i64(region + 16), load_i64(region + 24), load_i64(region + 32)
                frame, out, scratch = load_i64(region + 8), load_i64(region + 40), load_i64(region + 48)
                call(load_i64(region), (frame, a, b, bias, out, scratch, worker))
        add_i64(crew + INSIDE, -1)


@njit(error_model="numpy")
def all_left(crew):
    """Waits a little until no worker is inside; whether that is so."""
    for _ in range(PATIENCE):
        if see_i64(crew + INSIDE) == 0:
            return True
        pause()
    return False


def _lead(crew, kernel, frame, a, b, bias, out, scratch, workers):
    """Opens a region, takes part as worker 0 and closes it. Whether all workers have left: see `follow`."""
    region = crew + REGION
    begin(scratch, workers)
    store_i64(region, kernel)
    store_i64(region + 8, frame)
    store_i64(region + 16, a)
    store_i64(region + 24, b)
    store_i64(region + 32, bias)
    store_i64(region + 40, out)
    store_i64(region + 48, scratch)
    store_i64(region + 56, workers)
    exchange_i64(crew + OPEN, 1)
    add_i64(crew + NUMBER, 1)
    call(kernel, (frame, a, b, bias, out, scratch, 0))
    exchange_i64(crew + OPEN, 0)
    return all_left(crew)


def _follow(crew):
    """Waits again, after `lead` did in vain."""
    return all_left(crew)


serve, lead, follow = Kernel(_serve), Kernel(_lead), Kernel(_follow)


def _allowed() -> set[int]:
    """The processors that threads may be moved among; none where there is no choice or no way."""
    if not sys.platform.startswith("linux") or not hasattr(os, "sched_getaffinity"):
        return set()
    allowed = os.sched_getaffinity(0)
    return allowed if len(allowed) > 1 else set()


# time.sleep(0) takes 60 us on Linux, for all that it asks for no time.
_let_others_run: Callable[[], None] = getattr(os, "sched_yield", lambda: time.sleep(0))


@functools.cache
def _asks_processor() -> Callable[[], int]:
    """sched_getcpu, or what says that nobody knows."""
    import ctypes

    try:
        return ctypes.CDLL(None).sched_getcpu
    except (OSError, AttributeError):
        return lambda: -1


def _processor() -> int:
    """The number of the processor that this thread runs on just now; -1 where that is unknown."""
    return _asks_processor()()


def _move(thread: threading.Thread, processors: set[int]) -> None:
    """Has a thread run on one of these processors from now on."""
    if thread.native_id is not None and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):  # forbidden to it meanwhile: it wakes where it will
            os.sched_setaffinity(thread.native_id, processors)


class Crew:
    """The threads of this process that wait for regions."""

    def __init__(self) -> None:
        self.serve, self.lead, self.follow = serve.run, lead.run, follow.run
        self.memory = np.zeros(BYTES + memory.LINE, np.uint8)
        self.address = memory.lines(memory.address(self.memory))
        start = self.address - memory.address(self.memory)
        self.words = self.memory[start : start + BYTES].view(np.int64)
        self.lock = threading.Lock()  # held while a region is open, and while threads come and go
        self.threads: list[threading.Thread] = []
        self.closed = False
        self.allowed = _allowed()
        self.asleep: dict[int, Any] = {}  # a held lock for each worker that sleeps: releasing it wakes the thread

    def run(self, kernel: int, frame: int, a: int, b: int, bias: int, out: int, scratch: int, workers: int) -> bool:
        """A region of up to so many workers. False: another is open, and nothing was done."""
        if self.closed or not self.lock.acquire(blocking=False):
            return False
        try:
            if len(self.threads) < workers - 1:
                self._hire(workers - 1)
            if self.asleep:
                self._wake(workers - 1)
            done = self.lead(self.address, kernel, frame, a, b, bias, out, scratch, workers)
            while not done:  # a worker is inside and has perhaps lost its processor
                _let_others_run()
                done = self.follow(self.address)
        finally:
            self.lock.release()
        return True

    def dismiss(self) -> None:
        """Ends all threads; the next region starts new ones."""
        with self.lock:
            self.words[STOP // 8] = 1
            self._wake(len(self.threads))
            for thread in self.threads:
                thread.join()
            self.threads.clear()
            self.words[STOP // 8] = 0

    def _hire(self, count: int) -> None:
        while len(self.threads) < count:
            worker = len(self.threads) + 1
            thread = threading.Thread(target=self._work, args=(worker,), name=f"convlet worker {worker}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads: fewer do
                return
            self.threads.append(thread)

    def _wake(self, count: int) -> None:
        here = _processor() if self.allowed else -1
        for worker in range(1, count + 1):
            bell = self.asleep.pop(worker, None)
            if bell is not None:
                # Linux likes to wake a thread where its waker runs, and moves it only after some ms.
                elsewhere = self.allowed - {here}
                if elsewhere and here >= 0:
                    _move(self.threads[worker - 1], elsewhere)
                bell.release()

    def _work(self, worker: int) -> None:
        bell = threading.Lock()
        bell.acquire()
        seen = 0
        while True:
            seen = self.serve(self.address, worker, seen, SPINS)
            if self.words[STOP // 8]:
                return
            if self.words[NUMBER // 8] == seen:
                self.asleep[worker] = bell
                bell.acquire()


_crew: Crew | None = None


def crew() -> Crew:
    """The workers of this process."""
    global _crew
    if _crew is None:
        _crew = Crew()
        atexit.register(_close)
    return _crew


def _dismiss() -> None:
    """No thread lives on through a fork."""
    if _crew is not None:
        _crew.dismiss()


def _close() -> None:
    """Nor through the end of the interpreter: what still computes then computes alone."""
    if _crew is not None:
        _crew.closed = True
        _crew.dismiss()


def _after_fork() -> None:
    """Another thread of the parent may have been in a region; in the child nobody is."""
    global _crew
    _crew = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_dismiss, after_in_child=_after_fork)
