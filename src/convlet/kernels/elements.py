"""What kernels that pass over whole arrays share: float32 elements at an address, and tasks of a cacheful.

These kernels are loops over contiguous float32, which LLVM turns into vectors; what they compute element by
element has the bits of the same NumPy expression, because nothing is contracted or reordered. All their addresses
and sizes stand in the frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..runtime import memory, threads
from . import launch
from .jit import carray, intrinsic, njit, types
from .launch import Kernel, frame_reader

# Elements of a task: small enough for workers to end together, large enough to hide the ticket (under 0.1 us).
TASK = 1 << 15


@intrinsic
def _pointer(typing, address):
    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), codegen


@njit(error_model="numpy")
def floats(address, count):
    """The float32 array of `count` elements at an address."""
    return carray(_pointer(address), (count,), np.float32)


@njit(error_model="numpy")
def doubles(address, count):
    """The float64 array of `count` elements at an address."""
    return carray(_pointer(address), (count,), np.float64)


@njit(error_model="numpy")
def integers(address, count):
    """The int64 array of `count` elements at an address."""
    return carray(_pointer(address), (count,), np.int64)


class Fields:
    """The frame of a kernel: a record of int64 fields, by name; `reader` reads it inside the kernel."""

    def __init__(self, *names: str):
        self.names = names
        self.reader = frame_reader(np.dtype([(name, np.int64) for name in names]))

    def run(self, kernel: Kernel, tasks: int, values: dict[str, Any], slot: int = 0) -> None:
        """Runs a kernel with these fields: numbers, or arrays, whose addresses it gets; all others are 0.

        `slot` is bytes of scratch for each worker.
        """
        address, integer, array = memory.address, int, np.ndarray
        frame = np.array(
            [
                value if type(value) is integer else address(value) if isinstance(value, array) else value or 0
                for value in map(values.get, self.names)
            ],
            np.int64,
        )
        workers = min(threads.get_num_threads(), tasks)
        launch.launch(kernel.address, address(frame), 0, 0, 0, 0, slot, workers)
