"""Emitted steps of convolutions with one input channel a group: a few rows at a time stay in registers.

Both products slide a stretch of T taps of the kernel's column (a *run*) along R rows:

    sweep      out[r]  = bias + sum over runs and t < T of  weight[run, t] * image[first(run) + r + t]
    correlate  sums[run, t]  += sum over r < R of  grad[r] * image[first(run) + r + t]

so each of the R + T - 1 vectors that a run loads is multiplied up to T times. A table of addresses says where the
image's rows are, and another of the runs

    (T, first, shift, w, w_step, w_other, columns, ends)

which of them a run begins with, how far to the right it reads, where its weights (or sums) are, in bytes, and how many
columns of the kernel it is: of neighbouring columns a row's vectors are loaded one after the other, which is up to 1.1
times as fast as all rows of one column after the other (Zen 4). A chained sweep, which errs less, adds what it has
summed up to others at the `ends` of chains. Stride, dilation, padding and flips of rows are in these tables. What lanes
are is the kind of a step:

    rows      columns of an image; the shift is in columns, and those outside the image are masked: nothing is padded
    two       the same at every second column: two vectors are split into even and odd lanes for two neighbouring taps;
              one alone takes the even lanes, and of three the first takes the odd ones a lane further, so that for a
              kernel of three columns and padding of one most loads are aligned
    phases    columns read like `rows`, for even and odd results in turn: the input gradient of stride two
    pairs     columns of bfloat16 numbers, two of which are one lane: a shift and a mask make them even and odd columns,
              for even and odd results, so that they become float32 as they are loaded
    two_pairs the same at every second column
    channels  channels that lie side by side; weights are vectors then, and the shift is in bytes
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from llvmlite import ir

from ..runtime import memory
from . import target
from .emit import (
    DOUBLE,
    FLOAT,
    I16,
    I32,
    I64,
    NATIVE,
    _constant,
    _load,
    _load_masked,
    _mask,
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
    _zip,
)
from .following import AsTheyAre
from .halves import narrowed, parted, woven
from .jit import cgutils, intrinsic, types
from .launch import Kernel
from .tail import Finished

# Rows that a step holds in registers.
ROWS = (1, 2, 4, 7, 8)
# int64 of an entry of the table of runs.
ENTRY = 8
# Blocks of rows that differ in nothing but where they lie are a *series*; an int64 each:
SERIES = (
    "rows",  # of results that a block holds in registers
    "step",  # bytes between them
    "count",  # of the image's rows that a block reads
    "offsets",  # the table of those of all blocks, in bytes; OUTSIDE is the padding's
    "ats",  # the table of where the results of each block are, in bytes
    "table",  # the runs; where lanes are channels, the table of positions
    "groups",  # how many runs
    "more",  # those of the second phase
    "positions",  # where lanes are channels: the results of a row, each with (runs, groups, where it reads)
    "apart",  # bytes between them
    "blocks",  # how many there are
    "x_share",  # bytes that a block asks memory for, of what will be read: planes; channels: vectors of each result's
    "x_ahead",  # from so far behind the unit's first; channels: behind the first that the result reads
    "y_share",  # the same of results, or of their gradient
    "y_ahead",
    "reach",  # the table of the image's rows that each block reads: from the first to behind the last
)
OUTSIDE = -(1 << 63)


@dataclass(frozen=True)
class Kind:
    """What lanes are, and how wide a vector is."""

    stride: int = 1
    phases: int = 1
    channels: bool = False
    half: bool = False
    code: int = NATIVE  # how results (or their gradient) are stored; all else is of the compute type
    chained: bool = False  # whether sums are sums of those of chains
    pairs: bool = False  # whether two columns of an image are one lane

    def size(self, compute: Any) -> int:
        """Bytes of an element of a result."""
        return _size(_stored(self.code, compute))

    def lanes(self, element: int) -> int:
        return target.current().lanes(element) // (2 if self.half else 1)

    @property
    def parts(self) -> int:
        """Vectors of sums of a row: of even and of odd results."""
        return 2 if self.phases == 2 or (self.pairs and self.stride == 1) else 1

    def columns(self, length: int) -> int:
        """Columns of a run of so many taps each: their weights (or sums) have to fit the registers beside the rows."""
        few = self.channels or self.phases == 2 or (self.stride == 1 and target.current().registers < 32)
        return 1 if few else min(3, max(1, (15 if self.parts == 1 else 10) // length))

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows at a time: two phases take twice the registers."""
        most = 4 if self.phases == 2 and target.current().registers < 32 else 8
        return tuple(each for each in ROWS if each <= most)


