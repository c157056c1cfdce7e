"""Few output channels (the last layers of generators, input gradients of the first ones): products with all taps where
the image lies, then shifted and added.

As in direct.py, nothing here touches data: it plans the frame that kernels/overlap.py reads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...kernels import launch, panels, shifts, steps, target
from ...kernels import overlap as kernels
from ...kernels.tail import finish_lanes, finish_rows, pack_tail
from ...runtime import memory
from ...runtime.processor import in_l2
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..precision import get_convolution_precision
from ..problem import ConvProblem
from ..tail import Tail
from . import copies, direct, grouped, planes
from .bands import split
from .frames import CODES, Frame, Frames, compute_dtype, finish, layout, workers_for

name = "overlap"

# Output channels up to which it is asked, and pixels of an image from which on.
FEW = 8
PIXELS = 96
# What adding the products of a tap costs for a pixel, in products; shares of the processor's peak that products reach,
# and those of grouped.py with one output channel, two, three and more. AVX-512, Zen 4 (EPYC, 3.3 GHz), one thread,
# November 2026: 8 to 512 channels of 14x14 to 224x224 to 1, 3 and 8 ones, kernels 3x3 to 5x5, each by both.
SHIFT = 10
REACHED, GROUPED_REACHES = 0.92, (0.37, 0.6, 0.74, 0.86)
# Bytes of the products of the rows that are taken together, and of those of one row; of a task's sums. From L2.
PRODUCT_BYTES, ROW_BYTES, SUM_BYTES = 256 << 10, 64 << 10, 128 << 10
# Terms whose panel, three vectors wide, stays in half of the L1 cache; no more than those of a sum in 'highest'.
TERMS = {"highest": 32, "high": 96}
# Tasks for each worker, where each has so many rows of phases.
TASKS = 4
LEAST_ROWS = 4

STEPS = ("panel", "transpose", "interleave", "scatter")


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    reason = direct.refuse(p)
    if reason is not None:
        return reason
    if p.direction == "bwd_weight":
        return "computes no weight gradients"
    outputs, channels = (p.ic, p.oc) if p.direction == "bwd_input" else (p.oc, p.ic)
    if p.g > 1 or outputs > FEW:
        return f"{p.g} groups of {channels} to {outputs} channels are not many to few"
    if p.direction == "fwd" and max(p.sh, p.sw) > 1:
        return "would compute products that the stride leaves out"
    element = compute_dtype(p).itemsize
    rows, columns = (p.oh, p.ow) if p.direction == "bwd_input" else (p.ih, p.iw)
    if rows * columns < PIXELS:
        return f"{rows * columns} pixels are too few to be shared out"
    if outputs * p.kh * p.kw * columns * element > ROW_BYTES:
        return "the products of a row are too long for the cache"
    geometry = planes.Geometry.of(p, element)
    sums = max(part.rows for part in geometry.parts) * geometry.pitch * channels
    if rows * columns * (channels + SHIFT) / REACHED > sums / GROUPED_REACHES[min(outputs, len(GROUPED_REACHES)) - 1]:
        return f"sums of {channels} channels are too short to be shifted"
    return grouped.left_to_winograd(p, outputs)


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return grouped.finishes(problem)


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    if problem.mode_h == problem.mode_w == "zeros":
        return _Overlap(problem) if refuse(problem) is None else grouped.plan(problem)
    return gradient.input_gradient(problem, plan) if problem.direction == "bwd_input" else grouped.padded(problem, plan)


class Axis(NamedTuple):
    """Where products go along an axis: those of position i with tap t to step * i + low + apart * t."""

    step: int
    low: int
    apart: int

    @classmethod
    def of(cls, p: ConvProblem) -> tuple[Axis, Axis]:
        if p.direction == "bwd_input":
            return cls(p.sh, -p.pt, p.dh), cls(p.sw, -p.pl, p.dw)
        return cls(1, p.pt, -p.dh), cls(1, p.pl, -p.dw)


class _Overlap:
    """The forward convolution, or the input gradient, of a problem; a frame for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.terms = TERMS[get_convolution_precision()]
        self.frames: dict[Any, Frame] = Frames()

    def __call__(
        self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        p = self.problem
        lanes = target.current().lanes(self.compute.itemsize)
        if not planes.readable(x) or (x.shape[3] < lanes and not _in_one(x)):
            x = np.ascontiguousarray(x)
        if w.dtype != self.compute or not (w.flags.c_contiguous or _is_last(w)):
            w = copies.widened(w, self.compute)
        workers = workers_for(p)
        key = (x.strides, w.strides, out.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            frame = self.frames[key] = self._frame(x, w, out, workers)
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.compute)
        at = 0 if bias is None else memory.address(bias)
        if p.tail:
            finishing = pack_tail(p.tail, tail, at, out)
            at = memory.address(finishing)
        places = memory.address(x), memory.address(w), at, memory.address(out)
        launch.launch(kernels.overlap.address, frame.address, *places, frame.slot, frame.workers)

    def _frame(self, x: np.ndarray, w: np.ndarray, out: np.ndarray, workers: int) -> Frame:
        p, element = self.problem, self.compute.itemsize
        machine = target.current()
        lanes = machine.lanes(element)
        rows, columns = Axis.of(p)
        (_, channels, ih, iw), (_, outputs, height, width) = x.shape, out.shape
        taps = outputs * p.kh * p.kw
        weights = _weights(p, w, element)
        fewest = split(lanes, iw)
        together = max(fewest, min(ih, in_l2(PRODUCT_BYTES) // (taps * iw * element))) if _in_one(x) else 1
        pitch = memory.lines((together * iw + lanes) * element) | memory.LINE
        tap_at = pitch if weights["runs"] > 1 else outputs * pitch
        sums_w = split(split(width, columns.step), lanes) * lanes * element
        sums_h = columns.step * sums_w
        units = split(height, rows.step)
        wanted = min(split(TASKS * workers, p.n), units // LEAST_ROWS)
        bands = max(1, wanted, min(units, split(outputs * height * sums_h, in_l2(SUM_BYTES))))
        band_rows = split(units, bands) * rows.step
        reading = kernels.IN_PLACE if x.itemsize == element else kernels.BROUGHT
        if planes.turned(x):
            reading = kernels.TURNED
        tables: list[np.ndarray] = [np.zeros(lanes, self.compute)]
        phases = np.zeros((columns.step, kernels.PHASE // 8), np.int64)
        for q, entry in enumerate(phases):
            shifted = [(v, columns.low + columns.apart * v) for v in range(p.kw)]
            reached = [(v * tap_at, at // columns.step) for v, at in shifted if at % columns.step == q]
            table = np.array(reached, np.int64).reshape(-1, shifts.TAP // 8)
            tables.append(table)
            entry[:] = max(0, split(width - q, columns.step)), len(reached), memory.address(table)
        tables.append(phases)
        step = min(self.terms, channels)
        places, slot = layout(
            {
                "weight_at": channels * taps * element if "pack_rows" in weights else 0,
                "room_at": step * machine.panel_nr * lanes * element,
                "products_at": taps * pitch,
                "sums_at": outputs * band_rows * sums_h + 2 * lanes * element,
                "y_at": planes.turned_bytes(out, outputs, band_rows),
            }
        )
        plain = out.itemsize == element and planes.readable(out)
        fields = steps.addresses(element, STEPS) | places | {
            "bring": panels.STEPS[element]["bring"].address,
            "shifted": shifts.STEPS[element]["shifted"].address,
            "element": element,
            "lanes": lanes,
            "mr": machine.panel_mr(element),
            "nr": machine.panel_nr,
            "n": p.n,
            "bands": bands,
            "units": units,
            "reading": reading,
            "channels": channels,
            "step": step,
            "x_n": x.strides[0],
            "x_c": x.strides[1],
            "x_h": x.strides[2],
            "x_w": x.strides[3],
            "x_code": CODES[p.dtype],
            "ih": ih,
            "iw": iw,
            "together": together,
            "fewest": fewest,
            **weights,
            "kh": p.kh,
            "zero": memory.address(tables[0]),
            "step_h": rows.step,
            "low": rows.low,
            "apart": rows.apart,
            "step_w": columns.step,
            "phases": memory.address(phases),
            "pitch": pitch,
            "outputs": outputs,
            "columns": width,
            "y_n": out.strides[0],
            **planes.lying("y", out, band_rows),
            "y_w": element if planes.turned(out) else out.strides[3],
            "y_code": CODES[p.dtype],
            "y_height": height,
            "interleaved": int(plain and columns.step == 2 and width > 1),
            "slot": slot,
            "sums_o": band_rows * sums_h,
            "sums_h": sums_h,
            "sums_w": sums_w,
        }  # fmt: skip
        if p.tail:
            fields["finish"] = (finish_lanes if planes.turned(out) else finish_rows).address
        return finish(fields, tables, kernels.FRAME, workers=min(workers, p.n * bands))


def _weights(p: ConvProblem, w: np.ndarray, element: int) -> dict[str, int]:
    """The fields that say how weights are read: where they lie, if for a channel to be summed all others do side by
    side; otherwise each worker copies them so."""
    w_o, w_c, w_h, w_w = w.strides
    if p.kw == 1:
        w_w = w_h
    (outputs, channels), taps = w.shape[:2], p.kh * p.kw
    if p.direction == "bwd_input":
        outputs, channels = channels, outputs
        if not w.flags.c_contiguous:
            return {"w_c": w_o, "w_h": p.kw * w_w, "w_row": w_c, "runs": 1, "run_row": p.kw * outputs}
        w_c = w_o
    fields = {"w_c": w_c, "w_h": p.kw * element, "w_row": element, "runs": outputs, "run_row": p.kw}
    if p.direction == "bwd_input" or (outputs == 1 and w.flags.c_contiguous):
        return fields
    row = fields["w_c"] = outputs * taps * element
    if w.flags.c_contiguous:
        how = {"pack_rows": channels, "pack_to": row, "pack_from": w_c, "pack_count": taps, "pack_step": element}
    else:
        how = {"pack_rows": taps, "pack_to": element, "pack_from": w_w, "pack_count": channels, "pack_step": row}
    return fields | how | {"pack_o": w_o}


def _is_last(w: np.ndarray) -> bool:
    """Whether weights are channels-last."""
    return w.transpose(0, 2, 3, 1).flags.c_contiguous


def _in_one(array: np.ndarray) -> bool:
    """Whether the rows of a plane follow one another."""
    return array.shape[2] == 1 or array.strides[2] == array.shape[3] * array.strides[3]
