"""Which of the operations on shapes are methods of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.variable import Variable
from ..ops import gathering as g
from ..ops import indexing as i
from ..ops import joining as j
from ..ops import rearranging as r
from ..ops import shape as s
from ..ops import strided as v
from .size import Size

__all__ = ["broadcast_shapes"]


def _separately(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method whose sizes or axes are given one by one, as one sequence, or by name."""

    def method(self: Any, *sizes: Any, **named: Any) -> Any:
        if named:
            return function(self, *sizes, **named)
        return function(self, sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)

    method.__name__ = function.__name__
    method.__doc__ = function.__doc__
    return method


class Shaping(Variable):
    """Views and rearrangements."""

    view = s.view
    view_as = s.view_as
    reshape_as = s.reshape_as
    flatten = s.flatten
    ravel = s.ravel
    squeeze = s.squeeze
    squeeze_ = s.squeeze_
    unsqueeze = s.unsqueeze
    unsqueeze_ = s.unsqueeze_

    transpose = swapaxes = swapdims = s.transpose
    transpose_ = swapaxes_ = swapdims_ = s.transpose_
    t = s.t
    t_ = s.t_
    T = property(s.reverse_axes, doc=s.reverse_axes.__doc__)
    mT = property(s.matrix_transpose, doc=s.matrix_transpose.__doc__)
    H = property(s.hermitian, doc=s.hermitian.__doc__)
    mH = property(s.adjoint, doc=s.adjoint.__doc__)
    adjoint = s.adjoint
    movedim = moveaxis = s.movedim

    expand = s.expand
    expand_as = s.expand_as
    repeat = r.repeat
    repeat_interleave = g.repeat_interleave

    unfold = v.unfold
    as_strided = v.as_strided
    as_strided_ = v.as_strided_
    diagonal = v.diagonal
    diag = v.diag
    diag_embed = v.diag_embed
    diagflat = v.diagflat
    tril, tril_ = r.tril, r.tril_
    triu, triu_ = r.triu, r.triu_

    fliplr = r.fliplr
    flipud = r.flipud
    roll = r.roll
    rot90 = r.rot90

    narrow = i.narrow
    select = i.select
    split = j.split
    chunk = j.chunk
    tensor_split = j.tensor_split
    hsplit = j.hsplit
    vsplit = j.vsplit
    dsplit = j.dsplit
    unbind = j.unbind

    reshape = _separately(s.reshape)
    permute = _separately(s.permute)
    broadcast_to = _separately(s.broadcast_to)
    tile = _separately(r.tile)
    flip = _separately(r.flip)

    def unflatten(self, dim: int, *sizes: Any) -> Any:
        return s.unflatten(self, dim, sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)

    unflatten.__doc__ = s.unflatten.__doc__


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape to which tensors of these shapes broadcast. RuntimeError when there is none.

    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    result: list[int] = []
    for index, shape in enumerate(shapes):
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(size < 0 for size in sizes):
            raise RuntimeError(f"Trying to create tensor with negative dimension ({min(sizes)}): ({min(sizes)})")
        result = [1] * (len(sizes) - len(result)) + result
        for axis in range(-1, -len(sizes) - 1, -1):
            size = sizes[axis]
            if size in (1, result[axis]):
                continue
            if result[axis] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {size} at {axis}! Mismatching argument at index "
                    f"{index} had {sizes}; but expected shape should be broadcastable to {result}"
                )
            result[axis] = size
    return Size(result)


