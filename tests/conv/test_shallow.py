"""Images of few channels: every way to compute the rows, every layout, ends of rows and of images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import shallow
from convlet.conv.plan import plan_for
from convlet.conv.precision import set_convolution_precision
from convlet.conv.problem import DIRECTIONS, ConvProblem, numpy_dtype
from tests.conv.strategies import GRID, LAYOUTS, WRITABLE, check_exact, operand_shapes, oracle

# Strides, ends of rows, runs of unequal length, rows that are no multiple of a group.
SHAPES = (
    "n2 ic3 ih22 iw33 oc20 kh3 kw3 ph1 pw1",
    "ic3 ih37 iw63 oc9 kh7 kw7 sh2 sw2 ph3 pw3",
    "n2 ic3 ih23 iw40 oc16 kh3 kw3 sh2 sw2 ph1 pw1",
    "ic2 ih50 iw91 oc24 kh11 kw11 sh4 sw4",
    "ic4 ih18 iw30 oc5 kh5 kw5 ph2 pw2",
    "ic1 ih9 iw18 oc7 kh6 kw2 sh3",
    "ic3 ih24 iw80 oc12 kh4 kw4 sh4 sw4",
    "ic2 ih13 iw40 oc4 kh1 kw5 pw2",
    "ic2 ih1 iw32 oc5 kh3 kw3 ph1 pw1",
)
# Others that have one point only.
PLAIN = (
    "n2 ic3 ih15 iw34 oc10 kh3 kw3 ph2 pw2 dh2 dw2",
    "ic2 ih12 iw34 oc6 kh3 kw3 ph1 pw1 reflect",
    "ic3 ih9 iw33 oc4 kh2 kw3 pt-1 pb2 pl3 pr-2",
)
# Input gradients of few output channels.
BACK = (
    "n2 ic20 ih22 iw33 oc3 kh3 kw3 ph1 pw1",
    "ic9 ih24 iw40 oc2 kh5 kw4 pt2 pb1 pl1 pr-1",
    "ic6 ih15 iw34 oc8 kh3 kw3 ph1 pw3 dh2 dw2",
)


@pytest.fixture
def highest():
    set_convolution_precision("highest")
    yield
    set_convolution_precision("high")


@pytest.fixture
def one_point(highest: None, monkeypatch: pytest.MonkeyPatch):
    """No way to compute rows is left but the one whose sums are only reordered, in short ones."""
    monkeypatch.setattr(shallow, "ROWS", ())
    shallow._best.cache_clear()
    yield
    shallow._best.cache_clear()


def of(text: str, direction: str) -> ConvProblem:
    return ConvProblem.parse(f"{text} {direction}")


CASES = [(shape, direction) for shape in SHAPES + PLAIN for direction in ("fwd", "bwd_weight")]
CASES += [(shape, "bwd_input") for shape in BACK]


@pytest.mark.parametrize(("shape", "direction"), CASES)
def test_exact(shape: str, direction: str, one_point: None) -> None:
    check_exact(shallow.plan(of(shape, direction)), of(shape, direction))


@pytest.mark.parametrize("shape", GRID)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_exact_on_grid(shape: str, direction: str, one_point: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is worth: small images leave most lanes empty."""
    monkeypatch.setattr(shallow, "FULL", 0)
    monkeypatch.setattr(shallow, "OUTPUTS", 1)
    monkeypatch.setattr(shallow, "FEW_STRIDED", shallow.FEW)
    problem = of(shape, direction)
    asked = problem if direction == "bwd_input" else problem.with_direction("fwd")
    if shallow.refuse(asked.per_image()) is None:
        check_exact(shallow.plan(problem), problem)


@pytest.mark.parametrize("dtype", ["f64", "bf16", "f16"])
@pytest.mark.parametrize(("shape", "direction"), CASES[::3])
def test_exact_in_other_dtypes(shape: str, direction: str, dtype: str, one_point: None) -> None:
    problem = of(f"{shape} {dtype}", direction)
    check_exact(shallow.plan(problem), problem)


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("shape", "direction"), [case for case in CASES if case[0] in SHAPES[:2] + SHAPES[6:7]])
def test_any_strides(shape: str, direction: str, layout: str, dtype: str, one_point: None) -> None:
    problem = of(f"{shape} {dtype}", direction)
    run = shallow.plan(problem)
    out = layout if layout in WRITABLE else "contiguous"
    check_exact(run, problem, (layout, "contiguous", out))
    check_exact(run, problem, ("contiguous", layout, "channels_last"))


@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16"])
@pytest.mark.parametrize("shape", SHAPES + PLAIN)
def test_weight_gradient_of_channels_last(shape: str, dtype: str, one_point: None) -> None:
    problem = of(f"{shape} {dtype}", "bwd_weight")
    check_exact(shallow.plan(problem), problem, ("channels_last", "channels_last", "contiguous"))
    check_exact(shallow.plan(problem), problem, ("channels_last", "channels_last", "channels_last"))


def channels_last(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def error(problem: ConvProblem, lie: Callable[[np.ndarray], np.ndarray] = np.ascontiguousarray) -> float:
    """The largest error of a channel, relative to its norm."""
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(size).astype(np.float32) for size in operand_shapes(problem))
    out = np.full(problem.result_shape, np.nan, np.float32)
    shallow.plan(problem)(lie(a), lie(b) if problem.direction == "bwd_weight" else b, None, out)
    want = oracle(problem, a.astype(np.float64), b.astype(np.float64), None)
    wrong, norm = (np.sqrt(np.square(each).sum((2, 3))) for each in (out - want, want))
    return float((wrong / np.maximum(norm, 1e-30)).max())


