"""Working with scripts written for PyTorch: :func:`install_as_torch` makes ``import torch`` mean Convlet."""

from .torch_names import install_as_torch

__all__ = ["install_as_torch"]
