"""What follows a convolution in a network's evaluation, computed while its results are stored.

Inside a span (autograd/deferred.py) a convolution waits for the batch norm, the sum and the clamp that often come next,
in this order, each of them at most once, and for its input, if that waits too; what comes instead finds the array
computed. The bits are those of the operations one after the other, so that nothing but the time tells.

Of memory that NumPy can write to nothing waits: nobody would notice such a write.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import conv
from ..autograd.deferred import Step, later, replace, step_of, taken
from ..autograd.mode import _mode, spans
from ..autograd.variable import Array, Variable
from ..conv import ConvProblem
from ..conv.tail import Tail, follow
from ..kernels.factors import constants as factors
from ..runtime import memory
from ..runtime.storage import Storage
from .layout import is_channels_last

FLOAT32 = np.dtype(np.float32)
# The words of a tail (ConvProblem.tail) in their order.
ORDER = {"": 0, "norm": 1, "add": 2, "relu": 3, "relu6": 3}


class Convolved(Step):
    """A convolution, the start of a chain."""

    __slots__ = ("arguments", "last", "problem", "settings", "word")

    def __init__(self, problem: ConvProblem, last: bool, *arguments: Any) -> None:
        super().__init__()
        self.word, self.problem, self.last, self.arguments = "", problem, last, arguments
        self.settings = conv.settings()

    def needs(self) -> list[Step]:
        x = self.arguments[0]
        return [x] if isinstance(x, Step) else []

    def run(self) -> Array:
        return self.run_with((), Tail())

    def run_with(self, words: tuple[str, ...], tail: Tail) -> Array:
        """The convolution with what follows it, under the settings of its call."""
        if self.settings != conv.settings():
            with conv.under(self.settings):
                return self.run_with(words, tail)
        given, weight, bias, kept = self.arguments
        problem, x = self.problem.with_tail(words), _known(given)
        return conv.forward(problem, x, weight, bias, channels_last=self.last, kept=kept, tail=tail if words else None)

    def release(self) -> None:
        self.arguments = ()


class Followed(Step):
    """A word of a tail, with its operands, after another step."""

    __slots__ = ("last", "operands", "problem", "word")
    before: Any
    problem: ConvProblem
    last: bool

    def __init__(self, before: Convolved | Followed, word: str, operands: dict[str, Any]) -> None:
        super().__init__(before)
        self.word, self.operands = word, operands
        self.problem, self.last = before.problem, before.last

    def needs(self) -> list[Step]:
        before, other = self.before, self.operands.get("other")
        needed = [before] if before.wanted else before.needs()
        return [*needed, other] if isinstance(other, Step) else needed

    def run(self) -> Array:
        words, operands = [self.word], dict(self.operands)
        step = self.before
        while not step.wanted:
            if isinstance(step, Convolved):
                return step.run_with(tuple(reversed(words)), _tail(operands))
            words.append(step.word)
            operands.update(step.operands)
            step = step.before
        # Somebody holds, and may look at, what was there before.
        held = step.compute()
        out = memory.empty_like(held)
        np.copyto(out, held)
        follow(out, tuple(reversed(words)), _tail(operands))
        return out

    def release(self) -> None:
        self.before, self.operands = None, {}


def _known(operand: Array | Step) -> Array:
    return operand.compute() if isinstance(operand, Step) else operand


def _tail(operands: dict[str, Any]) -> Tail:
    if "other" in operands:
        operands["other"] = _known(operands["other"])
    return Tail(**operands)


def form(input: Variable) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a tensor; what waits goes on waiting."""
    if spans:
        step: Any = step_of(input)
        if step is not None:
            return step.problem.output_shape, FLOAT32
    array = input.array
    return array.shape, array.dtype


def _lies_last(operand: Array | Any) -> bool:
    """Whether the channels of an array, or of one that is computed later, lie next to each other; see layout.py."""
    if isinstance(operand, Step):
        step: Any = operand
        return step.last and step.problem.oc > 1 and step.problem.oh * step.problem.ow > 1
    return is_channels_last(operand)


