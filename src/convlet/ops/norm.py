"""Normalisation: subtract a mean, divide by a standard deviation, scale and shift.

Batch, layer, group and instance norm are one computation that differs in which axes the mean is taken over and along
which axes weight and bias vary. With x the input, xhat = (x - mean) / std, g the gradient of the output, n the number
of elements of a mean, and h = g * weight:

    grad_weight = sum of g * xhat,  grad_bias = sum of g      over the axes along which they are constant
    grad_input  = (h - mean(h) - xhat * mean(h * xhat)) / std

where mean(h) and mean(h * xhat) come from the dependence of the mean and of the deviation on x; they are absent when
running statistics are used. Sums are taken pairwise along memory and in float64 across it.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ..autograd.function import DISCARD, Operation, make_result
from ..autograd.inplace import check_writable, record_write
from ..autograd.mode import spans
from ..autograd.variable import Array, Variable
from ..dtypes import float32
from ..kernels import large
from ..runtime import memory
from . import fusion
from .activation import CLAMPS, clamped_to
from .broadcasting import BroadcastTo, sum_to
from .composite import gradients_of
from .conversion import cast, is_half
from .elementwise import add, div, mul, sub
from .layout import is_channels_last
from .padding import pad
from .powers import pow
from .reduction import mean
from .shape import reshape
from .unary import rsqrt

__all__ = ["group_norm", "layer_norm", "rms_norm"]


@dataclass(frozen=True)
class Plan:
    """How the input is seen: its shape, the axes of each mean, the shape of weight and bias beside it."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    affine: tuple[int, ...]
    parameters: tuple[int, ...] | None  # the shape that weight and bias have themselves; None when there are neither
    eps: float

    @cached_property
    def elements(self) -> int:
        """How many elements each mean is taken over."""
        return math.prod(self.shape[axis] for axis in self.axes)

    @cached_property
    def affine_axes(self) -> tuple[int, ...]:
        return tuple(axis for axis, size in enumerate(self.affine) if size == 1)

    @cached_property
    def moments_shape(self) -> tuple[int, ...]:
        return tuple([1 if axis in self.axes else size for axis, size in enumerate(self.shape)])

    @cached_property
    def of_channels(self) -> bool:
        """Whether the means are those of channels, as batch norm's are."""
        return self.affine == self.moments_shape and self.axes[:2] == (0, 2)

    @cached_property
    def groups(self) -> int | None:
        """How many groups of channels of each image have means of their own, as group norm's do."""
        return self.shape[1] if self.axes == (2, 3) and self.affine == (1, *self.shape[1:3], 1) else None


_BLOCK = 64  # rows added one after the other before their sum goes on in float64


def accurate_sum(x: Array, axes: tuple[int, ...]) -> Array:
    """The sum over axes, kept with size 1, as float64: pairwise in x's own type along memory, in blocks across it."""
    shape = tuple([1 if axis in axes else size for axis, size in enumerate(x.shape)])
    if is_channels_last(x) and axes == (0, 2, 3):
        x, axes = x.transpose(0, 2, 3, 1), (0, 1, 2)
    count = len(axes)
    if x.flags.c_contiguous and x.size and x.dtype != np.float64:
        if axes == tuple(range(count)):
            rows = x.reshape(-1, math.prod(x.shape[count:]))
            blocked = len(rows) // _BLOCK * _BLOCK
            parts = np.add.reduce(rows[:blocked].reshape(-1, _BLOCK, rows.shape[1]), axis=1)
            total = np.add.reduce(parts, axis=0, dtype=np.float64) + np.add.reduce(rows[blocked:], axis=0)
            return total.reshape(shape)
        trailing = 0
        while x.ndim - 1 - trailing in axes:
            trailing += 1
        if trailing:
            partial = np.add.reduce(x.reshape(*x.shape[: x.ndim - trailing], -1), axis=-1)
            x = partial.reshape(partial.shape + (1,) * trailing)
    return np.add.reduce(x, axis=axes, dtype=np.float64).reshape(shape)


