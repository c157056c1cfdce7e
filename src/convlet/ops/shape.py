"""Views and rearrangements: the same elements in another shape or order.

What is a view here is one in PyTorch: it shares the memory of its argument.
"""

from __future__ import annotations

import math
import operator
import warnings
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as strided_array

from .. import dtypes
from ..autograd.function import Operation, make_result
from ..autograd.inplace import Embed, Region, check_writable
from ..autograd.mode import is_grad_enabled
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from .axes import array_of, axes_of, axis_of, sizes_of
from .broadcasting import BroadcastTo, sum_to
from .complex_numbers import conj

__all__ = [
    "adjoint", "as_strided", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_tensors",
    "broadcast_to", "diag", "diag_embed", "diagonal", "flatten", "flip", "fliplr", "flipud", "meshgrid", "moveaxis",
    "movedim", "permute", "pixel_shuffle", "pixel_unshuffle", "ravel", "reshape", "roll", "rot90", "squeeze",
    "swapaxes", "swapdims", "t", "tile", "transpose", "tril", "triu", "unflatten", "unsqueeze",
]  # fmt: skip


# Another shape ----------------------------------------------------------------------------------------------------


class View(Operation):
    """The same memory in another shape; the caller has made sure that this is possible."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, shape: tuple[int, ...], name: str | None = None) -> Array:
        ctx.shape = input.shape
        if name is not None:
            ctx.rename(name)
        return input.reshape(shape)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return reshape(grad, ctx.shape)


class Reshaped(Operation):
    """A copy in another shape, which the caller has made."""

    backward_name = "UnsafeViewBackward0"

    @staticmethod
    def forward(ctx: Any, input: Array, copy: Array, name: str | None = None) -> Array:
        ctx.shape = input.shape
        if name is not None:
            ctx.rename(name)
        return copy

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return reshape(grad, ctx.shape)


def infer_size(sizes: tuple[int, ...], count: int) -> tuple[int, ...]:
    """``sizes`` with -1 replaced so that they hold ``count`` elements. RuntimeError when that cannot be."""
    unknown, known = -1, 1
    for index, size in enumerate(sizes):
        if size == -1:
            if unknown >= 0:
                raise RuntimeError("only one dimension can be inferred")
            unknown = index
        elif size < 0:
            raise RuntimeError(f"invalid shape dimension {size} at index {index} of shape {list(sizes)}")
        else:
            known *= size
    if unknown < 0:
        if known == count:
            return sizes
    elif known:
        if count % known == 0:
            return (*sizes[:unknown], count // known, *sizes[unknown + 1 :])
    elif count == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(sizes)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {count}")


def reshape(input: Any, shape: Any) -> Any:
    """The elements in another shape: a view of the memory where its strides allow, else a copy.

    One size may be -1, to be inferred. RuntimeError when the number of elements differs.

    >>> torch.reshape(torch.arange(6), (2, -1)).shape
    torch.Size([2, 3])
    """
    array = array_of(input)
    if not isinstance(shape, (tuple, list)):
        raise TypeError(
            f"reshape(): argument 'shape' (position 2) must be tuple of ints, not {type(shape).__name__}"
        )
    sizes = infer_size(sizes_of((shape,)), array.size)
    if array.flags.c_contiguous:
        return View.apply(input, sizes)
    result = array.reshape(sizes)
    if _same_memory(result, array):
        return View.apply(input, sizes)
    return Reshaped.apply(input, result)


def _same_memory(result: Array, array: Array) -> bool:
    return result.size == 0 or np.may_share_memory(result, array)


def reshape_result(result: Any, shape: Any) -> Any:
    """A fresh result in another shape, which does not count as a view of it (PyTorch's ``_unsafe_view``)."""
    return Reshaped.apply(result, array_of(result).reshape(shape))


def view(input: Any, *shape: Any) -> Any:
    """The same memory in another shape, or its bytes seen as another dtype.

    One size may be -1. RuntimeError when the number of elements differs, or when the strides do not allow it
    (``reshape`` copies then).

    >>> x = torch.zeros(4, 4)
    >>> x.view(2, -1).shape
    torch.Size([2, 8])
    """
    array = array_of(input)
    if len(shape) == 1 and isinstance(shape[0], Dtype):
        return _view_as_dtype(input, shape[0])
    try:
        sizes = sizes_of(shape) if shape else None
    except TypeError:
        sizes = None
    if sizes is None:
        given = ", ".join(type(each).__name__ for each in shape)
        raise TypeError(
            f"view() received an invalid combination of arguments - got ({given}), but expected one of:\n"
            " * (torch.dtype dtype)\n * (tuple of ints size)\n"
        )
    sizes = infer_size(sizes, array.size)
    if not array.flags.c_contiguous and not _same_memory(array.reshape(sizes), array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across "
            "two contiguous subspaces). Use .reshape(...) instead."
        )
    return View.apply(input, sizes)


def _view_as_dtype(input: Any, dtype: Dtype) -> Any:
    """The same bytes as elements of another dtype; not differentiable."""
    array, new = input.array, dtype.numpy
    old_size, new_size = array.itemsize, new.itemsize
    if old_size != new_size:
        text = f"to view {input.dtype.scalar_name} as {dtype.scalar_name} (different element sizes)"
        if array.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 {text}")
        stride = array.strides[-1] // old_size
        if array.shape[-1] != 1 and stride != 1 and not input.meta:
            raise RuntimeError(f"self.stride(-1) must be 1 {text}, but got {stride}")
        ratio = max(new_size // old_size, 1)
        if array.shape[-1] % ratio:
            raise RuntimeError(f"self.size(-1) must be divisible by {ratio} {text}, but got {array.shape[-1]}")
    if input.meta:
        shape = array.shape if old_size == new_size else (*array.shape[:-1], array.shape[-1] * old_size // new_size)
        return make_result(np.broadcast_to(np.zeros((), new), shape), meta=True)
    return make_result(array.view(new), version=input._version)


def view_as(input: Any, other: Any) -> Any:
    """The same memory in the shape of ``other``. RuntimeError as for :func:`view`."""
    return view(input, array_of(other).shape)


def reshape_as(input: Any, other: Any) -> Any:
    """:func:`reshape` to the shape of ``other``."""
    return reshape(input, array_of(other).shape)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from ``start_dim`` to ``end_dim`` (both included) joined into one.

    RuntimeError when ``start_dim`` comes after ``end_dim``, IndexError for an axis out of range.

    >>> torch.flatten(torch.zeros(8, 3, 4, 4), 1).shape
    torch.Size([8, 48])
    """
    shape = array_of(input).shape
    start, end = axis_of(start_dim, len(shape)), axis_of(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, (1,))
    if start == end:
        return input
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def ravel(input: Any) -> Any:
    """All elements in one axis: a view where possible."""
    array = array_of(input)
    if array.flags.c_contiguous:
        return reshape(input, (array.size,))
    return Reshaped.apply(input, array.reshape(-1), "ViewBackward0")


def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """One axis split into several of these sizes (one may be -1), whose product is its size.

    RuntimeError when it is not.

    >>> torch.unflatten(torch.zeros(2, 12), 1, (3, 4)).shape
    torch.Size([2, 3, 4])
    """
    shape = array_of(input).shape
    axis = axis_of(dim, len(shape))
    sizes = sizes_of((sizes,))
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        parts = infer_size(sizes, shape[axis])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} ({shape[axis]}) in "
            "the input tensor"
        ) from None
    return view(input, (*shape[:axis], *parts, *shape[axis + 1 :]))


def squeeze(input: Any, dim: Any = None) -> Any:
    """Without the axes of size 1: all of them, or those among ``dim`` (an int or a tuple).

    >>> torch.squeeze(torch.zeros(1, 3, 1)).shape
    torch.Size([3])
    """
    shape = array_of(input).shape
    if dim is None:
        return View.apply(input, tuple([n for n in shape if n != 1]), "SqueezeBackward0")
    axes = axes_of(dim, len(shape))
    kept = tuple([n for axis, n in enumerate(shape) if n != 1 or axis not in axes])
    return View.apply(input, kept, "SqueezeBackward2" if isinstance(dim, (tuple, list)) else "SqueezeBackward1")


def unsqueeze(input: Any, dim: int) -> Any:
    """With a new axis of size 1 before axis ``dim``. IndexError when ``dim`` is out of range.

    >>> torch.unsqueeze(torch.zeros(3), 0).shape
    torch.Size([1, 3])
    """
    shape = array_of(input).shape
    axis = axis_of(dim, len(shape) + 1)
    return View.apply(input, (*shape[:axis], 1, *shape[axis:]), "UnsqueezeBackward0")


def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one axis."""
    return _each(tensors, lambda x: reshape(x, (1,)) if array_of(x).ndim == 0 else x)


def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two axes, new ones in front."""
    return _each(tensors, _as_matrix)


def _as_matrix(input: Any) -> Any:
    ndim = array_of(input).ndim
    return reshape(input, (1, 1)) if ndim == 0 else unsqueeze(input, 0) if ndim == 1 else input


def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three axes: (n,) becomes (1, n, 1) and (m, n) becomes (m, n, 1)."""
    return _each(tensors, _as_volume)


def _as_volume(input: Any) -> Any:
    ndim = array_of(input).ndim
    return reshape(input, (1, 1, 1)) if ndim == 0 else unsqueeze(_as_matrix(input), -1) if ndim < 3 else input


def _each(tensors: tuple[Any, ...], function: Any) -> Any:
    if len(tensors) == 1:
        if isinstance(tensors[0], (tuple, list)):
            return tuple([function(each) for each in tensors[0]])
        return function(tensors[0])
    return tuple([function(each) for each in tensors])


# Another order of axes --------------------------------------------------------------------------------------------


class Permute(Operation):
    """The axes in another order; ``name`` is the one PyTorch gives the node."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, dims: tuple[int, ...], name: str | None = None) -> Array:
        ctx.dims = dims
        if name is not None:
            ctx.rename(name)
        return input.transpose(dims)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        inverse = [0] * len(ctx.dims)
        for new, old in enumerate(ctx.dims):
            inverse[old] = new
        return Permute.apply(grad, tuple(inverse))


def permute(input: Any, dims: Any) -> Any:
    """A view with the axes in the order ``dims``. RuntimeError when ``dims`` is not a permutation of the axes.

    >>> torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    ndim = array_of(input).ndim
    dims = sizes_of((dims,))
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    axes = tuple([axis_of(each, ndim) for each in dims])
    if len(set(axes)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return Permute.apply(input, axes)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """A view with two axes exchanged.

    >>> torch.transpose(torch.zeros(2, 3, 4), 0, 2).shape
    torch.Size([4, 3, 2])
    """
    ndim = array_of(input).ndim
    first, second = axis_of(dim0, ndim), axis_of(dim1, ndim)
    dims = list(range(ndim))
    if ndim:
        dims[first], dims[second] = dims[second], dims[first]
    return Permute.apply(input, tuple(dims), "TransposeBackward0")


swapaxes = swapdims = transpose


def t(input: Any) -> Any:
    """A matrix transposed; a tensor of fewer axes as it is. RuntimeError for more than two."""
    ndim = array_of(input).ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return Permute.apply(input, (1, 0) if ndim == 2 else tuple(range(ndim)), "TBackward0")


def reverse_axes(input: Any) -> Any:
    """``Tensor.T``: the axes in reverse order (meant for matrices: other ranks warn)."""
    ndim = array_of(input).ndim
    if ndim == 0:
        warnings.warn(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.", stacklevel=3
        )
    elif ndim != 2:
        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will "
            "throw an error in a future release. Consider `x.mT` to transpose batches of matrices or "
            "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.",
            stacklevel=3,
        )
    return Permute.apply(input, tuple(range(ndim - 1, -1, -1)))


def matrix_transpose(input: Any, name: str = "mT") -> Any:
    """``Tensor.mT``: the last two axes exchanged. RuntimeError for one axis; of none it is the identity."""
    ndim = array_of(input).ndim
    if ndim == 0:
        warnings.warn(
            f"Tensor.{name} is deprecated on 0-D tensors. This function is the identity in these cases.", stacklevel=3
        )
        return input
    if ndim < 2:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got {ndim}-D tensor."
        )
    return transpose(input, -2, -1)


def adjoint(input: Any) -> Any:
    """The conjugate transpose of a matrix or of a batch of them (``Tensor.mH``)."""
    return conj(matrix_transpose(input, "mH"))


def hermitian(input: Any) -> Any:
    """``Tensor.H``: the conjugate transpose of a matrix. RuntimeError for other ranks."""
    ndim = array_of(input).ndim
    if ndim not in (0, 2):
        hint = " For batches of matrices, consider using tensor.mH" if ndim > 2 else ""
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{hint}")
    return conj(transpose(input, 0, 1) if ndim else input)


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """A view with the axes ``source`` (an int or a tuple) at the positions ``destination``, the others in order.

    >>> torch.movedim(torch.zeros(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    ndim = array_of(input).ndim
    sources, targets = ((each,) if isinstance(each, int) else tuple(each) for each in (source, destination))
    if len(sources) != len(targets):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(sources)} dims) should contain the same "
            f"number of dims as destination ({list(targets)} dims)"
        )
    named = {"source": sources, "destination": targets}
    moved: dict[str, tuple[int, ...]] = {}
    for name, dims in named.items():
        axes = tuple([axis_of(each, ndim) for each in dims])
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(dims)})")
        moved[name] = axes
    if not ndim:
        return input
    order = [axis for axis in range(ndim) if axis not in moved["source"]]
    for position, axis in sorted(zip(moved["destination"], moved["source"])):
        order.insert(position, axis)
    return Permute.apply(input, tuple(order))


moveaxis = movedim


# Repeated ---------------------------------------------------------------------------------------------------------


def expand(input: Any, *sizes: Any) -> Any:
    """A view in which axes of size 1 (and new leading axes) repeat; -1 keeps a size. Nothing is copied.

    RuntimeError when another axis would have to change.

    >>> torch.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    array = array_of(input)
    if not sizes:
        raise TypeError('expand() missing 1 required positional arguments: "size"')
    wanted = sizes_of(sizes)
    return BroadcastTo.apply(input, expanded_shape(array, wanted))


def expanded_shape(array: Array, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that ``expand`` gives, -1 replaced. RuntimeError when there is none."""
    lead = len(wanted) - array.ndim
    if lead < 0:
        name = dtypes.from_numpy(array.dtype).tensor_type
        raise RuntimeError(
            f"expand({name}{{{list(array.shape)}}}, size={list(wanted)}): the number of sizes provided ({len(wanted)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({array.ndim})"
        )
    result = []
    for axis, size in enumerate(wanted):
        if axis < lead:
            if size < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({size}) isn't allowed in a leading, non-existing dimension "
                    f"{axis}"
                )
            result.append(size)
            continue
        old = array.shape[axis - lead]
        if size == -1:
            size = old
        if (size != old and old != 1) or size < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({old}) at non-singleton "
                f"dimension {axis}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(array.shape)}"
            )
        result.append(size)
    return tuple(result)


def expand_as(input: Any, other: Any) -> Any:
    """:func:`expand` to the shape of ``other``."""
    return expand(input, array_of(other).shape)


def broadcast_to(input: Any, size: Any) -> Any:
    """A view of shape ``size``, repeated where needed.

    >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, sizes_of((size,)))


def common_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which all broadcast. RuntimeError, naming the first two that do not meet."""
    result = shapes[0] if shapes else ()
    for shape in shapes[1:]:
        if shape == result:
            continue
        longer = max(len(result), len(shape))
        a, b = (1,) * (longer - len(result)) + result, (1,) * (longer - len(shape)) + shape
        for axis in range(longer - 1, -1, -1):
            if a[axis] != b[axis] and 1 not in (a[axis], b[axis]):
                raise RuntimeError(
                    f"The size of tensor a ({a[axis]}) must match the size of tensor b ({b[axis]}) at non-singleton "
                    f"dimension {axis}"
                )
        result = tuple([n if m == 1 else m for m, n in zip(a, b)])
    return result


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """The tensors expanded to their common shape. RuntimeError when there is none."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = common_shape(*[array_of(each).shape for each in tensors])
    return tuple([expand(each, shape) for each in tensors])


class Repeat(Operation):
    """Copies of the whole side by side: ``repeats[i]`` along axis i of the input with its leading axes of size 1."""

    @staticmethod
    def forward(ctx: Any, input: Array, repeats: tuple[int, ...]) -> Array:
        ctx.shape, ctx.repeats = input.shape, repeats
        return np.tile(input, repeats)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        sizes = (1,) * (len(ctx.repeats) - len(ctx.shape)) + ctx.shape
        blocks = tuple([n for pair in zip(ctx.repeats, sizes) for n in pair])
        once = tuple([n for size in sizes for n in (1, size)])
        return reshape(sum_to(reshape(grad, blocks), once), ctx.shape)


def repeat(input: Any, *repeats: Any) -> Any:
    """Copied ``repeats[i]`` times along each axis; more repeats than axes make new leading axes.

    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    shape = array_of(input).shape
    counts = sizes_of(repeats)
    if len(counts) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    if any(count < 0 for count in counts):
        sizes = [count * n for count, n in zip(counts, (1,) * (len(counts) - len(shape)) + shape)]
        worst = next(size for count, size in zip(counts, sizes) if count < 0)
        raise RuntimeError(f"Trying to create tensor with negative dimension {worst}: {sizes}")
    return Repeat.apply(input, counts)


def tile(input: Any, dims: Any) -> Any:
    """:func:`repeat` where missing counts, at the front, are 1."""
    counts = sizes_of((dims,))
    return repeat(input, (1,) * (array_of(input).ndim - len(counts)) + counts)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Any, ...]:
    """Grids of coordinates from vectors: expanded views, one for each vector.

    ``indexing`` 'ij': axis i of every grid follows vector i; 'xy': the first two axes are exchanged.

    >>> rows, columns = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", stacklevel=2
        )
        indexing = "ij"
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for each in tensors:
        if array_of(each).ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: a tensor of shape "
                f"{list(array_of(each).shape)}"
            )
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    exchanged = indexing == "xy" and len(tensors) >= 2
    if exchanged:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = tuple([array_of(each).size for each in tensors])
    grids = []
    for axis, each in enumerate(tensors):
        sizes = [1] * len(shape)
        sizes[axis] = -1
        grids.append(expand(reshape(each, sizes), shape))
    if exchanged:
        grids = [transpose(each, 0, 1) for each in grids]
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


