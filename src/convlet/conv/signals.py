"""From the arguments of conv1d to a ConvProblem: a convolution of images of one row, with the sentences of conv1d."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arguments import conv2d_problem
from .padding import check_pads
from .problem import ConvProblem


def conv1d_problem(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    bias_shape: tuple[int, ...] | None,
    input_dtype: np.dtype,
    weight_dtype: np.dtype,
    bias_dtype: np.dtype | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    mode: str = "zeros",
) -> ConvProblem:
    """The problem that conv1d's arguments describe: its width is the length, its height 1."""
    _check_rank(input_shape, mode)
    if len(weight_shape) < 3:
        raise RuntimeError("weight should have at least three dimensions")
    shape = input_shape if len(input_shape) == 3 else (1, *input_shape)
    if len(weight_shape) > 3:
        rank = len(weight_shape)
        raise RuntimeError(
            f"Expected {rank}-dimensional input for {rank}-dimensional weight {list(weight_shape)}, "
            f"but got 3-dimensional input of size {list(shape)} instead"
        )
    (n, channels, length), k = shape, weight_shape[2]
    s, d = _one("stride", stride), _one("dilation", dilation)
    p = padding if isinstance(padding, str) else _one("padding", padding)
    if isinstance(groups, int) and groups > 0:
        _check_sizes(shape, weight_shape, bias_shape, groups)
    if mode != "zeros" and isinstance(p, int):
        check_pads(input_shape, ((p, p),), (mode,))
    if isinstance(d, int) and isinstance(p, int) and p >= 0 and d > 0 and length + 2 * p < d * (k - 1) + 1:
        raise RuntimeError(
            f"Calculated padded input size per channel: ({length + 2 * p}). Kernel size: ({d * (k - 1) + 1}). "
            "Kernel size can't be greater than actual input size"
        )
    return conv2d_problem(
        (n, channels, 1, length),
        (*weight_shape[:2], 1, k),
        bias_shape,
        input_dtype,
        weight_dtype,
        bias_dtype,
        (1, s),
        p if isinstance(p, str) else (0, p),
        (1, d),
        groups,
        ("zeros", mode),
    )


def _one(name: str, value: Any) -> Any:
    """An int, or the only one of a tuple or list."""
    if not isinstance(value, (tuple, list)):
        return value
    if len(value) != 1:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of 1 values to match the convolution "
            f"dimensions, but got {name}={list(value)}"
        )
    return value[0]


def _check_rank(shape: tuple[int, ...], mode: str) -> None:
    if len(shape) in (2, 3):
        return
    if mode != "zeros":
        raise NotImplementedError(
            f"Padding size 2 is not supported for {len(shape)}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    raise RuntimeError(
        f"Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input of size: {list(shape)}"
    )


def _check_sizes(
    shape: tuple[int, ...], weight_shape: tuple[int, ...], bias_shape: tuple[int, ...] | None, groups: int
) -> None:
    expected = weight_shape[1] * groups
    if weight_shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, "
            f"but got weight of size {list(weight_shape)} instead"
        )
    if weight_shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(weight_shape)}] instead"
        )
    if shape[1] != expected:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight_shape)}, expected input{list(shape)} to have "
            f"{expected} channels, but got {shape[1]} channels instead"
        )
    if bias_shape is not None and bias_shape != weight_shape[:1]:
        raise RuntimeError(
            f"Given weight of size {list(weight_shape)}, expected bias to be 1-dimensional with "
            f"{weight_shape[0]} elements, but got bias of size {list(bias_shape)} instead"
        )
