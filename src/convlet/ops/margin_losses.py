"""Losses of rankings, similarities and distributions, each written with other operations: these give the gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .activation import logsigmoid
from .axes import array_of
from .comparison import eq, le, ne
from .distances import pairwise_distance
from .elementwise import add, div, mul, sub
from .gathering import gather
from .losses import reduced, reduction_of
from .reduction import mean, sum
from .selection import clamp_min, minimum, where
from .shape import reshape, unsqueeze
from .unary import exp, log, log1p, neg, sqrt, square

__all__: list[str] = []


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """``x`` where the target is 1 and ``max(0, margin - x)`` where it is -1.

    >>> torch.nn.functional.hinge_embedding_loss(torch.tensor([0.5, 0.2]), torch.tensor([1.0, -1.0]))
    tensor(0.6500)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    apart = where(ne(target, 1), clamp_min(sub(margin, input), 0), 0.0)
    return reduced(add(apart, where(ne(target, -1), input, 0.0)), reduction)


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """``1 - cos(x1, x2)`` where the target is 1 and ``max(0, cos(x1, x2) - margin)`` where it is -1.

    Inputs ``(N, D)`` with a target ``(N)``, or ``(D)`` with a scalar. RuntimeError for other ranks.

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> torch.nn.functional.cosine_embedding_loss(x, torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    shapes = [array_of(each).shape for each in (target, input1, input2)]
    if len(shapes[0]) > 1:
        raise RuntimeError(
            f"0D or 1D target tensor expected, multi-target not supported; got target of size {list(shapes[0])}."
        )
    if len(shapes[0]) + 1 not in {len(each) for each in shapes[1:]}:
        raise RuntimeError(
            f"{len(shapes[0])}D target tensor expects {len(shapes[0]) + 1}D input tensors, but found inputs with sizes "
            f"{list(shapes[1])} and {list(shapes[2])}."
        )
    lengths = [add(sum(mul(each, each), -1), 1e-12) for each in (input1, input2)]
    cosine = div(sum(mul(input1, input2), -1), sqrt(mul(*lengths)))
    alike = where(eq(target, 1), sub(1, cosine), 0.0)
    return reduced(add(alike, where(eq(target, -1), clamp_min(sub(cosine, margin), 0), 0.0)), reduction)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """``max(0, -target * (x1 - x2) + margin)``: the target is 1 where x1 should be the larger, -1 where x2.

    RuntimeError when the three have different ranks.

    >>> torch.nn.functional.margin_ranking_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1.0]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    shapes = [array_of(each).shape for each in (input1, input2, target)]
    if len({len(each) for each in shapes}) > 1:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"torch.Size({list(shapes[0])}), input2: torch.Size({list(shapes[1])}), "
            f"target: torch.Size({list(shapes[2])}) "
        )
    return reduced(clamp_min(add(mul(neg(target), sub(input1, input2)), margin), 0), reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """``max(0, |a - p| - |a - n| + margin)`` with p-norms along the last axis.

    ``swap``: the smaller of |a - n| and |p - n|. ValueError unless ``margin`` is positive.
    Source: http://www.bmva.org/bmvc/2016/papers/paper119/index.html

    >>> a, p, n = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 1.0]])
    >>> torch.nn.functional.triplet_margin_loss(a, p, n)
    tensor(2.)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    reduction = reduction_of(reduction, size_average, reduce)
    return _triplet(anchor, positive, negative, lambda a, b: pairwise_distance(a, b, p, eps), margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """:func:`triplet_margin_loss` with any distance (Euclidean if none is given).

    >>> a, b = torch.tensor([[0.0]]), torch.tensor([[2.0]])
    >>> torch.nn.functional.triplet_margin_with_distance_loss(a, a, b, distance_function=lambda x, y: (x - y).abs())
    tensor(0.)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    reduction = reduction_of(reduction)
    return _triplet(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def _triplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    distance: Callable[[Any, Any], Any],
    margin: float,
    swap: bool,
    reduction: str,
) -> Any:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp_min(add(sub(near, far), margin), 0), reduction)


