"""convlet.explain: what a convolution computes and costs, which algorithm takes it and why, and how it is cut."""

from __future__ import annotations

import statistics
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from . import conv
from .autograd.mode import no_grad
from .autograd.variable import Variable
from .conv import ConvProblem, receptive_field
from .conv.algorithms import ALGORITHMS, load
from .conv.problem import DIRECTIONS, DTYPES, numpy_dtype
from .conv.select import forced_algorithm
from .conv.tail import extra
from .nn.conv import Conv1d, Conv2d, ConvTranspose2d
from .nn.module import Module
from .tensor.creation import zeros

__all__ = ["Explanation", "NetworkExplanation", "explain"]

CONVOLUTIONS = (Conv1d, Conv2d, ConvTranspose2d)


def explain(
    what: Any, *arguments: Any, direction: str | None = None, measure: bool = False, **options: Any
) -> Explanation | NetworkExplanation:
    """Say what a convolution computes, what it costs, which algorithm takes it and why the others do not.

    Arguments:
        what: one of
            - a module and, after it, the shape of its input: a convolution layer, or a network, of which every
              convolution is explained;
            - the arguments of :func:`convlet.conv2d`, that is an input, a weight, and so on;
            - a :class:`convlet.conv.ConvProblem`, or its text.
        direction: 'fwd' (the convolution; the default), 'bwd_input' or 'bwd_weight' (its gradient by the input or the
            weight).
        measure: compute it too, on random numbers: the time it takes, and how it was cut into tasks.

    Returns:
        An :class:`Explanation`, or a :class:`NetworkExplanation` of a module with several convolutions. Printed, it is
        a text; its attributes are the numbers.

    Raises:
        RuntimeError, TypeError: what the convolution itself would raise. ValueError: a module without convolutions.

    >>> print(torch.explain(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), (1, 3, 9, 9)))
    n1 g1 ic3 ih9 iw9 oc8 kh3 kw3 sh2 sw2 ph1 pw1 fwd
      what    1 image of 3 channels of 9 x 9 (float32), with 8 kernels of 3 x 3 over 3 channels, in steps of 2,
              1 zero around the image: 8 channels of 5 x 5.
      size    height: floor((9 + 1 + 1 - 3) / 2) + 1 = 5; width likewise.
      sees    one output sees 3 x 3 positions of the image in 3 channels: a sum of 27 products.
      work    2 * 27 operations for each of 200 outputs: 10.8 thousand.
      memory  input 972 B, weight 864 B, output 800 B: 2.57 KiB at the least, 4.1 operations a byte.
    ...
    """
    if isinstance(what, Module):
        return _of_module(what, *arguments, direction=direction, measure=measure, **options)
    if isinstance(what, Variable):
        problem = _of_call(what, *arguments, **options)
    elif arguments or options:
        raise TypeError(f"explain() takes nothing more after a {type(what).__name__}")
    else:
        problem = ConvProblem.parse(what) if isinstance(what, str) else what
    if not isinstance(problem, ConvProblem):
        raise TypeError(f"explain() takes a module, conv2d's arguments or a ConvProblem, not {type(what).__name__}")
    return Explanation(problem.with_direction(direction or problem.direction), measure)


