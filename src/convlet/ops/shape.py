"""The same elements in another shape, with axes in another order, or repeated without a copy.

What is a view here is one in PyTorch: it shares the memory of its argument.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import Operation, make_result
from ..autograd.inplace import check_writable
from ..autograd.mode import is_grad_enabled
from ..autograd.variable import Array
from ..dtypes import dtype as Dtype
from .axes import array_of, axes_of, axis_of, sizes_of
from .broadcasting import BroadcastTo
from .complex_numbers import conj

__all__ = [
    "adjoint", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_tensors", "broadcast_to", "flatten", "moveaxis",
    "movedim", "permute", "ravel", "reshape", "squeeze", "swapaxes", "swapdims", "t", "transpose", "unflatten",
    "unsqueeze",
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
unsqueeze_, transpose_, t_ = (in_place(each) for each in (unsqueeze, transpose, t))
swapaxes_ = swapdims_ = transpose_
