"""The derivation of the gradients, run through the oracle's forward; and the bilinear identity of every algorithm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from convlet.conv import force_algorithm, forward, input_gradient, reference, weight_gradient
from convlet.conv import gradient as derived
from convlet.conv.algorithms import load
from convlet.conv.gradient import Run
from convlet.conv.problem import ConvProblem, numpy_dtype
from tests.conv.strategies import GRID, integers, problems, takers

relaxed = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def data(problem: ConvProblem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, w and an output gradient of integers."""
    rng = np.random.default_rng(1)
    shapes = problem.input_shape, problem.weight_shape, problem.output_shape
    x, w, grad = (integers(shape, problem.dtype, rng) for shape in shapes)
    return x, w, grad


def through_reference(problem: ConvProblem) -> Run:
    def run(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None, out: np.ndarray, kept: None = None) -> None:
        out[...] = reference.forward(problem, a, b, bias)

    return run


@relaxed
@given(problems(dtypes=("f64",), directions=("fwd",)))
def test_reference_is_bilinear(problem: ConvProblem) -> None:
    x, w, grad = data(problem)
    product = (reference.forward(problem, x, w) * grad).sum()
    assert product == (reference.input_gradient(problem, grad, w) * x).sum()
    assert product == (reference.weight_gradient(problem, x, grad) * w).sum()


@relaxed
@given(problems(dtypes=("f64",), directions=("fwd",)))
def test_input_gradient_is_stride_1_forwards(problem: ConvProblem) -> None:
    _, w, grad = data(problem)
    found = np.full(problem.input_shape, np.nan)
    derived.input_gradient(problem, through_reference)(grad, w, None, found)
    np.testing.assert_array_equal(found, reference.input_gradient(problem, grad, w))
    for phase in derived.input_phases(problem):
        if phase.problem:
            assert phase.problem.sh == phase.problem.sw == 1
            assert phase.weight(w, problem.g).shape == phase.problem.weight_shape


@relaxed
@given(problems(dtypes=("f64",), directions=("fwd",)))
def test_weight_gradient_is_a_forward(problem: ConvProblem) -> None:
    x, _, grad = data(problem)
    as_forward = derived.weight_gradient(problem)
    result = reference.forward(as_forward.problem, as_forward.input(x), as_forward.weight(grad))
    np.testing.assert_array_equal(as_forward.output(result), reference.weight_gradient(problem, x, grad))


def test_phases_cover_the_image_once_without_stuffing() -> None:
    problem = ConvProblem.parse("ic2 ih9 iw10 oc3 kh5 kw3 sh2 sw4 ph2 pw1")
    hit = np.zeros(problem.input_shape[2:], int)
    products = 0
    for phase in derived.input_phases(problem):
        hit[phase.rows, phase.columns] += 1
        products += phase.problem.kh * phase.problem.kw if phase.problem else 0
    assert (hit == 1).all()
    # Each tap belongs to one phase: no products with stuffed zeros.
    assert products == problem.kh * problem.kw


def test_phases_no_tap_reaches_are_zero() -> None:
    problem = ConvProblem.parse("ic1 ih6 iw6 oc1 kh1 kw1 sh3 sw3 f64")
    assert sum(phase.problem is None for phase in derived.input_phases(problem)) == 8
    found = np.full(problem.input_shape, np.nan)
    ones = np.ones(problem.output_shape)
    derived.input_gradient(problem, through_reference)(ones, np.ones((1, 1, 1, 1)), None, found)
    expected = np.zeros((6, 6))
    expected[::3, ::3] = 1
    np.testing.assert_array_equal(found[0, 0], expected)


def test_borders_are_strips_not_images() -> None:
    problem = ConvProblem.parse("ic8 ih64 iw64 oc8 kh3 kw3 ph1 pw1 reflect")
    strips = derived.input_strips(problem)
    assert [(each.problem.ih, each.problem.iw) for each in strips] == [(1, 66), (1, 66), (64, 1), (64, 1)]
    # Cropped: each phase of a strip reads only the rows of the gradient near it.
    for strip in strips:
        for phase in derived.input_phases(strip.problem):
            assert phase.problem is not None
            assert phase.problem.flops < 0.03 * problem.flops
    assert derived.input_strips(ConvProblem.parse("ic8 ih64 iw64 oc8 kh3 kw3 ph1 pw1")) == ()
    # The columns of an axis padded with zeros were copied from nowhere.
    rows_only = derived.input_strips(ConvProblem.parse("ic8 ih64 iw64 oc8 kh3 kw3 ph1 pw1 mode_h=replicate"))
    assert [(each.problem.ih, each.problem.iw) for each in rows_only] == [(1, 64), (1, 64)]


@takers((f"{text} f64" for text in GRID), directions=["fwd"])
def test_bilinear_identity(algorithm: str, problem: ConvProblem) -> None:
    x, w, grad = data(problem)
    products = []
    for direction, function, a, b, other in (
        ("fwd", forward, x, w, grad),
        ("bwd_input", input_gradient, grad, w, x),
        ("bwd_weight", weight_gradient, x, grad, w),
    ):
        refused = load(algorithm).refuse(problem.with_direction(direction).per_image())
        with force_algorithm(None if refused else algorithm):
            products.append((function(problem, a, b) * other).sum())
    assert products[0] == products[1] == products[2]


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_half_precision_borders_are_added_in_float32(dtype: str) -> None:
    problem = ConvProblem.parse(f"ic1 ih4 iw4 oc64 kh3 kw3 ph1 pw1 replicate {dtype} bwd_input")
    rng = np.random.default_rng(2)
    grad = integers(problem.output_shape, "f64", rng)
    w = integers(problem.weight_shape, "f64", rng)
    low = numpy_dtype(dtype)
    with force_algorithm("numpy"):
        found = input_gradient(problem, grad.astype(low), w.astype(low))
    np.testing.assert_array_equal(found, reference.input_gradient(problem, grad, w).astype(low))
