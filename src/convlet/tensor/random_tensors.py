"""New tensors of random numbers, and the default generator they are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.variable import Array, Variable
from . import generator as _generator
from . import random as _random
from . import size as _size
from .creation import array_like, dtype_from, make, new, sizes_from
from .generator import Generator, default_generator, initial_seed, manual_seed, seed
from .sampling import fill_in_memory_order
from .size import META, memory_format, require_supported

__all__ = [
    "Generator", "bernoulli", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed",
    "multinomial", "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "seed",
    "set_rng_state",
]  # fmt: skip


def get_rng_state() -> Any:
    """The state of the default generator: 5056 bytes (uint8), which PyTorch's CPU generator reads and writes, too."""
    return make_result(_generator.get_rng_state())


def set_rng_state(new_state: Any) -> None:
    """Continue the default generator from a state that :func:`get_rng_state` gave."""
    _generator.set_rng_state(new_state.array if isinstance(new_state, Variable) else new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **ignored: Any) -> Iterator[None]:
    """Inside the block the default generator may be seeded and used; after it, it goes on as if it had not been."""
    state = _generator.get_rng_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            _generator.set_rng_state(state)


def _check_generator(name: str, generator: Any) -> None:
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got generator={type(generator).__name__}, but "
            "expected a torch.Generator"
        )


def rand(
    *size: Any, generator: Generator | None = None, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False, **named: Any,
) -> Any:  # fmt: skip
    """Numbers uniform in [0, 1), the same as PyTorch's for the same seed.

    >>> generator = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    _check_generator("rand", generator)
    return make(
        "rand", sizes_from("rand", size, named), dtype,
        lambda shape, kind: _random.uniform(shape, kind, generator=generator), device=device,
        requires_grad=requires_grad, out=out,
    )  # fmt: skip


def randn(
    *size: Any, generator: Generator | None = None, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False, **named: Any,
) -> Any:  # fmt: skip
    """Numbers of the standard normal distribution, the same as PyTorch's for the same seed.

    >>> generator = torch.manual_seed(0)
    >>> torch.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    _check_generator("randn", generator)
    return make(
        "randn", sizes_from("randn", size, named), dtype,
        lambda shape, kind: _random.normal(shape, kind, generator=generator), device=device,
        requires_grad=requires_grad, out=out,
    )  # fmt: skip


def randint(*args: Any, generator: Generator | None = None, dtype: Any = None, **options: Any) -> Any:
    """Integers uniform in [low, high): ``randint(high, size)`` or ``randint(low, high, size)``; int64 by default.

    Also ``out``, ``device``, ``requires_grad``. RuntimeError for an empty range or one the dtype cannot hold.

    >>> generator = torch.manual_seed(0)
    >>> torch.randint(10, (3,))
    tensor([4, 9, 3])
    """
    named = {key: options.pop(key) for key in ("low", "high", "size") if key in options}
    given = list(args)
    if "size" not in named and given and isinstance(given[-1], (tuple, list)):
        named["size"] = given.pop()
    if "high" not in named and given:
        named["high"] = given.pop()
    if "low" not in named and given:
        named["low"] = given.pop()
    bounds = (named.get("low", 0), named.get("high"))
    whole = all(isinstance(each, (int, np.integer, Variable)) for each in bounds)
    if given or not whole or not isinstance(named.get("size"), (tuple, list)):
        kinds = ", ".join(type(each).__name__ for each in args)
        raise TypeError(
            f"randint() received an invalid combination of arguments - got ({kinds}), but expected one of:\n"
            " * (int high, tuple of ints size)\n * (int low, int high, tuple of ints size)\n"
        )
    _check_generator("randint", generator)
    low, high = int(bounds[0]), int(bounds[1])  # type: ignore[arg-type]
    for ignored in ("layout", "pin_memory"):
        options.pop(ignored, None)
    return make(
        "randint", sizes_from("randint", (named["size"],)), dtype,
        lambda shape, kind: _random.randint(low, high, shape, kind, generator), default=dtypes.int64, **options,
    )  # fmt: skip


