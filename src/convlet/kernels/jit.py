"""Numba's words for those who write kernels; Numba itself is imported when something has to be compiled.

Importing Numba and LLVM takes 0.15 s and 65 MB, getting them ready to compile as much again. A process that finds all
its kernels on disk does without, so here are decorators that wait, and what they make is what Numba asks for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any


class Later:
    """What `make()` gives, made when Numba asks for its type, or somebody for an attribute."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @functools.cached_property
    def _made(self) -> Any:
        return self._make()

    @property
    def _numba_type_(self) -> Any:
        """Numba's type of it, by which it finds what a name in a kernel stands for."""
        made = self._made
        context = import_module("numba.core.registry").cpu_target.typing_context
        context.refresh()  # it may have been made a moment ago
        return context.resolve_value_type(made)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by Python and its tools, who want to know nothing of Numba
            raise AttributeError(name)
        return getattr(self._made, name)


def _module(name: str) -> Any:
    return Later(lambda: import_module(name))


types, cgutils = _module("numba.core.types"), _module("numba.core.cgutils")
carray = Later(lambda: import_module("numba").carray)


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A function that kernels call; from Python it cannot be called."""

    def decorate(function: Callable[..., Any]) -> Any:
        def make() -> Any:
            return import_module("numba").njit(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)

        return Later(make)

    return decorate


def intrinsic(*functions: Callable[..., Any], **options: Any) -> Any:
    """A function that kernels call, which writes instructions: `@intrinsic` or `@intrinsic(prefer_literal=True)`."""
    if not functions:
        return functools.partial(intrinsic, **options)

    def make() -> Any:
        written = import_module("numba.extending").intrinsic
        return written(**options)(*functions) if options else written(*functions)

    return Later(make)
