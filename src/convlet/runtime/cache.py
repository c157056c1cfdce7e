"""Where compiled kernels are kept: a directory of the user's, else a temporary one; never an error.

CONVLET_CACHE_DIR names the directory; else it is the platform's cache directory (XDG_CACHE_HOME, ~/Library/Caches,
%LOCALAPPDATA%) and in it `convlet/`, with one folder for each combination of versions and processor. A kernel is a file
there, whose name says what it was compiled from. Files are written whole or not at all.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

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


def _usable(directory: Path) -> bool:
    """Whether kernels can be kept there, and are one's own: a shared temporary directory may hold another's folder."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        owned = not hasattr(os, "getuid") or directory.stat().st_uid == os.getuid()
    except OSError:
        return False
    return owned and os.access(directory, os.W_OK)


def digest(*parts: bytes) -> str:
    """Twelve letters that differ where the parts do."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


@functools.cache
def _version(package: str) -> str:
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
def directory(target: str) -> Path | None:
    """The folder of the kernels for a target; None where nothing can be written."""
    versions = "-".join(package + _version(package) for package in ("numba", "llvmlite"))
    here = digest(processor.identity().encode(), str(sys.implementation.cache_tag).encode())
    for root in _roots():
        path = root / f"{target}-{versions}-{here}"
        if _usable(path):
            return path
    return None


def filled(target: str) -> bool:
    """Whether kernels were compiled here before, by this very Numba."""
    folder = directory(target)
    if folder is None:
        return False
    with os.scandir(folder) as files:
        return any(files)


def read(target: str, name: str) -> bytes | None:
    """The content of a kernel's file; None where there is none."""
    folder = directory(target)
    try:
        return None if folder is None else (folder / name).read_bytes()
    except OSError:
        return None


def write(target: str, name: str, content: bytes) -> None:
    """Keeps a kernel. Other processes find the whole file or none; where the disk is full there is none."""
    folder = directory(target)
    if folder is None:
        return
    unfinished = folder / f"{name}.{os.getpid()}-{threading.get_ident()}"
    try:
        unfinished.write_bytes(content)
        unfinished.replace(folder / name)
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
