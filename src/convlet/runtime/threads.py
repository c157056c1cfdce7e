"""How many threads, and which library runs them.

Numba runs parallel regions on TBB, OpenMP or its own "workqueue"; the last costs 80 us a region and aborts the
process when two Python threads meet in it, so it is never used: where neither TBB nor OpenMP is found, kernels
run on one thread and a warning says what to install.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import sys
import threading
import warnings
from pathlib import Path

_lock = threading.Lock()
_count: int | None = None


def _quota() -> float:
    """CPUs that the container's control group allows; infinity where there is no limit."""
    try:
        allowed, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()  # version 2
        if allowed != "max":
            return int(allowed) / int(period)
    except (OSError, ValueError):
        pass
    try:
        folder = Path("/sys/fs/cgroup/cpu")  # version 1
        allowed_us = int((folder / "cpu.cfs_quota_us").read_text())
        if allowed_us > 0:
            return allowed_us / int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        pass
    return float("inf")


def available_cpus() -> int:
    """Processors this process may use: its affinity mask, and its container's quota rounded up."""
    try:
        mask = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        mask = os.cpu_count() or 1
    quota = _quota()
    return max(1, mask if quota == float("inf") else min(mask, int(-(-quota // 1))))


def _default() -> int:
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        value = os.environ.get(variable, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            return int(value)
    return available_cpus()


def get_num_threads() -> int:
    """Threads that one convolution uses.

    At first that is the smaller of the affinity mask and the container's CPU quota, or OMP_NUM_THREADS (or
    NUMBA_NUM_THREADS) where it is set.

    >>> torch.get_num_threads() >= 1
    True
    """
    global _count
    if _count is None:
        _count = _default()
    return _count


def set_num_threads(n: int) -> None:
    """Sets the threads that one convolution uses, in this process. Results do not depend on it, to the bit.

    Raises RuntimeError when n is not a positive integer.

    >>> torch.set_num_threads(torch.get_num_threads())
    """
    global _count
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(n).__name__}")
    if n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _count = int(n)


def _load_tbb() -> bool:
    """Loads the TBB of the `tbb` package, which Numba finds only when it is already in the process."""
    import ctypes

    names = ("tbb12.dll",) if sys.platform == "win32" else ("libtbb.so.12", "libtbb.12.dylib")
    places = [Path(sys.prefix) / "lib", Path(sys.prefix) / "Library" / "bin"]
    try:
        files = importlib.metadata.files("tbb") or []
        places += [Path(str(file.locate())).resolve().parent for file in files if file.name in names]
    except importlib.metadata.PackageNotFoundError:
        pass
    for candidate in [place / name for place in places for name in names] + list(names):
        try:
            ctypes.CDLL(str(candidate), mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return True
    return False


@functools.cache
def layer() -> str | None:
    """The library that runs parallel regions: 'tbb', 'omp' or None (one thread only, said once).

    TBB comes first. An empty region on two workers of a 2-core Zen 4 (EPYC) took warm 3.6 us with TBB and 22 us with
    GNU OpenMP, after 20 ms of sleep 120 us and 11.8 ms (`python -m benchmarks regions`, November 2026). It
    also survives a fork, and calls from several Python threads.
    """
    import numba
    from numba.np.ufunc import parallel

    with _lock:
        if parallel._is_initialized:  # someone else's parallel function has run: the choice is made
            chosen = parallel.threading_layer()
            return chosen if chosen in ("tbb", "omp") else None
        wanted = str(numba.config.THREADING_LAYER).lower()
        for name in [wanted] if wanted in ("tbb", "omp") else ["tbb", "omp"]:
            if name == "tbb":
                _load_tbb()
            before, numba.config.THREADING_LAYER = numba.config.THREADING_LAYER, name
            try:
                parallel._launch_threads()
            except (ValueError, ImportError, OSError):
                continue
            finally:
                numba.config.THREADING_LAYER = before
            return name
    warnings.warn(
        "convlet runs on one thread: neither TBB nor OpenMP was found. `pip install tbb` (or your system's "
        "libgomp1 package) makes it use every processor.",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def workers() -> int:
    """Threads for the next parallel region: 1 where no region can run."""
    count = get_num_threads()
    if count == 1 or _orphan:
        return 1
    return count if layer() else 1


# Forks. TBB ends its threads before a fork and starts new ones in the child, if the forking thread is the only one.
# OpenMP cannot, and other threads may have been inside a region: such a child computes on one thread.
_orphan = False  # this process is a child that must not enter a parallel region
_alone = True


def _before_fork() -> None:
    global _alone
    _alone = threading.active_count() == 1


def _after_fork() -> None:
    global _orphan, _lock
    _lock = threading.Lock()
    if layer.cache_info().currsize:
        _orphan = _orphan or not _alone or layer() != "tbb"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
