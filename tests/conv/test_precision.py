"""How exact convolutions are: what the settings 'highest' and 'high' promise, over shapes and on difficult data.

The error is norm-relative, against the same sums in float64: |got - want| / |want|, over the whole result.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv import convolution_precision, plan_for
from convlet.conv.algorithms import numpy as float64
from convlet.conv.problem import DIRECTIONS, ConvProblem
from tests.conv.strategies import operand_shapes

BOUNDS = {"highest": 2e-7, "high": 3e-6}

# 900 terms of alternating signs leave a thousandth of themselves: so much larger is the error beside what is left.
CANCELLED = 2e-6


# Terms of a sum: one, few, odd, a power of two, many. A weight gradient sums over positions, so it has rows of its own.
CHANNELS = (1, 2, 3, 16, 37, 64, 130, 256, 517, 1024, 2048)
KERNELS = ("kh1 kw1", "kh3 kw3 ph1 pw1", "kh3 kw3 sh2 sw2 ph1 pw1", "kh5 kw5 ph2 pw2", "kh7 kw7 sh2 sw2 ph3 pw3")
POSITIONS = ("ih7 iw7", "n3 ih15 iw17", "ih56 iw56", "ih120 iw112", "n16 ih31 iw30")
OTHERS = (
    "ic517 oc20 ih20 iw20 kh1 kw1",
    "n8 ic256 oc64 ih56 iw56 kh1 kw1",
    "g32 ic32 oc32 ih60 iw60 kh3 kw3 ph1 pw1",
    "g16 ic16 oc16 n8 ih40 iw40 kh3 kw3 sh2 sw2 ph1 pw1",
    "g8 ic8 oc8 ih60 iw60 kh31 kw31 ph15 pw15",
    "g8 ic8 oc8 ih40 iw40 kh11 kw11 sh2 sw2 ph5 pw5",
    "g8 ic64 oc64 ih28 iw28 kh3 kw3 ph1 pw1",
    "n8 ic64 oc32 ih28 iw28 kh3 kw3 ph1 pw1",
    "g2 ic96 oc96 ih28 iw28 kh5 kw5 ph2 pw2",
    "ic64 oc32 ih17 iw17 kh1 kw7 pw3",
    "ic16 oc3 ih40 iw40 kh9 kw9 ph4 pw4",
    "ic64 oc64 ih20 iw20 kh3 kw3 ph6 pw6 dh6 dw6",
    "ic16 oc20 ih40 iw48 kh3 kw3 ph1 pw1",
    "ic31 oc12 ih40 iw48 kh3 kw3 ph1 pw1",
    "ic12 oc20 ih40 iw48 kh5 kw5 ph2 pw2",
    "g4 ic4 oc4 ih24 iw24 kh21 kw21 ph10 pw10 replicate",
    "g4 ic32 oc4 ih14 iw14 kh13 kw13 ph6 pw6 circular",
    "n64 ic2048 oc100 ih1 iw1 kh1 kw1",
    "ic5000 oc10 ih1 iw1 kh1 kw1",
)


def rows() -> list[ConvProblem]:
    """Every row in each direction it says something about."""
    texts = []
    for channels in CHANNELS:
        for kernel in KERNELS:
            if channels * 49 > 60_000 and kernel.startswith(("kh5", "kh7")):
                continue
            texts.append(f"ic{channels} oc20 ih9 iw9 {kernel} fwd")
            texts.append(f"ic20 oc{channels} ih9 iw9 {kernel} bwd_input")
    texts += [f"ic{c} oc20 {at} {kernel} bwd_weight" for at in POSITIONS for kernel in KERNELS for c in (3, 40)]
    texts += [f"{text} {direction}" for text in OTHERS for direction in DIRECTIONS]
    return [ConvProblem.parse(text) for text in texts]


# Data on which float32 sums do badly: everything of one sign, terms that cancel, terms of very different sizes.
KINDS = ("large mean", "alternating", "range of 1e4")
DIFFICULT = (
    "ic64 oc32 ih14 iw14 kh3 kw3 ph1 pw1",
    "ic256 oc20 ih6 iw6 kh3 kw3 ph1 pw1",
    "ic512 oc20 ih9 iw9 kh1 kw1",
    "ic20 oc24 ih60 iw60 kh3 kw3 sh2 sw2 ph1 pw1",
    "ic32 oc32 g32 ih60 iw60 kh3 kw3 ph1 pw1",
    "ic5 oc20 ih30 iw30 kh5 kw5 ph2 pw2",
    "ic3 oc20 ih30 iw30 kh3 kw3 ph1 pw1",
    "ic20 oc12 ih30 iw30 kh3 kw3 ph1 pw1",
)


def data(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    values = rng.standard_normal(shape)
    if kind == "large mean":
        values += 1000
    elif kind == "alternating":
        values = (np.indices(shape).sum(axis=0) % 2 * 2 - 1) * (1 + 0.01 * values)
    elif kind == "range of 1e4":
        values *= 10 ** rng.uniform(-2, 2, shape)
    return values.astype(np.float32)


def error(problem: ConvProblem, precision: str, kind: str = "normal") -> float:
    """The norm-relative error of what is chosen at this precision; NaN where an element was not written."""
    rng = np.random.default_rng(0)
    a, b = (data(kind, shape, rng) for shape in operand_shapes(problem))
    out = np.full(problem.result_shape, np.nan, np.float32)
    with convolution_precision(precision):
        plan_for(problem).run(a, b, None, out)
    want = np.empty(out.shape, np.float64)
    wide = ConvProblem.parse(problem.text.replace(problem.direction, f"f64 {problem.direction}"))
    float64.plan(wide)(a.astype(np.float64), b.astype(np.float64), None, want)
    return float(np.linalg.norm(out - want) / np.linalg.norm(want))


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("problem", rows(), ids=str)
def test_every_shape(problem: ConvProblem, precision: str) -> None:
    assert error(problem, precision) < BOUNDS[precision]


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("text", DIFFICULT)
def test_difficult_data(text: str, direction: str, kind: str, precision: str) -> None:
    problem = ConvProblem.parse(text).with_direction(direction)
    cancels = kind == "alternating" and direction == "bwd_weight" and problem.sh == 2
    limit = CANCELLED if cancels else BOUNDS[precision]
    assert error(problem, precision, kind) < limit
