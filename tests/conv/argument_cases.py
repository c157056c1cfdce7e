"""Calls of conv2d that PyTorch refuses, with its sentences: one table for the ordinary and the parity tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TOO_LARGE = "Kernel size can't be greater than actual input size"
NOT_A_COMBINATION = "conv2d() received an invalid combination of arguments - got "
MKLDNN = " or input should be a MKLDNN tensor and weight is a dense tensor"


@dataclass(frozen=True)
class Refused:
    """conv2d(x of shape `x`, w of shape `w`, bias of shape `bias`, **arguments) raises `error` with `sentence`.

    `hint` is what our message must also contain, after PyTorch's sentence.
    """

    x: tuple[int, ...]
    w: tuple[int, ...]
    sentence: str
    bias: tuple[int, ...] | None = None
    dtypes: tuple[str, str, str] = ("float32", "float32", "float32")  # of input, weight, bias
    arguments: dict[str, Any] = field(default_factory=dict)
    error: type[Exception] = RuntimeError
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.x} {self.w} {self.bias} {self.arguments}"


def _one(sentence: str, error: type[Exception] = RuntimeError, hint: str = "", **arguments: Any) -> Refused:
    """A refused argument of an otherwise sound call."""
    return Refused((1, 3, 8, 8), (6, 3, 3, 3), sentence, arguments=arguments, error=error, hint=hint)


def _types(of_input: str, of_weight: str, sentence: str, **changes: Any) -> Refused:
    shapes = {"x": (1, 4, 9, 9), "w": (6, 4, 3, 3), **changes}
    return Refused(sentence=sentence, dtypes=(of_input, of_weight, of_input), hint="should be the same", **shapes)


def _length(name: str, values: list[int]) -> Refused:
    return _one(
        f"expected {name} to be a single integer value or a list of 2 values to match the convolution dimensions, "
        f"but got {name}={values}",
        **{name: values},
    )


def _rank(*shape: int) -> Refused:
    return Refused(
        shape,
        (6, 10, 3, 3),
        f"Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {list(shape)}",
    )


REFUSED = (
    # Ranks
    _rank(1, 10, 1, 28, 28),
    _rank(28, 28),
    _rank(),
    Refused((1, 3, 8, 8), (6, 3), "weight should have at least three dimensions"),
    Refused((1, 3, 8, 8), (), "weight should have at least three dimensions", arguments={"groups": 0}),
    Refused(
        (1, 3, 8, 8),
        (6, 3, 3),
        "expected stride to be a single integer value or a list of 1 values to match the convolution dimensions, "
        "but got stride=[1, 1]",
        hint="The weight of conv2d has four axes, this one has 3",
    ),
    Refused(
        (3, 8, 8),
        (6, 3, 3, 3, 3),
        "expected stride to be a single integer value or a list of 3 values to match the convolution dimensions, "
        "but got stride=[1, 1]",
    ),
    Refused(
        (1, 3, 8, 8),
        (6, 3, 3),
        "expected output_padding to be a single integer value or a list of 1 values to match the convolution "
        "dimensions, but got output_padding=[0, 0]",
        arguments={"stride": [1], "padding": [0], "dilation": [1]},
    ),
    Refused(
        (3, 8, 8),
        (6, 3, 3),
        "Expected 3-dimensional input for 3-dimensional weight[6, 3, 3], "
        "but got 4-dimensional input of size [1, 3, 8, 8] instead",
        arguments={"padding": "same"},
    ),
    # Lengths
    *(_length(name, values) for name in ("stride", "padding", "dilation") for values in ([1, 1, 1], [])),
    _one("stride cannot broadcast to 2 dimensions", padding="same", stride=(2, 2, 2)),
    _one("dilation cannot broadcast to 2 dimensions", padding="same", dilation=(1, 1, 1)),
    # Ranges
    _one("non-positive groups is not supported", groups=0),
    _one("non-positive groups is not supported", groups=-1, stride=(1, 1, 1)),
    _one("negative padding is not supported", padding=-1, stride=0, dilation=-1),
    _one("negative padding is not supported", padding=(1, -1)),
    _one("non-positive stride is not supported", stride=0, dilation=-1),
    _one("non-positive stride is not supported", stride=(1, -1)),
    _one("dilation should be greater than zero", dilation=-1),
    _one("dilation should be greater than zero, but got [1, 0]", dilation=(1, 0)),
    _one(
        "Given padding=4611686018427387904 at dimension 0 , expected padding to be at most 4611686018427387903",
        padding=2**62,
    ),
    # Strings
    _one("Invalid padding string: 'foo'", padding="foo", groups=0, hint="same_upper"),
    _one("Invalid padding string: 'Same'", padding="Same"),
    _one("padding='same' is not supported for strided convolutions", padding="same", stride=2, hint="same_upper"),
    _one("padding='same' is not supported for strided convolutions", padding="same", stride=0),
    # Channels and bias
    Refused(
        (1, 6, 8, 8),
        (2, 2, 3, 3),
        "Given groups=3, expected weight to be at least 3 at dimension 0, but got weight of size [2, 2, 3, 3] instead",
        arguments={"groups": 3},
    ),
    Refused(
        (1, 4, 9, 9),
        (0, 4, 3, 3),
        "Given groups=1, expected weight to be at least 1 at dimension 0, but got weight of size [0, 4, 3, 3] instead",
    ),
    Refused(
        (1, 4, 9, 9),
        (3, 3, 30, 30),
        "Given groups=2, expected weight to be divisible by 2 at dimension 0, "
        "but got weight of size [[3, 3, 30, 30]] instead",
        bias=(3,),
        arguments={"groups": 2},
    ),
    Refused(
        (2, 4, 9, 9),
        (6, 3, 5, 5),
        "Given groups=1, weight of size [6, 3, 5, 5], expected input[2, 4, 9, 9] to have 3 channels, "
        "but got 4 channels instead",
    ),
    Refused(
        (4, 9, 9),
        (6, 3, 30, 30),
        "Given groups=1, weight of size [6, 3, 30, 30], expected input[1, 4, 9, 9] to have 3 channels, "
        "but got 4 channels instead",
        bias=(3,),
    ),
    Refused(
        (2, 96, 96, 3),
        (4, 3, 3, 3),
        "Given groups=1, weight of size [4, 3, 3, 3], expected input[2, 96, 96, 3] to have 3 channels, "
        "but got 96 channels instead",
        hint="The input looks channels-last: input.permute(0, 3, 1, 2)",
    ),
    Refused(
        (96, 96, 3),
        (4, 3, 3, 3),
        "Given groups=1, weight of size [4, 3, 3, 3], expected input[1, 96, 96, 3] to have 3 channels, "
        "but got 96 channels instead",
        hint="input.permute(2, 0, 1)",
    ),
    Refused(
        (64, 8, 8),
        (4, 1, 3, 3),
        "Given groups=1, weight of size [4, 1, 3, 3], expected input[1, 64, 8, 8] to have 1 channels, "
        "but got 64 channels instead",
        hint="input.unsqueeze(1)",
    ),
    Refused(
        (1, 3, 8, 8),
        (6, 3, 3, 3),
        "Given groups=3, weight of size [6, 3, 3, 3], expected input[1, 3, 8, 8] to have 9 channels, "
        "but got 3 channels instead",
        arguments={"groups": 3},
        hint="The weight has the channels of one group, an input with 3 groups has 9",
    ),
    # With an odd total PyTorch has padded the input once when it says so.
    Refused(
        (1, 4, 9, 9),
        (6, 5, 2, 2),
        "Given groups=1, weight of size [6, 5, 2, 2], expected input[1, 4, 10, 9] to have 5 channels, "
        "but got 4 channels instead",
        arguments={"padding": "same", "dilation": (1, 2)},
    ),
    *(
        Refused(
            (1, 4, 9, 9),
            (6, 4, 30, 30),
            "Given weight of size [6, 4, 30, 30], expected bias to be 1-dimensional with 6 elements, "
            f"but got bias of size {list(shape)} instead",
            bias=shape,
        )
        for shape in ((5,), (6, 1), (), (0,))
    ),
    # Sizes
    Refused(
        (4, 9),
        (6, 4, 10, 3),
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [4, 9]",
        hint="input.unsqueeze(0)",
    ),
    Refused(
        (1, 4, 9, 8),
        (6, 4, 5, 3),
        f"Calculated padded input size per channel: (11 x 8). Kernel size: (13 x 3). {TOO_LARGE}",
        arguments={"padding": (1, 0), "dilation": (3, 1)},
    ),
    Refused(
        (0, 4, 1, 1),
        (6, 4, 3, 3),
        f"Calculated padded input size per channel: (1 x 1). Kernel size: (3 x 3). {TOO_LARGE}",
    ),
    Refused(
        (1, 4, 0, 9),
        (6, 4, 3, 3),
        f"Calculated padded input size per channel: (0 x 9). Kernel size: (3 x 3). {TOO_LARGE}",
    ),
    _one(
        f"Calculated padded input size per channel: (8 x 8). Kernel size: (2199023255553 x 2199023255553). {TOO_LARGE}",
        dilation=2**40,
    ),
    Refused(
        (4, 0, 9),
        (6, 4, 3, 3),
        "Only zero batch or zero channel inputs are supported, but got input shape: [1, 4, 0, 9]",
        arguments={"padding": 2},
    ),
    Refused(
        (1, 4, 9, 9),
        (6, 4, 0, 3),
        "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 3",
        arguments={"padding": "same"},
    ),
    Refused(
        (2, 0, 9, 9),
        (6, 3, 3, 3),
        "Given groups=1, weight of size [6, 3, 3, 3], expected input[2, 0, 9, 9] to have 3 channels, "
        "but got 0 channels instead",
    ),
    # Types
    *(
        Refused(
            (1, 1, 4, 9, 9),
            (6, 4, 3, 3),
            f"Input type (float) and bias type ({name}) should be the same",
            bias=(6,),
            dtypes=("float32", "float32", dtype),
            hint="bias.to(input.dtype)",
        )
        for dtype, name in {
            "float64": "double",
            "float16": "c10::Half",
            "bfloat16": "c10::BFloat16",
            "complex64": "c10::complex<float>",
            "complex128": "c10::complex<double>",
            "int64": "long int",
            "int32": "int",
            "int16": "short int",
            "int8": "signed char",
            "uint8": "unsigned char",
            "bool": "bool",
        }.items()
    ),
    _types("float32", "float64", "expected scalar type Float but found Double"),
    _types("float64", "float32", "expected scalar type Double but found Float"),
    _types("int64", "float32", "expected scalar type Long but found Float"),
    _types("uint8", "float32", "expected scalar type Byte but found Float"),
    _types("float32", "complex64", "expected scalar type Float but found ComplexFloat"),
    _types(
        "complex128",
        "bfloat16",
        "Input type (CPUComplexDoubleType) and weight type (CPUBFloat16Type) should be the same",
    ),
    *(
        _types(
            "float32",
            "float64",
            f"Input type (torch.FloatTensor) and weight type (torch.DoubleTensor) should be the same{MKLDNN}",
            **changes,
        )
        for changes in (
            {"x": (2, 4, 9, 9)},
            {"x": (1, 4, 80, 80)},
            {"w": (6, 4, 5, 4)},
            {"w": (6, 2, 3, 3), "arguments": {"groups": 2}},
        )
    ),
    _types(
        "bfloat16",
        "int64",
        f"Input type (CPUBFloat16Type) and weight type (torch.LongTensor) should be the same{MKLDNN}",
    ),
    Refused(
        (1, 4, 9, 9),
        (6, 4, 3, 3),
        "\"slow_conv2d_cpu\" not implemented for 'Bool'",
        dtypes=("bool", "float32", "bool"),
        error=NotImplementedError,
    ),
    Refused(
        (1, 4, 9, 9),
        (6, 4, 3, 3),
        "\"slow_conv_dilated<>\" not implemented for 'Bool'",
        dtypes=("bool", "bool", "bool"),
        arguments={"dilation": (1, 2)},
        error=NotImplementedError,
    ),
    *(
        _one(
            f"conv2d(): argument '{name}' failed to unpack the object at pos 2 with error "
            f'"type must be tuple of ints,but got {type(value).__name__}"',
            TypeError,
            f"{name}=(1, {value!r})",
            **{name: (1, value)},
        )
        for name in ("stride", "padding", "dilation")
        for value in (None, 2.0, float("nan"), "1")
    ),
    _one("Overflow when unpacking long long", ValueError, "does not fit in 64 bits", stride=2**63),
    _one("Overflow when unpacking long long", ValueError, "does not fit in 64 bits", groups=2**63),
)

# What the sentence says after its dash is each library's own: PyTorch lists its overloads, we name the argument.
WRONG_TYPES = tuple(
    _one(
        NOT_A_COMBINATION,
        TypeError,
        f"{name}={value!r} ({type(value).__name__}), but {name} must be an int",
        **{name: value},
    )
    for name in ("stride", "padding", "dilation", "groups")
    for value in (True, 1.0, float("nan"), None, {1, 2}, (1.0, 1), [True, 1], ("1", 1), "1")
    if not (name == "padding" and value == "1")
)


# What nn.Conv2d(2, 3, 3, padding, padding_mode) says to an input of a shape: (shape, padding, mode, sentence).
REFUSED_BY_MODE = (
    *(
        (
            shape,
            padding,
            "reflect",
            f"Argument #{number}: Padding size should be less than the corresponding input dimension, "
            f"but got: padding ({pad}, {pad}) at dimension {dimension} of input {list(shape)}",
        )
        for shape, padding, number, pad, dimension in (
            ((1, 2, 4, 5), (0, 5), 4, 5, 3),
            ((1, 2, 4, 5), (5, 6), 4, 6, 3),
            ((0, 2, 4, 5), (4, 0), 6, 4, 2),
            ((2, 4, 5), (4, 0), 6, 4, 1),
            ((1, 2, 1, 5), "same", 6, 1, 2),
        )
    ),
    ((1, 2, 4, 5), (5, 0), "circular", "Padding value causes wrapping around more than once."),
    ((1, 2, 0, 5), 1, "circular", "Padding value causes wrapping around more than once."),
    *(
        (
            shape,
            padding,
            mode,
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {list(shape)}",
        )
        for shape, padding, mode in (
            ((1, 2, 0, 5), 1, "reflect"),
            ((2, 4, 0), 1, "replicate"),
            ((0, 0, 4, 5), 1, "reflect"),
            ((1, 2, 0, 5), 0, "reflect"),
        )
    ),
    (
        (1, 3, 4, 5),
        1,
        "replicate",
        "Given groups=1, weight of size [3, 2, 3, 3], expected input[1, 3, 6, 7] to have 2 channels, "
        "but got 3 channels instead",
    ),
    (
        (2, 0, 5),
        (0, 5),
        "circular",
        f"Calculated padded input size per channel: (0 x 15). Kernel size: (3 x 3). {TOO_LARGE}",
    ),
    (
        (1, 2, 4, 5),
        (-1, 1),
        "replicate",
        f"Calculated padded input size per channel: (2 x 7). Kernel size: (3 x 3). {TOO_LARGE}",
    ),
)
