"""``convlet.utils``: a name that PyTorch scripts expect; it holds :mod:`convlet.utils.data`."""

from . import data

__all__ = ["data"]
