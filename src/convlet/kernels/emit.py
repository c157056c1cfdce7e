"""Steps of the kernels written as LLVM instructions: the register tile, the transpose, and rows in and out.

Every one is a Numba intrinsic on addresses (int64), made once for a compute type, float32 or float64:

    tile       acc[position][channel vectors] += broadcast(a) * b, over the rows of two offset tables
    panel      c[row][columns] = sum of a[row][j] * b[j][columns], all three as they lie in memory
    dots       c[row][column] = sum of a[row][j] * b[column][j], likewise
    transpose  a block of rows becomes a block of columns, `lanes` x `lanes` elements at a time in registers
    gather     a row of any step and storage type becomes contiguous elements of the compute type
    scatter    the way back, with one number (a bias) added to all

A masked-off lane is neither read nor written, so rows may end anywhere. Vectors load and store at the alignment
of one byte: arrays of any strides are allowed, and the processors of the table do not mind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import target

I1, I16, I32, I64 = ir.IntType(1), ir.IntType(16), ir.IntType(32), ir.IntType(64)
HALF, FLOAT, DOUBLE = ir.HalfType(), ir.FloatType(), ir.DoubleType()

# How an element is stored; NATIVE is the compute type itself.
NATIVE, FLOAT16, BFLOAT16 = 0, 1, 2

# Channels that a tile whose lanes are positions has at most, and sums of one correlation.
NARROW = 8
TAPS = 12
# Rows that `columns` sums at a time, and the longest stretch of a kernel's column it keeps in registers.
ROWS = 8
RUN = 4


def _intrinsic(arguments: int, emit: Callable[..., Any]) -> Any:
    """A Numba intrinsic of so many int64 arguments and no result, whose body `emit(builder, *values)` writes."""
    signature = types.void(*[types.int64] * arguments)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit(builder, *args)
        return context.get_dummy_value()

    names = [f"v{i}" for i in range(arguments)]
    scope: dict[str, Any] = {"signature": signature, "codegen": codegen}
    # Numba reads the number of arguments from the function itself.
    exec(f"def step(typing, {', '.join(names)}):\n    return signature, codegen", scope)
    return intrinsic(scope["step"])


# Pieces


def _size(element: ir.Type) -> int:
    return {I16: 2, HALF: 2, FLOAT: 4, DOUBLE: 8}[element]


def _at(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _load(builder: Any, address: Any, kind: Any) -> Any:
    value = builder.load(_at(builder, address, kind))
    value.align = 1
    return value


def _store(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, _at(builder, address, value.type)).align = 1


def _constant(value: int) -> Any:
    return ir.Constant(I64, value)


def _plus(builder: Any, address: Any, offset: int) -> Any:
    return builder.add(address, _constant(offset)) if offset else address


def _splat(builder: Any, scalar: Any, lanes: int) -> Any:
    vector = ir.VectorType(scalar.type, lanes)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


def _mask(builder: Any, count: Any, lanes: int) -> Any:
    """The first `count` lanes."""
    steps = ir.Constant(ir.VectorType(I32, lanes), list(range(lanes)))
    return builder.icmp_signed("<", steps, _splat(builder, builder.trunc(count, I32), lanes))


def _function(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


def _vector_name(vector: Any) -> str:
    return f"v{vector.count}" + {I16: "i16", FLOAT: "f32", DOUBLE: "f64"}[vector.element]


def _load_masked(builder: Any, address: Any, vector: Any, mask: Any) -> Any:
    """The vector's lanes under the mask, zero in the others."""
    pointer = _at(builder, address, vector)
    name = f"llvm.masked.load.{_vector_name(vector)}.p0"
    function = _function(builder, name, vector, [pointer.type, I32, mask.type, vector])
    return builder.call(function, [pointer, ir.Constant(I32, 1), mask, ir.Constant(vector, None)])


def _store_masked(builder: Any, value: Any, address: Any, mask: Any) -> None:
    pointer = _at(builder, address, value.type)
    name = f"llvm.masked.store.{_vector_name(value.type)}.p0"
    function = _function(builder, name, ir.VoidType(), [value.type, pointer.type, I32, mask.type])
    builder.call(function, [value, pointer, ir.Constant(I32, 1), mask])


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    name = f"llvm.fmuladd.{_vector_name(a.type)}"
    return builder.call(_function(builder, name, a.type, [a.type] * 3), [a, b, c])


