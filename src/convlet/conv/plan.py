"""Running convolutions: a plan is what selection and preparation found out about a problem, kept for next time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..runtime import memory, trace
from ..runtime.storage import Storage
from .gradient import Array, Run
from .precision import convolution_precision, get_convolution_precision
from .problem import ConvProblem, numpy_dtype
from .select import Walk, force_algorithm, forced_algorithm, select
from .tail import Tail, planned


class Plan(NamedTuple):
    """A problem, the algorithm chosen for it with the walk that chose it, and the prepared run."""

    problem: ConvProblem
    algorithm: str
    walk: Walk
    run: Run
    dtype: np.dtype
    shape: tuple[int, int, int, int]
    small: bool  # the result is no matter for the pool of large blocks


@lru_cache(maxsize=512)
def _plan(problem: ConvProblem, forced: str | None, precision: str) -> Plan:
    dtype, shape = numpy_dtype(problem.dtype), problem.result_shape
    small = math.prod(shape) * dtype.itemsize < memory.POOLED
    if problem.empty:
        return Plan(problem, "empty", (), _fill_empty, dtype, shape, small)
    algorithm, walk = select(problem, forced)
    run = trace.traced(problem, algorithm.name, planned(algorithm, problem))
    return Plan(problem, algorithm.name, walk, run, dtype, shape, small)


def settings() -> tuple[str | None, str]:
    """What a plan depends on besides its problem: the algorithm that is forced, and the precision."""
    return forced_algorithm(), get_convolution_precision()


@contextmanager
def under(settings: tuple[str | None, str]) -> Iterator[None]:
    """Within the block convolutions are planned as under these settings."""
    forced, precision = settings
    with force_algorithm(forced), convolution_precision(precision):
        yield


def plan_for(problem: ConvProblem, direction: str | None = None) -> Plan:
    """The plan of a problem, in another direction if one is given; kept, the least recently used forgotten."""
    key = direction or problem.direction, forced_algorithm(), get_convolution_precision()
    plan: Plan | None = problem.plans.get(key)
    if plan is None:
        plan = problem.plans[key] = _plan(problem.with_direction(key[0]), key[1], key[2])
    return plan


def _fill_empty(
    a: Array, b: Array, bias: Array | None, out: Array, kept: Storage | None = None, tail: Tail | None = None
) -> None:
    # No images or no channels: sums of nothing. An output that has elements is a gradient (with no input
    # channels PyTorch's output has no channels either), so there is no bias to add.
    out[...] = 0


def forward(
    problem: ConvProblem,
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    out: np.ndarray | None = None,
    *,
    channels_last: bool = False,
    kept: Storage | None = None,
    tail: Tail | None = None,
) -> np.ndarray:
    """out[n,oc,oh,ow] = conv(x[n,ic,ih,iw], w[oc,ic/g,kh,kw]) + bias[oc]; `out` is filled, or made and returned.

    `kept` is the storage of w: forms of it are kept while nobody writes to it. `tail` are the arrays of problem.tail.
    """
    plan = plan_for(problem, "fwd")
    if out is None:
        out = _allocate(plan, channels_last)
    if tail is None:
        plan.run(x, w, bias, out, kept)
    else:
        plan.run(x, w, bias, out, kept, tail)
    return out


def input_gradient(
    problem: ConvProblem,
    grad: np.ndarray,
    w: np.ndarray,
    out: np.ndarray | None = None,
    *,
    channels_last: bool = False,
    kept: Storage | None = None,
) -> np.ndarray:
    """The gradient [n,ic,ih,iw] by the input for the output's gradient [n,oc,oh,ow]; no conjugation."""
    plan = plan_for(problem, "bwd_input")
    if out is None:
        out = _allocate(plan, channels_last)
    plan.run(grad, w, None, out, kept)
    return out


def weight_gradient(
    problem: ConvProblem,
    x: np.ndarray,
    grad: np.ndarray,
    out: np.ndarray | None = None,
    *,
    channels_last: bool = False,
) -> np.ndarray:
    """The gradient [oc,ic/g,kh,kw] by the weight for the output's gradient [n,oc,oh,ow]; no conjugation."""
    plan = plan_for(problem, "bwd_weight")
    if out is None:
        out = _allocate(plan, channels_last)
    plan.run(x, grad, None, out)
    return out


def _allocate(plan: Plan, channels_last: bool) -> np.ndarray:
    if plan.small:
        if not channels_last:
            return np.empty(plan.shape, plan.dtype)
        n, c, h, w = plan.shape
        return np.empty((n, h, w, c), plan.dtype).transpose(0, 3, 1, 2)
    try:
        return memory.empty(plan.shape, plan.dtype, (0, 2, 3, 1) if channels_last else None)
    except MemoryError as error:
        size = math.prod(plan.shape) * plan.dtype.itemsize
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
            f"you tried to allocate {size} bytes. Error code 12 (Cannot allocate memory)"
        ) from error