@pytest.mark.parametrize("lie", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize(("shape", "direction"), CASES)
def test_points(shape: str, direction: str, lie: Callable[[np.ndarray], np.ndarray]) -> None:
    assert error(of(shape, direction), lie) < 3e-6


@pytest.mark.parametrize("shape", SHAPES)
def test_precise_points(shape: str, highest: None) -> None:
    assert error(of(shape, "fwd")) < 2.2e-7  # of the worst channel; of all together 2e-7


@pytest.mark.parametrize("m", [2, 3, 4])
@pytest.mark.parametrize("longest", [2, 3, 4])
@pytest.mark.parametrize("direction", ["fwd", "bwd_weight"])
@pytest.mark.parametrize("shape", SHAPES[:5])
def test_every_group(shape: str, direction: str, m: int, longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shallow, "ROWS", (m,))
    monkeypatch.setattr(shallow, "RUNS", (longest,))
    problem = of(shape, direction)
    ways = [each for each in shallow.ways(problem) if each.points > 1]
    assert ways
    monkeypatch.setattr(shallow, "best", lambda p: shallow.Plan(p, ways[0], 4))
    assert error(problem) < 3e-6


@pytest.mark.parametrize(
    "text", ["n3 ic3 ih22 iw33 oc20 kh3 kw3 ph1 pw1", "n3 ic3 ih37 iw63 oc9 kh7 kw7 sh2 sw2 ph3 pw3"]
)
def test_an_image_gives_the_same_bits_in_any_batch(text: str) -> None:
    problem = ConvProblem.parse(text)
    rng = np.random.default_rng(7)
    x, w = (rng.standard_normal(size).astype(np.float32) for size in operand_shapes(problem))
    together = np.full(problem.result_shape, np.nan, np.float32)
    shallow.plan(problem)(x, w, None, together)
    for image in range(problem.n):
        alone = np.full((1, *problem.result_shape[1:]), np.nan, np.float32)
        shallow.plan(problem.per_image())(x[image : image + 1], w, None, alone)
        assert alone.tobytes() == together[image : image + 1].tobytes()


@pytest.mark.parametrize("dtype", ["", " f64", " bf16"])
@pytest.mark.parametrize("shape", SHAPES + PLAIN)
def test_the_same_bits_in_every_layout(shape: str, dtype: str) -> None:
    problem = of(f"{shape}{dtype}", "fwd")
    rng = np.random.default_rng(9)
    x, w, bias = (
        rng.standard_normal(size).astype(numpy_dtype(problem.dtype)) for size in (*operand_shapes(problem), problem.oc)
    )
    run = shallow.plan(problem)

    def result(image: np.ndarray, order: str) -> np.ndarray:
        out = np.zeros(problem.result_shape, x.dtype)
        out = out if order == "contiguous" else channels_last(out)
        run(image, w, bias, out)
        return np.ascontiguousarray(out)

    want = result(x, "contiguous")
    for image in (x, channels_last(x), channels_last(np.repeat(x, 2, 3))[..., ::2]):
        for order in ("contiguous", "channels_last"):
            assert result(image, order).tobytes() == want.tobytes()


@pytest.mark.parametrize("tail", ["", " relu"])
def test_bias_and_relu(tail: str) -> None:
    problem = ConvProblem.parse(f"n2 ic3 ih22 iw33 oc20 kh3 kw3 ph1 pw1 fwd{tail}")
    rng = np.random.default_rng(8)
    x, w, bias = (rng.standard_normal(size).astype(np.float32) for size in (*operand_shapes(problem), (20,)))
    out = np.full(problem.result_shape, np.nan, np.float32)
    shallow.plan(problem)(x, w, bias, out)
    want = oracle(problem, *(each.astype(np.float64) for each in (x, w, bias)))
    np.testing.assert_allclose(out, np.maximum(want, 0) if tail else want, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ic3 ih224 iw224 oc64 kh7 kw7 sh2 sw2 ph3 pw3", "shallow"),
        ("ic3 ih224 iw224 oc96 kh4 kw4 sh4 sw4", "shallow"),
        ("ic3 ih224 iw224 oc96 kh4 kw4 sh4 sw4 bwd_weight", "shallow"),
        ("ic3 ih224 iw224 oc64 kh7 kw7 sh2 sw2 ph3 pw3 bwd_weight", "shallow"),
        ("ic3 ih8 iw16 oc64 kh3 kw3 ph1 pw1 bwd_weight", "direct"),
        ("ic3 ih224 iw224 oc2 kh3 kw3", "grouped"),
        ("ic64 ih112 iw112 oc3 kh9 kw9 ph4 pw4 bwd_input", "shallow"),
        ("ic64 ih112 iw112 oc3 kh9 kw9 ph4 pw4 sh2 sw2 bwd_input", "winograd"),
        ("ic64 ih56 iw56 oc64 kh3 kw3 ph1 pw1", "winograd"),
    ],
)
def test_selection(text: str, wanted: str) -> None:
    assert plan_for(ConvProblem.parse(text)).algorithm == wanted
