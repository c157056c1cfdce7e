"""Rows become columns on the way from memory to registers.

A block is some rows of one *piece*, 16 bytes: rows that lie as far apart as a piece has elements are loaded into one
vector, so that only neighbours have to change places, which takes half the shuffles of a transpose in registers
(emit._exchange), of half the width: 38 cycles for 16 x 16 numbers instead of 80 (Zen 4, November 2026).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from . import target
from .emit import I32, _load, _size

# Bytes of a piece, within which shuffles are cheap, and of a vector: longer ones take as long for each piece.
PIECE, VECTOR = 16, 32


def block_shape(element: int) -> tuple[int, int]:
    """Rows and columns of a block."""
    return min(target.current().vector, VECTOR) // element, PIECE // element


def turned(
    builder: Any, compute: Any, rows: list[Any], change: Callable[[list[Any]], list[Any]] | None = None
) -> list[Any]:
    """The columns of a block whose rows begin at these addresses.

    `change` is what is done to the vectors before: each is a few rows, one piece behind the other.
    """
    columns = block_shape(_size(compute))[1]
    piece = ir.VectorType(compute, columns)
    block = [joined(builder, [_load(builder, row, piece) for row in rows[i::columns]]) for i in range(columns)]
    if change is not None:
        block = change(block)
    half = columns // 2
    for _ in range(columns.bit_length() - 1):
        block = [_zip_pieces(builder, block[i], block[i + half], first) for i in range(half) for first in (0, half)]
    return block


def joined(builder: Any, parts: list[Any]) -> Any:
    """Vectors one behind the other."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    low, high = joined(builder, parts[:half]), joined(builder, parts[half:])
    lanes = 2 * low.type.count
    return builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, lanes), list(range(lanes))))


def repeated(builder: Any, value: Any, first: int, element: int) -> Any:
    """A piece of a vector, from lane `first` on, as often as a block's vector has pieces."""
    rows, columns = block_shape(element)
    order = [first + lane % columns for lane in range(rows)]
    return builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(I32, rows), order))


def _zip_pieces(builder: Any, low: Any, high: Any, first: int) -> Any:
    """emit._zip within each piece."""
    lanes = low.type.count
    columns = PIECE // _size(low.type.element)
    order = [
        begin + first + lane + side * lanes
        for begin in range(0, lanes, columns)
        for lane in range(columns // 2)
        for side in (0, 1)
    ]
    return builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, lanes), order))
