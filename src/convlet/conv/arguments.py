"""From the arguments of conv2d to a ConvProblem, with PyTorch's errors in PyTorch's order.

Every error comes before any computation. It begins with PyTorch's sentence, exactly, because people search
for it; what follows the sentence is ours and names the fix.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import index
from typing import Any, NamedTuple

import numpy as np

from .padding import check_pads
from .problem import MODES, ConvProblem, short_dtype

_LARGEST = 2**63 - 1
# Beyond PyTorch's own limit: no image needs more, and what a padding maps onto must fit in memory.
_LARGEST_PADDING = 1 << 24


class _Name(NamedTuple):
    """What PyTorch's sentences call a dtype: as a scalar type, as C++ does, as a kind of tensor."""

    scalar: str
    c: str
    tensor: str


_NAMES = {
    "float32": _Name("Float", "float", "torch.FloatTensor"),
    "float64": _Name("Double", "double", "torch.DoubleTensor"),
    "float16": _Name("Half", "c10::Half", "torch.HalfTensor"),
    "bfloat16": _Name("BFloat16", "c10::BFloat16", "CPUBFloat16Type"),
    "complex64": _Name("ComplexFloat", "c10::complex<float>", "CPUComplexFloatType"),
    "complex128": _Name("ComplexDouble", "c10::complex<double>", "CPUComplexDoubleType"),
    "int8": _Name("Char", "signed char", "torch.CharTensor"),
    "int16": _Name("Short", "short int", "torch.ShortTensor"),
    "int32": _Name("Int", "int", "torch.IntTensor"),
    "int64": _Name("Long", "long int", "torch.LongTensor"),
    "uint8": _Name("Byte", "unsigned char", "torch.ByteTensor"),
    "uint16": _Name("UInt16", "short unsigned int", "CPUUInt16Type"),
    "uint32": _Name("UInt32", "unsigned int", "CPUUInt32Type"),
    "uint64": _Name("UInt64", "long unsigned int", "CPUUInt64Type"),
    "bool": _Name("Bool", "bool", "CPUBoolType"),
}


def _name(dtype: np.dtype) -> _Name:
    return _NAMES.get(dtype.name) or _Name(dtype.name, dtype.name, dtype.name)


def conv2d_problem(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    bias_shape: tuple[int, ...] | None,
    input_dtype: np.dtype,
    weight_dtype: np.dtype,
    bias_dtype: np.dtype | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    mode: str | tuple[str, str] = "zeros",
) -> ConvProblem:
    """The problem that conv2d's arguments describe; equal arguments give the same object.

    Shapes are tuples of ints, dtypes NumPy's. An unbatched input (c, h, w) gives a batch of one. `stride`
    and `dilation` are an int or one or two of them; `padding` also 'valid', 'same' (stride 1; an odd total
    puts the extra row at the bottom, the extra column at the right) and, beyond PyTorch,

    - 'same_upper' and 'same_lower', TensorFlow's and ONNX's meaning with any stride: along an axis of size
    i the
      output has ceil(i / s) elements, total = max((ceil(i/s) - 1)*s + d*(k-1) + 1 - i, 0) of padding, an
      odd one at the end (upper) or at the beginning (lower);
    - four ints (top, bottom, left, right) or two pairs ((top, bottom), (left, right)).

    `mode` is a padding mode ('zeros', 'reflect', 'replicate', 'circular') or one for each axis (height,
    width).

    Raises TypeError for arguments of a wrong type, ValueError for an unknown mode or an int beyond 64 bits,
    NotImplementedError for dtypes without convolution, RuntimeError for all that does not fit together.
    """
    return _problem(
        input_shape,
        weight_shape,
        bias_shape,
        input_dtype,
        weight_dtype,
        bias_dtype,
        _ints("stride", stride),
        _padding(padding),
        _ints("dilation", dilation),
        groups if type(groups) is int else _int("groups", groups, groups, "an int"),
        mode if isinstance(mode, str) else tuple(mode),
    )


