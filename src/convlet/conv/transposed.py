"""From the arguments of conv_transpose2d to a ConvProblem, with PyTorch's errors in PyTorch's order.

A transposed convolution is the input gradient of the convolution which the same arguments describe: its input is that
convolution's output gradient, its output that convolution's input. Along an axis

    out = (size - 1)*s - 2*p + d*(k - 1) + output_padding + 1.

Where output_padding < s, the convolution of `out` elements gives `size` again, because it rounds down. A larger one
(less than d) is taken from the padding behind, so that it does too.
"""

from __future__ import annotations

from functools import lru_cache
from operator import index
from typing import Any

import numpy as np

from .problem import ConvProblem, short_dtype

Sizes = int | tuple[int, ...]


def conv_transpose2d_problem(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    bias_shape: tuple[int, ...] | None,
    input_dtype: np.dtype,
    weight_dtype: np.dtype,
    bias_dtype: np.dtype | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: Any = 1,
    dilation: Any = 1,
) -> ConvProblem:
    """The convolution whose input gradient conv_transpose2d is; equal arguments give the same object.

    `bias_dtype` may be any, as in PyTorch. Raises TypeError for arguments of a wrong type, NotImplementedError for
    dtypes without convolution, RuntimeError for all that does not fit together.
    """
    return _problem(
        input_shape,
        weight_shape,
        bias_shape,
        input_dtype,
        weight_dtype,
        _ints("stride", stride),
        _ints("padding", padding),
        _ints("output_padding", output_padding),
        _int("groups", groups, f"int, not {type(groups).__name__}"),
        _ints("dilation", dilation),
    )


def _ints(name: str, value: Any) -> Sizes:
    if isinstance(value, (tuple, list)):
        return tuple(
            _int(name, each, f"tuple of ints, but found element of type {type(each).__name__} at pos {i}")
            for i, each in enumerate(value)
        )
    return _int(name, value, f"tuple of ints, not {type(value).__name__}")


def _int(name: str, value: Any, wanted: str) -> int:
    if not isinstance(value, (bool, np.bool_)):
        try:
            return index(value)
        except TypeError:
            pass
    raise TypeError(f"conv_transpose2d(): argument '{name}' must be {wanted}")


@lru_cache(maxsize=1024)
def _problem(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    bias_shape: tuple[int, ...] | None,
    input_dtype: np.dtype,
    weight_dtype: np.dtype,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> ConvProblem:
    if len(input_shape) not in (3, 4):
        raise RuntimeError(
            "Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, "
            f"but got input of size: {list(input_shape)}"
        )
    if len(weight_shape) < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    axes = len(weight_shape) - 2
    given = {"stride": stride, "padding": padding, "dilation": dilation, "output_padding": output_padding}
    for name, value in given.items():
        values = (value, value) if isinstance(value, int) else value
        if len(values) not in (1, axes):
            raise RuntimeError(
                f"expected {name} to be a single integer value or a list of {axes} values to match the convolution "
                f"dimensions, but got {name}={list(values)}"
            )
    (sh, sw), (ph, pw), (dh, dw), (oph, opw) = map(_pair, given.values())
    if min(ph, pw) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(oph, opw) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if min(sh, sw) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    n, ic, ih, iw = shape = input_shape if len(input_shape) == 4 else (1, *input_shape)
    _check_channels(shape, weight_shape, bias_shape, groups)
    kh, kw = weight_shape[2:]
    if min(kh, kw) <= 0:
        raise RuntimeError(
            f"kernel size should be greater than zero, but got kernel_height: {kh} kernel_width: {kw}"
        )
    if min(dh, dw) <= 0:
        raise RuntimeError(
            f"dilation should be greater than zero, but got dilation_height: {dh}, dilation_width: {dw}"
        )
    if oph >= max(sh, dh) or opw >= max(sw, dw):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"output_padding_height: {oph} output_padding_width: {opw} stride_height: {sh} stride_width: {sw} "
            f"dilation_height: {dh} dilation_width: {dw}"
        )
    if not (ih and iw):
        raise RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(shape)}"
        )
    if not weight_shape[1]:
        raise RuntimeError(f"non-empty 2D or 4D weight tensor expected, but got: {list(weight_shape)}")
    oh = (ih - 1) * sh - 2 * ph + dh * (kh - 1) + oph + 1
    ow = (iw - 1) * sw - 2 * pw + dw * (kw - 1) + opw + 1
    if min(oh, ow) <= 0:
        raise RuntimeError(
            f"Given input size per channel: ({ih} x {iw}). Calculated output size per channel: ({oh} x {ow}). "
            "Output size is too small"
        )
    return ConvProblem(
        n=n,
        g=groups,
        ic=weight_shape[1] * groups,
        ih=oh,
        iw=ow,
        oc=ic,
        kh=kh,
        kw=kw,
        sh=sh,
        sw=sw,
        pt=ph,
        pb=ph if oph < sh else ph - oph,
        pl=pw,
        pr=pw if opw < sw else pw - opw,
        dh=dh,
        dw=dw,
        dtype=_short_dtype(input_dtype, weight_dtype),
    )


def _pair(value: Sizes) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _check_channels(
    shape: tuple[int, ...], weight_shape: tuple[int, ...], bias_shape: tuple[int, ...] | None, groups: int
) -> None:
    sizes = f"weight of size {list(weight_shape)}"
    if weight_shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got {sizes} instead"
        )
    if weight_shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(weight_shape)}] instead"
        )
    if shape[1] != weight_shape[0]:
        raise RuntimeError(
            f"Given transposed=1, {sizes}, expected input{list(shape)} to have {weight_shape[0]} channels, "
            f"but got {shape[1]} channels instead"
        )
    channels = weight_shape[1] * groups
    if bias_shape is not None and bias_shape != (channels,):
        raise RuntimeError(
            f"Given transposed=1, {sizes}, expected bias to be 1-dimensional with {channels} elements, "
            f"but got bias of size {list(bias_shape)} instead"
        )


# What PyTorch's sentence calls a dtype.
_SCALARS = {"f32": "Float", "f64": "Double", "f16": "Half", "bf16": "BFloat16", "c64": "ComplexFloat"}


def _short_dtype(dtype: np.dtype, weight_dtype: np.dtype) -> str:
    try:
        short, other = short_dtype(dtype), short_dtype(weight_dtype)
    except TypeError as error:
        raise NotImplementedError(
            f"\"slow_conv_transpose2d_out_cpu\" not implemented for '{dtype.name}'. {error}"
        ) from None
    if short == "bool":
        raise NotImplementedError("\"slow_conv_transpose2d_out_cpu\" not implemented for 'Bool'")
    if short != other:
        found = [_SCALARS.get(each, each) for each in (short, other)]
        raise RuntimeError(
            f"expected scalar type {found[0]} but found {found[1]}: input.to(weight.dtype) makes them the same"
        )
    return short
