"""One input channel a group: a few rows of results stay in registers while the kernel passes over the image.

Images are read where they lie: planes with their columns side by side, or channels side by side (channels-last);
others are copied first. As in direct.py, nothing here touches data: it plans what kernels/depthwise.py reads, which
rows are read for which results above all. An axis of the forward convolution and of its input gradient differ in
nothing but that (see `Phase`), so they are the same kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...kernels import depthwise as kernels
from ...kernels import depthwise_steps as steps
from ...kernels import launch, target
from ...kernels import steps as common_steps
from ...kernels.depthwise_steps import OUTSIDE, ROWS, SERIES, longest_run, masked
from ...kernels.tail import pack_tail
from ...runtime import memory
from ...runtime.storage import Storage
from ..gradient import Array, Run
from ..problem import ConvProblem
from ..tail import Tail, followed
from . import copies, direct
from .bands import split
from .frames import CODES, Frames, compute_dtype, workers_for

name = "depthwise"

# Results of a group up to which its planes are read once for all of them.
MULTIPLIER = 8
# Tasks that each worker should find, so that all end together.
TASKS = 8
# Lanes, of those that whole vectors need, up to which half vectors are faster (on 256-bit units; 56 columns are level).
HALF_LANES = 0.8
# Bytes of the planes that are walked together: they stay in L1 from one series to the next.
TOGETHER = 16 << 10
# Bytes of the sums of planes that are walked together: they stay in L2 from one image to the next.
SUMS = 128 << 10
# Channels of a task of the weight gradient (in vectors), and tasks there should be: its sums have as many parts.
GRADIENT_VECTORS = 4
GRADIENT_TASKS = 8
# Bytes by which cache lines are asked for before they are read or written: MobileNetV2's layers at batch 8 take 1.3 to
# 2 times as long without; 4 KiB gains half of that, 64 KiB less, too (EPYC with Zen 4, November 2026).
AHEAD = 16 << 10
# Bytes of a problem's images up to which they lie in a cache, and asking costs up to a tenth. What a weight gradient
# reads was saved long ago.
CACHED = {"fwd": 8 << 20, "bwd_input": 8 << 20, "bwd_weight": 1 << 20}
# What a block of rows costs besides its rows, in rows: those that it reads above and below.
BLOCK_COST = 2


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    if p.ic != p.g:
        return f"takes one input channel a group, not {p.ic // p.g}"
    if p.oc > MULTIPLIER * p.g:
        return f"{p.oc // p.g} output channels a group fill the direct algorithm's vectors"
    reason = direct.refuse(p)
    if reason is not None:
        return reason
    if p.itemsize == 2 and target.current().name != "avx512":
        return f"needs masked loads of 16 bits, which {target.current().name} has not"
    if p.mode_h != "zeros" or p.mode_w != "zeros":
        return "reads no padding but zeros"
    if p.sw > 2:
        return f"reads every column or every second one, not every {p.sw}th"
    if not masked():
        return f"needs masked loads, which {target.current().name} has not"
    return None


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return problem.dtype == "f32"


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    return _WeightGradient(problem) if problem.direction == "bwd_weight" else _Results(problem)


# Axes


@dataclass(frozen=True, slots=True)
class Phase:
    """Results first, first + step, ... of an axis: the i-th reads, for each tap, position i * advance + offset.

    A forward convolution is one phase; an input gradient has one for each remainder by the stride.
    """

    first: int
    step: int
    count: int
    advance: int
    taps: tuple[tuple[int, int], ...]  # (tap, offset), by offset


def _phases(size: int, out: int, kernel: int, stride: int, dilation: int, pad: int, back: bool) -> tuple[Phase, ...]:
    if not back:
        return (Phase(0, 1, out, stride, tuple((tap, tap * dilation - pad) for tap in range(kernel))),)
    found = []
    for first in range(stride):
        reach = [(tap, first + pad - tap * dilation) for tap in reversed(range(kernel))]
        taps = tuple((tap, at // stride) for tap, at in reach if at % stride == 0)
        found.append(Phase(first, stride, len(range(first, size, stride)), 1, taps))
    return tuple(found)


@lru_cache(maxsize=256)
def blocks(count: int, sizes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """(first, rows) of the cheapest blocks that cover so many rows; the last may overlap the one before."""
    whole = max(0, count - 8 * sizes[-1]) // sizes[-1]  # only the end of a tall image needs thought
    best: list[tuple[int, list[int]]] = [(0, [])]
    for n in range(1, count - whole * sizes[-1] + 1):
        before = [(size, *best[max(0, n - size)]) for size in sizes if size <= count]
        ways = [(cost + size + BLOCK_COST, [*taken, size]) for size, cost, taken in before]
        best.append(min(ways, key=lambda way: (way[0], len(set(way[1])), way[1])))
    found, first = [], 0
    for size in [sizes[-1]] * whole + best[-1][1]:
        first = min(first, count - size)
        found.append((first, size))
        first += size
    return tuple(found)


def neighbours(offsets: list[int]) -> list[int]:
    """How many of the taps that read every second column are taken together, in turn: three, two or one."""
    found: list[int] = []
    while (i := sum(found)) < len(offsets):
        left = [offset - offsets[i] for offset in offsets[i : i + 3]]
        if left == [0, 1, 2] and offsets[i] % 2:  # then the vectors of the last two are aligned
            found.append(3)
        else:
            found.append(2 if left[:2] == [0, 1] else 1)
    return found


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a block of so many results reads, and the runs of taps among them."""

    positions: tuple[int, ...]  # from that of the first result on, before it negative
    runs: tuple[tuple[int, int, int, int], ...]  # (first of the positions, length, first tap, step of taps)


