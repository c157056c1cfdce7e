"""Every algorithm of the table against the oracle: exactly on integers, within the derived bound on real numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convlet.conv import convolution_precision
from convlet.conv.algorithms import load
from convlet.conv.precision import PRECISIONS
from convlet.conv.problem import ConvProblem, numpy_dtype
from convlet.runtime import processor
from tests.conv.strategies import (
    DTYPES,
    GRID,
    LAYOUTS,
    WRITABLE,
    available,
    check_exact,
    operand_shapes,
    oracle,
    problems,
    relaid,
    takers,
    terms,
    tolerance,
)


@takers(GRID)
def test_exact_on_grid(algorithm: str, problem: ConvProblem) -> None:
    check_exact(load(algorithm).plan(problem), problem)


@takers(
    f"{shape} {dtype}"
    for dtype in DTYPES
    for shape in (
        "n2 ic3 ih6 iw5 oc4 kh3 kw3",
        "n2 ic3 ih6 iw5 oc4 kh3 kw3 ph1 pw1",
        "g2 ic4 ih6 iw6 oc2 kh2 kw3 sh2 ph1 pw2 reflect",
    )
)
def test_exact_in_every_dtype(algorithm: str, problem: ConvProblem) -> None:
    check_exact(load(algorithm).plan(problem), problem)


@pytest.mark.parametrize("layout", LAYOUTS)
@takers(["n2 ic3 ih6 iw7 oc5 kh3 kw3 ph1 pw1", "n2 g2 ic4 ih5 iw6 oc4 kh2 kw3 sh2 pl1 circular f64"])
def test_exact_with_any_strides(algorithm: str, problem: ConvProblem, layout: str) -> None:
    run = load(algorithm).plan(problem)
    out = layout if layout in WRITABLE else "contiguous"
    check_exact(run, problem, (layout, "contiguous", out))
    check_exact(run, problem, ("contiguous", layout, "channels_last"))


@pytest.mark.parametrize("algorithm", available())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_exact_on_any_problem(algorithm: str, data: st.DataObject) -> None:
    largest = data.draw(st.sampled_from((11, 40)), "largest")
    problem = data.draw(problems(dtypes=("f32", "f32", "f64", "bf16", "c64", "i32"), largest=largest))
    found = load(algorithm)
    if found.refuse(problem.per_image()) is not None:
        return
    layouts = data.draw(
        st.tuples(st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS), st.sampled_from(WRITABLE)), "layouts"
    )
    with convolution_precision(data.draw(st.sampled_from(PRECISIONS), "precision")):
        check_exact(found.plan(problem), problem, layouts, seed=data.draw(st.integers(0, 3), "seed"))


@takers(
    f"{shape} {dtype}"
    for dtype in ("f32", "f64", "f16", "bf16", "c64", "c128")
    for shape in (
        "n2 ic32 ih9 iw9 oc16 kh3 kw3 ph1 pw1",
        "ic64 ih7 iw7 oc16 kh3 kw3",
        "g4 ic8 ih12 iw12 oc8 kh3 kw3 sh2 sw2 ph1 pw1 replicate",
    )
)
def test_real_numbers_stay_within_the_bound(algorithm: str, problem: ConvProblem) -> None:
    rng = np.random.default_rng(5)
    out = np.full(problem.result_shape, np.nan, numpy_dtype(problem.dtype))

    def numbers(size: tuple[int, ...]) -> np.ndarray:
        array = rng.standard_normal(size)
        if problem.dtype in ("c64", "c128"):
            array = array + 1j * rng.standard_normal(size)
        return array.astype(out.dtype)

    a, b = (numbers(size) for size in operand_shapes(problem))
    load(algorithm).plan(problem)(a, b, None, out)
    expected = oracle(problem, a, b, None)
    wide = np.result_type(expected, np.float64)
    error = np.abs(out.astype(wide) - expected)
    bound = tolerance(problem, a.astype(wide), b.astype(wide), expected)
    assert (error <= bound).all(), f"{problem}: {np.max(error / bound):.2f} of the bound with {terms(problem)} terms"


@pytest.mark.parametrize("precision", PRECISIONS)
@takers(
    [
        "n5 ic16 ih13 iw11 oc24 kh3 kw3 ph1 pw1",
        "n5 ic8 ih9 iw9 oc8 kh3 kw3 sh2 sw2 ph1 pw1 circular",
        "n5 g6 ic6 ih20 iw20 oc6 kh5 kw5 ph2 pw2",
    ],
    directions=["fwd", "bwd_input"],
)
def test_an_image_gives_the_same_bits_in_any_batch(algorithm: str, problem: ConvProblem, precision: str) -> None:
    rng = np.random.default_rng(7)
    a, b = (rng.standard_normal(size).astype(np.float32) for size in operand_shapes(problem))
    together = np.full(problem.result_shape, np.nan, np.float32)
    with convolution_precision(precision):
        load(algorithm).plan(problem)(a, b, None, together)
        run = load(algorithm).plan(problem.per_image())
    for image in range(problem.n):
        alone = np.full(problem.per_image().result_shape, np.nan, np.float32)
        run(a[image : image + 1], b, None, alone)
        assert alone.tobytes() == together[image : image + 1].tobytes()


@pytest.mark.parametrize("precision", PRECISIONS)
@takers(
    [
        "ic40 ih30 iw33 oc36 kh3 kw3 ph1 pw1",
        "n2 ic130 ih14 iw15 oc70 kh1 kw1",
        "ic200 ih20 iw20 oc16 kh2 kw2 sh2 sw2",
        "ic3 ih50 iw50 oc33 kh7 kw7 sh2 sw2 ph3 pw3",
        "n2 g8 ic128 ih24 iw24 oc128 kh3 kw3 ph1 pw1",
        "n2 g24 ic24 ih56 iw60 oc24 kh5 kw5 ph2 pw2",
    ]
)
def test_the_size_of_caches_changes_no_bit(
    algorithm: str, problem: ConvProblem, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(11)
    a, b = (rng.standard_normal(size).astype(np.float32) for size in operand_shapes(problem))
    found = set()
    for sizes in ((16 << 10, 64 << 10), (32 << 10, 1 << 20), (256 << 10, 4 << 20)):
        monkeypatch.setattr(processor, "caches", lambda sizes=sizes: sizes)
        out = np.full(problem.result_shape, np.nan, np.float32)
        with convolution_precision(precision):
            load(algorithm).plan(problem)(a, b, None, out)
        found.add(out.tobytes())
    assert len(found) == 1


@takers(["ic2 ih5 iw5 oc2 kh3 kw3 ph1 pw1 reflect"])
def test_infinities_and_nans_pass_silently(algorithm: str, problem: ConvProblem) -> None:
    run = load(algorithm).plan(problem)
    shapes = operand_shapes(problem)
    for value in (np.inf, -np.inf, np.nan, 3e38):
        a, b = np.full(shapes[0], value, np.float32), np.ones(shapes[1], np.float32)
        b[..., ::2] = -1
        out = np.zeros(problem.result_shape, np.float32)
        run(a, b, None, out)
        assert not np.isfinite(out).all()


@takers(["n2 ic3 ih5 iw5 oc2 kh3 kw3 sh2 sw2 pw1 replicate"])
def test_read_only_operands(algorithm: str, problem: ConvProblem) -> None:
    a, b = (np.ones(size, np.float32) for size in operand_shapes(problem))
    a.flags.writeable = b.flags.writeable = False
    out = np.full(problem.result_shape, np.nan, np.float32)
    load(algorithm).plan(problem)(a, relaid(b, "channels_last"), None, out)
    np.testing.assert_array_equal(out, oracle(problem, a, b, None))
