"""Several tensors made one, and one made several."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..autograd.function import Operation
from ..autograd.variable import Array, Variable
from ..kernels import large
from .axes import array_of, axis_of, sizes_of
from .conversion import cast, result_type
from .indexing import Part, narrow, select
from .keywords import numpy_names
from .rearranging import meshgrid
from .shape import atleast_1d, atleast_2d, atleast_3d, reshape

__all__ = [
    "block_diag", "cartesian_prod", "cat", "chunk", "column_stack", "concat", "concatenate", "dsplit", "dstack",
    "hsplit", "hstack", "row_stack", "split", "stack", "tensor_split", "unbind", "vsplit", "vstack",
]  # fmt: skip


class Cat(Operation):
    """Arrays one after the other along an axis."""

    @staticmethod
    def forward(ctx: Any, axis: int, name: str, *arrays: Array) -> Array:
        ctx.axis, ctx.sizes = axis, [each.shape[axis] for each in arrays]
        ctx.rename(name)
        return large.concatenate(arrays, axis)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        parts: list[Any] = [None, None]
        start = 0
        for size, needed in zip(ctx.sizes, ctx.needs_input_grad[2:]):
            parts.append(narrow(grad, ctx.axis, start, size) if needed else None)
            start += size
        return tuple(parts)


def _tensors(tensors: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for index, each in enumerate(tensors):
        if not isinstance(each, (Variable, np.ndarray)):
            raise TypeError(f"expected Tensor as element {index} in argument 0, but got {type(each).__name__}")
    return tuple(tensors)


def _promoted(tensors: tuple[Any, ...]) -> list[Any]:
    first = array_of(tensors[0]).dtype
    if all(array_of(each).dtype == first for each in tensors):
        return list(tensors)
    dtype = result_type(*tensors)
    return [cast(each, dtype) for each in tensors]


@numpy_names
def cat(tensors: Any, dim: int = 0) -> Any:
    """The tensors one after the other along axis ``dim``, in their common dtype; the other sizes must agree.

    An empty vector, of shape (0,), joins with anything. ValueError for no tensors, RuntimeError for sizes or ranks
    that differ.

    >>> torch.cat([torch.zeros(1, 2), torch.ones(1, 2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    tensors = _tensors(tensors, "cat")
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    shapes = [array_of(each).shape for each in tensors]
    for position, shape in enumerate(shapes):
        if not shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {position}) cannot be concatenated")
    counted = [position for position, shape in enumerate(shapes) if shape != (0,)] or [0]
    first = shapes[counted[0]]
    axis = axis_of(dim, len(first))
    for position in counted[1:]:
        shape = shapes[position]
        if len(shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
            )
        for other, (expected, size) in enumerate(zip(first, shape)):
            if expected != size and other != axis:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {expected} but got size "
                    f"{size} for tensor number {position} in the list."
                )
    promoted = _promoted(tensors)
    if len(first) > 1:
        promoted = [promoted[position] for position in counted]
    return Cat.apply(axis, "CatBackward0", *promoted)


concat = concatenate = cat


class Stack(Operation):
    """Arrays of one shape side by side along a new axis."""

    @staticmethod
    def forward(ctx: Any, axis: int, *arrays: Array) -> Array:
        ctx.axis = axis
        key = (*(slice(None),) * axis, None)
        return np.concatenate([each[key] for each in arrays], axis)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return (
            None,
            *(select(grad, ctx.axis, i) if needed else None for i, needed in enumerate(ctx.needs_input_grad[1:])),
        )


@numpy_names
def stack(tensors: Any, dim: int = 0) -> Any:
    """Tensors of one shape side by side along a new axis ``dim``. RuntimeError when the shapes differ.

    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], 1)
    tensor([[1, 3],
            [2, 4]])
    """
    tensors = _tensors(tensors, "stack")
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = array_of(tensors[0]).shape
    axis = axis_of(dim, len(first) + 1)
    for position, each in enumerate(tensors):
        shape = array_of(each).shape
        if shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(shape)} at "
                f"entry {position}"
            )
    return Stack.apply(axis, *_promoted(tensors))


def hstack(tensors: Any) -> Any:
    """Vectors one after the other; tensors of more axes along the second."""
    several = [atleast_1d(each) for each in _tensors(tensors, "hstack")]
    return cat(several, 0 if several and array_of(several[0]).ndim == 1 else 1)


def vstack(tensors: Any) -> Any:
    """Rows on top of each other: along the first axis, vectors counting as rows."""
    return cat([atleast_2d(each) for each in _tensors(tensors, "vstack")], 0)


row_stack = vstack


def dstack(tensors: Any) -> Any:
    """Along the third axis, with :func:`atleast_3d` before."""
    return cat([atleast_3d(each) for each in _tensors(tensors, "dstack")], 2)


def column_stack(tensors: Any) -> Any:
    """Vectors as the columns of a matrix; matrices side by side."""
    return hstack(
        [each if array_of(each).ndim > 1 else reshape(each, (-1, 1)) for each in _tensors(tensors, "column_stack")]
    )


def block_diag(*tensors: Any) -> Any:
    """A matrix with these matrices on its diagonal and zeros elsewhere."""
    blocks = _promoted(tuple([atleast_2d(each) for each in tensors]))
    width = sum(array_of(each).shape[1] for each in blocks)
    rows, start = [], 0
    for each in blocks:
        array = array_of(each)
        height, columns = array.shape
        before = np.zeros((height, start), array.dtype)
        after = np.zeros((height, width - start - columns), array.dtype)
        rows.append(Cat.apply(1, "BlockDiagBackward0", before, each, after))
        start += columns
    return Cat.apply(0, "BlockDiagBackward0", *rows)


