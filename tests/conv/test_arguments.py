"""conv2d's arguments: what they mean, and what is said about those that mean nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convlet.conv import ConvProblem, conv2d_output_shape, conv2d_problem
from convlet.conv.problem import MODES, numpy_dtype
from tests.conv.argument_cases import REFUSED, REFUSED_BY_MODE, WRONG_TYPES, Refused

F32 = np.dtype(np.float32)
X, W = (1, 3, 8, 9), (6, 3, 3, 2)


def dtype(name: str) -> np.dtype:
    return numpy_dtype("bf16") if name == "bfloat16" else np.dtype(name)


def problem(**arguments: Any) -> ConvProblem:
    return conv2d_problem(X, W, None, F32, F32, None, **arguments)


def pads(**arguments: Any) -> tuple[int, int, int, int]:
    found = problem(**arguments)
    return found.pt, found.pb, found.pl, found.pr


@pytest.mark.parametrize("case", [*REFUSED, *WRONG_TYPES], ids=str)
def test_refused(case: Refused) -> None:
    x, w, bias = map(dtype, case.dtypes)
    with pytest.raises(case.error) as caught:
        conv2d_problem(case.x, case.w, case.bias, x, w, None if case.bias is None else bias, **case.arguments)
    assert type(caught.value) is case.error
    message = str(caught.value)
    assert message.startswith(case.sentence)
    assert case.hint in message


@pytest.mark.parametrize(("shape", "padding", "mode", "sentence"), REFUSED_BY_MODE)
def test_refused_by_mode(shape: tuple[int, ...], padding: Any, mode: str, sentence: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        conv2d_problem(shape, (3, 2, 3, 3), None, F32, F32, None, padding=padding, mode=mode)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("mode", MODES[1:])
def test_modes_pad_images_only(mode: str) -> None:
    with pytest.raises(NotImplementedError, match=r"Padding size 4 is not supported for 5D input tensor.\nSupported"):
        conv2d_problem((1, 1, 2, 4, 5), (3, 2, 3, 3), None, F32, F32, None, padding=1, mode=mode)


@pytest.mark.parametrize("mode", ["wrap", "", ("zeros",), ("zeros", "wrap"), ("zeros", "zeros", "zeros")])
def test_unknown_modes(mode: Any) -> None:
    with pytest.raises(
        ValueError, match=r"padding_mode must be one of {'zeros', 'reflect', .*}, but got padding_mode="
    ):
        problem(mode=mode)


def test_plain() -> None:
    found = problem(stride=(2, 1), padding=[1, 2], dilation=1)
    assert found == ConvProblem.parse("ic3 ih8 iw9 oc6 kh3 kw2 sh2 ph1 pw2")
    assert problem(padding=(1, 0), mode=("reflect", "zeros")).mode_h == "reflect"
    assert problem(padding="same", mode="circular").text == "n1 g1 ic3 ih8 iw9 oc6 kh3 kw2 ph1 pl0 pr1 circular fwd"


def test_one_image() -> None:
    unbatched = conv2d_problem(X[1:], W, (6,), F32, F32, F32, padding=1)
    assert unbatched == problem(padding=1)


@pytest.mark.parametrize(
    "one",
    [1, (1,), [1], (1, 1), [1, 1], np.int64(1), (np.int8(1), 1), np.array(1), [np.array([1])[0], np.uint16(1)]],
)
def test_what_counts_as_ints(one: Any) -> None:
    assert problem(stride=one, padding=one, dilation=one) == problem(padding=1)
    assert problem(groups=np.int32(1)) == problem()


def test_ones_that_are_equal_but_no_ints() -> None:
    problem(stride=(1, 1))
    for value in ((1.0, 1.0), (1.0, 1), (True, True)):
        with pytest.raises(TypeError, match="invalid combination of arguments"):
            problem(stride=value)


def test_equal_arguments_give_the_same_object() -> None:
    assert problem(padding=(1, 1)) is problem(padding=(1, 1))
    assert problem(padding=[1, 1]) is problem(padding=(1, 1))


def test_same_puts_the_odd_element_at_the_end() -> None:
    assert pads(padding="valid", stride=2) == (0, 0, 0, 0)
    assert pads(padding="same") == (1, 1, 0, 1)
    assert pads(padding="same", dilation=(2, 3)) == (2, 2, 1, 2)
    assert problem(padding="same", dilation=3).output_shape == (1, 6, 8, 9)
    # A kernel larger than the image is no obstacle.
    assert conv2d_problem((1, 1, 3, 3), (1, 1, 6, 6), None, F32, F32, padding="same").output_shape == (1, 1, 3, 3)


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [1, 4, 7, 10])
def test_same_upper_and_lower(size: int, stride: Any, dilation: int) -> None:
    sh, sw = stride if isinstance(stride, tuple) else (stride, stride)
    for kernel in (1, 2, 3, 5):
        upper, lower = (
            conv2d_problem(
                (1, 1, size, size),
                (1, 1, kernel, kernel),
                None,
                F32,
                F32,
                stride=stride,
                padding=padding,
                dilation=dilation,
            )
            for padding in ("same_upper", "same_lower")
        )
        # TensorFlow's rule: as many outputs as strides begin in the image.
        assert upper.output_shape == lower.output_shape == (1, 1, -(-size // sh), -(-size // sw))
        for before, after, flipped in ((upper.pt, upper.pb, lower.pb), (upper.pl, upper.pr, lower.pr)):
            assert before <= after <= before + 1
            assert before == flipped
        total = max((-(-size // sh) - 1) * sh + dilation * (kernel - 1) + 1 - size, 0)
        assert upper.pt + upper.pb == total


@pytest.mark.parametrize("padding", [(1, 2, 3, 4), [1, 2, 3, 4], ((1, 2), (3, 4)), [[1, 2], [3, 4]]])
def test_asymmetric_padding(padding: Any) -> None:
    assert pads(padding=padding) == (1, 2, 3, 4)
    with pytest.raises(RuntimeError, match=r"^negative padding is not supported$"):
        problem(padding=(1, 2, 3, -4))


@pytest.mark.parametrize("padding", [((1, 2), (3,)), ((1, 2, 3), (4, 5)), ((1, 2), 3), ((1.0, 2), (3, 4)), [None] * 4])
def test_no_asymmetric_padding(padding: Any) -> None:
    with pytest.raises(TypeError, match=r"\(top, bottom, left, right\) or \(\(top, bottom\), \(left, right\)\)"):
        problem(padding=padding)


def test_negative_padding_crops_in_a_mode() -> None:
    assert problem(padding=(-1, 1), mode="reflect").text == "n1 g1 ic3 ih8 iw9 oc6 kh3 kw2 ph-1 pw1 mode_w=reflect fwd"


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "uint8", "complex64", "float16", "bfloat16"])
def test_dtypes(name: str) -> None:
    found = conv2d_problem(X, W, (6,), dtype(name), dtype(name), dtype(name))
    assert numpy_dtype(found.dtype) == dtype(name)


def test_dtypes_without_convolution() -> None:
    with pytest.raises(NotImplementedError, match="\"slow_conv2d_cpu\" not implemented for 'UInt16'"):
        conv2d_problem(X, W, None, np.dtype("u2"), np.dtype("u2"))
    # Nothing is multiplied for an empty batch, so dtypes do not matter.
    conv2d_problem((0, *X[1:]), W, None, np.dtype(bool), F32)


@pytest.mark.parametrize("padding", [10**9, 2**40, (0, 2**25)])
@pytest.mark.parametrize("stride", [1, 2**40])
def test_huge_padding(padding: Any, stride: int) -> None:
    with pytest.raises(RuntimeError, match=r"^Given padding=\d+ at dimension [01] , .* at most 16777216"):
        problem(padding=padding, stride=stride)


def test_huge_output() -> None:
    many = 2**40
    with pytest.raises(RuntimeError) as caught:
        conv2d_problem((1, 1, 2**13, 2**13), (many, 1, 1, 1), None, F32, F32)
    assert str(caught.value) == f"Storage size calculation overflowed with sizes=[1, {many}, 8192, 8192]"
    assert problem(stride=2**62).output_shape == (1, 6, 1, 1)


def test_output_shape() -> None:
    assert conv2d_output_shape((8, 3, 224, 224), 64, 7, stride=2, padding=3) == (8, 64, 112, 112)
    assert conv2d_output_shape((3, 224, 200), 64, (3, 5), padding="same") == (64, 224, 200)
    assert conv2d_output_shape([0, 3, 5, 5], np.int64(2), [3], dilation=2) == (0, 2, 1, 1)
    with pytest.raises(RuntimeError, match=r"^Calculated padded .*: \(4 x 4\). Kernel size: \(7 x 7\)"):
        conv2d_output_shape((1, 3, 4, 4), 8, 7)
    with pytest.raises(RuntimeError, match=r"^Expected 3D"):
        conv2d_output_shape((4, 4), 8, 7)
    with pytest.raises(RuntimeError, match="kernel_size must be an int"):
        conv2d_output_shape((1, 3, 4, 4), 8, (1, 2, 3))
