"""Padding of images as layers; negative padding crops."""

from __future__ import annotations

from typing import Any

from ..ops.padding import pad
from .module import Module

__all__ = ["CircularPad2d", "ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d"]


class _Pad2d(Module):
    """``padding``: an int for all sides, or (left, right, top, bottom)."""

    __constants__ = ["padding"]  # noqa: RUF012
    mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * 4

    def forward(self, input: Any) -> Any:
        return pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(_Pad2d):
    """Pad with ``value``.

    >>> torch.nn.ConstantPad2d((1, 0, 0, 0), 7.0)(torch.zeros(1, 1, 1))
    tensor([[[7., 0.]]])
    """

    __constants__ = ["padding", "value"]  # noqa: RUF012

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad2d(ConstantPad2d):
    """Pad with zeros.

    >>> torch.nn.ZeroPad2d(1)(torch.ones(1, 1, 1))
    tensor([[[0., 0., 0.],
             [0., 1., 0.],
             [0., 0., 0.]]])
    """

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad2d(_Pad2d):
    """Pad by mirroring at the edge, which is not repeated.

    >>> torch.nn.ReflectionPad2d((2, 0, 0, 0))(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 2., 1., 2., 3.]]])
    """

    mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """Pad by repeating the edge.

    >>> torch.nn.ReplicationPad2d((2, 0, 0, 0))(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 1., 2., 3.]]])
    """

    mode = "replicate"


class CircularPad2d(_Pad2d):
    """Pad with the opposite end.

    >>> torch.nn.CircularPad2d((2, 0, 0, 0))(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 3., 1., 2., 3.]]])
    """

    mode = "circular"
