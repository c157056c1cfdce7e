"""The emitted steps, each compiled once for float32 and once for float64, and called by address from every kernel."""

from __future__ import annotations

from . import emit, rows
from .launch import Kernel

# Numba's cache recognises an intrinsic by the module-level name that a function uses.
tile_f32, tile_f64 = emit.tile_f32, emit.tile_f64
narrow_f32, narrow_f64 = emit.narrow_f32, emit.narrow_f64
panel_f32, panel_f64 = emit.panel_f32, emit.panel_f64
dots_f32, dots_f64 = emit.dots_f32, emit.dots_f64
transpose_f32, transpose_f64 = emit.transpose_f32, emit.transpose_f64
gather_f32, gather_f64 = emit.gather_f32, emit.gather_f64
scatter_f32, scatter_f64 = emit.scatter_f32, emit.scatter_f64
accumulate_f32, accumulate_f64 = emit.accumulate_f32, emit.accumulate_f64
columns_f32, columns_f64 = emit.columns_f32, emit.columns_f64
correlate_f32, correlate_f64 = emit.correlate_f32, emit.correlate_f64


def _tile_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first):
    tile_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first)


def _tile_f64(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first):
    tile_f64(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first)


def _narrow_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first):
    narrow_f32(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first)


def _narrow_f64(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first):
    narrow_f64(m, nr, k, a, a_offsets, b, b_offsets, c, c_step, first)


def _panel_f32(m, nr, k, a, a_row, a_step, b, b_step, c, c_row, start, start_step):
    panel_f32(m, nr, k, a, a_row, a_step, b, b_step, c, c_row, start, start_step)


def _panel_f64(m, nr, k, a, a_row, a_step, b, b_step, c, c_row, start, start_step):
    panel_f64(m, nr, k, a, a_row, a_step, b, b_step, c, c_row, start, start_step)


def _dots_f32(m, nr, k, a, a_row, b, b_row, c, c_column, start):
    dots_f32(m, nr, k, a, a_row, b, b_row, c, c_column, start)


def _dots_f64(m, nr, k, a, a_row, b, b_row, c, c_column, start):
    dots_f64(m, nr, k, a, a_row, b, b_row, c, c_column, start)


def _transpose_f32(dst, dst_step, src, src_step, rows, columns, width, bias, order):
    transpose_f32(dst, dst_step, src, src_step, rows, columns, width, bias, order)


def _transpose_f64(dst, dst_step, src, src_step, rows, columns, width, bias, order):
    transpose_f64(dst, dst_step, src, src_step, rows, columns, width, bias, order)


def _gather_f32(dst, dst_step, src, src_step, rows, step, count, low, high, code):
    gather_f32(dst, dst_step, src, src_step, rows, step, count, low, high, code)


def _gather_f64(dst, dst_step, src, src_step, rows, step, count, low, high, code):
    gather_f64(dst, dst_step, src, src_step, rows, step, count, low, high, code)


def _scatter_f32(dst, dst_step, src, src_step, rows, step, count, code, bias):
    scatter_f32(dst, dst_step, src, src_step, rows, step, count, code, bias)


def _scatter_f64(dst, dst_step, src, src_step, rows, step, count, code, bias):
    scatter_f64(dst, dst_step, src, src_step, rows, step, count, code, bias)


def _accumulate_f32(dst, src, count):
    accumulate_f32(dst, src, count)


def _accumulate_f64(dst, src, count):
    accumulate_f64(dst, src, count)


def _correlate_f32(t, rows, columns, x, x_offsets, x_step, y, y_step, out):
    correlate_f32(t, rows, columns, x, x_offsets, x_step, y, y_step, out)


def _correlate_f64(t, rows, columns, x, x_offsets, x_step, y, y_step, out):
    correlate_f64(t, rows, columns, x, x_offsets, x_step, y, y_step, out)


def _columns_f32(rows, columns, band, pitch, groups, table, weights, bias, out, out_step):
    columns_f32(rows, columns, band, pitch, groups, table, weights, bias, out, out_step)


def _columns_f64(rows, columns, band, pitch, groups, table, weights, bias, out, out_step):
    columns_f64(rows, columns, band, pitch, groups, table, weights, bias, out, out_step)


# By bytes of an element.
STEPS = {
    4: {
        **rows.STEPS[4],
        "tile": Kernel(_tile_f32),
        "narrow": Kernel(_narrow_f32),
        "panel": Kernel(_panel_f32),
        "dots": Kernel(_dots_f32),
        "transpose": Kernel(_transpose_f32),
        "gather": Kernel(_gather_f32),
        "scatter": Kernel(_scatter_f32),
        "accumulate": Kernel(_accumulate_f32),
        "correlate": Kernel(_correlate_f32),
        "columns": Kernel(_columns_f32),
    },
    8: {
        **rows.STEPS[8],
        "tile": Kernel(_tile_f64),
        "narrow": Kernel(_narrow_f64),
        "panel": Kernel(_panel_f64),
        "dots": Kernel(_dots_f64),
        "transpose": Kernel(_transpose_f64),
        "gather": Kernel(_gather_f64),
        "scatter": Kernel(_scatter_f64),
        "accumulate": Kernel(_accumulate_f64),
        "correlate": Kernel(_correlate_f64),
        "columns": Kernel(_columns_f64),
    },
}


def addresses(element: int, names: tuple[str, ...]) -> dict[str, int]:
    """Where these steps are, compiled if they are not yet."""
    return {name: STEPS[element][name].address for name in names}
