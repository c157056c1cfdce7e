"""Sums of products over named axes, as permutations and batched matrix products."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..autograd.variable import Variable
from .axes import array_of, axis_of
from .broadcasting import sum_to
from .conversion import dtype_of
from .elementwise import mul
from .linalg import BMM_DTYPES, Product, mm, require_product
from .shape import Permute, permute, reshape
from .strided import Diagonal

__all__ = ["einsum", "tensordot"]


def einsum(equation: Any, *operands: Any) -> Any:
    """Sums of products over named axes: 'ij,jk->ik' is the matrix product (Einstein's summation convention).

    Each operand's axes are letters [a-zA-Z]; '...' stands for axes that broadcast; a letter twice in one operand takes
    a diagonal; without '->' the letters that occur once come out, in alphabetical order. Also
    ``einsum(operand, [0, 1], ..., [0])``. RuntimeError for an equation that does not fit the operands.

    >>> torch.einsum("ij,ij->i", torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([11.])
    """
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(equation, (Variable, np.ndarray)):
        equation, operands = _from_lists((equation, *operands))
    elif not isinstance(equation, str):
        raise TypeError(
            f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}"
        )
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    inputs, output = _parse_equation(equation, tuple([array_of(each).ndim for each in operands]))
    return _contract([list(each) for each in inputs], list(output), list(operands))


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """einsum's form with lists of numbers, as an equation."""

    def text(axes: Sequence[Any]) -> str:
        return "".join("..." if each is ... else _LETTERS[operator.index(each)] for each in axes)

    equation = ",".join(text(axes) for axes in arguments[1::2] if len(arguments) % 2 == 0 or axes is not None)
    operands = arguments[0 : len(arguments) - len(arguments) % 2 : 2]
    if len(arguments) % 2:
        equation += "->" + text(arguments[-1])
    return equation, operands


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _parse_term(term: str, which: str, start: int) -> list[str]:
    """The letters of one operand, '...' as one of them."""
    letters: list[str] = []
    position = 0
    while position < len(term):
        character = term[position]
        if character == " ":
            position += 1
        elif character == ".":
            if "..." in letters:
                raise RuntimeError(f"einsum(): found '.' for {which} for which an ellipsis was already found")
            if term[position : position + 3] != "...":
                raise RuntimeError(f"einsum(): found '.' for {which} that is not part of any ellipsis")
            letters.append("...")
            position += 3
        elif character in _LETTERS:
            letters.append(character)
            position += 1
        else:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {start + position} in the equation string, subscripts "
                "must be in [a-zA-Z]"
            )
    return letters


@lru_cache(maxsize=256)
def _parse_equation(equation: str, ranks: tuple[int, ...]) -> tuple[list[list[Any]], list[Any]]:
    """The axis names of operands of these ranks and of the result; the axes of '...' are numbers, last one 0."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) > len(ranks):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    if len(terms) < len(ranks):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    inputs: list[list[Any]] = []
    start = widest = 0
    for number, (term, ndim) in enumerate(zip(terms, ranks)):
        letters = _parse_term(term, f"operand {number}", start)
        start += len(term) + 1
        named = len(letters) - ("..." in letters)
        if ("..." in letters and named > ndim) or ("..." not in letters and named != ndim):
            given = (
                f"is greater than the number of dimensions ({ndim}) for operand {number} and an ellipsis was given"
                if "..." in letters
                else f"does not match the number of dimensions ({ndim}) for operand {number} and no ellipsis was given"
            )
            subject = "the number of subscripts in the equation"
            raise RuntimeError(f"einsum(): {subject} ({named}) {given}")
        hidden = ndim - named
        names: list[Any] = []
        for letter in letters:
            names += range(hidden - 1, -1, -1) if letter == "..." else [letter]
        widest = max(widest, hidden)
        inputs.append(names)
    everything = [name for names in inputs for name in names]
    dots = list(range(widest - 1, -1, -1))
    if not arrow:
        once = [each for each in _LETTERS if everything.count(each) == 1]
        return inputs, [*dots, *once]
    output: list[Any] = []
    for letter in _parse_term(right, "the output", start + 1):
        if letter == "...":
            output += dots
            continue
        if letter in output:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if letter not in everything:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
        output.append(letter)
    return inputs, output


def _contract(inputs: list[list[Any]], output: list[Any], operands: list[Any]) -> Any:
    """Diagonals first, then operand by operand one batched matrix product, summing what no later one needs."""
    sizes: dict[Any, int] = {}
    for number, (names, operand) in enumerate(zip(inputs, operands)):
        shape = array_of(operand).shape
        own: dict[Any, int] = {}
        for name, size in zip(names, shape):
            if own.setdefault(name, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {name} is repeated for operand {number} but the sizes don't match, {size} != "
                    f"{own[name]}"
                )
            known = sizes.get(name, 1)
            if known != size and 1 not in (known, size):
                raise RuntimeError(
                    f"einsum(): subscript {name if isinstance(name, str) else '...'} has size {size} for operand "
                    f"{number} which does not broadcast with previously seen size {known}"
                )
            sizes[name] = max(known, size) if 0 not in (known, size) else 0
        for name in dict.fromkeys(names):
            while names.count(name) > 1:
                first, second = [i for i, each in enumerate(names) if each == name][:2]
                operand = Diagonal.apply(operand, 0, first, second)
                names = [each for i, each in enumerate(names) if i not in (first, second)] + [name]
        inputs[number], operands[number] = names, operand
    names, result = inputs[0], operands[0]
    for number in range(1, len(operands)):
        later = {*output, *(name for each in inputs[number + 1 :] for name in each)}
        names, result = _pair(names, result, inputs[number], operands[number], later)
    names, result = _sum_out(names, result, set(output))
    order = [names.index(name) for name in output if name in names]
    result = result if order == list(range(len(order))) else permute(result, order)
    return reshape(result, [sizes[name] for name in output]) if len(order) != len(output) else result


def _sum_out(names: list[Any], operand: Any, kept: set[Any]) -> tuple[list[Any], Any]:
    """Without the axes that are not to be kept, summed over."""
    gone = [i for i, name in enumerate(names) if name not in kept]
    if not gone:
        return names, operand
    shape = array_of(operand).shape
    ones = tuple([1 if i in gone else n for i, n in enumerate(shape)])
    rest = tuple([n for i, n in enumerate(shape) if i not in gone])
    return [name for name in names if name in kept], reshape(sum_to(operand, ones), rest)


def _pair(
    names_a: list[Any], a: Any, names_b: list[Any], b: Any, later: set[Any]
) -> tuple[list[Any], Any]:
    """Two operands made one; axes that occur in neither the other nor ``later`` are summed."""
    names_a, a = _sum_out(names_a, a, later | set(names_b))
    names_b, b = _sum_out(names_b, b, later | set(names_a))
    shape_a, shape_b = dict(zip(names_a, array_of(a).shape)), dict(zip(names_b, array_of(b).shape))
    both = [name for name in names_a if name in shape_b]
    # An axis of size 1 against n broadcasts: it is summed with the other's and multiplies it.
    summed = [n for n in both if n not in later and shape_a[n] == shape_b[n]]
    for name in [n for n in both if n not in later and shape_a[n] != shape_b[n]]:
        if shape_a[name] == 1:
            names_b, b = _sum_out(names_b, b, {*shape_b} - {name})
            names_a, a = _dropped(names_a, a, name)
        else:
            names_a, a = _sum_out(names_a, a, {*shape_a} - {name})
            names_b, b = _dropped(names_b, b, name)
        del shape_a[name], shape_b[name]
    batch = [n for n in both if n in later]
    only_a = [n for n in names_a if n not in shape_b]
    only_b = [n for n in names_b if n not in shape_a]
    left = _arranged(names_a, a, [*batch, *only_a, *summed])
    right = _arranged(names_b, b, [*batch, *summed, *only_b])
    batch_a, batch_b = ([shape[n] for n in batch] for shape in (shape_a, shape_b))
    rows, columns = [shape_a[n] for n in only_a], [shape_b[n] for n in only_b]
    depth = math.prod(shape_a[n] for n in summed)
    left = _shaped(left, (*batch_a, math.prod(rows), depth))
    right = _shaped(right, (*batch_b, depth, math.prod(columns)))
    if not summed:
        require_product("bmm", left, right, BMM_DTYPES) if dtype_of(left) is not dtype_of(right) else None
        product = mul(left, right)
    else:
        require_product("bmm", left, right, BMM_DTYPES)
        product = Product.apply(left, right, "BmmBackward0")
    common = [max(m, n) if 0 not in (m, n) else 0 for m, n in zip(batch_a, batch_b)]
    return [*batch, *only_a, *only_b], reshape(product, (*common, *rows, *columns))


def _dropped(names: list[Any], operand: Any, name: Any) -> tuple[list[Any], Any]:
    """Without an axis of size 1."""
    position = names.index(name)
    shape = array_of(operand).shape
    return names[:position] + names[position + 1 :], reshape(operand, shape[:position] + shape[position + 1 :])


def _shaped(operand: Any, shape: tuple[int, ...]) -> Any:
    return operand if array_of(operand).shape == shape else reshape(operand, shape)


def _arranged(names: list[Any], operand: Any, order: list[Any]) -> Any:
    dims = tuple([names.index(name) for name in order])
    return operand if dims == tuple(range(len(dims))) else Permute.apply(operand, dims)


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """The sum of products over pairs of axes: the last ``dims`` of ``a`` with the first of ``b``, or two lists of axes.

    RuntimeError when their sizes differ.

    >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), 1).shape
    torch.Size([2, 4])
    """
    shape_a, shape_b = array_of(a).shape, array_of(b).shape
    if isinstance(dims, Variable):
        dims = dims.array.tolist()
    if isinstance(dims, (tuple, list)):
        first, second = ([each] if isinstance(each, int) else list(each) for each in dims)
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        first, second = list(range(-dims, 0)), list(range(dims))
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    if dtype_of(a) is not dtype_of(b):
        raise RuntimeError("both inputs should have same dtype")
    axes_a = [axis_of(each, len(shape_a)) for each in first]
    axes_b = [axis_of(each, len(shape_b)) for each in second]
    for given_a, given_b, axis_a, axis_b in zip(first, second, axes_a, axes_b):
        if shape_a[axis_a] != shape_b[axis_b]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {shape_a[axis_a]} in dim {given_a} and "
                f"second has size {shape_b[axis_b]} in dim {given_b}"
            )
    rest_a = [i for i in range(len(shape_a)) if i not in axes_a]
    rest_b = [i for i in range(len(shape_b)) if i not in axes_b]
    depth = math.prod(shape_a[i] for i in axes_a)
    out = [shape_a[i] for i in rest_a] + [shape_b[i] for i in rest_b]
    left = reshape(Permute.apply(a, (*rest_a, *axes_a)), (math.prod(shape_a[i] for i in rest_a), depth))
    right = reshape(Permute.apply(b, (*axes_b, *rest_b)), (depth, math.prod(shape_b[i] for i in rest_b)))
    return reshape(mm(left, right), out)