def conv2d_output_shape(
    input_shape: tuple[int, ...],
    out_channels: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> tuple[int, ...]:
    """The shape of conv2d's output, with conv2d's checks: oh = floor((h + top + bottom - d*(kh-1) - 1)/s) + 1.

    `input_shape` is (n, c, h, w), or (c, h, w) for one image; `kernel_size` an int or two, `stride`,
    `padding` and `dilation` all that conv2d takes. Raises what conv2d raises.

        >>> from convlet.conv import conv2d_output_shape
        >>> conv2d_output_shape((8, 3, 224, 224), 64, 7, stride=2, padding=3)
        (8, 64, 112, 112)
    """
    kernel = _ints("kernel_size", kernel_size)
    if isinstance(kernel, tuple) and len(kernel) not in (1, 2):
        raise RuntimeError(f"kernel_size must be an int, or a tuple or list of one or two, but got {list(kernel)}")
    input_shape = tuple(index(size) for size in input_shape)
    channels = input_shape[-3] if len(input_shape) >= 3 else 1
    float32 = np.dtype(np.float32)
    problem = conv2d_problem(
        input_shape,
        (index(out_channels), channels, *_pair(kernel)),
        None,
        float32,
        float32,
        None,
        stride,
        padding,
        dilation,
    )
    return problem.output_shape[-len(input_shape) :]


# Types: done at every call, before the cache, for which 1, 1.0 and True would be the same.

_TWO_INTS = "an int, or a tuple or list of one or two"
_PADDING_ACCEPTED = (
    f"{_TWO_INTS}, 'valid', 'same', 'same_upper', 'same_lower', (top, bottom, left, right) "
    "or ((top, bottom), (left, right))"
)


def _ints(name: str, value: Any, accepted: str = _TWO_INTS) -> int | tuple[int, ...]:
    if type(value) is int:
        return value
    if type(value) is tuple and len(value) == 2 and type(value[0]) is int and type(value[1]) is int:
        return value
    if not isinstance(value, (tuple, list)):
        return _int(name, value, value, accepted)
    if not value:
        return ()
    # PyTorch decides by the first value whether this is a tuple of ints, and unpacks the others later.
    return (_int(name, value[0], value, accepted), *(_unpack(name, value, i, accepted) for i in range(1, len(value))))


def _padding(value: Any) -> str | int | tuple[int, ...]:
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)) and len(value) == 2:
        top_bottom, left_right = value
        if type(top_bottom) is int and type(left_right) is int:
            return top_bottom, left_right
        if isinstance(top_bottom, (tuple, list)) and isinstance(left_right, (tuple, list)):
            if len(top_bottom) == len(left_right) == 2:
                return _ints("padding", (*top_bottom, *left_right), _PADDING_ACCEPTED)
            raise _refused("padding", value, _PADDING_ACCEPTED)
    return _ints("padding", value, _PADDING_ACCEPTED)


def _int(name: str, number: Any, value: Any, accepted: str) -> int:
    """An int, or what stands for one (NumPy's ints, a tensor of one) but no bool; `value` is the whole argument."""
    if not isinstance(number, (bool, np.bool_)):
        try:
            return index(number)
        except TypeError:
            pass
    raise _refused(name, value, accepted)


def _refused(name: str, value: object, accepted: str) -> TypeError:
    return TypeError(
        f"conv2d() received an invalid combination of arguments - got {name}={value!r} "
        f"({type(value).__name__}), but {name} must be {accepted}"
    )


def _unpack(name: str, values: Sequence[Any], position: int, accepted: str) -> int:
    try:
        return index(values[position])
    except TypeError:
        raise TypeError(
            f"conv2d(): argument '{name}' failed to unpack the object at pos {position + 1} with error "
            f'"type must be tuple of ints,but got {type(values[position]).__name__}". '
            f"Got {name}={values!r}, but {name} must be {accepted}"
        ) from None


# Padding by name: (size, kernel, stride, dilation) of an axis -> (before, after)


def _valid(size: int, k: int, s: int, d: int) -> tuple[int, int]:
    return 0, 0


def _same(size: int, k: int, s: int, d: int) -> tuple[int, int]:
    total = d * max(k - 1, 0)
    return total // 2, total - total // 2


def _same_lower(size: int, k: int, s: int, d: int) -> tuple[int, int]:
    s = max(s, 1)  # whatever is no stride is refused below
    total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
    return total - total // 2, total // 2


def _same_upper(size: int, k: int, s: int, d: int) -> tuple[int, int]:
    return _same_lower(size, k, s, d)[::-1]


_PADDINGS = {"valid": _valid, "same": _same, "same_upper": _same_upper, "same_lower": _same_lower}


# The problem


