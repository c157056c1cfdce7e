"""The inner loop of images of few channels: all the sums of a tile stay in registers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from .emit import I32, I64, _constant, _load, _plus
from .jit import cgutils

Cell = tuple[int, ...]  # of a sum in a tile: its point, and where it is
Cells = dict[Cell, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is summed over: `count` terms, whose weights lie `step` bytes apart and whose inputs at offsets of a table.

    No more than `piece` of them are added in a row, if it is given.
    """

    count: Any
    piece: Any | None
    offsets: Any
    weights: Any
    step: int


def sums_of_terms(
    builder: Any, cells: list[Cell], vector: Any, terms: Terms, products: Callable[[Any, Any, Cells], Cells]
) -> Cells:
    """The sums of a tile; products(offset, weight, sums) are those sums and the products of a term."""
    chained = terms.piece is not None
    entry = builder.block
    start = builder.append_basic_block("shallow_piece") if chained else entry
    body = builder.append_basic_block("shallow_loop")
    done = builder.append_basic_block("shallow_end")
    begin, last = _constant(0), terms.count
    if chained:
        totals = [cgutils.alloca_once(builder, vector) for _ in cells]
        builder.branch(start)
        builder.position_at_end(start)
        begin = builder.phi(I64)
        begin.add_incoming(_constant(0), entry)
        last = builder.add(begin, terms.piece)
        last = builder.select(builder.icmp_signed("<", last, terms.count), last, terms.count)
    first = builder.add(terms.weights, builder.mul(begin, _constant(terms.step)))
    builder.branch(body)

    builder.position_at_end(body)
    j, weight = builder.phi(I64), builder.phi(I64)
    j.add_incoming(begin, start)
    weight.add_incoming(first, start)
    sums = {cell: builder.phi(vector) for cell in cells}
    offset = builder.sext(_load(builder, builder.add(terms.offsets, builder.mul(j, _constant(4))), I32), I64)
    result = products(offset, weight, sums)
    following = builder.add(j, _constant(1))
    j.add_incoming(following, body)
    weight.add_incoming(_plus(builder, weight, terms.step), body)
    for cell in cells:
        sums[cell].add_incoming(ir.Constant(vector, None), start)
        sums[cell].add_incoming(result[cell], body)
    builder.cbranch(builder.icmp_signed("<", following, last), body, done)

    builder.position_at_end(done)
    if not chained:
        return result
    add = builder.append_basic_block("shallow_add")
    added = builder.append_basic_block("shallow_added")
    keep = builder.append_basic_block("shallow_keep")
    after = builder.append_basic_block("shallow_summed")
    builder.cbranch(builder.icmp_signed("==", begin, _constant(0)), added, add)
    builder.position_at_end(add)
    more = {cell: builder.fadd(builder.load(total), result[cell]) for cell, total in zip(cells, totals)}
    builder.branch(added)
    builder.position_at_end(added)
    whole = {cell: builder.phi(vector) for cell in cells}
    for cell in cells:
        whole[cell].add_incoming(result[cell], done)
        whole[cell].add_incoming(more[cell], add)
    builder.cbranch(builder.icmp_signed("<", last, terms.count), keep, after)
    builder.position_at_end(keep)
    for cell, total in zip(cells, totals):
        builder.store(whole[cell], total)
    begin.add_incoming(last, keep)
    builder.branch(start)
    builder.position_at_end(after)
    return whole
