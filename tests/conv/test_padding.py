"""Index maps against NumPy's own padding, spans against the maps, folding against its transpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convlet.conv.padding import check_pads, clip_spans, core, fold, gather, index_map, spans
from convlet.conv.problem import MODES

NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, int, int, str]:
    """(size, before, after, mode) that padding can give."""
    size, mode = draw(st.integers(1, 9)), draw(st.sampled_from(MODES))
    most = {"zeros": 12, "reflect": size - 1, "replicate": 12, "circular": size}[mode]
    before, after = draw(st.integers(-4, most)), draw(st.integers(-4, most))
    left = size + min(before, 0) + min(after, 0)
    assume(left > 0 and (mode != "circular" or max(before, after) <= left))
    return size, before, after, mode


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (0, 2), (3, 4), (4, 4)])
def test_maps_are_numpys_padding(mode: str, before: int, after: int) -> None:
    size = 5
    expected = np.pad(np.arange(size) + 1, (before, after), NUMPY_MODES[mode])  # type: ignore[call-overload]
    np.testing.assert_array_equal(index_map(size, before, after, mode) + 1, expected)


def test_cropping() -> None:
    assert index_map(5, -1, -2).tolist() == [1, 2]
    assert index_map(5, -1, 2, "reflect").tolist() == [1, 2, 3, 4, 3, 2]
    assert index_map(5, -1, 2, "replicate").tolist() == [1, 2, 3, 4, 4, 4]
    # Circular padding wraps what was left, as PyTorch's does.
    assert index_map(5, -1, 2, "circular").tolist() == [1, 2, 3, 4, 1, 2]
    assert index_map(2, -5, 9).tolist() == [-1] * 6
    assert index_map(2, -5, 0).size == 0


@given(axes())
def test_spans_are_the_map(axis: tuple[int, int, int, str]) -> None:
    source = index_map(*axis)
    size, length = axis[0], len(source)
    found = []
    for span in spans(*axis):
        values = np.arange(size)[span.source].tolist() if span.source else [-1]
        count = span.padded.stop - span.padded.start
        assert len(values) == count or len(values) == 1
        found += values * (count // len(values))
    assert found == source.tolist()
    first, last = length // 3, length - length // 4
    clipped = np.full((1, last - first), np.nan)
    gather(np.arange(1.0, size + 1)[None], spans(1, 0, 0), clip_spans(spans(*axis), first, last), clipped)
    np.testing.assert_array_equal(clipped[0], source[first:last] + 1)


@given(axes())
def test_core_is_the_axis_itself(axis: tuple[int, int, int, str]) -> None:
    size, before, after, _ = axis
    first, last = core(size, before, after)
    inside = index_map(*axis)[first:last]
    assert inside.tolist() == list(range(max(-before, 0), max(-before, 0) + len(inside)))
    assert len(inside) == max(size + min(before, 0) + min(after, 0), 0)


@given(axes(), axes())
def test_fold_is_the_transpose_of_gather(rows: tuple[int, int, int, str], columns: tuple[int, int, int, str]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(-9, 9, (2, rows[0], columns[0]))
    padded = np.full((2, len(index_map(*rows)), len(index_map(*columns))), 77)
    gather(image, spans(*rows), spans(*columns), padded)
    weights = rng.integers(-9, 9, padded.shape)
    folded = np.zeros_like(image)
    fold(weights, spans(*rows), spans(*columns), folded)
    assert (padded * weights).sum() == (image * folded).sum()


def test_maps_are_shared_and_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        index_map(4, 1, 1, "reflect")[0] = 3
    with pytest.raises(ValueError, match="no padding mode 'wrap'"):
        index_map(4, 1, 1, "wrap")


@pytest.mark.parametrize(
    ("shape", "pads", "modes", "sentence"),
    [
        (
            (1, 2, 4, 5),
            ((5, 0), (0, 0)),
            ("reflect", "reflect"),
            "Argument #4: Padding size should be less than the corresponding input dimension, "
            "but got: padding (5, 0) at dimension 3 of input [1, 2, 4, 5]",
        ),
        (
            (2, 4, 5),
            ((1, 1), (1, 4)),
            ("reflect", "reflect"),
            "Argument #6: Padding size should be less than the corresponding input dimension, "
            "but got: padding (1, 4) at dimension 1 of input [2, 4, 5]",
        ),
        (
            (0, 2, 0, 5),
            ((1, 1), (0, 0)),
            ("replicate", "replicate"),
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
            "for input, but got: [0, 2, 0, 5]",
        ),
        ((1, 2, 4, 5), ((0, 6), (0, 0)), ("circular",) * 2, "Padding value causes wrapping around more than once."),
        (
            (1, 2, 4, 5),
            ((-3, -3), (0, 0)),
            ("circular",) * 2,
            "Negative padding value is resulting in an empty dimension",
        ),
    ],
)
def test_pads_a_mode_cannot_give(
    shape: tuple[int, ...], pads: tuple[tuple[int, int], ...], modes: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(RuntimeError) as caught:
        check_pads(shape, pads, modes)
    assert str(caught.value) == sentence


def test_pads_a_mode_can_give() -> None:
    check_pads((0, 2, 4, 5), ((4, 4), (3, 3)), ("reflect", "reflect"))
    check_pads((1, 0, 4, 5), ((5, 5), (4, 4)), ("circular", "circular"))
    check_pads((1, 2, 1, 1), ((9, 9), (9, 9)), ("replicate", "zeros"))
