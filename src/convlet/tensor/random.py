"""Random arrays, equal to PyTorch's for the same seed; equal parts of the stream are used up.

Everything is equal bit for bit, except that normal numbers of float64 and exponential ones may differ in the
last bits, where NumPy's logarithm, sine and cosine do. (PyTorch itself differs in last bits between processors:
this is what it gives on x86 with AVX2.) Plain NumPy arrays; the stream itself stands in ``generator.py``. Each
function checks its arguments, and raises PyTorch's error, before it draws anything.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..dtypes import from_numpy
from .box_muller import box_muller
from .fma import fma
from .generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "exponential",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "randint",
    "random_integers",
    "randperm",
    "seed",
    "set_rng_state",
    "uniform",
]

Shape = tuple[int, ...]

_FLOAT32: np.dtype[Any] = np.dtype(np.float32)
_FLOAT64: np.dtype[Any] = np.dtype(np.float64)
_INT64: np.dtype[Any] = np.dtype(np.int64)

_CHUNK = 1 << 16  # numbers drawn and converted at a time: the temporaries stay in the cache

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1

# The significant bits of the floating types, and their largest numbers.
_MASK53 = np.uint64(2**53 - 1)
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": float.fromhex("0x1.fep127"),
    "float32": float.fromhex("0x1.fffffep127"),
    "float64": float.fromhex("0x1.fffffffffffffp1023"),
}


def uniform(
    shape: Shape,
    dtype: np.dtype[Any] = _FLOAT32,
    low: float = 0.0,
    high: float = 1.0,
    generator: Generator | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Numbers uniform in [low, high): x (high - low) + low with x = k 2**-24 from the low 24 bits of one
    32-bit draw.

    ``out``, contiguous and of this shape and dtype (not complex), is filled instead of a new array.

    float64 takes k 2**-53 from a 64-bit draw; the 16-bit types compute in float32 and round; complex types
    draw real and imaginary parts in turn. Raises NotImplementedError for integer types, RuntimeError for
    bounds that the type cannot hold or that are in the wrong order.
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return _complex(uniform((*shape, 2), _real(dtype), low, high, generator))
    _require_floating(dtype, "check_uniform_bounds")
    _check_bounds(dtype, low, high)
    out = np.empty(shape, dtype) if out is None else out
    _fill_uniform(out.reshape(-1), low, high, generator or default_generator)
    return out


def normal(
    shape: Shape,
    dtype: np.dtype[Any] = _FLOAT32,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Generator | None = None,
    *,
    contiguous: bool = True,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Normal numbers of this mean and standard deviation, by Box and Muller's transform (1958).

    From 16 numbers on, blocks of 16 uniform numbers become blocks of 16 normal ones; a last incomplete block
    is replaced by a whole one drawn anew. Fewer numbers, or numbers for a tensor that is not ``contiguous``,
    are made pair by pair in float64, and an odd one waits in the generator. Complex types divide the variance
    evenly between real and imaginary part. ``out``, contiguous and of this shape and dtype, may be filled instead of a
    new array. Raises RuntimeError for a negative std, NotImplementedError for
    integer types.
    """
    dtype = np.dtype(dtype)
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if dtype.kind == "c":
        parts = normal((*shape, 2), _real(dtype), mean, std / math.sqrt(2), generator, contiguous=contiguous)
        return _complex(parts)
    count = math.prod(shape)
    if count == 0:
        return np.empty(shape, dtype)
    _require_floating(dtype, "normal_kernel_cpu")
    generator = generator or default_generator
    with generator.lock:
        if count >= 16 and contiguous:
            values = _normal_blocks(count, dtype, mean, std, generator, out)
        else:
            values = _normal_pairs(count, dtype, mean, std, generator)
    return values.reshape(shape)


