"""Pooling without PyTorch: gradients by finite differences, and every window computed the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import convlet as torch
import convlet.nn.functional as F
from convlet.ops.pooling import Windows

CALLS = {
    "max": lambda x: F.max_pool2d(x, 2),
    "max overlapping": lambda x: F.max_pool2d(x, 3, 2, 1),
    "max dilated": lambda x: F.max_pool2d(x, 2, 1, 0, 2, ceil_mode=True),
    "max with places": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "avg": lambda x: F.avg_pool2d(x, 2),
    "avg padded": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    "avg divisor": lambda x: F.avg_pool2d(x, (2, 3), 1, divisor_override=5),
    "adaptive avg": lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
    "adaptive avg 1": lambda x: F.adaptive_avg_pool2d(x, 1),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x, (2, 3)),
    "unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=(5, 6)),
    "lp": lambda x: F.lp_pool2d(x * x + 1, 2, 2),
    "unfold": lambda x: F.unfold(x, 2, dilation=2, padding=1, stride=2),
    "fold": lambda x: F.fold(F.unfold(x, 2), (5, 6), 2),
    "nearest": lambda x: F.interpolate(x, scale_factor=1.7),
    "bilinear": lambda x: F.interpolate(x, size=(3, 9), mode="bilinear"),
}


@pytest.mark.parametrize("name", CALLS)
def test_gradients(name):
    # Distinct values: no two compete for a maximum within the step of the finite differences.
    values = np.random.default_rng(0).permutation(60).reshape(1, 2, 5, 6) / 10
    x = torch.tensor(values, requires_grad=True)
    assert torch.autograd.gradcheck(CALLS[name], x)
    assert torch.autograd.gradgradcheck(CALLS[name], x)


@st.composite
def windows(draw):
    pair = lambda least, most: (draw(st.integers(least, most)), draw(st.integers(least, most)))  # noqa: E731
    kernel, dilation = pair(1, 4), pair(1, 3)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    found = Windows(pair(1, 9), kernel, pair(1, 4), padding, dilation, draw(st.booleans()))
    assume(min(found.out) >= 1)
    return found


def seen(windows, y, x):
    """The (row, column) inside the image that window (y, x) sees, in the order of the taps."""
    found = []
    for u in range(windows.kernel[0]):
        for v in range(windows.kernel[1]):
            row = y * windows.stride[0] - windows.padding[0] + u * windows.dilation[0]
            column = x * windows.stride[1] - windows.padding[1] + v * windows.dilation[1]
            if 0 <= row < windows.size[0] and 0 <= column < windows.size[1]:
                found.append((row, column))
    return found


@given(windows(), st.integers(0, 99), st.sampled_from(["float32", "int64", "float16"]))
@settings(max_examples=80)
def test_every_window(windows, seed, dtype):
    random = np.random.default_rng(seed)
    image = random.integers(-4, 5, (2, *windows.size)).astype(dtype)  # with many equal ones
    x = torch.tensor(image)
    places_of = windows.kernel, windows.stride, windows.padding, windows.dilation, windows.ceil_mode
    values, places = F.max_pool2d(x, *places_of, return_indices=True)
    assert torch.equal(values, F.max_pool2d(x, *places_of))
    sums = np.zeros(values.shape)
    for c in range(2):
        for y in range(windows.out[0]):
            for z in range(windows.out[1]):
                inside = seen(windows, y, z)
                if not inside:  # a dilated window can miss the image
                    assert dtype == "int64" or values.numpy()[c, y, z] == -np.inf
                    assert 0 <= places.numpy()[c, y, z] < image[c].size
                    continue
                elements = [image[c, row, column] for row, column in inside]
                best = int(np.argmax(elements))
                assert values.numpy()[c, y, z] == elements[best]
                row, column = inside[best]
                assert places.numpy()[c, y, z] == row * windows.size[1] + column
                sums[c, y, z] = sum(int(each) for each in elements)
    if windows.dilation == (1, 1) and dtype != "int64":
        ours = F.avg_pool2d(x, *places_of[:3], windows.ceil_mode, divisor_override=1).numpy()
        np.testing.assert_array_equal(ours, sums)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=40)
def test_every_region(h, w, oh, ow):
    image = np.random.default_rng([h, w]).integers(-9, 9, (2, h, w)).astype("float64")
    mean = F.adaptive_avg_pool2d(torch.tensor(image), (oh, ow)).numpy()
    largest, places = F.adaptive_max_pool2d(torch.tensor(image), (oh, ow), return_indices=True)
    for i in range(oh):
        for j in range(ow):
            region = image[:, i * h // oh : -(-(i + 1) * h // oh), j * w // ow : -(-(j + 1) * w // ow)]
            np.testing.assert_allclose(mean[:, i, j], region.mean((1, 2)), atol=1e-12)
            np.testing.assert_array_equal(largest.numpy()[:, i, j], region.max((1, 2)))
    chosen = np.take_along_axis(image.reshape(2, -1), places.numpy().reshape(2, -1), 1)
    np.testing.assert_array_equal(chosen, largest.numpy().reshape(2, -1))


def test_channels_last_gives_the_same():
    values = np.random.default_rng(0).standard_normal((2, 3, 7, 8)).astype("float32")
    for name, call in CALLS.items():
        if name not in ("fold", "unpool"):
            x = torch.tensor(values, requires_grad=True)
            other = torch.tensor(values).to(memory_format=torch.channels_last).requires_grad_(True)
            for each in (x, other):
                call(each).cos().sum().backward()
            np.testing.assert_allclose(other.grad.numpy(), x.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: F.max_pool2d(x, 2, padding=2), "pad should be at most half of effective kernel size"),
        (lambda x: F.max_pool2d(x, 9), "Output size is too small"),
        (lambda x: F.max_pool2d(x, 2, 0), "stride should not be zero"),
        (lambda x: F.avg_pool2d(x, 2, divisor_override=0), "divisor must be not zero"),
        (lambda x: F.max_pool2d(x[0, 0], 2), "non-empty 3D or 4D"),
        (lambda x: F.unfold(x, 9), "its components must be at least one"),
    ],
)
def test_errors(call, text):
    with pytest.raises(RuntimeError, match=text):
        call(torch.zeros(1, 1, 5, 6))
