"""The tile of groups whose channels lie side by side: lanes are output channels, and numbers lie anywhere.

    channel_tile  acc[position][vectors] += broadcast(number of the position) * weights

As in tile.py, but positions are any number of bytes apart, and a vector may be half of one: groups of 8 channels
leave no lanes idle, and on units of half a vector's width it takes half the time.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from . import target
from .emit import (
    DOUBLE,
    FLOAT,
    I32,
    I64,
    _constant,
    _intrinsic,
    _load,
    _moving,
    _multiply_add,
    _plus,
    _size,
    _splat,
    _steps,
    _store,
)
from .launch import Kernel

# The shape of half a vector; the others are how many there are.
HALF = 0


def shapes(machine: target.Target) -> tuple[int, ...]:
    """Of a tile's row: half a vector where vectors are wider than the units that multiply may be, one, or two."""
    return (HALF, 1, 2) if machine.vector == 64 else (1, 2)


def positions(machine: target.Target, shape: int) -> int:
    """Positions of a tile: sums, weights and a number have to fit the registers."""
    vectors = max(1, shape)
    return min(28 if shape == HALF else 14, (machine.registers - vectors - 1) // vectors)


def _channel_tile(compute: Any) -> Any:
    """channel_tile(m, shape, rows, a_row, k, a, a_step, a_offsets, b, b_offsets, c, c_step, c_row, first)

    c[r][i][:] = (0 if first else c[r][i][:]) + sum over j < k of a[r][i][a_offsets[j]] * b[b_offsets[j]][:]

    for i < m and r < rows. Steps between positions (a_step, c_step) and rows (a_row, c_row) are in bytes, and so are
    the offsets, int32.
    """

    def emit(builder, m, shape, rows, a_row, k, a, a_step, a_offsets, b, b_offsets, c, c_step, c_row, first):
        machine = target.current()
        after = builder.append_basic_block("tile_done")
        switch = builder.switch(builder.add(builder.mul(m, _constant(4)), shape), after)
        for vectors in shapes(machine):
            for count in range(1, positions(machine, vectors) + 1):
                block = builder.append_basic_block(f"tile_{count}x{vectors}")
                switch.add_case(_constant(4 * count + vectors), block)
                builder.position_at_end(block)
                with _steps(builder, rows, 1) as r:
                    left = builder.add(a, builder.mul(r, a_row))
                    to = builder.add(c, builder.mul(r, c_row))
                    one(builder, count, vectors, k, left, a_step, a_offsets, b, b_offsets, to, c_step, first)
                builder.branch(after)
        builder.position_at_end(after)

    def one(builder, count, shape, k, a, a_step, a_offsets, b, b_offsets, c, c_step, first):
        size = target.current().vector // (2 if shape == HALF else 1)
        vector = ir.VectorType(compute, size // _size(compute))
        cells = [(i, v) for i in range(count) for v in range(max(1, shape))]
        zero = ir.Constant(vector, None)
        anchors, row = _moving(builder, a, a_step, count)
        entry = builder.block
        body = builder.append_basic_block("tile_loop")
        done = builder.append_basic_block("tile_end")
        builder.cbranch(builder.icmp_signed(">", k, _constant(0)), body, done)

        builder.position_at_end(body)
        j = builder.phi(I64)
        j.add_incoming(_constant(0), entry)
        sums = {cell: builder.phi(vector) for cell in cells}
        at = builder.mul(j, _constant(4))
        move, weight = (
            builder.sext(_load(builder, builder.add(table, at), I32), I64) for table in (a_offsets, b_offsets)
        )
        place = builder.add(b, weight)
        weights = [_load(builder, _plus(builder, place, v * size), vector) for v in range(max(1, shape))]
        now = [builder.add(each, move) for each in anchors]
        result = {}
        for i in range(count):
            spread = _splat(builder, _load(builder, row(now, i), compute), vector.count)
            for v, values in enumerate(weights):
                result[i, v] = _multiply_add(builder, spread, values, sums[i, v])
        following = builder.add(j, _constant(1))
        j.add_incoming(following, body)
        for cell in cells:
            sums[cell].add_incoming(zero, entry)
            sums[cell].add_incoming(result[cell], body)
        builder.cbranch(builder.icmp_signed("<", following, k), body, done)

        builder.position_at_end(done)
        for cell in cells:
            final = builder.phi(vector)
            final.add_incoming(zero, entry)
            final.add_incoming(result[cell], body)
            result[cell] = final
        fresh = builder.icmp_signed("!=", first, _constant(0))
        with builder.if_else(fresh) as (new, again):
            for branch, adds in ((new, False), (again, True)):
                with branch:
                    for i, v in cells:
                        to = _plus(builder, builder.add(c, builder.mul(c_step, _constant(i))), v * size)
                        value = result[i, v]
                        _store(builder, builder.fadd(_load(builder, to, vector), value) if adds else value, to)

    return _intrinsic(14, emit)


channel_tile_f32, channel_tile_f64 = _channel_tile(FLOAT), _channel_tile(DOUBLE)


def _channel_tile_f32_step(m, shape, rows, a_row, k, a, a_step, a_offsets, b, b_offsets, c, c_step, c_row, first):
    channel_tile_f32(m, shape, rows, a_row, k, a, a_step, a_offsets, b, b_offsets, c, c_step, c_row, first)


def _channel_tile_f64_step(m, shape, rows, a_row, k, a, a_step, a_offsets, b, b_offsets, c, c_step, c_row, first):
    channel_tile_f64(m, shape, rows, a_row, k, a, a_step, a_offsets, b, b_offsets, c, c_step, c_row, first)


# By bytes of an element.
STEPS = {
    4: {"channel_tile": Kernel(_channel_tile_f32_step)},
    8: {"channel_tile": Kernel(_channel_tile_f64_step)},
}