# Windows, diagonals, other strides --------------------------------------------------------------------------------


class Unfold(Operation):
    """Windows of an axis as a view: ``size`` long, ``step`` apart, in a new last axis."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, axis: int, size: int, step: int) -> Array:
        ctx.shape, ctx.arguments = input.shape, (axis, size, step)
        if not input.ndim:
            return input.reshape((1,) * size)
        shape, strides = list(input.shape), list(input.strides)
        stride = strides[axis]
        shape[axis] = (shape[axis] - size) // step + 1
        strides[axis] = stride * step
        return strided_array(input, (*shape, size), (*strides, stride))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Fold.apply(grad, ctx.shape, *ctx.arguments)


class Fold(Operation):
    """Windows added back in their places: the adjoint of Unfold."""

    backward_name = "UnfoldBackwardBackward0"

    @staticmethod
    def forward(ctx: Any, windows: Array, shape: tuple[int, ...], axis: int, size: int, step: int) -> Array:
        ctx.arguments = axis, size, step
        result = np.zeros(shape, windows.dtype)
        if not shape:
            return windows.reshape(())
        count = windows.shape[axis]
        places = np.moveaxis(result, axis, -1)
        windows = np.moveaxis(windows, axis, -2)
        for offset in range(size):
            places[..., offset : offset + step * (count - 1) + 1 : step] += windows[..., offset]
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Unfold.apply(grad, *ctx.arguments)


def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """All windows of ``size`` elements along ``dimension``, ``step`` apart, as a view with a new last axis.

    RuntimeError when the axis is shorter than ``size``.

    >>> torch.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    shape = array_of(input).shape
    axis = axis_of(dimension, len(shape))
    length = shape[axis] if shape else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > length:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {length} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return Unfold.apply(input, axis, size, step)


