"""The Box-Muller transform in float32, bit for bit as PyTorch computes it on an x86 processor with AVX2.

A pair of uniform numbers u1, u2 gives two normal ones, r cos(2 pi u2) and r sin(2 pi u2) with r = sqrt(-2 log
u1) (Box & Muller 1958). The logarithm, sine and cosine are Cephes' single-precision ones (Moshier,
netlib.org/cephes: logf, sinf, cosf). To get every bit, each step here rounds where theirs rounds: values are
float32 numbers held in float64, where the product of a fused multiply-add is exact, and ``_round`` puts each
result back to float32.
"""

from __future__ import annotations

import math

import numpy as np

from .fma import fma

_CHUNK = 2048  # blocks of 8 pairs at a time: the temporaries stay in the cache


def _as_float32(*values: float) -> tuple[float, ...]:
    return tuple(float(np.float32(value)) for value in values)


# log(1 + x) = x - x**2/2 + x**3 P(x), and log 2 in two parts: a short one and the rest.
_LOG = _as_float32(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_LOG_2, _LOG_2_REST = _as_float32(0.693359375, -2.12194440e-4)
# sin x = x + x**3 S(x**2) and cos x = 1 - x**2/2 + x**4 C(x**2) up to pi/4, and pi/4 in three parts.
_SIN = _as_float32(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = _as_float32(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_PI_4 = _as_float32(0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)
_SQRT_HALF, _4_PI, _2PI = _as_float32(math.sqrt(0.5), 4 / math.pi, 2 * math.pi)


def box_muller(uniform: np.ndarray, mean: float, std: float) -> None:
    """Turn ``uniform``, float32 in [0, 1) of shape (blocks, 2, 8), into normal numbers in place.

    Element j of the first eight of a block and element j of the second eight make a pair.
    """
    mean, std = _as_float32(mean, std)
    with np.errstate(all="ignore"):  # an infinite std gives infinities, silently
        for start in range(0, len(uniform), _CHUNK):
            block = uniform[start : start + _CHUNK]
            u1, u2 = block[:, 0].astype(np.float64), block[:, 1].astype(np.float64)
            u1 = np.subtract(1.0, u1, out=u1)
            radius = np.sqrt(np.float32(-2.0) * _log(u1).astype(np.float32))
            sin, cos = _sin_cos(_round(np.multiply(_2PI, u2, out=u2)))
            for half, factor in enumerate((cos, sin)):
                block[:, half] = fma(np.multiply(radius, factor, out=factor), std, mean)


def _round(x: np.ndarray) -> np.ndarray:
    """Round to float32, in place."""
    x[...] = x.astype(np.float32)
    return x


def _multiply_add(a: np.ndarray, b: np.ndarray | float, c: np.ndarray | float) -> np.ndarray:
    """a * b + c with one rounding, in place of ``a``."""
    a *= b
    a += c
    return _round(a)


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Horner's rule with fused multiply-adds, highest power first; then once more times x."""
    y = x * coefficients[0]
    y += coefficients[1]
    _round(y)
    for coefficient in coefficients[2:]:
        _multiply_add(y, x, coefficient)
    y *= x
    return _round(y)


def _log(u: np.ndarray) -> np.ndarray:
    """The logarithm of u in (0, 1]."""
    x, exponent = np.frexp(u)
    small = x < _SQRT_HALF
    power = (exponent - small).astype(np.float64)
    x += x * small
    x -= 1.0  # u = (1 + x) 2**power, 1 + x in [sqrt(1/2), sqrt 2)
    square = _round(x * x)
    y = _multiply_add(_polynomial(_LOG, x), square, _round(power * _LOG_2_REST))
    square *= 0.5
    y -= square
    x += _round(y)
    return _multiply_add(power, _LOG_2, _round(x))


def _sin_cos(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of theta in [0, 2 pi], as float32."""
    octant = (theta.astype(np.float32) * np.float32(_4_PI)).astype(np.int32)
    octant += 1
    octant &= ~1  # even: the nearest multiple of pi/2, twice
    turns, x = octant.astype(np.float64), theta
    for part in _PI_4:
        x -= turns * part
        _round(x)
    square = _round(x * x)
    half = 0.5 * square
    cos = _multiply_add(_polynomial(_COS, square), square, -half)
    cos += 1.0
    sin = _multiply_add(_polynomial(_SIN, square), x, x)
    return _turn(sin.astype(np.float32), cos.astype(np.float32), octant)


def _turn(sin: np.ndarray, cos: np.ndarray, octant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn by ``octant`` (even) times pi/4, in place: an odd number of right angles swaps sine and cosine."""
    sin_bits, cos_bits = sin.view(np.int32), cos.view(np.int32)  # several times faster than choosing by a mask
    swap = (sin_bits ^ cos_bits) & -((octant >> 1) & 1)
    sin_bits ^= swap
    cos_bits ^= swap
    sin_bits ^= (octant & 4) << 29  # the sign bit
    cos_bits ^= ((octant + 2) & 4) << 29
    return sin, cos