class _Series:
    """The numbers of a series, read once."""

    def __init__(self, builder: Any, address: Any):
        for i, name in enumerate(SERIES):
            setattr(self, name, _load(builder, _plus(builder, address, 8 * i), I64))

    rows: Any
    step: Any
    count: Any
    offsets: Any
    ats: Any
    table: Any
    groups: Any
    more: Any
    positions: Any
    apart: Any
    blocks: Any
    x_share: Any
    x_ahead: Any
    y_share: Any
    y_ahead: Any
    reach: Any


def _walk(builder: Any, kind: Kind, series: _Series, units: Any, first: Any, last: Any, source: Any, one: Any) -> None:
    """one(unit, block, places, at, table, groups, left) for each unit, block and position

    source = (x, x_unit, zeros, places)

    The addresses of all rows that a unit's blocks read are made at once, in whole vectors.
    """
    x, x_unit, zeros, places = source
    lanes = target.current().vector // 8
    vector = ir.VectorType(I64, lanes)
    outside = ir.Constant(vector, [OUTSIDE] * lanes)
    skipped = builder.mul(first, builder.mul(series.count, _constant(8)))
    blocks = builder.sub(last, first)
    with _steps(builder, units, 1) as unit:
        base = _splat(builder, builder.add(x, builder.mul(unit, x_unit)), lanes)
        with _steps(builder, builder.mul(blocks, series.count), lanes) as i:
            at = builder.mul(i, _constant(8))
            offset = _load(builder, builder.add(builder.add(series.offsets, skipped), at), vector)
            padding = builder.icmp_signed("==", offset, outside)
            place = builder.select(padding, _splat(builder, zeros, lanes), builder.add(base, offset))
            _store(builder, place, builder.add(places, at))
        with _steps(builder, blocks, 1) as block:
            rows = builder.add(places, builder.mul(block, builder.mul(series.count, _constant(8))))
            place = builder.add(series.ats, builder.mul(builder.add(first, block), _constant(8)))
            at = _load(builder, place, I64)
            if not kind.channels:
                one(unit, builder.add(first, block), rows, at, series.table, series.groups, None)
            else:
                with _steps(builder, series.positions, 1) as position:
                    entry = builder.add(series.table, builder.mul(position, _constant(24)))
                    table, groups, left = (_load(builder, _plus(builder, entry, 8 * i), I64) for i in range(3))
                    to = builder.add(at, builder.mul(position, series.apart))
                    one(unit, position, rows, to, table, groups, left)


def _asking(builder: Any, series: _Series, columns: Any, lanes: int, read: Any, written: Any) -> Any:
    """asking(unit, block) gives ask(column): for the lines that a block asks for, a part at each vector of columns.

    `read` and `written` are (address, bytes between units). Planes follow one another in memory, but their rows are
    too short, and too many at a time, for the processor to see that by itself.
    """
    vectors = builder.sdiv(_plus(builder, columns, lanes - 1), _constant(lanes))
    line = memory.LINE

    def asking(unit: Any, block: Any) -> Any:
        def stream(address: Any, step: Any, share: Any, ahead: Any) -> tuple[Any, Any]:
            first = builder.add(address, builder.add(builder.mul(unit, step), ahead))
            most = _plus(builder, builder.add(share, builder.mul(vectors, _constant(line))), -1)
            each = builder.and_(builder.sdiv(most, vectors), _constant(-line))
            return builder.add(first, builder.mul(block, share)), each

        (x, x_step), (y, y_step) = read, written
        streams = [stream(x, x_step, series.x_share, series.x_ahead), stream(y, y_step, series.y_share, series.y_ahead)]

        def ask(column: Any) -> None:
            for first, each in streams:
                place = builder.add(first, builder.mul(builder.sdiv(column, _constant(lanes)), each))
                with _steps(builder, each, line) as i:
                    _prefetch(builder, builder.add(place, i))

        return ask

    return asking


