"""Windows of an image laid out as columns, and columns added up to an image again."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from .conversion import is_half
from .pooling import Pair, Windows

__all__: list[str] = []


def columns_of(x: Array, windows: Windows) -> Array:
    """[..., c*kh*kw, oh*ow] of an image [..., c, h, w]: what each tap sees in every window; 0 in the padding."""
    *lead, channels = x.shape[:-2]
    taps = windows.kernel[0] * windows.kernel[1]
    result = np.zeros((*lead, channels, taps, *windows.out), x.dtype)
    for number, out, seen in windows.taps():
        result[..., number, :, :][out] = x[seen]
    return result.reshape(*lead, channels * taps, math.prod(windows.out))


def image_of(columns: Array, windows: Windows) -> Array:
    """The adjoint: every column added to the elements its window sees."""
    *lead, rows = columns.shape[:-1]
    taps = windows.kernel[0] * windows.kernel[1]
    wide = np.dtype(np.float32) if is_half(columns.dtype) else columns.dtype
    blocks = columns.reshape(*lead, rows // taps, taps, *windows.out)
    result = np.zeros((*lead, rows // taps, *windows.size), wide)
    for number, out, seen in windows.taps():
        result[seen] += blocks[..., number, :, :][out]
    return result.astype(columns.dtype, copy=False)


class Im2Col(Operation):
    """The windows of an image as columns."""

    @staticmethod
    def forward(ctx: Any, x: Array, windows: Windows) -> Array:
        ctx.windows = windows
        return columns_of(x, windows)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Col2Im.apply(grad, ctx.windows)


class Col2Im(Operation):
    """The adjoint of Im2Col."""

    @staticmethod
    def forward(ctx: Any, columns: Array, windows: Windows) -> Array:
        ctx.windows = windows
        return image_of(columns, windows)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Im2Col.apply(grad, ctx.windows)


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The windows of an image as columns: ``(N, C, H, W)`` gives ``(N, C*kh*kw, L)``, L the number of windows.

    All sizes are an int or a pair (height, width). RuntimeError for another rank, an image without elements, or a
    window that does not fit.

    >>> torch.nn.functional.unfold(torch.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
    tensor([[[0., 2.],
             [1., 3.]]])
    """
    _require_tensor("unfold", input)
    shape = input.array.shape
    kernel, dilation, padding, stride = (
        _pair("unfold", *each)
        for each in (
            ("kernel_size", kernel_size),
            ("dilation", dilation),
            ("padding", padding),
            ("stride", stride),
        )
    )
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(shape)}"
        )
    windows = _windows((shape[-2], shape[-1]), kernel, stride, padding, dilation)
    if min(windows.out) < 1:
        raise RuntimeError(
            f"Given input with spatial size ({shape[-2]}, {shape[-1]}), kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, calculated shape of the array of sliding blocks as "
            f"{windows.out}, but its components must be at least one."
        )
    return Im2Col.apply(input, windows)


def fold(
    input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Columns added up to an image: the adjoint of :func:`unfold`; ``output_size`` is the image's (height, width).

    RuntimeError when the number of rows or columns does not fit.

    >>> torch.nn.functional.fold(torch.ones(1, 2, 2), (1, 3), (1, 2))
    tensor([[[[1., 2., 1.]]]])
    """
    _require_tensor("fold", input)
    shape = input.array.shape
    size, kernel, dilation, padding, stride = (
        _pair("fold", *each)
        for each in (
            ("output_size", output_size),
            ("kernel_size", kernel_size),
            ("dilation", dilation),
            ("padding", padding),
            ("stride", stride),
        )
    )
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    rows, count = shape[-2:]
    if rows % (kernel[0] * kernel[1]):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={kernel}."
        )
    windows = _windows(size, kernel, stride, padding, dilation)
    oh, ow = windows.out
    if oh < 1 or ow < 1 or oh * ow != count:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"stride={stride}, expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{oh} * {ow} = {oh * ow}, but got input.size(2)={count}."
        )
    return Col2Im.apply(input, windows)


def _windows(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Windows:
    for name, values, least in (
        ("kernel size", kernel, 1),
        ("dilation", dilation, 1),
        ("padding", padding, 0),
        ("stride", stride, 1),
    ):
        if min(values) < least:
            what = "non-negative" if least == 0 else "greater than zero"
            raise RuntimeError(f"{name} should be {what}, but got {name}: {list(values)}")
    return Windows(size, kernel, stride, padding, dilation)


def _pair(function: str, name: str, value: Any) -> Pair:
    try:
        numbers = [operator.index(each) for each in (value if isinstance(value, (tuple, list)) else (value,))]
    except TypeError:
        raise TypeError(
            f"{function}(): argument '{name}' must be tuple of ints, not {type(value).__name__}"
        ) from None
    if not 1 <= len(numbers) <= 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(numbers)}")
    return numbers[0], numbers[-1]


def _require_tensor(function: str, input: Any) -> None:
    if not isinstance(input, Variable):
        raise TypeError(
            f"{function}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