def cartesian_prod(*tensors: Any) -> Any:
    """All tuples of elements of these vectors, one a row; of a single vector the vector itself."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(each, (-1,)) for each in meshgrid(*tensors, indexing="ij")], 1)


# One made several -------------------------------------------------------------------------------------------------


class Split(Operation):
    """Consecutive parts of an axis, as views."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, axis: int, sizes: tuple[int, ...], name: str) -> tuple[Array, ...]:
        ctx.axis = axis
        ctx.rename(name)
        lead = (slice(None),) * axis
        parts, start = [], 0
        for size in sizes:
            parts.append(input[(*lead, slice(start, start + size))])
            start += size
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return Cat.apply(ctx.axis, "CatBackward0", *grads)


class Unbind(Operation):
    """The slices along an axis, as views."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, axis: int) -> tuple[Array, ...]:
        ctx.axis = axis
        front = np.moveaxis(input, axis, 0)
        return tuple([front[index, ...] for index in range(input.shape[axis])])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return Stack.apply(ctx.axis, *grads)


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Views of consecutive parts of an axis: of one size (the last may be smaller), or of the sizes in a list.

    RuntimeError when the sizes do not sum to that of the axis.

    >>> [part.tolist() for part in torch.split(torch.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    shape = array_of(tensor).shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = axis_of(dim, len(shape))
    length = shape[axis]
    if isinstance(split_size_or_sections, (tuple, list)):
        sizes = sizes_of((split_size_or_sections,))
        for size in sizes:
            if size < 0:
                raise RuntimeError(
                    f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes="
                    f"{list(sizes)}"
                )
        if sum(sizes) != length:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at dimension "
                f"{axis}), but got split_sizes={list(sizes)}"
            )
        return Split.apply(tensor, axis, sizes, "SplitWithSizesBackward0") if sizes else ()
    size = operator.index(split_size_or_sections)
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and length:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}"
        )
    return Split.apply(tensor, axis, _pieces(length, size), "SplitBackward0")


def _pieces(length: int, size: int) -> tuple[int, ...]:
    if not length:
        return (0,)
    whole, rest = divmod(length, size)
    return (size,) * whole + ((rest,) if rest else ())


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Views of at most ``chunks`` consecutive parts of an axis, all of one size but perhaps the last.

    >>> [part.tolist() for part in torch.chunk(torch.arange(5), 3)]
    [[0, 1], [2, 3], [4]]
    """
    shape = array_of(input).shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    axis = axis_of(dim, len(shape))
    length = shape[axis]
    if not length:
        return Split.apply(input, axis, (0,) * chunks, "SplitWithSizesBackward0")
    return Split.apply(input, axis, _pieces(length, -(-length // chunks)), "SplitBackward0")


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Views of parts of an axis: so many of nearly equal size, or those that end at these indices.

    >>> [part.tolist() for part in torch.tensor_split(torch.arange(5), (1, 3))]
    [[0], [1, 2], [3, 4]]
    """
    shape = array_of(input).shape
    if not shape:
        raise RuntimeError(
            f"tensor_split expected at least a 1-dimensional tensor, but got a tensor with {len(shape)} dims"
        )
    axis = axis_of(dim, len(shape))
    length = shape[axis]
    if isinstance(indices_or_sections, Variable):
        indices_or_sections = indices_or_sections.array.tolist()
    if isinstance(indices_or_sections, (tuple, list)):
        ends = [*sizes_of((indices_or_sections,)), length]
    else:
        sections = operator.index(indices_or_sections)
        if sections <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
        least, more = divmod(length, sections)
        ends = [least * (i + 1) + min(i + 1, more) for i in range(sections)]
    lead = (slice(None),) * axis
    starts = [0, *ends[:-1]]
    return tuple(
        [Part.apply(input, (*lead, slice(start, end)), "SliceBackward0") for start, end in zip(starts, ends)]
    )


def _split_along(name: str, least: int, axis: int) -> Any:
    def function(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
        shape = array_of(input).shape
        if len(shape) < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension but got a tensor with "
                f"{len(shape)} dimensions!"
            )
        along = axis if len(shape) > 1 or least > 1 else 0
        if not isinstance(indices_or_sections, (tuple, list, Variable)):
            sections = operator.index(indices_or_sections)
            if sections == 0 or shape[along] % sections:
                raise RuntimeError(
                    f"torch.{name} attempted to split along dimension {along}, but the size of the dimension "
                    f"{shape[along]} is not divisible by the split_size {sections}!"
                )
        return tensor_split(input, indices_or_sections, along)

    function.__name__ = name
    function.__doc__ = f":func:`tensor_split` along axis {axis}, into sections of equal size when given a number."
    return function


hsplit = _split_along("hsplit", 1, 1)
vsplit = _split_along("vsplit", 2, 0)
dsplit = _split_along("dsplit", 3, 2)


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All slices along an axis, as views without it. IndexError for a 0-dimensional tensor.

    >>> torch.unbind(torch.tensor([1, 2]))
    (tensor(1), tensor(2))
    """
    shape = array_of(input).shape
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    axis = axis_of(dim, len(shape))
    return Unbind.apply(input, axis) if shape[axis] else ()
