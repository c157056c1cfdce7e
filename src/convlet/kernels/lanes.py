"""Formulas over the lanes of vectors, and kernels that apply one to every element of some arrays.

A formula is a Python function of :class:`Lanes`, one for each array that it reads, and of `numbers`, which are the
same for all elements:

    saxpy = Formula("saxpy", lambda numbers, x, y: [numbers[0] * x + y], reads=(0, 1), writes=(1,))

It runs once, when the kernel is compiled, and writes LLVM instructions. What its operators compute has the bits of the
same NumPy expression, because nothing is contracted or reordered. All elements of a vector are read before any is
written, so a result may stand in the place of an operand. Vectors are masked at the end of an array.
"""

from __future__ import annotations

import math
import types as python
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from ..runtime import memory, threads
from . import emit, launch, target
from .emit import load_i64
from .launch import Kernel, frame_reader, next_task
from .series import EXP, EXP2, LOG

PLACES = 5  # arrays that a formula reads and writes at most
UNROLL = 4  # vectors at a time: their operations are independent, so that the units of the processor stay busy
# Elements of a task: small enough for workers to end together, large enough to hide the ticket (under 0.1 us).
TASK = 1 << 15
ELEMENT = 4

# A row of the table that a kernel walks: one array of each place, `count` elements long, whose tasks begin at `first`.
_row = np.dtype([(name, np.int64) for name in ("first", "count", "numbers", *[f"p{i}" for i in range(PLACES)])])
ROW = _row.itemsize
_NONE = (0,) * PLACES
row_at = frame_reader(_row)


# Added to a small number it leaves its nearest integer in the lowest bits.
_INTEGERS = 1.5 * 2.0**23
_INTEGERS_BITS = int(np.float32(_INTEGERS).view(np.int32))
_LOG2 = 0.693359375, -2.12194440e-4  # log 2 as the sum of two, the first of few digits


