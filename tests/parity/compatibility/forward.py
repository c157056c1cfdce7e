"""Lines 39 to 55: the shapes and the values of a convolution."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from tests.parity.compatibility.check import calls, gradients, integers, line, refusal, some


@line(39)
def the_kernel_is_not_flipped(t: Any) -> Any:
    x, w, bias = integers(t, 1, 2, 5, 6), integers(t, 3, 2, 2, 3), integers(t, 3)
    out = t.nn.functional.conv2d(x, w, bias)
    images, kernels = x.numpy(), w.numpy()
    for o, y, column in product(range(3), range(4), range(4)):
        expected = np.sum(images[0, :, y : y + 2, column : column + 3] * kernels[o]) + bias[o].item()
        assert out[0, o, y, column].item() == expected
    return out


@line(40)
def output_sizes(t: Any) -> Any:
    found = []
    for size, k, s, p, d in product((4, 7, 8), (1, 2, 3), (1, 2, 3), (0, 1, 2), (1, 2)):
        if size + 2 * p < d * (k - 1) + 1:
            continue
        conv = t.nn.Conv2d(1, 1, (k, 1), (s, 1), (p, 0), (d, 1), device="meta")
        shape = tuple(conv(t.empty(1, 1, size, 5, device="meta")).shape)
        assert shape == (1, 1, (size + 2 * p - d * (k - 1) - 1) // s + 1, 5)
        found.append(shape)
    return found


@line(40)
def values_for_strides_paddings_and_dilations(t: Any) -> Any:
    x, w = integers(t, 2, 2, 8, 7), integers(t, 4, 2, 3, 2)
    return [
        t.nn.functional.conv2d(x, w, None, stride, padding, dilation)
        for stride, padding, dilation in product((1, (2, 1), 3), (0, (1, 2)), (1, (2, 3)))
    ]


@line(41)
def one_image(t: Any) -> Any:
    conv, x = t.nn.Conv2d(2, 3, 3), some(t, 2, 5, 6, dtype="float32")
    assert t.equal(conv(x), conv(x.unsqueeze(0)).squeeze(0))
    return conv(x), conv(x).shape, conv(t.zeros(2, 5, 6)).grad_fn.name()


@line(41)
def gradients_of_one_image(t: Any) -> Any:
    x, w, bias = (
        integers(t, 2, 5, 6, grad=True),
        integers(t, 3, 2, 3, 3, grad=True),
        integers(t, 3, grad=True),
    )
    return gradients(t.nn.functional.conv2d(x, w, bias, padding=1), (x, w, bias))


calls(
    42,
    five_axes=lambda t: t.nn.Conv2d(1, 33, 3)(t.ones(1, 10, 1, 28, 28)),
    two_axes=lambda t: t.nn.Conv2d(1, 33, 3)(t.ones(28, 28)),
    one_axis=lambda t: t.nn.Conv2d(1, 33, 3, padding="same")(t.ones(28)),
    no_axes=lambda t: t.nn.functional.conv2d(t.ones(()), t.ones(1, 1, 1, 1)),
)


@line(43)
def an_empty_batch(t: Any) -> Any:
    found = []
    for arguments in ({}, {"stride": 2, "padding": 1}, {"groups": 2}, {"padding": "same"}, {"dilation": 2}):
        conv = t.nn.Conv2d(2, 4, 3, **arguments)
        x = t.zeros(0, 2, 9, 8).requires_grad_()
        out = conv(x)
        out.sum().backward()
        found.append([out, x.grad, conv.weight.grad, conv.bias.grad])
    return found


@line(44)
def no_input_channels(t: Any) -> Any:
    x, w, bias = t.ones(2, 0, 6, 5), t.ones(4, 0, 3, 3), t.ones(4)
    return [
        refusal(t.nn.functional.conv2d, x, w),
        refusal(t.nn.functional.conv2d, x, w, bias),
        refusal(t.nn.functional.conv2d, x, w, padding=1, stride=2),
        refusal(t.nn.functional.conv2d, x[0], w),
        refusal(t.nn.functional.conv2d, x, w, groups=2),
    ]


@line(44)
def backward_without_input_channels(t: Any) -> Any:
    conv, x = t.nn.Conv2d(0, 4, 3), t.ones(2, 0, 6, 5).requires_grad_()
    out = conv(x)
    out.sum().backward()
    return out, x.grad, conv.weight.grad, conv.bias.grad


calls(
    45,
    height=lambda t: t.nn.Conv2d(2, 3, 3, padding=2)(t.ones(1, 2, 0, 5)),
    width=lambda t: t.nn.Conv2d(2, 3, 1, padding=1)(t.ones(1, 2, 5, 0)),
    both=lambda t: t.nn.Conv2d(2, 3, 3, padding=3)(t.ones(1, 2, 0, 0)),
    of_one_image=lambda t: t.nn.Conv2d(2, 3, 3, padding=2)(t.ones(2, 0, 5)),
    and_an_empty_batch=lambda t: t.nn.Conv2d(2, 3, 3, padding=2)(t.ones(0, 2, 0, 5)),
    smaller_than_the_kernel=lambda t: t.nn.Conv2d(2, 3, 3)(t.ones(1, 2, 0, 5)),
)
calls(
    46,
    channels_before_sizes=lambda t: t.nn.Conv2d(3, 4, 3)(t.ones(1, 2, 0, 5)),
    no_channels=lambda t: t.nn.Conv2d(33, 3, 3)(t.ones(1, 0, 20, 20)),
    channels_before_kernel=lambda t: t.nn.Conv2d(33, 3, 3)(t.ones(1, 32, 1, 1)),
)


@line(47)
def padding_beyond_the_kernel(t: Any) -> Any:
    x, w, bias = integers(t, 1, 2, 3, 4), integers(t, 3, 2, 2, 2), integers(t, 3)
    return t.nn.functional.conv2d(x, w, bias, padding=(5, 7)), t.nn.functional.conv2d(x, w, bias, 3, 4)


DTYPES = ("float32", "float64", "float16", "bfloat16", "complex64", "complex128", "int64")


@line(48, 49)
def output_has_the_dtype_of_the_input(t: Any) -> Any:
    found = []
    for dtype in DTYPES:
        x, w, bias = (integers(t, *shape, dtype=dtype) for shape in ((2, 2, 6, 5), (4, 1, 3, 3), (4,)))
        found.append(t.nn.functional.conv2d(x, w, bias, stride=2, padding=1, groups=2))
    return found


@line(48)
def operands_are_not_promoted(t: Any) -> Any:
    found = []
    for one, other in product(("float32", "float64", "float16", "bfloat16", "int64", "complex64"), repeat=2):
        if one != other:
            x, w = t.ones(2, 2, 5, 5, dtype=getattr(t, one)), t.ones(2, 2, 3, 3, dtype=getattr(t, other))
            found.append(refusal(t.nn.functional.conv2d, x, w))
            found.append(refusal(t.nn.functional.conv2d, x, t.ones_like(x)[:, :, :3, :3], w[0, 0, 0, :2]))
    return found


@line(49)
def gradients_of_every_float(t: Any) -> Any:
    found = []
    for dtype in DTYPES[:-1]:
        shapes = ((2, 2, 6, 5), (4, 2, 3, 3), (4,))
        x, w, bias = (integers(t, *shape, dtype=dtype, grad=True) for shape in shapes)
        found.append(gradients(t.nn.functional.conv2d(x, w, bias, padding=1), (x, w, bias)))
    return found


@line(49)
def int64_has_no_gradient(t: Any) -> Any:
    return refusal(integers, t, 1, 1, 3, 3, dtype="int64", grad=True)


@line(49)
def other_integers(t: Any) -> Any:
    found = []
    for dtype in ("int32", "int16", "int8", "uint8", "bool"):
        x, w = (t.ones(*shape, dtype=getattr(t, dtype)) for shape in ((1, 1, 4, 4), (1, 1, 3, 3)))
        found.append(refusal(t.nn.functional.conv2d, x, w))
    return found


@line(51)
def complex_numbers(t: Any) -> Any:
    shapes = ((2, 2, 6, 5), (4, 1, 3, 2), (4,))
    x, w, bias = (some(t, *shape, dtype="complex128", grad=True) for shape in shapes)
    return gradients(t.nn.functional.conv2d(x, w, bias, (2, 1), 1, 1, 2), (x, w, bias))


@line(51)
def complex_numbers_are_not_conjugated(t: Any) -> Any:
    x, w = t.tensor([[[[1 + 2j]]]]), t.tensor([[[[3 - 1j]]]])
    return t.nn.functional.conv2d(x, w), t.nn.functional.conv2d(x.conj(), w)


@line(52)
def any_strides(t: Any) -> Any:
    x, w, bias = integers(t, 2, 4, 8, 6), integers(t, 6, 4, 3, 3), integers(t, 6)
    inputs = [
        x.permute(0, 1, 3, 2), x[:, :, ::2], x[:, :, 1:, 2:], x.flip(3),
        x.transpose(0, 1).contiguous().transpose(0, 1),
        x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        integers(t, 1, 4, 8, 1).expand(2, 4, 8, 6), integers(t, 4, 1, 1).expand(4, 8, 6),
    ]  # fmt: skip
    weights = [
        w, w.permute(0, 1, 3, 2), w.flip(0), integers(t, 6, 4, 1, 1).expand(6, 4, 3, 3),
        integers(t, 12, 4, 3, 3)[::2], integers(t, 1, 1, 3, 3).expand(6, 4, 3, 3),
    ]  # fmt: skip
    biases = [bias, integers(t, 1).expand(6), integers(t, 12)[::2]]
    found = [t.nn.functional.conv2d(each, w, bias, 1, 1) for each in inputs]
    found += [t.nn.functional.conv2d(x, each, bias, 1, 1) for each in weights]
    return found + [t.nn.functional.conv2d(x, w, each, 1, 1) for each in biases]


@line(52)
def gradients_with_any_strides(t: Any) -> Any:
    x, w = integers(t, 2, 1, 6, 8, grad=True), integers(t, 4, 1, 3, 3, grad=True)
    out = t.nn.functional.conv2d(x.expand(2, 2, 6, 8).transpose(2, 3), w.expand(4, 2, 3, 3).flip(2))
    return gradients(out, (x, w))


@line(53)
def the_same_without_gradients(t: Any) -> Any:
    conv, x = t.nn.Conv2d(4, 8, 3), some(t, 2, 4, 9, 9, dtype="float32")
    recorded = conv(x)
    with t.no_grad():
        plain = conv(x)
    with t.inference_mode():
        inferred = conv(x)
    assert t.equal(recorded, plain)
    return (
        recorded,
        plain,
        plain.requires_grad,
        plain.grad_fn,
        recorded.grad_fn.name(),
        inferred.is_inference(),
    )


@line(54)
def groups_are_separate_convolutions(t: Any) -> Any:
    x, w, bias = integers(t, 2, 6, 7, 7), integers(t, 9, 2, 3, 3), integers(t, 9)
    out = t.nn.functional.conv2d(x, w, bias, 2, 1, groups=3)
    parts = [
        t.nn.functional.conv2d(x[:, 2 * g : 2 * g + 2], w[3 * g : 3 * g + 3], bias[3 * g : 3 * g + 3], 2, 1)
        for g in range(3)
    ]
    assert t.equal(out, t.cat(parts, 1))
    return out


@line(54)
def depthwise_with_a_multiplier(t: Any) -> Any:
    found = []
    for multiplier in (1, 2, 3):
        x, w = integers(t, 2, 4, 7, 7, grad=True), integers(t, 4 * multiplier, 1, 3, 3, grad=True)
        found.append(gradients(t.nn.functional.conv2d(x, w, None, 2, 1, groups=4), (x, w)))
    return found


calls(
    55,
    none=lambda t: t.nn.Conv2d(3, 3, 1)(None),
    array=lambda t: t.nn.Conv2d(3, 3, 1)(np.ones((1, 3, 2, 2), np.float32)),
    nothing=lambda t: refusal(t.nn.Conv2d(3, 3, 1)).kind,
)
