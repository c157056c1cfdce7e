"""Problems, arrays and comparisons shared by everything that tests convolutions.

Data are small integers whose sums every dtype represents, so whoever only reorders a sum must equal the oracle.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from itertools import product

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st

from convlet.conv import reference
from convlet.conv.algorithms import ALGORITHMS, load
from convlet.conv.gradient import Run
from convlet.conv.problem import DIRECTIONS, MODES, ConvProblem, numpy_dtype

# One problem for each thing that can go wrong; all three directions are made of each.
GRID = (
    "ic1 ih1 iw1 oc1 kh1 kw1",
    "n2 ic3 ih7 iw9 oc5 kh3 kw3 ph1 pw1",
    "n3 ic4 ih8 iw8 oc6 kh3 kw2 sh2 sw3",
    "ic17 ih6 iw13 oc19 kh1 kw1",
    "ic16 ih7 iw7 oc32 kh3 kw3 ph1 pw1",
    "ic3 ih15 iw17 oc8 kh7 kw7 sh2 sw2 ph3 pw3",
    "n2 ic5 ih9 iw9 oc7 kh3 kw3 dh2 dw3 ph2 pw3",
    "ic3 ih9 iw10 oc4 kh3 kw4 sh2 sw3 dh2 dw2 ph1 pw2",
    "ic2 ih11 iw11 oc3 kh2 kw2 sh3 sw4 dh3 dw2",
    "ic2 ih9 iw9 oc2 kh1 kw1 sh4 sw4",
    "ic2 ih5 iw5 oc2 kh5 kw5",
    "ic2 ih2 iw3 oc3 kh3 kw3 ph4 pw5",
    "ic2 ih6 iw6 oc3 kh3 kw3 pt1 pb0 pl0 pr2",
    "ic2 ih6 iw7 oc3 kh2 kw2 pt-1 pb1 pl2 pr-2",
    "n2 g4 ic4 ih6 iw7 oc4 kh3 kw3 ph1 pw1",
    "g3 ic3 ih8 iw8 oc9 kh3 kw3 sh2 sw2 ph1 pw1",
    "n2 g2 ic6 ih5 iw6 oc10 kh3 kw3 ph1 pw1",
    "g2 ic34 ih5 iw5 oc36 kh3 kw1 ph1",
    "g5 ic5 ih4 iw4 oc5 kh1 kw1",
    "ic1 ih4 iw20 oc1 kh2 kw3 sw10",
    "ic9 ih33 iw33 oc10 kh3 kw3 ph12 pw12 dh12 dw12",
    "n2 ic5 ih1 iw1 oc7 kh3 kw3 ph1 pw1",
    "n2 g2 ic6 ih3 iw2 oc4 kh5 kw4 sh2 dh2 pt5 pb4 pw2",
    "n2 ic5 ih40 iw1 oc7 kh3 kw1 sh2 dh2 pt3 pb1",
    "g5 ic5 ih9 iw1 oc5 kh5 kw3 ph2 pw1",
    "n2 ic5 ih8 iw1 oc7 kh3 kw1 sw3 ph1 pw1",
    "n2 ic5 ih8 iw1 oc7 kh3 kw1 sh2 sw2 ph1 pl0 pr1",
    *(
        f"{shape} {mode}"
        for mode in MODES[1:]
        for shape in (
            "n2 ic3 ih6 iw7 oc4 kh3 kw3 ph1 pw1",
            "ic2 ih5 iw5 oc2 kh3 kw3 sh2 sw2 ph2 pw2",
            "g2 ic2 ih5 iw6 oc4 kh3 kw5 pt1 pb2 pl0 pr3 dw2",
            "ic2 ih6 iw6 oc2 kh2 kw2 pt-1 pb2 pl2 pr-1",
        )
    ),
    "ic2 ih1 iw1 oc2 kh3 kw3 ph2 pw2 replicate",
    "ic2 ih2 iw2 oc2 kh3 kw3 ph2 pw2 circular",
    "ic2 ih5 iw6 oc3 kh3 kw3 ph1 pw1 mode_h=zeros mode_w=circular",
    "ic2 ih5 iw6 oc3 kh3 kw3 ph2 pw2 mode_h=reflect mode_w=replicate",
)

DTYPES = ("f32", "f64", "f16", "bf16", "c64", "c128", "i8", "i16", "i32", "i64", "u8")

LAYOUTS = ("contiguous", "channels_last", "reversed", "spaced", "transposed", "unaligned", "expanded", "flat")
WRITABLE = LAYOUTS[:-2]  # no element twice


def available() -> list[str]:
    """The algorithms of the table that can run here (without Numba, those that need it cannot) and only reorder sums.

    Winograd, and shallow along the rows, make sums of other terms and have tests of their own.
    """
    one = ConvProblem.parse("g2 ic4 ih4 iw4 oc4 kh1 kw1 sh2 sw2")
    with warnings.catch_warnings(action="ignore"):
        reasons = {name: load(name).refuse(one) or "" for name in ALGORITHMS}
    return [name for name in ALGORITHMS if name not in ("winograd", "shallow") and "Numba" not in reasons[name]]


def takers(texts: Iterable[str], directions: Iterable[str] = DIRECTIONS) -> pytest.MarkDecorator:
    """Parametrise a test by (algorithm, problem), for every algorithm that does not refuse the problem."""
    cases = []
    for name, text, direction in product(available(), texts, directions):
        problem = ConvProblem.parse(text).with_direction(direction)
        if load(name).refuse(problem.per_image()) is None:
            cases.append(pytest.param(name, problem, id=f"{name}: {problem}"))
    return pytest.mark.parametrize(("algorithm", "problem"), cases)


@st.composite
def problems(
    draw: st.DrawFn,
    dtypes: tuple[str, ...] = ("f32",),
    directions: tuple[str, ...] = DIRECTIONS,
    largest: int = 11,
    channels: int = 6,
    modes: tuple[str, ...] = MODES,
    negative_padding: bool = True,
) -> ConvProblem:
    """Problems with every option, sizes from one on, paddings that their mode allows."""

    def axis() -> tuple[int, int, int, int, int, int, str]:
        size = draw(st.integers(1, largest))
        kernel = draw(st.integers(1, 5))
        stride = draw(st.integers(1, 4))
        dilation = draw(st.integers(1, 3))
        mode = draw(st.sampled_from(modes))
        most = {"zeros": 6, "reflect": size - 1, "replicate": 6, "circular": size}[mode]
        least = -2 if negative_padding else 0
        before, after = draw(st.integers(least, most)), draw(st.integers(least, most))
        left = size + min(before, 0) + min(after, 0)
        assume(left > 0 and (mode != "circular" or max(before, after) <= left))
        assume(size + before + after >= dilation * (kernel - 1) + 1)
        return size, kernel, stride, dilation, before, after, mode

    g = draw(st.integers(1, 4))
    ih, kh, sh, dh, pt, pb, mode_h = axis()
    iw, kw, sw, dw, pl, pr, mode_w = axis()
    return ConvProblem(
        n=draw(st.integers(1, 3)),
        g=g,
        ic=g * draw(st.integers(1, max(1, channels // g))),
        ih=ih,
        iw=iw,
        oc=g * draw(st.integers(1, max(1, channels // g))),
        kh=kh,
        kw=kw,
        sh=sh,
        sw=sw,
        pt=pt,
        pb=pb,
        pl=pl,
        pr=pr,
        dh=dh,
        dw=dw,
        mode_h=mode_h,
        mode_w=mode_w,
        dtype=draw(st.sampled_from(dtypes)),
        direction=draw(st.sampled_from(directions)),
    )


def operand_shapes(problem: ConvProblem) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of run's a and b."""
    p = problem
    return {
        "fwd": (p.input_shape, p.weight_shape),
        "bwd_input": (p.output_shape, p.weight_shape),
        "bwd_weight": (p.input_shape, p.output_shape),
    }[p.direction]


