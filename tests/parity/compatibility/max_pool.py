"""Lines 139 to 149: max pooling."""

from __future__ import annotations

import inspect
from itertools import product
from typing import Any

import numpy as np

from tests.parity.compatibility.check import calls, gradients, integers, line, refusal, some


def pool(t: Any, shape: tuple[int, ...], *arguments: Any, **named: Any) -> Any:
    return refusal(t.nn.functional.max_pool2d, integers(t, *shape), *arguments, **named)


@line(139)
def order_of_the_arguments(t: Any) -> Any:
    parameters = inspect.signature(t.nn.MaxPool2d.__init__).parameters.values()
    x = integers(t, 1, 2, 9, 8)
    functional = t.nn.functional.max_pool2d(x, 3, 2, 1, 2, True, False)
    pooled, indices = t.nn.MaxPool2d(3, 2, 1, 2, True, False)(x)
    named = t.nn.functional.max_pool2d(
        input=x, kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True, return_indices=False
    )
    assert t.equal(named, functional)
    names = [(each.name, None if each.default is each.empty else repr(each.default)) for each in parameters]
    return names, functional, pooled, indices


@line(139)
def stride_is_the_kernel(t: Any) -> Any:
    x = integers(t, 1, 2, 9, 8)
    layer = t.nn.MaxPool2d((2, 3))
    return (
        t.nn.functional.max_pool2d(x, (2, 3)),
        layer(x),
        layer.stride,
        t.nn.functional.max_pool2d(x, 2, []),
        t.max_pool2d(x, 2),
    )


calls(
    140,
    repr=lambda t: [
        repr(t.nn.MaxPool2d(*each))
        for each in ((2,), (2, 2), ((3, 2), (2, 1), (1, 0)), (3, 2, 1, 2, True, True), ([2, 2], None))
    ],
    attributes=lambda t: [vars(t.nn.MaxPool2d((3, 2), 2, 1, 1, True))[name] for name in (
        "kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"
    )],
)  # fmt: skip


@line(141)
def padding_never_wins(t: Any) -> Any:
    x = -1 - integers(t, 1, 2, 5, 5).abs()
    found = [t.nn.functional.max_pool2d(x, 3, 2, 1)]
    for dtype in ("int8", "int16", "int32", "int64", "uint8"):
        found.append(t.nn.functional.max_pool2d(integers(t, 1, 1, 4, 4, dtype=dtype), 3, 2, 1))
    return found


@line(141)
def nan_and_infinity(t: Any) -> Any:
    x = t.zeros(1, 1, 6, 6)
    x[0, 0, 1, 1] = float("nan")
    x[0, 0, 4, 0] = float("inf")
    low = t.full((1, 1, 4, 4), -float("inf"))
    pairs = [t.nn.functional.max_pool2d(each, 2, return_indices=True) for each in (x, low)]
    return (
        pairs,
        t.nn.functional.max_pool2d(low, 3, 2, 1, return_indices=True),
        t.nn.functional.max_pool2d(x, 3, 1, 1),
    )


@line(142)
def sizes(t: Any) -> Any:
    found = []
    for size, k, s, p, d, ceil in product((5, 6, 9), (2, 3), (1, 2, 3), (0, 1), (1, 2), (False, True)):
        if size + 2 * p >= d * (k - 1) + 1:
            found.append(
                t.nn.functional.max_pool2d(integers(t, 1, 1, size, 6), (k, 1), (s, 1), (p, 0), (d, 1), ceil)
            )
    return found


