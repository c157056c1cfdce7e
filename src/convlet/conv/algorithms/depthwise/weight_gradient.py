"""Depthwise weight gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....kernels import depthwise as kernels
from ....kernels import depthwise_steps as steps
from ....kernels import launch, target
from ....kernels.depthwise_steps import ROWS
from ....runtime import memory
from ....runtime.processor import in_l1, in_l2
from ....runtime.storage import Storage
from ...gradient import Array
from ...problem import ConvProblem
from .. import copies
from ..bands import split
from ..frames import CODES, Frames, compute_dtype, layout, workers_for
from .axes import columns_of_image, most_read
from .results import TASKS, TOGETHER
from .tables import Frame, Planner, finish, is_half, lies_beside, lies_plain, step_fields
from .wide import columns_of, planes_of

# Bytes of the sums of planes that are walked together: they stay in L2 from one image to the next.
SUMS = 128 << 10
# Channels of a task of the weight gradient (in vectors), and tasks there should be: its sums have as many parts.
GRADIENT_VECTORS = 4
GRADIENT_TASKS = 8


class WeightGradient:
    """The weight gradient."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.frames: dict[Any, Frame] = Frames()

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        p = self.problem
        beside = p.oc == p.ic and lies_beside(x) and lies_beside(grad)
        if not beside:
            x, grad = (each if lies_plain(each) else np.ascontiguousarray(each) for each in (x, grad))
        workers = workers_for(p)
        key = (x.strides, grad.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            make = _channel_gradient_frame if beside else _plane_gradient_frame
            frame = self.frames[key] = make(p, x, grad, workers)
        a, b, address = memory.address(x), memory.address(grad), memory.address
        if beside:
            parts, step = int(frame.record["parts"][0]), int(frame.record["tap_step"][0])
            sums = np.zeros((parts, p.kh * p.kw, step // self.compute.itemsize), self.compute)
            to = address(sums)
            launch.launch(kernels.channel_gradient.address, frame.address, a, b, 0, to, frame.slot, frame.workers)
            total = sums.sum(0) if parts > 1 else sums[0]
            copies.store(np.ascontiguousarray(total[:, : p.oc].T).reshape(out.shape), out)
            return
        into = out if out.flags.c_contiguous else np.empty(out.shape, out.dtype)
        to = address(into)
        launch.launch(kernels.plane_gradient.address, frame.address, a, b, 0, to, frame.slot, frame.workers)
        if into is not out:
            out[...] = into


def _plane_gradient_frame(p: ConvProblem, x: np.ndarray, grad: np.ndarray, workers: int) -> Frame:
    element = compute_dtype(p).itemsize
    machine = target.current()
    half = is_half(p.ow, element)
    vector = machine.vector // (2 if half else 1)
    read = planes_of(p, x, 1)
    planner = Planner(p, read, vector, beside=False)
    address, count, room = planner.series(ROWS, grad.strides[2])
    zeros = memory.zeros((p.iw + 2 * machine.lanes(element)) * element)
    planner.tables.append(zeros)
    m, taps = p.oc // p.ic, p.kh * p.kw
    pieces = min(p.ic, TASKS * workers)
    lanes = vector // element
    sum_size = split(taps, lanes) * lanes * vector
    # Several series pass over the same planes, or they are widened; else as many as come one behind the other.
    few = count > 1 or read.plane > 0
    room_for, size = (in_l1(TOGETHER), p.ih * p.iw * element + sum_size) if few else (in_l2(SUMS), sum_size)
    together = max(1, room_for // size) if m == 1 else 1
    rooms, slot = layout(
        {
            "places": room,
            "sums_at": together * m * sum_size,
            "wide_at": together * read.plane + machine.vector,
        }
    )
    fields = {
        **step_fields(
            p,
            correlate=steps.correlate(element, planner.kind, half, CODES[p.dtype]),
            totals=steps.totals(element, half, CODES[p.dtype]),
        ),
        "element": element,
        "size": p.itemsize,
        "n": p.n,
        "units": p.ic,
        "outs": m,
        "columns": p.ow,
        "width": p.iw,
        "taps": taps,
        "x_n": x.strides[0],
        "x_c": x.strides[1],
        "y_n": grad.strides[0],
        "y_c": grad.strides[1],
        "w_out": sum_size,
        "zeros": memory.address(zeros),
        "series": address,
        "series_count": count,
        "pieces": pieces,
        "parts": 1,
        "together": together,
        "sums_at": rooms["sums_at"],
        "wide_at": rooms["wide_at"],
        "slot": slot,
    } | read.fields
    return finish(planner, fields, min(workers, pieces))


def _channel_gradient_frame(p: ConvProblem, x: np.ndarray, grad: np.ndarray, workers: int) -> Frame:
    element = compute_dtype(p).itemsize
    machine = target.current()
    lanes = machine.lanes(element)
    tap_step = split(p.ic, lanes) * machine.vector
    piece = GRADIENT_VECTORS * lanes
    columns = min(p.iw, most_read(columns_of_image(p), ROWS[-1]))
    read = columns_of(p, x, min(piece, p.ic), columns)
    planner = Planner(p, read, tap_step, beside=True)
    address, count, room = planner.series(ROWS, grad.strides[3], p.oh, grad.strides[2])
    zeros = memory.zeros(p.ih * read.strides[2] + (p.ic + lanes) * element)
    planner.tables.append(zeros)
    rooms, slot = layout({"places": room, "wide_at": columns * read.column + machine.vector})
    pieces = split(p.ic, piece)
    parts = min(count, split(GRADIENT_TASKS, pieces))
    fields = {
        **step_fields(p, correlate=steps.correlate(element, planner.kind, False, CODES[p.dtype])),
        "element": element,
        "size": p.itemsize,
        "n": p.n,
        "units": p.ic,
        "x_n": x.strides[0],
        "y_n": grad.strides[0],
        "zeros": memory.address(zeros),
        "series": address,
        "series_count": count,
        "piece": piece,
        "pieces": pieces,
        "parts": parts,
        "tap_step": tap_step,
        "part_step": p.kh * p.kw * tap_step,
        "wide_at": rooms["wide_at"],
        "slot": slot,
    } | read.fields
    return finish(planner, fields, min(workers, pieces * parts))
