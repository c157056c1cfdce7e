"""Products of matrices: exact on integers, however they lie, and a row the same in any number of rows."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

import convlet as torch
from convlet.conv import matrices

SIZES = ((1, 400, 120), (7, 301, 213), (64, 130, 333), (3, 2100, 37), (130, 17, 2500), (600, 1, 300))


def integers(*shape: int, seed: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng([seed, *shape]).integers(-3, 4, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_exact_however_they_lie(size: tuple[int, int, int], dtype: str) -> None:
    n, k, m = size
    a, b, bias = integers(n, k, dtype=dtype), integers(k, m, seed=1, dtype=dtype), integers(m, dtype=dtype)
    want = a.astype("f8") @ b.astype("f8")
    under, spaced = np.asfortranarray(b), np.repeat(b, 2, axis=0)[::2]
    for left, right in ((a, b), (a, under), (np.asfortranarray(a), b), (np.repeat(a, 2, axis=1)[:, ::2], spaced)):
        for shift in (None, bias):
            found = matrices.product(left, right, shift)
            assert found is not None
            np.testing.assert_array_equal(found, want if shift is None else want + bias)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_row_gives_the_same_bits_among_any_others(transposed: bool) -> None:
    random = np.random.default_rng(0)
    a = random.standard_normal((37, 500)).astype(np.float32)
    b = random.standard_normal((500, 300)).astype(np.float32)
    b = np.asfortranarray(b) if transposed else b
    together = matrices.product(a, b)
    assert together is not None
    for rows in (slice(0, 1), slice(3, 5), slice(7, 36)):
        assert matrices.product(a[rows], b).tobytes() == together[rows].tobytes()


def test_what_numpy_keeps() -> None:
    small, large = integers(20, 20), integers(300, 300)
    assert matrices.product(small, small) is None
    assert matrices.product(large.astype("i8"), large.astype("i8")) is None
    assert matrices.product(large[::2, ::2], large[::2, ::2]) is None
    assert matrices.product(np.zeros((0, 300), np.float32), large) is None


def test_many_rows_by_numpy() -> None:
    a, b = integers(20000, 30), integers(30, 50, seed=1)
    np.testing.assert_array_equal(matrices.by_numpy(a, b), a.astype("f8") @ b.astype("f8"))
    assert matrices.by_numpy(a[:0], b).shape == (0, 50)
    assert matrices.by_numpy(a[:, :0], b[:0]).tolist() == np.zeros((20000, 50)).tolist()


def test_linear_layers_and_their_gradients() -> None:
    for dtype, bound in ((torch.float32, 1e-5), (torch.float64, 1e-13), (torch.bfloat16, 2e-2)):
        layer = torch.nn.Linear(300, 200, dtype=dtype)
        x = torch.tensor(integers(2, 5, 300), dtype=dtype, requires_grad=True)
        out = layer(x)
        grad = torch.tensor(integers(2, 5, 200, seed=2), dtype=dtype)
        out.backward(grad)
        w, g, data = (each.detach().double().numpy() for each in (layer.weight, grad, x))
        for got, want in (
            (out, data @ w.T + layer.bias.detach().double().numpy()),
            (x.grad, g @ w),
            (layer.weight.grad, g.reshape(-1, 200).T @ data.reshape(-1, 300)),
        ):
            error = np.abs(got.detach().double().numpy() - want).max() / np.abs(want).max()
            assert error < bound


def test_double_backward_of_a_large_layer() -> None:
    x = torch.tensor(integers(3, 250, dtype="float64"), requires_grad=True)
    w = torch.tensor(integers(170, 250, seed=1, dtype="float64"), requires_grad=True)
    out = torch.nn.functional.linear(x, w)
    (grad,) = torch.autograd.grad((out**2).sum(), x, create_graph=True)
    grad.sum().backward()
    want = 2 * (np.ones((3, 250)) @ w.detach().numpy().T) @ w.detach().numpy()
    np.testing.assert_array_equal(x.grad.numpy(), want)
