"""Functions of one operand, element by element: a table of rows (function, in-place form) = unary(...).

A row gives the name, the function of an array, and the gradient by what it needs (see pointwise): ``grad``, the
``input`` or the ``result``. For complex numbers the gradient is multiplied by the conjugate of the derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.variable import Array, Variable
from ..kernels import large
from ..runtime import memory
from .complex_numbers import conj
from .conversion import cast, is_half, real_part
from .elementwise import div, mul, sub
from .error_function import erf_of, erfc_of, erfinv_of
from .pointwise import Gradient, Pointwise, by_operand, in_float32, write_into, zeros_as
from .selection import where

__all__ = [
    "abs", "abs_", "absolute", "acos", "acos_", "acosh", "acosh_", "arccos", "arccos_", "arccosh", "arccosh_",
    "arcsin", "arcsin_", "arcsinh", "arcsinh_", "arctan", "arctan_", "arctanh", "arctanh_", "asin", "asin_",
    "asinh", "asinh_", "atan", "atan_", "atanh", "atanh_", "ceil", "ceil_", "cos", "cos_", "cosh", "cosh_",
    "deg2rad", "deg2rad_", "erf", "erf_", "erfc", "erfc_", "erfinv", "exp", "exp2", "exp2_", "exp_", "expm1",
    "expm1_", "fix", "fix_", "floor", "floor_", "frac", "frac_", "log", "log1p", "log1p_", "log2", "log2_",
    "log10", "log10_", "log_", "logit", "logit_", "neg", "neg_", "negative", "negative_", "positive", "rad2deg",
    "rad2deg_", "reciprocal", "reciprocal_", "round", "round_", "rsqrt", "rsqrt_", "sgn", "sigmoid", "sigmoid_",
    "sign", "sin", "sin_", "sinc", "sinc_", "sinh", "sinh_", "sqrt", "sqrt_", "square", "square_", "tan",
    "tan_", "tanh", "tanh_", "trunc", "trunc_",
]  # fmt: skip

Function = Callable[[Any], Any]
sgn: Function  # named by gradients above them
cos: Function
cosh: Function


def unary(
    name: str,
    compute: Callable[[Array], Any],
    gradient: Gradient,
    formula: str,
    example: tuple[str, str],
    *,
    kinds: str = "fc",
    refusal: str = "\"{name}_vml_cpu\" not implemented for '{type}'",
    error: type[Exception] = NotImplementedError,
    node: str = "",
    integers: str = "to_float",
) -> tuple[Function, Function]:
    """The public function of one operand and its in-place form.

    ``kinds`` are the kinds of dtype it computes in (as in Dtype.kind). Where integers and bools are not among them
    they become the default floating dtype (``integers='to_float'``), or stay as they are ('unchanged': rounding).
    Any other dtype raises ``error`` with the sentence ``refusal``.
    """
    attributes: dict[str, Any] = {
        "name": name,
        "operands": ("input",),
        "compute": compute if isinstance(compute, np.ufunc) else staticmethod(compute),
        "gradients": {"input": gradient},
        "kinds": kinds.replace("f", "fV"),
        "to_float": integers == "to_float" and "i" not in kinds,
        "refusal": refusal.replace("{name}", name),
        "refusals": {"b": f"\"{name}_vml_cpu\" not implemented for '{{type}}'"} if integers == "unchanged" else {},
        "refusal_error": error,
        "backward_name": node or f"{name.capitalize()}Backward0",
    }
    operation: type[Pointwise] = type(name.capitalize(), (Pointwise,), attributes)
    half: Any = type(name.capitalize(), (operation,), {**attributes, "compute": staticmethod(in_float32(compute))})
    native = kinds
    unchanged = integers == "unchanged"

    def prepared(input: Any) -> Any:
        array = input.array if isinstance(input, Variable) else input
        if not isinstance(array, (np.ndarray, np.generic)):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        return cast(input, operation.accept(dtypes.from_numpy(array.dtype)))

    def function(input: Any) -> Any:
        array = input.array if isinstance(input, Variable) else input
        if isinstance(array, (np.ndarray, np.generic)) and array.dtype.kind in native and array.dtype.itemsize > 2:
            return operation.apply(input)
        if unchanged and array.dtype.kind in "ui":
            return _Same.apply(input)
        input = prepared(input)
        array = input.array if isinstance(input, Variable) else input
        return (half if is_half(array.dtype) else operation).apply(input)

    def inplace(input: Any) -> Any:
        kind = input.array.dtype.kind
        if unchanged and kind in "ui":
            return input
        operation.accept(input.dtype, input)
        return write_into(half if is_half(input.array.dtype) else operation, input)

    function.__name__ = function.__qualname__ = name
    inplace.__name__ = inplace.__qualname__ = f"{name}_"
    if not formula:
        return function, inplace
    call = f"torch.{name}(torch.tensor({example[0]}))"
    function.__doc__ = f"``{formula}``, element by element.\n\n    >>> {call}\n    tensor({example[1]})\n    "
    inplace.__doc__ = f":func:`{name}` into ``input``."
    return function, inplace


class _Same(Pointwise):
    """A copy: what rounding does to integers."""

    operands = ("input",)
    gradients = by_operand(input=lambda grad: grad)

    @staticmethod
    def compute(input: Array) -> Array:
        return input.copy(order="K")


# Signs and absolute values ----------------------------------------------------------------------------------------

_NEG_BOOL = (
    "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
    "`logical_not()` operator instead."
)
_CPU = "\"{name}_cpu\" not implemented for '{type}'"

neg, neg_ = unary(
    "neg", np.negative, lambda grad: -grad, "-input", ("[1.0, -2.0]", "[-1.,  2.]"),
    kinds="uifc", refusal=_NEG_BOOL, error=RuntimeError,
)  # fmt: skip


def _sign(x: Array) -> Array:
    """0 for NaN too, unless complex."""
    if x.dtype.kind == "c":
        return np.sign(x)
    if x.dtype.kind == "b":
        return x.copy()
    return np.subtract(x > 0, x < 0, dtype=np.int8).astype(x.dtype)


abs, _abs_ = unary(
    "abs", np.abs, lambda grad, input: mul(grad, sgn(input)), "|input|, real also for complex numbers",
    ("[-1.0, 2.0]", "[1., 2.]"), kinds="uifc", refusal=_CPU,
)  # fmt: skip
sgn, sgn_ = unary(
    "sgn", _sign, lambda grad, input, result: _sgn_gradient(grad, input, result),
    "input / |input|, and 0 for 0", ("[3 + 4j]", "[0.6000+0.8000j]"), kinds="buifc",
)  # fmt: skip
sign, sign_ = unary(
    "sign", _sign, lambda grad: zeros_as(grad),
    "-1, 0 or 1", ("[-3.0, 0.0, 2.0]", "[-1.,  0.,  1.]"), kinds="buif",
    refusal="Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.",
)  # fmt: skip


def abs_(input: Any) -> Any:
    """:func:`abs` into ``input``. RuntimeError for complex tensors, whose magnitude is real."""
    if input.dtype.is_complex:
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    return _abs_(input)


def _sgn_gradient(grad: Any, input: Any, result: Any) -> Any:
    array = input.array if isinstance(input, Variable) else input
    if array.dtype.kind != "c":
        return zeros_as(grad)
    # sgn turns with the input: only what is across it counts.
    size = abs(input)
    safe = size + (np.abs(array) == 0).astype(
        size.dtype if isinstance(size, (np.ndarray, np.generic)) else size.array.dtype
    )
    return (grad - real_part(grad * conj(result)) * result) / safe * (np.abs(array) != 0).astype(array.real.dtype)


def positive(input: Any) -> Any:
    """The tensor itself: ``+input``. RuntimeError for a bool tensor.

    >>> torch.positive(torch.tensor([1.0]))
    tensor([1.])
    """
    if input.dtype is dtypes.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


# Powers, exponentials, logarithms ---------------------------------------------------------------------------------

_LN_2, _LN_10 = math.log(2), math.log(10)

square, square_ = unary(
    "square", lambda x: x * x if x.dtype.kind != "b" else x.astype(np.int64),
    lambda grad, input: mul(grad, mul(conj(input), 2)), "input ** 2",
    ("[1.5]", "[2.2500]"), kinds="buifc", node="PowBackward0",
)  # fmt: skip
sqrt, sqrt_ = unary(
    "sqrt", np.sqrt, lambda grad, result: div(grad, mul(conj(result), 2)), "sqrt(input)", ("[4.0]", "[2.]")
)
rsqrt, rsqrt_ = unary(
    "rsqrt", lambda x: 1 / np.sqrt(x), lambda grad, result: grad * (-0.5 * conj(result * result * result)),
    "1 / sqrt(input)", ("[4.0]", "[0.5000]"),
)  # fmt: skip
reciprocal, reciprocal_ = unary(
    "reciprocal", lambda x: 1 / x, lambda grad, result: -grad * conj(result * result), "1 / input",
    ("[4.0]", "[0.2500]"),
)  # fmt: skip
exp, exp_ = unary(
    "exp", np.exp, lambda grad, result: mul(grad, conj(result)), "e ** input", ("[0.0, 1.0]", "[1.0000, 2.7183]")
)
exp2, exp2_ = unary(
    "exp2", np.exp2, lambda grad, result: grad * (conj(result) * _LN_2), "2 ** input", ("[0.0, 3.0]", "[1., 8.]")
)
expm1, expm1_ = unary(
    "expm1", np.expm1, lambda grad, result: grad * (conj(result) + 1), "e ** input - 1, exact near 0",
    ("[1.0]", "[1.7183]"),
)  # fmt: skip
log, log_ = unary(
    "log", np.log, lambda grad, input: div(grad, conj(input)), "the natural logarithm",
    ("[1.0, 2.0]", "[0.0000, 0.6931]"),
)  # fmt: skip
log2, log2_ = unary(
    "log2", np.log2, lambda grad, input: grad / (conj(input) * _LN_2), "the logarithm to base 2", ("[8.0]", "[3.]")
)
log10, log10_ = unary(
    "log10",
    np.log10,
    lambda grad, input: grad / (conj(input) * _LN_10),
    "the logarithm to base 10",
    ("[3.0]", "[0.4771]"),
)
log1p, log1p_ = unary(
    "log1p", np.log1p, lambda grad, input: grad / (conj(input) + 1), "log(1 + input), exact near 0",
    ("[1.0]", "[0.6931]"), node="Log1PBackward0",
)  # fmt: skip

# Trigonometric and hyperbolic functions ---------------------------------------------------------------------------

sin, sin_ = unary(
    "sin", np.sin, lambda grad, input: grad * conj(cos(input)), "sin(input), in radians", ("[0.5]", "[0.4794]")
)
cos, cos_ = unary(
    "cos", np.cos, lambda grad, input: -grad * conj(sin(input)), "cos(input), in radians", ("[0.5]", "[0.8776]")
)
tan, tan_ = unary(
    "tan",
    np.tan,
    lambda grad, result: grad * conj(result * result + 1),
    "tan(input), in radians",
    ("[0.5]", "[0.5463]"),
)
asin, asin_ = unary(
    "asin", np.arcsin, lambda grad, input: grad * conj(rsqrt(1 - input * input)),
    "the angle in radians whose sine is input", ("[0.5]", "[0.5236]"),
)  # fmt: skip
acos, acos_ = unary(
    "acos", np.arccos, lambda grad, input: -grad * conj(rsqrt(1 - input * input)),
    "the angle in radians whose cosine is input", ("[0.5]", "[1.0472]"),
)  # fmt: skip
atan, atan_ = unary(
    "atan", np.arctan, lambda grad, input: grad / conj(input * input + 1),
    "the angle in radians whose tangent is input", ("[0.5]", "[0.4636]"),
)  # fmt: skip
sinh, sinh_ = unary("sinh", np.sinh, lambda grad, input: grad * conj(cosh(input)), "sinh(input)", ("[0.5]", "[0.5211]"))
cosh, cosh_ = unary("cosh", np.cosh, lambda grad, input: grad * conj(sinh(input)), "cosh(input)", ("[0.5]", "[1.1276]"))
tanh, tanh_ = unary(
    "tanh", np.tanh, lambda grad, result: mul(grad, sub(1, conj(mul(result, result)))), "tanh(input)",
    ("[0.5]", "[0.4621]"),
)  # fmt: skip
asinh, asinh_ = unary(
    "asinh", np.arcsinh, lambda grad, input: grad * conj(rsqrt(input * input + 1)), "the inverse of sinh",
    ("[0.5]", "[0.4812]"),
)  # fmt: skip
acosh, acosh_ = unary(
    "acosh", np.arccosh, lambda grad, input: grad * conj(rsqrt(input - 1) * rsqrt(input + 1)), "the inverse of cosh",
    ("[1.5]", "[0.9624]"),
)  # fmt: skip
atanh, atanh_ = unary(
    "atanh",
    np.arctanh,
    lambda grad, input: grad / conj(1 - input * input),
    "the inverse of tanh",
    ("[0.5]", "[0.5493]"),
)


def _sinc(x: Array) -> Array:
    angle = x * x.dtype.type(math.pi)
    return np.where(x == 0, x.dtype.type(1), np.sin(angle) / np.where(x == 0, x.dtype.type(1), angle))


def _sinc_gradient(grad: Any, input: Any) -> Any:
    array = input.array if isinstance(input, Variable) else np.asarray(input)
    zero = (array == 0).astype(array.dtype)
    shifted = input + zero  # no division by 0, where the derivative is 0
    angle = shifted * math.pi
    return grad * conj((angle * cos(angle) - sin(angle)) / (angle * shifted) * (1 - zero))


sinc, sinc_ = unary("sinc", _sinc, _sinc_gradient, "sin(pi input) / (pi input), and 1 at 0", ("[0.5]", "[0.6366]"))
deg2rad, deg2rad_ = unary(
    "deg2rad", lambda x: x * (math.pi / 180), lambda grad: grad * (math.pi / 180), "degrees in radians",
    ("[180.0]", "[3.1416]"), kinds="f", node="Deg2RadBackward0",
    refusal="deg2rad is not supported for complex tensors.", error=RuntimeError,
)  # fmt: skip
rad2deg, rad2deg_ = unary(
    "rad2deg", lambda x: x * (180 / math.pi), lambda grad: grad * (180 / math.pi), "radians in degrees",
    ("[1.0]", "[57.2958]"), kinds="f", node="Rad2DegBackward0",
    refusal="rad2deg is not supported for complex tensors.", error=RuntimeError,
)  # fmt: skip

# Sigmoid and the error function -----------------------------------------------------------------------------------


def _sigmoid(x: Array) -> Array:
    kernels = large.of_images("elementwise", x)
    if kernels is not None and large.dense(x):
        out = memory.empty_like(x)
        kernels.apply("sigmoid", x, out)
        return out
    result = np.negative(x, out=np.empty_like(x))
    np.exp(result, out=result)
    result += x.dtype.type(1)
    return np.divide(1, result, out=result)


def _sigmoid_gradient(grad: Any, result: Any) -> Any:
    if type(grad) is np.ndarray:
        kernels = large.of_images("elementwise", grad)
        if kernels is not None and large.alike(grad, result) and large.dense(grad):
            out = memory.empty_like(grad)
            kernels.apply("sigmoid gradient", result, grad, out)
            return out
    return grad * conj((1 - result) * result)


sigmoid, sigmoid_ = unary(
    "sigmoid", _sigmoid, lambda grad, result: _sigmoid_gradient(grad, result), "1 / (1 + e ** -input)",
    ("[0.0, 1.0]", "[0.5000, 0.7311]"),
)  # fmt: skip
erf, erf_ = unary(
    "erf", erf_of, lambda grad, input: grad * (exp(-input * input) * (2 / math.sqrt(math.pi))), "the error function",
    ("[0.5]", "[0.5205]"), kinds="f",
)  # fmt: skip
erfc, erfc_ = unary(
    "erfc", erfc_of, lambda grad, input: grad * (exp(-input * input) * (-2 / math.sqrt(math.pi))), "1 - erf(input)",
    ("[0.5]", "[0.4795]"), kinds="f",
)  # fmt: skip
erfinv, erfinv_ = unary(
    "erfinv", erfinv_of, lambda grad, result: grad * (exp(result * result) * (math.sqrt(math.pi) / 2)),
    "the inverse of erf", ("[0.5]", "[0.4769]"), kinds="f",
)  # fmt: skip

# Rounding ---------------------------------------------------------------------------------------------------------

_ROUNDING: dict[str, Any] = {
    "kinds": "f",
    "integers": "unchanged",
    "refusal": "{name} is not supported for complex inputs",
}

floor, floor_ = unary(
    "floor", np.floor, lambda grad: zeros_as(grad), "the integer below", ("[-1.5, 1.5]", "[-2.,  1.]"), **_ROUNDING
)
ceil, ceil_ = unary(
    "ceil", np.ceil, lambda grad: zeros_as(grad), "the integer above", ("[-1.5, 1.5]", "[-1.,  2.]"), **_ROUNDING
)
trunc, trunc_ = unary(
    "trunc", np.trunc, lambda grad: zeros_as(grad), "the integer towards 0", ("[-1.5, 1.5]", "[-1.,  1.]"), **_ROUNDING
)
frac, frac_ = unary(
    "frac", lambda x: x - np.trunc(x), lambda grad: grad, "input - trunc(input)", ("[-1.5, 1.2]", "[-0.5000,  0.2000]"),
    kinds="f", integers="refused", refusal=_CPU,
)  # fmt: skip
_round, _round_ = unary("round", np.rint, lambda grad: zeros_as(grad), "", ("", ""), kinds="f", integers="unchanged")


class RoundDecimals(Pointwise):
    name = "round"
    backward_name = "RoundBackward1"
    operands = ("input",)
    settings = ("decimals",)
    kinds = "fV"
    refusal = "\"round_cpu\" not implemented for '{type}'"
    gradients = by_operand(input=lambda grad: zeros_as(grad))

    @staticmethod
    def compute(input: Array, decimals: int) -> Array:
        if is_half(input.dtype):
            return in_float32(RoundDecimals.compute)(input, decimals)
        scale = input.dtype.type(10.0**-decimals if decimals < 0 else 10.0**decimals)
        return np.rint(input / scale) * scale if decimals < 0 else np.rint(input * scale) / scale


def round(input: Any, *, decimals: int = 0) -> Any:
    """The nearest number of so many ``decimals``, halves to the even neighbour; tens, hundreds for negative ones.

    >>> torch.round(torch.tensor([0.5, 1.5, 2.4])), torch.round(torch.tensor([1.234]), decimals=2)
    (tensor([0., 2., 2.]), tensor([1.2300]))
    """
    if decimals == 0:
        return _round(input)
    RoundDecimals.accept(input.dtype)
    return RoundDecimals.apply(input, decimals)


def round_(input: Any, *, decimals: int = 0) -> Any:
    """:func:`round` into ``input``."""
    if decimals == 0:
        return _round_(input)
    RoundDecimals.accept(input.dtype)
    return write_into(RoundDecimals, input, decimals)


# Logit ------------------------------------------------------------------------------------------------------------


class Logit(Pointwise):
    """log(x / (1 - x)), of x first clamped to [eps, 1 - eps] if eps is given."""

    operands = ("input",)
    settings = ("eps",)
    kinds = "fV"
    to_float = True
    refusal = "\"logit_cpu\" not implemented for '{type}'"
    gradients = by_operand(input=lambda grad, input, eps: _logit_gradient(grad, input, eps))

    @staticmethod
    def compute(input: Array, eps: float | None) -> Array:
        if is_half(input.dtype):
            return in_float32(Logit.compute)(input, eps)
        x = input if eps is None else np.clip(input, input.dtype.type(eps), input.dtype.type(1 - eps))
        return np.log(x / (1 - x))


def _logit_gradient(grad: Any, input: Any, eps: float | None) -> Any:
    gradient = grad / (input * (1 - input))
    array = input.array if isinstance(input, Variable) else np.asarray(input)
    if eps is None:
        outside, value = (array < 0) | (array > 1), math.nan
    else:
        outside, value = (array < eps) | (array > 1 - eps), 0.0
    return where(outside, value, gradient)


def logit(input: Any, eps: float | None = None) -> Any:
    """``log(input / (1 - input))``, the inverse of sigmoid; with ``eps``, of the input clamped to [eps, 1 - eps].

    >>> torch.logit(torch.tensor([0.5, 0.75]))
    tensor([0.0000, 1.0986])
    """
    return Logit.apply(cast(input, Logit.accept(input.dtype)), eps)


def logit_(input: Any, eps: float | None = None) -> Any:
    """:func:`logit` into ``input``."""
    Logit.accept(input.dtype, input)
    return write_into(Logit, input, eps)


absolute, negative, fix = abs, neg, trunc
negative_, fix_ = neg_, trunc_
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh
arcsin_, arccos_, arctan_, arcsinh_, arccosh_, arctanh_ = asin_, acos_, atan_, asinh_, acosh_, atanh_
