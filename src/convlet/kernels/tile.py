"""The register tile: sums of products of a few numbers and a few vectors, which stay in registers over the whole sum.

    tile    lanes are output channels: mr positions x nr vectors of channels

Where lanes are positions, planes.py has its like.
"""

from __future__ import annotations

from collections.abc import Callable
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
    _multiply_add,
    _plus,
    _size,
    _splat,
    _store,
)
from .launch import Kernel


def _wide_shapes(machine: target.Target) -> list[tuple[int, int]]:
    """Tiles of m positions x nr vectors of channels, for every m: ragged sizes are split, never padded."""
    return [(m, nr) for nr in range(1, machine.nr + 1) for m in range(1, machine.mr + 1)]


def _tile(
    compute: Any, shapes: Callable[[target.Target], list[tuple[int, int]]], apart: bool = False
) -> Any:
    """tile(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first): m numbers of a by nr vectors of b

    c[i][:] = (0 if first else c[i][:]) + sum over j < k of a[a_offsets[j]][i] * b[b_offsets[j]][:]

    The offsets and c_step, between rows of c, are in bytes (the tables int32); a's numbers lie side by side,
    or a vector apart. A tile is added to c as a whole: long sums made of several have small rounding errors.
    """

    def emit(builder, m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first):
        after = builder.append_basic_block("tile_done")
        switch = builder.switch(builder.add(builder.mul(m, _constant(16)), nr), after)
        for positions, vectors in shapes(target.current()):
            block = builder.append_basic_block(f"tile_{positions}x{vectors}")
            switch.add_case(_constant(16 * positions + vectors), block)
            builder.position_at_end(block)
            loop(builder, positions, vectors, k, a, a_offsets, b, b_offsets, c, c_step, first)
            builder.branch(after)
        builder.position_at_end(after)

    def loop(builder, positions, vectors, k, a, a_offsets, b, b_offsets, c, c_step, first):
        machine = target.current()
        element = _size(compute)
        lanes = machine.lanes(element)
        vector = ir.VectorType(compute, lanes)
        cells = [(i, v) for i in range(positions) for v in range(vectors)]
        rows = [builder.add(c, builder.mul(c_step, _constant(i))) for i in range(positions)]
        places = {(i, v): _plus(builder, rows[i], v * machine.vector) for i, v in cells}

        fresh = builder.icmp_signed("!=", first, _constant(0))
        zero = ir.Constant(vector, None)
        entry = builder.block
        body = builder.append_basic_block("tile_loop")
        done = builder.append_basic_block("tile_end")
        builder.cbranch(builder.icmp_signed(">", k, _constant(0)), body, done)

        builder.position_at_end(body)
        j = builder.phi(I64)
        j.add_incoming(_constant(0), entry)
        sums = {}
        for cell in cells:
            sums[cell] = builder.phi(vector)
            sums[cell].add_incoming(zero, entry)
        at = builder.mul(j, _constant(4))
        row_a = builder.add(a, builder.sext(_load(builder, builder.add(a_offsets, at), I32), I64))
        row_b = builder.add(b, builder.sext(_load(builder, builder.add(b_offsets, at), I32), I64))
        columns = [
            _load(builder, _plus(builder, row_b, v * machine.vector), vector) for v in range(vectors)
        ]
        result = {}
        for i in range(positions):
            place = _plus(builder, row_a, i * (machine.vector if apart else element))
            spread = _splat(builder, _load(builder, place, compute), lanes)
            for v in range(vectors):
                result[i, v] = _multiply_add(builder, spread, columns[v], sums[i, v])
        following = builder.add(j, _constant(1))
        j.add_incoming(following, body)
        for cell in cells:
            sums[cell].add_incoming(result[cell], body)
        builder.cbranch(builder.icmp_signed("<", following, k), body, done)

        builder.position_at_end(done)
        for cell in cells:
            final = builder.phi(vector)
            final.add_incoming(zero, entry)
            final.add_incoming(result[cell], body)
            result[cell] = final
        for cell in cells:
            before = builder.select(fresh, zero, _load(builder, places[cell], vector))
            _store(builder, builder.fadd(before, result[cell]), places[cell])

    return _intrinsic(10, emit)


tile_f32, tile_f64 = _tile(FLOAT, _wide_shapes), _tile(DOUBLE, _wide_shapes)


def _tile_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first):
    tile_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first)


def _tile_f64(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first):
    tile_f64(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first)


# By bytes of an element.
STEPS = {
    4: {
        "tile": Kernel(_tile_f32),
    },
    8: {
        "tile": Kernel(_tile_f64),
    },
}
