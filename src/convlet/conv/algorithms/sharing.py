"""How a product of matrices is cut into tasks: so that the workers end together, and read little twice.

A task is a share of the rows by a span of the columns. Each task copies the panels of its columns, or reads them into
its L1 cache. Which task computes a sum never changes it.
"""

from __future__ import annotations

from itertools import pairwise

from .bands import split

# Tasks for each worker, at most.
TASKS = 8
# What a task costs that is the last, as a part of it: a worker that something delays ends later, by half a task.
DELAY = 0.05
# What each tile costs beside a row of products: its begin and its end take 45 cycles, those of a row 3 a term of 128.
# AMD EPYC Zen 4, November 2026.
TILE = 0.12


def parts_of(rows: int, lines: int, most: int, shares: int) -> int:
    """In how many tiles of `most` rows or fewer so many rows are cut: each of several lines, or each share alike."""
    if lines > 1:
        return lines * split(rows // lines, most)
    return min(rows, shares * split(split(rows, shares), most))


def share_out(
    rows: int, lines: int, most: int, vectors: int, width: int, products: int, workers: int, panel: float
) -> tuple[int, int]:
    """Spans of the columns and shares of the rows into which each product is cut.

    Tiles have up to `most` rows; the columns are so many vectors, panels of which are `width` wide. A vector of a panel
    costs a task as much as `panel` rows of it.
    """
    best, found = 0.0, (1, 1)
    panels = split(vectors, width)
    for shares in range(1, TASKS * workers + 1):
        parts = parts_of(rows, lines, most, shares)
        tiles = [(share + 1) * parts // shares - share * parts // shares for share in range(shares)]
        if workers == 1 or shares > parts:
            break
        for spans in range(1, min(panels, max(1, TASKS * workers // (products * shares))) + 1):
            ends = [span * panels // spans * width for span in range(spans)] + [vectors]
            spaces = [after - before for before, after in pairwise(ends)]
            loads = [space * (tile * (rows / parts + TILE) + panel) for space in spaces for tile in tiles]
            cost = _last_end(loads * min(products, TASKS * workers), workers) + DELAY * max(loads)
            if not best or cost < best:
                best, found = cost, (spans, shares)
    return found


def _last_end(loads: list[float], workers: int) -> float:
    """When the last worker ends, if each takes the next task when it has done one."""
    ends = [0.0] * workers
    for load in loads:
        ends[ends.index(min(ends))] += load
    return max(ends)
