"""Winograd's matrices against polynomials' products, and the transforms in registers against NumPy."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.kernels import target, winograd_transforms
from convlet.kernels.winograd_matrices import Axis, matrices, tiling


@pytest.mark.parametrize(("m", "taps"), [(m, taps) for m in range(1, 8) for taps in range(1, 8) if m + taps <= 11])
def test_matrices_filter(m, taps):
    rng = np.random.default_rng(0)
    of = matrices(m, taps)
    data, kernel = rng.standard_normal(m + taps - 1), rng.standard_normal(taps)
    want = np.correlate(data, kernel, "valid")
    np.testing.assert_allclose(of.a_t @ ((of.g @ kernel) * (of.b_t @ data)), want, rtol=0, atol=1e-12)


def test_constants_are_exact_in_float32():
    of = matrices(4, 3)
    for matrix in (of.a_t, of.b_t):
        np.testing.assert_array_equal(matrix, matrix.astype(np.float32))


def axes(padding=None):
    for kernel, stride in ((1, 1), (3, 1), (3, 2), (4, 2), (5, 2), (5, 3), (7, 1), (7, 2), (9, 1), (11, 1)):
        for m, run in ((1, 2), (2, 6), (4, 4), (5, 3)):
            yield Axis(kernel, stride, m, run, None if padding is None else padding % stride)


def test_tiles_of_an_axis():
    rng = np.random.default_rng(1)
    for axis in axes():
        of = tiling(axis)
        data, kernel = rng.standard_normal(of.inputs), rng.standard_normal(axis.kernel)
        want = [data[axis.stride * i :][: axis.kernel] @ kernel for i in range(of.outputs)]
        got = of.matrices.a_t @ ((of.matrices.g @ kernel) * (of.matrices.b_t @ data))
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)
        assert (of.outputs, of.step) == (axis.m, axis.m * axis.stride)


@pytest.mark.parametrize("padding", [0, 1, 2, 5])
def test_tiles_of_an_input_gradient(padding):
    rng = np.random.default_rng(2)
    for axis in axes(padding):
        size, kernel = 23, rng.standard_normal(axis.kernel)
        grad = rng.standard_normal((size + 2 * padding - axis.kernel) // axis.stride + 1)
        whole = np.zeros(size + 2 * padding)
        for i, each in enumerate(grad):
            whole[axis.stride * i :][: axis.kernel] += each * kernel
        of = tiling(axis)
        tiles = -(-size // of.outputs)
        before = of.before - padding // axis.stride
        around = np.concatenate([np.zeros(50), grad, np.zeros(50)])[50 - before :]
        got = [
            of.matrices.a_t @ ((of.matrices.g @ kernel) * (of.matrices.b_t @ around[i * of.step :][: of.inputs]))
            for i in range(tiles)
        ]
        np.testing.assert_allclose(np.concatenate(got)[:size], whole[padding:][:size], rtol=0, atol=1e-12)


PAIRS = [
    (Axis(3, 1, 4, 3), Axis(3, 1, 4, 3)),
    (Axis(3, 2, 4, 2), Axis(3, 2, 2, 2)),
    (Axis(3, 2, 4, 2, 1), Axis(3, 2, 2, 2, 0)),
    (Axis(1, 1, 1, 1), Axis(7, 1, 4, 7)),
    (Axis(5, 1, 4, 3), Axis(1, 1, 1, 1)),
]


@pytest.mark.parametrize("purpose", winograd_transforms.PURPOSES)
@pytest.mark.parametrize("pair", PAIRS)
def test_transform(purpose, pair):
    left, right = (winograd_transforms.matrix_of(purpose, axis) for axis in pair)
    transform = winograd_transforms.transform(purpose, *pair).run
    rng = np.random.default_rng(3)
    rows, columns = len(left), len(right)
    lanes, count = target.current().lanes(4), 3
    source = rng.standard_normal((len(left.T), count, len(right.T), lanes)).astype(np.float32)
    out = np.full((count + 1, rows, columns + 1, lanes), np.nan, np.float32)
    for backwards in (False, True):  # the last matrix first, its neighbours at negative steps
        out[...] = np.nan
        first = (count - 1) * backwards
        sign = -1 if backwards else 1
        transform(
            count,
            *(out[first].ctypes.data, out.strides[1], out.strides[2], sign * out.strides[0]),
            *(source[:, first].ctypes.data, source.strides[0], source.strides[2], sign * source.strides[1]),
        )
        want = np.einsum("ia,atbl,jb->tijl", left, source.astype(np.float64), right)
        size = np.einsum("ia,atbl,jb->tijl", abs(left), abs(source).astype(np.float64), abs(right))
        assert (np.abs(out[:count, :, :columns] - want) <= 10 * np.finfo(np.float32).eps * size).all()
        assert np.isnan(out[count]).all()
        assert np.isnan(out[:, :, columns]).all()


@pytest.mark.parametrize("name", ["avx2", "generic"])
def test_lower_instruction_sets(name):
    """The same test and the whole convolution, compiled for less than this machine has."""
    if os.environ.get("CONVLET_TARGET"):
        pytest.skip("already compiled for a named target")
    if target.current().name not in ("avx512", "avx2"):
        pytest.skip("not an x86 machine with AVX2")
    whole = os.path.join(os.path.dirname(__file__), os.pardir, "conv", "test_winograd.py")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", __file__, whole]
    command += ["-k", "test_transform or test_within_the_bound"]
    done = subprocess.run(command, env=os.environ | {"CONVLET_TARGET": name}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