@lru_cache(maxsize=512)
def _problem(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    bias_shape: tuple[int, ...] | None,
    input_dtype: np.dtype,
    weight_dtype: np.dtype,
    bias_dtype: np.dtype | None,
    stride: int | tuple[int, ...],
    padding: str | int | tuple[int, ...],
    dilation: int | tuple[int, ...],
    groups: int,
    mode: str | tuple[str, ...],
) -> ConvProblem:
    """PyTorch's checks in PyTorch's order, then the problem."""
    modes = _modes(mode)
    zeros = modes == ("zeros", "zeros")
    _check_64_bits(stride=stride, padding=padding, dilation=dilation, groups=groups)
    if bias_dtype is not None:
        _check_bias_dtype(input_dtype, bias_dtype)
    _check_input_rank(input_shape, zeros)
    if isinstance(padding, str) and padding not in _PADDINGS:
        raise RuntimeError(f"Invalid padding string: {padding!r}. It must be one of {', '.join(_PADDINGS)}")
    if len(weight_shape) < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    shape = input_shape if len(input_shape) == 4 else (1, *input_shape)
    if padding == "same":
        _check_same(shape, weight_shape, stride, dilation)
    else:
        _check_lengths(len(weight_shape) - 2, stride, padding, dilation)
    (sh, sw), (dh, dw), (kh, kw) = _pair(stride), _pair(dilation), weight_shape[2:]
    if isinstance(padding, str):
        name = padding
        pt, pb = _PADDINGS[name](shape[2], kh, sh, dh)
        pl, pr = _PADDINGS[name](shape[3], kw, sw, dw)
    elif isinstance(padding, tuple) and len(padding) == 4:
        pt, pb, pl, pr = padding
    else:
        (pt, pl) = (pb, pr) = _pair(padding)
    if not zeros:
        check_pads(input_shape, ((pl, pr), (pt, pb)), modes[::-1])
    elif min(pt, pb, pl, pr) < 0:
        raise RuntimeError("negative padding is not supported")
    if sh <= 0 or sw <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if dh < 0 or dw < 0:
        raise RuntimeError("dilation should be greater than zero")
    # The size PyTorch's sentences give is what it convolves: of a padding mode, or of the odd part of
    # 'same', it has made a padded copy by then.
    padded = shape
    if not zeros:
        padded = (*shape[:2], shape[2] + pt + pb, shape[3] + pl + pr)
    elif padding == "same":
        padded = (*shape[:2], shape[2] + pb - pt, shape[3] + pr - pl)
    _check_channels(input_shape, padded, weight_shape, groups)
    if bias_shape is not None and bias_shape != weight_shape[:1]:
        raise RuntimeError(
            f"Given weight of size {list(weight_shape)}, expected bias to be 1-dimensional with "
            f"{weight_shape[0]} elements, but got bias of size {list(bias_shape)} instead"
        )
    _check_padding_size((pt, pb), (pl, pr))
    if not (dh and dw):
        raise RuntimeError(f"dilation should be greater than zero, but got {[dh, dw]}")
    problem = ConvProblem(
        n=shape[0],
        g=groups,
        ic=shape[1],
        ih=shape[2],
        iw=shape[3],
        oc=weight_shape[0],
        kh=kh,
        kw=kw,
        sh=sh,
        sw=sw,
        pt=pt,
        pb=pb,
        pl=pl,
        pr=pr,
        dh=dh,
        dw=dw,
        mode_h=modes[0],
        mode_w=modes[1],
        dtype=_short_dtype(input_dtype),
    )
    if not problem.empty:
        if not (problem.ih and problem.iw):
            raise RuntimeError(
                f"Only zero batch or zero channel inputs are supported, but got input shape: {list(shape)}"
            )
        _check_dtypes(problem, input_dtype, weight_dtype)
    _check_output_size(problem)
    return problem


def _modes(mode: str | tuple[str, ...]) -> tuple[str, str]:
    modes = (mode, mode) if isinstance(mode, str) else mode
    if len(modes) != 2 or not {*modes} <= {*MODES}:
        raise ValueError(
            f"padding_mode must be one of {{{', '.join(map(repr, MODES))}}}, but got padding_mode={mode!r}. "
            "A pair of them is one for the height and one for the width"
        )
    return modes


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return value[0], value[-1]


def _check_64_bits(**arguments: str | int | tuple[int, ...]) -> None:
    for name, value in arguments.items():
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int) and not -_LARGEST - 1 <= number <= _LARGEST:
                raise ValueError(f"Overflow when unpacking long long. {name}={value!r} does not fit in 64 bits")


def _check_bias_dtype(input_dtype: np.dtype, bias_dtype: np.dtype) -> None:
    if bias_dtype != input_dtype:
        raise RuntimeError(
            f"Input type ({_name(input_dtype).c}) and bias type ({_name(bias_dtype).c}) should be the same. "
            "bias.to(input.dtype) or input.to(bias.dtype) makes them so"
        )


