"""New tensors from ranges: evenly spaced numbers, indices of triangles, powers."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.variable import Array, Variable
from ..ops.axes import array_of
from ..ops.scalars import is_number
from .creation import dtype_from, make, new
from .fma import fma
from .size import require_supported

__all__ = ["arange", "linspace", "logspace", "range", "tril_indices", "triu_indices", "vander"]


def _number(name: str, argument: str, position: int, value: Any) -> Any:
    if isinstance(value, Variable):
        return value.item()  # type: ignore[attr-defined]
    if isinstance(value, np.generic):
        return value.item()
    if not is_number(value):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Number, not {type(value).__name__}"
        )
    return value


def arange(
    *bounds: Any, start: Any = None, end: Any = None, step: Any = None, out: Any = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """``start, start + step, ...`` up to but without ``end``: ceil((end - start) / step) elements.

    ``arange(end)``, ``arange(start, end)`` or ``arange(start, end, step)``; int64 when all are integers, else the
    default dtype. RuntimeError for a step of 0 or of the wrong sign and for bounds that are not finite.

    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if len(bounds) > 3:
        raise TypeError("arange() takes from 1 to 3 positional arguments")
    if len(bounds) == 1:
        if end is None and start is None:
            end = bounds[0]
        elif end is None:
            raise TypeError("arange() received an invalid combination of arguments: start was given twice")
        else:
            start = bounds[0]
    elif bounds:
        start, end = bounds[:2]
        step = bounds[2] if len(bounds) == 3 else step
    if end is None:
        raise TypeError('arange() missing 1 required positional arguments: "end"')
    tensors = [each.dtype for each in (start, end, step) if isinstance(each, Variable)]
    first = _number("arange", "start", 1, 0 if start is None else start)
    last = _number("arange", "end", 1, end)
    by = _number("arange", "step", 3, 1 if step is None else step)
    whole = all(isinstance(each, int) for each in (first, last, by)) and not any(
        each.is_floating_point for each in tensors
    )
    default = out.dtype if out is not None else dtypes.int64 if whole else None
    wanted = dtype_from("arange", dtype, default)
    if wanted.kind in "bc":
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{wanted.scalar_name}'")
    if wanted.kind in "ui":
        first, last, by = (int(each) if math.isfinite(each) else each for each in (first, last, by))
    if by == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"unsupported range: {_short(first)} -> {_short(last)}")
    if (last - first) * (1 if by > 0 else -1) < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    whole = all(isinstance(each, int) for each in (first, last, by))
    count = -((first - last) // by) if whole else math.ceil((float(last) - float(first)) / float(by))
    return make(
        "arange", (count,), wanted, lambda shape, kind: _progression(first, by, count, kind), device=device,
        requires_grad=requires_grad, out=out,
    )  # fmt: skip


def _short(value: Any) -> str:
    return f"{value:g}"


def _progression(start: Any, step: Any, count: int, kind: np.dtype[Any]) -> Array:
    """``start + i step`` as PyTorch rounds it: in double, but in blocks of one AVX2 register from a rounded start."""
    if kind.kind in "ui":
        with np.errstate(over="ignore"):
            return (np.arange(count, dtype=np.int64) * step + start).astype(kind)
    places = np.arange(count, dtype=np.float64)
    start, step = float(start), float(step)
    result = fma(places, step, start).astype(kind)
    lanes = 32 // kind.itemsize
    blocks = count - count % (2 * lanes)
    if blocks:
        lane = places[:blocks] % lanes
        first = fma(places[:blocks] - lane, step, start).astype(kind).astype(np.float64)
        result[:blocks] = (first + lane * step).astype(kind)
    return result


def range(start: Any, end: Any = None, step: Any = 1, **options: Any) -> Any:
    """``start, start + step, ...`` up to ``end`` included, in the default dtype. Deprecated: use :func:`arange`."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    if end is None:
        start, end = 0, start
    count = math.floor((end - start) / step) + 1
    dtype = options.pop("dtype", None)
    return make("range", (count,), dtype, lambda shape, kind: _progression(start, step, count, kind), **options)


def linspace(
    start: Any, end: Any, steps: int, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """``steps`` numbers from ``start`` to ``end``, both included, evenly spaced.

    RuntimeError for a negative number of steps.

    >>> torch.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    first, last = _end_points("linspace", start, end)
    default = dtypes.default_complex() if isinstance(first, complex) or isinstance(last, complex) else None
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return make(
        "linspace", (steps,), dtype, lambda shape, kind: _evenly(first, last, steps, kind), default=default,
        device=device, requires_grad=requires_grad, out=out,
    )  # fmt: skip


def _end_points(name: str, start: Any, end: Any) -> tuple[Any, Any]:
    ranks = [each.array.ndim if isinstance(each, Variable) else 0 for each in (start, end)]
    if any(ranks):
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got start with {ranks[0]} dimension(s) and "
            f"end with {ranks[1]} dimension(s)."
        )
    return _number(name, "start", 1, start), _number(name, "end", 2, end)


