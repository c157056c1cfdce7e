"""Stores of sums that apply a tail on the way (see tail.py): `store_channels` and `store_positions` of rows.py.

Lanes are channels when the sums come, so that batch norm's numbers are vectors; what is added lies as the results do.
"""

from __future__ import annotations

from . import rows
from .emit import DOUBLE, FLOAT
from .launch import Kernel
from .tail import Finished

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
