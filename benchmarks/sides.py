"""The two sides of a comparison. Each lives in a process of its own (see worker.py) and times one problem at a time.

A side is a class: `prepare(problem, arrays)` returns a function that computes the problem once and returns its
result, for every variant (memory layout, algorithm) the side has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from convlet.conv.problem import ConvProblem, numpy_dtype


def arrays_of(problem: ConvProblem) -> dict[str, np.ndarray]:
    """The same random arrays in every process: x, w, g (the output's gradient)."""
    rng = np.random.default_rng(0)
    shapes = {"x": problem.input_shape, "w": problem.weight_shape, "g": problem.output_shape}
    dtype = numpy_dtype(problem.dtype)
    return {name: rng.standard_normal(shape, np.float32).astype(dtype) for name, shape in shapes.items()}


class Convlet:
    """Convlet's plans on NumPy arrays in NCHW, the output allocated before.

    Weights are `kept` (nobody writes to them between calls: what is packed stays packed) or `changing`. By default they
    are kept in forward passes, as in inference, and change before each backward pass, as in training.
    """

    def __init__(self, threads: int, weights: str = "default", algorithms: tuple[str, ...] = ()):
        from convlet.runtime import threads as convlet_threads

        convlet_threads.set_num_threads(threads)
        self.weights = weights
        self.algorithms = algorithms

    def variants(self, problem: ConvProblem, arrays: dict) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
        from convlet.conv.select import select
        from convlet.runtime.storage import Storage

        operands = {"fwd": ("x", "w"), "bwd_input": ("g", "w"), "bwd_weight": ("x", "g")}[problem.direction]
        a, b = (arrays[each] for each in operands)
        out = np.empty(problem.result_shape, a.dtype)
        for wanted in self.algorithms or (None,):
            algorithm = select(problem, wanted)[0]
            run = algorithm.plan(problem)
            default = "kept" if problem.direction == "fwd" else "changing"
            kept = Storage() if self.weights.replace("default", default) == "kept" else None

            def once(run=run, kept=kept) -> np.ndarray:
                run(a, b, None, out, kept)
                return out

            yield algorithm.name, once


class Torch:
    """PyTorch's convolution on tensors in NCHW and channels-last, eager, no autograd."""

    def __init__(self, threads: int, weights: str = "default", algorithms: tuple[str, ...] = ()):
        import torch

        torch.set_num_threads(threads)

    def variants(self, problem: ConvProblem, arrays: dict) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
        import torch

        p = problem
        if (p.pt, p.pl) != (p.pb, p.pr) or p.mode_h != "zeros" or p.mode_w != "zeros":
            raise ValueError(f"PyTorch's convolution itself takes symmetric zero padding only: {p}")
        geometry = [p.sh, p.sw], [p.pt, p.pl], [p.dh, p.dw]
        wanted = [p.direction == "bwd_input", p.direction == "bwd_weight", False]
        for layout in ("nchw", "channels_last"):
            form = torch.contiguous_format if layout == "nchw" else torch.channels_last
            x, w, g = (torch.from_numpy(arrays[each]).contiguous(memory_format=form) for each in "xwg")

            def once(x=x, w=w, g=g) -> np.ndarray:
                if p.direction == "fwd":
                    return torch.nn.functional.conv2d(x, w, None, *geometry, p.g)
                return torch.ops.aten.convolution_backward(
                    g, x, w, None, *geometry, False, [0, 0], p.g, wanted
                )[p.direction == "bwd_weight"]

            yield layout, once


SIDES = {"convlet": Convlet, "torch": Torch}
