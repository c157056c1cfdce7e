"""Stores of sums that apply a tail on the way (see tail.py): `store_channels` and `store_positions` of rows.py.

Lanes are channels when the sums come, so that batch norm's numbers are vectors; what is added lies as the results do.
Where sums are stored in 16 bits, or of float64, a tail is but a clamp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from . import rows, tail
from .emit import (
    DOUBLE,
    FLOAT,
    I64,
    NATIVE,
    _constant,
    _load,
    _load_masked,
    _narrow,
    _plus,
    _splat,
    _widen,
)
from .lanes import Lanes
from .launch import Kernel
from .tail import ADD, HOW, MEAN, NORM, OTHER, SCALE, SHIFT


class Finished(rows.AsTheyAre):
    """Sums with a tail behind them. What it has of it is asked while it runs, once for many vectors."""

    def __init__(self, builder: Any, storage: int, compute: Any, lanes: int, address: Any) -> None:
        self.builder, self.storage, self.compute = builder, storage, compute
        self.vector = ir.VectorType(compute, lanes)
        how = _load(builder, _plus(builder, address, HOW), I64)
        self.address = address

        def has(which: int) -> Any:
            return builder.icmp_signed("!=", builder.and_(how, _constant(which)), _constant(0))

        # A bound of NaN is none.
        nan = ir.Constant(compute, float("nan"))
        self.bounds = [
            (sign, _splat(builder, builder.select(has(which), ir.Constant(compute, number), nan), lanes))
            for which, sign, number in tail.BOUNDS
        ]
        self.whole = compute == FLOAT and storage == NATIVE
        if self.whole:
            self.norm, self.add = has(NORM), has(ADD)
            self.other = _load(builder, _plus(builder, address, OTHER), I64)

    def of_channels(self, bias: Any, mask: Any) -> list[Any]:
        """Batch norm's numbers of the channels whose biases begin at an address; any if there is none."""
        if not self.whole:
            return []
        builder = self.builder
        at = builder.sub(bias, _load(builder, self.address, I64))
        mask = builder.and_(mask, _splat(builder, self.norm, self.vector.count))
        arrays = [_load(builder, _plus(builder, self.address, place), I64) for place in (MEAN, SCALE, SHIFT)]
        return [_load_masked(builder, builder.add(array, at), self.vector, mask) for array in arrays]

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

    def sums(self, values: list[Any], numbers: list[Any]) -> list[Any]:
        if not self.whole:
            return values
        mean, scale, shift = (Lanes(self.builder, each) for each in numbers)
        return self._where(
            self.norm, values, lambda: [((Lanes(self.builder, each) - mean) * scale + shift).value for each in values]
        )

    def results(self, values: list[Any], places: list[Any], mask: Any = None) -> list[Any]:
        builder = self.builder
        if self.whole:

            def other(place: Any) -> Any:
                at = builder.add(place, self.other)
                return _load(builder, at, self.vector) if mask is None else _load_masked(builder, at, self.vector, mask)

            values = self._where(
                self.add, values, lambda: [builder.fadd(value, other(at)) for value, at in zip(values, places)]
            )
        else:  # rounded as it is stored, so that what is clamped is what a clamp of its own would see
            values = [
                _widen(builder, _narrow(builder, each, self.storage), self.storage, self.compute) for each in values
            ]
        for sign, bound in self.bounds:
            values = [builder.select(builder.fcmp_ordered(sign, bound, each), bound, each) for each in values]
        return values


channels_f32, channels_f64 = rows._store_channels(FLOAT, Finished), rows._store_channels(DOUBLE, Finished)
positions_f32, positions_f64 = rows._store_positions(FLOAT, Finished), rows._store_positions(DOUBLE, Finished)


def _channels_f32(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail):
    channels_f32(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail)


def _channels_f64(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail):
    channels_f64(dst, dst_step, src, src_step, rows, channels, step, code, bias, tail)


def _positions_f32(dst, dst_step, src, src_step, rows, channels, code, bias, tail):
    positions_f32(dst, dst_step, src, src_step, rows, channels, code, bias, tail)


def _positions_f64(dst, dst_step, src, src_step, rows, channels, code, bias, tail):
    positions_f64(dst, dst_step, src, src_step, rows, channels, code, bias, tail)


# By bytes of an element.
STEPS = {
    4: {"store_channels": Kernel(_channels_f32), "store_positions": Kernel(_positions_f32)},
    8: {"store_channels": Kernel(_channels_f64), "store_positions": Kernel(_positions_f64)},
}