def randperm(
    n: int, *, generator: Generator | None = None, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """A random permutation of 0 ... n - 1, the same as PyTorch's for the same seed.

    >>> generator = torch.manual_seed(0)
    >>> torch.randperm(4)
    tensor([0, 1, 3, 2])
    """
    _check_generator("randperm", generator)
    return make(
        "randperm", (n,), dtype, lambda shape, kind: _random.randperm(n, kind, generator), default=dtypes.int64,
        device=device, requires_grad=requires_grad, out=out,
    )  # fmt: skip


def _drawn_like(
    name: str, input: Any, dtype: Any, device: Any, requires_grad: bool, format: Any,
    draw: Callable[[tuple[int, ...], np.dtype[Any], bool], Array],
) -> Any:  # fmt: skip
    """A tensor like the input, filled with what ``draw(shape, dtype, contiguous)`` gives, in the order of memory."""
    if not isinstance(input, Variable):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    wanted = dtype_from(name, dtype, input.dtype)
    target = require_supported(device) if device is not None else META if input.meta else _size.CPU
    if target is META:
        return new(np.broadcast_to(np.zeros((), wanted.numpy), input.array.shape), META, requires_grad)
    array = array_like(input, wanted, format)
    fill_in_memory_order(array, lambda shape: draw(shape, wanted.numpy, array.flags.c_contiguous))
    return new(array, target, requires_grad)


def rand_like(
    input: Any, *, generator: Generator | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: memory_format | None = None,
) -> Any:  # fmt: skip
    """:func:`rand` in the shape, dtype and device of ``input``, unless others are given."""
    return _drawn_like(
        "rand_like", input, dtype, device, requires_grad, memory_format,
        lambda shape, kind, contiguous: _random.uniform(shape, kind, generator=generator),
    )  # fmt: skip


def randn_like(
    input: Any, *, generator: Generator | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: memory_format | None = None,
) -> Any:  # fmt: skip
    """:func:`randn` in the shape, dtype and device of ``input``, unless others are given."""
    return _drawn_like(
        "randn_like", input, dtype, device, requires_grad, memory_format,
        lambda shape, kind, contiguous: _random.normal(shape, kind, generator=generator, contiguous=contiguous),
    )  # fmt: skip


def randint_like(
    input: Any, *bounds: int, low: int = 0, high: int | None = None, generator: Generator | None = None,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
    memory_format: memory_format | None = None,
) -> Any:  # fmt: skip
    """:func:`randint` in the shape, dtype and device of ``input``: ``randint_like(x, high)`` or ``(x, low, high)``."""
    first, last = (low, *bounds) if len(bounds) == 1 else bounds if bounds else (low, high)
    return _drawn_like(
        "randint_like", input, dtype, device, requires_grad, memory_format,
        lambda shape, kind, contiguous: _random.randint(int(first), int(last), shape, kind, generator),  # type: ignore[arg-type]
    )  # fmt: skip


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, out: Any = None,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """Normal numbers of this mean and standard deviation, numbers or tensors (then element by element).

    Two numbers need a ``size``. RuntimeError for a negative std.

    >>> torch.normal(torch.zeros(3), 1.0).shape
    torch.Size([3])
    """
    _check_generator("normal", generator)
    tensors = [each for each in (mean, std) if isinstance(each, Variable)]
    if not tensors:
        if size is None:
            kinds = ", ".join(type(each).__name__ for each in (mean, std))
            raise TypeError(
                f"normal() received an invalid combination of arguments - got ({kinds}), but expected one of:\n"
                " * (Tensor mean, Tensor std)\n * (Tensor mean, float std = 1)\n * (float mean, Tensor std)\n"
                " * (float mean, float std, tuple of ints size)\n"
            )
        return make(
            "normal", sizes_from("normal", (size,)), dtype,
            lambda shape, kind: _random.normal(shape, kind, float(mean), float(std), generator), device=device,
            requires_grad=requires_grad, out=out,
        )  # fmt: skip
    shape = np.broadcast_shapes(*[each.array.shape for each in tensors])
    kind = tensors[0].array.dtype
    if isinstance(std, Variable):
        if not bool((std.array >= 0).all()):
            raise RuntimeError("normal expects all elements of std >= 0.0")
        array = _random.normal(shape, kind, generator=generator) * std.array
    else:
        array = _random.normal(shape, kind, 0.0, float(std), generator)
    array = (array + (mean.array if isinstance(mean, Variable) else kind.type(mean))).astype(kind, copy=False)
    if out is not None:
        return out.copy_(make_result(array))
    return new(np.asarray(array))


def bernoulli(input: Any, p: float | None = None, *, generator: Generator | None = None, out: Any = None) -> Any:
    """1 with the probability that each element of ``input`` gives (or with probability ``p``), else 0.

    RuntimeError for a probability outside [0, 1].

    >>> torch.bernoulli(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    _check_generator("bernoulli", generator)
    chances = input.array if p is None else float(p)
    array = _random.bernoulli(chances, input.array.shape, input.array.dtype, generator)
    return new(array) if out is None else out.copy_(make_result(array))


def multinomial(
    input: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None, out: Any = None
) -> Any:
    """``num_samples`` indices (int64) for each row of weights, drawn with probability proportional to the weights.

    ``input``: (categories,) or (rows, categories). RuntimeError for weights that are negative, not finite or all zero,
    and for more samples than categories without ``replacement``.

    >>> torch.multinomial(torch.tensor([0.0, 1.0]), 1)
    tensor([1])
    """
    _check_generator("multinomial", generator)
    array = _random.multinomial(input.array, num_samples, replacement, generator)
    return new(array) if out is None else out.copy_(make_result(array))
