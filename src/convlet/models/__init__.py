"""Models: :class:`SmallCNN`, the network of ``convlet train``, and :class:`ImageClassifier`, a trained one
with its file."""

from .classifier import ImageClassifier, ModelFileError
from .small import SmallCNN
from .training import Epoch, fit

__all__ = ["Epoch", "ImageClassifier", "ModelFileError", "SmallCNN", "fit"]
