"""Lines 1 to 22: how nn.Conv2d is built."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from tests.parity.compatibility.check import calls, integers, line, refusal

ATTRIBUTES = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "transposed",
    "output_padding", "groups", "padding_mode", "_reversed_padding_repeated_twice",
)  # fmt: skip


def described(conv: Any) -> dict[str, Any]:
    return {name: getattr(conv, name) for name in ATTRIBUTES}


@line(1)
def order_and_defaults_of_the_arguments(t: Any) -> Any:
    parameters = inspect.signature(t.nn.Conv2d.__init__).parameters.values()
    conv = t.nn.Conv2d(4, 6, 3, 2, 1, 1, 2, False, "reflect", "cpu", t.float64)
    defaults = [
        (each.name, None if each.default is each.empty else repr(each.default)) for each in parameters
    ]
    return defaults, described(conv), conv.bias, conv.weight.dtype, conv.weight.device


@line(2)
def a_number_is_repeated_and_an_iterable_becomes_a_tuple(t: Any) -> Any:
    values = (3, (3, 2), [3, 2], range(2, 4), t.Size((2, 3)), np.array([2, 3]), (2,), (1, 2, 3))
    found = []
    for value in values:
        found.append(described(t.nn.Conv2d(1, 1, value)))
        for name in ("stride", "padding", "dilation"):
            found.append(getattr(t.nn.Conv2d(1, 1, 3, **{name: value}), name))
    found.append(t.nn.Conv2d(1, 1, 3, stride=iter((1, 2))).stride)
    return [tuple(each) if isinstance(each, tuple) else each for each in found]


@line(3)
def height_comes_first(t: Any) -> Any:
    x = integers(t, 1, 1, 20, 30)
    shapes = [
        t.nn.Conv2d(1, 1, 3, **{name: (1, 4)})(x).shape for name in ("stride", "padding", "dilation")
    ]  # fmt: skip
    return t.nn.Conv2d(1, 1, (2, 5)).weight.shape, t.nn.Conv2d(1, 1, (2, 5))(x).shape, shapes


calls(
    4,
    same=lambda t: described(t.nn.Conv2d(1, 1, (3, 4), padding="same", dilation=(1, 3))),
    valid=lambda t: described(t.nn.Conv2d(1, 1, 3, padding="valid", stride=2)),
    lower_case_only=lambda t: refusal(t.nn.Conv2d, 1, 1, 3, padding="Valid").kind,
)


@line(5)
def another_padding_string(t: Any) -> Any:
    return refusal(t.nn.Conv2d, 3, 33, 3, padding="foo")


calls(
    6,
    a_stride=lambda t: t.nn.Conv2d(3, 33, 3, padding="same", stride=2),
    one_strided_axis=lambda t: t.nn.Conv2d(3, 33, 3, padding="same", stride=(1, 3)),
)
calls(
    7,
    zero_groups=lambda t: t.nn.Conv2d(1, 2, 3, groups=0),
    negative_groups=lambda t: t.nn.Conv2d(1, 2, 3, groups=-2),
)
calls(8, input_channels=lambda t: t.nn.Conv2d(5, 6, 3, groups=2))
calls(9, output_channels=lambda t: t.nn.Conv2d(6, 5, 3, groups=2))
calls(
    10,
    another_mode=lambda t: t.nn.Conv2d(3, 33, 3, padding_mode="xyz"),
    a_number=lambda t: t.nn.Conv2d(3, 33, 3, padding_mode=3),
    none=lambda t: t.nn.Conv2d(3, 33, 3, padding_mode=None),
)

# From the last checked to the first; each call has all faults up to one.
FAULTS = (
    {"padding_mode": "xyz"},
    {"padding": "same", "stride": 2},
    {"padding": "foo"},
    {"out_channels": 5},
    {"in_channels": 5},
    {"groups": 0},
)


@line(11)
def order_of_the_checks(t: Any) -> Any:
    arguments: dict[str, Any] = {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 2}
    found = []
    for fault in FAULTS:
        arguments.update(fault)
        found.append(refusal(t.nn.Conv2d, **arguments))
    return found


@line(12)
def what_is_only_checked_in_forward(t: Any) -> Any:
    x = integers(t, 1, 1, 9, 9)
    found = []
    for wrong in (
        {"stride": 0}, {"stride": -1}, {"padding": -1}, {"dilation": -1}, {"stride": (1, 1, 1)},
        {"padding": (1, 1, 1)}, {"dilation": (1, 1, 1)}, {"kernel_size": (3,)}, {"kernel_size": (3, 3, 3)},
    ):  # fmt: skip
        conv = t.nn.Conv2d(1, 1, **{"kernel_size": 3, **wrong})
        found.append((repr(conv), refusal(conv, x)))
    return found


calls(
    13,
    plain=lambda t: t.nn.Conv2d(3, 8, (2, 5)).weight.shape,
    grouped=lambda t: t.nn.Conv2d(6, 8, 3, groups=2).weight.shape,
)


@line(14)
def bias_or_none(t: Any) -> Any:
    found = []
    for bias in (True, 1, False, 0, None):
        conv = t.nn.Conv2d(3, 8, 3, bias=bias)
        found.append(
            (conv.bias is None or conv.bias.shape, [*conv._parameters], [*dict(conv.named_parameters())])
        )
    return found


@line(15)
def both_are_parameters_of_the_dtype(t: Any) -> Any:
    conv = t.nn.Conv2d(3, 8, 3, device=t.device("cpu"), dtype=t.float64)
    return [
        (
            type(each).__name__,
            isinstance(each, t.nn.Parameter),
            each.requires_grad,
            each.dtype,
            each.device,
            each.is_leaf,
        )
        for each in (conv.weight, conv.bias)
    ]


@line(16)
def parameters_without_storage(t: Any) -> Any:
    conv = t.nn.Conv2d(3, 8, 3, stride=2, device="meta")
    out = conv(t.empty(2, 3, 9, 11, device="meta"))
    return (
        conv.weight.shape,
        conv.bias.shape,
        conv.weight.is_meta,
        out.shape,
        out.device,
        out.is_meta,
        out.dtype,
    )


@line(17)
def no_input_channels(t: Any) -> Any:
    conv = t.nn.Conv2d(0, 33, 3)
    return conv.weight.shape, conv.bias


@line(18)
def reversed_padding(t: Any) -> Any:
    paddings = (0, 2, (1, 2), [3, 4])
    return [t.nn.Conv2d(1, 1, 3, padding=each)._reversed_padding_repeated_twice for each in paddings]


@line(19)
def reversed_padding_of_words(t: Any) -> Any:
    convs = [t.nn.Conv2d(1, 1, 3, padding="valid")]
    for kernel in (3, 4, (2, 5)):
        convs += [t.nn.Conv2d(1, 1, kernel, padding="same", dilation=dilation) for dilation in (1, 2, (3, 1))]
    return [each._reversed_padding_repeated_twice for each in convs]


@line(20)
def attributes(t: Any) -> Any:
    conv = t.nn.Conv2d(6, 4, (3, 5), stride=[2, 1], padding=1, dilation=2, groups=2, padding_mode="circular")
    return described(conv), described(t.nn.Conv2d(6, 4, 3, padding="same")), [*conv._parameters]


@line(21)
def constants(t: Any) -> Any:
    return t.nn.Conv2d.__constants__


@line(22)
def an_old_state_has_no_padding_mode(t: Any) -> Any:
    conv = t.nn.Conv2d(1, 2, 3)
    state = conv.__dict__.copy()
    del state["padding_mode"]
    other = t.nn.Conv2d.__new__(t.nn.Conv2d)
    other.__setstate__(state)
    return other.padding_mode, repr(other)
