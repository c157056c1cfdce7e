"""Pieces of the steps that are written as LLVM instructions, and what kernels written in Python call directly.

A step is a Numba intrinsic on addresses (int64), made once for a compute type, float32 or float64. The files of steps:

    tile.py      the register tile
    matrices.py  products of matrices as they lie in memory
    rows.py      rows and planes in and out, transposes
    planes.py    sums whose lanes are positions

A masked-off lane is neither read nor written, so rows may end anywhere. Vectors load and store at the alignment
of one byte: arrays of any strides are allowed, and the processors of the table do not mind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from .jit import cgutils, intrinsic, types

I1, I16, I32, I64 = ir.IntType(1), ir.IntType(16), ir.IntType(32), ir.IntType(64)
HALF, FLOAT, DOUBLE = ir.HalfType(), ir.FloatType(), ir.DoubleType()

# How an element is stored; NATIVE is the compute type itself.
NATIVE, FLOAT16, BFLOAT16 = 0, 1, 2


def _intrinsic(arguments: int, emit: Callable[..., Any]) -> Any:
    """A Numba intrinsic of so many int64 arguments and no result, whose body `emit(builder, *values)` writes."""

    def signature() -> Any:
        return types.void(*[types.int64] * arguments)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit(builder, *args)
        return context.get_dummy_value()

    names = [f"v{i}" for i in range(arguments)]
    scope: dict[str, Any] = {"signature": signature, "codegen": codegen}
    # Numba reads the number of arguments from the function itself.
    exec(f"def step(typing, {', '.join(names)}):\n    return signature(), codegen", scope)
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


# Vectors and their lanes


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


def _moving(builder: Any, first: Any, step: Any, count: int) -> tuple[list[Any], Callable[[list[Any], int], Any]]:
    """Addresses of `count` rows, three to a register: the processor adds a step once or twice by itself."""
    anchors = [builder.add(first, builder.mul(step, _constant(i))) for i in range(0, count, 3)]

    def row(now: list[Any], i: int) -> Any:
        return builder.add(now[i // 3], builder.mul(step, _constant(i % 3))) if i % 3 else now[i // 3]

    return anchors, row


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
