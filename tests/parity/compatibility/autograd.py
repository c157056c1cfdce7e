"""Lines 104 to 115: derivatives."""

from __future__ import annotations

import inspect
from functools import partial
from itertools import product
from typing import Any

from tests.parity.compatibility.check import calls, gradients, integers, line, refusal, some

SHAPES = ((2, 4, 7, 6), (6, 2, 3, 2), (6,))
OPTIONS: dict[str, Any] = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}


@line(104)
def only_what_is_required(t: Any) -> Any:
    found = []
    for wanted in product((False, True), repeat=3):
        operands = [integers(t, *shape, grad=each) for shape, each in zip(SHAPES, wanted)]
        out = t.nn.functional.conv2d(*operands, **OPTIONS)
        node = out.grad_fn and (out.grad_fn.name(), len(out.grad_fn.next_functions))
        found.append((out.requires_grad, node, gradients(out, operands) if any(wanted) else None))
    return found


@line(104)
def gradient_of_the_bias(t: Any) -> Any:
    x, w, bias = (integers(t, *shape, grad=True) for shape in SHAPES)
    out = t.nn.functional.conv2d(x, w, bias, **OPTIONS)
    grad = integers(t, *out.shape, seed=5)
    out.backward(grad)
    assert t.equal(bias.grad, grad.sum((0, 2, 3)))
    return bias.grad


def output(t: Any) -> Any:
    return t.nn.functional.conv2d(*(integers(t, *shape, grad=True) for shape in SHAPES), **OPTIONS)


@line(105)
def a_second_backward(t: Any) -> Any:
    out = output(t).sum()
    out.backward()
    return refusal(out.backward)


@line(105)
def a_retained_graph(t: Any) -> Any:
    x = integers(t, 1, 1, 5, 5, grad=True)
    out = t.nn.functional.conv2d(x, integers(t, 1, 1, 3, 3)).sum()
    out.backward(retain_graph=True)
    out.backward()
    return x.grad, refusal(out.backward)


calls(
    106,
    not_a_scalar=lambda t: output(t).backward(),
    gradient_of_another_shape=lambda t: output(t).backward(t.ones(3)),
    autograd_grad=lambda t: t.autograd.grad(output(t), []),
)
calls(
    107,
    nothing_recorded=lambda t: (
        t.nn.functional.conv2d(t.ones(1, 1, 3, 3), t.ones(1, 1, 3, 3)).sum().backward()
    ),
    a_leaf=lambda t: t.ones(()).backward(),
    under_no_grad=lambda t: t.no_grad()(lambda: output(t).sum())().backward(),
    unused=lambda t: t.autograd.grad(output(t).sum(), t.ones(1, requires_grad=True)),
)


@line(108)
def any_strides_of_the_gradient(t: Any) -> Any:
    found = []
    for change in (
        lambda g: g[:1, :1, :1, :1].expand(g.shape), lambda g: g.transpose(0, 1).contiguous().transpose(0, 1),
        lambda g: g.contiguous(memory_format=t.channels_last), lambda g: g.flip(3)[..., ::1],
    ):  # fmt: skip
        operands = [integers(t, *shape, grad=True) for shape in SHAPES]
        out = t.nn.functional.conv2d(*operands, **OPTIONS)
        out.backward(change(integers(t, *out.shape, seed=9)))
        found.append([each.grad for each in operands])
    return found


