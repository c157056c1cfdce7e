"""Lines 130 to 138: nn.ConvTranspose2d and conv_transpose2d."""

from __future__ import annotations

from itertools import product
from typing import Any

from tests.parity.compatibility.check import calls, gradients, integers, line, refusal, some


@line(130)
def order_of_the_arguments(t: Any) -> Any:
    layer = t.nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, False, (1, 2), "zeros")
    x, w, b = integers(t, 2, 4, 5, 6), integers(t, 4, 3, 3, 2), integers(t, 6)
    names = "kernel_size", "stride", "padding", "output_padding", "groups", "dilation", "padding_mode", "transposed"
    return [
        repr(layer),
        repr(t.nn.ConvTranspose2d(4, 6, 3, padding=1, bias=True)),
        [getattr(layer, name) for name in names],
        t.nn.functional.conv_transpose2d(x, w, b, (2, 3), (1, 0), (1, 2), 2, (1, 2)),
        t.conv_transpose2d(x, w, None, 2, 1, 1, 2, 2),
    ]


@line(131)
def weight_and_initial_values(t: Any) -> Any:
    layer = t.nn.ConvTranspose2d(4, 6, (3, 2), groups=2)
    plain = t.nn.ConvTranspose2d(3, 5, 4, 2, 1, bias=False)
    return [layer.weight.shape, layer.weight, layer.bias, plain.weight, plain.bias, [*layer.state_dict()]]


@line(132)
def output_sizes(t: Any) -> Any:
    found = []
    for k, s, p, d in product((1, 2, 4), (1, 2, 3), (0, 1), (1, 2)):
        for more in range(max(s, d)):
            call = lambda k=k, s=s, p=p, d=d, more=more: t.conv_transpose2d(  # noqa: E731
                t.ones(1, 1, 3, 4), t.ones(1, 1, k, k), None, s, p, more, 1, d
            )
            found.append(refusal(call))
    return found


calls(
    133,
    reflect=lambda t: t.nn.ConvTranspose2d(2, 3, 1, padding_mode="reflect"),
    groups_of_inputs=lambda t: t.nn.ConvTranspose2d(3, 4, 1, groups=2),
    groups_of_outputs=lambda t: t.nn.ConvTranspose2d(4, 3, 1, groups=2),
    no_groups=lambda t: t.nn.ConvTranspose2d(4, 3, 1, groups=0),
)


def transposed(t: Any, x: tuple[int, ...], w: tuple[int, ...], *rest: Any, **named: Any) -> Any:
    return t.conv_transpose2d(t.ones(x), t.ones(w), *rest, **named)


calls(
    134,
    too_much=lambda t: transposed(t, (1, 1, 3, 3), (1, 1, 2, 2), output_padding=1),
    as_much_as_the_stride=lambda t: transposed(t, (1, 1, 3, 3), (1, 1, 2, 2), stride=2, output_padding=(1, 2)),
    less_than_the_dilation=lambda t: transposed(t, (1, 1, 3, 3), (1, 1, 2, 2), dilation=3, output_padding=(1, 2)),
    negative=lambda t: transposed(t, (1, 1, 3, 3), (1, 1, 2, 2), output_padding=-1),
    three=lambda t: transposed(t, (1, 1, 3, 3), (1, 1, 2, 2), output_padding=(0, 0, 0)),
)


def sized(t: Any, shape: tuple[int, ...], output_size: Any) -> Any:
    return t.nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)(t.ones(shape), output_size=output_size)


calls(
    135,
    two=lambda t: sized(t, (1, 2, 4, 5), (8, 9)),
    all_four=lambda t: sized(t, (1, 2, 4, 5), [1, 3, 7, 10]),
    unbatched=lambda t: sized(t, (2, 4, 5), t.Size((2, 8, 9))),
    one=lambda t: sized(t, (1, 2, 4, 5), (8,)),
    three=lambda t: sized(t, (1, 2, 4, 5), (8, 9, 8)),
    four_of_one_image=lambda t: sized(t, (2, 4, 5), (1, 2, 8, 9)),
)
calls(
    136,
    too_small=lambda t: sized(t, (1, 2, 4, 5), (6, 9)),
    too_large=lambda t: sized(t, (1, 2, 4, 5), [8, 11]),
)


