"""``convlet.cuda``: the questions a script asks before it uses a GPU, answered for a library that has none."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """False: Convlet computes on the CPU.

    >>> torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def device_count() -> int:
    """0: there is no CUDA device."""
    return 0


def is_initialized() -> bool:
    """False: there is nothing to initialise."""
    return False


def manual_seed(seed: int) -> None:
    """Nothing: there is no CUDA generator to seed (use ``convlet.manual_seed``)."""


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no CUDA generator to seed (use ``convlet.manual_seed``)."""


def empty_cache() -> None:
    """Nothing: there is no CUDA memory."""


def synchronize(device: Any = None) -> None:
    """Raises AssertionError: there is no CUDA device to wait for."""
    raise AssertionError("Torch not compiled with CUDA enabled. Convlet computes on the CPU.")
