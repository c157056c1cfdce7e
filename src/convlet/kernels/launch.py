"""Compiling kernels and running them: a kernel is a function of addresses, compiled once, known by its address.

Every kernel that is launched has the same signature, so there is one parallel region for all of them:

    kernel(frame, a, b, bias, out, scratch, worker)

`frame` is the address of the numbers that a plan prepared, `a b bias out` those of the arrays, `scratch` that of
memory for all workers. Its first line holds a ticket counter by which the workers may share out the tasks, so that
a slow core takes fewer, and the number of workers; lines before it are counters, one a worker, by which each takes
first what is its own (`next_task`). Which worker computes a task never changes a sum.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from ..runtime import cache, memory
from . import emit, target

_compiling = threading.RLock()
call, load_i64, next_ticket, store_i64 = emit.call, emit.load_i64, emit.next_ticket, emit.store_i64


def _after_fork() -> None:
    """Another thread of the parent may have been compiling; in the child nobody is."""
    global _compiling
    _compiling = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@functools.cache
def _sources(path: Path) -> tuple[Path, ...]:
    """A kernel's file, and those of this folder that it imports, and they import: all that its code is made of."""
    found: set[Path] = set()
    new = [path, Path(__file__)]
    while new:
        each = new.pop()
        found.add(each)
        for module, names in re.findall(r"^ *from \.(\w*) import (.*)", each.read_text("utf-8"), re.MULTILINE):
            files = {path.parent / f"{name}.py" for name in ([module] if module else names.split(", "))}
            new += [file for file in files - found if file.exists()]
    return tuple(sorted(found))


@contextmanager
def _only_loading() -> Iterator[None]:
    """Numba does not prepare for compiling, which takes 0.15 s, until it has found that there is nothing to load."""
    try:
        from numba.core.compiler_lock import global_compiler_lock
        from numba.core.registry import cpu_target
        from numba.core.runtime import rtsys
    except ImportError:  # a Numba that is built in another way
        yield
        return
    with global_compiler_lock:
        context = cpu_target.target_context
        rtsys.initialize(context)
        prepare, calls = context.refresh, itertools.count()

        def refresh() -> None:  # called before loading, then before compiling
            if next(calls) > 0:
                prepare()

        context.refresh = refresh
        try:
            yield
        finally:
            context.__dict__.pop("refresh", None)


def compiled(compile: Callable[[bool], Any], source: str) -> Any:
    """What `compile(use_cache)` makes of functions of the file `source`, kept on disk where that is possible."""
    with _compiling:
        folder = cache.directory(_sources(Path(source)), target.current().name)
        if folder is None or next(folder.rglob("*.nbc"), None) is None:
            cache.announce()
        if folder is not None:
            # Numba reads its own setting when a function is declared; others in this process keep theirs.
            before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
            try:
                with _only_loading():
                    return compile(True)
            except OSError:
                pass  # a full disk: go without
            except Exception:
                # A broken file (a cut-off pickle raises what it likes): start the folder anew. If it was not
                # the cache, the same error comes again below.
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                numba.config.CACHE_DIR = before
        return compile(False)


class Kernel:
    """A Python function of int64 arguments, compiled when its address is first asked for.

    It raises nothing, so it checks no divisor either (error_model="numpy").
    """

    def __init__(self, function: Callable[..., None]):
        self.function = function
        self.__doc__ = function.__doc__
        self._address: int | None = None

    @property
    def address(self) -> int:
        """Where the compiled function starts."""
        if self._address is None:
            with _compiling:
                if self._address is None:
                    count = self.function.__code__.co_argcount
                    signature = types.void(*[types.int64] * count)

                    def compile(use_cache: bool) -> Any:
                        return numba.cfunc(signature, cache=use_cache, error_model="numpy")(self.function)

                    self._compiled = compiled(compile, self.function.__code__.co_filename)
                    self._address = self._compiled.address
        return self._address


def frame_reader(dtype: np.dtype) -> Any:
    """An intrinsic: the record of `dtype` at an address, for a kernel to read its fields."""
    record = numba.from_dtype(dtype)

    @intrinsic
    def frame_at(typing, address):
        def codegen(context, builder, sig, args):
            return builder.inttoptr(args[0], context.get_value_type(record))

        return record(types.int64), codegen

    return frame_at


@njit(error_model="numpy")
def next_task(scratch, worker, tasks):
    """The next of the tasks 0.. for a worker, or `tasks` when none is left.

    Each worker has a share of its own, the same in every call, because what a core wrote last is in its cache: lines of
    an output that another core holds cost more than the sums. When its share is done it takes tasks of the others'.
    """
    workers = load_i64(scratch + 8)
    for i in range(workers):
        owner = (worker + i) % workers
        task = owner * tasks // workers + next_ticket(scratch - 64 * (owner + 1))
        if task < (owner + 1) * tasks // workers:
            return task
    return tasks


@njit(error_model="numpy")
def begin(scratch, workers):
    """All tasks are to be taken."""
    store_i64(scratch, 0)
    store_i64(scratch + 8, workers)
    for worker in range(workers):
        store_i64(scratch - 64 * (worker + 1), 0)


def _alone(kernel, frame, a, b, bias, out, scratch):
    begin(scratch, 1)
    call(kernel, (frame, a, b, bias, out, scratch, 0))


@functools.cache
def _run_alone() -> Any:
    signature = types.void(*[types.int64] * 7)
    return compiled(lambda cache: njit(signature, nogil=True, cache=cache)(_alone), __file__)


@functools.cache
def _workers() -> Any:
    from . import workers  # whose loops are compiled by this file

    return workers


def launch(kernel: int, frame: int, a: int, b: int, bias: int, out: int, slot: int, workers: int) -> None:
    """Runs a compiled kernel on `workers` workers with `slot` bytes of scratch each."""
    counters = memory.LINE * workers
    scratch, keep = memory.scratch(counters + memory.LINE + slot * workers)
    scratch += counters
    if workers == 1 or not _workers().crew().run(kernel, frame, a, b, bias, out, scratch, workers):
        _run_alone()(kernel, frame, a, b, bias, out, scratch)
    del keep
