"""Anomaly detection: where a failing backward pass was recorded, and which node made a NaN."""

from __future__ import annotations

import traceback
import warnings
from typing import Any

import numpy as np

from .variable import Variable

enabled = False
_check_nan = True


def is_anomaly_enabled() -> bool:
    """Whether nodes remember where they were made, and backward passes are checked."""
    return enabled


class set_detect_anomaly:
    """Turn anomaly detection on or off, from the call on, or only inside when used in a ``with`` statement.

    While it is on, each recorded operation keeps the stack of its call, which is shown (as a warning) when its
    backward pass raises; with ``check_nan`` a gradient that holds NaN raises RuntimeError and names the node. Slow.

    >>> with torch.autograd.detect_anomaly():
    ...     x = torch.tensor(0.0, requires_grad=True)
    ...     (x * 2).backward()
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        global enabled, _check_nan
        self._before = enabled, _check_nan
        enabled, _check_nan = mode, check_nan

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        global enabled, _check_nan
        enabled, _check_nan = self._before


class detect_anomaly(set_detect_anomaly):
    """Anomaly detection inside a ``with`` block: see :class:`set_detect_anomaly`."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)


def remember(node: Any) -> None:
    """Keep the present call stack in a new node."""
    node.metadata["traceback_"] = traceback.format_stack()[:-3]


def show(node: Any) -> None:
    """Warn with the call that recorded a node whose backward pass failed."""
    stack = node.metadata.get("traceback_")
    unknown = "No forward pass information available. Enable detect anomaly during forward pass for more information."
    told = "".join(stack) if stack else unknown
    warnings.warn(
        f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{told}", stacklevel=3
    )


def check(node: Any, results: tuple[Any, ...]) -> None:
    """RuntimeError when a result of the node holds NaN."""
    if not _check_nan:
        return
    for index, each in enumerate(results):
        array = each.array if isinstance(each, Variable) else each
        if array is not None and array.dtype.kind not in "biu" and np.isnan(array).any():
            show(node)
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {index}th output.")
