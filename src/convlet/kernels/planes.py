"""Emitted steps for sums whose lanes are positions of padded planes: copied planes, their products, and rows in turn.

    plane       rows of an image, or every second column of them apart, with zeros before, between and after
    rows_tile   acc[channel][position vectors] += broadcast(weight) * plane[position + offset], weights where they lie
    pairs       out[channel][term] += sum over positions of a[channel][position] * plane[position + term's offset]
    interleave  the elements of two rows in turn

All positions of a plane follow one another, those between the rows too: their sums are made and left out. Each
step is made for float32 and float64.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from . import target
from .emit import (
    BFLOAT16,
    DOUBLE,
    FLOAT,
    FLOAT16,
    I1,
    I32,
    I64,
    NATIVE,
    _case,
    _constant,
    _intrinsic,
    _load,
    _load_masked,
    _mask,
    _moving,
    _multiply_add,
    _plus,
    _size,
    _splat,
    _steps,
    _store,
    _store_masked,
    _stored,
    _sums_of,
    _widen,
    _zip,
)
from .launch import Kernel

# Channels that a tile has at most.
TILE_CHANNELS = 6
# Vectors of a row whose masks stay in registers; longer rows make theirs as they go.
MASKS = 4


def tile_widths(machine: target.Target, m: int) -> list[int]:
    """Vectors of positions that a tile of m channels may be wide."""
    return machine.narrow_widths(m)


def pair_shape(machine: target.Target, element: int) -> tuple[int, int]:
    """Channels and terms of the largest block of pairs: 4*6 sums + 4 + 1 registers, or 3*4 + 3 + 1."""
    m, n = (4, 6) if machine.registers >= 32 else (3, 4)
    return m, min(n, machine.lanes(element))


def _plane(compute: Any) -> Any:
    """plane(dst, lead, rows, pitch, tail, src, src_step, low, count, step, apart, code)

    `lead` zeros, then `rows` rows of `pitch` elements, then `tail` zeros. Element i of a row is src[i - low] where
    0 <= i - low < count, and zero elsewhere. With step 2 the even elements go to dst and the odd ones `apart` bytes
    behind, a row of each being `pitch` long. Up to a vector is written beyond the end.
    """

    def emit(builder, dst, lead, rows, pitch, tail, src, src_step, low, count, step, apart, code):
        element = _size(compute)
        lanes = target.current().lanes(element)
        wide = ir.VectorType(compute, lanes)

        def zeros(first, length):
            with _steps(builder, length, lanes) as i:
                _store(builder, ir.Constant(wide, None), builder.add(first, builder.mul(i, _constant(element))))

        def ends(of):
            begin = builder.add(dst, of)
            zeros(begin, lead)
            return builder.add(begin, builder.mul(lead, _constant(element)))

        row_bytes = builder.mul(pitch, _constant(element))
        behind = builder.mul(rows, row_bytes)
        for columns in (1, 2):
            with _case(builder, step, columns):
                firsts = [ends(_constant(0) if q == 0 else apart) for q in range(columns)]
                for storage in (NATIVE, FLOAT16, BFLOAT16) if compute == FLOAT else (NATIVE,):
                    with _case(builder, code, storage):
                        copy(builder, firsts, rows, pitch, row_bytes, src, src_step, low, count, storage)
                for first in firsts:
                    zeros(builder.add(first, behind), tail)

    def copy(builder, firsts, rows, pitch, row_bytes, src, src_step, low, count, storage):
        lanes = target.current().lanes(_size(compute))
        columns = len(firsts)
        kind = _stored(storage, compute)
        vector = ir.VectorType(kind, lanes)
        begin = builder.sub(src, builder.mul(low, _constant(_size(kind))))
        end = builder.add(low, count)
        orders = [ir.Constant(ir.VectorType(I32, lanes), [2 * i + q for i in range(lanes)]) for q in (0, 1)]

        def mask_at(i):
            after = builder.not_(_mask(builder, builder.sub(low, i), lanes))
            return builder.and_(after, _mask(builder, builder.sub(end, i), lanes))

        def read(r, i, masks):
            """The vectors of a row from element i on: all, or the even and the odd ones."""
            place = builder.add(begin, builder.mul(r, src_step))
            place = builder.add(place, builder.mul(i, _constant(_size(kind))))
            parts = [
                _load_masked(builder, _plus(builder, place, v * lanes * _size(kind)), vector, mask)
                for v, mask in enumerate(masks)
            ]
            if columns == 2:
                parts = [builder.shuffle_vector(*parts, order) for order in orders]
            return [_widen(builder, part, storage, compute) for part in parts]

        def write(r, i, parts):
            for first, part in zip(firsts, parts):
                to = builder.add(first, builder.mul(r, row_bytes))
                _store(builder, part, builder.add(to, builder.mul(i, _constant(_size(compute)))))

        def masks_of(i):
            first = builder.mul(i, _constant(columns))
            return first, [mask_at(_plus(builder, first, v * lanes)) for v in range(columns)]

        after = builder.append_basic_block("plane_done")
        long = builder.append_basic_block("plane_long")
        vectors = builder.sdiv(_plus(builder, pitch, lanes - 1), _constant(lanes))
        switch = builder.switch(vectors, long)
        for several in range(1, MASKS + 1):
            block = builder.append_basic_block(f"plane_{several}")
            switch.add_case(_constant(several), block)
            builder.position_at_end(block)
            ready = [masks_of(_constant(v * lanes)) for v in range(several)]
            with _steps(builder, rows, 1) as r:
                for v, (first, masks) in enumerate(ready):
                    write(r, _constant(v * lanes), read(r, first, masks))
            builder.branch(after)
        builder.position_at_end(long)
        with _steps(builder, rows, 1) as r, _steps(builder, pitch, lanes) as i:
            write(r, i, read(r, *masks_of(i)))
        builder.branch(after)
        builder.position_at_end(after)

    return _intrinsic(12, emit)


def _rows_tile(compute: Any) -> Any:
    """rows_tile(m, nr, k, a, a_row, a_offsets, b, b_offsets, c, c_row, first): m channels by nr vectors of positions

    c[i][:] = (0 if first else c[i][:]) + sum over j < k of a[i*a_row + a_offsets[j]] * b[b_offsets[j]][:]

    Rows and offsets are in bytes, the tables int32.
    """

    def emit(builder, m, nr, k, a, a_row, a_offsets, b, b_offsets, c, c_row, first):
        after = builder.append_basic_block("rows_done")
        switch = builder.switch(builder.add(builder.mul(m, _constant(16)), nr), after)
        machine = target.current()
        for channels in range(1, TILE_CHANNELS + 1):
            for vectors in tile_widths(machine, channels):
                block = builder.append_basic_block(f"rows_{channels}x{vectors}")
                switch.add_case(_constant(16 * channels + vectors), block)
                builder.position_at_end(block)
                loop(builder, channels, vectors, k, a, a_row, a_offsets, b, b_offsets, c, c_row, first)
                builder.branch(after)
        builder.position_at_end(after)

    def loop(builder, channels, vectors, k, a, a_row, a_offsets, b, b_offsets, c, c_row, first):
        machine = target.current()
        lanes = machine.lanes(_size(compute))
        vector = ir.VectorType(compute, lanes)
        cells = [(i, v) for i in range(channels) for v in range(vectors)]
        zero = ir.Constant(vector, None)
        anchors, row = _moving(builder, a, a_row, channels)
        entry = builder.block
        body = builder.append_basic_block("rows_loop")
        done = builder.append_basic_block("rows_end")
        builder.cbranch(builder.icmp_signed(">", k, _constant(0)), body, done)

        builder.position_at_end(body)
        j = builder.phi(I64)
        j.add_incoming(_constant(0), entry)
        sums = {cell: builder.phi(vector) for cell in cells}
        at = builder.mul(j, _constant(4))
        move = builder.sext(_load(builder, builder.add(a_offsets, at), I32), I64)
        place = builder.add(b, builder.sext(_load(builder, builder.add(b_offsets, at), I32), I64))
        columns = [_load(builder, _plus(builder, place, v * machine.vector), vector) for v in range(vectors)]
        now = [builder.add(each, move) for each in anchors]
        result = {}
        for i in range(channels):
            spread = _splat(builder, _load(builder, row(now, i), compute), lanes)
            for v in range(vectors):
                result[i, v] = _multiply_add(builder, spread, columns[v], sums[i, v])
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
        with builder.if_else(builder.icmp_signed("!=", first, _constant(0))) as (fresh, again):
            for branch, is_fresh in ((fresh, True), (again, False)):
                with branch:
                    for i, v in cells:
                        to = _plus(builder, builder.add(c, builder.mul(c_row, _constant(i))), v * machine.vector)
                        value = result[i, v]
                        if not is_fresh:
                            value = builder.fadd(_load(builder, to, vector), value)
                        _store(builder, value, to)

    return _intrinsic(11, emit)


def _pairs(compute: Any) -> Any:
    """pairs(m, n, vectors, a, a_row, b, b_offsets, c, c_row, first): sums of m channels by n terms over positions

    c[i][j] = (0 if first else c[i][j]) + sum over positions of a[i][position] * b[b_offsets[j]][position]

    for so many vectors of positions. Lanes are summed last, in a fixed order.
    """

    def emit(builder, m, n, vectors, a, a_row, b, b_offsets, c, c_row, first):
        most_m, most_n = pair_shape(target.current(), _size(compute))
        after = builder.append_basic_block("pairs_done")
        switch = builder.switch(builder.add(builder.mul(m, _constant(16)), n), after)
        for rows in range(1, most_m + 1):
            for terms in range(1, most_n + 1):
                block = builder.append_basic_block(f"pairs_{rows}x{terms}")
                switch.add_case(_constant(16 * rows + terms), block)
                builder.position_at_end(block)
                loop(builder, rows, terms, vectors, a, a_row, b, b_offsets, c, c_row, first)
                builder.branch(after)
        builder.position_at_end(after)

    def loop(builder, rows, terms, count, a, a_row, b, b_offsets, c, c_row, first):
        machine = target.current()
        lanes = machine.lanes(_size(compute))
        vector = ir.VectorType(compute, lanes)
        cells = [(i, j) for i in range(rows) for j in range(terms)]
        lefts = [builder.add(a, builder.mul(a_row, _constant(i))) for i in range(rows)]
        rights = [
            builder.add(b, builder.sext(_load(builder, _plus(builder, b_offsets, 4 * j), I32), I64))
            for j in range(terms)
        ]
        entry = builder.block
        body = builder.append_basic_block("pairs_loop")
        done = builder.append_basic_block("pairs_end")
        builder.branch(body)

        builder.position_at_end(body)
        at = builder.phi(I64)
        at.add_incoming(_constant(0), entry)
        sums = {cell: builder.phi(vector) for cell in cells}
        values = [_load(builder, builder.add(left, at), vector) for left in lefts]
        result = {}
        for j, right in enumerate(rights):
            other = _load(builder, builder.add(right, at), vector)
            for i, value in enumerate(values):
                result[i, j] = _multiply_add(builder, value, other, sums[i, j])
        following = builder.add(at, _constant(machine.vector))
        at.add_incoming(following, body)
        for cell in cells:
            sums[cell].add_incoming(ir.Constant(vector, None), entry)
            sums[cell].add_incoming(result[cell], body)
        more = builder.icmp_signed("<", following, builder.mul(count, _constant(machine.vector)))
        builder.cbranch(more, body, done)

        builder.position_at_end(done)
        written = ir.Constant(ir.VectorType(I1, lanes), [j < terms for j in range(lanes)])
        nothing = ir.Constant(ir.VectorType(I1, lanes), None)
        fresh = builder.icmp_signed("!=", first, _constant(0))
        for i in range(rows):
            to = builder.add(c, builder.mul(c_row, _constant(i)))
            total = _sums_of(builder, [result[i, j] for j in range(terms)])
            before = _load_masked(builder, to, vector, builder.select(fresh, nothing, written))
            _store_masked(builder, builder.fadd(before, total), to, written)

    return _intrinsic(10, emit)


def _interleave(compute: Any) -> Any:
    """interleave(dst, dst_step, even, odd, src_step, rows, count): dst[r][i] = (even if i % 2 == 0 else odd)[r][i // 2]

    for i < count.
    """

    def emit(builder, dst, dst_step, even, odd, src_step, rows, count):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        with _steps(builder, rows, 1) as r:
            move = builder.mul(r, src_step)
            to = builder.add(dst, builder.mul(r, dst_step))
            with _steps(builder, count, 2 * lanes) as i:
                at = builder.add(move, builder.mul(i, _constant(element // 2)))
                left = _load(builder, builder.add(even, at), vector)
                right = _load(builder, builder.add(odd, at), vector)
                for half in (0, 1):
                    first = _plus(builder, i, half * lanes)
                    mask = _mask(builder, builder.sub(count, first), lanes)
                    place = builder.add(to, builder.mul(first, _constant(element)))
                    _store_masked(builder, _zip(builder, left, right, half * lanes // 2), place, mask)

    return _intrinsic(7, emit)


plane_f32, plane_f64 = _plane(FLOAT), _plane(DOUBLE)
rows_tile_f32, rows_tile_f64 = _rows_tile(FLOAT), _rows_tile(DOUBLE)
pairs_f32, pairs_f64 = _pairs(FLOAT), _pairs(DOUBLE)
interleave_f32, interleave_f64 = _interleave(FLOAT), _interleave(DOUBLE)


def _plane_f32_step(dst, lead, rows, pitch, tail, src, src_step, low, count, step, apart, code):
    plane_f32(dst, lead, rows, pitch, tail, src, src_step, low, count, step, apart, code)


def _plane_f64_step(dst, lead, rows, pitch, tail, src, src_step, low, count, step, apart, code):
    plane_f64(dst, lead, rows, pitch, tail, src, src_step, low, count, step, apart, code)


def _rows_tile_f32_step(m, nr, k, a, a_row, a_offsets, b, b_offsets, c, c_row, first):
    rows_tile_f32(m, nr, k, a, a_row, a_offsets, b, b_offsets, c, c_row, first)


def _rows_tile_f64_step(m, nr, k, a, a_row, a_offsets, b, b_offsets, c, c_row, first):
    rows_tile_f64(m, nr, k, a, a_row, a_offsets, b, b_offsets, c, c_row, first)


def _pairs_f32_step(m, n, vectors, a, a_row, b, b_offsets, c, c_row, first):
    pairs_f32(m, n, vectors, a, a_row, b, b_offsets, c, c_row, first)


def _pairs_f64_step(m, n, vectors, a, a_row, b, b_offsets, c, c_row, first):
    pairs_f64(m, n, vectors, a, a_row, b, b_offsets, c, c_row, first)


def _interleave_f32_step(dst, dst_step, even, odd, src_step, rows, count):
    interleave_f32(dst, dst_step, even, odd, src_step, rows, count)


def _interleave_f64_step(dst, dst_step, even, odd, src_step, rows, count):
    interleave_f64(dst, dst_step, even, odd, src_step, rows, count)


# By bytes of an element.
STEPS = {
    4: {
        "plane": Kernel(_plane_f32_step),
        "rows_tile": Kernel(_rows_tile_f32_step),
        "pairs": Kernel(_pairs_f32_step),
        "interleave": Kernel(_interleave_f32_step),
    },
    8: {
        "plane": Kernel(_plane_f64_step),
        "rows_tile": Kernel(_rows_tile_f64_step),
        "pairs": Kernel(_pairs_f64_step),
        "interleave": Kernel(_interleave_f64_step),
    },
}
