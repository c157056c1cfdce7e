"""Every algorithm compiled for lower instruction sets than the machine has: each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import ALGORITHMS, load
from convlet.conv.precision import set_convolution_precision
from convlet.conv.problem import DIRECTIONS, ConvProblem, numpy_dtype
from convlet.kernels import target
from tests.conv.strategies import check_exact, operand_shapes, oracle

COMPILED = [name for name in ALGORITHMS if name not in ("winograd", "numpy")]

# Ragged in every size, whatever the lanes; each algorithm takes some of them in float32, float64 and bfloat16.
SHAPES = (
    "n2 ic17 ih10 iw13 oc19 kh1 kw1",
    "n2 ic300 ih1 iw1 oc43 kh1 kw1",
    "ic21 ih9 iw11 oc37 kh3 kw3 ph1 pw1",
    "ic3 ih15 iw17 oc8 kh7 kw7 sh2 sw2 ph3 pw3",
    "n2 ic2 ih14 iw23 oc7 kh3 kw3 ph1 pw1",
    "n2 ic5 ih9 iw9 oc7 kh3 kw3 dh2 dw3 ph2 pw3 reflect",
    "n2 g10 ic10 ih12 iw19 oc10 kh3 kw3 ph1 pw1",
    "g9 ic9 ih11 iw12 oc18 kh5 kw5 sh2 sw2 ph2 pw2",
    "n2 g3 ic15 ih12 iw13 oc21 kh3 kw3 ph1 pw1",
    "g2 ic20 ih13 iw35 oc14 kh3 kw3 sh2 sw2 ph1 pw1",
    "n2 ic70 ih15 iw17 oc3 kh3 kw3 ph1 pw1",
    "n2 ic2 ih26 iw24 oc64 kh4 kw4 sh2 sw2 ph1 pw1",
    "ic9 ih17 iw13 oc3 kh3 kw3 pt1 pb0 pl0 pr2",
    "n2 ic40 ih31 iw38 oc45 kh4 kw3 sh4 sw3",
    "n2 ic19 ih41 iw1 oc18 kh3 kw1 ph1",
)
# A transform's rounding: its own bound, by the norm.
ROUNDED = {
    "winograd": (
        "ic24 ih30 iw29 oc40 kh3 kw3 ph1 pw1",
        "n2 ic70 ih14 iw14 oc33 kh3 kw3",
        "ic20 ih19 iw17 oc21 kh3 kw3 dh2 dw3 ph2 pw3",
        "ic18 ih13 iw11 oc17 kh3 kw3 dh7 dw6 ph7 pw6",
    ),
    "shallow": ("ic3 ih31 iw47 oc12 kh7 kw7 sh2 sw2 ph3 pw3", "n2 ic2 ih14 iw24 oc7 kh3 kw3 ph1 pw1"),
}


def check_exactly(name: str) -> None:
    """All that an algorithm takes of the shapes."""
    if name == "complex":  # whose sums are made of other terms otherwise
        set_convolution_precision("highest")
    if name in ("shallow", "complex"):
        load("shallow").ROWS = ()
    taken = False
    for shape in SHAPES:
        for dtype in ("c64", "c128") if name == "complex" else ("f32", "f64", "bf16"):
            for direction in DIRECTIONS:
                problem = ConvProblem.parse(f"{shape} {dtype} {direction}")
                if load(name).refuse(problem.per_image()) is None:
                    check_exact(load(name).plan(problem), problem)
                    taken = True
    assert taken or name == "depthwise", name  # which plain vectors are not enough for


def check_rounded(name: str) -> None:
    for shape in ROUNDED[name]:
        for direction in DIRECTIONS:
            problem = ConvProblem.parse(f"{shape} {direction}")
            if load(name).refuse(problem.per_image()) is not None and name != "winograd":
                continue
            rng = np.random.default_rng(2)
            a, b = (rng.standard_normal(size).astype(np.float32) for size in operand_shapes(problem))
            out = np.full(problem.result_shape, np.nan, numpy_dtype(problem.dtype))
            load(name).plan(problem)(a, b, None, out)
            want = oracle(problem, a.astype(np.float64), b.astype(np.float64), None)
            assert np.linalg.norm(out - want) < 3e-6 * np.linalg.norm(want), problem


CALLS = [f"check_exactly({name!r})" for name in COMPILED] + [f"check_rounded({name!r})" for name in ROUNDED]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("instructions", ["avx2", "generic"])
def test_lower_instruction_sets(instructions: str, call: str) -> None:
    if os.environ.get("CONVLET_TARGET"):
        pytest.skip("the instruction set is chosen already")
    if target.current().name not in ("avx512", "avx2"):
        pytest.skip("this machine has no more than plain vectors")
    done = subprocess.run(
        [sys.executable, "-c", f"from tests.conv import test_targets\ntest_targets.{call}"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"CONVLET_TARGET": instructions},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
