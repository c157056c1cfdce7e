"""Convolution as a layer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..autograd.mode import no_grad
from ..conv import conv2d_output_shape
from ..ops.convolution import conv1d, conv2d, conv_transpose2d
from ..tensor.creation import empty
from ..tensor.size import Size
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "ConvTranspose2d"]

_MODES = ("zeros", "reflect", "replicate", "circular")
_PADDINGS = ("same", "valid", "same_upper", "same_lower")


def _as_tuple(value: Any, axes: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Iterable) else (value,) * axes


def _check_groups(in_channels: int, out_channels: int, groups: int) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups:
        raise ValueError("out_channels must be divisible by groups")


class _ConvNd(Module):
    """What layers of convolution share: attributes, initial values, repr."""

    __constants__ = [  # noqa: RUF012
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    in_channels: int
    out_channels: int
    weight: Any
    bias: Any

    def _set(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: Any,
        dilation: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: Any,
        device: Any,
        dtype: Any,
        transposed: bool = False,
        output_padding: tuple[int, ...] = (0, 0),
    ) -> None:
        """Sets the attributes and makes the parameters."""
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode if isinstance(padding_mode, str) else tuple(padding_mode)
        channels = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty((*channels, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, in this order, from the default generator."""
        weight = self.weight
        if weight.is_contiguous():
            init.kaiming_uniform_(weight, a=math.sqrt(5))  # uniform within 1 / sqrt(fan_in)
        else:  # the same numbers for the same seed, whatever the layout
            drawn = empty(weight.shape, dtype=weight.dtype, device=weight.device)
            with no_grad():
                weight.copy_(init.kaiming_uniform_(drawn, a=math.sqrt(5)))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        ]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * len(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "padding_mode"):
            self.padding_mode = "zeros"


