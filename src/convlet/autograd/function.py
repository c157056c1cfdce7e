"""Operations and the nodes they leave in the graph.

An :class:`Operation` is one differentiable computation: ``forward`` on arrays, and ``backward`` written with other
operations. These work on arrays and on variables alike, so the same ``backward`` runs on plain arrays when no graph
of the gradient is wanted (the fast case), and on variables, recorded again, when it is (``create_graph``).
"""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..runtime.quiet import restore, silence
from . import anomaly_mode as anomaly
from .mode import _mode
from .variable import Array, RemovableHandle, Variable, Version, WhenAsked

_sequence = itertools.count()

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


class Saved:
    """A value kept for the backward pass, with the version it had."""

    __slots__ = ("array", "expected", "output_index", "variable", "version")

    def __init__(
        self, array: Array | None, variable: Variable | None, version: Version | None, output_index: int = -1
    ) -> None:
        self.array = array
        self.variable = variable  # an input; None for an output of the node itself and for a constant
        self.version = version
        self.expected = version.value if version is not None else 0
        self.output_index = output_index

    def unpack(self, node: Node, as_variable: bool) -> Any:
        array = self.array
        if array is None:
            return None
        if self.version is not None and self.version.value != self.expected:
            raise RuntimeError(self._changed(node))
        if not as_variable:
            return array
        if self.variable is not None:
            return self.variable
        if self.output_index >= 0:
            return make_result(array, node, self.output_index, version=self.version)
        return make_result(array)

    def _changed(self, node: Node) -> str:
        array, version = self.array, self.version
        assert array is not None
        assert version is not None
        source: Node | None = node if self.variable is None else self.variable._grad_fn
        index = self.output_index if self.variable is None else self.variable._output_index
        of = f", which is output {max(index, 0)} of {_operation_name(source)}," if source is not None else ""
        from ..dtypes import from_numpy

        return (
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[{from_numpy(array.dtype).tensor_type} {list(array.shape)}]{of} is at version {version.value}; "
            f"expected version {self.expected} instead. Hint: enable anomaly detection to find the operation that "
            "failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
        )


def _operation_name(node: Node) -> str:
    """What PyTorch calls the operation of a node in that sentence."""
    return "torch::autograd::CopySlices" if node.name() == "CopySlices" else _SUFFIX.sub("", node.name())


_SUFFIX = re.compile(r"Backward\d+$")


_NOTHING = Saved(None, None, None)


