"""A variable: an array and its place in the graph. ``Tensor`` is a variable with operations.

This module knows what a gradient belongs to and nothing of how one is computed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..dtypes import dtype as Dtype
from ..dtypes import from_numpy
from ..runtime.storage import Storage
from .mode import is_grad_enabled, is_inference_mode_enabled

if TYPE_CHECKING:
    from .function import Node

Array = np.ndarray[Any, np.dtype[Any]]


class WhenAsked:
    """An attribute that few objects need: made when first asked for, once whichever thread asks."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return instance.__dict__.setdefault(self.name, self.make(instance))


class Version:
    """How often the memory of a tensor and its views was written in place.

    ``storage`` counts every write, also those through ``.data``, which autograd does not see.
    """

    value: int = 0
    storage: Any = WhenAsked(lambda version: Storage())

    @classmethod
    def of(cls, storage: Storage) -> Version:
        """That of another tensor of this memory."""
        new = cls()
        new.storage = storage
        return new

    @property
    def writes(self) -> int:
        return self.storage.writes

    def bump(self) -> None:
        self.value += 1
        self.storage.writes += 1


class Variable:
    """An array of any strides and its place in the graph.

    Class attributes are the state of a fresh leaf, so that making one costs one assignment.
    """

    tensor_type: ClassVar[type[Variable]]  # the class of results; set by the tensor floor

    array: Any = WhenAsked(lambda variable: variable._step.compute())  # every tensor has one, or a step of deferred.py
    _step: Any = None
    meta: bool = False  # shape and dtype only: ``array`` has zero strides and means nothing
    inference: bool = False  # made inside inference_mode
    _requires_grad: bool = False
    _grad: Variable | None = None
    _grad_fn: Node | None = None
    _output_index: int = 0
    _base: Variable | None = None  # the variable whose memory this one views, differentiably
    _version: Any = WhenAsked(lambda variable: Version() if variable._base is None else variable._base._version)
    _view_version: int = 0  # version of the base when _grad_fn was made
    _retains_grad: bool = False
    _hooks: dict[int, Callable[[Any], Any]] | None = None
    _post_accumulate_hooks: dict[int, Callable[[Any], Any]] | None = None
    _accumulator: weakref.ref[Node] | None = None

    def __init__(self, array: Array, requires_grad: bool = False) -> None:
        self.array = array
        if requires_grad:
            self._requires_grad = True
        if is_inference_mode_enabled():
            self.inference = True

    # What the graph needs to know of the data ---------------------------------------------------------------------

    @property
    def dtype(self) -> Dtype:
        return from_numpy(self.array.dtype)

    # Place in the graph -------------------------------------------------------------------------------------------

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed this tensor; None for a leaf."""
        base = self._base
        if base is not None and self._view_version != self._version.value and base.requires_grad:
            from .inplace import view_of_changed_base

            self._grad_fn, self._output_index = view_of_changed_base(self), 0
            self._view_version = self._version.value
        return self._grad_fn

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        if self._requires_grad or self._grad_fn is not None:
            return True
        return self._base is not None and self.grad_fn is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            if value:
                return
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if value and not self.dtype.is_differentiable:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        if value and self.inference and not is_inference_mode_enabled():
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._requires_grad = bool(value)

    @property
    def is_leaf(self) -> bool:
        """True when no recorded operation made this tensor."""
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        """Which output of ``grad_fn`` this is."""
        return self._output_index

    @property
    def grad(self) -> Any:
        """The gradient accumulated by ``backward``: None, or a tensor of this shape and dtype."""
        return self._grad

    @grad.setter
    def grad(self, value: Variable | None) -> None:
        if value is not None:
            if not isinstance(value, Variable):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value)}")
            if value.array.shape != self.array.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: expected {list(self.array.shape)}, "
                    f"but got {list(value.array.shape)}"
                )
            if value.array.dtype != self.array.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype.scalar_name.lower()}' to a tensor with "
                    f"grad_dtype '{self.dtype.scalar_name.lower()}'."
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def retains_grad(self) -> bool:
        """Whether :meth:`retain_grad` was called on this computed tensor."""
        return self._retains_grad and not self.is_leaf

    def retain_grad(self) -> None:
        """Keep the gradient of this computed tensor in ``.grad`` as for a leaf.

        Raises RuntimeError when the tensor does not require a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node = self.grad_fn
        if node is None or self._retains_grad:
            return
        self._retains_grad = True
        myself = weakref.ref(self)

        def keep(gradient: Variable) -> None:
            variable = myself()
            if variable is not None:
                kept = variable._grad
                variable._grad = gradient if kept is None else kept + gradient  # type: ignore[operator]

        node.add_tensor_hook(self._output_index, keep, last=True)

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(grad)`` whenever the gradient of this tensor is computed; a returned tensor replaces it.

        Returns a handle with ``remove()``. Raises RuntimeError when the tensor does not require a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node = self.grad_fn
        if node is not None:
            return node.add_tensor_hook(self._output_index, hook)
        if self._hooks is None:
            self._hooks = {}
        return RemovableHandle.add(self._hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(tensor)`` after ``backward`` has added to this leaf's ``.grad``."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.grad_fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._post_accumulate_hooks is None:
            self._post_accumulate_hooks = {}
        return RemovableHandle.add(self._post_accumulate_hooks, hook)

    def detach(self) -> Any:
        """The same memory without history: shares data and version, requires no gradient."""
        new = self._alias()
        new._version = self._version
        return new

    @property
    def data(self) -> Any:
        """The same memory without history and with a version of its own (writes are not seen by autograd)."""
        new = self._alias()
        new._version = Version.of(self._version.storage)
        return new

    @data.setter
    def data(self, value: Variable) -> None:
        if not isinstance(value, Variable):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self.array = value.array
        self._version.storage = value._version.storage
        self._version.storage.writes += 1
        if value.meta != self.meta:
            self.meta = value.meta

    def _alias(self) -> Variable:
        new = self.tensor_type.__new__(self.tensor_type)
        new.array = self.array.view()  # an array object of its own: operations tell their arguments apart by it
        if self.meta:
            new.meta = True
        if self.inference:
            new.inference = True
        return new

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor with respect to every leaf to the leaf's ``.grad``.

        ``gradient`` (this tensor's shape) may be left out for a single-element tensor. The graph is freed unless
        ``retain_graph``; with ``create_graph`` the gradients can be differentiated again. ``inputs`` limits which
        leaves receive one. RuntimeError: no graph, a freed graph, a non-scalar without ``gradient``, a changed
        saved tensor.

        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        from .engine import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)


class RemovableHandle:
    """Removes a hook from where it was registered; also a context manager that removes it at the end."""

    _next = 0

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks = hooks
        self.id = key

    @classmethod
    def add(cls, hooks: dict[int, Any], hook: Any, first: bool = False) -> RemovableHandle:
        new = RemovableHandle._next = RemovableHandle._next + 1  # one count for all subclasses
        if first:
            others = dict(hooks)
            hooks.clear()
            hooks[new] = hook
            hooks.update(others)
        else:
            hooks[new] = hook
        return cls(hooks, new)

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def recording(*variables: Any) -> bool:
    """Whether an operation on these is recorded."""
    return is_grad_enabled() and any(isinstance(each, Variable) and each.requires_grad for each in variables)
