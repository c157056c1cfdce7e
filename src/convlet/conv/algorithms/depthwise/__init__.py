"""One input channel a group: a few rows of results stay in registers while the kernel passes over the image.

Images are read where they lie: planes with their columns side by side, or channels side by side (channels-last);
others are copied first. As in direct.py, nothing here touches data: it plans what kernels/depthwise.py reads, which
rows are read for which results above all. An axis of the forward convolution and of its input gradient differ in
nothing but that (see `Phase`), so they are the same kernels.
"""

from __future__ import annotations

from ....kernels import target
from ....kernels.depthwise_steps import masked
from ...gradient import Run
from ...problem import ConvProblem
from .. import direct
from .results import Results
from .weight_gradient import WeightGradient

name = "depthwise"

# Results of a group up to which its planes are read once for all of them.
MULTIPLIER = 8
# Results of a single channel from which on weight gradients are faster, up to 2.6 times, where they are computed
# together (nine problems, Zen 4, November 2026: `python -m benchmarks ways`); forwards are, too, at fewer digits.
FEW = 4


def refuse(problem: ConvProblem) -> str | None:
    """Why this algorithm does not take the problem, or None."""
    p = problem
    if p.ic != p.g:
        return f"takes one input channel a group, not {p.ic // p.g}"
    if p.oc > MULTIPLIER * p.g:
        return f"{p.oc // p.g} output channels a group fill the direct algorithm's vectors"
    if p.g == 1 and p.oc >= FEW and p.direction == "bwd_weight":
        return f"{p.oc} output channels of a single one share what they read in others' tiles"
    reason = direct.refuse(p)
    if reason is not None:
        return reason
    if p.itemsize == 2 and target.current().name != "avx512":
        return f"needs masked loads of 16 bits, which {target.current().name} has not"
    if p.mode_h != "zeros" or p.mode_w != "zeros":
        return "reads no padding but zeros"
    if p.sw > 2:
        return f"reads every column or every second one, not every {p.sw}th"
    if not masked():
        return f"needs masked loads, which {target.current().name} has not"
    return None


def finishes(problem: ConvProblem) -> bool:
    """Whether it applies the problem's tail while it stores."""
    return problem.dtype == "f32"


def plan(problem: ConvProblem) -> Run:
    """run(a, b, bias, out), which fills out."""
    return WeightGradient(problem) if problem.direction == "bwd_weight" else Results(problem)
