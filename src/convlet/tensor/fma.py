"""a * b + c with one rounding, as a processor's fused multiply-add gives it.

PyTorch's compiled loops contain fused multiply-adds, so equal bits need them here too; NumPy has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def fma(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """a * b + c in the type of ``a`` (float32 or float64), rounded once; ``b`` and ``c`` are of that type
    too."""
    if a.dtype == np.float32:
        # The product of two float32 is exact in float64. The sum is too, unless |c| and |b| are more than
        # 2**5 apart, where one result in 2**28 is rounded twice.
        wide = a.astype(np.float64)
        wide *= b
        wide += c
        return wide.astype(np.float32)
    if max(abs(b), abs(c)) > 2.0**900:  # the splitting below must not overflow
        return fma(a, b * 2.0**-128, c * 2.0**-128) * 2.0**128
    # Boldo & Melquiond, "Emulation of FMA and correctly rounded sums" (2008): the exact product and sums are
    # held as pairs, and the low parts are added with rounding to odd, which makes the last addition's
    # rounding the only one.
    product, product_low = _exact_product(a, b)
    high, low = _exact_sum(product_low, c)
    total, total_low = _exact_sum(product, high)
    return total + _sum_to_odd(low, total_low)


def _exact_sum(a: np.ndarray, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Knuth's two-sum: the rounded sum and what rounding lost."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _exact_product(a: np.ndarray, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Dekker's product: the rounded product and what rounding lost."""
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(np.float64(b))
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _halves(a: Any) -> tuple[Any, Any]:
    """Veltkamp's splitting of float64 into two numbers of 26 bits."""
    scaled = a * (2.0**27 + 1)
    high = scaled - (scaled - a)
    return high, a - high


def _sum_to_odd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b; where that is not exact, the neighbour whose last bit is set."""
    total, lost = _exact_sum(a, b)
    even = (total.view(np.int64) & 1) == 0
    towards = np.where(lost > 0, np.inf, -np.inf)
    return np.where((lost != 0) & even, np.nextafter(total, towards), total)
