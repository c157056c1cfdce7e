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
    _plus,
    _size,
    _steps,
    _store,
    _stored,
    _widen,
)
from .halves import narrowed
from .launch import Kernel


def _copied(compute: Any, one: Callable[..., None]) -> Any:
    """step(nr, rows, dst, dst_step, src, src_step, code): rows of nr vectors, `one` moving a row's."""

    def emit(builder, nr, rows, dst, dst_step, src, src_step, code):
        for storage in (NATIVE, FLOAT16, BFLOAT16) if compute == FLOAT and one is not _add_one else (NATIVE,):
            with _case(builder, code, storage):
                for vectors in range(1, target.current().panel_nr + 1):
                    with _case(builder, nr, vectors), _steps(builder, rows, 1) as r:
                        to = builder.add(dst, builder.mul(r, dst_step))
                        at = builder.add(src, builder.mul(r, src_step))
                        one(builder, to, at, vectors, storage, compute)

    return _intrinsic(7, emit)


def _row(builder, address, vectors, kind, compute):
    """The addresses of a row's vectors of a kind, and how to load one."""
    vector = ir.VectorType(kind, target.current().lanes(_size(compute)))
    places = [_plus(builder, address, v * vector.count * _size(kind)) for v in range(vectors)]
    return places, lambda place: _load(builder, place, vector)


def _bring_one(builder, to, at, vectors, storage, compute):
    sources, load = _row(builder, at, vectors, _stored(storage, compute), compute)
    for source, place in zip(sources, _row(builder, to, vectors, compute, compute)[0]):
        _store(builder, _widen(builder, load(source), storage, compute), place)


def _deliver_one(builder, to, at, vectors, storage, compute):
    sources, load = _row(builder, at, vectors, compute, compute)
    values = narrowed(builder, [load(source) for source in sources], storage)
    for value, place in zip(values, _row(builder, to, vectors, _stored(storage, compute), compute)[0]):
        _store(builder, value, place)


def _add_one(builder, to, at, vectors, storage, compute):
    sources, load = _row(builder, at, vectors, compute, compute)
    for source, place in zip(sources, _row(builder, to, vectors, compute, compute)[0]):
        _store(builder, builder.fadd(load(place), load(source)), place)


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
