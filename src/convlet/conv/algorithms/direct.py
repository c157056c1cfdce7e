"""Direct convolution on the register tile: any kernel, stride, dilation, padding mode and groups; no padded copy.

This file plans: it chooses the bands, the blocking and the order of the tasks from the problem of one image and
the sizes of the caches, and writes them into the frame that kernels/direct.py reads. Nothing here touches data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...kernels import direct as kernels
from ...kernels import launch, target
from ...kernels.tail import pack_tail
from ...kernels.taps import pack_taps
from ...runtime import memory
from ...runtime.processor import in_l2
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..problem import DTYPES, ConvProblem
from ..tail import Tail
from . import weight_gradient
from .bands import BAND_BYTES, Band, choose_band, split, tile_columns, used_taps
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
    workers_for,
)

name = "direct"

# Bytes of packed weights that one step of the sum uses: they come from L2, and the longer the sums the less often they
# go to memory. 36 KiB took 1% longer (3x3 layers of ResNet-50, Zen 4, November 2026).
WEIGHT_CHUNK = 72 << 10
# Positions of a band: enough to use a chunk of weights often, few enough for the sums to stay in L2.
BAND_POSITIONS = 448
# The same of each part, where there are several.
PARTS_POSITIONS = 224

# Weights from which on several threads pack them.
PACKED_TOGETHER = 50_000
# All weights of an output channel lie in a run of memory; the taps of each of its channels do (see Weight.run).
RUN_OF_ALL, RUN_OF_TAPS = 1, 2

# The compiled steps its kernels call, besides those of bands.
STEPS = ("tile", "transpose", "gather", "scatter")

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

    All kh x kw stored taps are packed; `taps` are the (row, column) of the problem's, in its order. So the phases of an
    input gradient share one packing, and a kernel that is read backwards is packed forwards.
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
                return RUN_OF_ALL
            if taps > 1:
                return RUN_OF_TAPS
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
            p, weight = self.problem, Weight.of(self.problem, w)
            part = Part(p, 0, 0, tuple(range(p.kh * p.kw)), weight.taps)
            frame = self.frames[key] = _frame(p, (part,), x, weight, out, workers, self.chain)
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
        launch.launch(kernels.pack_weights.address, frame.address, weight, 0, 0, ready, frame.slot, frame.pack_workers)

    found = None if kept is None else kept.form((weight, frame.form), frame.packed_bytes, pack)
    if found is None:
        found = memory.scratch(frame.packed_bytes, "weights")
        pack(found[0])
    return found


class _InputGradient:
    """The input gradient under zero padding: its phases are stride-1 forwards of the same bands and packed weights."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.chain = chain(problem)
        self.frames: dict[Any, Frame] = Frames()
        phases = gradient.input_phases(problem)
        self.nothing = all(phase.problem is None for phase in phases)
        if not self.nothing:
            self.band, self.parts = _parts(problem, phases)

    def __call__(self, grad: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        if self.nothing:  # the stride leaves out what the kernel reads
            out[...] = 0
            return
        p = self.problem
        workers = workers_for(p)
        key = (grad.strides, w.strides, out.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            w_o, w_c, w_h, w_w = w.strides
            weight = Weight((p.oc // p.g * w_o, w_c, w_o, w_h, w_w), p.kh, p.kw, ())
            grid = min(p.sh, p.ih), min(p.sw, p.iw)
            frame = _frame(self.band, self.parts, grad, weight, out, workers, self.chain, grid)
            self.frames[key] = frame
        packed, _keep = _pack(frame, w, kept)
        address = memory.address
        launch.launch(
            kernels.forward.address, frame.address, address(grad), packed, 0, address(out), frame.slot, frame.workers
        )


def _pack_taps(p: ConvProblem, weight: Weight, by_tap: int) -> int:
    """The step that packs a channel's taps where they lie in a run, for weights that are worth compiling it; else 0."""
    taps, run = weight.kh * weight.kw, weight.run(p.ic // p.g, DTYPES[p.dtype][1])
    one_by_one = run == RUN_OF_TAPS or (run == RUN_OF_ALL and by_tap > 0)
    large = taps * p.ic * p.oc // p.g > PACKED_TOGETHER
    fits = taps <= target.current().lanes(4)
    return pack_taps(taps).address if one_by_one and large and fits and p.dtype == "f32" else 0


@dataclass(frozen=True, slots=True)
class Part:
    """Results that share their taps, every so manieth in each row and column: all, or a phase of an input gradient."""

    problem: ConvProblem | None  # the forward that they are; None where no tap reaches them
    row: int  # of the first of them
    column: int
    places: tuple[int, ...]  # which taps of the band it reads
    taps: tuple[tuple[int, int], ...]  # row and column of each of these taps in the weights


def _parts(p: ConvProblem, phases: tuple[gradient.Phase, ...]) -> tuple[ConvProblem, tuple[Part, ...]]:
    """A forward whose bands hold what all phases of an input gradient read, and these as its parts."""
    if len(phases) == 1:
        (phase,) = phases
        assert phase.problem is not None
        return phase.problem, (_part(p, phase, phase.problem),)
    reached = [phase.problem for phase in phases if phase.problem is not None]
    top, left = max(each.pt for each in reached), max(each.pl for each in reached)
    kh = top + 1 + max((each.kh - 1) * each.dh - each.pt for each in reached)
    kw = left + 1 + max((each.kw - 1) * each.dw - each.pl for each in reached)
    height, width = split(p.ih, p.sh), split(p.iw, p.sw)
    band = replace(
        reached[0],
        kh=kh,
        kw=kw,
        pt=top,
        pb=height + kh - 1 - p.oh - top,
        pl=left,
        pr=width + kw - 1 - p.ow - left,
        dh=1,
        dw=1,
    )
    return band, tuple(_part(p, phase, band) for phase in phases)


def _part(p: ConvProblem, phase: gradient.Phase, band: ConvProblem) -> Part:
    own, places = phase.problem, tuple[int, ...]()
    if own is not None:
        places = tuple(
            (u * own.dh - own.pt + band.pt) // band.dh * band.kw + (v * own.dw - own.pl + band.pl) // band.dw
            for u in range(own.kh)
            for v in range(own.kw)
        )
    taps = tuple((u, v) for u in range(p.kh)[phase.taps_h] for v in range(p.kw)[phase.taps_w])
    return Part(own, phase.rows.start, phase.columns.start, places, taps)


def _frame(
    p: ConvProblem,
    parts: tuple[Part, ...],
    x: np.ndarray,
    weight: Weight,
    out: np.ndarray,
    workers: int,
    chain: int,
    grid: tuple[int, int] = (1, 1),
) -> Frame:
    """A record for each part, side by side; p says what the bands hold, and how the weights' channels are cut."""
    machine = target.current()
    element = 8 if p.dtype == "f64" else 4
    lanes = machine.lanes(element)
    wide = 2 * lanes
    icg, ocg, taps = p.ic // p.g, p.oc // p.g, weight.kh * weight.kw
    blocks = split(ocg, wide)
    tables: list[np.ndarray] = []

    several = len(parts) > 1
    band = choose_band(p, element, icg, PARTS_POSITIONS if several else BAND_POSITIONS)
    segment = max(1, min(icg, in_l2(BAND_BYTES) // (band.channel_elements * element)))
    # A part reads a few of the packed taps. How the sum is cut must not depend on the workers, as `packed` may.
    read = max(len(part.taps) for part in parts)
    chunk = max(1, min(icg, WEIGHT_CHUNK // (read * wide * element)))
    if segment < icg:
        segment = max(chunk, segment // chunk * chunk)
    cut = split(p.oh, band.band_h), split(p.ow, band.band_w)
    bands = p.n * p.g * cut[0] * cut[1]
    fields = size_fields(p, element, STEPS, chain) | input_fields(p, x, band, element, tables)
    if not several and not band.joined:
        fields["mr"] = tile_columns(p, cut[1], fields["mr"])
    shares = channel_shares(bands, blocks, workers)
    # Weights are packed beforehand where each worker would pack them more than twice.
    packed = several or bands * shares > 2 * workers * max(1, shares)
    # What a part reads lies together; one row between, so that the taps do not compete for the same cache lines.
    by_tap = icg + 1 if several else 0

    size = DTYPES[p.dtype][1]
    sum_size = band.band_h * band.band_w * len(parts) * wide * element
    shared_blocks = split(blocks, shares) if segment < icg else 1
    lost = memory.lines(sum_size * shared_blocks) if is_long(chain, chunk * read, split(icg, chunk)) else 0
    positions = band.band_w * band.band_h * len(parts)
    rooms, slot = layout(
        {
            "band_at": (segment * band.channel_elements + wide) * element,
            "sum_at": sum_size * shared_blocks + lost,
            "weight_at": chunk * taps * wide * element,
            "row_at": lanes * (max(positions, chunk * taps) + lanes) * element,
        }
    )
    fields |= rooms | output_fields(p, out) | {
        "parts": len(parts),
        "grid_h": grid[0],
        "grid_w": grid[1],
        "out_h": out.shape[2],
        "out_w": out.shape[3],
        "joined": int(band.joined and not several),
        "bands_h": cut[0],
        "bands_w": cut[1],
        "shares": shares,
        **dict(zip(("w_g", "w_o", "w_c", "w_h", "w_w"), weight.strides)),
        "kh": weight.kh,
        "kw": weight.kw,
        "by_tap": by_tap,
        "w_size": size,
        "w_code": CODES[p.dtype],
        "run": weight.run(icg, size),
        "packed": int(packed),
        "pack_taps": _pack_taps(p, weight, by_tap),
        "chunk": chunk,
        "lost": lost,
        "segment": segment,
        "slot": slot,
        "sum_size": sum_size,
    }
    frame = finish(
        fields,
        tables,
        workers=min(workers, bands * shares),
        pack_workers=min(workers, p.g * blocks) if taps * icg * p.oc > PACKED_TOGETHER else 1,
        packed_bytes=p.g * blocks * max(icg, by_tap) * taps * wide * element if packed else 0,
        weight_offset=weight.offset,
        form=("direct", p.g, icg, ocg, weight.strides, weight.kh, weight.kw, by_tap, p.dtype),
    )
    frame.record = np.repeat(frame.record, len(parts))
    frame.address = memory.address(frame.record)
    steps = (1, by_tap) if by_tap else (taps, 1)
    mr = fields["mr"]
    for record, part in zip(frame.record, parts):
        for field, value in _part_fields(part, p, band, cut, chunk, weight, steps, mr, several, tables).items():
            record[field] = value
    return frame


def _part_fields(
    part: Part,
    p: ConvProblem,
    band: Band,
    cut: tuple[int, int],
    chunk: int,
    weight: Weight,
    steps: tuple[int, int],
    mr: int,
    several: bool,
    tables: list[np.ndarray],
) -> dict[str, int]:
    """What a part reads: tables of offsets in the band and in the packed weights, for each set of taps of a tile.

    `steps` are the rows of packed weights between channels, and between taps.
    """
    element = 8 if p.dtype == "f64" else 4
    vector = target.current().vector
    c = np.arange(chunk)[:, None]
    found = np.array(band.tap_offsets(), np.int64)[list(part.places)]
    rows = np.array([u * weight.kw + v for u, v in part.taps], np.int64)

    def term_tables(which: tuple[int, ...]) -> list[int]:
        """How many taps of a channel these are, and the addresses of the tables of a chunk's terms."""
        own = list(which)
        offsets = (c * band.channel_elements + found[own]).reshape(-1) * element
        places = (c * steps[0] + rows[own] * steps[1]).reshape(-1) * vector
        narrow = [each.astype(np.int32) for each in (offsets, places, places * 2)]
        tables.extend(narrow)
        return [len(own), *(memory.address(each) for each in narrow)]

    used: list[tuple[int, ...]] = []
    if part.problem is not None:
        used = used_taps(part.problem, (p.oh, p.ow), cut, mr, band.joined and not several)
    by_taps = {each: term_tables(each) for each in set(used)}
    table = np.array([by_taps[each] for each in used], np.int64)
    tables.append(table)
    return {
        "part_row": part.row,
        "part_column": part.column,
        **dict(zip(("taps", "offsets", "step1", "step2"), term_tables(tuple(range(len(part.taps)))))),
        "used": memory.address(table) if used else 0,
        "tiles": len(used) // (part.problem.oh * cut[1]) if part.problem is not None else 0,
    }
