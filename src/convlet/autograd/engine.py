"""The backward walk: gradients go from the roots along the edges, newest computation first, without recursion."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kernels import large
from ..runtime import memory
from ..runtime.quiet import restore, silence
from . import anomaly_mode as anomaly
from .function import AccumulateGrad, Node, edge_of, make_result
from .mode import _mode
from .variable import Variable

Edge = tuple[Node, int]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradient of the sum of ``tensors`` (weighted by ``grad_tensors``) to the ``.grad`` of the leaves.

    Arguments as for ``Tensor.backward``, with one gradient for each tensor. RuntimeError: no graph, a freed graph,
    a non-scalar tensor without gradient, a gradient of another shape.
    """
    outputs = _sequence(tensors)
    grads = _sequence(grad_tensors if grad_variables is None else grad_variables, len(outputs))
    only = None
    if inputs is not None:
        only = _sequence(inputs)
        if not only:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    roots = _roots(outputs, grads)
    retain = create_graph if retain_graph is None else retain_graph
    if only is None:
        _walk(roots, retain, create_graph)
        return
    targets = []
    for each in only:
        edge = edge_of(each)
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        targets.append(edge)
    for variable, gradient in zip(only, _walk(roots, retain, create_graph, targets)):
        if gradient is not None:
            accumulate(variable, gradient, False, create_graph)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of ``outputs`` with respect to ``inputs``, as a tuple of tensors shaped like these.

    ``create_graph`` makes them differentiable again. An input that the outputs do not depend on raises RuntimeError,
    unless ``allow_unused`` (its gradient is None) or ``materialize_grads`` (zeros).

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(x ** 3, x)
    (tensor(27.),)
    """
    if is_grads_batched:
        raise RuntimeError("is_grads_batched is not supported: call grad once for each gradient")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: False.")
    variables = _sequence(inputs)
    if not variables:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    results = _sequence(outputs)
    roots = _roots(results, _sequence(grad_outputs, len(results)))
    targets = []
    for each in variables:
        edge = edge_of(each)
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        targets.append(edge)
    retain = create_graph if retain_graph is None else retain_graph
    found = _walk(roots, retain, create_graph, targets)
    result: list[Any] = []
    for index, (variable, gradient) in enumerate(zip(variables, found)):
        if gradient is None:
            if materialize_grads:
                result.append(make_result(np.zeros_like(variable.array)))
                continue
            if not allow_unused:
                raise RuntimeError(
                    f"The differentiated Tensor at index {index} appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
        result.append(gradient if gradient is None or isinstance(gradient, Variable) else make_result(gradient))
    return tuple(result)


def _sequence(values: Any, length: int = 0) -> tuple[Any, ...]:
    if values is None:
        return (None,) * length
    return (values,) if isinstance(values, Variable) else tuple(values)


def _roots(outputs: Sequence[Variable], grads: Sequence[Any]) -> list[tuple[Edge, Any]]:
    if len(outputs) != len(grads):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    roots = []
    for index, (output, gradient) in enumerate(zip(outputs, grads)):
        if gradient is None and output.requires_grad:
            if output.array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if not output.dtype.is_floating_point:
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {output.dtype}"
                )
            gradient = make_result(np.ones_like(output.array))
        edge = edge_of(output)
        if edge is None:
            raise RuntimeError(f"element {index} of tensors does not require grad and does not have a grad_fn")
        if not isinstance(gradient, Variable):
            raise TypeError(
                f"gradients can be either Tensors, Numpy arrays or None, but got {type(gradient).__name__}"
            )
        if gradient.array.shape != output.array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{index}] has a shape of torch.Size({list(gradient.array.shape)}) and "
                f"output[{index}] has a shape of torch.Size({list(output.array.shape)})."
            )
        if output.dtype.is_complex != gradient.dtype.is_complex:
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
                f"dtype: grad_output[{index}] has a dtype of {gradient.dtype} and output[{index}] has a dtype of "
                f"{output.dtype}."
            )
        roots.append((edge, gradient))
    return roots


class _Arrivals:
    """What comes in at a node: along how many edges still, and the gradient so far of each of its outputs."""

    __slots__ = ("missing", "owned", "values")

    def __init__(self, missing: int) -> None:
        self.missing = missing
        self.values: list[Any] = []  # empty until something has arrived
        self.owned: list[bool] = []  # made for this node alone: more may be added to it in place

    def add(self, node: Node, index: int, value: Any, owned: bool) -> None:
        """Hand a gradient to output ``index`` of the node, in that output's dtype."""
        shape, dtype = node.outputs[index]
        if type(value) is not np.ndarray or value.dtype is not dtype or value.shape != shape:
            value, owned = _fit(value, owned, node, index)
        if not self.values:
            self.values, self.owned = [None] * len(node.outputs), [False] * len(node.outputs)
        known = self.values[index]
        if known is None:
            self.values[index] = value
            self.owned[index] = owned
        elif self.owned[index] and not isinstance(known, Variable) and known.flags.writeable:
            large.ufunc(np.add, known, value, out=known)
        elif owned and not isinstance(known, Variable) and value.flags.writeable:
            self.values[index] = large.ufunc(np.add, value, known, out=value)
            self.owned[index] = True
        elif isinstance(known, Variable) or isinstance(value, Variable):
            self.values[index] = _as_variable(known) + _as_variable(value)
        else:
            self.values[index] = np.asarray(large.ufunc(np.add, known, value))
            self.owned[index] = True


