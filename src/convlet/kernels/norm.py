"""Batch norm of float32 images, one channel after the other, so that the second pass over it reads the cache.

    training   mean, var of a channel over images and positions; out = (x - mean) * scale + bias
    gradient   sums of g and g * (x - mean); into = g * scale - c0 - (x - mean) * c2, or g * scale: fixed statistics

The sum with another array and a clamp may follow while the output is written. The gradient of a clamp may come first
(a ReLU's): of g only what lies where out was inside its bounds counts, which is computed again instead of being read.

Statistics may be those of several channels, parts of a unit, each with a weight and a bias of its own: group norm is
the batch norm of one image whose channels are all groups.

A unit's sums are taken in float64 by one worker in the order of the images: the same bits for any number of threads.
They are sums of x minus the unit's first element, so that a large mean costs no digits of the variance. Images lie n,
c, position; where the channels lie side by side, norm_rows.py is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from ..runtime import memory
from . import emit, norm_rows, target
from .elements import TASK, Fields, doubles, floats
from .elementwise import _clamp, _keep
from .factors import NO_SHIFT, constants
from .jit import cgutils, njit
from .lanes import Formula, Lanes
from .launch import Kernel, next_task

_fields = Fields(
    "n", "units", "parts", "hw", "count",  # images, units, channels of one, positions; planes of a task if these are
    "x", "g", "other", "out",  # float32 arrays of one layout; other is added
    "mean", "var", "scalars",  # float64: of each unit; eps, momentum, and what makes a variance that of all
    "running_mean", "running_var",  # float32 of each unit, or 0: these are moved
    "weight", "bias", "channels",  # float32 of each channel, or 0, and how many
    "bounds",  # two float32, or 0
    "sum_g", "sum_gx",  # float64 results of the gradient, of each channel
    "fixed",  # whether mean and var were given, and do not depend on x
)  # fmt: skip
frame_at = _fields.reader
SLOT = 64  # bytes of each worker: three float64 (two sums and a shift), and the float32 numbers of a channel
NUMBERS = 32  # where these begin


def _normalise(numbers: Sequence[Lanes], x: Lanes) -> list[Lanes]:
    mean, scale, bias = numbers
    return [(x - mean) * scale + bias]


def _inside(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> Lanes:
    """g where the result was inside the bounds."""
    return _keep(numbers[3:5], _normalise(numbers[:3], x)[0], g)[0]


def _sums(with_gradient: bool, within: bool = False) -> Any:
    """step(planes, plane_step, count, x, g, numbers, slot): float64 sums over all planes, to the slot.

        sum of e, sum of e * d    where d = x - shift and e is g, or d without a gradient

    Vectors of float64 that several sums at a time run through, so that no sum waits for another.
    """
    at_once = 4

    def emit_sums(
        builder: Any, planes: Any, plane_step: Any, count: Any, x: Any, g: Any, numbers: Any, slot: Any
    ) -> None:
        lanes = target.current().lanes(8)
        narrow, wide = ir.VectorType(emit.FLOAT, lanes), ir.VectorType(emit.DOUBLE, lanes)
        zero = ir.Constant(wide, [0.0] * lanes)
        middle = emit._splat(builder, emit._load(builder, emit._plus(builder, slot, 16), emit.DOUBLE), lanes)
        same = []
        for i in range(5 if within else 0):
            number = emit._load(builder, emit._plus(builder, numbers, 4 * i), emit.FLOAT)
            same.append(Lanes(builder, emit._splat(builder, number, lanes)))
        sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(at_once)] for _ in range(2)]

        def element(array: Any, at: Any, mask: Any) -> Any:
            address = builder.add(array, at)
            if mask is None:
                return emit._load(builder, address, narrow)
            return emit._load_masked(builder, address, narrow, mask)

        def add(at: Any, i: int, mask: Any = None) -> None:
            value = element(x, at, mask)
            d = builder.fsub(builder.fpext(value, wide), middle)
            if mask is not None:
                d = builder.select(mask, d, zero)
            e = d
            if with_gradient:
                given = element(g, at, mask)
                if within:
                    given = _inside(same, Lanes(builder, value), Lanes(builder, given)).value
                e = builder.fpext(given, wide)
            total, product = sums[0][i], sums[1][i]
            builder.store(builder.fadd(builder.load(total), e), total)
            builder.store(emit._multiply_add(builder, e, d, builder.load(product)), product)

        block = at_once * lanes
        whole = builder.and_(count, emit._constant(-block))
        rest = builder.sub(count, whole)
        # Planes are too short for the processor to see where the next one will be: that of the next image, and after
        # the last image that of the next channel.
        back = builder.mul(plane_step, builder.sub(planes, emit._constant(1)))
        following = builder.sub(builder.mul(count, emit._constant(4)), back)
        with emit._steps(builder, planes, 1) as plane:
            start = builder.mul(plane, plane_step)
            is_last = builder.icmp_signed("==", plane, builder.sub(planes, emit._constant(1)))
            ahead = builder.select(is_last, following, plane_step)
            with emit._steps(builder, whole, block) as first:
                at = builder.add(start, builder.mul(first, emit._constant(4)))
                for i in range(at_once):
                    add(emit._plus(builder, at, 4 * lanes * i), i)
                for array in (x, g) if with_gradient else (x,):
                    soon = builder.add(array, builder.add(at, ahead))
                    for line in range(0, 4 * block, memory.LINE):
                        emit._prefetch(builder, emit._plus(builder, soon, line))
            with emit._steps(builder, rest, lanes) as first:
                at = builder.add(start, builder.mul(builder.add(whole, first), emit._constant(4)))
                add(at, 0, emit._mask(builder, builder.sub(rest, first), lanes))
        for place, parts in enumerate(sums):
            values = [builder.load(part) for part in parts]
            while len(values) > 1:
                values = [builder.fadd(a, b) for a, b in zip(values[::2], values[1::2])]
            total = ir.Constant(emit.DOUBLE, 0.0)
            for lane in range(lanes):
                total = builder.fadd(total, builder.extract_element(values[0], ir.Constant(emit.I32, lane)))
            emit._store(builder, total, emit._plus(builder, slot, 8 * place))

    return emit._intrinsic(7, emit_sums)


moments, gradient_sums, gradient_sums_within = _sums(False), _sums(True), _sums(True, True)

# The numbers of a channel: mean, scale, bias, the bounds, and two of the gradient.


def _input_gradient(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    mean, scale, *_, c0, c2 = numbers
    return [g * scale - c0 - (x - mean) * c2]


def _input_gradient_within(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return _input_gradient(numbers, x, _inside(numbers, x, g))


def _times(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return [g * numbers[1]]


def _times_within(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return _times(numbers, x, _inside(numbers, x, g))


def _finished(add: bool, within: bool) -> Any:
    """step(count, numbers, x, other, out, ...): the output, which reads ahead at the last two places."""

    def compute(numbers: Sequence[Lanes], x: Lanes, *other: Lanes) -> list[Lanes]:
        (y,) = _normalise(numbers[:3], x)
        for each in other:
            y = y + each
        return _clamp(numbers[3:5], y) if within else [y]

    name = "output" + "_added" * add + "_within" * within
    return Formula(name, compute, (0, 1) if add else (0,), (2,), 5 if within else 3, (3, 4) if add else (3,)).step


output, output_within, output_added, output_added_within = (
    _finished(add, within) for add in (False, True) for within in (False, True)
)
# These read ahead the same plane of the next channel.
input_gradient = Formula("input_gradient", _input_gradient, (0, 1), (2,), 7, (3, 4)).step
input_gradient_within = Formula("input_gradient_within", _input_gradient_within, (0, 1), (2,), 7, (3, 4)).step
times = Formula("times", _times, (0, 1), (2,), 2, (3, 4)).step
times_within = Formula("times_within", _times_within, (0, 1), (2,), 5, (3, 4)).step


@njit(error_model="numpy")
def _write_numbers(f, unit, part, slot):
    """Those of a channel that say what its output is: as `constants` has them."""
    numbers = floats(slot + NUMBERS, 5)
    channel = (unit * f.parts + part) % f.channels
    scale = 1 / np.sqrt(doubles(f.var, f.units)[unit] + doubles(f.scalars, 1)[0])
    if f.weight:
        scale *= np.float64(floats(f.weight, f.channels)[channel])
    numbers[0] = np.float32(doubles(f.mean, f.units)[unit])
    numbers[1] = np.float32(scale)
    numbers[2] = floats(f.bias, f.channels)[channel] if f.bias else NO_SHIFT
    if f.bounds:
        numbers[3], numbers[4] = floats(f.bounds, 2)[0], floats(f.bounds, 2)[1]


@njit(error_model="numpy")
def _write_plane(f, at, slot):
    """The output of the plane that many bytes from the first."""
    numbers, x, other, out = slot + NUMBERS, f.x + at, f.other + at, f.out + at
    soon = 4 * f.hw
    if f.other:
        if f.bounds:
            output_added_within(f.hw, numbers, x, other, out, x + soon, other + soon)
        else:
            output_added(f.hw, numbers, x, other, out, x + soon, other + soon)
    elif f.bounds:
        output_within(f.hw, numbers, x, 0, out, x + soon, 0)
    else:
        output(f.hw, numbers, x, 0, out, x + soon, 0)


@njit(error_model="numpy")
def _write_gradient(f, at, slot):
    """The gradient of the plane that many bytes from the first."""
    numbers, x, g, out = slot + NUMBERS, f.x + at, f.g + at, f.out + at
    soon = 4 * f.hw
    if f.fixed:
        if f.bounds:
            times_within(f.hw, numbers, x, g, out, x + soon, g + soon)
        else:
            times(f.hw, numbers, x, g, out, x + soon, g + soon)
    elif f.bounds:
        input_gradient_within(f.hw, numbers, x, g, out, x + soon, g + soon)
    else:
        input_gradient(f.hw, numbers, x, g, out, x + soon, g + soon)


@njit(error_model="numpy")
def _move(running, unit, value, momentum):
    """running = (1 - momentum) * running + momentum * value."""
    array = floats(running, unit + 1)
    array[unit] = np.float32(np.float64(array[unit]) * (1 - momentum) + momentum * value)


def _training(frame, a, b, bias, out, scratch, worker):
    """A task is a unit: its moments, then its output."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * SLOT
    sums, scalars = doubles(slot, 3), doubles(f.scalars, 3)
    plane, step = 4 * f.hw, 4 * f.units * f.parts * f.hw
    while True:
        unit = next_task(scratch, worker, f.units)
        if unit >= f.units:
            break
        first = unit * f.parts * plane
        shift = np.float64(floats(f.x + first, 1)[0])
        if not np.isfinite(shift):
            shift = 0.0
        sums[2] = shift
        moments(f.n, step, f.parts * f.hw, f.x + first, 0, 0, slot)
        count = np.float64(f.n * f.parts * f.hw)
        off = sums[0] / count
        var = sums[1] / count - off * off
        mean, var = shift + off, 0.0 if var < 0 else var
        doubles(f.mean, f.units)[unit], doubles(f.var, f.units)[unit] = mean, var
        if f.running_mean:
            _move(f.running_mean, unit, mean, scalars[1])
            _move(f.running_var, unit, var * scalars[2], scalars[1])
        for part in range(f.parts):
            _write_numbers(f, unit, part, slot)
            for image in range(f.n):
                _write_plane(f, first + part * plane + image * step, slot)


