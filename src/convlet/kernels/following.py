"""What becomes of the results of a step on their way from registers to memory."""

from __future__ import annotations

from typing import Any


class AsTheyAre:
    """Nothing. Others (tail.py) do something, which they read from an address when the kernel runs."""

    ARGUMENTS = 0  # that a step has more: the address

    def __init__(self, builder: Any, storage: int, compute: Any, lanes: int, address: Any) -> None:
        pass

    def of_channel(self, bias: Any) -> Any:
        """The numbers of the channel whose bias is at an address, in every lane."""

    def of_channels(self, bias: Any, mask: Any) -> Any:
        """Those of the channels whose biases begin there, a lane each."""

    def sums(self, values: list[Any], numbers: Any) -> list[Any]:
        """Vectors of sums with their bias, of channels that have these numbers."""
        return values

    def results(self, values: list[Any], places: list[Any], mask: Any = None) -> list[Any]:
        """Vectors that lie as they will be stored, at these places."""
        return values
