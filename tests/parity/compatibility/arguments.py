"""Lines 56 to 82: what F.conv2d takes, and what it says of the rest."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tests.parity.compatibility.check import calls, integers, line, refusal


def conv(
    t: Any, x: Any = (1, 3, 8, 8), w: Any = (6, 3, 3, 3), *rest: Any, bias: Any = None, **arguments: Any
) -> Any:
    """What conv2d of ones of these shapes gives, or the exception."""
    rest = (t.ones(bias), *rest) if bias is not None else (None, *rest)
    return refusal(t.nn.functional.conv2d, t.ones(x), t.ones(w), *rest, **arguments)


@line(56)
def positions_and_names(t: Any) -> Any:
    x, w, bias = integers(t, 1, 4, 7, 8), integers(t, 4, 2, 3, 2), integers(t, 4)
    by_position = t.nn.functional.conv2d(x, w, bias, (2, 1), (1, 0), (1, 2), 2)
    named = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}
    by_name = t.nn.functional.conv2d(input=x, weight=w, bias=bias, **named)
    assert t.equal(by_position, by_name)
    return (
        by_position,
        t.conv2d(x, w, bias, **named),
        t.nn.functional.conv2d(x, w[..., :1], None, 1, "same", 1, 2),
    )


@line(56)
def an_unknown_name(t: Any) -> Any:
    return conv(t, strides=1).kind


calls(
    57,
    one_number=lambda t: [conv(t, **{name: 2}) for name in ("stride", "padding", "dilation")],
    one_in_a_list=lambda t: [conv(t, **{name: [2]}) for name in ("stride", "padding", "dilation")],
    two=lambda t: [conv(t, **{name: (2, 1)}) for name in ("stride", "padding", "dilation")],
    three=lambda t: [conv(t, **{name: (1, 1, 1)}) for name in ("stride", "padding", "dilation")],
    none=lambda t: [conv(t, **{name: []}) for name in ("stride", "padding", "dilation")],
    a_size=lambda t: conv(t, stride=t.Size((2, 2))),
    three_axes_of_weight=lambda t: [conv(t, (1, 3, 8), (6, 3, 3)), conv(t, (1, 3, 8, 8), (6, 3, 3))],
    five_axes_of_weight=lambda t: conv(t, (3, 8, 8), (6, 3, 3, 3, 3)),
    output_padding=lambda t: conv(t, (1, 3, 8, 8), (6, 3, 3), [1], [0], [1]),
)
calls(
    58,
    an_array=lambda t: t.nn.functional.conv2d(np.ones((1, 1, 3, 3)), t.ones(1, 1, 2, 2)),
    array_as_weight=lambda t: t.nn.functional.conv2d(t.ones(1, 1, 3, 3), np.ones((1, 1, 2, 2))),
    a_number_as_bias=lambda t: t.nn.functional.conv2d(t.ones(1, 1, 3, 3), t.ones(1, 1, 2, 2), 1.0),
    float_stride=lambda t: conv(t, stride=1.0),
    float_in_padding=lambda t: conv(t, padding=(1, 1.5)),
    string_as_stride=lambda t: conv(t, stride="1"),
    none_as_dilation=lambda t: conv(t, dilation=None),
    float_groups=lambda t: conv(t, groups=1.0),
    none_as_groups=lambda t: conv(t, groups=None),
    no_weight=lambda t: refusal(t.nn.functional.conv2d, t.ones(1, 1, 3, 3)).kind,
)
calls(
    59,
    both_axes=lambda t: conv(t, (1, 3, 1, 1), (6, 3, 10, 10)),
    one_axis=lambda t: conv(t, (1, 3, 8, 2), (6, 3, 3, 3)),
    with_padding=lambda t: conv(t, (1, 3, 1, 2), (6, 3, 10, 11), padding=(1, 2)),
    extent_of_a_dilated_kernel=lambda t: conv(t, dilation=(4, 5)),
    one_image=lambda t: conv(t, (3, 1, 1)),
    in_a_module=lambda t: t.nn.Conv2d(1, 2, 5)(t.ones(1, 1, 4, 4)),
)
calls(
    60,
    zero=lambda t: conv(t, stride=0),
    negative=lambda t: conv(t, stride=(1, -1)),
    in_a_module=lambda t: t.nn.Conv2d(1, 2, 1, stride=0)(t.ones(1, 1, 4, 4)),
)
calls(61, negative=lambda t: [conv(t, padding=-1), conv(t, padding=(1, -1))])
calls(62, negative=lambda t: [conv(t, dilation=-1), conv(t, dilation=(1, -1))])
calls(63, zero=lambda t: [conv(t, dilation=0).kind, conv(t, dilation=(1, 0)).kind])
calls(64, zero=lambda t: conv(t, groups=0), negative=lambda t: conv(t, groups=-1))
calls(65, two_axes=lambda t: conv(t, (1, 3, 8, 8), (6, 3)), none=lambda t: conv(t, (1, 3, 8, 8), ()))
calls(
    66,
    one_number_each=lambda t: conv(t, (1, 3, 8, 8), (6, 3, 3), [1], [0], [1]),
    five_axes=lambda t: conv(t, (1, 3, 8, 8), (6, 3, 3, 3, 3)),
    same=lambda t: conv(t, (1, 3, 8, 8), (6, 3, 3), padding="same"),
    same_with_five_axes=lambda t: conv(t, (3, 8, 8), (6, 3, 3, 3, 3), padding="same"),
)
calls(67, fewer_than_groups=lambda t: conv(t, (1, 6, 8, 8), (2, 2, 1, 3), groups=3))
calls(68, not_divisible=lambda t: conv(t, (1, 2, 8, 8), (3, 1, 3, 3), groups=2))
calls(
    69,
    one_group=lambda t: conv(t, (2, 4, 9, 9), (6, 3, 5, 5)),
    two_groups=lambda t: conv(t, (2, 3, 9, 9), (6, 3, 5, 5), groups=2),
    one_image=lambda t: conv(t, (4, 9, 9), (6, 3, 5, 5)),
    channels_last=lambda t: conv(t, (2, 9, 9, 3), (6, 3, 5, 5)),
    same=lambda t: conv(t, (2, 4, 9, 9), (6, 3, 5, 5), padding="same"),
    in_a_module=lambda t: t.nn.Conv2d(3, 6, 5)(t.ones(2, 4, 9, 9)),
)
calls(
    70,
    too_long=lambda t: conv(t, bias=(7,)),
    two_axes=lambda t: conv(t, bias=(6, 1)),
    no_axes=lambda t: conv(t, bias=()),
)

DTYPES = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "complex64",
    "complex128",
    "int64",
    "int32",
    "uint8",
    "bool",
)


@line(71)
def bias_of_another_dtype(t: Any) -> Any:
    found = []
    for dtype in DTYPES:
        for other in ("float32", "float64"):
            if dtype != other:
                x, w = (
                    t.ones(1, 2, 5, 5, dtype=getattr(t, dtype)),
                    t.ones(3, 2, 3, 3, dtype=getattr(t, dtype)),
                )
                found.append(refusal(t.nn.functional.conv2d, x, w, t.ones(3, dtype=getattr(t, other))))
    return found


@line(71)
def before_the_rank(t: Any) -> Any:
    x, w = t.ones(1, 1, 2, 5, 5), t.ones(3, 2, 3, 3)
    return refusal(t.nn.functional.conv2d, x, w, t.ones(3, dtype=t.float64))


def weight_dtypes(t: Any, x_shape: tuple[int, ...], of: str) -> Any:
    found = []
    for other in DTYPES:
        if other != of:
            x, w = t.ones(x_shape, dtype=getattr(t, of)), t.ones(3, 2, 3, 3, dtype=getattr(t, other))
            found.append(refusal(t.nn.functional.conv2d, x, w))
    return found


calls(
    72,
    float32_batch=lambda t: weight_dtypes(t, (2, 2, 5, 5), "float32"),
    float32_one_image=lambda t: weight_dtypes(t, (1, 2, 5, 5), "float32"),
    float64=lambda t: weight_dtypes(t, (2, 2, 5, 5), "float64"),
    float16=lambda t: weight_dtypes(t, (2, 2, 5, 5), "float16"),
    int64=lambda t: weight_dtypes(t, (2, 2, 5, 5), "int64"),
    complex64=lambda t: weight_dtypes(t, (2, 2, 5, 5), "complex64"),
)
calls(
    73,
    as_input=lambda t: weight_dtypes(t, (2, 2, 5, 5), "bfloat16"),
    as_weight=lambda t: refusal(
        t.nn.functional.conv2d, t.ones(2, 2, 5, 5), t.ones(3, 2, 3, 3, dtype=t.bfloat16)
    ),
)

# From the last checked to the first, for x (1, 6, 8, 8); each call has all faults up to one.
FAULTS = (
    ("kernel", {"w": (6, 3, 20, 20)}),
    ("bias", {"bias": (5,)}),
    ("channels", {"w": (6, 4, 20, 20)}),
    ("divisible", {"w": (5, 4, 20, 20)}),
    ("fewer", {"w": (1, 4, 20, 20)}),
    ("dilation", {"dilation": -1}),
    ("stride", {"stride": 0}),
    ("padding", {"padding": -1}),
    ("length", {"stride": (0, 0, 0)}),
    ("groups", {"groups": 0}),
    ("weight rank", {"w": (6, 3)}),
    ("input rank", {"x": (1, 1, 6, 8, 8)}),
)


@line(74)
def order_of_the_checks(t: Any) -> Any:
    arguments: dict[str, Any] = {"x": (1, 6, 8, 8), "groups": 2}
    found = []
    for _, fault in FAULTS:
        arguments.update(fault)
        found.append(conv(t, **arguments))
    return found


@line(74)
def each_fault_alone(t: Any) -> Any:
    return [conv(t, **{"x": (1, 6, 8, 8), "w": (6, 3, 3, 3), "groups": 2, **fault}) for _, fault in FAULTS]


@line(74)
def zero_sizes_come_last(t: Any) -> Any:
    return conv(t, (1, 3, 0, 8)), conv(t, (1, 3, 0, 8), padding=1), conv(t, (1, 3, 0, 8), padding=2)


calls(
    75, beyond_63_bits=lambda t: conv(t, padding=2**62), beyond_64_bits=lambda t: conv(t, padding=2**70).kind
)
calls(
    76,
    is_no_padding=lambda t: (lambda x, w: [t.conv2d(x, w, None, 1, "valid"), t.conv2d(x, w)])(
        integers(t, 2, 3, 7, 8), integers(t, 4, 3, 3, 2)
    ),
    with_a_stride=lambda t: conv(t, padding="valid", stride=(2, 3), dilation=2),
)
calls(
    77,
    stride=lambda t: conv(t, padding="same", stride=2),
    one_axis=lambda t: conv(t, padding="same", stride=(1, 2)),
    stride_of_one=lambda t: conv(t, padding="same", stride=(1, 1)),
)
calls(
    78,
    stride=lambda t: conv(t, padding="same", stride=(1, 1, 1)),
    dilation=lambda t: conv(t, padding="same", dilation=(1, 1, 1)),
    one_number_in_a_list=lambda t: conv(t, padding="same", dilation=[2]),
)


@line(79)
def same_size(t: Any) -> Any:
    x, found = integers(t, 2, 2, 9, 7), []
    for kernel in ((1, 1), (3, 3), (2, 3), (4, 2), (5, 6)):
        for dilation in (1, 2, (1, 2)):
            w = integers(t, 3, 2, *kernel)
            total = [
                d * (k - 1)
                for d, k in zip(dilation if isinstance(dilation, tuple) else (dilation,) * 2, kernel)
            ]
            sides = [side for each in reversed(total) for side in (each // 2, each - each // 2)]
            if any(each % 2 for each in total):
                continue  # a warning comes with these: line 80
            out = t.conv2d(x, w, None, 1, "same", dilation)
            assert out.shape[2:] == x.shape[2:]
            assert t.equal(out, t.conv2d(t.nn.functional.pad(x, sides), w, None, 1, 0, dilation))
            found.append(out)
    return found


@line(80)
def odd_totals(t: Any) -> Any:
    x, found = integers(t, 2, 2, 9, 7), []
    with warnings.catch_warnings(action="ignore"):  # PyTorch's warning comes once in a process, ours never
        for kernel, dilation in (((2, 2), 1), ((4, 3), 1), ((2, 4), 3), ((3, 4), (2, 1)), ((8, 8), 1)):
            w = integers(t, 3, 2, *kernel)
            found += [t.conv2d(x, w, None, 1, "same", dilation), t.conv2d(x[0], w, None, 1, "same", dilation)]
    return found


calls(
    81,
    functional=lambda t: [conv(t, padding=each) for each in ("foo", "Same", "", "zeros")],
    module=lambda t: t.nn.Conv2d(3, 6, 3, padding="foo"),
)


@line(82)
def one_image(t: Any) -> Any:
    x, w = integers(t, 3, 6, 5), integers(t, 4, 3, 3, 3)
    outs = [
        t.conv2d(x, w),
        t.conv2d(x, w, None, 2, 1),
        t.conv2d(x, w, None, 1, "same"),
        t.conv2d(x, w, None, 1, "valid"),
    ]
    return outs, [each.stride() for each in outs], t.conv2d(x.clone().requires_grad_(), w).grad_fn.name()
