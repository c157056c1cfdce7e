"""Batch norm of float32 images, one channel after the other, so that the second pass over it reads the cache.

    training   mean, var of a channel over images and positions; out = (x - mean) * scale + bias
    gradient   sums of g and g * (x - mean); into = (g - c0) * c1 - (x - mean) * c2, or g * c1 with fixed statistics

With bounds, a clamp followed (a ReLU): of g only what lies where out was inside them counts, which is computed again
instead of being read.

A channel's sums are taken in float64 by one worker in the order of the images: the same bits for any number of
threads. They are sums of x minus the channel's first element, so that a large mean costs no digits of the variance.
Images lie n, c, position; or, where the channels lie side by side, in rows of channels: then the sums are taken for
blocks of rows, and added in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from ..runtime import memory
from . import emit, target
from .elements import TASK, Fields, doubles, floats
from .elementwise import _keep
from .factors import NO_SHIFT, constants, scale_of
from .jit import cgutils, njit
from .lanes import Formula, Lanes
from .launch import Kernel, next_task

_fields = Fields(
    "n", "c", "hw", "count",  # images, channels, positions; planes of a task where planes are tasks
    "x", "g", "out",  # float32 arrays of one layout
    "mean", "var", "eps",  # float64: of each channel
    "weight", "bias",  # float32 of each channel, or 0
    "bounds",  # two float32, or 0
    "sum_g", "sum_gx",  # float64 results of the gradient, of each channel
    "fixed",  # whether mean and var were given, and do not depend on x
)  # fmt: skip
# Where channels lie side by side: rows of c channels, `count` rows a task; float32 factors of each channel, and
# float64 sums[task][2][c].
_row_fields = Fields("rows", "c", "count", "x", "g", "out", "mean", "sums", "c0", "c1", "c2")
row_frame_at = _row_fields.reader
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
    return [(g - c0) * scale - (x - mean) * c2]


def _input_gradient_within(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return _input_gradient(numbers, x, _inside(numbers, x, g))


def _times(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return [g * numbers[1]]


def _times_within(numbers: Sequence[Lanes], x: Lanes, g: Lanes) -> list[Lanes]:
    return _times(numbers, x, _inside(numbers, x, g))


normalise = Formula("normalise", _normalise, (0,), (1,), 3).step
# These read ahead the same plane of the next channel.
normalise_on = Formula("normalise_on", _normalise, (0,), (1,), 3, (2,)).step
input_gradient = Formula("input_gradient", _input_gradient, (0, 1), (2,), 7, (3, 4)).step
input_gradient_within = Formula("input_gradient_within", _input_gradient_within, (0, 1), (2,), 7, (3, 4)).step
times = Formula("times", _times, (0, 1), (2,), 2, (3, 4)).step
times_within = Formula("times_within", _times_within, (0, 1), (2,), 5, (3, 4)).step


@njit(error_model="numpy")
def _scale_of(f, c):
    """(weight / standard deviation) of a channel."""
    scale = 1 / np.sqrt(doubles(f.var, f.c)[c] + doubles(f.eps, 1)[0])
    if f.weight:
        scale *= np.float64(floats(f.weight, f.c)[c])
    return scale


@njit(error_model="numpy")
def _write_numbers(f, c, slot):
    """Those of a channel that say what its output is: as `constants` has them."""
    numbers = floats(slot + NUMBERS, 5)
    numbers[0] = np.float32(doubles(f.mean, f.c)[c])
    numbers[1] = np.float32(_scale_of(f, c))
    numbers[2] = floats(f.bias, f.c)[c] if f.bias else NO_SHIFT
    if f.bounds:
        numbers[3], numbers[4] = floats(f.bounds, 2)[0], floats(f.bounds, 2)[1]


@njit(error_model="numpy")
def _write_plane(f, at, slot):
    """The output of the plane that many bytes from the first."""
    normalise_on(f.hw, slot + NUMBERS, f.x + at, f.out + at, f.x + at + 4 * f.hw, 0, 0)


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


def _training(frame, a, b, bias, out, scratch, worker):
    """A task is a channel: its moments, then its output."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * SLOT
    sums = doubles(slot, 3)
    plane, step = 4 * f.hw, 4 * f.c * f.hw
    while True:
        c = next_task(scratch, worker, f.c)
        if c >= f.c:
            break
        x = f.x + c * plane
        shift = np.float64(floats(x, 1)[0])
        if not np.isfinite(shift):
            shift = 0.0
        sums[2] = shift
        moments(f.n, step, f.hw, x, 0, 0, slot)
        count = np.float64(f.n * f.hw)
        off = sums[0] / count
        var = sums[1] / count - off * off
        doubles(f.mean, f.c)[c] = shift + off
        doubles(f.var, f.c)[c] = 0.0 if var < 0 else var
        _write_numbers(f, c, slot)
        for image in range(f.n):
            _write_plane(f, image * step + c * plane, slot)