class Lanes:
    """The values of a vector while instructions are written: operators write one."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def of(self, other: Any) -> Any:
        """Another operand as the same kind of vector: a number stands in every lane."""
        if isinstance(other, Lanes):
            return other.value
        return ir.Constant(self.value.type, [other] * self.value.type.count)

    def _with(self, instruction: str, *others: Any) -> Lanes:
        return Lanes(self.builder, getattr(self.builder, instruction)(self.value, *map(self.of, others)))

    def __add__(self, other: Any) -> Lanes:
        return self._with("fadd", other)

    def __sub__(self, other: Any) -> Lanes:
        return self._with("fsub", other)

    def __mul__(self, other: Any) -> Lanes:
        return self._with("fmul", other)

    def __truediv__(self, other: Any) -> Lanes:
        return self._with("fdiv", other)

    def __radd__(self, other: Any) -> Lanes:
        return Lanes(self.builder, self.of(other)) + self

    def __rsub__(self, other: Any) -> Lanes:
        return Lanes(self.builder, self.of(other)) - self

    def __rmul__(self, other: Any) -> Lanes:
        return Lanes(self.builder, self.of(other)) * self

    def __rtruediv__(self, other: Any) -> Lanes:
        return Lanes(self.builder, self.of(other)) / self

    def __neg__(self) -> Lanes:
        return self._with("fneg")

    def _compare(self, sign: str, other: Any, ordered: bool = True) -> Lanes:
        compare = self.builder.fcmp_ordered if ordered else self.builder.fcmp_unordered
        return Lanes(self.builder, compare(sign, self.value, self.of(other)))

    def __lt__(self, other: Any) -> Lanes:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Lanes:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Lanes:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Lanes:
        return self._compare(">=", other)

    def differs(self, other: Any) -> Lanes:
        """Where this is not the other; NaN differs from everything."""
        return self._compare("!=", other, ordered=False)

    def __or__(self, other: Lanes) -> Lanes:
        return self._with("or_", other)

    def __and__(self, other: Lanes) -> Lanes:
        return self._with("and_", other)

    def choose(self, yes: Any, no: Any) -> Lanes:
        """Where this (of truths) holds `yes`, elsewhere `no`; one of them are lanes."""
        like = yes if isinstance(yes, Lanes) else no
        return Lanes(self.builder, self.builder.select(self.value, like.of(yes), like.of(no)))

    def call(self, name: str, *others: Any) -> Lanes:
        """LLVM's function of this name for vectors."""
        kind = self.value.type
        operands = [self.value, *map(self.of, others)]
        function = emit._function(
            self.builder, f"llvm.{name}.{emit._vector_name(kind)}", kind, [kind] * len(operands)
        )
        return Lanes(self.builder, self.builder.call(function, operands))

    def times_plus(self, factor: Any, addend: Any) -> Lanes:
        """self * factor + addend, rounded once where the processor can."""
        return self.call("fmuladd", factor, addend)

    def polynomial(self, coefficients: Sequence[float]) -> Lanes:
        """Horner's rule, highest power first."""
        result = Lanes(self.builder, self.of(coefficients[0]))
        for each in coefficients[1:]:
            result = result.times_plus(self, each)
        return result

    def abs(self) -> Lanes:
        """Without its sign."""
        return self.call("fabs")

    def _scaled(self, moved: Lanes) -> Lanes:
        """This (around 1) times two to an integral power, rounded once: the power plus _INTEGERS is given."""
        builder, kind = self.builder, self.value.type
        if kind.count * ELEMENT == 64:
            name, i16 = "llvm.x86.avx512.mask.scalef.ps.512", emit.I16
            function = emit._function(builder, name, kind, [kind, kind, kind, i16, emit.I32])
            every, as_set = ir.Constant(i16, -1), ir.Constant(emit.I32, 4)
            power = moved - _INTEGERS
            return Lanes(builder, builder.call(function, [self.value, power.value, self.value, every, as_set]))
        integers = ir.VectorType(emit.I32, kind.count)

        def number(value: int) -> Any:
            return ir.Constant(integers, [value] * kind.count)

        whole = builder.sub(builder.bitcast(moved.value, integers), number(_INTEGERS_BITS))
        half = builder.ashr(whole, number(1))
        result = self
        # In two steps, because 2^k may be no float32 where the result is one.
        for power in (half, builder.sub(whole, half)):
            bits = builder.shl(builder.add(power, number(127)), number(23))
            result = result * Lanes(builder, builder.bitcast(bits, kind))
        return result

    def exp(self) -> Lanes:
        """e to this power, to two units in the last place: 2^k exp(r) where k is the nearest integer to x / log 2."""
        x = (self < -110).choose(-110, self)
        x = (x > 100).choose(100, x)
        moved = x.times_plus(1 / math.log(2), _INTEGERS)
        k = moved - _INTEGERS
        r = k.times_plus(-_LOG2[1], k.times_plus(-_LOG2[0], x))
        return ((r * r).times_plus(r.polynomial(EXP), r) + 1)._scaled(moved)

    def exp2(self) -> Lanes:
        """2 to this power, which is no less than -250, to two units in the last place."""
        moved = self + _INTEGERS
        return (self - (moved - _INTEGERS)).polynomial(EXP2)._scaled(moved)

    def expm1(self) -> Lanes:
        """e to this power, less 1: exact near 0, too."""
        near = (self * self).times_plus(self.polynomial(EXP), self)
        return (self.abs() < math.log(2) / 2).choose(near, self.exp() - 1)

    def log(self) -> Lanes:
        """The natural logarithm of normal numbers, NaN of NaN: m 2^k with m around 1 (Cephes' logf)."""
        builder, count = self.builder, self.value.type.count
        integers = ir.VectorType(emit.I32, count)

        def number(value: int) -> Any:
            return ir.Constant(integers, [value] * count)

        bits = builder.bitcast(self.value, integers)
        k = Lanes(builder, builder.sitofp(builder.sub(builder.lshr(bits, number(23)), number(127)), self.value.type))
        fraction = builder.or_(builder.and_(bits, number(0x7FFFFF)), number(0x3F800000))
        m = Lanes(builder, builder.bitcast(fraction, self.value.type))
        high = m > math.sqrt(2)
        k, r = k + high.choose(1, k * 0), high.choose(m * 0.5, m) - 1
        square = r * r
        rest = r * square * r.polynomial(LOG) + k * _LOG2[1] - square * 0.5
        return self.differs(self).choose(self, r + rest + k * _LOG2[0])

    def log1p(self) -> Lanes:
        """The logarithm of 1 + this, for 0 <= this <= 1: what rounding 1 + this leaves is added."""
        moved = self + 1
        return moved.log() + (self - (moved - 1)) / moved

    def sqrt(self) -> Lanes:
        """The square root, rounded once."""
        return self.call("sqrt")


