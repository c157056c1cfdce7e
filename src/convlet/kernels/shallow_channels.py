"""The tile of images of few channels whose results lie channels-last: lanes are output channels.

The same sums as those of shallow_columns.py, term by term, so the same bits: what is a number there, the weight of a
channel, is a lane here, and what is a lane, a column, is a number. Numbers lie any number of bytes apart, so channels
that lie side by side in the image are read where they lie, with any stride.
"""

from __future__ import annotations

import functools
from itertools import chain
from typing import Any

from llvmlite import ir

from . import emit, target
from .emit import DOUBLE, FLOAT, I1, I64, _constant, _load, _moving, _plus, _size, _splat, _steps
from .following import AsTheyAre
from .jit import cgutils, intrinsic, types
from .launch import Kernel
from .matrices import _claim
from .shallow_sums import Cell, Cells, Terms, sums_of_terms
from .tail import Finished
from .winograd_matrices import matrices
from .winograd_transforms import _Lanes

# Columns of a tile at most: the processor's units are busy with fewer (tiles of 14 columns and two vectors ran at 0.7
# of the speed of 14 and one: AMD EPYC Zen 4, November 2026, first layers of ways channels_last --table all). Registers
# left for other things: with two, LLVM writes sums to the stack where instructions do not read numbers from memory
# themselves.
MOST, LEFT = 14, 6


