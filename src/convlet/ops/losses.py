"""Losses: how far an input is from a target, as one number or one for each element, each beside its gradient."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from .activation import Keep, hardtanh, logsigmoid, threshold
from .conversion import cast, dtype_of, is_half, promote
from .elementwise import Div, add, div, mul, sub
from .pooling import not_implemented
from .reduction import mean, sum
from .shape import broadcast_tensors, reshape
from .softmax import log_softmax
from .two_operands import xlogy
from .unary import abs, exp, log, neg, sigmoid

__all__: list[str] = []

REDUCTIONS = ("none", "mean", "sum")


def reduction_of(reduction: Any, size_average: Any = None, reduce: Any = None) -> str:
    """The reduction, or the one that the two older arguments mean (with a warning). ValueError for another word."""
    if size_average is not None or reduce is not None:
        if reduce is not None and not reduce:
            reduction = "none"
        else:
            reduction = "mean" if size_average is None or size_average else "sum"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            UserWarning,
            stacklevel=3,
        )
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(values: Any, reduction: str) -> Any:
    return values if reduction == "none" else mean(values) if reduction == "mean" else sum(values)


def _total(values: Array) -> Any:
    """The sum of all elements: pairwise, in float32 at the least."""
    wide = values.astype(np.float32) if is_half(values.dtype) else values
    return np.add.reduce(wide.reshape(-1))


class DivByNumber(Div):
    """A quotient under the name of PyTorch's division by a number."""

    name = "div"
    backward_name = "DivBackward1"


# Element by element ---------------------------------------------------------------------------------------------------


class _Loss(Operation):
    """forward(input, target, reduction, *settings) of equal shapes; subclasses give ``value`` and ``gradients``."""

    kernel = ""

    @staticmethod
    def value(input: Array, target: Array, *settings: Any) -> Array:
        raise NotImplementedError

    @staticmethod
    def gradients(input: Any, target: Any, *settings: Any) -> tuple[Any, Any]:
        """The derivatives by input and target, written with operations."""
        raise NotImplementedError

    @classmethod
    def forward(cls, ctx: Any, input: Array, target: Array, reduction: str, *settings: Any) -> Any:
        ctx.settings = settings
        ctx.share = 1 / max(input.size, 1) if reduction == "mean" else 1
        ctx.save(input, target)
        if is_half(input.dtype):
            values = cls.value(input.astype(np.float32), target.astype(np.float32), *settings)
        else:
            values = cls.value(input, target, *settings)
        if reduction != "none":
            values = _total(values)
            if reduction == "mean":
                values = values / np.asarray(input.size, values.dtype)
        return np.asarray(values).astype(input.dtype, copy=False)

    @classmethod
    def backward(cls, ctx: Any, grad: Any) -> Any:
        input, target = ctx.saved
        if ctx.share != 1:
            grad = mul(grad, ctx.share)
        slopes = cls.gradients(input, target, *ctx.settings)
        return tuple(
            mul(slope, grad) if needed else None for slope, needed in zip(slopes, ctx.needs_input_grad)
        )


class MseLoss(_Loss):
    kernel = "mse_cpu"

    @staticmethod
    def value(input: Array, target: Array) -> Array:
        return np.square(input - target)

    @staticmethod
    def gradients(input: Any, target: Any) -> tuple[Any, Any]:
        slope = mul(sub(input, target), 2)
        return slope, neg(slope)


class SmoothL1Loss(_Loss):
    kernel = "smooth_l1_cpu"

    @staticmethod
    def value(input: Array, target: Array, beta: float) -> Array:
        distance = np.abs(input - target)
        return np.where(distance < beta, 0.5 * distance * distance / beta, distance - 0.5 * beta)

    @staticmethod
    def gradients(input: Any, target: Any, beta: float) -> tuple[Any, Any]:
        slope = hardtanh(div(sub(input, target), beta), -1, 1)
        return slope, neg(slope)


