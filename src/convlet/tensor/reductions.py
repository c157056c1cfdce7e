"""Which operations of this family are methods of a tensor."""

from __future__ import annotations

from ..autograd.variable import Variable


class Reductions(Variable):
    """Sums, means, extremes and sorting."""
