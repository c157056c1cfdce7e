"""What all operations applied element by element share.

A subclass of :class:`Pointwise` is a row of a table: ``compute``, a function of arrays (a NumPy ufunc where there is
one), and ``gradients``, for each operand its gradient as a function whose parameter names say what it needs: ``grad``,
operands, settings or the ``result``. What the wanted gradients name is kept for the backward pass, and nothing else.
Gradients use operators and functions that work on arrays and on variables alike; broadcasting is undone for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from .. import dtypes
from ..autograd.function import DISCARD, Operation
from ..autograd.inplace import apply_inplace, check_writable, record_write
from ..autograd.mode import is_grad_enabled
from ..autograd.variable import Array, Variable
from ..dtypes import dtype as Dtype
from ..kernels import large
from .broadcasting import sum_to
from .conversion import (
    as_operand,
    cast,
    check_broadcast,
    check_operands,
    dtype_of,
    is_half,
    result_type,
    storable,
)

Gradient = Callable[..., Any]


def by_operand(**gradients: Gradient) -> Mapping[str, Gradient]:
    """The gradients of an operation by the names of its operands."""
    return gradients


class Pointwise(Operation):
    """An operation whose result has the broadcast shape of its operands."""

    name: ClassVar[str] = ""  # in error messages
    compute: ClassVar[Callable[..., Any]]
    operands: ClassVar[tuple[str, ...]] = ("input", "other")
    settings: ClassVar[tuple[str, ...]] = ()  # arguments after the operands that are no tensors
    gradients: ClassVar[Mapping[str, Gradient]] = {}  # by operand; a missing one receives none

    kinds: ClassVar[str] = "buifVc"  # NumPy's kinds of dtype that it takes; bfloat16 is 'V'
    to_float: ClassVar[bool] = False  # integers and bools are computed in the default dtype
    numbers: ClassVar[bool] = True  # whether an operand may be a Python number
    refusal: ClassVar[str] = ""  # what to say of any other dtype, {type} being its name
    refusals: ClassVar[Mapping[str, str]] = {}  # by kind, where it is another sentence
    refusal_error: ClassVar[type[Exception]] = NotImplementedError
    to_bool: ClassVar[bool] = False  # the result is bool whatever the operands
    wide: ClassVar[type[Pointwise] | None] = None  # takes a half-precision tensor with a float32 number

    _rules: ClassVar[tuple[tuple[Gradient, tuple[str, ...]] | None, ...]]
    _kept: ClassVar[dict[tuple[bool, ...], tuple[tuple[int, str], ...]]]  # by needs_input_grad: what to save
    _taken: ClassVar[dict[tuple[bool, ...], tuple[tuple[Gradient, tuple[int, ...]] | None, ...]]]  # see _wanted

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.name and not cls.__name__.startswith("_"):
            cls.name = cls.__name__.lower()
        cls._kept, cls._taken = {}, {}
        cls._rules = tuple(
            (cls.gradients[name], _parameters(cls.gradients[name])) if name in cls.gradients else None
            for name in cls.operands
        )

    @classmethod
    def forward(cls, ctx: Any, *args: Any) -> Any:
        compute = cls.compute
        if args[0].size > large.LARGE and isinstance(compute, np.ufunc):
            result = large.ufunc(compute, *args)
        else:
            result = compute(*args)
        if ctx is not DISCARD:
            if type(result) is not np.ndarray:
                result = np.asarray(result)
            cls._keep(ctx, args, result)
        return result

    @classmethod
    def _keep(cls, ctx: Any, args: tuple[Any, ...], result: Array) -> None:
        needs = ctx.needs_input_grad
        kept = cls._kept.get(needs)
        if kept is None:
            wanted = {name for rule, need in zip(cls._rules, needs) if rule and need for name in rule[1]}
            places = [*enumerate(cls.operands), (-1, "result")]
            kept = cls._kept[needs] = tuple([(place, name) for place, name in places if name in wanted])
        ctx.settings = args[len(cls.operands) :]
        ctx.shapes = [each.shape for each in args[: len(cls.operands)]]
        if kept:
            ctx.save(*[result if place < 0 else args[place] for place, _ in kept])

    @classmethod
    def backward(cls, ctx: Any, grad: Any) -> tuple[Any, ...]:
        values = (grad, *ctx.saved, *ctx.settings)
        return tuple(
            [
                None if rule is None else sum_to(rule[0](*[values[place] for place in rule[1]]), shape)
                for rule, shape in zip(cls._wanted(ctx.needs_input_grad), ctx.shapes)
            ]
        )

    @classmethod
    def _wanted(cls, needs: tuple[bool, ...]) -> tuple[tuple[Gradient, tuple[int, ...]] | None, ...]:
        """For each operand that needs it the gradient, and which of (grad, what was saved, settings) it takes."""
        wanted = cls._taken.get(needs)
        if wanted is None:
            names = ["grad", *[name for _, name in cls._kept[needs]], *cls.settings]
            wanted = cls._taken[needs] = tuple(
                [
                    (rule[0], tuple([names.index(name) for name in rule[1]])) if rule and need else None
                    for rule, need in zip(cls._rules, needs)
                ]
            )
        return wanted

    @classmethod
    def meta(cls, *args: Any) -> Array:
        arrays = [each for each in args if isinstance(each, np.ndarray)]
        shape = np.broadcast_shapes(*[each.shape for each in arrays])
        ones = [np.ones((1,) * each.ndim, each.dtype) if isinstance(each, np.ndarray) else each for each in args]
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(cls.compute(*ones)).reshape(()), shape)

    @classmethod
    def accept(cls, dtype: Dtype, target: Variable | None = None) -> Dtype:
        """The dtype to compute operands of this common dtype in; for an in-place operation, into ``target``.

        Raises where there is none, or where its result cannot be stored.
        """
        if cls.to_float and dtype.rank < 3:
            dtype = dtypes.get_default_dtype()
        if target is not None and not cls.to_bool:
            storable(dtype, target)
        kind = "V" if dtype is dtypes.bfloat16 else dtype.kind
        if kind not in cls.kinds:
            raise cls.refusal_error(cls.refusals.get(kind, cls.refusal).format(type=dtype.scalar_name))
        return dtype


def _parameters(function: Gradient) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of half-precision arrays, computed in float32 and rounded once as PyTorch does."""

    def compute(*args: Any) -> Any:
        wide = [
            each.astype(np.float32) if isinstance(each, np.ndarray) and is_half(each.dtype) else each for each in args
        ]
        half = next(each.dtype for each in args if isinstance(each, np.ndarray) and is_half(each.dtype))
        result = function(*wide)
        return result.astype(half) if result.dtype == np.float32 else result

    return compute


