"""A problem as a value: its text, sizes, counts and consistency."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given

from convlet.conv.problem import DTYPES, ConvProblem, receptive_field
from tests.conv.strategies import GRID, problems


@given(problems(dtypes=tuple(DTYPES)))
def test_text_round_trip(problem: ConvProblem) -> None:
    assert ConvProblem.parse(problem.text) == problem
    assert hash(ConvProblem.parse(problem.text)) == hash(problem)


@pytest.mark.parametrize("text", GRID)
def test_text_of_the_grid(text: str) -> None:
    problem = ConvProblem.parse(text)
    assert ConvProblem.parse(str(problem)) == problem


def test_text_leaves_out_defaults() -> None:
    full = "n1 g1 ic64 ih56 iw56 oc64 kh3 kw3 sh1 sw1 ph1 pw1 dh1 dw1 fwd"
    assert ConvProblem.parse(full).text == "n1 g1 ic64 ih56 iw56 oc64 kh3 kw3 ph1 pw1 fwd"
    odd = "n2 g2 ic4 ih9 iw8 oc6 kh3 kw2 sh2 pt1 pb0 pw2 dw3 mode_w=reflect bf16 bwd_weight"
    assert ConvProblem.parse(odd).text == odd
    assert ConvProblem.parse("ic1 ih4 iw4 oc1 kh3 kw3 ph1 pw1 circular").text.endswith("ph1 pw1 circular fwd")


@pytest.mark.parametrize("text", ["ic1 ih4", "ic1 ih4 iw4 oc1 kh3 kw3 zh1", "ic1 ih4 iw4 oc1 kh3 kw3 ph 1", ""])
def test_text_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"missing|no word"):
        ConvProblem.parse(text)


def test_sizes_and_counts() -> None:
    problem = ConvProblem.parse("n2 g2 ic6 ih10 iw11 oc4 kh3 kw2 sh2 sw3 pt1 pb2 pl0 pr1 dh2")
    assert (problem.padded_h, problem.padded_w) == (13, 12)
    assert (problem.extent_h, problem.extent_w) == (5, 2)
    assert problem.input_shape == (2, 6, 10, 11)
    assert problem.weight_shape == (4, 3, 3, 2)
    assert problem.output_shape == (2, 4, 5, 4)
    assert problem.flops == 2 * (2 * 4 * 5 * 4) * (3 * 3 * 2)
    assert problem.bytes_moved == 4 * (2 * 6 * 10 * 11 + 4 * 3 * 3 * 2 + 2 * 4 * 5 * 4)
    assert replace(problem, dtype="c128").bytes_moved == 4 * problem.bytes_moved
    results = [problem.with_direction(each).result_shape for each in ("fwd", "bwd_input", "bwd_weight")]
    assert results == [problem.output_shape, problem.input_shape, problem.weight_shape]
    assert problem.per_image().text == problem.text.replace("n2", "n1")


def test_a_value() -> None:
    problem = ConvProblem.parse(GRID[1])
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert {problem: 1}[ConvProblem.parse(GRID[1])] == 1
    with pytest.raises(FrozenInstanceError):
        problem.n = 3  # type: ignore[misc]
    # A mode says nothing about an axis without padding.
    assert ConvProblem.parse("ic1 ih4 iw4 oc1 kh3 kw3 reflect") == ConvProblem.parse("ic1 ih4 iw4 oc1 kh3 kw3")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"g": 0}, "non-positive groups is not supported"),
        ({"sh": 0}, "non-positive stride is not supported"),
        ({"dw": 0}, "dilation should be greater than zero"),
        ({"g": 2}, "3 input and 4 output channels do not divide into 2 groups"),
        (
            {"kh": 9},
            "Calculated padded input size per channel: (5 x 6). Kernel size: (9 x 3). "
            "Kernel size can't be greater than actual input size",
        ),
        ({"kw": 0}, "kernel size should be greater than zero, but got kernel_height: 3 kernel_width: 0"),
    ],
)
def test_contradictions(change: dict[str, int], sentence: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        replace(ConvProblem.parse("ic3 ih5 iw6 oc4 kh3 kw3"), **change)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("change", [{"mode_h": "wrap"}, {"dtype": "f8"}, {"direction": "back"}])
def test_unknown_words(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be one of .* but got"):
        replace(ConvProblem.parse("ic3 ih5 iw6 oc4 kh3 kw3 ph1 pw1"), **change)


def test_receptive_field() -> None:
    # VGG's two 3x3 layers see 5 pixels; the 7x7 stem, its pooling and a 3x3 layer of ResNet see 19.
    vgg = [ConvProblem.parse("ic3 ih32 iw32 oc3 kh3 kw3 ph1 pw1")] * 2
    assert receptive_field(vgg) == ((5, 5), (1, 1))
    stem = ["ic3 ih64 iw64 oc3 kh7 kw7 sh2 sw2", "ic3 ih29 iw29 oc3 kh3 kw3 sh2 sw2", "ic3 ih14 iw14 oc3 kh3 kw3"]
    assert receptive_field(map(ConvProblem.parse, stem)) == ((19, 19), (4, 4))
    assert receptive_field([ConvProblem.parse("ic1 ih9 iw9 oc1 kh3 kw1 dh3 sw2")]) == ((7, 1), (1, 2))
