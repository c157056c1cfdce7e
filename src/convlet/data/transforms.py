"""Transforms: what is done to an image between the file and the network.

:class:`Resize` works on Pillow images, :class:`ToTensor` makes a tensor of one, the others work on tensors
(..., h, w). Random ones draw from a generator given to them, or from the default one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd.function import make_result
from ..tensor.generator import Generator
from ..tensor.random import uniform


class Compose:
    """Several transforms one after another."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for each in self.transforms:
            image = each(image)
        return image


class Resize:
    """The largest central part of a Pillow image with the wanted proportions, resized to ``size`` (one
    number, or h, w)."""

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.height, self.width = (size, size) if isinstance(size, int) else size

    def __call__(self, image: Any) -> Any:
        from PIL import Image, ImageOps

        return ImageOps.fit(image, (self.width, self.height), Image.Resampling.BILINEAR)


class ToTensor:
    """A Pillow image or a uint8 array (h, w) or (h, w, c) as a float32 tensor (c, h, w) in [0, 1]."""

    def __call__(self, image: Any) -> Any:
        pixels = np.asarray(image)
        if pixels.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.ndim} dimensions.")
        channels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        scale = np.float32(255) if pixels.dtype == np.uint8 else np.float32(1)
        return make_result(np.ascontiguousarray(channels, np.float32) / scale)


class Normalize:
    """(image - mean) / std, a number for each channel, of tensors (..., c, h, w)."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        if any(each == 0 for each in std):
            raise ValueError(f"std must not be zero, but got {list(std)}")
        self.mean = np.array(mean, np.float32).reshape(-1, 1, 1)
        self.std = np.array(std, np.float32).reshape(-1, 1, 1)

    def __call__(self, image: Any) -> Any:
        return make_result((image.array - self.mean) / self.std)


class RandomHorizontalFlip:
    """Mirror images left to right with probability ``p``: each image of a batch (n, c, h, w) by itself."""

    def __init__(self, p: float = 0.5, generator: Generator | None = None) -> None:
        self.p = p
        self.generator = generator

    def __call__(self, images: Any) -> Any:
        array = images.array
        chance = uniform(array.shape[:-3], generator=self.generator)
        return make_result(np.where((chance < self.p)[..., None, None, None], array[..., ::-1], array))


class RandomAffine:
    """Rotate, scale and shift at random, each image of a batch (n, c, h, w) by itself; what comes from
    outside is 0.

    ``degrees``: rotation in [-degrees, degrees]; ``scale``: size in [1 - scale, 1 + scale]; ``shift``: in
    [-shift, shift] of the image's height and width. Bilinear.
    """

    def __init__(self, degrees: float, scale: float, shift: float, generator: Generator | None = None) -> None:
        self.degrees, self.scale, self.shift = degrees, scale, shift
        self.generator = generator

    def __call__(self, images: Any) -> Any:
        array = images.array
        batch = array.reshape(-1, *array.shape[-3:])
        angle, size, down, right = uniform((4, len(batch)), low=-1.0, high=1.0, generator=self.generator)
        angle = angle * np.float32(math.radians(self.degrees))
        size = 1 + size * np.float32(self.scale)
        h, w = batch.shape[-2:]
        y = (np.arange(h, dtype=np.float32) - np.float32((h - 1) / 2))[:, None]
        x = (np.arange(w, dtype=np.float32) - np.float32((w - 1) / 2))[None, :]
        cos, sin = ((part(angle) / size)[:, None, None] for part in (np.cos, np.sin))
        # Where the pixel at (y, x) of the result comes from.
        from_y = cos * y - sin * x + (down[:, None, None] * self.shift * h + (h - 1) / 2).astype(np.float32)
        from_x = sin * y + cos * x + (right[:, None, None] * self.shift * w + (w - 1) / 2).astype(np.float32)
        return make_result(_sample(batch, from_y, from_x).reshape(array.shape))


def _sample(images: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Images (n, c, h, w) read between their pixels at (y, x), each (n, h, w); bilinear, 0 outside."""
    n, _, h, w = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))  # a frame of zeros stands for the outside
    y, x = np.clip(y, -1, h) + 1, np.clip(x, -1, w) + 1
    first_y, first_x = np.minimum(np.floor(y), h), np.minimum(np.floor(x), w)
    down, right = (y - first_y)[:, None], (x - first_x)[:, None]
    top, left = first_y.astype(np.intp), first_x.astype(np.intp)
    each = np.arange(n)[:, None, None]

    def corner(dy: int, dx: int) -> np.ndarray:
        return padded[each, :, top + dy, left + dx].transpose(0, 3, 1, 2)

    upper = corner(0, 0) * (1 - right) + corner(0, 1) * right
    lower = corner(1, 0) * (1 - right) + corner(1, 1) * right
    return np.ascontiguousarray(upper * (1 - down) + lower * down)
