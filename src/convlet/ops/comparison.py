"""Comparisons, logic and bits, element by element: a table of rows (function, in-place form) = compare(...)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.function import make_result
from ..autograd.variable import Array, Variable
from .axes import array_of
from .conversion import check_broadcast, dtype_of, is_half
from .pointwise import Pointwise, binary, binary_, write_into

__all__ = [
    "allclose", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "eq", "equal", "gcd", "gcd_", "ge", "greater", "greater_equal", "gt", "isclose", "isfinite",
    "isin", "isinf", "isnan", "isneginf", "isposinf", "isreal", "lcm", "lcm_", "le", "less", "less_equal",
    "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "ne", "not_equal", "signbit",
]  # fmt: skip

Function = Callable[..., Any]


def compare(
    name: str,
    compute: Callable[..., Array],
    formula: str,
    example: str,
    *,
    kinds: str = "buifVc",
    refusal: str = "\"{name}_cpu\" not implemented for '{type}'",
    error: type[Exception] = NotImplementedError,
    numbers: bool = True,
    operands: tuple[str, ...] = ("input", "other"),
) -> tuple[Function, Function]:
    """The public function of one or two operands, which has no gradient, and its in-place form."""
    attributes = {
        "name": name,
        "compute": compute if isinstance(compute, np.ufunc) else staticmethod(compute),
        "operands": operands,
        "kinds": kinds,
        "refusal": refusal.replace("{name}", name),
        "refusal_error": error,
        "numbers": numbers,
        "differentiable": False,
        "to_bool": "bit" not in name and name not in ("gcd", "lcm"),
    }
    operation: type[Pointwise] = type(name, (Pointwise,), attributes)

    if len(operands) == 1:

        def function(input: Any) -> Any:
            if not isinstance(input, (Variable, np.ndarray)):
                raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
            operation.accept(dtype_of(input))
            return operation.apply(input)

        def inplace(input: Any) -> Any:
            operation.accept(dtype_of(input))
            return write_into(operation, input)

    else:

        def function(input: Any, other: Any) -> Any:  # type: ignore[misc]
            return binary(operation, input, other)

        def inplace(input: Any, other: Any) -> Any:  # type: ignore[misc]
            return binary_(operation, input, other)

    function.__name__ = function.__qualname__ = name
    inplace.__name__ = inplace.__qualname__ = f"{name}_"
    call, result = example.split(" -> ")
    function.__doc__ = f"``{formula}``, element by element.\n\n    >>> torch.{name}({call})\n    {result}\n    "
    inplace.__doc__ = f":func:`{name}` into ``input``."
    return function, inplace


# Order ------------------------------------------------------------------------------------------------------------

_NUMBERS = "torch.tensor([1, 2, 3]), 2 -> "
_REAL = "buifV"

eq, eq_ = compare("eq", np.equal, "input == other", _NUMBERS + "tensor([False,  True, False])")
ne, ne_ = compare("ne", np.not_equal, "input != other", _NUMBERS + "tensor([ True, False,  True])")
lt, lt_ = compare("lt", np.less, "input < other", _NUMBERS + "tensor([ True, False, False])", kinds=_REAL)
le, le_ = compare("le", np.less_equal, "input <= other", _NUMBERS + "tensor([ True,  True, False])", kinds=_REAL)
gt, gt_ = compare("gt", np.greater, "input > other", _NUMBERS + "tensor([False, False,  True])", kinds=_REAL)
ge, ge_ = compare("ge", np.greater_equal, "input >= other", _NUMBERS + "tensor([False,  True,  True])", kinds=_REAL)
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge
not_equal_, less_, less_equal_, greater_, greater_equal_ = ne_, lt_, le_, gt_, ge_

# Logic: what is not zero is true ----------------------------------------------------------------------------------


def _truth(x: Array) -> Array:
    return x if x.dtype == np.bool_ else x != 0


_FLAGS = "torch.tensor([True, True, False]), torch.tensor([True, False, False]) -> "

logical_and, logical_and_ = compare(
    "logical_and", lambda a, b: _truth(a) & _truth(b), "input and other", _FLAGS + "tensor([ True, False, False])",
    numbers=False,
)  # fmt: skip
logical_or, logical_or_ = compare(
    "logical_or", lambda a, b: _truth(a) | _truth(b), "input or other", _FLAGS + "tensor([ True,  True, False])",
    numbers=False,
)  # fmt: skip
logical_xor, logical_xor_ = compare(
    "logical_xor", lambda a, b: _truth(a) ^ _truth(b), "input or other, but not both",
    _FLAGS + "tensor([False,  True, False])", numbers=False,
)  # fmt: skip
logical_not, logical_not_ = compare(
    "logical_not", lambda x: ~_truth(x), "not input", "torch.tensor([0, 2]) -> tensor([ True, False])",
    operands=("input",),
)  # fmt: skip

# Bits -------------------------------------------------------------------------------------------------------------


def _shift(ufunc: np.ufunc) -> Callable[[Array, Array], Array]:
    """A shift by at least the width leaves nothing (of a negative number shifted right, its sign)."""

    def compute(input: Array, other: Array) -> Array:
        width = input.dtype.itemsize * 8
        outside = (other < 0) | (other >= width)
        if not outside.any():
            return ufunc(input, other)
        gone = ufunc(input, input.dtype.type(width - 1)) if ufunc is np.right_shift else np.zeros_like(input)
        return np.where(outside, gone, ufunc(input, np.where(outside, other.dtype.type(0), other)))

    return compute


bitwise_and, bitwise_and_ = compare(
    "bitwise_and", np.bitwise_and, "input & other", "torch.tensor([1, 2, 3]), 1 -> tensor([1, 0, 1])", kinds="bui"
)
bitwise_or, bitwise_or_ = compare(
    "bitwise_or", np.bitwise_or, "input | other", "torch.tensor([1, 2, 3]), 1 -> tensor([1, 3, 3])", kinds="bui"
)
bitwise_xor, bitwise_xor_ = compare(
    "bitwise_xor", np.bitwise_xor, "input ^ other", "torch.tensor([1, 2, 3]), 1 -> tensor([0, 3, 2])", kinds="bui"
)
bitwise_not, bitwise_not_ = compare(
    "bitwise_not", np.invert, "~input", "torch.tensor([0, 1]) -> tensor([-1, -2])", kinds="bui", operands=("input",)
)
bitwise_left_shift, bitwise_left_shift_ = compare(
    "bitwise_left_shift", _shift(np.left_shift), "input << other", "torch.tensor([1, 2]), 3 -> tensor([ 8, 16])",
    kinds="ui", refusal="\"lshift_cpu\" not implemented for '{type}'",
)  # fmt: skip
bitwise_right_shift, bitwise_right_shift_ = compare(
    "bitwise_right_shift", _shift(np.right_shift), "input >> other", "torch.tensor([8, 17]), 3 -> tensor([1, 2])",
    kinds="ui", refusal="\"rshift_cpu\" not implemented for '{type}'",
)  # fmt: skip
gcd, gcd_ = compare(
    "gcd", np.gcd, "the greatest common divisor", "torch.tensor([12]), torch.tensor([18]) -> tensor([6])",
    kinds="ui", numbers=False,
)  # fmt: skip
lcm, lcm_ = compare(
    "lcm", np.lcm, "the least common multiple", "torch.tensor([4]), torch.tensor([6]) -> tensor([12])",
    kinds="ui", numbers=False,
)  # fmt: skip


def invert(input: Any) -> Any:
    """``~input``: bits of integers, negation of bools. TypeError for other dtypes."""
    if dtype_of(input).rank > 2:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return bitwise_not(input)


# Kinds of number --------------------------------------------------------------------------------------------------

_SPECIAL = 'torch.tensor([1.0, float("inf"), float("nan")]) -> '


def _nothing(x: Array) -> Array:
    return np.zeros(x.shape, np.bool_)


def _signbit(x: Array) -> Array:
    if x.dtype.kind in "bu":
        return _nothing(x)
    return np.signbit(x) if x.dtype.kind == "f" else x < 0 if x.dtype.kind == "i" else np.signbit(x.astype(np.float32))


isnan, _ = compare(
    "isnan", lambda x: x != x, "whether it is NaN", _SPECIAL + "tensor([False, False,  True])", operands=("input",)
)
isinf, _ = compare(
    "isinf", lambda x: np.isinf(x) if x.dtype.kind in "fVc" else _nothing(x), "whether it is infinite",
    _SPECIAL + "tensor([False,  True, False])", operands=("input",),
)  # fmt: skip
isfinite, _ = compare(
    "isfinite", lambda x: np.isfinite(x) if x.dtype.kind in "fVc" else ~_nothing(x),
    "whether it is neither infinite nor NaN", _SPECIAL + "tensor([ True, False, False])", operands=("input",),
)  # fmt: skip
isposinf, _ = compare(
    "isposinf", lambda x: x == np.inf if x.dtype.kind in "fV" else _nothing(x), "whether it is infinity",
    _SPECIAL + "tensor([False,  True, False])", operands=("input",), kinds=_REAL,
    refusal="isposinf does not support complex inputs.", error=RuntimeError,
)  # fmt: skip
isneginf, _ = compare(
    "isneginf", lambda x: x == -np.inf if x.dtype.kind in "fV" else _nothing(x), "whether it is minus infinity",
    _SPECIAL + "tensor([False, False, False])", operands=("input",), kinds=_REAL,
    refusal="isneginf does not support complex inputs.", error=RuntimeError,
)  # fmt: skip
isreal, _ = compare(
    "isreal", lambda x: x.imag == 0 if x.dtype.kind == "c" else ~_nothing(x), "whether the imaginary part is 0",
    "torch.tensor([1 + 0j, 1j]) -> tensor([ True, False])", operands=("input",),
)  # fmt: skip
signbit, _ = compare(
    "signbit", _signbit, "whether the sign bit is set", "torch.tensor([-0.0, 1.0]) -> tensor([ True, False])",
    operands=("input",), kinds=_REAL, refusal="signbit is not implemented for complex tensors.",
)  # fmt: skip

# Closeness --------------------------------------------------------------------------------------------------------


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether ``|input - other| <= atol + rtol * |other|``, element by element.

    Equal infinities are close, and NaN are when ``equal_nan``. RuntimeError for tensors of two dtypes and for
    negative tolerances.

    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    a, b = array_of(input), array_of(other)
    if a.dtype != b.dtype:
        raise RuntimeError(f"{dtype_of(input).scalar_name} did not match {dtype_of(other).scalar_name}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    check_broadcast(a.shape, b.shape)
    with np.errstate(all="ignore"):
        close = a == b
        if equal_nan:
            close = close | ((a != a) & (b != b))
        if a.dtype.kind in "fVc":
            wide = (np.float32,) if is_half(a.dtype) else ()
            a, b = (each.astype(*wide) if wide else each for each in (a, b))
            difference = np.abs(a - b)
            close = close | (np.isfinite(difference) & (difference <= atol + np.abs(rtol * b)))
        elif a.dtype.kind in "ui":
            difference = np.abs(a.astype(np.float64) - b)
            close = close | (difference <= atol + np.abs(rtol * b.astype(np.float64)))
    return make_result(np.asarray(close))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close in the sense of :func:`isclose`.

    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-9]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and the same elements.

    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    a = array_of(input)
    if not isinstance(other, (Variable, np.ndarray)):
        raise TypeError(f"equal(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    b = array_of(other)
    return a.shape == b.shape and bool((a == b).all())


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of ``elements`` is among ``test_elements``; the opposite if ``invert``.

    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 5]))
    tensor([False,  True, False])
    """
    a, b = (each.array if isinstance(each, Variable) else np.asarray(each) for each in (elements, test_elements))
    return make_result(np.asarray(np.isin(a, b, assume_unique=assume_unique, invert=invert)))