def _evenly(start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> Array:
    """From both ends to the middle, each number one fused multiply-add in the element's type, as PyTorch has it."""
    if steps == 1:
        return np.array([start]).astype(kind)
    if kind.kind == "c":
        real = np.dtype(np.float32 if kind.itemsize == 8 else np.float64)
        result = np.empty(steps, kind)
        first, last = complex(start), complex(end)
        result.real, result.imag = (
            _evenly(a, b, steps, real) for a, b in ((first.real, last.real), (first.imag, last.imag))
        )
        return result
    places = np.arange(steps)
    below = places < steps // 2
    if kind.kind in "ui":
        first, last = int(start), int(end)
        step = np.float32((last - first) / (steps - 1))
        up = first + (step * places.astype(np.float32)).astype(np.float32)
        down = last - (step * (steps - 1 - places).astype(np.float32)).astype(np.float32)
        return np.where(below, up, down).astype(np.int64).astype(kind)
    compute = np.dtype(np.float64) if kind == np.float64 else np.dtype(np.float32)
    ends = np.array([start, end]).astype(kind).astype(compute)
    span = ends[1] - ends[0]
    gap = float((span / compute.type(max(steps - 1, 1))).astype(kind))
    up = fma(places.astype(compute), gap, float(ends[0]))
    down = fma((steps - 1 - places).astype(compute), -gap, float(ends[1]))
    return np.where(below, up, down).astype(kind)


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """``base`` to the power of ``steps`` numbers evenly spaced from ``start`` to ``end``.

    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    first, last = _end_points("logspace", start, end)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")

    def fill(shape: tuple[int, ...], kind: np.dtype[Any]) -> Array:
        compute = np.dtype(np.float64) if kind.kind in "uiV" or kind.itemsize in (2, 8) else kind
        powers = np.power(compute.type(base), _evenly(first, last, steps, compute))
        return (np.round(powers, 9) if kind.kind in "ui" else powers).astype(kind)

    return make("logspace", (steps,), dtype, fill, device=device, requires_grad=requires_grad, out=out)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Any:
    """The rows and columns (two rows of the result, int64) of the lower triangle of a (row, col) matrix."""
    return _triangle("tril_indices", np.tril_indices(row, offset, col), dtype, device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Any:
    """The rows and columns (two rows of the result, int64) of the upper triangle of a (row, col) matrix."""
    return _triangle("triu_indices", np.triu_indices(row, offset, col), dtype, device)


def _triangle(name: str, places: tuple[Array, Array], dtype: Any, device: Any) -> Any:
    wanted = dtype_from(name, dtype, dtypes.int64)
    return new(np.stack(places).astype(wanted.numpy), require_supported(device))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix of the powers of a vector: column j holds ``x ** (N - 1 - j)``, or ``x ** j`` when increasing."""
    return make_result(np.vander(array_of(x), N, increasing))