def columns(machine: target.Target, points: int) -> int:
    """Columns of a tile: their sums, the weights of a point and a number have to fit the registers.

    It is one vector of channels wide: a number that is used once is read by the instruction that multiplies it.
    """
    return max(1, min(MOST, machine.registers - LEFT, (machine.registers - 2) // points))


def _tile(
    builder: Any,
    compute: Any,
    m: int,
    taps: int,
    following: type[AsTheyAre],
    chained: bool,
    storage: int,
    arguments: tuple[Any, ...],
) -> None:
    """The code of `tile`."""
    shape, count, k, piece, weights, offsets, source, step, point_at = arguments[:9]
    out, y_h, y_w, channels, rows, bias, tail = arguments[9:]
    machine = target.current()
    element = _size(compute)
    a_t = matrices(m, taps).a_t
    points = a_t.shape[1]
    # Without a bias zeros are read: a lane that must not be read takes long where nothing is.
    zeros = cgutils.alloca_once_value(builder, ir.Constant(ir.VectorType(compute, machine.lanes(element)), None))
    biased = builder.icmp_signed("!=", bias, _constant(0))
    shifts = builder.select(biased, bias, builder.ptrtoint(zeros, I64))

    def one(many: int, lanes: int) -> None:
        vector = ir.VectorType(compute, lanes)
        arithmetic = _Lanes(builder, vector)
        after = following(builder, storage, compute, lanes, tail)
        whole = builder.and_(
            builder.icmp_signed("==", rows, _constant(m)), builder.icmp_signed("==", channels, _constant(lanes))
        )

        def summed(source: Any) -> Cells:
            """The sums of a tile at its points."""

            def products(move: Any, weight: Any, sums: Cells) -> Cells:
                place = builder.add(source, move)
                result: Cells = {}
                for p in range(points):
                    row = builder.add(place, builder.mul(point_at, _constant(p))) if p else place
                    anchors, number = _moving(builder, row, step, many)
                    read = _load(builder, _plus(builder, weight, p * machine.vector), vector)
                    for i in range(many):
                        spread = _splat(builder, _load(builder, number(anchors, i), compute), lanes)
                        result[p, i] = emit._multiply_add(builder, spread, read, sums[p, i])
                return result

            cells: list[Cell] = [(p, i) for p in range(points) for i in range(many)]
            terms = Terms(k, piece if chained else None, offsets, weights, points * machine.vector)
            return sums_of_terms(builder, cells, vector, terms, products)

        def results(sums: Cells, mask: Any) -> list[list[Any]]:
            """The rows of every column, for the channels under the mask."""
            shift = emit._load_masked(builder, shifts, vector, mask)
            found = [arithmetic.multiply(a_t, [sums[p, i] for p in range(points)]) for i in range(many)]
            values = [[builder.fadd(column[r], shift) for column in found] for r in range(m)]
            numbers = after.of_channels(bias, mask)
            return [after.sums(row, numbers) for row in values]

        with _steps(builder, count, 1) as t:
            first = builder.mul(t, _constant(many))
            to = builder.add(out, builder.mul(first, y_w))
            places = []
            for r in range(m):
                anchors, place = _moving(builder, builder.add(to, builder.mul(y_h, _constant(r))), y_w, many)
                places.append([place(anchors, i) for i in range(many)])
            for each in chain.from_iterable(places):
                _claim(builder, each)
            sums = summed(builder.add(source, builder.mul(first, step)))
            with builder.if_else(whole, likely=True) as (all_of_it, part_of_it):
                with all_of_it:
                    every = ir.Constant(ir.VectorType(I1, lanes), [1] * lanes)
                    values, all_places = (list(chain.from_iterable(each)) for each in (results(sums, every), places))
                    for value, place in zip(after.results(values, all_places), all_places):
                        emit._store(builder, emit._narrow(builder, value, storage), place)
                with part_of_it:
                    mask = emit._mask(builder, channels, lanes)
                    for r, row in enumerate(results(sums, mask)):
                        with builder.if_then(builder.icmp_signed("<", _constant(r), rows)):
                            for value, place in zip(after.results(row, places[r], mask), places[r]):
                                emit._store_masked(builder, emit._narrow(builder, value, storage), place, mask)

    done = builder.append_basic_block("shallow_done")
    switch = builder.switch(shape, done)
    for halves in (1, 2):
        for many in range(1, columns(machine, points) + 1):
            block = builder.append_basic_block(f"shallow_{many}x{halves}")
            switch.add_case(_constant(4 * many + halves), block)
            builder.position_at_end(block)
            one(many, halves * machine.lanes(element) // 2)
            builder.branch(done)
    builder.position_at_end(done)


@intrinsic(prefer_literal=True)
def tile_step(typing, which, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15):
    """A tile, named by a literal text: an element's bytes, m, taps, whether there is a tail, whether it is chained,
    and how results are stored."""
    element, m, taps, finished, chained, storage = map(int, which.literal_value.split())

    def codegen(context, builder, sig, args):
        following = Finished if finished else AsTheyAre
        _tile(builder, FLOAT if element == 4 else DOUBLE, m, taps, following, bool(chained), storage, args[1:])
        return context.get_dummy_value()

    return types.void(which, *[types.int64] * 16), codegen


@functools.cache
def tile(element: int, m: int, taps: int, finished: bool, chained: bool, storage: int) -> Kernel:
    """tile(shape, count, k, piece, weights, offsets, source, step, point_at, out, y_h, y_w, channels, rows, ...)

    out[row][i][:] = bias[:] + sum over points p of A^T[row, p] *
                     sum over j < k of source[p * point_at + offsets[j] + i * step] * weights[j][p][:]

    for `rows` of the m rows and so many channels: `count` tiles side by side. The last arguments are bias, or 0, and
    the tail that `finished` tiles apply (see tail.py).
    shape is 4 * columns + half vectors of channels, one or two; there are as many columns as the function of that name
    says at most. A `chained` tile adds no more than `piece` terms in a row. Weights of a term and a point are a vector
    apart.
    """
    which = f"{element} {m} {taps} {int(finished)} {int(chained)} {storage}"

    def run(
        shape, count, k, piece, weights, offsets, source, step, point_at, out, y_h, y_w, channels, rows,
        bias, tail,
    ):
        tile_step(
            which, shape, count, k, piece, weights, offsets, source, step, point_at, out, y_h, y_w,
            channels, rows, bias, tail,
        )

    return Kernel(run, f"shallow channels {which}")