def widened(operation: type[Pointwise]) -> type[Pointwise]:
    """Class decorator: half precision is computed in float32, with numbers beside it in float32 too."""
    attributes = {"compute": staticmethod(in_float32(operation.compute)), "backward_name": operation.backward_name}
    operation.wide = type(operation.__name__, (operation,), {**attributes, "name": operation.name})
    return operation


def binary(operation: type[Pointwise], input: Any, other: Any) -> Any:
    """Apply an operation of two operands, tensors or numbers, in their common dtype.

    TypeError for an operand that is neither, RuntimeError for shapes that do not broadcast, and what the operation
    says of dtypes that it does not take.
    """
    a = input.array if isinstance(input, Variable) else input
    b = other.array if isinstance(other, Variable) else other
    if type(a) is np.ndarray and type(b) is np.ndarray:
        if a.dtype == b.dtype and a.dtype.kind in operation.kinds:
            if a.shape != b.shape:
                check_broadcast(a.shape, b.shape)
            return operation.apply(input, other)
    elif type(a) is np.ndarray and fits(b, a.dtype, operation):
        return operation.apply(input, np.array(b, a.dtype))
    elif type(b) is np.ndarray and fits(a, b.dtype, operation):
        return operation.apply(np.array(a, b.dtype), other)
    if type(a) is not np.ndarray and type(b) is not np.ndarray:
        # Two numbers. NumPy's come from 0-dimensional gradients and keep their dtype.
        check_operands(operation.name, input=a, other=b)
        input, other = (
            np.asarray(each, None if isinstance(each, np.generic) else dtypes.of_scalar(each).numpy) for each in (a, b)
        )
        a, b = input, other
    dtype = _meet(operation, a, b)
    if operation.wide is not None and is_half(dtype.numpy) and not np.ndim(b):
        return operation.wide.apply(as_operand(input, dtype), _widen(other, dtype))
    return operation.apply(as_operand(input, dtype), as_operand(other, dtype))


