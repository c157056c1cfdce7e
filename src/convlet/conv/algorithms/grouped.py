"""Few channels a group (ResNeXt, RegNet, three colours): the lanes of a vector are positions, no channel is padded.

Groups of 16 channels and more that lie side by side are an exception (grouped_channels.py). As in direct.py, nothing
here touches data: it plans the frame that kernels/grouped.py reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...kernels import grouped as kernels
from ...kernels import launch, planes, steps, target
from ...kernels.tail import finish_lanes, finish_rows, pack_tail
from ...runtime import memory
from ...runtime.processor import in_l2
from ...runtime.storage import Storage
from .. import gradient
from ..gradient import Array, Run
from ..padding import gather, spans
from ..precision import get_convolution_precision
from ..problem import ConvProblem
from ..tail import Tail, followed
from . import copies, direct, winograd
from .bands import split
from .chains import even
from .frames import CODES, Frame, Frames, compute_dtype, finish, layout, workers_for
from .grouped_channels import Channels
from .planes import Geometry, lying, readable, rows_of, turned, turned_bytes

name = "grouped"

# Output channels of a group up to which the lanes are positions whatever else; of several groups, channels of input and
# output; output channels from which on Winograd is faster where it takes the problem, and those of a single group with
# so many positions; channels up to which a weight gradient sums over positions in its lanes; and channels of input and
# output from which on the lanes are channels where those lie side by side, or where every second column would have to
# be picked out of rows. From so many positions on that costs more than packing the weights of full vectors.
# AVX-512, Zen 4 (EPYC, 3.3 GHz), November 2026: `python -m benchmarks layers --table grouped`.
FEW = 8
CHANNELS = 32
WINOGRAD_CHANNELS = 16
WINOGRAD_OUTPUTS, WINOGRAD_POSITIONS = 7, 400
GRADIENT_CHANNELS = 8
LANE_CHANNELS = 16
STRIDED_POSITIONS = 128
# Bytes of the planes of a task and of its results, which come from L2: 1 MiB on that machine. With half of it a problem
# takes up to 1.3 times as long: a band copies all rows that it reads, many of them for a large kernel.
BAND_BYTES = 768 << 10
# Tasks for each worker, where there are rows for so many.
TASKS = 4
# Terms of a sum before it is added to memory, by the precision: long sums made of several have small rounding errors.
TERMS = {"highest": 32, "high": 288}


# The compiled steps of its kernels.
FORWARD = ("plane", "rows_tile", "interleave", "scatter", "transpose")
GRADIENT = ("plane", "pairs", "transpose")


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    reason = direct.refuse(p)
    if reason is not None:
        return reason
    icg, ocg = p.ic // p.g, p.oc // p.g
    outputs = icg if p.direction == "bwd_input" else ocg
    element = compute_dtype(p).itemsize
    if p.direction == "bwd_weight":
        if p.dtype != "f64" and get_convolution_precision() == "highest":
            return "the precision is 'highest', and sums over all positions are long"
        few = max(icg, ocg) <= GRADIENT_CHANNELS
    else:
        few = outputs <= FEW or (p.g > 1 and max(icg, ocg) <= CHANNELS)
    if p.direction == "fwd" and p.sw == 2 and p.oh * p.ow >= STRIDED_POSITIONS:
        few = few and (ocg < LANE_CHANNELS or icg >= LANE_CHANNELS)
    if not few:
        return f"groups of {icg} by {ocg} channels fill the direct algorithm's vectors"
    if p.sw > 2 and p.direction != "bwd_input":
        return f"copies every column or every second, and the stride is {p.sw}"
    if Geometry.of(p, element).band_bytes(1) > BAND_BYTES:
        return "a row of a group is too long for the cache"
    return None if p.direction == "bwd_weight" else left_to_winograd(p, outputs)


def left_to_winograd(p: ConvProblem, outputs: int) -> str | None:
    """Why a problem of so many output channels a group is Winograd's, or None."""
    large = p.g == 1 and p.sh == p.sw == 1 and p.oh * p.ow >= WINOGRAD_POSITIONS
    if outputs < (WINOGRAD_OUTPUTS if large else WINOGRAD_CHANNELS) or winograd.refuse(p) is not None:
        return None
    return f"Winograd is faster with {outputs} output channels a group"


