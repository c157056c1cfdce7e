"""Complex numbers and the real ones of Gauss's product, over contiguous arrays of either width."""

from __future__ import annotations

import numpy as np

from .elements import TASK, Fields, doubles, floats
from .emit import next_ticket
from .jit import njit
from .launch import Kernel

_fields = Fields("numbers", "re", "im", "sum", "size", "element", "joins")
frame_at = _fields.reader


@njit(error_model="numpy")
def turn(numbers, re, im, sums, joins):
    """Numbers become parts, or products of such parts numbers."""
    for i in range(len(re)):
        if joins:
            x, y = re[i], im[i]
            numbers[2 * i] = x - y
            numbers[2 * i + 1] = sums[i] - (x + y)
        else:
            x, y = numbers[2 * i], numbers[2 * i + 1]
            re[i] = x
            im[i] = y
            sums[i] = x + y


def _turn(frame, unused_a, unused_b, bias, out, scratch, worker):
    f = frame_at(frame)
    while True:
        first = next_ticket(scratch) * TASK
        if first >= f.size:
            break
        n, at = min(TASK, f.size - first), f.element * first
        numbers, re, im, sums = f.numbers + 2 * at, f.re + at, f.im + at, f.sum + at
        if f.element == 4:
            turn(floats(numbers, 2 * n), floats(re, n), floats(im, n), floats(sums, n), f.joins)
        else:
            turn(doubles(numbers, 2 * n), doubles(re, n), doubles(im, n), doubles(sums, n), f.joins)


_kernel = Kernel(_turn)


def _run(numbers: np.ndarray, parts: list[np.ndarray], joins: bool) -> None:
    values = dict(zip(_fields.names, (numbers, *parts, numbers.size, parts[0].itemsize, joins)))
    _fields.run(_kernel, -(-numbers.size // TASK), values)


def split_parts(numbers: np.ndarray, parts: list[np.ndarray]) -> None:
    """parts = real part, imaginary part and their sum, of a contiguous complex array."""
    _run(numbers, parts, joins=False)


def join_products(numbers: np.ndarray, parts: list[np.ndarray]) -> None:
    """numbers = (re - im) + i (sum - (re + im)), of the products of such parts."""
    _run(numbers, parts, joins=True)