class Node:
    """One recorded computation: where gradients come in, and the edges along which they go on.

    ``edges[i]`` is (node, output index) of argument i, or None where no gradient is wanted.
    """

    edges: tuple[tuple[Node, int] | None, ...] = ()
    sequence: float
    outputs: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...] = ()
    tensor_hooks: dict[int, dict[int, Callable[[Any], Any]]] | None = None
    hooks: dict[int, Callable[..., Any]] | None = None
    prehooks: dict[int, Callable[..., Any]] | None = None
    keeps: bool = False  # whether what comes in and out of it may be held elsewhere, too
    owns_gradient: bool = False  # while it runs: its first gradient was made for it alone and may be written over
    takes: Callable[..., bool] | None = None  # see Operation
    metadata: Any = WhenAsked(lambda node: {})

    def __init__(self, edges: tuple[tuple[Node, int] | None, ...]) -> None:
        self.edges = edges
        self.sequence = next(_sequence)

    def run(self, grads: list[Any], create_graph: bool) -> tuple[Any, ...]:
        """One gradient (or None) for each edge."""
        raise NotImplementedError

    def release(self) -> None:
        """Drop what was kept for the backward pass."""

    def name(self) -> str:
        """The node's name as PyTorch prints it: 'MulBackward0'."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """(node, output index) of every tensor argument."""
        return tuple((None, 0) if edge is None else edge for edge in self.edges)

    def add_tensor_hook(self, index: int, hook: Callable[[Any], Any], last: bool = False) -> RemovableHandle:
        """Call ``hook(grad)`` on the gradient that arrives for output ``index``; 'last' ones see the final value."""
        if self.tensor_hooks is None:
            self.tensor_hooks = {}
        key = ~index if last else index
        return RemovableHandle.add(self.tensor_hooks.setdefault(key, {}), hook)

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after this node has run; a returned tuple replaces grad_inputs."""
        if self.hooks is None:
            self.hooks = {}
        return RemovableHandle.add(self.hooks, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before this node runs; a returned tuple replaces grad_outputs."""
        if self.prehooks is None:
            self.prehooks = {}
        return RemovableHandle.add(self.prehooks, hook)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class OperationNode(Node):
    """The node of an :class:`Operation`; it is the ``ctx`` of its forward and backward."""

    operation: ClassVar[type[Operation]]
    _saved: tuple[Saved, ...] | None = ()
    _rename: str | None = None
    _arguments: tuple[Any, ...] = ()
    _pending: tuple[Array | None, ...] = ()
    without_data: bool = False  # recorded of meta tensors: forward has not run, so nothing was kept

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.edges = edges = tuple([edge_of(each) if isinstance(each, Variable) else None for each in arguments])
        self.needs_input_grad = tuple([edge is not None for edge in edges])
        self.sequence = next(_sequence)
        self._arguments = arguments
        self._types = tuple(map(type, arguments))
        if anomaly.enabled:
            anomaly.remember(self)

    def name(self) -> str:
        return self._rename or type(self).__name__

    def rename(self, name: str) -> None:
        """Use this name instead of the operation's (PyTorch numbers its overloads: SumBackward1)."""
        self._rename = name

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        return tuple(
            (None, 0) if edge is None else edge
            for edge, kind in zip(self.edges, self._types)
            if issubclass(kind, Variable)
        )

    def save(self, *arrays: Array | None) -> None:
        """Keep these for the backward pass: inputs, outputs (recognised by identity) or constants; None stays None."""
        self._pending = arrays

    @property
    def saved(self) -> tuple[Any, ...]:
        """What was saved: arrays, or variables when the backward pass is itself recorded. Raises when freed."""
        if self._saved is None:
            raise RuntimeError(FREED)
        if _mode.grad:
            return tuple([each.unpack(self, True) for each in self._saved])
        for each in self._saved:
            if each.version is not None and each.version.value != each.expected:
                each.unpack(self, False)  # raises
        return tuple([each.array for each in self._saved])

    def finish(self, *results: Variable) -> None:
        """Turn the arrays given to ``save`` into saved inputs, outputs and constants, and let go of the rest."""
        if len(results) == 1:
            array = results[0].array
            self.outputs = ((array.shape, array.dtype),)
        else:
            self.outputs = tuple([(each.array.shape, each.array.dtype) for each in results])
        if self._pending:
            self._saved = tuple([self._keep(each, results) for each in self._pending])
            self._pending = ()
        self._arguments = ()

    def _keep(self, array: Array | None, results: tuple[Variable, ...]) -> Saved:
        if array is None:
            return _NOTHING
        for argument in self._arguments:
            if isinstance(argument, Variable) and argument.array is array:
                if argument.inference:
                    raise RuntimeError(
                        "Inference tensors cannot be saved for backward. To work around you can make a clone to get a "
                        "normal tensor and use it in autograd."
                    )
                return Saved(array, argument, argument._version)
        for index, result in enumerate(results):
            if result.array is array:
                return Saved(array, None, result._version, index)
        return Saved(array, None, None)

    def run(self, grads: list[Any], create_graph: bool) -> tuple[Any, ...]:
        if self.without_data:
            raise NotImplementedError(
                f"the backward pass of {self.name()} needs data, and a meta tensor has a shape only. "
                "Build the module with device='cpu' to differentiate it."
            )
        result = self.operation.backward(self, *grads)
        if not isinstance(result, tuple):
            result = (result,)
        missing = len(self.edges) - len(result)
        return result + (None,) * missing if missing > 0 else result

    def release(self) -> None:
        if self._saved:
            self._saved = None


class _Discard:
    """The ``ctx`` of a computation that is not recorded: keeps nothing."""

    needs_input_grad = (False,) * 64

    def save(self, *arrays: Any) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    def __setattr__(self, name: str, value: Any) -> None:
        pass


DISCARD = _Discard()


class Operation:
    """One differentiable computation; subclasses give ``forward`` and ``backward`` as static methods.

    ``forward(ctx, *args)``: arguments as given to :meth:`apply`, variables replaced by their arrays; returns one array
    or a tuple of arrays. It may ``ctx.save(...)`` inputs, its outputs or constants (only what
    ``ctx.needs_input_grad[i]`` asks for) and set attributes on ``ctx``.

    ``backward(ctx, *grads)``: one gradient for each output; returns one for each argument, None where there is none;
    trailing Nones may be left out. It reads ``ctx.saved`` and calls operations only (never NumPy on its operands),
    so that it works on arrays and, when recorded, on variables.
    """

    node_type: ClassVar[type[OperationNode]]
    backward_name: ClassVar[str] = ""  # PyTorch's name of the node; '<class name>Backward0' when empty
    is_view: ClassVar[bool] = False  # the output shares the memory of argument 0
    differentiable: ClassVar[bool] = True  # False: never recorded (comparisons, argmax)
    non_differentiable_outputs: ClassVar[tuple[int, ...]] = ()  # of several outputs, those without a gradient
    # Where the result may be written over argument 0 (its backward does not ask for it): the same arguments as forward,
    # False when it left everything as it was and forward has to compute.
    overwrite: ClassVar[Callable[..., bool] | None] = None
    # Where backward can do that of another operation with its own: takes(ctx, later), asked when the gradient of a
    # later node goes to this one alone and nobody sees what passes between them. True: the gradient of the later one's
    # result comes in the place of that of this one's.
    takes: ClassVar[Callable[..., bool] | None] = None

    def __init_subclass__(cls) -> None:
        name = cls.__dict__.get("backward_name") or f"{cls.__name__}Backward0"
        cls.backward_name = name
        cls.node_type = type(name, (OperationNode,), {"operation": cls, "takes": cls.takes})

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        raise NotImplementedError

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotImplementedError

    @classmethod
    def meta(cls, *args: Any) -> Any:
        """The outputs for arguments without data; by default a run on zero-stride arrays."""
        return cls.forward(DISCARD, *args)

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run on arrays (arrays out), or on variables (variables out, recorded when a gradient is wanted)."""
        variables = record = meta = False
        arrays = []
        for each in args:
            if isinstance(each, Variable):
                variables = True
                if each.meta:
                    meta = True
                # each.requires_grad, without the call where it says so plainly
                if each._requires_grad or each._grad_fn is not None or (each._base is not None and each.requires_grad):
                    record = True
                each = each.array
            arrays.append(each)
        if not variables:
            return _as_arrays(cls.forward(DISCARD, *args))
        node = cls.node_type(args) if record and cls.differentiable and _mode.grad else None
        if meta:
            result = _without_data(cls.meta(*arrays))
            if node is not None:
                node.without_data = True
        elif cls.is_view:  # computes nothing that NumPy could warn of
            result = cls.forward(node or DISCARD, *arrays)
        else:
            old = silence()
            try:
                result = cls.forward(node or DISCARD, *arrays)
            finally:
                restore(old)
        view_of = args[0] if cls.is_view else None
        if isinstance(result, tuple):
            return cls._wrap_several(result, node, view_of, meta)
        out = make_result(result if type(result) is np.ndarray else np.asarray(result), node, 0, view_of)
        if meta:
            out.meta = True
        if node is not None:
            node.finish(out)
        return out

    @classmethod
    def _wrap_several(cls, results: tuple[Any, ...], node: Any, view_of: Any, meta: bool) -> tuple[Any, ...]:
        constant = cls.non_differentiable_outputs
        out = tuple(
            [
                make_result(np.asarray(each), None if i in constant else node, i, view_of, meta=meta)
                for i, each in enumerate(results)
            ]
        )
        if node is not None:
            node.finish(*out)
        return out


def run_quietly(forward: Callable[..., Any], ctx: Any, arrays: list[Any]) -> Any:
    """``forward`` without NumPy's warnings: infinities and NaN are values like others, as in PyTorch."""
    old = silence()
    try:
        return forward(ctx, *arrays)
    finally:
        restore(old)


def _as_arrays(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple([np.asarray(each) for each in result])
    return result if type(result) is np.ndarray else np.asarray(result)


def _without_data(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple([_without_data(each) for each in result])
    array = np.asarray(result)
    return np.broadcast_to(np.zeros((), array.dtype), array.shape)


def make_result(
    array: Array,
    node: Node | None = None,
    output_index: int = 0,
    view_of: Variable | None = None,
    *,
    meta: bool = False,
    version: Version | None = None,
) -> Variable:
    """A tensor that is output ``output_index`` of ``node`` (a leaf without one), maybe a view of another."""
    cls = Variable.tensor_type
    new = cls.__new__(cls)
    new.array = array
    if view_of is not None:
        new._base = view_of if view_of._base is None else view_of._base
        known = new._base.__dict__.get("_version")
        if known is not None:
            new._version, new._view_version = known, known.value
        if view_of.inference:
            new.inference = True
    else:
        if version is not None:
            new._version = version
        if _mode.inference:
            new.inference = True
    if node is not None and array.dtype.kind not in "biu":
        new._grad_fn = node
        new._output_index = output_index
    if meta:
        new.meta = True
    return new


class AccumulateGrad(Node):
    """Where the graph ends: adds what arrives to a leaf's ``.grad``."""

    sequence = float("inf")

    def __init__(self, variable: Variable) -> None:
        self.variable = variable
        self.outputs = ((variable.array.shape, variable.array.dtype),)


def edge_of(variable: Variable) -> tuple[Node, int] | None:
    """Where the gradient of this variable goes: (node, output index); None when it requires none."""
    node = variable._grad_fn if variable._base is None else variable.grad_fn
    if node is not None:
        return node, variable._output_index
    if not variable._requires_grad:
        return None
    known = variable._accumulator() if variable._accumulator is not None else None
    if known is None:
        known = AccumulateGrad(variable)
        variable._accumulator = weakref.ref(known)
    return known, 0
