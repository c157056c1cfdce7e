"""Lines 83 to 89: nn.Conv2d's padding_mode."""

from __future__ import annotations

from typing import Any

from tests.parity.compatibility.check import calls, gradients, integers, line, refusal

MODES = ("zeros", "reflect", "replicate", "circular")


def filled(t: Any, conv: Any) -> Any:
    """The layer with small integers as parameters."""
    for each in conv.parameters():
        each.data = integers(t, *each.shape).to(each.dtype)
    return conv


@line(83)
def is_pad_and_a_convolution(t: Any) -> Any:
    found = []
    for mode in MODES:
        for padding in (1, (2, 1), (0, 2), "same", "valid"):
            conv = filled(t, t.nn.Conv2d(2, 3, (3, 5), 1, padding, padding_mode=mode))
            x = integers(t, 2, 2, 6, 7, grad=True)
            out = conv(x)
            if mode != "zeros":
                padded = t.nn.functional.pad(x, conv._reversed_padding_repeated_twice, mode)
                assert t.equal(out, t.nn.functional.conv2d(padded, conv.weight, conv.bias))
            found.append(gradients(out, (x, conv.weight, conv.bias)))
    return found


@line(83)
def with_every_option(t: Any) -> Any:
    found = []
    for mode in MODES:
        conv = filled(
            t, t.nn.Conv2d(4, 6, (3, 2), (2, 1), (2, 3), (1, 2), 2, padding_mode=mode, dtype=t.float64)
        )
        x = integers(t, 2, 4, 6, 7, dtype="float64", grad=True)
        found.append(gradients(conv(x), (x, conv.weight, conv.bias)))
    return found


@line(83)
def second_derivatives(t: Any) -> Any:
    found = []
    for mode in MODES:
        conv = filled(t, t.nn.Conv2d(2, 3, 3, 2, 1, padding_mode=mode, dtype=t.float64))
        x = integers(t, 1, 2, 5, 6, dtype="float64", grad=True)
        (grad,) = t.autograd.grad((conv(x) ** 2).sum(), x, create_graph=True)
        found += gradients(grad, (x, conv.weight, conv.bias))
    return found


def padded(t: Any, mode: str, padding: Any, *shape: int) -> Any:
    return refusal(lambda: t.nn.Conv2d(2, 3, 1, padding=padding, padding_mode=mode)(t.ones(shape)).shape)


calls(
    84,
    width=lambda t: padded(t, "reflect", (0, 4), 1, 2, 5, 4),
    height=lambda t: padded(t, "reflect", (5, 0), 1, 2, 5, 4),
    both=lambda t: padded(t, "reflect", 9, 1, 2, 5, 4),
    one_image=lambda t: padded(t, "reflect", (0, 4), 2, 5, 4),
    the_largest=lambda t: padded(t, "reflect", (4, 3), 1, 2, 5, 4),
    depth=lambda t: t.nn.functional.pad(t.ones(1, 1, 2, 5, 5), (1, 1, 1, 1, 2, 2), "reflect"),
)
calls(
    85,
    edge=lambda t: [
        t.nn.functional.pad(integers(t, 1, 2, 3, 4), (2, 1, 1, 2), mode)
        for mode in ("reflect", "replicate", "circular")
    ],
    replicate_has_no_limit=lambda t: padded(t, "replicate", (20, 30), 1, 2, 5, 4),
    circular_has_one=lambda t: [padded(t, "circular", each, 1, 2, 5, 4) for each in ((5, 4), (6, 0), (0, 5))],
)
calls(
    86,
    empty_batch=lambda t: [padded(t, mode, 1, 0, 2, 5, 4) for mode in MODES],
    no_height=lambda t: [padded(t, mode, 1, 1, 2, 0, 4) for mode in MODES],
    no_width_of_one_image=lambda t: [padded(t, mode, 1, 2, 4, 0) for mode in MODES],
)


@line(87)
def one_image(t: Any) -> Any:
    found = []
    for mode in MODES:
        conv = filled(t, t.nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode=mode))
        x = integers(t, 2, 5, 6, grad=True)
        found.append(gradients(conv(x), (x, conv.weight, conv.bias)))
    return found


@line(88)
def layout_of_padded_tensors(t: Any) -> Any:
    x = integers(t, 2, 3, 5, 6).contiguous(memory_format=t.channels_last)
    padded = [t.nn.functional.pad(x, (1, 2, 1, 1), "constant" if mode == "zeros" else mode) for mode in MODES]
    return [each.stride() for each in padded], padded


@line(88)
def layout_of_the_layers_output(t: Any) -> Any:
    x = integers(t, 2, 3, 5, 6).contiguous(memory_format=t.channels_last)
    return [t.nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode)(x).stride() for mode in MODES]


@line(89)
def the_documented_size(t: Any) -> Any:
    x = integers(t, 2, 2, 4, 4)
    outs = [filled(t, t.nn.Conv2d(2, 3, 3, 2, (1, 2), padding_mode=mode))(x) for mode in MODES]
    assert all(tuple(each.shape) == (2, 3, 2, 3) for each in outs)
    return outs
