"""``torch.autograd.Variable``, which old scripts wrap every tensor in: since PyTorch 0.4 it gives a tensor back."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import Variable as _Base
from ..tensor import Tensor


class _Tensors(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor)


class Variable(metaclass=_Tensors):
    """``Variable(data, requires_grad=False)``: a tensor with the memory of ``data`` and no history."""

    def __new__(cls, data: Any = None, requires_grad: bool = False) -> Any:
        if data is None:
            return Tensor(0)
        if not isinstance(data, _Base):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)
