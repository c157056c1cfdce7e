"""convlet.warmup: compiling ahead, so that no later call waits for the compiler."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import conv
from .autograd.engine import backward as run_backward
from .autograd.mode import no_grad, set_grad_enabled
from .autograd.variable import Variable
from .conv import ConvProblem
from .conv.problem import DIRECTIONS, numpy_dtype
from .conv.tail import extra
from .nn.module import Module
from .tensor.creation import zeros
from .tensor.random_tensors import fork_rng

__all__ = ["warmup"]

# Without arguments: one layer of each kind that networks for images have; sizes of a kind share their compiled code.
STANDARD = (
    "ic3 ih224 iw224 oc64 kh7 kw7 sh2 sw2 ph3 pw3",
    "ic3 ih32 iw32 oc16 kh3 kw3 ph1 pw1",
    "ic64 ih56 iw56 oc64 kh3 kw3 ph1 pw1",
    "ic128 ih28 iw28 oc128 kh3 kw3 ph1 pw1",
    "ic256 ih14 iw14 oc256 kh3 kw3 ph1 pw1",
    "ic512 ih7 iw7 oc512 kh3 kw3 ph1 pw1",
    "ic128 ih28 iw28 oc128 kh3 kw3 sh2 sw2 ph1 pw1",
    "ic32 ih28 iw28 oc64 kh5 kw5 ph2 pw2",
    "ic64 ih56 iw56 oc256 kh1 kw1",
    "ic1024 ih14 iw14 oc512 kh1 kw1",
    "ic2048 ih7 iw7 oc512 kh1 kw1",
    "ic256 ih56 iw56 oc128 kh1 kw1 sh2 sw2",
    "ic512 ih1 iw1 oc128 kh1 kw1",
    "g32 ic128 ih28 iw28 oc128 kh3 kw3 ph1 pw1",
    "g96 ic96 ih56 iw56 oc96 kh3 kw3 ph1 pw1",
    "g96 ic96 ih56 iw56 oc96 kh3 kw3 sh2 sw2 ph1 pw1",
)


def warmup(what: Any = None, *inputs: Any, backward: bool = False) -> float:
    """Compile what a model or a convolution needs, now instead of at its first call.

    Compiled code is kept on disk (see CONVLET_CACHE_DIR in docs/architecture.md), so one call on a machine serves all
    later processes: put it into the building of a container, or before a server takes requests.

    Arguments:
        what: one of
            - a module, whose inputs follow. It is copied, and the copy is run once: its parameters, buffers and
              gradients and the random numbers stay as they are. It compiles what that run needs, so the images should
              have their real size; one image is enough;
            - a :class:`convlet.conv.ConvProblem`, or its text;
            - nothing: a standard set, the layers of common networks for images, forward and backward, in float32.
        inputs: tensors, or shapes of float32 tensors of zeros.
        backward: the gradients, too.

    Returns:
        Seconds that it took: little when all was compiled before.

    Raises:
        TypeError: something else than the above. ValueError: a text that is no problem. And what the model raises.

    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> torch.warmup(model, (1, 3, 16, 16), backward=True) >= 0
    True
    """
    start = time.perf_counter()
    if isinstance(what, Module):
        _run_module(what, inputs, backward)
    else:
        if inputs:
            raise TypeError("warmup(): inputs belong to a module, and what was given is none")
        for problem in _problems(what, backward):
            _run_problem(problem)
    return time.perf_counter() - start


def _problems(what: Any, backward: bool) -> Iterator[ConvProblem]:
    if what is None:
        texts, backward = [ConvProblem.parse(text) for text in STANDARD], True
    elif isinstance(what, (str, ConvProblem)):
        texts = [ConvProblem.parse(what) if isinstance(what, str) else what]
    else:
        raise TypeError(
            f"warmup() takes a module and its inputs, a convolution problem or nothing, but got {type(what).__name__}"
        )
    for problem in texts:
        for direction in DIRECTIONS if backward else (problem.direction,):
            yield problem.with_direction(direction)


def _run_problem(problem: ConvProblem) -> None:
    dtype = numpy_dtype(problem.dtype)
    shapes = {
        "fwd": (problem.input_shape, problem.weight_shape),
        "bwd_input": (problem.output_shape, problem.weight_shape),
        "bwd_weight": (problem.input_shape, problem.output_shape),
    }
    a, b = (np.zeros(shape, dtype) for shape in shapes[problem.direction])
    plan = conv.plan_for(problem)
    out = np.empty(plan.shape, plan.dtype)
    plan.run(a, b, None, out, *extra(plan.problem, out))


def _run_module(model: Module, inputs: tuple[Any, ...], backward: bool) -> None:
    if not inputs:
        raise TypeError("warmup() of a module needs its inputs: tensors, or shapes such as (1, 3, 224, 224)")
    given = [each.detach() if isinstance(each, Variable) else zeros(tuple(each)) for each in inputs]
    with no_grad():
        copied = copy.deepcopy(model)
    with fork_rng(), set_grad_enabled(backward):
        outputs = list(_tensors(copied(*given)))
        if backward:
            roots = [each for each in outputs if each.requires_grad]
            run_backward(roots, [zeros(each.shape, dtype=each.dtype) for each in roots])


def _tensors(result: Any) -> Iterator[Any]:
    """The tensors in what a model returned."""
    if isinstance(result, Variable):
        yield result
    elif isinstance(result, dict):
        for each in result.values():
            yield from _tensors(each)
    elif isinstance(result, (tuple, list)):
        for each in result:
            yield from _tensors(each)