class Formula:
    """A formula and its kernel: see the top of the file.

    ``compute(numbers, *lanes)`` gets the lanes of the arrays that it ``reads`` and returns those that it ``writes``;
    both are places of arrays, and so are those that will be read ``soon``, which come to the cache. `numbers` are as
    many float32 numbers. The object is a module-level name of the file whose content decides whether the kernel is
    compiled again.
    """

    def __init__(
        self,
        name: str,
        compute: Callable[..., Sequence[Lanes]],
        reads: Sequence[int],
        writes: Sequence[int],
        numbers: int = 0,
        soon: Sequence[int] = (),
    ) -> None:
        self.compute, self.reads, self.writes, self.numbers, self.soon = compute, reads, writes, numbers, soon
        # The step alone, for kernels of their own: step(count, address of the numbers, address of each place).
        self.step = step = emit._intrinsic(2 + PLACES, self._emit)
        # Numba's cache knows functions by their file and name, and intrinsics by the global name that they have there.
        code = _walk.__code__.replace(co_name=name, co_filename=compute.__code__.co_filename)
        function = python.FunctionType(code, {**globals(), "step": step}, name)
        function.__qualname__ = name
        self.kernel = Kernel(function)

    def _emit(self, builder: Any, count: Any, numbers: Any, *places: Any) -> None:
        lanes = target.current().lanes(ELEMENT)
        vector = ir.VectorType(emit.FLOAT, lanes)
        same = []
        for i in range(self.numbers):
            number = emit._load(builder, emit._plus(builder, numbers, ELEMENT * i), emit.FLOAT)
            same.append(Lanes(builder, emit._splat(builder, number, lanes)))

        def vectors(offset: Any, many: int, mask: Any) -> None:
            offsets = [emit._plus(builder, offset, i * lanes * ELEMENT) for i in range(many)]
            for place in self.soon:
                for line in range(0, many * lanes * ELEMENT, memory.LINE):
                    emit._prefetch(builder, builder.add(places[place], emit._plus(builder, offset, line)))
            found = []
            for at in offsets:
                addresses = [builder.add(places[place], at) for place in self.reads]
                if mask is None:
                    values = [emit._load(builder, each, vector) for each in addresses]
                else:
                    values = [emit._load_masked(builder, each, vector, mask) for each in addresses]
                found.append([Lanes(builder, value) for value in values])
            for at, values in zip(offsets, found):
                for place, result in zip(self.writes, self.compute(same, *values)):
                    address = builder.add(places[place], at)
                    if mask is None:
                        emit._store(builder, result.value, address)
                    else:
                        emit._store_masked(builder, result.value, address, mask)

        block = UNROLL * lanes
        whole = builder.and_(count, emit._constant(-block))
        with emit._steps(builder, whole, block) as first:
            vectors(builder.mul(first, emit._constant(ELEMENT)), UNROLL, None)
        rest = builder.sub(count, whole)
        with emit._steps(builder, rest, lanes) as first:
            mask = emit._mask(builder, builder.sub(rest, first), lanes)
            vectors(builder.mul(builder.add(whole, first), emit._constant(ELEMENT)), 1, mask)

    def run(self, rows: Sequence[tuple[int, int, Sequence[int]]]) -> None:
        """Applies it to arrays, a row of the table each: (elements, address of the numbers, address of each place)."""
        table, first = array("q"), 0
        for count, numbers, places in rows:
            table.extend((first, count, numbers, *places, *_NONE[len(places) :]))
            first += -(-count // TASK)
        table.extend((first, 0, 0, *_NONE))
        workers = min(threads.get_num_threads(), first) if first > 1 else 1
        launch.launch(self.kernel.address, table.buffer_info()[0], first, 0, 0, 0, 0, workers)


def _walk(frame, tasks, b, bias, out, scratch, worker):
    """Takes tasks and finds their rows, which mostly come in order."""
    at = frame
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        if task < load_i64(at):
            at = frame
        while task >= load_i64(at + ROW):  # where the next row begins
            at += ROW
        f = row_at(at)
        start = (task - f.first) * TASK
        step(  # noqa: F821  a global of each kernel
            min(TASK, f.count - start),
            f.numbers,
            f.p0 + start * ELEMENT,
            f.p1 + start * ELEMENT,
            f.p2 + start * ELEMENT,
            f.p3 + start * ELEMENT,
            f.p4 + start * ELEMENT,
        )
