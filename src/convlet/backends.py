"""``torch.backends``: the switches of PyTorch's back ends, so that scripts that set them run.

They keep what is assigned to them and change nothing: Convlet has one back end, which is deterministic.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]


class _Switches:
    """Switches with PyTorch's values at the start, and ``flags()``, which sets them inside a ``with`` block."""

    def __init__(self, available: bool = False, **inside: Any) -> None:
        self._available = available
        self._inside = inside  # the defaults of flags(), which are not those at the start

    def is_available(self) -> bool:
        """Whether this back end computes here."""
        return self._available

    @contextlib.contextmanager
    def flags(self, **switches: Any) -> Iterator[None]:
        """Inside the block the switches have these values, and PyTorch's defaults of this call where none is given."""
        for name in switches:
            if name not in self._inside:
                raise TypeError(f"flags() got an unexpected keyword argument {name!r}")
        before = dict(self.__dict__)
        self.__dict__.update({**self._inside, **switches})
        try:
            yield
        finally:
            self.__dict__.clear()
            self.__dict__.update(before)


class _Precision:
    """How one kind of operation of a back end rounds float32."""

    def __init__(self, fp32_precision: str = "none") -> None:
        self.fp32_precision = fp32_precision


class _CuDNN(_Switches):
    enabled = True
    benchmark = False
    benchmark_limit: int | None = None
    deterministic = False
    allow_tf32 = True
    fp32_precision = "none"
    depthwise_kernel = "auto"
    conv, rnn = _Precision("tf32"), _Precision("tf32")

    def version(self) -> None:
        """None: there is no cuDNN here."""


class _MKLDNN(_Switches):
    enabled = True
    deterministic = False
    allow_tf32: bool | None = None
    fp32_precision = "none"
    conv, rnn, matmul = _Precision(), _Precision(), _Precision()


class _Matmul(_Precision):
    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


class _Builds(_Switches):
    def is_built(self) -> bool:
        """False: it is no part of Convlet."""
        return False


class _CUDA(_Builds):
    matmul = _Matmul()


class _CPU(_Switches):
    def get_cpu_capability(self) -> str:
        """'DEFAULT', PyTorch's word for no particular instruction set."""
        return "DEFAULT"


cudnn = _CuDNN(
    enabled=False,
    benchmark=False,
    benchmark_limit=None,
    deterministic=False,
    allow_tf32=True,
    fp32_precision="none",
    depthwise_kernel="auto",
)
mkldnn = _MKLDNN(enabled=False, deterministic=False, allow_tf32=None, fp32_precision="none")
fp32_precision = "none"
mkl, openmp, mps, cuda, cpu = _Switches(), _Switches(), _Builds(), _CUDA(), _CPU(True)
