"""Bands: what some output rows of an image read, as scratch holds it (kernels/edges.py), and how large they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ...runtime.processor import in_l2
from ..problem import ConvProblem

# Bytes of a worker's band. With the sums and spare rows a worker stays under about 2 MiB.
BAND_BYTES = 768 << 10
# Columns below which a tile of a single row would wait for its own sums: it needs 4 positions x 2 vectors (Zen 4).
NARROW = 4
# Columns of a tile that reading the weights of a tap takes as long as: counted, two loads of a vector, not tuned.
TAP = 1
# Columns below which a band is not cut further, however many channels it has.
LEAST_COLUMNS = 96


@dataclass(frozen=True, slots=True)
class Planes:
    """How one axis of a band stores what the taps read (see kernels/edges.py)."""

    starts: tuple[int, ...]  # padded position of each plane's first element
    extras: tuple[int, ...]  # elements a plane has beyond those of a single tap
    taps: tuple[tuple[int, int], ...]  # (plane, shift) of each tap


def planes_of(taps: int, stride: int, dilation: int, apart: bool) -> Planes:
    """Taps a multiple of the stride from each other share a plane, unless they are to lie `apart`."""
    groups: dict[int, list[int]] = {}
    for tap in range(taps):
        offset = tap * dilation
        groups.setdefault(offset if apart else offset % stride, []).append(offset)
    order = list(groups)
    where = {
        offset: (index, (offset - groups[key][0]) // stride)
        for index, key in enumerate(order)
        for offset in groups[key]
    }
    return Planes(
        starts=tuple(groups[key][0] for key in order),
        extras=tuple((groups[key][-1] - groups[key][0]) // stride for key in order),
        taps=tuple(where[tap * dilation] for tap in range(taps)),
    )


@dataclass(frozen=True, slots=True)
class Band:
    """Shape and memory layout of the largest band."""

    rows: Planes
    columns: Planes
    band_h: int
    band_w: int
    joined: bool

    @property
    def pitch(self) -> int:
        return self.band_w + max(self.columns.extras)

    @property
    def row_starts(self) -> list[int]:
        """Row at which each row plane starts; then the number of rows."""
        starts = [0]
        for extra in self.rows.extras:
            starts.append(starts[-1] + self.band_h + extra)
        return starts

    @property
    def plane_elements(self) -> int:
        """Elements of a column plane: all its row planes."""
        return self.row_starts[-1] * self.pitch

    @property
    def channel_elements(self) -> int:
        return len(self.columns.starts) * self.plane_elements

    def tap_offsets(self) -> list[int]:
        """Where each tap (row by row) finds its first position, in elements from the channel's start."""
        starts = self.row_starts
        return [
            q * self.plane_elements + (starts[p] + shift_h) * self.pitch + shift_w
            for p, shift_h in self.rows.taps
            for q, shift_w in self.columns.taps
        ]