def other(problem: ConvProblem) -> str | None:
    """Which algorithm computes the problem instead in some layout, which is not part of a problem."""
    return "direct, unless the channels of its input lie side by side" if _is_direct(problem) else None


def _is_wide(p: ConvProblem) -> bool:
    """Whether channels may be lanes."""
    return p.g > 1 and min(p.ic, p.oc) // p.g >= LANE_CHANNELS


def _is_direct(p: ConvProblem) -> bool:
    """Whether direct convolution computes it where columns lie side by side: with full vectors 1.1 times as fast, input
    gradients of groups of 32 channels 1.8 times."""
    outputs = p.ic if p.direction == "bwd_input" else p.oc
    full = outputs // p.g % target.current().lanes(compute_dtype(p).itemsize) == 0
    return _is_wide(p) and full and p.direction != "bwd_weight"


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return problem.dtype == "f32" and problem.mode_h == problem.mode_w == "zeros"


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    if problem.mode_h != "zeros" or problem.mode_w != "zeros":
        return gradient.input_gradient(problem, _Forward) if problem.direction == "bwd_input" else padded(problem, plan)
    return _WeightGradient(problem) if problem.direction == "bwd_weight" else _Forward(problem)


def padded(p: ConvProblem, plan: Callable[[ConvProblem], Run]) -> Run:
    """The problem of the input padded as its mode says."""
    bare = replace(p, ih=p.padded_h, iw=p.padded_w, pt=0, pb=0, pl=0, pr=0)
    inner = plan(bare)
    rows, columns = spans(p.ih, p.pt, p.pb, p.mode_h), spans(p.iw, p.pl, p.pr, p.mode_w)

    def run(x: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        wide = memory.empty(bare.input_shape, x.dtype)
        gather(x, rows, columns, wide)
        inner(wide, b, bias, out)

    return run


def _bands(
    geometry: Geometry, rows: int, together: int, results: int, room: int, tasks: int = 1, wanted: int = 1
) -> int:
    """Bands of so many rows of planes: of at most `room` bytes, with `results` planes beside, and `wanted` tasks if
    they are worth it."""

    def nbytes(rows: int) -> int:
        return geometry.band_bytes(rows) * together + results * rows * geometry.pitch * geometry.element

    bands = 1
    while bands < rows and nbytes(split(rows, bands)) > room:
        bands += 1
    # More for the sake of balance, but not of less than 8 rows.
    return max(bands, min(split(wanted, tasks), rows // 8))


def _common(p: ConvProblem, names: tuple[str, ...], element: int) -> dict[str, int]:
    return steps.addresses(element, names) | {
        "element": element,
        "lanes": target.current().lanes(element),
        "n": p.n,
        "g": p.g,
        "x_code": CODES[p.dtype],
        "y_code": CODES[p.dtype],
    }


def _together(p: ConvProblem, lanes: int, *arrays: np.ndarray) -> int:
    """Groups of a task: where arrays are transposed, as many as fill a vector with their channels."""
    fewest = min(p.ic, p.oc) // p.g
    return min(p.g, split(lanes, fewest)) if any(map(turned, arrays)) else 1


class _Forward:
    """The forward convolution, or the input gradient, of a problem; a frame for each combination of strides."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.geometry = Geometry.of(problem, self.compute.itemsize)
        self.terms = TERMS[get_convolution_precision()]
        self.frames: dict[Any, Frame] = Frames()
        # Results that are scattered get their tail where they are then.
        self.scattered = followed(_Forward(replace(problem, tail=())), problem.tail) if problem.tail else None
        self.wide = _is_wide(problem)
        self.channels = Channels(problem, self.terms) if self.wide and not problem.tail else None
        self.direct = direct.plan(problem) if _is_direct(problem) else None

    def __call__(
        self, x: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        beside = x.strides[1] == x.itemsize
        if self.direct is not None and not beside:
            self.direct(x, w, bias, out, kept, *((tail,) if self.problem.tail else ()))
            return
        by_channels = self.wide and (self.problem.sw > 1 or beside)
        if self.channels is not None and by_channels:
            self.channels(x, w, bias, out, kept)
            return
        if self.scattered is not None and (by_channels or not (out.flags.c_contiguous or turned(out))):
            self.scattered(x, w, bias, out, kept, tail)
            return
        x = rows_of(x)
        workers = workers_for(self.problem)
        w = w if w.dtype == self.compute else copies.widened(w, self.compute)
        key = (x.strides, w.strides, out.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            frame = self.frames[key] = self._frame(x, w, out, workers)
        if bias is not None:
            bias = np.ascontiguousarray(bias, self.compute)
        at = 0 if bias is None else memory.address(bias)
        if self.problem.tail:
            finishing = pack_tail(self.problem.tail, tail, at, out)
            at = memory.address(finishing)
        launch.launch(
            kernels.forward.address,
            frame.address,
            memory.address(x),
            memory.address(w),
            at,
            memory.address(out),
            frame.slot,
            frame.workers,
        )

    def _frame(self, x: np.ndarray, w: np.ndarray, out: np.ndarray, workers: int) -> Frame:
        p, geometry, element = self.problem, self.geometry, self.compute.itemsize
        machine = target.current()
        lanes = machine.lanes(element)
        backwards = p.direction == "bwd_input"
        w_o, w_c, w_h, w_w = w.strides
        group = p.oc // p.g * w_o
        if backwards:
            w_o, w_c = w_c, w_o
        outputs = out.shape[1] // p.g
        rows, columns = max(part.rows for part in geometry.parts), out.shape[3]
        together = _together(p, lanes, x, out)
        several = p.n * split(p.g, together)
        tile_outputs = min(outputs, planes.TILE_CHANNELS)
        results = len(geometry.parts) * tile_outputs
        bands = _bands(geometry, rows, together, results, in_l2(BAND_BYTES), several, TASKS * workers)
        band_rows = split(rows, bands)
        blocks = split(outputs, planes.TILE_CHANNELS)
        tasks = several * bands
        shares = 1 if turned(out) else min(blocks, split(TASKS * workers, tasks))
        tables: list[np.ndarray] = []
        channel = np.arange(geometry.channels)[:, None]
        part_table = np.zeros((len(geometry.parts), kernels.PART), np.int64)
        for entry, part in zip(part_table, geometry.parts):
            at = np.array([u * w_h + v * w_w for u, v in part.places], np.int64)
            a_offsets = (channel * w_c + at).astype(np.int32)
            b_offsets = (channel * geometry.channel_at(band_rows) + geometry.offsets(part, band_rows)).astype(np.int32)
            tables += [a_offsets, b_offsets]
            addresses = memory.address(a_offsets), memory.address(b_offsets)
            step = even(a_offsets.size, self.terms)
            entry[:] = (a_offsets.size, step, *addresses, part.row, part.column, part.rows, part.columns)
        widths = np.array(
            [
                max((each for each in planes.tile_widths(machine, max(1, m)) if each <= left), default=0)
                for m in range(planes.TILE_CHANNELS + 1)
                for left in range(16)
            ],
            np.int64,
        )
        tables += [part_table, widths]
        vectors = split(band_rows * geometry.pitch, lanes)
        row_sums = (vectors * lanes * element) | memory.LINE
        part_sums = tile_outputs * row_sums + lanes * element
        step_h = p.sh if backwards else 1
        places, slot = layout(
            {
                "band_at": geometry.band_bytes(band_rows) + lanes * element,
                "sum_at": len(geometry.parts) * part_sums + lanes * element,
                "x_at": turned_bytes(x, together * geometry.channels, geometry.read_rows(band_rows)),
                "y_at": turned_bytes(out, together * outputs, band_rows * step_h),
            }
        )
        plain = out.itemsize == element and readable(out)
        fields = _common(p, FORWARD, element) | geometry.fields(band_rows, tables, x)
        fields |= places | {
            **lying("y", out, band_rows * step_h),
            "together": together,
            "bands": bands,
            "shares": shares,
            "blocks": blocks,
            "w_g": group,
            "w_o": w_o,
            "parts": len(geometry.parts),
            "part_table": memory.address(part_table),
            "widths": memory.address(widths),
            "outputs": outputs,
            "rows": rows,
            "columns": columns,
            "y_n": out.strides[0],
            "y_w": element if turned(out) else out.strides[3],
            "y_height": out.shape[2],
            "step_h": step_h,
            "step_w": p.sw if backwards else 1,
            "interleaved": int(backwards and plain and p.sw == 2 and p.iw > 1),
            "slot": slot,
            "row_sums": row_sums,
            "part_sums": part_sums,
        }
        if p.tail:
            fields["finish"] = (finish_lanes if turned(out) else finish_rows).address
        return finish(fields, tables, kernels.FRAME, workers=min(workers, tasks * shares))


class _WeightGradient:
    """The weight gradient of a problem."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.geometry = Geometry.of(problem, self.compute.itemsize)
        self.frames: dict[Any, Frame] = Frames()

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        x, grad = rows_of(x), rows_of(grad)
        workers = workers_for(self.problem)
        key = (x.strides, grad.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            frame = self.frames[key] = self._frame(x, grad, workers)
        plain = out.dtype == self.compute and out.flags.c_contiguous
        sums = out if plain else np.empty(out.shape, self.compute)
        a, b, to = memory.address(x), memory.address(grad), memory.address(sums)
        launch.launch(kernels.weight_gradient.address, frame.address, a, b, 0, to, frame.slot, frame.workers)
        if not plain:
            copies.store(sums, out)

    def _frame(self, x: np.ndarray, grad: np.ndarray, workers: int) -> Frame:
        p, geometry, element = self.problem, self.geometry, self.compute.itemsize
        machine = target.current()
        lanes = machine.lanes(element)
        (part,) = geometry.parts
        outputs = p.oc // p.g
        together = _together(p, lanes, x, grad)
        pairs_m, pairs_n = planes.pair_shape(machine, element)
        shares = min(split(outputs, pairs_m), split(TASKS * workers, split(p.g, together)))
        # Sums are over one band after the other: these are the same for any number of workers, and on any machine.
        results = split(outputs, min(split(outputs, pairs_m), split(TASKS, split(p.g, together))))
        bands = _bands(geometry, p.oh, together, results, BAND_BYTES)
        band_rows = split(p.oh, bands)
        tables: list[np.ndarray] = []
        channel = np.arange(geometry.channels)[:, None]
        offsets = (channel * geometry.channel_at(band_rows) + geometry.offsets(part, band_rows)).astype(np.int32)
        tables.append(offsets)
        grad_at = memory.lines((band_rows * geometry.pitch + 2 * lanes) * element) | memory.LINE
        places, slot = layout(
            {
                "band_at": geometry.band_bytes(band_rows) + lanes * element,
                "sum_at": split(outputs, shares) * grad_at + lanes * element,
                "x_at": turned_bytes(x, together * geometry.channels, geometry.read_rows(band_rows)),
                "y_at": turned_bytes(grad, together * outputs, band_rows),
            }
        )
        fields = _common(p, GRADIENT, element) | geometry.fields(band_rows, tables, x) | places
        fields |= {
            **lying("y", grad, band_rows),
            "together": together,
            "bands": bands,
            "shares": shares,
            "outputs": outputs,
            "rows": p.oh,
            "columns": p.ow,
            "y_n": grad.strides[0],
            "slot": slot,
            "terms": offsets.size,
            "offsets": memory.address(offsets),
            "pairs_m": pairs_m,
            "pairs_n": pairs_n,
            "grad_at": grad_at,
        }
        return finish(fields, tables, kernels.FRAME, workers=min(workers, split(p.g, together) * shares))
