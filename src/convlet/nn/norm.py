"""Normalisation as layers."""

from __future__ import annotations

import numbers
import warnings
from typing import Any

from ..autograd.deferred import step_of
from ..dtypes import int64
from ..ops.norm import count_up
from ..tensor.creation import empty, ones, zeros
from . import functional as F
from . import init
from .activation import ReLU, ReLU6
from .module import Module
from .parameter import Parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


class _Affine(Module):
    """What ends with a learned scale and shift, if any."""

    weight: Any
    bias: Any

    def _make(self, shape: Any, device: Any, dtype: Any, **wanted: bool) -> None:
        """Registers the parameters of these names: those that are not wanted are None."""
        for name, each in wanted.items():
            made = Parameter(empty(shape, device=device, dtype=dtype)) if each else None
            self.register_parameter(name, made)

    def reset_parameters(self) -> None:
        """Scale 1 and shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if getattr(self, "bias", None) is not None:
            init.zeros_(self.bias)


class _Norm(_Affine):
    """Running statistics, and a learned scale and shift of each of ``num_features`` channels."""

    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]  # noqa: RUF012
    _version = 2
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make(num_features, device, dtype, weight=affine, bias=affine and bias)
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", zeros((), dtype=int64, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Scale 1 and shift 0, and no batches seen."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Any) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        version = local_metadata.get("version", None)
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            # The first version had no count of the batches.
            known = self.num_batches_tracked
            state_dict[key] = zeros((), dtype=int64) if known is None or known.meta else known
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def _expect(input: Any, *ranks: int) -> None:
    if 4 in ranks and step_of(input) is not None:
        return  # what is computed later are images
    if input.dim() not in ranks:
        expected = " or ".join(f"{rank}D" for rank in ranks)
        raise ValueError(f"expected {expected} input (got {input.dim()}D input)")


class _BatchNorm(_Norm):
    def forward(self, input: Any, activation: str | None = None) -> Any:
        self._check_input_dim(input)
        own, kept = self._parameters, self._buffers
        try:
            weight, bias = own["weight"], own["bias"]
            mean, var, counter = kept["running_mean"], kept["running_var"], kept["num_batches_tracked"]
        except KeyError:  # something has put others in their places
            weight, bias = self.weight, self.bias
            mean, var, counter = self.running_mean, self.running_var, self.num_batches_tracked
        training, momentum = self.training, self.momentum
        if training and self.track_running_stats and counter is not None:
            batches = count_up(counter)
            if momentum is None:  # a plain average over all batches
                momentum = 1.0 / batches
        if training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(
            *(input, mean, var, weight, bias, training or (mean is None and var is None)),
            0.0 if momentum is None else momentum,
            self.eps,
            activation=activation,
        )

    def takes(self, after: Any) -> str | None:
        """The activation behind this layer, if in training they are computed together and nobody sees the layer's."""
        word = after.word if self.training and type(after) in (ReLU, ReLU6) else None
        if word is None or self._hooked or after._hooked or type(self).forward is not _BatchNorm.forward:
            return None
        return None if "forward" in self.__dict__ or "forward" in after.__dict__ else word


class BatchNorm1d(_BatchNorm):
    """Normalise each channel of ``(N, C)`` or ``(N, C, L)`` over the batch: see :class:`BatchNorm2d`.

    >>> torch.nn.BatchNorm1d(100)(torch.randn(20, 100)).shape
    torch.Size([20, 100])
    """

    def _check_input_dim(self, input: Any) -> None:
        _expect(input, 2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise each channel of ``(N, C, H, W)`` over the batch and the image, then scale and shift it.

    In training the batch's mean and variance are used, and running ones follow them by ``momentum`` (None: they are
    the plain average of all batches); in evaluation the running ones are used. ``affine=False`` leaves out weight and
    bias, ``bias=False`` the bias; ``track_running_stats=False`` always uses the batch's statistics.

    Raises:
        ValueError: an input of another rank; one value per channel in training. RuntimeError: other channels.

    Source: https://arxiv.org/abs/1502.03167

    >>> torch.nn.BatchNorm2d(3)
    BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    def _check_input_dim(self, input: Any) -> None:
        _expect(input, 4)


class BatchNorm3d(_BatchNorm):
    """Normalise each channel of ``(N, C, D, H, W)`` over the batch: see :class:`BatchNorm2d`.

    >>> torch.nn.BatchNorm3d(2)(torch.randn(2, 2, 3, 3, 3)).shape
    torch.Size([2, 2, 3, 3, 3])
    """

    def _check_input_dim(self, input: Any) -> None:
        _expect(input, 5)


class _InstanceNorm(_Norm):
    _batched_rank: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Any) -> None:
        _expect(input, self._batched_rank - 1, self._batched_rank)

    def forward(self, input: Any) -> Any:
        self._check_input_dim(input)
        axis = input.dim() - self._batched_rank + 1
        found = input.shape[axis]
        if found != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={axis} to match num_features ({self.num_features}), but got: "
                    f"{found}."
                )
            warnings.warn(
                f"input's size at dim={axis} does not match num_features. You can silence this warning by not passing "
                "in num_features, which is not used because affine=False",
                stacklevel=3,
            )
        single = axis == 0
        result = F.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )
        return result.squeeze(0) if single else result


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each ``(C, L)`` of a batch by itself.

    >>> torch.nn.InstanceNorm1d(2)(torch.randn(3, 2, 5)).shape
    torch.Size([3, 2, 5])
    """

    _batched_rank = 3


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each image of ``(N, C, H, W)`` by itself; without weight and bias by default.

    Source: https://arxiv.org/abs/1607.08022

    >>> torch.nn.InstanceNorm2d(3)
    InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)
    """

    _batched_rank = 4


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each ``(C, D, H, W)`` of a batch by itself.

    >>> torch.nn.InstanceNorm3d(2)(torch.randn(3, 2, 2, 2, 2)).shape
    torch.Size([3, 2, 2, 2, 2])
    """

    _batched_rank = 5


def _sizes(normalized_shape: Any) -> tuple[int, ...]:
    return tuple([normalized_shape] if isinstance(normalized_shape, numbers.Integral) else normalized_shape)


class LayerNorm(_Affine):
    """Normalise over the last axes, of the sizes ``normalized_shape``, then scale and shift each element.

    Source: https://arxiv.org/abs/1607.06450

    >>> torch.nn.LayerNorm((5, 10))
    LayerNorm((5, 10), eps=1e-05, elementwise_affine=True, bias=True)
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # noqa: RUF012

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        wanted = elementwise_affine and bias
        self._make(self.normalized_shape, device, dtype, weight=elementwise_affine, bias=wanted)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """Divide by the root mean square over the last axes, then scale each element.

    Source: https://arxiv.org/abs/1910.07467

    >>> torch.nn.RMSNorm(3)
    RMSNorm((3,), eps=None, elementwise_affine=True)
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # noqa: RUF012

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, device, dtype, weight=elementwise_affine)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Normalise each of ``num_groups`` groups of channels of each image, then scale and shift each channel.

    Source: https://arxiv.org/abs/1803.08494

    >>> torch.nn.GroupNorm(3, 6)
    GroupNorm(3, 6, eps=1e-05, affine=True, bias=True)
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]  # noqa: RUF012

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make(num_channels, device, dtype, weight=affine, bias=affine and bias)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divide by a power of the mean square of neighbouring channels: see F.local_response_norm.

    >>> torch.nn.LocalResponseNorm(2)
    LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)
    """

    __constants__ = ["size", "alpha", "beta", "k"]  # noqa: RUF012

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Any) -> Any:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