def moments(x: Array, plan: Plan) -> tuple[Array, Array, Array]:
    """(x - mean, mean, variance), the statistics in float64."""
    count = plan.elements
    average = accurate_sum(x, plan.axes) / count
    centred = x - average.astype(x.dtype)
    return centred, average, accurate_sum(np.square(centred), plan.axes) / count


def _wide(array: Array) -> Array:
    return array.astype(np.float32) if is_half(array.dtype) else array


def _is_plain(array: Array | None) -> bool:
    return array is None or (array.dtype == float32.numpy and array.flags.c_contiguous)


def _kernels_of_channels(x: Array, weight: Array | None, bias: Array | None, plan: Plan) -> Any:
    """The compiled kernels, where the statistics are those of channels of a large dense array, or groups of them."""
    if not _is_plain(weight) or not _is_plain(bias):
        return None
    if plan.of_channels:
        return large.kernels("norm", x) if x.shape == plan.shape and large.dense(x) else None
    return large.of_images("norm", x) if plan.groups and x.size and x.flags.c_contiguous else None


def _clamps(x: Array, weight: Array | None, bias: Array | None, plan: Plan) -> bool:
    """Whether the kernels may take a clamp behind the norm with them."""
    return x.flags.c_contiguous and _kernels_of_channels(x, weight, bias, plan) is not None


def _kernels_of_rows(x: Array, weight: Array | None, bias: Array | None, plan: Plan) -> Any:
    """The compiled kernels, where the statistics are those of rows that lie side by side, as layer norm's are."""
    first = x.ndim - len(plan.axes)
    rows = x.shape == plan.shape and plan.axes == tuple(range(first, x.ndim)) and x.flags.c_contiguous
    if not rows or plan.affine != (1,) * first + x.shape[first:]:
        return None
    if not _is_plain(weight) or not _is_plain(bias):
        return None
    return large.of_images("layer_norm", x)


Running = tuple[Array, Array, float]  # a mean and a variance that follow those of batches, and by how much


def _move(running: Running, average: Array, variance: Array, count: int) -> None:
    """The running statistics follow those of a batch, its variance that of ``count`` drawn values."""
    unbiased = variance * (count / (count - 1)) if count > 1 else variance
    for array, value in zip(running[:2], (average, unbiased)):
        moved = np.multiply(array, 1 - running[2], dtype=np.float64)
        moved += running[2] * value.reshape(array.shape)
        array[...] = moved


def normalise(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    plan: Plan,
    fixed: tuple[Array, Array] | None,
    running: Running | None = None,
    bounds: tuple[float, float] | None = None,
) -> tuple[Array, Array, Array]:
    """(output, mean, variance) of an array; ``fixed`` gives the statistics instead of the array itself.

    ``bounds`` of the output, where _clamps says that there may be some.
    """
    kernels = _kernels_of_channels(x, weight, bias, plan)
    if kernels is not None:
        out = memory.empty_like(x)
        if fixed is None:
            moved = running if running and _is_plain(running[0]) and _is_plain(running[1]) else None
            average, variance = kernels.training(x, weight, bias, plan.eps, out, plan.groups, moved, bounds=bounds)
            if running and not moved:
                _move(running, average, variance, plan.elements)
        else:
            average, variance = (each.reshape(-1).astype(np.float64) for each in fixed)
            kernels.fixed(x, weight, bias, average, variance, plan.eps, out)
        return out, average.reshape(plan.moments_shape), variance.reshape(plan.moments_shape)
    kernels = None if fixed else _kernels_of_rows(x, weight, bias, plan)
    if kernels is not None:
        out = memory.empty_like(x)
        average, variance = kernels.forward(x, weight, bias, plan.elements, plan.eps, out)
        return out, average.reshape(plan.moments_shape), variance.reshape(plan.moments_shape)
    wide = _wide(x).reshape(plan.shape)
    if fixed is None:
        result, average, variance = moments(wide, plan)
        if running is not None:
            _move(running, average, variance, plan.elements)
    else:
        average, variance = (each.reshape(plan.moments_shape).astype(np.float64) for each in fixed)
        result = wide - average.astype(wide.dtype)
    scale = 1 / np.sqrt(variance + plan.eps)
    separate = weight is not None and plan.affine != plan.moments_shape
    if weight is not None and not separate:
        scale = scale * weight.reshape(plan.affine)
    result *= scale.astype(wide.dtype)
    if separate:
        result *= _wide(weight).reshape(plan.affine)  # type: ignore[arg-type]
    if bias is not None:
        result += _wide(bias).reshape(plan.affine)
    return result.reshape(x.shape).astype(x.dtype, copy=False), average, variance


