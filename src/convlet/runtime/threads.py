"""How many threads compute. What they do is in kernels/workers.py."""

from __future__ import annotations

import os
from pathlib import Path

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
