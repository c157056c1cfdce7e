"""The workers of parallel regions: threads that wait for a region, spinning for a while and then asleep.

A region is open while its caller, who is worker 0, draws tasks. A worker that comes in time joins and draws tasks too;
one that comes late finds the region closed. So nobody waits for a thread that has not woken up, which can take 0.1 to
5 ms, and a caller that meets another region open runs its own alone. An empty region of two workers takes 1.4 us (Zen
4, EPYC, November 2026, `python -m benchmarks regions`; 3.6 us on TBB, 22 us on GNU OpenMP, neither of them needed).

    caller: fill in the region, OPEN = 1, NUMBER += 1, wake who sleeps; run as worker 0; OPEN = 0, wait until INSIDE = 0
    worker: see NUMBER change; INSIDE += 1; if OPEN: run; INSIDE -= 1

INSIDE is raised before OPEN is read, and OPEN lowered before INSIDE is read: so either the worker finds the region
closed or the caller waits for it. A worker that is inside may have lost its processor: then the caller sleeps, too,
which leaves it its own.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading

import numpy as np

from ..runtime import memory
from .bells import ASLEEP, SLEEPER, SYSTEM, THREAD, Bells, add_i64, exchange_i64, ring, see_i64, watch
from .emit import call, load_i64, store_i64
from .jit import njit
from .launch import Kernel, begin

# Where the words of a crew are, each on a cache line of its own but for the region's; the sleepers' by their numbers.
NUMBER, OPEN, INSIDE, STOP, REGION, FUNCTIONS = (64 * i for i in range(6))
SLEEPERS = FUNCTIONS + SYSTEM
MOST = 1024  # workers
BYTES = SLEEPERS + SLEEPER * MOST
# Pauses before a thread sleeps, about 0.5 ms on a Zen 4 (40 to 140 cycles each on processors of x86): enough to
# last from one layer of a network to the next, as OpenMP's default is.
SPINS = 0 if os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive" else 30_000
# Pauses before a caller sleeps whose workers have not left: they are about to.
PATIENCE = max(SPINS, 2_000)


def _serve(crew, worker, spins):
    """Takes part in regions as they open, until the crew is to stop."""
    seen = 0
    while True:
        watch(crew + FUNCTIONS, crew + SLEEPERS + SLEEPER * worker, crew + NUMBER, seen, spins)
        seen = see_i64(crew + NUMBER)
        if see_i64(crew + STOP):
            return
        add_i64(crew + INSIDE, 1)
        if see_i64(crew + OPEN):
            region = crew + REGION
            if worker < load_i64(region + 56):
                a, b, bias = load_i64(region + 16), load_i64(region + 24), load_i64(region + 32)
                frame, out, scratch = load_i64(region + 8), load_i64(region + 40), load_i64(region + 48)
                call(load_i64(region), (frame, a, b, bias, out, scratch, worker))
        add_i64(crew + INSIDE, -1)
        ring(crew + FUNCTIONS, crew + SLEEPERS)


@njit(error_model="numpy")
def announce(crew, workers):
    """Lets the first workers know that something has changed."""
    add_i64(crew + NUMBER, 1)
    for worker in range(1, min(workers, MOST)):
        ring(crew + FUNCTIONS, crew + SLEEPERS + SLEEPER * worker)


def _lead(crew, kernel, frame, a, b, bias, out, scratch, workers, patience):
    """Opens a region, takes part as worker 0, closes it and waits until all have left."""
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
    announce(crew, workers)
    call(kernel, (frame, a, b, bias, out, scratch, 0))
    exchange_i64(crew + OPEN, 0)
    inside = see_i64(crew + INSIDE)
    while inside:
        watch(crew + FUNCTIONS, crew + SLEEPERS, crew + INSIDE, inside, patience)
        inside = see_i64(crew + INSIDE)


def _stop(crew, workers):
    """Has the first workers end."""
    exchange_i64(crew + STOP, 1)
    announce(crew, workers)


serve, lead, stop = Kernel(_serve), Kernel(_lead), Kernel(_stop)


class Crew:
    """The threads of this process that wait for regions."""

    def __init__(self) -> None:
        self.serve, self.lead, self.stop = serve.run, lead.run, stop.run
        self.memory = np.zeros(BYTES + memory.LINE, np.uint8)
        self.address = memory.lines(memory.address(self.memory))
        start = self.address - memory.address(self.memory)
        self.words = self.memory[start : start + BYTES].view(np.int64)
        self.bells = Bells()
        self.bells.write(self.words[FUNCTIONS // 8 : SLEEPERS // 8])
        self.bells.hang(self.address + SLEEPERS)
        self.lock = threading.Lock()  # held while a region is open, and while threads come and go
        self.threads: list[threading.Thread] = []
        self.closed = False

    def run(self, kernel: int, frame: int, a: int, b: int, bias: int, out: int, scratch: int, workers: int) -> bool:
        """A region of up to so many workers. False: another is open, and nothing was done."""
        if self.closed or self.lock.locked():
            return False
        # Not acquired above: an interrupt could come before anything would release it. Hardly ever does it wait here.
        with self.lock:
            if len(self.threads) < workers - 1:
                self._hire(workers - 1)
            self.lead(self.address, kernel, frame, a, b, bias, out, scratch, workers, PATIENCE)
        return True

    def dismiss(self) -> None:
        """Ends all threads; the next region starts new ones."""
        with self.lock:
            self.stop(self.address, len(self.threads) + 1)
            for thread in self.threads:
                with contextlib.suppress(RuntimeError):  # an interrupt came before it started
                    thread.join()
            self.threads.clear()
            self.words[STOP // 8] = 0

    def asleep(self) -> list[int]:
        """The workers that sleep just now."""
        found = self.words[(SLEEPERS + ASLEEP) // 8 :: SLEEPER // 8]
        return [worker for worker in range(1, len(self.threads) + 1) if found[worker]]

    def _hire(self, count: int) -> None:
        while len(self.threads) < min(count, MOST - 1):
            worker = len(self.threads) + 1
            thread = threading.Thread(target=self._work, args=(worker,), name=f"convlet worker {worker}", daemon=True)
            self.bells.hang(self.address + SLEEPERS + SLEEPER * worker)
            self.threads.append(thread)  # before an interrupt may come: no two have the same number
            try:
                thread.start()
            except RuntimeError:  # no more threads: fewer do
                self.threads.pop()
                return

    def _work(self, worker: int) -> None:
        self.words[(SLEEPERS + SLEEPER * worker + THREAD) // 8] = threading.get_native_id()
        self.serve(self.address, worker, SPINS)


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
