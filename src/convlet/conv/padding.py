"""Padding modes as index maps: which source index each padded position of an axis reads.

One map an axis is all a mode is, so zeros, reflect, replicate and circular, symmetric or not, are the same
thing to whatever reads through them. The two axes are independent, which gives the corners of PyTorch's
F.pad.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np


@lru_cache(maxsize=1024)
def index_map(size: int, before: int, after: int, mode: str = "zeros") -> np.ndarray:
    """Source index of each padded position of an axis of `size`; -1 where a zero is read.

    `before` and `after` may be negative: positions are cropped. Read-only, int64, of length size + before +
    after (empty where that is negative). Reflect mirrors without repeating the edge and replicate repeats
    it; both look at the uncropped axis, while circular wraps what cropping left, as PyTorch's do.

        >>> from convlet.conv.padding import index_map
        >>> index_map(4, 2, 1, "reflect").tolist()
        [2, 1, 0, 1, 2, 3, 2]
        >>> index_map(4, 1, -1).tolist()
        [-1, 0, 1, 2]
    """
    position = np.arange(-before, size + after, dtype=np.int64)
    if mode == "zeros":
        source = np.where((position >= 0) & (position < size), position, -1)
    elif mode == "reflect":
        source = (size - 1) - np.abs((size - 1) - np.abs(position))
    elif mode == "replicate":
        source = position.clip(0, max(size - 1, 0))
    elif mode == "circular":
        first, last = max(-before, 0), size - max(-after, 0)
        source = (position - first) % max(last - first, 1) + first
    else:
        raise ValueError(f"no padding mode {mode!r}")
    source.flags.writeable = False
    return source


class Span(NamedTuple):
    """A stretch of an index map that slices can copy: forwards, backwards, one source repeated, nowhere."""

    padded: slice
    source: slice | None  # None where zeros are read
    repeats: bool  # the source is one index, read all along


@lru_cache(maxsize=1024)
def spans(size: int, before: int, after: int, mode: str = "zeros") -> tuple[Span, ...]:
    """The index map of an axis as few spans, in order."""
    source = index_map(size, before, after, mode)
    steps = np.diff(source)
    steps[(source[1:] < 0) != (source[:-1] < 0)] = 2  # nowhere (-1) and index 0 are neighbours in value only
    ends = [*(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
    found = []
    first = 0
    while first < len(source):
        start, step, last = int(source[first]), 1, first + 1
        if last < len(source) and abs(steps[first]) <= 1:
            step = int(steps[first])
            last = next(end for end in ends if end > first) + 1
        length = last - first
        if start < 0:
            taken = None
        elif length == 1 or step == 1:
            taken = slice(start, start + length)
        elif step == 0:
            taken = slice(start, start + 1)
        else:
            taken = slice(start, None if start - length < 0 else start - length, -1)
        found.append(Span(slice(first, last), taken, step == 0 and length > 1))
        first = last
    return tuple(found)


def gather(array: np.ndarray, rows: tuple[Span, ...], columns: tuple[Span, ...], into: np.ndarray) -> None:
    """Pad: fill into[..., j, k] with array[..., rows(j), columns(k)], zeros where a map reads nowhere."""
    for row in rows:
        for column in columns:
            if row.source is None or column.source is None:
                into[..., row.padded, column.padded] = 0
            else:
                into[..., row.padded, column.padded] = array[..., row.source, column.source]


@np.errstate(all="ignore")
def fold(padded: np.ndarray, rows: tuple[Span, ...], columns: tuple[Span, ...], into: np.ndarray) -> None:
    """The transpose of `gather`: add padded[..., j, k] to into[..., rows(j), columns(k)], span after span."""
    for row in rows:
        for column in columns:
            if row.source is None or column.source is None:
                continue
            block = padded[..., row.padded, column.padded]
            if row.repeats:
                block = block.sum(axis=-2, keepdims=True, dtype=block.dtype)
            if column.repeats:
                block = block.sum(axis=-1, keepdims=True, dtype=block.dtype)
            into[..., row.source, column.source] += block


def clip_spans(whole: tuple[Span, ...], first: int, last: int) -> tuple[Span, ...]:
    """The spans of padded positions first to last, counted from first."""
    found = []
    for span in whole:
        start, stop = max(span.padded.start, first), min(span.padded.stop, last)
        if start >= stop:
            continue
        taken = span.source
        if taken is not None and not span.repeats:
            step = taken.step or 1
            begin = taken.start + step * (start - span.padded.start)
            end = begin + step * (stop - start)
            taken = slice(begin, None if end < 0 else end, step)
        found.append(Span(slice(start - first, stop - first), taken, span.repeats and stop - start > 1))
    return tuple(found)


def core(size: int, before: int, after: int) -> tuple[int, int]:
    """First and last (excluded) padded position at which a padded axis is the axis itself."""
    first, last = max(-before, 0), min(size, size + after)
    return max(before, 0), max(before, 0) + max(last - first, 0)


def check_pads(shape: tuple[int, ...], pads: Sequence[tuple[int, int]], modes: Sequence[str]) -> None:
    """Refuse paddings that a mode cannot give. `pads` and `modes` are those of the last axes, last axis first.

    Raises RuntimeError with PyTorch's sentences: an empty channel or spatial axis for reflect and
    replicate, reflect by the axis' size or more, circular by more than its size.
    """
    spatial = len(pads)
    if 0 in shape[-spatial - 1 :] and not {"reflect", "replicate"}.isdisjoint(modes):
        raise RuntimeError(
            f"Expected {spatial + 1}D or {spatial + 2}D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got: {list(shape)}"
        )
    for number, ((before, after), mode) in enumerate(zip(pads, modes, strict=True)):
        axis = len(shape) - 1 - number
        size = shape[axis]
        if mode == "reflect" and max(before, after) >= size:
            raise RuntimeError(
                f"Argument #{4 + 2 * number}: Padding size should be less than the corresponding input dimension, "
                f"but got: padding ({before}, {after}) at dimension {axis} of input {list(shape)}"
            )
        if mode == "circular":
            if max(before, after) > size:
                raise RuntimeError("Padding value causes wrapping around more than once.")
            if size + min(before, 0) + min(after, 0) < 0:
                raise RuntimeError("Negative padding value is resulting in an empty dimension")
