"""A step length along a direction that satisfies the strong Wolfe conditions.

Source: Nocedal and Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6, with cubic interpolation (3.59).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..autograd.variable import Array

DECREASE = 1e-4  # the loss must fall by this share of what the slope promises
CURVATURE = 0.9  # the slope must shrink to this share
ITERATIONS = 25  # of bracketing and narrowing together


class Point(NamedTuple):
    """The loss, its gradient and its slope at a step length."""

    step: float
    loss: float
    gradient: Array
    slope: float


def strong_wolfe(
    at: Callable[[float], tuple[float, Array]],
    step: float,
    direction: Array,
    loss: float,
    gradient: Array,
    slope: float,
    tolerance: float,
    limit: int,
) -> tuple[float, Array, float, int]:
    """(loss, gradient, step length, evaluations); ``at(step)`` gives the loss and the gradient at a step length.

    It gives up after ``limit`` iterations with the best step length found.
    """
    size = float(np.abs(direction).max())
    limit = min(limit, ITERATIONS)
    start = Point(0.0, loss, gradient, slope)

    def look(step: float) -> Point:
        value, found = at(step)
        return Point(step, value, found, float(found @ direction))

    def falls_short(point: Point) -> bool:
        return point.loss > loss + DECREASE * point.step * slope

    previous, point = start, look(step)
    evaluations, iteration = 1, 0
    bracket: list[Point] = []
    done = False
    while iteration < limit:
        if falls_short(point) or (iteration > 1 and point.loss >= previous.loss):
            bracket = [previous, point]
            break
        if abs(point.slope) <= -CURVATURE * slope:
            bracket, done = [point], True
            break
        if point.slope >= 0:
            bracket = [previous, point]
            break
        low, high = point.step + 0.01 * (point.step - previous.step), point.step * 10
        further = _cubic(previous, point, low, high)
        previous, point = point, look(further)
        evaluations += 1
        iteration += 1
    else:
        bracket = [start, point]

    stuck = False
    while not done and iteration < limit:
        best, worst = sorted(bracket, key=lambda each: each.loss)
        low, high = sorted(each.step for each in bracket)
        width = high - low
        if width * size < tolerance:
            break
        middle = _cubic(bracket[0], bracket[1], low, high)
        if min(high - middle, middle - low) / width < 0.1:  # too near an end to make progress
            if stuck or middle >= high or middle <= low:
                middle = high - 0.1 * width if abs(middle - high) < abs(middle - low) else low + 0.1 * width
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = look(middle)
        evaluations += 1
        iteration += 1
        if falls_short(point) or point.loss >= best.loss:
            worst = point
        else:
            if abs(point.slope) <= -CURVATURE * slope:
                done = True
            elif point.slope * (worst.step - best.step) >= 0:
                worst = best
            best = point
        bracket = [best, worst]
    chosen = min(bracket, key=lambda each: each.loss)
    return chosen.loss, chosen.gradient, chosen.step, evaluations


def _cubic(a: Point, b: Point, low: float, high: float) -> float:
    """The minimum within [low, high] of the cubic through two points with their slopes; else the middle."""
    if a.step == b.step:
        return (low + high) / 2
    first = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
    square = first * first - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    root = math.sqrt(square)
    if a.step <= b.step:
        place = b.step - (b.step - a.step) * ((b.slope + root - first) / (b.slope - a.slope + 2 * root))
    else:
        place = a.step - (a.step - b.step) * ((a.slope + root - first) / (a.slope - b.slope + 2 * root))
    return min(max(place, low), high)
