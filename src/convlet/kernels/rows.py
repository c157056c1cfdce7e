"""Rows and planes on their way into a band and out of the register tile.

    gather_planes    planes of rows of any step and storage type become contiguous elements of the compute type
    gather           the rows of one plane
    transpose        rows become columns, on the way from memory to registers (turning.py)
    store_channels   sums[position][channel] become a row of positions for each channel (NCHW)
    store_positions  the same become a row of channels for each position (channels-last)
    scatter          contiguous rows become rows of any step and storage type
    accumulate       sums are added to sums

Storing adds a bias to each channel; following.py is what else may be done on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
    _exchange,
    _intrinsic,
    _load,
    _load_masked,
    _mask,
    _narrow,
    _plus,
    _size,
    _splat,
    _steps,
    _store,
    _store_masked,
    _stored,
    _widen,
)
from .following import AsTheyAre
from .jit import cgutils
from .launch import Kernel
from .turning import block_shape, repeated, turned

# Steps between elements that are read as whole vectors, of which shuffles keep every so manieth lane: those of strides,
# and of channels-last images of three channels.
STRIDES = (1, 2, 3, 4, 6)
# Vectors that are copied one after the other, with no question between: 2.5 cycles each, of 16-bit numbers, not 3.7
# (Zen 4, November 2026).
COPIED = 4


def _storages(compute: Any) -> tuple[int, ...]:
    return (NATIVE, FLOAT16, BFLOAT16) if compute == FLOAT else (NATIVE,)


@contextmanager
def _ends(builder: Any, count: Any, step: int) -> Iterator[Any]:
    """for i in range(0, count, step), the last moved back to end with the count, which is `step` at least."""
    with _steps(builder, count, step) as i:
        last = _plus(builder, count, -step)
        yield builder.select(builder.icmp_signed("<", i, last), i, last)


def _between(builder: Any, first: Any, i: Any, last: Any, lanes: int) -> Any:
    """The lanes of a vector that starts at element i and whose elements are at first or later, before last."""
    after = builder.not_(_mask(builder, builder.sub(first, i), lanes))
    return builder.and_(_mask(builder, builder.sub(last, i), lanes), after)


def _every(builder: Any, vectors: list[Any], first: int = 0) -> Any:
    """The elements first, first + s, first + 2s, ... of s vectors side by side, for a first below s."""
    stride, lanes = len(vectors), vectors[0].type.count
    kept, found = vectors[0], [first + lane * stride for lane in range(lanes)]
    for k in range(1, stride):
        order = []
        for lane, element in enumerate(found):
            if element // lanes == k:
                order.append(lanes + element % lanes)
            elif k == 1:
                order.append(element % lanes)
            else:
                order.append(lane)
        kept = builder.shuffle_vector(kept, vectors[k], ir.Constant(ir.VectorType(I32, lanes), order))
    return kept


def _gather_planes(compute: Any) -> Any:
    """gather_planes(dst, dst_plane, dst_row, src, src_plane, src_row, planes, rows, step, count, low, high, code)

    dst[plane][row][i] = src[plane][row][i] for low <= i < high, and zero for the other i < count: padding is a mask.
    Elements of a row of src lie `step` bytes apart. A row may write over the one that follows it in its plane.
    """

    def emit(builder, dst, dst_plane, dst_row, src, src_plane, src_row, planes, rows, step, count, low, high, code):
        element = _size(compute)
        lanes = target.current().lanes(element)
        narrow = builder.icmp_signed("<=", count, _constant(lanes))

        def each_row(one):
            """one(to, place, last): where a row comes and is; whether no vector's bytes follow it in its plane."""
            before = builder.sub(rows, _constant(1))
            with _steps(builder, planes, 1) as plane:
                to_plane = builder.add(dst, builder.mul(plane, dst_plane))
                from_plane = builder.add(src, builder.mul(plane, src_plane))
                with _steps(builder, rows, 1) as row:
                    to = builder.add(to_plane, builder.mul(row, dst_row))
                    after = builder.mul(builder.sub(before, row), dst_row)
                    last = builder.icmp_signed("<", after, _constant(lanes * element))
                    one(to, builder.add(from_plane, builder.mul(row, src_row)), last)

        def strided(storage, stride):
            kind = _stored(storage, compute)
            vector = ir.VectorType(kind, lanes)
            nbytes = lanes * _size(kind)
            # Elements between two that are wanted are read too, but none before the first or after the last.
            first = builder.mul(low, _constant(stride))
            last = _plus(builder, builder.mul(high, _constant(stride)), 1 - stride)

            def masks(i):
                start = builder.mul(i, _constant(stride))
                return [
                    _between(builder, first, _plus(builder, start, k * lanes), last, lanes) for k in range(stride)
                ]

            def masked(place, masks):
                places = [_plus(builder, place, k * nbytes) for k in range(stride)]
                return [_load_masked(builder, at, vector, mask) for at, mask in zip(places, masks)]

            def joined(loaded):
                return _widen(builder, _every(builder, loaded), storage, compute)

            def put(to, loaded, last_row, end):
                value = joined(loaded)
                with builder.if_else(last_row, likely=False) as (nothing_after, row_after):
                    with nothing_after:
                        _store_masked(builder, value, to, end)
                    with row_after:
                        _store(builder, value, to)

            def in_pieces(to, place, last_row):
                with _steps(builder, count, lanes) as i:
                    at = builder.add(place, builder.mul(i, step))
                    to_i = builder.add(to, builder.mul(i, _constant(element)))
                    after = builder.mul(_plus(builder, i, lanes), _constant(stride))
                    inside = builder.and_(
                        builder.icmp_signed(">=", i, low), builder.icmp_signed("<=", after, last)
                    )
                    with builder.if_else(inside) as (whole, part):
                        with whole:
                            loaded = [_load(builder, _plus(builder, at, k * nbytes), vector) for k in range(stride)]
                            _store(builder, joined(loaded), to_i)
                        with part:
                            end = _mask(builder, builder.sub(count, i), lanes)
                            put(to_i, masked(at, masks(i)), last_row, end)

            with builder.if_else(narrow) as (short, long):
                with short:  # a vector a row: the same masks for all
                    same, end = masks(_constant(0)), _mask(builder, count, lanes)
                    each_row(lambda to, place, last_row: put(to, masked(place, same), last_row, end))
                with long:
                    each_row(in_pieces)

        def any_step(storage):
            kind = _stored(storage, compute)

            def one_by_one(to, place, last_row):
                with _steps(builder, count, 1) as i:
                    inside = builder.and_(builder.icmp_signed(">=", i, low), builder.icmp_signed("<", i, high))
                    # Outside, any readable address will do.
                    at = builder.select(inside, builder.add(place, builder.mul(i, step)), dst)
                    value = builder.select(inside, _load(builder, at, kind), ir.Constant(kind, 0))
                    to_i = builder.add(to, builder.mul(i, _constant(element)))
                    _store(builder, _widen(builder, value, storage, compute), to_i)

            each_row(one_by_one)

        for storage in _storages(compute):
            size = _size(_stored(storage, compute))
            with _case(builder, code, storage):
                after = builder.append_basic_block("gathered")
                other = builder.append_basic_block("any_step")
                switch = builder.switch(step, other)
                for stride in STRIDES:
                    block = builder.append_basic_block(f"step_{stride}")
                    switch.add_case(_constant(stride * size), block)
                    builder.position_at_end(block)
                    strided(storage, stride)
                    builder.branch(after)
                builder.position_at_end(other)
                any_step(storage)
                builder.branch(after)
                builder.position_at_end(after)

    return _intrinsic(13, emit)


