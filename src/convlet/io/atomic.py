"""Writing a file so that it is either wholly there or as it was before."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the name of an empty file beside ``path``; what is written to it takes the place of ``path`` at the end.

    When the block raises (also on Ctrl-C or a full disk) the new file is removed and ``path`` is untouched. The data is
    on the disk before the name changes. RuntimeError when the folder does not exist, IsADirectoryError when ``path`` is
    a folder.
    """
    target = os.path.realpath(os.fspath(path))  # a link stays a link
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    if os.path.isdir(target):
        raise IsADirectoryError(f"{target} is a folder: give the name of a file in it")
    draft = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    mode = os.stat(target if os.path.exists(target) else draft).st_mode & 0o777
    try:
        yield draft
        os.chmod(draft, mode)  # as the old file's or the user's default, whatever the writer made of it
        _flush(draft)
        os.replace(draft, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
    with contextlib.suppress(OSError):  # not every system can flush a folder
        _flush(folder)


def _flush(path: str) -> None:
    """Have the system write a file's data, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY if os.path.isdir(path) else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
