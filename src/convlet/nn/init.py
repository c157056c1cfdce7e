"""Ways to fill a parameter before training. Each works in place, records nothing, and returns the tensor.

Draws come from the default generator or the one given, in PyTorch's order: the same seed, the same weights.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.function import make_result
from ..autograd.inplace import check_writable, record_write
from ..autograd.mode import no_grad
from ..tensor import random

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_GAINS: dict[str, float] = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), 1),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1),
    "sigmoid": 1,
    "tanh": 5 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3 / 4,  # found by experiment
}


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """The factor by which weights must be larger to keep the variance through this nonlinearity.

    ``nonlinearity``: the name of a function of nn.functional; ``param``: the slope of 'leaky_relu' (0.01). ValueError
    for a name or slope that means nothing.

    >>> torch.nn.init.calculate_gain("leaky_relu", 0.2)
    1.3867504905630728
    """
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        elif isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + param**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


# Fixed values ---------------------------------------------------------------------------------------------------------


def _overwrite(tensor: Any, values: Any) -> Any:
    if not tensor.meta:
        check_writable(tensor, False)
        tensor.array[...] = values
        record_write(tensor)
    return tensor


def constant_(tensor: Any, val: float) -> Any:
    """Fill with one number.

    >>> torch.nn.init.constant_(torch.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return _overwrite(tensor, val)


def ones_(tensor: Any) -> Any:
    """Fill with 1."""
    return _overwrite(tensor, 1)


def zeros_(tensor: Any) -> Any:
    """Fill with 0."""
    return _overwrite(tensor, 0)


def eye_(tensor: Any) -> Any:
    """Fill a matrix with the identity. ValueError unless it has two dimensions."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _overwrite(tensor, np.eye(*tensor.array.shape, dtype=np.int8))


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """Fill a convolution's weight so that it hands its input on: 1 at the kernel's centre from each channel to itself.

    ``tensor``: (oc, ic // groups, ...) of 3 to 5 dimensions, with as many channels handed on as there are; ``groups``
    must divide oc. ValueError for other shapes.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    oc, ic, *kernel = tensor.array.shape
    if oc % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(tensor.array.shape, np.int8)
    per_group = oc // groups
    centre = tuple(size // 2 for size in kernel)
    for channel in range(min(per_group, ic)):
        for group in range(groups):
            values[(group * per_group + channel, channel, *centre)] = 1
    return _overwrite(tensor, values)


# Random values --------------------------------------------------------------------------------------------------------


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Fill with numbers uniform in [a, b)."""
    if tensor.meta:
        return tensor
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Fill with normal numbers of this mean and standard deviation."""
    if tensor.meta:
        return tensor
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Any:
    """Fill with normal numbers of this mean and standard deviation, those outside [a, b] drawn again.

    Where [a, b] holds little of the distribution, uniform numbers in [a, b] are accepted with the density's chance
    instead. Warns when the mean lies more than 2 std outside [a, b].
    """
    if tensor.meta:
        return tensor
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=2,
        )

    def draw(uniform: bool, *parameters: float) -> Any:
        fresh: Any = make_result(np.empty_like(tensor.array))  # the same memory format, so the same order of draws
        return (fresh.uniform_ if uniform else fresh.normal_)(*parameters, generator=generator).array

    inside = math.erf((b - mean) / std / math.sqrt(2)) - math.erf((a - mean) / std / math.sqrt(2))
    if inside > 0.6:  # twice the probability
        values = draw(False, mean, std)
        low, high = np.array([a, b]).astype(values.dtype)
        while (outside := (values < low) | (values > high)).any():
            values = np.where(outside, draw(False, mean, std), values)
        return _overwrite(tensor, values)
    nearest = max(a, min(mean, b))
    peak = -0.5 * ((nearest - mean) / std) ** 2
    values = np.empty_like(tensor.array)
    refused = np.ones(values.shape, bool)
    while refused.any():
        candidates = draw(True, a, b)
        values = np.where(refused, candidates, values)
        with np.errstate(divide="ignore"):
            chance = np.log(draw(True))
        refused = refused & (chance > _log_density(candidates, mean, std, peak))
    return _overwrite(tensor, values)


def _log_density(values: Any, mean: float, std: float, peak: float) -> Any:
    """The logarithm of the normal density relative to its peak, in the values' own dtype, one step after the other."""
    scaled = (values - values.dtype.type(mean)) / values.dtype.type(std)
    return scaled * scaled * values.dtype.type(-0.5) - values.dtype.type(peak)


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """How many inputs reach one output and how many outputs one input, for a weight of shape (out, in, kernel...)."""
    shape = tensor.array.shape
    if len(shape) < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    taps = math.prod(shape[2:])
    return shape[1] * taps, shape[0] * taps


def _calculate_correct_fan(tensor: Any, mode: str) -> int:
    valid_modes = ["fan_in", "fan_out"]
    mode = mode.lower()
    if mode not in valid_modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {valid_modes}")
    return _calculate_fan_in_and_fan_out(tensor)[valid_modes.index(mode)]


def _xavier_std(tensor: Any, gain: float) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Fill uniformly in (-b, b), b = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Fill with normal numbers of std = gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def kaiming_uniform_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Fill uniformly in (-b, b), b = gain sqrt(3 / fan) (He et al. 2015).

    ``a``: the slope of 'leaky_relu'; ``mode``: 'fan_in' or 'fan_out'; ``nonlinearity``: as for calculate_gain. A tensor
    without elements is left alone, with a warning.
    """
    if tensor.array.size == 0:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    bound = math.sqrt(3.0) * (calculate_gain(nonlinearity, a) / math.sqrt(fan))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Fill with normal numbers of std = gain / sqrt(fan); arguments as for :func:`kaiming_uniform_`."""
    if tensor.array.size == 0:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """Fill with a (semi-)orthogonal matrix times ``gain``: the Q of a normal matrix, rows flattened (Saxe et al. 2013).

    ValueError for fewer than 2 dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.array.size == 0 or tensor.meta:
        return tensor
    rows = tensor.array.shape[0]
    matrix = random.normal((rows, tensor.array.size // rows), tensor.array.dtype, generator=generator)
    wide = rows < matrix.shape[1]
    q, r = np.linalg.qr(matrix.T if wide else matrix)
    q = q * np.sign(np.diagonal(r))  # makes the distribution uniform (Mezzadri 2007)
    return _overwrite(tensor, (q.T if wide else q).reshape(tensor.array.shape) * q.dtype.type(gain))


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Any:
    """Fill a matrix with normal numbers, but this fraction of every column, at random places, with 0 (Martens 2010)."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    if tensor.meta:
        return tensor
    normal_(tensor, 0.0, std, generator)
    rows, columns = tensor.array.shape
    zeros = math.ceil(sparsity * rows)
    for column in range(columns):
        tensor.array[random.randperm(rows)[:zeros], column] = 0
    return tensor


# Names of old -------------------------------------------------------------------------------------------------------


def _deprecated(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__
    old = name[:-1]

    def deprecated(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{name}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    deprecated.__name__ = deprecated.__qualname__ = old
    deprecated.__doc__ = f"The deprecated name of :func:`{name}`."
    return deprecated


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
