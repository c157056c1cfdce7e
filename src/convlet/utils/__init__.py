"""``convlet.utils``: names that PyTorch scripts expect: :mod:`convlet.utils.data`, :mod:`convlet.utils.checkpoint`."""

from . import checkpoint, data

__all__ = ["checkpoint", "data"]
