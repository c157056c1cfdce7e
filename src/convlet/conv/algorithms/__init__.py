"""The ordered table of convolution algorithms: the first that does not refuse a problem computes it.

An algorithm is a module of this folder, named as in the table, with

- `name: str`;
- `refuse(problem) -> str | None`: its reason for not taking a problem, or None. It may depend on the problem of one
  image only, so that an image gives the same bits in any batch;
- `finishes(problem) -> bool`, where it has it: whether it applies the problem's tail (ConvProblem.tail) while it
  stores. Otherwise that is passes over the output behind it, and its own plan knows nothing of it;
- `other(problem) -> str | None`, where it has it: which algorithm it leaves the problem to in some layouts of
  arrays, or in all;
- `plan(problem) -> run`, where run(a, b, bias, out, kept=None, tail=None) fills `out` and returns nothing:

      direction     a                  b                     bias          out
      fwd           x [n,ic,ih,iw]     w [oc,ic/g,kh,kw]     [oc] or None  [n,oc,oh,ow]
      bwd_input     grad [n,oc,oh,ow]  w [oc,ic/g,kh,kw]     None          grad_x [n,ic,ih,iw]
      bwd_weight    x [n,ic,ih,iw]     grad [n,oc,oh,ow]     None          grad_w [oc,ic/g,kh,kw]

  `kept` is the storage of w, of which packed forms may be kept (see runtime/storage.py); None forbids it. `tail` are
  the arrays of the problem's tail (see ../tail.py), where it has one and the algorithm `finishes` it; `out` is
  contiguous or channels-last then.
  All arrays are of the problem's dtype and of any strides: channels-last, expanded, reversed, unaligned.
  `out` is filled entirely and never read before it is written. A problem is never empty (see
  ConvProblem.empty).

A new algorithm is a new module and one entry here; tests, benchmarks and the selection iterate over the
table.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Protocol

from ..gradient import Run
from ..problem import ConvProblem

ALGORITHMS = (
    *("pointwise", "restated", "depthwise", "shallow", "patches", "overlap", "grouped", "winograd", "direct"),
    *("complex", "numpy"),
)


class Algorithm(Protocol):
    """What a module of this folder offers."""

    name: str

    def refuse(self, problem: ConvProblem) -> str | None: ...

    def plan(self, problem: ConvProblem) -> Run: ...


class _Missing:
    """Stands for an algorithm whose module cannot be imported, and says why."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason

    def refuse(self, problem: ConvProblem) -> str | None:
        return self.reason

    def plan(self, problem: ConvProblem) -> Run:
        raise RuntimeError(f"convolution algorithm {self.name!r} is not available: {self.reason}")


@cache
def load(name: str) -> Algorithm:
    """The algorithm of that name; imported at its first use, because it may bring Numba.

    Where Numba cannot be imported, or the system runs no code that it makes, the algorithm refuses every problem with
    that reason, said once as a warning.
    """
    try:
        return import_module(f"{__name__}.{name}")
    except ImportError as error:
        if (error.name or "").startswith("convlet"):
            raise
        missing = error.name in ("numba", "llvmlite")
        reason = "Numba is not installed" if missing else f"kernels cannot be compiled: {error}"
        _say_once(reason)
        return _Missing(name, reason)


@cache
def _say_once(reason: str) -> None:
    warnings.warn(f"{reason}; convolutions run through NumPy, slower", RuntimeWarning, stacklevel=3)
