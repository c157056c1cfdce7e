"""Lines 99 to 103: contiguous and channels-last tensors."""

from __future__ import annotations

from itertools import product
from typing import Any

from tests.parity.compatibility.check import gradients, integers, line


def layout(t: Any, tensor: Any) -> Any:
    return tensor.is_contiguous(), tensor.is_contiguous(memory_format=t.channels_last), tensor.stride()


CALLS: tuple[dict[str, Any], ...] = (
    {},
    {"stride": 2, "padding": 1},
    {"groups": 2},
    {"groups": 4},
    {"dilation": 2},
    {"padding": "same"},
)
DTYPES = ("float32", "float64", "float16", "bfloat16")


def operands(t: Any, dtype: str, last_x: bool, last_w: bool, groups: int = 1) -> list[Any]:
    shapes = (2, 4, 8, 6), (8, 4 // groups, 3, 3)
    formats = (t.channels_last if last else t.contiguous_format for last in (last_x, last_w))
    tensors = (integers(t, *shape, dtype=dtype) for shape in shapes)
    return [each.contiguous(memory_format=form).requires_grad_() for each, form in zip(tensors, formats)]


@line(99)
def contiguous_stays_contiguous(t: Any) -> Any:
    found = []
    for dtype, arguments in product(DTYPES, CALLS):
        x, w = operands(t, dtype, False, False, arguments.get("groups", 1))
        found.append(layout(t, t.nn.functional.conv2d(x, w, **arguments)))
    return found


@line(100)
def channels_last_input_or_weight(t: Any) -> Any:
    found = {}
    for dtype, (last_x, last_w) in product(DTYPES, ((True, True), (True, False), (False, True))):
        for arguments in CALLS[:3]:  # a depthwise weight, of one input channel, lies both ways
            x, w = operands(t, dtype, last_x, last_w, arguments.get("groups", 1))
            found[f"{dtype} {last_x} {last_w} {arguments}"] = layout(
                t, t.nn.functional.conv2d(x, w, **arguments)
            )
    return found


@line(100)
def one_channels_last_image(t: Any) -> Any:
    x, w = operands(t, "float32", True, False)
    return layout(t, t.nn.functional.conv2d(x[:1], w))


@line(101)
def weights_are_left_alone(t: Any) -> Any:
    found = []
    for last_x, last_w in product((False, True), repeat=2):
        x, w = operands(t, "float32", last_x, last_w)
        before, pointer, version = w.detach().clone(), w.data_ptr(), w._version
        t.nn.functional.conv2d(x, w).sum().backward()
        assert t.equal(before, w)
        assert w.data_ptr() == pointer
        found.append((w._version == version, w.stride(), x.stride()))
    return found


@line(102)
def one_channel_or_one_pixel(t: Any) -> Any:
    """Only the values: the strides of such tensors mean nothing."""
    found = []
    for shape, kernel in (((2, 1, 6, 6), (3, 1, 3, 3)), ((2, 3, 1, 1), (4, 3, 1, 1))):
        x = integers(t, *shape).contiguous(memory_format=t.channels_last)
        found.append(t.nn.functional.conv2d(x, integers(t, *kernel)))
        assert x.is_contiguous()
        assert x.is_contiguous(memory_format=t.channels_last)
    return found


@line(103)
def values_and_gradients_in_both_layouts(t: Any) -> Any:
    found = []
    for arguments in CALLS:
        reference = None
        for last_x, last_w in product((False, True), repeat=2):
            x, w = operands(t, "float32", last_x, last_w, arguments.get("groups", 1))
            seen = gradients(t.nn.functional.conv2d(x, w, **arguments), (x, w))
            reference = reference or seen
            assert all(t.equal(one, other) for one, other in zip(seen, reference))
        found.append(reference)
    return found
