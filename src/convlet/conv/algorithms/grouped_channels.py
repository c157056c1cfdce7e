"""Groups of 8 to 32 channels: the lanes of a vector are output channels, and a group's input lies pixel by pixel.

It plans the frames that kernels/grouped_channels.py reads; grouped.py says for which problems and layouts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import channel_tile, launch, steps, target
from ...kernels import grouped_channels as kernels
from ...kernels.taps import pack_taps
from ...runtime import memory
from ...runtime.processor import in_l2
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array
from ..problem import ConvProblem
from .bands import split
from .chains import even
from .frames import CODES, Frame, Frames, compute_dtype, finish, layout, workers_for

# Bytes of a band, and of its sums.
BAND_BYTES, SUM_BYTES = 128 << 10, 48 << 10
# Channels that are read, and stored, together: lines that lie side by side, a few of them.
TOGETHER = 64
# Bytes of the packed weights of a task's groups: they stay in L2 from one image to the next.
WEIGHT_BYTES = 256 << 10
# Tasks for each worker, where there are groups for so many.
TASKS = 4
STEPS = ("channel_tile", "gather", "transpose", "scatter", "store_channels", "store_positions")


@dataclass(frozen=True, slots=True)
class Part:
    """Outputs that are sums of the same taps: all of a forward, or a phase of an input gradient."""

    taps: tuple[tuple[int, int], ...]  # row and column of the band where each finds position 0
    places: tuple[int, ...]  # which of the weight's taps
    row: int  # where its outputs begin
    column: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """What a row of positions reads: rows and columns of the padded image, and the parts that read them."""

    parts: tuple[Part, ...]
    window: int  # rows
    width: int
    top: int
    left: int
    sh: int
    sw: int

    @classmethod
    def of(cls, p: ConvProblem) -> Geometry:
        if p.direction != "bwd_input":
            taps = tuple((u * p.dh, v * p.dw) for u in range(p.kh) for v in range(p.kw))
            part = Part(taps, tuple(range(p.kh * p.kw)), 0, 0, p.oh, p.ow)
            width = (p.ow - 1) * p.sw + (p.kw - 1) * p.dw + 1
            return cls((part,), (p.kh - 1) * p.dh + 1, width, p.pt, p.pl, p.sh, p.sw)
        phases = gradient.input_phases(p)
        reading = [each.problem for each in phases if each.problem is not None]
        top, left = (max((getattr(each, side) for each in reading), default=0) for side in ("pt", "pl"))
        parts = []
        for phase in phases:
            q, found, places = phase.problem, [], []
            if q is not None:
                found = [(top - q.pt + u * q.dh, left - q.pl + v * q.dw) for u in range(q.kh) for v in range(q.kw)]
                us, vs = range(p.kh)[phase.taps_h], range(p.kw)[phase.taps_w]
                places = [u * p.kw + v for u in us for v in vs]
            r, c = phase.rows.start, phase.columns.start
            parts.append(Part(tuple(found), tuple(places), r, c, split(p.ih - r, p.sh), split(p.iw - c, p.sw)))
        window, reach = (max((tap[axis] for part in parts for tap in part.taps), default=0) for axis in (0, 1))
        return cls(tuple(parts), window + 1, split(p.iw, p.sw) + reach, top, left, 1, 1)


def blocks(outputs: int, lanes: int, shapes: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(first channel, how many, shape) of the blocks of a group's output channels."""
    found = []
    first = 0
    while first < outputs:
        left = outputs - first
        shape = 2 if left > lanes * 3 // 2 or (left > lanes and channel_tile.HALF not in shapes) else 1
        if left <= lanes // 2 and channel_tile.HALF in shapes:
            shape = channel_tile.HALF
        width = min(left, shape * lanes if shape != channel_tile.HALF else lanes // 2)
        found.append((first, width, shape))
        first += width
    return found


class Channels:
    """The forward convolution, or the input gradient, of a problem; a frame for each combination of strides."""

    def __init__(self, problem: ConvProblem, terms: int):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.geometry = Geometry.of(problem)
        self.terms = terms
        self.frames: dict[Any, Frame] = Frames()

    def __call__(self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = workers_for(self.problem)
        key = (x.strides, out.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            frame = self.frames[key] = self._frame(x, out, workers)
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.compute)
        address = memory.address

        def pack(ready: int) -> None:
            at, slot, most = frame.address, frame.slot, frame.pack_workers
            weight = np.ascontiguousarray(w, self.compute)
            launch.launch(kernels.pack_weights.address, at, address(weight), 0, 0, ready, slot, most)

        packed = None
        if kept is not None:
            packed = kept.form((address(w), w.strides, frame.form), frame.packed_bytes, pack)
        if packed is None:
            packed = memory.scratch(frame.packed_bytes, "weights")
            pack(packed[0])
        to = 0 if bias is None else address(bias)
        launch.launch(
            kernels.forward.address, frame.address, address(x), packed[0], to, address(out), frame.slot, frame.workers
        )

    def _frame(self, x: np.ndarray, out: np.ndarray, workers: int) -> Frame:
        p, geometry, element = self.problem, self.geometry, self.compute.itemsize
        machine = target.current()
        lanes = machine.lanes(element)
        back = p.direction == "bwd_input"
        inputs, outputs = x.shape[1] // p.g, out.shape[1] // p.g
        taps = p.kh * p.kw
        cut = blocks(outputs, lanes, channel_tile.shapes(machine))
        halves = 2 if channel_tile.HALF in channel_tile.shapes(machine) else 1
        exact = all(width * halves == lanes * max(halves * shape, 1) for _, width, shape in cut)
        together = max(1, min(p.g, TOGETHER // max(inputs, outputs))) if exact else 1
        pixel = together * inputs * element
        row_at = geometry.width * pixel
        sum_at = split(together * outputs, lanes) * machine.vector
        rows = max(part.rows for part in geometry.parts)
        step_h, step_w = (p.sh, p.sw) if back else (1, 1)
        most = min(
            rows,
            max(1, (in_l2(BAND_BYTES) // row_at - geometry.window) // geometry.sh + 1),
            max(1, in_l2(SUM_BYTES) // (step_h * out.shape[3] * sum_at)),
        )
        bands = split(rows, most)
        most = split(rows, bands)
        tables: list[np.ndarray] = []
        block_table = np.zeros((len(cut), kernels.BLOCK), np.int64)
        part_table = np.zeros((len(cut), len(geometry.parts), kernels.PART), np.int64)
        w_group, form = 0, []
        for number, (first, width, shape) in enumerate(cut):
            wide = machine.vector * max(1, shape) // (2 if shape == channel_tile.HALF else 1)
            block_table[number] = (first, width, shape, w_group, wide, channel_tile.positions(machine, shape))
            form.append((first, width, wide))
            for i, part in enumerate(geometry.parts):
                at = np.array([y * row_at + c * pixel for y, c in part.taps], np.int64)
                channel = np.arange(inputs)[:, None]
                a_offsets = (channel * element + at).astype(np.int32)
                b_offsets = ((channel * taps + np.array(part.places, np.int64)) * wide).astype(np.int32)
                tables += [a_offsets, b_offsets]
                step = even(a_offsets.size, self.terms)
                addresses = memory.address(a_offsets), memory.address(b_offsets)
                here = part.row, part.column, part.rows, part.columns
                part_table[number, i] = (a_offsets.size, step, *addresses, *here)
            w_group += memory.lines(inputs * taps * wide)
        tables += [block_table, part_table]
        positions = most * step_h * out.shape[3]
        places, slot = layout(
            {
                "band_at": (most * geometry.sh + geometry.window) * row_at + machine.vector,
                "sum_at": positions * sum_at + machine.vector,
                "spare_at": lanes * (positions + lanes) * element,
            }
        )
        chunks = max(split(p.g * w_group, in_l2(WEIGHT_BYTES)), split(TASKS * workers, p.n * bands))
        chunks = min(split(p.g, together), chunks)
        w_o, w_c = inputs * taps * element, taps * element
        if back:
            w_o, w_c = outputs * taps * element, taps * element
        fields: dict[str, int] = steps.addresses(element, STEPS) | places
        fields |= {
            "element": element,
            "pack_taps": pack_taps(taps).address if back and element == 4 else 0,
            "lanes": lanes,
            "n": p.n,
            "g": p.g,
            "bands": bands,
            "chunks": chunks,
            "together": together,
            "channels": inputs,
            "x_n": x.strides[0],
            "x_c": x.strides[1],
            "x_h": x.strides[2],
            "x_w": x.strides[3],
            "ih": x.shape[2],
            "iw": x.shape[3],
            "x_code": CODES[p.dtype],
            "window": geometry.window,
            "width": geometry.width,
            "top": geometry.top,
            "left": geometry.left,
            "row_at": row_at,
            "sh": geometry.sh,
            "step": geometry.sw * pixel,
            # A lane's weights: all inputs and taps in a run, or, of an input gradient, a run of taps for each input.
            "w_g": inputs * outputs * taps * element,
            "w_lane": w_c if back else w_o,
            "w_run": w_o if back else 0,
            "runs": inputs if back else 1,
            "run": taps if back else inputs * taps,
            "w_group": w_group,
            "blocks": len(cut),
            "block_table": memory.address(block_table),
            "parts": len(geometry.parts),
            "part_table": memory.address(part_table),
            "outputs": outputs,
            "rows": rows,
            "y_n": out.strides[0],
            "y_c": out.strides[1],
            "y_h": out.strides[2],
            "y_w": out.strides[3],
            "y_height": out.shape[2],
            "y_width": out.shape[3],
            "step_h": step_h,
            "step_w": step_w,
            "y_code": CODES[p.dtype],
            "y_size": out.itemsize,
            "y_last": int(out.strides[1] == out.itemsize != out.strides[3]),
            "in_place": int(exact and out.strides[1] == out.itemsize == element),
            "slot": slot,
        }
        return finish(
            fields,
            tables,
            kernels.FRAME,
            workers=min(workers, p.n * bands * chunks),
            pack_workers=min(workers, p.g),
            packed_bytes=p.g * w_group,
            form=("grouped_channels", p.direction, tuple(form)),
        )
