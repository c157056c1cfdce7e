"""The tables that kernels/depthwise.py reads: series of blocks, the runs of taps of each, and where their rows are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....kernels import depthwise as kernels
from ....kernels import launch, target
from ....kernels import steps as common_steps
from ....kernels.depthwise_steps import KINDS, OUTSIDE, SERIES
from ....runtime import memory
from ...problem import ConvProblem
from ..bands import split
from ..frames import compute_dtype
from .axes import Phase, Rows, blocks, columns_of_image, neighbours, rows_of, rows_of_image
from .wide import Read, in_pairs

# Lanes, of those that whole vectors need, up to which half vectors are faster (on 256-bit units; 56 columns are level).
HALF_LANES = 0.8
# Bytes by which cache lines are asked for before they are read or written: MobileNetV2's layers at batch 8 take 1.3 to
# 2 times as long without; 4 KiB gains half of that, 64 KiB less, too (EPYC with Zen 4, November 2026).
AHEAD = 16 << 10
# Bytes of a problem's images up to which they lie in a cache, and asking costs up to a tenth. What a weight gradient
# reads was saved long ago.
CACHED = {"fwd": 8 << 20, "bwd_input": 8 << 20, "bwd_weight": 1 << 20}


@dataclass(slots=True)
class Frame:
    """The numbers a kernel reads, the tables they point at, and what a launch needs."""

    record: np.ndarray
    tables: list[np.ndarray]
    address: int
    slot: int
    workers: int


@dataclass(slots=True)
class Axis:
    """One axis of what is read (the input, or the output's gradient), and how results read it."""

    phases: tuple[Phase, ...]
    size: int
    step: int  # bytes
    tap_step: int  # between its taps, in taps of the kernel


def ended(runs: list[tuple[int, ...]], chain: int) -> list[tuple[int, ...]]:
    """The runs, each with whether it ends a chain of at most so many terms."""
    terms = [run[0] * run[-1] for run in runs] + [chain]  # behind the last there is no room
    found, taken = [], 0
    for run, own, after in zip(runs, terms, terms[1:]):
        ends = (taken := taken + own) + after > chain
        found.append((*run, int(ends)))
        taken = 0 if ends else taken
    return found


def kind_of(p: ConvProblem) -> str:
    """Of steps whose lanes are columns."""
    pairs = in_pairs(p)
    if p.sw == 1:
        return "pairs" if pairs else "rows"
    if p.direction == "bwd_input":
        return "phases"
    return "two_pairs" if pairs else "two"


class Planner:
    """Writes the tables of a problem for what is read, in the strides it has.

    Planes hold rows in registers while lanes are columns. Where lanes are channels, a few columns are held instead, and
    the results of a block follow one another downwards: what is read lies together, and half of it was read before.
    """

    def __init__(self, p: ConvProblem, source: Read, unit: int, beside: bool, chain: int = 0):
        self.p, self.unit, self.beside, self.chain = p, unit, beside, chain
        self.kind = "channels" if beside else kind_of(p)
        # Bytes of a plane of what is read, and of the results (or their gradient).
        self.sizes = {"x": p.ih * p.iw * p.itemsize, "y": p.oh * p.ow * p.itemsize}
        if p.direction == "bwd_input":
            self.sizes = dict(zip(self.sizes, reversed(self.sizes.values())))
        self.asks = p.oc == p.ic and p.n * p.ic * sum(self.sizes.values()) > CACHED[p.direction]
        self.asks_x = self.asks and not source.fields  # else what is read is in scratch
        self.tables: list[np.ndarray] = []
        self.entries: dict[Rows, tuple[int, int, int]] = {}
        self.planes = planes_read(p)
        self.plane_step = source.strides[1]
        height, width = source.shape[2:]
        axes = [
            Axis(rows_of_image(p), height, source.strides[2], p.kw),
            Axis(columns_of_image(p), width, source.strides[3], 1),
        ]
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
        longest = max((run[1] for run in rows.runs), default=1)
        pieces = neighbours([offset for _, offset in taps], advance, KINDS[self.kind].columns(longest))
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
        return ended(found, self.chain)

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

    def reach(self, rows: Rows, first: int) -> tuple[int, int]:
        """The rows of the image that such a block reads: from the first to behind the last."""
        size = self.held.size
        low, high = min(rows.positions, default=size), max(rows.positions, default=-size) + 1
        return min(max(first + low, 0), size), max(min(first + high, size), 0)

    def series(self, sizes: tuple[int, ...], out_step: int, positions: int = 0, apart: int = 0) -> tuple[int, int, int]:
        """The table of series: its address, how many there are, and bytes for the addresses of the rows of one.

        Where lanes are channels, each block is a series of its own, and so a task.
        """
        found: dict[Any, list[int]] = {}
        for phase in self.held.phases:
            for start, count in blocks(phase.count, sizes, once=self.p.direction == "bwd_weight"):
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
                "reach": self.keep([self.reach(rows, start * phase.advance) for start in starts]),
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
            asks = self.asks_x if which == "x" else self.asks
            found[f"{which}_share"] = plane // (series * blocks) if asks else 0
            found[f"{which}_ahead"] = AHEAD if series == 1 else plane + number * plane // series
        return found

    def asked_below(self, phase: Phase, count: int, apart: int) -> dict[str, int]:
        """The same where lanes are channels: of a few rows further down."""
        columns = count * phase.advance
        down = max(1, AHEAD // (columns * self.p.ic * self.p.itemsize))
        last = max(offset + down * each.advance for each in self.other.phases for _, offset in each.taps)
        return {
            "x_share": columns if self.asks_x else 0,
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


def planes_read(p: ConvProblem) -> int:
    """Planes that a result reads."""
    return p.oc // p.ic if p.direction == "bwd_input" else 1


def finish(planner: Planner, fields: dict[str, int], workers: int) -> Frame:
    record = np.zeros(1, kernels.FRAME)
    for field, value in fields.items():
        record[field] = value
    return Frame(record, planner.tables, memory.address(record), fields["slot"], workers)


def is_half(columns: int, element: int) -> bool:
    """Whether half vectors leave far fewer lanes idle; only float32 has them."""
    if element != 4:
        return False
    lanes = target.current().lanes(element)
    whole, half = split(columns, lanes) * lanes, split(columns, lanes // 2) * (lanes // 2)
    return half <= HALF_LANES * whole


def step_fields(p: ConvProblem, **own: launch.Kernel) -> dict[str, int]:
    element = compute_dtype(p).itemsize
    addresses = common_steps.addresses(element, ("gather", "transpose")) | {"tail": int(bool(p.tail))}
    return addresses | {field: step.address for field, step in own.items()}


def lies_beside(array: np.ndarray) -> bool:
    """Whether channels lie side by side, and rows from top to bottom."""
    return array.strides[1] == array.itemsize and array.strides[2] > 0


def lies_plain(array: np.ndarray) -> bool:
    """Whether columns lie side by side."""
    return array.shape[3] == 1 or array.strides[3] == array.itemsize