class _Correlation(_ConvNd):
    """A layer that cross-correlates along some axes."""

    _axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: Any = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        axes = self._axes
        kernel_size, stride, dilation = (_as_tuple(each, axes) for each in (kernel_size, stride, dilation))
        padding = padding if isinstance(padding, str) else _as_tuple(padding, axes)
        _check_groups(in_channels, out_channels, groups)
        if isinstance(padding, str):
            if padding not in _PADDINGS:
                raise ValueError(
                    f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}, "
                    "or beyond PyTorch 'same_upper' or 'same_lower'"
                )
            if padding == "same" and any(step != 1 for step in stride):
                raise ValueError(
                    "padding='same' is not supported for strided convolutions. "
                    "padding='same_upper' (as TensorFlow) and 'same_lower' are."
                )
        modes = (padding_mode,) if isinstance(padding_mode, str) else padding_mode
        if not (isinstance(modes, (tuple, list)) and modes and all(mode in _MODES for mode in modes)) or (
            not isinstance(padding_mode, str) and len(modes) != 2
        ):
            allowed = ", ".join(repr(mode) for mode in _MODES)
            raise ValueError(f"padding_mode must be one of {{{allowed}}}, but got padding_mode='{padding_mode}'")
        self._set(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode),
            *(device, dtype),
            output_padding=(0,) * axes,
        )
        self._reversed_padding_repeated_twice = self._padding_from_the_last_axis()

    def _padding_from_the_last_axis(self) -> Any:
        """The padding as F.pad takes it: (left, right, top, bottom)."""
        padding = self.padding
        if padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            return [each for total in reversed(totals) for each in (total // 2, total - total // 2)]
        if isinstance(padding, str):  # the extra of 'same_upper' and 'same_lower' depends on the input
            return [0, 0] * len(self.kernel_size)
        if len(padding) == 4:
            top, bottom, left, right = padding
            return (left, right, top, bottom)
        sides = [each if isinstance(each, (tuple, list)) else (each, each) for each in padding]
        return tuple(each for pair in reversed(sides) for each in pair)


class Conv2d(_Correlation):
    """Cross-correlate images with learned kernels and add a learned bias.

    ``out[n, o] = bias[o] + sum over i of weight[o, i] * input[n, i]``, ``*`` being 2D cross-correlation.

    Arguments:
        in_channels, out_channels: channels of the input and of the output.
        kernel_size, stride, padding, dilation: an int or a pair (height, width). ``padding`` may also be 'valid' or
            'same' and, beyond PyTorch, 'same_upper', 'same_lower', ((top, bottom), (left, right)) or four numbers:
            see :func:`convlet.nn.functional.conv2d`.
        groups: cut the channels into this many groups that do not see each other.
        bias: whether to add one.
        padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'; beyond PyTorch a pair of these, for height and
            width.
        device, dtype: of the parameters.

    Attributes:
        weight: ``(out_channels, in_channels / groups, kh, kw)``, uniform in ``(-b, b)`` with
            ``b = 1 / sqrt(in_channels / groups * kh * kw)``.
        bias: ``(out_channels,)``, drawn likewise, or None.

    Shapes: ``(N, C, H, W)`` or ``(C, H, W)`` to the same with out_channels and
    ``H_out = floor((H + 2*ph - dh*(kh - 1) - 1) / sh) + 1``.

    Raises:
        ValueError: groups that do not divide the channels, an unknown padding or padding mode, 'same' with a stride.
        Sizes are checked in the forward call.

    >>> conv = torch.nn.Conv2d(3, 8, 3, padding=1)
    >>> conv(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 8, 32, 32])
    """

    _axes = 2

    def _conv_forward(self, input: Any, weight: Any, bias: Any, activation: str | None = None) -> Any:
        return conv2d(
            input,
            weight,
            bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            padding_mode=self.padding_mode,
            activation=activation,
        )

    def forward(self, input: Any) -> Any:
        own = self._parameters
        try:
            weight, bias = own["weight"], own["bias"]
        except KeyError:  # weight_norm and its like put computed tensors in their places
            weight, bias = self.weight, self.bias
        return conv2d(
            input,
            weight,
            bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            padding_mode=self.padding_mode,
        )

    def output_shape(self, input_shape: Any) -> Size:
        """The shape of the output for an input of this shape, with the checks of the forward call.

        >>> torch.nn.Conv2d(3, 64, 7, stride=2, padding=3).output_shape((1, 3, 224, 224))
        torch.Size([1, 64, 112, 112])
        """
        shape = conv2d_output_shape(
            tuple(input_shape), self.out_channels, self.kernel_size, self.stride, self.padding, self.dilation
        )
        return Size(shape)


class Conv1d(_Correlation):
    """Cross-correlate signals with learned kernels and add a learned bias: :class:`Conv2d` along one axis.

    ``(N, C, L)`` or ``(C, L)`` to the same with out_channels and ``L_out = floor((L + 2*p - d*(k - 1) - 1) / s) + 1``.
    Arguments, initial values and errors are those of :class:`Conv2d`, sizes an int or a tuple of one.

    >>> torch.nn.Conv1d(3, 8, 3, padding=1)(torch.zeros(1, 3, 32)).shape
    torch.Size([1, 8, 32])
    """

    _axes = 1

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        sizes = self.stride, self.padding, self.dilation, self.groups
        return conv1d(input, weight, bias, *sizes, padding_mode=self.padding_mode)

    def forward(self, input: Any) -> Any:
        return self._conv_forward(input, self.weight, self.bias)


class ConvTranspose2d(_ConvNd):
    """Spread learned kernels over a larger image: the input gradient of a convolution, and a learned bias.

    Arguments:
        in_channels, out_channels: channels of the input and of the output.
        kernel_size, stride, padding, dilation: of that convolution: an int or a pair (height, width).
        output_padding: rows and columns more at the bottom and right, fewer than the stride or the dilation.
        groups: cut the channels into this many groups that do not see each other.
        bias: whether to add one.
        padding_mode: 'zeros'.
        device, dtype: of the parameters.

    Attributes:
        weight: ``(in_channels, out_channels / groups, kh, kw)``, uniform in ``(-b, b)`` with
            ``b = 1 / sqrt(out_channels / groups * kh * kw)``.
        bias: ``(out_channels,)``, drawn likewise, or None.

    Shapes: ``(N, C, H, W)`` or ``(C, H, W)`` to the same with out_channels and
    ``H_out = (H - 1)*sh - 2*ph + dh*(kh - 1) + output_padding + 1``.

    Raises:
        ValueError: groups that do not divide the channels, another padding mode. Sizes are checked in the forward
        call.

    >>> up = torch.nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1)
    >>> up(torch.zeros(1, 8, 16, 16)).shape
    torch.Size([1, 4, 32, 32])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError('Only "zeros" padding mode is supported for ConvTranspose2d')
        _check_groups(in_channels, out_channels, groups)
        sizes = (_as_tuple(each, 2) for each in (kernel_size, stride, padding, dilation))
        kernel_size, stride, padding, dilation = sizes
        self._set(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode),
            *(device, dtype),
            transposed=True,
            output_padding=_as_tuple(output_padding, 2),
        )
        self._reversed_padding_repeated_twice = tuple(each for each in reversed(padding) for _ in range(2))

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """The output; of ``output_size`` (height, width), or all its sizes, where the stride leaves a choice."""
        output_padding = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return conv_transpose2d(
            *(input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation)
        )

    def _output_padding(self, input: Any, output_size: Any) -> tuple[int, ...]:
        axes = len(self.kernel_size)
        rank, batch = input.ndim, input.ndim - axes
        if len(output_size) == rank:
            output_size = output_size[batch:]
        if len(output_size) != axes:
            raise ValueError(
                f"ConvTranspose{axes}D: for {rank}D input, output_size must have {axes} or {rank} elements "
                f"(got {len(output_size)})"
            )
        sizes = input.shape[batch:]
        smallest = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(sizes, self.stride, self.padding, self.dilation, self.kernel_size)
        ]
        largest = [size + s - 1 for size, s in zip(smallest, self.stride)]
        if any(not low <= size <= high for low, size, high in zip(smallest, output_size, largest)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {smallest} to {largest} "
                f"(for an input of {sizes})"
            )
        return tuple(size - low for size, low in zip(output_size, smallest))