def _shift(builder: Any, bias: Any, count: Any, vector: Any) -> Any:
    """`count` numbers from bias on as a vector, zeros if bias is 0."""
    there = builder.icmp_signed("!=", bias, _constant(0))
    # A vector of which nothing is read takes the processor long where there is no memory.
    room = builder.ptrtoint(cgutils.alloca_once(builder, vector), I64)
    mask = _mask(builder, builder.select(there, count, _constant(0)), vector.count)
    return _load_masked(builder, builder.select(there, bias, room), vector, mask)


def _store_channels(compute: Any, following: type[AsTheyAre] = AsTheyAre) -> Any:
    """store_channels(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail): channels <= lanes

    dst[c][r] = src[r][c] + bias[c] for r < rows, c < channels. Rows of src and dst lie src_step and dst_step bytes
    apart, elements of a row of dst one or two elements (`step` bytes); those between are left alone. Rows of src are
    whole vectors. bias may be 0.
    """

    def emit(builder, dst, dst_step, src, src_step, rows, channels, step, code, bias, tail):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        shift = _shift(builder, bias, channels, vector)

        high, wide = block_shape(element)

        def read(after, numbers, place, left):
            block = []
            for i in range(lanes):
                # Rows beyond the last repeat it.
                there = builder.icmp_signed("<", _constant(i), left)
                at = builder.select(there, _constant(i), builder.sub(left, _constant(1)))
                value = _load(builder, builder.add(place, builder.mul(src_step, at)), vector)
                block.append(builder.fadd(value, shift))
            return _exchange(builder, after.sums(block, numbers))

        def whole_channels(storage, numbers):
            """No masks and no questions; the last block overlaps the one before."""
            size = _size(_stored(storage, compute))
            after = following(builder, storage, compute, high, tail)
            with _ends(builder, rows, lanes) as i:
                place = builder.add(src, builder.mul(i, src_step))
                to = builder.add(dst, builder.mul(i, _constant(size)))
                positions = [builder.add(place, builder.mul(src_step, _constant(r))) for r in range(lanes)]
                for first in range(0, lanes, wide):
                    own, *others = [repeated(builder, each, first, element) for each in (shift, *(numbers or ()))]

                    def change(block, own=own, others=others):
                        return after.sums([builder.fadd(value, own) for value in block], others)

                    block = [_plus(builder, each, first * element) for each in positions]
                    parts = [
                        turned(builder, compute, block[part : part + high], change) for part in range(0, lanes, high)
                    ]
                    values = [each for channel in zip(*parts) for each in channel]
                    places = [
                        _plus(builder, builder.add(to, builder.mul(dst_step, _constant(first + c))), part * size)
                        for c in range(wide)
                        for part in range(0, lanes, high)
                    ]
                    for value, at in zip(after.results(values, places), places):
                        _store(builder, _narrow(builder, value, storage), at)

        def any_channels(storage, after, numbers):
            size = _size(_stored(storage, compute))
            with _steps(builder, rows, lanes) as i:
                place = builder.add(src, builder.mul(i, src_step))
                to = builder.add(dst, builder.mul(i, _constant(size)))
                left = builder.sub(rows, i)
                mask = _mask(builder, left, lanes)
                for c, value in enumerate(read(after, numbers, place, left)):
                    with builder.if_then(builder.icmp_signed("<", _constant(c), channels)):
                        at = builder.add(to, builder.mul(dst_step, _constant(c)))
                        (value,) = after.results([value], [at], mask)
                        _store_masked(builder, _narrow(builder, value, storage), at, mask)

        def every_second(storage, after, numbers):
            size = _size(_stored(storage, compute))
            spread = [[(half * lanes + lane) // 2 for lane in range(lanes)] for half in (0, 1)]
            orders = [ir.Constant(ir.VectorType(I32, lanes), order) for order in spread]
            even = ir.Constant(ir.VectorType(I1, lanes), [lane % 2 == 0 for lane in range(lanes)])
            with _steps(builder, rows, lanes) as i:
                place = builder.add(src, builder.mul(i, src_step))
                to = builder.add(dst, builder.mul(i, _constant(2 * size)))
                left = builder.sub(rows, i)
                pairs = builder.mul(left, _constant(2))
                masks = [
                    builder.and_(even, _mask(builder, _plus(builder, pairs, -half * lanes), lanes)) for half in (0, 1)
                ]
                for c, value in enumerate(read(after, numbers, place, left)):
                    with builder.if_then(builder.icmp_signed("<", _constant(c), channels)):
                        at = builder.add(to, builder.mul(dst_step, _constant(c)))
                        narrow = _narrow(builder, value, storage)
                        for half in (0, 1):
                            wide = builder.shuffle_vector(narrow, narrow, orders[half])
                            _store_masked(builder, wide, _plus(builder, at, half * lanes * size), masks[half])

        for storage in _storages(compute):
            size = _size(_stored(storage, compute))
            is_unit = builder.icmp_signed("==", step, _constant(size))
            with _case(builder, code, storage):
                after = following(builder, storage, compute, lanes, tail)
                numbers = after.of_channels(bias, _mask(builder, channels, lanes))
                with builder.if_else(is_unit) as (near, apart):
                    with near:
                        whole = builder.icmp_signed("==", channels, _constant(lanes))
                        whole = builder.and_(whole, builder.icmp_signed(">=", rows, _constant(lanes)))
                        with builder.if_else(whole) as (all_of_it, part_of_it):
                            with all_of_it:
                                whole_channels(storage, numbers)
                            with part_of_it:
                                any_channels(storage, after, numbers)
                    with apart:  # phases of an input gradient, which have no tail
                        every_second(storage, AsTheyAre(builder, storage, compute, lanes, tail), None)

    return _intrinsic(10, emit)


def _store_positions(compute: Any, following: type[AsTheyAre] = AsTheyAre) -> Any:
    """store_positions(dst, dst_step, src, src_step, rows, channels, code, bias, tail)

    dst[r][c] = src[r][c] + bias[c] for r < rows, c < channels; the channels of both lie side by side, whole
    vectors of them in src. bias may be 0.
    """

    def emit(builder, dst, dst_step, src, src_step, rows, channels, code, bias, tail):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        biased = builder.icmp_signed("!=", bias, _constant(0))
        for storage in _storages(compute):
            size = _size(_stored(storage, compute))
            with _case(builder, code, storage), _steps(builder, channels, lanes) as c:
                offset = builder.mul(c, _constant(element))
                left = builder.sub(channels, c)
                own_bias = builder.select(biased, builder.add(bias, offset), _constant(0))
                shift = _shift(builder, own_bias, left, vector)
                first = builder.add(src, offset)
                to = builder.add(dst, builder.mul(c, _constant(size)))
                mask = _mask(builder, left, lanes)
                after = following(builder, storage, compute, lanes, tail)
                numbers = after.of_channels(own_bias, mask)
                with _steps(builder, rows, 1) as r:
                    value = _load(builder, builder.add(first, builder.mul(r, src_step)), vector)
                    values, at = [builder.fadd(value, shift)], builder.add(to, builder.mul(r, dst_step))
                    (value,) = after.results(after.sums(values, numbers), [at], mask)
                    _store_masked(builder, _narrow(builder, value, storage), at, mask)

    return _intrinsic(9, emit)


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
        high, wide = block_shape(element)

        def in_order():
            return [builder.add(src, builder.mul(src_step, _constant(i))) for i in range(lanes)]

        def listed():
            numbers = [_load(builder, _plus(builder, order, 8 * i), I64) for i in range(lanes)]
            return [builder.add(src, builder.mul(src_step, number)) for number in numbers]

        def some_places():
            # A row that is not there has no place in the table either, and must not be asked for where no memory may
            # be: a processor reads nothing under an empty mask, but takes 0.1 us to find that out.
            for i in range(lanes):
                there = builder.icmp_signed("<", _constant(i), rows)
                index = cgutils.alloca_once_value(builder, builder.select(there, _constant(i), _constant(0)))
                with builder.if_then(builder.and_(ordered, there), likely=False):
                    builder.store(_load(builder, _plus(builder, order, 8 * i), I64), index)
                yield builder.add(src, builder.mul(src_step, builder.load(index)))

        def whole_rows(places):
            """No masks and no questions; the last block overlaps the one before."""
            with _ends(builder, columns, wide) as j:
                offset = builder.mul(j, _constant(element))
                row = builder.add(dst, builder.mul(j, dst_step))
                rows_at = [builder.add(place, offset) for place in places]
                parts = [turned(builder, compute, rows_at[first : first + high]) for first in range(0, lanes, high)]
                for i, values in enumerate(zip(*parts)):
                    to = builder.add(row, builder.mul(dst_step, _constant(i)))
                    for part, value in enumerate(values):
                        _store(builder, value, _plus(builder, to, part * high * element))

        def any_rows(places):
            with _steps(builder, columns, lanes) as j:
                left = builder.sub(columns, j)
                row = builder.add(dst, builder.mul(j, dst_step))
                offset = builder.mul(j, _constant(element))
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

        whole = builder.and_(
            builder.icmp_signed("==", rows, _constant(lanes)), builder.icmp_signed("==", width, _constant(lanes))
        )
        whole = builder.and_(whole, builder.icmp_signed(">=", columns, _constant(wide)))
        with builder.if_else(builder.and_(whole, builder.not_(biased))) as (all_of_it, part_of_it):
            with all_of_it, builder.if_else(ordered) as (by_table, one_by_one):
                for branch, places in ((by_table, listed), (one_by_one, in_order)):
                    with branch:
                        whole_rows(places())
            with part_of_it:
                any_rows(list(some_places()))

    return _intrinsic(9, emit)


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
        # What is not padded is copied a few vectors at a time.
        padded = builder.or_(builder.icmp_signed(">", low, _constant(0)), builder.icmp_signed("<", high, count))
        plain = builder.select(padded, _constant(0), builder.and_(count, _constant(-COPIED * lanes)))
        with _steps(builder, plain, COPIED * lanes) as first:
            places = [_plus(builder, first, v * lanes) for v in range(COPIED)]
            block = [_load(builder, builder.add(src, builder.mul(i, step)), vector) for i in places]
            for i, value in zip(places, block):
                put(builder, value, dst, i, storage)
        with _steps(builder, builder.sub(count, plain), lanes) as i:
            i = builder.add(plain, i)
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


transpose_f32, transpose_f64 = _transpose(FLOAT), _transpose(DOUBLE)
gather_f32, gather_f64 = _gather(FLOAT), _gather(DOUBLE)
scatter_f32, scatter_f64 = _scatter(FLOAT), _scatter(DOUBLE)
accumulate_f32, accumulate_f64 = _accumulate(FLOAT), _accumulate(DOUBLE)
gather_planes_f32, gather_planes_f64 = _gather_planes(FLOAT), _gather_planes(DOUBLE)
store_channels_f32, store_channels_f64 = _store_channels(FLOAT), _store_channels(DOUBLE)
store_positions_f32, store_positions_f64 = _store_positions(FLOAT), _store_positions(DOUBLE)


def _gather_planes_f32(dst, dst_plane, dst_row, src, src_plane, src_row, planes, rows, step, count, low, high, code):
    gather_planes_f32(dst, dst_plane, dst_row, src, src_plane, src_row, planes, rows, step, count, low, high, code)


def _gather_planes_f64(dst, dst_plane, dst_row, src, src_plane, src_row, planes, rows, step, count, low, high, code):
    gather_planes_f64(dst, dst_plane, dst_row, src, src_plane, src_row, planes, rows, step, count, low, high, code)


def _store_channels_f32(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail):
    store_channels_f32(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail)


def _store_channels_f64(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail):
    store_channels_f64(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail)


def _store_positions_f32(dst, dst_step, src, src_step, rows, channels, code, bias, tail):
    store_positions_f32(dst, dst_step, src, src_step, rows, channels, code, bias, tail)


def _store_positions_f64(dst, dst_step, src, src_step, rows, channels, code, bias, tail):
    store_positions_f64(dst, dst_step, src, src_step, rows, channels, code, bias, tail)


def _transpose_f32(dst, dst_step, src, src_step, rows, columns, width, bias, order):
    transpose_f32(dst, dst_step, src, src_step, rows, columns, width, bias, order)


def _transpose_f64(dst, dst_step, src, src_step, rows, columns, width, bias, order):
    transpose_f64(dst, dst_step, src, src_step, rows, columns, width, bias, order)


def _gather_f32(dst, dst_step, src, src_step, rows, step, count, low, high, code):
    gather_f32(dst, dst_step, src, src_step, rows, step, count, low, high, code)


def _gather_f64(dst, dst_step, src, src_step, rows, step, count, low, high, code):
    gather_f64(dst, dst_step, src, src_step, rows, step, count, low, high, code)


def _scatter_f32(dst, dst_step, src, src_step, rows, step, count, code, bias):
    scatter_f32(dst, dst_step, src, src_step, rows, step, count, code, bias)


def _scatter_f64(dst, dst_step, src, src_step, rows, step, count, code, bias):
    scatter_f64(dst, dst_step, src, src_step, rows, step, count, code, bias)


def _accumulate_f32(dst, src, count):
    accumulate_f32(dst, src, count)


def _accumulate_f64(dst, src, count):
    accumulate_f64(dst, src, count)


# By bytes of an element.
STEPS = {
    4: {
        "transpose": Kernel(_transpose_f32),
        "gather": Kernel(_gather_f32),
        "scatter": Kernel(_scatter_f32),
        "accumulate": Kernel(_accumulate_f32),
        "gather_planes": Kernel(_gather_planes_f32),
        "store_channels": Kernel(_store_channels_f32),
        "store_positions": Kernel(_store_positions_f32),
    },
    8: {
        "transpose": Kernel(_transpose_f64),
        "gather": Kernel(_gather_f64),
        "scatter": Kernel(_scatter_f64),
        "accumulate": Kernel(_accumulate_f64),
        "gather_planes": Kernel(_gather_planes_f64),
        "store_channels": Kernel(_store_channels_f64),
        "store_positions": Kernel(_store_positions_f64),
    },
}
