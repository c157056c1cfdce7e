"""Whether operations are recorded: a flag of each Python thread."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Self


class _Mode(threading.local):
    grad = True
    inference = False
    span: list[Any] | None = None  # tensors left for later in this thread, see deferred.py


_mode = _Mode()
spans: list[None] = []  # one for each span open in any thread: asking it costs less than asking `_mode`


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require a gradient are recorded in this thread."""
    return _mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside :class:`inference_mode`."""
    return _mode.inference


class _ModeContext:
    """Sets the two flags inside a ``with`` block or a decorated function, and puts the old ones back."""

    _new: tuple[bool, bool | None]
    _old: Any = None  # what the flags were, and what this was before

    def __init__(self, grad: bool, inference: bool | None = None) -> None:
        self._new = (grad, inference)

    def __enter__(self) -> Self:
        self._old = _mode.grad, _mode.inference, self._old
        grad, inference = self._new
        _mode.grad = grad
        if inference is not None:
            _mode.inference = inference
        return self

    def __exit__(self, *exception: object) -> None:
        _mode.grad, _mode.inference, self._old = self._old

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return decorated

    def clone(self) -> _ModeContext:
        """A context of its own for each call of a decorated function."""
        return _ModeContext(*self._new)


class no_grad(_ModeContext):
    """Record nothing inside: results do not require a gradient. A context manager and a decorator.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        new = super().__new__(cls)
        return new if function is None else new(function)  # used as "@no_grad" without parentheses

    _new = (False, None)

    def __init__(self) -> None:
        pass


class enable_grad(_ModeContext):
    """Record operations inside, also within :class:`no_grad`. A context manager and a decorator."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        new = super().__new__(cls)
        return new if function is None else new(function)

    _new = (True, None)

    def __init__(self) -> None:
        pass


class set_grad_enabled(_ModeContext):
    """Record or not, from the call on, or only inside when used in a ``with`` statement."""

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self._old = _mode.grad, _mode.inference, None
        _mode.grad = bool(mode)

    def __enter__(self) -> Self:
        return self

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _mode.grad, _mode.inference, self._old = self._old  # a decorator acts inside its function only
        return super().__call__(function)


class inference_mode(_ModeContext):
    """As :class:`no_grad`, and results can never be part of a recorded computation later."""

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        new = super().__new__(cls)
        if isinstance(mode, bool):
            return new
        new.__init__()  # type: ignore[misc]
        return new(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode, mode)
