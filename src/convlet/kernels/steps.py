"""The emitted steps, each compiled once for float32 and once for float64, and called by address from every kernel."""

from __future__ import annotations

from . import channel_tile, deal, matrices, planes, rows, tile

FILES = (tile, channel_tile, matrices, rows, deal, planes)
# By bytes of an element.
STEPS = {element: {name: step for file in FILES for name, step in file.STEPS[element].items()} for element in (4, 8)}


def addresses(element: int, names: tuple[str, ...]) -> dict[str, int]:
    """Where these steps are, compiled if they are not yet."""
    return {name: STEPS[element][name].address for name in names}
