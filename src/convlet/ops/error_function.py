"""The error function, its complement and its inverse, on arrays; NumPy has none of them.

    erf x = 2 / sqrt(pi) * integral of exp(-u**2) du from 0 to x,    erfc x = 1 - erf x

Near 0, erf x = x Q(x**2). Elsewhere erfc x = exp(-x**2) / (1 + 2 x) P(t) for x >= 0, with t = (x - k) / (x + k) and
k = 3.75, which maps all of [0, infinity) to [-1, 1) (Shepherd and Laframboise, "Chebyshev approximation of
(1 + 2x) exp(x**2) erfc x in 0 <= x < infinity", Mathematics of Computation 36, 1981). P and Q are Chebyshev series
of 12 and 7 terms for float32, 24 and 12 for float64, computed with 40 digits and written as polynomials, highest
power first. Relative errors are a few units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..autograd.variable import Array

_SCALED_32 = (
    -0.00022411675308831036, 0.0003963076160289347, 0.0016759121790528297, -0.009844494983553886,
    0.02840925194323063, -0.05864685773849487, 0.09229076653718948, -0.10881426930427551,
    0.08227842301130295, 0.0035862703807651997, -0.1402406543493271, 1.2375125885009766,
)  # fmt: skip
_SCALED_64 = (
    3.1114333809799254e-10, -2.623107347133476e-09, -3.744210080962018e-09, 3.197926671666804e-08,
    2.3263508708859124e-08, -2.4857126248016745e-07, -5.7218230603224086e-08, 1.7419821586224816e-06,
    -9.73559896736775e-07, -1.1438048033346894e-05, 2.238423915508223e-05, 5.164652974177416e-05,
    -0.0002901540805408417, 0.000293714378044958, 0.0017556258528952954, -0.009746579683265262,
    0.028362277418956406, -0.05869339857664934, 0.09230432116037748, -0.10880393014244462,
    0.0822767384901452, 0.0035854154854790257, -0.14024059858554697, 1.2375126308378275,
)  # fmt: skip
_NEAR_0_64 = (
    -7.795898827002142e-10, 1.3720064546777686e-08, -1.6208483801871705e-07, 1.6447424703317362e-06,
    -1.492473690741966e-05, 0.00012055294904839707, -0.0008548325975389692, 0.0052239776071164225,
    -0.02686617064323777, 0.11283791670945006, -0.37612638903183543, 1.1283791670955126,
)  # fmt: skip
_NEAR_0_32 = (
    7.875874871388078e-05, -0.000801686430349946, 0.005189087241888046, -0.02685421146452427,
    0.11283594369888306, -0.3761262595653534, 1.1283791065216064,
)  # fmt: skip


CHUNK = 8192  # elements at a time: the intermediate results stay in the cache


def _in_chunks(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """``function`` of 1-d arrays for arrays of any shape."""

    def compute(x: Array) -> Array:
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])  # as it lies in memory
        source = np.ascontiguousarray(x.transpose(order)).reshape(-1)
        target = np.empty_like(source)
        for start in range(0, x.size, CHUNK):
            target[start : start + CHUNK] = function(source[start : start + CHUNK])
        return target.reshape([x.shape[axis] for axis in order]).transpose(np.argsort(order))

    return compute


@_in_chunks
def erf_of(x: Array) -> Array:
    """erf of a float32 or float64 array."""
    size = np.abs(x)
    inner = np.minimum(size, x.dtype.type(1))
    near = inner * _polynomial(_NEAR_0_64 if x.dtype == np.float64 else _NEAR_0_32, inner * inner)
    if not (size < 1).all():
        near = np.where(size < 1, near, 1 - _scaled(size, np.exp(-size * size)))
    return np.copysign(near, x)


@_in_chunks
def erfc_of(x: Array) -> Array:
    """erfc of a float32 or float64 array; its relative accuracy holds for large x too, where it is tiny."""
    size = np.minimum(np.abs(x), 30)  # beyond, erfc is 0 in float64; NaN stays
    coarse = np.floor(size * 16) / 16  # its square is exact, so the exponential's argument is not rounded
    tail = _scaled(size, np.exp(-coarse * coarse) * np.exp((coarse - size) * (coarse + size)))
    return np.where(x > 0.5, tail, np.where(x < -1, 2 - tail, 1 - erf_of(np.clip(x, -1, 0.5))))


def _scaled(x: Array, exponential: Array) -> Array:
    """erfc x for x >= 0, given exp(-x**2)."""
    x = np.minimum(x, 1e18)  # infinity / infinity is none
    coefficients = _SCALED_64 if x.dtype == np.float64 else _SCALED_32
    return exponential / (1 + 2 * x) * _polynomial(coefficients, (x - 3.75) / (x + 3.75))


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Horner's rule, highest power first."""
    result = np.full_like(x, coefficients[0])
    for each in coefficients[1:]:
        result *= x
        result += x.dtype.type(each)
    return result


@_in_chunks
def erfinv_of(y: Array) -> Array:
    """The x with erf x = y, by Halley's iteration in float64 from Winitzki's estimate (2008)."""
    goal = y.astype(np.float64)
    magnitude = np.abs(goal)
    log = np.log1p(-goal * goal)
    a = 2 / (math.pi * 0.147) + log / 2
    x = np.sqrt(np.sqrt(a * a - log / 0.147) - a)
    for _ in range(3):
        # erf x - y, as a difference of complements where these are more exact
        residual = np.where(magnitude > 0.5, (1 - magnitude) - erfc_of(x), erf_of(x) - magnitude)
        step = residual / (2 / math.sqrt(math.pi) * np.exp(-x * x))
        x = x - step / (1 + x * step)
    x = np.where(magnitude == 1, math.inf, np.where(magnitude > 1, math.nan, x))
    return np.copysign(x, goal).astype(y.dtype)
