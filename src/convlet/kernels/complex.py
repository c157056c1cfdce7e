"""Complex numbers and the real ones of Gauss's product, over contiguous arrays of either width."""

from __future__ import annotations

import numpy as np

from .elements import TASK, Fields, doubles, floats
from .emit import next_ticket
from .jit import njit
from .launch import Kernel

_fields = Fields("numbers", "re", "im", "sum", "size")
frame_at = _fields.reader


@njit(error_model="numpy")
def split(numbers, re, im, sums):
    for i in range(len(re)):
        x, y = numbers[2 * i], numbers[2 * i + 1]
        re[i] = x
        im[i] = y
        sums[i] = x + y


@njit(error_model="numpy")
def join(numbers, re, im, sums):
    for i in range(len(re)):
        x, y = re[i], im[i]
        numbers[2 * i] = x - y
        numbers[2 * i + 1] = sums[i] - (x + y)


def _split_f32(frame, unused_a, unused_b, bias, out, scratch, worker):
    f = frame_at(frame)
    while True:
        first = next_ticket(scratch) * TASK
        if first >= f.size:
            break
        n, at = min(TASK, f.size - first), 4 * first
        split(floats(f.numbers + 2 * at, 2 * n), floats(f.re + at, n), floats(f.im + at, n), floats(f.sum + at, n))


def _split_f64(frame, unused_a, unused_b, bias, out, scratch, worker):
    f = frame_at(frame)
    while True:
        first = next_ticket(scratch) * TASK
        if first >= f.size:
            break
        n, at = min(TASK, f.size - first), 8 * first
        split(doubles(f.numbers + 2 * at, 2 * n), doubles(f.re + at, n), doubles(f.im + at, n), doubles(f.sum + at, n))


def _join_f32(frame, unused_a, unused_b, bias, out, scratch, worker):
    f = frame_at(frame)
    while True:
        first = next_ticket(scratch) * TASK
        if first >= f.size:
            break
        n, at = min(TASK, f.size - first), 4 * first
        join(floats(f.numbers + 2 * at, 2 * n), floats(f.re + at, n), floats(f.im + at, n), floats(f.sum + at, n))


def _join_f64(frame, unused_a, unused_b, bias, out, scratch, worker):
    f = frame_at(frame)
    while True:
        first = next_ticket(scratch) * TASK
        if first >= f.size:
            break
        n, at = min(TASK, f.size - first), 8 * first
        join(doubles(f.numbers + 2 * at, 2 * n), doubles(f.re + at, n), doubles(f.im + at, n), doubles(f.sum + at, n))


_split = {4: Kernel(_split_f32), 8: Kernel(_split_f64)}
_join = {4: Kernel(_join_f32), 8: Kernel(_join_f64)}


def _run(kernels: dict[int, Kernel], numbers: np.ndarray, parts: list[np.ndarray]) -> None:
    values = dict(zip(_fields.names, (numbers, *parts, numbers.size)))
    _fields.run(kernels[parts[0].itemsize], -(-numbers.size // TASK), values)


def split_parts(numbers: np.ndarray, parts: list[np.ndarray]) -> None:
    """parts = real part, imaginary part and their sum, of a contiguous complex array."""
    _run(_split, numbers, parts)


def join_products(numbers: np.ndarray, parts: list[np.ndarray]) -> None:
    """numbers = (re - im) + i (sum - (re + im)), of the products of such parts."""
    _run(_join, numbers, parts)
