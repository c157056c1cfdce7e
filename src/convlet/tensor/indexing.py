"""Which of the operations on parts of a tensor are its methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from ..autograd.variable import Variable
from ..ops import gathering as g
from ..ops import indexing as i
from ..ops import joining as j
from ..ops import rearranging as r
from ..ops import subscripts as k
from ..ops.scalars import is_number


class Indexing(Variable):
    """Reading and writing parts of a tensor."""

    __getitem__ = k.get_item
    __setitem__ = k.set_item

    def __delitem__(self, key: Any) -> NoReturn:
        raise TypeError("Tensor does not support deleting items")

    def __iter__(self) -> Iterator[Any]:
        if self.array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(j.unbind(self, 0))

    def __reversed__(self) -> Any:
        return self if self.array.ndim == 0 else r.flip(self, 0)

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, Variable) or is_number(element):
            return bool((element == self).any())
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
        )

    index_select = g.index_select
    index_add = g.index_add
    index_add_ = g.index_add_
    index_copy = g.index_copy
    index_copy_ = g.index_copy_
    index_fill = g.index_fill
    index_fill_ = g.index_fill_
    index_put = k.index_put
    index_put_ = k.index_put_
    gather = g.gather
    scatter = g.scatter
    scatter_ = g.scatter_
    scatter_add = g.scatter_add
    scatter_add_ = g.scatter_add_
    select_scatter = i.select_scatter
    slice_scatter = i.slice_scatter
    take = g.take
    put = g.put
    take_along_dim = g.take_along_dim
    masked_select = g.masked_select
    masked_scatter = g.masked_scatter
    masked_scatter_ = g.masked_scatter_
    nonzero = g.nonzero
    argwhere = g.argwhere
