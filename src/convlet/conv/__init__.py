"""Convolution on plain NumPy arrays: what a problem is, its gradients, which algorithm runs it.

`conv2d_problem` turns arguments into a ConvProblem, which `forward`, `input_gradient` and `weight_gradient` run.
"""

from .arguments import conv2d_output_shape, conv2d_problem
from .plan import Plan, forward, input_gradient, plan_for, settings, under, weight_gradient
from .precision import convolution_precision, get_convolution_precision, set_convolution_precision
from .problem import ConvProblem, receptive_field
from .select import force_algorithm, select
from .signals import conv1d_problem
from .tail import Tail
from .transposed import conv_transpose2d_problem

__all__ = [
    "ConvProblem",
    "Plan",
    "Tail",
    "conv1d_problem",
    "conv2d_output_shape",
    "conv2d_problem",
    "conv_transpose2d_problem",
    "convolution_precision",
    "force_algorithm",
    "forward",
    "get_convolution_precision",
    "input_gradient",
    "plan_for",
    "receptive_field",
    "select",
    "set_convolution_precision",
    "settings",
    "under",
    "weight_gradient",
]
