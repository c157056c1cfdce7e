"""Few output channels a group (depthwise, small groups, three colours): the lanes of the tile are positions.

As in direct.py, nothing here touches data: it plans the frame that kernels/narrow.py reads.
"""

from __future__ import annotations

import numpy as np

from ...kernels import launch, target
from ...kernels import narrow as kernels
from ...kernels.emit import NATIVE
from ...kernels.narrow_steps import RUN
from ...kernels.tile import NARROW
from ...runtime import memory
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..problem import ConvProblem
from . import direct
from .direct import (
    CODES,
    Band,
    Frame,
    choose_band,
    finish,
    input_fields,
    layout,
    size_fields,
    split,
)

name = "narrow"

# Positions of a band: a plane of 56 x 56 and more; its channels stay in L2.
BAND_POSITIONS = 4096
# Bytes of the bands that are packed together, and groups at most: enough to hide the stores behind one another.
BANDS_BYTES = 48 << 10
GROUPS = 16
# Terms of a sum before it is added to memory.
CHUNK_TERMS = 288
# Channels of a group up to which a correlation for each pair beats the tile of the direct algorithm.
PAIRS = 16

# The compiled steps its kernels call: besides, one by the channels of a group.
STEPS = ("gather", "scatter", "transpose")


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    reason = direct.refuse(problem)
    if reason is not None:
        return reason
    p = problem
    icg, ocg = p.ic // p.g, p.oc // p.g
    if p.direction == "bwd_weight":
        if icg * ocg > PAIRS or p.g < 8:
            return f"{p.g} groups of {icg} by {ocg} channels fill the direct algorithm's tile"
        return None
    channels = ocg if p.direction == "fwd" else icg
    if channels > NARROW:
        return f"{channels} channels a group fill the direct algorithm's vectors"
    return None


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    if problem.direction == "bwd_input":
        return gradient.input_gradient(problem, _Forward)
    return _WeightGradient(problem) if problem.direction == "bwd_weight" else _Forward(problem)


