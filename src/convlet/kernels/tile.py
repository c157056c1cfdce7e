"""The register tile: sums of products of a few numbers and a few vectors, which stay in registers over the whole sum.

    tile    lanes are output channels: mr positions x nr vectors of channels
    chained the same of fewer positions; its sums are made of short ones, and so have small rounding errors

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
    _at,
    _constant,
    _intrinsic,
    _load,
    _multiply_add,
    _plus,
    _size,
    _splat,
    _store,
)
from .jit import cgutils
from .launch import Kernel


def _wide_shapes(machine: target.Target) -> list[tuple[int, int]]:
    """Tiles of m positions x nr vectors of channels, for every m: ragged sizes are split, never padded."""
    return [(m, nr) for nr in range(1, machine.nr + 1) for m in range(1, machine.mr + 1)]


def _chained_shapes(machine: target.Target) -> list[tuple[int, int]]:
    return [(m, nr) for m, nr in _wide_shapes(machine) if m <= machine.chained_mr]


def _tile(
    compute: Any,
    shapes: Callable[[target.Target], list[tuple[int, int]]],
    apart: bool = False,
    chained: bool = False,
) -> Any:
    """tile(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost): m numbers of a by nr vectors of b

    c[i][:] = (0 if first else c[i][:]) + sum over j < k of a[a_offsets[j]][i] * b[b_offsets[j]][:]

    The offsets and c_step, between rows of c, are in bytes (the tables int32); a's numbers lie side by side,
    or a vector apart. A tile is added to c as a whole: long sums made of several have small rounding errors.

    `chain` and `lost` are for chained ones. No more than `chain` products are added in a row; their sums are added up
    in registers of their own, or on the stack. And if `lost` is not 0, what the addition to c rounds away is kept so
    many bytes behind c and counts in the next (Kahan's summation): c errs by its last rounding only, however many tiles
    are added.
    """

    def emit(builder, m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost):
        after = builder.append_basic_block("tile_done")
        switch = builder.switch(builder.add(builder.mul(m, _constant(16)), nr), after)
        for positions, vectors in shapes(target.current()):
            case = builder.append_basic_block(f"tile_{positions}x{vectors}")
            switch.add_case(_constant(16 * positions + vectors), case)
            builder.position_at_end(case)
            block = _Block(builder, compute, positions, vectors, apart, (a, a_offsets), (b, b_offsets))
            fresh = builder.icmp_signed("!=", first, _constant(0))
            if chained:
                block.add_exactly(block.chains(k, chain), c, c_step, fresh, lost)
            else:
                block.add(block.sums(_constant(0), k), c, c_step, fresh)
            builder.branch(after)
        builder.position_at_end(after)

    return _intrinsic(12, emit)


class _Block:
    """The code of a tile of one shape; its cells are (position, vector). `left` and `right` are (address, offsets)."""

    def __init__(
        self, builder: Any, compute: Any, positions: int, vectors: int, apart: bool, left: Any, right: Any
    ):
        self.builder, self.compute = builder, compute
        self.positions, self.vectors = positions, vectors
        self.cells = [(i, v) for i in range(positions) for v in range(vectors)]
        self.size, self.element = target.current().vector, _size(compute)
        self.step = self.size if apart else self.element  # between positions
        self.left, self.right = left, right
        self.vector = ir.VectorType(compute, self.size // self.element)
        self.zero = ir.Constant(self.vector, None)

    def sums(self, start: Any, stop: Any) -> dict[tuple[int, int], Any]:
        """The sums of the products start..stop."""
        builder, cells = self.builder, self.cells
        entry = builder.block
        body = builder.append_basic_block("tile_loop")
        done = builder.append_basic_block("tile_end")
        builder.cbranch(builder.icmp_signed("<", start, stop), body, done)

        builder.position_at_end(body)
        j = builder.phi(I64)
        j.add_incoming(start, entry)
        sums = {cell: builder.phi(self.vector) for cell in cells}
        at = builder.mul(j, _constant(4))
        row_a, row_b = (
            builder.add(base, builder.sext(_load(builder, builder.add(offsets, at), I32), I64))
            for base, offsets in (self.left, self.right)
        )
        columns = [_load(builder, _plus(builder, row_b, v * self.size), self.vector) for v in range(self.vectors)]
        result = {}
        for i in range(self.positions):
            number = _load(builder, _plus(builder, row_a, i * self.step), self.compute)
            spread = _splat(builder, number, self.vector.count)
            for v in range(self.vectors):
                result[i, v] = _multiply_add(builder, spread, columns[v], sums[i, v])
        following = builder.add(j, _constant(1))
        j.add_incoming(following, body)
        for cell in cells:
            sums[cell].add_incoming(self.zero, entry)
            sums[cell].add_incoming(result[cell], body)
        builder.cbranch(builder.icmp_signed("<", following, stop), body, done)

        builder.position_at_end(done)
        final = {cell: builder.phi(self.vector) for cell in cells}
        for cell in cells:
            final[cell].add_incoming(self.zero, entry)
            final[cell].add_incoming(result[cell], body)
        return final

    def chains(self, k: Any, chain: Any) -> dict[tuple[int, int], Any]:
        """The sums of k products, `chain` at a time."""
        builder, cells = self.builder, self.cells
        if 2 * len(cells) + self.vectors < target.current().registers:
            # LLVM makes registers of these.
            totals = {cell: cgutils.alloca_once(builder, self.vector) for cell in cells}
        else:
            room = builder.ptrtoint(cgutils.alloca_once(builder, self.vector, size=_constant(len(cells))), I64)
            places = [_at(builder, _plus(builder, room, i * self.size), self.vector) for i in range(len(cells))]
            totals = dict(zip(cells, places))
        for place in totals.values():
            builder.store(self.zero, place)
        with cgutils.for_range_slice(builder, _constant(0), k, chain, intp=I64) as (start, _):
            stop = builder.add(start, chain)
            sums = self.sums(start, builder.select(builder.icmp_signed("<", stop, k), stop, k))
            for cell, place in totals.items():
                builder.store(builder.fadd(sums[cell], builder.load(place)), place)
        return {cell: builder.load(place) for cell, place in totals.items()}

    def _places(self, c: Any, c_step: Any) -> dict[tuple[int, int], Any]:
        builder = self.builder
        rows = [builder.add(c, builder.mul(c_step, _constant(i))) for i in range(self.positions)]
        return {(i, v): _plus(builder, rows[i], v * self.size) for i, v in self.cells}

    def store(self, sums: dict[tuple[int, int], Any], c: Any, c_step: Any) -> None:
        """c is the sums."""
        for cell, place in self._places(c, c_step).items():
            _store(self.builder, sums[cell], place)

    def add(self, sums: dict[tuple[int, int], Any], c: Any, c_step: Any, fresh: Any) -> None:
        """Adds the sums to c."""
        builder = self.builder
        for cell, place in self._places(c, c_step).items():
            before = builder.select(fresh, self.zero, _load(builder, place, self.vector))
            _store(builder, builder.fadd(before, sums[cell]), place)

    def add_exactly(self, sums: dict[tuple[int, int], Any], c: Any, c_step: Any, fresh: Any, lost: Any) -> None:
        """Adds the sums to c and remembers what is lost, if that has a place."""
        builder = self.builder
        with builder.if_else(builder.icmp_signed("==", lost, _constant(0))) as (plainly, exactly):
            with plainly:
                self.add(sums, c, c_step, fresh)
            with exactly:
                for cell, place in self._places(c, c_step).items():
                    rest = builder.add(place, lost)
                    before, missing = (
                        builder.select(fresh, self.zero, _load(builder, each, self.vector)) for each in (place, rest)
                    )
                    more = builder.fsub(sums[cell], missing)
                    total = builder.fadd(before, more)
                    _store(builder, total, place)
                    _store(builder, builder.fsub(builder.fsub(total, before), more), rest)


tile_f32, tile_f64 = _tile(FLOAT, _wide_shapes), _tile(DOUBLE, _wide_shapes)
chained_f32 = _tile(FLOAT, _chained_shapes, chained=True)


def _tile_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost):
    tile_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost)


def _tile_f64(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost):
    tile_f64(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost)


def _chained_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost):
    chained_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first, chain, lost)


# By bytes of an element.
STEPS = {
    4: {
        "tile": Kernel(_tile_f32),
        "chained": Kernel(_chained_f32),
    },
    8: {
        "tile": Kernel(_tile_f64),
    },
}
