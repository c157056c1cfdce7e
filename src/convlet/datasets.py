"""``convlet.datasets``: labelled images, under the name that torchvision's users expect; the code is in ``data``."""

from .data.digits import Digits
from .data.image_folder import ImageFolder

__all__ = ["Digits", "ImageFolder"]