def _prefetch(builder: Any, address: Any) -> None:
    """Asks for a cache line that will be read soon, into L2; the address may be anything."""
    pointer = _at(builder, address, ir.IntType(8))
    function = _function(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer.type, I32, I32, I32])
    builder.call(function, [pointer, ir.Constant(I32, 0), ir.Constant(I32, 2), ir.Constant(I32, 1)])


def _stored(code: int, compute: Any) -> Any:
    """The type in memory: half floats travel as 16-bit integers."""
    return compute if code == NATIVE else I16


def _widen(builder: Any, value: Any, code: int, compute: Any) -> Any:
    """A loaded scalar or vector as the compute type."""
    if code == NATIVE:
        return value
    lanes = getattr(value.type, "count", 0)

    def shaped(element: Any) -> Any:
        return ir.VectorType(element, lanes) if lanes else element

    if code == FLOAT16:
        return builder.fpext(builder.bitcast(value, shaped(HALF)), shaped(FLOAT))
    sixteen = ir.Constant(shaped(I32), [16] * lanes if lanes else 16)
    return builder.bitcast(builder.shl(builder.zext(value, shaped(I32)), sixteen), shaped(FLOAT))


def _narrow(builder: Any, value: Any, code: int) -> Any:
    """A scalar or vector of the compute type as it is stored: to nearest, ties to even, NaN stays NaN."""
    if code == NATIVE:
        return value
    lanes = getattr(value.type, "count", 0)

    def shaped(element: Any) -> Any:
        return ir.VectorType(element, lanes) if lanes else element

    def number(constant: int) -> Any:
        return ir.Constant(shaped(I32), [constant] * lanes if lanes else constant)

    if code == FLOAT16:
        return builder.bitcast(builder.fptrunc(value, shaped(HALF)), shaped(I16))
    bits = builder.bitcast(value, shaped(I32))
    odd = builder.and_(builder.lshr(bits, number(16)), number(1))
    rounded = builder.lshr(builder.add(bits, builder.add(odd, number(0x7FFF))), number(16))
    quiet = builder.or_(builder.lshr(bits, number(16)), number(0x40))
    is_nan = builder.fcmp_unordered("uno", value, value)
    return builder.trunc(builder.select(is_nan, quiet, rounded), shaped(I16))


@contextmanager
def _steps(builder: Any, stop: Any, step: int) -> Iterator[Any]:
    """for i in range(0, stop, step)"""
    with cgutils.for_range_slice(builder, _constant(0), stop, _constant(step), intp=I64) as (i, _):
        yield i


@contextmanager
def _case(builder: Any, value: Any, constant: int) -> Iterator[None]:
    """if value == constant"""
    with builder.if_then(builder.icmp_signed("==", value, _constant(constant))):
        yield


# The register tile


def _wide_shapes(machine: target.Target) -> list[tuple[int, int]]:
    """Tiles of m positions x nr vectors of channels, for every m: ragged sizes are split, never padded."""
    return [(m, nr) for nr in range(1, machine.nr + 1) for m in range(1, machine.mr + 1)]


def _narrow_shapes(machine: target.Target) -> list[tuple[int, int]]:
    """Tiles of m channels x nr vectors of positions, for few channels."""
    return [(m, nr) for m in range(1, NARROW + 1) for nr in machine.narrow_widths(m)]


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


# Products of matrices as they lie in memory


def _each_shape(
    builder: Any, name: str, compute: Any, m: Any, nr: Any, one: Callable[[int, int], None]
) -> None:
    """Code for every block of m rows x nr vectors (of columns, or of terms of a column), and the switch to it."""
    machine = target.current()
    shapes = [(i, v) for v in range(1, machine.panel_nr + 1) for i in range(1, machine.panel_mr(_size(compute)) + 1)]
    after = builder.append_basic_block(f"{name}_done")
    switch = builder.switch(builder.add(builder.mul(m, _constant(16)), nr), after)
    for rows, vectors in shapes:
        block = builder.append_basic_block(f"{name}_{rows}x{vectors}")
        switch.add_case(_constant(16 * rows + vectors), block)
        builder.position_at_end(block)
        one(rows, vectors)
        builder.branch(after)
    builder.position_at_end(after)


