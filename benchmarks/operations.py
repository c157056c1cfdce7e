"""The calls that are measured one by one, in tables by name; a call is a function of nothing, of either library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Calls = dict[str, Callable[[], Any]]


def small(torch: Any) -> Calls:
    """Where there is little to compute: what is measured is Python, and PyTorch's dispatch."""
    nn = torch.nn
    conv, linear, relu = nn.Conv2d(1, 1, 1), nn.Linear(10, 10), torch.relu
    x, gradient, v = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3), torch.ones(4, 10)
    w = torch.ones(1, 1, 1, 1)
    image = torch.ones(1, 1, 3, 3, requires_grad=True)
    few, many = torch.ones(10), torch.ones(1000)
    leaf = torch.ones(10, requires_grad=True)
    return {
        "F.conv2d(x, w)": lambda: nn.functional.conv2d(x, w),
        "conv(x), no_grad inside": _without_gradient(torch, lambda: conv(x)),
        "conv(x), recorded": lambda: conv(x),
        "conv(x).backward(g)": lambda: conv(x).backward(gradient),
        "the same, x too": lambda: conv(image).backward(gradient),
        "linear(v), no_grad inside": _without_gradient(torch, lambda: linear(v)),
        "a + b, 10": lambda: few + few,
        "a + b, 1000": lambda: many + many,
        "a * 2.0, 10": lambda: few * 2.0,
        "relu, 10": lambda: relu(few),
        "relu, 1000": lambda: relu(many),
        "exp, 1000": lambda: torch.exp(many),
        "sum, 10": lambda: few.sum(),
        "mean, 10": lambda: few.mean(),
        "reshape": lambda: many.reshape(10, 100),
        "a[3]": lambda: many[3],
        "a + b, recorded": lambda: leaf + few,
        "(a * b).sum().backward()": lambda: (leaf * few).sum().backward(),
        "digits step, batch 32": _digits_step(torch, 32),
        "digits step, batch 64": _digits_step(torch, 64),
    }


def _without_gradient(torch: Any, call: Callable[[], Any]) -> Callable[[], Any]:
    def quiet() -> Any:
        with torch.no_grad():
            return call()

    return quiet


def _digits_step(torch: Any, batch: int) -> Callable[[], Any]:
    """A training step of the network that `convlet train` makes for images of 8 x 8 (convlet/models/small.py)."""
    nn = torch.nn
    torch.manual_seed(0)

    def block(channels: int, width: int) -> list[Any]:
        return [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]

    features = [*block(1, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64)]
    model = nn.Sequential(*features, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 16, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    x = torch.randn(batch, 1, 8, 8)
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 10, batch))

    def step() -> float:
        loss = nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


# ResNet-50's parameters without its classifier, roughly: so many of each size.
PARAMETERS = ((512 * 512 * 9, 4), (1024 * 256, 24), (2048 * 512, 6), (2048, 60), (256, 60))


def beside(torch: Any) -> Calls:
    """What stands beside the convolutions of a network: an array (8, 96, 56, 56), and an optimizer's step."""
    nn, F = torch.nn, torch.nn.functional
    nn.Conv2d(8, 8, 3)(torch.ones(1, 8, 32, 32))  # they come after convolutions: before, Convlet leaves some to NumPy
    x, other = torch.randn(8, 96, 56, 56), torch.randn(8, 96, 56, 56)
    norm, weight, bias = nn.BatchNorm2d(96), torch.ones(96), torch.zeros(96)
    evaluated = nn.BatchNorm2d(96).eval()
    leaf, gradient = torch.randn(8, 96, 56, 56).requires_grad_(), torch.randn(8, 96, 56, 56)

    def both(function: Callable[[Any], Any]) -> Callable[[], Any]:
        def step() -> Any:
            leaf.grad = None
            result = function(leaf)
            result.backward(gradient[:, :, : result.shape[2], : result.shape[3]])
            return result

        return step

    def optimizer(kind: type, **settings: Any) -> Callable[[], Any]:
        parameters = [nn.Parameter(torch.randn(size)) for size, count in PARAMETERS for _ in range(count)]
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape)
        return kind(parameters, **settings).step

    scaled = [nn.Parameter(torch.randn(size)) for size, count in PARAMETERS for _ in range(count)]
    for parameter in scaled:
        parameter.grad = torch.randn(parameter.shape)
    quiet: Calls = {
        "x + y": lambda: x + other,
        "relu": lambda: torch.relu(x),
        "sigmoid": lambda: torch.sigmoid(x),
        "gelu": lambda: F.gelu(x),
        "silu": lambda: F.silu(x),
        "batch norm, evaluation": lambda: evaluated(x),
        "group norm, 8 groups": lambda: F.group_norm(x, 8, weight, bias),
        "layer norm over columns": lambda: F.layer_norm(x, (56,)),
        "log-softmax over channels": lambda: F.log_softmax(x, 1),
        "max pooling, 3x3, stride 2": lambda: F.max_pool2d(x, 3, 2),
        "average pooling, 2x2": lambda: F.avg_pool2d(x, 2),
        "global average": lambda: F.adaptive_avg_pool2d(x, 1),
        "adaptive average to 7x7": lambda: F.adaptive_avg_pool2d(x, 7),
        "twice the size, bilinear": lambda: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
        "cat of two, by channels": lambda: torch.cat((x, other), 1),
    }
    return {name: _without_gradient(torch, call) for name, call in quiet.items()} | {
        "batch norm, training, forward and backward": both(norm),
        "relu, forward and backward": both(torch.relu),
        "max pooling, forward and backward": both(lambda leaf: F.max_pool2d(leaf, 3, 2)),
        "SGD, momentum and decay, 22 million numbers": optimizer(
            torch.optim.SGD, lr=1e-3, momentum=0.9, weight_decay=1e-4
        ),
        "AdamW of them": optimizer(torch.optim.AdamW, lr=1e-5),
        "clip_grad_norm_ of them": lambda: nn.utils.clip_grad_norm_(scaled, 1e9),
    }


# Rows of input, features in and out.
LINEAR = (
    (1, 25088, 4096),
    (8, 25088, 4096),
    (8, 4096, 4096),
    (1, 2048, 1000),
    (64, 2048, 1000),
    (64, 400, 120),
    (512, 512, 512),
    (1024, 1024, 1024),
)


def linear(torch: Any) -> Calls:
    """Linear layers, forward, and forward with the gradients by input, weight and bias."""

    def layer(rows: int, features: int, outputs: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        made = torch.nn.Linear(features, outputs)
        x, leaf = torch.randn(rows, features), torch.randn(rows, features).requires_grad_()
        gradient = torch.randn(rows, outputs)

        def both() -> Any:
            leaf.grad = made.weight.grad = made.bias.grad = None
            made(leaf).backward(gradient)

        return _without_gradient(torch, lambda: made(x)), both

    found: Calls = {}
    for rows, features, outputs in LINEAR:
        name = f"{rows} x {features} -> {outputs}"
        found[name], found[f"{name}, both"] = layer(rows, features, outputs)
    return found


TABLES: dict[str, Callable[[Any], Calls]] = {"small": small, "beside": beside, "linear": linear}
