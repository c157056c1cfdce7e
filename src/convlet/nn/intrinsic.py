"""Layers that are several in one, as :func:`convlet.ao.quantization.fuse_modules` makes them: ``nn.intrinsic``."""

from __future__ import annotations

from typing import Any

from .activation import ReLU
from .containers import Sequential
from .conv import Conv2d
from .linear import Linear
from .norm import BatchNorm2d

__all__ = ["BNReLU2d", "ConvReLU2d", "LinearReLU"]


class _Fused(Sequential):
    """A sequence of two layers of given types."""

    kinds: tuple[type, type]

    def __init__(self, first: Any, second: Any) -> None:
        if not (isinstance(first, self.kinds[0]) and isinstance(second, self.kinds[1])):
            raise AssertionError(f"Incorrect types for input modules{type(first)}{type(second)}")
        super().__init__(first, second)


class ConvReLU2d(_Fused):
    """A convolution and a ReLU, applied while the results are stored: ``max(conv(x), 0)`` without a pass of its own.

    >>> layer = torch.nn.intrinsic.ConvReLU2d(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())
    >>> layer(torch.zeros(1, 1, 5, 5)).min() >= 0
    tensor(True)
    """

    kinds = (Conv2d, ReLU)

    def forward(self, input: Any) -> Any:
        conv, relu = self
        if conv._hooked or relu._hooked:
            return relu(conv(input))
        return conv._conv_forward(input, conv.weight, conv.bias, activation="relu")


class LinearReLU(_Fused):
    """A linear layer and a ReLU."""

    kinds = (Linear, ReLU)


class BNReLU2d(_Fused):
    """A batch normalisation and a ReLU."""

    kinds = (BatchNorm2d, ReLU)