def _fit(value: Any, owned: bool, node: Node, index: int) -> tuple[Any, bool]:
    """A gradient as output ``index`` of the node wants it, and whether it is the node's own."""
    shape, dtype = node.outputs[index]
    if isinstance(value, np.generic):  # what NumPy makes of a 0-dimensional result
        value = np.asarray(value)
    array = value.array if isinstance(value, Variable) else value
    if array.dtype != dtype:
        value, owned = _cast(value, dtype), True
        array = value.array if isinstance(value, Variable) else value
    if array.shape != shape:
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient at index {index} - got {list(array.shape)} but "
            f"expected shape compatible with {list(shape)}"
        )
    return value, owned


def _as_variable(value: Any) -> Any:
    return value if isinstance(value, Variable) else make_result(value)


def _walk(
    roots: list[tuple[Edge, Any]], retain_graph: bool, create_graph: bool, targets: list[Edge] | None = None
) -> list[Any]:
    """Run the graph from the roots; with ``targets``, return what arrives at these edges and touch no leaf."""
    starts = list(dict.fromkeys([edge[0] for edge, _ in roots]))
    arrivals = _count_arrivals(starts)
    needed = None if targets is None else _leading_to({node for node, _ in targets}, starts)
    wanted: dict[Node, list[int]] = {}
    for node, index in targets or ():
        wanted.setdefault(node, []).append(index)
    captured: dict[Edge, Any] = {}
    for (node, index), gradient in roots:
        arrivals[node].add(node, index, gradient if create_graph else gradient.array, False)
    order = itertools.count()
    ready = [(-node.sequence, next(order), node) for node in starts if not arrivals[node].missing]
    heapq.heapify(ready)
    old_mode, _mode.grad = _mode.grad, create_graph
    old_warnings = silence()  # once for the whole walk; see run_quietly
    try:
        while ready:
            node = heapq.heappop(ready)[2]
            arrived = arrivals.pop(node)
            values = arrived.values
            results: tuple[Any, ...] = ()
            free = False
            if values:
                if node.tensor_hooks or (isinstance(node, AccumulateGrad) and node.variable._hooks):
                    _run_tensor_hooks(node, arrived)
                if targets is not None:
                    for index in wanted.get(node, ()):
                        captured[node, index] = values[index]
                if needed is None or node in needed:
                    if isinstance(node, AccumulateGrad):
                        if targets is None:
                            _accumulate_leaf(node, arrived, create_graph)
                        continue
                    free = arrived.owned[0] and not (
                        create_graph or node.keeps or node.hooks or node.prehooks or node in wanted
                    )
                    node.owns_gradient = free
                    if not create_graph and _is_taken(node, arrivals, needed, wanted):
                        results = (values[0],)
                    else:
                        results = _run_node(node, values, create_graph)
                    if not retain_graph:
                        node.release()
            seen = [*map(id, values[free:]), *map(id, results)]
            for position, edge in enumerate(node.edges):
                if edge is None:
                    continue
                target, index = edge
                waiting = arrivals[target]
                value = results[position] if position < len(results) else None
                if value is not None:
                    waiting.add(target, index, value, not node.keeps and _is_owned(value, seen))
                waiting.missing -= 1
                if not waiting.missing:
                    heapq.heappush(ready, (-target.sequence, next(order), target))
    finally:
        restore(old_warnings)
        _mode.grad = old_mode
    return [captured.get(edge) for edge in targets or ()]


def _count_arrivals(starts: list[Node]) -> dict[Node, _Arrivals]:
    """For each node that the roots reach, along how many edges gradients will come in."""
    stack = list(starts)
    arrivals = {node: _Arrivals(0) for node in starts}
    while stack:
        for edge in stack.pop().edges:
            if edge is None:
                continue
            target = edge[0]
            known = arrivals.get(target)
            if known is not None:
                known.missing += 1
            else:
                arrivals[target] = _Arrivals(1)
                stack.append(target)
    return arrivals


def _is_owned(value: Any, seen: list[int]) -> bool:
    """Whether this result of a node is an array that nobody else holds, so that it may be added to in place.

    ``seen``: the ids of all that came into the node (without what was its own) and out of it.
    """
    return not isinstance(value, Variable) and memory.owns(value) and seen.count(id(value)) == 1


