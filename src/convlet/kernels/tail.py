"""What follows a convolution, applied to the block of float32 results that a task has just stored, still in its cache.

    y = clamp((y - mean) * scale + shift + other, low, high)

with a mean, scale and shift for each channel; the operations that a tail does not have are left out. Each of them
rounds as it does alone (the sum before it is stored, the differences and products here), so the bits are those of batch
norm, an addition and a ReLU one after the other.

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
    I64,
    _constant,
    _load,
    _load_masked,
    _mask,
    _plus,
    _prefetch,
    _splat,
    _steps,
    _store,
    _store_masked,
)
from .lanes import Lanes
from .launch import Kernel

# Places in a tail, in bytes: addresses of the arrays of each channel; bytes from a result to what is added to it;
# which operations there are, as the sum of these numbers.
BIAS, MEAN, SCALE, SHIFT, OTHER, HOW = 0, 8, 16, 24, 32, 40
NORM, ADD, LOW, HIGH = 1, 2, 4, 8
_HOW = {"norm": NORM, "add": ADD, "relu": LOW, "relu6": LOW | HIGH}
BOUNDS = ((LOW, ">", 0.0), (HIGH, "<", 6.0))


class Finish:
    """The instructions of a tail while they are written."""

    def __init__(self, builder: Any, tail: Any, bias: Any, lanes: int, how: int) -> None:
        self.builder, self.lanes, self.how = builder, lanes, how
        self.vector = ir.VectorType(FLOAT, lanes)
        self.other = _load(builder, _plus(builder, tail, OTHER), I64)
        channels = builder.sub(bias, _load(builder, tail, I64))
        self.arrays = []
        if how & NORM:
            arrays = [_load(builder, _plus(builder, tail, at), I64) for at in (MEAN, SCALE, SHIFT)]
            self.arrays = [builder.add(array, channels) for array in arrays]

    def of_channel(self, channel: Any) -> list[Any]:
        """The numbers of a channel, in every lane."""
        at = self.builder.mul(channel, _constant(4))
        loaded = [_load(self.builder, self.builder.add(array, at), FLOAT) for array in self.arrays]
        return [_splat(self.builder, number, self.lanes) for number in loaded]

    def of_channels(self, channel: Any, mask: Any = None) -> list[Any]:
        """Those of the channels from one on, a lane each."""
        at = self.builder.mul(channel, _constant(4))
        return [self._read(self.builder.add(array, at), mask) for array in self.arrays]

    def _read(self, address: Any, mask: Any) -> Any:
        if mask is None:
            return _load(self.builder, address, self.vector)
        return _load_masked(self.builder, address, self.vector, mask)

    def normed(self, value: Any, numbers: list[Any]) -> Any:
        """A vector of sums, normalised."""
        if not numbers:
            return value
        mean, scale, shift = (Lanes(self.builder, each) for each in numbers)
        return ((Lanes(self.builder, value) - mean) * scale + shift).value

    def added(self, value: Any, place: Any, mask: Any = None) -> Any:
        """With what is added to the results at `place`, and clamped."""
        builder = self.builder
        if self.how & ADD:
            value = builder.fadd(value, self._read(builder.add(place, self.other), mask))
        for which, sign, number in BOUNDS:
            if self.how & which:  # NaN stays, and -0: as the processor's maximum and minimum have it
                bound = ir.Constant(self.vector, [number] * self.lanes)
                value = builder.select(builder.fcmp_ordered(sign, bound, value), bound, value)
        return value

    def vectors(self, place: Any, numbers: list[Any], many: int = 1, mask: Any = None) -> None:
        """Reads and writes a few vectors, the results of the same channels."""
        places = [_plus(self.builder, place, 4 * self.lanes * i) for i in range(many)]
        values = [self.normed(self._read(each, mask), numbers) for each in places]
        for value, each in zip([self.added(value, each, mask) for value, each in zip(values, places)], places):
            if mask is None:
                _store(self.builder, value, each)
            else:
                _store_masked(self.builder, value, each, mask)


def each_how(builder: Any, tail: Any, bias: Any, one: Callable[[Finish], None]) -> None:
    """Code for every combination of operations, and the switch to it."""
    lanes = target.current().lanes(4)
    after = builder.append_basic_block("finished")
    switch = builder.switch(_load(builder, _plus(builder, tail, HOW), I64), after)
    for how in (norm + add + clamp for norm in (0, NORM) for add in (0, ADD) for clamp in (0, LOW, LOW | HIGH)):
        block = builder.append_basic_block(f"finish_{how}")
        switch.add_case(_constant(how), block)
        builder.position_at_end(block)
        one(Finish(builder, tail, bias, lanes, how))
        builder.branch(after)
    builder.position_at_end(after)


def _finish_rows(builder, tail, bias, dst, dst_step, rows, count):
    """finish_rows(tail, bias, dst, dst_step, rows, count): rows of `count` results, each of the next channel."""

    def one(finish: Finish) -> None:
        lanes = finish.lanes
        unroll = target.current().panel_nr
        block = unroll * lanes
        vectors = builder.and_(count, _constant(-lanes))
        blocks = builder.mul(builder.sdiv(count, _constant(block)), _constant(block))
        rest = builder.sub(count, vectors)
        mask = _mask(builder, rest, lanes)

        def bytes_of(elements: Any) -> Any:
            return builder.mul(elements, _constant(4))

        with _steps(builder, rows, 1) as row:
            numbers = finish.of_channel(row)
            place = builder.add(dst, builder.mul(row, dst_step))
            with _steps(builder, blocks, block) as i:
                finish.vectors(builder.add(place, bytes_of(i)), numbers, unroll)
            place = builder.add(place, bytes_of(blocks))
            with _steps(builder, builder.sub(vectors, blocks), lanes) as i:
                finish.vectors(builder.add(place, bytes_of(i)), numbers)
            with builder.if_then(builder.icmp_signed(">", rest, _constant(0))):
                place = builder.add(place, bytes_of(builder.sub(vectors, blocks)))
                finish.vectors(place, numbers, mask=mask)

    each_how(builder, tail, bias, one)


def _finish_lanes(builder, tail, bias, dst, dst_step, rows, channels):
    """finish_lanes(tail, bias, dst, dst_step, rows, channels): rows of the results of some channels."""

    def one(finish: Finish) -> None:
        lanes = finish.lanes

        def column(c: Any, mask: Any = None) -> None:
            numbers = finish.of_channels(c, mask)
            place = builder.add(dst, builder.mul(c, _constant(4)))
            with _steps(builder, rows, 1) as row:
                finish.vectors(builder.add(place, builder.mul(row, dst_step)), numbers, mask=mask)

        whole = builder.and_(channels, _constant(-lanes))
        with _steps(builder, whole, lanes) as c:
            column(c)
        rest = builder.sub(channels, whole)
        with builder.if_then(builder.icmp_signed(">", rest, _constant(0))):
            column(whole, _mask(builder, rest, lanes))

    each_how(builder, tail, bias, one)


def _ask(builder, tail, dst, dst_step, rows, count):
    """ask(tail, dst, dst_step, rows, count): what is added to rows of `count` results will soon be read."""
    how = _load(builder, _plus(builder, tail, HOW), I64)
    with builder.if_then(builder.icmp_signed("!=", builder.and_(how, _constant(ADD)), _constant(0))):
        first = builder.add(dst, _load(builder, _plus(builder, tail, OTHER), I64))
        with _steps(builder, rows, 1) as row, _steps(builder, count, memory.LINE // 4) as i:
            place = builder.add(builder.add(first, builder.mul(row, dst_step)), builder.mul(i, _constant(4)))
            _prefetch(builder, place)


ask_step = emit._intrinsic(5, _ask)
rows_step = emit._intrinsic(6, _finish_rows)
lanes_step = emit._intrinsic(6, _finish_lanes)


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
