"""``SmallCNN``: a small convolutional network for images of any size from 8 x 8 pixels on."""

from __future__ import annotations

from typing import Any

from .. import nn


class SmallCNN(nn.Module):
    """Convolutions of 3 x 3 with batch norm and ReLU, halving the image until it is 4 to 7 pixels wide, then
    one Linear.

    ``classes``: how many scores come out; ``channels``: 1 for gray, 3 for RGB; ``size``: height and width in
    pixels, at least 8 (ValueError otherwise); ``width``: channels of the first stage, doubled by each stage
    up to 128; ``dropout`` acts before the Linear. Images of 32 pixels and more are halved by the first
    convolution already.

    Input (n, channels, size, size), normalised; output (n, classes), scores for :func:`cross_entropy`.

    >>> from convlet.models import SmallCNN
    >>> SmallCNN(classes=10)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, classes: int = 10, channels: int = 1, size: int = 8, width: int = 32, dropout: float = 0.3
    ) -> None:
        super().__init__()
        if size < 8:
            raise ValueError(f"SmallCNN needs images of at least 8 x 8 pixels, but got size={size}")
        self.arguments: dict[str, Any] = {"classes": classes, "channels": channels, "size": size}
        self.arguments.update(width=width, dropout=dropout)
        stride = 2 if size >= 32 else 1
        layers = _block(channels, width, stride)
        size = -(-size // stride)
        while size >= 8:
            wider = min(2 * width, 128)
            layers += [*_block(width, width), nn.MaxPool2d(2), *_block(width, wider)]
            width, size = wider, size // 2
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(width * size * size, classes))

    def forward(self, images: Any) -> Any:
        return self.head(self.features(images))


def _block(channels: int, width: int, stride: int = 1) -> list[nn.Module]:
    """A convolution whose bias would only be taken out again by the batch norm behind it."""
    return [nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
