"""The two sides of a comparison. Each lives in a process of its own (see worker.py) and times one problem at a time.

A side is a class: `variants(problem, arrays, forward)` gives the name of every variant (memory layout, algorithm) the
side has, and a function that computes the problem once into a new output and returns it. `forward` says that this is
the forward pass of a layer, which an input gradient is, too, if the layer is transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from convlet.conv.problem import ConvProblem, numpy_dtype

# Seconds after which the other side's threads sleep: those of PyTorch's OpenMP stay awake for several milliseconds,
# each on a processor that this side needs. Measured at once a linear layer (512 x 512 -> 512) took 2011 us, not 1345
# (two cores of an AMD EPYC Zen 4, November 2026, python -m benchmarks calls --table linear).
QUIET = 0.03


@dataclass(frozen=True)
class Setting:
    """How a side computes. Only `threads` and `dtype` (that of the problem) concern both.

    Weights are `kept` (nobody writes to them between calls: what is packed stays packed) or `changing`. By default they
    are kept in forward passes of layers, as in inference, and change before each backward pass, as in training.
    """

    threads: int = 1
    precision: str = "high"
    weights: str = "default"
    layout: str = "nchw"
    algorithms: tuple[str, ...] = ()


def arrays_of(problem: ConvProblem) -> dict[str, np.ndarray]:
    """The same random arrays in every process: x, w, g (the output's gradient)."""
    rng = np.random.default_rng(0)
    shapes = {"x": problem.input_shape, "w": problem.weight_shape, "g": problem.output_shape}
    dtype = numpy_dtype(problem.dtype)
    return {name: rng.standard_normal(shape, np.float32).astype(dtype) for name, shape in shapes.items()}


class Convlet:
    """Convlet's convolution of NumPy arrays, the algorithm chosen or forced."""

    def __init__(self, setting: Setting):
        import convlet

        convlet.set_num_threads(setting.threads)
        convlet.set_convolution_precision(setting.precision)
        self.setting = setting

    def variants(
        self, problem: ConvProblem, arrays: dict[str, np.ndarray], forward: bool
    ) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
        from convlet import conv
        from convlet.runtime.storage import Storage

        last = self.setting.layout == "channels_last"
        if last:
            arrays = {
                name: np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
                for name, array in arrays.items()
            }
        x, w, g = (arrays[name] for name in "xwg")
        default = "kept" if forward else "changing"
        kept = Storage() if self.setting.weights.replace("default", default) == "kept" else None
        once: dict[str, Callable[[], np.ndarray]] = {
            "fwd": lambda: conv.forward(problem, x, w, channels_last=last, kept=kept),
            "bwd_input": lambda: conv.input_gradient(problem, g, w, channels_last=last, kept=kept),
            "bwd_weight": lambda: conv.weight_gradient(problem, x, g, channels_last=last),
        }
        for wanted in self.setting.algorithms or (None,):
            with conv.force_algorithm(wanted):
                yield wanted or "chosen", once[problem.direction]

    def name(self, problem: ConvProblem, variant: str) -> str:
        """The algorithm of a variant."""
        from convlet.conv import plan_for

        return plan_for(problem).algorithm if variant == "chosen" else variant

    def numbers(self, result: np.ndarray) -> np.ndarray:
        return result.astype(np.float64)


class Torch:
    """PyTorch's convolution of tensors in NCHW and channels-last, eager, no autograd."""

    def __init__(self, setting: Setting):
        import torch

        torch.set_num_threads(setting.threads)

    def variants(
        self, problem: ConvProblem, arrays: dict[str, np.ndarray], forward: bool
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        import torch

        p = problem
        if (p.pt, p.pl) != (p.pb, p.pr) or p.mode_h != "zeros" or p.mode_w != "zeros":
            raise ValueError(f"PyTorch's convolution itself takes symmetric zero padding only: {p}")
        geometry = [p.sh, p.sw], [p.pt, p.pl], [p.dh, p.dw]
        wanted = [p.direction == "bwd_input", p.direction == "bwd_weight", False]

        def tensor(array: np.ndarray) -> Any:
            if p.dtype == "bf16":  # from_numpy does not know ml_dtypes'
                return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
            return torch.from_numpy(array)

        for layout in ("nchw", "channels_last"):
            form = torch.contiguous_format if layout == "nchw" else torch.channels_last
            x, w, g = (tensor(arrays[each]).contiguous(memory_format=form) for each in "xwg")

            def once(x=x, w=w, g=g) -> Any:
                if p.direction == "fwd":
                    return torch.nn.functional.conv2d(x, w, None, *geometry, p.g)
                return torch.ops.aten.convolution_backward(
                    g, x, w, None, *geometry, False, [0, 0], p.g, wanted
                )[p.direction == "bwd_weight"]

            yield layout, once

    def name(self, problem: ConvProblem, variant: str) -> str:
        return variant

    def numbers(self, result: Any) -> np.ndarray:
        return result.double().numpy()


SIDES = {"convlet": Convlet, "torch": Torch}
