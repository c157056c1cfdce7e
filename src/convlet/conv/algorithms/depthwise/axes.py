"""The axes of a depthwise convolution: which rows (or columns) are read for which results, and in which blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ....kernels.depthwise_steps import longest_run
from ...problem import ConvProblem
from ..bands import split

# What a block of rows costs besides its rows, in rows: those that it reads above and below.
BLOCK_COST = 2


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


def phases(size: int, out: int, kernel: int, stride: int, dilation: int, pad: int, back: bool) -> tuple[Phase, ...]:
    if not back:
        return (Phase(0, 1, out, stride, tuple((tap, tap * dilation - pad) for tap in range(kernel))),)
    found = []
    for first in range(stride):
        reach = [(tap, first + pad - tap * dilation) for tap in reversed(range(kernel))]
        taps = tuple((tap, at // stride) for tap, at in reach if at % stride == 0)
        found.append(Phase(first, stride, len(range(first, size, stride)), 1, taps))
    return tuple(found)


def rows_of_image(p: ConvProblem) -> tuple[Phase, ...]:
    """The phases of the rows."""
    return phases(p.ih, p.oh, p.kh, p.sh, p.dh, p.pt, p.direction == "bwd_input")


def columns_of_image(p: ConvProblem) -> tuple[Phase, ...]:
    """The phases of the columns."""
    return phases(p.iw, p.ow, p.kw, p.sw, p.dw, p.pl, p.direction == "bwd_input")


def most_read(axis: tuple[Phase, ...], results: int) -> int:
    """Positions that so many results of a phase read at most, with those between."""
    spans = [
        (min(phase.count, results) - 1) * phase.advance + phase.taps[-1][1] - phase.taps[0][1] + 1
        for phase in axis
        if phase.taps
    ]
    return max(spans, default=0)


@lru_cache(maxsize=256)
def blocks(count: int, sizes: tuple[int, ...], once: bool = False) -> tuple[tuple[int, int], ...]:
    """(first, rows) of the cheapest blocks that cover so many rows; the last may overlap the one before.

    Not where each row is to be covered `once`: a row that is summed up twice counts twice.
    """
    whole = max(0, count - 8 * sizes[-1]) // sizes[-1]  # only the end of a tall image needs thought
    best: list[tuple[int, list[int]]] = [(0, [])]
    for n in range(1, count - whole * sizes[-1] + 1):
        before = [(size, *best[max(0, n - size)]) for size in sizes if size <= (n if once else count)]
        ways = [(cost + size + BLOCK_COST, [*taken, size]) for size, cost, taken in before]
        best.append(min(ways, key=lambda way: (way[0], len(set(way[1])), way[1])))
    found, first = [], 0
    for size in [sizes[-1]] * whole + best[-1][1]:
        first = min(first, count - size)
        found.append((first, size))
        first += size
    return tuple(found)


def neighbours(offsets: list[int], advance: int, most: int) -> list[int]:
    """How many of the taps at such columns are taken together, in turn: up to `most` of three, two or one.

    Where every second column is read (an `advance` of two), three are, if the vectors of the last two are aligned then.
    """
    found: list[int] = []
    while (i := sum(found)) < len(offsets):
        left = [offset - offsets[i] for offset in offsets[i : i + 3]]
        if left == [0, 1, 2] and most >= 3 and (advance == 1 or offsets[i] % 2):
            found.append(3)
        else:
            found.append(2 if left[:2] == [0, 1] and most >= 2 else 1)
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
