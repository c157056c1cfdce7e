"""Images of few channels, the first layer of a network: sums are short, and results many.

They are stored as they leave the registers. So lanes are columns, or, where results lie channels-last, output channels;
either way the sums are made of the same terms in the same order. No input channels have to fill a vector. Along the
rows Winograd's algorithm saves half the multiplications, F(m, r) of winograd_matrices.py; the columns are left as they
are.

As in direct.py, nothing here touches data: it plans the frame that kernels/shallow.py reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...kernels import launch, shallow_channels, shallow_columns, shallow_gradient, shallow_last, steps, target
from ...kernels import shallow as kernels
from ...kernels.tail import pack_tail
from ...kernels.winograd_matrices import Axis
from ...kernels.winograd_transforms import transform
from ...runtime import memory
from ...runtime.processor import in_l2
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..padding import index_map
from ..precision import get_convolution_precision
from ..problem import DTYPES, ConvProblem
from ..tail import Tail
from . import copies, direct, winograd
from .bands import Band, planes_of, split
from .chains import chain, is_long
from .frames import CODES, Frame, Frames, compute_dtype, input_fields, layout, output_fields, size_fields, workers_for

name = "shallow"

# Input channels up to which it is faster than algorithms whose lanes are channels, and with a stride, where it saves
# fewer multiplications; output channels from which on tiles are full; and how full the vectors of a row must be.
# AVX-512, Zen 4 (EPYC, 3.3 GHz), two threads, November 2026: forty forwards of 1..16 input and 1..96 output channels.
FEW, FEW_STRIDED = 8, 4
OUTPUTS = 4
FULL = 0.7
# Input channels of forwards in 'highest', where Winograd's algorithm along both axes pays from more on: up to so many
# it was 1.15 to 1.4 times as fast as the direct one (twenty forwards of 12..32 channels, the same machine).
FEW_PRECISE = 32
# Rows of a group, and taps of a run, to choose from.
ROWS = (2, 3, 4)
RUNS = (2, 3, 4)
# Points at most: more cost too much precision. For 'highest' (2e-7) four points err by 1.8e-7 however long sums are, of
# CHAIN terms at a time, and five by 1.7e-7 up to so many terms (64 x 64 images, normal data and that of
# tests/conv/test_precision.py, November 2026).
POINTS, PRECISE_POINTS, PRECISE_POINTS_SHORT = 7, 4, 5
SHORT = 32
# Bytes of a band of rows, and of a group's rows at their points: more do not stay in the L2 cache.
BAND_BYTES = 256 << 10
POINT_BYTES = 256 << 10
# Tasks for each worker, where there are rows for so many.
TASKS = 8

# Weight gradient: vectors that products are summed over before their lanes are added up, if there are so many; at
# least, or that is more work than the products; and fewer yet if only then there are tasks for all. Terms up to which
# one point is as fast as others are; bytes of the rows at their points, with the gradient's in the L2 cache; and parts
# of the sum, which do not depend on the threads.
GRADIENT_VECTORS, LEAST_VECTORS, FEWEST_VECTORS = 96, 40, 24
GRADIENT_TERMS = 64
GRADIENT_BYTES = 512 << 10
PARTS = 8
# Columns that are summed over at a time where lanes are channels, and bytes of their gradient at its points, which stay
# in L2 beside the rows; not tuned further.
GRADIENT_COLUMNS, LIFTED_BYTES = 64, 128 << 10

STEPS = ("transpose", "gather", "scatter", "accumulate")


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    reason = direct.refuse(p)
    if reason is not None:
        return reason
    if p.direction == "bwd_input":
        if (p.sh, p.sw, p.mode_h, p.mode_w) != (1, 1, "zeros", "zeros"):
            return "computes input gradients of stride 1 and padding with zeros only"
        (phase,) = gradient.input_phases(p)
        assert phase.problem is not None
        return refuse(phase.problem)
    precise = p.dtype != "f64" and get_convolution_precision() == "highest"
    if p.direction == "bwd_weight" and precise:
        return "the precision is 'highest', and sums over all positions are long"
    few = FEW if p.sw == 1 else FEW_STRIDED
    if p.g > 1 or p.ic > (FEW_PRECISE if precise and p.sw == 1 else few):
        return f"{p.ic} input channels in {p.g} groups fill the vectors of others"
    if p.ic > few and winograd.refuse(p) is None:
        return "Winograd's algorithm along both axes saves more multiplications"
    if p.oc < OUTPUTS:
        return f"{p.oc} output channels leave its tiles empty"
    if is_long(chain(p), p.ic * p.kh * p.kw, 1):
        return "sums are long, and it does not remember what they lose"
    plan = best(p)
    if plan.full < FULL:
        return f"{p.ow} columns do not fill vectors"
    if p.direction == "bwd_weight":
        if plan.together * split(p.ow, plan.lanes) < LEAST_VECTORS:
            return "there are too few columns to sum over at a time"
        if plan.rows.points == 1 and p.ic * p.kh * p.kw > GRADIENT_TERMS:
            return f"{p.ic * p.kh * p.kw} terms fill the direct algorithm's vectors"
    if plan.band_bytes(1) > 2 * BAND_BYTES or plan.point_bytes > POINT_BYTES:
        return "rows are too long for the cache"
    return None


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return problem.dtype == "f32"


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    if problem.direction == "bwd_input":
        return gradient.input_gradient(problem, _Forward)
    return _WeightGradient(problem) if problem.direction == "bwd_weight" else _Forward(problem)


# How rows are computed


@dataclass(frozen=True, slots=True)
class Rows:
    """Groups of m rows of outputs: taps in runs, each an F(m, taps); the taps of a run lie `step` apart."""

    m: int
    taps: int
    runs: tuple[int, ...]  # the first tap of each
    step: int

    @property
    def points(self) -> int:
        return self.m + self.taps - 1

    @property
    def reach(self) -> int:
        """Taps of the kernel, with those of zero that fill up shorter runs."""
        return max(self.runs) + self.step * (self.taps - 1) + 1


def ways(p: ConvProblem) -> Iterator[Rows]:
    """The ways to compute the rows of a problem."""
    yield Rows(1, 1, tuple(range(p.kh)), 1)
    if p.dtype == "f64" or p.dh > 1 or p.kh == 1:
        return
    most = POINTS
    if get_convolution_precision() == "highest":
        most = PRECISE_POINTS_SHORT if p.ic * p.kh * p.kw <= SHORT else PRECISE_POINTS
    # Taps `sh` apart read rows that far apart: a run has no others.
    classes = [range(first, p.kh, p.sh) for first in range(min(p.sh, p.kh))]
    for longest in RUNS:
        taps = max(split(len(each), split(len(each), longest)) for each in classes)
        runs = tuple(each[i] for each in classes for i in range(0, len(each), taps))
        for m in ROWS:
            if taps > 1 and m + taps - 1 <= most:
                yield Rows(m, taps, runs, p.sh)


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to compute a problem, and the memory that it takes.

    `folded`: the channels of a pixel lie side by side, in the image and in the band, which is that of one channel.
    """

    problem: ConvProblem
    rows: Rows
    element: int
    folded: bool = False

    @property
    def read(self) -> ConvProblem:
        """The problem whose image is read: its columns may be all the channels of pixels."""
        p = self.problem
        if not self.folded:
            return p
        extent = p.dw * (p.kw - 1) + 1
        return replace(p, ic=1, sw=1, dw=1, iw=p.iw * p.ic, kw=extent * p.ic, pl=p.pl * p.ic, pr=p.pr * p.ic)

    @property
    def lanes(self) -> int:
        return target.current().lanes(self.element)

    @property
    def groups(self) -> int:
        return split(self.problem.oh, self.rows.m)

    @property
    def unbroken(self) -> bool:
        """Whether the columns of all rows may follow one another, because no two read the same."""
        p = self.problem
        return self.rows.points == 1 and p.dw * (p.kw - 1) < p.sw

    @property
    def full(self) -> float:
        """How full vectors are."""
        columns = self.problem.ow * (self.problem.oh if self.unbroken else 1)
        return columns / (split(columns, self.lanes) * self.lanes)

    def band(self, groups: int) -> Band:
        """What so many groups read; in rows of whole vectors, unless they follow one another."""
        p = self.read
        columns = planes_of(p.kw, p.sw, p.dw, apart=False)
        reach = max(columns.extras)
        wide = p.ow if self.unbroken else split(split(p.ow, self.lanes) * self.lanes + reach, self.lanes) * self.lanes
        rows = planes_of(self.rows.reach, p.sh, p.dh, apart=False)
        return Band(rows, columns, groups * self.rows.m, wide - (0 if self.unbroken else reach), joined=False)

    def band_bytes(self, groups: int) -> int:
        return self.read.ic * self.band(groups).channel_elements * self.element

    @property
    def row_bytes(self) -> int:
        """Of a row at a point: an odd number of lines, or rows would meet in cache sets."""
        return memory.lines(self.band(1).pitch * self.element) | memory.LINE

    @property
    def row_count(self) -> int:
        """Rows at a point: of each channel, run and phase of columns."""
        return self.read.ic * len(self.rows.runs) * len(self.band(1).columns.starts)

    @property
    def point_bytes(self) -> int:
        return self.rows.points * self.row_count * self.row_bytes if self.rows.points > 1 else 0

    @property
    def together(self) -> int:
        """Groups over which a weight gradient sums at a time: for every number of threads the same."""
        count = min(self.groups, split(GRADIENT_VECTORS, split(self.problem.ow, self.lanes)))
        if self.rows.points > 1:
            count = max(1, min(count, GRADIENT_BYTES // self.point_bytes))
        while count > 1 and self.band_bytes(count) > BAND_BYTES:
            count -= 1
        return count

    @property
    def cost(self) -> float:
        """Cycles of a core for a vector of columns of a row and an output channel, about."""
        p, rows = self.problem, self.rows
        terms = p.ic * len(rows.runs) * p.kw
        sums = rows.points * terms
        if p.direction == "fwd" or rows.points > 1:  # results are made of sums, or points of gradients
            sums += 4 * rows.points
        packing = (2 * rows.m * p.sh * p.ic * p.sw + 4 * rows.points * self.row_count * (rows.points > 1)) / p.oc
        return (sums + packing) * self.groups / p.oh


@lru_cache(maxsize=1024)
def _best(p: ConvProblem, precision: str) -> Plan:
    element = compute_dtype(p).itemsize
    return min((Plan(p, rows, element) for rows in ways(p)), key=lambda plan: plan.cost)


def best(problem: ConvProblem) -> Plan:
    """The cheapest way to compute a problem, for one image, at the precision now set."""
    return _best(problem.per_image(), get_convolution_precision())


# Frames


class _Forward:
    """The forward convolution of a problem; a frame for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.plan = best(problem)
        self.chain = chain(problem)
        self.compute = compute_dtype(problem)
        self.frames: dict[Any, Frame] = Frames()

    def __call__(
        self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        workers = workers_for(self.problem)
        if w.strides[2] < 0 or w.strides[3] < 0:
            w, kept = np.ascontiguousarray(w), None
        key = (x.strides, w.strides, out.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            frame = self.frames[key] = _forward_frame(self.problem, self.plan, x, w, out, workers, self.chain)
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.compute)
        at = 0 if bias is None else memory.address(bias)
        if self.problem.tail:
            finishing = pack_tail(self.problem.tail, tail, at, out)
            at = memory.address(finishing)
        packed, _keep = self._pack(frame, memory.address(w), kept)
        a, to = memory.address(x), memory.address(out)
        launch.launch(kernels.forward.address, frame.address, a, packed, at, to, frame.slot, frame.workers)

    def _pack(self, frame: Frame, weight: int, kept: Storage | None) -> tuple[int, np.ndarray]:
        def pack(to: int) -> None:
            how = frame.address, weight, 0, 0, to, frame.slot, frame.pack_workers
            launch.launch(kernels.pack_weights.address, *how)

        found = None if kept is None else kept.form((weight, frame.form), frame.packed_bytes, pack)
        if found is None:
            found = memory.scratch(frame.packed_bytes, "weights")
            pack(found[0])
        return found


def _folded(p: ConvProblem, x: np.ndarray) -> bool:
    """Whether the channels of pixels lie side by side, and are read so."""
    size = DTYPES[p.dtype][1]
    return p.mode_w == "zeros" and x.strides[1] == size and x.strides[3] == p.ic * size


def _band_fields(
    p: ConvProblem, plan: Plan, x: np.ndarray, bands: int, tables: list[np.ndarray]
) -> tuple[Band, dict[str, int]]:
    """The fields of a frame that say how bands are packed and how they are read."""
    rows, element, read = plan.rows, plan.element, plan.read
    band = plan.band(split(plan.groups, bands))
    columns, starts = band.columns, band.row_starts
    firsts = [band.rows.taps[tap] for tap in rows.runs]
    where = [(starts[plane] + shift) * band.pitch * element for plane, shift in firsts]
    runs = np.array(list(zip(where, rows.runs)), np.int64)
    c, run, tap = np.ogrid[: p.ic, : len(runs), : p.kw]
    if plan.folded:  # a tap for each channel
        c, tap = np.zeros_like(c), tap * p.dw * p.ic + c
        x = np.lib.stride_tricks.as_strided(x, (p.n, 1, p.ih, read.iw), (*x.strides[:3], x.itemsize))
    q, shift = np.moveaxis(np.array(columns.taps)[tap], -1, 0)
    if rows.points > 1:
        offsets = ((c * len(runs) + run) * len(columns.starts) + q) * plan.row_bytes + shift * element
    else:
        offsets = (c * band.channel_elements + q * band.plane_elements + shift) * element + runs[run, 0]
    offsets = np.ascontiguousarray(offsets.reshape(-1), np.int32)
    fields = size_fields(replace(p, tail=()), element, STEPS) | input_fields(read, x, band, element, tables)
    # A last group may read rows below the padded image: there is nothing.
    below = starts[-1] * p.sh + p.oh * p.sh + rows.reach * p.dh
    row_map = np.append(index_map(p.ih, p.pt, p.pb, p.mode_h), np.full(below, -1)).astype(np.int64)
    tables += [runs, offsets, row_map]
    return band, fields | {
        "row_map": memory.address(row_map),
        "bands_h": bands,
        "icg": p.ic,
        "ocg": p.oc,
        "band_channels": read.ic,
        "column_step": (p.sw * p.ic if plan.folded else 1) * element,
        "groups": plan.groups,
        "group": rows.m,
        "points": rows.points,
        "run_count": len(runs),
        "runs": memory.address(runs),
        "tap_step": rows.step,
        "row_bytes": plan.row_bytes,
        "point_at": plan.row_count * plan.row_bytes,
        "chunk": offsets.size,
        "offsets": memory.address(offsets),
    }


def _column_tile(p: ConvProblem, plan: Plan, chained: bool, in_place: bool) -> dict[str, int]:
    """The fields that say how tiles are computed whose lanes are columns."""
    rows, machine = plan.rows, target.current()
    step = shallow_columns.tile(plan.element, rows.m, rows.taps, bool(p.tail and in_place), chained)
    return {
        "sums_tile": step.address,
        "tile_parts": shallow_columns.parts(machine, plan.element, rows.points),
        "tile_vectors": max(vectors for _, vectors in shallow_columns.shapes(machine, plan.element, rows.points)),
    }


def _channel_tile(p: ConvProblem, plan: Plan, chained: bool, in_place: bool) -> dict[str, int]:
    """The same for tiles whose lanes are channels."""
    rows = plan.rows
    step = shallow_channels.tile(plan.element, rows.m, rows.taps, bool(p.tail), chained, CODES[p.dtype])
    return {"sums_tile": step.address, "columns": shallow_channels.columns(target.current(), rows.points)}


def _forward_frame(
    p: ConvProblem, plan: Plan, x: np.ndarray, w: np.ndarray, out: np.ndarray, workers: int, chain: int
) -> Frame:
    rows, element, lanes = plan.rows, plan.element, plan.lanes
    vector, size = target.current().vector, DTYPES[p.dtype][1]
    tables: list[np.ndarray] = []
    bands = min(plan.groups, split(TASKS * workers, p.n))
    while bands < plan.groups and plan.band_bytes(split(plan.groups, bands)) > in_l2(BAND_BYTES):
        bands += 1
    output = output_fields(p, out)
    plan = replace(plan, folded=bool(output["y_last"] and _folded(p, x)))
    band, fields = _band_fields(p, plan, x, bands, tables)
    in_place = out.strides[3] == element == size
    result_row = split(p.ow, lanes) * vector
    taps = p.ic * p.kh * p.kw
    spare = lanes * (max(band.pitch, taps) + lanes) * element
    places, slot = layout(
        {
            "band_at": (plan.read.ic * band.channel_elements + 2 * lanes) * element,
            "other_at": plan.point_bytes,
            "row_at": spare,
            "result_at": 0 if in_place or output["y_last"] else p.oc * rows.m * result_row,
        }
    )
    weight = direct.Weight.of(p, w)
    if rows.points > 1:
        one, axis = Axis(1, 1, 1, 1), Axis(rows.taps, 1, rows.m, rows.taps)
        fields["rows_in"] = transform("input", axis, one).address
        fields["weights_in"] = transform("weight", axis, one).address
    weight_block = fields["chunk"] * rows.points * vector
    chained = 0 < chain < fields["chunk"]
    fields |= output | places | (_channel_tile if output["y_last"] else _column_tile)(p, plan, chained, in_place) | {
        **dict(zip(("w_g", "w_o", "w_c", "w_h", "w_w"), weight.strides)),
        "w_size": size,
        "w_code": CODES[p.dtype],
        "run": weight.run(p.ic, size),
        "piece": split(fields["chunk"], split(fields["chunk"], chain)) if chain else fields["chunk"],
        "unbroken": int(plan.unbroken and in_place and out.strides[2] == p.ow * element),
        "weight_block": weight_block,
        "spare_taps": spare,
        "tap_zeros": max(0, rows.reach - p.kh) * p.kw * lanes,
        "in_place": int(in_place),
        "result_row": result_row,
        "result_channel": rows.m * result_row,
        "tail": int(bool(p.tail)),
        "slot": max(slot, spare + (rows.reach * p.kw + 1) * vector),
    }
    record = np.zeros(1, kernels.FRAME)
    for field, value in fields.items():
        record[field] = value
    return Frame(
        record,
        tables,
        memory.address(record),
        slot=fields["slot"],
        workers=min(workers, p.n * bands),
        pack_workers=min(workers, split(p.oc, lanes)) if taps * p.oc > 100_000 else 1,
        packed_bytes=split(p.oc, lanes) * weight_block,
        form=("shallow", p.oc, p.ic, weight.strides, p.kh, p.kw, rows, p.dtype),
    )


# Weight gradient


class _WeightGradient:
    """The weight gradient of a problem."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.plan = best(problem)
        self.compute = compute_dtype(problem)
        self.frames: dict[Any, Frame] = Frames()
        self.other: Run | None = None

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        columns = grad.strides[3] == grad.itemsize
        last = not columns and _last(self.problem, x, grad)
        if not (columns or last):
            self.other = self.other or direct.plan(self.problem)
            self.other(x, grad, bias, out)
            return
        workers = workers_for(self.problem)
        result = out if out.dtype == self.compute else copies.room_for(out, self.compute)
        key = (x.strides, grad.strides, result.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            make = _last_frame if last else _gradient_frame
            frame = self.frames[key] = make(self.problem, self.plan, x, grad, result, workers)
        address = memory.address
        parts, _keep = memory.scratch(frame.packed_bytes, "parts")
        how = frame.slot, frame.workers
        kernel = shallow_last.weight_gradient if last else kernels.weight_gradient
        launch.launch(kernel.address, frame.address, address(x), address(grad), 0, parts, *how)
        launch.launch(
            kernels.finish.address, frame.address, parts, 0, 0, address(result), frame.slot, frame.pack_workers
        )
        if result is not out:
            copies.store(result, out)


def _last(p: ConvProblem, x: np.ndarray, grad: np.ndarray) -> bool:
    """Whether sums are made with channels for lanes: those of pixels and of the gradient's lie side by side, and fill
    vectors or are of a type that `lift` copies."""
    whole = p.dtype != "f64" or p.oc % target.current().lanes(8) == 0
    beside = grad.strides[1] == grad.itemsize and grad.strides[3] == p.oc * grad.itemsize
    return p.dw == 1 and whole and beside and _folded(p, x)


def _gradient_bands(plan: Plan) -> int:
    """Bands of an image: as many for each of a few workers."""
    bands = split(plan.groups, plan.together)
    if bands < 4:
        bands = max(bands, min(4, plan.groups * split(plan.problem.ow, plan.lanes) // FEWEST_VECTORS))
    return min(plan.groups, split(bands, 4) * 4 if bands > 4 else bands)


def _gradient_frame(
    p: ConvProblem, plan: Plan, x: np.ndarray, grad: np.ndarray, out: np.ndarray, workers: int
) -> Frame:
    """The frame of sums whose lanes are columns."""
    rows, element, lanes = plan.rows, plan.element, plan.lanes
    vector = target.current().vector
    tables: list[np.ndarray] = []
    in_place = rows.points == 1 and grad.itemsize == element
    unbroken = plan.unbroken and in_place and grad.strides[2] == p.ow * element
    bands = _gradient_bands(plan)
    band, fields = _band_fields(p, plan, x, bands, tables)
    together = split(plan.groups, bands)
    pairs_m, pairs_n = shallow_gradient.pair_shapes(target.current())
    grad_row = split(p.ow, lanes) * vector | memory.LINE
    fields |= {
        "pairs": shallow_gradient.PAIRS[element].address,
        "in_place": int(in_place),
        "unbroken": int(unbroken),
        "group_at": plan.point_bytes if rows.points > 1 else band.pitch * element,
        "grad_point": max(pairs_m) * grad_row if rows.points > 1 else 0,
        "grad_group": rows.points * max(pairs_m) * grad_row,
        "grad_row": grad_row,
        "pairs_m": max(pairs_m),
        "pairs_n": min(pairs_n, lanes),
    }
    grads = 0 if in_place else together * rows.points * max(pairs_m) * grad_row + vector
    return _parts_frame(p, plan, band, fields, tables, grad, out, workers, together, {"sum_at": grads})


def _last_frame(
    p: ConvProblem, plan: Plan, x: np.ndarray, grad: np.ndarray, out: np.ndarray, workers: int
) -> Frame:
    """The frame of sums whose lanes are channels."""
    rows, element, lanes = plan.rows, plan.element, plan.lanes
    machine = target.current()
    plan = replace(plan, folded=True)
    tables: list[np.ndarray] = []
    band, fields = _band_fields(p, plan, x, _gradient_bands(plan), tables)
    # A vector of channels reads no further than the gradient goes.
    in_place = rows.points == 1 and grad.itemsize == element and p.oc % lanes == 0
    run_terms, runs = p.kw * p.ic, len(rows.runs)
    # Sums are of (point, run, column of taps, channel), what they become of (point, channel, run, column of taps).
    point, c, run, tap = np.ogrid[: rows.points, : p.ic, :runs, : p.kw]
    order = np.ascontiguousarray((((point * runs + run) * p.kw + tap) * p.ic + c).reshape(-1), np.int64)
    cuts = split(p.ow, max(1, min(GRADIENT_COLUMNS, LIFTED_BYTES // (rows.points * p.oc * element))))
    columns = split(p.ow, cuts)
    offsets = np.ascontiguousarray(np.arange(columns) * fields["column_step"], np.int32)
    grads = np.ascontiguousarray(np.arange(columns) * (p.oc * element), np.int32)
    tables += [order, offsets, grads]
    grad_point = memory.lines(columns * p.oc * element) | memory.LINE
    fields |= {
        "tile": steps.addresses(element, ("tile",))["tile"],
        "mr": machine.mr,
        "in_place": int(in_place),
        "run_terms": run_terms,
        "column_offsets": memory.address(offsets),
        "grad_columns": memory.address(grads),
        "cuts": cuts,
        "order": memory.address(order),
        "grad_point": 0 if in_place else grad_point,
    }
    more = {
        "result_at": 0 if in_place else rows.points * grad_point + 2 * machine.vector,
        "sum_at": rows.points * runs * run_terms * split(p.oc, lanes) * machine.vector,
    }
    return _parts_frame(p, plan, band, fields, tables, grad, out, workers, 1, more)


def _parts_frame(
    p: ConvProblem,
    plan: Plan,
    band: Band,
    fields: dict[str, int],
    tables: list[np.ndarray],
    grad: np.ndarray,
    out: np.ndarray,
    workers: int,
    together: int,
    more: dict[str, int],
) -> Frame:
    """The frame of a weight gradient whose sums are made in parts; `more` is scratch besides the band's and that of so
    many groups at their points."""
    rows, element, lanes = plan.rows, plan.element, plan.lanes
    terms = fields["chunk"]
    parts = min(PARTS, p.n * fields["bands_h"])
    places, slot = layout(
        {
            "band_at": (max(plan.read.ic * band.channel_elements, rows.points * terms) + 2 * lanes) * element,
            "other_at": max(together * plan.point_bytes, rows.taps * (terms + lanes) * element),
            "row_at": lanes * (band.pitch + lanes) * element,
            **more,
        }
    )
    one, axis = Axis(1, 1, 1, 1), Axis(rows.taps, 1, rows.m, rows.taps)
    if rows.points > 1:
        fields["rows_in"] = transform("input", axis, one).address
        fields["weights_out"] = transform("weight_gradient", axis, one).address
    if not fields["in_place"]:
        fields["lift"] = shallow_gradient.lift(rows.m, rows.taps).address
    fields |= output_fields(p, grad) | places | {
        "parts": parts,
        **dict(zip(("w_o", "w_c", "w_h", "w_w"), out.strides)),
        "slot": slot,
    }
    record = np.zeros(1, kernels.FRAME)
    for field, value in fields.items():
        record[field] = value
    return Frame(
        record,
        tables,
        memory.address(record),
        slot=slot,
        workers=min(workers, parts),
        pack_workers=min(workers, p.oc) if terms * rows.points * p.oc * parts > 50_000 else 1,
        # An accumulation ends with a whole vector.
        packed_bytes=(parts * p.oc * rows.points * terms + lanes) * element,
    )
