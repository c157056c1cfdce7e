"""CONVLET_TRACE=1: one line on stderr for every convolution, with its problem, algorithm and time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

enabled = os.environ.get("CONVLET_TRACE", "") not in ("", "0")


def traced(problem: Any, algorithm: str, run: Callable[..., None]) -> Callable[..., None]:
    """`run`, or while tracing is enabled the same that also says what it did: "<problem> <algorithm> 512 us"."""
    if not enabled:
        return run

    def run_and_say(*arrays: Any) -> None:
        start = time.perf_counter()
        run(*arrays)
        elapsed = (time.perf_counter() - start) * 1e6
        print(f"convlet: {problem} {algorithm} {elapsed:.0f} us", file=sys.stderr, flush=True)

    return run_and_say
