"""What docs/compatibility.md says is different, both sides of it: so the page cannot grow old unnoticed."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import Any

from tests.parity.compatibility.check import Check, Refusal, refusal


@dataclass(frozen=True)
class Difference(Check):
    """`see(library)` returns `theirs` with PyTorch and `ours` with Convlet."""

    theirs: Any
    ours: Any


def has(library: Any, *names: str) -> tuple[bool, ...]:
    """Whether there are these names, with dots, in the library."""
    return tuple(_has(library, name) for name in names)


def _has(library: Any, name: str) -> bool:
    found = library
    for part in name.split("."):
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except (ImportError, AttributeError):
                return False
        found = getattr(found, part)
    return True


def kind_or_shape(function: Any, *arguments: Any, **named: Any) -> Any:
    """The kind of the exception, or the shape of the result."""
    result = refusal(function, *arguments, **named)
    return result.kind if isinstance(result, Refusal) else tuple(result.shape)


def weight_after_a_refused_state(t: Any) -> Any:
    conv = t.nn.Conv2d(1, 1, 1)
    refusal(conv.load_state_dict, {"weight": t.full((1, 1, 1, 1), 9.0), "bias": t.ones(2)})
    return conv.weight.item() == 9


def dilated_integers(t: Any) -> Any:
    found = []
    for dtype in (t.int8, t.int16, t.int32, t.uint8):
        x, w = t.ones(1, 1, 5, 5, dtype=dtype), t.ones(1, 1, 2, 2, dtype=dtype)
        found.append(kind_or_shape(t.nn.functional.conv2d, x, w, dilation=2))
    return found


def conv_of_ones(t: Any, x: tuple[int, ...], w: tuple[int, ...], **arguments: Any) -> Any:
    return kind_or_shape(t.nn.functional.conv2d, t.ones(x), t.ones(w), **arguments)


def bias_of_another_dtype(t: Any) -> Any:
    x, w, bias = t.ones(1, 1, 3, 3), t.ones(1, 1, 3, 3), t.ones(1, dtype=t.float64)
    return [kind_or_shape(t.nn.functional.conv2d, x, w, bias, padding=each) for each in (0, "valid", "same")]


def a_huge_padding(t: Any) -> Any:
    x, w = (t.ones(1, 1, 1, 1, device="meta") for _ in range(2))
    return [kind_or_shape(t.nn.functional.conv2d, x, w, padding=(each, 0)) for each in (2**24, 2**24 + 1)]


def warnings_of_an_odd_total(t: Any) -> Any:
    x, w = t.ones(1, 1, 4, 4), t.ones(1, 1, 2, 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if _has(t, "set_warn_always"):
            t.set_warn_always(True)
        t.nn.functional.conv2d(x, w, padding="same")
        if _has(t, "set_warn_always"):
            t.set_warn_always(False)
    return len(caught)


ERROR = "RuntimeError"
SECOND_ORDER = "autograd.forward_ad", "vmap", "func.vmap"
GRADIENTS = "nn.grad.conv1d_input", "nn.grad.conv1d_weight", "nn.grad.conv3d_input", "nn.grad.conv3d_weight"

DIFFERENCES = [
    Difference(33, "nothing_is_copied_of_a_refused_state", weight_after_a_refused_state, True, False),
    Difference(49, "dilated_integers", dilated_integers, ["NotImplementedError"] * 4, [(1, 1, 3, 3)] * 4),
    Difference(50, "complex32", lambda t: has(t, "complex32"), (True,), (False,)),
    Difference(
        59, "kernel_0_of_an_empty_batch", lambda t: conv_of_ones(t, (0, 1, 5, 5), (1, 1, 0, 2)),
        "IndexError", ERROR,
    ),
    Difference(
        63,
        "dilation_0_of_an_empty_batch",
        lambda t: conv_of_ones(t, (0, 1, 5, 5), (1, 1, 2, 2), dilation=0),
        (0, 1, 5, 5),
        ERROR,
    ),
    Difference(
        71, "bias_dtype_with_a_word", bias_of_another_dtype,
        [ERROR, (1, 1, 1, 1), (1, 1, 3, 3)], [ERROR] * 3,
    ),
    Difference(
        75, "padding_beyond_24_bits", a_huge_padding, [(1, 1, 2**25 + 1, 1), (1, 1, 2**25 + 3, 1)],
        [(1, 1, 2**25 + 1, 1), ERROR],
    ),
    Difference(80, "no_warning", warnings_of_an_odd_total, 1, 0),
    Difference(
        81, "bytes", lambda t: conv_of_ones(t, (1, 1, 5, 5), (1, 1, 3, 3), padding=b"same"),
        (1, 1, 5, 5), "TypeError",
    ),
    Difference(111, "conv1d_and_conv3d", lambda t: has(t, *GRADIENTS), (True,) * 4, (False,) * 4),
    Difference(114, "forward_mode_and_vmap", lambda t: has(t, *SECOND_ORDER), (True,) * 3, (False,) * 3),
    Difference(119, "no_onednn", lambda t: t.backends.mkldnn.is_available(), True, False),
]  # fmt: skip

# Names of PyTorch that the page says are not here: sections J and K, and "Differences everywhere".
ABSENT = (
    "nn.Conv3d", "nn.functional.conv3d", "nn.LazyConv2d",
    "nn.UninitializedParameter", "nn.MaxPool1d",
    "nn.MaxPool3d", "nn.LSTM", "nn.MultiheadAttention",
    "nn.functional.grid_sample", "nn.SyncBatchNorm", "nn.utils.parametrize",
    "nn.utils.weight_norm", "vmap", "func", "autograd.forward_ad", "autograd.functional", "autograd.graph",
    "jit", "fx", "export", "onnx", "overrides", "distributed",
    "multiprocessing", "sparse_coo_tensor", "quantize_per_tensor", "nested", "distributions", "fft", "stft",
    "special", "linalg.svd", "linalg.solve", "profiler", "hub", "complex32", "uint16",
    "float8_e5m2", "Tensor.__torch_function__", "Tensor.untyped_storage",
    "optim.swa_utils",
)  # fmt: skip
