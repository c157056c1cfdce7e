"""Reading image files with Pillow: any file becomes bytes of the wanted size and channels, or one clear
error."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif")


class ImageError(OSError):
    """A file that should be an image can't be read as one; the message begins with its path."""


def open_image(path: str | os.PathLike[str]) -> Any:
    """The Pillow image in this file, decoded, and turned upright as its EXIF tag says.

    Raises ImageError for a missing, broken, truncated or absurdly large file, ImportError without Pillow.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError("reading images needs Pillow; install it with: pip install 'convlet[train]'") from error
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", module="PIL")
            image.load()
            return ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: a folder, not an image") from None
    except PermissionError:
        raise ImageError(f"{path}: permission denied") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: the image is too large to decode safely ({error})") from error
    except Exception as error:  # a broken file makes decoders raise nearly anything
        reason = "no image format that Pillow knows" if "cannot identify" in str(error) else str(error)
        raise ImageError(f"{path}: not a readable image ({reason})") from error


def is_gray(image: Any) -> bool:
    """Whether a Pillow image has no colours by its mode."""
    return image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I")


def to_channels(image: Any, channels: int) -> Any:
    """A Pillow image as 8-bit gray (1 channel) or RGB (3); what is transparent becomes white."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 or 32 bits of gray, which hold 16-bit values
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    elif "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")


def to_bytes(image: Any, channels: int, size: int) -> np.ndarray:
    """A Pillow image as uint8 (channels, size, size): the largest central square, resized.

    An image that has this size already keeps its pixels.
    """
    from PIL import Image, ImageOps

    image = to_channels(image, channels)
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    pixels = np.array(image, np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