def normalise_gradient(
    grad: Array,
    x: Array,
    weight: Array | None,
    average: Array,
    variance: Array,
    plan: Plan,
    fixed: bool,
    own: bool = False,
    clamp: Any = (None, None),
) -> Any:
    """The gradients by input, weight and bias, or by the input alone; see the top of the file.

    ``own``: ``grad`` may be written over. ``clamp``: a bias and bounds, where ``grad`` is the gradient of what a clamp
    left of the result (NativeBatchNorm.takes).
    """
    kernels = None if grad.dtype != x.dtype else _kernels_of_channels(x, weight, None, plan)
    if kernels is not None:
        if not large.alike(x, grad):
            given, grad = grad, memory.empty_like(x)
            np.copyto(grad, given)
            own = True
        into = grad if own and x.flags.c_contiguous else memory.empty_like(x)
        statistics = average.reshape(-1), variance.reshape(-1), plan.eps
        sums = kernels.gradient(grad, x, weight, *statistics, into, fixed, *clamp, plan.groups)
        if plan.parameters is None:
            return into
        return into, sums[1].reshape(plan.parameters), sums[0].reshape(plan.parameters)
    kernels = None if fixed or grad.dtype != x.dtype else _kernels_of_rows(x, weight, None, plan)
    if kernels is not None:
        into, given = memory.empty_like(x), np.ascontiguousarray(grad)
        of_rows, wanted = (average.reshape(-1), variance.reshape(-1)), plan.parameters is not None
        sums = kernels.gradient(given, x, weight, *of_rows, plan.elements, plan.eps, into, wanted)
        return (into, *[each.reshape(plan.parameters) for each in sums[::-1]]) if wanted else into
    g, wide = _wide(grad).reshape(plan.shape), _wide(x).reshape(plan.shape)
    inverse = 1 / np.sqrt(variance + plan.eps)
    xhat = (wide - average.astype(wide.dtype)) * inverse.astype(wide.dtype)
    product = g * xhat
    together = plan.affine == plan.moments_shape  # the weight stands before every sum
    if plan.parameters is not None or together:
        grad_weight, grad_bias = (accurate_sum(each, plan.affine_axes) for each in (product, g))
    w = None if weight is None else _wide(weight).reshape(plan.affine)
    n = plan.elements
    if fixed:
        into = g * (inverse if w is None else inverse * w).astype(wide.dtype)
    elif together:
        into = xhat
        into *= (-grad_weight / n).astype(wide.dtype)
        into += g
        into -= (grad_bias / n).astype(wide.dtype)
        into *= (inverse if w is None else inverse * w).astype(wide.dtype)
    else:
        if w is not None:
            product *= w
            g = g * w
        into = g - (accurate_sum(g, plan.axes) / n).astype(wide.dtype)
        into -= xhat * (accurate_sum(product, plan.axes) / n).astype(wide.dtype)
        into *= inverse.astype(wide.dtype)
    into = into.reshape(x.shape).astype(x.dtype, copy=False)
    if plan.parameters is None:
        return into
    return into, grad_weight.reshape(plan.parameters), grad_bias.reshape(plan.parameters)


