"""The factors of batch norm with known statistics; loads nothing but NumPy, for use where there are no kernels."""

from __future__ import annotations

import numpy as np

NO_SHIFT = np.float32(-0.0)  # added to any number it leaves it as it is, +0 and -0 too


def scale_of(weight: np.ndarray | None, var: np.ndarray, eps: float) -> np.ndarray:
    """weight / standard deviation of each channel, in float64."""
    scale = 1 / np.sqrt(var + eps)
    return scale if weight is None else scale * weight


def constants(
    weight: np.ndarray | None, bias: np.ndarray | None, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean, scale, shift), float32 of each channel: what batch norm with known float64 statistics computes with.

    out = (x - mean) * scale + shift, rounded at each step.
    """
    with np.errstate(all="ignore"):
        scale = scale_of(weight, var, eps).astype(np.float32)
        shift = np.full(len(scale), NO_SHIFT) if bias is None else np.ascontiguousarray(bias)
        return mean.astype(np.float32), scale, shift
