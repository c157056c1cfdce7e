"""The steps of depthwise_steps.py for images stored as 16-bit floats, computed in float32."""

from __future__ import annotations

from dataclasses import replace

from .depthwise_steps import KINDS, _correlate, _sweep
from .emit import BFLOAT16, FLOAT, FLOAT16
from .launch import Kernel

sweep_rows_f16 = _sweep(FLOAT, replace(KINDS["rows"], code=FLOAT16))
sweep_two_f16 = _sweep(FLOAT, replace(KINDS["two"], code=FLOAT16))
sweep_phases_f16 = _sweep(FLOAT, replace(KINDS["phases"], code=FLOAT16))
sweep_channels_f16 = _sweep(FLOAT, replace(KINDS["channels"], code=FLOAT16))
correlate_rows_f16 = _correlate(FLOAT, replace(KINDS["rows"], code=FLOAT16))
correlate_two_f16 = _correlate(FLOAT, replace(KINDS["two"], code=FLOAT16))
correlate_channels_f16 = _correlate(FLOAT, replace(KINDS["channels"], code=FLOAT16))
sweep_rows_bf16 = _sweep(FLOAT, replace(KINDS["rows"], code=BFLOAT16))
sweep_two_bf16 = _sweep(FLOAT, replace(KINDS["two"], code=BFLOAT16))
sweep_phases_bf16 = _sweep(FLOAT, replace(KINDS["phases"], code=BFLOAT16))
sweep_channels_bf16 = _sweep(FLOAT, replace(KINDS["channels"], code=BFLOAT16))
correlate_rows_bf16 = _correlate(FLOAT, replace(KINDS["rows"], code=BFLOAT16))
correlate_two_bf16 = _correlate(FLOAT, replace(KINDS["two"], code=BFLOAT16))
correlate_channels_bf16 = _correlate(FLOAT, replace(KINDS["channels"], code=BFLOAT16))


def _sweep_rows_f16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu):
    sweep_rows_f16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu)


def _sweep_two_f16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu):
    sweep_two_f16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu)


def _sweep_phases_f16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu):
    sweep_phases_f16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu)


def _sweep_channels_f16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu):
    sweep_channels_f16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu)


def _correlate_rows_f16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu):
    correlate_rows_f16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu)


def _correlate_two_f16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu):
    correlate_two_f16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu)


def _correlate_channels_f16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu):
    correlate_channels_f16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu)


def _sweep_rows_bf16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu):
    sweep_rows_bf16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu)


def _sweep_two_bf16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu):
    sweep_two_bf16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu)


def _sweep_phases_bf16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu):
    sweep_phases_bf16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu)


def _sweep_channels_bf16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu):
    sweep_channels_bf16(s, i, j, u, x, xu, z, p, iw, ow, w, wu, b, bu, y, yu)


def _correlate_rows_bf16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu):
    correlate_rows_bf16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu)


def _correlate_two_bf16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu):
    correlate_two_bf16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu)


def _correlate_channels_bf16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu):
    correlate_channels_bf16(s, i, j, u, x, xu, z, p, iw, ow, g, gu, t, tu)


# By how an element is stored.
HALVES = {
    FLOAT16: {
        "sweep_rows": Kernel(_sweep_rows_f16),
        "sweep_two": Kernel(_sweep_two_f16),
        "sweep_phases": Kernel(_sweep_phases_f16),
        "sweep_channels": Kernel(_sweep_channels_f16),
        "correlate_rows": Kernel(_correlate_rows_f16),
        "correlate_two": Kernel(_correlate_two_f16),
        "correlate_channels": Kernel(_correlate_channels_f16),
    },
    BFLOAT16: {
        "sweep_rows": Kernel(_sweep_rows_bf16),
        "sweep_two": Kernel(_sweep_two_bf16),
        "sweep_phases": Kernel(_sweep_phases_bf16),
        "sweep_channels": Kernel(_sweep_channels_bf16),
        "correlate_rows": Kernel(_correlate_rows_bf16),
        "correlate_two": Kernel(_correlate_two_bf16),
        "correlate_channels": Kernel(_correlate_channels_bf16),
    },
}
