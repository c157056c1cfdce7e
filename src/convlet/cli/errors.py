"""What goes wrong through no fault of the program: one line for the user, exit status 2."""

from __future__ import annotations

import importlib
from types import ModuleType


class CommandError(Exception):
    """A message for the user; the command prints it and ends with status 2, without a traceback."""


def require(package: str, module: str, purpose: str) -> ModuleType:
    """Import an optional module, or say which install brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CommandError(
            f"{purpose} needs {package}, which can't be imported ({error}). Get it with: pip install 'convlet[train]'"
        ) from error
