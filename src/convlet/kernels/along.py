"""Computations along an axis, whose results depend on sums or maxima over it: softmax, layer norm, sums.

    softmax = Along("softmax", [
        Stage(lambda n, t, x: ([x], []), reads=(0,), start=(-inf,), join=larger),           t = [largest]
        Stage(lambda n, t, x: ..., reads=(0,), writes=(1,), start=(0.0,)),                   t = [largest, sum]
        Stage(...)])

A computation is a few stages, each of which passes over all elements along the axis: it gives terms, which are joined
to the totals that later stages get, and may write. Where the axis lies last in memory, a row of it is passed over
vector by vector, and the totals of the lanes are joined in the end; where something lies behind it, that is what the
lanes are, a block of them at a time. Both are written from the same stages, into one kernel each.

The order of a sum depends on the length of the axis only. Terms are first joined in blocks, so that their rounding
errors do not add up.
"""

from __future__ import annotations

import types as python
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from ..runtime import memory, threads
from . import emit, launch, target
from .elements import TASK
from .jit import cgutils
from .lanes import ELEMENT, UNROLL, Lanes
from .launch import Kernel, frame_reader, next_task

# Places: arrays of elements; factors, which have one element each along the axis; and one number for each row.
ARRAYS, FACTORS, EACH = (0, 1, 2), (3, 4), (5, 6, 7)
PLACES = [f"p{i}" for i in (*ARRAYS, *FACTORS, *EACH)]
BLOCK = 64  # terms joined one after the other before their total is

_NAMES = ("rows", "count", "inner", "wide", "share", "moves", "numbers", *PLACES)
_frame = np.dtype([(name, np.int64) for name in _NAMES])
frame_at = frame_reader(_frame)


def plus(a: Lanes, b: Lanes) -> Lanes:
    """The sum."""
    return a + b


def larger(a: Lanes, b: Lanes) -> Lanes:
    """The larger one, NaN where one is."""
    return ((b > a) | b.differs(b)).choose(b, a)


class Stage(NamedTuple):
    """A pass over the axis: ``compute(numbers, totals, *lanes)`` gives terms and what to write.

    A term for each number of ``start``, with which its total begins. ``reads`` and ``writes`` are places of arrays and
    factors.
    """

    compute: Callable[..., tuple[Sequence[Lanes], Sequence[Lanes]]]
    reads: Sequence[int]
    writes: Sequence[int] = ()
    start: Sequence[float] = ()
    join: Callable[[Lanes, Lanes], Lanes] = plus


