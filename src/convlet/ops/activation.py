"""Activation functions, element by element: what each computes beside its gradient.

Each class is a row of Pointwise's table. Where a derivative is constant by pieces, its gradient keeps or scales the
incoming one by a mask, a constant of the graph; elsewhere it is written with operations and can be differentiated
again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..autograd.function import DISCARD, Operation, make_result
from ..autograd.inplace import apply_inplace
from ..autograd.mode import spans
from ..autograd.variable import Array, Variable
from ..dtypes import from_numpy
from ..kernels import large
from ..runtime import memory
from . import fusion
from .axes import axis_of
from .broadcasting import sum_to
from .conversion import is_half
from .elementwise import add, div, mul, sub
from .error_function import erf_of
from .joining import cat, chunk
from .pointwise import Pointwise, in_float32
from .shape import reshape
from .unary import abs, erf, exp, sigmoid, tanh

__all__ = [
    "celu",
    "celu_",
    "hardshrink",
    "prelu",
    "relu",
    "relu_",
    "selu",
    "selu_",
    "threshold",
    "threshold_",
]


class Keep(Operation):
    """The elements where a mask holds; zero elsewhere, also where the element is infinite or NaN."""

    backward_name = "ThresholdBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, mask: Array) -> Array:
        ctx.save(mask)
        # Bits, because a multiplication makes NaN of infinities and a choice costs a misprediction an element.
        bits = np.dtype(f"i{input.dtype.itemsize}")
        keep = np.asarray(mask).astype(bits)
        np.negative(keep, out=keep)
        return np.bitwise_and(input.view(bits), keep).view(input.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (mask,) = ctx.saved
        return Keep.apply(grad, mask)


class Within(Operation):
    """The elements where those of another tensor lie inside two bounds (no upper one if None) or are NaN; else zero."""

    backward_name = "ThresholdBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, of: Array, low: float, high: float | None) -> Array:
        ctx.bounds = low, high
        if ctx.needs_input_grad[0]:
            ctx.save(of)
        kept = Hardtanh._compiled(" gradient", (of, input), (low, high))
        if kept is not None:
            return kept
        outside = of <= low
        if high is not None:
            outside |= of >= high
        return Keep.forward(DISCARD, input, ~outside)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        if not ctx.needs_input_grad[0]:
            return None, None
        (of,) = ctx.saved
        return Within.apply(grad, of, *ctx.bounds), None


@lru_cache(maxsize=64)
def _bound(value: float, dtype: np.dtype[Any]) -> Array:
    return np.array(value, dtype)


def _clamp(input: Array, low: float, high: float | None, out: Array | None = None) -> Array:
    """The input between two bounds, NaN where it is NaN."""
    if high is None:
        return np.maximum(_bound(low, input.dtype), input, out=out)  # in this order -0 stays -0
    return np.clip(input, input.dtype.type(low), input.dtype.type(high), out=out)


def _values(operand: Any) -> Array:
    return operand.array if isinstance(operand, Variable) else operand


def _scaled(grad: Any, condition: Array, otherwise: float) -> Any:
    """The gradient where the condition holds, ``otherwise`` times it elsewhere."""
    return mul(grad, np.where(condition, 1, otherwise).astype(_values(grad).dtype))


class Activation(Pointwise):
    """A function of one operand and settings, computed in float32 for half precision."""

    operands = ("input",)
    kinds = "fV"
    kernel: ClassVar[str]  # as PyTorch names its kernel when it refuses a dtype
    half: ClassVar[Callable[..., Array]]
    inplace_form: ClassVar[type[Activation] | None] = None  # where PyTorch names the node of that one differently
    formula: ClassVar[str] = ""  # of kernels/elementwise.py, which has its gradient beside it
    exact: ClassVar[bool] = True  # whether the formula has NumPy's bits

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__name__.startswith("_"):  # what several share
            return
        cls.refusal = f"\"{cls.kernel}\" not implemented for '{{type}}'"
        cls.half = staticmethod(in_float32(cls.compute))

    @classmethod
    def forward(cls, ctx: Any, input: Array, *settings: Any) -> Array:
        result = cls._compiled("", (input,), settings)
        if result is None:
            compute = cls.half if is_half(input.dtype) else cls.compute
            result = np.asarray(compute(input, *settings))
        if ctx.needs_input_grad[0]:
            cls._keep(ctx, (input, *settings), result)
        return result

    @classmethod
    def overwrite(cls, ctx: Any, input: Array, *settings: Any) -> bool:
        """Where no backward pass will ask for the input."""
        return ctx is DISCARD and cls._compiled("", (input,), settings, input) is not None

    @classmethod
    def backward(cls, ctx: Any, grad: Any) -> Any:
        if type(grad) is np.ndarray and cls.formula:
            (of,) = ctx.saved
            into = cls._compiled(" gradient", (of, grad), ctx.settings, grad if ctx.owns_gradient else None)
            if into is not None:
                return into
        return super().backward(ctx, grad)

    @classmethod
    def _compiled(
        cls, direction: str, arrays: tuple[Array, ...], settings: tuple[Any, ...], out: Array | None = None
    ) -> Array | None:
        """The result of a kernel, in ``out`` or a new array; None where there is none for these arrays."""
        first = arrays[0]
        if not cls.formula:
            return None
        kernels = (large.once_loaded if cls.exact else large.of_images)("elementwise", first)
        if kernels is None or not large.dense(first) or not all(large.alike(first, each) for each in arrays[1:]):
            return None
        out = memory.empty_like(first) if out is None else out
        kernels.apply(cls.formula + direction, *arrays, out, numbers=cls.numbers_of(*settings))
        return out

    @staticmethod
    def numbers_of(*settings: Any) -> tuple[float, ...]:
        """The numbers of the formula."""
        return settings


def _activate(operation: type[Activation], input: Any, inplace: bool, *settings: Any) -> Any:
    array = input.array if isinstance(input, Variable) else input
    if not isinstance(array, np.ndarray):
        name = operation.backward_name.removesuffix("Backward0").lower()
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if array.dtype.kind not in operation.kinds:
        operation.accept(from_numpy(array.dtype))
    if inplace:
        return apply_inplace(operation.inplace_form or operation, input, *settings)
    return operation.apply(input, *settings)


def _inplace_named(node: str) -> Callable[[type[Activation]], type[Activation]]:
    """Class decorator: the node of the in-place form has this name."""

    def decorate(operation: type[Activation]) -> type[Activation]:
        operation.inplace_form = type(operation.__name__, (operation,), {"backward_name": node})
        return operation

    return decorate


# Linear by pieces -----------------------------------------------------------------------------------------------------


class _Clamp(Activation):
    """``bounds`` of the settings: the gradient passes inside them, where the result is what the input was."""

    formula = "clamp"
    bounds: ClassVar[Callable[..., tuple[float, float | None]]] = staticmethod(lambda low, high: (low, high))

    @classmethod
    def numbers_of(cls, *settings: Any) -> tuple[float, float]:
        low, high = cls.bounds(*settings)
        return low, math.nan if high is None else high

    @classmethod
    def overwrite(cls, ctx: Any, input: Array, *settings: Any) -> bool:
        if is_half(input.dtype):
            return False
        if cls._compiled("", (input,), settings, input) is None:
            _clamp(input, *cls.bounds(*settings), input)
        if ctx is not DISCARD:
            cls._keep(ctx, (input, *settings), input)
        return True


def clamped_to(node: Any) -> tuple[float, float] | None:
    """The bounds, where this is the node of a clamp; NaN is none."""
    operation = getattr(node, "operation", None)
    return operation.numbers_of(*node.settings) if operation and issubclass(operation, _Clamp) else None


class Relu(_Clamp):
    kernel = "relu"
    kinds = "uifV"
    bounds = staticmethod(lambda: (0.0, None))
    gradients: ClassVar = {"input": lambda grad, result: Within.apply(grad, result, 0.0, None)}

    @staticmethod
    def compute(input: Array) -> Array:
        return _clamp(input, 0.0, None)


@_inplace_named("LeakyReluBackward1")
class LeakyRelu(Activation):
    kernel = "leaky_relu_cpu"
    formula = "leaky_relu"
    settings = ("negative_slope",)
    gradients: ClassVar = {
        "input": lambda grad, input, negative_slope: _scaled(grad, _values(input) > 0, negative_slope)
    }

    @staticmethod
    def compute(input: Array, negative_slope: float) -> Array:
        return np.where(input > 0, input, input * negative_slope)


class RreluWithNoise(Operation):
    """The input where it is positive, a slope of its own times it elsewhere."""

    @staticmethod
    def forward(ctx: Any, input: Array, slopes: Array) -> Array:
        factors = np.where(input > 0, input.dtype.type(1), slopes)
        ctx.save(factors)
        return input * factors

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (factors,) = ctx.saved
        return mul(grad, factors)


class Hardtanh(_Clamp):
    kernel = "hardtanh"
    kinds = "uifV"
    settings = ("low", "high")
    gradients: ClassVar = {
        "input": lambda grad, input, low, high: Within.apply(grad, input, low, high)
    }

    @staticmethod
    def compute(input: Array, low: float, high: float) -> Array:
        return _clamp(input, low, high)


class Threshold(Activation):
    kernel = "threshold_cpu"
    kinds = "uifV"
    settings = ("threshold", "value")
    gradients: ClassVar = {"input": lambda grad, input, threshold: Keep.apply(grad, ~(_values(input) <= threshold))}

    @staticmethod
    def compute(input: Array, threshold: float, value: float) -> Array:
        return np.where(input <= threshold, input.dtype.type(value), input)


class Hardsigmoid(Activation):
    kernel = "hardsigmoid_cpu"
    formula = "hardsigmoid"
    gradients: ClassVar = {
        "input": lambda grad, input: Keep.apply(div(grad, 6), (_values(input) > -3) & (_values(input) < 3)),
    }

    @staticmethod
    def compute(input: Array) -> Array:
        return np.clip(input + 3, 0, 6) / 6


class Softshrink(Activation):
    kernel = "softshrink_check"
    settings = ("lambd",)
    gradients: ClassVar = {"input": lambda grad, input, lambd: Keep.apply(grad, ~(np.abs(_values(input)) <= lambd))}

    @staticmethod
    def compute(input: Array, lambd: float) -> Array:
        return np.where(input > lambd, input - lambd, np.where(input < -lambd, input + lambd, input * 0))


class Hardshrink(Activation):
    kernel = "hardshrink_cpu"
    settings = ("lambd",)
    gradients: ClassVar = {"input": lambda grad, input, lambd: Keep.apply(grad, ~(np.abs(_values(input)) <= lambd))}

    @staticmethod
    def compute(input: Array, lambd: float) -> Array:
        return np.where(np.abs(input) <= lambd, input.dtype.type(0), input)


# Smooth -----------------------------------------------------------------------------------------------------------


def _elu_gradient(grad: Any, input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    positive = _values(input) > 0
    falling = mul(grad, mul(exp(mul(Keep.apply(input, ~positive), input_scale)), alpha * scale * input_scale))
    return add(Keep.apply(mul(grad, scale), positive), Keep.apply(falling, ~positive))


@_inplace_named("EluBackward1")
class Elu(Activation):
    kernel = "elu_cpu"
    formula, exact = "elu", False
    settings = ("alpha", "scale", "input_scale")
    gradients: ClassVar = {"input": _elu_gradient}

    @staticmethod
    def compute(input: Array, alpha: float, scale: float, input_scale: float) -> Array:
        falling = np.expm1(np.minimum(input, 0) * input_scale) * (alpha * scale)
        return np.where(input > 0, input * scale, falling)


@_inplace_named("CeluBackward1")
class Celu(Elu):
    pass


def _gelu_gradient(grad: Any, input: Any) -> Any:
    cdf = mul(add(erf(mul(input, math.sqrt(0.5))), 1), 0.5)
    density = mul(exp(mul(mul(input, input), -0.5)), 1 / math.sqrt(2 * math.pi))
    return mul(grad, add(cdf, mul(input, density)))


class Gelu(Activation):
    kernel = "GeluKernelImpl"
    formula, exact = "gelu", False
    gradients: ClassVar = {"input": _gelu_gradient}

    @staticmethod
    def compute(input: Array) -> Array:
        return input * 0.5 * (1 + erf_of(input * math.sqrt(0.5)))


_GELU_SCALE, _GELU_CUBE = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh_gradient(grad: Any, input: Any) -> Any:
    square = mul(input, input)
    t = tanh(mul(mul(input, add(mul(square, _GELU_CUBE), 1)), _GELU_SCALE))
    inner = mul(add(mul(square, 3 * _GELU_CUBE), 1), _GELU_SCALE)
    slope = add(mul(add(t, 1), 0.5), mul(mul(mul(input, 0.5), sub(1, mul(t, t))), inner))
    return mul(grad, slope)


class GeluTanh(Activation):
    kernel = "GeluKernelImpl"
    backward_name = "GeluBackward0"
    formula, exact = "gelu_tanh", False
    gradients: ClassVar = {"input": _gelu_tanh_gradient}

    @staticmethod
    def compute(input: Array) -> Array:
        inner = _GELU_SCALE * (input + _GELU_CUBE * input * input * input)
        return 0.5 * input * (1 + np.tanh(inner))


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); exp of a large number is infinite and gives the right 0."""
    return 1 / (1 + np.exp(-x))


