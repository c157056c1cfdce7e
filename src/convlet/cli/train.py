"""``convlet train [DIR]``: train an image classifier on a folder of labelled images, or on the digits that
come along."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CommandError, require

HELP = "train a classifier on images (by default on 1,797 handwritten digits)"

_SPLIT_SEED = 0  # of the held-out images: the same for every --seed, so that results compare
_FOLDER_SIZE = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", metavar="DIR", help="images in one subfolder for each class (default: the digits)"
    )
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training images (default: 20)")
    parser.add_argument("--batch-size", type=int, default=32, help="images a step (default: 32)")
    parser.add_argument("--lr", type=float, default=3e-3, help="peak learning rate (default: 0.003)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of weights, order and augmentation; same seed, same model (default: 0)"
    )
    parser.add_argument(
        "--size", type=int, help=f"pixels of height and width that images are resized to (default: {_FOLDER_SIZE})"
    )
    parser.add_argument("--flip", action="store_true", help="mirror training images at random (photos, not letters)")
    parser.add_argument(
        "--output",
        default="model.safetensors",
        metavar="FILE",
        help="the model; the learning curve goes beside it as a .png (default: model.safetensors)",
    )


@dataclass(frozen=True)
class LabelledImages:
    """Every image of the job in memory: uint8 (n, channels, size, size), with the number of each one's
    class."""

    images: np.ndarray
    targets: np.ndarray
    classes: list[str]
    name: str

    def at(self, indices: list[int]) -> tuple[np.ndarray, np.ndarray]:
        return self.images[indices], self.targets[indices]


def run(options: argparse.Namespace) -> int:
    """Train, print a line an epoch, and write model and picture. Status 130 when interrupted."""
    _check(options)
    output = _checked_output(options.output)
    require("tqdm", "tqdm", "the progress bar")
    require("Matplotlib", "matplotlib", "the learning curve")
    require("safetensors", "safetensors", "writing the model")
    data = _digits(options) if options.folder is None else _folder(options)

    from ..data import stratified_split, transforms
    from ..models import Epoch, ImageClassifier, fit
    from ..tensor.generator import Generator
    from ..tensor.random import manual_seed

    start = time.perf_counter()
    train, held_out = stratified_split(data.targets, 0.2, Generator().manual_seed(_SPLIT_SEED))
    n, channels, size, _ = data.images.shape
    print(
        f"{data.name}: {n} {'gray' if channels == 1 else 'RGB'} images of {size} x {size}, "
        f"{len(data.classes)} classes\n"
        f"{len(train)} to train on, {len(held_out)} held out: a fifth of each class, drawn with seed {_SPLIT_SEED}",
        flush=True,
    )
    manual_seed(options.seed)
    generator = Generator().manual_seed(options.seed)
    classifier = ImageClassifier.for_images(data.images[train], data.classes)
    changes: list[Any] = [transforms.RandomAffine(degrees=10, scale=0.1, shift=0.09, generator=generator)]
    if options.flip:
        changes.append(transforms.RandomHorizontalFlip(generator=generator))

    history: list[Epoch] = []
    interrupted = False
    try:
        for epoch in fit(
            classifier,
            data.at(train),
            data.at(held_out),
            epochs=options.epochs,
            batch_size=options.batch_size,
            lr=options.lr,
            generator=generator,
            augment=transforms.Compose(changes),
            progress=lambda batches: _bar(batches, f"epoch {len(history) + 1}/{options.epochs}", "batch"),
        ):
            _write(lambda: classifier.save(output), output)
            history.append(epoch)
            print(
                f"epoch {epoch.number:{len(str(options.epochs))}}/{options.epochs}  loss {epoch.loss:.4f}  "
                f"held out: loss {epoch.held_out_loss:.4f}  accuracy {epoch.accuracy:6.2%}  {epoch.seconds:.1f} s",
                flush=True,
            )
    except KeyboardInterrupt:
        interrupted = True
    except FloatingPointError as error:
        raise CommandError(f"{error}: training diverged. Try a smaller --lr than {options.lr:g}") from error
    finally:
        if history:
            _draw(history, data.name, len(held_out), output)

    if not history:
        print("stopped before the first epoch was finished: nothing is written", file=sys.stderr)
        return 130
    last = history[-1]
    right = round(last.accuracy * len(held_out))
    print(
        f"{'stopped after' if interrupted else 'done:'} epoch {last.number}: {right} of {len(held_out)} held-out "
        f"images right ({last.accuracy:.2%}), {time.perf_counter() - start:.1f} s\n"
        f"model: {output}\ncurve: {output.with_suffix('.png')}"
    )
    return 130 if interrupted else 0


def _check(options: argparse.Namespace) -> None:
    for name, least in (("epochs", 1), ("batch_size", 1), ("size", 8)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise CommandError(f"--{name.replace('_', '-')} must be at least {least}, but is {value}")
    if not 0 < options.lr < float("inf"):
        raise CommandError(f"--lr must be a positive number, but is {options.lr}")
    if not -(2**63) <= options.seed < 2**64:
        raise CommandError(f"--seed must be in [-2**63, 2**64), but is {options.seed}")
    if options.folder is None and options.size is not None:
        raise CommandError("--size is for a folder of images (convlet train DIR --size N): the digits are 8 x 8")


def _checked_output(name: str) -> Path:
    """The path to write the model to; found out now, not after the training, whether that can be."""
    output = Path(name) if Path(name).suffix else Path(f"{name}.safetensors")
    if output.suffix == ".png":
        raise CommandError(f"{output}: the model is a .safetensors file; the picture gets its name with .png")
    for each in (output, output.with_suffix(".png")):
        if each.is_dir():
            raise CommandError(f"{each}: can't be written, there is a folder of this name")
    if not output.parent.is_dir():
        raise CommandError(f"{output.parent}: no such folder to write {output.name} to")
    try:
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise CommandError(f"{output}: can't be written ({error.strerror})") from error
    return output


def _digits(options: argparse.Namespace) -> LabelledImages:
    from ..data import Digits

    digits = Digits()
    return LabelledImages(digits.images[:, None], digits.targets, digits.classes, "handwritten digits (UCI)")


def _folder(options: argparse.Namespace) -> LabelledImages:
    require("Pillow", "PIL", "reading images")
    from ..data import ImageError, ImageFolder

    try:
        folder = ImageFolder(options.folder)
    except OSError as error:
        reason = f"{options.folder}: {error.strerror}" if error.strerror else str(error)
        raise CommandError(reason) from error
    counts = np.bincount(folder.targets, minlength=len(folder.classes))
    if len(folder.classes) < 2:
        raise CommandError(f"{options.folder}: one class only ({folder.classes[0]}); at least two are needed")
    for name, count in zip(folder.classes, counts):
        if count < 2:
            raise CommandError(
                f"{os.path.join(options.folder, name)}: one image only; a class needs at least two, one to hold out"
            )
    size = options.size or _FOLDER_SIZE
    try:
        pixels, gray = _read_all([path for path, _ in folder.samples], size)
    except ImageError as error:
        raise CommandError(str(error)) from error
    except MemoryError as error:
        raise CommandError(
            f"{options.folder}: {len(folder)} images of {size} x {size} do not fit into memory. Try a smaller --size"
        ) from error
    images = pixels[:, :1] if gray else pixels
    return LabelledImages(np.ascontiguousarray(images), np.array(folder.targets), folder.classes, str(options.folder))


def _read_all(paths: list[str], size: int) -> tuple[np.ndarray, bool]:
    """Every image as RGB bytes (n, 3, size, size), and whether none of them has colours."""
    from ..data.images import is_gray, open_image, to_bytes

    def read(path: str) -> tuple[np.ndarray, bool]:
        image = open_image(path)
        return to_bytes(image, 3, size), is_gray(image)

    pixels = np.empty((len(paths), 3, size, size), np.uint8)
    gray = True
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        try:
            for i, (image, has_no_colour) in enumerate(_bar(threads.map(read, paths), "reading", "image", len(paths))):
                pixels[i] = image
                gray = gray and has_no_colour
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return pixels, gray


def _bar(steps: Iterable[Any], what: str, unit: str, total: int | None = None) -> Iterable[Any]:
    """A progress bar that shows on a terminal only, and goes away when it is full."""
    from tqdm import tqdm

    return tqdm(steps, what, total, leave=False, unit=unit, disable=None)


def _write(save: Any, path: Path) -> None:
    try:
        save()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"{path}: can't be written ({reason})") from error


def _draw(history: list[Any], name: str, held_out: int, output: Path) -> None:
    from .curve import draw

    picture = output.with_suffix(".png")
    title = f"{name}: {history[-1].accuracy:.2%} of {held_out} held-out images right after {len(history)} epochs"
    _write(lambda: draw(history, title, picture), picture)