def _fixed(frame, a, b, bias, out, scratch, worker):
    """With known constants, of which weight is the scale, all of them float32; a task is a few planes."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * SLOT
    numbers = floats(slot + NUMBERS, 3)
    mean, scale, shift = floats(f.mean, f.units), floats(f.weight, f.units), floats(f.bias, f.units)
    planes = f.n * f.units
    tasks = -(-planes // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for plane in range(task * f.count, min((task + 1) * f.count, planes)):
            c = plane % f.units
            numbers[0], numbers[1], numbers[2] = mean[c], scale[c], shift[c]
            _write_plane(f, 4 * plane * f.hw, slot)


def _gradient(frame, a, b, bias, out, scratch, worker):
    """A task is a unit: the sums of its channels, then the gradient by the input, which may take the place of g."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * SLOT
    sums, numbers = doubles(slot, 3), floats(slot + NUMBERS, 7)
    plane, step = 4 * f.hw, 4 * f.units * f.parts * f.hw
    while True:
        unit = next_task(scratch, worker, f.units)
        if unit >= f.units:
            break
        first = unit * f.parts * plane
        inverse = 1 / np.sqrt(doubles(f.var, f.units)[unit] + doubles(f.scalars, 1)[0])
        total, product = 0.0, 0.0  # of g * weight, and that times (x - mean) / deviation
        for part in range(f.parts):
            place = unit * f.parts + part
            x, g = f.x + place * plane, f.g + place * plane
            _write_numbers(f, unit, part, slot)
            sums[2] = doubles(f.mean, f.units)[unit]
            if f.bounds:
                gradient_sums_within(f.n, step, f.hw, x, g, slot + NUMBERS, slot)
            else:
                gradient_sums(f.n, step, f.hw, x, g, 0, slot)
            doubles(f.sum_g, place + 1)[place] = sums[0]
            doubles(f.sum_gx, place + 1)[place] = sums[1] * inverse
            weight = np.float64(floats(f.weight, f.channels)[place % f.channels]) if f.weight else 1.0
            total += weight * sums[0]
            product += weight * (sums[1] * inverse)
        count = np.float64(f.n * f.parts * f.hw)
        for part in range(f.parts):
            _write_numbers(f, unit, part, slot)
            numbers[5] = np.float32(inverse * total / count)
            numbers[6] = np.float32(inverse * inverse * product / count)
            for image in range(f.n):
                _write_gradient(f, first + part * plane + image * step, slot)


