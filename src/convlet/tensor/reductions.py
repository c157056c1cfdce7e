"""Which operations of this family are methods of a tensor."""

from __future__ import annotations

from ..autograd.variable import Variable
from ..ops import reduction as r


class Reductions(Variable):
    """Sums, means, extremes and sorting."""

    sum = r.sum
    mean = r.mean
