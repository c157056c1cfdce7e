"""Elements picked and written by position: along an axis, in the flattened tensor, where a mask is True."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation, make_result
from ..autograd.inplace import apply_inplace
from ..autograd.variable import Array, Variable
from .axes import array_of, axis_of
from .broadcasting import sum_to
from .conversion import cast
from .elementwise import mul
from .indexing import Index, IndexPut, IndexPutInPlace, Part, add_at, check_range, narrow
from .scalars import is_number, scalar_as
from .shape import Reshaped, common_shape, expand, reshape, unsqueeze

__all__ = [
    "argwhere", "gather", "index_add", "index_copy", "index_fill", "index_select", "masked_scatter", "masked_select",
    "nonzero", "put", "repeat_interleave", "scatter", "scatter_add", "take", "take_along_dim",
]  # fmt: skip


# Slices of an axis ---------------------------------------------------------------------------------------------------


def _vector(index: Any, message: str, kinds: tuple[str, ...] = ("int64", "int32")) -> Any:
    """An index of at most one axis as int64 with exactly one. RuntimeError with ``message`` for other dtypes."""
    if dtypes.from_numpy(array_of(index).dtype).name not in kinds:
        raise RuntimeError(message.format(dtypes.from_numpy(array_of(index).dtype).scalar_name))
    index = cast(index, dtypes.int64)
    return index if array_of(index).ndim else reshape(index, (1,))


def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices of an axis at the positions in the vector ``index``, in its order: a copy.

    IndexError for a position out of range (negative ones included) or an index of more than one axis.

    >>> torch.index_select(torch.tensor([1, 2, 3]), 0, torch.tensor([2, 0]))
    tensor([3, 1])
    """
    array = array_of(input)
    axis = axis_of(dim, array.ndim)
    if array_of(index).ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    index = _vector(index, "index_select(): Expected dtype int32 or int64 for index")
    positions = array_of(index)
    size = array.shape[axis] if array.ndim else 1
    if positions.size and not (positions.min() >= 0 and positions.max() < size):
        raise IndexError("index out of range in self")
    if not array.ndim:
        if positions.size != 1:
            raise RuntimeError(
                f"index_select(): Index to scalar can have only 1 value, got {positions.size} value(s)"
            )
        return Gather.apply(input, 0, "IndexSelectBackward0", reshape(index, ()))
    return Index.apply(input, (axis,), False, "IndexSelectBackward0", index)


def _sources(name: str, input: Any, dim: int, index: Any, source: Any) -> tuple[int, Any]:
    """The axis and int64 index of index_add_ and index_copy_, after PyTorch's checks."""
    array, values = array_of(input), array_of(source)
    axis = axis_of(dim, array.ndim)
    wrong: type[Exception] = IndexError if name == "index_copy_" else RuntimeError
    if array_of(index).ndim > 1:
        raise IndexError(f"{name}(): Index should have dimension 1 or 0 (got {array_of(index).ndim})")
    if name == "index_add_":
        index = _vector(index, "index_add_(): Expected dtype int32/int64 for index but got: {}")
    else:
        index = _vector(index, "index_copy_(): Expected a long tensor for index, but got {}", ("int64",))
    if array.dtype != values.dtype:
        mine, other = (dtypes.from_numpy(each.dtype).scalar_name for each in (array, values))
        raise RuntimeError(
            f"index_add_(): self ({mine}) and source ({other}) must have the same scalar type"
            if name == "index_add_"
            else f"index_copy_(): self and source expected to have the same dtype, but got (self) {mine} and (source) "
            f"{other}"
        )
    count, length = array_of(index).size, values.shape[axis] if values.ndim > axis else 1
    if count != length:
        raise wrong(
            f"{name}(): Number of indices ({count}) should be equal to source.size(dim)"
            + (f": ({length}), for dim: {axis}" if name == "index_add_" else f" ({length})")
        )
    mine_rest, other_rest = (shape[:axis] + shape[axis + 1 :] for shape in (array.shape, values.shape))
    if name == "index_add_" and (mine_rest != other_rest or array.ndim != values.ndim):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(array.shape)} source.shape = {list(values.shape)}"
        )
    if mine_rest != other_rest:
        texts = [" ".join(str(n) for n in rest) for rest in (mine_rest, other_rest)]
        raise RuntimeError(
            f"{name}(): Source/destination tensor must have same slice shapes. Destination slice shape: {texts[0]} at "
            f"dimension {axis} and source slice shape: {texts[1]} at dimension 0."
        )
    positions, size = array_of(index), array.shape[axis] if array.ndim else 1
    outside = (positions < 0) | (positions >= size)
    if outside.any():
        raise wrong(
            f"{'index_copy_(): ' if name == 'index_copy_' else ''}index {positions[outside][0]} is out of bounds for "
            f"dimension {axis} with size {size}"
        )
    return axis, index


