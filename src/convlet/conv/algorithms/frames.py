"""Frames: the numbers that a kernel reads, prepared once for a problem and the strides of its arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import deal, steps, tail_stores, target
from ...kernels.edges import FRAME
from ...kernels.emit import BFLOAT16, FLOAT16, NATIVE
from ...runtime import memory, threads
from ..padding import index_map
from ..problem import DTYPES, ConvProblem
from .bands import Band, split

# Multiplications and additions below which a second thread costs more than it brings: between 130,000, where one is as
# fast, and 300,000, where two save a quarter (ten small problems, 2 cores of a Zen 4, November 2026).
SERIAL_FLOPS = 200_000
# The steps that pack_band and store_band call.
BAND_STEPS = ("gather", "gather_planes", "scatter", "store_channels", "store_positions")

CODES = {"f32": NATIVE, "f64": NATIVE, "f16": FLOAT16, "bf16": BFLOAT16}


def compute_dtype(problem: ConvProblem) -> np.dtype:
    """The dtype that sums are made in."""
    return np.dtype(np.float64 if problem.dtype == "f64" else np.float32)


def storage_size(code: int, element: int) -> int:
    """Bytes of an element stored in a code, which is computed in `element` bytes."""
    return element if code == NATIVE else 2


def workers_for(problem: ConvProblem) -> int:
    """Threads that a problem is worth."""
    return threads.get_num_threads() if problem.flops > SERIAL_FLOPS else 1


class Frames(dict):
    """Frames by what they depend on: the strides of the arrays and the workers. Forgets all when there are many."""

    LIMIT = 64

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= self.LIMIT:
            self.clear()
        super().__setitem__(key, value)


@dataclass(slots=True)
class Frame:
    """The numbers a kernel reads, the tables they point at, and what a launch needs."""

    record: np.ndarray
    tables: list[np.ndarray]
    address: int
    slot: int
    workers: int
    pack_workers: int = 1
    packed_bytes: int = 0
    weight_offset: int = 0
    form: tuple = ()  # what the packed weights depend on, besides the weights


def input_fields(p: ConvProblem, x: np.ndarray, band: Band, element: int, tables: list[np.ndarray]) -> dict:
    """The fields of a frame that say how bands are copied from x."""
    n_, c_, h_, w_ = x.strides
    row_map = index_map(p.ih, p.pt, p.pb, p.mode_h).astype(np.int64)
    col_map = np.full(p.padded_w + p.sw * (band.pitch + 1) + p.extent_w, -1, np.int64)
    col_map[: p.padded_w] = index_map(p.iw, p.pl, p.pr, p.mode_w)
    col_table = np.array(band.columns.starts, np.int64)
    row_table = np.array(list(zip(band.rows.starts, band.row_starts, band.rows.extras)), np.int64)
    tables += [row_map, col_map, col_table, row_table]
    near = w_ == storage_size(CODES[p.dtype], element)
    dealt = near and p.sw in deal.STRIDES and band.columns.starts == tuple(range(p.sw))
    return {
        "deal": steps.addresses(element, ("deal",))["deal"] if dealt else 0,
        "x_n": n_,
        "x_c": c_,
        "x_h": h_,
        "x_w": w_,
        "x_code": CODES[p.dtype],
        # Channels side by side, and neighbouring columns not: read by transposing.
        "x_last": int(
            CODES[p.dtype] == NATIVE
            and c_ == element != w_
            and p.ic // p.g >= 4
            and p.mode_h == p.mode_w == "zeros"
        ),
        "ih": p.ih,
        "iw": p.iw,
        "sh": p.sh,
        "sw": p.sw,
        "pt": p.pt,
        "pl": p.pl,
        "row_map": memory.address(row_map),
        "col_map": memory.address(col_map),
        "modes": int(p.mode_w != "zeros"),
        "pitch": band.pitch,
        "channel_at": band.channel_elements * element,
        "joined": int(band.joined),
        "col_planes": len(band.columns.starts),
        "col_table": memory.address(col_table),
        "row_planes": len(band.rows.starts),
        "row_table": memory.address(row_table),
        "band_h": band.band_h,
        "band_w": band.band_w,
        "bands_h": split(p.oh, band.band_h),
        "bands_w": split(p.ow, band.band_w),
    }


def output_fields(p: ConvProblem, out: np.ndarray) -> dict:
    """The fields of a frame that say where results are stored."""
    n_, c_, h_, w_ = out.strides
    size = DTYPES[p.dtype][1]
    return {
        "y_n": n_,
        "y_c": c_,
        "y_h": h_,
        "y_w": w_,
        "y_size": size,
        "y_code": CODES[p.dtype],
        "y_last": int(c_ == size != w_),  # channels side by side, and neighbouring columns not
    }


def channel_shares(bands: int, blocks: int, workers: int) -> int:
    """In how many parts the channel blocks of a band are shared out, where the bands alone do not suffice."""
    if bands < 4 * workers and bands % workers:
        return min(blocks, split(workers, bands) if bands < workers else workers)
    return 1


def size_fields(
    p: ConvProblem, element: int, names: tuple[str, ...], chain: int = 0, bands: bool = True
) -> dict[str, int]:
    """The fields of a frame that every kernel has, with the steps of these names and those of bands.

    The tile adds no more than `chain` products in a row (0: any number).
    """
    machine = target.current()
    wanted = (*names, *BAND_STEPS) if bands else names
    stores = tail_stores.STEPS[element] if p.tail else {}
    found = steps.addresses(element, tuple([each for each in wanted if each not in stores]))
    if chain:
        found["tile"] = steps.STEPS[element]["chained"].address
    if stores:
        found |= {name: step.address for name, step in stores.items()} | {"tail": 1}
    return {
        **found,
        "chain": chain,
        "element": element,
        "lanes": machine.lanes(element),
        "mr": machine.chained_mr if chain else machine.mr,
        "n": p.n,
        "g": p.g,
        "icg": p.ic // p.g,
        "ocg": p.oc // p.g,
        "oh": p.oh,
        "ow": p.ow,
        "kh": p.kh,
        "kw": p.kw,
    }


def storable(out: np.ndarray, element: int) -> bool:
    """Whether a weight gradient of such elements is stored where it belongs: contiguous, or channels-last."""
    rows = out.shape[2] == 1 or out.strides[2] == out.shape[3] * out.strides[3]
    return out.itemsize == element and (out.flags.c_contiguous or (out.strides[1] == element and rows))


def gradient_fields(out: np.ndarray, block: int, tables: list[np.ndarray]) -> dict[str, int]:
    """The fields that say where a weight gradient is stored, whose sums have `block` channels: see store_products."""
    fields = {"w_o": out.strides[0], "w_c": out.strides[1], "w_w": out.strides[3]}
    if not out.flags.c_contiguous:
        return fields | {"order": 0}
    # Where the sums of input channel c and tap (u, v) are among the others.
    c, tap = np.ogrid[:block, : out.shape[2] * out.shape[3]]
    order = np.ascontiguousarray((tap * block + c).reshape(-1), np.int64)
    tables.append(order)
    return fields | {"order": memory.address(order)}


def layout(sizes: dict[str, int]) -> tuple[dict[str, int], int]:
    """Places for named pieces of scratch, each on its own cache lines, and their total."""
    places, total = {}, 0
    for piece, nbytes in sizes.items():
        places[piece] = total
        total += memory.lines(nbytes) + memory.LINE
    return places, total


def finish(fields: dict, tables: list[np.ndarray], kind: np.dtype = FRAME, **rest: Any) -> Frame:
    """The frame with these fields, a record of a kind that some kernels read."""
    record = np.zeros(1, kind)
    for field, value in fields.items():
        record[field] = value
    return Frame(record, tables, memory.address(record), slot=fields["slot"], **rest)