def _asking_channels(builder: Any, series: _Series, size: int) -> Any:
    """asking(places, left, at) gives ask(channel): for the vectors that results further down read, and for those."""

    def asking(places: Any, left: Any, at: Any) -> Any:
        source, results = builder.add(left, series.x_ahead), builder.add(at, series.y_ahead)

        def ask(channel: Any) -> None:
            move = builder.mul(channel, _constant(size))
            with _steps(builder, series.x_share, 1) as i:
                place = _load(builder, builder.add(places, builder.mul(i, _constant(8))), I64)
                _prefetch(builder, builder.add(place, builder.add(source, move)))
            with _steps(builder, series.y_share, 1) as i:
                _prefetch(builder, builder.add(builder.add(results, builder.mul(i, series.step)), move))

        return ask

    return asking


def longest_run() -> int:
    """Taps of a run: with eight rows, their weights (or sums) and what is loaded have to fit the registers."""
    return 7 if target.current().registers >= 32 else 4


def masked() -> bool:
    """Whether masked loads are instructions of this processor: else images are read from padded copies."""
    return target.current().vector >= 32


def _switch(builder: Any, name: str, value: Any, cases: dict[int, Any]) -> None:
    """One of a few bodies, by a number."""
    after = builder.append_basic_block(f"{name}_done")
    switch = builder.switch(value, after)
    for case, body in cases.items():
        block = builder.append_basic_block(f"{name}_{case}")
        switch.add_case(_constant(case), block)
        builder.position_at_end(block)
        body()
        builder.branch(after)
    builder.position_at_end(after)


class _Columns:
    """The columns (or channels) of one vector: which of them are loaded for a run, and how."""

    def __init__(self, builder: Any, kind: Kind, compute: Any, x: Any, columns: Any, width: Any, limit: bool):
        self.builder, self.kind, self.compute = builder, kind, compute
        self.x, self.width = x, width
        self.element = _size(compute)
        self.lanes = kind.lanes(self.element)
        self.vector = ir.VectorType(compute, self.lanes)
        # Lanes of results that exist; a correlation must not read beyond, where numbers may be infinite.
        self.there = _mask(builder, builder.sub(columns, x), self.lanes)
        self.limit = limit

    def inside(self, first: Any, lanes: int) -> Any:
        """Which of so many columns are of the image, from column `first` on."""
        builder, kind = self.builder, ir.VectorType(I32, lanes)
        steps = ir.Constant(kind, list(range(lanes)))
        at = builder.add(_splat(builder, builder.trunc(first, I32), lanes), steps)
        width = _splat(builder, builder.trunc(self.width, I32), lanes)
        return builder.icmp_unsigned("<", at, width)

    def gradient(self, place: Any) -> Any:
        """A vector of the results' gradient, widened."""
        vector = ir.VectorType(_stored(self.kind.code, self.compute), self.lanes)
        return _widen(self.builder, _load_masked(self.builder, place, vector, self.there), self.kind.code, self.compute)

    def pairs_loader(self, shift: Any, places: Any, first: Any, columns: int) -> Any:
        """The same of bfloat16 numbers where they lie: even and odd columns of vectors two columns apart."""
        builder, lanes, size = self.builder, 2 * self.lanes, 2
        table = builder.add(places, builder.mul(first, _constant(8)))
        column = builder.add(builder.mul(self.x, _constant(2)), shift)
        at = builder.mul(column, _constant(size))
        wanted = columns + self.kind.parts - 1  # neighbouring columns
        steps = range(0, wanted, 2)
        masks = [self.inside(_plus(builder, column, i), lanes) for i in steps]
        nothing = ir.Constant(self.vector, None)

        def load(i: int) -> list[Any]:
            row = builder.add(_load(builder, _plus(builder, table, 8 * i), I64), at)
            values: list[Any] = []
            for step, mask in zip(steps, masks):
                place = _plus(builder, row, step * size)
                values += parted(builder, _load_masked(builder, place, ir.VectorType(I16, lanes), mask))
            if self.limit:
                values = [builder.select(self.there, value, nothing) for value in values]
            return [values[c : c + self.kind.parts] for c in range(columns)]

        return load

    def loader(self, shift: Any, places: Any, first: Any, columns: int) -> Any:
        """load(i): the vectors of the run's row i, for each of its columns of taps, and for each part of the sums."""
        if self.kind.pairs:
            return self.pairs_loader(shift, places, first, columns)
        builder, lanes = self.builder, self.lanes
        table = builder.add(places, builder.mul(first, _constant(8)))
        nothing = ir.Constant(self.vector, None)
        order = ir.VectorType(I32, lanes)
        if self.kind.channels:
            at = builder.add(builder.add(shift, self.width), builder.mul(self.x, _constant(self.element)))
            masks, two, apart = [self.there], False, 0
        else:
            # Of three columns, of which every second is read, the second is where vectors begin.
            two = self.kind.stride == 2
            column = builder.add(builder.mul(self.x, _constant(self.kind.stride)), shift)
            lead, column = column, _plus(builder, column, int(two and columns == 3))
            at = builder.mul(column, _constant(self.element))
            apart = lanes if two else 1
            masks = [self.inside(_plus(builder, column, i * apart), lanes) for i in range(2 if two else columns)]
            if self.limit and not two:
                masks = [builder.and_(mask, self.there) for mask in masks]
        if two and columns == 3:
            zero = cgutils.alloca_once_value(builder, ir.Constant(self.compute, 0.0))
            outside = builder.icmp_unsigned(">=", lead, self.width)
            before = builder.mul(lead, _constant(self.element))

        def load(i: int) -> list[Any]:
            row = _load(builder, _plus(builder, table, 8 * i), I64)
            places = [_plus(builder, builder.add(row, at), j * apart * self.element) for j in range(len(masks))]
            parts = [_load_masked(builder, place, self.vector, mask) for place, mask in zip(places, masks)]
            if not two:
                return [[part] for part in parts]
            values = [
                builder.shuffle_vector(*parts, ir.Constant(order, [2 * lane + odd for lane in range(lanes)]))
                for odd in (range(2) if columns > 1 else range(1))
            ]
            if columns == 3:
                place = builder.select(outside, builder.ptrtoint(zero, I64), builder.add(row, before))
                one = _splat(builder, _load(builder, place, self.compute), lanes)
                further = ir.Constant(order, [0, *range(lanes, 2 * lanes - 1)])
                values = [builder.shuffle_vector(one, values[1], further), *values]
            if self.limit:
                values = [builder.select(self.there, value, nothing) for value in values]
            return [[value] for value in values]

        return load


