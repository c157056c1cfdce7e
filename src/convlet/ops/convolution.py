"""Two-dimensional convolution, differentiable any number of times.

The gradients. With C the tensor of zeros and ones that says which input element meets which weight element in which
output element, a convolution of input x and weight w, tested with g (a gradient of the output), is one number:

    T(x, w, g) = sum over i, j, k of C[i, j, k] * x[i] * w[j] * g[k]

T is linear in each of the three, and its derivative by one of them is an operation on the other two:

    by g: out[k]         = sum of C x w      the convolution
    by x: grad_input[i]  = sum of C w g      its input gradient
    by w: grad_weight[j] = sum of C x g      its weight gradient

Each is linear in both its operands, so the gradient of any of them, with respect to one operand and for an incoming
gradient d, is the derivative of T by that operand, with d in the place of the operation's own result. So the three are
closed under differentiation. In the complex case the factors beside d are conjugated (PyTorch's convention).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import conv
from ..autograd.function import DISCARD, Operation
from ..autograd.mode import spans
from ..autograd.variable import Array, Variable
from ..conv import ConvProblem
from ..kernels import large
from ..runtime.storage import Storage
from . import fusion
from .activation import Within
from .elementwise import conj
from .layout import is_channels_last, without_data
from .reduction import sum
from .shape import squeeze, unsqueeze

__all__ = ["conv1d", "conv2d", "conv_transpose2d"]


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    padding_mode: Any = "zeros",
    activation: str | None = None,
) -> Any:
    """Cross-correlate images with a set of kernels, and add a bias.

    ``out[n, o, y, x] = bias[o] + sum over i, u, v of weight[o, i, u, v] * input[n, i, y*sh+u*dh-ph, x*sw+v*dw-pw]``

    Arguments:
        input: ``(N, C, H, W)``, or ``(C, H, W)`` for one image.
        weight: ``(O, C / groups, kh, kw)``, of the dtype of ``input``.
        bias: ``(O,)`` or None.
        stride, dilation: an int, or a pair (height, width).
        padding: elements added on each side: an int or a pair (height, width), ``'valid'`` (none), or ``'same'`` (the
            output is as large as the input; stride 1 only). Beyond PyTorch: ``((top, bottom), (left, right))``, four
            numbers (top, bottom, left, right), and ``'same_upper'`` or ``'same_lower'``: the output is
            ``ceil(input / stride)`` and an odd element goes to the end or to the beginning.
        groups: input and output channels are cut into this many groups that do not see each other.
        padding_mode: beyond PyTorch's functional form: 'zeros', 'reflect', 'replicate' or 'circular', or a pair of
            these for height and width.
        activation: beyond PyTorch: 'relu' stores ``max(out, 0)``, which costs no pass of its own.

    Returns:
        ``(N, O, H_out, W_out)`` (without N for one image) of the dtype of ``input``, with
        ``H_out = floor((H + 2*ph - dh*(kh - 1) - 1) / sh) + 1``. It lies in memory as channels_last when the input or
        the weight does.

    Raises:
        RuntimeError: shapes, dtypes or numbers that do not fit. TypeError: arguments of other types. ValueError: an
        activation other than 'relu' and None.

    Source: PyTorch's ``torch.nn.functional.conv2d``.

    >>> x = torch.arange(9.0).reshape(1, 1, 3, 3)
    >>> torch.conv2d(x, torch.ones(1, 1, 2, 2))
    tensor([[[[ 8., 12.],
              [20., 24.]]]])
    """
    problem = _described(conv.conv2d_problem, input, weight, bias, stride, padding, dilation, groups, padding_mode)
    kept, operation = weight._version.storage, Convolution
    if activation is not None:
        problem, operation = _rectified(problem, activation), RectifiedConvolution
    if len(fusion.form(input)[0]) == 3:
        return squeeze(operation.apply(unsqueeze(input, 0), weight, bias, problem, kept), 0)
    if spans and activation is None:
        later = fusion.convolution(input, weight, bias, problem, kept)
        if later is not None:
            return later
    return operation.apply(input, weight, bias, problem, kept)


def _described(make: Callable[..., ConvProblem], input: Any, weight: Any, bias: Any, *sizes: Any) -> ConvProblem:
    """The problem that the arguments of a call describe, checked."""
    if not (
        isinstance(input, Variable)
        and isinstance(weight, Variable)
        and (bias is None or isinstance(bias, Variable))
    ):
        raise TypeError(_not_tensors(make.__name__.removesuffix("_problem"), input, weight, bias))
    (shape, dtype), w = fusion.form(input), weight.array
    if bias is None:
        return make(shape, w.shape, None, dtype, w.dtype, None, *sizes)
    b = bias.array
    return make(shape, w.shape, b.shape, dtype, w.dtype, b.dtype, *sizes)


def _rectified(problem: ConvProblem, activation: str) -> ConvProblem:
    if activation != "relu":
        raise ValueError(f"activation must be 'relu' or None, but got {activation!r}")
    if problem.dtype not in ("f32", "f64", "f16", "bf16"):
        raise RuntimeError(f"activation='relu' takes floating point tensors, but got {problem.dtype}")
    found = problem.with_tail(("relu",))
    found.plans.setdefault("plain", problem)  # for the gradient
    return found


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    padding_mode: Any = "zeros",
) -> Any:
    """Cross-correlate signals with a set of kernels, and add a bias: :func:`conv2d` of images of one row.

    ``input`` (N, C, L), or (C, L) for one signal; ``weight`` (O, C / groups, k); ``bias`` (O,) or None; the others as
    for :func:`conv2d`, an int each or one in a tuple. The result is (N, O, L_out), without N for one signal.

    >>> torch.conv1d(torch.arange(5.0).reshape(1, 1, 5), torch.ones(1, 1, 2))
    tensor([[[1., 3., 5., 7.]]])
    """
    problem = _described(conv.conv1d_problem, input, weight, bias, stride, padding, dilation, groups, padding_mode)
    batch = input.array.ndim == 3
    signals = unsqueeze(input if batch else unsqueeze(input, 0), 2)
    out = Convolution.apply(signals, unsqueeze(weight, 2), bias, problem, weight._version.storage)
    out = squeeze(out, 2)
    return out if batch else squeeze(out, 0)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The input gradient of a convolution, as an operation of its own: every input element spreads a kernel.

    ``out[n, o, y*sh+u*dh-ph, x*sw+v*dw-pw] = bias[o] + sum over i, u, v of weight[i, o, u, v] * input[n, i, y, x]``

    Arguments:
        input: ``(N, C, H, W)``, or ``(C, H, W)`` for one image.
        weight: ``(C, O / groups, kh, kw)``, of the dtype of ``input``.
        bias: ``(O,)`` or None.
        stride, padding, dilation: those of the convolution: an int, or a pair (height, width).
        output_padding: rows and columns more at the bottom and right, fewer than the stride or the dilation.
        groups: input and output channels are cut into this many groups that do not see each other.

    Returns:
        ``(N, O, H_out, W_out)`` (without N for one image) with
        ``H_out = (H - 1)*sh - 2*ph + dh*(kh - 1) + output_padding + 1``.

    Raises:
        RuntimeError: shapes, dtypes or numbers that do not fit. TypeError: arguments of other types.

    Source: PyTorch's ``torch.nn.functional.conv_transpose2d``.

    >>> torch.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    sizes = stride, padding, output_padding, groups, dilation
    problem = _described(conv.conv_transpose2d_problem, input, weight, bias, *sizes)
    kept = weight._version.storage
    if input.array.ndim == 3:
        return squeeze(Transposed.apply(unsqueeze(input, 0), weight, bias, problem, kept), 0)
    return Transposed.apply(input, weight, bias, problem, kept)


def _not_tensors(function: str, input: Any, weight: Any, bias: Any) -> str:
    given = [("input", input), ("weight", weight), *([] if bias is None else [("bias", bias)])]
    kinds = ", ".join("Tensor" if isinstance(value, Variable) else type(value).__name__ for _, value in given)
    name, value = next(each for each in given if not isinstance(each[1], Variable))
    hint = " Make a tensor of it with torch.from_numpy(array)." if isinstance(value, np.ndarray) else ""
    return (
        f"{function}() received an invalid combination of arguments - got ({kinds}), but {name} must be a Tensor, "
        f"not {type(value).__name__}.{hint}"
    )


class _Product(Operation):
    """One of the three derivatives of T: an operation on two of (x, w, g), named by ``operands`` in the order taken."""

    operands: tuple[str, str]
    result: str
    compute: Callable[..., Array]

    @classmethod
    def meta(cls, a: Array, b: Array, *rest: Any) -> Array:
        return without_data(_shapes(rest[-2])[cls.result], a.dtype)


def _shapes(problem: ConvProblem) -> dict[str, tuple[int, ...]]:
    return {"x": problem.input_shape, "w": problem.weight_shape, "g": problem.output_shape}


def _product_backward(ctx: Any, grad: Any) -> Any:
    """The gradient of one product, by each of its operands: two other products (see the top of the file)."""
    operation = ctx.operation
    a, b = ctx.saved[:2]
    known = {operation.result: grad}
    for name, value in zip(operation.operands, (a, b)):
        known[name] = None if value is None else conj(value)
    return tuple(
        _derivative(name, known, ctx) if needed else None
        for name, needed in zip(operation.operands, ctx.needs_input_grad)
    )


def _derivative(name: str, known: dict[str, Any], ctx: Any) -> Any:
    operation = _BY_RESULT[name]
    first, second = (known[each] for each in operation.operands)
    # Complex weights are conjugated: no array of the storage's.
    kept = None if name == "w" or ctx.problem.dtype in ("c64", "c128") else ctx.kept
    if operation is Convolution:
        return Convolution.apply(first, second, None, ctx.problem, kept)
    return operation.apply(first, second, ctx.problem, kept)


def _save_operands(ctx: Any, a: Array, b: Array, problem: ConvProblem, kept: Storage | None) -> None:
    ctx.problem, ctx.kept = problem, kept
    needs = ctx.needs_input_grad
    ctx.save(a if needs[1] else None, b if needs[0] else None)


class Convolution(_Product):
    """The derivative of T by g, with the bias added."""

    operands, result = ("x", "w"), "g"

    @staticmethod
    def forward(
        ctx: Any, input: Array, weight: Array, bias: Array | None, problem: ConvProblem, kept: Storage | None
    ) -> Array:
        if ctx is not DISCARD:
            _save_operands(ctx, input, weight, problem, kept)
        # PyTorch's padded copy is contiguous for 'circular', and the output lies as that copy does.
        last = is_channels_last(weight) or (
            is_channels_last(input) and "circular" not in (problem.mode_h, problem.mode_w)
        )
        return conv.forward(problem, input, weight, bias, channels_last=last, kept=kept)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        if not ctx.problem.ic:  # the output has no channels: nothing flows back, in the shapes of the arguments
            oc, _, _, _ = shape = ctx.problem.weight_shape
            return np.zeros(ctx.problem.input_shape), np.zeros(shape), np.zeros(oc)
        grad_input, grad_weight = _product_backward(ctx, grad)
        grad_bias = sum(grad, (0, 2, 3)) if ctx.needs_input_grad[2] else None
        return grad_input, grad_weight, grad_bias


class RectifiedConvolution(Convolution):
    """What is positive of a convolution: its gradient is the convolution's where the result is above zero."""

    backward_name = "ReluBackward0"

    @staticmethod
    def forward(
        ctx: Any, input: Array, weight: Array, bias: Array | None, problem: ConvProblem, kept: Storage | None
    ) -> Array:
        out = Convolution.forward(ctx, input, weight, bias, problem, kept)
        if ctx is not DISCARD:
            ctx.problem = problem.plans["plain"]
            needs = ctx.needs_input_grad
            ctx.save(input if needs[1] else None, weight if needs[0] else None, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Convolution.backward(ctx, Within.apply(grad, ctx.saved[2], 0.0, None))


class InputGradient(_Product):
    """The derivative of T by x."""

    operands, result = ("g", "w"), "x"
    backward_name = "ConvolutionBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, grad: Array, weight: Array, problem: ConvProblem, kept: Storage | None) -> Array:
        if ctx is not DISCARD:
            _save_operands(ctx, grad, weight, problem, kept)
        last = is_channels_last(grad) or is_channels_last(weight)
        return conv.input_gradient(problem, grad, weight, channels_last=last, kept=kept)

    backward = staticmethod(_product_backward)


class Transposed(_Product):
    """The derivative of T by x, with a bias added."""

    operands, result = ("g", "w"), "x"
    backward_name = "ConvolutionBackward0"

    @staticmethod
    def forward(
        ctx: Any, input: Array, weight: Array, bias: Array | None, problem: ConvProblem, kept: Storage | None
    ) -> Array:
        out = InputGradient.forward(ctx, input, weight, problem, kept)
        if bias is not None:
            large.ufunc(np.add, out, bias.astype(out.dtype, copy=False)[:, None, None], out=out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        grad_input, grad_weight = _product_backward(ctx, grad)
        grad_bias = sum(grad, (0, 2, 3)) if ctx.needs_input_grad[2] else None
        return grad_input, grad_weight, grad_bias


class WeightGradient(_Product):
    """The derivative of T by w."""

    operands, result = ("x", "g"), "w"
    backward_name = "ConvolutionBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, grad: Array, problem: ConvProblem, kept: None) -> Array:
        if ctx is not DISCARD:
            _save_operands(ctx, input, grad, problem, None)
        return conv.weight_gradient(problem, input, grad)

    backward = staticmethod(_product_backward)


_BY_RESULT: dict[str, type[_Product]] = {each.result: each for each in (Convolution, InputGradient, WeightGradient)}
