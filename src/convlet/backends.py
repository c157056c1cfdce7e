"""``torch.backends``: the switches of PyTorch's back ends, so that scripts that set them run.

They keep what is assigned to them and change nothing: Convlet has one back end, which is deterministic.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]


class _Flags:
    """Switches with PyTorch's defaults, and ``flags()``, which sets them inside a ``with`` block."""

    def __init__(self, available: bool, inside: dict[str, Any], **switches: Any) -> None:
        self.__dict__.update(_available=available, _inside=inside, _names=tuple(switches), **switches)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._names:
            raise AttributeError(f"no such switch: {name!r}. There are {', '.join(self._names)}")
        self.__dict__[name] = value

    def is_available(self) -> bool:
        """Whether this back end computes here."""
        return self._available

    def set_flags(self, **switches: Any) -> tuple[Any, ...]:
        """Assign these switches; returns the old values of all."""
        before = tuple(self.__dict__[name] for name in self._names)
        for name, value in switches.items():
            setattr(self, name.lstrip("_"), value)
        return before

    @contextlib.contextmanager
    def flags(self, **switches: Any) -> Iterator[None]:
        """Inside the block the switches have these values, and those of PyTorch's signature where none is given."""
        unknown = set(switches) - set(self._inside)
        if unknown:
            raise TypeError(f"flags() got an unexpected keyword argument {sorted(unknown)[0]!r}")
        before = {name: self.__dict__[name] for name in self._names}
        self.__dict__.update({**self._inside, **switches})
        try:
            yield
        finally:
            self.__dict__.update(before)


cudnn = _Flags(
    False,
    {
        "enabled": False,
        "benchmark": False,
        "benchmark_limit": 10,
        "deterministic": False,
        "allow_tf32": True,
        "fp32_precision": "none",
        "depthwise_kernel": "auto",
    },
    enabled=True,
    benchmark=False,
    benchmark_limit=10,
    deterministic=False,
    allow_tf32=True,
    fp32_precision="none",
    depthwise_kernel="auto",
)
cudnn.__dict__["version"] = lambda: None

mkldnn = _Flags(
    False,
    {"enabled": False, "deterministic": False, "allow_tf32": True, "fp32_precision": "none"},
    enabled=True,
    deterministic=False,
    allow_tf32=True,
    fp32_precision="none",
)
mkl = _Flags(False, {})
openmp = _Flags(False, {})
mps = _Flags(False, {})
mps.__dict__["is_built"] = lambda: False
cuda = _Flags(False, {}, matmul=None)
cuda.__dict__["matmul"] = _Flags(False, {}, allow_tf32=False, fp32_precision="none")
cuda.__dict__["is_built"] = lambda: False
cpu = _Flags(True, {})
cpu.__dict__["get_cpu_capability"] = lambda: "DEFAULT"
