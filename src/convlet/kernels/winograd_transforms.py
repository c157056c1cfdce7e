"""Winograd's transforms as LLVM instructions: Y = L X R^T on small matrices of vectors.

    transform(count, dst, dst_row, dst_column, dst_step, src, src_row, src_column, src_step)

reads `count` matrices whose elements are vectors (lanes are channels), multiplies them with the matrix L of the rows'
axis from the left and R of the columns' axis from the right, and writes them. Rows, columns and successive matrices lie
the given bytes apart. There is a kernel for each purpose and pair of axes, compiled when it is first needed.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from llvmlite import ir

from . import emit, target
from .jit import cgutils, intrinsic, types
from .launch import Kernel
from .winograd_matrices import Axis, tiling

# What a transform is for. The gradients' are the adjoints: y = L x is undone by L^T.
PURPOSES = ("input", "weight", "output", "output_gradient", "weight_gradient")

# Vectors of a matrix that is kept in registers and on the stack as LLVM likes; larger ones are written row by row.
UNROLLED = 36


def matrix_of(purpose: str, axis: Axis) -> np.ndarray:
    """The matrix that an axis is multiplied with."""
    of, forms = tiling(axis).matrices, tiling(axis).forms_g
    return {
        "input": of.b_t,
        "weight": forms,
        "output": of.a_t,
        "output_gradient": of.a_t.T,
        "weight_gradient": forms.T,
    }[purpose]


class _Lanes:
    """Arithmetic on vectors of the compute type; None is a vector of zeros."""

    def __init__(self, builder: Any, vector: Any):
        self.builder, self.vector = builder, vector

    def _constant(self, number: float) -> Any:
        one = ir.Constant(self.vector.element, float(np.float32(number)))
        return ir.Constant(self.vector, [one] * self.vector.count)

    def scaled(self, x: Any, factor: float) -> Any:
        if factor == 1:
            return x
        return self.builder.fmul(x, self._constant(factor))

    def add(self, total: Any, x: Any, factor: float = 1.0) -> Any:
        """total + factor * x"""
        if x is None or factor == 0:
            return total
        if total is None:
            return self.scaled(x, factor)
        if factor == 1:
            return self.builder.fadd(total, x)
        if factor == -1:
            return self.builder.fsub(total, x)
        return emit._multiply_add(self.builder, x, self._constant(factor), total)

    def dot(self, row: np.ndarray, column: list[Any]) -> Any:
        """The sum of row[j] * column[j]; a factor of one comes first, it needs no product."""
        total = None
        for j in sorted(range(len(row)), key=lambda j: row[j] != 1):
            total = self.add(total, column[j], row[j])
        return total

    def multiply(self, matrix: np.ndarray, column: list[Any]) -> list[Any]:
        """matrix @ column. A point p and its opposite share their work: where two neighbouring rows (B^T, G, A)
        or columns (A^T, G^T) differ only in signs, the even and the odd part are made once and added and subtracted.
        """
        matrix, column = matrix.copy(), list(column)
        for j in _pairs(matrix.T):
            left, right = matrix[:, j], matrix[:, j + 1]
            even, odd = np.where(left == right, left, 0), np.where(left == right, 0, left)
            matrix[:, j], matrix[:, j + 1] = even, odd
            plus, minus = column[j], column[j + 1]
            column[j], column[j + 1] = self.add(plus, minus), self.add(plus, minus, -1)
        result = [None] * len(matrix)
        pairs = _pairs(matrix)
        for i, row in enumerate(matrix):
            if i in pairs:
                same = row == matrix[i + 1]
                odd = np.where(same, 0, row)
                factor = odd[np.flatnonzero(odd)[-1]]
                shared, turned = self.dot(np.where(same, row, 0), column), self.dot(odd / factor, column)
                result[i], result[i + 1] = self.add(shared, turned, factor), self.add(shared, turned, -factor)
            elif i - 1 not in pairs:
                result[i] = self.dot(row, column)
        zero = ir.Constant(self.vector, None)  # of a tap that finds no input
        return [zero if each is None else each for each in result]


def _pairs(matrix: np.ndarray) -> list[int]:
    """First rows of neighbours that are equal in some entries and opposite in all others."""
    found: list[int] = []
    for i in range(len(matrix) - 1):
        one, two = matrix[i], matrix[i + 1]
        equal, opposite = (one == two) & (one != 0), (one == -two) & (one != 0)
        if equal.any() and opposite.any() and (np.abs(one) == np.abs(two)).all() and i - 1 not in found:
            found.append(i)
    return found


def _emit(builder: Any, left: np.ndarray, right: np.ndarray, count: Any, *places: Any) -> None:
    """The code of one transform; places: dst, dst_row, dst_column, dst_step and the same of src."""
    dst, dst_row, dst_column, dst_step, src, src_row, src_column, src_step = places
    vector = ir.VectorType(emit.FLOAT, target.current().lanes(4))
    lanes = _Lanes(builder, vector)
    size = emit._constant(target.current().vector)

    def at(base: Any, i: Any, step: Any) -> Any:
        return builder.add(base, builder.mul(emit._constant(i) if isinstance(i, int) else i, step))

    def line(matrix: np.ndarray, base: Any, step: Any, to: Any, to_step: Any) -> None:
        """One row or column in memory, multiplied."""
        column = [emit._load(builder, at(base, i, step), vector) for i in range(matrix.shape[1])]
        for i, value in enumerate(lanes.multiply(matrix, column)):
            emit._store(builder, value, at(to, i, to_step))

    def whole(source: Any, to: Any) -> None:
        columns = []
        for j in range(len(right.T)):
            top = at(source, j, src_column)
            column = [emit._load(builder, at(top, i, src_row), vector) for i in range(len(left.T))]
            columns.append(lanes.multiply(left, column))
        for i in range(len(left)):
            first = at(to, i, dst_row)
            for j, value in enumerate(lanes.multiply(right, [column[i] for column in columns])):
                emit._store(builder, value, at(first, j, dst_column))

    def by_lines(source: Any, to: Any, between: Any) -> None:
        row = emit._constant(len(right.T) * target.current().vector)
        with emit._steps(builder, emit._constant(len(right.T)), 1) as j:
            line(left, at(source, j, src_column), src_row, at(between, j, size), row)
        with emit._steps(builder, emit._constant(len(left)), 1) as i:
            line(right, at(between, i, row), size, at(to, i, dst_row), dst_column)

    between = None
    if left.shape != (1, 1) and right.shape != (1, 1) and max(left.size, right.size) > UNROLLED:
        room = cgutils.alloca_once(builder, vector, size=emit._constant(len(left) * len(right.T)))
        between = builder.ptrtoint(room, emit.I64)
    with emit._steps(builder, count, 1) as t:
        source, to = at(src, t, src_step), at(dst, t, dst_step)
        if left.shape == (1, 1):
            line(right, source, src_column, to, dst_column)
        elif right.shape == (1, 1):
            line(left, source, src_row, to, dst_row)
        elif between is None:
            whole(source, to)
        else:
            by_lines(source, to, between)


@intrinsic(prefer_literal=True)
def transform_step(typing, which, v0, v1, v2, v3, v4, v5, v6, v7, v8):
    """A transform, named by a literal text: its purpose, and the axes of rows and columns."""
    purpose, rows, columns = which.literal_value.split()

    def codegen(context, builder, sig, args):
        left, right = (matrix_of(purpose, Axis.parse(each)) for each in (rows, columns))
        _emit(builder, left, right, *args[1:])
        return context.get_dummy_value()

    return types.void(which, *[types.int64] * 9), codegen


@functools.cache
def transform(purpose: str, rows: Axis, columns: Axis) -> Kernel:
    """The kernel of a transform."""
    which = f"{purpose} {rows.text} {columns.text}"

    def run(count, dst, dst_row, dst_column, dst_step, src, src_row, src_column, src_step):
        transform_step(which, count, dst, dst_row, dst_column, dst_step, src, src_row, src_column, src_step)

    return Kernel(run, f"transform {which}")