def convolution(input: Variable, weight: Variable, bias: Any, problem: ConvProblem, kept: Storage) -> Any:
    """The result of a convolution for later; None where it is to be computed at once."""
    if _mode.span is None or _mode.grad or problem.dtype != "f32" or problem.empty:
        return None
    for each in (input, weight, bias):
        if each is not None and (each.meta or _is_shared(each)):
            return None
    waits = step_of(input)
    x, w = input.array if waits is None else taken(waits), weight.array
    last = is_channels_last(w) or (_lies_last(x) and "circular" not in (problem.mode_h, problem.mode_w))
    return later(Convolved(problem, last, x, w, None if bias is None else bias.array, kept))


def normalised(input: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Batch norm with known statistics, appended to what waits; None where it cannot be."""
    step = _open_to("norm", input)
    if step is None or mean is None or var is None:
        return None
    for each in (mean, var, weight, bias):
        if each is not None:
            array = each.array
            if array.shape != (step.problem.oc,) or array.dtype != np.float32 or each.meta:
                return None
    if mean.requires_grad or var.requires_grad:
        return None
    return later(Followed(step, "norm", constants(mean, var, weight, bias, eps)))


def clamped(input: Any, word: str, inplace: bool) -> Any:
    """A ReLU or ReLU6, appended to what waits; None where it cannot be."""
    step = _open_to(word, input)
    return None if step is None else _followed(input, step, word, {}, inplace)


def added(input: Any, other: Any, inplace: bool = False) -> Any:
    """The sum with a tensor of the same shape and layout, appended to what waits; None where it cannot be."""
    step = _open_to("add", input)
    if step is None:
        if inplace:
            return None
        input, other = other, input
        step = _open_to("add", input)
        if step is None:
            return None
    if not isinstance(other, Variable) or other is input or other.meta or _is_shared(other):
        return None
    if form(other) != (step.problem.output_shape, FLOAT32):
        return None
    waits = step_of(other)
    if waits is not None:
        if _lies_last(waits) != step.last:
            return None
        return _followed(input, step, "add", {"other": taken(waits)}, inplace)
    array = other.array
    if not (is_channels_last(array) if step.last else array.flags.c_contiguous):
        return None
    return _followed(input, step, "add", {"other": array}, inplace)


def _followed(input: Variable, step: Any, word: str, operands: dict[str, Any], inplace: bool) -> Any:
    follower = Followed(step, word, operands)
    if not inplace:
        return later(follower)
    replace(input, follower)
    return input


def _open_to(word: str, input: Any) -> Any:
    """What the input waits for, if this word may come next."""
    if _mode.span is None or _mode.grad:
        return None
    step: Any = step_of(input)
    return step if step is not None and ORDER[step.word] < ORDER[word] and not step.taken else None


def _is_shared(variable: Variable) -> bool:
    return variable._version.storage.shared


# Batch norm's constants ---------------------------------------------------------------------------------------------


class _Constants(NamedTuple):
    """What they were made of, with the number of writes then."""

    eps: float
    arrays: tuple[Any, ...]
    writes: tuple[int, ...]
    made: dict[str, Array]


def constants(mean: Variable, var: Variable, weight: Any, bias: Any, eps: float) -> dict[str, Array]:
    """mean, scale and shift of batch norm, ``(x - mean) * scale + shift``; kept while nobody writes to its tensors."""
    tensors = (mean, var, weight, bias)
    storages = [each._version.storage for each in tensors if each is not None]
    arrays = tuple([None if each is None else each.array for each in tensors])
    writes = tuple([each.writes for each in storages])
    home = storages[1]
    known: _Constants | None = home.constants
    if known is not None and known.eps == eps and known.writes == writes:
        for old, new in zip(known.arrays, arrays):
            if old is not new:
                break
        else:
            return known.made
    statistics = mean.array.astype(np.float64), var.array.astype(np.float64)
    center, scale, shift = factors(arrays[2], arrays[3], *statistics, eps)
    made = {"mean": center, "scale": scale, "shift": shift if bias is None else shift.copy()}
    home.constants = None if any(each.shared for each in storages) else _Constants(eps, arrays, writes, made)
    return made