class _Forward:
    """The forward convolution of a problem; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = direct.compute_dtype(problem)
        self.frames: dict[tuple, Frame] = direct.Frames()

    def __call__(self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = direct.workers_for(self.problem)
        key = (x.strides, w.strides, out.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            frame = self.frames[key] = _forward_frame(self.problem, x, w, out, workers)
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.compute)
        launch.launch(
            kernels.narrow_forward.address,
            frame.address,
            memory.address(x),
            memory.address(w),
            0 if bias is None else memory.address(bias),
            memory.address(out),
            frame.slot,
            frame.workers,
        )


def _groups_together(p: ConvProblem, band: Band, element: int, workers: int) -> int:
    """Groups of a task: few enough for their bands to stay in the cache and for every worker to have some."""
    size = band.channel_elements * (p.ic // p.g) * element
    return max(1, min(GROUPS, BANDS_BYTES // size, p.n * p.g // (4 * workers)))


def _groups(p: ConvProblem, band: Band, element: int) -> list[tuple[int, int, int, int]]:
    """The kernel's columns cut into stretches whose rows follow one another in the band: see `columns` in emit."""
    starts, pitch = band.row_starts, band.pitch
    found = []
    for c in range(p.ic // p.g):
        for v, (q, shift_w) in enumerate(band.columns.taps):
            runs: list[list[int]] = []
            for plane in range(len(band.rows.starts)):
                rows = [(shift, u) for u, (of, shift) in enumerate(band.rows.taps) if of == plane]
                for i, (shift, u) in enumerate(rows):
                    follows = i > 0 and shift == rows[i - 1][0] + 1 and runs[-1][2] < RUN
                    if follows:
                        runs[-1][2] += 1
                        runs[-1][3] = u - runs[-1][1]
                    else:
                        runs.append([starts[plane] + shift, u, 1, 0])
            for row, u, length, distance in runs:
                at = c * band.channel_elements + q * band.plane_elements + row * pitch + shift_w
                w = (c * p.kh + u) * p.kw + v
                step = distance // max(1, length - 1) * p.kw
                found.append((length, at * element, w * element, step * element))
    return found


def _forward_frame(p: ConvProblem, x: np.ndarray, w: np.ndarray, out: np.ndarray, workers: int) -> Frame:
    machine = target.current()
    element = 8 if p.dtype == "f64" else 4
    lanes = machine.lanes(element)
    icg, ocg, taps = p.ic // p.g, p.oc // p.g, p.kh * p.kw
    tables: list[np.ndarray] = []
    # A band for every worker, where one group's whole plane would leave some without.
    alone = max(1, workers // (p.n * p.g))
    wanted = max(8 * lanes, min(BAND_POSITIONS, split(p.oh * p.ow, alone)))
    band = choose_band(p, element, 1, icg, wanted, joined=False)
    widths = machine.narrow_widths(ocg)
    slack = (widths[-1] + 1) * lanes

    block = _groups_together(p, band, element, workers)
    chunk = max(1, min(icg, CHUNK_TERMS // taps))
    terms = [c * band.channel_elements + tap for c in range(chunk) for tap in band.tap_offsets()]
    offsets = (np.array(terms, np.int64) * element).astype(np.int32)
    step1 = (np.arange(chunk * taps) * ocg * element).astype(np.int32)
    order = np.array([*widths, 0], np.int64)
    sum_step = memory.lines((band.band_h * band.pitch + slack) * element)
    groups = _groups(p, band, element) if ocg == 1 and icg * taps <= CHUNK_TERMS else []
    group_table = np.array(groups, np.int64)
    fields = size_fields(p, element, (*STEPS, "columns" if groups else "narrow"))
    fields |= input_fields(p, x, band, element, tables)
    tables += [offsets, step1, order, group_table]
    places, slot = layout(
        {
            "band_at": (block * icg * band.channel_elements + slack) * element,
            "sum_at": ocg * sum_step,
            "weight_at": (block * icg * taps * ocg + lanes) * element,
            "row_at": lanes * element,
        }
    )
    # One run of the compute type, group after group: see in_place in the kernel.
    is_plain = CODES[p.dtype] == NATIVE and w.flags.c_contiguous
    fields |= places | {
        "w_g": ocg * w.strides[0],
        "w_o": w.strides[0],
        "w_c": w.strides[1],
        "w_h": w.strides[2],
        "w_w": w.strides[3],
        "w_code": CODES[p.dtype],
        "run": 2 if is_plain else 0,
        "block": block,
        "blocks": split(p.g, block),
        "chunk": chunk,
        "offsets": memory.address(offsets),
        "step1": memory.address(step1),
        "order": memory.address(order),
        "groups": len(groups),
        "group_table": memory.address(group_table),
        "y_n": out.strides[0],
        "y_c": out.strides[1],
        "y_h": out.strides[2],
        "y_w": out.strides[3],
        "y_code": CODES[p.dtype],
        "slot": slot,
        "sum_step": sum_step,
    }
    tasks = p.n * split(p.g, block) * split(p.oh, band.band_h) * split(p.ow, band.band_w)
    return finish(fields, tables, workers=min(workers, tasks))


class _WeightGradient:
    """The weight gradient of a problem."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = direct.compute_dtype(problem)
        self.frames: dict[tuple, Frame] = direct.Frames()

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = direct.workers_for(self.problem)
        key = (x.strides, grad.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            frame = self.frames[key] = _gradient_frame(self.problem, x, grad, workers)
        sums = np.zeros(out.shape, self.compute)
        a, b, to = memory.address(x), memory.address(grad), memory.address(sums)
        launch.launch(kernels.narrow_gradient.address, frame.address, a, b, 0, to, frame.slot, frame.workers)
        with np.errstate(over="ignore"):
            out[...] = sums


def _gradient_frame(p: ConvProblem, x: np.ndarray, grad: np.ndarray, workers: int) -> Frame:
    element = 8 if p.dtype == "f64" else 4
    lanes = target.current().lanes(element)
    tables: list[np.ndarray] = []
    band = choose_band(p, element, 1, p.ic // p.g, BAND_POSITIONS, joined=False)
    block = _groups_together(p, band, element, workers)
    product_table = np.array(band.tap_offsets(), np.int64) * element
    fields = size_fields(p, element, (*STEPS, "correlate")) | input_fields(p, x, band, element, tables)
    tables.append(product_table)
    places, slot = layout(
        {
            "band_at": (block * p.ic // p.g * band.channel_elements + lanes) * element,
            "weight_at": (band.band_h * band.band_w + lanes) * element,
            "row_at": lanes * element,
        }
    )
    fields |= places | {
        "block": block,
        "blocks": split(p.g, block),
        "product_table": memory.address(product_table),
        "y_n": grad.strides[0],
        "y_c": grad.strides[1],
        "y_h": grad.strides[2],
        "y_w": grad.strides[3],
        "y_code": CODES[p.dtype],
        "slot": slot,
    }
    return finish(fields, tables, workers=min(workers, split(p.g, block)))