def _gradient_in_operations(
    grad: Any, input: Any, weight: Any, plan: Plan, fixed: tuple[Array, Array] | None
) -> tuple[Any, ...]:
    """What normalise_gradient computes, written with operations so that it can be differentiated."""
    g, x = reshape(grad, plan.shape), reshape(input, plan.shape)
    if fixed is None:
        centred = sub(x, mean(x, plan.axes, True))
        inverse = rsqrt(add(mean(mul(centred, centred), plan.axes, True), plan.eps))
    else:
        dtype = x.array.dtype
        centred = sub(x, fixed[0].reshape(plan.moments_shape).astype(dtype))
        inverse = (1 / np.sqrt(fixed[1].reshape(plan.moments_shape).astype(np.float64) + plan.eps)).astype(dtype)
    xhat = mul(centred, inverse)
    h = g if weight is None else mul(g, reshape(weight, plan.affine))
    if fixed is None:
        inner = sub(sub(h, mean(h, plan.axes, True)), mul(xhat, mean(mul(h, xhat), plan.axes, True)))
    else:
        inner = h
    into = reshape(mul(inner, inverse), input.array.shape)
    if plan.parameters is None:
        return (into,)
    sums = sum_to(mul(g, xhat), plan.affine), sum_to(g, plan.affine)
    return into, *(reshape(each, plan.parameters) for each in sums)


class NormalisationGradient(Operation):
    """The three gradients of a normalisation, and theirs again."""

    backward_name = "NativeBatchNormBackwardBackward0"

    @staticmethod
    def forward(
        ctx: Any,
        grad: Array,
        input: Array,
        weight: Array | None,
        statistics: tuple[Array, Array],
        plan: Plan,
        fixed: bool,
        own: bool,
        clamp: Any = (None, None),
    ) -> Any:
        ctx.settings = plan, statistics if fixed else None
        ctx.save(grad, input, weight)
        return normalise_gradient(grad, input, weight, *statistics, plan, fixed, own, clamp)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        plan, fixed = ctx.settings

        def expression(grad: Any, input: Any, weight: Any) -> tuple[Any, ...]:
            return _gradient_in_operations(grad, input, weight, plan, fixed)

        return tuple(gradients_of(expression, ctx.saved, cotangents))


