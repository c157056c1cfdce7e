"""Which of the products of matrices are methods and operators of a tensor."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import Variable
from ..ops import linalg as l
from ..ops import matrices as m


class LinearAlgebra(Variable):
    """Products of matrices."""

    matmul = l.matmul
    mm = l.mm
    bmm = l.bmm
    mv = l.mv
    dot = l.dot
    inner = l.inner
    vdot = l.vdot
    outer = ger = l.outer
    addmm = l.addmm
    addmm_ = l.addmm_
    addbmm = l.addbmm
    addmv = l.addmv
    addr = l.addr
    baddbmm = l.baddbmm
    kron = m.kron
    trace = m.trace
    det = m.det
    inverse = m.inverse
    cross = m.cross
    matrix_power = m.matrix_power

    def __matmul__(self, other: Any) -> Any:
        return l.matmul(self, other) if isinstance(other, Variable) else NotImplemented
