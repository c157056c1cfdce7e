"""Limits on gradients: on the norm of all of them together, or on each value."""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator
from typing import Any

import numpy as np

from ...autograd.function import make_result
from ...autograd.inplace import record_write
from ...autograd.variable import Array, Variable
from ...dtypes import from_numpy, get_default_dtype, promote_types
from ...kernels import large
from ...runtime import memory

_HALF = ("float16", "bfloat16")  # computed in float32


def _tensors(values: Any) -> list[Any]:
    return [values] if isinstance(values, Variable) else list(values)


def _wide(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype.name in _HALF else array


def _norm(array: Array, order: float) -> float:
    if array.size == 0:
        return 0.0
    array = _wide(array)
    if order == 2:
        flat = array.ravel(order="K")
        return math.sqrt(np.vdot(flat, flat).real)
    sizes = np.abs(array)
    if math.isinf(order):
        return float(sizes.max() if order > 0 else sizes.min())
    if order == 0:
        return float(np.count_nonzero(sizes))
    return float(np.sum(sizes**order, dtype=np.float64)) ** (1 / order)


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Any:
    """The norm of all tensors together, seen as one vector, as a 0-dimensional tensor.

    ``norm_type``: the p of the p-norm, also ``inf``. RuntimeError for a norm that is infinite or NaN if
    ``error_if_nonfinite``.
    """
    arrays = [each.array for each in _tensors(tensors)]
    order = float(norm_type)
    dtype = get_default_dtype() if not arrays else from_numpy(arrays[0].dtype).to_real()
    for array in arrays:
        dtype = promote_types(dtype, from_numpy(array.dtype).to_real())
    norms = np.array([_norm(array, order) for array in arrays], np.float64)
    total = _norm(norms, order)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return make_result(np.asarray(total, dtype.numpy))


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Multiply the gradients by ``max_norm / total_norm`` where that is below 1."""
    factor = min(float(max_norm) / (float(total_norm) + 1e-6), 1.0)
    if math.isnan(float(total_norm)):
        factor = math.nan  # as the quotient is: PyTorch's clamp keeps it
    _scale([each.grad for each in _tensors(parameters) if each.grad is not None], factor)


def _scale(grads: list[Any], factor: float) -> None:
    """Multiply each by the factor, all that a kernel takes in one call."""
    kernels = large.updates()
    numbers = np.array([factor], np.float32)
    rows: dict[int, tuple[int, int, list[int]]] = {}
    for grad in grads:
        array, at = grad.array, memory.address(grad.array)
        alone = at not in rows and memory.owns(array)  # views of one memory are multiplied one after the other
        if kernels is not None and alone and array.dtype == np.float32 and large.dense(array):
            rows[at] = array.size, memory.address(numbers), [at]
        else:
            np.multiply(array, array.dtype.type(factor), out=array)
    if rows:
        kernels.FORMULAS["scale"].run(list(rows.values()))
    for grad in grads:
        record_write(grad)


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale the gradients of the parameters so that their common norm is at most ``max_norm``; returns the norm before.

    ``norm_type``: the p of the p-norm, also ``inf``. RuntimeError for a norm that is infinite or NaN if
    ``error_if_nonfinite``.

    >>> x = torch.nn.Parameter(torch.zeros(2))
    >>> x.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([x], 1.0), x.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    several = _tensors(parameters)
    if isinstance(parameters, Generator) and not several:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    norm = get_total_norm([p.grad for p in several if p.grad is not None], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(several, max_norm, norm)
    return norm


def clip_grad_norm(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """The deprecated name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every value of the gradients to [-clip_value, clip_value]."""
    limit = float(clip_value)
    for parameter in _tensors(parameters):
        grad = parameter.grad
        if grad is not None:
            array = grad.array
            np.clip(array, array.dtype.type(-limit), array.dtype.type(limit), out=array)
            record_write(grad)
