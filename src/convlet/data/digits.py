"""``Digits``: 1,797 real handwritten digits that come with the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..autograd.function import make_result
from .dataset import Dataset


class Digits(Dataset[tuple[Any, int]]):
    """1,797 images of handwritten digits, 8 x 8 pixels: sample i is (float32 tensor (1, 8, 8) in [0, 1],
    digit).

    ``images`` holds them as uint8 (1797, 8, 8), from 0 (paper) to 255 (ink), ``targets`` the digits (int64),
    ``classes`` their names. ``transform`` and ``target_transform`` are applied to a sample.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (test set), UCI Machine
    Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0; see digits.txt beside the data.

    >>> from convlet.data import Digits
    >>> image, digit = Digits()[5]
    >>> image.shape, digit
    (torch.Size([1, 8, 8]), 5)
    """

    def __init__(
        self,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ) -> None:
        with np.load(Path(__file__).with_name("digits.npz")) as file:
            self.images = ((file["images"].astype(np.uint16) * 255 + 8) // 16).astype(np.uint8)
            self.targets = file["labels"].astype(np.int64)
        self.classes = [str(digit) for digit in range(10)]
        self.transform = transform
        self.target_transform = target_transform

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = make_result(self.images[index][None].astype(np.float32) / np.float32(255))
        target = int(self.targets[index])
        return (
            image if self.transform is None else self.transform(image),
            target if self.target_transform is None else self.target_transform(target),
        )

    def __len__(self) -> int:
        return len(self.targets)
