"""Products of matrices as they lie in memory.

    panel  c[row][columns] = sum of a[row][j] * b[j][columns]
    dots   c[row][column] = sum of a[row][j] * b[column][j]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ..runtime import memory
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
    _at,
    _constant,
    _function,
    _intrinsic,
    _load,
    _load_masked,
    _mask,
    _moving,
    _multiply_add,
    _plus,
    _prefetch,
    _size,
    _splat,
    _steps,
    _store,
    _store_masked,
    _stored,
    _sums_of,
    _widen,
)
from .jit import cgutils
from .launch import Kernel

I8 = ir.IntType(8)


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


def _claim(builder: Any, address: Any) -> None:
    """Asks for a cache line that will be written soon, so that stores need not wait for it."""
    pointer = _at(builder, address, I8)
    function = _function(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer.type, I32, I32, I32])
    builder.call(function, [pointer, ir.Constant(I32, 1), ir.Constant(I32, 3), ir.Constant(I32, 1)])


def _panel(compute: Any, code: int = NATIVE) -> Any:
    """panel(m, nr, k, tiles, a, a_row, a_step, a_tile, b, b_step, b_tile, c, c_row, c_tile, start, start_step,
    start_tile, add, soon, soon_step, soon_tile)

    c[i][:] = start[i] + sum over j < k of a[i][j] * b[j][:]  for m rows of nr vectors; with add, c[i][:] + that

    Rows and terms of a lie a_row and a_step bytes apart, rows of b, c and start b_step, c_row and start_step. A line
    that will be read soon is asked for at each term, soon_step bytes after the one before. All that for so many tiles
    of the result, each of whose operands lie a_tile, b_tile, ... bytes behind those of the one before. Numbers of b are
    stored in a code.
    """

    def emit(builder, m, nr, k, tiles, *places):
        def one(rows, vectors):
            with _steps(builder, tiles, 1) as tile:
                loop(builder, rows, vectors, k, tile, *places)

        _each_shape(builder, "panel", compute, m, nr, one)

    def loop(
        builder, rows, vectors, k, tile,
        a, a_row, a_step, a_tile, b, b_step, b_tile, c, c_row, c_tile,
        start, start_step, start_tile, add, soon, soon_step, soon_tile,
    ):  # fmt: skip
        machine = target.current()
        lanes = machine.lanes(_size(compute))
        vector = ir.VectorType(compute, lanes)
        stored = ir.VectorType(_stored(code, compute), lanes)
        cells = [(i, v) for i in range(rows) for v in range(vectors)]

        def of_tile(first, apart):
            return builder.add(first, builder.mul(tile, apart))

        a, b, c = of_tile(a, a_tile), of_tile(b, b_tile), of_tile(c, c_tile)
        start, soon = of_tile(start, start_tile), of_tile(soon, soon_tile)
        anchors, row = _moving(builder, a, a_row, rows)
        results = [builder.add(c, builder.mul(c_row, _constant(i))) for i in range(rows)]
        for place in results:
            for line in range(0, vectors * machine.vector, memory.LINE):
                _claim(builder, _plus(builder, place, line))
        starts = [builder.add(start, builder.mul(start_step, _constant(i))) for i in range(rows)]
        before = [_splat(builder, _load(builder, place, compute), lanes) for place in starts]
        entry = builder.block
        body = builder.append_basic_block("panel_loop")
        done = builder.append_basic_block("panel_end")
        builder.branch(body)

        builder.position_at_end(body)
        j = builder.phi(I64)
        j.add_incoming(k, entry)
        places = [(builder.phi(I64), each, a_step) for each in anchors]
        places += [(builder.phi(I64), b, b_step), (builder.phi(I64), soon, soon_step)]
        sums = {cell: builder.phi(vector) for cell in cells}
        *now, beside, next_line = [phi for phi, _, _ in places]
        parts = [_plus(builder, beside, v * lanes * _size(stored.element)) for v in range(vectors)]
        columns = [_widen(builder, _load(builder, part, stored), code, compute) for part in parts]
        _prefetch(builder, next_line)
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
        for i, v in cells:
            sums[i, v].add_incoming(before[i], entry)
            sums[i, v].add_incoming(result[i, v], body)
        builder.cbranch(builder.icmp_signed(">", left, _constant(0)), body, done)

        builder.position_at_end(done)
        with builder.if_else(builder.icmp_signed("!=", add, _constant(0))) as (more, fresh):
            for branch, is_more in ((more, True), (fresh, False)):
                with branch:
                    for i, v in cells:
                        place = _plus(builder, results[i], v * machine.vector)
                        value = result[i, v]
                        if is_more:
                            value = builder.fadd(_load(builder, place, vector), value)
                        _store(builder, value, place)

    return _intrinsic(21, emit)


def _dots(compute: Any, code: int = NATIVE) -> Any:
    """dots(m, nr, k, a, a_row, b, b_row, c, c_column, start): m rows and nr columns, the rows of c side by side

    c[v][i] = start[i] + sum over j < k of a[i][j] * b[v][j]; without start (0), c[v][i] +

    The terms of a row of a or b lie side by side too. Lanes are terms and summed last, in a fixed order. Numbers of a
    are stored in a code.
    """

    def emit(builder, m, nr, k, a, a_row, b, b_row, c, c_column, start):
        def one(rows, columns):
            loop(builder, rows, columns, k, a, a_row, b, b_row, c, c_column, start)

        _each_shape(builder, "dots", compute, m, nr, one)

    def loop(builder, rows, columns, k, a, a_row, b, b_row, c, c_column, start):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        stored = _stored(code, compute)
        sums = [[cgutils.alloca_once(builder, vector) for _ in range(rows)] for _ in range(columns)]
        for each in sums:
            for total in each:
                builder.store(ir.Constant(vector, None), total)
        left_rows, row = _moving(builder, a, a_row, rows)
        right_rows, column = _moving(builder, b, b_row, columns)
        whole = builder.and_(k, _constant(-lanes))

        def add(first, load):
            left, right = (
                [builder.add(each, builder.mul(first, _constant(size))) for each in side]
                for side, size in ((left_rows, _size(stored)), (right_rows, element))
            )
            others = [load(column(right, v), vector) for v in range(columns)]
            for i in range(rows):
                value = _widen(builder, load(row(left, i), ir.VectorType(stored, lanes)), code, compute)
                for v in range(columns):
                    total = sums[v][i]
                    builder.store(_multiply_add(builder, value, others[v], builder.load(total)), total)

        with _steps(builder, whole, lanes) as j:
            add(j, lambda where, kind: _load(builder, where, kind))
        rest = builder.sub(k, whole)
        with builder.if_then(builder.icmp_signed(">", rest, _constant(0))):
            mask = _mask(builder, rest, lanes)
            add(whole, lambda where, kind: _load_masked(builder, where, kind, mask))
        written = ir.Constant(ir.VectorType(I1, lanes), [i < rows for i in range(lanes)])
        fresh = builder.icmp_signed("!=", start, _constant(0))
        results = [_sums_of(builder, [builder.load(each) for each in sums[v]]) for v in range(columns)]
        for v, result in enumerate(results):
            place = builder.add(c, builder.mul(c_column, _constant(v)))
            before = _load_masked(builder, builder.select(fresh, start, place), vector, written)
            _store_masked(builder, builder.fadd(before, result), place, written)

    return _intrinsic(10, emit)


def _panel_kernel(step: Any, name: str) -> Kernel:
    def run(
        m, nr, k, tiles, a, a_row, a_step, a_tile, b, b_step, b_tile, c, c_row, c_tile,
        start, start_step, start_tile, add, soon, soon_step, soon_tile,
    ):  # fmt: skip
        step(
            m, nr, k, tiles, a, a_row, a_step, a_tile, b, b_step, b_tile, c, c_row, c_tile,
            start, start_step, start_tile, add, soon, soon_step, soon_tile,
        )  # fmt: skip

    return Kernel(run, f"panel {name}")


def _dots_kernel(step: Any, name: str) -> Kernel:
    def run(m, nr, k, a, a_row, b, b_row, c, c_column, start):
        step(m, nr, k, a, a_row, b, b_row, c, c_column, start)

    return Kernel(run, f"dots {name}")


# By how numbers are stored that are widened on the way: those of a, of b.
HALVES = {FLOAT16: "f16", BFLOAT16: "bf16"}
DOTS = {code: _dots_kernel(_dots(FLOAT, code), name) for code, name in HALVES.items()}
PANELS = {code: _panel_kernel(_panel(FLOAT, code), name) for code, name in HALVES.items()}
# By bytes of an element.
STEPS = {
    4: {"panel": _panel_kernel(_panel(FLOAT), "f32"), "dots": _dots_kernel(_dots(FLOAT), "f32")},
    8: {"panel": _panel_kernel(_panel(DOUBLE), "f64"), "dots": _dots_kernel(_dots(DOUBLE), "f64")},
}
