"""Which of the elementwise operations are methods and operators of a tensor."""

from __future__ import annotations

from ..autograd.variable import Variable
from ..ops import elementwise as e


class Arithmetic(Variable):
    """Arithmetic, comparisons and functions applied element by element."""

    add = __add__ = __radd__ = e.add
    add_ = __iadd__ = e.add_
    mul = __mul__ = __rmul__ = e.mul
