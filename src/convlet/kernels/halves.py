"""Numbers of 16 bits: rows of them widened, many in a row, and sums of them narrowed."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from . import target
from .emit import (
    BFLOAT16,
    FLOAT,
    FLOAT16,
    I16,
    I32,
    _case,
    _constant,
    _intrinsic,
    _load,
    _load_masked,
    _mask,
    _narrow,
    _plus,
    _size,
    _steps,
    _store,
    _widen,
)
from .launch import Kernel

# Vectors that are widened one after the other, without a question between.
TOGETHER = 4


def _widened(builder, dst, dst_step, src, src_step, rows, count, code):
    """widen(dst, dst_step, src, src_step, rows, count, code): dst[r][i] = src[r][i] for i < count

    The last vector of a row is written whole.
    """
    lanes = target.current().lanes(_size(FLOAT))
    vector = ir.VectorType(I16, lanes)

    def put(loaded, to, storage):
        _store(builder, _widen(builder, loaded, storage, FLOAT), to)

    for storage in (FLOAT16, BFLOAT16):
        with _case(builder, code, storage), _steps(builder, rows, 1) as r:
            to, at = builder.add(dst, builder.mul(r, dst_step)), builder.add(src, builder.mul(r, src_step))
            whole = builder.and_(count, _constant(-TOGETHER * lanes))
            with _steps(builder, whole, TOGETHER * lanes) as i:
                here = builder.add(to, builder.mul(i, _constant(4)))
                place = builder.add(at, builder.mul(i, _constant(2)))
                loaded = [_load(builder, _plus(builder, place, 2 * v * lanes), vector) for v in range(TOGETHER)]
                for v, value in enumerate(loaded):
                    put(value, _plus(builder, here, 4 * v * lanes), storage)
            rest = builder.sub(count, whole)
            to, at = (builder.add(each, builder.mul(whole, _constant(n))) for each, n in ((to, 4), (at, 2)))
            with _steps(builder, rest, lanes) as i:
                place = builder.add(at, builder.mul(i, _constant(2)))
                value = _load_masked(builder, place, vector, _mask(builder, builder.sub(rest, i), lanes))
                put(value, builder.add(to, builder.mul(i, _constant(4))), storage)


widened = _intrinsic(7, _widened)


def _widen_rows(dst, dst_step, src, src_step, rows, count, code):
    widened(dst, dst_step, src, src_step, rows, count, code)


widen = Kernel(_widen_rows)


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