class Explanation:
    """One convolution, or one of its gradients: printed, a text.

    Attributes:
        problem: the ConvProblem.
        algorithm: the name of the algorithm that takes it.
        walk: the algorithms that were asked: (name, the reason for refusing or None).
        forced: whether force_algorithm chose it.
        flops: multiplications and additions.
        bytes: of input, weight and output.
        intensity: flops / bytes.
        receptive_field: rows and columns of the input that one output sees.
        expected: seconds at the best: at the measured peak of this machine, or as its memory allows. None where nobody
            can say.
        measured: seconds it took, or None where it was not measured.
        tasks: how it is cut, a line for each launch of a kernel; known once it has been computed.
    """

    def __init__(self, problem: ConvProblem, measure: bool = False) -> None:
        self.problem = problem
        plan = conv.plan_for(problem)
        self.algorithm, self.walk, self.forced = plan.algorithm, plan.walk, forced_algorithm() is not None
        self.flops, self.bytes = problem.flops, problem.bytes_moved
        self.intensity = self.flops / max(1, self.bytes)
        self.receptive_field = problem.extent_h, problem.extent_w
        self.measured = _seconds(plan) if measure else None
        self.expected, self._why = _expected(problem, plan.algorithm)
        self.tasks = tuple(_tasks(plan.run))

    def __str__(self) -> str:
        rows = [
            ("what", _what(self.problem)),
            ("size", _size(self.problem)),
            ("sees", _sees(self.problem)),
            ("work", _work(self.problem)),
            ("memory", _memory(self)),
            ("walk", _walk(self)),
            ("tasks", "\n".join(self.tasks) or "known once it has been computed (measure=True)"),
            ("time", _time(self)),
        ]
        lines = [self.problem.text]
        for name, text in rows:
            paragraphs = [textwrap.wrap(line, 106, subsequent_indent="  ") for line in text.split("\n")]
            if name in ("what", "time"):
                paragraphs = [textwrap.wrap(text, 106)]
            first, *rest = [line for paragraph in paragraphs for line in paragraph]
            lines += [f"  {name:8}{first}", *(f"          {line}" for line in rest)]
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True)
class NetworkExplanation:
    """The convolutions of a network in the order they are called: printed, a table.

    Attributes:
        layers: (name of the module, Explanation, receptive field in the network's input or None) of each.
        flops: of all of them.
    """

    layers: tuple[tuple[str, Explanation, tuple[int, int] | None], ...] = field(repr=False)

    @property
    def flops(self) -> int:
        return sum(each.flops for _, each, _ in self.layers)

    def __str__(self) -> str:
        head = ("layer", "problem", "result", "operations", "sees", "algorithm", "at best", "measured")
        every = [head, *(self._row(*layer) for layer in self.layers)]
        rows = [[cell for cell, name in zip(row, head) if self._has(name)] for row in every]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]
        share = f"{len(self.layers)} convolutions, {_count(self.flops)} operations"
        return "\n".join([*lines, share])

    __repr__ = __str__

    def _has(self, column: str) -> bool:
        if column == "sees":
            return any(seen for _, _, seen in self.layers)
        return column != "measured" or any(each.measured for _, each, _ in self.layers)

    @staticmethod
    def _row(name: str, each: Explanation, seen: tuple[int, int] | None) -> tuple[str, ...]:
        p = each.problem
        return (
            name,
            p.text,
            " x ".join(map(str, p.result_shape[p.direction != "bwd_weight" :])),
            _count(each.flops),
            f"{seen[0]} x {seen[1]}" if seen else "",
            each.algorithm,
            _duration(each.expected) if each.expected else "",
            _duration(each.measured) if each.measured else "",
        )


# What is explained


def _of_call(input: Any, weight: Any, bias: Any = None, *arguments: Any, **options: Any) -> ConvProblem:
    """The problem of a call of conv2d."""
    x, w, b = input.array, weight.array, None if bias is None else bias.array
    names = ("stride", "padding", "dilation", "groups")
    given = dict(zip(names, arguments)) | options
    mode = given.pop("padding_mode", "zeros")
    of_bias = (None, None) if b is None else (b.shape, b.dtype)
    problem = conv.conv2d_problem(
        x.shape, w.shape, of_bias[0], x.dtype, w.dtype, of_bias[1], mode=mode, **given
    )
    return problem


def _of_layer(layer: Any, shape: tuple[int, ...], direction: str | None) -> ConvProblem:
    """The problem of a convolution layer for an input of this shape, of the weight's dtype.

    A transposed convolution computes the input gradient of a convolution, and its input gradient is that convolution.
    """
    w = layer.weight.array
    if isinstance(layer, ConvTranspose2d):
        direction = {"fwd": "bwd_input", "bwd_input": "fwd"}.get(direction or "fwd", direction)
        sizes = layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation
        problem = conv.conv_transpose2d_problem(shape, w.shape, None, w.dtype, w.dtype, None, *sizes)
    else:
        geometry = layer.stride, layer.padding, layer.dilation, layer.groups, layer.padding_mode
        make = conv.conv1d_problem if isinstance(layer, Conv1d) else conv.conv2d_problem
        problem = make(shape, w.shape, None, w.dtype, w.dtype, None, *geometry)
    return problem.with_direction(direction or "fwd")


def _of_module(module: Module, shape: Any, *, direction: str | None, measure: bool) -> Explanation | NetworkExplanation:
    shape = tuple(shape.array.shape if isinstance(shape, Variable) else shape)
    if isinstance(module, CONVOLUTIONS):
        return Explanation(_of_layer(module, shape, direction), measure)
    found = [
        (name, Explanation(problem, measure), seen) for name, problem, seen in _called(module, shape, direction)
    ]
    if not found:
        raise ValueError(f"there is no convolution in this {type(module).__name__}")
    return NetworkExplanation(tuple(found))


