"""Lines 90 to 98: F.pad."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.parity.compatibility.check import calls, gradients, integers, line, refusal


def pad(t: Any, shape: tuple[int, ...], *arguments: Any, **named: Any) -> Any:
    return refusal(t.nn.functional.pad, integers(t, *shape), *arguments, **named)


@line(90)
def from_the_last_axis(t: Any) -> Any:
    pads = ((1, 2), (1, 2, 3, 4), (1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 6, 7, 8), ())
    return [pad(t, (2, 3, 4, 5), each) for each in pads]


calls(
    90,
    odd=lambda t: [pad(t, (2, 3), each) for each in ((1,), (1, 2, 3))],
    odd_in_other_modes=lambda t: pad(t, (2, 3, 4), (1, 2, 3), "reflect"),
    names=lambda t: t.nn.functional.pad(input=t.ones(1, 2), pad=[1, 0], mode="constant", value=3.0),
)
calls(
    91,
    too_long=lambda t: [pad(t, (3,), (1, 2, 3, 4)), pad(t, (2, 3), (1, 1, 1, 1, 1, 1))],
    too_long_in_other_modes=lambda t: pad(t, (3,), (1, 2, 3, 4), "reflect"),
)

DTYPES = ("float32", "float16", "bfloat16", "complex64", "int64", "int8", "uint8", "bool")


@line(92)
def any_rank_and_dtype(t: Any) -> Any:
    found = [pad(t, shape, (1, 2)) for shape in ((3,), (2, 3), (1, 1, 2, 2, 1, 2))]
    for dtype in DTYPES:
        found.append(t.nn.functional.pad(integers(t, 2, 3, dtype=dtype), (1, 1), value=2))
        found.append(t.nn.functional.pad(integers(t, 2, 3, dtype=dtype), (1, 1), value=None))
    return found


@line(92)
def negative_pads_crop(t: Any) -> Any:
    return [
        pad(t, (3, 4, 5), each, "constant", 7) for each in ((-1, -2), (1, -1, -1, 2), (-1, 2, 0, -3, 1, 0))
    ]


@line(92)
def nothing_to_pad_gives_a_copy(t: Any) -> Any:
    x, found = integers(t, 2, 3), []
    for pads in ((0, 0), (-1, 0), ()):
        out = refusal(t.nn.functional.pad, x, pads)
        out.zero_()
        found += [out, x]
    return found


@line(92)
def gradients_of_a_constant_pad(t: Any) -> Any:
    x = integers(t, 2, 3, 4, dtype="float64", grad=True)
    return gradients(t.nn.functional.pad(x, (1, -1, -2, 2), value=3), (x,))


calls(
    93,
    negative=lambda t: [pad(t, (3,), (-2, -2)), pad(t, (3, 4), (0, 0, -5, 1))],
    zero=lambda t: pad(t, (3,), (-2, -1)),
    other_modes=lambda t: [pad(t, (1, 3), (-2, -2), mode) for mode in ("reflect", "replicate", "circular")],
)

LENGTHS = ((2, 2), (3, 2), (3, 4), (4, 4), (4, 6), (5, 6), (1, 2), (4, 2), (2, 4), (5, 4), (6, 6), (3, 6))


@line(94)
def ranks_and_lengths(t: Any) -> Any:
    found = []
    for mode in ("reflect", "replicate", "circular"):
        for rank, length in LENGTHS:
            found.append(pad(t, (2, 3, 4, 5, 2, 2)[:rank], (1,) * length, mode))
    return found


calls(
    95,
    other_modes=lambda t: [
        pad(t, (1, 2, 3), (1, 1), mode, 1.0) for mode in ("reflect", "replicate", "circular")
    ],
    zero=lambda t: [pad(t, (1, 2, 3), (1, 1), mode, 0) for mode in ("reflect", "replicate", "circular")],
    constant=lambda t: [
        pad(t, (1, 2, 3), (1, 1), "constant", each) for each in (0, 2, -1.5, None, float("nan"))
    ],
)
calls(
    96,
    foo=lambda t: pad(t, (1, 2, 3), (1, 1), "foo"),
    with_a_value=lambda t: pad(t, (1, 2), (1, 1), "foo", 1.0),
)


@line(97)
def negative_pads_in_every_mode(t: Any) -> Any:
    found = []
    for mode in ("reflect", "replicate", "circular"):
        for pads in ((-1, 1, -2, 1), (1, -1, 2, -2), (-1, -1, -1, -1), (2, 2, -1, 0)):
            x = integers(t, 2, 2, 5, 6, dtype="float64", grad=True)
            found.append(gradients(t.nn.functional.pad(x, pads, mode), (x,)))
    return found


@line(98)
def corners_wrap_what_is_wrapped(t: Any) -> Any:
    x = integers(t, 1, 2, 4, 5)
    out = t.nn.functional.pad(x, (3, 5, 4, 1), "circular")
    assert np.array_equal(out.numpy(), np.pad(x.numpy(), ((0, 0), (0, 0), (4, 1), (3, 5)), "wrap"))
    return out
