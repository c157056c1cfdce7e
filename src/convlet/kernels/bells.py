"""How a thread waits for a word of memory to change: spinning for a while, then asleep until somebody rings its bell.

It sleeps in compiled code, where it does without Python's lock: woken in Python it would take the lock from its waker,
whom Linux then likes to wake in turn, on the processor of the woken thread, where both stay for some milliseconds.

    sleeper: ASLEEP = 1; if the word is still the same: wait; ASLEEP = 0
    ringer:  change the word; if ASLEEP was 1, which it makes 0: post

ASLEEP is raised before the word is read again, and read after the word has changed: so either the sleeper sees the
change or the ringer the sleeper. A bell rung in vain wakes the sleeper's next sleep, which looks at the word again.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import Any

import numpy as np
from llvmlite import ir

from .emit import I32, I64, _at, call, load_i64, store_i64
from .jit import cgutils, intrinsic, njit, types

# Where the words of a sleeper are, on a cache line of its own. BELL is a semaphore: 32 bytes at most on Linux.
ASLEEP, THREAD, BELL = 0, 8, 32
SLEEPER = 64
# Where those of the system are: its functions, the processors that threads may run on, and those without the waker's.
WAIT, POST, PROCESSOR, PLACE, ALLOWED, ELSEWHERE = 0, 8, 16, 24, 64, 192
MASK = ELSEWHERE - ALLOWED  # bytes, for 1024 processors
SYSTEM = ELSEWHERE + MASK


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


@intrinsic
def ask(typing, function):
    """What the C function `int function(void)` at an address returns."""

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(I32, [])
        return builder.sext(builder.call(builder.inttoptr(args[0], kind.as_pointer()), []), I64)

    return types.int64(types.int64), codegen


@njit(error_model="numpy")
def watch(system, sleeper, word, value, spins):
    """Returns when the word has another value; sleeps after so many pauses."""
    waited = 0
    while see_i64(word) == value:
        waited += 1
        if waited < spins:
            pause()
            continue
        waited = 0
        exchange_i64(sleeper + ASLEEP, 1)
        if see_i64(word) == value:
            call(load_i64(system + WAIT), (sleeper + BELL,))
        exchange_i64(sleeper + ASLEEP, 0)
        if load_i64(sleeper + THREAD) and load_i64(system + PLACE):  # `ring` may have moved it
            call(load_i64(system + PLACE), (0, MASK, system + ALLOWED))


@njit(error_model="numpy")
def ring(system, sleeper):
    """Wakes a sleeper who sleeps. The word that it watches has changed."""
    if see_i64(sleeper + ASLEEP) and exchange_i64(sleeper + ASLEEP, 0):
        if load_i64(sleeper + THREAD) and load_i64(system + PLACE):
            send_elsewhere(system, load_i64(sleeper + THREAD))
        call(load_i64(system + POST), (sleeper + BELL,))


@njit(error_model="numpy")
def send_elsewhere(system, thread):
    """Has a thread run on another processor than this one: Linux tends to wake it here, and moves it after some ms."""
    here = ask(load_i64(system + PROCESSOR))
    if 0 <= here < 8 * MASK:
        for i in range(0, MASK, 8):
            store_i64(system + ELSEWHERE + i, load_i64(system + ALLOWED + i))
        word = system + ELSEWHERE + here // 64 * 8
        store_i64(word, load_i64(word) & ~(1 << here % 64))
        call(load_i64(system + PLACE), (thread, MASK, system + ELSEWHERE))


def allowed() -> set[int]:
    """The processors that threads may be moved among; none where there is no choice or no way."""
    if not sys.platform.startswith("linux") or not hasattr(os, "sched_getaffinity"):
        return set()
    found = os.sched_getaffinity(0)
    return found if len(found) > 1 and max(found) < 8 * MASK else set()


_FUNCTIONS = ("sem_init", "sem_wait", "sem_post", "sched_getcpu", "sched_setaffinity")


def _library() -> Any:
    """The C library, where it has all that is wanted of it."""
    if not sys.platform.startswith("linux"):  # macOS has sem_init, but no semaphores behind it
        return None
    try:
        library = ctypes.CDLL(None)
        return library if all(getattr(library, name) for name in _FUNCTIONS) else None
    except (OSError, AttributeError):
        return None


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


class Bells:
    """The functions that compiled code calls to sleep and to ring: the C library's on Linux, elsewhere Python's."""

    def __init__(self) -> None:
        self.library = _library()
        self.semaphores: dict[int, threading.Semaphore] = {}  # Python's, by their addresses in compiled code
        if self.library:
            self.wait, self.post = self.library.sem_wait, self.library.sem_post
        else:
            kind = ctypes.CFUNCTYPE(None, ctypes.c_int64)
            self.wait = kind(lambda bell: self.semaphores[bell].acquire())
            self.post = kind(lambda bell: self.semaphores[bell].release())

    def write(self, words: np.ndarray) -> None:
        """Fills in the words of the system."""
        words[WAIT // 8], words[POST // 8] = _address(self.wait), _address(self.post)
        processors = allowed() if self.library else set()
        if processors:
            words[PROCESSOR // 8] = _address(self.library.sched_getcpu)
            words[PLACE // 8] = _address(self.library.sched_setaffinity)
        for each in processors:
            words[ALLOWED // 8 + each // 64] |= np.int64(1) << np.int64(each % 64)

    def hang(self, sleeper: int) -> None:
        """Makes the bell of a sleeper, whose cache line is at this address."""
        if not self.library:
            self.semaphores[sleeper + BELL] = threading.Semaphore(0)
        elif self.library.sem_init(ctypes.c_void_p(sleeper + BELL), 0, 0) != 0:
            raise OSError("sem_init failed")
