"""Winograd's transforms as LLVM instructions: Y = L X L^T on small matrices of vectors, in registers.

    transform(which, count, dst, dst_row, dst_column, dst_step, src, src_row, src_column, src_step)

reads `count` matrices whose elements are vectors (lanes are channels), multiplies them on both sides with the matrix
`which` (see below), and writes them. Rows, columns and successive matrices lie the given bytes apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from . import emit, target
from .launch import Kernel
from .winograd_matrices import matrices

# What a transform is for, in the order of `which`. The gradients' are the adjoints: y = L x is undone by L^T.
INPUT, WEIGHT, OUTPUT, OUTPUT_GRADIENT, WEIGHT_GRADIENT = range(5)


def matrices_of(m: int) -> list[np.ndarray]:
    """The matrices of F(m, 3) in that order."""
    of = matrices(m, 3)
    return [of.b_t, of.g, of.a_t, of.a_t.T, of.g.T]


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
        return result


def _pairs(matrix: np.ndarray) -> list[int]:
    """First rows of neighbours that are equal in some entries and opposite in all others."""
    found = []
    for i in range(len(matrix) - 1):
        one, two = matrix[i], matrix[i + 1]
        equal, opposite = (one == two) & (one != 0), (one == -two) & (one != 0)
        if equal.any() and opposite.any() and (np.abs(one) == np.abs(two)).all():
            found.append(i)
    return found


def _transform(m: int) -> Any:
    """The intrinsic for the transforms of F(m, 3)."""

    def emit_switch(builder, which, *arguments):
        after = builder.append_basic_block("transform_done")
        switch = builder.switch(which, after)
        for number, matrix in enumerate(matrices_of(m)):
            block = builder.append_basic_block(f"transform_{number}")
            switch.add_case(emit._constant(number), block)
            builder.position_at_end(block)
            loop(builder, matrix, *arguments)
            builder.branch(after)
        builder.position_at_end(after)

    def loop(builder, matrix, count, dst, dst_row, dst_column, dst_step, src, src_row, src_column, src_step):
        vector = ir.VectorType(emit.FLOAT, target.current().lanes(4))
        lanes = _Lanes(builder, vector)
        size = matrix.shape[1]

        def cell(base, row, row_step, column, column_step):
            row_offset = builder.mul(row_step, emit._constant(row))
            column_offset = builder.mul(column_step, emit._constant(column))
            return builder.add(base, builder.add(row_offset, column_offset))

        with emit._steps(builder, count, 1) as t:
            source = builder.add(src, builder.mul(t, src_step))
            to = builder.add(dst, builder.mul(t, dst_step))
            columns = []
            for j in range(size):
                column = [
                    emit._load(builder, cell(source, i, src_row, j, src_column), vector) for i in range(size)
                ]
                columns.append(lanes.multiply(matrix, column))
            for i in range(len(matrix)):
                row = lanes.multiply(matrix, [column[i] for column in columns])
                for j, value in enumerate(row):
                    emit._store(builder, value, cell(to, i, dst_row, j, dst_column))

    return emit._intrinsic(10, emit_switch)


transform_4x4 = _transform(4)


def _transform_4x4(which, count, dst, dst_row, dst_column, dst_step, src, src_row, src_column, src_step):
    transform_4x4(which, count, dst, dst_row, dst_column, dst_step, src, src_row, src_column, src_step)


# Those of F(4x4, 3x3). F(2x2, 3x3) was faster only on images of 5x5 and 6x6, by a few microseconds.
transform = Kernel(_transform_4x4)
