"""Weights whose taps lie side by side in memory, as those of one pair of channels do: rows of taps become lanes.

There is a step for every number of taps. Blocks of so few columns, known beforehand, are transposed with no more
shuffles than they need, and there is nothing to ask at each.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir

from . import target
from .emit import FLOAT, I1, _constant, _exchange, _load, _load_masked, _moving, _plus, _steps, _store
from .jit import intrinsic, types
from .launch import Kernel


def _emit(
    builder: Any, taps: int, count: Any, dst: Any, dst_step: Any, dst_tap: Any, src: Any, src_step: Any, src_lane: Any
) -> None:
    lanes = target.current().lanes(4)
    vector = ir.VectorType(FLOAT, lanes)
    with _steps(builder, count, 1) as i:
        rows, row = _moving(builder, builder.add(src, builder.mul(i, src_step)), src_lane, lanes)
        to = builder.add(dst, builder.mul(i, dst_step))
        for first in range(0, taps, lanes):
            some = min(lanes, taps - first)
            mask = ir.Constant(ir.VectorType(I1, lanes), [lane < some for lane in range(lanes)])
            places = [_plus(builder, row(rows, lane), 4 * first) for lane in range(lanes)]
            block = [
                _load(builder, place, vector) if some == lanes else _load_masked(builder, place, vector, mask)
                for place in places
            ]
            for tap, value in enumerate(_exchange(builder, block)[:some]):
                _store(builder, value, builder.add(to, builder.mul(dst_tap, _constant(first + tap))))


@intrinsic(prefer_literal=True)
def taps_step(typing, taps, v0, v1, v2, v3, v4, v5, v6):
    """The step for a literal number of taps."""
    number = taps.literal_value

    def codegen(context, builder, sig, args):
        _emit(builder, number, *args[1:])
        return context.get_dummy_value()

    return types.void(taps, *[types.int64] * 7), codegen


@functools.cache
def pack_taps(number: int) -> Kernel:
    """pack_taps(count, dst, dst_step, dst_tap, src, src_step, src_lane), of float32:

    dst[i][tap][lane] = src[i][lane][tap] for i < count, all taps and a vector of lanes. The steps are bytes.
    """

    def run(count, dst, dst_step, dst_tap, src, src_step, src_lane):
        taps_step(number, count, dst, dst_step, dst_tap, src, src_step, src_lane)

    return Kernel(run, f"pack taps {number}")
