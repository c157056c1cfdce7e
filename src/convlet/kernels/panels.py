"""Panels: a few vectors of the columns of a matrix, copied so that the rows follow one another.

    bring    a panel of any storage type becomes one of the compute type
    deliver  the way back, into rows of any storage type
    add      a panel of the compute type is added to rows

What a product reads again and again lies so on few pages and in all sets of the L1 cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from . import target
from .emit import (
    BFLOAT16,
    DOUBLE,
    FLOAT,
    FLOAT16,
    NATIVE,
    _case,
    _intrinsic,
    _load,
    _narrow,
    _plus,
    _size,
    _steps,
    _store,
    _stored,
    _widen,
)
from .launch import Kernel


def _copied(compute: Any, one: Callable[..., None]) -> Any:
    """step(nr, rows, dst, dst_step, src, src_step, code): rows of nr vectors, `one` moving a vector."""

    def emit(builder, nr, rows, dst, dst_step, src, src_step, code):
        lanes = target.current().lanes(_size(compute))
        for storage in (NATIVE, FLOAT16, BFLOAT16) if compute == FLOAT and one is not _add_one else (NATIVE,):
            with _case(builder, code, storage):
                for vectors in range(1, target.current().panel_nr + 1):
                    with _case(builder, nr, vectors), _steps(builder, rows, 1) as r:
                        to = builder.add(dst, builder.mul(r, dst_step))
                        at = builder.add(src, builder.mul(r, src_step))
                        for v in range(vectors):
                            one(builder, to, at, v * lanes, lanes, storage, compute)

    return _intrinsic(7, emit)


def _bring_one(builder, to, at, first, lanes, storage, compute):
    kind = _stored(storage, compute)
    value = _load(builder, _plus(builder, at, first * _size(kind)), ir.VectorType(kind, lanes))
    _store(builder, _widen(builder, value, storage, compute), _plus(builder, to, first * _size(compute)))


def _deliver_one(builder, to, at, first, lanes, storage, compute):
    value = _load(builder, _plus(builder, at, first * _size(compute)), ir.VectorType(compute, lanes))
    place = _plus(builder, to, first * _size(_stored(storage, compute)))
    _store(builder, _narrow(builder, value, storage), place)


def _add_one(builder, to, at, first, lanes, storage, compute):
    kind = ir.VectorType(compute, lanes)
    place = _plus(builder, to, first * _size(compute))
    more = _load(builder, _plus(builder, at, first * _size(compute)), kind)
    _store(builder, builder.fadd(_load(builder, place, kind), more), place)


bring_f32, bring_f64 = _copied(FLOAT, _bring_one), _copied(DOUBLE, _bring_one)
deliver_f32, deliver_f64 = _copied(FLOAT, _deliver_one), _copied(DOUBLE, _deliver_one)

add_f32, add_f64 = _copied(FLOAT, _add_one), _copied(DOUBLE, _add_one)


def _bring_in_f32(nr, rows, dst, dst_step, src, src_step, code):
    bring_f32(nr, rows, dst, dst_step, src, src_step, code)


def _bring_in_f64(nr, rows, dst, dst_step, src, src_step, code):
    bring_f64(nr, rows, dst, dst_step, src, src_step, code)


def _deliver_in_f32(nr, rows, dst, dst_step, src, src_step, code):
    deliver_f32(nr, rows, dst, dst_step, src, src_step, code)


def _deliver_in_f64(nr, rows, dst, dst_step, src, src_step, code):
    deliver_f64(nr, rows, dst, dst_step, src, src_step, code)


def _add_in_f32(nr, rows, dst, dst_step, src, src_step, code):
    add_f32(nr, rows, dst, dst_step, src, src_step, code)


def _add_in_f64(nr, rows, dst, dst_step, src, src_step, code):
    add_f64(nr, rows, dst, dst_step, src, src_step, code)


# By bytes of an element.
STEPS = {
    4: {"bring": Kernel(_bring_in_f32), "deliver": Kernel(_deliver_in_f32), "add": Kernel(_add_in_f32)},
    8: {"bring": Kernel(_bring_in_f64), "deliver": Kernel(_deliver_in_f64), "add": Kernel(_add_in_f64)},
}


def addresses(element: int) -> dict[str, int]:
    """Where these steps are, compiled if they are not yet."""
    return {name: step.address for name, step in STEPS[element].items()}