def randint(
    low: int,
    high: int | None,
    shape: Shape,
    dtype: np.dtype[Any] = _INT64,
    generator: Generator | None = None,
) -> np.ndarray:
    """Integers uniform in [low, high), in any real type: low + draw mod (high - low).

    The draw has 32 bits when the range is below 2**28, else 64. ``high`` None means up to the largest integer
    of the type. Raises RuntimeError for an empty range or one the type cannot hold, ValueError for numbers
    beyond int64; warns where a floating type cannot hold every integer of the range.
    """
    dtype = np.dtype(dtype)
    for bound in (low, high):
        if bound is not None and not _INT64_MIN <= bound <= _INT64_MAX:
            raise ValueError(f"Overflow when unpacking long long. A bound must be an int64: {bound}")
    if high is None and low == _INT64_MIN:
        if dtype != _INT64 and dtype.kind != "f" and dtype.name != "bfloat16":
            raise RuntimeError(
                "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
            )
        low, span = 0, 2**64
    else:
        low, last = _integer_range(low, high, dtype)
        span = last - low + 1
    count = math.prod(shape)
    generator = generator or default_generator
    out = np.empty(count, dtype)
    with generator.lock:
        for start in range(0, count, _CHUNK):
            size = min(_CHUNK, count - start)
            if span < 2**28:
                values = (generator.draw32(size) % np.uint32(span)).astype(np.int64)
            else:
                draw = generator.draw64(size)
                values = (draw if span == 2**64 else draw % np.uint64(span)).view(np.int64)
            values += low  # wraps around as PyTorch's does
            out[start : start + size] = _cast(values, dtype)
    return out.reshape(shape)


