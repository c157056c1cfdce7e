"""Where compiled kernels are kept: a directory of the user's, else a temporary one; never an error.

CONVLET_CACHE_DIR names the directory; else it is the platform's cache directory (XDG_CACHE_HOME, ~/Library/Caches,
%LOCALAPPDATA%) and in it `convlet/`, with one folder for each combination of versions and processor. A kernel is a file
there, whose name says what it was compiled from. Files are written whole or not at all.

What is read will be run, with the rights of this user. So a folder or a file counts only where nobody else can have
written it: it is this user's or the administrator's, and its mode lets no group and no others write.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from . import processor

_said = False


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _roots() -> Iterator[Path]:
    chosen = os.environ.get("CONVLET_CACHE_DIR")
    with contextlib.suppress(RuntimeError):  # no home directory
        yield Path(chosen) if chosen else _user_cache() / "convlet"
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    with contextlib.suppress(FileNotFoundError):  # no directory for temporary files
        yield Path(tempfile.gettempdir()) / f"convlet-{user}"


def _own(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid in (os.geteuid(), 0)


def _open_to_others(status: os.stat_result) -> bool:
    return hasattr(os, "geteuid") and bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _usable(folder: Path) -> bool:
    """Whether what lies there may be run; made where there is none. A shared directory may hold another's folder."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(0o755, exist_ok=True)
        found = folder.stat()
    except OSError:
        return False
    if not (stat.S_ISDIR(found.st_mode) and _own(found)):
        return False
    if _open_to_others(found):
        warnings.warn(
            f"no compiled kernels are kept in {folder}, because others may write to it: chmod go-w {folder}",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def digest(*parts: bytes) -> str:
    """Twelve letters that differ where the parts do."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


@functools.cache
def version(package: str) -> str:
    """The version of an installed package, without importing it."""
    try:
        place = find_spec(package)
    except ValueError:  # said to be missing
        place = None
    if place is None or place.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    with contextlib.suppress(OSError):
        text = (Path(place.origin).parent / "_version.py").read_text("utf-8")
        found = re.search(r"version\W{1,9}(\d+\.[\w.+-]*)", text)
        if found:
            return found[1]
    return str(__import__(package).__version__)


@functools.cache
def folders(target: str) -> tuple[Path, ...]:
    """Where kernels for a target may be, what is wanted first. Some may only be read; there may be none."""
    # Of NumPy because Numba works with some of its versions only: who changes it finds out before a kernel is missing.
    numpy = np.__version__.rsplit(".", 1)[0]
    versions = "-".join(package + version(package) for package in ("numba", "llvmlite"))
    here = digest(processor.identity().encode(), str(sys.implementation.cache_tag).encode(), numpy.encode())
    found = (root / f"{target}-{versions}-{here}" for root in _roots())
    return tuple(folder for folder in found if _usable(folder))


def read(target: str, name: str) -> bytes | None:
    """The content of a kernel's file; None where there is none that may be run."""
    for folder in folders(target):
        with contextlib.suppress(OSError), open(folder / name, "rb") as file:
            found = os.fstat(file.fileno())
            if _own(found) and not _open_to_others(found):
                return file.read()
    return None


def write(target: str, name: str, content: bytes) -> None:
    """Keeps a kernel. Other processes find the whole file or none; where no disk takes it there is none."""
    for folder in folders(target):
        unfinished = folder / f"{name}.{os.getpid()}-{threading.get_ident()}"
        try:
            with open(unfinished, "wb", opener=lambda path, flags: os.open(path, flags, 0o644)) as file:
                file.write(content)
            unfinished.replace(folder / name)
            return
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink()


def announce() -> None:
    """One line while kernels compile for the first time, where someone can see it."""
    global _said
    if _said:
        return
    _said = True
    if sys.stderr.isatty() or os.environ.get("CONVLET_VERBOSE", "") not in ("", "0"):
        print("convlet: compiling kernels for this processor (once)...", file=sys.stderr, flush=True)