def integers(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Small integers: sums of thousands of products of them are exact in float32."""
    low, high = {"f16": (-1, 1), "bf16": (-1, 1), "u8": (0, 5)}.get(dtype, (-5, 5))
    array = rng.integers(low, high, shape, endpoint=True)
    if dtype in ("c64", "c128"):
        array = array + 1j * rng.integers(low, high, shape, endpoint=True)
    return array.astype(numpy_dtype(dtype))


def operands(problem: ConvProblem, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """a, b and (forward) a bias, of small integers."""
    rng = np.random.default_rng(seed)
    a, b = (integers(shape, problem.dtype, rng) for shape in operand_shapes(problem))
    return a, b, integers((problem.oc,), problem.dtype, rng) if problem.direction == "fwd" else None


def relaid(array: np.ndarray, layout: str) -> np.ndarray:
    """An equal array of other strides; 'expanded' and 'flat' repeat the first element along the last axis, or two."""
    if layout == "contiguous":
        return np.ascontiguousarray(array)
    if layout == "channels_last":
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1, :, ::-1, ::-1])[::-1, :, ::-1, ::-1]
    if layout == "spaced":
        spaced = np.zeros((*array.shape[:3], 2 * array.shape[3] + 1), array.dtype)
        spaced[..., 1::2] = array
        return spaced[..., 1::2]
    if layout == "transposed":
        return np.ascontiguousarray(array.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0)
    if layout == "unaligned":
        memory = np.zeros(array.nbytes + 1, np.uint8)
        unaligned = np.ndarray(array.shape, array.dtype, memory.data, 1)
        unaligned[...] = array
        return unaligned
    if layout == "expanded":
        return np.broadcast_to(array[..., :1], array.shape)
    if layout == "flat":  # the channels lie side by side, and no columns do
        return np.broadcast_to(np.ascontiguousarray(array[..., :1, :1]), array.shape)
    raise ValueError(layout)


def garbage(shape: tuple[int, ...], dtype: np.dtype, layout: str = "contiguous") -> np.ndarray:
    """An output whose every element is wrong: NaN, or 77 for integers."""
    return relaid(np.full(shape, 77 if dtype.kind in "iu" else np.nan, dtype), layout)


def oracle(problem: ConvProblem, a: np.ndarray, b: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """What run(a, b, bias, out) must give, in float64, complex128 or int64."""
    if problem.direction == "fwd":
        return reference.forward(problem, a, b, bias)
    if problem.direction == "bwd_input":
        return reference.input_gradient(problem, a, b)
    return reference.weight_gradient(problem, a, b)


def check_exact(
    run: Run,
    problem: ConvProblem,
    layouts: tuple[str, str, str] = ("contiguous", "contiguous", "contiguous"),
    seed: int = 0,
) -> None:
    """Run on integers laid out as (a, b, out) say: equal to the oracle, all of out written, no operand changed."""
    a, b, bias = operands(problem, seed)
    a, b = relaid(a, layouts[0]), relaid(b, layouts[1])
    before = a.copy(), b.copy()
    out = garbage(problem.result_shape, a.dtype, layouts[2])
    run(a, b, bias, out)
    np.testing.assert_array_equal(out, oracle(problem, a, b, bias).astype(a.dtype), err_msg=str(problem))
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])


def terms(problem: ConvProblem) -> int:
    """How many products one result sums, at the most."""
    p = problem
    if p.direction == "bwd_weight":
        return p.n * p.oh * p.ow
    return p.kh * p.kw * (p.ic if p.direction == "fwd" else p.oc) // p.g


def tolerance(problem: ConvProblem, a: np.ndarray, b: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The bound on an error of a sum in any order: 2 eps (K + 1) max|a| max|b|, and the rounding of the result."""
    eps = np.finfo(np.float64 if problem.dtype in ("f64", "c128") else np.float32).eps
    bound = 2 * eps * (terms(problem) + 1) * np.abs(a).max() * np.abs(b).max()
    stored = {"f16": 2.0**-10, "bf16": 2.0**-7}.get(problem.dtype, eps)
    return bound + 2 * stored * np.abs(expected)
