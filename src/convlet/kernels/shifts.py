"""The emitted step that adds the products of a row with each tap of a kernel to the rows where they belong."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from . import target
from .emit import DOUBLE, FLOAT, I32, I64, _constant, _intrinsic, _load, _load_masked, _size, _splat, _steps, _store
from .launch import Kernel

# Bytes of an entry of the table of taps: the bytes to its products, and by how many columns they are shifted.
TAP = 16


def _shifted(compute: Any) -> Any:
    """shifted(dst, dst_o, dst_u, outputs, rows, count, src, src_o, src_u, length, taps, table)

    dst[o][u][i] += src[o][u][tap][i - shift of the tap] over all taps with 0 <= i - shift < length, for i < count

    and the rest of the last vector. Elements beyond a row of src are not read.
    """

    def emit(builder, dst, dst_o, dst_u, outputs, rows, count, src, src_o, src_u, length, taps, table):
        element = _size(compute)
        lanes = target.current().lanes(element)
        vector = ir.VectorType(compute, lanes)
        lane = ir.Constant(ir.VectorType(I32, lanes), list(range(lanes)))
        limit = _splat(builder, builder.trunc(length, I32), lanes)
        with _steps(builder, outputs, 1) as o, _steps(builder, rows, 1) as u:
            to = builder.add(builder.add(dst, builder.mul(o, dst_o)), builder.mul(u, dst_u))
            row = builder.add(builder.add(src, builder.mul(o, src_o)), builder.mul(u, src_u))
            with _steps(builder, count, lanes) as i:
                place = builder.add(to, builder.mul(i, _constant(element)))
                entry = builder.block
                body = builder.append_basic_block("taps")
                done = builder.append_basic_block("taps_end")
                before = _load(builder, place, vector)
                builder.branch(body)

                builder.position_at_end(body)
                j, total = builder.phi(I64), builder.phi(vector)
                j.add_incoming(_constant(0), entry)
                total.add_incoming(before, entry)
                tap = builder.add(table, builder.mul(j, _constant(TAP)))
                at = builder.sub(i, _load(builder, builder.add(tap, _constant(8)), I64))
                columns = builder.add(_splat(builder, builder.trunc(at, I32), lanes), lane)
                inside = builder.icmp_unsigned("<", columns, limit)
                at = builder.add(builder.mul(at, _constant(element)), _load(builder, tap, I64))
                summed = builder.fadd(total, _load_masked(builder, builder.add(row, at), vector, inside))
                following = builder.add(j, _constant(1))
                j.add_incoming(following, body)
                total.add_incoming(summed, body)
                builder.cbranch(builder.icmp_signed("<", following, taps), body, done)

                builder.position_at_end(done)
                _store(builder, summed, place)

    return _intrinsic(12, emit)


shifted_f32, shifted_f64 = _shifted(FLOAT), _shifted(DOUBLE)


def _shifted_f32(dst, dst_o, dst_u, outputs, rows, count, src, src_o, src_u, length, taps, table):
    shifted_f32(dst, dst_o, dst_u, outputs, rows, count, src, src_o, src_u, length, taps, table)


def _shifted_f64(dst, dst_o, dst_u, outputs, rows, count, src, src_o, src_u, length, taps, table):
    shifted_f64(dst, dst_o, dst_u, outputs, rows, count, src, src_o, src_u, length, taps, table)


# By bytes of an element.
STEPS = {4: {"shifted": Kernel(_shifted_f32)}, 8: {"shifted": Kernel(_shifted_f64)}}
