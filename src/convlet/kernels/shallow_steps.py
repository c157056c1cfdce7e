"""Emitted steps for images of few channels, whose lanes are columns: sums of whole tiles stay in registers.

A tile is a few rows of a vector of columns, of a few channels. Its sums are made at the *points* of Winograd's
algorithm along the rows (F(m, r) of winograd_matrices.py, one point where m is 1), become results in registers and are
stored where they belong. Columns are not transformed, so that all lanes do the same.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from llvmlite import ir

from . import emit, target
from .emit import DOUBLE, FLOAT, I1, I32, I64, _constant, _load, _plus, _size, _splat, _steps
from .following import AsTheyAre
from .jit import cgutils, intrinsic, types
from .launch import Kernel
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

    def summed(most: int, vectors: int, source: Any) -> dict[tuple[int, int, int], Any]:
        """The sums of a tile at its points, of pieces of so many terms if it is chained."""
        cells = [(p, i, v) for p in range(points) for i in range(most) for v in range(vectors)]
        entry = builder.block
        start = builder.append_basic_block("shallow_piece") if chained else entry
        body = builder.append_basic_block("shallow_loop")
        done = builder.append_basic_block("shallow_end")
        begin, last = _constant(0), k
        if chained:
            totals = [cgutils.alloca_once(builder, vector) for _ in cells]
            builder.branch(start)
            builder.position_at_end(start)
            begin = builder.phi(I64)
            begin.add_incoming(_constant(0), entry)
            last = builder.add(begin, piece)
            last = builder.select(builder.icmp_signed("<", last, k), last, k)
        first = builder.add(weights, builder.mul(begin, _constant(points * machine.vector)))
        builder.branch(body)

        builder.position_at_end(body)
        j, at = builder.phi(I64), builder.phi(I64)
        j.add_incoming(begin, start)
        at.add_incoming(first, start)
        sums = {cell: builder.phi(vector) for cell in cells}
        move = builder.sext(_load(builder, builder.add(offsets, builder.mul(j, _constant(4))), I32), I64)
        place = builder.add(source, move)
        result = {}
        for p in range(points):
            row = builder.add(place, builder.mul(point_at, _constant(p))) if p else place
            read = [_load(builder, _plus(builder, row, v * machine.vector), vector) for v in range(vectors)]
            for i in range(most):
                number = _load(builder, _plus(builder, at, p * machine.vector + i * element), compute)
                spread = _splat(builder, number, lanes)
                for v in range(vectors):
                    result[p, i, v] = emit._multiply_add(builder, spread, read[v], sums[p, i, v])
        following = builder.add(j, _constant(1))
        j.add_incoming(following, body)
        at.add_incoming(_plus(builder, at, points * machine.vector), body)
        for cell in cells:
            sums[cell].add_incoming(ir.Constant(vector, None), start)
            sums[cell].add_incoming(result[cell], body)
        builder.cbranch(builder.icmp_signed("<", following, last), body, done)

        builder.position_at_end(done)
        if not chained:
            return result
        add = builder.append_basic_block("shallow_add")
        added = builder.append_basic_block("shallow_added")
        keep = builder.append_basic_block("shallow_keep")
        after = builder.append_basic_block("shallow_summed")
        builder.cbranch(builder.icmp_signed("==", begin, _constant(0)), added, add)
        builder.position_at_end(add)
        more = {cell: builder.fadd(builder.load(total), result[cell]) for cell, total in zip(cells, totals)}
        builder.branch(added)
        builder.position_at_end(added)
        whole = {cell: builder.phi(vector) for cell in cells}
        for cell in cells:
            whole[cell].add_incoming(result[cell], done)
            whole[cell].add_incoming(more[cell], add)
        builder.cbranch(builder.icmp_signed("<", last, k), keep, after)
        builder.position_at_end(keep)
        for cell, total in zip(cells, totals):
            builder.store(whole[cell], total)
        begin.add_incoming(last, keep)
        builder.branch(start)
        builder.position_at_end(after)
        return whole

    def results(sums: dict[tuple[int, int, int], Any], i: int, v: int) -> list[Any]:
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

    # Numba's files are named after functions: see winograd_transforms.transform.
    run.__qualname__ = re.sub("[^a-z0-9]+", "_", f"shallow tile {which}")
    return Kernel(run)


# Weight gradients: products of pairs of rows, summed over columns


def pair_shapes(machine: target.Target) -> tuple[list[int], int]:
    """Rows of a block of pairs, and columns at most: their sums, the rows and a column stay in registers."""
    return ([1, 2, 4], 6) if machine.registers >= 32 else ([1, 3], 3)


def _pairs(compute: Any) -> Any:
    """pairs(m, n, groups, columns, a, a_row, a_group, b, offsets, b_group, c, c_row, first): m rows by n terms

    c[i][j] = (0 if first else c[i][j]) + sum over groups t and columns x of a[i][t][x] * b[offsets[j]][t][x]

    Lanes are columns, and summed last, in a fixed order.
    """

    def emit_pairs(builder, m, n, groups, columns, a, a_row, a_group, b, offsets, b_group, c, c_row, first):
        rows, most = pair_shapes(target.current())
        most = min(most, target.current().lanes(_size(compute)))
        after = builder.append_basic_block("pairs_done")
        switch = builder.switch(builder.add(builder.mul(m, _constant(16)), n), after)
        for i in rows:
            for j in range(1, most + 1):
                block = builder.append_basic_block(f"pairs_{i}x{j}")
                switch.add_case(_constant(16 * i + j), block)
                builder.position_at_end(block)
                one(builder, i, j, groups, columns, a, a_row, a_group, b, offsets, b_group, c, c_row, first)
                builder.branch(after)
        builder.position_at_end(after)

    def one(builder, m, n, groups, columns, a, a_row, a_group, b, offsets, b_group, c, c_row, first):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        sums = [[cgutils.alloca_once(builder, vector) for _ in range(n)] for _ in range(m)]
        for row in sums:
            for total in row:
                builder.store(ir.Constant(vector, None), total)
        lefts = [builder.add(a, builder.mul(a_row, _constant(i))) for i in range(m)]
        rights = [
            builder.add(b, builder.sext(_load(builder, _plus(builder, offsets, 4 * j), I32), I64)) for j in range(n)
        ]
        whole = builder.and_(columns, _constant(-lanes))
        rest = builder.sub(columns, whole)
        mask = emit._mask(builder, rest, lanes)

        def add(left_at: Any, right_at: Any, load: Any) -> None:
            values = [load(builder.add(left, left_at)) for left in lefts]
            for j, right in enumerate(rights):
                other = load(builder.add(right, right_at))
                for i, value in enumerate(values):
                    total = sums[i][j]
                    builder.store(emit._multiply_add(builder, value, other, builder.load(total)), total)

        with _steps(builder, groups, 1) as t:
            left_at, right_at = builder.mul(t, a_group), builder.mul(t, b_group)
            with _steps(builder, whole, lanes) as x:
                at = builder.mul(x, _constant(element))
                add(builder.add(left_at, at), builder.add(right_at, at), lambda at: _load(builder, at, vector))
            with builder.if_then(builder.icmp_signed(">", rest, _constant(0))):
                at = builder.mul(whole, _constant(element))
                add(
                    builder.add(left_at, at),
                    builder.add(right_at, at),
                    lambda at: emit._load_masked(builder, at, vector, mask),
                )
        written = ir.Constant(ir.VectorType(I1, lanes), [j < n for j in range(lanes)])
        nothing = ir.Constant(ir.VectorType(I1, lanes), None)
        fresh = builder.icmp_signed("!=", first, _constant(0))
        for i in range(m):
            to = builder.add(c, builder.mul(c_row, _constant(i)))
            total = emit._sums_of(builder, [builder.load(each) for each in sums[i]])
            before = emit._load_masked(builder, to, vector, builder.select(fresh, nothing, written))
            emit._store_masked(builder, builder.fadd(before, total), to, written)

    return emit._intrinsic(13, emit_pairs)


pairs_f32, pairs_f64 = _pairs(FLOAT), _pairs(DOUBLE)


def _pairs_f32_step(m, n, groups, columns, a, a_row, a_group, b, offsets, b_group, c, c_row, first):
    pairs_f32(m, n, groups, columns, a, a_row, a_group, b, offsets, b_group, c, c_row, first)


def _pairs_f64_step(m, n, groups, columns, a, a_row, a_group, b, offsets, b_group, c, c_row, first):
    pairs_f64(m, n, groups, columns, a, a_row, a_group, b, offsets, b_group, c, c_row, first)


# By bytes of an element.
PAIRS = {4: Kernel(_pairs_f32_step), 8: Kernel(_pairs_f64_step)}


def _lift(builder: Any, m: int, taps: int, arguments: tuple[Any, ...]) -> None:
    """The code of `lift`."""
    dst, dst_point, src, src_row, rows, columns, code = arguments
    machine = target.current()
    lanes = machine.lanes(4)
    vector = ir.VectorType(FLOAT, lanes)
    arithmetic = _Lanes(builder, vector)
    matrix = matrices(m, taps).a_t.T

    for storage in (emit.NATIVE, emit.FLOAT16, emit.BFLOAT16):
        kind = emit._stored(storage, FLOAT)
        size = _size(kind)
        with emit._case(builder, code, storage), _steps(builder, columns, lanes) as x:
            left = builder.sub(columns, x)
            at = builder.add(src, builder.mul(x, _constant(size)))
            to = builder.add(dst, builder.mul(x, _constant(4)))
            full = builder.icmp_signed(">=", left, _constant(lanes))
            whole = builder.and_(builder.icmp_signed("==", rows, _constant(m)), full)

            def put(read: list[Any], to: Any = to, storage: int = storage) -> None:
                column = [emit._widen(builder, each, storage, FLOAT) for each in read]
                for p, value in enumerate(arithmetic.multiply(matrix, column)):
                    emit._store(builder, value, builder.add(to, builder.mul(dst_point, _constant(p))))

            places = [builder.add(at, builder.mul(src_row, _constant(r))) for r in range(m)]
            wide = ir.VectorType(kind, lanes)
            with builder.if_else(whole, likely=True) as (all_of_it, part_of_it):
                with all_of_it:
                    put([_load(builder, place, wide) for place in places])
                with part_of_it:
                    # A row that is not there reads nothing.
                    mask = emit._mask(builder, left, lanes)
                    there = [builder.icmp_signed("<", _constant(r), rows) for r in range(m)]
                    masks = [builder.and_(mask, _splat(builder, each, lanes)) for each in there]
                    put([emit._load_masked(builder, place, wide, each) for place, each in zip(places, masks)])


@intrinsic(prefer_literal=True)
def lift_step(typing, which, v0, v1, v2, v3, v4, v5, v6):
    """A lift, named by a literal text: m and taps."""
    m, taps = map(int, which.literal_value.split())

    def codegen(context, builder, sig, args):
        _lift(builder, m, taps, args[1:])
        return context.get_dummy_value()

    return types.void(which, *[types.int64] * 7), codegen


@functools.cache
def lift(m: int, taps: int) -> Kernel:
    """lift(dst, dst_point, src, src_row, rows, columns, code): the gradient of a group's rows, at its points

    dst[p][:] = sum over rows r of A^T[r, p] * src[r][:], in whole vectors; beyond `rows` and `columns` src is zero.
    """
    which = f"{m} {taps}"

    def run(dst, dst_point, src, src_row, rows, columns, code):
        lift_step(which, dst, dst_point, src, src_row, rows, columns, code)

    run.__qualname__ = re.sub("[^a-z0-9]+", "_", f"shallow lift {which}")
    return Kernel(run)
