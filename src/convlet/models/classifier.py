"""``ImageClassifier``: a network with all that using it takes: class names, image size, normalisation; and
its file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..autograd.function import make_result
from ..io import CheckpointError, load, save
from ..nn import functional as F
from .small import SmallCNN

_FORMAT = "convlet.ImageClassifier"
_VERSION = 1


class ModelFileError(ValueError):
    """A file is not a model that ``convlet train`` wrote; the message begins with its path."""


class ImageClassifier:
    """A :class:`SmallCNN` with its class names and the normalisation of its inputs.

    Images are uint8 arrays (n, channels, size, size). ``mean`` and ``std`` are those of the training images
    scaled to [0, 1].
    """

    def __init__(
        self, network: SmallCNN, classes: Sequence[str], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        self.network = network
        self.classes = list(classes)
        self.channels: int = network.arguments["channels"]
        self.size: int = network.arguments["size"]
        self.mean = [float(each) for each in mean]
        self.std = [float(each) for each in std]

    @classmethod
    def for_images(cls, images: np.ndarray, classes: Sequence[str]) -> ImageClassifier:
        """An untrained classifier for images like these; its weights are drawn from the default generator."""
        channels, size = images.shape[1], images.shape[2]
        mean = images.mean(axis=(0, 2, 3), dtype=np.float64) / 255
        std = images.std(axis=(0, 2, 3), dtype=np.float64) / 255
        network = SmallCNN(len(classes), channels, size)
        return cls(network, classes, mean.tolist(), np.maximum(std, 1 / 255).tolist())

    def normalise(self, images: Any) -> Any:
        """Images in [0, 1] (a float32 tensor) as the network takes them."""
        mean, std = (np.array(each, np.float32).reshape(-1, 1, 1) for each in (self.mean, self.std))
        return make_result((images.array - mean) / std)

    def scores(self, images: np.ndarray) -> Any:
        """The network's scores (n, classes) in its present mode, recorded for gradients if that is on."""
        return self.network(self.normalise(scaled(images)))

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """The probability of each class for each image: float32 (n, classes)."""
        self.network.eval()
        with no_grad():
            return F.softmax(self.scores(images), dim=1).array

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as a safetensors file, at once: ``path`` holds the old file or the whole new
        one."""
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "network": {"name": "SmallCNN", **self.network.arguments},
            "classes": self.classes,
            "mean": self.mean,
            "std": self.std,
            "weights": dict(self.network.state_dict()),
        }
        save(content, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ImageClassifier:
        """The model in a file that :meth:`save` wrote. Raises ModelFileError for any other, OSError for
        none."""
        try:
            content = load(path)
        except CheckpointError as error:
            raise ModelFileError(str(error)) from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ModelFileError(f"{path}: a safetensors file, but not a model that 'convlet train' wrote")
        if content.get("version") != _VERSION:
            raise ModelFileError(
                f"{path}: a model file of version {content.get('version')!r}; this convlet reads version {_VERSION}"
            )
        try:
            return cls._restore(content)
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, MemoryError) as error:
            raise ModelFileError(f"{path}: a damaged model file ({type(error).__name__}: {error})") from error

    @classmethod
    def _restore(cls, content: dict[str, Any]) -> ImageClassifier:
        arguments, classes, weights = dict(content["network"]), content["classes"], content["weights"]
        if arguments.pop("name") != "SmallCNN":
            raise ValueError(f"unknown network {content['network']['name']!r}")
        # Checked before a network is made, which a hostile file could ask to be enormous.
        size, channels, width = (arguments[each] for each in ("size", "channels", "width"))
        if not (isinstance(classes, list) and all(isinstance(each, str) for each in classes)):
            raise ValueError("class names are missing")
        if not (channels in (1, 3) and isinstance(size, int) and 8 <= size <= 4096):
            raise ValueError(f"channels={channels!r}, size={size!r}")
        if weights["head.2.weight"].shape[0] != len(classes) or arguments["classes"] != len(classes):
            raise ValueError(f"{len(classes)} class names for another number of scores")
        if weights["features.0.weight"].shape[0] != width:
            raise ValueError(f"width={width!r} for another number of channels")
        for name in ("mean", "std"):
            if len(content[name]) != channels or not np.isfinite(content[name]).all():
                raise ValueError(f"{name}={content[name]!r}")
        if min(content["std"]) <= 0:
            raise ValueError(f"std={content['std']!r}")
        network = SmallCNN(**arguments)
        network.load_state_dict(weights)
        return cls(network, classes, content["mean"], content["std"])


def scaled(images: np.ndarray) -> Any:
    """uint8 images as a float32 tensor in [0, 1]."""
    return make_result(images.astype(np.float32) / np.float32(255))
