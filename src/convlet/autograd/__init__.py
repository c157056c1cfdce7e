"""Automatic differentiation. Knows nothing of what an operation computes.

The public face is ``convlet.autograd``: ``backward``, ``grad``, ``Function``, ``no_grad`` and its kin, ``gradcheck``.
"""

from .anomaly_mode import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from .custom import Function, FunctionCtx, once_differentiable
from .engine import backward, grad
from .function import Node, Operation
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .variable import Variable

__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "Node",
    "Operation",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]
