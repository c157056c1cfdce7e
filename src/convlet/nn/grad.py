"""The gradients of a convolution, by themselves."""

from __future__ import annotations

from typing import Any

from ..conv import conv2d_problem
from ..ops.convolution import InputGradient, WeightGradient

__all__ = ["conv2d_input", "conv2d_weight"]


def _problem(
    input_size: Any, weight_size: Any, tensor: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    dtype = tensor.array.dtype
    return conv2d_problem(
        tuple(input_size), tuple(weight_size), None, dtype, dtype, None, stride, padding, dilation, groups
    )


def _check(problem: Any, grad_output: Any) -> None:
    if grad_output.array.shape != problem.output_shape:
        raise RuntimeError(
            f"Expected grad_output of shape {list(problem.output_shape)} for these arguments, but got shape "
            f"{list(grad_output.array.shape)}"
        )


def conv2d_input(
    input_size: Any,
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of ``conv2d(input, weight)`` with respect to an input of this size.

    ``input_size`` is ``(N, C, H, W)``, ``grad_output`` the gradient of the output; the others as for ``conv2d``.
    RuntimeError when they do not fit together.

    >>> torch.nn.grad.conv2d_input((1, 1, 1, 2), torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 1))
    tensor([[[[1., 1.]]]])
    """
    problem = _problem(input_size, weight.array.shape, weight, stride, padding, dilation, groups)
    _check(problem, grad_output)
    return InputGradient.apply(grad_output, weight, problem, weight._version.storage)


def conv2d_weight(
    input: Any,
    weight_size: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of ``conv2d(input, weight)`` with respect to a weight of this size.

    ``weight_size`` is ``(O, C / groups, kh, kw)``, ``grad_output`` the gradient of the output; the others as for
    ``conv2d``. RuntimeError when they do not fit together.

    >>> torch.nn.grad.conv2d_weight(torch.ones(1, 1, 2, 2), (1, 1, 1, 1), torch.ones(1, 1, 2, 2))
    tensor([[[[4.]]]])
    """
    problem = _problem(input.array.shape, weight_size, input, stride, padding, dilation, groups)
    _check(problem, grad_output)
    return WeightGradient.apply(input, grad_output, problem, None)