def _fixed(frame, a, b, bias, out, scratch, worker):
    """With known constants, of which weight is the scale, all of them float32; a task is a few planes."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * SLOT
    numbers = floats(slot + NUMBERS, 3)
    mean, scale, shift = floats(f.mean, f.c), floats(f.weight, f.c), floats(f.bias, f.c)
    planes = f.n * f.c
    tasks = -(-planes // f.count)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        for plane in range(task * f.count, min((task + 1) * f.count, planes)):
            c = plane % f.c
            numbers[0], numbers[1], numbers[2] = mean[c], scale[c], shift[c]
            at = 4 * plane * f.hw
            normalise(f.hw, slot + NUMBERS, f.x + at, f.out + at, 0, 0, 0)


def _gradient(frame, a, b, bias, out, scratch, worker):
    """A task is a channel: its sums, then the gradient by the input, which may take the place of g."""
    f = frame_at(frame)
    slot = scratch + 64 + worker * SLOT
    sums, numbers = doubles(slot, 3), floats(slot + NUMBERS, 7)
    plane, step = 4 * f.hw, 4 * f.c * f.hw
    while True:
        c = next_task(scratch, worker, f.c)
        if c >= f.c:
            break
        x, g = f.x + c * plane, f.g + c * plane
        _write_numbers(f, c, slot)
        sums[2] = doubles(f.mean, f.c)[c]
        if f.bounds:
            gradient_sums_within(f.n, step, f.hw, x, g, slot + NUMBERS, slot)
        else:
            gradient_sums(f.n, step, f.hw, x, g, 0, slot)
        total, product = sums[0], sums[1]
        square = 1 / (doubles(f.var, f.c)[c] + doubles(f.eps, 1)[0])
        doubles(f.sum_g, f.c)[c] = total
        doubles(f.sum_gx, f.c)[c] = product * np.sqrt(square)
        count = np.float64(f.n * f.hw)
        numbers[5], numbers[6] = np.float32(total / count), np.float32(_scale_of(f, c) * square * product / count)
        for image in range(f.n):
            _write_gradient(f, image * step + c * plane, slot)


# Rows of channels: the lanes are channels.


def _row_sums(frame, a, b, bias, out, scratch, worker):
    """sums[task] = (x - mean, (x - mean)^2), or with g (g, g * (x - mean)), over the rows of a task."""
    f = row_frame_at(frame)
    tasks = -(-f.rows // f.count)
    mean = doubles(f.mean, f.c)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        first = task * f.count
        one, two = doubles(f.sums + 16 * task * f.c, f.c), doubles(f.sums + 16 * task * f.c + 8 * f.c, f.c)
        for c in range(f.c):
            one[c], two[c] = 0.0, 0.0
        for row in range(first, min(first + f.count, f.rows)):
            x = floats(f.x + 4 * row * f.c, f.c)
            if f.g:
                g = floats(f.g + 4 * row * f.c, f.c)
                for c in range(f.c):
                    one[c] += np.float64(g[c])
                    two[c] += np.float64(g[c]) * (np.float64(x[c]) - mean[c])
            else:
                for c in range(f.c):
                    d = np.float64(x[c]) - mean[c]
                    one[c] += d
                    two[c] += d * d


def _row_normalise(frame, a, b, bias, out, scratch, worker):
    """out = (x - c0) * c1 + c2, without c2 if that is 0."""
    f = row_frame_at(frame)
    tasks = -(-f.rows // f.count)
    c0, c1 = floats(f.c0, f.c), floats(f.c1, f.c)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        first = task * f.count
        for row in range(first, min(first + f.count, f.rows)):
            x, to = floats(f.x + 4 * row * f.c, f.c), floats(f.out + 4 * row * f.c, f.c)
            if f.c2:
                c2 = floats(f.c2, f.c)
                for c in range(f.c):
                    to[c] = (x[c] - c0[c]) * c1[c] + c2[c]
            else:
                for c in range(f.c):
                    to[c] = (x[c] - c0[c]) * c1[c]


def _row_gradient(frame, a, b, bias, out, scratch, worker):
    """out = (g - c0) * c1 - (x - mean) * c2."""
    f = row_frame_at(frame)
    tasks = -(-f.rows // f.count)
    c0, c1, c2, mean = floats(f.c0, f.c), floats(f.c1, f.c), floats(f.c2, f.c), floats(f.mean, f.c)
    while True:
        task = next_task(scratch, worker, tasks)
        if task >= tasks:
            break
        first = task * f.count
        for row in range(first, min(first + f.count, f.rows)):
            at = 4 * row * f.c
            x, g, to = floats(f.x + at, f.c), floats(f.g + at, f.c), floats(f.out + at, f.c)
            for c in range(f.c):
                to[c] = (g[c] - c0[c]) * c1[c] - (x[c] - mean[c]) * c2[c]


_kernels = {
    "training": Kernel(_training),
    "fixed": Kernel(_fixed),
    "gradient": Kernel(_gradient),
    "row sums": Kernel(_row_sums),
    "row normalise": Kernel(_row_normalise),
    "row gradient": Kernel(_row_gradient),
}


def _run(name: str, tasks: int, x: np.ndarray, count: int = 0, **values: Any) -> None:
    n, c = x.shape[:2]
    names: dict[str, Any] = dict.fromkeys(_fields.names)
    names.update(values, x=x, n=n, c=c, hw=x.size // (n * c), count=count)
    names["eps"] = np.array([values["eps"]], np.float64)
    if names["bounds"] is not None:
        names["bounds"] = np.array(names["bounds"], np.float32)
    _fields.run(_kernels[name], tasks, names, SLOT)


def _run_rows(name: str, x: np.ndarray, **values: Any) -> None:
    channels = x.shape[1]
    rows = x.size // channels
    count = max(1, TASK // channels)
    fields: dict[str, Any] = dict.fromkeys(_row_fields.names)
    fields.update(values, x=x, rows=rows, c=channels, count=count)
    _row_fields.run(_kernels[name], -(-rows // count), fields)


def _sums_of_rows(x: np.ndarray, mean: np.ndarray, g: np.ndarray | None = None) -> np.ndarray:
    """[2][c]: see _row_sums; those of the tasks added in their order."""
    channels = x.shape[1]
    tasks = -(-(x.size // channels) // max(1, TASK // channels))
    sums = np.empty((tasks, 2, channels))
    _run_rows("row sums", x, g=g, mean=mean, sums=sums)
    return np.add.reduce(sums, axis=0)


def training(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    eps: float,
    out: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fills out from x[n, c, ...], contiguous or channels-last; (mean, biased variance) of each channel in float64."""
    channels = x.shape[1]
    if not x.flags.c_contiguous:
        shift = x[0, :, 0, 0].astype(np.float64)
        shift[~np.isfinite(shift)] = 0
        off, square = _sums_of_rows(x, shift) / (x.size // channels)
        mean, var = shift + off, np.maximum(square - off * off, 0)
        fixed(x, weight, bias, mean, var, eps, out)
        return mean, var
    mean, var = np.empty(channels), np.empty(channels)
    _run("training", channels, x, weight=weight, bias=bias, eps=eps, out=out, mean=mean, var=var)
    return mean, var


def apply(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, shift: np.ndarray, out: np.ndarray) -> None:
    """Fills out, which may be x, from x[n, c, ...] (as for :func:`training`) and the constants of each channel."""
    if not x.flags.c_contiguous:
        _run_rows("row normalise", x, out=out, c0=mean, c1=scale, c2=shift)
        return
    planes = x.shape[0] * x.shape[1]
    count = max(1, TASK * planes // x.size)
    tasks = -(-planes // count)
    _run("fixed", tasks, x, count, weight=scale, bias=shift, eps=0.0, out=out, mean=mean)


def fixed(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    out: np.ndarray,
) -> None:
    """Fills out from x[n, c, ...] (as for :func:`training`) and the float64 statistics of each channel."""
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
) -> tuple[np.ndarray, np.ndarray]:
    """Fills out with the gradient by x of batch norm; float64 sums of (g, g * xhat) of each channel.

    ``fixed``: the statistics were given; else they are those of x, and the gradient goes through them, too. Where
    the arrays are contiguous, out may be grad itself, and there may be ``bounds``: grad is then the gradient of what a
    clamp leaves of the result, which ``bias`` belongs to.
    """
    channels = x.shape[1]
    if not x.flags.c_contiguous:
        total, product = _sums_of_rows(x, mean, grad)
        count, scale = x.size // channels, scale_of(weight, var, eps)
        if fixed:
            _run_rows("row normalise", grad, out=out, c0=np.zeros(channels, np.float32), c1=scale.astype(np.float32))
        else:
            factors = total / count, scale, scale / (var + eps) * product / count, mean
            c0, c1, c2, mean32 = (each.astype(np.float32) for each in factors)
            _run_rows("row gradient", x, g=grad, out=out, c0=c0, c1=c1, c2=c2, mean=mean32)
        return total, product / np.sqrt(var + eps)
    sum_g, sum_gx = np.empty(channels), np.empty(channels)
    values: dict[str, Any] = {"weight": weight, "bias": bias, "eps": eps, "g": grad, "out": out, "bounds": bounds}
    _run("gradient", channels, x, mean=mean, var=var, sum_g=sum_g, sum_gx=sum_gx, fixed=int(fixed), **values)
    return sum_g, sum_gx
