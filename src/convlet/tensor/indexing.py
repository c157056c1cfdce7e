"""Which operations of this family are methods of a tensor."""

from __future__ import annotations

from ..autograd.variable import Variable


class Indexing(Variable):
    """Reading and writing parts of a tensor."""
