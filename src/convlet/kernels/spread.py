"""The pixels that a stride reads, put back where they were read, with zeros between: the end of an input gradient."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from . import target
from .emit import (
    DOUBLE,
    FLOAT,
    I32,
    _case,
    _constant,
    _intrinsic,
    _load_masked,
    _mask,
    _narrow,
    _plus,
    _size,
    _steps,
    _store,
    _store_masked,
    _stored,
    call,
    next_ticket,
)
from .launch import Kernel
from .product import frame_at
from .rows import _storages


def _spread_rows(compute: Any) -> Any:
    """spread_rows(dst, dst_step, src, src_step, rows, count, length, code)

    dst[r][2 i] = src[r][i] and dst[r][2 i + 1] = 0 for i < count, in rows of `length` elements of dst.
    """

    def emit(builder, dst, dst_step, src, src_step, rows, count, length, code):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        zeros = ir.Constant(vector, None)
        # Lane 2 i is the element i of a half, the others come from the zeros.
        orders = [[half * lanes // 2 + lane // 2 + lane % 2 * lanes for lane in range(lanes)] for half in (0, 1)]
        for storage in _storages(compute):
            size = _size(_stored(storage, compute))
            with _case(builder, code, storage), _steps(builder, rows, 1) as r, _steps(builder, count, lanes) as i:
                place = builder.add(builder.add(src, builder.mul(r, src_step)), builder.mul(i, _constant(element)))
                to = builder.add(builder.add(dst, builder.mul(r, dst_step)), builder.mul(i, _constant(2 * size)))
                value = _load_masked(builder, place, vector, _mask(builder, builder.sub(count, i), lanes))
                left = builder.sub(length, builder.mul(i, _constant(2)))
                for half, order in enumerate(orders):
                    wide = builder.shuffle_vector(value, zeros, ir.Constant(ir.VectorType(I32, lanes), order))
                    wide, at = _narrow(builder, wide, storage), _plus(builder, to, half * lanes * size)
                    rest = _plus(builder, left, -half * lanes)
                    with builder.if_else(builder.icmp_signed(">=", rest, _constant(lanes))) as (whole, part):
                        with whole:
                            _store(builder, wide, at)
                        with part, builder.if_then(builder.icmp_signed(">", rest, _constant(0))):
                            _store_masked(builder, wide, at, _mask(builder, rest, lanes))

    return _intrinsic(8, emit)


spread_rows_f32, spread_rows_f64 = _spread_rows(FLOAT), _spread_rows(DOUBLE)


def _rows_f32(dst, dst_step, src, src_step, rows, count, length, code):
    spread_rows_f32(dst, dst_step, src, src_step, rows, count, length, code)


def _rows_f64(dst, dst_step, src, src_step, rows, count, length, code):
    spread_rows_f64(dst, dst_step, src, src_step, rows, count, length, code)


def _spread(frame, pixels, unused, bias, out, scratch, worker):
    """out = 0, but for f.terms rows of f.chunk pixels of every f.every-th group; a task for each group of an image.

    Where the pixels of a row lie two elements apart, each row is written once.
    """
    f = frame_at(frame)
    while True:
        task = next_ticket(scratch)
        if task >= f.images * f.groups:
            break
        image, group = task // f.groups, task % f.groups
        dst = out + image * f.c_image + group * f.c_group
        src = pixels + image * f.b_image + group // f.every * f.b_group
        if f.spread_rows:
            call(f.spread_rows, (dst, f.a_row, src, f.b_column, f.terms, f.chunk, f.columns, f.c_code))
            stride = f.a_row // f.c_row
            for row in range(1, stride):
                rows = -(-(f.rows - row) // stride)
                between = dst + row * f.c_row, f.a_row, f.zero, 0, rows
                call(f.scatter, (*between, f.c_column, f.columns, f.c_code, 0))
            continue
        call(f.scatter, (dst, f.c_row, f.zero, 0, f.rows, f.c_column, f.columns, f.c_code, 0))
        if group % f.every == 0:
            call(f.scatter, (dst, f.a_row, src, f.b_column, f.terms, f.a_term, f.chunk, f.c_code, 0))


spread = Kernel(_spread)
# By bytes of an element.
STEPS = {4: Kernel(_rows_f32), 8: Kernel(_rows_f64)}
