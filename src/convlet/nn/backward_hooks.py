"""A module's backward hooks: they see the gradients of its outputs and inputs, and may replace them.

An identity stands before the module's inputs and another behind its outputs; their nodes in the graph are where the
gradients of exactly these tensors pass.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import Function, is_grad_enabled
from ..autograd.variable import Variable


class BackwardHookFunction(Function):
    """The identity on several tensors."""

    @staticmethod
    def forward(ctx: Any, *tensors: Any) -> Any:
        ctx.mark_non_differentiable(*[each for each in tensors if not each.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return tuple(grad if needed else None for grad, needed in zip(grads, ctx.needs_input_grad))


class BackwardHook:
    """The backward hooks of one call of a module."""

    def __init__(self, module: Any, hooks: Sequence[Callable[..., Any]], prehooks: Sequence[Callable[..., Any]]):
        self.module = module
        self.hooks = hooks
        self.prehooks = prehooks
        self.inputs: list[int] | None = None  # where the tensors stand among the arguments
        self.input_count = 0
        self.grad_outputs: tuple[Any, ...] | None = None

    def mark_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, their tensors passed through the identity when one of them requires a gradient."""
        self.input_count = len(args)
        passed, self.inputs, node = _through_identity(args)
        if node is not None:
            node.register_hook(self._at_inputs)
        return passed

    def mark_output(self, output: Any) -> Any:
        """The module's output, its tensors passed through the identity."""
        several = isinstance(output, tuple)
        outputs = output if several else (output,)
        passed, places, node = _through_identity(outputs)
        if node is not None:
            assert places is not None
            node.register_prehook(lambda grads: self._at_outputs(grads, places, len(outputs)))
        if hasattr(output, "_fields"):  # a named tuple
            return type(output)(*passed)
        return passed if several else passed[0]

    def _at_outputs(self, grads: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
        grad_outputs = _spread(places, grads, count)
        for hook in self.prehooks:
            replaced = hook(self.module, grad_outputs)
            if replaced is not None:
                grad_outputs = _checked(replaced, "pre hook", "grad_output", count)
        if self.inputs is None:
            if self.hooks:
                self._without_inputs(grad_outputs)
        else:
            self.grad_outputs = grad_outputs
        return tuple(grad_outputs[place] for place in places)

    def _without_inputs(self, grad_outputs: tuple[Any, ...]) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=5,
        )
        nothing = (None,) * self.input_count
        for hook in self.hooks:
            replaced = hook(self.module, nothing, grad_outputs)
            if replaced is not None and not (isinstance(replaced, tuple) and all(each is None for each in replaced)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )

    def _at_inputs(self, grads: tuple[Any, ...], _: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self.grad_outputs is None:  # the gradient came by another way than through the module's outputs
            return None
        assert self.inputs is not None
        grad_inputs = _spread(self.inputs, grads, self.input_count)
        for hook in self.hooks:
            replaced = hook(self.module, grad_inputs, self.grad_outputs)
            if replaced is not None:
                grad_inputs = _checked(replaced, "hook", "grad_input", self.input_count)
        self.grad_outputs = None
        return tuple(grad_inputs[place] for place in self.inputs)


def _through_identity(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int] | None, Any]:
    """(the values with their tensors replaced, the tensors' places, the identity's node); None where unrecorded."""
    places = [index for index, each in enumerate(values) if isinstance(each, Variable)]
    if not (is_grad_enabled() and any(values[index].requires_grad for index in places)):
        return values, None, None
    passed = list(values)
    node = None
    for index, tensor in zip(places, BackwardHookFunction.apply(*[values[index] for index in places])):
        passed[index] = tensor
        node = node or tensor.grad_fn
    return tuple(passed), places, node


def _spread(places: Sequence[int], values: Sequence[Any], count: int) -> tuple[Any, ...]:
    spread: list[Any] = [None] * count
    for place, value in zip(places, values):
        spread[place] = value
    return tuple(spread)


def _checked(replaced: Any, hook: str, what: str, count: int) -> tuple[Any, ...]:
    result = replaced if isinstance(replaced, tuple) else (replaced,)
    if len(result) != count:
        raise RuntimeError(
            f"Backward {hook} returned an invalid number of {what}, got {len(result)}, but expected {count}"
        )
    return result