def _is_taken(
    node: Node, arrivals: dict[Node, _Arrivals], needed: set[Node] | None, wanted: dict[Node, list[int]]
) -> bool:
    """Whether the node that this one's gradient goes to does this one's backward with its own."""
    edge = node.edges[0] if node.edges else None
    if edge is None or edge[0].takes is None:
        return False
    inner = edge[0]
    alone = arrivals[inner].missing == 1 and not arrivals[inner].values and not any(node.edges[1:])
    seen = node.hooks or node.prehooks or inner.tensor_hooks or inner.prehooks or inner in wanted or anomaly.enabled
    if not alone or seen or (needed is not None and inner not in needed):
        return False
    return inner.takes(node)  # type: ignore[misc]


def _leading_to(targets: set[Node], starts: list[Node]) -> set[Node]:
    """The nodes that must run: those from which an edge leads, in the end, to a target."""
    seen: set[Node] = set()
    parents: dict[Node, list[Node]] = {}
    stack = list(starts)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        for edge in node.edges:
            if edge is not None:
                parents.setdefault(edge[0], []).append(node)
                stack.append(edge[0])
    leading: set[Node] = set()
    stack = [parent for target in targets for parent in parents.get(target, ())]
    while stack:
        node = stack.pop()
        if node not in leading:
            leading.add(node)
            stack.extend(parents.get(node, ()))
    return leading


def _cast(value: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(value, Variable):
        from ..dtypes import from_numpy

        if value.dtype.is_complex and dtype.kind != "c":
            value = value.real  # type: ignore[attr-defined]
        return value.to(from_numpy(dtype))
    if value.dtype.kind == "c" and dtype.kind != "c":
        value = value.real
    return value.astype(dtype)


def _run_node(node: Node, grads: list[Any], create_graph: bool) -> tuple[Any, ...]:
    if len(grads) > 1 and any(each is None for each in grads):
        grads = [
            np.zeros(shape, dtype) if each is None and dtype.kind not in "biu" else each
            for each, (shape, dtype) in zip(grads, node.outputs)
        ]
        if create_graph:
            grads = [None if each is None else _as_variable(each) for each in grads]
    if node.prehooks:
        for hook in list(node.prehooks.values()):
            replaced = hook(tuple(_as_variable(each) for each in grads))
            if replaced is not None:
                grads = [_like(each, create_graph) for each in _sequence(replaced)]
    if anomaly.enabled:
        try:
            results = node.run(grads, create_graph)
        except Exception:
            anomaly.show(node)
            raise
        anomaly.check(node, results)
    else:
        results = node.run(grads, create_graph)
    if node.hooks:
        for hook in list(node.hooks.values()):
            replaced = hook(
                tuple(None if each is None else _as_variable(each) for each in results),
                tuple(None if each is None else _as_variable(each) for each in grads),
            )
            if replaced is not None:
                results = tuple(_like(each, create_graph) for each in _sequence(replaced))
    return results


def _like(value: Any, create_graph: bool) -> Any:
    """A hook's tensor as this walk passes gradients: an array unless it is recorded."""
    return value if create_graph or value is None else value.array


def _run_tensor_hooks(node: Node, grads: _Arrivals) -> None:
    hooks = node.tensor_hooks or {}
    if isinstance(node, AccumulateGrad) and node.variable._hooks:
        hooks = {**hooks, 0: node.variable._hooks}
    for key in sorted(hooks, key=lambda key: (key < 0, key)):  # ~index: after all others
        index = key if key >= 0 else ~key
        for hook in list(hooks[key].values()):
            value = grads.values[index]
            if value is None:
                continue
            replaced = hook(_as_variable(value))
            grads.owned[index] = False
            if replaced is not None:
                if not isinstance(replaced, Variable):
                    raise TypeError(f"expected a Tensor or None from a hook, but got {type(replaced).__name__}")
                grads.values[index] = replaced if isinstance(value, Variable) else replaced.array


def _accumulate_leaf(node: AccumulateGrad, grads: _Arrivals, create_graph: bool) -> None:
    variable = node.variable
    accumulate(variable, grads.values[0], grads.owned[0], create_graph)
    if variable._post_accumulate_hooks:
        for hook in list(variable._post_accumulate_hooks.values()):
            hook(variable)


def accumulate(variable: Variable, gradient: Any, owned: bool, create_graph: bool) -> None:
    """Add a gradient to ``variable.grad``: in place unless the gradient is itself part of a graph."""
    known = variable._grad
    if isinstance(gradient, Variable):
        if known is not None:
            variable._grad = known + gradient  # type: ignore[operator]
        else:
            variable._grad = gradient if gradient.requires_grad else make_result(gradient.array.copy())
        return
    if known is None:
        same_layout = gradient.strides == variable.array.strides
        if not same_layout:
            fresh = np.empty_like(variable.array)
            np.copyto(fresh, gradient)
            gradient = fresh
        elif not (owned and gradient.flags.writeable):
            gradient = large.copied(gradient)
        variable._grad = make_result(gradient)
    elif known._grad_fn is not None:
        variable._grad = make_result(np.asarray(known.array + gradient))
    else:
        large.ufunc(np.add, known.array, gradient, out=known.array)
        known._version.bump()


__all__ = ["backward", "grad"]
