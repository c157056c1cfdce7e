"""A model's parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...autograd.variable import Variable
from ...ops.joining import cat
from ..module import typename


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """All parameters one after the other, each flattened, as one vector; differentiable."""
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Make the parameters use the memory of ``vec``, piece by piece. TypeError unless it is a tensor."""
    if not isinstance(vec, Variable):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.data = vec.detach()[start:end].reshape(parameter.shape)
        start = end