def random_integers(shape: Shape, dtype: np.dtype[Any], generator: Generator | None = None) -> np.ndarray:
    """Integers uniform in [0, largest of the type], in floating types in [0, 2**significant bits]: ``random_()``.

    Raises NotImplementedError for complex types.
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        raise _not_implemented("random_kernel_cpu", dtype)
    span = 2 ** _DIGITS[dtype.name] + 1 if dtype.name in _DIGITS else _largest_integer(dtype) + 1
    count = math.prod(shape)
    generator = generator or default_generator
    draw = generator.draw64(count) if dtype.itemsize == 8 else generator.draw32(count).astype(np.uint64)
    return _cast((draw % np.uint64(span)).astype(np.int64), dtype).reshape(shape)


_INSIDE_OUT = (2**32 - 1) // 20  # from this length on the remainder of 32 bits would be too uneven


def randperm(n: int, dtype: np.dtype[Any] = _INT64, generator: Generator | None = None) -> np.ndarray:
    """A random permutation of 0 ... n - 1 (Fisher and Yates; Durstenfeld 1964).

    Raises RuntimeError for a negative n and for one the type cannot hold, NotImplementedError for bool and
    complex.
    """
    dtype = np.dtype(dtype)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    _check_permutation_length(n, dtype)
    generator = generator or default_generator
    order = list(range(n))  # of Python integers: to swap two of them is several times faster than in an array
    if n < _INSIDE_OUT:
        remaining = np.arange(n, 1, -1, dtype=np.uint32)
        offsets = generator.draw32(max(n - 1, 0)) % remaining
        for i, j in enumerate((offsets + np.arange(len(offsets), dtype=np.uint32)).tolist()):
            order[i], order[j] = order[j], order[i]
    else:
        for i, j in enumerate((generator.draw64(n) % np.arange(1, n + 1, dtype=np.uint64)).tolist()):
            order[i] = order[j]
            order[j] = i
    return _cast(np.array(order, np.int64), dtype)


def bernoulli(
    p: float | np.ndarray,
    shape: Shape,
    dtype: np.dtype[Any] = _FLOAT32,
    generator: Generator | None = None,
) -> np.ndarray:
    """1 with probability p, else 0; ``p`` is one number or an array that broadcasts to ``shape``.

    One number and float64 arrays compare with float64 uniform numbers, other arrays with float32 ones. Raises
    RuntimeError when a probability is outside [0, 1], NotImplementedError when the types are not real or
    ``p`` is an array of integers.
    """
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    wide = _FLOAT64 if not isinstance(p, np.ndarray) or p.dtype == _FLOAT64 else _FLOAT32
    if isinstance(p, np.ndarray):
        kernel = "bernoulli_tensor_cpu_self_"
        if count:
            _require_floating(p.dtype, "bernoulli_tensor_cpu_p_")
    else:
        kernel = "bernoulli_scalar_cpu_"
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if dtype.kind == "c" and count:
        raise _not_implemented(kernel, dtype)
    if not isinstance(p, np.ndarray) and dtype.kind != "c":
        bits = (generator or default_generator).draw64(count)
        bits &= _MASK53
        return (bits < np.uint64(math.ceil(p * 2.0**53))).astype(dtype).reshape(shape)  # k < p 2**53
    p = np.asarray(p, wide)
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false. Every probability must be in [0, 1]."
        )
    chances = np.empty(shape, wide)
    _fill_uniform(chances.reshape(-1), 0.0, 1.0, generator or default_generator)
    return (chances < np.broadcast_to(p, shape)).astype(dtype)


def exponential(
    shape: Shape,
    dtype: np.dtype[Any] = _FLOAT32,
    rate: float = 1.0,
    generator: Generator | None = None,
) -> np.ndarray:
    """Numbers with density rate exp(-rate x): -log(1 - u) / rate, computed in float64.

    Raises RuntimeError for a rate that is not positive and for types that are not floating.
    """
    dtype = np.dtype(dtype)
    if not rate > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    count = math.prod(shape)
    if count == 0:
        return np.empty(shape, dtype)
    if dtype.name not in _DIGITS:
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {from_numpy(dtype).scalar_name}"
        )
    values = np.empty(count, _FLOAT64)
    _fill_uniform(values, 0.0, 1.0, generator or default_generator)
    np.log1p(np.negative(values, out=values), out=values)
    values *= -1.0 / rate
    return _cast(values, dtype).reshape(shape)


def multinomial(
    weights: np.ndarray,
    num_samples: int,
    replacement: bool = False,
    generator: Generator | None = None,
) -> np.ndarray:
    """Indices (int64) drawn with probability proportional to ``weights``, one row of ``num_samples`` for each
    row.

    ``weights``: (categories,) or (rows, categories), floating. With ``replacement``, each draw looks a
    float64 uniform number up in the cumulative weights; without, the samples are the largest weight /
    exponential number (the Gumbel-max trick). Raises RuntimeError for weights that are negative, infinite or
    NaN or that sum to zero, for another number of dimensions, and for more samples than categories without
    replacement.
    """
    _check_multinomial(weights, num_samples, replacement)
    generator = generator or default_generator
    shape = (*weights.shape[:-1], num_samples)
    if math.prod(shape) == 0:
        return np.empty(shape, _INT64)
    wide = weights if weights.dtype == _FLOAT64 else weights.astype(_FLOAT32)
    with np.errstate(all="ignore"):
        if not ((wide >= 0) & (wide < np.inf)).all():
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        if not wide.any(axis=-1).all():
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
        if replacement and num_samples > 1:
            return _with_replacement(wide.reshape(-1, wide.shape[-1]), num_samples, generator).reshape(shape)
        score = _cast(wide / exponential(weights.shape, weights.dtype, 1.0, generator), weights.dtype)
    if num_samples == 1:
        return score.astype(wide.dtype).argmax(-1, keepdims=True)
    return np.argsort(-score.astype(wide.dtype), axis=-1, kind="stable")[..., :num_samples].astype(_INT64)


# Uniform
# ----------------------------------------------------------------------------------------------------------


def _fill_uniform(out: np.ndarray, low: float, high: float, generator: Generator) -> None:
    """Fill the flat ``out`` with uniform numbers in [low, high)."""
    draw, compute = (_draw53, _FLOAT64) if out.dtype == _FLOAT64 else (_draw24, _FLOAT32)
    first, last = compute.type(low), compute.type(high)
    span = float(last - first)
    with generator.lock:
        for start in range(0, out.size, _CHUNK):
            part = out[start : start + _CHUNK]
            values = draw(part.size, generator)
            if (low, high) != (0.0, 1.0):
                values = fma(values, span, float(first))
            part[...] = values
            if out.dtype != compute or (low, high) != (0.0, 1.0):
                # Rounding may reach high, which is not in the range.
                edge, start_value = (np.array(bound).astype(out.dtype) for bound in (last, first))
                part[part == edge] = start_value


def _draw24(count: int, generator: Generator) -> np.ndarray:
    """float32 numbers in [0, 1), multiples of 2**-24."""
    bits = generator.draw32(count)
    bits &= 0xFFFFFF
    return bits.view(np.int32).astype(_FLOAT32) * np.float32(2.0**-24)


def _draw53(count: int, generator: Generator) -> np.ndarray:
    """float64 numbers in [0, 1), multiples of 2**-53."""
    bits = generator.draw64(count)
    bits &= _MASK53
    return bits.view(np.int64).astype(_FLOAT64) * 2.0**-53


def _check_bounds(dtype: np.dtype[Any], low: float, high: float) -> None:
    name = from_numpy(dtype)
    largest = _LARGEST[dtype.name]
    for bound, text in ((low, "from"), (high, "to")):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{text} is out of bounds for {name.cpp_name}")
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if not high - low <= largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{name.scalar_name}>::max(), "
            f"but found to={high:g} and from={low:g} which result in to-from to exceed the limit"
        )


# Normal
# -----------------------------------------------------------------------------------------------------------


def _normal_blocks(
    count: int, dtype: np.dtype[Any], mean: float, std: float, generator: Generator, out: np.ndarray | None
) -> np.ndarray:
    """At least 16 numbers, in blocks of 16."""
    compute = _FLOAT64 if dtype == _FLOAT64 else _FLOAT32
    transform = _box_muller64 if dtype == _FLOAT64 else box_muller
    whole = count - count % 16
    values = np.empty(count, compute) if out is None or dtype != compute else out.reshape(-1)
    # The 16-bit types do not draw for the incomplete block before it is replaced.
    _fill_uniform(values if dtype == compute else values[:whole], 0.0, 1.0, generator)
    transform(values[:whole].reshape(-1, 2, 8), mean, std)
    if whole < count:
        tail = values[-16:]
        _fill_uniform(tail, 0.0, 1.0, generator)
        transform(tail.reshape(-1, 2, 8), mean, std)
    return _cast(values, dtype)


def _box_muller64(uniform: np.ndarray, mean: float, std: float) -> None:
    """``box_muller`` in float64, by NumPy's functions."""
    with np.errstate(all="ignore"):
        radius = np.sqrt(-2.0 * np.log(1.0 - uniform[:, 0]))
        theta = 2.0 * math.pi * uniform[:, 1]
        uniform[:, 0] = fma(radius * np.cos(theta), std, mean)
        uniform[:, 1] = fma(radius * np.sin(theta), std, mean)


