"""Tensors filled in place: with random numbers or with one number. None of this is recorded but fills."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from ..autograd.function import Operation, make_result
from ..autograd.inplace import apply_inplace, check_writable, record_write
from ..autograd.mode import is_grad_enabled
from ..autograd.variable import Array, Variable, recording
from ..ops.axes import array_of
from ..ops.broadcasting import sum_to
from ..ops.conversion import cast
from ..ops.scalars import is_number, scalar_as
from ..ops.shape import expanded_shape
from ..ops.strided import as_strided
from . import random as _random
from .generator import Generator


class Fill(Operation):
    """One value everywhere."""

    @staticmethod
    def forward(ctx: Any, input: Array, value: Array, name: str) -> Array:
        ctx.shape = input.shape
        ctx.rename(name)
        return np.broadcast_to(value, input.shape)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return np.zeros(ctx.shape, array_of(grad).dtype), sum_to(grad, ())


def memory_order(array: Array) -> tuple[int, ...]:
    """The axes from the one with the largest stride to that with the smallest."""
    return tuple(sorted(range(array.ndim), key=lambda axis: -array.strides[axis] if array.shape[axis] > 1 else 0))


def fill_in_memory_order(array: Array, draw: Callable[[tuple[int, ...]], Array]) -> None:
    """Fill with what ``draw(shape)`` gives, first to last as the elements lie in memory, as PyTorch does."""
    if array.flags.c_contiguous:
        drawn = draw(array.shape)
        if not np.may_share_memory(drawn, array):  # it was not filled itself
            array[...] = drawn
    else:
        turned = array.transpose(memory_order(array))
        turned[...] = draw(turned.shape)


class Sampling(Variable):
    """Random numbers written in place, the same as PyTorch's for the same seed, and fills."""

    def _draw(self, draw: Callable[[tuple[int, ...]], Array]) -> Self:
        """Fill with what ``draw(shape)`` gives, after the checks of in-place operations."""
        check_writable(self, is_grad_enabled() and self.requires_grad)
        if not self.meta:
            fill_in_memory_order(self.array, draw)
        record_write(self)
        if self.requires_grad and is_grad_enabled():
            self.detach_()  # type: ignore[attr-defined]
        return self

    def uniform_(
        self, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None, **named: Any
    ) -> Self:
        """Numbers uniform in [from, to)."""
        low = float(named.get("from", from_))
        into, dtype = self._filled_itself(), self.array.dtype
        return self._draw(lambda shape: _random.uniform(shape, dtype, low, float(to), generator, into))

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Normal numbers of this mean and standard deviation."""
        return self._draw(
            lambda shape: _random.normal(
                shape, self.array.dtype, float(mean), float(std), generator,
                contiguous=self.array.flags.c_contiguous, out=self._filled_itself(),
            )
        )  # fmt: skip

    def _filled_itself(self) -> Array | None:
        """The array, where numbers can be drawn into it: the weights of large layers take no memory twice."""
        return self.array if self.array.flags.c_contiguous and self.array.dtype.kind == "f" else None

    def random_(self, *bounds: Any, generator: Generator | None = None, **named: Any) -> Self:
        """Integers uniform in [from, to): ``random_()``, ``random_(to)`` or ``random_(from, to)``."""
        first = named.get("from", bounds[0] if len(bounds) == 2 else 0)
        last = named.get("to", bounds[-1] if bounds else None)
        if last is None and not named and not bounds:
            return self._draw(lambda shape: _random.random_integers(shape, self.array.dtype, generator))
        return self._draw(lambda shape: _random.randint(first, last, shape, self.array.dtype, generator))

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Self:
        """1 with probability ``p`` (a number, or a tensor that broadcasts), else 0."""
        if not isinstance(p, Variable):
            return self._draw(lambda shape: _random.bernoulli(float(p), shape, self.array.dtype, generator))
        chances = np.broadcast_to(p.array, expanded_shape(p.array, self.array.shape))
        chances = chances.transpose(memory_order(self.array))
        return self._draw(lambda shape: _random.bernoulli(chances, shape, self.array.dtype, generator))

    def exponential_(self, lambd: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Numbers with density ``lambd exp(-lambd x)``."""
        return self._draw(
            lambda shape: _random.exponential(shape, self.array.dtype, float(lambd), generator)
        )

    def log_normal_(self, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Self:
        """Numbers whose logarithm is normal of this mean and standard deviation. RuntimeError unless std > 0."""
        if not std > 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
        return self._draw(
            lambda shape: np.exp(
                _random.normal(shape, np.dtype(np.float64), mean, std, generator, contiguous=False)
            )
        )

    def geometric_(self, p: float, *, generator: Generator | None = None) -> Self:
        """The number of trials until the first success of probability ``p``. RuntimeError unless 0 < p < 1."""
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
        return self._draw(
            lambda shape: np.ceil(
                np.log(_random.uniform(shape, np.dtype(np.float64), generator=generator)) / math.log1p(-p)
            )
        )

    def cauchy_(self, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Numbers of the Cauchy distribution. RuntimeError unless sigma > 0."""
        if not sigma > 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
        return self._draw(
            lambda shape: median
            + sigma * np.tan(math.pi * (_random.uniform(shape, np.dtype(np.float64), generator=generator) - 0.5))
        )

    def fill_(self, value: Any) -> Self:
        """``value`` (a number or 0-dimensional tensor) everywhere. RuntimeError when the dtype cannot hold it."""
        if isinstance(value, Variable):
            if value.array.ndim:
                raise RuntimeError(
                    f"fill_ only supports 0-dimension value tensor but got tensor with {value.array.ndim} dimensions."
                )
            return self._fill(cast(value, self.dtype), "FillBackward3")
        if not is_number(value):
            raise TypeError(
                f"fill_() received an invalid combination of arguments - got ({type(value).__name__}), but expected "
                "one of:\n * (Tensor value)\n * (Number value)\n"
            )
        return self._fill(scalar_as(value, self.dtype), "FillBackward2")

    def zero_(self) -> Self:
        """Zeros everywhere."""
        return self._fill(scalar_as(0, self.dtype), "ZeroBackward0")

    def _fill(self, value: Any, name: str) -> Self:
        if 0 in self.array.strides and not recording(self, value):  # repeated elements may all get one value
            key = tuple([slice(0, 1) if step == 0 else slice(None) for step in self.array.strides])
            self[key] = value if isinstance(value, Variable) else make_result(value)  # type: ignore[index]
            return self
        return apply_inplace(Fill, self, value, name)

    def fill_diagonal_(self, fill_value: Any, wrap: bool = False) -> Self:
        """``fill_value`` on the main diagonal of a tensor whose axes (if more than two) are of one size."""
        shape = self.array.shape
        if len(shape) < 2:
            raise RuntimeError("dimensions must larger than 1")
        if len(shape) > 2 and len(set(shape)) > 1:
            raise RuntimeError("all dimensions of input must be of equal length")
        rows, columns = shape[0], shape[1]
        strides = [stride // self.array.itemsize for stride in self.array.strides]
        count = min(shape)
        if wrap and len(shape) == 2 and rows > columns + 1:
            count = -(-rows * columns // (columns + 1))
        as_strided(self, (count,), (sum(strides),)).fill_(fill_value)
        return self
