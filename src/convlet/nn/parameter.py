"""Tensors that a module owns: parameters, which an optimizer changes, and buffers, which it does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import get_default_dtype
from ..tensor import Tensor


def _share(new: Tensor, data: Any) -> None:
    """Make ``new`` a tensor over the memory of ``data``, without its history."""
    source = data.detach()
    new.array = source.array
    new._version = source._version
    if source.meta:
        new.meta = True
    if source.inference:
        new.inference = True


class Parameter(Tensor):
    """A tensor that becomes one of a module's parameters when it is assigned to an attribute of the module.

    ``data``: the tensor whose memory it uses (an empty one when None); ``requires_grad``: whether gradients are
    collected for it. RuntimeError when they are and the dtype is neither floating nor complex.

    >>> torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        if data is None:
            self.array = np.empty(0, get_default_dtype().numpy)
        else:
            _share(self, data)
        if requires_grad:
            if not self.dtype.is_differentiable:
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            self._requires_grad = True

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        grad, self._grad = self._grad, None  # a copied parameter starts without a gradient
        try:
            return super().__deepcopy__(memo)
        finally:
            self._grad = grad


class Buffer(Tensor):
    """A tensor that becomes one of a module's buffers when it is assigned to an attribute of the module.

    A buffer moves and converts with the module but is not trained; ``persistent`` ones are part of its state_dict.

    >>> torch.nn.Buffer(torch.zeros(2))
    tensor([0., 0.])
    """

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        if data is None:
            self.array = np.empty(0, get_default_dtype().numpy)
        else:
            _share(self, data)
            if data.requires_grad:
                self._requires_grad = True
        self.persistent = persistent
