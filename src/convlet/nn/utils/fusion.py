"""A convolution and the batch normalisation behind it as one convolution."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ...autograd.function import make_result
from ..parameter import Parameter


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A new convolution that computes ``bn(conv(x))`` of evaluation mode.

    With s = gamma / sqrt(running_var + eps): weight * s and (bias - running_mean) * s + beta. ``transpose`` says that
    ``conv`` is a transposed convolution. AssertionError when a module is in training mode, TypeError when the
    normalisation keeps no running statistics.
    """
    if conv.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise TypeError("fusion needs running statistics: build the normalisation with track_running_stats=True")
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Any,
    conv_b: Any,
    bn_rm: Any,
    bn_rv: Any,
    bn_eps: float,
    bn_w: Any,
    bn_b: Any,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """(weight, bias) of the convolution that :func:`fuse_conv_bn_eval` makes, as parameters."""
    mean = bn_rm.array
    scale = 1 / np.sqrt(bn_rv.array + bn_rv.array.dtype.type(bn_eps))
    if bn_w is not None:
        scale = scale * bn_w.array
    shift = (np.zeros_like(mean) if conv_b is None else conv_b.array) - mean
    bias = shift * scale + (0 if bn_b is None else bn_b.array)
    weight = conv_w.array
    axis = 1 if transpose else 0
    shape = [-1 if each == axis else 1 for each in range(weight.ndim)]
    return (
        Parameter(make_result((weight * scale.reshape(shape)).astype(weight.dtype)), conv_w.requires_grad),
        Parameter(
            make_result(bias.astype(weight.dtype)), conv_w.requires_grad if conv_b is None else conv_b.requires_grad
        ),
    )