def split(size: int, largest: int) -> int:
    """Pieces of at most `largest` that cover `size`."""
    return -(-size // largest)


def band_of(problem: ConvProblem, band_h: int, band_w: int) -> Band:
    """The layout of bands of band_h x band_w outputs.

    Joined bands cost kw / sw times the copying and let the tile run over the ends of rows: worth it where rows are too
    short to keep the multipliers busy, and where it costs nothing; but then no row leaves out the taps in its padding.
    With a large dilation the rows between the taps would be copied for nothing.
    """
    p = problem
    joined = band_h > 1 and band_w < NARROW
    shared_h = planes_of(p.kh, p.sh, p.dh, apart=False)
    apart_h = planes_of(p.kh, p.sh, p.dh, apart=True)
    rows = min(shared_h, apart_h, key=lambda each: len(each.starts) * band_h + sum(each.extras))
    shared_w = planes_of(p.kw, p.sw, p.dw, apart=False)
    apart_w = planes_of(p.kw, p.sw, p.dw, apart=True)
    if joined:
        columns = apart_w
    else:
        columns = min(shared_w, apart_w, key=lambda each: len(each.starts) * (band_w + max(each.extras)))
    all_read = (p.pt <= 0 and p.pb <= 0) or p.mode_h != "zeros"
    return Band(rows, columns, band_h, band_w, joined or (all_read and max(columns.extras) == 0))


def choose_band(problem: ConvProblem, element: int, channels: int, wanted: int) -> Band:
    """The largest band of at most `wanted` positions whose `channels` channels fit BAND_BYTES, if any does."""
    p = problem

    def size(band: Band) -> int:
        return band.channel_elements * channels * element

    band_w = p.ow
    if p.ow > 2 * wanted:  # a band of one row, in pieces
        band_w = split(p.ow, split(p.ow, wanted))
    band_h = max(1, min(p.oh, wanted // band_w)) if band_w == p.ow else 1
    band = band_of(p, band_h, band_w)
    while size(band) > in_l2(BAND_BYTES) and band_h > 1:
        band_h = split(band_h, 2)
        band = band_of(p, band_h, band_w)
    while size(band) > in_l2(BAND_BYTES) and band_w > LEAST_COLUMNS:
        band_w = split(band_w, 2)
        band = band_of(p, band_h, band_w)
    # Bands differ by a row at most: even them out.
    return band_of(p, split(p.oh, split(p.oh, band_h)), split(p.ow, split(p.ow, band_w)))


def reading(size: int, pad: int, starts: list[int], stride: int, kernel: int, dilation: int) -> list[list[int]]:
    """For each band along an axis (its outputs go from one of `starts` to the next) the taps that read the image."""
    found = []
    for first, end in pairwise(starts):
        lows = [first * stride + tap * dilation - pad for tap in range(kernel)]
        reach = (end - 1 - first) * stride
        found.append([tap for tap, low in enumerate(lows) if low + reach >= 0 and low < size])
    return found


def used_taps(
    p: ConvProblem, size: tuple[int, int], cut: tuple[int, int], mr: int, joined: bool
) -> list[tuple[int, ...]]:
    """The taps that each tile reads outside of padding with zeros; nothing if all tiles read all of them.

    Positions of `size`, of which the problem has all or leaves out some at the end, are cut into `cut` bands along both
    axes. Tiles are of up to mr columns of a row, or of all rows of a `joined` band; they are listed row by row, band by
    band, with places for as many tiles of a band as the widest has.
    """
    if p.mode_h != "zeros" or p.mode_w != "zeros":
        return []
    bands_h, bands_w = (
        [min(i * whole // bands, own) for i in range(bands + 1)] for whole, bands, own in zip(size, cut, (p.oh, p.ow))
    )
    rows, columns = bands_h, bands_w
    if not joined:
        rows, columns = list(range(p.oh + 1)), _tile_starts(bands_w, split(split(size[1], cut[1]), mr), mr)
    by_row = reading(p.ih, p.pt, rows, p.sh, p.kh, p.dh)
    by_column = reading(p.iw, p.pl, columns, p.sw, p.kw, p.dw)
    if joined:
        by_row = [each for each, (first, end) in zip(by_row, pairwise(bands_h)) for _ in range(first, end)]
    if all(len(each) == p.kh for each in by_row) and all(len(each) == p.kw for each in by_column):
        return []
    return [tuple(u * p.kw + v for u in us for v in vs) for us in by_row for vs in by_column]


def tile_columns(p: ConvProblem, bands: int, most: int) -> int:
    """Columns of a tile of one row, at most: of fewer than the tile has room for, more taps may lie in padding.

    Layers of dilation 6 to 24 on 33x33 and 65x65 images take 4 to 12% less time so (Zen 4, one thread, November 2026,
    python -m benchmarks layers --table deeplab --threads 1 --algorithm direct).
    """
    if p.mode_h != "zeros" or p.mode_w != "zeros":
        return most

    def cost(mr: int) -> int:
        starts = _tile_starts([i * p.ow // bands for i in range(bands + 1)], split(split(p.ow, bands), mr), mr)
        taps = reading(p.iw, p.pl, starts, p.sw, p.kw, p.dw)
        return sum(len(own) * (end - first + TAP) for own, (first, end) in zip(taps, pairwise(starts)) if end > first)

    return min(range(most, most // 2, -1), key=cost)


def _tile_starts(bands: list[int], tiles: int, mr: int) -> list[int]:
    """The column at which each tile of a row begins, `tiles` a band, of which the last may be empty; then the end."""
    starts = []
    for first, end in pairwise(bands):
        own = max(1, split(end - first, mr))
        starts += [first + min(i, own) * (end - first) // own for i in range(tiles)]
    return [*starts, bands[-1]]
