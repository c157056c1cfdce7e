"""Emitted steps of weight gradients of images of few channels: products of pairs of rows, summed over columns.

Lanes are columns. The rows are those of the image and of the output's gradient, or both at the points of Winograd's
algorithm along the rows.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir

from . import emit, target
from .emit import DOUBLE, FLOAT, I1, I32, I64, _constant, _load, _plus, _size, _splat, _steps
from .jit import cgutils, intrinsic, types
from .launch import Kernel
from .winograd_matrices import matrices
from .winograd_transforms import _Lanes


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

    return Kernel(run, f"shallow lift {which}")
