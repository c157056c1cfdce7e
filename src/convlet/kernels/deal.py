"""Rows on their way into a band whose columns a stride takes apart: read once, and dealt out as cards are.

What gather_planes of rows.py does for one plane, this does for all planes of a stride, with as many loads as for one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from . import target
from .emit import (
    DOUBLE,
    FLOAT,
    _case,
    _constant,
    _intrinsic,
    _load,
    _load_masked,
    _mask,
    _plus,
    _size,
    _steps,
    _store,
    _store_masked,
    _stored,
    _widen,
)
from .launch import Kernel
from .rows import _between, _every, _storages

# Strides that have their code.
STRIDES = (2, 3, 4)


def _dealt(builder: Any, vectors: list[Any]) -> list[Any]:
    """The elements q, q + s, q + 2s, ... of s vectors side by side, for each q < s."""
    stride = len(vectors)
    if stride <= 2 or stride % 2:
        return [_every(builder, vectors, q) for q in range(stride)]
    pairs = list(zip(vectors[::2], vectors[1::2]))
    halves = [_dealt(builder, [_every(builder, list(pair), odd) for pair in pairs]) for odd in (0, 1)]
    return [each for both in zip(*halves) for each in both]


def _deal(compute: Any) -> Any:
    """deal(dst, dst_plane, dst_channel, dst_row, src, src_channel, src_row, channels, rows, stride, count, low, high,
    code)

    dst[q][channel][row][i] = src[channel][row][i * stride + q] for i < count and each q < stride, and zero where this
    element of a row of src, whose elements lie side by side, is not one of low..high. A row may write over the one that
    follows it in its plane.
    """

    def emit(
        builder, dst, dst_plane, dst_channel, dst_row, src, src_channel, src_row,
        channels, rows, stride, count, low, high, code,
    ):
        element = _size(compute)
        lanes = target.current().lanes(element)
        every = builder.mul(count, stride)  # no more are wanted
        high = builder.select(builder.icmp_signed("<", every, high), every, high)

        def each_row(one: Callable[[Any, Any, Any], None]) -> None:
            """one(to, place, last): where a row comes and is; whether no vector's bytes follow it in its plane."""
            before = builder.sub(rows, _constant(1))
            with _steps(builder, channels, 1) as channel:
                to_plane = builder.add(dst, builder.mul(channel, dst_channel))
                from_plane = builder.add(src, builder.mul(channel, src_channel))
                with _steps(builder, rows, 1) as row:
                    to = builder.add(to_plane, builder.mul(row, dst_row))
                    after = builder.mul(builder.sub(before, row), dst_row)
                    last = builder.icmp_signed("<", after, _constant(lanes * element))
                    one(to, builder.add(from_plane, builder.mul(row, src_row)), last)

        def of_stride(number: int, storage: int) -> None:
            kind = _stored(storage, compute)
            size, vector = _size(kind), ir.VectorType(kind, lanes)

            def masks(i: Any) -> list[Any]:
                start = builder.mul(i, _constant(number))
                return [_between(builder, low, _plus(builder, start, k * lanes), high, lanes) for k in range(number)]

            def places(at: Any) -> list[Any]:
                return [_plus(builder, at, k * lanes * size) for k in range(number)]

            def put(to: Any, loaded: list[Any], end: Any = None) -> None:
                for q, value in enumerate(_dealt(builder, [_widen(builder, v, storage, compute) for v in loaded])):
                    at = builder.add(to, builder.mul(dst_plane, _constant(q)))
                    if end is None:
                        _store(builder, value, at)
                    else:
                        _store_masked(builder, value, at, end)

            def put_part(to: Any, at: Any, masks: list[Any], last: Any, end: Any) -> None:
                loaded = [_load_masked(builder, place, vector, mask) for place, mask in zip(places(at), masks)]
                with builder.if_else(last, likely=False) as (nothing_after, row_after):
                    with nothing_after:
                        put(to, loaded, end)
                    with row_after:
                        put(to, loaded)

            def in_pieces(to: Any, row: Any, last: Any) -> None:
                with _steps(builder, count, lanes) as i:
                    first = builder.mul(i, _constant(number))
                    at = builder.add(row, builder.mul(first, _constant(size)))
                    to_i = builder.add(to, builder.mul(i, _constant(element)))
                    after = _plus(builder, first, number * lanes)
                    inside = builder.and_(
                        builder.icmp_signed(">=", first, low), builder.icmp_signed("<=", after, high)
                    )
                    with builder.if_else(inside) as (whole, part):
                        with whole:
                            put(to_i, [_load(builder, place, vector) for place in places(at)])
                        with part:
                            put_part(to_i, at, masks(i), last, _mask(builder, builder.sub(count, i), lanes))

            with builder.if_else(builder.icmp_signed("<=", count, _constant(lanes))) as (short, long):
                with short:  # a vector a row: the same masks for all
                    same, end = masks(_constant(0)), _mask(builder, count, lanes)
                    each_row(lambda to, row, last: put_part(to, row, same, last, end))
                with long:
                    each_row(in_pieces)

        for storage in _storages(compute):
            with _case(builder, code, storage):
                for number in STRIDES:
                    with _case(builder, stride, number):
                        of_stride(number, storage)

    return _intrinsic(14, emit)


deal_f32, deal_f64 = _deal(FLOAT), _deal(DOUBLE)


def _deal_f32(
    dst, dst_plane, dst_channel, dst_row, src, src_channel, src_row, channels, rows, stride, count, low, high, code
):
    deal_f32(
        dst, dst_plane, dst_channel, dst_row, src, src_channel, src_row, channels, rows, stride, count, low, high, code
    )


def _deal_f64(
    dst, dst_plane, dst_channel, dst_row, src, src_channel, src_row, channels, rows, stride, count, low, high, code
):
    deal_f64(
        dst, dst_plane, dst_channel, dst_row, src, src_channel, src_row, channels, rows, stride, count, low, high, code
    )


# By bytes of an element.
STEPS = {4: {"deal": Kernel(_deal_f32)}, 8: {"deal": Kernel(_deal_f64)}}