def _normal_pairs(
    count: int, dtype: np.dtype[Any], mean: float, std: float, generator: Generator
) -> np.ndarray:
    """Numbers one by one in float64, the second of a pair being kept for the next call."""
    waiting = generator.take_cached_normal()
    values = [] if waiting is None else [waiting]
    chances = _draw53(2 * ((count - len(values) + 1) // 2), generator).tolist()
    for u1, u2 in zip(chances[::2], chances[1::2]):
        radius, theta = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
        values += (radius * math.cos(theta), radius * math.sin(theta))
    if len(values) > count:
        generator.put_cached_normal(values.pop())
    with np.errstate(all="ignore"):
        return _cast(fma(np.array(values, _FLOAT64), float(std), float(mean)), dtype)


# Integers
# ---------------------------------------------------------------------------------------------------------


def _integer_range(low: int, high: int | None, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The first and the last integer of a range that ``dtype`` can hold. RuntimeError when it cannot."""
    name, floating = from_numpy(dtype), dtype.name in _DIGITS
    if dtype.kind == "c":
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    if high is None:
        last = 2 ** _DIGITS[dtype.name] if floating else _largest_integer(dtype)
        if floating:
            low = _representable(low, dtype, up=True)
            if not low < last:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to "
                    f"dtype, but got from={low} > to_inc={last}"
                )
    else:
        if not low < high:
            raise RuntimeError(
                f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
            )
        if floating:
            low, high = _representable(low, dtype, up=True), _representable(high, dtype, up=False)
            if not low < high:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                    f"but got from={low} >= to={high}"
                )
        last = high - 1
    for bound, text in ((low, "from"), (last, "to - 1")):
        _check_integer(bound, text, dtype)
        if floating and abs(bound) > 2 ** _DIGITS[dtype.name]:
            digits = _DIGITS[dtype.name]
            warnings.warn(
                f"{text} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
                f"{name.cpp_name} can support discrete uniform distribution only within this range. This "
                "warning will become an error in version 1.7 release, please fix the code in advance",
                UserWarning,
                stacklevel=4,
            )
    return low, last


def _check_integer(bound: int, text: str, dtype: np.dtype[Any]) -> None:
    if dtype.name in _DIGITS:
        largest = _LARGEST[dtype.name]
        fits = -largest <= bound <= largest
    else:
        fits = _smallest_integer(dtype) <= bound <= _largest_integer(dtype)
    if not fits:
        raise RuntimeError(f"{text} is out of bounds for {from_numpy(dtype).cpp_name}")


def _representable(bound: int, dtype: np.dtype[Any], *, up: bool) -> int:
    """Move a bound into the range until rounding to ``dtype`` no longer leaves the range."""
    step = 1 if up else -1
    near = float(_cast(np.array([bound + step], np.int64), dtype)[0])
    if math.isfinite(near) and ((near < bound) if up else (near >= bound)):
        power = abs(bound + step).bit_length() - 1
        return int(near) + step * 2 ** (power - _DIGITS[dtype.name] + 1)
    return bound


def _smallest_integer(dtype: np.dtype[Any]) -> int:
    return 0 if dtype.kind == "b" else int(np.iinfo(dtype).min)


def _largest_integer(dtype: np.dtype[Any]) -> int:
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def _check_permutation_length(n: int, dtype: np.dtype[Any]) -> None:
    name = from_numpy(dtype).scalar_name
    if dtype.kind in "bc":
        raise _not_implemented("randperm", dtype)
    if dtype.name in _DIGITS:
        digits = _DIGITS[dtype.name]
        if dtype.name != "bfloat16" and n > 2**digits + 1:
            limit = str(2**digits + 1) if dtype.name == "float16" else f"2^{digits}+1"
            raise RuntimeError(f"n cannot be greater than {limit} for {name} type.")
    elif n - 1 > _largest_integer(dtype):
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")


# Multinomial
# ------------------------------------------------------------------------------------------------------


def _check_multinomial(weights: np.ndarray, num_samples: int, replacement: bool) -> None:
    if not 1 <= weights.ndim <= 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if weights.dtype.name not in _DIGITS:
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, "
            f"got: {from_numpy(weights.dtype).scalar_name}"
        )
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if weights.shape[-1] > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")


def _with_replacement(rows: np.ndarray, num_samples: int, generator: Generator) -> np.ndarray:
    cumulative = np.cumsum(rows, axis=-1, dtype=rows.dtype)  # one after the other: PyTorch's order of the sum
    cumulative /= cumulative[:, -1:].copy()
    cumulative[:, -1] = 1.0
    chances = _draw53(len(rows) * num_samples, generator).reshape(len(rows), num_samples)
    found = [np.searchsorted(row.astype(_FLOAT64), chance) for row, chance in zip(cumulative, chances)]
    return np.array(found, _INT64)


# Types
# ------------------------------------------------------------------------------------------------------------


def _require_floating(dtype: np.dtype[Any], kernel: str) -> None:
    if dtype.name not in _DIGITS:
        raise _not_implemented(kernel, dtype)


def _not_implemented(kernel: str, dtype: np.dtype[Any]) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for '{from_numpy(dtype).scalar_name}'")


def _cast(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert as C++ does: to a 16-bit type by way of float32."""
    if values.dtype == dtype:
        return values
    if dtype.name in ("float16", "bfloat16"):
        values = values.astype(_FLOAT32)
    with np.errstate(all="ignore"):
        return values.astype(dtype)


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.zeros((), dtype).real.dtype


def _complex(parts: np.ndarray) -> np.ndarray:
    """An array of (..., real and imaginary part) as complex numbers."""
    return parts.view(np.dtype(f"c{2 * parts.itemsize}"))[..., 0]