class Along:
    """A computation and its kernels: see the top of the file.

    The first totals are the numbers of each row in the places ``given``. ``kept`` says which totals are written to
    which places of that kind. The object is a module-level name, as a Formula is.
    """

    def __init__(
        self,
        name: str,
        stages: Sequence[Stage],
        numbers: int = 0,
        given: Sequence[int] = (),
        kept: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.stages, self.numbers, self.given, self.kept = stages, numbers, given, kept
        file = stages[0].compute.__code__.co_filename
        self.row = emit._intrinsic(2 + len(PLACES), self._emit_row)
        self.block = emit._intrinsic(4 + len(PLACES), self._emit_block)
        self.rows = _kernel(_rows, f"{name}_rows", file, {"row": self.row})
        self.columns = _kernel(_columns, f"{name}_columns", file, {"block": self.block})

    # What is written for a row: lanes along the axis

    def _emit_row(self, builder: Any, count: Any, numbers: Any, *places: Any) -> None:
        lanes = target.current().lanes(ELEMENT)
        vector = ir.VectorType(emit.FLOAT, lanes)
        same = [self._broadcast(builder, numbers, i, lanes) for i in range(self.numbers)]
        totals = [self._broadcast(builder, places[place], 0, lanes) for place in self.given]
        step = UNROLL * lanes
        whole = builder.and_(count, emit._constant(-step))
        for stage in self.stages:
            found = [cgutils.alloca_once_value(builder, _all(vector, start)) for start in stage.start]
            parts = [[cgutils.alloca_once(builder, vector) for _ in stage.start] for _ in range(UNROLL)]

            def vectors(
                at: Any, many: int, mask: Any, into: Any, stage: Stage = stage, totals: Any = tuple(totals)
            ) -> None:
                for i in range(many):
                    offset = emit._plus(builder, at, i * lanes * ELEMENT)
                    read = [_read(builder, builder.add(places[place], offset), vector, mask) for place in stage.reads]
                    terms, written = stage.compute(same, totals, *read)
                    for place, value in zip(stage.writes, written):
                        _write(builder, value, builder.add(places[place], offset), mask)
                    for total, term, start in zip(into[i], terms, stage.start):
                        if mask is not None:
                            term = Lanes(builder, builder.select(mask, term.value, _all(vector, start)))
                        joined = stage.join(Lanes(builder, builder.load(total)), term)
                        builder.store(joined.value, total)

            with emit._steps(builder, whole, step * BLOCK) as first:
                _fill(builder, vector, parts, stage.start)
                rest = builder.sub(whole, first)
                block = emit._constant(step * BLOCK)
                block = builder.select(builder.icmp_signed("<", rest, block), rest, block)
                with emit._steps(builder, block, step) as second:
                    vectors(builder.mul(builder.add(first, second), emit._constant(ELEMENT)), UNROLL, None, parts)
                for i, total in enumerate(found):
                    joined = Lanes(builder, builder.load(total))
                    for part in parts:
                        joined = stage.join(joined, Lanes(builder, builder.load(part[i])))
                    builder.store(joined.value, total)
            rest = builder.sub(count, whole)
            with emit._steps(builder, rest, lanes) as first:
                mask = emit._mask(builder, builder.sub(rest, first), lanes)
                vectors(builder.mul(builder.add(whole, first), emit._constant(ELEMENT)), 1, mask, [found])
            totals += [_across(builder, builder.load(total), stage.join) for total in found]
        for index, place in self.kept:
            one = builder.extract_element(totals[index].value, ir.Constant(emit.I32, 0))
            emit._store(builder, one, places[place])

    # What is written for a block: lanes behind the axis, whose elements are `step` bytes apart

    def _emit_block(self, builder: Any, count: Any, step: Any, valid: Any, numbers: Any, *places: Any) -> None:
        lanes = target.current().lanes(ELEMENT)
        full = builder.icmp_signed("==", valid, emit._constant(UNROLL * lanes))
        with builder.if_else(full) as (all_valid, some_valid):
            with all_valid:
                self._emit_vectors(builder, count, step, [None] * UNROLL, numbers, places)
            with some_valid, emit._steps(builder, valid, lanes) as first:
                mask = emit._mask(builder, builder.sub(valid, first), lanes)
                offset = builder.mul(first, emit._constant(ELEMENT))
                moved = [place if i in FACTORS else builder.add(place, offset) for i, place in enumerate(places)]
                self._emit_vectors(builder, count, step, [mask], numbers, moved)

    def _emit_vectors(
        self, builder: Any, count: Any, step: Any, masks: Sequence[Any], numbers: Any, places: Sequence[Any]
    ) -> None:
        lanes = target.current().lanes(ELEMENT)
        vector, many = ir.VectorType(emit.FLOAT, lanes), range(len(masks))
        same = [self._broadcast(builder, numbers, i, lanes) for i in range(self.numbers)]
        sides = [i * lanes * ELEMENT for i in many]
        totals = [
            [_read(builder, emit._plus(builder, places[place], side), vector, mask) for place in self.given]
            for side, mask in zip(sides, masks)
        ]
        for stage in self.stages:
            found = [[cgutils.alloca_once(builder, vector) for _ in stage.start] for _ in many]
            parts = [[cgutils.alloca_once(builder, vector) for _ in stage.start] for _ in many]
            _fill(builder, vector, found, stage.start)
            with emit._steps(builder, count, BLOCK) as first:
                _fill(builder, vector, parts, stage.start)
                rest = builder.sub(count, first)
                block = emit._constant(BLOCK)
                block = builder.select(builder.icmp_signed("<", rest, block), rest, block)
                with emit._steps(builder, block, 1) as second:
                    element = builder.add(first, second)
                    at = builder.mul(element, step)
                    beside = builder.mul(element, emit._constant(ELEMENT))
                    for i, side, mask in zip(many, sides, masks):
                        read = []
                        for place in stage.reads:
                            if place in FACTORS:
                                address = builder.add(places[place], beside)
                                read.append(self._broadcast(builder, address, 0, lanes))
                            else:
                                address = builder.add(places[place], emit._plus(builder, at, side))
                                read.append(_read(builder, address, vector, mask))
                        terms, written = stage.compute(same, totals[i], *read)
                        for place, value in zip(stage.writes, written):
                            _write(builder, value, builder.add(places[place], emit._plus(builder, at, side)), mask)
                        for total, term in zip(parts[i], terms):
                            joined = stage.join(Lanes(builder, builder.load(total)), term)
                            builder.store(joined.value, total)
                for of, part in zip(found, parts):
                    for total, each in zip(of, part):
                        joined = stage.join(*[Lanes(builder, builder.load(one)) for one in (total, each)])
                        builder.store(joined.value, total)
            for i in many:
                totals[i] += [Lanes(builder, builder.load(total)) for total in found[i]]
        for i, side, mask in zip(many, sides, masks):
            for index, place in self.kept:
                _write(builder, totals[i][index], emit._plus(builder, places[place], side), mask)

    @staticmethod
    def _broadcast(builder: Any, address: Any, index: int, lanes: int) -> Lanes:
        number = emit._load(builder, emit._plus(builder, address, ELEMENT * index), emit.FLOAT)
        return Lanes(builder, emit._splat(builder, number, lanes))

    # Running it

    def run(
        self,
        shape: tuple[int, int, int],
        places: dict[int, np.ndarray],
        numbers: Sequence[float] = (),
        moves: bool = False,
    ) -> None:
        """Applies it along the middle axis of contiguous float32 arrays[outer, count, inner].

        The factors are [count], or [outer, count] if each `outer` has its own (``moves``); the others [outer, inner].
        """
        outer, count, inner = shape
        wide = UNROLL * target.current().lanes(ELEMENT)
        given = np.array(numbers, np.float32)
        addresses = [memory.address(places[i]) if i in places else 0 for i in range(len(PLACES))]
        if inner == 1:
            share = max(1, TASK // max(1, count))  # rows of a task
            kernel, rows, tasks = self.rows, outer, -(-outer // share)
        else:
            blocks = -(-inner // wide)
            share = min(blocks, max(1, TASK * blocks // max(1, count * inner)))  # blocks of a task
            kernel, rows, tasks = self.columns, outer, outer * -(-blocks // share)
        sizes = rows, count, inner, wide, share, count if moves else 0
        frame = np.array([*sizes, memory.address(given), *addresses], np.int64)
        workers = max(1, min(threads.get_num_threads(), tasks))
        launch.launch(kernel.address, memory.address(frame), tasks, 0, 0, 0, 0, workers)


def _all(vector: Any, number: float) -> Any:
    return ir.Constant(vector, [number] * vector.count)


def _fill(builder: Any, vector: Any, totals: Sequence[Sequence[Any]], start: Sequence[float]) -> None:
    for each in totals:
        for total, number in zip(each, start):
            builder.store(_all(vector, number), total)


def _read(builder: Any, address: Any, vector: Any, mask: Any) -> Lanes:
    if mask is None:
        return Lanes(builder, emit._load(builder, address, vector))
    return Lanes(builder, emit._load_masked(builder, address, vector, mask))


def _write(builder: Any, value: Lanes, address: Any, mask: Any) -> None:
    if mask is None:
        emit._store(builder, value.value, address)
    else:
        emit._store_masked(builder, value.value, address, mask)


def _across(builder: Any, value: Any, join: Callable[[Lanes, Lanes], Lanes]) -> Lanes:
    """The lanes joined, in every lane."""
    lanes = value.type.count
    half = lanes // 2
    while half:
        order = ir.Constant(ir.VectorType(emit.I32, lanes), [lane ^ half for lane in range(lanes)])
        value = join(Lanes(builder, value), Lanes(builder, builder.shuffle_vector(value, value, order))).value
        half //= 2
    return Lanes(builder, value)


def _kernel(function: Callable[..., None], name: str, file: str, names: dict[str, Any]) -> Kernel:
    """A kernel of its own made of a function: Numba's cache knows functions by their file and name."""
    code = function.__code__.replace(co_name=name, co_filename=file)
    new = python.FunctionType(code, {**globals(), **names}, name)
    new.__qualname__ = name
    return Kernel(new)


def _rows(frame, tasks, b, bias, out, scratch, worker):
    """A task is a few rows."""
    f = frame_at(frame)
    size = ELEMENT * f.count
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for i in range(task * f.share, min((task + 1) * f.share, f.rows)):
            at, along, each = i * size, i * ELEMENT * f.moves, i * ELEMENT
            row(  # noqa: F821  a global of each kernel
                f.count, f.numbers, f.p0 + at, f.p1 + at, f.p2 + at, f.p3 + along, f.p4 + along,
                f.p5 + each, f.p6 + each, f.p7 + each,
            )  # fmt: skip


def _columns(frame, tasks, b, bias, out, scratch, worker):
    """A task is a few blocks of what lies behind the axis."""
    f = frame_at(frame)
    wide = f.wide
    blocks = -(-f.inner // wide)
    shares = -(-blocks // f.share)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        i, first = task // shares, task % shares * f.share
        for each in range(first, min(first + f.share, blocks)):
            at = ELEMENT * (i * f.count * f.inner + each * wide)
            one = ELEMENT * (i * f.inner + each * wide)
            along = ELEMENT * i * f.moves
            valid = min(wide, f.inner - each * wide)
            block(  # noqa: F821
                f.count, ELEMENT * f.inner, valid, f.numbers,
                f.p0 + at, f.p1 + at, f.p2 + at, f.p3 + along, f.p4 + along, f.p5 + one, f.p6 + one, f.p7 + one,
            )  # fmt: skip
