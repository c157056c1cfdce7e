"""Lines 23 to 38: nn.Conv2d's repr, its initial values, its state."""

from __future__ import annotations

import copy
import io
import pickle
from hashlib import sha256
from typing import Any

import numpy as np

from tests.parity.compatibility.check import calls, integers, line, refusal, some

calls(
    23,
    defaults=lambda t: repr(t.nn.Conv2d(3, 8, 3)),
    another_stride=lambda t: repr(t.nn.Conv2d(3, 8, (3, 5), stride=2)),
)
calls(
    24,
    all_parts=lambda t: repr(
        t.nn.Conv2d(4, 8, 3, 2, 1, 2, 4, bias=False, padding_mode="reflect", dtype=t.float64)
    ),
    in_a_sequential=lambda t: repr(t.nn.Sequential(t.nn.Conv2d(1, 2, 3), t.nn.ReLU(), t.nn.MaxPool2d(2))),
)


@line(24)
def output_padding(t: Any) -> Any:
    conv = t.nn.Conv2d(4, 8, 3)
    conv.output_padding = (1, 0)
    return repr(conv)


calls(
    25,
    numbers=lambda t: [repr(t.nn.Conv2d(3, 8, 3, padding=each)) for each in (1, (0, 1), 0, [2, 0])],
    words=lambda t: [repr(t.nn.Conv2d(3, 8, 3, padding=each)) for each in ("same", "valid")],
)
calls(
    26,
    mode=lambda t: [
        repr(t.nn.Conv2d(3, 8, 3, padding_mode=each)) for each in ("circular", "zeros", "replicate")
    ],
)


def bits(*tensors: Any) -> list[str]:
    """Equal for equal bits."""
    return [sha256(np.ascontiguousarray(each.detach().numpy()).tobytes()).hexdigest() for each in tensors]


SIZES = ((3, 8, 3, 1), (16, 32, (1, 5), 4), (8, 8, 3, 8), (5, 7, 1, 1))


@line(27, 28)
def range_of_weight_and_bias(t: Any) -> Any:
    found = []
    for i, o, kernel, groups in SIZES:
        conv = t.nn.Conv2d(i, o, kernel, groups=groups)
        bound = conv.weight[0].numel() ** -0.5
        assert conv.weight.abs().max().item() <= bound, conv
        assert conv.bias.abs().max().item() <= bound, conv
        found.append(bits(conv.weight, conv.bias))
    return found


@line(27)
def is_kaiming_uniform_with_a_of_sqrt_5(t: Any) -> Any:
    conv = t.nn.Conv2d(3, 8, 3)
    t.manual_seed(1)
    weight = t.empty(8, 3, 3, 3)
    t.nn.init.kaiming_uniform_(weight, a=5**0.5)
    assert bits(weight) == bits(conv.weight)
    return bits(weight)


@line(28)
def zero_bias_without_inputs(t: Any) -> Any:
    return t.nn.Conv2d(0, 4, 3).bias


@line(29)
def weight_then_bias_from_the_default_generator(t: Any) -> Any:
    conv = t.nn.Conv2d(3, 8, 3)
    first = bits(conv.weight, conv.bias)
    conv.reset_parameters()
    second = bits(conv.weight, conv.bias)
    assert first != second
    t.manual_seed(1)
    bound = 27**-0.5
    weight, bias = t.empty(8, 3, 3, 3).uniform_(-bound, bound), t.empty(8).uniform_(-bound, bound)
    return first, second, bits(weight, bias), bits(t.rand(3))


@line(30)
def bit_for_bit(t: Any) -> Any:
    found = []
    for seed in (0, 1, 42, 2**40 + 3):
        t.manual_seed(seed)
        for dtype in (t.float32, t.float64):
            conv = t.nn.Conv2d(3, 20, 3, dtype=dtype)
            found += bits(conv.weight, conv.bias, t.rand(2, 3, dtype=dtype))
    return found


@line(30)
def in_low_precision(t: Any) -> Any:
    convs = [t.nn.Conv2d(3, 20, 3, dtype=dtype) for dtype in (t.float16, t.bfloat16)]
    return [bits(each.weight.float(), each.bias.float()) for each in convs]


@line(30)
def element_order_of_a_channels_last_weight(t: Any) -> Any:
    conv = t.nn.Conv2d(3, 20, 3).to(memory_format=t.channels_last)
    t.manual_seed(7)
    conv.reset_parameters()
    return bits(conv.weight, conv.bias), conv.weight.stride()


calls(
    31,
    with_bias=lambda t: [*t.nn.Conv2d(1, 2, 3).state_dict()],
    without_bias=lambda t: [*t.nn.Conv2d(1, 2, 3, bias=False).state_dict()],
    values=lambda t: dict(t.nn.Conv2d(1, 2, 3).state_dict()),
    in_a_sequential=lambda t: [*t.nn.Sequential(t.nn.Conv2d(1, 2, 3), t.nn.Conv2d(2, 2, 1)).state_dict()],
)


def conv_and_state(t: Any, **changes: Any) -> Any:
    conv = t.nn.Conv2d(3, 8, 3)
    state = t.nn.Conv2d(3, 8, 3).state_dict()
    for name, value in changes.items():
        if value is None:
            del state[name]
        else:
            state[name] = value
    return conv, state


