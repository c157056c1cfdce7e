"""Lines 116 to 121: determinism, precision flags, threads."""

from __future__ import annotations

import warnings
from typing import Any

from tests.parity.compatibility.check import line, some


def trained(t: Any) -> Any:
    """An output and the gradients of a layer of fixed parameters."""
    conv, x = t.nn.Conv2d(3, 8, 3, padding=1), some(t, 2, 3, 9, 8, dtype="float32", grad=True)
    out = conv(x)
    out.sum().backward()
    return [out, x.grad, conv.weight.grad, conv.bias.grad]


@line(116)
def deterministic_algorithms(t: Any) -> Any:
    before = t.are_deterministic_algorithms_enabled()
    t.use_deterministic_algorithms(True)
    try:
        seen = trained(t)
        enabled = t.are_deterministic_algorithms_enabled(), t.is_deterministic_algorithms_warn_only_enabled()
        t.use_deterministic_algorithms(True, warn_only=True)
        warn_only = t.is_deterministic_algorithms_warn_only_enabled()
    finally:
        t.use_deterministic_algorithms(False)
    return before, enabled, warn_only, seen, t.are_deterministic_algorithms_enabled()


CUDNN = (
    "enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32", "fp32_precision",
    "depthwise_kernel",
)  # fmt: skip


@line(117)
def cudnn_switches(t: Any) -> Any:
    cudnn = t.backends.cudnn
    before = [getattr(cudnn, name) for name in CUDNN]
    with cudnn.flags():
        inside = [getattr(cudnn, name) for name in CUDNN]
    with cudnn.flags(enabled=True, benchmark=True, deterministic=True, allow_tf32=False):
        chosen = [getattr(cudnn, name) for name in CUDNN]
        seen = trained(t)
    after = [getattr(cudnn, name) for name in CUDNN]
    return before, inside, chosen, after, seen, cudnn.is_available(), cudnn.version()


@line(117)
def assigned_cudnn_switches(t: Any) -> Any:
    cudnn, found = t.backends.cudnn, []
    for name, value in (
        ("benchmark", True),
        ("deterministic", True),
        ("enabled", False),
        ("benchmark_limit", 3),
    ):
        before = getattr(cudnn, name)
        setattr(cudnn, name, value)
        found.append(getattr(cudnn, name))
        setattr(cudnn, name, before)
    return found, trained(t)


@line(118)
def tf32(t: Any) -> Any:
    b = t.backends
    switches = b, b.cudnn, b.cudnn.conv, b.cudnn.rnn, b.mkldnn, b.mkldnn.conv, b.mkldnn.matmul, b.cuda.matmul
    return b.cudnn.allow_tf32, b.cuda.matmul.allow_tf32, [each.fp32_precision for each in switches]


@line(119)
def mkldnn(t: Any) -> Any:
    switches = t.backends.mkldnn

    def now() -> Any:
        return [
            getattr(switches, name) for name in ("enabled", "deterministic", "allow_tf32", "fp32_precision")
        ]

    found = [isinstance(switches.is_available(), bool), now()]
    with warnings.catch_warnings(action="ignore"):  # PyTorch warns of TF32, which only Intel's GPUs have
        with switches.flags(enabled=False):
            found += [now(), trained(t)]
        with switches.flags():
            found.append(now())
    return [*found, now()]


@line(120)
def backward_of_padding_and_losses_on_the_cpu(t: Any) -> Any:
    t.use_deterministic_algorithms(True)
    found = []
    try:
        for mode in ("reflect", "replicate"):
            x = some(t, 1, 2, 5, 5, grad=True)
            t.nn.functional.pad(x, (1, 1, 1, 1), mode).sum().backward()
            found.append(x.grad)
        logits = some(t, 2, 3, 4, 4, grad=True)
        t.nn.functional.cross_entropy(logits, t.zeros(2, 4, 4, dtype=t.int64)).backward()
        found.append(logits.grad)
    finally:
        t.use_deterministic_algorithms(False)
    return found


@line(121)
def batch_sizes_agree(t: Any) -> Any:
    conv, x = t.nn.Conv2d(3, 8, 3, padding=1), some(t, 5, 3, 9, 8, dtype="float32")
    whole = conv(x)
    assert all(t.allclose(conv(x[i : i + 1])[0], whole[i], atol=1e-5) for i in range(5))
    return whole
