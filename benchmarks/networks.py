"""Whole networks, written once for both libraries: `torch` is PyTorch or Convlet."""

from __future__ import annotations

from typing import Any


def resnet50(torch: Any) -> Any:
    """He et al., https://arxiv.org/abs/1512.03385, the stride in the 3x3 convolution."""
    nn = torch.nn

    def normed(ic: int, oc: int, k: int, stride: int = 1) -> list[Any]:
        return [nn.Conv2d(ic, oc, k, stride, k // 2, bias=False), nn.BatchNorm2d(oc)]

    class Bottleneck(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self, ic: int, width: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *normed(ic, width, 1), nn.ReLU(inplace=True),
                *normed(width, width, 3, stride), nn.ReLU(inplace=True),
                *normed(width, 4 * width, 1),
            )  # fmt: skip
            self.shortcut = None
            if stride != 1 or ic != 4 * width:
                self.shortcut = nn.Sequential(*normed(ic, 4 * width, 1, stride))
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Any) -> Any:
            out = self.body(x)
            out += x if self.shortcut is None else self.shortcut(x)
            return self.relu(out)

    layers = [*normed(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for block in range(blocks):
            layers.append(Bottleneck(channels, width, 2 if stage and not block else 1))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


def vgg16(torch: Any) -> Any:
    """Simonyan & Zisserman, https://arxiv.org/abs/1409.1556, without dropout, so that both sides compute the same."""
    nn = torch.nn
    layers: list[Any] = []
    channels = 3
    for width, count in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    layers += [nn.Flatten(), nn.Linear(512 * 49, 4096), nn.ReLU(inplace=True)]
    layers += [nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers)


def mobilenetv2(torch: Any) -> Any:
    """Sandler et al., https://arxiv.org/abs/1801.04381, without dropout."""
    nn = torch.nn

    def normed(ic: int, oc: int, k: int, stride: int = 1, groups: int = 1) -> list[Any]:
        return [nn.Conv2d(ic, oc, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(oc)]

    class Inverted(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self, ic: int, oc: int, stride: int, expansion: int) -> None:
            super().__init__()
            wide = ic * expansion
            layers = [*normed(ic, wide, 1), nn.ReLU6(inplace=True)] if expansion > 1 else []
            layers += [*normed(wide, wide, 3, stride, wide), nn.ReLU6(inplace=True), *normed(wide, oc, 1)]
            self.body = nn.Sequential(*layers)
            self.residual = stride == 1 and ic == oc

        def forward(self, x: Any) -> Any:
            return x + self.body(x) if self.residual else self.body(x)

    layers = [*normed(3, 32, 3, 2), nn.ReLU6(inplace=True)]
    channels = 32
    for expansion, oc, count, stride in [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]:  # fmt: skip
        for i in range(count):
            layers.append(Inverted(channels, oc, stride if i == 0 else 1, expansion))
            channels = oc
    layers += [*normed(channels, 1280, 1), nn.ReLU6(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(1280, 1000))


NETWORKS = {each.__name__: each for each in (resnet50, vgg16, mobilenetv2)}
