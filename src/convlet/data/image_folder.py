"""``ImageFolder``: a folder of labelled images, one subfolder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .dataset import Dataset
from .images import EXTENSIONS, open_image, to_channels


class ImageFolder(Dataset[tuple[Any, int]]):
    """Images in ``root/CLASS/.../NAME.png``; sample i is (image, number of its class).

    ``classes`` are the names of the subfolders in alphabetical order (hidden ones are left out),
    ``class_to_idx`` their numbers, ``samples`` the list of (path, number), ``targets`` the numbers. An image
    is Pillow's, in RGB, unless ``transform`` makes something else of it or ``loader(path)`` reads it
    otherwise; ``target_transform`` changes the number. Files count whose extension is a known one, or for
    which ``is_valid_file(path)`` is true.

    Raises FileNotFoundError for a missing root, one without subfolders, and, unless ``allow_empty``, for a
    class without images; :class:`ImageError`, naming the file, when a sample is read that is broken;
    ImportError without Pillow.

    Example::

        from . import ImageFolder, transforms
        photos = ImageFolder("photos", transforms.Compose([transforms.Resize(64), transforms.ToTensor()]))
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        loader: Callable[[str], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        self.root = os.fspath(root)
        self.transform = transform
        self.target_transform = target_transform
        self.loader = loader or read_rgb
        with os.scandir(self.root) as entries:
            self.classes = sorted(each.name for each in entries if each.is_dir() and not each.name.startswith("."))
        if not self.classes:
            raise FileNotFoundError(
                f"Couldn't find any class folder in {self.root}. Put the images of each class into a subfolder of its "
                "own: its name is the label."
            )
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        is_valid = is_valid_file or (lambda path: path.lower().endswith(EXTENSIONS))
        self.samples = [
            (path, number)
            for name, number in self.class_to_idx.items()
            for path in _files(os.path.join(self.root, name))
            if is_valid(path)
        ]
        self.imgs = self.samples
        self.targets = [number for _, number in self.samples]
        empty = sorted(set(self.classes) - {self.classes[number] for number in self.targets})
        if empty and not allow_empty:
            known = "" if is_valid_file else f" Supported extensions are: {', '.join(EXTENSIONS)}"
            raise FileNotFoundError(
                f"Found no valid file for the classes {', '.join(empty)} in {self.root}.{known}"
            )

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample = self.loader(path)
        return (
            sample if self.transform is None else self.transform(sample),
            target if self.target_transform is None else self.target_transform(target),
        )

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        return f"ImageFolder({self.root!r}: {len(self.samples)} images of {len(self.classes)} classes)"


def read_rgb(path: str) -> Any:
    """The image in a file as Pillow's, in RGB."""
    return to_channels(open_image(path), 3)


def _files(folder: str) -> list[str]:
    """Every file below a folder, in an order that does not depend on the file system."""
    return [
        os.path.join(where, name)
        for where, _, names in sorted(os.walk(folder, followlinks=True))
        for name in sorted(names)
        if not name.startswith(".")
    ]