def soft_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """``log(1 + exp(-target * x))`` for targets of 1 and -1.

    >>> torch.nn.functional.soft_margin_loss(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    return reduced(log1p(exp(mul(neg(target), input))), reduction)


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """The mean over the classes of ``-t log(sigmoid(x)) - (1 - t) log(sigmoid(-x))``; ``weight`` for each class.

    >>> torch.nn.functional.multilabel_soft_margin_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    loss = neg(add(mul(target, logsigmoid(input)), mul(sub(1, target), logsigmoid(neg(input)))))
    if weight is not None:
        loss = mul(loss, weight)
    return reduced(mean(loss, -1), reduction)


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """The mean over the classes of ``max(0, margin - x[target] + x[i])^p``, i other than the target; p is 1 or 2.

    Scores ``(N, C)`` and targets ``(N)``, or ``(C)`` and a scalar; ``weight`` (C) multiplies by the target's.

    >>> torch.nn.functional.multi_margin_loss(torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([3]))
    tensor(0.3250)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    scores = array_of(input)
    if weight is not None and array_of(weight).ndim != 1:
        raise ValueError("weight must be one-dimensional")
    single = scores.ndim == 1
    classes = reshape(target, (-1, 1))
    if bool((array_of(classes) < 0).any() or (array_of(classes) >= scores.shape[-1]).any()):
        raise RuntimeError(f"target out of range: the classes are 0 to {scores.shape[-1] - 1}")
    if single:
        input = unsqueeze(input, 0)
    excess = clamp_min(add(sub(input, gather(input, 1, classes)), margin), 0)
    if p == 2:
        excess = square(excess)
    if weight is not None:
        excess = mul(excess, gather(_rows(weight, array_of(classes).shape[0]), 1, classes))
    others = (np.arange(scores.shape[-1]) != array_of(classes)).astype(scores.dtype)
    loss = mean(mul(excess, others), 1)
    return reduced(reshape(loss, ()) if single else loss, reduction)


def _rows(vector: Any, count: int) -> Any:
    return mul(unsqueeze(vector, 0), np.ones((count, 1), array_of(vector).dtype))


def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """The sum of ``max(0, 1 - x[t] + x[i])`` over targets t and other classes i, divided by the number of classes.

    ``target``, of the input's shape ``(N, C)`` or ``(C)``, lists the classes of a sample, ended by -1.

    >>> x, y = torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([[3, 0, -1, 1]])
    >>> torch.nn.functional.multilabel_margin_loss(x, y)
    tensor(0.8500)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    scores, listed = array_of(input), array_of(target)
    if scores.shape != listed.shape or not 1 <= scores.ndim <= 2:
        raise RuntimeError(f"inconsistent target size: {list(listed.shape)} for input of size: {list(scores.shape)}")
    single = scores.ndim == 1
    rows = np.atleast_2d(listed)
    count = rows.shape[-1]
    used = np.logical_and.accumulate(rows >= 0, axis=1)
    wanted = np.zeros(rows.shape, np.bool_)
    np.logical_or.at(wanted, (np.nonzero(used)[0], rows[used]), True)
    pairs = used[:, :, None] & ~wanted[:, None, :]
    if single:
        input = unsqueeze(input, 0)
    chosen = gather(input, 1, np.where(used, rows, 0))
    excess = clamp_min(add(sub(unsqueeze(input, 1), unsqueeze(chosen, 2)), 1), 0)
    loss = div(sum(mul(excess, pairs.astype(scores.dtype)), (1, 2)), count)
    return reduced(reshape(loss, ()) if single else loss, reduction)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: Any = None,
    eps: float = 1e-8,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """``exp(x) - target * x`` with x the logarithm of the rate, or ``x - target * log(x + eps)`` with x the rate.

    ``full`` adds Stirling's approximation of log(target!) where the target is above 1.

    >>> torch.nn.functional.poisson_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    rate = sub(exp(input), mul(target, input)) if log_input else sub(input, mul(target, log(add(input, eps))))
    if full:
        stirling = add(sub(mul(target, log(target)), target), mul(log(mul(target, 2 * math.pi)), 0.5))
        rate = add(rate, where(le(target, 1), 0.0, stirling))
    return reduced(rate, reduction)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """``(log(v) + (x - target)^2 / v) / 2`` with the variance v at least ``eps``; ``full`` adds log(2 pi) / 2.

    ``var`` has the input's shape, or 1 (or nothing) in place of its last axis. ValueError for negative variances and
    for other shapes.

    >>> torch.nn.functional.gaussian_nll_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1.0]))
    tensor(2.)
    """
    if isinstance(var, (int, float)):
        var = np.full(array_of(input).shape, var, array_of(input).dtype)
    shape, other = array_of(input).shape, array_of(var).shape
    if bool((array_of(var) < 0).any()):
        raise ValueError("var has negative entry/entries")
    if other != shape:
        if other == shape[:-1]:
            var = unsqueeze(var, -1)
        elif not (len(other) == len(shape) and other[:-1] == shape[:-1] and other[-1] == 1):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = _at_least(var, eps)
    loss = mul(add(log(var), div(square(sub(input, target)), var)), 0.5)
    if full:
        loss = add(loss, 0.5 * math.log(2 * math.pi))
    return reduced(loss, reduction)


def _at_least(var: Any, eps: float) -> Any:
    """The variance raised to eps, with a gradient of one everywhere."""
    array = array_of(var)
    return add(var, np.maximum(array, array.dtype.type(eps)) - array)
