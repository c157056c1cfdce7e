"""``torch.nn.functional``: what the layers compute, as functions.

Most are defined in ``ops``, each beside its gradient; here are those that draw random numbers or are made of several.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..autograd.function import make_result
from ..autograd.inplace import apply_inplace
from ..conv import conv2d_output_shape
from ..ops.activation import (
    RreluWithNoise,
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    selu,
    selu_,
    silu,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
    threshold_,
)
from ..ops.convolution import conv1d, conv2d, conv_transpose2d
from ..ops.distances import cosine_similarity, pairwise_distance, pdist
from ..ops.elementwise import add, div, mul, sub
from ..ops.embedding import embedding, one_hot
from ..ops.gathering import repeat_interleave
from ..ops.linalg import linear, matmul
from ..ops.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from ..ops.margin_losses import (
    cosine_embedding_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    poisson_nll_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ..ops.norm import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, rms_norm
from ..ops.padding import pad
from ..ops.pooling import (
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool2d,
    lp_pool2d,
    max_pool2d,
    max_unpool2d,
)
from ..ops.rearranging import channel_shuffle, pixel_shuffle, pixel_unshuffle
from ..ops.reduction import norm
from ..ops.resampling import interpolate
from ..ops.selection import clamp_min, masked_fill
from ..ops.shape import flatten, transpose
from ..ops.softmax import log_softmax as _log_softmax
from ..ops.softmax import softmax as _softmax
from ..ops.unary import neg, sigmoid, tanh
from ..ops.unfolding import fold, unfold
from ..tensor import random

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "alpha_dropout",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv2d_output_shape",
    "conv_transpose2d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "flatten",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool2d",
    "margin_ranking_loss",
    "max_pool2d",
    "max_unpool2d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
]


# Softmax over an axis that may be left out ----------------------------------------------------------------------------


def _axis_or_default(name: str, dim: int | None, ndim: int, stacklevel: int) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        UserWarning,
        stacklevel=stacklevel + 1,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """``exp(x) / sum of exp(x)`` along ``dim``, computed in ``dtype`` if given. Leaving ``dim`` out warns.

    >>> torch.nn.functional.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _softmax(input, _axis_or_default("softmax", dim, input.array.ndim, _stacklevel), dtype=dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """``log(softmax(x))``, exact also where the softmax is tiny. Arguments as for :func:`softmax`.

    >>> torch.nn.functional.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return _log_softmax(input, _axis_or_default("log_softmax", dim, input.array.ndim, _stacklevel), dtype=dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """``softmax(-x)``. Arguments as for :func:`softmax`.

    >>> torch.nn.functional.softmin(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _softmax(neg(input), _axis_or_default("softmin", dim, input.array.ndim, _stacklevel), dtype=dtype)


# Dropout ------------------------------------------------------------------------------------------------------------


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _drop(input: Any, p: float, training: bool, inplace: bool, shape: tuple[int, ...]) -> Any:
    """Multiply by noise of a shape that broadcasts: 0 with probability p, else 1 / (1 - p)."""
    if not training or p == 0 or not input.array.size:
        return input
    array = input.array
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"result type Float can't be cast to the desired output type {input.dtype.scalar_name}")
    if p == 1:
        noise = np.zeros(shape, array.dtype)
    else:
        noise = random.bernoulli(1 - p, shape, array.dtype)
        noise /= array.dtype.type(1 - p)
    return input.mul_(make_result(noise)) if inplace else mul(input, noise)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Set each element to zero with probability p and multiply the others by ``1 / (1 - p)``, in training.

    The same seed drops the same elements as PyTorch. ValueError for p outside [0, 1].
    Source: https://arxiv.org/abs/1207.0580

    >>> torch.nn.functional.dropout(torch.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    _check_probability(p)
    return _drop(input, p, training, inplace, input.array.shape)


def _drop_channels(
    input: Any, p: float, training: bool, inplace: bool, name: str, batched: int
) -> Any:
    _check_probability(p)
    shape = input.array.shape
    if len(shape) not in (batched - 1, batched) and name == "dropout1d":
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {len(shape)}D input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional "
            "batch dimension (i.e. 2D or 3D inputs)."
        )
    if len(shape) not in (batched - 1, batched):
        warnings.warn(
            f"{name}: Received a {len(shape)}-D input to {name}, which is deprecated and will result in an error in a "
            "future release.",
            UserWarning,
            stacklevel=3,
        )
    leading = 1 if name != "dropout2d" and len(shape) == batched - 1 else 2
    return _drop(input, p, training, inplace, shape[:leading] + (1,) * (len(shape) - leading))


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """:func:`dropout` of whole channels of ``(N, C, L)``.

    >>> torch.nn.functional.dropout1d(torch.ones(1, 1, 2), training=False)
    tensor([[[1., 1.]]])
    """
    return _drop_channels(input, p, training, inplace, "dropout1d", 3)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """:func:`dropout` of whole channels of ``(N, C, H, W)``. Source: https://arxiv.org/abs/1411.4280

    >>> torch.nn.functional.dropout2d(torch.ones(1, 1, 1, 2), training=False)
    tensor([[[[1., 1.]]]])
    """
    return _drop_channels(input, p, training, inplace, "dropout2d", 4)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """:func:`dropout` of whole channels of ``(N, C, D, H, W)``.

    >>> torch.nn.functional.dropout3d(torch.ones(1, 1, 1, 1, 2), training=False)
    tensor([[[[[1., 1.]]]]])
    """
    return _drop_channels(input, p, training, inplace, "dropout3d", 5)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout to SELU's negative limit instead of zero, keeping mean and variance.

    Source: https://arxiv.org/abs/1706.02515

    >>> torch.nn.functional.alpha_dropout(torch.ones(3))
    tensor([1., 1., 1.])
    """
    _check_probability(p)
    if not training or p == 0 or not input.array.size:
        return input
    if p == 1:
        return mul(input, 0)
    limit = 1.7580993408473766
    scale = 1 / math.sqrt((limit**2 * p + 1) * (1 - p))
    kept = random.bernoulli(1 - p, input.array.shape, input.array.dtype)
    shift = (kept - 1) * (limit * scale) + limit * scale * p
    result = add(mul(input, kept * scale), shift.astype(input.array.dtype))
    if not inplace:
        return result
    return input.copy_(result)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """``x`` where positive, ``r * x`` elsewhere: r is drawn from [lower, upper) in training, else their mean.

    RuntimeError when lower is above upper. Source: https://arxiv.org/abs/1505.00853

    >>> torch.nn.functional.rrelu(torch.tensor([-1.0, 2.0]), 0.0, 1.0)
    tensor([-0.5000,  2.0000])
    """
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    array = input.array
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"leaky_relu_cpu\" not implemented for '{input.dtype.scalar_name}'")
    if training:
        slopes = random.uniform(array.shape, array.dtype, lower, upper)
    else:
        slopes = np.asarray((lower + upper) / 2, array.dtype)
    return apply_inplace(RreluWithNoise, input, slopes) if inplace else RreluWithNoise.apply(input, slopes)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """The softmax of ``(logits + Gumbel noise) / tau``: a differentiable draw from the categories along ``dim``.

    ``hard`` gives the one-hot draw, with the gradient of the soft one. Source: https://arxiv.org/abs/1611.01144

    >>> torch.nn.functional.gumbel_softmax(torch.zeros(2, 3), hard=True).sum(1)
    tensor([1., 1.])
    """
    array = logits.array
    noise = -np.log(random.exponential(array.shape, array.dtype, 1.0))
    soft = _softmax(div(add(logits, noise), tau), dim)
    if not hard:
        return soft
    best = np.expand_dims(soft.array.argmax(dim), dim)
    chosen = np.zeros_like(soft.array)
    np.put_along_axis(chosen, best, 1, dim)
    return add(sub(make_result(chosen), soft.detach()), soft)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """``softmax(query key^T * scale + mask) value``: (..., L, E), (..., S, E), (..., S, V) -> (..., L, V).

    ``attn_mask``: what is added to the scores, or (bool) where attention is allowed; ``is_causal`` allows the key
    positions up to the query's own. ``scale``: 1/sqrt(E) if None. ``enable_gqa``: fewer heads of key and value, each
    for as many of the query. RuntimeError for a mask together with ``is_causal``.
    Source: https://arxiv.org/abs/1706.03762

    >>> q = torch.ones(1, 2, 4)
    >>> torch.nn.functional.scaled_dot_product_attention(q, q, q).shape
    torch.Size([1, 2, 4])
    """
    if attn_mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if enable_gqa:
        heads = query.array.shape[-3]
        key, value = (repeat_interleave(each, heads // each.array.shape[-3], dim=-3) for each in (key, value))
    factor = 1 / math.sqrt(query.array.shape[-1]) if scale is None else scale
    scores = mul(matmul(query, transpose(key, -2, -1)), factor)
    if is_causal:
        attn_mask = make_result(np.tri(*scores.array.shape[-2:], dtype=np.bool_))
    if attn_mask is not None:
        if attn_mask.array.dtype == np.bool_:
            scores = masked_fill(scores, make_result(~attn_mask.array), -math.inf)
        else:
            scores = add(scores, attn_mask)
    return matmul(dropout(_softmax(scores, -1), dropout_p), value)


# Distances ------------------------------------------------------------------------------------------------------------


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """``x / max(norm of x along dim, eps)``, the norm being the p-norm.

    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    length = clamp_min(norm(input, p, dim, True), eps)
    result = div(input, length.expand_as(input))
    return result if out is None else out.copy_(result)


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """The older name of :func:`interpolate`; warns.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.nn.functional.upsample(torch.ones(1, 1, 1, 1), scale_factor=2).shape
    torch.Size([1, 1, 2, 2])
    """
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode, align_corners)