calls(
    32,
    missing=lambda t: (lambda c, s: refusal(c.load_state_dict, s))(*conv_and_state(t, bias=None)),
    unexpected=lambda t: (lambda c, s: refusal(c.load_state_dict, s))(
        *conv_and_state(t, scale=t.ones(1), shift=t.ones(1))
    ),
    both=lambda t: (lambda c, s: refusal(c.load_state_dict, s))(
        *conv_and_state(t, bias=None, weight=None, scale=t.ones(1))
    ),
    not_strict=lambda t: (lambda c, s: repr(c.load_state_dict(s, strict=False)))(
        *conv_and_state(t, bias=None, scale=t.ones(1))
    ),
    all_match=lambda t: (lambda c, s: [repr(c.load_state_dict(s)), dict(c.state_dict())])(*conv_and_state(t)),
    nested=lambda t: refusal(
        t.nn.Sequential(t.nn.Conv2d(1, 2, 3)).load_state_dict,
        t.nn.Sequential(t.nn.Conv2d(1, 3, 5)).state_dict(),
    ),
)
calls(
    33,
    weight=lambda t: refusal(t.nn.Conv2d(3, 8, 3).load_state_dict, t.nn.Conv2d(3, 9, 5).state_dict()),
    not_strict=lambda t: refusal(
        t.nn.Conv2d(3, 8, 3).load_state_dict, t.nn.Conv2d(3, 9, 5).state_dict(), strict=False
    ),
)


@line(34)
def a_channels_last_weight_is_loaded(t: Any) -> Any:
    source = t.nn.Conv2d(3, 8, 3).to(memory_format=t.channels_last)
    conv = t.nn.Conv2d(3, 8, 3)
    conv.load_state_dict(source.state_dict())
    loaded = conv.weight.stride()
    conv.to(memory_format=t.contiguous_format)
    return t.equal(conv.weight, source.weight), loaded, conv.weight.is_contiguous(), conv.weight.stride()


@line(34)
def a_channels_last_weight_is_assigned(t: Any) -> Any:
    source = t.nn.Conv2d(3, 8, 3).to(memory_format=t.channels_last)
    conv = t.nn.Conv2d(3, 8, 3)
    conv.load_state_dict(source.state_dict(), assign=True)
    return conv.weight.stride(), conv.weight.requires_grad, type(conv.weight).__name__


@line(35)
def to_channels_last(t: Any) -> Any:
    model = t.nn.Sequential(t.nn.Conv2d(3, 8, (3, 2)), t.nn.Linear(4, 5), t.nn.BatchNorm2d(8))
    model.to(memory_format=t.channels_last)
    return [(name, each.stride()) for name, each in model.named_parameters()]


calls(
    36,
    int64=lambda t: t.nn.Conv2d(1, 1, 1).to(t.int64),
    int32_named=lambda t: t.nn.Conv2d(1, 1, 1).to(dtype=t.int32),
    bool=lambda t: t.nn.Conv2d(1, 1, 1).to(t.bool),
)


@line(37)
def to_a_complex_dtype(t: Any) -> Any:
    conv = t.nn.Conv2d(2, 3, 3).to(t.complex64)
    x = some(t, 1, 2, 5, 5, dtype="complex64")
    return conv.weight.dtype, conv.bias.dtype, conv(x)


calls(
    37,
    double=lambda t: [t.nn.Conv2d(2, 3, 3).to(t.complex128).weight.dtype],
    floats_do_not_warn=lambda t: [
        getattr(t.nn.Conv2d(2, 3, 3), each)().weight.dtype for each in ("double", "half", "bfloat16", "float")
    ],
)


@line(38)
def a_replaced_parameter_is_used(t: Any) -> Any:
    conv, x = t.nn.Conv2d(2, 3, 3), integers(t, 1, 2, 6, 6)
    conv(x)
    found = []
    for weight in (
        integers(t, 3, 2, 3, 3, seed=1), integers(t, 3, 3, 2, 3).permute(3, 1, 0, 2)[:, :2, :, :],
        integers(t, 3, 2, 1, 1).expand(3, 2, 3, 3), integers(t, 6, 2, 3, 3)[::2],
    ):  # fmt: skip
        shape = tuple(weight.shape)
        conv.weight = t.nn.Parameter(weight)
        conv.bias = t.nn.Parameter(integers(t, shape[0]))
        found.append(refusal(conv, x))
    return found


@line(38)
def an_edit_of_data_is_seen(t: Any) -> Any:
    conv, x = t.nn.Conv2d(2, 3, 3), integers(t, 1, 2, 6, 6)
    conv.weight.data = integers(t, 3, 2, 3, 3, seed=1)
    conv.bias.data.zero_()
    first = conv(x)
    conv.weight.data[1] = 5
    second = conv(x)
    with t.no_grad():
        conv.weight.mul_(2)
    return first, second, conv(x)


@line(38)
def a_copy_is_independent(t: Any) -> Any:
    conv, x = t.nn.Conv2d(2, 3, 3), some(t, 1, 2, 6, 6, dtype="float32")
    stored = io.BytesIO()
    pickle.dump(conv, stored)
    stored.seek(0)
    pickled = pickle.load(stored)
    copied = copy.deepcopy(conv)
    with t.no_grad():
        conv.weight.zero_()
    return copied(x), pickled(x), repr(pickled), pickled.weight.requires_grad, type(pickled.weight).__name__


@line(38)
def only_parameters_can_be_assigned(t: Any) -> Any:
    conv = t.nn.Conv2d(2, 3, 3)
    return refusal(setattr, conv, "weight", t.ones(3, 2, 3, 3))
