"""16-bit numbers on their way to registers in pairs, and sums of such numbers on their way to memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .emit import BFLOAT16, FLOAT, I16, I32, _narrow


def narrowed(builder: Any, values: list[Any], code: int) -> list[Any]:
    """Vectors of sums as they are stored: to nearest, ties to even.

    Two vectors are rounded as one of 16-bit numbers, which takes half the instructions. What is no number stays so,
    because the lower half of a NaN that comes of 16-bit numbers is empty.
    """
    if code != BFLOAT16:
        return [_narrow(builder, value, code) for value in values]
    found = []
    for i in range(0, len(values), 2):
        pair = values[i : i + 2]
        lanes = pair[0].type.count
        both = _rounded(builder, pair[0], pair[-1], list(range(0, 4 * lanes, 2)))
        for first in range(0, len(pair) * lanes, lanes):
            order = ir.Constant(ir.VectorType(I32, lanes), list(range(first, first + lanes)))
            found.append(builder.shuffle_vector(both, both, order))
    return found


def woven(builder: Any, even: Any, odd: Any) -> Any:
    """The elements of two vectors of sums in turn, as bfloat16."""
    lanes = even.type.count
    return _rounded(builder, even, odd, [2 * lane + side * 2 * lanes for lane in range(lanes) for side in (0, 1)])


def _rounded(builder: Any, x: Any, y: Any, order: list[int]) -> Any:
    """Numbers of two vectors as bfloat16; the order says where the lower half of each is, in 16-bit elements."""
    kind = ir.VectorType(I16, len(order))
    words = [builder.bitcast(value, kind) for value in (x, y)]
    low, high = (
        builder.shuffle_vector(*words, ir.Constant(ir.VectorType(I32, len(order)), [each + half for each in order]))
        for half in (0, 1)
    )
    one, tie = (ir.Constant(kind, [number] * len(order)) for number in (1, 0x8000))
    up = builder.icmp_unsigned(">", builder.or_(low, builder.and_(high, one)), tie)
    return builder.select(up, builder.add(high, one), high)


def parted(builder: Any, pairs: Any) -> list[Any]:
    """The even and the odd ones of a vector of bfloat16 numbers, as float32."""
    lanes = pairs.type.count // 2
    kind = ir.VectorType(I32, lanes)
    words = builder.bitcast(pairs, kind)
    halves = [
        builder.shl(words, ir.Constant(kind, [16] * lanes)),
        builder.and_(words, ir.Constant(kind, [-(1 << 16)] * lanes)),
    ]
    return [builder.bitcast(half, ir.VectorType(FLOAT, lanes)) for half in halves]
