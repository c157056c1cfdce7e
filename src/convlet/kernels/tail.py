"""What follows a convolution, applied to its sums while they are stored, or to a block that has just been.

    y = clamp((y - mean) * scale + shift + other, low, high)

with a mean, scale and shift for each channel; the operations that a tail does not have are left out. Each of them
rounds as it does alone, so the bits are those of batch norm, an addition and a ReLU one after the other. `Finished` is
the instructions, for steps that store; over blocks in the cache there are

    finish_rows   lanes are positions: each row is of a channel
    finish_lanes  lanes are channels: each row is of a position
    ask           the lines of `other` for such a block, before it is computed

A kernel gets the address of a tail (see `pack_tail`) in the place of its bias, whose address is its first number: it
says which channel a step begins with by the address of that channel's bias.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from ..runtime import memory
from . import emit, target
from .emit import (
    FLOAT,
    I1,
    I64,
    NATIVE,
    _constant,
    _load,
    _load_masked,
    _mask,
    _narrow,
    _plus,
    _prefetch,
    _splat,
    _steps,
    _store,
    _store_masked,
    _widen,
)
from .following import AsTheyAre
from .lanes import Lanes
from .launch import Kernel

# Places in a tail, in bytes: addresses of the arrays of each channel; bytes from a result to what is added to it;
# which operations there are, as the sum of these numbers.
BIAS, MEAN, SCALE, SHIFT, OTHER, HOW = 0, 8, 16, 24, 32, 40
NORM, ADD, LOW, HIGH = 1, 2, 4, 8
_HOW = {"norm": NORM, "add": ADD, "relu": LOW, "relu6": LOW | HIGH}
BOUNDS = ((LOW, ">", 0.0), (HIGH, "<", 6.0))


class Finished(AsTheyAre):
    """Sums with a tail behind them. What it consists of is asked when the kernel runs, once for several vectors, if
    `how` does not say it.

    Where sums are stored in 16 bits, or are of float64, a tail is but a clamp.
    """

    ARGUMENTS = 1

    def __init__(
        self, builder: Any, storage: int, compute: Any, lanes: int, address: Any, how: int | None = None
    ) -> None:
        self.builder, self.storage, self.compute, self.address = builder, storage, compute, address
        self.vector = ir.VectorType(compute, lanes)
        asked = self._number(HOW)

        def has(which: int) -> Any:
            if how is not None:
                return ir.Constant(I1, bool(how & which))
            return builder.icmp_signed("!=", builder.and_(asked, _constant(which)), _constant(0))

        nan = ir.Constant(compute, float("nan"))
        self.bounds = [
            (sign, _splat(builder, builder.select(has(which), ir.Constant(compute, number), nan), lanes))
            for which, sign, number in BOUNDS
            if how is None or how & which
        ]
        self.whole = compute == FLOAT and storage == NATIVE
        if self.whole:
            self.norm, self.add, self.other = has(NORM), has(ADD), self._number(OTHER)

    def _number(self, place: int) -> Any:
        return _load(self.builder, _plus(self.builder, self.address, place), I64)

    def _numbers(self, bias: Any, read: Callable[[Any], Any]) -> list[Any]:
        """Mean, scale and shift of the channel whose bias is at an address; anything without a norm."""
        if not self.whole:
            return []
        builder = self.builder
        channels = builder.sub(bias, self._number(BIAS))
        places = [builder.add(self._number(array), channels) for array in (MEAN, SCALE, SHIFT)]
        return [read(place) for place in places]

    def of_channel(self, bias: Any) -> list[Any]:
        builder, lanes = self.builder, self.vector.count

        def read(place: Any) -> Any:  # without a norm, any number that can be read
            return _splat(builder, _load(builder, builder.select(self.norm, place, self.address), FLOAT), lanes)

        return self._numbers(bias, read)

    def of_channels(self, bias: Any, mask: Any = None) -> list[Any]:
        lanes = self.vector.count
        mask = mask or ir.Constant(ir.VectorType(I1, lanes), [1] * lanes)

        def read(place: Any) -> Any:
            there = self.builder.and_(mask, _splat(self.builder, self.norm, lanes))
            place = self.builder.select(self.norm, place, self.address)  # as in rows._shift
            return _load_masked(self.builder, place, self.vector, there)

        return self._numbers(bias, read)

    def _where(self, condition: Any, values: list[Any], changed: Callable[[], list[Any]]) -> list[Any]:
        """The changed values if the condition holds, else the values."""
        builder, before = self.builder, self.builder.block
        with builder.if_then(condition):
            others = changed()
            there = builder.block
        found = []
        for value, other in zip(values, others):
            phi = builder.phi(value.type)
            phi.add_incoming(value, before)
            phi.add_incoming(other, there)
            found.append(phi)
        return found

    def read(self, place: Any, mask: Any = None) -> Any:
        """A vector in memory."""
        if mask is None:
            return _load(self.builder, place, self.vector)
        return _load_masked(self.builder, place, self.vector, mask)

    def sums(self, values: list[Any], numbers: list[Any]) -> list[Any]:
        if not self.whole:
            return values
        mean, scale, shift = (Lanes(self.builder, each) for each in numbers)
        return self._where(
            self.norm, values, lambda: [((Lanes(self.builder, each) - mean) * scale + shift).value for each in values]
        )

    def results(self, values: list[Any], places: list[Any], mask: Any = None) -> list[Any]:
        builder, compute, storage = self.builder, self.compute, self.storage
        if self.whole:
            values = self._where(
                self.add,
                values,
                lambda: [
                    builder.fadd(value, self.read(builder.add(place, self.other), mask))
                    for value, place in zip(values, places)
                ],
            )
        else:  # rounded as it is stored, so that what is clamped is what a clamp of its own would see
            values = [_widen(builder, _narrow(builder, each, storage), storage, compute) for each in values]
        for sign, bound in self.bounds:  # NaN stays, and -0: as the processor's maximum and minimum have it
            values = [builder.select(builder.fcmp_ordered(sign, bound, each), bound, each) for each in values]
        return values

    def again(self, places: list[Any], numbers: list[Any], mask: Any = None) -> None:
        """Vectors of sums that have been stored at these places become results."""
        values = self.results(self.sums([self.read(place, mask) for place in places], numbers), places, mask)
        for value, place in zip(values, places):
            if mask is None:
                _store(self.builder, value, place)
            else:
                _store_masked(self.builder, value, place, mask)


def _each_how(step: Callable[..., None]) -> Callable[..., None]:
    """A step with code for every combination of operations, and the switch to it: step(builder, finished, ...)."""

    def emit(builder: Any, tail: Any, *rest: Any) -> None:
        after = builder.append_basic_block("finished")
        switch = builder.switch(_load(builder, _plus(builder, tail, HOW), I64), after)
        for how in (norm + add + clamp for norm in (0, NORM) for add in (0, ADD) for clamp in (0, LOW, LOW | HIGH)):
            block = builder.append_basic_block(f"finish_{how}")
            switch.add_case(_constant(how), block)
            builder.position_at_end(block)
            step(builder, Finished(builder, NATIVE, FLOAT, target.current().lanes(4), tail, how), *rest)
            builder.branch(after)
        builder.position_at_end(after)

    return emit


def _finish_rows(builder, finished, bias, dst, dst_step, rows, count):
    """finish_rows(tail, bias, dst, dst_step, rows, count): rows of `count` sums, each of the next channel."""
    lanes, together = target.current().lanes(4), target.current().panel_nr
    block = together * lanes
    vectors = builder.and_(count, _constant(-lanes))
    blocks = builder.mul(builder.sdiv(count, _constant(block)), _constant(block))
    rest = builder.sub(count, vectors)
    mask = _mask(builder, rest, lanes)

    def bytes_of(elements: Any) -> Any:
        return builder.mul(elements, _constant(4))

    with _steps(builder, rows, 1) as row:
        numbers = finished.of_channel(builder.add(bias, bytes_of(row)))
        place = builder.add(dst, builder.mul(row, dst_step))
        with _steps(builder, blocks, block) as i:
            first = builder.add(place, bytes_of(i))
            finished.again([_plus(builder, first, 4 * lanes * v) for v in range(together)], numbers)
        place = builder.add(place, bytes_of(blocks))
        with _steps(builder, builder.sub(vectors, blocks), lanes) as i:
            finished.again([builder.add(place, bytes_of(i))], numbers)
        with builder.if_then(builder.icmp_signed(">", rest, _constant(0))):
            finished.again([builder.add(place, bytes_of(builder.sub(vectors, blocks)))], numbers, mask)


def _finish_lanes(builder, finished, bias, dst, dst_step, rows, channels):
    """finish_lanes(tail, bias, dst, dst_step, rows, channels): rows of the sums of some channels."""
    lanes = target.current().lanes(4)

    def column(c: Any, mask: Any = None) -> None:
        offset = builder.mul(c, _constant(4))
        numbers = finished.of_channels(builder.add(bias, offset), mask)
        place = builder.add(dst, offset)
        with _steps(builder, rows, 1) as row:
            finished.again([builder.add(place, builder.mul(row, dst_step))], numbers, mask)

    whole = builder.and_(channels, _constant(-lanes))
    with _steps(builder, whole, lanes) as c:
        column(c)
    rest = builder.sub(channels, whole)
    with builder.if_then(builder.icmp_signed(">", rest, _constant(0))):
        column(whole, _mask(builder, rest, lanes))


def _ask(builder, tail, dst, dst_step, rows, count):
    """ask(tail, dst, dst_step, rows, count): what is added to rows of `count` results will soon be read."""
    how = _load(builder, _plus(builder, tail, HOW), I64)
    with builder.if_then(builder.icmp_signed("!=", builder.and_(how, _constant(ADD)), _constant(0))):
        first = builder.add(dst, _load(builder, _plus(builder, tail, OTHER), I64))
        with _steps(builder, rows, 1) as row, _steps(builder, count, memory.LINE // 4) as i:
            place = builder.add(builder.add(first, builder.mul(row, dst_step)), builder.mul(i, _constant(4)))
            _prefetch(builder, place)


ask_step = emit._intrinsic(5, _ask)
rows_step = emit._intrinsic(6, _each_how(_finish_rows))
lanes_step = emit._intrinsic(6, _each_how(_finish_lanes))


def _rows(tail, bias, dst, dst_step, rows, count):
    rows_step(tail, bias, dst, dst_step, rows, count)


def _lanes(tail, bias, dst, dst_step, rows, channels):
    lanes_step(tail, bias, dst, dst_step, rows, channels)


def _ask_for(tail, dst, dst_step, rows, count):
    ask_step(tail, dst, dst_step, rows, count)


finish_rows, finish_lanes, ask = Kernel(_rows), Kernel(_lanes), Kernel(_ask_for)

@cache
def _zeros(count: int) -> tuple[int, np.ndarray]:
    array = np.zeros(count, np.float32)
    return memory.address(array), array


def pack_tail(words: tuple[str, ...], tail: Any, bias: int, out: np.ndarray) -> np.ndarray:
    """The numbers of a tail (conv/tail.py: Tail) whose words are these; `bias` is the address of one a channel, or 0.

    `out` is what the convolution fills, contiguous or channels-last. What stands in the tail must outlive its use.
    """
    address = memory.address
    mean = scale = shift = other = how = 0
    for word in words:
        how |= _HOW[word]
    if how & NORM:
        mean, scale, shift = address(tail.mean), address(tail.scale), address(tail.shift)
    if how & ADD:
        other = address(tail.other) - address(out)
    return np.array([bias or _zeros(out.shape[1])[0], mean, scale, shift, other, how], np.int64)
