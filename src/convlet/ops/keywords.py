"""NumPy's names of arguments, which PyTorch takes too: ``axis`` for ``dim`` and ``keepdims`` for ``keepdim``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_TORCH_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input"}


def numpy_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` that also takes its arguments under NumPy's names."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if options:
            options = {_TORCH_NAMES.get(name, name): value for name, value in options.items()}
        return function(*args, **options)

    return call
