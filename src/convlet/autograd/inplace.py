"""Writing into a variable that others may view, and keeping the graph right.

An in-place operation computes its result, copies it into the target's memory, and gives the target the history of the
result. When the target is a view of a base, it is the base whose history changes: its new node (:class:`CopySlices`)
sends the gradient of the written region through the operation and that of the rest to the old history; the views of
the base take their new history from it when next asked (``Variable.grad_fn``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..runtime import memory
from .deferred import settle
from .function import DISCARD, Node, Operation, edge_of, make_result, run_quietly
from .mode import is_grad_enabled, is_inference_mode_enabled, spans
from .variable import Array, Variable


@dataclass(frozen=True)
class Region:
    """Where a view lies in its base: shapes, byte strides, and the byte offset of the view's first element."""

    base_shape: tuple[int, ...]
    base_strides: tuple[int, ...]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    retyped: tuple[np.dtype[Any], np.dtype[Any]] | None = None  # (base's, view's) where they differ: real of complex

    @classmethod
    def of(cls, view: Array, base: Array) -> Region:
        offset = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        retyped = None if view.dtype == base.dtype else (base.dtype, view.dtype)
        return cls(base.shape, base.strides, view.shape, view.strides, offset, retyped)

    def empty_base(self, dtype: np.dtype[Any], zero: bool = False) -> Array:
        """A new array of the base's shape and strides."""
        span = sum((size - 1) * stride for size, stride in zip(self.base_shape, self.base_strides) if size)
        buffer = np.zeros(span // dtype.itemsize + 1, dtype) if zero else np.empty(span // dtype.itemsize + 1, dtype)
        return as_strided(buffer, self.base_shape, self.base_strides)

    def zeros(self, dtype: np.dtype[Any]) -> Array:
        """Zeros for the view's part of a base of this dtype."""
        return np.zeros(self.shape, dtype if self.retyped is None else self.retyped[1])

    def take(self, base: Array) -> Array:
        """The view's part of an array of the base's shape: a view where the strides agree, else of a copy."""
        if base.strides != self.base_strides or not memory.owns(base):
            like = self.empty_base(base.dtype)
            like[...] = base
            base = like
        return self.view(base)

    def view(self, base: Array) -> Array:
        """The view's part of an array that has exactly the base's strides."""
        # Numbers of the bytes from the base's first element on, whatever its own extent.
        end = max(self.offset, 0) + sum((n - 1) * s for n, s in zip(self.shape, self.strides) if n) + base.itemsize
        flat = as_strided(base, (end // base.itemsize,), (base.itemsize,))
        if self.retyped is not None:
            flat = flat.view(self.retyped[1])
        return as_strided(flat[self.offset // flat.itemsize :], self.shape, self.strides)

    @property
    def repeats(self) -> bool:
        """Whether two elements of the view are one element of the base."""
        extent = 1
        for stride, size in sorted((abs(s), n) for n, s in zip(self.shape, self.strides) if n > 1):
            if stride < extent:
                return True
            extent = stride * (size - 1) + 1
        return False


class AsStrided(Operation):
    """The part of a base that a view shows."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, base: Array, region: Region) -> Array:
        ctx.region = region
        return region.take(base)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Embed.apply(grad, ctx.region)


class Embed(Operation):
    """Zeros of the base's shape with a view's values added in their places: the adjoint of AsStrided."""

    @staticmethod
    def forward(ctx: Any, values: Array, region: Region) -> Array:
        ctx.region = region
        base = region.empty_base(values.dtype if region.retyped is None else region.retyped[0], zero=True)
        if region.repeats:
            places = region.view(np.arange(base.size if base.flags.c_contiguous else 0).reshape(base.shape))
            if places.size != values.size:
                raise RuntimeError("the gradient of an overlapping view of a non-contiguous tensor is not supported")
            np.add.at(base.reshape(-1), places.reshape(-1), values.reshape(-1))
        else:
            region.view(base)[...] = values
        return base

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return AsStrided.apply(grad, ctx.region)


class Replace(Operation):
    """An array of the base's shape with a view's part replaced by other values."""

    @staticmethod
    def forward(ctx: Any, base: Array, values: Array, region: Region) -> Array:
        ctx.region = region
        result = region.empty_base(base.dtype)
        result[...] = base
        region.view(result)[...] = values
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        nothing = ctx.region.zeros(grad.dtype if isinstance(grad, np.ndarray) else grad.array.dtype)
        return Replace.apply(grad, nothing, ctx.region), AsStrided.apply(grad, ctx.region)


class CopySlices(Node):
    """The history of a base after an operation wrote into a view of it."""

    def __init__(self, base: Variable, operation_node: Node, region: Region) -> None:
        super().__init__((edge_of(base), *operation_node.edges[1:]))
        self.operation_node = operation_node
        self.region = region
        self.outputs = ((base.array.shape, base.array.dtype),)

    def run(self, grads: list[Any], create_graph: bool) -> tuple[Any, ...]:
        grad = grads[0]
        into = self.operation_node.run([AsStrided.apply(grad, self.region)], create_graph)
        first = into[0]
        if first is None:
            first = self.region.zeros(self.outputs[0][1])
        return (Replace.apply(grad, first, self.region), *into[1:])

    def release(self) -> None:
        self.operation_node.release()


def view_of_changed_base(view: Variable) -> Node | None:
    """The new history of a view whose base was written to: a part of the base as it is now."""
    base = view._base
    assert base is not None
    region = Region.of(view.array, base.array)
    node = AsStrided.node_type((base, region))
    node.region = region  # type: ignore[attr-defined]
    node.finish(view)
    return node


def check_writable(target: Variable, recorded: bool) -> None:
    """The reasons why a variable must not be written in place: RuntimeError, before anything is computed."""
    if spans:
        settle()
    array = target.array
    if recorded:
        if target.is_leaf and target._requires_grad and target._base is None:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        base = target._base
        if base is not None and base.is_leaf and base._requires_grad:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if target.inference and not is_inference_mode_enabled():
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a "
            "normal tensor before doing inplace update."
        )
    if not target.meta:
        flags = array.flags
        if not flags.c_contiguous and any(
            stride == 0 and size > 1 for size, stride in zip(array.shape, array.strides)
        ):
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please clone() the tensor before performing the operation."
            )
        if not flags.writeable:
            raise RuntimeError(
                "the memory of this tensor is read-only (it came from a read-only NumPy array). Please clone() the "
                "tensor before performing the operation."
            )


def apply_inplace(operation: type[Operation], target: Variable, *args: Any) -> Any:
    """``target = operation(target, *args)``, written into the memory of ``target``, which is returned.

    RuntimeError, before anything is written: a leaf (or a view of one) that requires a gradient, memory that
    repeats or is read-only, a result of another shape or of a dtype that does not convert.
    """
    arguments = (target, *args)
    array = target.array
    recorded, arrays = False, []
    for each in arguments:
        if isinstance(each, Variable):
            recorded = recorded or each.requires_grad
            each = each.array
        arrays.append(each)
    recorded = recorded and is_grad_enabled() and array.dtype.kind not in "biu"
    check_writable(target, recorded)
    node = operation.node_type(arguments) if recorded and operation.differentiable else None
    overwrite = None if target.meta else operation.overwrite
    if overwrite is not None and run_quietly(overwrite, node or DISCARD, arrays):
        record_write(target, node)
        return target
    result = np.asarray(run_quietly(operation.forward, node or DISCARD, arrays))
    if result.shape != array.shape:
        raise RuntimeError(
            f"output with shape {list(array.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    if result.dtype != array.dtype:
        from ..dtypes import from_numpy

        new, old = from_numpy(result.dtype), target.dtype
        if new.rank > old.rank and not (new.rank in (1, 2) and old.rank in (1, 2)):
            raise RuntimeError(
                f"result type {new.scalar_name} can't be cast to the desired output type {old.scalar_name}"
            )
    if node is not None and any(each is array for each in node._pending):
        # The backward pass asks for the value that is about to be overwritten: keep a copy with its history.
        before = make_result(array.copy(order="K"), target.grad_fn, target._output_index)
        node._pending = tuple([before.array if each is array else each for each in node._pending])
        node._arguments = (before, *args)
    if not target.meta and result is not array:
        np.copyto(array, result, casting="unsafe")
    if node is not None:  # what was saved as "the result" now lives in the target
        node._pending = tuple([array if each is result else each for each in node._pending])
    record_write(target, node)
    return target


def record_write(target: Variable, node: Any = None) -> None:
    """Note that the memory of ``target`` was written; ``node`` (recorded with target as argument 0) is its history."""
    target._version.bump()
    if node is None:
        return
    array = target.array
    base = target._base
    if node._pending and any(each is array for each in node._pending):
        # 'array' is both argument 0 and the output; it holds the output now.
        node._arguments = tuple(None if getattr(each, "array", None) is array else each for each in node._arguments)
    node.finish(target)
    if base is None:
        target._grad_fn, target._output_index = node, 0
        target._requires_grad = False
        return
    base._grad_fn = CopySlices(base, node, Region.of(array, base.array))
    base._output_index = 0
    base._requires_grad = False
