"""Shapes, devices and memory formats: the small values a tensor is described with."""

from __future__ import annotations

import math
from typing import Any


class Size(tuple[int, ...]):
    """A shape: a tuple that prints as PyTorch's.

    >>> torch.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements: the product of the sizes."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        result = tuple.__getitem__(self, index)
        return Size(result) if isinstance(index, slice) else result

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, count: Any) -> Size:
        return Size(tuple.__mul__(self, count))

    def __reduce__(self) -> Any:
        return (Size, (tuple(self),))


class memory_format:
    """How the elements of a 4-dimensional tensor lie in memory: ``contiguous_format`` or ``channels_last``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


contiguous_format = memory_format("contiguous_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
preserve_format = memory_format("preserve_format")


class layout:
    """``strided`` is the only layout."""

    def __repr__(self) -> str:
        return "torch.strided"


strided = layout()


class device:
    """Where a tensor lives: ``device('cpu')`` or ``device('meta')`` (shape and dtype without data).

    Other devices of PyTorch can be named, so that ``"cuda" if torch.cuda.is_available() else "cpu"`` works;
    putting a tensor there raises (see :func:`require_supported`). RuntimeError for an unknown name.
    """

    KNOWN = ("cpu", "cuda", "meta", "mps", "xpu", "mkldnn", "xla", "hpu", "mtia", "vulkan", "ipu", "fpga", "lazy")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        name, colon, number = type.partition(":")
        if name not in self.KNOWN:
            raise RuntimeError(
                f"Expected one of {', '.join(self.KNOWN)} device type at start of device string: {type}. "
                "Convlet computes on 'cpu'."
            )
        if colon:
            if not number.isdecimal():
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        self.type = name
        self.index = index

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return (device, (self.type, self.index))


CPU = device("cpu")
META = device("meta")


def require_supported(value: Any) -> device:
    """The device meant by a name or device. For one that Convlet has not, PyTorch's error of a build without it."""
    if value is None or value is CPU or value == "cpu":
        return CPU
    wanted = value if isinstance(value, device) else device(value)
    if wanted.type == "cpu":
        return CPU
    if wanted.type == "meta":
        return META
    if wanted.type == "cuda":
        raise AssertionError(
            "Torch not compiled with CUDA enabled. Convlet computes on the CPU: supported devices are 'cpu' and 'meta'."
        )
    raise RuntimeError(
        f"Convlet has no device '{wanted}': supported devices are 'cpu' and 'meta'. Use device='cpu'."
    )
