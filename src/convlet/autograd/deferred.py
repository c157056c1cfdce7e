"""Results that are computed when somebody looks at them.

Inside a *span*, the call of a network that records nothing, an operation may return a tensor that has no array yet and
knows how it is computed (:class:`Step`). The operation that takes it may append a step of its own, so that a
convolution, the batch norm behind it and the ReLU behind that are computed together. It may also take the step itself
as an operand, so that a whole network is computed layer after layer with little Python between: what runs between two
layers finds its code and data gone from the caches. Whatever else asks for the array gets it: ``Variable.array``
computes it then.

Nothing outlives the span: at its end all that is still held is computed. Nothing is computed from memory that was
written to in between: before any write, and before anybody learns where memory is, all that is still held is computed,
too.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from ..runtime.quiet import restore, silence
from .mode import _mode, spans
from .variable import Array, Variable


class Step:
    """An array that is not computed yet: what it is made of, and the step before it if there is one.

    ``owner`` is the tensor whose array it is. While it lives somebody may still look at it. ``taken`` says that a step
    has it as an operand.
    """

    __slots__ = ("before", "lock", "owner", "result", "taken")

    def __init__(self, before: Step | None = None) -> None:
        self.before = before
        self.owner: weakref.ref[Variable] | None = None
        self.result: Array | None = None
        self.taken = False
        self.lock = threading.RLock()  # a tensor may have been given to another thread

    def compute(self) -> Array:
        """The array; computed once, after those that it needs. Networks are deeper than Python's stack."""
        waiting = [self]
        while waiting:
            missing = waiting[-1]._missing()
            if missing:
                waiting += reversed(missing)
            else:
                waiting.pop()._compute()
        assert self.result is not None
        return self.result

    def _missing(self) -> list[Step]:
        with self.lock:
            return [] if self.result is not None else [each for each in self.needs() if each.result is None]

    def _compute(self) -> None:
        with self.lock:
            if self.result is None:
                old = silence()
                try:
                    self.result = self.run()
                finally:
                    restore(old)
                self.release()

    @property
    def wanted(self) -> bool:
        """Whether the array is known, or somebody will ask for it: a step, or who holds a tensor that still lives."""
        return self.result is not None or self.taken or (self.owner is not None and self.owner() is not None)

    def needs(self) -> list[Step]:
        """The steps whose arrays this one is computed from."""
        raise NotImplementedError

    def run(self) -> Array:
        """Compute the array; those that it needs are known."""
        raise NotImplementedError

    def release(self) -> None:
        """Let go of what it was computed from."""
        self.before = None


def later(step: Step) -> Any:
    """A tensor whose array is that of a step."""
    cls = Variable.tensor_type
    new = cls.__new__(cls)
    if _mode.inference:
        new.inference = True
    _give(new, step)
    return new


def replace(variable: Variable, step: Step) -> None:
    """Makes the array of a step that of a tensor which has none yet: what an operation in place does."""
    old = variable._step
    assert old is not None
    old.owner = None
    _give(variable, step)
    variable._version.bump()


def _give(variable: Variable, step: Step) -> None:
    step.owner = weakref.ref(variable)
    variable._step = step
    if _mode.span is not None:
        _mode.span.append(step.owner)


def step_of(value: Any) -> Step | None:
    """The step of a tensor that has no array yet; None for any other value."""
    if isinstance(value, Variable) and value._step is not None and "array" not in value.__dict__:
        return value._step
    return None


def taken(step: Step) -> Step:
    """The step, which becomes an operand of another."""
    step.taken = True
    return step


def settle() -> None:
    """Compute all that this thread has left for later and that is still held."""
    held = _mode.span
    if held:
        waiting = [reference() for reference in held]
        held.clear()
        for variable in waiting:
            if variable is not None:
                variable.array  # noqa: B018


def share(variable: Variable) -> None:
    """Somebody gets to know the memory of a tensor, and may write to it unseen."""
    if spans:
        settle()
    variable._version.storage.share()


def span(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of a call that may leave things for later, all of them computed at its end."""
    _mode.span = []
    spans.append(None)
    try:
        result = function(*args, **kwargs)
        settle()
        return result
    finally:
        spans.pop()
        _mode.span = None
