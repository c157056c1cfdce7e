"""Winograd convolution: kernels of several taps with a fraction of the multiplications, 3x3 with a quarter of them.

Its sums are not only reordered but made of other terms, so its error is larger than direct convolution's and bounded:
norm-relative 3e-6 in float32. With `convlet.set_convolution_precision("highest")` tiles are small, as F(2x2, 3x3),
and sums are added in short chains, the last of which remember what they lose: it stays under 2e-7.
float64 does without it. An infinity or NaN of the input spreads over the tiles that read it, and overflow begins some
three orders of magnitude below the largest float32.

kernels/winograd.py says how it is computed and kernels/winograd_matrices.py by which matrices; the files here plan:

    choice           the tiles of a problem, and whether they are expected to be faster than direct convolution
    product          what a problem multiplies, and what its tiles read
    units            rows of tiles, in passes, and their transformed images
    weights          transformed weights
    forward          forward convolutions and input gradients
    weight_gradient  weight gradients
"""

from __future__ import annotations

from ....kernels.winograd_matrices import Axis
from ... import gradient
from ...gradient import Run
from ...precision import get_convolution_precision
from ...problem import ConvProblem
from .. import direct
from .choice import candidates, dilations, speedup
from .forward import Forward
from .weight_gradient import WeightGradient

__all__ = ["finishes", "name", "plan", "refuse", "slower", "speedup", "unable"]

name = "winograd"

# Input channels of a group up to which the weight gradient is left to direct: 1 takes 251 us there, not 520 (128x128),
# 3 take 1299, not 1636 (224x224; 64 output channels, Zen 4, November 2026).
FEW = 4
# So much faster it must be expected to be, because expectations err.
MARGIN = 1.05
# Operations an image below which it saves a few microseconds, and even in a batch not many: not worth compiling for.
LEAST_FLOPS = 1_000_000


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    return unable(problem) or slower(problem)


def unable(problem: ConvProblem) -> str | None:
    """Why it cannot compute the problem, or may not."""
    p = problem
    if p.dtype not in ("f32", "f16", "bf16"):
        return f"computes in float32, and the dtype is {p.dtype}"
    if p.kh == p.kw == 1:
        return "the kernel has one tap"
    if p.direction == "bwd_weight" and (p.sh, p.sw) != (1, 1) and get_convolution_precision() == "highest":
        return "the precision is 'highest', and images that alternate as fast as a stride would lose digits"
    if any(stride > 1 and dilation > 1 for stride, dilation in zip((p.sh, p.sw), dilations(p))):
        return "the kernel is strided and dilated"
    if p.sh > p.kh or p.sw > p.kw:
        return "the stride leaves inputs out"
    if p.direction == "bwd_input" and (p.sh, p.sw) != (1, 1) and gradient.input_strips(p):
        return "the gradient is strided and the padding is not zeros"
    if not candidates(p):
        return f"a kernel of {p.kh}x{p.kw} needs large transforms"
    return direct.refuse(p)


def slower(problem: ConvProblem) -> str | None:
    """Why direct convolution is expected to be as fast, or None."""
    if problem.per_image().flops < LEAST_FLOPS:
        return f"below {LEAST_FLOPS / 1e6} million operations an image there is little to save"
    if problem.direction == "bwd_weight" and problem.ic // problem.g <= FEW:
        return f"not as fast as direct where {problem.ic // problem.g} input channels leave most lanes empty"
    expected = speedup(problem)
    return None if expected >= MARGIN else f"expected to be {expected:.2f} times as fast as direct, less than {MARGIN}"


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return True


def plan(problem: ConvProblem, pair: tuple[Axis, Axis] | None = None) -> Run:
    """run(a, b, bias, out), which fills out; the axes computed as `pair` says, if it does."""
    if problem.direction == "bwd_weight":
        return WeightGradient(problem, pair)
    if problem.direction == "bwd_input" and gradient.input_strips(problem):
        # The strips that padding modes add are small.
        whole = problem.ih, problem.iw
        return gradient.input_gradient(
            problem, lambda p: Forward(p) if (p.oh, p.ow) == whole else direct.plan(p)
        )
    return Forward(problem, pair)