class HuberLoss(_Loss):
    kernel = "huber_cpu"

    @staticmethod
    def value(input: Array, target: Array, delta: float) -> Array:
        distance = np.abs(input - target)
        return np.where(distance <= delta, 0.5 * distance * distance, delta * (distance - 0.5 * delta))

    @staticmethod
    def gradients(input: Any, target: Any, delta: float) -> tuple[Any, Any]:
        slope = hardtanh(sub(input, target), -delta, delta)
        return slope, neg(slope)


class BinaryCrossEntropy(_Loss):
    kernel = "binary_cross_entropy"

    @staticmethod
    def value(input: Array, target: Array, weight: Array | None) -> Array:
        hit, miss = (np.maximum(np.log(each), -100) for each in (input, 1 - input))
        values = (target - 1) * miss - target * hit
        return values if weight is None else values * weight

    @staticmethod
    def gradients(input: Any, target: Any, weight: Array | None) -> tuple[Any, Any]:
        other = sub(1, input)
        by_input = div(sub(input, target), threshold(mul(input, other), 1e-12, 1e-12))
        by_target = sub(log(other), log(input))
        if weight is None:
            return by_input, by_target
        return mul(by_input, weight), mul(by_target, weight)


class BinaryCrossEntropyWithLogits(_Loss):
    kernel = "log_sigmoid_cpu"

    @staticmethod
    def value(input: Array, target: Array, weight: Array | None, pos_weight: Array | None) -> Array:
        log_sigmoid = np.minimum(input, 0) - np.log1p(np.exp(-np.abs(input)))
        if pos_weight is not None:
            log_sigmoid = log_sigmoid * (1 + (pos_weight - 1) * target)
        values = (1 - target) * input - log_sigmoid
        return values if weight is None else values * weight

    @staticmethod
    def gradients(
        input: Any, target: Any, weight: Array | None, pos_weight: Array | None
    ) -> tuple[Any, Any]:
        falling = sigmoid(neg(input))
        by_target = neg(input)
        if pos_weight is not None:
            falling = mul(falling, add(mul(target, pos_weight - 1), 1))
            by_target = sub(by_target, mul(logsigmoid(input), pos_weight - 1))
        by_input = sub(sub(1, target), falling)
        if weight is None:
            return by_input, by_target
        return mul(by_input, weight), mul(by_target, weight)


def _compare(
    operation: type[_Loss], input: Any, target: Any, reduction: str, weight: Any, *settings: Any
) -> Any:
    """A loss of two tensors, broadcast to each other (with PyTorch's warning) and promoted."""
    _check_shapes(input, target, weight)
    input, target = promote(input, target)
    dtype = dtype_of(input)
    if not dtype.is_floating_point:
        raise not_implemented(operation.kernel, input)
    if input.array.shape != target.array.shape:
        input, target = broadcast_tensors(input, target)
    if weight is None:
        return operation.apply(input, target, reduction, *settings)
    return _weighted(operation.apply(input, target, "none", *settings), weight, reduction)


def _weighted(values: Any, weight: Any, reduction: str) -> Any:
    """The losses times their weights, whose sum divides a mean."""
    values = mul(values, weight)
    return div(sum(values), sum(weight)) if reduction == "mean" else reduced(values, reduction)


def _check_shapes(input: Any, target: Any, weight: Any) -> None:
    if target.array.shape != input.array.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=4,
        )
    if weight is not None and weight.array.shape != input.array.shape:
        raise ValueError("Weights and input must have the same size.")


