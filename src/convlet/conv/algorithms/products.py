"""How a product of matrices is computed: its tasks, panels and chunks, and the launch of its kernel.

images  a product for each image, by panels of columns that are brought, or packed before
sums    one product of many terms, as a weight gradient is: panels of a chunk at a time
dots    a product whose lanes are terms
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isqrt
from typing import Any, NamedTuple

import numpy as np

from ...kernels import launch, matrices, panels, steps, tail_stores, target
from ...kernels import product as kernels
from ...kernels import tail as finishing
from ...kernels.emit import NATIVE
from ...runtime import memory
from ...runtime.processor import in_l2
from ...runtime.storage import Storage
from ..gradient import Array
from .bands import split
from .frames import Frame, storage_size
from .sharing import parts_of, share_out

# Chunks that are summed before they are added to the others: long sums of sums have small rounding errors.
FOLD = 16
# Terms of a chunk where the lanes are terms, at most (of long sums a chunk has as many terms in each lane as there are
# chunks), and bytes of the columns of a chunk that stay in L2.
LONGEST_DOTS = 8192
DOTS_BYTES = 256 << 10
# Rows so many bytes apart, or a multiple of that, exclude one another from L1: they are copied there, a chunk of a tile
# at a time, if at least so many columns pass by. 1024 x 1024 x 1024 took 15.4 ms so, 11.9 with copies; 1000 x 1000 x
# 1000 took 10.3, 10.9 with copies (Zen 4, 2 threads, November 2026).
ALIAS, PASSING = 4096, 24
# What transposing a vector of one operand costs beside a vector's multiplications.
TURN = 0.5
# What a vector of a panel costs a task beside a row of its results: copied there, or only read into L1.
BRING, READ = 4.0, 1.0
# What products cost whose lanes are terms: as many multiplications took 1.23 to 1.37 times as long. AMD EPYC Zen 4, 1
# thread, November 2026, weight gradients of 64 channels at 224 x 224 by 8 to 32.
DOT = 1.3
# Terms of a sum up to which storing takes longer than computing, so that results are written row after row: outer
# products of 512 x 512 took 20 us so and 39 in panels, those of 2048 x 1000 146 and 328, with 8 terms 376 and 402, with
# 16 as long. AMD EPYC Zen 4, 1 thread, November 2026.
STORED = 8
# Panels of a chunk that stay in L2.
PANELS_BYTES = 256 << 10
# Columns of a block, and bytes of its panels and of its sums.
BLOCK = 400
BLOCK_BYTES = 384 << 10
# Tiles of rows from which panels are brought before they are read: with 3 or 4 that costs a tenth of the time where x
# is in the cache, with 8 a twentieth, and where x comes from memory it is worth a fifth. AMD EPYC Zen 4, 2 threads,
# November 2026, layers of ResNet-50 and MobileNetV2, one image in the cache and eight from memory.
MANY = 6
# Columns of a block where images share panels of weights, and rows of such a bundle of images: a chunk of all of them,
# and the sums, stay in L2.
BUNDLE_BLOCK = 192
BUNDLE_ROWS = 200
# Tasks for each worker, where the lanes are terms.
TASKS = 4
# Bytes of the rows of a task, where they are read again for each panel or block: these stay in L2.
ROWS_BYTES = 256 << 10


def fill(count: int, lanes: int) -> float:
    """How full the vectors of so many elements are; 0 if they fill none."""
    return count / (split(count, lanes) * lanes) if count >= lanes else 0.0


@dataclass(frozen=True, slots=True)
class Matrices:
    """Sizes and strides (in bytes) of a product, named as in the frame of kernels/product.py."""

    images: int
    summed: int
    groups: int
    rows: int
    columns: int
    terms: int
    a_image: int
    a_group: int
    a_row: int
    a_term: int
    b_image: int
    b_group: int
    b_column: int
    b_term: int
    c_image: int
    c_group: int
    c_row: int
    c_column: int
    lines: int = 1  # of rows of a, evenly apart in each
    a_line: int = 0

    def fields(self) -> dict[str, int]:
        """The fields of a frame of these names."""
        return {name: value for name, value in asdict(self).items() if name in (kernels.FRAME.names or ())}

    def fit(self, dots: bool, sizes: tuple[int, int, int], lanes: int) -> bool:
        """Whether what the lanes run along lies side by side, in elements of these sizes of a, b and c.

        Terms of a that are apart, as those of a tap of a large kernel, are copied.
        """
        a, b, c = sizes
        if dots:
            return (self.b_term, self.c_row) == (b, c) and (self.a_term == a or self.a_term < self.a_row)
        return c == self.c_column and self.columns >= lanes and b == self.b_column

    def ready(self, size: int) -> bool:
        """Whether the panels of b have to be packed."""
        return self.b_column != size == self.b_term


class Codes(NamedTuple):
    """How the matrices of a product are stored: a, b and the result."""

    a: int = NATIVE
    b: int = NATIVE
    c: int = NATIVE

    def size_b(self, element: int) -> int:
        """Bytes of an element of b."""
        return storage_size(self.b, element)

    def size_c(self, element: int) -> int:
        """Bytes of an element of the result."""
        return storage_size(self.c, element)


class Step(NamedTuple):
    """A launch: the kernel, its frame, whether a is the left matrix, and bytes of panels that are packed before."""

    kernel: launch.Kernel
    frame: Frame
    left: bool
    ready: int = 0

    def run(self, a: int, b: int, bias: int, out: Array, kept: Storage | None = None) -> None:
        frame, to = self.frame, memory.address(out)
        first, second = (a, b) if self.left else (b, a)
        if self.ready:
            second, _keep = self._pack(second, kept)
        launch.launch(self.kernel.address, frame.address, first, second, bias, to, frame.slot, frame.workers)

    def _pack(self, weight: int, kept: Storage | None) -> tuple[int, Any]:
        frame = self.frame

        def pack(to: int) -> None:
            pack_workers = frame.pack_workers
            launch.launch(kernels.pack_panels.address, frame.address, weight, 0, 0, to, frame.slot, pack_workers)

        found = None if kept is None else kept.form((weight, frame.form), self.ready, pack)
        if found is None:
            found = memory.scratch(self.ready, "weights")
            pack(found[0])
        return found


def frame_of(element: int, fields: dict[str, int], names: tuple[str, ...], workers: int, zeros: int = 0) -> Frame:
    """The frame with these fields, the addresses of these steps and of so many zeros."""
    lanes = target.current().lanes(element)
    zero = np.zeros(max(lanes, zeros))
    record = np.zeros(1, kernels.FRAME)
    for field, value in (steps.addresses(element, names) | {"element": element, "lanes": lanes} | fields).items():
        record[field] = value
    record["zero"] = memory.address(zero)
    return Frame(record, [zero], memory.address(record), slot=fields.get("slot", 0), workers=workers)


@dataclass(frozen=True, slots=True)
class Products:
    """What products of one problem have in common."""

    element: int  # bytes
    chunk: int  # terms that are summed before the next are added
    dots_chunk: int  # the same where the lanes are terms, at least
    tail: bool  # whether there is one

    @property
    def lanes(self) -> int:
        """Elements of a vector."""
        return target.current().lanes(self.element)

    def sums_cost(self, m: Matrices, workers: int) -> float:
        """What `sums` costs, in products of vectors."""
        shares = split(workers, m.groups)
        columns = split(m.columns, self.lanes) * self.lanes
        packing = TURN if m.b_term < m.b_column else TURN / 4
        turning = 0 if m.c_column <= m.c_row else TURN * m.columns / (m.summed * m.terms)
        return m.rows * (columns / self.lanes + turning) + shares * columns * packing

    def dots_cost(self, m: Matrices) -> float:
        """What `dots` costs, in products of vectors."""
        return DOT * m.rows * m.columns / self.lanes

    def sums(self, m: Matrices, is_left: bool, workers: int, codes: Codes) -> Step:
        """The launch of one product of many terms, all columns at a time."""
        lanes, element = self.lanes, self.element
        cut = self._cut(m, of_sums=True)
        width = target.current().panel_nr * lanes
        most = max(1, in_l2(PANELS_BYTES) // (cut["longest"] * width * element)) * width
        whole = m.columns // lanes * lanes
        block = min(whole, split(split(whole, split(whole, most)), width) * width)
        schedule = cut | {
            "row_shares": split(workers, m.groups),
            "spans": 1,
            "block": block,
            "by_rows": int(cut["longest"] <= STORED),
            "panels": kernels.TURNED if m.b_term == codes.size_b(element) else kernels.BROUGHT,
            "sums": kernels.DIRECT if codes.c == NATIVE else kernels.DELIVERED,
        }
        if m.c_column != codes.size_c(element):
            schedule["sums"] = kernels.TRANSPOSED
        return self._panels(m, is_left, schedule, workers, codes)

    def images(self, m: Matrices, left: bool, workers: int, codes: Codes) -> Step:
        """The launch of a product for each image, a panel of columns at a time."""
        element = self.element
        machine = target.current()
        mr, wide = machine.panel_mr(element), machine.panel_nr * self.lanes
        parts = split(m.rows, mr)
        transposed = m.c_column != codes.size_c(element)
        bundle = 1
        if transposed:  # panels are of weights, so that images may share them
            bundle = split(m.images, split(m.images, max(1, BUNDLE_ROWS // m.rows)))
        how, sums = kernels.IN_PLACE, kernels.DIRECT
        if m.ready(codes.size_b(element)):
            how = kernels.READY
        elif transposed or parts >= MANY:
            how = kernels.BROUGHT
        if transposed:
            sums = kernels.TRANSPOSED
        elif codes.c != NATIVE:
            sums = kernels.DELIVERED
        products = split(m.images, bundle) * m.groups
        panel = BRING if how == kernels.BROUGHT else READ
        vectors = m.columns // self.lanes
        spans, shares = share_out(m.rows, m.lines, mr, vectors, machine.panel_nr, products, workers, panel)
        if how == kernels.READY and not transposed:  # the rows are read once for each panel
            shares = max(shares, m.rows * m.terms * element // in_l2(ROWS_BYTES))
        cut = self._cut(m, of_sums=False)
        block = wide
        if transposed:
            block = BUNDLE_BLOCK
        elif how == kernels.BROUGHT and parts >= MANY:
            block = self._block(m, cut, m.columns // spans)
        schedule = cut | {
            "by_rows": int(block > wide and not transposed),
            "bundle": bundle,
            "row_shares": shares,
            "spans": spans,
            "block": block,
            "panels": how,
            "sums": sums,
        }
        return self._panels(m, left, schedule, workers, codes)

    def _block(self, m: Matrices, cut: dict[str, int], columns: int) -> int:
        """Of so many, columns to compute at a time: rows of the result, and what is brought, are long in memory."""
        lanes = self.lanes
        wide = target.current().panel_nr * lanes
        column = cut["longest"] if cut["units"] == 1 else max(cut["longest"], m.rows)
        most = max(wide, min(BLOCK, in_l2(BLOCK_BYTES) // (column * self.element)))
        whole = columns // lanes * lanes
        return split(split(whole, split(whole, most)), wide) * wide

    def _cut(self, m: Matrices, of_sums: bool) -> dict[str, int]:
        """How a sum is cut into chunks: those `of_sums` may be of several images, or are whole vectors."""
        joined = min(self.chunk // m.terms, m.summed) if of_sums else 1
        if joined > 1:
            chunk, chunks, units = m.terms, 1, split(m.summed, joined)
        else:
            joined, chunk = 1, split(m.terms, split(m.terms, self.chunk))
            if of_sums:
                chunk = min(m.terms, split(chunk, self.lanes) * self.lanes)
            chunks = split(m.terms, chunk)
            units = m.summed * chunks
        longest = joined * chunk
        return {"chunk": chunk, "chunks": chunks, "joined": joined, "units": units, "longest": longest}

    def _panels(self, m: Matrices, left: bool, schedule: dict[str, int], workers: int, codes: Codes) -> Step:
        """The launch of a product of matrices that are stored in these codes."""
        machine = target.current()
        element, lanes = self.element, self.lanes
        mr, nr = machine.panel_mr(element), machine.panel_nr
        f = {"bundle": 1, "fold": FOLD} | schedule
        parts = parts_of(m.rows, m.lines, mr, f["row_shares"])
        length, of_line = m.rows // m.lines, parts // m.lines
        few, larger = divmod(length, of_line)
        places = np.zeros((parts + 1, 3), np.int64)
        for part in range(parts, -1, -1):
            line, place = divmod(part, of_line)
            row = place * few + min(place, larger)
            alike = places[part + 1, 2] + 1 if place not in (larger - 1, of_line - 1) and part < parts else 1
            places[part] = line * length + row, line * m.a_line + row * m.a_row, alike
        row_shares = min(parts, f["row_shares"])
        ready = 0
        if f["panels"] == kernels.READY:
            ready = m.groups * split(m.columns, lanes) * lanes * m.terms * element
        # Scratch: panels of a chunk, or what is packed from; a chunk of the left rows; sums, and sums of a fold.
        rows = max((s + 1) * parts // row_shares - s * parts // row_shares for s in range(row_shares)) * mr
        left_row = (f["longest"] + lanes) * element
        copied = f["joined"] > 1 or codes.a != NATIVE
        room = memory.lines(f["bundle"] * rows * f["block"] * element)
        left_at = memory.lines(max(f["block"], nr * lanes) * f["longest"] * element)
        if ready and codes.b != NATIVE:
            left_at = memory.lines(lanes * (m.terms + lanes) * element)
        sums_at = left_at + copied * memory.lines(rows * left_row)
        partial_at = sums_at + (room if f["sums"] != kernels.DIRECT else 0)
        wide_at = partial_at + (room if f["units"] > f["fold"] else 0)
        fields = (
            m.fields()
            | f
            | {
                "mr": mr,
                "nr": nr,
                "parts": parts,
                "places": memory.address(places),
                "row_shares": row_shares,
                "copied": int(copied),
                "left_at": left_at,
                "left_row": left_row,
                "sums_at": sums_at,
                "partial_at": partial_at,
                "wide_at": wide_at,
                "a_code": codes.a,
                "b_code": codes.b,
                "c_code": codes.c,
                "c_size": codes.size_c(element),
                "ready_group": ready // m.groups,
                "by_column": int(left),
                "slot": wide_at + (lanes * left_row if codes.b != NATIVE else 0),
            }
        )
        fields |= panels.addresses(element)
        if codes.b != NATIVE and f["panels"] == kernels.IN_PLACE:
            fields["panel"] = matrices.PANELS[codes.b].address
        if self.tail:
            fields["finish"] = (finishing.finish_lanes if left else finishing.finish_rows).address
            fields["ask"] = finishing.ask.address
            fields["store_channels"] = tail_stores.STEPS[element]["store_channels"].address
        tasks = split(m.images, f["bundle"]) * m.groups * f["spans"] * row_shares
        frame = frame_of(element, fields, ("panel", "transpose", "gather", "store_channels"), min(workers, tasks))
        frame.tables.append(places)
        frame.pack_workers = min(workers, m.groups * split(m.columns, nr * lanes))
        frame.form = ("panels", m.groups, m.columns, m.terms, m.b_group, m.b_column, codes.b, element)
        return Step(kernels.panels, frame, left, ready)

    def dots(self, m: Matrices, left: bool, workers: int, code: int = NATIVE) -> Step:
        """The launch of a product whose lanes are terms, the left matrix stored in a code."""
        machine = target.current()
        mr, nr, lanes = machine.panel_mr(self.element), machine.panel_nr, self.lanes
        wanted = TASKS * workers if workers > 1 else 1
        most = min(LONGEST_DOTS, max(self.dots_chunk, isqrt(lanes * m.summed * m.terms)))
        chunk = split(split(m.terms, split(m.terms, most)), lanes) * lanes
        # The rows of a task stay in L2 while blocks of columns pass by.
        row_shares = max(split(wanted, m.groups), m.rows * chunk * self.element // in_l2(ROWS_BYTES))
        row_shares = min(split(m.rows, mr), row_shares)
        spans = min(split(m.columns, nr), split(wanted, m.groups * row_shares))
        fields = m.fields() | {
            "mr": mr,
            "nr": nr,
            "chunk": chunk,
            "block": max(1, in_l2(DOTS_BYTES) // (chunk * self.element) // nr) * nr,
            "row_shares": row_shares,
            "spans": spans,
            "a_code": code,
        }
        apart = m.a_term != storage_size(code, self.element)
        if apart or (m.a_row % ALIAS == 0 and m.columns >= PASSING):
            left_row = (chunk + lanes) * self.element
            fields |= {"copied": 1, "left_row": left_row, "slot": memory.lines(mr * left_row)}
        elif code != NATIVE:
            fields["dots"] = matrices.DOTS[code].address
        if self.tail:
            fields["finish"] = finishing.finish_lanes.address
        frame = frame_of(self.element, fields, ("dots", "gather"), min(workers, m.groups * spans * row_shares))
        return Step(kernels.dots, frame, left)