class StridedView(Operation):
    """A view with other sizes and strides of the same memory."""

    backward_name = "AsStridedBackward0"
    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, region: Region, at_offset: Array) -> Array:
        ctx.region = region
        return at_offset

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Embed.apply(grad, ctx.region)


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A view of the memory of ``input`` with these sizes and strides (in elements), from ``storage_offset`` on.

    RuntimeError when it would leave the memory.

    >>> torch.as_strided(torch.arange(5), (2, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3]])
    """
    array = array_of(input)
    sizes, strides = sizes_of((size,)), sizes_of((stride,))
    if len(sizes) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(each < 0 for each in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(strides)}"
        )
    base = array if not isinstance(input, Variable) or input._base is None else input._base.array
    here = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    start = here if storage_offset is None else storage_offset * array.itemsize
    if isinstance(input, Variable) and input.meta:
        return make_result(np.broadcast_to(np.zeros((), array.dtype), sizes), meta=True)
    extent = _extent(base)
    needed = (sum((n - 1) * s for n, s in zip(sizes, strides)) + 1) * array.itemsize + start
    if 0 not in sizes and (needed > extent or start < 0):
        raise RuntimeError(
            f"setStorage: sizes {list(sizes)}, strides {list(strides)}, storage offset {start // array.itemsize}, and "
            f"itemsize {array.itemsize} requiring a storage size of {needed} are out of bounds for storage of size "
            f"{extent}"
        )
    steps = tuple([each * array.itemsize for each in strides])
    count = max(needed - start, array.itemsize) // array.itemsize
    flat = strided_array(base, (start // array.itemsize + (count if 0 not in sizes else 0),), (array.itemsize,))
    result = strided_array(flat[start // array.itemsize :], sizes, steps)
    region = Region(array.shape, array.strides, sizes, steps, start - here)
    return StridedView.apply(input, region, result)


def _extent(base: Array) -> int:
    """Bytes of memory from the first element of ``base`` to the end of the array that owns it."""
    owner: Any = base
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    offset = base.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return owner.nbytes - offset


class Diagonal(Operation):
    """The diagonal of two axes, as a last axis: a view."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, input: Array, offset: int, first: int, second: int) -> Array:
        ctx.shape, ctx.arguments = input.shape, (offset, first, second)
        result = input.diagonal(offset, first, second)
        if input.flags.writeable:
            result.flags.writeable = True  # NumPy hands it out read-only
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return OnDiagonal.apply(grad, ctx.shape, *ctx.arguments)