def _index_add_arguments(input: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> tuple[Any, ...]:
    axis, index = _sources("index_add_", input, dim, index, source)
    if alpha != 1:
        source = mul(source, alpha)
    return source, (axis,), True, "IndexAddBackward0", index


def _index_copy_arguments(input: Any, dim: int, index: Any, source: Any) -> tuple[Any, ...]:
    axis, index = _sources("index_copy_", input, dim, index, source)
    return source, (axis,), False, "IndexCopyBackward0", index


def _index_fill_arguments(input: Any, dim: int, index: Any, value: Any) -> tuple[Any, ...]:
    array = array_of(input)
    axis = axis_of(dim, array.ndim)
    dtype = dtypes.from_numpy(array.dtype)
    if isinstance(value, Variable):
        if value.array.ndim:
            raise RuntimeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.array.ndim} dimension(s)."
            )
        value = cast(value, dtype)
    else:
        if isinstance(value, complex) and not dtype.is_complex:
            raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
        value = scalar_as(value, dtype)
    if array_of(index).dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if array_of(index).ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    index = index if array_of(index).ndim else reshape(index, (1,))
    size = array.shape[axis] if array.ndim else 1
    check_range(array_of(index), axis, size)
    once = np.unique(array_of(index) % max(size, 1))  # the gradient of the value counts no place twice
    return value, (axis,), False, f"IndexFillBackward{int(isinstance(value, Variable))}", once


def _out_of_place(input: Any, arguments: tuple[Any, ...]) -> Any:
    if not array_of(input).ndim:
        return reshape(IndexPut.apply(reshape(input, (1,)), *_with_axis(arguments)), ())
    return IndexPut.apply(input, *arguments)


def _in_place(input: Any, arguments: tuple[Any, ...]) -> Any:
    if not array_of(input).ndim:
        apply_inplace(IndexPutInPlace, reshape(input, (1,)), *_with_axis(arguments))
        return input
    return apply_inplace(IndexPutInPlace, input, *arguments)


