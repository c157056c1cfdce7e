"""ConvProblem: one frozen value that says everything about a convolution except its data.

Letters, here and everywhere below: n batch, g groups, ic ih iw input channels, height and width, oc oh ow
those of the output, kh kw kernel, sh sw stride, dh dw dilation, pt pb pl pr padding at the top, bottom, left
and right. They always describe the forward convolution

    out[n, o, y, x] = sum over i, u, v of  in[n, i, y*sh + u*dh - pt, x*sw + v*dw - pl] * weight[o, i, u, v]

also when `direction` says that its input gradient or its weight gradient is wanted. A negative padding crops.

The text form ("n1 g1 ic64 ih56 iw56 oc64 kh3 kw3 ph1 pw1 fwd") serves as cache key, test id, benchmark row,
trace line and bug report; fields at their default are left out, `ph1` stands for `pt1 pb1`.

What is done to each result of a forward before it is stored, its tail, is told by words at the end ("... fwd norm add
relu"): batch norm with known statistics, another array added, a clamp. Its bits are those of the operations one after
the other (see tail.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

MODES = ("zeros", "reflect", "replicate", "circular")
DIRECTIONS = ("fwd", "bwd_input", "bwd_weight")
# The words of a tail in their order; of the last two one at most.
TAIL = ("norm", "add", "relu", "relu6")

# The short name of each dtype: (NumPy's name, bytes of one element).
DTYPES = {
    "f32": ("float32", 4),
    "f64": ("float64", 8),
    "f16": ("float16", 2),
    "bf16": ("bfloat16", 2),
    "c64": ("complex64", 8),
    "c128": ("complex128", 16),
    "i8": ("int8", 1),
    "i16": ("int16", 2),
    "i32": ("int32", 4),
    "i64": ("int64", 8),
    "u8": ("uint8", 1),
    "bool": ("bool", 1),
}
_SHORT_NAMES = {name: short for short, (name, _) in DTYPES.items()}


def short_dtype(dtype: np.dtype) -> str:
    """The short name of a NumPy dtype (bfloat16 is ml_dtypes'): float32 -> 'f32'.

    Raises TypeError for a dtype no convolution takes.
    """
    short = _SHORT_NAMES.get(dtype.name)
    if short is None:
        raise TypeError(f"convolution takes no dtype {dtype}; it takes {', '.join(_SHORT_NAMES)}")
    return short


def numpy_dtype(short: str) -> np.dtype:
    """The NumPy dtype of a short name: 'f32' -> float32. Loads ml_dtypes for 'bf16'."""
    if short == "bf16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(DTYPES[short][0])


@dataclass(frozen=True, slots=True)
class ConvProblem:
    """Everything about a convolution except its data; see the module's docstring for the letters.

    Raises RuntimeError with PyTorch's sentence where the numbers contradict each other. A padding mode of an
    axis that is not padded becomes 'zeros', so that equal problems compare equal.
    """

    n: int
    g: int
    ic: int
    ih: int
    iw: int
    oc: int
    kh: int
    kw: int
    sh: int = 1
    sw: int = 1
    pt: int = 0
    pb: int = 0
    pl: int = 0
    pr: int = 0
    dh: int = 1
    dw: int = 1
    mode_h: str = "zeros"
    mode_w: str = "zeros"
    dtype: str = "f32"
    direction: str = "fwd"
    tail: tuple[str, ...] = ()  # words of TAIL: what a forward does to its results before it stores them
    flops: int = field(init=False, repr=False, compare=False, default=0)
    plans: dict[Any, Any] = field(init=False, repr=False, compare=False, default_factory=dict)  # see plan.py
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        if self.pt <= 0 and self.pb <= 0:
            object.__setattr__(self, "mode_h", "zeros")
        if self.pl <= 0 and self.pr <= 0:
            object.__setattr__(self, "mode_w", "zeros")
        if self.direction != "fwd":
            object.__setattr__(self, "tail", ())
        self._check()
        # Asked for at every call. Multiplications and additions, each counted once; the same in all three directions.
        flops = 2 * self.n * self.oc * self.oh * self.ow * (self.ic // self.g) * self.kh * self.kw
        object.__setattr__(self, "flops", flops)
        object.__setattr__(self, "_hash", hash(tuple(getattr(self, name) for name in _FIELDS)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Any:
        return ConvProblem.parse, (self.text,)

    def _check(self) -> None:
        allowed = {"mode_h": MODES, "mode_w": MODES, "dtype": DTYPES, "direction": DIRECTIONS}
        for name, values in allowed.items():
            value = getattr(self, name)
            if value not in values:
                raise ValueError(f"{name} must be one of {', '.join(values)}, but got {value!r}")
        if self.tail:
            self._check_tail()
        if self.g <= 0:
            raise RuntimeError("non-positive groups is not supported")
        if self.sh <= 0 or self.sw <= 0:
            raise RuntimeError("non-positive stride is not supported")
        if self.dh <= 0 or self.dw <= 0:
            raise RuntimeError("dilation should be greater than zero")
        if self.ic % self.g or self.oc % self.g:
            raise RuntimeError(f"{self.ic} input and {self.oc} output channels do not divide into {self.g} groups")
        if self.padded_h < self.extent_h or self.padded_w < self.extent_w:
            raise RuntimeError(
                f"Calculated padded input size per channel: ({self.padded_h} x {self.padded_w}). "
                f"Kernel size: ({self.extent_h} x {self.extent_w}). "
                "Kernel size can't be greater than actual input size"
            )
        if self.kh <= 0 or self.kw <= 0:
            raise RuntimeError(
                f"kernel size should be greater than zero, but got kernel_height: {self.kh} kernel_width: {self.kw}"
            )

    def _check_tail(self) -> None:
        words = tuple([word for word in TAIL if word in self.tail])
        if self.tail != words or words[-2:] == ("relu", "relu6"):
            raise ValueError(f"a tail is some of norm, add and (relu or relu6), in this order, but got {self.tail}")
        if self.dtype not in ("f32", "f64", "f16", "bf16"):
            raise ValueError(f"{words[0]} behind a convolution takes floating point numbers, not {self.dtype}")
        if self.dtype != "f32" and ("norm" in words or "add" in words):
            raise ValueError(f"{words[0]} behind a convolution takes float32, not {self.dtype}")

    # Sizes

    @property
    def padded_h(self) -> int:
        return self.ih + self.pt + self.pb

    @property
    def padded_w(self) -> int:
        return self.iw + self.pl + self.pr

    @property
    def extent_h(self) -> int:
        """Rows a dilated kernel spans: the receptive field of one output."""
        return self.dh * (self.kh - 1) + 1

    @property
    def extent_w(self) -> int:
        """Columns a dilated kernel spans."""
        return self.dw * (self.kw - 1) + 1

    @property
    def oh(self) -> int:
        return (self.padded_h - self.extent_h) // self.sh + 1

    @property
    def ow(self) -> int:
        return (self.padded_w - self.extent_w) // self.sw + 1

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        return self.n, self.ic, self.ih, self.iw

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        return self.oc, self.ic // self.g, self.kh, self.kw

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        # As PyTorch has it: without input channels there are no output channels.
        return self.n, self.oc if self.ic else 0, self.oh, self.ow

    @property
    def result_shape(self) -> tuple[int, int, int, int]:
        """Shape of what this direction computes."""
        if self.direction == "fwd":
            return self.output_shape
        return self.input_shape if self.direction == "bwd_input" else self.weight_shape

    @property
    def empty(self) -> bool:
        """True where there is nothing to multiply: an empty batch, or no channels."""
        return not (self.n and self.ic and self.oc)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return DTYPES[self.dtype][1]

    @property
    def bytes_moved(self) -> int:
        """Bytes read and written at the least: input, weight and output once each."""
        elements = sum(_product(shape) for shape in (self.input_shape, self.weight_shape, self.output_shape))
        return elements * self.itemsize

    def with_direction(self, direction: str) -> ConvProblem:
        """The same convolution, another of its three products wanted."""
        return self if direction == self.direction else replace(self, direction=direction)

    def with_tail(self, tail: tuple[str, ...]) -> ConvProblem:
        """The same convolution with other words behind it; made once."""
        if tail == self.tail:
            return self
        found: ConvProblem | None = self.plans.get(tail)
        if found is None:
            found = self.plans[tail] = replace(self, tail=tail)
        return found

    def per_image(self) -> ConvProblem:
        """The problem of one image: all that choosing an algorithm may depend on."""
        return self if self.n == 1 else replace(self, n=1)

    # Text

    @property
    def text(self) -> str:
        """The problem in words, defaults left out; `parse` reads it back."""
        words = [f"{name}{getattr(self, name)}" for name in ("n", "g", "ic", "ih", "iw", "oc", "kh", "kw")]
        words += [f"{name}{getattr(self, name)}" for name in ("sh", "sw") if getattr(self, name) != 1]
        for axis, before, after in (("h", "pt", "pb"), ("w", "pl", "pr")):
            first, last = getattr(self, before), getattr(self, after)
            if first != last:
                words += [f"{before}{first}", f"{after}{last}"]
            elif first:
                words.append(f"p{axis}{first}")
        words += [f"{name}{getattr(self, name)}" for name in ("dh", "dw") if getattr(self, name) != 1]
        if self.mode_h == self.mode_w != "zeros":
            words.append(self.mode_h)
        else:
            modes = {"mode_h": self.mode_h, "mode_w": self.mode_w}
            words += [f"{name}={mode}" for name, mode in modes.items() if mode != "zeros"]
        if self.dtype != "f32":
            words.append(self.dtype)
        return " ".join([*words, self.direction, *self.tail])

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> ConvProblem:
        """Read a problem's text form; fields at their default (n1, g1 too) may be left out or stand there.

        Raises ValueError naming the word that does not belong.
        """
        values: dict[str, int | str | tuple[str, ...]] = {"n": 1, "g": 1}
        tail: list[str] = []
        for word in text.split():
            number = re.fullmatch(r"([a-z]+)(-?\d+)", word)
            if word in DTYPES:
                values["dtype"] = word
            elif word in DIRECTIONS:
                values["direction"] = word
            elif word in TAIL:
                tail.append(word)
            elif word in MODES:
                values["mode_h"] = values["mode_w"] = word
            elif word.startswith(("mode_h=", "mode_w=")):
                values[word[:6]] = word[7:]
            elif number and number[1] in ("ph", "pw"):
                for name in ("pt", "pb") if number[1] == "ph" else ("pl", "pr"):
                    values[name] = int(number[2])
            elif number and number[1] in _FIELDS:
                values[number[1]] = int(number[2])
            else:
                raise ValueError(f"{word!r} is no word of a convolution problem, in {text!r}")
        missing = [name for name in ("ic", "ih", "iw", "oc", "kh", "kw") if name not in values]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing in {text!r}")
        return cls(**values, tail=tuple(tail))  # type: ignore[arg-type]


_FIELDS = tuple(each.name for each in fields(ConvProblem) if each.init)


def receptive_field(problems: Iterable[ConvProblem]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Receptive field and step, in pixels of the first input, of one output of a chain of convolutions.

    Returns ((height, width), (step_h, step_w)): r = 1 + sum over layers of (extent - 1) * (product of the
    strides before it).
    """
    height = width = step_h = step_w = 1
    for problem in problems:
        height += (problem.extent_h - 1) * step_h
        width += (problem.extent_w - 1) * step_w
        step_h *= problem.sh
        step_w *= problem.sw
    return (height, width), (step_h, step_w)


def _product(shape: Iterable[int]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result
