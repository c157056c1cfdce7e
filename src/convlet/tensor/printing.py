"""Tensors as text, to the character as PyTorch prints them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..dtypes import default_complex, from_numpy, get_default_dtype

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


@dataclasses.dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_OPTIONS = _Options()

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors print.

    ``precision``: digits after the point (4). ``threshold``: a tensor of more elements is summarised (1000) to the
    first and last ``edgeitems`` (3) of each dimension. ``linewidth``: characters in a line (80). ``profile``:
    'default', 'short' (2 digits, 2 edge items) or 'full' (never summarise); the other arguments go before it.
    ``sci_mode``: scientific notation always (True), never (False), or as the numbers need it (None, also when
    left out).

    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1.12345])
    tensor([1.12])
    >>> torch.set_printoptions(profile="default")
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes = _PROFILES.get(profile or "", {}) | {name: each for name, each in given.items() if each is not None}
    for name, value in (changes | {"sci_mode": sci_mode}).items():
        setattr(_OPTIONS, name, value)


def get_printoptions() -> dict[str, Any]:
    """The current options, as a dictionary that ``set_printoptions(**options)`` takes.

    >>> torch.get_printoptions()["precision"]
    4
    """
    return dataclasses.asdict(_OPTIONS)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """The options of :func:`set_printoptions` inside a ``with`` block.

    >>> with torch.printoptions(precision=1):
    ...     print(torch.tensor([1.25, 2.5]))
    tensor([1.2, 2.5])
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_text(
    array: np.ndarray,
    *,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    device: str | None = None,
    prefix: str = "tensor",
    contents: str | None = None,
) -> str:
    """The text of a tensor of these values, such as "tensor([1., 2.], requires_grad=True)".

    The dtype is named when it is not the default one of its kind. ``device`` is named when given; of a 'meta' tensor
    only shape and dtype are known. ``prefix`` is the name before the parenthesis and ``contents``, when given, stands
    in place of the values.
    """
    opening = f"{prefix}("
    indent = len(opening)
    dtype, default = from_numpy(array.dtype), get_default_dtype()
    name_size = f"size={tuple(array.shape)}"
    suffixes = []
    if device is not None:
        suffixes.append(f"device='{device}'")
    if device == "meta":
        body, implied = "...", dtype is default
        suffixes.append(name_size)
    elif array.size == 0:
        body, implied = "[]", dtype is default
        if array.ndim != 1:
            suffixes.append(name_size)
    else:
        body = "" if contents is not None else _values_text(array, indent)
        implied = dtype is default or dtype is default_complex() or dtype.name in ("int64", "bool")
        if not _OPTIONS.edgeitems:
            suffixes.append(name_size)
    if not implied:
        suffixes.append(f"dtype={dtype}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _append(opening + (body if contents is None else contents), suffixes, indent)


def _append(text: str, suffixes: list[str], indent: int) -> str:
    """Add the suffixes, each on a new line where the line would become too long, and the parenthesis."""
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _OPTIONS.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"


# Numbers ----------------------------------------------------------------------------------------------------------


class _Number:
    """How the numbers of one tensor (or of its real, or imaginary parts) are written: all in one way and width."""

    def __init__(self, values: np.ndarray) -> None:
        self.floating = values.dtype.kind not in "biu"
        self.whole, self.scientific, self.width = True, False, 1
        shown = values.astype(np.float64).reshape(-1) if self.floating else values.reshape(-1)
        if self.floating:
            shown = shown[np.isfinite(shown) & (shown != 0)]
            if shown.size:
                sizes = np.abs(shown)
                smallest, largest = float(sizes.min()), float(sizes.max())
                self.whole = bool((shown == np.ceil(shown)).all())
                self.scientific = (
                    largest / smallest > 1000.0 or largest > 1e8 or smallest < 1e-4
                    if _OPTIONS.sci_mode is None
                    else _OPTIONS.sci_mode
                )
        self.width = max([1, *(len(self.text(each)) for each in shown.tolist())])

    def text(self, value: float) -> str:
        """One number, not yet padded to the width."""
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{_OPTIONS.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{_OPTIONS.precision}f}"

    def padded(self, value: float) -> str:
        return self.text(value).rjust(self.width)


class _Complex:
    """How complex numbers are written: real and imaginary parts each in their own way."""

    def __init__(self, values: np.ndarray) -> None:
        self.real, self.imag = _Number(values.real), _Number(values.imag)
        self.width = self.real.width + self.imag.width + 1

    def padded(self, value: complex) -> str:
        imag = self.imag.padded(value.imag).lstrip()
        return self.real.padded(value.real) + ("" if imag[0] in "+-" else "+") + imag + "j"


# Layout -----------------------------------------------------------------------------------------------------------


def _values_text(array: np.ndarray, indent: int) -> str:
    """The values in brackets, ``indent`` characters from the left."""
    summarise = array.size > _OPTIONS.threshold
    shown = _edges(array) if summarise else array
    if array.dtype.kind == "c":
        return _nested(array.astype(np.complex128), indent, summarise, _Complex(shown))
    return _nested(array, indent, summarise, _Number(shown))


def _edges(array: np.ndarray) -> np.ndarray:
    """The part of a summarised array that is printed; it decides how the numbers are written."""
    keep = _OPTIONS.edgeitems
    if not keep and array.ndim > 1:
        return array[:0]
    for axis, size in enumerate(array.shape):
        if keep and size > 2 * keep:
            array = np.take(array, [*range(keep), *range(size - keep, size)], axis)
    return array


def _nested(array: np.ndarray, indent: int, summarise: bool, number: _Number | _Complex) -> str:
    if array.ndim == 0:
        return number.padded(_plain(array))
    keep = _OPTIONS.edgeitems
    cut = summarise and len(array) > 2 * keep
    if array.ndim == 1:
        return _row(array, indent, cut, summarise and not keep, number)
    rows = [*range(keep), *range(len(array) - keep, len(array))] if cut else range(len(array))
    texts = [_nested(array[row], indent + 1, summarise, number) for row in rows]
    if cut:
        texts.insert(keep, "...")
    separator = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + separator.join(texts) + "]"


def _row(array: np.ndarray, indent: int, cut: bool, hidden: bool, number: _Number | _Complex) -> str:
    keep = _OPTIONS.edgeitems
    if hidden:
        texts = ["..."]
    elif cut:
        head, tail = ([number.padded(each) for each in _plain(part)] for part in (array[:keep], array[-keep:]))
        texts = [*head, " ...", *tail]
    else:
        texts = [number.padded(each) for each in _plain(array)]
    per_line = max(1, (_OPTIONS.linewidth - indent) // (number.width + 2))
    lines = [", ".join(texts[start : start + per_line]) for start in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _plain(array: np.ndarray) -> Any:
    """The values as Python numbers."""
    return array.tolist() if array.dtype.kind in "biuc" else array.astype(np.float64).tolist()