def _moving(builder: Any, first: Any, step: Any, count: int) -> tuple[list[Any], Callable[[list[Any], int], Any]]:
    """Addresses of `count` rows, three to a register: the processor adds a step once or twice by itself."""
    anchors = [builder.add(first, builder.mul(step, _constant(i))) for i in range(0, count, 3)]

    def row(now: list[Any], i: int) -> Any:
        return builder.add(now[i // 3], builder.mul(step, _constant(i % 3))) if i % 3 else now[i // 3]

    return anchors, row


def _panel(compute: Any) -> Any:
    """panel(m, nr, k, a, a_row, a_step, b, b_step, c, c_row, start, start_step)

    c[i][:] = start[i] + sum over j < k of a[i][j] * b[j][:]  for m rows of nr vectors; without start (0), c[i][:] +

    Rows and terms of a lie a_row and a_step bytes apart, rows of b, c and start b_step, c_row and start_step.
    """

    def emit(builder, m, nr, k, a, a_row, a_step, b, b_step, c, c_row, start, start_step):
        def one(rows, vectors):
            loop(builder, rows, vectors, k, a, a_row, a_step, b, b_step, c, c_row, start, start_step)

        _each_shape(builder, "panel", compute, m, nr, one)

    def loop(builder, rows, vectors, k, a, a_row, a_step, b, b_step, c, c_row, start, start_step):
        machine = target.current()
        lanes = machine.lanes(_size(compute))
        vector = ir.VectorType(compute, lanes)
        cells = [(i, v) for i in range(rows) for v in range(vectors)]
        anchors, row = _moving(builder, a, a_row, rows)
        entry = builder.block
        body = builder.append_basic_block("panel_loop")
        done = builder.append_basic_block("panel_end")
        builder.branch(body)

        builder.position_at_end(body)
        j = builder.phi(I64)
        j.add_incoming(k, entry)
        places = [(builder.phi(I64), each, a_step) for each in anchors]
        places.append((builder.phi(I64), b, b_step))
        sums = {cell: builder.phi(vector) for cell in cells}
        now = [phi for phi, _, _ in places[:-1]]
        columns = [_load(builder, _plus(builder, places[-1][0], v * machine.vector), vector) for v in range(vectors)]
        for v in range(vectors, 2 * vectors):
            _prefetch(builder, _plus(builder, places[-1][0], v * machine.vector))
        result = {}
        for i in range(rows):
            spread = _splat(builder, _load(builder, row(now, i), compute), lanes)
            for v in range(vectors):
                result[i, v] = _multiply_add(builder, spread, columns[v], sums[i, v])
        for phi, first, step in places:
            phi.add_incoming(first, entry)
            phi.add_incoming(builder.add(phi, step), body)
        left = builder.sub(j, _constant(1))
        j.add_incoming(left, body)
        for cell in cells:
            sums[cell].add_incoming(ir.Constant(vector, None), entry)
            sums[cell].add_incoming(result[cell], body)
        builder.cbranch(builder.icmp_signed(">", left, _constant(0)), body, done)

        builder.position_at_end(done)
        with builder.if_else(builder.icmp_signed("!=", start, _constant(0))) as (fresh, again):
            for branch, is_fresh in ((fresh, True), (again, False)):
                with branch:
                    for i in range(rows):
                        to = builder.add(c, builder.mul(c_row, _constant(i)))
                        if is_fresh:
                            at = builder.add(start, builder.mul(start_step, _constant(i)))
                            before = _splat(builder, _load(builder, at, compute), lanes)
                        for v in range(vectors):
                            place = _plus(builder, to, v * machine.vector)
                            if not is_fresh:
                                before = _load(builder, place, vector)
                            _store(builder, builder.fadd(before, result[i, v]), place)

    return _intrinsic(12, emit)


def _sums_of(builder: Any, block: list[Any]) -> Any:
    """A vector of the sums of the lanes of each of a few vectors: halves are added, two vectors becoming one."""
    vector = block[0].type
    lanes = vector.count
    wanted, owners, run = len(block), [[i] for i in range(len(block))], lanes

    def shuffled(x: Any, y: Any, order: list[int]) -> Any:
        return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, lanes), order))

    while run > 1:
        half = run // 2
        if len(block) == 1:
            block = [builder.fadd(block[0], shuffled(block[0], block[0], [lane ^ half for lane in range(lanes)]))]
            run = half
            continue
        if len(block) % 2:
            block.append(ir.Constant(vector, None))
            owners.append([-1] * len(owners[0]))
        # Where a run of x was, its first half is of x now and its second of y.
        low = [lane if lane % run < half else lane - half + lanes for lane in range(lanes)]
        high = [lane + half if lane % run < half else lane + lanes for lane in range(lanes)]
        pairs = list(zip(block[::2], block[1::2]))
        owners = [[each for both in zip(x, y) for each in both] for x, y in zip(owners[::2], owners[1::2])]
        block = [builder.fadd(shuffled(x, y, low), shuffled(x, y, high)) for x, y in pairs]
        run = half
    # One vector is left, because there are no more rows than lanes (target.panel_mr).
    (sums,), (names,) = block, owners
    places = [names.index(i) * (lanes // len(names)) for i in range(wanted)]
    return shuffled(sums, sums, places + [0] * (lanes - wanted))


def _dots(compute: Any) -> Any:
    """dots(m, nr, k, a, a_row, b, b_row, c, c_column, start): m rows and nr columns, the rows of c side by side

    c[v][i] = start[i] + sum over j < k of a[i][j] * b[v][j]; without start (0), c[v][i] +

    The terms of a row of a or b lie side by side too. Lanes are terms and summed last, in a fixed order.
    """

    def emit(builder, m, nr, k, a, a_row, b, b_row, c, c_column, start):
        def one(rows, columns):
            loop(builder, rows, columns, k, a, a_row, b, b_row, c, c_column, start)

        _each_shape(builder, "dots", compute, m, nr, one)

    def loop(builder, rows, columns, k, a, a_row, b, b_row, c, c_column, start):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        sums = [[cgutils.alloca_once(builder, vector) for _ in range(rows)] for _ in range(columns)]
        for each in sums:
            for total in each:
                builder.store(ir.Constant(vector, None), total)
        left_rows, row = _moving(builder, a, a_row, rows)
        right_rows, column = _moving(builder, b, b_row, columns)
        whole = builder.and_(k, _constant(-lanes))

        def add(offset, load):
            left, right = ([builder.add(each, offset) for each in side] for side in (left_rows, right_rows))
            others = [load(column(right, v)) for v in range(columns)]
            for i in range(rows):
                value = load(row(left, i))
                for v in range(columns):
                    total = sums[v][i]
                    builder.store(_multiply_add(builder, value, others[v], builder.load(total)), total)

        with _steps(builder, whole, lanes) as j:
            add(builder.mul(j, _constant(element)), lambda where: _load(builder, where, vector))
        rest = builder.sub(k, whole)
        with builder.if_then(builder.icmp_signed(">", rest, _constant(0))):
            mask = _mask(builder, rest, lanes)
            at = builder.mul(whole, _constant(element))
            add(at, lambda where: _load_masked(builder, where, vector, mask))
        written = ir.Constant(ir.VectorType(I1, lanes), [i < rows for i in range(lanes)])
        fresh = builder.icmp_signed("!=", start, _constant(0))
        results = [_sums_of(builder, [builder.load(each) for each in sums[v]]) for v in range(columns)]
        for v, result in enumerate(results):
            place = builder.add(c, builder.mul(c_column, _constant(v)))
            before = _load_masked(builder, builder.select(fresh, start, place), vector, written)
            _store_masked(builder, builder.fadd(before, result), place, written)

    return _intrinsic(10, emit)


# The transpose


def _zip(builder: Any, low: Any, high: Any, first: int) -> Any:
    """Lanes first, first+1, ... of both vectors in turn."""
    lanes = low.type.count
    order = [lane + side * lanes for lane in range(first, first + lanes // 2) for side in (0, 1)]
    return builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, lanes), order))


def _exchange(builder: Any, block: list[Any]) -> list[Any]:
    """Rows become columns. lanes = 2^s: s rounds of zipping vector i with vector i + lanes/2 are a transpose."""
    half = len(block) // 2
    for _ in range(len(block).bit_length() - 1):
        block = [_zip(builder, block[i], block[i + half], first) for i in range(half) for first in (0, half)]
    return block


def _transpose(compute: Any) -> Any:
    """transpose(dst, dst_step, src, src_step, rows, columns, width, bias, order): rows <= lanes, any columns

    dst[j][i] = src[i][j] + bias[j] for i < rows, zero for rows <= i < width; the steps are bytes between rows.
    `width` of 0..lanes says how much of a destination row is written. bias is an address, or 0 for none; so is
    order, a table of int64 by which src[order[i]] is read instead of src[i].
    """

    def emit(builder, dst, dst_step, src, src_step, rows, columns, width, bias, order):
        element = _size(compute)
        lanes = target.current().lanes(element)
        biased = builder.icmp_signed("!=", bias, _constant(0))
        no_bias = cgutils.alloca_once_value(builder, ir.Constant(compute, 0.0))
        ordered = builder.icmp_signed("!=", order, _constant(0))
        places = []
        for i in range(lanes):
            # A row that is not there has no place in the table either.
            listed = builder.and_(ordered, builder.icmp_signed("<", _constant(i), rows))
            index = cgutils.alloca_once_value(builder, _constant(i))
            with builder.if_then(listed, likely=False):
                builder.store(_load(builder, _plus(builder, order, 8 * i), I64), index)
            places.append(builder.add(src, builder.mul(src_step, builder.load(index))))
        whole = builder.and_(
            builder.icmp_signed("==", rows, _constant(lanes)), builder.icmp_signed("==", width, _constant(lanes))
        )
        with _steps(builder, columns, lanes) as j:
            left = builder.sub(columns, j)
            row = builder.add(dst, builder.mul(j, dst_step))
            offset = builder.mul(j, _constant(element))
            # A whole block needs no masks and no questions.
            is_whole = builder.and_(whole, builder.icmp_signed(">=", left, _constant(lanes)))
            is_whole = builder.and_(is_whole, builder.not_(biased))
            with builder.if_else(is_whole) as (all_of_it, part_of_it):
                with all_of_it:
                    block = [
                        _load(builder, builder.add(place, offset), ir.VectorType(compute, lanes))
                        for place in places
                    ]
                    for i, value in enumerate(_exchange(builder, block)):
                        _store(builder, value, builder.add(row, builder.mul(dst_step, _constant(i))))
                with part_of_it:
                    mask = _mask(builder, left, lanes)
                    written = _mask(builder, width, lanes)
                    block = []
                    for i, place in enumerate(places):
                        # A row that is not there reads nothing: its mask is empty.
                        there = builder.icmp_signed("<", _constant(i), rows)
                        read = builder.and_(mask, _splat(builder, there, lanes))
                        vector = ir.VectorType(compute, lanes)
                        block.append(_load_masked(builder, builder.add(place, offset), vector, read))
                    for i, value in enumerate(_exchange(builder, block)):
                        with builder.if_then(builder.icmp_signed("<", _constant(i), left)):
                            at = builder.add(bias, _plus(builder, offset, i * element))
                            source = builder.select(biased, at, builder.ptrtoint(no_bias, I64))
                            addend = _splat(builder, _load(builder, source, compute), lanes)
                            to = builder.add(row, builder.mul(dst_step, _constant(i)))
                            _store_masked(builder, builder.fadd(value, addend), to, written)

    return _intrinsic(9, emit)


# Rows


def _gather(compute: Any) -> Any:
    """gather(dst, dst_step, src, src_step, rows, step, count, low, high, code): rows become contiguous

    dst[r][i] = src[r][i] for low <= i < high, and zero for the other i < count: padding is a mask. Elements of a
    row of src lie `step` bytes apart, rows src_step and dst_step. The last vector of a row is written whole:
    dst has room for one vector more, with nothing there yet to lose.
    """

    def emit(builder, dst, dst_step, src, src_step, rows, step, count, low, high, code):
        for storage in (NATIVE, FLOAT16, BFLOAT16) if compute == FLOAT else (NATIVE,):
            size = _size(_stored(storage, compute))
            with _case(builder, code, storage):
                is_unit = builder.icmp_signed("==", step, _constant(size))
                is_two = builder.icmp_signed("==", step, _constant(2 * size))
                with builder.if_else(is_unit) as (yes, no):
                    with yes:
                        each_row(builder, dst, dst_step, src, src_step, rows, unit, step, count, low, high, storage)
                    with no, builder.if_else(is_two) as (yes_two, neither):
                        with yes_two:
                            each_row(
                                builder, dst, dst_step, src, src_step, rows, two, step, count, low, high, storage
                            )
                        with neither:
                            each_row(
                                builder, dst, dst_step, src, src_step, rows, any_step, step, count, low, high, storage
                            )

    def each_row(builder, dst, dst_step, src, src_step, rows, one, step, count, low, high, storage):
        with _steps(builder, rows, 1) as r:
            to = builder.add(dst, builder.mul(r, dst_step))
            one(builder, to, builder.add(src, builder.mul(r, src_step)), step, count, low, high, storage)

    def lanes_of():
        return target.current().lanes(_size(compute))

    def put(builder, value, dst, i, storage):
        place = builder.add(dst, builder.mul(i, _constant(_size(compute))))
        _store(builder, _widen(builder, value, storage, compute), place)

    def between(builder, first, i, last):
        return builder.and_(
            _mask(builder, builder.sub(last, i), lanes_of()),
            builder.not_(_mask(builder, builder.sub(first, i), lanes_of())),
        )

    def unit(builder, dst, src, step, count, low, high, storage):
        lanes = lanes_of()
        vector = ir.VectorType(_stored(storage, compute), lanes)
        with _steps(builder, count, lanes) as i:
            place = builder.add(src, builder.mul(i, step))
            after = builder.icmp_signed(">=", i, low)
            inside = builder.and_(after, builder.icmp_signed("<=", _plus(builder, i, lanes), high))
            with builder.if_else(inside) as (whole, part):
                with whole:
                    put(builder, _load(builder, place, vector), dst, i, storage)
                with part:
                    mask = between(builder, low, i, high)
                    put(builder, _load_masked(builder, place, vector, mask), dst, i, storage)

    def two(builder, dst, src, step, count, low, high, storage):
        # The elements between belong to the array too, but for the one after the last.
        kind = _stored(storage, compute)
        lanes = lanes_of()
        vector = ir.VectorType(kind, lanes)
        even = ir.Constant(ir.VectorType(I32, lanes), [2 * lane for lane in range(lanes)])
        first = builder.mul(low, _constant(2))
        last = builder.sub(builder.mul(high, _constant(2)), _constant(1))
        with _steps(builder, count, lanes) as i:
            place, pair = builder.add(src, builder.mul(i, step)), builder.mul(i, _constant(2))
            beyond = _plus(builder, place, lanes * _size(kind))
            after = builder.icmp_signed(">=", i, low)
            inside = builder.and_(after, builder.icmp_signed("<", _plus(builder, pair, 2 * lanes), last))
            with builder.if_else(inside) as (whole, part):
                with whole:
                    left, right = _load(builder, place, vector), _load(builder, beyond, vector)
                    put(builder, builder.shuffle_vector(left, right, even), dst, i, storage)
                with part:
                    left = _load_masked(builder, place, vector, between(builder, first, pair, last))
                    pair = _plus(builder, pair, lanes)
                    right = _load_masked(builder, beyond, vector, between(builder, first, pair, last))
                    put(builder, builder.shuffle_vector(left, right, even), dst, i, storage)

    def any_step(builder, dst, src, step, count, low, high, storage):
        kind = _stored(storage, compute)
        with _steps(builder, count, 1) as i:
            inside = builder.and_(builder.icmp_signed(">=", i, low), builder.icmp_signed("<", i, high))
            # Outside, any readable address will do: dst itself.
            place = builder.select(inside, builder.add(src, builder.mul(i, step)), dst)
            value = _load(builder, place, kind)
            put(builder, builder.select(inside, value, ir.Constant(kind, 0)), dst, i, storage)

    return _intrinsic(10, emit)


def _scatter(compute: Any) -> Any:
    """scatter(dst, dst_step, src, src_step, rows, step, count, code, bias): the way back

    dst[r][i] = src[r][i] + bias[0] (0: no bias) for i < count; elements of a row of dst lie `step` bytes apart.
    """

    def emit(builder, dst, dst_step, src, src_step, rows, step, count, code, bias):
        no_bias = cgutils.alloca_once_value(builder, ir.Constant(compute, 0.0))
        biased = builder.icmp_signed("!=", bias, _constant(0))
        source = builder.select(biased, bias, builder.ptrtoint(no_bias, I64))
        addend = _load(builder, source, compute)
        for storage in (NATIVE, FLOAT16, BFLOAT16) if compute == FLOAT else (NATIVE,):
            size = _size(_stored(storage, compute))
            with _case(builder, code, storage):
                is_unit = builder.icmp_signed("==", step, _constant(size))
                with builder.if_else(is_unit) as (yes, no):
                    for branch, one in ((yes, unit), (no, any_step)):
                        with branch, _steps(builder, rows, 1) as r:
                            to = builder.add(dst, builder.mul(r, dst_step))
                            row = builder.add(src, builder.mul(r, src_step))
                            one(builder, to, step, row, count, storage, addend)

    def unit(builder, dst, step, src, count, storage, addend):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        with _steps(builder, count, lanes) as i:
            mask = _mask(builder, builder.sub(count, i), lanes)
            value = _load_masked(builder, builder.add(src, builder.mul(i, _constant(element))), vector, mask)
            value = builder.fadd(value, _splat(builder, addend, lanes))
            place = builder.add(dst, builder.mul(i, step))
            _store_masked(builder, _narrow(builder, value, storage), place, mask)

    def any_step(builder, dst, step, src, count, storage, addend):
        with _steps(builder, count, 1) as i:
            value = _load(builder, builder.add(src, builder.mul(i, _constant(_size(compute)))), compute)
            place = builder.add(dst, builder.mul(i, step))
            _store(builder, _narrow(builder, builder.fadd(value, addend), storage), place)

    return _intrinsic(9, emit)


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


def _accumulate(compute: Any) -> Any:
    """accumulate(dst, src, count): dst[i] += src[i] for a count that is a multiple of the lanes."""

    def emit(builder, dst, src, count):
        lanes = target.current().lanes(_size(compute))
        vector = ir.VectorType(compute, lanes)
        with _steps(builder, count, lanes) as i:
            offset = builder.mul(i, _constant(_size(compute)))
            place = builder.add(dst, offset)
            more = _load(builder, builder.add(src, offset), vector)
            _store(builder, builder.fadd(_load(builder, place, vector), more), place)

    return _intrinsic(3, emit)


tile_f32, tile_f64 = _tile(FLOAT, _wide_shapes), _tile(DOUBLE, _wide_shapes)
narrow_f32, narrow_f64 = _tile(FLOAT, _narrow_shapes), _tile(DOUBLE, _narrow_shapes)
panel_f32, panel_f64 = _panel(FLOAT), _panel(DOUBLE)
dots_f32, dots_f64 = _dots(FLOAT), _dots(DOUBLE)
transpose_f32, transpose_f64 = _transpose(FLOAT), _transpose(DOUBLE)
gather_f32, gather_f64 = _gather(FLOAT), _gather(DOUBLE)
correlate_f32, correlate_f64 = _correlate(FLOAT), _correlate(DOUBLE)
columns_f32, columns_f64 = _columns(FLOAT), _columns(DOUBLE)
accumulate_f32, accumulate_f64 = _accumulate(FLOAT), _accumulate(DOUBLE)
scatter_f32, scatter_f64 = _scatter(FLOAT), _scatter(DOUBLE)


# Plain memory and calls, for the kernels written in Python


@intrinsic
def load_i64(typing, address):
    """The int64 at an address."""

    def codegen(context, builder, sig, args):
        return builder.load(_at(builder, args[0], I64))

    return types.int64(types.int64), codegen


@intrinsic
def load_i32(typing, address):
    """The int32 at an address, as int64."""

    def codegen(context, builder, sig, args):
        return builder.sext(builder.load(_at(builder, args[0], I32)), I64)

    return types.int64(types.int64), codegen


@intrinsic
def store_i64(typing, address, value):
    """Writes an int64."""

    def codegen(context, builder, sig, args):
        builder.store(args[1], _at(builder, args[0], I64))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def next_ticket(typing, address):
    """The int64 at an address, which becomes one more: atomic, so that several workers share out tasks."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", _at(builder, args[0], I64), _constant(1), "monotonic")

    return types.int64(types.int64), codegen


@intrinsic
def call(typing, function, arguments):
    """Calls the compiled kernel at an address with a tuple of int64."""
    count = len(arguments)

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(ir.VoidType(), [I64] * count)
        values = [builder.extract_value(args[1], i) for i in range(count)]
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.int64, types.UniTuple(types.int64, count)), codegen
