"""``convlet predict MODEL IMAGE...``: say what class each image is of, with a model that ``convlet train``
wrote."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np

from .errors import CommandError, require

HELP = "classify images with a trained model"

_BATCH = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="the .safetensors file that 'convlet train' wrote")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files")
    parser.add_argument("--top", type=int, default=1, metavar="K", help="name the K likeliest classes (default: 1)")
    parser.add_argument("--json", action="store_true", help="print a JSON list, one object an image")
    parser.add_argument(
        "--invert", action="store_true", help="swap dark and light first, as for black digits on white paper"
    )


def run(options: argparse.Namespace) -> int:
    """Print one line (or JSON object) an image; a file that is no image gets a line on stderr and status
    2."""
    if options.top < 1:
        raise CommandError(f"--top must be at least 1, but is {options.top}")
    require("safetensors", "safetensors", "reading a model")
    require("Pillow", "PIL", "reading images")
    from ..models import ImageClassifier, ModelFileError

    try:
        model = ImageClassifier.load(options.model)
    except ModelFileError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{options.model}: {error.strerror or error}") from error

    results: list[dict[str, Any]] = []
    broken = 0
    for start in range(0, len(options.images), _BATCH):
        readable, failures = _read(options.images[start : start + _BATCH], model, options.invert)
        broken += failures
        if readable:
            chances = model.probabilities(np.stack([pixels for _, pixels in readable]))
            for (path, _), row in zip(readable, chances):
                result = _result(path, row, model.classes, options.top)
                results.append(result)
                if not options.json:
                    print(_line(result))
    if options.json:
        print(json.dumps(results, indent=2, ensure_ascii=False))
    return 2 if broken else 0


def _read(paths: list[str], model: Any, invert: bool) -> tuple[list[tuple[str, np.ndarray]], int]:
    """The images that can be read, and how many can't."""
    from ..data.images import ImageError, open_image, to_bytes

    readable = []
    for path in paths:
        try:
            pixels = to_bytes(open_image(path), model.channels, model.size)
        except ImageError as error:
            print(f"convlet predict: {error}", file=sys.stderr)
            continue
        readable.append((path, 255 - pixels if invert else pixels))
    return readable, len(paths) - len(readable)


def _result(path: str, chances: np.ndarray, classes: list[str], top: int) -> dict[str, Any]:
    order = np.argsort(-chances, kind="stable")[:top]
    likeliest = [{"class": classes[i], "probability": round(float(chances[i]), 6)} for i in order]
    return {"image": path, **likeliest[0], **({"top": likeliest} if top > 1 else {})}


def _line(result: dict[str, Any]) -> str:
    likeliest = result.get("top") or [result]
    return f"{result['image']}: " + ", ".join(f"{each['class']} {each['probability']:.1%}" for each in likeliest)