def _with_axis(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return (reshape(arguments[0], (-1,)), *arguments[1:])


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """A copy with ``alpha`` times slice i of ``source`` added to slice ``index[i]`` of an axis, for every i.

    RuntimeError when the shapes or dtypes do not fit or an index is out of range.

    >>> torch.index_add(torch.zeros(3), 0, torch.tensor([0, 0]), torch.ones(2))
    tensor([2., 0., 0.])
    """
    return _out_of_place(input, _index_add_arguments(input, dim, index, source, alpha))


def index_add_(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """:func:`index_add` into ``input``."""
    return _in_place(input, _index_add_arguments(input, dim, index, source, alpha))


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """A copy with slice ``index[i]`` of an axis replaced by slice i of ``source``, for every i.

    >>> torch.index_copy(torch.zeros(3), 0, torch.tensor([2]), torch.ones(1))
    tensor([0., 0., 1.])
    """
    return _out_of_place(input, _index_copy_arguments(input, dim, index, source))


def index_copy_(input: Any, dim: int, index: Any, source: Any) -> Any:
    """:func:`index_copy` into ``input``."""
    return _in_place(input, _index_copy_arguments(input, dim, index, source))


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """A copy with the slices of an axis at the positions in ``index`` filled with a number or 0-d tensor.

    >>> torch.index_fill(torch.zeros(3), 0, torch.tensor([0, 2]), 1.0)
    tensor([1., 0., 1.])
    """
    return _out_of_place(input, _index_fill_arguments(input, dim, index, value))


def index_fill_(input: Any, dim: int, index: Any, value: Any) -> Any:
    """:func:`index_fill` into ``input``."""
    return _in_place(input, _index_fill_arguments(input, dim, index, value))


# Element by element along an axis ---------------------------------------------------------------------------------


def _places(shape: tuple[int, ...], axis: int, index: Array) -> Array:
    """The positions, in the flat array, of the elements that ``index`` picks along an axis."""
    if len(shape) <= 1 or not index.size:
        return index
    strides, step = [0] * len(shape), 1
    for other in range(len(shape) - 1, -1, -1):
        strides[other] = step
        step *= shape[other]
    places = index * strides[axis]
    for other, size in enumerate(index.shape):
        if other != axis:
            sizes = [1] * index.ndim
            sizes[other] = size
            places = places + (np.arange(size) * strides[other]).reshape(sizes)
    return places


class Gather(Operation):
    """``input[i, index[i, j], ...]`` along an axis, for an index of the input's rank."""

    @staticmethod
    def forward(ctx: Any, input: Array, axis: int, name: str, index: Array) -> Array:
        ctx.shape, ctx.axis = input.shape, axis
        ctx.rename(name)
        ctx.save(index)
        return np.ascontiguousarray(input).reshape(-1)[_places(input.shape, axis, index)]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (index,) = ctx.saved
        zeros = np.zeros(ctx.shape, array_of(grad).dtype)
        return Scatter.apply(zeros, grad, ctx.axis, "add", "ScatterAddBackward0", index)


class Scatter(Operation):
    """A copy with values put where an index points along an axis, or combined ('add', 'multiply') with what is there.

    The values have the index's shape, or are one number.
    """

    @staticmethod
    def forward(
        ctx: Any, input: Array, values: Array, axis: int, reduce: str, name: str, index: Array
    ) -> Array:
        result = np.array(input, order="C")
        _scatter(ctx, result, values, axis, reduce, name, index)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        ((index,), (axis, reduce, name)) = ctx.saved, ctx.arguments
        if reduce == "multiply":
            raise RuntimeError("derivative for aten::scatter is not implemented")
        rest = grad
        if not reduce:
            rest = Scatter.apply(grad, np.zeros((), array_of(grad).dtype), axis, "", name, index)
        picked = Gather.apply(grad, axis, "GatherBackward0", index) if ctx.needs_input_grad[1] else None
        return rest, None if picked is None else sum_to(picked, ctx.shape)


class ScatterInPlace(Scatter):
    """Scatter that writes into its argument: for ``apply_inplace``."""

    backward_name = "ScatterBackward0"

    @staticmethod
    def forward(
        ctx: Any, input: Array, values: Array, axis: int, reduce: str, name: str, index: Array
    ) -> Array:
        if input.flags.c_contiguous:
            _scatter(ctx, input, values, axis, reduce, name, index)
        else:
            result = np.array(input, order="C")
            _scatter(ctx, result, values, axis, reduce, name, index)
            input[...] = result
        return input


def _scatter(ctx: Any, target: Array, values: Array, axis: int, reduce: str, name: str, index: Array) -> None:
    ctx.arguments, ctx.shape = (axis, reduce, name), values.shape
    ctx.rename(name)
    ctx.save(index)
    flat = target.reshape(-1)
    places = _places(target.shape, axis, index).reshape(-1)
    if values.ndim:
        values = values.reshape(-1)
    if reduce == "add":
        add_at(flat, (0,), (places,), np.broadcast_to(values, places.shape))
    elif reduce == "multiply":
        np.multiply.at(flat, places, values)
    else:
        flat[places] = values


def _index_along(name: str, input: Any, dim: int, index: Any) -> tuple[int, Any]:
    """The axis and int64 index of gather and scatter, after the checks they share."""
    array, positions = array_of(input), array_of(index)
    axis = axis_of(dim, array.ndim)
    if dtypes.from_numpy(positions.dtype).name not in ("int64", "int32"):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if positions.size and max(array.ndim, 1) != max(positions.ndim, 1):
        other = "input" if name == "gather" else "self"
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {other} tensor")
    return axis, cast(index, dtypes.int64)


def _check_along(array: Array, axis: int, positions: Array) -> None:
    size = array.shape[axis] if array.ndim else 1
    if positions.size:
        outside = (positions < 0) | (positions >= size)
        if outside.any():
            raise RuntimeError(
                f"index {positions[outside][0]} is out of bounds for dimension {axis} with size {size}"
            )


def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """``result[i, j] = input[index[i, j], j]`` for ``dim`` 0 of a matrix, and likewise for other ranks and axes.

    ``index`` (int64) has the rank of ``input`` and is no larger apart from ``dim``; the result has its shape.
    RuntimeError for an index that is out of range or does not fit.

    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    axis, index = _index_along("gather", input, dim, index)
    array, positions = array_of(input), array_of(index)
    for other, (mine, size) in enumerate(zip(positions.shape, array.shape)):
        if other != axis and mine > size and positions.size:
            raise RuntimeError(
                f"Size does not match at dimension {other} expected index {list(positions.shape)} to be no larger than "
                f"self {list(array.shape)} apart from dimension {axis}"
            )
    _check_along(array, axis, positions)
    return Gather.apply(input, axis, "GatherBackward0", index)


def _scatter_arguments(
    name: str, input: Any, dim: int, index: Any, src: Any, reduce: str, node: str
) -> tuple[Any, ...]:
    axis, index = _index_along(name, input, dim, index)
    array, positions = array_of(input), array_of(index)
    dtype = dtypes.from_numpy(array.dtype)
    if is_number(src):
        src = scalar_as(src, dtype)
        values_shape = positions.shape
    else:
        values_shape = array_of(src).shape
        if array_of(src).dtype != array.dtype:
            raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if positions.size:
        if len(values_shape) != positions.ndim:
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        too_large = any(
            size > of_src or (other != axis and size > mine)
            for other, (size, mine, of_src) in enumerate(zip(positions.shape, array.shape or (1,), values_shape))
        )
        if too_large:
            of = f" and to be no larger size than src {list(values_shape)}" if array_of(src).ndim else ""
            raise RuntimeError(
                f"Expected index {list(positions.shape)} to be no larger than self {list(array.shape)} apart from "
                f"dimension {axis}{of}"
            )
    _check_along(array, axis, positions)
    if array_of(src).ndim and values_shape != positions.shape:
        src = Part.apply(src, tuple([slice(0, n) for n in positions.shape]), "SliceBackward0")
    return src, axis, reduce, node, index


def _reduction(reduce: str | None) -> str:
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    return reduce or ""


def _source(src: Any, value: Any) -> tuple[Any, str]:
    given = value if src is None else src
    return given, "ScatterBackward1" if is_number(given) else "ScatterBackward0"


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """A copy with ``result[index[i, j], j] = src[i, j]`` for ``dim`` 0 of a matrix; the reverse of :func:`gather`.

    ``src``: a tensor no smaller than ``index``, or a number. Where an index repeats, one of the values stays;
    ``reduce`` 'add' or 'multiply' combines them with what is there (without gradient for 'multiply').

    >>> torch.scatter(torch.zeros(2, 3), 1, torch.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    src, node = _source(src, value)
    arguments = _scatter_arguments("scatter", input, dim, index, src, _reduction(reduce), node)
    return Scatter.apply(input, *arguments)


def scatter_(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """:func:`scatter` into ``input``."""
    src, node = _source(src, value)
    arguments = _scatter_arguments("scatter", input, dim, index, src, _reduction(reduce), node)
    return apply_inplace(ScatterInPlace, input, *arguments)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy with ``result[index[i, j], j] += src[i, j]`` for ``dim`` 0 of a matrix, all repeats counted.

    >>> torch.scatter_add(torch.zeros(3), 0, torch.tensor([0, 0, 2]), torch.ones(3))
    tensor([2., 0., 1.])
    """
    arguments = _scatter_arguments("scatter", input, dim, index, src, "add", "ScatterAddBackward0")
    return Scatter.apply(input, *arguments)


def scatter_add_(input: Any, dim: int, index: Any, src: Any) -> Any:
    """:func:`scatter_add` into ``input``."""
    arguments = _scatter_arguments("scatter", input, dim, index, src, "add", "ScatterAddBackward0")
    return apply_inplace(ScatterInPlace, input, *arguments)


def take(input: Any, index: Any) -> Any:
    """The elements of the flattened input at these positions, in the shape of ``index`` (int64).

    >>> torch.take(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, -1]))
    tensor([1, 4])
    """
    array, positions = array_of(input), array_of(index)
    if positions.dtype != np.int64:
        raise RuntimeError(
            f"take(): Expected a long tensor for index, but got {dtypes.from_numpy(positions.dtype).scalar_name}"
        )
    outside = (positions < -array.size) | (positions >= array.size)
    if outside.any():
        raise IndexError(
            f"out of range: tried to access index {positions[outside].reshape(-1)[0]} on a tensor of {array.size} "
            "elements."
        )
    return Index.apply(reshape(input, (-1,)), (0,), False, "TakeBackward0", index)


def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """A copy with the elements of the flattened input at these positions replaced by (or added to) those of source."""
    shape = array_of(input).shape
    if array_of(index).dtype != np.int64:
        raise RuntimeError(
            "put_(): Expected a long tensor for index, but got "
            f"{dtypes.from_numpy(array_of(index).dtype).scalar_name}"
        )
    if array_of(input).dtype != array_of(source).dtype:
        mine, other = (dtypes.from_numpy(array_of(each).dtype).scalar_name for each in (input, source))
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {mine} and source.dtype = "
            f"{other}"
        )
    if array_of(index).size != array_of(source).size:
        raise RuntimeError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{array_of(source).size}, index.numel() = {array_of(index).size}"
        )
    positions, count = array_of(index), math.prod(shape)
    outside = (positions < -count) | (positions >= count)
    if outside.any():
        raise IndexError(
            f"out of range: tried to access index {positions[outside].reshape(-1)[0]} on a tensor of {count} elements."
        )
    places = np.unravel_index(positions % max(count, 1), shape)
    return IndexPut.apply(
        input, reshape(source, positions.shape), tuple(range(len(shape))), accumulate, "PutBackward0", *places
    )


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """:func:`gather` with ``input`` and ``indices`` broadcast together apart from ``dim``; flattened without it.

    >>> x = torch.tensor([[3, 1, 2]])
    >>> torch.take_along_dim(x, torch.argsort(x, 1), 1)
    tensor([[1, 2, 3]])
    """
    if array_of(indices).dtype != np.int64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{dtypes.from_numpy(array_of(indices).dtype).scalar_name}"
        )
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    shape, wanted = array_of(input).shape, array_of(indices).shape
    if len(shape) != len(wanted):
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(shape)} dimensions for input, and {len(wanted)} dimensions for indices"
        )
    axis = axis_of(dim, len(shape))

    def along(sizes: tuple[int, ...], size: int) -> tuple[int, ...]:
        return (*sizes[:axis], size, *sizes[axis + 1 :])

    common = common_shape(along(shape, 1), along(wanted, 1))
    return gather(expand(input, along(common, shape[axis])), axis, expand(indices, along(common, wanted[axis])))


# Masks and positions ----------------------------------------------------------------------------------------------


def masked_select(input: Any, mask: Any) -> Any:
    """The elements where the mask (bool, broadcast with the input) is True, in one axis.

    >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]))
    tensor([1, 3])
    """
    if array_of(mask).dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = common_shape(array_of(mask).shape, array_of(input).shape)
    chosen = np.broadcast_to(array_of(mask), shape)
    if not shape:
        return masked_select(reshape(input, (1,)), reshape(mask, (1,)))
    if array_of(input).shape != shape:
        input = expand(input, shape)
    return Index.apply(input, tuple(range(len(shape))), True, "MaskedSelectBackward0", *chosen.nonzero())


def _masked_scatter_arguments(input: Any, mask: Any, source: Any) -> tuple[Any, ...]:
    array, values = array_of(input), array_of(source)
    if array.dtype != values.dtype:
        mine, other = (dtypes.from_numpy(each.dtype).scalar_name for each in (array, values))
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got{mine} and {other}"
        )
    if array_of(mask).dtype != np.bool_:
        raise RuntimeError("masked_scatter_ only supports boolean masks, but got mask with another dtype")
    chosen = np.broadcast_to(array_of(mask), array.shape).nonzero()
    count = len(chosen[0])
    if values.size < count:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    used = narrow(reshape(source, (-1,)), 0, 0, count)
    return used, tuple(range(array.ndim)), False, "MaskedScatterBackward0", *chosen


def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """A copy with the elements where the mask is True replaced by those of ``source``, in order."""
    input = expand(input, common_shape(array_of(input).shape, array_of(mask).shape))
    if not array_of(input).ndim:
        return reshape(masked_scatter(reshape(input, (1,)), reshape(mask, (1,)), source), ())
    return IndexPut.apply(input, *_masked_scatter_arguments(input, mask, source))


def masked_scatter_(input: Any, mask: Any, source: Any) -> Any:
    """:func:`masked_scatter` into ``input``."""
    return apply_inplace(IndexPutInPlace, input, *_masked_scatter_arguments(input, mask, source))


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero: one row (int64) for each, or one vector for each axis.

    >>> torch.nonzero(torch.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    array = array_of(input)
    if as_tuple:
        return tuple([make_result(np.ascontiguousarray(each)) for each in np.atleast_1d(array).nonzero()])
    if not array.ndim:
        return make_result(np.zeros((int(bool(array)), 0), np.int64))
    return make_result(np.argwhere(array))


def argwhere(input: Any) -> Any:
    """The positions of the elements that are not zero, one row for each."""
    return nonzero(input)


def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each element repeated: ``repeats`` times, or as often as its entry in the vector ``repeats`` says.

    Along ``dim``, or flattened. With the vector alone: index i repeated ``repeats[i]`` times.

    >>> torch.repeat_interleave(torch.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        counts = _repeats(input)
        return make_result(np.repeat(np.arange(counts.size), counts))
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    array = array_of(input)
    axis = axis_of(dim, array.ndim)
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        return _repeat_each(input, axis, repeats)
    counts = _repeats(repeats)
    if counts.size == 1:
        counts = np.broadcast_to(counts.reshape(-1), (array.shape[axis],))
    elif counts.size != array.shape[axis]:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({axis}) = {array.shape[axis]}"
        )
    places = np.repeat(np.arange(array.shape[axis]), counts)
    if output_size is not None and output_size != places.size:
        raise RuntimeError("allocated size does not match required size")
    return Index.apply(input, (axis,), False, "IndexSelectBackward0", places)


def _repeat_each(input: Any, axis: int, count: int) -> Any:
    shape = array_of(input).shape
    before, size, after = shape[:axis], shape[axis], shape[axis + 1 :]
    copies = expand(unsqueeze(input, axis + 1), (*before, size, count, *after))
    return Reshaped.apply(copies, array_of(copies).reshape(*before, size * count, *after), "ViewBackward0")


def _repeats(repeats: Any) -> Array:
    counts = array_of(repeats)
    if counts.dtype.name not in ("int64", "int32"):
        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{dtypes.from_numpy(counts.dtype).scalar_name}'"
        )
    if counts.ndim > 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    return counts
