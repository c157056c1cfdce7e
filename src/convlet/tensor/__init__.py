"""Tensors: what they are, how they are made, drawn at random and printed."""

from .tensor import Tensor

__all__ = ["Tensor"]