def _called(
    module: Module, shape: tuple[int, ...], direction: str | None
) -> list[tuple[str, ConvProblem, tuple[int, int] | None]]:
    """The convolutions that a call of the module makes, and what each sees of the input if they form a chain.

    The call is made on meta tensors, which have shapes and no numbers.
    """
    names = {each: name for name, each in module.named_modules()}
    leaves = [each for each in names if not list(each.children())]
    containers = [each for each in names if list(each.children())]
    chain = all(type(each).__name__ == "Sequential" for each in containers)
    found: list[tuple[str, ConvProblem, tuple[int, int] | None]] = []
    windows: list[ConvProblem] = []  # of convolutions and pooling so far
    dtype = next((each.weight.dtype for each in leaves if isinstance(each, CONVOLUTIONS)), None)

    def note(layer: Any, inputs: Any, output: Any) -> None:
        nonlocal chain
        if isinstance(layer, CONVOLUTIONS):
            problem = _of_layer(layer, tuple(inputs[0].shape), direction)
            chain = chain and not isinstance(layer, ConvTranspose2d)
            windows.append(problem)
            found.append((names[layer], problem, receptive_field(windows)[0] if chain else None))
        elif tuple(inputs[0].shape[2:]) != tuple(output.shape[2:]):
            window = _window(layer, inputs[0].shape)
            if window is None:
                chain = False
            else:
                windows.append(window)

    hooks = [each.register_forward_hook(note) for each in leaves]
    training = [(each, each.training) for each in names]
    module.eval()  # batch norm's statistics stay as they are
    try:
        with no_grad():
            module(zeros(*shape, dtype=dtype, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
        for each, was in training:
            each.training = was
    return found


def _window(layer: Any, shape: Any) -> ConvProblem | None:
    """The window of a pooling layer as the problem of one channel; None of what is no such layer."""
    if type(layer).__name__ not in ("MaxPool2d", "AvgPool2d"):
        return None
    (kh, kw), (ph, pw) = _pair(layer.kernel_size), _pair(layer.padding)
    sh, sw = _pair(layer.stride or layer.kernel_size)
    dh, dw = _pair(getattr(layer, "dilation", 1))
    sizes = {"n": 1, "g": 1, "ic": 1, "oc": 1, "ih": shape[2], "iw": shape[3], "kh": kh, "kw": kw}
    return ConvProblem(**sizes, sh=sh, sw=sw, dh=dh, dw=dw, pt=ph, pb=ph, pl=pw, pr=pw)


def _pair(value: Any) -> tuple[int, int]:
    height, width = value if isinstance(value, (tuple, list)) else (value, value)
    return height, width


# The sentences


def _count(number: float) -> str:
    for size, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if number >= size:
            return f"{number / size:.3g}{word}"
    return f"{number:.0f}"


def _nbytes(number: float) -> str:
    for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} B"


def _duration(seconds: float) -> str:
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _both(name: str, first: int, second: int) -> str:
    return f"{name} {first}" if first == second else f"{name} {first} and {second}"


_TAIL = {"norm": "batch norm", "add": "plus another array", "relu": "a ReLU", "relu6": "a ReLU6"}


def _what(p: ConvProblem) -> str:
    dtype = DTYPES[p.dtype][0]
    given = f"{_many(p.n, 'image')} of {_many(p.ic, 'channel')} of {p.ih} x {p.iw} ({dtype})"
    how = [f"{_many(p.oc, 'kernel')} of {p.kh} x {p.kw} over {_many(p.ic // p.g, 'channel')}"]
    if p.g > 1:
        how.append("every channel by itself" if p.g == p.ic else f"in {p.g} groups that do not see each other")
    if (p.sh, p.sw) != (1, 1):
        how.append(_both("in steps of", p.sh, p.sw))
    if (p.dh, p.dw) != (1, 1):
        how.append(_both("taps apart by", p.dh, p.dw))
    how += _padding(p)
    result = f"{_many(p.oc, 'channel')} of {p.oh} x {p.ow}"
    if p.direction == "fwd":
        then = ", then ".join([result, *(_TAIL[word] for word in p.tail)])
        return f"{given}, with {', '.join(how)}: {then}."
    wanted = "the images" if p.direction == "bwd_input" else "the kernels"
    return f"The gradient by {wanted} of: {given}, with {', '.join(how)}: {result}."


def _padding(p: ConvProblem) -> list[str]:
    sides = {"top": p.pt, "bottom": p.pb, "left": p.pl, "right": p.pr}
    names = {"zeros": "zero", "reflect": "reflected element", "replicate": "repeated element"}
    if not any(sides.values()):
        return []
    if len(set(sides.values())) == 1 and p.mode_h == p.mode_w and p.pt > 0:
        kind = names.get(p.mode_h, "element of the other side")
        if p.pt > 1:
            kind = kind.replace("zero", "zeros").replace("element", "elements")
        return [f"{p.pt} {kind} around the image"]
    modes = p.mode_h if p.mode_h == p.mode_w else f"{p.mode_h} above and below, {p.mode_w} beside"
    return [f"padding {', '.join(f'{name} {size}' for name, size in sides.items() if size)} ({modes})"]


def _size(p: ConvProblem) -> str:
    def axis(size: int, before: int, after: int, extent: int, stride: int, out: int) -> str:
        return f"floor(({size} + {before} + {after} - {extent}) / {stride}) + 1 = {out}"

    height = axis(p.ih, p.pt, p.pb, p.extent_h, p.sh, p.oh)
    width = axis(p.iw, p.pl, p.pr, p.extent_w, p.sw, p.ow)
    text = f"height: {height}; width likewise." if height == width else f"height: {height}\nwidth:  {width}"
    for name, d, k, extent in (("height", p.dh, p.kh, p.extent_h), ("width", p.dw, p.kw, p.extent_w)):
        if d > 1:
            text += f"\na kernel's {name} spans {d} * ({k} - 1) + 1 = {extent}"
    return text


def _terms(p: ConvProblem) -> int:
    """Products of one element of the result, at the most."""
    if p.direction == "bwd_weight":
        return p.n * p.oh * p.ow
    if p.direction == "bwd_input":
        return p.oc // p.g * -(-p.kh // p.sh) * -(-p.kw // p.sw)
    return p.ic // p.g * p.kh * p.kw


def _sees(p: ConvProblem) -> str:
    count = f"a sum of {_terms(p):,} products"
    if p.direction == "bwd_weight":
        return f"one weight meets every output of its channel in {_many(p.n, 'image')}: {count}."
    if p.direction == "bwd_input":
        return f"one input is seen by outputs of {_many(p.oc // p.g, 'channel')}: {count} at the most."
    apart = f", {p.kh} x {p.kw} of which it reads," if (p.dh, p.dw) != (1, 1) else ""
    return (
        f"one output sees {p.extent_h} x {p.extent_w} positions of the image{apart} in "
        f"{_many(p.ic // p.g, 'channel')}: {count}."
    )


def _work(p: ConvProblem) -> str:
    outputs = p.n * p.oc * p.oh * p.ow
    products = p.ic // p.g * p.kh * p.kw
    same = "" if p.direction == "fwd" else " (the same in every direction)"
    return f"2 * {products:,} operations for each of {outputs:,} outputs{same}: {_count(p.flops)}."


def _memory(e: Explanation) -> str:
    p = e.problem
    sizes = [int(np.prod(shape)) * p.itemsize for shape in (p.input_shape, p.weight_shape, p.output_shape)]
    each = ", ".join(f"{name} {_nbytes(size)}" for name, size in zip(("input", "weight", "output"), sizes))
    return f"{each}: {_nbytes(e.bytes)} at the least, {e.intensity:.1f} operations a byte."


def _walk(e: Explanation) -> str:
    lines = [f"{name:10} refuses: {reason}" for name, reason in e.walk if reason is not None]
    lines.append(f"{e.algorithm:10} {'is forced' if e.forced else 'takes it'}")
    other = getattr(load(e.algorithm), "other", None) if e.algorithm in ALGORITHMS else None
    if other is not None and (instead := other(e.problem)):
        lines.append(f"{'':10} and leaves it to {instead}")
    rest = ALGORITHMS[ALGORITHMS.index(e.algorithm) + 1 :] if e.algorithm in ALGORITHMS else ()
    if rest and not e.forced:
        lines.append(f"{', '.join(rest)}: not asked")
    return "\n".join(lines)


def _time(e: Explanation) -> str:
    parts = []
    if e.expected is not None:
        parts.append(f"{_duration(e.expected)} at the best: {e._why}.")
    if e.measured is not None:
        rate = e.flops / e.measured / 1e9
        parts.append(f"{_duration(e.measured)} measured (median): {rate:.3g} billion operations a second.")
    return " ".join(parts) or "not measured (measure=True)."


# Time


@lru_cache
def _peak(element: int, workers: int) -> float:
    """Operations a second of the register tile alone."""
    from .kernels.peak import tile_gflops

    return tile_gflops(workers, element) * 1e9


@lru_cache
def _bandwidth() -> float:
    """Bytes a second that a large copy reads and writes."""
    source, target = np.ones(8 << 20, np.float32), np.ones(8 << 20, np.float32)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best


def _expected(p: ConvProblem, algorithm: str) -> tuple[float | None, str]:
    """Seconds that a problem should take, and why."""
    if algorithm in ("empty", "numpy") or p.dtype not in ("f32", "f64", "f16", "bf16"):
        return None, ""
    from .conv.algorithms.frames import workers_for

    workers = workers_for(p)
    peak = _peak(8 if p.dtype == "f64" else 4, workers)
    arithmetic, transfer = p.flops * _meeting(p) / peak, p.bytes_moved / _bandwidth()
    on = f"{_many(workers, 'thread')}"
    speedup = getattr(load(algorithm), "speedup", None)
    saved = ""
    if speedup is not None:
        factor = speedup(p)
        arithmetic /= factor
        saved = f", made {factor:.2f} times as fast by the algorithm"
    if transfer > arithmetic:
        return transfer, f"its bytes at the {_bandwidth() / 1e9:.3g} GB/s of a copy take longer than the arithmetic"
    which = "its operations" if _meeting(p) == 1 else "its operations that meet no padding"
    return arithmetic, f"{which} at the tile's measured peak of {peak / 1e9:.3g} billion a second on {on}{saved}"


def _meeting(p: ConvProblem) -> float:
    """The part of the operations whose factor is a pixel: those with the zeros around an image may be left out."""
    part = 1.0
    for size, out, kernel, stride, dilation, before, mode in (
        (p.ih, p.oh, p.kh, p.sh, p.dh, p.pt, p.mode_h),
        (p.iw, p.ow, p.kw, p.sw, p.dw, p.pl, p.mode_w),
    ):
        if mode == "zeros":
            at = np.arange(out)[:, None] * stride + np.arange(kernel) * dilation - before
            part *= float(((at >= 0) & (at < size)).mean())
    return part


def _seconds(plan: Any) -> float:
    """The median time of the plan on random numbers, after two calls that are not counted."""
    p = plan.problem
    shapes = {"x": p.input_shape, "w": p.weight_shape, "g": p.output_shape}
    rng = np.random.default_rng(0)
    dtype = numpy_dtype(p.dtype)
    a, b = (
        (rng.standard_normal(shapes[name], np.float32) * 4).astype(dtype)
        for name in dict(zip(DIRECTIONS, ("xw", "gw", "xg")))[p.direction]
    )
    out = np.empty(plan.shape, dtype)
    more = extra(p, out)
    times: list[float] = []
    stop = time.perf_counter() + 0.3
    while len(times) < 5 or (len(times) < 100 and time.perf_counter() < stop):
        start = time.perf_counter()
        plan.run(a, b, None, out, *more)
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


# Tasks: what the frames say that the plan has prepared for its kernels

# Fields of frames worth reading, in the order in which a convolution is cut.
_FIELDS = (
    *("lanes", "mr", "nr", "m", "unit_tiles", "unit_blocks", "shares", "row_shares", "spans", "span"),
    *("blocks", "block", "parts", "segment", "chunk"),
)


def _tasks(run: Any) -> Iterator[str]:
    """A line for each different launch that the run has prepared."""
    seen = []
    for frame in _frames(run, set()):
        line = _line(frame)
        if line not in seen:
            seen.append(line)
            yield line


def _frames(value: Any, met: set[int]) -> Iterator[Any]:
    """Frames that a run holds, wherever it keeps them."""
    if id(value) in met or isinstance(value, (str, bytes, int, float, np.ndarray, ConvProblem)):
        return
    met.add(id(value))
    if hasattr(value, "record") and hasattr(value, "workers"):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _frames(each, met)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _frames(each, met)
    elif isinstance(value, FunctionType):
        for cell in value.__closure__ or ():
            yield from _frames(cell.cell_contents, met)
    elif type(value).__module__.startswith("convlet.conv.") and hasattr(value, "__dict__"):
        yield from _frames(vars(value), met)


def _line(frame: Any) -> str:
    record = frame.record[0]
    value = {name: int(record[name]) for name in record.dtype.names}
    parts = []
    if value.get("bands_h"):
        bands = value["bands_h"] * value["bands_w"]
        parts.append(f"{_many(bands, 'band')} of up to {value['band_h']} x {value['band_w']} positions an image")
    parts.append(" ".join(f"{name}={value[name]}" for name in _FIELDS if value.get(name, 0) > 0))
    workers = _many(frame.workers, "worker")
    parts.append(f"{workers} with {_nbytes(frame.slot)} of scratch each" if frame.slot else workers)
    if getattr(frame, "packed_bytes", 0):
        parts.append(f"{_nbytes(frame.packed_bytes)} packed")
    return "; ".join(part for part in parts if part)