_kernels = {"training": Kernel(_training), "fixed": Kernel(_fixed), "gradient": Kernel(_gradient)}


def _run(name: str, x: np.ndarray, groups: int | None = None, scalars: Sequence[float] = (0.0,), **values: Any) -> None:
    n, channels = x.shape[:2]
    values["hw"] = hw = x.size // (n * channels)
    if groups is None:
        units, values["n"], values["parts"] = channels, n, 1
    else:
        units, values["n"], values["parts"] = n * groups, 1, channels // groups
    values["x"], values["units"], values["channels"] = x, units, channels
    values["scalars"] = np.array(scalars)
    bounds = values.get("bounds")
    if bounds is not None:
        values["bounds"] = np.array(bounds, np.float32)
    tasks = units
    if name == "fixed":  # of a cacheful of planes
        values["count"] = count = max(1, TASK // hw)
        tasks = -(-n * channels // count)
    _fields.run(_kernels[name], tasks, values, SLOT)


def training(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    eps: float,
    out: np.ndarray,
    groups: int | None = None,
    running: tuple[np.ndarray, np.ndarray, float] | None = None,
    other: np.ndarray | None = None,
    bounds: tuple[float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fills out from x[n, c, ...]; (mean, biased variance) in float64 of each channel, or group of an image.

    `running` are a mean and an (unbiased) variance of each channel that move towards these, and by how much. `other` is
    added to the output, and that clamped to `bounds`, of which NaN is none. The arrays are contiguous; or
    channels-last, without groups, other and bounds.
    """
    n, channels = x.shape[:2]
    count = x.size // (channels if groups is None else n * groups)
    unbiased = count / (count - 1) if count > 1 else 1.0
    if not x.flags.c_contiguous:
        mean, var = norm_rows.moments(x)
        fixed(x, weight, bias, mean, var, eps, out)
        if running is not None:
            for array, value in zip(running[:2], (mean, var * unbiased)):
                array[...] = array.astype(np.float64) * (1 - running[2]) + running[2] * value
        return mean, var
    mean, var = np.empty((2, channels if groups is None else n * groups))
    arrays: dict[str, Any] = {"weight": weight, "bias": bias, "out": out, "other": other, "mean": mean, "var": var}
    momentum = 0.0
    if running is not None:
        arrays["running_mean"], arrays["running_var"], momentum = running
    _run("training", x, groups, (eps, momentum, unbiased), bounds=bounds, **arrays)
    return mean, var


def apply(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, shift: np.ndarray, out: np.ndarray) -> None:
    """Fills out, which may be x, from x[n, c, ...] (contiguous or channels-last) and the constants of each channel."""
    if x.flags.c_contiguous:
        _run("fixed", x, weight=scale, bias=shift, out=out, mean=mean)
    else:
        norm_rows.apply(x, mean, scale, shift, out)


def fixed(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    out: np.ndarray,
) -> None:
    """Fills out from x[n, c, ...] (as for :func:`apply`) and the float64 statistics of each channel."""
    apply(x, *constants(weight, bias, mean, var, eps), out)


def gradient(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    out: np.ndarray,
    fixed: bool = False,
    bias: np.ndarray | None = None,
    bounds: tuple[float, float] | None = None,
    groups: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fills out with the gradient by x of the norm; float64 sums of (g, g * xhat) of each channel.

    ``fixed``: the statistics were given; else they are those of x, and the gradient goes through them, too. Where
    the arrays are contiguous, out may be grad itself, there may be groups, and ``bounds``: grad is then the gradient of
    what a clamp leaves of the result, which ``bias`` belongs to.
    """
    if not x.flags.c_contiguous:
        return norm_rows.gradient(grad, x, weight, mean, var, eps, out, fixed)
    n, channels = x.shape[:2]
    sums = np.empty((2, 1 if groups is None else n, channels))
    values: dict[str, Any] = {"weight": weight, "bias": bias, "g": grad, "out": out, "bounds": bounds}
    values.update(mean=mean, var=var, sum_g=sums[0], sum_gx=sums[1], fixed=int(fixed))
    _run("gradient", x, groups, (eps,), **values)
    sum_g, sum_gx = sums[:, 0] if len(sums[0]) == 1 else np.add.reduce(sums, axis=1)
    return sum_g, sum_gx
