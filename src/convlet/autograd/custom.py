"""``autograd.Function``: a differentiable computation of the user's own, written on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .function import FREED, Node, Saved, edge_of, make_result
from .mode import is_grad_enabled, no_grad
from .variable import Variable


class FunctionCtx(Node):
    """The ``ctx`` of a user's Function, and its node in the graph."""

    function: type[Function]
    keeps = True

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        variables = [each if isinstance(each, Variable) else None for each in arguments]
        super().__init__(tuple(None if each is None else edge_of(each) for each in variables))
        self.needs_input_grad = tuple(edge is not None for edge in self.edges)
        self._inputs = variables
        self._to_save: tuple[Any, ...] = ()
        self._saved: tuple[Saved, ...] | None = ()
        self._dirty: tuple[Any, ...] = ()
        self._non_differentiable: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Variable | None) -> None:
        """Keep inputs or outputs for ``backward``; read them there from ``ctx.saved_tensors``."""
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        if self._saved is None:
            raise RuntimeError(FREED)
        return tuple(each.unpack(self, True) for each in self._saved)

    def mark_dirty(self, *tensors: Variable) -> None:
        """Say that ``forward`` wrote into these inputs."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Variable) -> None:
        """Say that no gradient flows to these outputs."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """With False, ``backward`` is given None instead of zeros for outputs that received no gradient."""
        self._materialize = value

    def finish(self, outputs: tuple[Any, ...]) -> None:
        self.outputs = tuple((each.array.shape, each.array.dtype) for each in outputs)
        saved = []
        for each in self._to_save:
            if each is None:
                saved.append(Saved(None, None, None))
                continue
            index = next((i for i, output in enumerate(outputs) if output is each), -1)
            saved.append(Saved(each.array, None if index >= 0 else each, each._version, index))
        self._saved = tuple(saved)
        self._to_save = ()
        self._inputs = []

    def run(self, grads: list[Any], create_graph: bool) -> tuple[Any, ...]:
        given = [None if each is None else each if isinstance(each, Variable) else make_result(each) for each in grads]
        results = self.function.backward(self, *given)
        if not isinstance(results, tuple):
            results = (results,)
        count = len(self.edges)
        if len(results) > count and all(each is None for each in results[count:]):
            results = results[:count]
        if len(results) != count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {count}, got "
                f"{len(results)})"
            )
        for index, each in enumerate(results):
            if each is not None and not isinstance(each, Variable):
                raise TypeError(
                    f"function {self.name()} returned a gradient at index {index} that is not a tensor: "
                    f"{type(each).__name__}"
                )
        if create_graph:
            return results
        return tuple(None if each is None else each.array for each in results)

    def release(self) -> None:
        if self._saved:
            self._saved = None

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"


class Function:
    """Subclass with static methods ``forward(ctx, ...)`` and ``backward(ctx, *grads)``; call ``MyFunction.apply(...)``.

    ``forward`` gets and returns tensors and is not recorded; ``backward`` gets one gradient for each output and
    returns one for each argument of ``forward`` (None for those that need none). With a static ``setup_context(ctx,
    inputs, output)``, ``forward`` takes no ctx.

    >>> class Square(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    _node_type: type[FunctionCtx]
    setup_context: Callable[..., None] | None = None

    def __init_subclass__(cls) -> None:
        cls._node_type = type(f"{cls.__name__}Backward", (FunctionCtx,), {"function": cls})

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward``, recorded as one node."""
        record = is_grad_enabled() and any(isinstance(each, Variable) and each.requires_grad for each in args)
        ctx = cls._node_type(args)
        inputs = [each for each in args if isinstance(each, Variable)]
        with no_grad():
            if cls.setup_context is None:
                result = cls.forward(ctx, *args, **kwargs)
            else:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
        outputs = result if isinstance(result, tuple) else (result,)
        if not record:
            return result
        tensors = []
        for index, each in enumerate(outputs):
            if not isinstance(each, Variable):
                name = type(each).__name__
                raise TypeError(f"{cls.__name__}.forward: expected Tensor or tuple of Tensors, got {name}")
            dirty = any(each is other for other in ctx._dirty)
            if not dirty and any(each is other for other in inputs):
                each = make_result(each.array, version=each._version)  # an input handed back is another variable
            differentiable = each.dtype.is_differentiable and not any(
                outputs[index] is other for other in ctx._non_differentiable
            )
            if dirty:
                each._version.bump()
            if differentiable:
                each._requires_grad = False
                each._grad_fn, each._output_index = ctx, index
            tensors.append(each)
        ctx._to_save = tuple(
            next((new for new, old in zip(tensors, outputs) if old is each), each) if each is not None else None
            for each in ctx._to_save
        )
        ctx.finish(tuple(tensors))
        return tuple(tensors) if isinstance(result, tuple) else tensors[0]


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a Function's ``backward`` as one that must not be differentiated: doing so raises RuntimeError."""

    class _Refuse(Function):
        @staticmethod
        def forward(ctx: Any, *values: Any) -> Any:
            return tuple(make_result(each.array) for each in values)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")

    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            results = backward(ctx, *grads)
        if not is_grad_enabled():
            return results
        several = results if isinstance(results, tuple) else (results,)
        anchor = make_result(np.zeros(()))
        anchor._requires_grad = True
        guarded = tuple(None if each is None else _Refuse.apply(each, anchor)[0] for each in several)
        return guarded if isinstance(results, tuple) else guarded[0]

    return wrapper
