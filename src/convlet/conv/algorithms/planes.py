"""Planes: what a group of channels reads, as kernels/planes.py copies it, and how the arrays lie that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import target
from ...runtime import memory
from .. import gradient
from ..gradient import Array
from ..problem import ConvProblem
from .bands import planes_of, split


@dataclass(frozen=True, slots=True)
class Part:
    """Outputs that are sums of the same taps: all of a forward, or a phase of an input gradient."""

    taps: tuple[tuple[int, int, int, int], ...]  # (row plane, row, column plane, column) where each finds position 0
    places: tuple[tuple[int, int], ...]  # row and column of its weight
    row: int  # where its outputs begin
    column: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """Planes of what a group reads, and the parts that read them; see kernels/grouped.py."""

    parts: tuple[Part, ...]
    row_planes: tuple[tuple[int, int], ...]  # (first padded row, rows beyond those of a single tap)
    sh: int
    sw: int
    top: int
    left: int  # first column copied
    lead: int
    low: int
    count: int
    pitch: int
    reach: int  # the furthest column that a tap reads for position 0
    channels: int
    element: int

    @classmethod
    def of(cls, p: ConvProblem, element: int) -> Geometry:
        return cls._of_input_gradient(p, element) if p.direction == "bwd_input" else cls._of_forward(p, element)

    @classmethod
    def _of_forward(cls, p: ConvProblem, element: int) -> Geometry:
        rows = planes_of(p.kh, p.sh, p.dh, apart=False)
        columns = [(v * p.dw % p.sw, v * p.dw // p.sw) for v in range(p.kw)]
        reach = max(shift for _, shift in columns)
        places = tuple((u, v) for u in range(p.kh) for v in range(p.kw))
        taps = tuple((*rows.taps[u], *columns[v]) for u, v in places)
        common: dict[str, Any] = {
            "parts": (Part(taps, places, 0, 0, p.oh, p.ow),),
            "row_planes": tuple(zip(rows.starts, rows.extras)),
            "sh": p.sh,
            "sw": p.sw,
            "top": p.pt,
            "reach": reach,
            "channels": p.ic // p.g,
            "element": element,
        }
        if p.sw == 1:
            return cls(**common, **_shared(p.iw, p.pl, p.ow, reach))
        return cls(**common, left=0, lead=0, low=p.pl, count=p.iw, pitch=p.ow + reach)

    @classmethod
    def _of_input_gradient(cls, p: ConvProblem, element: int) -> Geometry:
        phases = gradient.input_phases(p)
        reading = [each.problem for each in phases if each.problem is not None]
        top, left = (max((getattr(each, side) for each in reading), default=0) for side in ("pt", "pl"))
        parts, extra, reach = [], 0, 0
        for phase in phases:
            r, c = phase.rows.start, phase.columns.start
            places = tuple(
                (u, v) for u in range(p.kh)[phase.taps_h] for v in range(p.kw)[phase.taps_w] if phase.problem
            )
            taps = []
            if phase.problem is not None:
                q = phase.problem
                taps = [
                    (0, top - q.pt + u * q.dh, 0, left - q.pl + v * q.dw) for u in range(q.kh) for v in range(q.kw)
                ]
                extra = max(extra, *(tap[1] for tap in taps))
                reach = max(reach, *(tap[3] for tap in taps))
            parts.append(Part(tuple(taps), places, r, c, split(p.ih - r, p.sh), split(p.iw - c, p.sw)))
        return cls(
            parts=tuple(parts),
            row_planes=((0, extra),),
            sh=1,
            sw=1,
            top=top,
            reach=reach,
            channels=p.oc // p.g,
            element=element,
            **_shared(p.ow, left, split(p.iw, p.sw), reach),
        )

    @property
    def slack(self) -> int:
        """Zeros behind the last row: the last vector of positions of the furthest tap ends among them."""
        return self.reach + target.current().lanes(self.element)

    def plane_at(self, rows: int) -> int:
        """Bytes of a plane of so many outputs' rows: an odd number of lines, or channels would meet in cache sets."""
        extra = max(extra for _, extra in self.row_planes)
        elements = self.lead + (rows + extra) * self.pitch + self.slack + target.current().lanes(self.element)
        return memory.lines(elements * self.element) | memory.LINE

    def channel_at(self, rows: int) -> int:
        return len(self.row_planes) * self.sw * self.plane_at(rows)

    def band_bytes(self, rows: int) -> int:
        return self.channels * self.channel_at(rows)

    def offsets(self, part: Part, rows: int) -> np.ndarray:
        """Where each tap of a part finds position 0, in bytes from the channel's planes."""
        plane = self.plane_at(rows)
        places = [(p * self.sw + q) * plane + (y * self.pitch + x) * self.element for p, y, q, x in part.taps]
        return np.array(places, np.int64)

    @property
    def window(self) -> int:
        """Rows from the first to the last that an output row reads."""
        return max(start + extra * self.sh for start, extra in self.row_planes) + 1

    def read_rows(self, rows: int) -> int:
        """The same for so many output rows."""
        return (rows - 1) * self.sh + self.window

    def fields(self, rows: int, tables: list[np.ndarray], x: np.ndarray) -> dict[str, int]:
        """The fields of a frame that say how planes are copied from x."""
        row_table = np.array(self.row_planes, np.int64)
        tables.append(row_table)
        return {
            "channels": self.channels,
            "x_n": x.strides[0],
            "ih": x.shape[2],
            "iw": x.shape[3],
            "window": self.window,
            **lying("x", x, self.read_rows(rows)),
            "sh": self.sh,
            "sw": self.sw,
            "top": self.top,
            "left": self.left * x.itemsize,
            "lead": self.lead,
            "low": self.low,
            "count": self.count,
            "pitch": self.pitch,
            "slack": self.slack,
            "plane_at": self.plane_at(rows),
            "channel_at": self.channel_at(rows),
            "row_planes": len(self.row_planes),
            "row_table": memory.address(row_table),
        }