def mse_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """``(input - target)^2``: its mean, its sum, or each element (``reduction`` 'mean', 'sum', 'none').

    ``weight`` (of the input's shape) multiplies each element; the mean is then divided by its sum. Shapes should be
    equal; others broadcast with a warning.

    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    return _compare(MseLoss, input, target, reduction_of(reduction, size_average, reduce), weight)


def l1_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """``|input - target|``: arguments as for :func:`mse_loss`.

    >>> torch.nn.functional.l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    _check_shapes(input, target, weight)
    values = abs(sub(input, target))
    return reduced(values, reduction) if weight is None else _weighted(values, weight, reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """``d^2 / (2 beta)`` where ``d = |input - target|`` is below beta, ``d - beta/2`` elsewhere.

    Other arguments as for :func:`mse_loss`. RuntimeError for a negative beta.
    Source: https://arxiv.org/abs/1504.08083

    >>> torch.nn.functional.smooth_l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(0.7500)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return _compare(SmoothL1Loss, input, target, reduction, None, beta)


def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Any:
    """``d^2 / 2`` where ``d = |input - target|`` is at most delta, ``delta * (d - delta/2)`` elsewhere.

    Other arguments as for :func:`mse_loss`. RuntimeError for a delta that is not positive.

    >>> torch.nn.functional.huber_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(0.7500)
    """
    reduction = reduction_of(reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    given = dtype_of(input)
    return cast(_compare(HuberLoss, input, target, reduction, weight, delta), given)


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """``-(t*log(x) + (1 - t)*log(1 - x))`` of probabilities x and targets t in [0, 1]; logarithms are at least -100.

    ``weight`` broadcasts to the input. ValueError for different shapes, RuntimeError for values outside [0, 1] or
    another dtype of the target.

    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    x, t = input.array, target.array
    if t.shape != x.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    w = None
    if weight is not None:
        w = np.broadcast_to(weight.array, np.broadcast_shapes(weight.array.shape, x.shape))
    if not input.dtype.is_floating_point:
        raise not_implemented("binary_cross_entropy", input)
    _same_dtype(input, target)
    for name, each in (("input", x), ("target", t)):
        if each.size and not ((each >= 0) & (each <= 1)).all():
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    return BinaryCrossEntropy.apply(input, target, reduction, w)


def _same_dtype(input: Any, other: Any) -> None:
    if other.dtype is not input.dtype:
        raise RuntimeError(f"Found dtype {other.dtype.scalar_name} but expected {input.dtype.scalar_name}")


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """:func:`binary_cross_entropy` of ``sigmoid(input)``, exact for large inputs.

    ``weight`` and ``pos_weight`` (the weight of the positive class) broadcast to the input.

    >>> F = torch.nn.functional
    >>> F.binary_cross_entropy_with_logits(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if target.array.shape != input.array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if not dtype_of(input).is_floating_point:
        raise not_implemented("log_sigmoid_cpu", input)
    if not dtype_of(target).is_floating_point:
        raise RuntimeError(
            f"result type {dtype_of(input).scalar_name} can't be cast to the desired output type "
            f"{dtype_of(target).scalar_name}"
        )
    extras = []
    for each in (weight, pos_weight):
        if each is not None:
            broadcast_tensors(input, each)  # the error of shapes that do not meet
        extras.append(None if each is None else each.array)
    return BinaryCrossEntropyWithLogits.apply(*promote(input, target), reduction, *extras)


def kl_div(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """``target * (log(target) - input)``: input holds log-probabilities, target probabilities.

    With ``log_target`` the target holds log-probabilities, too. ``reduction='batchmean'`` divides the sum by the size
    of the first axis, which is the divergence; 'mean' divides by the number of elements (with a warning).

    >>> p = torch.tensor([[0.5, 0.5]])
    >>> torch.nn.functional.kl_div(torch.log(torch.tensor([[0.25, 0.75]])), p, reduction="sum")
    tensor(0.1438)
    """
    batchmean = reduction == "batchmean"
    legacy = size_average is not None or reduce is not None
    reduction = reduction_of("sum" if batchmean else reduction, size_average, reduce)
    if reduction == "mean" and not legacy:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            UserWarning,
            stacklevel=2,
        )
    for position, (name, each) in enumerate((("input", input), ("target", target)), 1):
        if not isinstance(each, Variable):
            raise TypeError(
                f"kl_div(): argument '{name}' (position {position}) must be Tensor, not {type(each).__name__}"
            )
        if not each.dtype.is_floating_point:
            kind = "Complex" if each.dtype.is_complex else "Integral"
            raise RuntimeError(f"kl_div: {kind} inputs not supported.")
    if log_target:
        values = mul(exp(target), sub(target, input))
    else:
        values = sub(xlogy(target, target), mul(target, input))
    result = reduced(values, reduction)
    if batchmean and input.array.ndim:
        result = div(result, input.array.shape[0])
    return result


# Classes ------------------------------------------------------------------------------------------------------------


class NllLoss(Operation):
    """At every position the input of the target's class times a factor; their sum over a divisor, if there is one.

    ``input`` is (N, C, ...), ``classes`` (-1 where a position is ignored) and ``factors`` are constants,
    (N, positions). The gradient puts the incoming one, times the factor, at the places of the classes.
    """

    @staticmethod
    def forward(ctx: Any, input: Array, classes: Array, factors: Array, divisor: Any, shape: Any) -> Array:
        ctx.settings = classes, factors, divisor, shape
        ctx.input_shape = input.shape
        if len(shape) > 1:
            ctx.rename("NllLoss2DBackward0")
        n, positions = classes.shape
        channels = input.shape[1 if input.ndim > 1 else 0]
        picked = np.take_along_axis(input.reshape(n, channels, positions), classes[:, None, :], 1)[:, 0]
        values = np.where(classes >= 0, picked * factors, factors.dtype.type(0)).astype(factors.dtype, copy=False)
        if divisor is None:
            return values.reshape(shape).astype(input.dtype, copy=False)
        return np.asarray(_total(values) / divisor).astype(input.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return NllLossGradient.apply(grad, *ctx.settings, ctx.input_shape)


class NllLossGradient(Operation):
    """The adjoint of NllLoss."""

    @staticmethod
    def forward(
        ctx: Any, grad: Array, classes: Array, factors: Array, divisor: Any, shape: Any, input_shape: Any
    ) -> Array:
        ctx.settings = classes, factors, divisor, shape
        n, positions = classes.shape
        channels = input_shape[1 if len(input_shape) > 1 else 0]
        result = np.zeros((n, channels, positions), grad.dtype)
        if divisor is None:
            shares = grad.reshape(n, positions) * factors
        else:
            shares = grad * factors / divisor
        shares = np.where(classes >= 0, shares, factors.dtype.type(0))
        np.put_along_axis(result, classes[:, None, :], shares[:, None, :].astype(grad.dtype), 1)
        return result.reshape(input_shape)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return NllLoss.apply(grad, *ctx.settings)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood: ``-weight[t] * input[t]`` of each position's target class t.

    Arguments:
        input: log-probabilities, ``(C)``, ``(N, C)`` or ``(N, C, d1, ...)``.
        target: classes in [0, C), int64 or uint8, shaped as the input without C.
        weight: ``(C,)`` or None.
        ignore_index: positions with this target count nowhere.
        reduction: 'mean' divides the sum by the sum of the weights of the counted positions; 'sum'; 'none'.

    Raises:
        IndexError: a class out of range. ValueError, RuntimeError: shapes and dtypes that do not fit.

    >>> torch.nn.functional.nll_loss(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    for position, (name, each) in enumerate((("input", input), ("target", target)), 1):
        if not isinstance(each, Variable):
            raise TypeError(
                f"nll_loss_nd(): argument '{name}' (position {position}) must be Tensor, not {type(each).__name__}"
            )
    x, t = input.array, target.array
    _check_classes(x.shape, t, target.dtype)
    class_axis = 0 if x.ndim == 1 else 1
    channels = x.shape[class_axis]
    if not input.dtype.is_floating_point:
        kernel = "nll_loss_out_frame" if x.ndim <= 2 else "nll_loss2d_forward_out_frame"
        raise not_implemented(kernel, input)
    if weight is not None:
        _check_class_weight(weight, channels, x.ndim, input.dtype)
    if x.ndim > 2 and t.size and target.dtype is dtypes.uint8:
        raise RuntimeError("expected scalar type Long but found Byte. target.long() makes it so")
    classes = t.reshape(1 if x.ndim == 1 else x.shape[0], math.prod(t.shape[1:])).astype(np.int64, copy=False)
    kept = classes != ignore_index
    wrong = kept & ((classes < 0) | (classes >= channels))
    if wrong.any():
        raise IndexError(f"Target {classes[wrong][0]} is out of bounds.")
    wide = np.dtype(np.float32) if is_half(x.dtype) else x.dtype
    classes = np.where(kept, classes, -1)
    if weight is None:
        factors = np.where(kept, wide.type(-1), wide.type(0))
    else:
        factors = np.where(kept, -weight.array.astype(wide)[classes], wide.type(0)) if channels else -kept.astype(wide)
    divisor = None if reduction == "none" else wide.type(1) if reduction == "sum" else -_total(factors)
    if x.ndim <= 2:
        return NllLoss.apply(input, classes, factors, divisor, t.shape[:1])
    result = NllLoss.apply(input, classes, factors, divisor, t.shape if x.ndim == 4 else classes.shape)
    return reshape(result, t.shape) if divisor is None and x.ndim != 4 else result


def _check_classes(shape: tuple[int, ...], target: Array, dtype: Dtype) -> None:
    if not shape:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    targets = target.shape[0] if target.ndim else 0
    if len(shape) > 1 and shape[0] != targets:
        raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({targets}).")
    if len(shape) <= 2:
        if target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if len(shape) == 1 and target.ndim == 1 and target.shape[0] != 1:
            raise ValueError(
                f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}"
            )
        if len(shape) == 2 and target.ndim == 0:
            raise RuntimeError(f"size mismatch (got input: {list(shape)}, target: [])")
    elif len(shape) == 4:
        if target.ndim != 3:
            raise RuntimeError(
                "only batches of spatial targets supported (3D tensors) but got targets of dimension: "
                f"{target.ndim}"
            )
        if target.shape[1:] != shape[2:]:
            raise RuntimeError(
                f"size mismatch (got input: {list(shape)} , target: {list(target.shape)}"
            )  # PyTorch's brackets
    elif target.shape != (shape[0], *shape[2:]):
        raise RuntimeError(
            f"Expected target size {[shape[0], *shape[2:]]}, got {list(target.shape)}"
        )
    if dtype not in (dtypes.int64, dtypes.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {dtype.scalar_name}")


def _check_class_weight(weight: Any, channels: int, ndim: int, dtype: Dtype) -> None:
    if weight.array.shape != (channels,):
        if ndim > 2:
            raise RuntimeError("weight tensor should be defined either for all or no classes")
        raise RuntimeError(_all_classes(channels, weight))
    if weight.dtype is not dtype:
        raise RuntimeError(
            f"expected scalar type {dtype.scalar_name} but found {weight.dtype.scalar_name}"
        )


def _all_classes(channels: int, weight: Any) -> str:
    return (
        f"weight tensor should be defined either for all {channels} classes or no classes but got weight tensor of "
        f"shape: {list(weight.array.shape)}"
    )


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The negative log-likelihood of ``softmax(input)`` over the classes.

    Arguments:
        input: unnormalised scores, ``(C)``, ``(N, C)`` or ``(N, C, d1, ...)``.
        target: classes (int64 or uint8), shaped as the input without C; or probabilities (floating) of its own shape.
        weight: ``(C,)``, multiplies the term of each class.
        ignore_index: positions with this target class count nowhere.
        reduction: 'mean' (of classes: over the sum of their weights; of probabilities: over the positions), 'sum' or
            'none'.
        label_smoothing: this part of the target's probability, in [0, 1], is spread over all classes evenly.

    Raises:
        IndexError: a class out of range. ValueError, RuntimeError: shapes, dtypes or numbers that do not fit.

    Source of the smoothing: https://arxiv.org/abs/1512.00567

    >>> torch.nn.functional.cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    for position, (name, each) in enumerate((("input", input), ("target", target)), 1):
        if not isinstance(each, Variable):
            raise TypeError(
                f"cross_entropy_loss(): argument '{name}' (position {position}) must be Tensor, "
                f"not {type(each).__name__}"
            )
    axis = 0 if input.array.ndim == 1 else 1
    if input.array.shape == target.array.shape:
        _check_probabilities(input, target, weight, ignore_index, label_smoothing, axis)
        return _cross_entropy_of_probabilities(input, target, weight, reduction, label_smoothing, axis)
    if label_smoothing > 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    _require_floating_scores(input, axis)
    if input.array.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    _check_classes(input.array.shape, target.array, target.dtype)
    if weight is not None:
        _check_class_weight(weight, input.array.shape[axis], input.array.ndim, input.dtype)
    scores = log_softmax(input, axis)
    likelihood = nll_loss(scores, target, weight, None, ignore_index, None, reduction)
    if not label_smoothing > 0:
        return likelihood
    evenly = _smooth_loss(scores, target.array, weight, ignore_index, reduction, axis)
    classes = input.array.shape[axis]
    return add(mul(likelihood, 1 - label_smoothing), mul(evenly, label_smoothing / classes))


def _require_floating_scores(input: Any, axis: int) -> None:
    if not input.dtype.is_floating_point:
        last = "lastdim_" if axis == input.array.ndim - 1 else ""
        raise not_implemented(f"log_softmax_{last}kernel_impl", input)


def _smooth_loss(
    scores: Any, target: Array, weight: Any, ignore_index: int, reduction: str, axis: int
) -> Any:
    """The sum over all classes of their weighted negative log-likelihood, reduced as the loss itself."""
    terms = scores if weight is None else mul(scores, _along(weight, scores.array.ndim, axis))
    values = neg(sum(terms, axis))
    values = Keep.apply(values, (target != ignore_index).reshape(values.array.shape))
    if reduction == "none":
        return reshape(values, target.shape) if values.array.shape != target.shape else values
    if reduction == "sum":
        return sum(values)
    kept = target[target != ignore_index]
    counted = float(kept.size if weight is None else weight.array[kept].sum(dtype=np.float64))
    return div(sum(values), counted)


def _along(weight: Any, ndim: int, axis: int) -> Any:
    return reshape(weight, (-1,) + (1,) * (ndim - 1 - axis))


def _check_probabilities(
    input: Any, target: Any, weight: Any, ignore_index: int, label_smoothing: float, axis: int
) -> None:
    if not target.dtype.is_floating_point:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype.scalar_name}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    if label_smoothing > 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    _require_floating_scores(input, axis)
    channels = input.array.shape[axis] if input.array.ndim else 1
    if weight is not None and weight.array.shape != (channels,):
        raise RuntimeError("cross_entropy: " + _all_classes(channels, weight))


def _cross_entropy_of_probabilities(
    input: Any, target: Any, weight: Any, reduction: str, label_smoothing: float, axis: int
) -> Any:
    channels = input.array.shape[axis] if input.array.ndim else 1
    if label_smoothing > 0:
        target = add(mul(target, 1 - label_smoothing), label_smoothing / channels)
    terms = mul(log_softmax(input, axis), target)
    if weight is not None:
        terms = mul(terms, _along(weight, input.array.ndim, axis))
    if reduction == "none":
        return neg(sum(terms, axis))
    total = neg(sum(terms))
    if reduction == "sum":
        return total
    positions = input.array.size / channels if channels else 0
    return DivByNumber.apply(total, np.asarray(positions, dtype_of(total).numpy))