def _check_input_rank(shape: tuple[int, ...], zeros: bool) -> None:
    if len(shape) in (3, 4):
        return
    if not zeros:
        raise NotImplementedError(
            f"Padding size 4 is not supported for {len(shape)}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    hint = ""
    if len(shape) == 2:
        hint = ". One image has three axes (channels, height, width): input.unsqueeze(0) adds a channel axis"
    raise RuntimeError(
        f"Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {list(shape)}{hint}"
    )


def _check_lengths(
    axes: int,
    stride: int | tuple[int, ...],
    padding: str | int | tuple[int, ...],
    dilation: int | tuple[int, ...],
) -> None:
    if isinstance(padding, str) or (isinstance(padding, tuple) and len(padding) == 4):
        padding = 0
    # PyTorch's conv2d always comes with an output_padding of two zeros, and looks at it here.
    given = {"stride": stride, "padding": padding, "dilation": dilation, "output_padding": 0}
    hint = "" if axes == 2 else f". The weight of conv2d has four axes, this one has {axes + 2}"
    for name, value in given.items():
        values = (value, value) if isinstance(value, int) else value
        if len(values) not in (1, axes):
            raise RuntimeError(
                f"expected {name} to be a single integer value or a list of {axes} values to match the "
                f"convolution dimensions, but got {name}={list(values)}{hint}"
            )


def _check_same(
    shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: int | tuple[int, ...],
    dilation: int | tuple[int, ...],
) -> None:
    if len(weight_shape) != 4:
        rank = len(weight_shape)
        raise RuntimeError(
            f"Expected {rank}-dimensional input for {rank}-dimensional weight{list(weight_shape)}, "
            f"but got 4-dimensional input of size {list(shape)} instead"
        )
    for name, value in (("stride", stride), ("dilation", dilation)):
        if isinstance(value, tuple) and len(value) not in (1, 2):
            raise RuntimeError(f"{name} cannot broadcast to 2 dimensions")
    if _pair(stride) != (1, 1):
        raise RuntimeError(
            "padding='same' is not supported for strided convolutions. "
            "padding='same_upper' (TensorFlow's 'same') and 'same_lower' are"
        )


def _check_channels(
    input_shape: tuple[int, ...], shape: tuple[int, ...], weight_shape: tuple[int, ...], groups: int
) -> None:
    """`shape` is the four-dimensional one that the sentence gives, `input_shape` what the caller passed."""
    oc, expected = weight_shape[0], weight_shape[1] * groups
    if oc < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, "
            f"but got weight of size {list(weight_shape)} instead"
        )
    if oc % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(weight_shape)}] instead"
        )
    if shape[1] == expected:
        return
    hint = ""
    if input_shape[-1] == expected:
        order = "0, 3, 1, 2" if len(input_shape) == 4 else "2, 0, 1"
        hint = f". The input looks channels-last: input.permute({order}) puts its channels where they belong"
    elif len(input_shape) == 3 and expected == 1:
        hint = ". A 3D input is one image: input.unsqueeze(1) makes a batch of one-channel images of it"
    elif groups > 1 and shape[1] == weight_shape[1]:
        hint = f". The weight has the channels of one group, an input with {groups} groups has {expected}"
    raise RuntimeError(
        f"Given groups={groups}, weight of size {list(weight_shape)}, expected input{list(shape)} to have "
        f"{expected} channels, but got {shape[1]} channels instead{hint}"
    )


def _check_padding_size(*pads: tuple[int, int]) -> None:
    for axis, pad in enumerate(pads):
        for limit in (_LARGEST // 2, _LARGEST_PADDING):
            if max(pad) > limit:
                raise RuntimeError(
                    f"Given padding={max(pad)} at dimension {axis} , expected padding to be at most {limit}"
                )


def _short_dtype(dtype: np.dtype) -> str:
    try:
        return short_dtype(dtype)
    except TypeError as error:
        raise NotImplementedError(f"\"slow_conv2d_cpu\" not implemented for '{_name(dtype).scalar}'. {error}") from None


def _check_dtypes(problem: ConvProblem, input_dtype: np.dtype, weight_dtype: np.dtype) -> None:
    if problem.dtype == "bool":
        name = "slow_conv2d_cpu" if problem.dh == problem.dw == 1 else "slow_conv_dilated<>"
        raise NotImplementedError(
            f"\"{name}\" not implemented for 'Bool'. input.to(torch.uint8) counts, input.float() computes"
        )
    given, other = _name(input_dtype), _name(weight_dtype)
    if input_dtype != weight_dtype:
        # The sentence depends on which of PyTorch's backends would have computed it.
        onednn = problem.dtype == "bf16" or (
            problem.dtype == "f32"
            and (
                problem.g > 1
                or problem.n > 1
                or (problem.kh > 3 and problem.kw > 3)
                or problem.n * problem.ic * problem.ih * problem.iw > 20480
            )
        )
        sentence = f"Input type ({given.tensor}) and weight type ({other.tensor}) should be the same"
        if onednn:
            sentence += " or input should be a MKLDNN tensor and weight is a dense tensor"
        elif input_dtype.kind != "c":
            sentence = (
                f"expected scalar type {given.scalar} but found {other.scalar}. "
                "Input type and weight type should be the same"
            )
        raise RuntimeError(f"{sentence}: input.to(weight.dtype) makes them so")


def _check_output_size(problem: ConvProblem) -> None:
    n, c, h, w = problem.output_shape
    if n * c * h * w * problem.itemsize > _LARGEST:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={[n, c, h, w]}")
