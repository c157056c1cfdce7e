"""Which of the products of matrices are methods and operators of a tensor."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import Variable
from ..ops import linalg as l


class LinearAlgebra(Variable):
    """Products of matrices."""

    matmul = l.matmul
    mm = l.mm
    bmm = l.bmm
    mv = l.mv
    dot = l.dot
    vdot = l.vdot
    outer = ger = l.outer
    addmm = l.addmm
    addmm_ = l.addmm_
    addbmm = l.addbmm
    addmv = l.addmv
    addr = l.addr
    baddbmm = l.baddbmm
    kron = l.kron
    trace = l.trace
    det = l.det
    inverse = l.inverse
    cross = l.cross
    matrix_power = l.matrix_power

    def __matmul__(self, other: Any) -> Any:
        return l.matmul(self, other) if isinstance(other, Variable) else NotImplemented
