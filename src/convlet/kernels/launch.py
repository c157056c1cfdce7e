"""Compiling kernels and running them: a kernel is a function of addresses, compiled once, known by its address.

Every kernel that is launched has the same signature, so there is one parallel region for all of them:

    kernel(frame, a, b, bias, out, scratch, worker)

`frame` is the address of the numbers that a plan prepared, `a b bias out` those of the arrays, `scratch` that of
memory for all workers. Its first line holds a ticket counter by which the workers may share out the tasks, so that
a slow core takes fewer, and the number of workers; lines before it are counters, one a worker, by which each takes
first what is its own (`next_task`). Which worker computes a task never changes a sum.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np

from ..runtime import cache, machine_code, memory
from . import emit, target
from .invoking import invoker
from .jit import intrinsic, njit, types

_compiling = threading.RLock()
call, load_i64, next_ticket, store_i64 = emit.call, emit.load_i64, emit.next_ticket, emit.store_i64


def _before_fork() -> None:
    """The child has no thread that would build what is on its way."""
    with contextlib.suppress(Exception):  # said to who launches
        _finish()


def _after_fork() -> None:
    """Another thread of the parent may have been compiling; in the child nobody is."""
    global _compiling
    _compiling = threading.RLock()
    _builder.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def _content(path: Path) -> bytes:
    """Of a file of this folder, which may be in a zip."""
    loader: Any = __spec__.loader
    return loader.get_data(str(path))


@functools.cache
def _imports(path: Path) -> tuple[bytes, set[Path]]:
    """The content of a file of this folder, and the files of this folder that it imports."""
    content = _content(path)
    found: set[Path] = set()
    for module, names in re.findall(r"^ *from \.(\w*) import (.*)", content.decode(), re.MULTILINE):
        for name in [module] if module else names.split(", "):
            with contextlib.suppress(OSError):  # no module of ours
                _content(path.parent / f"{name}.py")
                found.add(path.parent / f"{name}.py")
    return content, found


@functools.cache
def _files(path: Path) -> list[Path]:
    """A kernel's file and those of this folder that it imports, and they import."""
    found: set[Path] = set()
    new = {path, Path(__file__)}
    while new:
        found |= new
        new = set().union(*(_imports(file)[1] for file in new)) - found
    return sorted(found)


def _sources(path: Path) -> str:
    """Differs where the files of a kernel do."""
    return cache.digest(*(_imports(file)[0] for file in _files(path)))


def _state(file: str | Path) -> tuple[int, ...]:
    """Another one when a file is replaced."""
    found = os.stat(file)
    return found.st_mtime_ns, found.st_size, found.st_ino


_archive: str | None = getattr(__spec__.loader, "archive", None)
_begun_with = {each: _state(each) for each in ([_archive] if _archive else glob(f"{os.path.dirname(__file__)}/*.py"))}


def _replaced(path: Path) -> bool:
    """Whether another version of a kernel's files came while this process runs: it has read the one before."""
    files = [_archive] if _archive else map(str, _files(path))
    try:
        return any(_state(file) != _begun_with.get(file) for file in files)
    except OSError:
        return True


def compiled(function: Callable[..., Any]) -> int:
    """The address of the code of a function, kept on disk where that is possible."""
    path = Path(function.__code__.co_filename)
    if _replaced(path):
        return _made(function, target.label(), f"{path.stem}.{function.__qualname__}", kept=False)
    name = f"{path.stem}.{function.__qualname__}.{_sources(path)}"
    found = _loaded(target.label(), name)
    return _made(function, target.label(), name) if found is None else found


def _loaded(label: str, name: str) -> int | None:
    code = machine_code.unpack(cache.read(label, name) or b"")
    try:
        return None if code is None else machine_code.load(code)
    except LookupError:  # of a process that had what this one has not
        return None


def _made(function: Callable[..., Any], label: str, name: str, kept: bool = True) -> int:
    from . import compilation

    cache.announce()
    finish = compilation.draft(function, name)

    def build() -> int:
        code = finish()
        address = machine_code.load(code)
        if kept:
            cache.write(label, name, code.pack())
        return address

    if not compilation.IMAGES:
        return build()
    door = machine_code.Door()
    _building.add(_builder().submit(lambda: door.leads_to(build())))
    return door.address


# Code that is on its way to addresses that are known already: kernels call each other, but not before a launch.
_building: set[Any] = set()


@functools.cache
def _builder() -> Any:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, "convlet builder")


def _finish() -> None:
    """All code is there. Raises what went wrong, and again whenever somebody asks."""
    for each in tuple(_building):
        each.result()
        _building.discard(each)


class Kernel:
    """A Python function of int64 arguments, compiled when its address is first asked for.

    It raises nothing, so it checks no divisor either (error_model="numpy"). No other kernel of its file has its name:
    compiled code is kept by both. Functions made on demand get a `name` each.
    """

    def __init__(self, function: Callable[..., Any], name: str = ""):
        if name:
            function.__qualname__ = re.sub("[^a-z0-9]+", "_", name)
        self.function = function
        self.__doc__ = function.__doc__
        self._address: int | None = None

    @property
    def address(self) -> int:
        """Where the compiled function starts. It may be called by what `launch` or `run` calls, not otherwise."""
        if self._address is None:
            with _compiling:
                if self._address is None:
                    self._address = compiled(self.function)
        return self._address

    @functools.cached_property
    def run(self) -> Callable[..., int]:
        """Calls the compiled function, while other Python threads may run, too."""
        address = self.address
        _finish()
        return functools.partial(invoker(), address)


def frame_reader(dtype: np.dtype) -> Any:
    """An intrinsic: the record of `dtype` at an address, for a kernel to read its fields."""

    @intrinsic
    def frame_at(typing, address):
        from numba import from_dtype

        record = from_dtype(dtype)

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


alone = Kernel(_alone)


def _see_that_it_works() -> None:
    """Before a plan relies on kernels. ImportError: this Numba, or this system, does not let us make or run them."""
    try:
        invoker(), alone.address
        _finish()
    except ImportError:  # says it itself
        raise
    except Exception as error:
        raise ImportError(f"{type(error).__name__}: {error} (Numba {cache.version('numba')})") from error


_see_that_it_works()


@functools.cache
def _workers() -> Any:
    from . import workers  # whose loops are compiled by this file

    return workers


def launch(kernel: int, frame: int, a: int, b: int, bias: int, out: int, slot: int, workers: int) -> None:
    """Runs a compiled kernel on `workers` workers with `slot` bytes of scratch each."""
    counters = memory.LINE * workers
    scratch, keep = memory.scratch(counters + memory.LINE + slot * workers)
    scratch += counters
    if _building:
        _finish()
    if workers == 1 or not _workers().crew().run(kernel, frame, a, b, bias, out, scratch, workers):
        alone.run(kernel, frame, a, b, bias, out, scratch)
    del keep
