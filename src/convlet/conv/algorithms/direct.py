"""Direct convolution on the register tile: any kernel, stride, dilation, padding mode and groups; no padded copy.

This file plans: it chooses the bands, the blocking and the order of the tasks from the problem of one image and
the sizes of the caches, and writes them into the frame that kernels/direct.py reads. Nothing here touches data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import direct as kernels
from ...kernels import launch, target
from ...kernels.tail import pack_tail
from ...runtime import memory
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..problem import DTYPES, ConvProblem
from ..tail import Tail
from . import weight_gradient
from .bands import BAND_BYTES, Band, band_of, choose_band, split, used_taps
from .chains import chain, is_long
from .frames import (
    CODES,
    Frame,
    Frames,
    channel_shares,
    compute_dtype,
    finish,
    input_fields,
    layout,
    output_fields,
    size_fields,
    together,
    workers_for,
)

name = "direct"

# Bytes of packed weights that one step of the sum uses: they come from L2, and the longer the sums the less often they
# go to memory. 36 KiB took 1% longer (3x3 layers of ResNet-50, Zen 4, November 2026).
WEIGHT_CHUNK = 72 << 10
# Positions of a band: enough to use a chunk of weights often, few enough for the sums to stay in L2.
BAND_POSITIONS = 448

# The compiled steps its kernels call, besides those of bands.
STEPS = ("tile", "transpose", "gather", "scatter", "accumulate")

def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    if problem.dtype not in CODES:
        return f"computes in float32 and float64, and the dtype is {problem.dtype}"
    if problem.dtype == "f16" and target.current().name == "generic":
        return "this processor does not convert float16"
    return None


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return True


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    if problem.direction == "bwd_input":
        if gradient.input_strips(problem):
            return gradient.input_gradient(problem, _Forward)
        return _InputGradient(problem)
    if problem.direction == "bwd_weight":
        return weight_gradient.plan(problem)
    return _Forward(problem)


# Forward


@dataclass(frozen=True, slots=True)
class Weight:
    """How a forward reads its weights: strides in bytes by group, output and input channel, row and column.

    All kh x kw stored taps are packed; `taps` are the (row, column) of those that the problem uses, in its order.
    So the phases of an input gradient share one packing, and a kernel that is read backwards is packed forwards.
    """

    strides: tuple[int, int, int, int, int]
    kh: int
    kw: int
    taps: tuple[tuple[int, int], ...]
    offset: int = 0  # bytes from the array's address to the first stored tap

    @classmethod
    def of(cls, p: ConvProblem, w: np.ndarray) -> Weight:
        """The weights [oc, ic/g, kh, kw] of a forward problem as they lie in memory."""
        w_o, w_c, w_h, w_w = w.strides
        rows, columns = range(p.kh), range(p.kw)
        offset = 0
        if w_h < 0:
            rows, offset, w_h = rows[::-1], offset + (p.kh - 1) * w_h, -w_h
        if w_w < 0:
            columns, offset, w_w = columns[::-1], offset + (p.kw - 1) * w_w, -w_w
        taps = tuple((u, v) for u in rows for v in columns)
        return cls((p.oc // p.g * w_o, w_o, w_c, w_h, w_w), p.kh, p.kw, taps, offset)

    def run(self, icg: int, size: int) -> int:
        """How the stored taps follow one another in memory: see pack_weight."""
        _, _, w_c, w_h, w_w = self.strides
        taps = self.kh * self.kw
        if (self.kw == 1 or w_w == size) and (self.kh == 1 or w_h == self.kw * size):
            if w_c == taps * size or icg == 1:
                return 1
            if taps > 1:
                return 2
        return 3 if w_c == size else 0


class _Forward:
    """The forward convolution of a problem; frames are prepared once for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.chain = chain(problem)
        self.frames: dict[Any, Frame] = Frames()

    def __call__(
        self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        workers = workers_for(self.problem)
        key = (x.strides, w.strides, out.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            weight = Weight.of(self.problem, w)
            frame = self.frames[key] = _forward_frame(self.problem, x, weight, out, workers, self.chain)
        address = memory.address
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.compute)
        at = 0 if bias is None else address(bias)
        if self.problem.tail:
            finishing = pack_tail(self.problem.tail, tail, at, out)
            at = address(finishing)
        packed, _keep = _pack(frame, w, kept)
        launch.launch(
            kernels.forward.address, frame.address, address(x), packed, at, address(out), frame.slot, frame.workers
        )


def _pack(frame: Frame, w: np.ndarray, kept: Storage | None) -> tuple[int, np.ndarray]:
    """The address of the weights as the frame wants them, packed if it does, and what keeps them alive."""
    weight = memory.address(w) + frame.weight_offset
    if not frame.packed_bytes:
        return weight, w

    def pack(ready: int) -> None:
        how = frame.packing or frame.address
        launch.launch(kernels.pack_weights.address, how, weight, 0, 0, ready, frame.slot, frame.pack_workers)

    found = None if kept is None else kept.form((weight, frame.form), frame.packed_bytes, pack)
    if found is None:
        found = memory.scratch(frame.packed_bytes, "weights")
        pack(found[0])
    return found


class _InputGradient:
    """The input gradient under zero padding: stride-1 forwards, one a phase, over weights packed once."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.phases = gradient.input_phases(problem)
        self.chain = chain(problem)
        self.frames: dict[Any, tuple[Frame | None, list[gradient.Phase]]] = Frames()

    def __call__(self, grad: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        workers = workers_for(self.problem)
        key = (grad.strides, w.strides, out.strides, workers)
        found = self.frames.get(key)
        if found is None:
            found = self.frames[key] = self._prepare(grad, w, out, workers)
        frame, rest = found
        for phase in rest:
            out[:, :, phase.rows, phase.columns] = 0
        if frame is None:
            return
        packed, _keep = _pack(frame, w, kept)
        address = memory.address
        launch.launch(
            kernels.forward.address, frame.address, address(grad), packed, 0, address(out), frame.slot, frame.workers
        )

    def _prepare(
        self, grad: np.ndarray, w: np.ndarray, out: np.ndarray, workers: int
    ) -> tuple[Frame | None, list[gradient.Phase]]:
        """The frames of all phases, and the phases that NumPy fills with zeros, because no tap reaches them."""
        p = self.problem
        w_o, w_c, w_h, w_w = w.strides
        reached = [phase.problem for phase in self.phases if phase.problem is not None]
        unreached = [phase for phase in self.phases if phase.problem is None]
        # All are cut into as many bands: those of the phase that reads most.
        if not reached:
            return None, unreached
        longest = max(reached, key=lambda each: each.kh * each.kw)
        cut = band_cut(longest) if len(self.phases) > 1 else None
        # Rows are cleared as a whole, just before the phases that are stored in them.
        frames, clear = [], {}
        if cut and cut[1] == 1 and out.strides[3] == out.itemsize:
            unreached, clear = [], {phase.rows.start: phase for phase in unreached}
        for phase in self.phases:
            if cut and phase.rows.start in clear:
                frames.append(self._clear(clear.pop(phase.rows.start), out, workers, cut))
            if phase.problem is None:
                continue
            view = out[:, :, phase.rows, phase.columns]
            taps = tuple((u, v) for u in range(p.kh)[phase.taps_h] for v in range(p.kw)[phase.taps_w])
            weight = Weight((p.oc // p.g * w_o, w_c, w_o, w_h, w_w), p.kh, p.kw, taps)
            packed = True if len(self.phases) > 1 else None
            frame = _forward_frame(phase.problem, grad, weight, view, workers, self.chain, packed, cut)
            frame.record["out_at"] = memory.address(view) - memory.address(out)
            frames.append(frame)
        return together(frames), unreached

    def _clear(self, phase: gradient.Phase, out: np.ndarray, workers: int, cut: tuple[int, int]) -> Frame:
        """A frame that fills the rows of a phase with zeros."""
        p = self.problem
        view = out[:, :, phase.rows]
        rows = ConvProblem(p.n, p.g, ic=p.oc, ih=view.shape[2], iw=p.iw, oc=p.ic, kh=1, kw=1, dtype=p.dtype)
        element = compute_dtype(p).itemsize
        fields = size_fields(rows, element, ())
        places, slot = layout({"row_at": (p.iw + fields["lanes"]) * element})
        bands = p.n * p.g * cut[0] * cut[1]
        fields |= places | output_fields(rows, view) | {
            "clear": 1,
            "bands_h": cut[0],
            "bands_w": cut[1],
            "shares": channel_shares(bands, split(p.ic // p.g, 2 * fields["lanes"]), workers),
            "out_at": memory.address(view) - memory.address(out),
            "slot": slot,
        }
        return finish(fields, [], workers=workers)


def forward_band(p: ConvProblem, cut: tuple[int, int] | None = None) -> Band:
    """The bands of a forward convolution, of which there are `cut` along both axes where that is given."""
    element = 8 if p.dtype == "f64" else 4
    if cut is None:
        return choose_band(p, element, p.ic // p.g, BAND_POSITIONS)
    return band_of(p, split(p.oh, cut[0]), split(p.ow, cut[1]))


def band_cut(p: ConvProblem) -> tuple[int, int]:
    """Bands along both axes, few enough for a phase that has a row or a column less."""
    band = forward_band(p)
    return min(split(p.oh, band.band_h), max(1, p.oh - 1)), min(split(p.ow, band.band_w), max(1, p.ow - 1))


def _forward_frame(
    p: ConvProblem,
    x: np.ndarray,
    weight: Weight,
    out: np.ndarray,
    workers: int,
    chain: int,
    packed: bool | None = None,
    cut: tuple[int, int] | None = None,
) -> Frame:
    machine = target.current()
    element = 8 if p.dtype == "f64" else 4
    lanes = machine.lanes(element)
    wide = 2 * lanes
    icg, ocg, taps = p.ic // p.g, p.oc // p.g, weight.kh * weight.kw
    blocks = split(ocg, wide)
    tables: list[np.ndarray] = []

    # A phase reads a few of the packed taps. How the sum is cut must not depend on the workers, as `packed` may.
    read = len(weight.taps) if packed else taps
    chunk = max(1, min(icg, WEIGHT_CHUNK // (read * wide * element)))
    images = p.n * p.g
    band = forward_band(p, cut)
    segment = max(1, min(icg, BAND_BYTES // (band.channel_elements * element)))
    if segment < icg:
        segment = max(chunk, segment // chunk * chunk)
    cut = cut or (split(p.oh, band.band_h), split(p.ow, band.band_w))
    bands = images * cut[0] * cut[1]
    shares = channel_shares(bands, blocks, workers)
    # Weights are packed beforehand where each worker would pack them more than twice.
    if packed is None:
        packed = bands * shares > 2 * workers * max(1, shares)

    places = np.array([u * weight.kw + v for u, v in weight.taps])
    # What a phase reads lies together; one row between, so that the taps do not compete for the same cache lines.
    by_tap = icg + 1 if packed and len(weight.taps) < taps else 0
    channel_rows, tap_rows = (1, by_tap) if by_tap else (taps, 1)
    found = np.array(band.tap_offsets(), np.int64)
    c = np.arange(chunk)[:, None]

    def term_tables(which: list[int]) -> list[int]:
        """Addresses of the tables of a chunk's terms, where these taps are read."""
        offsets = (c * band.channel_elements + found[which]).reshape(-1) * element
        rows = (c * channel_rows + places[which] * tap_rows).reshape(-1) * lanes * element
        narrow = [each.astype(np.int32) for each in (offsets, rows, rows * 2)]
        tables.extend(narrow)
        return [memory.address(each) for each in narrow]

    offsets, step1, step2 = term_tables(list(range(len(found))))
    fields = size_fields(p, element, STEPS, chain) | input_fields(p, x, band, element, tables)
    used = used_taps(p, cut, fields["mr"], band.joined)
    by_taps = {each: [len(each), *term_tables(list(each))] for each in set(used)}
    used_table = np.array([by_taps[each] for each in used], np.int64)
    tables.append(used_table)
    size = DTYPES[p.dtype][1]
    sum_size = band.band_h * band.band_w * wide * element
    shared_blocks = split(blocks, shares) if segment < icg else 1
    lost = memory.lines(sum_size * shared_blocks) if is_long(chain, chunk * read, split(icg, chunk)) else 0
    rooms, slot = layout(
        {
            "band_at": (segment * band.channel_elements + wide) * element,
            "sum_at": sum_size * shared_blocks + lost,
            "weight_at": chunk * taps * wide * element,
            "row_at": lanes * (max(band.band_w * band.band_h, chunk * taps) + lanes) * element,
        }
    )
    fields |= rooms | {
        "frames": 1,
        "bands_h": cut[0],
        "bands_w": cut[1],
        "shares": shares,
        **dict(zip(("w_g", "w_o", "w_c", "w_h", "w_w"), weight.strides)),
        "kh": weight.kh,
        "kw": weight.kw,
        "taps": len(weight.taps),
        "by_tap": by_tap,
        "w_size": size,
        "w_code": CODES[p.dtype],
        "run": weight.run(icg, size),
        "packed": int(packed),
        "chunk": chunk,
        "lost": lost,
        "segment": segment,
        "offsets": offsets,
        "step1": step1,
        "step2": step2,
        "used": memory.address(used_table) if used else 0,
        "tiles": len(used) // (p.oh * cut[1]),
        "y_n": out.strides[0],
        "y_c": out.strides[1],
        "y_h": out.strides[2],
        "y_w": out.strides[3],
        "y_size": size,
        "y_code": CODES[p.dtype],
        "y_last": int(out.strides[1] == size != out.strides[3]),
        "slot": slot,
        "sum_size": sum_size,
    }
    return finish(
        fields,
        tables,
        workers=min(workers, bands * shares),
        pack_workers=min(workers, p.g * blocks) if taps * icg * ocg > 100_000 else 1,
        packed_bytes=p.g * blocks * max(icg, by_tap) * taps * wide * element if packed else 0,
        weight_offset=weight.offset,
        form=("direct", p.g, icg, ocg, weight.strides, weight.kh, weight.kw, by_tap, p.dtype),
    )
