"""``out=``: functions of ``torch`` that write their result into a tensor that is there already."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from ..autograd.mode import is_grad_enabled
from ..autograd.variable import Array, Variable
from ..ops.pointwise import storable
from .creation import write_out

# The functions that take it. Those that make tensors (zeros, arange, rand, ...) take it by themselves.
NAMES = (
    "abs", "acos", "acosh", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr", "all", "amax", "amin",
    "any", "argmax", "argmin", "asin", "asinh", "atan", "atan2", "atanh", "baddbmm", "bitwise_and", "bitwise_not",
    "bitwise_or", "bitwise_xor", "bmm", "cat", "ceil", "clamp", "clamp_max", "clamp_min", "concat", "copysign", "cos",
    "cosh", "cross", "cummax", "cummin", "cumprod", "cumsum", "diag", "diff", "div", "divide", "dot", "eq", "erf",
    "erfc", "erfinv", "exp", "exp2", "expm1", "floor", "floor_divide", "fmod", "frac", "gather", "ge", "gt", "hstack",
    "hypot", "index_select", "isneginf", "isposinf", "kron", "kthvalue", "le", "lerp", "log", "log10", "log1p", "log2",
    "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "lt", "masked_select",
    "matmul", "matrix_power", "max", "maximum", "mean", "median", "min", "minimum", "mm", "mode", "mul", "multiply",
    "mv", "nan_to_num", "nansum", "ne", "neg", "nonzero", "norm", "outer", "pow", "prod", "quantile", "reciprocal",
    "remainder", "round", "rsqrt", "searchsorted", "sigmoid", "sign", "sin", "sinc", "sinh", "sort", "sqrt", "square",
    "stack", "std", "sub", "subtract", "sum", "take", "tan", "tanh", "topk", "tril", "triu", "true_divide", "trunc",
    "var", "vstack", "where", "xlogy",
)  # fmt: skip

# Those that compute in the dtype of ``out``.
_IN_ITS_DTYPE = frozenset({"cumprod", "cumsum", "mean", "nansum", "prod", "sum"})

# Those whose result and ``out`` must have one dtype.
_EXACT = frozenset({"addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "dot", "matmul", "mm", "mv", "outer"})


def takes_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` that also takes ``out``: a tensor, or a tuple of as many as it returns, for its result.

    An ``out`` of another shape is resized (with a warning unless it was empty) and one of another dtype converted to.
    RuntimeError where a gradient is recorded, and for a dtype that the result cannot be converted to.
    """
    name = function.__name__

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **options: Any) -> Any:
        if out is None:
            return function(*args, **options)
        several = isinstance(out, (tuple, list))
        targets = tuple(out) if several else (out,)
        for each in targets:
            if not isinstance(each, Variable):
                raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(each).__name__}")
        if is_grad_enabled() and any(_requires_grad(each) for each in (*args, *options.values(), *targets)):
            raise RuntimeError(
                f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
                "arguments requires grad."
            )
        if name in _IN_ITS_DTYPE:
            options.setdefault("dtype", out.dtype)
        result = function(*args, **options)
        for target, each in zip(targets, result if several else (result,)):
            _check_dtype(name, each, target)
        for target, each in zip(targets, result if several else (result,)):
            _warn_of_resize(target.array, each.array)
            write_out(target, each.array)
        return type(result)(targets) if several else out

    return call


def _requires_grad(argument: Any) -> bool:
    if isinstance(argument, (tuple, list)):
        return any(_requires_grad(each) for each in argument)
    return isinstance(argument, Variable) and argument.requires_grad


def _check_dtype(name: str, result: Any, target: Any) -> None:
    if result.dtype is target.dtype:
        return
    if name in _EXACT:
        raise RuntimeError(
            f"Expected out tensor to have dtype {result.dtype.cpp_name}, but got {target.dtype.cpp_name} instead"
        )
    storable(result.dtype, target)


def _warn_of_resize(target: Array, result: Array) -> None:
    if target.shape != result.shape and target.size:
        warnings.warn(
            "An output with one or more elements was resized since it had shape "
            f"{list(target.shape)}, which does not match the required output shape {list(result.shape)}. This behavior "
            "is deprecated, and in a future PyTorch release outputs will not be resized unless they have zero "
            "elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with "
            "t.resize_(0).",
            UserWarning,
            stacklevel=4,
        )
