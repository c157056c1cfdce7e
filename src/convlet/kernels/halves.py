"""Sums of 16-bit numbers on their way from registers to memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .emit import BFLOAT16, I16, I32, _narrow


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
        words = [builder.bitcast(value, ir.VectorType(I16, 2 * lanes)) for value in (*pair, pair[-1])]
        low, high = (_every_second(builder, words[0], words[1], first) for first in (0, 1))
        one, half = (ir.Constant(high.type, [number] * 2 * lanes) for number in (1, 0x8000))
        odd = builder.and_(high, one)
        up = builder.icmp_unsigned(">", builder.or_(low, odd), half)
        both = builder.select(up, builder.add(high, one), high)
        for first in range(0, len(pair) * lanes, lanes):
            order = ir.Constant(ir.VectorType(I32, lanes), list(range(first, first + lanes)))
            found.append(builder.shuffle_vector(both, both, order))
    return found


def _every_second(builder: Any, x: Any, y: Any, first: int) -> Any:
    """Lanes first, first + 2, ... of two vectors, one behind the other."""
    lanes = x.type.count
    order = ir.Constant(ir.VectorType(I32, lanes), list(range(first, 2 * lanes, 2)))
    return builder.shuffle_vector(x, y, order)
