"""Convlet: PyTorch's convolution stack for NumPy, in pure Python. ``import convlet as torch``."""

from . import autograd
from .autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .tensor import Tensor

__all__ = ["Tensor", "autograd", "enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]
