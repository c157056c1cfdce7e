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
            radius = _round(np.sqrt(-2.0 * _log(1.0 - u1)))
            sin, cos = _sin_cos(_round(_2PI * u2))
            block[:, 0] = _round(radius * cos) * std + mean
            block[:, 1] = _round(radius * sin) * std + mean


def _round(x: np.ndarray) -> np.ndarray:
    """Round to float32, in place."""
    x[...] = x.astype(np.float32)
    return x


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Horner's rule with fused multiply-adds, highest power first."""
    y = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        y *= x
        y += coefficient
        _round(y)
    return y


def _log(u: np.ndarray) -> np.ndarray:
    """The logarithm of u in (0, 1]."""
    x, exponent = np.frexp(u)
    small = x < _SQRT_HALF
    power = (exponent - small).astype(np.float64)
    x = np.where(small, 2.0 * x, x) - 1.0  # u = (1 + x) 2**power, 1 + x in [sqrt(1/2), sqrt 2)
    square = _round(x * x)
    y = _round(_polynomial(_LOG, x) * x)
    y = _round(y * square + _round(power * _LOG_2_REST))
    y = _round(y - 0.5 * square)
    return _round(_round(x + y) + power * _LOG_2)


def _sin_cos(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of theta in [0, 2 pi]."""
    octant = (_round(theta * _4_PI).astype(np.int32) + 1) & ~1  # even: the nearest multiple of pi/2, twice
    x = theta
    for part in _PI_4:
        x = _round(x - octant * part)
    square = _round(x * x)
    cos = _round(_polynomial(_COS, square) * square)
    cos = _round(cos * square - 0.5 * square)
    cos = _round(cos + 1.0)
    sin = _round(_polynomial(_SIN, square) * square)
    sin = _round(sin * x + x)
    odd = (octant & 2) != 0  # an odd number of right angles: sine and cosine change places
    sin, cos = np.where(odd, cos, sin), np.where(odd, sin, cos)
    sin_negative, cos_negative = (octant & 4) != 0, ((octant + 2) & 4) != 0
    return np.where(sin_negative, -sin, sin), np.where(cos_negative, -cos, cos)
