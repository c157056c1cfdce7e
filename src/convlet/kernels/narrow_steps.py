"""Sums whose lanes are positions: depthwise convolutions of any shape, and their weight gradients.

    columns    one output channel from a few planes, some rows at a time
    correlate  sums over an image of products with shifted images
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from . import target
from .emit import (
    DOUBLE,
    FLOAT,
    I32,
    I64,
    _constant,
    _intrinsic,
    _load,
    _load_masked,
    _mask,
    _multiply_add,
    _plus,
    _size,
    _splat,
    _steps,
    _store,
    _store_masked,
)
from .launch import Kernel

# Sums of one correlation.
TAPS = 12
# Rows that `columns` sums at a time, and the longest stretch of a kernel's column it keeps in registers.
ROWS = 8
RUN = 4


def _correlate(compute: Any) -> Any:
    """correlate(t, rows, columns, x, x_offsets, x_step, y, y_step, out): t of 1..TAPS sums over an image

    out[i] += sum over rows and columns of x[x_offsets[i]][row][column] * y[row][column]

    Offsets (int64) and steps between rows are in bytes. Lanes are columns and summed last, in a fixed order.
    """

    def emit(builder, t, rows, columns, x, x_offsets, x_step, y, y_step, out):
        after = builder.append_basic_block("correlate_done")
        switch = builder.switch(t, after)
        for taps in range(1, TAPS + 1):
            block = builder.append_basic_block(f"correlate_{taps}")
            switch.add_case(_constant(taps), block)
            builder.position_at_end(block)
            loop(builder, taps, rows, columns, x, x_offsets, x_step, y, y_step, out)
            builder.branch(after)
        builder.position_at_end(after)

    def loop(builder, taps, rows, columns, x, x_offsets, x_step, y, y_step, out):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(taps)]
        places = [builder.add(x, _load(builder, _plus(builder, x_offsets, 8 * i), I64)) for i in range(taps)]
        whole = builder.and_(columns, _constant(-lanes))
        rest = builder.sub(columns, whole)
        some = builder.icmp_signed(">", rest, _constant(0))
        mask = _mask(builder, rest, lanes)

        def add(at_x, at_y, load):
            other = load(builder.add(y, at_y))
            for place, total in zip(places, sums):
                value = load(builder.add(place, at_x))
                builder.store(_multiply_add(builder, value, other, builder.load(total)), total)

        with _steps(builder, rows, 1) as row:
            row_x, row_y = builder.mul(row, x_step), builder.mul(row, y_step)
            with _steps(builder, whole, lanes) as column:
                at = builder.mul(column, _constant(element))
                add(builder.add(row_x, at), builder.add(row_y, at), lambda where: _load(builder, where, vector))
            with builder.if_then(some):
                at = builder.mul(whole, _constant(element))
                add(
                    builder.add(row_x, at),
                    builder.add(row_y, at),
                    lambda where: _load_masked(builder, where, vector, mask),
                )
        for i, total in enumerate(sums):
            value = builder.load(total)
            half = lanes // 2
            while half:
                order = ir.Constant(ir.VectorType(I32, lanes), [(lane + half) % lanes for lane in range(lanes)])
                value = builder.fadd(value, builder.shuffle_vector(value, value, order))
                half //= 2
            one = builder.extract_element(value, ir.Constant(I32, 0))
            where = _plus(builder, out, i * element)
            _store(builder, builder.fadd(_load(builder, where, compute), one), where)

    return _intrinsic(9, emit)


def _columns(compute: Any) -> Any:
    """columns(rows, columns, band, pitch, groups, table, weights, bias, out, out_step): one output channel

    out[r][x] = bias[0] + sum over groups and t < T of weights[w + t*w_step] * band[at + (r + t)*pitch][x]

    A group is a stretch of a column of the kernel whose rows follow one another in the band; the table has
    (T of 1..RUN, at, w, w_step) for each, the last three in bytes. So a vector that is loaded once serves up
    to T sums, and up to ROWS rows are summed at a time in registers. bias may be 0.
    """

    def emit(builder, rows, columns, band, pitch, groups, table, weights, bias, out, out_step):
        no_bias = cgutils.alloca_once_value(builder, ir.Constant(compute, 0.0))
        biased = builder.icmp_signed("!=", bias, _constant(0))
        addend = _load(builder, builder.select(biased, bias, builder.ptrtoint(no_bias, I64)), compute)
        with _steps(builder, rows, ROWS) as first:
            after = builder.append_basic_block("columns_done")
            left = builder.sub(rows, first)
            full = builder.icmp_signed(">=", left, _constant(ROWS))
            src = builder.add(band, builder.mul(first, pitch))
            dst = builder.add(out, builder.mul(first, out_step))
            switch = builder.switch(builder.select(full, _constant(ROWS), left), after)
            for count in range(1, ROWS + 1):
                block = builder.append_basic_block(f"columns_{count}")
                switch.add_case(_constant(count), block)
                builder.position_at_end(block)
                some_rows(builder, count, columns, src, pitch, groups, table, weights, addend, dst, out_step)
                builder.branch(after)
            builder.position_at_end(after)

    def some_rows(builder, count, columns, band, pitch, groups, table, weights, addend, out, out_step):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        start = _splat(builder, addend, lanes)
        sums = [cgutils.alloca_once(builder, vector) for _ in range(count)]
        with _steps(builder, columns, lanes) as x:
            offset = builder.mul(x, _constant(element))
            for each in sums:
                builder.store(start, each)
            with _steps(builder, groups, 1) as group:
                entry = builder.add(table, builder.mul(group, _constant(32)))
                run, at, w, w_step = (_load(builder, _plus(builder, entry, 8 * i), I64) for i in range(4))
                place = builder.add(builder.add(band, at), offset)
                weight = builder.add(weights, w)
                after = builder.append_basic_block("group_done")
                switch = builder.switch(run, after)
                for length in range(1, RUN + 1):
                    block = builder.append_basic_block(f"group_{length}")
                    switch.add_case(_constant(length), block)
                    builder.position_at_end(block)
                    taps = []
                    for t in range(length):
                        tap = _load(builder, builder.add(weight, builder.mul(w_step, _constant(t))), compute)
                        taps.append(_splat(builder, tap, lanes))
                    for y in range(count + length - 1):
                        value = _load(builder, builder.add(place, builder.mul(pitch, _constant(y))), vector)
                        for t in range(length):
                            if 0 <= y - t < count:
                                total = sums[y - t]
                                builder.store(_multiply_add(builder, value, taps[t], builder.load(total)), total)
                    builder.branch(after)
                builder.position_at_end(after)
            mask = _mask(builder, builder.sub(columns, x), lanes)
            for i, each in enumerate(sums):
                to = builder.add(builder.add(out, builder.mul(out_step, _constant(i))), offset)
                _store_masked(builder, builder.load(each), to, mask)

    return _intrinsic(10, emit)


correlate_f32, correlate_f64 = _correlate(FLOAT), _correlate(DOUBLE)
columns_f32, columns_f64 = _columns(FLOAT), _columns(DOUBLE)


def _correlate_f32(t, rows, columns, x, x_offsets, x_step, y, y_step, out):
    correlate_f32(t, rows, columns, x, x_offsets, x_step, y, y_step, out)


def _correlate_f64(t, rows, columns, x, x_offsets, x_step, y, y_step, out):
    correlate_f64(t, rows, columns, x, x_offsets, x_step, y, y_step, out)


def _columns_f32(rows, columns, band, pitch, groups, table, weights, bias, out, out_step):
    columns_f32(rows, columns, band, pitch, groups, table, weights, bias, out, out_step)


def _columns_f64(rows, columns, band, pitch, groups, table, weights, bias, out, out_step):
    columns_f64(rows, columns, band, pitch, groups, table, weights, bias, out, out_step)


# By bytes of an element.
STEPS = {
    4: {
        "correlate": Kernel(_correlate_f32),
        "columns": Kernel(_columns_f32),
    },
    8: {
        "correlate": Kernel(_correlate_f64),
        "columns": Kernel(_columns_f64),
    },
}
