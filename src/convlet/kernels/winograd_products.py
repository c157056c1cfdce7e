"""The sums of few tiles at all points of Winograd's algorithm, in one step.

A call of the register tile at each point would take as long as its products are few.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from . import emit, target
from .emit import _constant, _intrinsic, _steps
from .launch import Kernel
from .tile import _Block

# Channels of a step at most: with two vectors, enough sums to hide the time that a multiplication takes.
CHANNELS = 8


def most_channels() -> int:
    """Channels of a step at most."""
    return min(CHANNELS, target.current().mr)


def _emit(
    builder: Any,
    m: Any,
    nr: Any,
    points: Any,
    k: Any,
    a: Any,
    a_plane: Any,
    a_offsets: Any,
    b: Any,
    b_plane: Any,
    b_offsets: Any,
    c: Any,
    c_plane: Any,
) -> None:
    after = builder.append_basic_block("points_done")
    switch = builder.switch(builder.add(builder.mul(m, _constant(16)), nr), after)
    for channels, vectors in product(range(1, most_channels() + 1), (1, 2)):
        case = builder.append_basic_block(f"points_{channels}x{vectors}")
        switch.add_case(_constant(16 * channels + vectors), case)
        builder.position_at_end(case)
        with _steps(builder, points, 1) as xi:
            left, right, to = (
                builder.add(base, builder.mul(xi, plane)) for base, plane in ((a, a_plane), (b, b_plane), (c, c_plane))
            )
            block = _Block(builder, emit.FLOAT, channels, vectors, False, (left, a_offsets), (right, b_offsets))
            block.store(block.sums(_constant(0), k), to, _constant(vectors * target.current().vector))
        builder.branch(after)
    builder.position_at_end(after)


points_step = _intrinsic(12, _emit)


def _points_f32(m, nr, points, k, a, a_plane, a_offsets, b, b_plane, b_offsets, c, c_plane):
    points_step(m, nr, points, k, a, a_plane, a_offsets, b, b_plane, b_offsets, c, c_plane)


# points(m, nr, points, k, a, a_plane, a_offsets, b, b_plane, b_offsets, c, c_plane): for each point, planes apart,
# c[i][:] = sum over j < k of a[a_offsets[j]][i] * b[b_offsets[j]][:] for i < m and nr vectors of b.
# The rows of c are side by side; the offsets are tables of bytes (int32).
points = Kernel(_points_f32)
