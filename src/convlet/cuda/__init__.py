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


def _no_memory(device: Any = None) -> int:
    """0: there is no CUDA memory."""
    return 0


memory_allocated = max_memory_allocated = memory_reserved = max_memory_reserved = _no_memory


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: there is no CUDA memory."""


def get_rng_state_all() -> list[Any]:
    """An empty list: there is no CUDA generator."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Nothing: there is no CUDA generator."""


def seed_all() -> None:
    """Nothing: there is no CUDA generator."""


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no CUDA device."""
    return False


def _refuse(*args: Any, **options: Any) -> Any:
    """Raises AssertionError: there is no CUDA device."""
    synchronize()


current_device = get_device_name = get_device_properties = get_device_capability = _refuse
set_device = ipc_collect = get_rng_state = set_rng_state = current_stream = _refuse