class _Normalisation(Operation):
    """forward(input, weight, bias, plan, fixed, running, bounds): see Plan; ``fixed`` is (mean, variance) or None.

    Running statistics are moved by those of the input. With bounds, the result is that of a clamp, which is recorded
    apart.
    """

    @staticmethod
    def forward(
        ctx: Any,
        input: Array,
        weight: Array | None,
        bias: Array | None,
        plan: Plan,
        fixed: tuple[Array, Array] | None = None,
        running: Running | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> Any:
        result, average, variance = normalise(input, weight, bias, plan, fixed, running, bounds)
        if ctx is not DISCARD:
            ctx.settings = (average, variance), plan, fixed is not None
            ctx.bias, ctx.bounds = None if bias is None else bias.copy(), None
            ctx.save(input, weight)
        return result

    @staticmethod
    def takes(ctx: Any, later: Any) -> bool:
        """A clamp's: whether an element was inside the bounds is computed again from the input, on the way."""
        bounds = clamped_to(later)
        if bounds is None or ctx.without_data:
            return False
        input, weight = ctx.saved
        if not _clamps(input, weight, ctx.bias, ctx.settings[1]):
            return False
        _ = later.saved  # raises where it was changed
        ctx.bounds = bounds
        return True

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, weight = ctx.saved
        bounds, ctx.bounds = ctx.bounds, None
        clamp = ctx.bias if bounds else None, bounds
        return NormalisationGradient.apply(grad, input, weight, *ctx.settings, ctx.owns_gradient, clamp)

    @classmethod
    def meta(cls, input: Array, *rest: Any) -> Any:
        return np.broadcast_to(np.zeros((), input.dtype), input.shape)


class NativeLayerNorm(_Normalisation):
    pass


class NativeGroupNorm(_Normalisation):
    pass


class NativeBatchNorm(_Normalisation):
    pass


# Public functions -------------------------------------------------------------------------------------------------


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    activation: str | None = None,
) -> Any:
    """Normalise each channel over the batch and the image: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    Arguments:
        input: ``(N, C, ...)``, floating.
        running_mean, running_var: ``(C,)``; used when not ``training``. In training the batch's own (biased) variance
            is used, and these, unless None, move towards the batch's mean and unbiased variance by ``momentum``.
        weight, bias: ``(C,)`` or None.
        activation: beyond PyTorch: 'relu' or 'relu6' of the result, which costs no pass of its own.

    Raises:
        ValueError: a single value per channel in training, another activation. RuntimeError: sizes other than C,
        missing statistics.

    Source: https://arxiv.org/abs/1502.03167

    >>> x = torch.tensor([[1.0], [3.0]])
    >>> torch.nn.functional.batch_norm(x, None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    if activation is not None and activation not in CLAMPS:
        raise ValueError(f"activation must be 'relu', 'relu6' or None, but got {activation!r}")
    clamp = None if activation is None else CLAMPS[activation]
    if clamp is not None and (not training or input.meta):
        plain = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
        return clamp.function(plain)
    if spans and not training:
        later = fusion.normalised(input, running_mean, running_var, weight, bias, eps)
        if later is not None:
            return later
    shape = _shape("batch_norm", input)
    if training:
        if eps <= 0.0 and eps != 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
        _require_several(shape, math.prod(shape[:1] + shape[2:]))
    if (running_mean is None) != (running_var is None) and training:
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    if len(shape) < 2:
        if running_mean is not None:
            raise RuntimeError(f"running_mean should contain 0 elements not {running_mean.array.size}")
        raise IndexError(f"Dimension out of range (expected to be in range of [-{len(shape)}, 0], but got 1)")
    channels = shape[1]
    for name, each in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if each is not None:
            if each.array.size != channels:
                raise RuntimeError(f"{name} should contain {channels} elements not {each.array.size}")
            if "running" in name and each.requires_grad:
                raise RuntimeError(
                    f"The function 'native_batch_norm' is not differentiable with respect to argument '{name}'. "
                    "This input cannot have requires_grad True."
                )
        elif "running" in name and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    _check_dtypes("batch_norm", input, weight, bias, running_mean, running_var)
    plan = _plan_of_channels(shape, _shared(weight, bias), eps)
    if not training:
        return NativeBatchNorm.apply(input, weight, bias, plan, (running_mean.array, running_var.array))
    running = bounds = None
    if running_mean is not None and not input.meta:
        check_writable(running_mean, False)
        check_writable(running_var, False)
        running = running_mean.array, running_var.array, momentum
    if clamp is not None:
        scale, shift = (None if each is None else each.array for each in (weight, bias))
        bounds = clamp.bounds if _clamps(input.array, scale, shift, plan) else None
    result = NativeBatchNorm.apply(input, weight, bias, plan, None, running, bounds)
    if running is not None:
        record_write(running_mean)
        record_write(running_var)
    if clamp is None:
        return result
    return clamp.function(result) if bounds is None else clamp.recorded(result)


def count_up(counter: Variable) -> float:
    """One more, in place; the count so far."""
    check_writable(counter, False)
    if not counter.meta:
        np.add(counter.array, 1, out=counter.array)
    record_write(counter)
    return float(counter.array)


@lru_cache(maxsize=512)
def _plan_of_channels(shape: tuple[int, ...], parameters: tuple[int, ...] | None, eps: float) -> Plan:
    ones = (1,) * (len(shape) - 2)
    return Plan(shape, (0, *range(2, len(shape))), (1, shape[1], *ones), parameters, eps)


def _shared(weight: Any, bias: Any) -> tuple[int, ...] | None:
    """The shape of weight and bias; None when there are neither."""
    known = bias if weight is None else weight
    return None if known is None else known.array.shape


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalise over the last axes, which have the sizes ``normalized_shape``: ``(x - mean) / sqrt(var + eps)``.

    ``weight`` and ``bias`` (of this shape, or None) scale and shift each element. RuntimeError when shapes differ.

    Source: https://arxiv.org/abs/1607.06450

    >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 3.0], [5.0, 5.0]]), (2,), eps=0.1)
    tensor([[-0.9535,  0.9535],
            [ 0.0000,  0.0000]])
    """
    shape = _shape("layer_norm", input)
    normalized = _normalized("layer_norm", shape, normalized_shape, weight, bias)
    _check_dtypes("LayerNormKernelImpl", input, weight, bias)
    first = len(shape) - len(normalized)
    plan = Plan(shape, tuple(range(first, len(shape))), (1,) * first + normalized, _shared(weight, bias), eps)
    return NativeLayerNorm.apply(input, weight, bias, plan)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalise each of ``num_groups`` groups of channels of each image; then scale and shift each channel.

    ``input`` is ``(N, C, ...)``, ``weight`` and ``bias`` are ``(C,)`` or None. RuntimeError when the channels do not
    divide into the groups or sizes differ; ValueError for a single value per group.

    Source: https://arxiv.org/abs/1803.08494

    >>> torch.nn.functional.group_norm(torch.tensor([[1.0, 3.0, 5.0, 5.0]]), 2, eps=0.1)
    tensor([[-0.9535,  0.9535,  0.0000,  0.0000]])
    """
    shape = _shape("group_norm", input)
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    n, channels, rest = shape[0], shape[1], shape[2:]
    _require_several(shape, math.prod((n * channels // num_groups, *rest)), "{}")
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and each.array.shape != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(each.array.shape)} and input of shape {list(shape)}"
            )
    _check_dtypes("GroupNormKernelImpl", input, weight, bias)
    each_group = channels // num_groups
    seen, affine = (n, num_groups, each_group, math.prod(rest)), (1, num_groups, each_group, 1)
    return NativeGroupNorm.apply(input, weight, bias, Plan(seen, (2, 3), affine, _shared(weight, bias), eps))


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise each channel of each image by itself; otherwise as :func:`batch_norm`.

    ``use_input_stats=False`` takes the running statistics. ValueError for images of one element.

    Source: https://arxiv.org/abs/1607.08022

    >>> torch.nn.functional.instance_norm(torch.tensor([[[1.0, 3.0], [5.0, 5.0]]]), eps=0.1)
    tensor([[[-0.9535,  0.9535],
             [ 0.0000,  0.0000]]])
    """
    shape = _shape("instance_norm", input)
    if use_input_stats:
        _require_several(shape, math.prod(shape[2:]), what="spatial element")
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, channels = shape[:2]
    # Images and channels become the channels of one batch of one image, as in PyTorch.
    seen = reshape(input, (1, n * channels, *shape[2:]))
    running = (running_mean, running_var)
    repeated = [None if each is None else make_result(np.tile(each.array, n)) for each in running]
    affine = [None if each is None else _repeat(each, n) for each in (weight, bias)]
    result = batch_norm(seen, repeated[0], repeated[1], affine[0], affine[1], use_input_stats, momentum, eps)
    if use_input_stats:
        for each, moved in zip(running, repeated):
            if each is not None and moved is not None:
                check_writable(each, False)
                each.array[...] = moved.array.reshape(n, channels).mean(0)
                record_write(each)
    return reshape(result, shape)