def small(t: Any, groups: int, bias: bool) -> list[Any]:
    shapes = [(2, 4, 5, 5), (4, 4 // groups, 3, 2), *([(4,)] if bias else [])]
    return [some(t, *shape, grad=True) for shape in shapes]


DOUBLE: tuple[dict[str, Any], ...] = (
    {"groups": 2}, {"stride": 2}, {"padding": (1, 2)}, {"dilation": 2},
    {"groups": 4, "stride": (2, 1), "padding": 1}, {"padding": "same", "dilation": 2},
    {"stride": 2, "groups": 2},
)  # fmt: skip


@line(109)
def second_derivatives(t: Any) -> Any:
    found = []
    for arguments, bias in product(DOUBLE, (False, True)):
        operands = small(t, arguments.get("groups", 1), bias)
        out = t.nn.functional.conv2d(*operands, **arguments)
        firsts = t.autograd.grad((out**3).sum(), operands, create_graph=True)
        seconds = t.autograd.grad(sum((each**2).sum() for each in firsts), operands)
        found.append([*firsts, *seconds])
    return found


@line(109)
def gradgradcheck(t: Any) -> Any:
    found = []
    for arguments in (DOUBLE[-1], {**DOUBLE[2], **DOUBLE[3]}):
        shapes = (1, 2, 3, 3), (2, 2 // arguments.get("groups", 1), 2, 2), (2,)
        operands = [some(t, *shape, grad=True) for shape in shapes]
        found.append(t.autograd.gradgradcheck(partial(t.nn.functional.conv2d, **arguments), operands))
    return found


@line(109)
def third_derivatives(t: Any) -> Any:
    x, w = some(t, 1, 2, 4, 4, grad=True), some(t, 2, 2, 2, 2, grad=True)
    value = (t.nn.functional.conv2d(x, w) ** 3).sum()
    for _ in range(3):
        gradx, gradw = t.autograd.grad(value, (x, w), create_graph=True)
        value = (gradx**2).sum() + (gradw**2).sum()
    return gradx, gradw


@line(110)
def recorded_gradients(t: Any) -> Any:
    operands = small(t, 2, True)
    out = t.nn.functional.conv2d(*operands, groups=2)
    grads = t.autograd.grad((out**2).sum(), operands, create_graph=True)
    plain = t.autograd.grad((t.nn.functional.conv2d(*operands, groups=2) ** 2).sum(), operands)
    return [(each.requires_grad, each.grad_fn is None) for each in (*grads, *plain)], [*grads, *plain]


@line(111)
def gradients_of_conv2d_by_themselves(t: Any) -> Any:
    found = []
    for arguments in ({}, *DOUBLE[1:4], OPTIONS):
        x, w = some(t, 2, 4, 7, 6, grad=True), some(t, 6, 4 // arguments.get("groups", 1), 3, 2, grad=True)
        out = t.nn.functional.conv2d(x, w, **arguments)
        grad = some(t, *out.shape)
        out.backward(grad)
        of_input = t.nn.grad.conv2d_input(x.shape, w, grad, **arguments)
        of_weight = t.nn.grad.conv2d_weight(x, w.shape, grad, **arguments)
        assert t.allclose(of_input, x.grad)
        assert t.allclose(of_weight, w.grad)
        found += [of_input, of_weight]
    return found


calls(
    112,
    add=lambda t: t.nn.Conv2d(1, 1, 1).weight.add_(1),
    operator=lambda t: t.nn.Conv2d(1, 1, 1).weight.__imul__(2),
    fill=lambda t: t.nn.Conv2d(1, 1, 1).bias.zero_(),
    a_view=lambda t: t.nn.Conv2d(1, 1, 1).weight[0].mul_(2),
    assignment=lambda t: t.nn.Conv2d(1, 1, 1).weight.__setitem__(0, 0.0),
    a_saved_weight=lambda t: (lambda x, w: [t.conv2d(x, w * 1).sum(), w])(
        t.ones(1, 1, 2, 2), t.ones(1, 1, 1, 1)
    ),
)


@line(112)
def a_changed_operand(t: Any) -> Any:
    x, w = integers(t, 1, 1, 5, 5, grad=True), integers(t, 1, 1, 3, 3, grad=True)
    changed = w * 2
    out = t.nn.functional.conv2d(x, changed)
    changed.add_(1)
    return refusal(lambda: out.sum().backward()).kind


@line(113)
def defaults_of_gradcheck(t: Any) -> Any:
    parameters = inspect.signature(t.autograd.gradcheck).parameters
    return [(name, parameters[name].default) for name in ("eps", "atol", "rtol")]


@line(113)
def gradcheck(t: Any) -> Any:
    found = []
    for arguments in DOUBLE:
        operands = small(t, arguments.get("groups", 1), True)
        found.append(t.autograd.gradcheck(partial(t.nn.functional.conv2d, **arguments), operands))
    return found


@line(115)
def depthwise(t: Any) -> Any:
    found = []
    for dtype in ("float64", "complex128"):
        conv = t.nn.Conv2d(2, 2, (1, 3), (1, 10), groups=2, dtype=getattr(t, dtype))
        x = some(t, 1, 2, 4, 20, dtype=dtype, grad=True)
        found.append(t.autograd.gradcheck(conv, (x,)))
        operands = x, some(t, 2, 1, 1, 3, dtype=dtype, grad=True)
        found += gradients(t.nn.functional.conv2d(*operands, stride=(1, 10), groups=2), operands)
    return found
