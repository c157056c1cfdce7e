"""Which algorithm computes a problem: the first of the table that does not refuse, or the one asked for by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .algorithms import ALGORITHMS, Algorithm, load
from .problem import ConvProblem

Walk = tuple[tuple[str, str | None], ...]

_forced: ContextVar[str | None] = ContextVar("forced convolution algorithm", default=None)


@contextmanager
def force_algorithm(name: str | None) -> Iterator[None]:
    """Within the block every convolution runs on this algorithm ('direct', 'numpy', ...); None lifts it.

    Raises ValueError for an unknown name, here; RuntimeError at a convolution which that algorithm refuses.

        >>> from convlet.conv import force_algorithm
        >>> with force_algorithm("numpy"):
        ...     y = torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3))
        >>> y.item()
        9.0
    """
    if name is not None:
        _check_name(name)
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def forced_algorithm() -> str | None:
    """The name force_algorithm set, or None."""
    return _forced.get()


def select(problem: ConvProblem, algorithm: str | None = None) -> tuple[Algorithm, Walk]:
    """The algorithm for a problem, and the walk that found it: (name, reason for refusing or None) of each asked.

    It depends on the problem of one image only, never on the batch or the threads. `algorithm` forces one
    by name: ValueError where there is none of that name, RuntimeError where it refuses.
    """
    one_image = problem.per_image()
    if algorithm is not None:
        _check_name(algorithm)
        found = load(algorithm)
        reason = found.refuse(one_image)
        if reason is not None:
            raise RuntimeError(f"algorithm {algorithm!r} refuses the convolution {problem}: {reason}")
        return found, ((algorithm, None),)
    walk = []
    for name in ALGORITHMS:
        found = load(name)
        reason = found.refuse(one_image)
        walk.append((name, reason))
        if reason is None:
            return found, tuple(walk)
    raise RuntimeError(f"no algorithm takes the convolution {problem}: {walk}")


def _check_name(name: str) -> None:
    if name not in ALGORITHMS:
        raise ValueError(f"there is no convolution algorithm {name!r}; there are {', '.join(ALGORITHMS)}")
