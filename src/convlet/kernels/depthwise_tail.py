"""Sweeps of depthwise_steps.py that apply a tail to the rows they hold in registers (see tail.py), in float32.

They have one argument more, the address of the tail, and their bias is always there.
"""

from __future__ import annotations

from .depthwise_steps import KINDS, _sweep
from .emit import FLOAT
from .launch import Kernel
from .tail import Finished

sweep_rows, sweep_rows_half = _sweep(FLOAT, KINDS["rows"], Finished), _sweep(FLOAT, KINDS["rows_half"], Finished)
sweep_two, sweep_two_half = _sweep(FLOAT, KINDS["two"], Finished), _sweep(FLOAT, KINDS["two_half"], Finished)
sweep_channels = _sweep(FLOAT, KINDS["channels"], Finished)


def _sweep_rows(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail):
    sweep_rows(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail)


def _sweep_rows_half(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail):
    sweep_rows_half(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail)


def _sweep_two(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail):
    sweep_two(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail)


def _sweep_two_half(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail):
    sweep_two_half(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail)


def _sweep_channels(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail):
    sweep_channels(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu, tail)


STEPS = {
    "sweep_rows": Kernel(_sweep_rows),
    "sweep_rows_half": Kernel(_sweep_rows_half),
    "sweep_two": Kernel(_sweep_two),
    "sweep_two_half": Kernel(_sweep_two_half),
    "sweep_channels": Kernel(_sweep_channels),
}
