"""``torch.utils.checkpoint``: memory for time. What a function computes is computed again in the backward pass.

A checkpointed function is one node of the graph. Its first run is recorded only to find which parameters it reads (the
leaves of what it built, which is then dropped), so that they, too, are inputs of the node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.custom import Function
from ..autograd.engine import grad
from ..autograd.mode import enable_grad, is_grad_enabled
from ..autograd.variable import Variable
from ..tensor.random_tensors import get_rng_state, set_rng_state

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, keeping only its arguments for the backward pass, which runs it again.

    Returns a tensor, or a tuple of tensors. ``preserve_rng_state``: the second run draws the same random numbers
    (dropout). ``use_reentrant`` and options of PyTorch's other implementations change nothing.
    Source: https://arxiv.org/abs/1604.06174

    >>> layer = torch.nn.Linear(2, 2)
    >>> y = torch.utils.checkpoint.checkpoint(layer, torch.ones(1, 2), use_reentrant=False)
    >>> y.sum().backward()
    >>> layer.bias.grad
    tensor([1., 1.])
    """
    kwargs = {name: value for name, value in kwargs.items() if name not in _OPTIONS}
    if not is_grad_enabled():
        return function(*args, **kwargs)
    state = get_rng_state() if preserve_rng_state else None
    first = function(*args, **kwargs)
    outputs = first if isinstance(first, tuple) else (first,)
    tensors = [each for each in args if isinstance(each, Variable) and each.requires_grad]
    found = _leaves_of(outputs, tensors)
    if not any(isinstance(each, Variable) and each.requires_grad for each in outputs):
        return first
    places = [
        index for index, each in enumerate(args) if isinstance(each, Variable) and each.requires_grad
    ]

    def again(*inputs: Any) -> Any:
        full = list(args)
        for place, each in zip(places, inputs):
            full[place] = each
        return function(*full, **kwargs)

    values = tuple(each.detach() if isinstance(each, Variable) else each for each in outputs)
    wrapped = _Checkpoint.apply(again, values, state, len(tensors), *tensors, *found)
    return wrapped if isinstance(first, tuple) else wrapped[0]


_OPTIONS = frozenset({"context_fn", "determinism_check", "debug", "early_stop"})


class _Gate(Function):
    """Its input; gradients pass back through it once it is open."""

    class Gate:
        open = False

    @staticmethod
    def forward(ctx: Any, input: Any, gate: Any) -> Any:
        ctx.gate = gate
        return input.view_as(input)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return (grad if ctx.gate.open else None), None


class _Checkpoint(Function):
    """The outputs of a function whose graph is built anew when their gradients have come."""

    @staticmethod
    def forward(ctx: Any, again: Any, values: Any, state: Any, count: int, *inputs: Any) -> Any:
        ctx.again, ctx.state, ctx.count = again, state, count
        ctx.save_for_backward(*inputs)
        return values

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        inputs, leaves = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        recorded = is_grad_enabled()
        now = get_rng_state()
        if ctx.state is not None:
            set_rng_state(ctx.state)
        gate = _Gate.Gate()
        if recorded:  # the gradients of this graph end at the inputs, those of the gradients go on through them
            inputs = tuple(_Gate.apply(each, gate) for each in inputs)
        else:
            inputs = tuple(each.detach().requires_grad_(True) for each in inputs)
        with enable_grad():
            outputs = ctx.again(*inputs)
        if ctx.state is not None:
            set_rng_state(now)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [
            (output, each)
            for output, each in zip(outputs, grads)
            if isinstance(output, Variable) and output.requires_grad and each is not None
        ]
        found = grad(
            [output for output, _ in pairs],
            (*inputs, *leaves),
            [each for _, each in pairs],
            create_graph=recorded,
            allow_unused=True,
        )
        gate.open = True
        return (None, None, None, None, *found)


def _leaves_of(outputs: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    """The leaves that the outputs were computed from, other than the inputs."""
    known = {id(each) for each in inputs}
    stops = {id(each.grad_fn) for each in inputs if each.grad_fn is not None}
    seen: set[int] = set()
    leaves = []
    waiting = [each.grad_fn for each in outputs if isinstance(each, Variable) and each.grad_fn is not None]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or id(node) in stops:
            continue
        seen.add(id(node))
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) not in known:
            known.add(id(leaf))
            leaves.append(leaf)
        waiting.extend(other for other, _ in node.next_functions if other is not None)
    return leaves


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A sequence of layers in ``segments`` parts, each but the last one checkpointed.

    >>> layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    >>> torch.utils.checkpoint.checkpoint_sequential(layers, 2, torch.ones(1, 2), use_reentrant=False).shape
    torch.Size([1, 1])
    """
    layers = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def part(chosen: list[Any]) -> Callable[[Any], Any]:
        def run(value: Any) -> Any:
            for layer in chosen:
                value = layer(value)
            return value

        return run

    size = max(len(layers) // segments, 1)
    starts = [index * size for index in range(segments)]
    for start in starts[:-1]:
        input = checkpoint(part(layers[start : start + size]), input, use_reentrant=use_reentrant, **kwargs)
    return part(layers[starts[-1] :])(input)
