"""Emitted steps for images of few channels, whose lanes are columns: sums of whole tiles stay in registers.

A tile is a few rows of a vector of columns, of a few channels. Its sums are made at the *points* of Winograd's
algorithm along the rows (F(m, r) of winograd_matrices.py, one point where m is 1), become results in registers and are
stored where they belong. Columns are not transformed, so that all lanes do the same.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir

from . import emit, target
from .emit import DOUBLE, FLOAT, I64, _constant, _load, _plus, _size, _splat, _steps
from .following import AsTheyAre
from .jit import cgutils, intrinsic, types
from .launch import Kernel
from .shallow_sums import Cell, Cells, Terms, sums_of_terms
from .tail import Finished
from .winograd_matrices import matrices
from .winograd_transforms import _Lanes


def parts(machine: target.Target, element: int, points: int) -> int:
    """Into how many tiles a vector of channels is cut, so that their sums stay in registers.

    Sums at several points are one vector of columns wide: the more channels share its rows, the better, because few of
    their loads are aligned.
    """
    lanes = machine.lanes(element)
    most = machine.panel_mr(element) if points == 1 else max(1, (machine.registers - 2) // points)
    return -(-lanes // most)


def shapes(machine: target.Target, element: int, points: int) -> list[tuple[int, int]]:
    """Tiles of channels x vectors: their sums, the vectors of a term and a number in registers."""
    lanes, cut = machine.lanes(element), parts(machine, element, points)
    sizes = {(i + 1) * lanes // cut - i * lanes // cut for i in range(cut)}
    if points > 1:
        return [(m, 1) for m in sorted(sizes)]
    # With one point there is one size, and a half of it for what is left over.
    (most,) = sizes
    return [(m, v) for m in sorted({max(1, most // 2), most}) for v in range(1, machine.panel_nr + 1)]


def _tile(
    builder: Any,
    compute: Any,
    m: int,
    taps: int,
    following: type[AsTheyAre],
    chained: bool,
    arguments: tuple[Any, ...],
) -> None:
    """The code of `tile`."""
    shape, count, k, piece, weights, offsets, source, point_at = arguments[:8]
    out, y_h, y_c, channels, rows, columns, bias, tail = arguments[8:]
    machine = target.current()
    element = _size(compute)
    lanes = machine.lanes(element)
    vector = ir.VectorType(compute, lanes)
    arithmetic = _Lanes(builder, vector)
    a_t = matrices(m, taps).a_t
    points = a_t.shape[1]
    zero = cgutils.alloca_once_value(builder, ir.Constant(compute, 0.0))
    nothing = builder.ptrtoint(zero, I64)
    biased = builder.icmp_signed("!=", bias, _constant(0))
    after = following(builder, emit.NATIVE, compute, lanes, tail)

    def summed(most: int, vectors: int, source: Any) -> Cells:
        """The sums of a tile at its points."""

        def products(move: Any, weight: Any, sums: Cells) -> Cells:
            place = builder.add(source, move)
            result: Cells = {}
            for p in range(points):
                row = builder.add(place, builder.mul(point_at, _constant(p))) if p else place
                read = [_load(builder, _plus(builder, row, v * machine.vector), vector) for v in range(vectors)]
                for i in range(most):
                    number = _load(builder, _plus(builder, weight, p * machine.vector + i * element), compute)
                    spread = _splat(builder, number, lanes)
                    for v in range(vectors):
                        result[p, i, v] = emit._multiply_add(builder, spread, read[v], sums[p, i, v])
            return result

        cells: list[Cell] = [(p, i, v) for p in range(points) for i in range(most) for v in range(vectors)]
        terms = Terms(k, piece if chained else None, offsets, weights, points * machine.vector)
        return sums_of_terms(builder, cells, vector, terms, products)

    def results(sums: Cells, i: int, v: int) -> list[Any]:
        """The rows of a channel and a vector of columns."""
        shift = builder.select(biased, _plus(builder, bias, i * element), nothing)
        shift = _splat(builder, _load(builder, shift, compute), lanes)
        values = arithmetic.multiply(a_t, [sums[p, i, v] for p in range(points)])
        return [builder.fadd(value, shift) for value in values]

    def one(most: int, vectors: int) -> None:
        wide = vectors * machine.vector
        with _steps(builder, count, 1) as t:
            moved = builder.mul(t, _constant(wide))
            sums = summed(most, vectors, builder.add(source, moved))
            to = builder.add(out, moved)
            left = builder.sub(columns, builder.mul(t, _constant(vectors * lanes)))
            whole = builder.and_(
                builder.icmp_signed("==", rows, _constant(m)), builder.icmp_signed("==", channels, _constant(most))
            )
            whole = builder.and_(whole, builder.icmp_signed(">=", left, _constant(vectors * lanes)))

            def place(i: int, r: int, v: int) -> Any:
                row = builder.add(builder.add(to, builder.mul(y_c, _constant(i))), builder.mul(y_h, _constant(r)))
                return _plus(builder, row, v * machine.vector)

            with builder.if_else(whole, likely=True) as (all_of_it, part_of_it):
                with all_of_it:
                    for i in range(most):
                        values = [value for v in range(vectors) for value in results(sums, i, v)]
                        places = [place(i, r, v) for v in range(vectors) for r in range(m)]
                        values = after.sums(values, after.of_channel(_plus(builder, bias, i * element)))
                        for value, at in zip(after.results(values, places), places):
                            emit._store(builder, value, at)
                with part_of_it:
                    for i in range(most):
                        with builder.if_then(builder.icmp_signed("<", _constant(i), channels)):
                            numbers = after.of_channel(_plus(builder, bias, i * element))
                            for v in range(vectors):
                                mask = emit._mask(builder, _plus(builder, left, -v * lanes), lanes)
                                for r, value in enumerate(after.sums(results(sums, i, v), numbers)):
                                    with builder.if_then(builder.icmp_signed("<", _constant(r), rows)):
                                        at = place(i, r, v)
                                        (result,) = after.results([value], [at], mask)
                                        emit._store_masked(builder, result, at, mask)

    done = builder.append_basic_block("shallow_done")
    switch = builder.switch(shape, done)
    for most, vectors in shapes(machine, element, points):
        block = builder.append_basic_block(f"shallow_{most}x{vectors}")
        switch.add_case(_constant(16 * most + vectors), block)
        builder.position_at_end(block)
        one(most, vectors)
        builder.branch(done)
    builder.position_at_end(done)


@intrinsic(prefer_literal=True)
def tile_step(typing, which, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15):
    """A tile, named by a literal text: an element's bytes, m, taps, whether there is a tail, whether it is chained."""
    element, m, taps, finished, chained = map(int, which.literal_value.split())

    def codegen(context, builder, sig, args):
        following = Finished if finished else AsTheyAre
        _tile(builder, FLOAT if element == 4 else DOUBLE, m, taps, following, bool(chained), args[1:])
        return context.get_dummy_value()

    return types.void(which, *[types.int64] * 16), codegen


@functools.cache
def tile(element: int, m: int, taps: int, finished: bool = False, chained: bool = False) -> Kernel:
    """tile(shape, count, k, piece, weights, offsets, source, point_at, out, y_h, y_c, channels, rows, columns, ...)

    out[c][row][:] = bias[c] + sum over points p of A^T[row, p] *
                     sum over j < k of weights[j][p][c] * source[p * point_at + offsets[j]][:]

    for `channels` c, `rows` of the m rows and so many columns: `count` tiles side by side, the last of them not whole.
    The last arguments are bias, or 0, and the tail that `finished` tiles apply (see tail.py).
    shape is 16 * channels + vectors of one of `shapes`. A `chained` tile adds no more than `piece` terms in a row.
    Weights of a term and a point are a vector apart.
    """
    which = f"{element} {m} {taps} {int(finished)} {int(chained)}"

    def run(
        shape, count, k, piece, weights, offsets, source, point_at, out, y_h, y_c, channels, rows, columns, bias, tail
    ):
        tile_step(
            which, shape, count, k, piece, weights, offsets, source, point_at, out, y_h, y_c,
            channels, rows, columns, bias, tail,
        )

    return Kernel(run, f"shallow tile {which}")