def fits(number: Any, dtype: np.dtype[Any], operation: type[Pointwise]) -> bool:
    """Whether a number beside a tensor of this dtype plainly takes it on: what remains is for result_type."""
    kind = dtype.kind
    if dtype.itemsize < 4 or kind not in operation.kinds or not operation.numbers:
        return False
    if type(number) is float:
        return kind in "fc"
    return type(number) is int and -(2**31) <= number < 2**31 and kind in "fci"


def _widen(operand: Any, dtype: Dtype) -> Any:
    """The second operand of a half-precision operation: a number keeps float32's precision."""
    if isinstance(operand, (Variable, np.ndarray)):
        array = operand.array if isinstance(operand, Variable) else operand
        if dtype_of(operand) is dtype or array.ndim:
            return cast(operand, dtype)
    return as_operand(operand, dtypes.float32)


def binary_(operation: type[Pointwise], input: Any, other: Any) -> Any:
    """:func:`binary` into the memory of ``input``; RuntimeError when the result's dtype or shape does not fit it."""
    a = input.array
    b = other.array if isinstance(other, Variable) else other
    if type(b) is np.ndarray:
        if a.dtype == b.dtype and a.dtype.kind in operation.kinds:
            if a.shape != b.shape:
                check_broadcast(a.shape, b.shape)
            return write_into(operation, input, other)
    elif fits(b, a.dtype, operation):
        return write_into(operation, input, np.array(b, a.dtype))
    dtype = _meet(operation, a, b, input)
    if operation.wide is not None and is_half(a.dtype) and not np.ndim(b):
        return write_into(operation.wide, input, _widen(other, dtype))
    return write_into(operation, input, as_operand(other, dtype))


def _meet(operation: type[Pointwise], a: Any, b: Any, target: Variable | None = None) -> Dtype:
    """The dtype in which two operands are computed; raises when there is none, or no common shape."""
    check_operands(operation.name, input=a, other=b)
    if not operation.numbers and isinstance(b, (int, float, complex)) and not isinstance(b, np.generic):
        raise TypeError(f"{operation.name}(): argument 'other' (position 2) must be Tensor, not {type(b).__name__}")
    dtype = operation.accept(result_type(a, b), target)
    check_broadcast(np.shape(a), np.shape(b))
    return dtype


def write_into(operation: type[Pointwise], target: Variable, *args: Any) -> Variable:
    """``target = operation(target, *args)`` in its own memory; without a temporary where nothing is recorded."""
    array = target.array
    if isinstance(operation.compute, np.ufunc) and not target.meta:
        arrays = [each.array if isinstance(each, Variable) else each for each in args]
        recorded = is_grad_enabled() and (
            target.requires_grad or any(isinstance(each, Variable) and each.requires_grad for each in args)
        )
        if not recorded and all(
            each.dtype == array.dtype and (not each.ndim or each.shape == array.shape) for each in arrays
        ):
            check_writable(target, False)
            with np.errstate(all="ignore"):
                if operation.overwrite is None or not operation.overwrite(DISCARD, array, *arrays):
                    large.ufunc(operation.compute, array, *arrays, out=array)
            record_write(target)
            return target
    return apply_inplace(operation, target, *args)


def zeros_as(operand: Any) -> Any:
    """Zeros of an operand's shape and dtype: the gradient of a step function."""
    array = operand.array if isinstance(operand, Variable) else operand
    return np.broadcast_to(np.zeros((), array.dtype), array.shape)


def common(operation: type[Pointwise], *operands: Any) -> tuple[Any, ...]:
    """Three operands or more in their common dtype, known to broadcast; numbers become 0-d arrays."""
    arrays = [each.array if isinstance(each, Variable) else each for each in operands]
    check_operands(operation.name, **dict(zip(operation.operands, arrays)))
    dtype = operation.accept(result_type(*arrays))
    shape: tuple[int, ...] = ()
    for each in arrays:
        check_broadcast(shape, np.shape(each))
        shape = np.broadcast_shapes(shape, np.shape(each))
    return tuple([as_operand(each, dtype) for each in operands])


__all__: list[str] = []