class OnDiagonal(Operation):
    """Zeros with values on the diagonal of two axes: the adjoint of Diagonal."""

    backward_name = "DiagEmbedBackward0"

    @staticmethod
    def forward(ctx: Any, values: Array, shape: tuple[int, ...], offset: int, first: int, second: int) -> Array:
        ctx.arguments = offset, first, second
        result = np.zeros(shape, values.dtype)
        places = result.diagonal(offset, first, second)
        places.flags.writeable = True
        places[...] = values
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Diagonal.apply(grad, *ctx.arguments)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A view of the diagonal of axes ``dim1`` and ``dim2``, moved to the end; ``offset`` > 0 lies above it.

    >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    ndim = array_of(input).ndim
    first, second = axis_of(dim1, ndim), axis_of(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal.apply(input, offset, first, second)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices (in axes ``dim1`` and ``dim2`` of the result) with the last axis of the input on their diagonal."""
    shape = array_of(input).shape
    ndim = len(shape) + 1
    first, second = axis_of(dim1, ndim), axis_of(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = shape[-1] + abs(offset)
    result = list(shape[:-1])
    for axis in sorted((first, second)):
        result.insert(axis, side)
    return OnDiagonal.apply(input, tuple(result), offset, first, second)


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix (a copy), or the matrix with a vector on its diagonal.

    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    array = array_of(input)
    if array.ndim == 1:
        return diag_embed(input, diagonal)
    if array.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {array.ndim}D")
    return DiagonalCopy.apply(input, diagonal, 0, 1)


class DiagonalCopy(Operation):
    """The diagonal of two axes, as a last axis, in memory of its own."""

    backward_name = "DiagonalBackward0_copy"

    @staticmethod
    def forward(ctx: Any, input: Array, offset: int, first: int, second: int) -> Array:
        ctx.shape, ctx.arguments = input.shape, (offset, first, second)
        return input.diagonal(offset, first, second).copy()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return OnDiagonal.apply(grad, ctx.shape, *ctx.arguments)


class Triangle(Operation):
    """The lower or upper triangle of the last two axes, zeros elsewhere."""

    @staticmethod
    def forward(ctx: Any, input: Array, diagonal: int, lower: bool) -> Array:
        ctx.arguments = diagonal, lower
        ctx.rename("TrilBackward0" if lower else "TriuBackward0")
        return np.tril(input, diagonal) if lower else np.triu(input, diagonal)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Triangle.apply(grad, *ctx.arguments)


def tril(input: Any, diagonal: int = 0) -> Any:
    """The lower triangle of a matrix (or of each in a batch), up to ``diagonal``; zeros above.

    >>> torch.tril(torch.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    if array_of(input).ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return Triangle.apply(input, diagonal, True)


def triu(input: Any, diagonal: int = 0) -> Any:
    """The upper triangle of a matrix (or of each in a batch), from ``diagonal`` on; zeros below."""
    if array_of(input).ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return Triangle.apply(input, diagonal, False)


# Reversed and shifted ---------------------------------------------------------------------------------------------


class Flip(Operation):
    """The elements along some axes in reverse order."""

    @staticmethod
    def forward(ctx: Any, input: Array, axes: tuple[int, ...]) -> Array:
        ctx.axes = axes
        return np.flip(input, axes).copy(order="K")

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Flip.apply(grad, ctx.axes)


def flip(input: Any, dims: Any) -> Any:
    """A copy with the order of the elements along ``dims`` reversed.

    >>> torch.flip(torch.tensor([[1, 2], [3, 4]]), (0,))
    tensor([[3, 4],
            [1, 2]])
    """
    return Flip.apply(input, axes_of(dims, array_of(input).ndim))


def fliplr(input: Any) -> Any:
    """Reversed along the second axis. RuntimeError with fewer than two."""
    if array_of(input).ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Any) -> Any:
    """Reversed along the first axis. RuntimeError without one."""
    if array_of(input).ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


class Roll(Operation):
    """The elements shifted around along some axes."""

    @staticmethod
    def forward(ctx: Any, input: Array, shifts: tuple[int, ...], axes: tuple[int, ...] | None) -> Array:
        ctx.shifts, ctx.axes = shifts, axes
        return np.roll(input, shifts[0] if axes is None else shifts, axes)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Roll.apply(grad, tuple([-shift for shift in ctx.shifts]), ctx.axes)


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """The elements shifted by ``shifts`` along ``dims``, around the end; along all of them flattened without ``dims``.

    >>> torch.roll(torch.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    ndim = array_of(input).ndim
    amounts = sizes_of((shifts,))
    axes = () if dims is None else sizes_of((dims,))
    if not amounts:
        raise RuntimeError("`shifts` required")
    if len(amounts) != len(axes) and not (len(amounts) == 1 and not axes):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(amounts)}, dims:{len(axes)}")
    return Roll.apply(input, amounts, tuple([axis_of(each, ndim) for each in axes]) if axes else None)


class Rot90(Operation):
    """Rotated by quarter turns in the plane of two axes."""

    @staticmethod
    def forward(ctx: Any, input: Array, k: int, axes: tuple[int, int]) -> Array:
        ctx.k, ctx.axes = k, axes
        return np.rot90(input, k, axes).copy()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return Rot90.apply(grad, -ctx.k, ctx.axes)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """Rotated ``k`` quarter turns in the plane of two axes, from the first towards the second.

    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    ndim = array_of(input).ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == ndim:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    first, second = axis_of(dims[0], ndim), axis_of(dims[1], ndim)
    return Rot90.apply(input, k, (first, second))


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """(..., c r^2, h, w) rearranged to (..., c, h r, w r) (Shi et al. 2016, arXiv:1609.05158).

    >>> torch.pixel_shuffle(torch.zeros(1, 4, 2, 2), 2).shape
    torch.Size([1, 1, 4, 4])
    """
    shape, r = array_of(input).shape, operator.index(upscale_factor)
    if len(shape) < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    split = reshape(input, (*lead, c // (r * r), r, r, h, w))
    order = Permute.apply(split, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return reshape(order, (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """The reverse of :func:`pixel_shuffle`: (..., c, h r, w r) rearranged to (..., c r^2, h, w)."""
    shape, r = array_of(input).shape, operator.index(downscale_factor)
    if len(shape) < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = shape
    for name, position, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({position})="
                f"{size} is not divisible by {r}"
            )
    n = len(lead)
    split = reshape(input, (*lead, c, h // r, r, w // r, r))
    order = Permute.apply(split, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))
    return reshape(order, (*lead, c * r * r, h // r, w // r))


# In place: the tensor itself takes another shape ------------------------------------------------------------------


def become_view(target: Any, view: Any) -> Any:
    """Give ``target`` the shape and history of ``view``, a view of it. RuntimeError for a leaf with a gradient."""
    target.array = view.array
    if view._grad_fn is not None:
        target._grad_fn, target._output_index = view._grad_fn, 0
        target._requires_grad = False
    target._version.bump()
    target._view_version = target._version.value
    return target


def in_place(function: Any, overloads: int = 1) -> Any:
    """The in-place form of a function that returns a view: ``squeeze_`` of ``squeeze``.

    PyTorch numbers the nodes of the in-place forms after those of the ``overloads`` of the function.
    """

    def method(input: Any, *args: Any, **options: Any) -> Any:
        if is_grad_enabled() and input.requires_grad:
            check_writable(input, True)
        view = function(input, *args, **options)
        node = view._grad_fn
        if node is not None:
            name = node.name()
            node.rename(f"{name[:-1]}{int(name[-1]) + overloads}")
        return become_view(input, view)

    method.__name__ = f"{function.__name__}_"
    method.__doc__ = f"``{function.__name__}`` of the tensor itself: it keeps its memory and takes the new shape."
    return method


squeeze_ = in_place(squeeze, 3)
unsqueeze_, transpose_, t_, as_strided_ = (in_place(each) for each in (unsqueeze, transpose, t, as_strided))
swapaxes_ = swapdims_ = transpose_