def _repeat(each: Any, n: int) -> Any:
    """(C,) n times over, differentiably."""
    channels = each.array.shape[0]
    return reshape(BroadcastTo.apply(each, (n, channels)), (n * channels,))


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """Divide by the root mean square over the last axes: ``x / sqrt(mean(x^2) + eps) * weight``.

    ``eps=None`` means the smallest step of the input's dtype. Source: https://arxiv.org/abs/1910.07467

    >>> torch.nn.functional.rms_norm(torch.tensor([1.0, 7.0]), (2,))
    tensor([0.2000, 1.4000])
    """
    shape = _shape("rms_norm", input)
    normalized = _normalized("rms_norm", shape, normalized_shape, weight, None)
    wide = cast(input, float32) if is_half(input.array.dtype) else input
    if eps is None:
        eps = float(np.finfo(wide.array.dtype).eps)
    axes = tuple(range(len(shape) - len(normalized), len(shape)))
    result = mul(wide, rsqrt(add(mean(mul(wide, wide), axes, True), eps)))
    result = result if weight is None else mul(result, weight)
    return cast(result, input.dtype)


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """Divide by ``(k + alpha * mean of x^2 over size neighbouring channels)^beta``.

    Source: https://papers.nips.cc/paper/4824 (AlexNet)

    >>> torch.nn.functional.local_response_norm(torch.ones(1, 2, 1), 1, alpha=3.0, beta=1.0)
    tensor([[[0.2500],
             [0.2500]]])
    """
    array = input.array
    if array.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {array.ndim} dimensions)"
        )
    if array.size == 0:
        return input
    squares = mul(input, input)
    flat = reshape(squares, (array.shape[0], array.shape[1], -1))
    padded = pad(flat, (0, 0, size // 2, (size - 1) // 2))
    total = _window_sums(padded, array.shape[1], size)
    return div(input, pow(add(mul(reshape(total, array.shape), alpha / size), k), beta))


def _window_sums(padded: Any, channels: int, size: int) -> Any:
    from .indexing import narrow

    total = narrow(padded, 1, 0, channels)
    for shift in range(1, size):
        total = add(total, narrow(padded, 1, shift, channels))
    return total


# Checks -------------------------------------------------------------------------------------------------------------


def _shape(function: str, input: Any) -> tuple[int, ...]:
    if not isinstance(input, Variable):
        raise TypeError(f"{function}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input.array.shape


def _require_several(
    shape: tuple[int, ...], values: int, text: str = "torch.Size({})", what: str = "value per channel"
) -> None:
    if values == 1:
        raise ValueError(f"Expected more than 1 {what} when training, got input size {text.format(list(shape))}")


def _check_dtypes(kernel: str, input: Any, *others: Any) -> None:
    """The others have the input's dtype, or float32 beside a half-precision input."""
    dtype = input.array.dtype
    if dtype.kind == "f" and all(each is None or each.array.dtype is dtype for each in others):
        return
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{input.dtype.scalar_name}'")
    for each in others:
        if each is None or each.dtype is input.dtype or (is_half(input.array.dtype) and each.dtype is float32):
            continue
        if not is_half(input.array.dtype) and input.dtype is not float32:
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")


def _normalized(
    function: str, shape: tuple[int, ...], normalized_shape: Any, weight: Any, bias: Any
) -> tuple[int, ...]:
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError(
            f"{function}(): argument 'normalized_shape' (position 2) must be tuple of ints, "
            f"not {type(normalized_shape).__name__}"
        )
    normalized = tuple(operator.index(each) for each in normalized_shape)
    if not normalized:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and each.array.shape != normalized:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(each.array.shape)} and normalized_shape = {list(normalized)}"
            )
    if shape[-len(normalized) :] != normalized or len(shape) < len(normalized):
        expected = ", ".join(["*", *map(str, normalized)])
        raise RuntimeError(
            f"Given normalized_shape={list(normalized)}, expected input with shape [{expected}], but got input of "
            f"size{list(shape)}"
        )
    return normalized
