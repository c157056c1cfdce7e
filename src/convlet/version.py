"""``torch.version``: Convlet's version, and that it was built with no GPU library."""

from __future__ import annotations

from . import __version__

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "xpu"]

cuda = hip = xpu = git_version = None
debug = False