def _shared(size: int, pad: int, out: int, reach: int) -> dict[str, Any]:
    """Rows of stride 1: the zeros behind one serve as those before the next."""
    lead, left = max(pad, 0), max(-pad, 0)
    count = max(0, min(size - left, out + reach - lead))
    after = max(0, out + reach - lead - count)
    return {"lead": lead, "left": left, "low": 0, "count": count, "pitch": max(out, count + max(lead, after))}


def _in_rows(array: np.ndarray) -> bool:
    """Whether the columns of an array lie side by side."""
    return array.strides[3] == array.itemsize


def turned(array: np.ndarray) -> bool:
    """Whether an array's channels lie side by side and its columns do not: it is transposed on the way."""
    # Not where all columns are one (expanded): to the kernel a step of zero says that nothing is turned.
    return array.strides[1] == array.itemsize in (4, 8) and array.strides[3] not in (0, array.itemsize)


def lying(which: str, array: np.ndarray, rows: int) -> dict[str, int]:
    """Strides of an array, or of `rows` of its rows transposed, and then its own."""
    if not turned(array):
        found = {"c": array.strides[1], "h": array.strides[2], "row": 0, "column": 0}
    else:
        row = array.shape[3] * array.itemsize
        found = {"c": rows * row, "h": row, "row": array.strides[2], "column": array.strides[3]}
    return {f"{which}_{name}": value for name, value in found.items()}


def readable(array: Array) -> bool:
    """Whether its rows lie as the kernels read them: neither repeated nor in another order."""
    return _in_rows(array) or turned(array)


def rows_of(array: Array) -> Array:
    """The array, or a copy that is readable."""
    return array if readable(array) else np.ascontiguousarray(array)


def turned_bytes(array: np.ndarray, channels: int, rows: int) -> int:
    """Bytes that so many rows of transposed channels take, with a vector behind them."""
    return channels * rows * array.shape[3] * array.itemsize + memory.LINE if turned(array) else 0
