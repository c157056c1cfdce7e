"""Padding: the borders of a tensor extended (or, by negative amounts, cropped) in one of four modes."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from ..conv.padding import check_pads, index_map, spans
from .axes import array_of
from .layout import empty_like_layout, without_data
from .scalars import is_number, scalar_as

__all__ = ["constant_pad_nd"]

Pads = tuple[tuple[int, int], ...]  # (before, after) of the last axes, last axis first


class ConstantPad(Operation):
    """A border of one value; negative amounts crop."""

    backward_name = "ConstantPadNdBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, pads: Pads, value: Array) -> Array:
        ctx.pads = pads
        result = empty_like_layout(input, padded_shape(input.shape, pads))
        source, target = [slice(None)] * input.ndim, [slice(0, size) for size in result.shape]
        filled = True
        for number, (before, after) in enumerate(pads):
            axis = input.ndim - 1 - number
            size = input.shape[axis]
            source[axis] = slice(max(-before, 0), max(size - max(-after, 0), 0))
            target[axis] = slice(max(before, 0), max(result.shape[axis] - max(after, 0), 0))
            filled = filled and before <= 0 and after <= 0
        if not filled:
            for axis, inside in enumerate(target):  # beside it: filling all of it would be another pass
                lead = target[:axis]
                result[(*lead, slice(0, inside.start))] = value
                result[(*lead, slice(inside.stop, None))] = value
        result[tuple(target)] = input[tuple(source)]
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        opposite = tuple([(-before, -after) for before, after in ctx.pads])
        return ConstantPad.apply(grad, opposite, np.zeros((), array_of(grad).dtype))

    @classmethod
    def meta(cls, *args: Any) -> Any:
        return without_data(padded_shape(args[0].shape, args[1]), args[0].dtype)


class PadByMap(Operation):
    """A border that repeats the inside: each padded position of an axis reads one position of it."""

    @staticmethod
    def forward(ctx: Any, input: Array, pads: Pads, mode: str, name: str) -> Array:
        ctx.shape, ctx.arguments = input.shape, (pads, mode, name)
        ctx.rename(name)
        result = input
        for number, (before, after) in enumerate(pads):
            axis = input.ndim - 1 - number
            if before or after:
                result = np.take(result, index_map(input.shape[axis], before, after, mode), axis)
        if result is input:
            return input.copy()
        if mode != "circular":  # which PyTorch always gives out contiguous
            like_input = empty_like_layout(input, result.shape)
            if like_input.strides != result.strides:
                like_input[...] = result
                return like_input
        return np.ascontiguousarray(result)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return FoldByMap.apply(grad, ctx.shape, *ctx.arguments)

    @classmethod
    def meta(cls, *args: Any) -> Any:
        return without_data(padded_shape(args[0].shape, args[1]), args[0].dtype)


class FoldByMap(Operation):
    """Every padded position added to the one it was read from: the adjoint of PadByMap."""

    @staticmethod
    def forward(ctx: Any, padded: Array, shape: tuple[int, ...], pads: Pads, mode: str, name: str) -> Array:
        ctx.arguments = pads, mode, name
        ctx.rename(name.replace("Backward0", "BackwardBackward0"))
        half = padded.itemsize == 2 and padded.dtype.kind in "fV"
        result = padded.astype(np.float32) if half else padded
        for number, (before, after) in enumerate(pads):
            axis = len(shape) - 1 - number
            if not (before or after):
                continue
            whole = result
            result = np.zeros((*whole.shape[:axis], shape[axis], *whole.shape[axis + 1 :]), whole.dtype)
            lead = (slice(None),) * axis
            for span in spans(shape[axis], before, after, mode):
                block = whole[(*lead, span.padded)]
                if span.repeats:
                    block = block.sum(axis=axis, keepdims=True, dtype=block.dtype)
                result[(*lead, span.source)] += block
        return result.astype(padded.dtype) if half or result is padded else result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return PadByMap.apply(grad, *ctx.arguments)


def padded_shape(shape: tuple[int, ...], pads: Pads) -> tuple[int, ...]:
    """The shape after padding the last axes."""
    sizes = list(shape)
    for number, (before, after) in enumerate(pads):
        sizes[-1 - number] += before + after
    return tuple(sizes)


_MODES = {"reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}
_RANKS = {2: (2, 3), 4: (3, 4), 6: (4, 5)}  # of the input, by the number of pads


def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """``input`` with its last axes extended by ``pad`` = (left, right, top, bottom, front, back): last axis first.

    ``mode``: 'constant' (any number of axes; ``value``, 0 when None), 'reflect' (mirrored, the edge not repeated),
    'replicate' (the edge repeated) or 'circular'; these take the last one, two or three axes of (N, C, ...) or
    (C, ...). Negative amounts crop. RuntimeError for amounts that the mode or the sizes do not allow,
    NotImplementedError for an unknown mode or another number of axes.

    >>> torch.nn.functional.pad(torch.tensor([[1, 2, 3]]), (2, 1), mode="reflect")
    tensor([[3, 2, 1, 2, 3, 2]])
    """
    array = array_of(input)
    if not isinstance(mode, str):
        raise TypeError(f"pad(): argument 'mode' (position 3) must be str, not {type(mode).__name__}")
    if mode != "constant" and mode not in _MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    pads = _pairs(array, pad)
    if mode == "constant":
        return _constant(input, pads, value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if array.ndim not in _RANKS.get(2 * len(pads), ()):
        raise NotImplementedError(
            f"Padding size {2 * len(pads)} is not supported for {array.ndim}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    check_pads(array.shape, pads, (mode,) * len(pads))
    spatial = len(pads)
    if mode == "circular":
        return PadByMap.apply(input, pads, mode, "CopySlices")
    _require_output(array.shape, pads)
    if array.dtype == np.bool_:
        raise NotImplementedError(f"\"{_MODES[mode].lower()}_pad{spatial}d\" not implemented for 'Bool'")
    return PadByMap.apply(input, pads, mode, f"{_MODES[mode]}Pad{spatial}DBackward0")


def _pairs(array: Array, pad: Any) -> Pads:
    """(before, after) of each padded axis, last axis first. TypeError, RuntimeError for what is no such list."""
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}")
    amounts = []
    for position, each in enumerate(pad):
        if isinstance(each, bool) or not hasattr(each, "__index__"):
            raise TypeError(
                "pad(): argument 'pad' (position 2) must be tuple of ints, but found element of type "
                f"{type(each).__name__} at pos {position}"
            )
        amounts.append(operator.index(each))
    if len(amounts) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(amounts) > 2 * array.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(amounts)} and input of dimension {array.ndim}"
        )
    pads = tuple(zip(amounts[::2], amounts[1::2]))
    sizes = padded_shape(array.shape, pads)
    if math.prod(max(size, 0) for size in sizes) * array.itemsize >= 2**63:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(sizes)}")
    return pads


def _constant(input: Any, pads: Pads, value: Any) -> Any:
    array = array_of(input)
    if isinstance(value, Variable):
        value = value.item()  # type: ignore[attr-defined]
    if value is None:
        value = 0
    elif not is_number(value) or isinstance(value, complex):
        raise TypeError(f"pad(): argument 'value' (position 4) must be float, not {type(value).__name__}")
    fill = scalar_as(value, dtypes.from_numpy(array.dtype))
    for number, (before, after) in enumerate(pads):
        axis = array.ndim - 1 - number
        size = array.shape[axis]
        text = (
            f"The input size {size}, plus negative padding {before} and {after} resulted in a negative output size, "
            f"which is invalid. Check dimension {axis} of your input."
        )
        if size + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError(f"narrow(): length must be non-negative. {text}")
        if size + before + after < 0:
            raise RuntimeError(text)
    return ConstantPad.apply(input, pads, fill)


def constant_pad_nd(input: Any, pad: Any, value: Any = 0) -> Any:
    """:func:`pad` in mode 'constant'."""
    return _constant(input, _pairs(array_of(input), pad), value)


def _require_output(shape: tuple[int, ...], pads: Pads) -> None:
    """That something is left of every axis of an input that is not empty."""
    spatial = len(pads)
    before, after = shape[-spatial:], padded_shape(shape, pads)[-spatial:]
    if min(after) < 0 < max(after):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(after)}: {list(padded_shape(shape, pads))}"
        )
    if max(after) < 1:
        letters = "DHW"[-spatial:]
        given = " ".join(f"{letter}: {size}" for letter, size in zip(letters, before))
        got = " ".join(f"{letter}: {size}" for letter, size in zip(letters, after))
        raise RuntimeError(f"input ({given}) is too small. Calculated output {got}")