@line(137)
def restores_the_size(t: Any) -> Any:
    for h, w, k, d, s, p in product((13, 18, 23), (13, 16), (2, 4), (1, 3), (1, 3), (0, 2)):
        x = t.ones(1, 1, h, w)
        down = t.nn.Conv2d(1, 1, k, s, p, d)
        up = t.nn.ConvTranspose2d(1, 1, k, s, p, dilation=d)
        assert up(down(x), output_size=x.shape).shape == x.shape
    return True


@line(137)
def gradients_of_every_setting(t: Any) -> Any:
    found = []
    for dtype in ("float32", "float64", "complex64"):
        for k, s, p, more, d, g in ((3, 2, 1, 1, 1, 1), (2, 2, 0, 0, 1, 2), (3, 1, 1, 1, 2, 1), (4, 3, 2, 2, 2, 2)):
            x = integers(t, 2, 4, 5, 6, dtype=dtype, grad=True)
            w = integers(t, 4, 3, k, k, dtype=dtype, grad=True)
            b = integers(t, 3 * g, dtype=dtype, grad=True)
            found.append(gradients(t.conv_transpose2d(x, w, b, s, p, more, g, d), (x, w, b)))
    return found


@line(137)
def second_derivatives(t: Any) -> Any:
    x, w, b = some(t, 1, 4, 3, 4, grad=True), some(t, 4, 3, 3, 3, grad=True), some(t, 6, grad=True)
    out = t.conv_transpose2d(x, w, b, 2, 1, 1, 2)
    assert type(out.grad_fn).__name__ == "ConvolutionBackward0"
    (grad,) = t.autograd.grad((out**2).sum(), x, create_graph=True)
    (other,) = t.autograd.grad((t.conv_transpose2d(x, w, b, 2, 1, 1, 2) ** 2).sum(), w, create_graph=True)
    return [*gradients(grad, (x, w, b)), *gradients(other, (x, w))]


@line(138)
def one_image_and_none(t: Any) -> Any:
    layer = t.nn.ConvTranspose2d(2, 4, 3, 2, groups=2)
    last = layer(t.ones(2, 2, 4, 5).contiguous(memory_format=t.channels_last))
    return [layer(t.ones(2, 4, 5)), layer(t.ones(0, 2, 4, 5)), last, last.stride()]


calls(
    138,
    channels=lambda t: transposed(t, (1, 5, 3, 3), (4, 3, 2, 2)),
    channels_of_one_image=lambda t: transposed(t, (5, 3, 3), (4, 3, 2, 2)),
    groups_that_do_not_divide=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2, 2), groups=3),
    more_groups_than_channels=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2, 2), groups=5),
    no_groups=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2, 2), groups=0),
    bias=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2, 2), t.ones(4)),
    bias_of_groups=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2, 2), t.ones(3), groups=2),
    two_axes=lambda t: transposed(t, (3, 3), (4, 3, 2, 2)),
    five_axes=lambda t: transposed(t, (1, 1, 4, 3, 3), (4, 3, 2, 2)),
    weight_of_three_axes=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2)),
    negative_padding=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2, 2), padding=-1),
    no_stride=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2, 2), stride=0),
    no_dilation=lambda t: transposed(t, (1, 4, 3, 3), (4, 3, 2, 2), dilation=0),
    nothing_left=lambda t: transposed(t, (1, 4, 2, 2), (4, 3, 2, 2), padding=2),
    padding_by_name=lambda t: transposed(t, (1, 4, 2, 2), (4, 3, 2, 2), padding="same"),
    bool=lambda t: t.conv_transpose2d(t.ones(1, 1, 2, 2).bool(), t.ones(1, 1, 1, 1).bool()),
    dtypes=lambda t: t.conv_transpose2d(t.ones(1, 1, 2, 2), t.ones(1, 1, 1, 1).double()),
)
