"""The same expression through PyTorch and Convlet: results, gradients, node names, errors."""

from __future__ import annotations

import warnings

import numpy as np

import convlet

TOLERANCE = {
    "float16": 2e-3, "bfloat16": 1.6e-2, "float32": 4e-6, "complex64": 8e-6, "float64": 2e-14, "complex128": 4e-14,
}  # fmt: skip


def to_convlet(tensor):
    """A PyTorch tensor as Convlet's, with its strides."""
    import torch

    detached = tensor.detach()
    if detached.dtype is torch.bfloat16:
        array = detached.float().numpy().astype(convlet.bfloat16.numpy)
    else:
        array = detached.resolve_conj().numpy().copy(order="K")
    return convlet.from_numpy(array).requires_grad_(tensor.requires_grad)


def to_numpy(value):
    """A tensor of either library as a NumPy array; bfloat16 as float32."""
    value = value.detach()
    if str(value.dtype) == "torch.bfloat16":
        value = value.float()
    return value.numpy(force=True)


def outcome(function, *args):
    """The result of a call, or the exception it raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args)
        except Exception as error:
            return error


def is_tensor(value):
    return type(value).__name__ == "Tensor"


def assert_same(seen, expected, tolerance=None, gradient=False):
    """Same type, dtype, shape, values within the dtype's tolerance; for exceptions the same type and sentence."""
    if isinstance(expected, Exception):
        assert isinstance(seen, Exception), f"{seen!r}, but PyTorch raises {expected!r}"
        assert type(seen) is type(expected), f"{seen!r}, but PyTorch raises {expected!r}"
        assert str(seen).strip().startswith(str(expected).split("\n")[0].strip()[:400]), f"{seen}\n{expected}"
        return
    if isinstance(seen, Exception):
        raise seen
    if is_tensor(expected):
        assert is_tensor(seen)
        assert str(seen.dtype) == str(expected.dtype)
        assert tuple(seen.shape) == tuple(expected.shape)
        assert seen.requires_grad == expected.requires_grad
        a, b = to_numpy(seen), to_numpy(expected)
        bound = tolerance if tolerance is not None else TOLERANCE.get(str(expected.dtype)[6:], 0)
        if gradient:
            bound *= 4
        scale = np.max(np.abs(b[np.isfinite(b)]), initial=0) if bound else 0
        np.testing.assert_allclose(a, b, rtol=bound, atol=bound * scale * 0.25, equal_nan=True)
    elif isinstance(expected, (tuple, list)):
        assert len(seen) == len(expected)
        assert type(seen).__name__ == type(expected).__name__
        for each, other in zip(seen, expected):
            assert_same(each, other, tolerance)
    else:
        assert seen == expected


def first_line(error):
    return str(error).split("\n")[0]