def _runs(builder: Any, kind: Kind, groups: Any, table: Any, one: Any, end: Any = None) -> None:
    """one(length, first, shift, taps) for the runs of a table; `taps` are the places of a run's weights by column.

    end(), if there is one, after those that end a chain.
    """
    most = longest_run()
    with _steps(builder, groups, 1) as group:
        entry = builder.add(table, builder.mul(group, _constant(8 * ENTRY)))
        fields = [_load(builder, _plus(builder, entry, 8 * i), I64) for i in range(ENTRY)]
        length, first, shift, w, w_step, w_other, columns, ends = fields

        def body(length: int, columns: int) -> Any:
            def emit() -> None:
                starts = [builder.add(w, builder.mul(w_other, _constant(i))) for i in range(columns)]
                steps = [builder.mul(w_step, _constant(t)) for t in range(length)]
                one(length, first, shift, [[builder.add(at, step) for step in steps] for at in starts])

            return emit

        case = builder.add(builder.mul(columns, _constant(8)), length)
        sizes = [(t, c) for t in range(1, most + 1) for c in range(1, kind.columns(t) + 1)]
        _switch(builder, "run", case, {8 * c + t: body(t, c) for t, c in sizes})
        if end is not None:
            with builder.if_then(builder.icmp_signed("!=", ends, _constant(0))):
                end()


