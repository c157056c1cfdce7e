"""Depthwise forward convolutions and input gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ....kernels import depthwise as kernels
from ....kernels import depthwise_steps as steps
from ....kernels import launch, target
from ....kernels.depthwise_steps import KINDS, ROWS
from ....kernels.tail import pack_tail
from ....runtime import memory
from ....runtime.processor import in_l1, in_l2
from ....runtime.storage import Storage
from ...gradient import Array
from ...problem import ConvProblem
from ...tail import Tail, followed
from ..bands import split
from ..chains import chain
from ..frames import CODES, Frames, compute_dtype, layout, workers_for
from .axes import blocks, columns_of_image, most_read
from .tables import Frame, Planner, finish, is_half, lies_beside, lies_plain, planes_read, step_fields
from .wide import columns_of, planes_of

# Tasks that each worker should find, so that all end together.
TASKS = 8
# Bytes of the planes that are walked together: they stay in L1 from one series to the next.
TOGETHER = 16 << 10
# Bytes of an image that a task widens at a time: they stay in L2.
WIDE = 256 << 10


class Results:
    """The forward convolution, or the input gradient."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.chain = chain(problem)
        self.frames: dict[Any, Frame] = Frames()
        # Results that are copied to where they belong get their tail there.
        self.elsewhere = followed(Results(replace(problem, tail=())), problem.tail) if problem.tail else None

    def __call__(
        self, a: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        words = self.problem.tail
        beside = self.problem.oc == self.problem.ic and lies_beside(a) and lies_beside(out)
        into = out
        if not beside:
            a = a if lies_plain(a) else np.ascontiguousarray(a)
            if not lies_plain(out):
                if self.elsewhere is not None:
                    self.elsewhere(a, w, bias, out, kept, tail)
                    return
                into = np.empty(out.shape, out.dtype)
        w = np.ascontiguousarray(w)
        workers = workers_for(self.problem)
        key = (a.strides, into.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            make = _channels_frame if beside else _planes_frame
            frame = self.frames[key] = make(self.problem, a, into, workers, self.chain)
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.compute)
        at = 0 if bias is None else memory.address(bias)
        if words:
            finishing = pack_tail(words, tail, at, out)
            at = memory.address(finishing)
        kernel = kernels.channels if beside else kernels.planes
        address = memory.address
        launch.launch(
            kernel.address, frame.address, address(a), address(w), at, address(into), frame.slot, frame.workers
        )
        if into is not out:
            out[...] = into


def _planes_frame(p: ConvProblem, a: np.ndarray, out: np.ndarray, workers: int, chain: int) -> Frame:
    element = compute_dtype(p).itemsize
    machine = target.current()
    m = p.oc // p.ic
    read = planes_of(p, a, planes_read(p))
    planner = Planner(p, read, element, beside=False, chain=chain)
    back = p.direction == "bwd_input"
    sizes = KINDS[planner.kind].rows
    address, count, room = planner.series(sizes, out.strides[2])
    zeros = memory.zeros((a.shape[3] + 2 * machine.lanes(element)) * element)
    planner.tables.append(zeros)
    columns = out.shape[3]
    half = is_half(split(columns, KINDS[planner.kind].parts), element)
    pieces = min(p.ic, split(TASKS * workers, p.n)) if workers > 1 else 1
    parts = split(TASKS * workers, p.n * pieces) if workers > 1 and p.n * pieces < 2 * workers else 1
    parts = max(parts, split(read.plane, in_l1(TOGETHER)))
    taps = p.kh * p.kw * element
    together = max(1, in_l1(TOGETHER) // (p.ih * p.iw * element)) if p.oc == p.ic else 1
    rooms, slot = layout(
        {
            "places": room,
            "wide_at": together * read.plane + machine.vector,
            "weights_at": together * m * taps + machine.vector,
        }
    )
    fields = {
        **step_fields(p, sweep=steps.sweep(element, planner.kind, half, CODES[p.dtype], bool(p.tail), chain > 0)),
        "element": element,
        "size": p.itemsize,
        "w_code": CODES[p.dtype],
        "n": p.n,
        "units": p.ic,
        "outs": 1 if back else m,
        "columns": columns,
        "width": a.shape[3],
        "x_n": a.strides[0],
        "x_c": a.strides[1] * planner.planes,
        "y_n": out.strides[0],
        "y_c": out.strides[1],
        "w_unit": m * taps,
        "w_out": taps,
        "zeros": memory.address(zeros),
        "series": address,
        "series_count": count,
        "pieces": pieces,
        "parts": parts,
        "together": together,
        "wide_at": rooms["wide_at"],
        "weights_at": rooms["weights_at"],
        "slot": slot,
    } | read.fields
    return finish(planner, fields, min(workers, p.n * pieces * parts))


def _channels_frame(p: ConvProblem, a: np.ndarray, out: np.ndarray, workers: int, chain: int) -> Frame:
    element = compute_dtype(p).itemsize
    machine = target.current()
    lanes = machine.lanes(element)
    tap_step = split(p.ic, lanes) * machine.vector
    vectors = split(p.ic, lanes)
    columns = columns_of_image(p)
    count = sum(len(blocks(phase.count, ROWS)) for phase in columns)
    pieces = min(split(vectors, 2), split(TASKS * workers, p.n * count)) if workers > 1 else 1
    most = min(a.shape[3], most_read(columns, ROWS[-1]))
    if p.itemsize == 2:  # what a block reads of a piece stays in the cache
        pieces = max(pieces, split(a.shape[2] * most * vectors * machine.vector, in_l2(WIDE)))
    piece = split(vectors, pieces) * lanes
    pieces = split(p.ic, piece)
    read = columns_of(p, a, min(piece, p.ic), most)
    planner = Planner(p, read, tap_step, beside=True, chain=chain)
    address, _, room = planner.series(ROWS, out.strides[3], out.shape[2], out.strides[2])
    zeros = memory.zeros(a.shape[2] * read.strides[2] + (p.ic + lanes) * element)
    planner.tables.append(zeros)
    taps = p.kh * p.kw
    rooms, slot = layout(
        {
            "places": room,
            "sums_at": taps * tap_step,
            "wide_at": most * read.column + machine.vector,
            "weights_at": lanes * taps * element + machine.vector,
        }
    )
    fields = {
        **step_fields(p, sweep=steps.sweep(element, planner.kind, False, CODES[p.dtype], bool(p.tail), chain > 0)),
        "element": element,
        "size": p.itemsize,
        "w_code": CODES[p.dtype],
        "vector": machine.vector,
        "n": p.n,
        "units": p.ic,
        "taps": taps,
        "x_n": a.strides[0],
        "y_n": out.strides[0],
        "zeros": memory.address(zeros),
        "series": address,
        "series_count": count,
        "piece": piece,
        "pieces": pieces,
        "sums_at": rooms["sums_at"],
        "wide_at": rooms["wide_at"],
        "weights_at": rooms["weights_at"],
        "tap_step": tap_step,
        "slot": slot,
    } | read.fields
    return finish(planner, fields, min(workers, p.n * pieces * count))
