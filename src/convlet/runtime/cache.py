"""Where compiled kernels are kept: a directory of the user's, else a temporary one; never an error.

CONVLET_CACHE_DIR names the directory; else it is the platform's cache directory (XDG_CACHE_HOME, ~/Library/Caches,
%LOCALAPPDATA%) and in it `convlet/`, with one folder for each combination of versions. Numba itself keeps
processors apart (name and features are part of its key) and replaces what its own version cannot read.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

_said = False


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _usable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"convlet")
    except OSError:
        return False
    return True


def _fingerprint(sources: Iterable[Path]) -> str:
    """Changes with the kernels' sources: Numba itself notices only a change of the function's own file."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(sources))).hexdigest()[:12]


@functools.cache
def directory(sources: tuple[Path, ...], name: str) -> Path | None:
    """The folder for kernels compiled from `sources` for the target `name`; None where nothing can be written."""
    import llvmlite
    import numba

    version = f"{name}-numba{numba.__version__}-llvmlite{llvmlite.__version__}-{_fingerprint(sources)}"
    chosen = os.environ.get("CONVLET_CACHE_DIR")
    try:
        roots = [Path(chosen)] if chosen else [_user_cache() / "convlet"]
    except RuntimeError:  # no home directory
        roots = []
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    roots.append(Path(tempfile.gettempdir()) / f"convlet-{user}")
    for root in roots:
        path = root / version
        # A shared temporary directory may hold another's folder: compiled code is only taken from one's own.
        if _usable(path) and (not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()):
            return path
    return None


def announce() -> None:
    """One line while kernels compile for the first time, where someone can see it."""
    global _said
    if _said:
        return
    _said = True
    if sys.stderr.isatty() or os.environ.get("CONVLET_VERBOSE", "") not in ("", "0"):
        print("convlet: compiling kernels for this processor (once)...", file=sys.stderr, flush=True)