def _silu_gradient(grad: Any, input: Any) -> Any:
    s = sigmoid(input)
    return mul(grad, mul(s, add(mul(input, sub(1, s)), 1)))


class Silu(Activation):
    kernel = "silu_cpu"
    formula, exact = "silu", False
    gradients: ClassVar = {"input": _silu_gradient}

    @staticmethod
    def compute(input: Array) -> Array:
        return input / (1 + np.exp(-input))


def _softplus_of(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _mish_gradient(grad: Any, input: Any) -> Any:
    t = tanh(softplus(input))
    return mul(grad, add(t, mul(mul(input, sigmoid(input)), sub(1, mul(t, t)))))


class Mish(Activation):
    kernel = "mish_cpu"
    formula, exact = "mish", False
    gradients: ClassVar = {"input": _mish_gradient}

    @staticmethod
    def compute(input: Array) -> Array:
        return input * np.tanh(_softplus_of(input))


def _hardswish_gradient(grad: Any, input: Any) -> Any:
    x = _values(input)
    inside = (x > -3) & (x < 3)
    return add(Keep.apply(grad, x >= 3), Keep.apply(mul(grad, add(div(input, 3), 0.5)), inside))


class Hardswish(Activation):
    kernel = "hardswish_cpu"
    formula = "hardswish"
    gradients: ClassVar = {"input": _hardswish_gradient}

    @staticmethod
    def compute(input: Array) -> Array:
        return input * np.clip(input + 3, 0, 6) / 6


def _softplus_gradient(grad: Any, input: Any, beta: float, threshold: float) -> Any:
    linear = _values(input) * beta > threshold
    return add(Keep.apply(grad, linear), Keep.apply(mul(grad, sigmoid(mul(input, beta))), ~linear))


class Softplus(Activation):
    kernel = "softplus_cpu"
    formula, exact = "softplus", False
    settings = ("beta", "threshold")
    gradients: ClassVar = {"input": _softplus_gradient}

    @staticmethod
    def compute(input: Array, beta: float, threshold: float) -> Array:
        scaled = input * beta
        return np.where(scaled > threshold, input, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta)


class LogSigmoid(Activation):
    kernel = "log_sigmoid_cpu"
    formula, exact = "logsigmoid", False
    gradients: ClassVar = {"input": lambda grad, input: mul(grad, sigmoid(mul(input, -1)))}

    @staticmethod
    def compute(input: Array) -> Array:
        return np.minimum(input, 0) - np.log1p(np.exp(-np.abs(input)))


class Prelu(Operation):
    """The input where it is positive, ``weight`` times it elsewhere."""

    backward_name = "PreluKernelBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, weight: Array) -> Array:
        ctx.shape = weight.shape
        ctx.save(input, weight)
        result = LeakyRelu._compiled("", (input,), (weight.item(),)) if weight.size == 1 else None
        if result is None:
            result = np.where(input > 0, input, weight * input).astype(input.dtype, copy=False)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        input, weight = ctx.saved
        if type(grad) is np.ndarray and weight.size == 1:
            into_input = LeakyRelu._compiled(" gradient", (input, grad), (weight.item(),))
            if into_input is not None:
                falling = Within.apply(grad, input, math.nan, 0.0)  # where the input is 0, so is their product
                return into_input, sum_to(mul(falling, input), ctx.shape) if ctx.needs_input_grad[1] else None
        positive = _values(input) > 0
        falling = Keep.apply(grad, ~positive)
        into_input = add(Keep.apply(grad, positive), mul(falling, weight)) if ctx.needs_input_grad[0] else None
        return into_input, sum_to(mul(falling, input), ctx.shape) if ctx.needs_input_grad[1] else None


class Glu(Operation):
    """The first half times the sigmoid of the second."""

    @staticmethod
    def forward(ctx: Any, input: Array, axis: int) -> Array:
        ctx.axis = axis
        ctx.save(input)
        first, gate = np.split(input, 2, axis)
        if is_half(input.dtype):
            return (first.astype(np.float32) * _sigmoid(gate.astype(np.float32))).astype(input.dtype)
        return first * _sigmoid(gate)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (input,) = ctx.saved
        first, gate = chunk(input, 2, ctx.axis)
        s = sigmoid(gate)
        through = mul(grad, s)
        return cat((through, mul(mul(through, first), sub(1, s))), ctx.axis)


# Public functions -------------------------------------------------------------------------------------------------
# Each takes a tensor of any shape and gives one of the same; 'inplace' writes into the input instead.


def relu(input: Any, inplace: bool = False) -> Any:
    """``max(x, 0)``, element by element; NaN stays NaN.

    >>> torch.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if spans:
        later = fusion.clamped(input, "relu", inplace)
        if later is not None:
            return later
    if isinstance(input, Variable) and input.array.dtype.kind in "bc":
        if input.array.dtype.kind == "b":
            raise RuntimeError("Boolean inputs not supported for relu")
        raise NotImplementedError("clamp is not supported for complex types")
    return _activate(Relu, input, inplace)


def relu6(input: Any, inplace: bool = False) -> Any:
    """``min(max(x, 0), 6)``.

    >>> torch.nn.functional.relu6(torch.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """``min(max(x, min_val), max_val)``. ValueError when min_val is above max_val.

    >>> torch.nn.functional.hardtanh(torch.tensor([-2.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if spans and (min_val, max_val) == (0.0, 6.0):
        later = fusion.clamped(input, "relu6", inplace)
        if later is not None:
            return later
    if isinstance(input, Variable) and input.array.dtype.kind in "bc":
        if input.array.dtype.kind == "b":
            raise RuntimeError("Bool inputs not supported for hardtanh")
        raise NotImplementedError("clamp is not supported for complex types")
    return _activate(Hardtanh, input, inplace, min_val, max_val)


class Clamp(NamedTuple):
    """A clamp that another operation may compute with its own result."""

    function: Callable[[Any], Any]
    operation: type[_Clamp]
    settings: tuple[float, ...]

    @property
    def bounds(self) -> tuple[float, float]:
        """NaN is none."""
        return self.operation.numbers_of(*self.settings)

    def recorded(self, input: Variable) -> Variable:
        """The result where the input is clamped already: its array, which nobody else has, and the clamp's node."""
        if input._grad_fn is None:
            return input
        node: Any = self.operation.node_type((input, *self.settings))
        out = make_result(input.array, node)
        node._arguments = ()  # what is saved is the result
        self.operation._keep(node, (input.array, *self.settings), out.array)
        node.finish(out)
        return out


CLAMPS = {"relu": Clamp(relu, Relu, ()), "relu6": Clamp(relu6, Hardtanh, (0.0, 6.0))}


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """``x`` where it is above the threshold, ``value`` elsewhere.

    >>> torch.threshold(torch.tensor([0.5, 2.0]), 1.0, 20.0)
    tensor([20.,  2.])
    """
    return _activate(Threshold, input, inplace, threshold, value)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """``x`` where positive, ``negative_slope * x`` elsewhere.

    >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 2.0]), 0.5)
    tensor([-0.5000,  2.0000])
    """
    if not isinstance(negative_slope, (int, float)):
        raise TypeError(
            "leaky_relu(): argument 'negative_slope' (position 2) must be Number, "
            f"not {type(negative_slope).__name__}"
        )
    return _activate(LeakyRelu, input, inplace, negative_slope)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere. Source: https://arxiv.org/abs/1511.07289

    >>> torch.nn.functional.elu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return _activate(Elu, input, inplace, alpha, 1.0, 1.0)


# The fixed point of mean 0 and variance 1: https://arxiv.org/abs/1706.02515
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(input: Any, inplace: bool = False) -> Any:
    """``scale * elu(x, alpha)`` with the constants that keep mean 0 and variance 1.

    Source: https://arxiv.org/abs/1706.02515

    >>> torch.selu(torch.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    return _activate(Elu, input, inplace, _SELU_ALPHA, _SELU_SCALE, 1.0)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """``max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)``. RuntimeError when alpha is 0.

    Source: https://arxiv.org/abs/1704.07483

    >>> torch.celu(torch.tensor([-1.0, 2.0]), 2.0)
    tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _activate(Celu, input, inplace, alpha, 1.0, 1.0 / alpha)


def gelu(input: Any, *, approximate: str = "none") -> Any:
    """``x * Phi(x)``, Phi the normal distribution; ``approximate='tanh'`` uses the usual approximation of it.

    Source: https://arxiv.org/abs/1606.08415

    >>> torch.nn.functional.gelu(torch.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _activate(Gelu if approximate == "none" else GeluTanh, input, False)


def silu(input: Any, inplace: bool = False) -> Any:
    """``x * sigmoid(x)``, also called swish.

    >>> torch.nn.functional.silu(torch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return _activate(Silu, input, inplace)


def mish(input: Any, inplace: bool = False) -> Any:
    """``x * tanh(log(1 + exp(x)))``. Source: https://arxiv.org/abs/1908.08681

    >>> torch.nn.functional.mish(torch.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    return _activate(Mish, input, inplace)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """``x * min(max(x + 3, 0), 6) / 6``. Source: https://arxiv.org/abs/1905.02244

    >>> torch.nn.functional.hardswish(torch.tensor([-1.0, 2.0]))
    tensor([-0.3333,  1.6667])
    """
    return _activate(Hardswish, input, inplace)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """``min(max(x + 3, 0), 6) / 6``.

    >>> torch.nn.functional.hardsigmoid(torch.tensor([-1.5, 9.0]))
    tensor([0.2500, 1.0000])
    """
    return _activate(Hardsigmoid, input, inplace)


def softplus(input: Any, beta: float = 1, threshold: float = 20) -> Any:
    """``log(1 + exp(beta * x)) / beta``; ``x`` itself where ``beta * x`` is above the threshold.

    >>> torch.nn.functional.softplus(torch.tensor([-1.0, 2.0]))
    tensor([0.3133, 2.1269])
    """
    return _activate(Softplus, input, False, beta, threshold)


def softsign(input: Any) -> Any:
    """``x / (1 + |x|)``.

    >>> torch.nn.functional.softsign(torch.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return div(input, add(abs(input), 1))


def logsigmoid(input: Any) -> Any:
    """``log(1 / (1 + exp(-x)))``.

    >>> torch.nn.functional.logsigmoid(torch.tensor([-1.0, 3.0]))
    tensor([-1.3133, -0.0486])
    """
    return _activate(LogSigmoid, input, False)


def tanhshrink(input: Any) -> Any:
    """``x - tanh(x)``.

    >>> torch.nn.functional.tanhshrink(torch.tensor([-1.0, 3.0]))
    tensor([-0.2384,  2.0049])
    """
    return sub(input, tanh(input))


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """``x - lambd`` above lambd, ``x + lambd`` below -lambd, 0 between. RuntimeError for a negative lambd.

    >>> torch.nn.functional.softshrink(torch.tensor([-1.0, 0.2, 3.0]))
    tensor([-0.5000,  0.0000,  2.5000])
    """
    if lambd < 0:
        raise RuntimeError(
            f"lambda must be in range [0, 3.40282e+38] for input dtype Float, but found {lambd:g}"
        )
    return _activate(Softshrink, input, False, lambd)


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """``x`` outside ``[-lambd, lambd]``, 0 inside.

    >>> torch.hardshrink(torch.tensor([-1.0, 0.2, 3.0]))
    tensor([-1.,  0.,  3.])
    """
    return _activate(Hardshrink, input, False, lambd)


def prelu(input: Any, weight: Any) -> Any:
    """``x`` where positive, ``weight * x`` elsewhere; one weight, or one for each channel (axis 1).

    RuntimeError for another number of weights or another dtype. Source: https://arxiv.org/abs/1502.01852

    >>> torch.prelu(torch.tensor([[-1.0, -1.0]]), torch.tensor([0.5, 0.25]))
    tensor([[-0.5000, -0.2500]])
    """
    x, w = input.array, weight.array
    if x.dtype != w.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype.scalar_name} and {weight.dtype.scalar_name}"
        )
    if w.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}")
    if w.size != 1:
        if x.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = x.shape[1] if x.ndim >= 2 else 1
        if channels != w.size:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{w.size} and channel size = {channels}."
            )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"prelu_cpu\" not implemented for '{input.dtype.scalar_name}'")
    shape = (w.size,) + (1,) * max(x.ndim - 2, 0)
    return Prelu.apply(input, weight if w.shape == shape and x.ndim else reshape(weight, shape if x.ndim else ()))


def glu(input: Any, dim: int = -1) -> Any:
    """``a * sigmoid(b)``, a and b the halves of the input along ``dim``. RuntimeError for an odd size.

    Source: https://arxiv.org/abs/1612.08083

    >>> torch.nn.functional.glu(torch.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """
    array = input.array
    if array.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    axis = axis_of(dim, array.ndim)
    if array.shape[axis] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {array.shape[axis]}")
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"glu_cpu\" not implemented for '{input.dtype.scalar_name}'")
    return Glu.apply(input, axis)


def _inplace(function: Callable[..., Any]) -> Callable[..., Any]:
    def into(input: Any, *args: Any, **options: Any) -> Any:
        return function(input, *args, **options, inplace=True)

    into.__name__ = into.__qualname__ = f"{function.__name__}_"
    into.__doc__ = f":func:`{function.__name__}` into ``input``."
    return into


relu_, selu_, celu_, elu_, leaky_relu_, hardtanh_, threshold_ = [
    _inplace(each) for each in (relu, selu, celu, elu, leaky_relu, hardtanh, threshold)
]