calls(
    143,
    negative=lambda t: [pool(t, (1, 1, 6, 6), 3, 1, -1), pool(t, (1, 1, 6, 6), 3, 1, (0, -1))],
    in_a_layer=lambda t: t.nn.MaxPool2d(3, 1, -1)(t.ones(1, 1, 6, 6)),
)
calls(
    144,
    beyond_half=lambda t: [
        pool(t, (1, 1, 9, 9), 2, 1, 4),
        pool(t, (1, 1, 9, 9), 3, 1, 2),
        pool(t, (1, 1, 9, 9), 2, 1, (0, 2)),
    ],
    dilated=lambda t: [
        pool(t, (1, 1, 9, 9), 3, 1, 2, 2),
        pool(t, (1, 1, 9, 9), 3, 1, (1, 2), 3),
        pool(t, (1, 1, 9, 9), 3, 1, 3, 2),
    ],
    half=lambda t: pool(t, (1, 1, 9, 9), 4, 1, 2),
)
calls(
    145,
    stride=lambda t: [
        pool(t, (1, 1, 6, 6), 3, 0),
        pool(t, (1, 1, 6, 6), 3, (1, 0)),
        pool(t, (1, 1, 6, 6), 3, -1),
    ],
    kernel=lambda t: [
        pool(t, (1, 1, 6, 6), 0, 1),
        pool(t, (1, 1, 6, 6), (3, 0), 1),
        pool(t, (1, 1, 6, 6), -1, 1),
    ],
    dilation=lambda t: [pool(t, (1, 1, 6, 6), 3, 1, 0, 0), pool(t, (1, 1, 6, 6), 3, 1, 0, (1, 0))],
    lengths=lambda t: [
        pool(t, (1, 1, 6, 6), (1, 2, 3)),
        pool(t, (1, 1, 6, 6), 2, (1, 1, 1)),
        pool(t, (1, 1, 6, 6), 2, 1, (0, 0, 0)),
    ],
    kernel_zero_with_its_stride=lambda t: pool(t, (1, 1, 6, 6), 0),
)
calls(
    146,
    width=lambda t: pool(t, (1, 1, 4), (2, 2)),
    height=lambda t: pool(t, (1, 1, 1, 4), (2, 2)),
    dilated=lambda t: pool(t, (2, 3, 4, 4), 3, 1, 0, 3),
)
calls(
    147,
    one_axis=lambda t: pool(t, (4,), 2),
    two_axes=lambda t: pool(t, (4, 4), 2),
    five_axes=lambda t: pool(t, (1, 1, 1, 4, 4), 2),
    empty_batch=lambda t: [pool(t, (0, 2, 4, 4), 2), pool(t, (0, 2, 4, 4), 2, return_indices=True)],
    no_channels=lambda t: [pool(t, (1, 0, 4, 4), 2), pool(t, (0, 4, 4), 2)],
    no_height=lambda t: pool(t, (1, 2, 0, 4), 2),
    one_image=lambda t: pool(t, (2, 4, 4), 2, return_indices=True),
)


@line(148)
def indices(t: Any) -> Any:
    found = []
    for arguments in (
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 2, "dilation": 2},
    ):
        x = some(t, 2, 3, 7, 6)
        values, places = t.nn.functional.max_pool2d(x, **arguments, return_indices=True)
        assert places.dtype is t.int64
        assert t.equal(x.flatten(2).gather(2, places.flatten(2)), values.flatten(2))
        found.append((values, places))
    return found


@line(148)
def the_first_of_equals(t: Any) -> Any:
    ones, few = t.ones(1, 1, 6, 6), integers(t, 1, 2, 8, 8)
    return [
        t.nn.functional.max_pool2d(each, 3, 1, 1, return_indices=True)[1]
        for each in (ones, few, few.double())
    ]


@line(149)
def gradient_of_the_selected(t: Any) -> Any:
    found = []
    for arguments in ((2,), (3, 1), (3, 2, 1), (2, 1, 0, 2), (3, 2, 1, 1, True)):
        x = integers(t, 2, 2, 7, 6, dtype="float64", grad=True)
        out = t.nn.functional.max_pool2d(x, *arguments)
        found.append((out.grad_fn.name(), gradients(out, (x,))))
    return found


@line(149)
def second_derivatives(t: Any) -> Any:
    x = some(t, 1, 2, 6, 6, grad=True)
    (grad,) = t.autograd.grad((t.nn.functional.max_pool2d(x, 3, 2) ** 3).sum(), x, create_graph=True)
    return gradients(grad, (x,))


@line(149)
def layout(t: Any) -> Any:
    x = integers(t, 2, 3, 6, 5)
    last = x.contiguous(memory_format=t.channels_last)
    outs = [*t.nn.functional.max_pool2d(last, 2, return_indices=True), t.nn.functional.max_pool2d(x, 2)]
    return [(each.is_contiguous(memory_format=t.channels_last), each.is_contiguous()) for each in outs], outs


DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool",
    "complex64",
)  # fmt: skip


@line(149)
def dtypes(t: Any) -> Any:
    found = []
    for name in DTYPES:
        x = t.tensor(np.arange(32).reshape(1, 2, 4, 4) * 7 % 11).to(getattr(t, name))
        found.append(refusal(t.nn.functional.max_pool2d, x, 2))
        if x.is_floating_point():
            found.append(gradients(t.nn.functional.max_pool2d(x.requires_grad_(), 3, 1), (x,)))
    return found
