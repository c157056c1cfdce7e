"""How exact float32 convolutions are: a setting with a bound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PRECISIONS = ("highest", "high")

_process = "high"
_block: ContextVar[str | None] = ContextVar("convolution precision", default=None)


def _check(precision: str) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"convolution precision must be 'highest' or 'high', but got {precision!r}")


def get_convolution_precision() -> str:
    """The precision of float32 convolutions: 'high' unless it was changed.

    >>> torch.get_convolution_precision()
    'high'
    """
    return _block.get() or _process


def set_convolution_precision(precision: str) -> None:
    """Sets how exact float32 convolutions are, in this process.

    - 'high' (default): norm-relative error up to 3e-6.
    - 'highest': norm-relative error up to 2e-7, where the terms of the sums do not cancel.

    Both use Winograd's algorithm where it is faster, 'highest' in a form that errs little. float64 is only reordered,
    never transformed. For comparison: PyTorch's default on a GPU, TF32, errs by 3e-4. Raises ValueError for another
    value.

    >>> torch.set_convolution_precision("highest")
    >>> torch.get_convolution_precision()
    'highest'
    >>> torch.set_convolution_precision("high")
    """
    global _process
    _check(precision)
    _process = precision


@contextmanager
def convolution_precision(precision: str) -> Iterator[None]:
    """Within the block, in this thread, float32 convolutions are computed with this precision.

    The setting counts when a convolution or its gradient is computed. Raises ValueError for another value
    than 'high' and 'highest'.

    >>> with torch.convolution_precision("highest"):
    ...     torch.get_convolution_precision()
    'highest'
    """
    _check(precision)
    token = _block.set(precision)
    try:
        yield
    finally:
        _block.reset(token)