@lru_cache(maxsize=1024)
def rows_of(phase: Phase, rows: int) -> Rows:
    """Taps an `advance` apart slide along the same rows, as many together as registers allow."""
    positions: list[int] = []
    runs = []
    for residue in range(phase.advance):
        taps = [(tap, offset) for tap, offset in phase.taps if offset % phase.advance == residue]
        if not taps:
            continue
        low, base = taps[0][1], len(positions)
        stop = taps[-1][1] + rows * phase.advance
        positions += range(low, stop, phase.advance)
        stretches: list[list[tuple[int, int]]] = []
        for tap, offset in taps:
            if stretches and offset == stretches[-1][-1][1] + phase.advance:
                stretches[-1].append((tap, offset))
            else:
                stretches.append([(tap, offset)])
        for stretch in stretches:
            pieces = split(len(stretch), longest_run())
            for i in range(pieces):
                piece = stretch[i * len(stretch) // pieces : (i + 1) * len(stretch) // pieces]
                step = piece[1][0] - piece[0][0] if len(piece) > 1 else 0
                runs.append((base + (piece[0][1] - low) // phase.advance, len(piece), piece[0][0], step))
    return Rows(tuple(positions), tuple(runs))


# Frames


@dataclass(slots=True)
class Frame:
    """The numbers a kernel reads, the tables they point at, and what a launch needs."""

    record: np.ndarray
    tables: list[np.ndarray]
    address: int
    slot: int
    workers: int


@dataclass(slots=True)
class _Axis:
    """One axis of what is read (the input, or the output's gradient), and how results read it."""

    phases: tuple[Phase, ...]
    size: int
    step: int  # bytes
    tap_step: int  # between its taps, in taps of the kernel


class _Planner:
    """Writes the tables of a problem for what is read, in the strides it has.

    Planes hold rows in registers while lanes are columns. Where lanes are channels, a few columns are held instead, and
    the results of a block follow one another downwards: what is read lies together, and half of it was read before.
    """

    def __init__(self, p: ConvProblem, source: np.ndarray, unit: int, beside: bool):
        self.p, self.unit, self.beside = p, unit, beside
        # Bytes of a plane of what is read, and of the results (or their gradient).
        self.sizes = {"x": p.ih * p.iw * p.itemsize, "y": p.oh * p.ow * p.itemsize}
        if p.direction == "bwd_input":
            self.sizes = dict(zip(self.sizes, reversed(self.sizes.values())))
        self.asks = p.oc == p.ic and p.n * p.ic * sum(self.sizes.values()) > CACHED[p.direction]
        self.tables: list[np.ndarray] = []
        self.entries: dict[Rows, tuple[int, int, int]] = {}
        back = p.direction == "bwd_input"
        self.planes = p.oc // p.ic if back else 1  # that a result reads
        self.plane_step = source.strides[1]
        height, width = source.shape[2:]
        rows = _phases(p.ih, p.oh, p.kh, p.sh, p.dh, p.pt, back)
        columns = _phases(p.iw, p.ow, p.kw, p.sw, p.dw, p.pl, back)
        axes = [_Axis(rows, height, source.strides[2], p.kw), _Axis(columns, width, source.strides[3], 1)]
        self.held, self.other = axes[::-1] if beside else axes

    def keep(self, rows: Any) -> int:
        """The address of a table with these numbers."""
        table = np.array(rows, np.int64)
        self.tables.append(table)
        return memory.address(table)

    def runs(self, rows: Rows, taps: tuple[tuple[int, int], ...], advance: int) -> list[tuple[int, ...]]:
        """The table of runs: every tap of the other axis, or two neighbours, by every run of the axis held."""
        found: list[tuple[int, ...]] = []
        shift, kernel = self.other.step if self.beside else 1, self.p.kh * self.p.kw
        pieces = neighbours([offset for _, offset in taps]) if advance == 2 and not self.beside else [1] * len(taps)
        for plane in range(self.planes):
            i = 0
            for columns in pieces:
                v, offset = taps[i]
                other = (taps[i + 1][0] - v) * self.other.tap_step * self.unit if columns > 1 else 0
                for first, length, u, step in rows.runs:
                    tap = plane * kernel + u * self.held.tap_step + v * self.other.tap_step
                    at = plane * len(rows.positions) + first
                    step *= self.held.tap_step * self.unit
                    found.append((length, at, offset * shift, tap * self.unit, step, other, columns))
                i += columns
        return found

    def reading(self, rows: Rows, first: int, count: int) -> Rows:
        """Without the runs that read nothing but padding: large kernels have many at the edges."""

        def reads(start: int, length: int) -> bool:
            positions = rows.positions[start : start + length + count - 1]
            return any(0 <= first + position < self.held.size for position in positions)

        return replace(rows, runs=tuple(run for run in rows.runs if reads(run[0], run[1])))

    def offsets(self, rows: Rows, first: int) -> list[int]:
        """Where the rows are that a block reads whose first result reads from position `first`."""
        found = []
        for plane in range(self.planes):
            for position in rows.positions:
                y = first + position
                inside = 0 <= y < self.held.size
                found.append(plane * self.plane_step + y * self.held.step if inside else OUTSIDE)
        return found

    def series(self, sizes: tuple[int, ...], out_step: int, positions: int = 0, apart: int = 0) -> tuple[int, int, int]:
        """The table of series: its address, how many there are, and bytes for the addresses of the rows of one.

        Where lanes are channels, each block is a series of its own, and so a task.
        """
        found: dict[Any, list[int]] = {}
        for phase in self.held.phases:
            for start, count in blocks(phase.count, sizes):
                rows = self.reading(rows_of(phase, count), start * phase.advance, count)
                found.setdefault((phase, count, rows, start if self.beside else 0), []).append(start)
        entries: list[list[int]] = []
        most = 0
        for i, ((phase, count, rows, _), starts) in enumerate(found.items()):
            if rows not in self.entries:
                self.entries[rows] = self._beside(rows) if self.beside else self._planes(rows)
            offsets = [offset for start in starts for offset in self.offsets(rows, start * phase.advance)]
            most = max(most, len(offsets))
            values = {
                "rows": count,
                "step": phase.step * out_step,
                "count": len(offsets) // len(starts),
                "offsets": self.keep(offsets + [0] * 8),  # whole vectors are read
                "ats": self.keep([(phase.first + start * phase.step) * out_step for start in starts]),
                **dict(zip(("table", "groups", "more"), self.entries[rows])),
                "positions": positions,
                "apart": apart,
                "blocks": len(starts),
                **(self.asked_below(phase, count, apart) if self.beside else self.asked(i, len(found), len(starts))),
            }
            entries.append([values[name] for name in SERIES])
        return self.keep(entries), len(entries), memory.lines(8 * (most + 8)) + memory.LINE

    def asked(self, number: int, series: int, blocks: int) -> dict[str, int]:
        """What a block of one of a few series asks memory for: planes are read, and written, one behind the other.

        Each of several series passes over a plane, and asks for a part of the next one.
        """
        found = {}
        for which, plane in self.sizes.items():
            found[f"{which}_share"] = plane // (series * blocks) if self.asks else 0
            found[f"{which}_ahead"] = AHEAD if series == 1 else plane + number * plane // series
        return found

    def asked_below(self, phase: Phase, count: int, apart: int) -> dict[str, int]:
        """The same where lanes are channels: of a few rows further down."""
        columns = count * phase.advance
        down = max(1, AHEAD // (columns * self.p.ic * self.p.itemsize))
        last = max(offset + down * each.advance for each in self.other.phases for _, offset in each.taps)
        return {
            "x_share": columns if self.asks else 0,
            "x_ahead": last * self.other.step,
            "y_share": count if self.asks else 0,
            "y_ahead": down * apart,
        }

    def _planes(self, rows: Rows) -> tuple[int, int, int]:
        each = [self.runs(rows, phase.taps, phase.advance) for phase in self.other.phases]
        return self.keep([entry for runs in each for entry in runs]), len(each[0]), len(each[-1])

    def _beside(self, rows: Rows) -> tuple[int, int, int]:
        known: dict[Any, tuple[int, int]] = {}
        found = []
        phases = self.other.phases
        for x in range(sum(phase.count for phase in phases)):
            phase = phases[x % len(phases)]
            left = x // len(phases) * phase.advance
            taps = tuple((v, offset) for v, offset in phase.taps if 0 <= left + offset < self.other.size)
            key = (x % len(phases), taps)
            if key not in known:
                runs = self.runs(rows, taps, phase.advance)
                known[key] = self.keep(runs), len(runs)
            found.append((*known[key], left * self.other.step))
        return self.keep(found), 0, 0


def _finish(planner: _Planner, fields: dict[str, int], workers: int) -> Frame:
    record = np.zeros(1, kernels.FRAME)
    for field, value in fields.items():
        record[field] = value
    return Frame(record, planner.tables, memory.address(record), fields["slot"], workers)


def _is_half(columns: int, element: int) -> bool:
    """Whether half vectors leave far fewer lanes idle; only float32 has them."""
    if element != 4:
        return False
    lanes = target.current().lanes(element)
    whole, half = split(columns, lanes) * lanes, split(columns, lanes // 2) * (lanes // 2)
    return half <= HALF_LANES * whole


def _steps(p: ConvProblem, **own: launch.Kernel) -> dict[str, int]:
    element = compute_dtype(p).itemsize
    addresses = common_steps.addresses(element, ("gather", "transpose")) | {"tail": int(bool(p.tail))}
    return addresses | {field: step.address for field, step in own.items()}


def _beside(array: np.ndarray) -> bool:
    """Whether channels lie side by side, and rows from top to bottom."""
    return array.strides[1] == array.itemsize and array.strides[2] > 0


def _plain(array: np.ndarray) -> bool:
    """Whether columns lie side by side."""
    return array.shape[3] == 1 or array.strides[3] == array.itemsize


class _Results:
    """The forward convolution, or the input gradient."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.frames: dict[Any, Frame] = Frames()
        # Results that are copied to where they belong get their tail there.
        self.elsewhere = followed(_Results(replace(problem, tail=())), problem.tail) if problem.tail else None

    def __call__(
        self, a: Array, w: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
    ) -> None:
        words = self.problem.tail
        beside = self.problem.oc == self.problem.ic and _beside(a) and _beside(out)
        into = out
        if not beside:
            a = a if _plain(a) else np.ascontiguousarray(a)
            if not _plain(out):
                if self.elsewhere is not None:
                    self.elsewhere(a, w, bias, out, kept, tail)
                    return
                into = np.empty(out.shape, out.dtype)
        w = copies.widened(w, self.compute)
        workers = workers_for(self.problem)
        key = (a.strides, into.strides, workers)
        frame = self.frames.get(key)
        if frame is None:
            make = _channels_frame if beside else _planes_frame
            frame = self.frames[key] = make(self.problem, a, into, workers)
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


def _planes_frame(p: ConvProblem, a: np.ndarray, out: np.ndarray, workers: int) -> Frame:
    element = compute_dtype(p).itemsize
    machine = target.current()
    m = p.oc // p.ic
    planner = _Planner(p, a, element, beside=False)
    back = p.direction == "bwd_input"
    two = p.sw == 2
    sizes = tuple(each for each in ROWS if each <= (4 if back and two and machine.registers < 32 else 8))
    address, count, room = planner.series(sizes, out.strides[2])
    zeros = memory.zeros((a.shape[3] + 2 * machine.lanes(element)) * p.itemsize)
    planner.tables.append(zeros)
    kind = ("phases" if back else "two") if two else "rows"
    columns = out.shape[3]
    half = _is_half(split(columns, 2) if kind == "phases" else columns, element)
    pieces = min(p.ic, split(TASKS * workers, p.n)) if workers > 1 else 1
    parts = split(TASKS * workers, p.n * pieces) if workers > 1 and p.n * pieces < 2 * workers else 1
    taps = p.kh * p.kw * element
    fields = {
        **_steps(p, sweep=steps.sweep(element, kind, half, CODES[p.dtype], bool(p.tail))),
        "element": element,
        "size": p.itemsize,
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
        "together": max(1, TOGETHER // (p.ih * p.iw * element)) if p.oc == p.ic else 1,
        "slot": room,
    }
    return _finish(planner, fields, min(workers, p.n * pieces * parts))


def _channels_frame(p: ConvProblem, a: np.ndarray, out: np.ndarray, workers: int) -> Frame:
    element = compute_dtype(p).itemsize
    machine = target.current()
    lanes = machine.lanes(element)
    tap_step = split(p.ic, lanes) * machine.vector
    planner = _Planner(p, a, tap_step, beside=True)
    address, count, room = planner.series(ROWS, out.strides[3], out.shape[2], out.strides[2])
    zeros = memory.zeros(a.shape[2] * a.strides[2] + (p.ic + lanes) * p.itemsize)
    planner.tables.append(zeros)
    vectors = split(p.ic, lanes)
    pieces = min(split(vectors, 2), split(TASKS * workers, p.n * count)) if workers > 1 else 1
    piece = split(vectors, pieces) * lanes
    pieces = split(p.ic, piece)
    fields = {
        **_steps(p, sweep=steps.sweep(element, "channels", False, CODES[p.dtype], bool(p.tail))),
        "element": element,
        "size": p.itemsize,
        "vector": machine.vector,
        "n": p.n,
        "units": p.ic,
        "taps": p.kh * p.kw,
        "x_n": a.strides[0],
        "y_n": out.strides[0],
        "zeros": memory.address(zeros),
        "series": address,
        "series_count": count,
        "piece": piece,
        "pieces": pieces,
        "sums_at": room,
        "tap_step": tap_step,
        "slot": room + memory.lines(p.kh * p.kw * tap_step) + memory.LINE,
    }
    return _finish(planner, fields, min(workers, p.n * pieces * count))


class _WeightGradient:
    """The weight gradient."""

    def __init__(self, problem: ConvProblem):
        self.problem = problem
        self.compute = compute_dtype(problem)
        self.frames: dict[Any, Frame] = Frames()

    def __call__(self, x: Array, grad: Array, bias: Array | None, out: Array, kept: Storage | None = None) -> None:
        p = self.problem
        beside = p.oc == p.ic and _beside(x) and _beside(grad)
        if not beside:
            x, grad = (each if _plain(each) else np.ascontiguousarray(each) for each in (x, grad))
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
            copies.store(total[:, : p.oc].T.reshape(out.shape), out)
            return
        into = out if out.flags.c_contiguous and out.dtype == self.compute else np.empty(out.shape, self.compute)
        to = address(into)
        launch.launch(kernels.plane_gradient.address, frame.address, a, b, 0, to, frame.slot, frame.workers)
        if into is not out:
            copies.store(into, out)


def _plane_gradient_frame(p: ConvProblem, x: np.ndarray, grad: np.ndarray, workers: int) -> Frame:
    element = compute_dtype(p).itemsize
    machine = target.current()
    half = _is_half(p.ow, element)
    vector = machine.vector // (2 if half else 1)
    planner = _Planner(p, x, vector, beside=False)
    address, count, room = planner.series(ROWS, grad.strides[2])
    zeros = memory.zeros((p.iw + 2 * machine.lanes(element)) * p.itemsize)
    planner.tables.append(zeros)
    kind, m, taps = "two" if p.sw == 2 else "rows", p.oc // p.ic, p.kh * p.kw
    pieces = min(p.ic, TASKS * workers)
    lanes = vector // element
    sum_size = split(taps, lanes) * lanes * vector
    # Several series pass over the same planes; one takes as many as come one behind the other.
    room_for, size = (TOGETHER, p.ih * p.iw * element + sum_size) if count > 1 else (SUMS, sum_size)
    together = max(1, room_for // size) if m == 1 else 1
    fields = {
        **_steps(
            p, correlate=steps.correlate(element, kind, half, CODES[p.dtype]), totals=steps.totals(element, half)
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
        "sums_at": room,
        "slot": room + together * m * sum_size + memory.LINE,
    }
    return _finish(planner, fields, min(workers, pieces))


def _channel_gradient_frame(p: ConvProblem, x: np.ndarray, grad: np.ndarray, workers: int) -> Frame:
    element = compute_dtype(p).itemsize
    machine = target.current()
    lanes = machine.lanes(element)
    tap_step = split(p.ic, lanes) * machine.vector
    planner = _Planner(p, x, tap_step, beside=True)
    address, count, room = planner.series(ROWS, grad.strides[3], p.oh, grad.strides[2])
    zeros = memory.zeros(p.ih * x.strides[2] + (p.ic + lanes) * p.itemsize)
    planner.tables.append(zeros)
    piece = GRADIENT_VECTORS * lanes
    pieces = split(p.ic, piece)
    parts = min(count, split(GRADIENT_TASKS, pieces))
    fields = {
        **_steps(p, correlate=steps.correlate(element, "channels", False, CODES[p.dtype])),
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
        "slot": room,
    }
    return _finish(planner, fields, min(workers, pieces * parts))
