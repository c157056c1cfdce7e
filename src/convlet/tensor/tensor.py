"""``Tensor``: a NumPy array of any strides, a place in the graph, and the operations as methods.

The operations live in ``ops``; the mixins in this folder name which of their functions are methods. This file holds
what a tensor is: its data, its description, conversions, and how it prints, copies and pickles.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Self

import numpy as np

from .. import dtypes
from ..autograd.deferred import share
from ..autograd.function import Operation, make_result
from ..autograd.inplace import check_writable, record_write
from ..autograd.mode import is_grad_enabled
from ..autograd.variable import Array, Variable, Version
from ..ops.conversion import cast
from . import random_tensors as _random_tensors
from . import size as _size
from .arithmetic import Arithmetic
from .conversion import Conversion
from .indexing import Indexing
from .linalg import LinearAlgebra
from .new import New
from .reductions import Reductions
from .sampling import Sampling
from .shaping import Shaping
from .size import CPU, META, Size, device, require_supported


class Tensor(Conversion, Arithmetic, Reductions, Shaping, Indexing, LinearAlgebra, Sampling, New, Variable):
    """An n-dimensional array with a gradient: ``torch.Tensor`` over a NumPy array.

    ``Tensor(2, 3)`` is an uninitialised float tensor of that shape and ``Tensor([[1, 2], [3, 4]])`` a float tensor of
    these values; ``convlet.tensor`` and the other creation functions are clearer. ``.array`` is the NumPy array, to
    read; write into that of :meth:`numpy`, so that the tensor knows of it.
    """

    __array_priority__ = 1000

    def __init__(self, *args: Any, device: Any = None) -> None:
        require_supported(device)
        dtype = dtypes.get_default_dtype().numpy
        if len(args) == 1 and isinstance(args[0], Variable):
            super().__init__(args[0].array)
            self._version = Version.of(args[0]._version.storage)
        elif len(args) == 1 and not isinstance(args[0], (int, np.integer, Size)):
            data = args[0]
            if isinstance(data, (float, complex, bool, str)):
                raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
            if isinstance(data, (list, tuple)) and any(isinstance(each, Variable) for each in data):
                data = [each.array if isinstance(each, Variable) else each for each in data]
            super().__init__(np.array(data, dtype=dtype))
        else:
            sizes = args[0] if len(args) == 1 and isinstance(args[0], Size) else args
            super().__init__(np.empty(tuple(operator.index(each) for each in sizes) if args else (0,), dtype))

    bernoulli = _random_tensors.bernoulli
    multinomial = _random_tensors.multinomial

    # Description --------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The sizes of the axes."""
        return Size(self.array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis (IndexError when there is none)."""
        if dim is None:
            return Size(self.array.shape)
        return self.array.shape[self._axis(dim)]

    def _axis(self, dim: int) -> int:
        ndim = max(self.array.ndim, 1)
        if not -ndim <= dim < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
            )
        return dim % ndim

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def dim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    @property
    def device(self) -> device:
        """Where the tensor lives: cpu, or meta for shape and dtype without data."""
        return META if self.meta else CPU

    @property
    def is_meta(self) -> bool:
        return self.meta

    @property
    def is_cpu(self) -> bool:
        """Whether the tensor has its data in the CPU's memory: False only on meta."""
        return not self.meta

    is_cuda = property(lambda self: False, doc="Always False.")
    is_mps = is_xpu = is_nested = is_mkldnn = is_sparse_csr = is_cuda
    is_sparse = property(lambda self: False, doc="Always False.")
    is_quantized = property(lambda self: False, doc="Always False.")
    layout = property(lambda self: _size.strided, doc="Always ``strided``.")
    name: Any = None

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.array.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours along each axis (or along ``dim``) lie in memory."""
        if dim is not None:
            return self.stride()[self._axis(dim)]
        array = self.array
        if array.size == 0 or array.flags.c_contiguous:
            return _dense_strides(array.shape)  # NumPy leaves the strides of axes of size 1 open
        return tuple(stride // array.itemsize for stride in array.strides)

    def storage_offset(self) -> int:
        """How many elements before this tensor's first one its memory begins."""
        base = self._base
        if base is None:
            return 0
        mine, other = (each.__array_interface__["data"][0] for each in (self.array, base.array))
        return (mine - other) // self.array.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        if self.meta:
            return 0
        share(self)  # who has the address can write
        return self.array.__array_interface__["data"][0]

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        return self.dtype.is_signed

    def get_device(self) -> int:
        """-1: the number of a CPU device."""
        return -1

    def is_pinned(self) -> bool:
        """False: there is no GPU to pin memory for."""
        return False

    def pin_memory(self) -> Any:
        """RuntimeError, as in PyTorch without a GPU."""
        raise RuntimeError("Cannot access accelerator device when none is available. Leave pin_memory() out on a CPU.")

    def is_shared(self) -> bool:
        """False: the memory belongs to this process."""
        return False

    def is_nonzero(self) -> bool:
        """Whether the single element is not zero. RuntimeError for any other number of elements."""
        return bool(self)

    def is_inference(self) -> bool:
        return self.inference

    def _is_view(self) -> bool:
        return self._base is not None

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` and return the tensor. RuntimeError unless it is a leaf of a floating dtype."""
        if requires_grad and not self.dtype.is_differentiable:  # the attribute says it in other words
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self.requires_grad = requires_grad
        return self

    def detach_(self) -> Self:
        """Forget the history: the tensor becomes a leaf that requires no gradient. RuntimeError for a view."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._grad_fn = None
        self._output_index = 0
        self._requires_grad = False
        return self

    # Conversion ---------------------------------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> Array:
        """The NumPy array itself: it shares memory with the tensor.

        RuntimeError for a tensor that requires a gradient (detach it first), TypeError for one without data;
        ``force=True`` detaches.
        """
        if self.meta:
            raise TypeError("can't convert meta device type tensor to numpy: it has a shape but no data.")
        if self.requires_grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        share(self)
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        if dtype is not None and array.dtype != np.dtype(dtype):
            if copy is False:
                raise ValueError("a change of dtype needs a copy, but copy=False was given")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(self, array: Array, context: Any = None, return_scalar: bool = False) -> Any:
        """What NumPy's functions of this tensor return: a tensor (of uint8 for truth values, as in PyTorch)."""
        return make_result(np.asarray(array, np.uint8 if array.dtype == np.bool_ else None))

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        share(self)
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def item(self) -> Any:
        """The single element as a Python number. RuntimeError for any other number of elements."""
        if self.meta:
            raise RuntimeError("Tensor.item() cannot be called on meta tensors")
        if self.array.size != 1:
            raise RuntimeError(f"a Tensor with {self.array.size} elements cannot be converted to Scalar")
        value = self.array.item()
        return float(value) if self.dtype is dtypes.bfloat16 else value

    def tolist(self) -> Any:
        """The elements as nested Python lists of numbers."""
        array = self.array.astype(np.float32) if self.dtype is dtypes.bfloat16 else self.array
        return array.tolist()

    def __bool__(self) -> bool:
        if self.array.size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        if self.array.size > 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.array.size != 1 or self.dtype.kind not in "bui":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    # In-place copies ----------------------------------------------------------------------------------------------

    def copy_(self, source: Any, non_blocking: Any = False) -> Self:
        """Write the elements of ``source`` (broadcast, converted) into this tensor."""
        from ..autograd.inplace import apply_inplace

        if not isinstance(source, Variable):
            raise TypeError(f"copy_(): argument 'other' must be Tensor, not {type(source).__name__}")
        return apply_inplace(_Overwrite, self, cast(source, self.dtype))

    def set_(self, source: Any) -> Self:
        """Make this tensor use the memory of ``source``."""
        check_writable(self, is_grad_enabled() and self.requires_grad)
        self.array = source.array
        self._version.storage = source._version.storage
        record_write(self)
        return self

    def resize_(self, *sizes: Any, memory_format: Any = None) -> Self:
        """Give the tensor another shape; its elements stay in their order, and new ones are not initialised.

        RuntimeError for a tensor that requires a gradient.
        """
        from ..ops.axes import sizes_of

        if self.requires_grad:
            raise RuntimeError("cannot resize variables that require grad")
        shape = sizes_of(sizes)
        kept = self.array.reshape(-1)
        count = math.prod(shape)
        if count > kept.size:
            kept = np.concatenate([kept, np.empty(count - kept.size, kept.dtype)])
        self.array = kept[:count].reshape(shape)
        record_write(self)
        return self

    # Printing, copying, pickling ----------------------------------------------------------------------------------

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        from .printing import tensor_text

        node = self.grad_fn
        return tensor_text(
            self.array,
            requires_grad=self.requires_grad,
            grad_fn_name=None if node is None else node.name(),
            device="meta" if self.meta else None,
        )

    def __format__(self, spec: str) -> str:
        if self.array.ndim == 0 and not self.meta:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __hash__(self) -> Any:
        return id(self)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment.  If you were attempting to deepcopy a module, this may be because of a "
                "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
            )
        if id(self) in memo:
            return memo[id(self)]
        import copy

        new = type(self).__new__(type(self))
        memo[id(self)] = new
        extra = {key: value for key, value in self.__dict__.items() if key[0] != "_" and key != "array"}
        new.__dict__.update(copy.deepcopy(extra, memo))
        new.array = self.array if self.meta else self.array.copy(order="K")
        new._requires_grad = self._requires_grad
        if self._grad is not None:
            new._grad = copy.deepcopy(self._grad, memo)
        return new

    def __copy__(self) -> Self:
        rebuild, parts = self.__reduce_ex__(4)
        new = rebuild(*parts)
        new._version = Version.of(self._version.storage)
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.is_leaf:
            raise RuntimeError("only leaf tensors can be pickled: detach() this one first")
        extra = {key: value for key, value in self.__dict__.items() if key[0] != "_" and key not in ("array", "meta")}
        return _rebuild, (type(self), self.array, self._requires_grad, self.meta, extra)


class _Overwrite(Operation):
    """The second operand, broadcast to the shape of the first: what copy_ writes."""

    backward_name = "CopyBackwards"

    @staticmethod
    def forward(ctx: Any, target: Array, source: Array) -> Array:
        ctx.shape = source.shape
        try:
            return np.broadcast_to(source, target.shape)
        except ValueError:
            raise RuntimeError(
                f"The size of tensor a ({target.shape[-1] if target.ndim else 1}) must match the size of tensor b "
                f"({source.shape[-1] if source.ndim else 1}): cannot copy {list(source.shape)} into "
                f"{list(target.shape)}"
            ) from None

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        from ..ops.broadcasting import sum_to

        array = grad.array if isinstance(grad, Variable) else grad
        nothing = np.zeros(array.shape, array.dtype) if ctx.needs_input_grad[0] else None
        return nothing, sum_to(grad, ctx.shape)


def _rebuild(cls: Any, array: Array, requires_grad: bool, meta: bool, extra: dict[str, Any]) -> Any:
    new = cls.__new__(cls)
    new.array = array
    new.__dict__.update(extra)
    if requires_grad:
        new._requires_grad = True
    if meta:
        new.meta = True
    return new


def _dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


Variable.tensor_type = Tensor