def _sweep(builder: Any, compute: Any, kind: Kind, following: type[AsTheyAre], arguments: tuple[Any, ...]) -> None:
    """The code of `sweep`."""
    address, first, last, units, x, x_unit, zeros, places, width, columns = arguments[:10]
    weights, w_unit, bias, bias_unit, out, out_unit, tail = arguments[10:]
    element = _size(compute)
    lanes = kind.lanes(element)
    vector = ir.VectorType(compute, lanes)
    series = _Series(builder, address)
    nothing = cgutils.alloca_once_value(builder, ir.Constant(vector, None))
    biased = builder.icmp_signed("!=", bias, _constant(0))
    no_bias = builder.ptrtoint(nothing, I64)
    stop = builder.ashr(_plus(builder, columns, kind.parts - 1), _constant(kind.parts - 1))

    asking = _asking(builder, series, stop, lanes, (x, x_unit), (out, out_unit))
    asking_channels = _asking_channels(builder, series, kind.size(compute))
    after = following(builder, kind.code, compute, lanes, tail)

    def some_rows(count):
        sums = [[cgutils.alloca_once(builder, vector) for _ in range(count)] for _ in range(kind.parts)]
        totals = [[cgutils.alloca_once(builder, vector) for _ in each] for each in sums] if kind.chained else sums

        def one(unit, block, rows, at, table, groups, left):
            to = builder.add(builder.add(out, at), builder.mul(unit, out_unit))
            ready = builder.add(weights, builder.mul(unit, w_unit))
            source = builder.select(biased, builder.add(bias, builder.mul(unit, bias_unit)), no_bias)
            addend = numbers = None
            if not kind.channels:
                addend, numbers = _splat(builder, _load(builder, source, compute), lanes), after.of_channel(source)
            ask = asking_channels(rows, left, to) if kind.channels else asking(unit, block)
            with _steps(builder, stop, lanes) as now:
                ask(now)
                here = _Columns(builder, kind, compute, now, stop, width if left is None else left, False)
                offset = builder.mul(now, _constant(kind.size(compute)))
                start, own = addend, numbers
                if kind.channels:
                    place = builder.add(bias, builder.mul(now, _constant(element)))
                    beside = builder.select(biased, place, no_bias)
                    start = _load_masked(builder, beside, vector, here.there)
                    own = after.of_channels(beside, here.there)
                for each, total in zip(chain(*sums), chain(*totals)):
                    builder.store(builder.load(nothing), each)
                    builder.store(start, total)
                for phase in range(kind.phases):
                    entries = builder.add(table, builder.mul(groups, _constant(8 * ENTRY))) if phase else table
                    own_sums = sums[phase : phase + 1] if kind.phases == 2 else sums
                    own_totals = totals[phase : phase + 1] if kind.phases == 2 else totals
                    adding = add_into(count, here, own_sums, rows, ready)
                    end = end_of(chain(*own_sums), chain(*own_totals)) if kind.chained else None
                    _runs(builder, kind, series.more if phase else groups, entries, adding, end)
                to_rows = [builder.add(to, builder.mul(series.step, _constant(i))) for i in range(count)]
                if kind.parts == 2:
                    put_turns = put_phases if kind.phases == 2 else put_pairs
                    for row, values in zip(to_rows, zip(*totals)):
                        put_turns(row, now, offset, [builder.load(each) for each in values])
                else:
                    put(to_rows, now, offset, [builder.load(each) for each in totals[0]], own)

        _walk(builder, kind, series, units, first, last, (x, x_unit, zeros, places), one)

    def add_into(count, here, sums, rows, ready):
        def one(length, first, shift, taps):
            spread = [[weight(here, builder.add(ready, place)) for place in column] for column in taps]
            load = here.loader(shift, rows, first, len(taps))
            for i in range(count + length - 1):
                for values, column in zip(load(i), spread):
                    for t in range(length):
                        if 0 <= i - t < count:
                            for value, part in zip(values, sums):
                                total = part[i - t]
                                builder.store(_multiply_add(builder, value, column[t], builder.load(total)), total)

        return one

    def end_of(sums, totals):
        pairs = list(zip(sums, totals))

        def end():
            for each, total in pairs:
                builder.store(builder.fadd(builder.load(total), builder.load(each)), total)
                builder.store(builder.load(nothing), each)

        return end

    def weight(here, place):
        if kind.channels:
            place = builder.add(place, builder.mul(here.x, _constant(element)))
            return _load_masked(builder, place, vector, here.there)
        return _splat(builder, _load(builder, place, compute), lanes)

    def put(to_rows, x, offset, values, numbers):
        mask = _mask(builder, builder.sub(columns, x), lanes)
        to_rows = [builder.add(row, offset) for row in to_rows]
        values = after.results(after.sums(values, numbers), to_rows, mask)
        for row, value in zip(to_rows, narrowed(builder, values, kind.code)):
            _store_masked(builder, value, row, mask)

    def put_pairs(to, x, offset, values):  # even and odd columns of a vector
        left = builder.sub(columns, builder.mul(x, _constant(2)))
        place = builder.add(to, builder.mul(offset, _constant(2)))
        _store_masked(builder, woven(builder, *values), place, _mask(builder, left, 2 * lanes))

    def put_phases(to, x, offset, values):  # even and odd columns in turn
        values = narrowed(builder, [_zip(builder, *values, first) for first in (0, lanes // 2)], kind.code)
        x, offset = builder.mul(x, _constant(2)), builder.mul(offset, _constant(2))
        for i, value in enumerate(values):
            left = builder.sub(columns, _plus(builder, x, i * lanes))
            place = _plus(builder, builder.add(to, offset), i * lanes * kind.size(compute))
            _store_masked(builder, value, place, _mask(builder, left, lanes))

    _switch(builder, "rows", series.rows, {count: lambda count=count: some_rows(count) for count in kind.rows})


def _correlate(builder: Any, compute: Any, kind: Kind, arguments: tuple[Any, ...]) -> None:
    """The code of `correlate`."""
    address, first, last, units, x, x_unit, zeros, places, width, columns = arguments[:10]
    grad, grad_unit, sums, sums_unit = arguments[10:]
    element = _size(compute)
    vector = ir.VectorType(compute, kind.lanes(element))
    series = _Series(builder, address)

    asking = _asking(builder, series, columns, kind.lanes(element), (x, x_unit), (grad, grad_unit))
    asking_channels = _asking_channels(builder, series, kind.size(compute))

    def some_rows(count):
        def one(unit, block, rows, at, table, groups, left):
            to = builder.add(sums, builder.mul(unit, sums_unit))
            src = builder.add(builder.add(grad, at), builder.mul(unit, grad_unit))
            rows_of = [builder.add(src, builder.mul(series.step, _constant(i))) for i in range(count)]
            ask = asking_channels(rows, left, src) if kind.channels else asking(unit, block)
            with _steps(builder, columns, kind.lanes(element)) as now:
                ask(now)
                here = _Columns(builder, kind, compute, now, columns, width if left is None else left, True)
                offset = builder.mul(now, _constant(kind.size(compute)))
                factors = [here.gradient(builder.add(row, offset)) for row in rows_of]
                base = builder.add(to, builder.mul(now, _constant(element))) if kind.channels else to
                _runs(builder, kind, groups, table, add(count, here, factors, base, rows))

        _walk(builder, kind, series, units, first, last, (x, x_unit, zeros, places), one)

    def add(count, here, factors, base, rows):
        def one(length, first, shift, taps):
            spots = [[builder.add(base, place) for place in column] for column in taps]

            def before(spot):
                if kind.channels:
                    return _load_masked(builder, spot, vector, here.there)
                return _load(builder, spot, vector)

            # The products of these rows are summed first: long sums made of short ones have small rounding errors.
            totals = [[ir.Constant(vector, None) for _ in column] for column in spots]
            load = here.loader(shift, rows, first, len(taps))
            for i in range(count + length - 1):
                for column, (value,) in enumerate(load(i)):
                    for t in range(length):
                        if 0 <= i - t < count:
                            total = totals[column][t]
                            totals[column][t] = _multiply_add(builder, value, factors[i - t], total)
            for column, values in zip(spots, totals):
                for spot, value in zip(column, values):
                    value = builder.fadd(before(spot), value)
                    if kind.channels:
                        _store_masked(builder, value, spot, here.there)
                    else:
                        _store(builder, value, spot)

        return one

    _switch(builder, "rows", series.rows, {count: lambda count=count: some_rows(count) for count in kind.rows})


def _totals(builder: Any, compute: Any, kind: Kind, arguments: tuple[Any, ...]) -> None:
    """The code of `totals`."""
    count, sums, out = arguments
    element = _size(compute)
    lanes = kind.lanes(element)
    vector = ir.VectorType(compute, lanes)
    with _steps(builder, count, lanes) as i:
        at = builder.add(sums, builder.mul(i, _constant(lanes * element)))
        block = [_load(builder, _plus(builder, at, v * lanes * element), vector) for v in range(lanes)]
        place = builder.add(out, builder.mul(i, _constant(kind.size(compute))))
        (sums,) = narrowed(builder, [_sums_of(builder, block)], kind.code)
        _store_masked(builder, sums, place, _mask(builder, builder.sub(count, i), lanes))


KINDS = {
    "rows": Kind(),
    "two": Kind(stride=2),
    "phases": Kind(phases=2),
    "channels": Kind(channels=True),
    "pairs": Kind(pairs=True),
    "two_pairs": Kind(stride=2, pairs=True),
}


def _text(element: int, kind: str, half: bool = False, code: int = NATIVE, chained: bool = False) -> str:
    """A literal text for a step: Numba compiles one for each."""
    return f"{element} {kind} {int(half)} {code} {int(chained)}"


def _named(text: str) -> tuple[Any, Kind]:
    """The compute type and the kind that a text names."""
    element, kind, half, code, chained = text.split()
    known = replace(KINDS[kind], half=bool(int(half)), code=int(code), chained=bool(int(chained)))
    return FLOAT if element == "4" else DOUBLE, known


@intrinsic(prefer_literal=True)
def sweep_step(typing, which, finished, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, tail):
    """A sweep, named by a literal text, and whether there is a tail."""
    following = Finished if finished.literal_value else AsTheyAre

    def codegen(context, builder, sig, args):
        _sweep(builder, *_named(which.literal_value), following, args[2:])
        return context.get_dummy_value()

    return types.void(which, finished, *[types.int64] * 17), codegen


@functools.cache
def sweep(
    element: int, kind: str, half: bool = False, code: int = NATIVE, finished: bool = False, chained: bool = False
) -> Kernel:
    """sweep(series, first, last, units, x, x_unit, zeros, places, width, columns, weights, w_unit, bias, bias_unit,
    out, out_unit, tail)

    The blocks first..last of a series, for each of some units (planes) that lie x_unit apart; `places` is room for the
    addresses of rows, `zeros` that of a row of padding. `width` is the columns of the image, `columns` those of the
    result, or how many channels. bias may be 0; where results are `finished` it is there, and so is the tail (tail.py).
    """
    which, last = _text(element, kind, half, code, chained), int(finished)

    def run(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail):
        sweep_step(which, last, s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail)

    return Kernel(run, f"depthwise sweep {which} {last}")


@intrinsic(prefer_literal=True)
def correlate_step(typing, which, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13):
    """A correlation, named by a literal text."""

    def codegen(context, builder, sig, args):
        _correlate(builder, *_named(which.literal_value), args[1:])
        return context.get_dummy_value()

    return types.void(which, *[types.int64] * 14), codegen


@functools.cache
def correlate(element: int, kind: str, half: bool = False, code: int = NATIVE) -> Kernel:
    """correlate(series, first, last, units, x, x_unit, zeros, places, width, columns, grad, grad_unit, sums, sums_unit)

    Each sum is a vector: of columns, to be added up by `totals`, or of channels, those of the next vector beside it.
    """
    which = _text(element, kind, half, code)

    def run(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu):
        correlate_step(which, s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu)

    return Kernel(run, f"depthwise correlate {which}")


@intrinsic(prefer_literal=True)
def totals_step(typing, which, count, sums, out):
    """The totals of vectors, named by a literal text."""

    def codegen(context, builder, sig, args):
        _totals(builder, *_named(which.literal_value), args[1:])
        return context.get_dummy_value()

    return types.void(which, *[types.int64] * 3), codegen


@functools.cache
def totals(element: int, half: bool = False, code: int = NATIVE) -> Kernel:
    """totals(count, sums, out): out[i] = the sum of the lanes of vector i; a multiple of the lanes can be read."""
    which = _text(element, "rows", half, code)

    def run(count, sums, out):
        totals_step(which, count, sums, out)

    return Kernel(run, f"depthwise totals {which}")
